/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts of policies on built packets: allowed and denied names, the reply,
 * what is dropped. */
#include "tests/bpf/lab.h"
#include "tests/bpf/packet.h"

#include "lib/policy/suffix.h"
#include "tests/unit/suite.h"

#define EP_ID 4711

static struct nt_taps *taps;
static struct lab_ring *ring;
static int prog;

static struct nt_taps_rule rule(const char *text, __u32 flags)
{
	struct nt_rules_key key;
	struct nt_name name = {};

	ck_assert_int_eq(nt_taps_rules_key(taps, &key), 0);
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, ".");

		name.wire[name.len++] = (uint8_t)n;
		memcpy(name.wire + name.len, p, n);
		name.len += (uint8_t)n;
		p += n + (p[n] == '.');
	}
	name.wire[name.len++] = 0;
	return (struct nt_taps_rule){ nt_suffix_hash(key.key, &name), flags };
}

/* Allows www.example.com and what is below it is not. */
static void set_up_with(const char *allowed, const char *parent, __u32 audit)
{
	struct nt_endpoint ep = { .ep_id = EP_ID, .slots_len = 1 };
	struct nt_counters *zero;
	const struct nt_slot slot = { .namespace_ = "shop", .name = "web", .mode = 2 };
	struct nt_taps_rule rules[3];
	struct nt_err err = {};
	__u32 ifindex = 1, number;
	__u64 ep_id = EP_ID;

	taps = lab_open(NULL);
	ring = lab_ring_new(taps);
	prog = bpf_obj_get(LAB_ROOT "/" NT_PIN_FROM_POD);
	zero = calloc((size_t)nt_taps_cpus(taps), sizeof(*zero));
	rules[0] = rule("com", NT_RULE_HAS_CHILD);
	rules[1] = rule(parent, NT_RULE_HAS_CHILD);
	rules[2] = rule(allowed, NT_RULE_EXACT);
	ck_assert_msg(nt_taps_slot_publish(taps, &slot, rules, 3, &number, &err) == 0, "%s",
		      err.msg);
	ep.slots[0] = number | audit;
	ck_assert_int_eq(bpf_map_update_elem(nt_taps_counters_fd(taps), &ep_id, zero, BPF_ANY), 0);
	ck_assert_int_eq(bpf_map_update_elem(nt_taps_endpoints_fd(taps), &ifindex, &ep, BPF_ANY),
			 0);
	free(zero);
}

static void tear_down(void)
{
	close(prog);
	lab_ring_free(ring);
	lab_remove(taps);
}

static int run(const struct packet *p, __u8 *after, __u32 *len)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->octets, .data_size_in = (__u32)p->len,
		    .data_out = after, .data_size_out = 4096);

	ck_assert_int_eq(bpf_prog_test_run_opts(prog, &opts), 0);
	*len = opts.data_size_out;
	return (int)opts.retval;
}

static __u32 sum16(const __u8 *p, __u32 len, __u32 sum)
{
	for (__u32 i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (__u32)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Over the whole of UDP with its pseudo header; 0xffff when it is right. */
static __u32 udp_sum(const __u8 *ip, __u32 addrs, __u32 addrs_len, __u32 head, __u32 len)
{
	return sum16(ip + head, len, sum16(ip + addrs, addrs_len, 17 + len));
}

static void fill_udp_sum(struct packet *p)
{
	__u8 *ip = p->octets + p->ip;
	__u32 head = p->version == 4 ? 20 : 40, len = (__u32)(p->len - p->ip) - head;

	packet_put16(ip + head + 6, 0);
	packet_put16(ip + head + 6, 0xffff & ~(p->version == 4 ? udp_sum(ip, 12, 8, head, len)
							       : udp_sum(ip, 8, 32, head, len)));
	if (p->version == 4)
		packet_put16(ip + 10, 0xffff & ~sum16(ip, 20, 0));
}

static void deny(struct packet p)
{
	__u32 head = p.version == 4 ? 20 : 40, len;
	__u8 after[4096];
	const __u8 *ip = after + 14;

	fill_udp_sum(&p);
	ck_assert_int_eq(run(&p, after, &len), 7);
	ck_assert_uint_eq(len, p.len);
	ck_assert_mem_eq(after, p.octets + 6, 6);
	ck_assert_mem_eq(after + 6, p.octets, 6);
	if (p.version == 4)
		ck_assert_uint_eq(sum16(ip, 20, 0), 0xffff);
	ck_assert_uint_eq(p.version == 4 ? udp_sum(ip, 12, 8, head, len - 14 - head)
					 : udp_sum(ip, 8, 32, head, len - 14 - head),
			  0xffff);
	ck_assert_uint_eq(ip[head + 8 + 2], 0x81);
	ck_assert_uint_eq(ip[head + 8 + 3], 0x83);
	ck_assert_uint_eq(ip[head] << 8 | ip[head + 1], 53);
	ck_assert_mem_eq(ip + head + 8 + 12, QUERY + 12, QUERY_LEN - 12);
	ck_assert_uint_eq(lab_drain(ring), 1);
	ck_assert_uint_eq(ring->events[0].verdict, NT_VERDICT_DENY);
	ck_assert_uint_ne(ring->events[0].policy_slot, 0);
}

START_TEST(allowed_name_passes)
{
	struct packet p = packet_query4();
	__u8 after[4096];
	__u32 len;

	set_up_with("www.example.com", "example.com", 0);
	p.octets[p.udp + 8 + 13] = 'W';
	ck_assert_int_eq(run(&p, after, &len), -1);
	ck_assert_mem_eq(after, p.octets, p.len);
	ck_assert_uint_eq(lab_drain(ring), 1);
	ck_assert_uint_eq(ring->events[0].verdict, NT_VERDICT_ALLOW);
	tear_down();
}
END_TEST

START_TEST(denied_name_gets_its_reply)
{
	set_up_with("api.example.com", "example.com", 0);
	deny(packet_query4());
	deny(packet_query6());
	tear_down();
}
END_TEST

START_TEST(audit_passes)
{
	struct packet p = packet_query4();
	__u8 after[4096];
	__u32 len;

	set_up_with("api.example.com", "example.com", NT_SLOT_AUDIT);
	ck_assert_int_eq(run(&p, after, &len), -1);
	ck_assert_uint_eq(lab_drain(ring), 1);
	ck_assert_uint_eq(ring->events[0].verdict, NT_VERDICT_AUDIT);
	tear_down();
}
END_TEST

START_TEST(unjudgeable_is_dropped)
{
	struct packet p = packet_query4();
	__u8 after[4096];
	__u32 len;

	set_up_with("www.example.com", "example.com", 0);
	p.octets[p.udp + 8 + 5] = 2; /* questions */
	ck_assert_int_eq(run(&p, after, &len), 2);
	ck_assert_uint_eq(lab_drain(ring), 1);
	ck_assert_uint_eq(ring->events[0].verdict, NT_VERDICT_UNJUDGEABLE);
	tear_down();
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("policies");
	Suite *s = suite_create("policy");
	SRunner *runner;
	int failed;

	lab_enter();
	tcase_add_test(tc, allowed_name_passes);
	tcase_add_test(tc, denied_name_gets_its_reply);
	tcase_add_test(tc, audit_passes);
	tcase_add_test(tc, unjudgeable_is_dropped);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}

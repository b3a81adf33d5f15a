/* SPDX-License-Identifier: Apache-2.0 */
/* A million random (name, rules) pairs: the kernel says what nt_policy_judge says. */
#include "tests/bpf/lab.h"
#include "tests/bpf/packet.h"

#include "lib/base/cleanup.h"
#include "lib/objects/manifest.h"
#include "lib/policy/policy.h"
#include "lib/policy/suffix.h"
#include "tests/unit/suite.h"

#define EP_ID 4711
#define SETS 500
#define NAMES_PER_SET 2000
#define POLICIES_MAX 4
#define SEED 20261123

/* Few labels, so that names meet rules: hits, near misses and longer and shorter ones. */
static const char *const labels[] = { "a",     "b",	  "ab",	     "www",
				      "api-1", "_tcp",	  "example", "com",
				      "corp",  "cluster", "local",   "x234567890123456789" };

static struct nt_taps *taps;
static struct lab_ring *ring;
static int prog, scopes_fd;
static struct nt_rules_key key;
static uint64_t random_state = SEED;

struct set {
	struct nt_policy *policies[POLICIES_MAX];
	__u32 slots[POLICIES_MAX];
	size_t len;
	struct nt_policy_scope scope;
};

static uint32_t draw(uint32_t below)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(random_state >> 33) % below;
}

static void random_name(char *out, size_t cap, uint32_t labels_max)
{
	uint32_t n = 1 + draw(labels_max);
	size_t len = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < n; i++)
		len += (size_t)snprintf(out + len, cap - len, "%s%s", i ? "." : "",
					labels[draw(NT_ARRAY_LEN(labels))]);
}

static struct nt_name name_of(const char *text)
{
	struct nt_name name;

	ck_assert_int_eq(nt_name_parse(nt_slice_str(text), &name), 0);
	return name;
}

static struct nt_policy *random_policy(size_t number)
{
	_cleanup_buf_ struct nt_buf json = { 0 };
	struct nt_object_problem problem = { .msg = "" };
	struct nt_policy *p = NULL;
	struct nt_manifest m = { 0 };
	uint32_t names = draw(8);
	char name[256];

	nt_buf_printf(&json,
		      "{\"apiVersion\": \"nametap.io/v1alpha1\", \"kind\": \"DNSPolicy\", "
		      "\"metadata\": {\"namespace\": \"n\", \"name\": \"p%zu\"}, \"spec\": "
		      "{\"podSelector\": {}, \"mode\": \"%s\", \"allow\": [",
		      number, draw(3) ? "Enforce" : "Audit");
	for (uint32_t i = 0; i < names; i++) {
		random_name(name, sizeof(name), 4);
		nt_buf_printf(&json, "%s\"%s%s\"", i ? ", " : "", draw(3) ? "" : "*.", name);
	}
	nt_buf_puts(&json, "]}}");
	ck_assert_int_eq(nt_manifest_parse(nt_slice_mem(json.p, json.len), NT_MANIFEST_JSON, &m),
			 0);
	ck_assert_msg(nt_policy_parse(&m.objects[0].compact->object, &p, &problem) == 0,
		      "%s: %s: %s", json.p, problem.field, problem.msg);
	nt_manifest_done(&m);
	return p;
}

static __u32 publish(const struct nt_policy *p)
{
	_cleanup_buf_ struct nt_buf compiled = { 0 };
	struct nt_slot slot = { .mode = nt_policy_mode(p) };
	const struct nt_policy_rule *from;
	struct nt_taps_rule *rules;
	struct nt_err err = { 0 };
	__u32 number;
	size_t len;

	ck_assert_int_eq(nt_policy_compile(p, key.key, &compiled), 0);
	from = (const struct nt_policy_rule *)compiled.p;
	len = compiled.len / sizeof(*from);
	rules = calloc(len + 1, sizeof(*rules));
	for (size_t i = 0; i < len; i++)
		rules[i] = (struct nt_taps_rule){ .hash = from[i].hash, .flags = from[i].flags };
	ck_assert_msg(nt_taps_slot_publish(taps, &slot, rules, len, &number, &err) == 0, "%s",
		      err.msg);
	free(rules);
	return number;
}

static void add_suffix(struct nt_scope_set *set, const struct nt_name *name, __u32 kind)
{
	__u32 labels_len = 0;

	for (size_t at = 0; name->wire[at]; at += name->wire[at] + 1u)
		labels_len++;
	set->suffixes[set->len].hash = nt_suffix_hash(key.key, name);
	set->suffixes[set->len].kind = kind;
	set->suffixes[set->len++].labels = labels_len;
}

/* Puts a new random set in force. */
static void make_set(struct set *s)
{
	struct nt_endpoint ep = { .ep_id = EP_ID };
	struct nt_scope_set scope = { 0 };
	__u32 ifindex = 1;
	__u64 ep_id = EP_ID;
	char text[256];

	*s = (struct set){ .len = 1 + draw(POLICIES_MAX) };
	if (draw(4)) {
		s->scope.cluster_domain = name_of("cluster.local");
		add_suffix(&scope, &s->scope.cluster_domain, NT_SCOPE_KIND_CLUSTER);
	}
	for (uint32_t i = draw(3); i > 0; i--) {
		struct nt_name *search = &s->scope.searches[s->scope.searches_len++];

		random_name(text, sizeof(text), 3);
		*search = name_of(text);
		add_suffix(&scope, search, NT_SCOPE_KIND_SEARCH);
	}
	for (size_t i = 0; i < s->len; i++) {
		s->policies[i] = random_policy(i);
		s->slots[i] = publish(s->policies[i]);
		ep.slots[ep.slots_len++] =
			s->slots[i] |
			(nt_policy_mode(s->policies[i]) == NT_POLICY_AUDIT ? NT_SLOT_AUDIT : 0);
	}
	ck_assert_int_eq(bpf_map_update_elem(scopes_fd, &ep_id, &scope, BPF_ANY), 0);
	ck_assert_int_eq(bpf_map_update_elem(nt_taps_endpoints_fd(taps), &ifindex, &ep, BPF_ANY),
			 0);
}

static void drop_set(struct set *s)
{
	struct nt_err err = { 0 };

	for (size_t i = 0; i < s->len; i++) {
		ck_assert_msg(nt_taps_slot_remove(taps, s->slots[i], &err) == 0, "%s", err.msg);
		nt_policy_free(s->policies[i]);
	}
}

/* A query for the name, some letters in upper case, which changes no verdict. */
static struct packet query_of(const struct nt_name *name)
{
	__u8 payload[12 + NT_NAME_WIRE_MAX + 4] = { 0x12, 0x34, 1, 0, 0, 1 };
	struct packet p = { 0 };

	memcpy(payload + 12, name->wire, name->len);
	for (size_t at = 0; name->wire[at]; at += name->wire[at] + 1u)
		if (payload[12 + at + 1] >= 'a' && payload[12 + at + 1] <= 'z' && !draw(3))
			payload[12 + at + 1] &= 0xdf;
	payload[12 + name->len + 1] = 1;
	payload[12 + name->len + 3] = 1;
	packet_eth(&p, ETH_P_IP);
	packet_ip4(&p, CLIENT4, SERVER4, 0, IPPROTO_UDP);
	packet_udp(&p, 40000, 53, payload, 12u + name->len + 4);
	packet_done(&p);
	return p;
}

static void compare(const struct set *s, const char *text, unsigned long tally[])
{
	const struct nt_name name = name_of(text);
	struct packet p = query_of(&name);
	__u8 after[4096];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p.octets, .data_size_in = (__u32)p.len,
		    .data_out = after, .data_size_out = sizeof(after));
	size_t index;
	uint8_t want = nt_policy_judge((const struct nt_policy *const *)s->policies, s->len,
				       &s->scope, &name, &index);

	ck_assert_int_eq(bpf_prog_test_run_opts(prog, &opts), 0);
	ck_assert_uint_eq(lab_drain(ring), 1);
	ck_assert_msg(ring->events[0].verdict == want, "%s: kernel %u, judge %u", text,
		      ring->events[0].verdict, want);
	ck_assert_msg((int)opts.retval == (want == NT_VERDICT_DENY ? 7 : -1), "%s: returned %d",
		      text, (int)opts.retval);
	if (want == NT_VERDICT_DENY || want == NT_VERDICT_AUDIT)
		ck_assert_msg(ring->events[0].policy_slot == s->slots[index],
			      "%s: slot %u, wanted %u", text, ring->events[0].policy_slot,
			      s->slots[index]);
	tally[want]++;
}

START_TEST(kernel_and_judge_agree)
{
	unsigned long tally[NT_VERDICT_UNJUDGEABLE + 1] = { 0 };
	struct nt_counters *zero;
	__u64 ep_id = EP_ID;
	char text[256];
	struct set s;

	taps = lab_open(NULL);
	ring = lab_ring_new(taps);
	prog = bpf_obj_get(LAB_ROOT "/" NT_PIN_FROM_POD);
	scopes_fd = bpf_obj_get(LAB_ROOT "/" NT_PIN_SCOPES);
	ck_assert_int_eq(nt_taps_rules_key(taps, &key), 0);
	zero = calloc((size_t)nt_taps_cpus(taps), sizeof(*zero));
	ck_assert_int_eq(bpf_map_update_elem(nt_taps_counters_fd(taps), &ep_id, zero, BPF_ANY), 0);
	free(zero);
	for (int set = 0; set < SETS; set++) {
		make_set(&s);
		for (int i = 0; i < NAMES_PER_SET; i++) {
			random_name(text, sizeof(text), 7);
			compare(&s, text, tally);
		}
		drop_set(&s);
	}
	printf("seed %d: %lu allowed, %lu audited, %lu denied\n", SEED, tally[NT_VERDICT_ALLOW],
	       tally[NT_VERDICT_AUDIT], tally[NT_VERDICT_DENY]);
	/* None of the outcomes may be a rarity, else little was compared. */
	for (int v = NT_VERDICT_ALLOW; v <= NT_VERDICT_DENY; v++)
		ck_assert_uint_gt(tally[v], SETS * NAMES_PER_SET / 100);
	close(prog);
	close(scopes_fd);
	lab_ring_free(ring);
	lab_remove(taps);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("policy_differential");
	TCase *t = tcase_create("million");

	lab_enter();
	tcase_set_timeout(t, 600);
	tcase_add_test(t, kernel_and_judge_agree);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}

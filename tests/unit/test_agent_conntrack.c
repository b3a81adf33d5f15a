/* SPDX-License-Identifier: Apache-2.0 */
/* When the kernel has no room for its messages. The overrun is the kernel's own, of a multicast
 * socket between programs; tests/netns/test_ends has connection tracking. */
#include "dataplane/agent/conntrack.c"

#include <check.h>

#include "tests/unit/suite.h"

#define GROUP 1

static struct nt_clock now;
static struct nt_conntrack *conntrack;
static int sender;

static void setup(void)
{
	int group = GROUP, small = 1;
	struct nt_err err;

	now = nt_clock_virtual(1000 * NT_NS_PER_S, 1700000000 * NT_NS_PER_S);
	ck_assert_int_eq(nt_conntrack_new(NULL, 0, &now, &conntrack, &err), 0);
	conntrack->socket = mnl_socket_open2(NETLINK_USERSOCK, SOCK_CLOEXEC | SOCK_NONBLOCK);
	ck_assert_ptr_nonnull(conntrack->socket);
	ck_assert_int_eq(mnl_socket_bind(conntrack->socket, 0, MNL_SOCKET_AUTOPID), 0);
	ck_assert_int_eq(mnl_socket_setsockopt(conntrack->socket, NETLINK_ADD_MEMBERSHIP, &group,
					       sizeof(group)),
			 0);
	ck_assert_int_eq(setsockopt(mnl_socket_get_fd(conntrack->socket), SOL_SOCKET, SO_RCVBUF,
				    &small, sizeof(small)),
			 0); /* the kernel's least */
	sender = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_USERSOCK);
	ck_assert_int_ge(sender, 0);
}

static void teardown(void)
{
	nt_conntrack_free(conntrack);
	nt_closep(&sender);
}

static void put_tuple(struct nlmsghdr *h, uint16_t type, const uint8_t from[4], uint16_t from_port,
		      const uint8_t to[4], uint16_t to_port)
{
	struct nlattr *tuple = mnl_attr_nest_start(h, type);
	struct nlattr *part = mnl_attr_nest_start(h, CTA_TUPLE_IP);

	mnl_attr_put(h, CTA_IP_V4_SRC, 4, from);
	mnl_attr_put(h, CTA_IP_V4_DST, 4, to);
	mnl_attr_nest_end(h, part);
	part = mnl_attr_nest_start(h, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(h, CTA_PROTO_NUM, IPPROTO_UDP);
	mnl_attr_put_u16(h, CTA_PROTO_SRC_PORT, htons(from_port));
	mnl_attr_put_u16(h, CTA_PROTO_DST_PORT, htons(to_port));
	mnl_attr_nest_end(h, part);
	mnl_attr_nest_end(h, tuple);
}

static const uint8_t client[4] = { 10, 0, 0, 1 }, service[4] = { 10, 96, 0, 10 },
		     pod[4] = { 10, 244, 1, 7 };

/* A new flow of that port goes to the pod. */
static void tell(uint16_t port)
{
	char octets[MESSAGE_BYTES] __attribute__((aligned(8)));
	struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_groups = 1u << (GROUP - 1) };
	struct nlmsghdr *h = mnl_nlmsg_put_header(octets);
	struct nfgenmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));

	h->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
	m->nfgen_family = AF_INET;
	put_tuple(h, CTA_TUPLE_ORIG, client, port, service, 53);
	put_tuple(h, CTA_TUPLE_REPLY, pod, 53, client, port);
	(void)sendto(sender, h, h->nlmsg_len, 0, (struct sockaddr *)&to, sizeof(to));
}

static bool finds(uint16_t port)
{
	const struct nt_flow flow = { .transport = IPPROTO_UDP,
				      .client = nt_addr_from(4, client),
				      .client_port = port,
				      .server = nt_addr_from(4, service),
				      .server_port = 53 };
	struct nt_backend backend;

	return nt_backends_find(&conntrack->backends, &flow, nt_clock_boot(&now), &backend);
}

START_TEST(what_is_told_is_found)
{
	tell(40000);
	nt_conntrack_read(conntrack);
	ck_assert(finds(40000));
	ck_assert_uint_eq(nt_conntrack_stats(conntrack).overruns, 0);
}
END_TEST

/* What waits when messages are lost may be of flows that came again since with another backend: the
 * newer message is the lost one. Once such a row had the former pod. */
START_TEST(after_an_overrun_nothing_from_before_is_taken)
{
	tell(40000);
	nt_conntrack_read(conntrack);
	for (uint16_t port = 40001; port < 40500; port++)
		tell(port);
	now.virtual_boot_ns += NT_NS_PER_S;
	nt_conntrack_read(conntrack);
	ck_assert_uint_eq(nt_conntrack_stats(conntrack).overruns, 1);
	for (uint16_t port = 40000; port < 40500; port++)
		ck_assert_msg(!finds(port), "port %u", port);
	ck_assert_int_eq(conntrack->drained_ns, now.virtual_boot_ns);
	tell(40001);
	nt_conntrack_read(conntrack);
	ck_assert(finds(40001));
	now.virtual_boot_ns -= NT_NS_PER_S; /* nor is it said of packets from before */
	ck_assert(!finds(40001));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("agent_conntrack");
	TCase *tc = tcase_create("conntrack");

	nt_log_init("test_agent_conntrack", NT_LOG_ERROR);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_is_told_is_found);
	tcase_add_test(tc, after_an_overrun_nothing_from_before_is_taken);
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}

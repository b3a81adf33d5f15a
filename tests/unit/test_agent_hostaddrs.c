/* SPDX-License-Identifier: Apache-2.0 */
/* The host network's addresses: what is told, and for which time. */
#include "dataplane/agent/hostaddrs.c"

#include "tests/unit/suite.h"

static struct nt_hostaddrs h;
static const struct nt_addr a = { 4, { 10, 0, 0, 1 } }, b = { 4, { 10, 0, 0, 2 } },
			    c = { 6, { 0xfd, 1 } };

static void look(uint64_t ep_id, const struct nt_addr *ips, size_t len, int64_t now_us)
{
	nt_buf_reset(&h.news);
	nt_hostaddrs_look(&h, ep_id, 100, ips, len, now_us);
}

static void check_news(const char *expected)
{
	const struct nt_batch_address *news = (const struct nt_batch_address *)h.news.p;
	struct nt_buf text = { 0 };
	char ip[NT_ADDR_TEXT_MAX];

	for (size_t i = 0; i < h.news.len / sizeof(*news); i++)
		nt_buf_printf(&text, "%llu %s %lld-%lld;", (unsigned long long)news[i].ep_id,
			      nt_addr_format(&news[i].ip, ip), (long long)news[i].since_us,
			      (long long)news[i].until_us);
	ck_assert_str_eq(nt_buf_str(&text), expected);
	nt_buf_done(&text);
}

START_TEST(first_they_count_from_the_taps_on)
{
	look(7, (struct nt_addr[]){ a, c }, 2, 200);
	check_news("7 10.0.0.1 100-0;7 fd01:: 100-0;");
	look(7, (struct nt_addr[]){ a, c }, 2, 300);
	check_news("");
}
END_TEST

START_TEST(one_comes_and_goes)
{
	look(7, &a, 1, 200);
	look(7, (struct nt_addr[]){ a, b }, 2, 300);
	check_news("7 10.0.0.2 200-0;");
	look(7, &b, 1, 400);
	check_news("7 10.0.0.1 100-400;");
	look(7, (struct nt_addr[]){ a, b }, 2, 500);
	check_news("7 10.0.0.1 400-0;");
}
END_TEST

START_TEST(taps_of_another_endpoint)
{
	look(7, &a, 1, 200);
	look(8, &a, 1, 300);
	check_news("8 10.0.0.1 100-0;");
}
END_TEST

START_TEST(told_again_once_and_with_the_end)
{
	const struct nt_batch_address told[] = {
		{ 7, a, 100, 0 }, { 7, a, 100, 400 }, { 7, b, 100, 0 }, { 6, a, 50, 0 }
	};

	look(7, &b, 1, 200);
	nt_buf_reset(&h.news);
	nt_hostaddrs_again(&h, told, 4, 900);
	check_news("7 10.0.0.1 100-400;7 10.0.0.2 100-0;6 10.0.0.1 50-900;");
}
END_TEST

START_TEST(what_is_told_again_is_bounded)
{
	look(7, &b, 1, 200);
	for (int64_t i = 1; i <= NT_HOSTADDRS_NEWS_MAX + 5; i++)
		nt_hostaddrs_again(&h, &(struct nt_batch_address){ 7, a, i, i + 1 }, 1, 900);
	ck_assert_uint_eq(h.news.len / sizeof(struct nt_batch_address), NT_HOSTADDRS_NEWS_MAX);
	ck_assert_uint_eq(h.dropped, 6);
}
END_TEST

/* A restarted agent told all of them anew, as if there since the taps were attached. */
START_TEST(a_successor_goes_on)
{
	const struct nt_batch_address told[] = { { 7, a, 100, 0 }, { 7, b, 300, 0 } };

	nt_hostaddrs_restore(&h, 7, 400, told, 2);
	check_news("7 10.0.0.1 100-0;7 10.0.0.2 300-0;");
	look(7, (struct nt_addr[]){ a, c }, 2, 500);
	check_news("7 10.0.0.2 300-500;7 fd01:: 400-0;");
}
END_TEST

START_TEST(a_successor_with_other_taps)
{
	nt_hostaddrs_restore(&h, 7, 400, &(struct nt_batch_address){ 7, b, 300, 0 }, 1);
	look(8, &b, 1, 500);
	check_news("8 10.0.0.2 100-0;");
}
END_TEST

START_TEST(more_than_are_told)
{
	struct nt_addr ips[NT_HOSTADDRS_MAX] = { 0 };

	for (size_t i = 0; i < NT_HOSTADDRS_MAX; i++)
		ips[i] = (struct nt_addr){ 4, { 10, 1, (uint8_t)(i >> 8), (uint8_t)i } };
	look(7, ips, NT_HOSTADDRS_MAX + 44, 200);
	ck_assert_uint_eq(h.known.len / sizeof(struct nt_batch_address), NT_HOSTADDRS_MAX);
	ck_assert_uint_eq(h.left_out, 44);
	look(7, ips, 1, 300);
	ck_assert_uint_eq(h.left_out, 0);
}
END_TEST

/* In ipvs mode a link of kube-proxy's has every Service's address. */
START_TEST(services_addresses_are_nobodys)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a600001) };
	struct ifaddrs i = { .ifa_name = (char[]){ "kube-ipvs0" },
			     .ifa_addr = (struct sockaddr *)&v4 };
	struct nt_addr ip;

	ck_assert(!address_of(&i, &ip));
	i.ifa_name = (char[]){ "kube-ipvs1" };
	ck_assert(address_of(&i, &ip));
}
END_TEST

/* This machine has a loopback address at least, which must not be among them. */
START_TEST(loopback_and_link_local_are_nobodys)
{
	struct nt_addr ips[NT_HOSTADDRS_MAX];
	size_t len = nt_hostaddrs_read(ips, NT_HOSTADDRS_MAX);

	for (size_t i = 0; i < len; i++) {
		ck_assert(ips[i].family == 4 || ips[i].family == 6);
		ck_assert(!(ips[i].family == 4 && ips[i].octets[0] == 127));
		ck_assert(!(ips[i].family == 6 && ips[i].octets[0] == 0xfe &&
			    (ips[i].octets[1] & 0xc0) == 0x80));
	}
}
END_TEST

static void teardown(void)
{
	nt_hostaddrs_done(&h);
}

int main(void)
{
	Suite *suite = suite_create("hostaddrs");
	TCase *tc = tcase_create("hostaddrs");

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, first_they_count_from_the_taps_on);
	tcase_add_test(tc, one_comes_and_goes);
	tcase_add_test(tc, taps_of_another_endpoint);
	tcase_add_test(tc, told_again_once_and_with_the_end);
	tcase_add_test(tc, what_is_told_again_is_bounded);
	tcase_add_test(tc, a_successor_goes_on);
	tcase_add_test(tc, a_successor_with_other_taps);
	tcase_add_test(tc, more_than_are_told);
	tcase_add_test(tc, services_addresses_are_nobodys);
	tcase_add_test(tc, loopback_and_link_local_are_nobodys);
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The host network's addresses, and what changed since the last look. */
#include "dataplane/agent/hostaddrs.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

/* Of kube-proxy in its mode ipvs, and of kube-router; the names are fixed in both. */
static bool is_of_services(const char *link)
{
	return strcmp(link, "kube-ipvs0") == 0 || strcmp(link, "kube-dummy-if") == 0;
}

static bool address_of(const struct ifaddrs *i, struct nt_addr *ret)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)i->ifa_addr;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)i->ifa_addr;

	if (!i->ifa_addr || (i->ifa_flags & IFF_LOOPBACK) || is_of_services(i->ifa_name))
		return false;
	if (i->ifa_addr->sa_family == AF_INET)
		*ret = nt_addr_from(4, (const uint8_t *)&v4->sin_addr);
	else if (i->ifa_addr->sa_family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
		*ret = nt_addr_from(6, (const uint8_t *)&v6->sin6_addr);
	else
		return false;
	return true;
}

static bool has(const struct nt_addr *ips, size_t len, const struct nt_addr *ip)
{
	for (size_t i = 0; i < len; i++)
		if (nt_addr_eq(&ips[i], ip))
			return true;
	return false;
}

size_t nt_hostaddrs_read(struct nt_addr *ret_ips, size_t cap)
{
	struct ifaddrs *all = NULL;
	struct nt_addr ip;
	size_t len = 0;

	if (getifaddrs(&all) == -1)
		return 0;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		if (!address_of(i, &ip) || has(ret_ips, len < cap ? len : cap, &ip))
			continue;
		if (len < cap)
			ret_ips[len] = ip;
		len++;
	}
	freeifaddrs(all);
	return len;
}

static void drop_gone(struct nt_hostaddrs *h, const struct nt_addr *ips, size_t len, int64_t now_us)
{
	struct nt_batch_address *known = (struct nt_batch_address *)h->known.p;
	size_t n = h->known.len / sizeof(*known), kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (has(ips, len, &known[i].ip)) {
			known[kept++] = known[i];
			continue;
		}
		known[i].until_us = now_us;
		nt_buf_add(&h->news, &known[i], sizeof(known[i]));
	}
	h->known.len = kept * sizeof(*known);
}

static bool is_known(const struct nt_hostaddrs *h, const struct nt_addr *ip)
{
	const struct nt_batch_address *known = (const struct nt_batch_address *)h->known.p;

	for (size_t i = 0; i < h->known.len / sizeof(*known); i++)
		if (nt_addr_eq(&known[i].ip, ip))
			return true;
	return false;
}

void nt_hostaddrs_look(struct nt_hostaddrs *h, uint64_t ep_id, int64_t since_us,
		       const struct nt_addr *ips, size_t len, int64_t now_us)
{
	bool first = h->ep_id != ep_id;

	h->left_out = len > NT_HOSTADDRS_MAX ? len - NT_HOSTADDRS_MAX : 0;
	len -= h->left_out;
	if (first)
		nt_buf_reset(&h->known);
	else
		drop_gone(h, ips, len, now_us);
	for (size_t i = 0; i < len; i++) {
		const struct nt_batch_address a = { .ep_id = ep_id,
						    .ip = ips[i],
						    .since_us = first ? since_us : h->looked_us };

		if (is_known(h, &ips[i]))
			continue;
		nt_buf_add(&h->known, &a, sizeof(a));
		nt_buf_add(&h->news, &a, sizeof(a));
	}
	h->ep_id = ep_id;
	h->looked_us = now_us;
	if (!nt_buf_ok(&h->known) || !nt_buf_ok(&h->news)) /* all of it again */
		nt_hostaddrs_done(h);
}

void nt_hostaddrs_restore(struct nt_hostaddrs *h, uint64_t ep_id, int64_t looked_us,
			  const struct nt_batch_address *known, size_t len)
{
	if (len > NT_HOSTADDRS_MAX)
		len = NT_HOSTADDRS_MAX;
	nt_buf_add(&h->known, known, len * sizeof(*known));
	nt_buf_add(&h->news, known, len * sizeof(*known));
	h->ep_id = ep_id;
	h->looked_us = looked_us;
	if (!nt_buf_ok(&h->known) || !nt_buf_ok(&h->news)) /* a first look then */
		nt_hostaddrs_done(h);
}

static struct nt_batch_address *find_news(struct nt_hostaddrs *h, const struct nt_batch_address *a)
{
	struct nt_batch_address *news = (struct nt_batch_address *)h->news.p;

	for (size_t i = 0; i < h->news.len / sizeof(*news); i++)
		if (news[i].ep_id == a->ep_id && news[i].since_us == a->since_us &&
		    nt_addr_eq(&news[i].ip, &a->ip))
			return &news[i];
	return NULL;
}

void nt_hostaddrs_again(struct nt_hostaddrs *h, const struct nt_batch_address *told, size_t len,
			int64_t now_us)
{
	for (size_t i = 0; i < len; i++) {
		struct nt_batch_address a = told[i], *known = find_news(h, &a);

		if (!a.until_us && h->ep_id && h->ep_id != a.ep_id)
			a.until_us = now_us;
		if (known) {
			if (a.until_us > known->until_us)
				known->until_us = a.until_us;
			continue;
		}
		if (h->news.len / sizeof(a) < NT_HOSTADDRS_NEWS_MAX &&
		    nt_buf_reserve(&h->news, sizeof(a)))
			nt_buf_add(&h->news, &a, sizeof(a));
		else
			h->dropped++;
	}
}

void nt_hostaddrs_done(struct nt_hostaddrs *h)
{
	nt_buf_done(&h->known);
	nt_buf_done(&h->news);
	*h = (struct nt_hostaddrs){ 0 };
}

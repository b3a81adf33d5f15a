/* SPDX-License-Identifier: Apache-2.0 */
/* CNI arguments, results and the capability `dns` to a pod's record. */
#include "dataplane/taps/podinfo.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/addr.h"
#include "lib/base/cleanup.h"

/* --- who ------------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	size_t offset;
	size_t size;
} identity[] = {
	{ "K8S_POD_NAMESPACE", offsetof(struct nt_pod, namespace_),
	  sizeof(((struct nt_pod *)0)->namespace_) },
	{ "K8S_POD_NAME", offsetof(struct nt_pod, name), sizeof(((struct nt_pod *)0)->name) },
	{ "K8S_POD_UID", offsetof(struct nt_pod, uid), sizeof(((struct nt_pod *)0)->uid) },
};

int nt_podinfo_arg(struct nt_slice key, struct nt_slice value, struct nt_pod *pod)
{
	for (size_t i = 0; i < NT_ARRAY_LEN(identity); i++) {
		char *to = (char *)pod + identity[i].offset;

		if (!nt_slice_eq(key, nt_slice_str(identity[i].name)))
			continue;
		if (value.len >= identity[i].size)
			return -ENAMETOOLONG;
		memset(to, 0, identity[i].size);
		if (value.len)
			memcpy(to, value.p, value.len);
	}
	return 0;
}

/* The specification: an alphanumeric character, then alphanumerics, "_", "." and "-". That leaves
 * no room for "../". */
const char *nt_podinfo_bad_container_id(const char *id)
{
	size_t len = strlen(id);

	if (len >= sizeof(((struct nt_pod *)0)->container_id))
		return "longer than 191 octets";
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)id[i];

		if (c < 0x80 && (isalnum(c) || (i > 0 && strchr("_.-", c))))
			continue;
		return "must begin with a letter or digit and hold only these and _.-";
	}
	return NULL;
}

int nt_podinfo_stand_in(const struct nt_pod *pod, char ret_id[NT_STAND_IN_LEN])
{
	char id[NT_STAND_IN_LEN] = "";
	int len;

	if (pod->uid[0])
		len = snprintf(id, sizeof(id), "pod-%s", pod->uid);
	else
		len = snprintf(id, sizeof(id), "pod-%s.%s", pod->namespace_, pod->name);
	if (len < 0 || (size_t)len >= sizeof(id))
		return -ENAMETOOLONG;
	if (nt_podinfo_bad_container_id(id))
		return -EINVAL;
	memcpy(ret_id, id, sizeof(id));
	return 0;
}

/* As the kernel's dev_valid_name() has it. */
const char *nt_podinfo_bad_ifname(const char *name)
{
	size_t len = strlen(name);

	if (len >= sizeof(((struct nt_pod *)0)->ifname))
		return "longer than 15 octets";
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return "no name for an interface";
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];

		if (c == '/' || c == ':' || c <= ' ' || c >= 0x7f)
			return "no name for an interface";
	}
	return NULL;
}

/* --- where ---------------------------------------------------------------------------------- */

bool nt_podinfo_address(struct nt_slice text, struct nt_abi_addr *ret_addr)
{
	struct nt_addr addr;
	size_t len = 0;

	while (len < text.len && text.p[len] != '/' && text.p[len] != '%')
		len++;
	if (nt_addr_parse(nt_slice_mem(text.p, len), &addr) < 0)
		return false;
	*ret_addr = (struct nt_abi_addr){ .family = addr.family };
	memcpy(ret_addr->octets, addr.octets, sizeof(ret_addr->octets));
	return true;
}

static struct nt_slice text_of(const json_t *value)
{
	const char *text = json_string_value(value);

	return text ? nt_slice_mem(text, json_string_length(value)) : (struct nt_slice){ 0 };
}

/* Result version 0.3 and later: interfaces of the pod have a sandbox. */
static bool is_pods(const json_t *link, const char *ifname)
{
	const char *name = json_string_value(json_object_get(link, "name"));

	return name && strcmp(name, ifname) == 0 && json_object_get(link, "sandbox");
}

/* Results name an address's interface by its position; without one the address is the pod's. */
static bool is_in_pod(const json_t *result, const json_t *ip, const char *ifname)
{
	const json_t *index = json_object_get(ip, "interface");
	double at = json_number_value(index);

	if (!index || json_is_null(index))
		return true;
	if (!json_is_number(index) || at < 0 || at > 65536 || at != (double)(size_t)at)
		return false;
	return is_pods(json_array_get(json_object_get(result, "interfaces"), (size_t)at), ifname);
}

void nt_podinfo_result(const json_t *result, const char *ifname, struct nt_pod *pod)
{
	const json_t *ips = json_object_get(result, "ips");
	unsigned n = 0;

	for (size_t i = 0; i < json_array_size(ips) && n < NT_POD_IPS; i++) {
		const json_t *ip = json_array_get(ips, i);

		if (is_in_pod(result, ip, ifname) &&
		    nt_podinfo_address(text_of(json_object_get(ip, "address")), &pod->ips[n]))
			n++;
	}
}

const char *nt_podinfo_sandbox(const json_t *result, const char *ifname)
{
	const json_t *links = json_object_get(result, "interfaces");

	for (size_t i = 0; i < json_array_size(links); i++) {
		const json_t *link = json_array_get(links, i);
		const char *path = json_string_value(json_object_get(link, "sandbox"));

		if (is_pods(link, ifname) && path && path[0] == '/')
			return path;
	}
	return NULL;
}

/* --- resolvers ------------------------------------------------------------------------------ */

/* containerd capitalises the keys, the CNI conventions do not. */
static const json_t *either(const json_t *object, const char *a, const char *b)
{
	const json_t *v = json_object_get(object, a);

	return v ? v : json_object_get(object, b);
}

bool nt_podinfo_add_search(struct nt_slice name, struct nt_pod *pod)
{
	size_t len = strlen(pod->searches);

	for (size_t i = 0; i < name.len; i++)
		if (strchr(" \t\r\n", name.p[i])) /* a NUL, too */
			return false;
	if (!name.len || len + (len ? 1 : 0) + name.len >= sizeof(pod->searches))
		return false;
	if (len)
		pod->searches[len++] = ' ';
	memcpy(pod->searches + len, name.p, name.len);
	pod->searches[len + name.len] = '\0';
	return true;
}

void nt_podinfo_dns(const json_t *dns, struct nt_pod *pod)
{
	const json_t *servers = either(dns, "Servers", "servers");
	const json_t *searches = either(dns, "Searches", "searches");
	unsigned n = 0;

	for (size_t i = 0; i < json_array_size(servers) && n < NT_POD_SERVERS; i++) {
		if (nt_podinfo_address(text_of(json_array_get(servers, i)), &pod->servers[n]))
			n++;
	}
	for (size_t i = 0; i < json_array_size(searches); i++)
		(void)nt_podinfo_add_search(text_of(json_array_get(searches, i)), pod);
	if (n || pod->searches[0])
		pod->dns = NT_DNS_RUNTIME;
}

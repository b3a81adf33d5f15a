/* SPDX-License-Identifier: Apache-2.0 */
/* The pod in a cgroup's name. */
#include "dataplane/agent/podcgroup.h"

/* A UUID with its dashes, or the hash of a static pod. */
#define UUID_LEN 36
#define HASH_LEN 32

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool take_uid(struct nt_slice text, char ret_uid[NT_PODCGROUP_UID])
{
	if (text.len != UUID_LEN && text.len != HASH_LEN)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		bool dash = text.len == UUID_LEN && (i == 8 || i == 13 || i == 18 || i == 23);
		char c = text.p[i];

		if (dash ? c != '-' && c != '_' : !is_hex(c))
			return false;
		ret_uid[i] = dash ? '-' : c;
	}
	ret_uid[text.len] = '\0';
	return true;
}

bool nt_podcgroup_uid(struct nt_slice name, char ret_uid[NT_PODCGROUP_UID])
{
	static const char head[] = "kubepods", tail[] = ".slice";
	size_t at;

	if (nt_slice_begins(name, "pod"))
		return take_uid(nt_slice_mem(name.p + 3, name.len - 3), ret_uid);
	if (name.len < sizeof(head) + sizeof(tail) || !nt_slice_begins(name, head) ||
	    !nt_slice_ends(name, nt_slice_str(tail)))
		return false;
	name.len -= sizeof(tail) - 1;
	for (at = name.len; at > 4 && memcmp(name.p + at - 4, "-pod", 4) != 0; at--)
		;
	return at > 4 && take_uid(nt_slice_mem(name.p + at, name.len - at), ret_uid);
}

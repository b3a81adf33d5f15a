/* SPDX-License-Identifier: Apache-2.0 */
/* Structures of another ABI version, by BTF. */
#include "dataplane/taps/layout.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

struct btf *nt_layout_btf(int map_fd, struct nt_err *err)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	struct btf *btf;

	if (bpf_obj_get_info_by_fd(map_fd, &info, &len) < 0 || !info.btf_id) {
		nt_err_set(err, EPROTO, "the kernel has no BTF of that map");
		return NULL;
	}
	btf = btf__load_from_kernel_by_id(info.btf_id);
	if (!btf)
		nt_err_sys(err, errno, "read BTF %u of the kernel", info.btf_id);
	return btf;
}

/* --- plan ------------------------------------------------------------------------------------- */

/* One side of a field. */
struct place {
	const struct btf *btf;
	__u32 type;
	__u32 at;
};

static const struct btf_type *type_of(const struct place *p)
{
	int id = btf__resolve_type(p->btf, p->type);

	return id < 0 ? NULL : btf__type_by_id(p->btf, (__u32)id);
}

static int add_step(struct nt_layout *l, struct nt_layout_step step)
{
	if (l->len == NT_LAYOUT_STEPS)
		return -E2BIG;
	l->steps[l->len++] = step;
	return 0;
}

static int add_number(struct nt_layout *l, const struct place *from, __u32 from_len,
		      const struct place *to, __u32 to_len)
{
	if (from_len > 8 || to_len > 8)
		return -EPROTO;
	return add_step(l, (struct nt_layout_step){ (__u16)from->at, (__u16)to->at, (__u16)from_len,
						    (__u16)to_len, true });
}

static int add_field(struct nt_layout *l, const struct place *from, const struct place *to);

static int add_array(struct nt_layout *l, const struct place *from, const struct btf_type *a,
		     const struct place *to, const struct btf_type *b)
{
	const struct btf_array *fa = btf_array(a), *fb = btf_array(b);
	__u32 from_len = (__u32)btf__resolve_size(from->btf, fa->type);
	__u32 to_len = (__u32)btf__resolve_size(to->btf, fb->type);
	int r = 0;

	if (from_len == 1 && to_len == 1)
		return add_step(l, (struct nt_layout_step){ (__u16)from->at, (__u16)to->at,
							    (__u16)fa->nelems, (__u16)fb->nelems,
							    false });
	for (__u32 i = 0; i < fa->nelems && i < fb->nelems && r == 0; i++) {
		struct place one = { from->btf, fa->type, from->at + i * from_len };
		struct place other = { to->btf, fb->type, to->at + i * to_len };

		r = add_field(l, &one, &other);
	}
	return r;
}

/* NULL: there is none of that name. */
static const struct btf_member *find_member(const struct btf *btf, const struct btf_type *t,
					    const char *name, size_t len)
{
	const struct btf_member *m = btf_members(t);

	for (__u32 i = 0; i < btf_vlen(t); i++) {
		const char *has = btf__name_by_offset(btf, m[i].name_off);

		if (has && strlen(has) == len && memcmp(has, name, len) == 0)
			return &m[i];
	}
	return NULL;
}

static int add_struct(struct nt_layout *l, const struct place *from, const struct btf_type *a,
		      const struct place *to, const struct btf_type *b)
{
	const struct btf_member *m = btf_members(b);
	int r = 0;

	for (__u32 i = 0; i < btf_vlen(b) && r == 0; i++) {
		const char *name = btf__name_by_offset(to->btf, m[i].name_off);
		const struct btf_member *has = find_member(from->btf, a, name, strlen(name));
		struct place other = { to->btf, m[i].type, to->at + m[i].offset / 8 }, one;

		if (!has)
			continue;
		one = (struct place){ from->btf, has->type, from->at + has->offset / 8 };
		r = add_field(l, &one, &other);
	}
	return r;
}

static int add_field(struct nt_layout *l, const struct place *from, const struct place *to)
{
	const struct btf_type *a = type_of(from), *b = type_of(to);

	if (!a || !b || btf_kind(a) != btf_kind(b))
		return -EPROTO;
	switch (btf_kind(b)) {
	case BTF_KIND_INT:
		return add_number(l, from, a->size, to, b->size);
	case BTF_KIND_ARRAY:
		return add_array(l, from, a, to, b);
	case BTF_KIND_STRUCT:
		return add_struct(l, from, a, to, b);
	}
	return -EPROTO; /* abi.h has no other */
}

static int check_needs(const struct btf *btf, const struct btf_type *t, const char *name,
		       const char *needs, struct nt_err *err)
{
	while (*needs) {
		size_t len = strcspn(needs, " ");

		if (!find_member(btf, t, needs, len))
			return nt_err_set(err, EPROTO, "their struct %s has no field %.*s", name,
					  (int)len, needs);
		needs += len + (needs[len] == ' ');
	}
	return 0;
}

int nt_layout_plan(const struct btf *theirs, const struct btf *ours, const char *name,
		   const char *needs, struct nt_layout *ret_layout, struct nt_err *err)
{
	int from_id = btf__find_by_name_kind(theirs, name, BTF_KIND_STRUCT);
	int to_id = btf__find_by_name_kind(ours, name, BTF_KIND_STRUCT);
	struct place from = { theirs, (__u32)from_id, 0 }, to = { ours, (__u32)to_id, 0 };
	const struct btf_type *a, *b;
	int r;

	if (from_id < 0 || to_id < 0)
		return nt_err_set(err, EPROTO, "%s has no struct %s", from_id < 0 ? "it" : "ours",
				  name);
	a = btf__type_by_id(theirs, from.type);
	b = btf__type_by_id(ours, to.type);
	r = check_needs(theirs, a, name, needs, err);
	if (r < 0)
		return r;
	*ret_layout = (struct nt_layout){ .from_size = a->size, .to_size = b->size };
	if (a->size > UINT16_MAX || b->size > UINT16_MAX)
		return nt_err_set(err, EPROTO, "struct %s has %u octets", name, a->size);
	r = add_struct(ret_layout, &from, a, &to, b);
	return r < 0 ? nt_err_set(err, EPROTO, "a field of their struct %s is no longer the like",
				  name)
		     : 0;
}

/* --- read ------------------------------------------------------------------------------------- */

static __u64 get_number(const char *from, unsigned len)
{
	__u64 eight = 0;
	__u32 four = 0;
	__u16 two = 0;

	switch (len) {
	case 1:
		return (__u8)*from;
	case 2:
		memcpy(&two, from, 2);
		return two;
	case 4:
		memcpy(&four, from, 4);
		return four;
	}
	memcpy(&eight, from, 8);
	return eight;
}

static void put_number(char *to, unsigned len, __u64 value)
{
	const __u32 four = (__u32)value;
	const __u16 two = (__u16)value;

	if (len == 1)
		*to = (char)value;
	else if (len == 2)
		memcpy(to, &two, 2);
	else if (len == 4)
		memcpy(to, &four, 4);
	else
		memcpy(to, &value, 8);
}

void nt_layout_read(const struct nt_layout *l, const void *from, void *to)
{
	memset(to, 0, l->to_size);
	for (__u32 i = 0; i < l->len; i++) {
		const struct nt_layout_step *s = &l->steps[i];
		const char *a = (const char *)from + s->from;
		char *b = (char *)to + s->to;

		if (s->is_number)
			put_number(b, s->to_len, get_number(a, s->from_len));
		else
			memcpy(b, a, s->from_len < s->to_len ? s->from_len : s->to_len);
	}
}

/* --- events ----------------------------------------------------------------------------------- */

size_t nt_layouts_event(const struct nt_layouts *l, const void *sample, size_t len, void *room)
{
	const __u8 *octets = sample;
	struct nt_event *e = room;

	for (__u32 i = 0; l && len && i < l->len; i++) {
		const struct nt_layout *event = &l->of[i].event;

		/* The one thing that is in the same place in all versions. */
		if (l->of[i].version != octets[0])
			continue;
		if (len < event->from_size)
			return 0;
		nt_layout_read(event, sample, e);
		if (e->hdr_len != event->from_size || e->cap_len > NT_CAP_MAX ||
		    e->cap_len > len - event->from_size)
			return 0;
		e->version = NT_ABI_VERSION;
		e->hdr_len = sizeof(*e);
		memcpy(e + 1, octets + event->from_size, e->cap_len);
		return sizeof(*e) + e->cap_len;
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Structures of another version, read as ours: BTF made by hand for both sides. */
#include "dataplane/taps/layout.h"

#include <stddef.h>
#include <string.h>

#include <bpf/btf.h>

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

struct inner {
	__u32 kind;
	__u64 hash;
};

struct ours {
	__u8 version;
	__u8 octets[4];
	__u16 ports[2];
	__u32 flags;
	__u64 id;
	char name[8];
	struct inner inner[2];
	__u32 fresh; /* only we have it */
};

/* The same in another order, wider, narrower, with fields that only they have. */
struct theirs {
	__u8 version;
	__u8 old[7];
	char name[16];
	__u64 flags;
	__u32 id;
	__u16 ports[4];
	__u8 octets[2];
	struct their_inner {
		__u64 other;
		__u64 hash;
		__u16 kind;
	} inner[3];
};

/* --- BTF of the two --- */

enum type { U8, U16, U32, U64, BASIC };

struct member {
	const char *name;
	enum type type;
	__u32 elements; /* 0: no array */
	const struct member *members; /* of a structure, else NULL */
	size_t size, at;
};

#define MEMBER(in, field, type, elements)                            \
	{                                                            \
#field, type, elements, NULL, 0, offsetof(in, field) \
	}

static const struct member our_inner[] = {
	MEMBER(struct inner, kind, U32, 0),
	MEMBER(struct inner, hash, U64, 0),
	{ .name = NULL },
};

static const struct member our_members[] = {
	MEMBER(struct ours, version, U8, 0),
	MEMBER(struct ours, octets, U8, 4),
	MEMBER(struct ours, ports, U16, 2),
	MEMBER(struct ours, flags, U32, 0),
	MEMBER(struct ours, id, U64, 0),
	MEMBER(struct ours, name, U8, 8),
	{ "inner", 0, 2, our_inner, sizeof(struct inner), offsetof(struct ours, inner) },
	MEMBER(struct ours, fresh, U32, 0),
	{ .name = NULL },
};

static const struct member their_inner[] = {
	MEMBER(struct their_inner, other, U64, 0),
	MEMBER(struct their_inner, hash, U64, 0),
	MEMBER(struct their_inner, kind, U16, 0),
	{ .name = NULL },
};

static const struct member their_members[] = {
	MEMBER(struct theirs, version, U8, 0),
	MEMBER(struct theirs, old, U8, 7),
	MEMBER(struct theirs, name, U8, 16),
	MEMBER(struct theirs, flags, U64, 0),
	MEMBER(struct theirs, id, U32, 0),
	MEMBER(struct theirs, ports, U16, 4),
	MEMBER(struct theirs, octets, U8, 2),
	{ "inner", 0, 3, their_inner, sizeof(struct their_inner), offsetof(struct theirs, inner) },
	{ .name = NULL },
};

static int add_struct(struct btf *btf, const int basic[BASIC], const char *name,
		      const struct member *members, size_t size)
{
	int types[16], id;

	/* What the fields are comes first: fields belong to the last type. */
	for (size_t i = 0; members[i].name; i++) {
		const struct member *m = &members[i];

		types[i] = m->members ? add_struct(btf, basic, NULL, m->members, m->size)
				      : btf__add_typedef(btf, "number", basic[m->type]);
		if (m->elements)
			types[i] = btf__add_array(btf, basic[U32], types[i], m->elements);
	}
	id = btf__add_struct(btf, name, (__u32)size);
	for (size_t i = 0; members[i].name; i++)
		ck_assert_int_eq(btf__add_field(btf, members[i].name, types[i],
						(__u32)members[i].at * 8, 0),
				 0);
	return id;
}

static struct btf *make(const struct member *members, size_t size)
{
	struct btf *btf = btf__new_empty();
	int basic[BASIC];

	ck_assert_ptr_nonnull(btf);
	basic[U8] = btf__add_int(btf, "u8", 1, 0);
	basic[U16] = btf__add_int(btf, "u16", 2, 0);
	basic[U32] = btf__add_int(btf, "u32", 4, 0);
	basic[U64] = btf__add_int(btf, "u64", 8, 0);
	ck_assert_int_gt(add_struct(btf, basic, "thing", members, size), 0);
	return btf;
}

static struct btf *our_btf, *their_btf;

static void set_up(void)
{
	our_btf = make(our_members, sizeof(struct ours));
	their_btf = make(their_members, sizeof(struct theirs));
}

static void tear_down(void)
{
	btf__free(our_btf);
	btf__free(their_btf);
}

/* --- structures --- */

static const struct theirs example = {
	.version = 5,
	.old = "......",
	.name = "0123456789",
	.flags = 0x1122334455667788,
	.id = 0xcafe0001,
	.ports = { 53, 5353, 1, 2 },
	.octets = { 7, 8 },
	.inner = { { 1, 0x8000000000000001, 3 }, { 1, 5, 6 }, { 1, 9, 9 } },
};

START_TEST(fields_go_by_name)
{
	struct nt_layout l;
	struct nt_err err;
	struct ours made;

	ck_assert_int_eq(nt_layout_plan(their_btf, our_btf, "thing", "version id inner", &l, &err),
			 0);
	ck_assert_uint_eq(l.from_size, sizeof(struct theirs));
	ck_assert_uint_eq(l.to_size, sizeof(struct ours));
	memset(&made, 0xff, sizeof(made));
	nt_layout_read(&l, &example, &made);
	ck_assert_uint_eq(made.version, 5);
	ck_assert_uint_eq(made.id, 0xcafe0001); /* wider: no sign */
	ck_assert_uint_eq(made.flags, 0x55667788); /* narrower: cut */
	ck_assert_mem_eq(made.name, "01234567", 8);
	ck_assert_uint_eq(made.ports[0], 53);
	ck_assert_uint_eq(made.ports[1], 5353);
	ck_assert_mem_eq(made.octets, "\7\10\0\0", 4);
	ck_assert_uint_eq(made.inner[0].kind, 3);
	ck_assert_uint_eq(made.inner[0].hash, 0x8000000000000001);
	ck_assert_uint_eq(made.inner[1].kind, 6);
	ck_assert_uint_eq(made.inner[1].hash, 5);
	ck_assert_uint_eq(made.fresh, 0);
}
END_TEST

START_TEST(the_way_back)
{
	struct ours there = { .version = 4, .octets = { 1, 2, 3, 4 }, .ports = { 53, 54 } };
	struct nt_layout l;
	struct nt_err err;
	struct theirs made;

	there.inner[1] = (struct inner){ 8, 9 };
	ck_assert_int_eq(nt_layout_plan(our_btf, their_btf, "thing", "version", &l, &err), 0);
	nt_layout_read(&l, &there, &made);
	ck_assert_uint_eq(made.version, 4);
	ck_assert_mem_eq(made.octets, "\1\2", 2);
	ck_assert_uint_eq(made.ports[1], 54);
	ck_assert_uint_eq(made.ports[2], 0);
	ck_assert_uint_eq(made.inner[1].kind, 8);
	ck_assert_uint_eq(made.inner[1].hash, 9);
	ck_assert_uint_eq(made.inner[2].hash, 0);
	ck_assert_uint_eq(made.old[0], 0);
}
END_TEST

/* A field with another kind of thing under its name. */
static const struct member strange_members[] = {
	MEMBER(struct theirs, version, U8, 0),
	MEMBER(struct theirs, ports, U16, 0),
	{ .name = NULL },
};

START_TEST(refused)
{
	struct btf *strange = make(strange_members, sizeof(struct theirs));
	struct nt_layout l;
	struct nt_err err;

	ck_assert_int_eq(nt_layout_plan(their_btf, our_btf, "thing", "id fresh", &l, &err),
			 -EPROTO);
	ck_assert_str_eq(err.msg, "their struct thing has no field fresh");
	ck_assert_int_eq(nt_layout_plan(their_btf, our_btf, "things", "", &l, &err), -EPROTO);
	ck_assert_str_eq(err.msg, "it has no struct things");
	ck_assert_int_eq(nt_layout_plan(strange, our_btf, "thing", "version", &l, &err), -EPROTO);
	ck_assert_str_eq(err.msg, "a field of their struct thing is no longer the like");
	btf__free(strange);
}
END_TEST

/* --- events --- */

/* As in another version: ep_id and cap_len elsewhere, a header of 24 octets. */
struct their_event {
	__u8 version;
	__u8 reserved;
	__u16 hdr_len;
	__u32 cap_len;
	__u64 other, ep_id;
};

static struct nt_layouts their_events(void)
{
#define NUMBER(field)                                                                  \
	{                                                                              \
		offsetof(struct their_event, field), offsetof(struct nt_event, field), \
			sizeof(((struct their_event *)NULL)->field),                   \
			sizeof(((struct nt_event *)NULL)->field), true                 \
	}
	return (struct nt_layouts){
		.len = 1,
		.of[0] = { .version = 99,
			   .event = { .from_size = sizeof(struct their_event),
				      .to_size = sizeof(struct nt_event),
				      .len = 4,
				      .steps = { NUMBER(version), NUMBER(hdr_len), NUMBER(cap_len),
						 NUMBER(ep_id) } } },
	};
}

START_TEST(an_event_is_read)
{
	static __u8 room[NT_LAYOUT_SAMPLE];
	struct nt_layouts l = their_events();
	struct {
		struct their_event event;
		char payload[8];
	} sample = { { 99, 0, sizeof(struct their_event), 5, 1, 77 }, "hello" };
	const struct nt_event *e = (const struct nt_event *)room;

	ck_assert_uint_eq(nt_layouts_event(&l, &sample, sizeof(sample), room), sizeof(*e) + 5);
	ck_assert_uint_eq(e->version, NT_ABI_VERSION);
	ck_assert_uint_eq(e->hdr_len, sizeof(*e));
	ck_assert_uint_eq(e->ep_id, 77);
	ck_assert_mem_eq(e + 1, "hello", 5);
}
END_TEST

static const struct {
	struct their_event event;
	size_t len;
} not_whole[] = {
	{ { 98, 0, 24, 0, 0, 1 }, 24 }, /* of a version that is not known */
	{ { 99, 0, 24, 0, 0, 1 }, 23 },
	{ { 99, 0, 24, 0, 0, 1 }, 0 },
	{ { 99, 0, 32, 0, 0, 1 }, 24 }, /* another header than that version has */
	{ { 99, 0, 24, 1, 0, 1 }, 24 }, /* payload that is not there */
	{ { 99, 0, 24, NT_CAP_MAX + 1, 0, 1 }, 24 + NT_CAP_MAX + 1 },
};

START_TEST(an_event_is_not_whole)
{
	static __u8 room[NT_LAYOUT_SAMPLE], sample[24 + NT_CAP_MAX + 8];
	struct nt_layouts l = their_events();

	memcpy(sample, &not_whole[_i].event, sizeof(struct their_event));
	ck_assert_uint_eq(nt_layouts_event(&l, sample, not_whole[_i].len, room), 0);
	ck_assert_uint_eq(nt_layouts_event(NULL, sample, not_whole[_i].len, room), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("layout");
	TCase *t = tcase_create("layout");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, fields_go_by_name);
	tcase_add_test(t, the_way_back);
	tcase_add_test(t, refused);
	tcase_add_test(t, an_event_is_read);
	tcase_add_loop_test(t, an_event_is_not_whole, 0, (int)NT_ARRAY_LEN(not_whole));
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The query language's fields, from the record's. */
#include "lib/query/schema.h"

#include "lib/base/cleanup.h"

enum { FIELDS_MAX = 96, NAME_MAX_LEN = 40, VALUES_MAX = 8, ENUMS_MAX = 8 };

/* Filled once, before main, and constant from then on. */
static struct nt_query_field fields[FIELDS_MAX];
static char names[FIELDS_MAX][NAME_MAX_LEN];
static size_t fields_len;
static struct {
	const struct nt_enum_value *of;
	const char *values[VALUES_MAX];
} enums[ENUMS_MAX];
static size_t enums_len;

enum nt_query_type nt_query_type_of(const struct nt_field *f)
{
	switch (f->kind) {
	case NT_FIELD_ENUM:
	case NT_FIELD_FLAGS:
		return NT_QUERY_ENUM;
	case NT_FIELD_TIME:
		return NT_QUERY_TIME;
	case NT_FIELD_UINT:
	case NT_FIELD_OPTIONS:
		return NT_QUERY_INTEGER;
	case NT_FIELD_NS:
	case NT_FIELD_MEAN:
	case NT_FIELD_HOP:
		return NT_QUERY_DURATION;
	case NT_FIELD_BOOL:
		return NT_QUERY_BOOLEAN;
	case NT_FIELD_ADDR:
		return NT_QUERY_ADDRESS;
	case NT_FIELD_TYPE:
		return NT_QUERY_DNS_TYPE;
	case NT_FIELD_CLASS:
		return NT_QUERY_DNS_CLASS;
	case NT_FIELD_RCODE:
		return NT_QUERY_DNS_RCODE;
	default:
		return NT_QUERY_STRING;
	}
}

const char *nt_query_type_name(enum nt_query_type type)
{
	static const char *const type_names[] = {
		[NT_QUERY_STRING] = "string",	[NT_QUERY_INTEGER] = "integer",
		[NT_QUERY_TIME] = "time",	[NT_QUERY_DURATION] = "duration",
		[NT_QUERY_BOOLEAN] = "boolean", [NT_QUERY_ADDRESS] = "address",
		[NT_QUERY_DNS_TYPE] = "type",	[NT_QUERY_DNS_CLASS] = "class",
		[NT_QUERY_DNS_RCODE] = "rcode", [NT_QUERY_ENUM] = "enum",
	};

	return type_names[type];
}

static const char *const *enum_values(const struct nt_enum_value *values)
{
	size_t i = 0;

	if (!values)
		return NULL;
	while (i < enums_len && enums[i].of != values)
		i++;
	if (i == ENUMS_MAX)
		return NULL;
	if (i == enums_len) {
		enums[enums_len++].of = values;
		for (size_t n = 0; values[n].name && n < VALUES_MAX - 1; n++)
			enums[i].values[n] = values[n].name;
	}
	return enums[i].values;
}

static void add_field(const char *list, const struct nt_field *f)
{
	struct nt_query_field *field = &fields[fields_len];

	if (fields_len == FIELDS_MAX - 1) /* the last one is the end */
		return;
	snprintf(names[fields_len], NAME_MAX_LEN, "%s%s%s%s", list, list[0] ? "." : "", f->name,
		 f->kind == NT_FIELD_LABELS ? "." : "");
	*field = (struct nt_query_field){ .name = names[fields_len],
					  .type = nt_query_type_name(nt_query_type_of(f)),
					  .unit = f->unit,
					  .description = f->description,
					  .values = enum_values(f->values),
					  .groupable = (f->flags & NT_FF_GRP) != 0 };
	fields_len++;
}

static bool is_struct_list(const struct nt_field *f)
{
	return f->kind == NT_FIELD_SERVERS || f->kind == NT_FIELD_RRSETS;
}

__attribute__((constructor)) static void fill_fields(void)
{
	for (size_t i = 0; i < nt_record_fields.len; i++) {
		const struct nt_field *f = &nt_record_fields.fields[i];
		const struct nt_fields *members = nt_field_members(f);

		if (!(f->flags & NT_FF_QRY))
			continue;
		if (!is_struct_list(f))
			add_field("", f);
		for (size_t n = 0; is_struct_list(f) && n < members->len; n++)
			if (members->fields[n].flags & NT_FF_QRY)
				add_field(f->name, &members->fields[n]);
	}
}

const struct nt_query_field *nt_query_field_at(size_t index)
{
	return index < fields_len ? &fields[index] : NULL;
}

const struct nt_query_field *nt_query_field_find(struct nt_slice name)
{
	for (size_t i = 0; i < fields_len; i++) {
		struct nt_slice field = nt_slice_str(fields[i].name);
		bool labels = field.p[field.len - 1] == '.';
		size_t len = labels && name.len > field.len ? field.len : name.len;

		if (nt_slice_caseeq(field, nt_slice_mem(name.p, len)))
			return &fields[i];
	}
	return NULL;
}

/* Splits "servers.ip" at its first dot. */
static struct nt_slice before_dot(struct nt_slice name, struct nt_slice *ret_rest)
{
	const char *dot = name.len ? memchr(name.p, '.', name.len) : NULL;
	size_t len = dot ? (size_t)(dot - name.p) : name.len;

	*ret_rest = dot ? nt_slice_mem(dot + 1, name.len - len - 1) : (struct nt_slice){ 0 };
	return nt_slice_mem(name.p, len);
}

/* `rest` is what is behind a list's name. */
static bool find_in_list(const struct nt_field *list, struct nt_slice rest,
			 struct nt_query_path *path)
{
	if (!rest.len) {
		path->whole = list->kind != NT_FIELD_STRS;
		return true;
	}
	if (list->kind == NT_FIELD_LABELS) {
		path->label = rest;
		return true;
	}
	return false;
}

static bool find_member(const struct nt_field *list, struct nt_slice rest,
			struct nt_query_path *path)
{
	struct nt_slice name = before_dot(rest, &rest);
	const struct nt_field *member = nt_field_find(nt_field_members(list), name);

	if (!member || !(member->flags & NT_FF_QRY))
		return false;
	path->member = member;
	path->type = nt_query_type_of(member);
	return member->kind >= NT_FIELD_STRS ? find_in_list(member, rest, path) : !rest.len;
}

bool nt_query_path_find(struct nt_slice name, struct nt_query_path *ret_path)
{
	struct nt_query_path path = { 0 };
	struct nt_slice rest;
	const struct nt_field *f = nt_field_find(&nt_record_fields, name);

	if (f && f->kind < NT_FIELD_STRS) {
		rest = (struct nt_slice){ 0 };
	} else {
		f = nt_field_find(&nt_record_fields, before_dot(name, &rest));
		if (f && f->kind < NT_FIELD_STRS)
			return false;
	}
	if (!f || !(f->flags & NT_FF_QRY))
		return false;
	path.field = f;
	path.type = nt_query_type_of(f);
	if (is_struct_list(f) && rest.len) {
		if (!find_member(f, rest, &path))
			return false;
	} else if (f->kind >= NT_FIELD_STRS && !find_in_list(f, rest, &path)) {
		return false;
	}
	*ret_path = path;
	return true;
}

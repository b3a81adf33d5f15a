/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, operators and values against the schema. */
#include "lib/query/check.h"

#include <stdio.h>

#include "lib/base/cleanup.h"
#include "lib/base/escape.h"
#include "lib/base/parse.h"
#include "lib/dns/message.h"

/* Below this a double holds every whole number. */
#define DOUBLE_EXACT 9007199254740992.0
/* What is printed of a text that may be long; messages have 256 octets. */
#define SHOWN(s) (int)((s).len < 60 ? (s).len : 60), ((s).p ? (s).p : "")

int nt_query_fail(struct nt_query_error *e, const struct nt_token *at, const char *suggestion,
		  const char *fmt, ...)
{
	size_t len = suggestion ? strlen(suggestion) : 0;
	va_list ap;

	*e = (struct nt_query_error){ .at = at->at, .len = at->len };
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	/* Half a suggestion would be a wrong one. */
	if (len && len < sizeof(e->suggestion))
		memcpy(e->suggestion, suggestion, len + 1);
	return -EINVAL;
}

/* The same about the whole condition, from its key to `last`. */
static int fail_condition(struct nt_query_error *e, const struct nt_query_path *path,
			  const struct nt_token *last, const char *suggestion, const char *msg)
{
	struct nt_token all = { .at = path->at, .len = last->at + last->len - path->at };

	return nt_query_fail(e, &all, suggestion, "%s", msg);
}

/* The field's name as the schema has it, for messages. */
static const char *path_name(const struct nt_query_path *path, char out[64])
{
	snprintf(out, 64, "%s%s%s", path->field->name, path->member ? "." : "",
		 path->member ? path->member->name : "");
	return out;
}

int nt_query_check_key(const struct nt_token *key, struct nt_query_path *ret_path,
		       struct nt_query_error *e)
{
	struct nt_slice name = key->text;

	if (nt_query_path_find(name, ret_path)) {
		ret_path->at = key->at;
		return 0;
	}
	if (nt_slice_caseeq(name, NT_SLICE_LIT("latency_histogram")) ||
	    nt_slice_caseeq(name, NT_SLICE_LIT("latency_sum")))
		return nt_query_fail(e, key, "latency_max", "%.*s cannot be asked for",
				     SHOWN(name));
	return nt_query_fail(e, key, nt_query_suggest_field(name), "%.*s is not a field",
			     SHOWN(name));
}

static bool ordered(enum nt_query_type type)
{
	return type <= NT_QUERY_DURATION;
}

int nt_query_check_op(const struct nt_query_path *path, enum nt_query_op op,
		      const struct nt_token *sign, struct nt_query_error *e)
{
	char name[64];

	path_name(path, name);
	if (op == NT_OP_PRESENT)
		return 0;
	if (path->whole)
		return nt_query_fail(e, sign, NULL,
				     "%s is a list of several things; compare one of them, such as "
				     "%s, or ask whether it is EMPTY",
				     name,
				     path->field->kind == NT_FIELD_SERVERS && !path->member
					     ? "servers.ip"
				     : path->field->kind == NT_FIELD_RRSETS ? "rrsets.rdata"
									    : "the label app");
	if (op == NT_OP_EQ || op == NT_OP_IN || ordered(path->type))
		return 0;
	return nt_query_fail(e, sign, "=", "%s has no order: only =, !=, IN, NOTIN and EMPTY",
			     name);
}

static struct nt_query_value int_value(int64_t i)
{
	return (struct nt_query_value){ .kind = NT_VALUE_INT, .i = i };
}

static struct nt_query_value number_value(double d)
{
	if (d > -DOUBLE_EXACT && d < DOUBLE_EXACT && (double)(int64_t)d == d)
		return int_value((int64_t)d);
	return (struct nt_query_value){ .kind = NT_VALUE_DOUBLE, .d = d };
}

static bool parse_number(struct nt_slice text, struct nt_query_value *ret)
{
	int64_t i;
	double d;

	if (nt_parse_i64(text, &i) == 0)
		*ret = int_value(i);
	else if (nt_parse_double(text, &d) == 0)
		*ret = number_value(d);
	else
		return false;
	return true;
}

static bool parse_duration(struct nt_slice text, struct nt_query_value *ret)
{
	int64_t ns;

	if (nt_parse_duration_ns(text, &ns) < 0)
		return false;
	*ret = int_value(ns);
	return true;
}

static int check_number(const struct nt_query_path *path, const struct nt_token *t,
			struct nt_query_value *ret, struct nt_query_error *e)
{
	bool duration = path->type == NT_QUERY_DURATION;
	char name[64];

	if (parse_number(t->text, ret) || (duration && parse_duration(t->text, ret)))
		return 0;
	path_name(path, name);
	if (duration)
		return nt_query_fail(e, t, "5ms",
				     "%.*s is no duration; write 5ms, 1.5s or a number "
				     "of nanoseconds",
				     SHOWN(t->text));
	return nt_query_fail(e, t, NULL, "%s is a number%s%s, and %.*s is none", name,
			     path->field->unit[0] ? " of " : "", path->field->unit, SHOWN(t->text));
}

static int check_time(const struct nt_token *t, struct nt_query_value *ret,
		      struct nt_query_error *e)
{
	char day[32];
	int64_t us;

	if (nt_parse_time_us(t->text, &us) == 0) {
		*ret = int_value(us);
		return 0;
	}
	if (t->text.len == 10) {
		snprintf(day, sizeof(day), "%.*sT00:00:00Z", NT_SLICE_ARG(t->text));
		if (nt_parse_time_us(nt_slice_str(day), &us) == 0)
			return nt_query_fail(e, t, day, "a day is no point in time");
	}
	return nt_query_fail(
		e, t, NULL, "%.*s is no time; write it with its zone, such as 2026-01-31T06:12:04Z",
		SHOWN(t->text));
}

static int check_boolean(const struct nt_query_path *path, const struct nt_token *t,
			 struct nt_query_value *ret, struct nt_query_error *e)
{
	char name[64];

	*ret = int_value(nt_slice_caseeq(t->text, NT_SLICE_LIT("true")));
	if (ret->i || nt_slice_caseeq(t->text, NT_SLICE_LIT("false")))
		return 0;
	return nt_query_fail(e, t, "true", "%s is true or false", path_name(path, name));
}

/* The same as a text pattern where a prefix ends between two numbers: 10.0.0.0/8 is 10.*. */
static void pattern_of_prefix(struct nt_slice text, char out[32])
{
	const char *slash = memchr(text.p, '/', text.len);
	size_t len = (size_t)(slash - text.p), dots = 0;
	uint64_t bits;

	out[0] = '\0';
	if (nt_parse_u64(nt_slice_mem(slash + 1, text.len - len - 1), 32, &bits) < 0 || !bits ||
	    bits % 8 || bits == 32 || memchr(text.p, ':', len))
		return;
	for (size_t i = 0; i < len && i < 16; i++) {
		dots += text.p[i] == '.';
		if (dots == bits / 8) {
			snprintf(out, 32, "\"%.*s.*\"", (int)i, text.p);
			return;
		}
	}
}

static int fail_prefix(const struct nt_query_path *path, enum nt_query_op op,
		       const struct nt_token *t, struct nt_query_error *e)
{
	static const char msg[] = "address prefixes cannot be asked for; a set takes patterns of "
				  "the address's text";
	char name[64], pattern[32], fix[128];

	pattern_of_prefix(t->text, pattern);
	if (op == NT_OP_IN || !pattern[0])
		return nt_query_fail(e, t, pattern, "%s", msg);
	snprintf(fix, sizeof(fix), "%s IN {%s}", path_name(path, name), pattern);
	return fail_condition(e, path, t, fix, msg);
}

static int check_address(const struct nt_query_path *path, enum nt_query_op op,
			 const struct nt_token *t, struct nt_arena *arena,
			 struct nt_query_value *ret, struct nt_query_error *e)
{
	char text[NT_ADDR_TEXT_MAX];
	struct nt_addr addr;

	if (nt_addr_parse(t->text, &addr) == 0) {
		ret->text = nt_arena_copy(arena, nt_slice_str(nt_addr_format(&addr, text)));
		return 0;
	}
	if (t->text.len && memchr(t->text.p, '/', t->text.len))
		return fail_prefix(path, op, t, e);
	return nt_query_fail(e, t, NULL, "%.*s is no IP address", SHOWN(t->text));
}

static int parse_mnemonic(enum nt_query_type type, struct nt_slice text, uint16_t *ret)
{
	uint64_t number;

	if (nt_parse_u64(text, UINT16_MAX, &number) == 0) {
		*ret = (uint16_t)number;
		return 0;
	}
	if (type == NT_QUERY_DNS_TYPE)
		return nt_dns_type_parse(text, ret);
	return type == NT_QUERY_DNS_CLASS ? nt_dns_class_parse(text, ret)
					  : nt_dns_rcode_parse(text, ret);
}

/* A number, a mnemonic or the generic form, to the one form that records have. */
static int check_mnemonic(const struct nt_query_path *path, const struct nt_token *t,
			  struct nt_arena *arena, struct nt_query_value *ret,
			  struct nt_query_error *e)
{
	static const char *const generic[] = { [NT_QUERY_DNS_TYPE] = "record type (or TYPE64)",
					       [NT_QUERY_DNS_CLASS] = "class (or CLASS3)",
					       [NT_QUERY_DNS_RCODE] =
						       "response code (or RCODE24)" };
	enum nt_query_type type = path->type;
	char scratch[16];
	const char *name;
	uint16_t number;

	if (parse_mnemonic(type, t->text, &number) < 0)
		return nt_query_fail(e, t, nt_query_suggest_mnemonic(type, t->text, scratch),
				     "%.*s is no %s", SHOWN(t->text), generic[type]);
	name = type == NT_QUERY_DNS_TYPE    ? nt_dns_type_name(number, scratch)
	       : type == NT_QUERY_DNS_CLASS ? nt_dns_class_name(number, scratch)
					    : nt_dns_rcode_name(number, scratch);
	ret->text = nt_arena_copy(arena, nt_slice_str(name));
	return 0;
}

static int check_enum(const struct nt_query_path *path, const struct nt_token *t,
		      struct nt_query_value *ret, struct nt_query_error *e)
{
	const struct nt_enum_value *values = (path->member ? path->member : path->field)->values;
	char name[64], list[128];
	size_t len = 0;

	for (const struct nt_enum_value *v = values; v->name; v++) {
		if (nt_slice_caseeq(nt_slice_str(v->name), t->text)) {
			ret->text = nt_slice_str(v->name);
			return 0;
		}
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", len ? ", " : "",
					v->name);
	}
	return nt_query_fail(e, t, nt_query_suggest_enum(values, t->text), "%s is one of %s",
			     path_name(path, name), list);
}

/* Fields whose names are kept without the final dot. */
static bool is_dns_name(const struct nt_query_path *path)
{
	const char *name = path->member ? path->member->name : path->field->name;

	if (path->label.p)
		return false;
	return strcmp(name, "qname") == 0 || strcmp(name, "logical_qname") == 0 ||
	       strcmp(name, "domain") == 0 ||
	       (path->field->kind == NT_FIELD_RRSETS && strcmp(name, "name") == 0);
}

/* Data of an answer is a name where the type has one, as CNAME and PTR. */
int nt_query_check_names(const struct nt_query_path *path, const struct nt_token *sign,
			 struct nt_query_error *e)
{
	char name[64];

	if (is_dns_name(path) || (path->member && strcmp(path->member->name, "rdata") == 0))
		return 0;
	return nt_query_fail(e, sign, NULL,
			     "this set has domain names, which %s is none of: it goes with qname, "
			     "logical_qname, domain, rrsets.name and rrsets.rdata",
			     path_name(path, name));
}

static int check_string(const struct nt_query_path *path, enum nt_query_op op,
			const struct nt_token *t, struct nt_query_value *ret,
			struct nt_query_error *e)
{
	char name[64], fix[128];
	struct nt_slice s = t->text;

	path_name(path, name);
	if (!s.len && !path->label.p) {
		static const char msg[] = "what is missing is not \"\" but EMPTY";

		if (op == NT_OP_IN)
			return nt_query_fail(e, t, NULL, "%s", msg);
		snprintf(fix, sizeof(fix), "%s EMPTY", name);
		return fail_condition(e, path, t, fix, msg);
	}
	if (is_dns_name(path) && s.len > 1 && s.p[s.len - 1] == '.') {
		snprintf(fix, sizeof(fix), "\"%.*s\"", s.len < 100 ? (int)s.len - 1 : 0, s.p);
		return nt_query_fail(e, t, s.len < 100 ? fix : NULL,
				     "%s is kept without the final dot", name);
	}
	ret->text = s;
	return 0;
}

static bool has_wildcard(struct nt_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] == '*' || s.p[i] == '?')
			return true;
	return false;
}

/* For LIKE ... ESCAPE '\': * is %, ? is _, and what LIKE would take for these is escaped. */
static struct nt_slice like_of(struct nt_slice s, struct nt_arena *arena)
{
	char *p = nt_arena_alloc(arena, s.len * 2 + 1);
	size_t n = 0;

	for (size_t i = 0; p && i < s.len; i++) {
		char c = s.p[i];

		if (c == '%' || c == '_' || c == '\\')
			p[n++] = '\\';
		p[n++] = (char)(c == '*' ? '%' : c == '?' ? '_' : c);
	}
	return nt_slice_mem(p, n);
}

static int check_pattern(const struct nt_query_path *path, const struct nt_token *t,
			 struct nt_arena *arena, struct nt_query_value *ret,
			 struct nt_query_error *e)
{
	char name[64];

	if (path->type >= NT_QUERY_INTEGER && path->type <= NT_QUERY_BOOLEAN)
		return nt_query_fail(e, t, NULL, "* and ? compare text, and %s is %s",
				     path_name(path, name),
				     path->type == NT_QUERY_TIME      ? "a time"
				     : path->type == NT_QUERY_BOOLEAN ? "true or false"
								      : "a number");
	ret->kind = NT_VALUE_PATTERN;
	ret->text = t->text;
	ret->like = like_of(t->text, arena);
	return 0;
}

int nt_query_check_value(const struct nt_query_path *path, enum nt_query_op op,
			 const struct nt_token *t, struct nt_arena *arena,
			 struct nt_query_value *ret_value, struct nt_query_error *e)
{
	*ret_value = (struct nt_query_value){ .kind = NT_VALUE_TEXT };
	if (op == NT_OP_IN && has_wildcard(t->text))
		return check_pattern(path, t, arena, ret_value, e);
	switch (path->type) {
	case NT_QUERY_INTEGER:
	case NT_QUERY_DURATION:
		return check_number(path, t, ret_value, e);
	case NT_QUERY_TIME:
		return check_time(t, ret_value, e);
	case NT_QUERY_BOOLEAN:
		return check_boolean(path, t, ret_value, e);
	case NT_QUERY_ADDRESS:
		return check_address(path, op, t, arena, ret_value, e);
	case NT_QUERY_DNS_TYPE:
	case NT_QUERY_DNS_CLASS:
	case NT_QUERY_DNS_RCODE:
		return check_mnemonic(path, t, arena, ret_value, e);
	case NT_QUERY_ENUM:
		return check_enum(path, t, ret_value, e);
	default:
		return check_string(path, op, t, ret_value, e);
	}
}

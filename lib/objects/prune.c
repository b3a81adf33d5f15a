/* SPDX-License-Identifier: Apache-2.0 */
/* Members that nobody reads are stepped over. */
#include "lib/objects/prune.h"

/* The API's own objects have less than ten. */
enum { DEPTH_MAX = 64 };

/* Members that are kept of a mapping, of each one in a list. below NULL: the whole value. */
struct keep {
	const char *key;
	const struct keep *below;
};

/* The names of these stand in forms.c, compact.c and page.c; of all kinds together. */
static const struct keep annotations[] = { { "kubernetes.io/config.hash", NULL }, { 0 } };
static const struct keep metadata[] = { { "name", NULL },
					{ "namespace", NULL },
					{ "uid", NULL },
					{ "resourceVersion", NULL },
					{ "continue", NULL },
					{ "labels", NULL },
					{ "ownerReferences", NULL },
					{ "creationTimestamp", NULL },
					{ "deletionTimestamp", NULL },
					{ "annotations", annotations },
					{ 0 } };
static const struct keep spec[] = { { "nodeName", NULL },   { "hostNetwork", NULL },
				    { "dnsPolicy", NULL },  { "dnsConfig", NULL },
				    { "selector", NULL },   { "clusterIP", NULL },
				    { "clusterIPs", NULL }, { "ports", NULL },
				    { "type", NULL },	    { "externalName", NULL },
				    { "podCIDRs", NULL },   { 0 } };
static const struct keep status[] = { { "phase", NULL },     { "podIP", NULL },
				      { "podIPs", NULL },    { "startTime", NULL },
				      { "addresses", NULL }, { 0 } };
static const struct keep item[] = { { "metadata", metadata },
				    { "spec", spec },
				    { "status", status },
				    { "kind", NULL },
				    { "apiVersion", NULL },
				    { "endpoints", NULL },
				    { "ports", NULL },
				    { "subsets", NULL },
				    { "code", NULL },
				    { "message", NULL },
				    { 0 } };
static const struct keep root[] = {
	{ "metadata", metadata }, { "items", item }, { "type", NULL }, { "object", item }, { 0 }
};

struct scan {
	const char *p, *end;
	struct nt_buf *out;
	int depth;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The next octet that is no blank; '\0' at the end. */
static char next(struct scan *s)
{
	while (s->p < s->end && is_blank(*s->p))
		s->p++;
	return s->p < s->end ? *s->p : '\0';
}

/* From the quote on to behind the other one. */
static bool skip_string(struct scan *s)
{
	const char *first = s->p + 1, *at = first;

	while ((at = memchr(at, '"', (size_t)(s->end - at)))) {
		const char *back = at;

		while (back > first && back[-1] == '\\')
			back--;
		at++;
		if ((at - back) % 2 == 1) {
			s->p = at;
			return true;
		}
	}
	return false;
}

/* Mapping or list: brackets are counted, which of them is jansson's to check where it matters. */
static bool skip_nested(struct scan *s)
{
	int depth = 0;

	while (s->p < s->end) {
		switch (*s->p) {
		case '"':
			if (!skip_string(s))
				return false;
			continue;
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			if (--depth == 0) {
				s->p++;
				return true;
			}
			break;
		default:
			break;
		}
		s->p++;
	}
	return false;
}

static bool skip_value(struct scan *s)
{
	const char *first;
	char c = next(s);

	if (c == '"')
		return skip_string(s);
	if (c == '{' || c == '[')
		return skip_nested(s);
	first = s->p;
	while (s->p < s->end && !is_blank(*s->p) && !strchr(",]}:", *s->p))
		s->p++;
	return s->p > first;
}

/* One value as it is. */
static bool copy_value(struct scan *s)
{
	const char *first;

	(void)next(s);
	first = s->p;
	if (!skip_value(s))
		return false;
	nt_buf_add(s->out, first, (size_t)(s->p - first));
	return true;
}

static const struct keep *find(const struct keep *keep, struct nt_slice key)
{
	for (; keep->key; keep++)
		if (nt_slice_eq(key, nt_slice_str(keep->key)))
			return keep;
	return NULL;
}

static bool prune(struct scan *s, const struct keep *keep);

/* A key and its value; *ret_kept: something was written, behind a comma where `comma` says so. */
static bool prune_member(struct scan *s, const struct keep *keep, bool comma, bool *ret_kept)
{
	const char *first = s->p;
	const struct keep *found;

	if (next(s) != '"' || !skip_string(s))
		return false;
	found = find(keep, nt_slice_mem(first + 1, (size_t)(s->p - first) - 2));
	*ret_kept = found != NULL;
	if (found) {
		if (comma)
			nt_buf_putc(s->out, ',');
		nt_buf_add(s->out, first, (size_t)(s->p - first));
		nt_buf_putc(s->out, ':');
	}
	if (next(s) != ':')
		return false;
	s->p++;
	if (!found)
		return skip_value(s);
	return found->below ? prune(s, found->below) : copy_value(s);
}

/* Items or members, each by one(), between the bracket that stands here and `close`. */
static bool prune_all(struct scan *s, const struct keep *keep, char close)
{
	bool comma = false, kept = true;

	nt_buf_putc(s->out, *s->p++);
	while (next(s) != close) {
		if (close == ']') {
			if (comma)
				nt_buf_putc(s->out, ',');
			if (!prune(s, keep))
				return false;
		} else if (!prune_member(s, keep, comma, &kept)) {
			return false;
		}
		comma = comma || kept;
		if (next(s) == ',')
			s->p++;
		else if (next(s) != close)
			return false;
	}
	nt_buf_putc(s->out, *s->p++);
	return true;
}

static bool prune(struct scan *s, const struct keep *keep)
{
	char c = next(s);
	bool good;

	if (c != '{' && c != '[')
		return copy_value(s);
	if (s->depth == DEPTH_MAX)
		return false;
	s->depth++;
	good = prune_all(s, keep, c == '{' ? '}' : ']');
	s->depth--;
	return good;
}

int nt_prune(struct nt_slice text, struct nt_buf *out)
{
	struct scan s = { .p = text.p, .end = text.p + text.len, .out = out };

	if (!text.len || !prune(&s, root) || next(&s) != '\0')
		return -EBADMSG;
	return 0;
}

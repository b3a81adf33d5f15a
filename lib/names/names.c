/* SPDX-License-Identifier: Apache-2.0 */
/* Scope, logical name, registrable domain and Service of a name. */
#include "lib/names/names.h"

#include <libpsl.h>

#include "lib/base/cleanup.h"
#include "lib/base/hash.h"

/* A name of 253 octets, each as \DDD, with its dots and a NUL (lib/dns/name.h). */
enum { NAME_TEXT_MAX = 1024, CLUSTER_DOMAIN_MAX = 253 };

/*
 * What the list said of a name: libpsl asks its automaton once for each label, which costs more
 * than all the rest of a lookup. A name has a few places that it can be in; a new one replaces the
 * one that came there first. Longer names go without.
 */
enum { SETS = 2048, PLACES = 4, ANSWER_MAX = 62 };
struct answer {
	uint8_t len; /* of text; 0: free */
	uint8_t domain_len; /* the registrable domain that it ends in */
	char text[ANSWER_MAX];
};
struct answers {
	struct answer places[PLACES];
	uint8_t oldest;
};

struct nt_names {
	char cluster_domain[CLUSTER_DOMAIN_MAX + 1];
	size_t cluster_domain_len;
	const psl_ctx_t *psl; /* built into libpsl, never freed */
	struct answers sets[SETS];
};

static bool domain_octet(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Lower case, no dot at the end, no empty label. */
static int set_cluster_domain(struct nt_names *n, const char *text, struct nt_err *err)
{
	struct nt_slice s = nt_slice_str(text);

	if (s.len && s.p[s.len - 1] == '.')
		s.len--;
	if (!s.len || s.len > CLUSTER_DOMAIN_MAX)
		return nt_err_set(err, EINVAL, "cluster domain \"%.300s\" has no usable length",
				  text ? text : "");
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		bool dot_in_place = c == '.' && i && i + 1 < s.len && s.p[i - 1] != '.';

		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		if (!dot_in_place && !domain_octet(c))
			return nt_err_set(err, EINVAL, "cluster domain \"%s\" is no domain name",
					  text);
		n->cluster_domain[i] = c;
	}
	n->cluster_domain_len = s.len;
	return 0;
}

int nt_names_new(const char *cluster_domain, struct nt_names **ret_names, struct nt_err *err)
{
	_cleanup_free_ struct nt_names *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return nt_err_set(err, ENOMEM, "no memory for names");
	r = set_cluster_domain(n, cluster_domain, err);
	if (r < 0)
		return r;
	n->psl = psl_builtin();
	if (!n->psl)
		return nt_err_set(err, ENOTSUP, "libpsl was built without a public suffix list");
	*ret_names = NT_TAKE_PTR(n);
	return 0;
}

void nt_names_free(struct nt_names *n)
{
	free(n);
}

/* True when name is `left`.`suffix`; left is not empty then. Dots within a label are \046 in the
 * text, so a dot is always a boundary. */
static bool split_suffix(struct nt_slice name, struct nt_slice suffix, struct nt_slice *ret_left)
{
	size_t left_len;

	if (name.len < suffix.len + 2)
		return false;
	left_len = name.len - suffix.len - 1;
	if (name.p[left_len] != '.' ||
	    !nt_slice_caseeq(nt_slice_mem(name.p + left_len + 1, suffix.len), suffix))
		return false;
	*ret_left = nt_slice_mem(name.p, left_len);
	return true;
}

/* Takes the rightmost label off *name; an empty one when nothing is left. */
static struct nt_slice pop_label(struct nt_slice *name)
{
	const char *dot = name->len ? memrchr(name->p, '.', name->len) : NULL;
	struct nt_slice label = *name;

	if (!dot) {
		*name = nt_slice_mem(name->p, 0);
		return label;
	}
	label = nt_slice_mem(dot + 1, (size_t)(name->p + name->len - dot - 1));
	name->len = (size_t)(dot - name->p);
	return label;
}

/* RFC 1123 label: what a Service, a namespace or a pod's host name can be called. */
static bool is_object_label(struct nt_slice s)
{
	if (!s.len || s.len > 63 || s.p[0] == '-' || s.p[s.len - 1] == '-')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!domain_octet(s.p[i]) || s.p[i] == '_')
			return false;
	return true;
}

static bool is_srv_label(struct nt_slice s)
{
	return s.len > 1 && s.p[0] == '_' && is_object_label(nt_slice_mem(s.p + 1, s.len - 1));
}

/* What stands before .svc.<cluster domain>: name.ns, host.name.ns, _port._proto.name.ns. */
static bool parse_service(struct nt_slice before_svc, struct nt_name_class *c)
{
	struct nt_slice ns = pop_label(&before_svc), name = pop_label(&before_svc);
	struct nt_slice first = pop_label(&before_svc), second = pop_label(&before_svc);
	bool bare = !first.len, pod = is_object_label(first) && !second.len;
	bool srv = is_srv_label(first) && is_srv_label(second);

	if (!is_object_label(ns) || !is_object_label(name) || before_svc.len ||
	    !(bare || pod || srv))
		return false;
	c->service_namespace = ns;
	c->service_name = name;
	return true;
}

/* Can what stands before the cluster domain be a name that Kubernetes makes there? */
static bool parse_cluster_name(struct nt_slice before, struct nt_name_class *c)
{
	struct nt_slice kind = pop_label(&before);

	if (nt_slice_eq(kind, NT_SLICE_LIT("svc")))
		return parse_service(before, c);
	if (!nt_slice_eq(kind, NT_SLICE_LIT("pod")))
		return false;
	return is_object_label(pop_label(&before)) && is_object_label(pop_label(&before)) &&
	       !before.len;
}

/* Length of the longest suffix of the list that name ends in; 0: none. */
static size_t longest_search(struct nt_slice name, const char *searches)
{
	struct nt_slice left;
	size_t longest = 0;

	for (const char *p = searches; *p;) {
		struct nt_slice suffix = nt_slice_mem(p, (size_t)(strchrnul(p, ' ') - p));

		p += suffix.len + (p[suffix.len] == ' ');
		if (suffix.len && suffix.p[suffix.len - 1] == '.')
			suffix.len--;
		if (suffix.len > longest && split_suffix(name, suffix, &left))
			longest = suffix.len;
	}
	return longest;
}

static bool is_tld(const struct nt_names *n, struct nt_slice label)
{
	char text[64];

	if (!label.len || label.len >= sizeof(text))
		return false;
	memcpy(text, label.p, label.len);
	text[label.len] = '\0';
	return psl_is_public_suffix2(n->psl, text, PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE);
}

/* Without the pod's list: which of the three usual suffixes (<ns>.svc.D, svc.D, D) did the resolver
 * put behind the name? `before` stands before D and is no name of Kubernetes. */
static struct nt_slice unwalk(const struct nt_names *n, struct nt_slice before)
{
	struct nt_slice rest = before, left, last;

	if (!nt_slice_eq(pop_label(&rest), NT_SLICE_LIT("svc")) || !rest.len)
		return before;
	left = rest;
	last = pop_label(&left);
	if (!left.len)
		return rest;
	/* www.example.com.svc.D: the label before svc is the name's own last one, no namespace. */
	if (is_tld(n, last)) {
		struct nt_slice copy = left;

		if (!is_tld(n, pop_label(&copy)))
			return rest;
	}
	return left;
}

/* `<one label>.svc.<cluster domain>`: the first suffix of a pod's list. */
static bool is_namespace_suffix(const struct nt_names *n, struct nt_slice suffix)
{
	struct nt_slice domain = nt_slice_mem(n->cluster_domain, n->cluster_domain_len), before;

	return split_suffix(suffix, domain, &before) &&
	       nt_slice_caseeq(pop_label(&before), NT_SLICE_LIT("svc")) && pop_label(&before).len &&
	       !before.len;
}

struct question {
	struct nt_slice name;
	bool found; /* NXDOMAIN is told by the suffix alone */
	bool has_list; /* the pod has a search list */
	size_t suffix_len; /* of its longest suffix that the name ends in; 0: in none */
	bool in_cluster; /* below the cluster domain */
	bool possible; /* in_cluster, and Kubernetes could have made it */
	struct nt_slice before; /* the cluster domain; when in_cluster */
};

/* The name without the search list's suffix. */
static struct nt_slice left_of(const struct question *q)
{
	return nt_slice_mem(q->name.p, q->name.len - q->suffix_len - 1);
}

/* Did the resolver's walk make this name? README.md has the rules and their reasons. */
static bool find_search(const struct nt_names *n, const struct question *q,
			struct nt_slice *ret_logical)
{
	struct nt_slice left, suffix, unused;

	if (!q->has_list) {
		if (!q->in_cluster || q->possible || q->found)
			return false;
		*ret_logical = unwalk(n, q->before);
		return true;
	}
	if (!q->suffix_len)
		return false;
	left = left_of(q);
	suffix = nt_slice_mem(q->name.p + left.len + 1, q->suffix_len);
	/* A whole cluster name with something behind it is nobody's own name. */
	if (!split_suffix(left, nt_slice_mem(n->cluster_domain, n->cluster_domain_len), &unused) &&
	    (!q->in_cluster || q->possible || (q->found && !is_namespace_suffix(n, suffix))))
		return false;
	*ret_logical = left;
	return true;
}

static bool is_or_below(struct nt_slice name, struct nt_slice domain)
{
	struct nt_slice left;

	return nt_slice_eq(name, domain) || split_suffix(name, domain, &left);
}

/* Length of the registrable domain that name ends in; a public suffix, a single label and the root
 * are their own. */
static size_t ask_list(const struct nt_names *n, struct nt_slice name)
{
	char text[NAME_TEXT_MAX];
	const char *domain;

	if (name.len >= sizeof(text))
		return name.len;
	memcpy(text, name.p, name.len);
	text[name.len] = '\0';
	domain = psl_registrable_domain(n->psl, text);
	return domain ? name.len - (size_t)(domain - text) : name.len;
}

static size_t ask(struct nt_names *n, struct nt_slice name)
{
	/* Who makes names collide only has them asked again: no secret is needed. */
	static const struct nt_hash_key key = { { 0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9,
						  0x94d049bb133111eb } };
	struct answers *set;
	struct answer *a;

	if (!name.len || name.len > ANSWER_MAX)
		return ask_list(n, name);
	set = &n->sets[nt_hash(&key, 0, name) % SETS];
	for (size_t i = 0; i < PLACES; i++) {
		a = &set->places[i];
		if (nt_slice_eq(nt_slice_mem(a->text, a->len), name))
			return a->domain_len;
	}
	a = &set->places[set->oldest];
	set->oldest = (set->oldest + 1) % PLACES;
	a->len = (uint8_t)name.len;
	a->domain_len = (uint8_t)ask_list(n, name);
	memcpy(a->text, name.p, name.len);
	return a->domain_len;
}

static struct nt_slice registrable(struct nt_names *n, struct nt_slice name)
{
	size_t len = ask(n, name);

	return nt_slice_mem(name.p + name.len - len, len);
}

struct nt_name_class nt_names_classify(struct nt_names *n, struct nt_slice qname,
				       const char *searches, bool found, bool not_found)
{
	struct nt_slice domain = nt_slice_mem(n->cluster_domain, n->cluster_domain_len);
	struct nt_name_class c = { .scope = NT_SCOPE_EXTERNAL, .logical = qname }, as_cluster = c;
	struct question q = { .name = qname, .found = found };

	while (searches && *searches == ' ')
		searches++;
	q.has_list = searches && *searches;
	q.suffix_len = q.has_list ? longest_search(qname, searches) : 0;
	if (q.suffix_len && not_found) /* most steps of most walks */
		return (struct nt_name_class){ .scope = NT_SCOPE_SEARCH, .logical = left_of(&q) };
	q.in_cluster = split_suffix(qname, domain, &q.before);
	q.possible = q.in_cluster && parse_cluster_name(q.before, &as_cluster);
	if (find_search(n, &q, &c.logical)) {
		c.scope = NT_SCOPE_SEARCH;
	} else if (q.in_cluster || nt_slice_eq(qname, domain)) {
		c = as_cluster;
		c.scope = NT_SCOPE_CLUSTER;
	} else if (is_or_below(qname, NT_SLICE_LIT("in-addr.arpa")) ||
		   is_or_below(qname, NT_SLICE_LIT("ip6.arpa"))) {
		c.scope = NT_SCOPE_REVERSE;
	} else {
		c.domain = registrable(n, qname);
	}
	return c;
}

struct nt_slice nt_names_under(const struct nt_names *n, const struct nt_record *r)
{
	size_t logical = r->logical_qname.len;

	switch (r->scope) {
	case NT_SCOPE_SEARCH:
		if (logical + 1 < r->qname.len)
			return nt_slice_mem(r->qname.p + logical + 1, r->qname.len - logical - 1);
		break;
	case NT_SCOPE_CLUSTER:
		return nt_slice_mem(n->cluster_domain, n->cluster_domain_len);
	case NT_SCOPE_REVERSE:
		return is_or_below(r->qname, NT_SLICE_LIT("ip6.arpa"))
			       ? NT_SLICE_LIT("ip6.arpa")
			       : NT_SLICE_LIT("in-addr.arpa");
	case NT_SCOPE_EXTERNAL:
		if (r->domain.len > 1 && memchr(r->domain.p, '.', r->domain.len))
			return r->domain;
		break;
	case NT_SCOPE_NONE:
		break;
	}
	return (struct nt_slice){ 0 };
}

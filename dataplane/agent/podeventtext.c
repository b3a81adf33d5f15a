/* SPDX-License-Identifier: Apache-2.0 */
/* An Event as text. */
#include "dataplane/agent/podeventtext.h"

#include "lib/base/date.h"
#include "lib/base/escape.h"

#define US_PER_S 1000000
/* Limits of events.k8s.io/v1 (pkg/apis/core/validation/events.go). */
#define INSTANCE_MAX 128
#define NOTE_MAX 1024
#define UID_MAX 128
/* Leaves room for the hash in a name of 253. */
#define NAME_MAX_CUT 200

/* FNV-1a over the texts, each with its end. */
static uint64_t mix(uint64_t hash, struct nt_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		hash = (hash ^ (unsigned char)s.p[i]) * 0x100000001b3u;
	return (hash ^ 0xff) * 0x100000001b3u;
}

uint64_t nt_podeventtext_key(const struct nt_batch_endpoint *pod)
{
	uint64_t hash = 0xcbf29ce484222325u;

	hash = mix(hash, pod->namespace_);
	hash = mix(hash, pod->name);
	hash = mix(hash, pod->uid);
	hash = mix(hash, pod->reason);
	return hash ? hash : 1;
}

/* They go into a path: lower-case letters, digits, hyphens (and dots), at the ends no hyphen. */
static bool is_name(struct nt_slice s, size_t max, bool dots)
{
	if (!s.len || s.len > max)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		bool alnum = (s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9');
		bool inner = i > 0 && i < s.len - 1 && (s.p[i] == '-' || (dots && s.p[i] == '.'));

		if (!alnum && !inner)
			return false;
	}
	return true;
}

static void put(struct nt_buf *b, const char *key, struct nt_slice value)
{
	nt_buf_printf(b, ",\"%s\":", key);
	nt_escape_json_string(b, value);
}

static void put_time(struct nt_buf *b, int64_t now_us)
{
	struct nt_date d = nt_date_of(now_us / US_PER_S);

	nt_buf_printf(b, ",\"eventTime\":\"%04lld-%02u-%02uT%02u:%02u:%02u.%06lldZ\"",
		      (long long)d.year, d.month, d.day, d.hour, d.minute, d.second,
		      (long long)(now_us % US_PER_S));
}

static void put_name(struct nt_buf *b, const struct nt_batch_endpoint *pod)
{
	struct nt_slice name = pod->name;

	if (name.len > NAME_MAX_CUT)
		name.len = NAME_MAX_CUT;
	while (name.len && (name.p[name.len - 1] == '-' || name.p[name.len - 1] == '.'))
		name.len--;
	nt_buf_printf(b, "\"metadata\":{\"name\":\"%.*s.", NT_SLICE_ARG(name));
	nt_buf_hex(b, nt_podeventtext_key(pod), 16);
	nt_buf_putc(b, '"');
	put(b, "namespace", pod->namespace_);
	nt_buf_putc(b, '}');
}

static void put_pod(struct nt_buf *b, const struct nt_batch_endpoint *pod)
{
	nt_buf_puts(b, ",\"regarding\":{\"apiVersion\":\"v1\",\"kind\":\"Pod\"");
	put(b, "namespace", pod->namespace_);
	put(b, "name", pod->name);
	if (pod->uid.len && pod->uid.len <= UID_MAX)
		put(b, "uid", pod->uid);
	nt_buf_putc(b, '}');
}

/* The limit is in octets of UTF-8; escaped as the log has it, it is ASCII. */
static void put_note(struct nt_buf *b, const struct nt_batch_endpoint *pod)
{
	_cleanup_buf_ struct nt_buf note = { 0 };
	struct nt_slice text;

	nt_buf_printf(&note, "DNS of %.*s is not in the log: ", NT_SLICE_ARG(pod->ifname));
	nt_escape_terminal(&note, pod->reason);
	text = nt_slice_mem(note.p, note.len);
	if (text.len > NOTE_MAX)
		text.len = NOTE_MAX;
	put(b, "note", text);
}

int nt_podeventtext_format(const struct nt_batch_endpoint *pod, const char *node, int64_t now_us,
			   struct nt_buf *ret_path, struct nt_buf *ret_body)
{
	struct nt_slice instance = nt_slice_str(node);

	if (!is_name(pod->namespace_, 63, false) || !is_name(pod->name, 253, true))
		return -EINVAL;
	if (instance.len > INSTANCE_MAX)
		instance.len = INSTANCE_MAX;
	nt_buf_printf(ret_path, "/apis/events.k8s.io/v1/namespaces/%.*s/events",
		      NT_SLICE_ARG(pod->namespace_));
	nt_buf_puts(ret_body, "{\"apiVersion\":\"events.k8s.io/v1\",\"kind\":\"Event\",");
	put_name(ret_body, pod);
	put_time(ret_body, now_us);
	put(ret_body, "type", NT_SLICE_LIT("Warning"));
	put(ret_body, "reason", NT_SLICE_LIT("NotTapped"));
	put(ret_body, "action", NT_SLICE_LIT("Attach"));
	put(ret_body, "reportingController", NT_SLICE_LIT("nametap.io/agent"));
	put(ret_body, "reportingInstance", instance);
	put_pod(ret_body, pod);
	put_note(ret_body, pod);
	nt_buf_putc(ret_body, '}');
	return nt_buf_ok(ret_path) && nt_buf_ok(ret_body) ? 0 : -ENOMEM;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints batches as lines of JSON: batchdump FILE... Each file is the body of one upload; per batch
 * one {"batch":{...}} line, then {"record":{...}}, {"range":{...}} and {"endpoint":{...}} lines.
 * Exit 1 at the first file that is no whole batch.
 */
#include <fcntl.h>
#include <stdio.h>

#include "lib/base/cleanup.h"
#include "lib/base/escape.h"
#include "lib/base/file.h"
#include "lib/record/batch.h"
#include "lib/record/codec.h"

static void put_text(struct nt_buf *out, const char *key, struct nt_slice value)
{
	nt_buf_printf(out, ",\"%s\":", key);
	nt_escape_json_string(out, value);
}

static void put_number(struct nt_buf *out, const char *key, uint64_t value)
{
	nt_buf_printf(out, ",\"%s\":%llu", key, (unsigned long long)value);
}

static void put_head(const struct nt_batch *b, struct nt_buf *out)
{
	nt_buf_printf(out, "{\"batch\":{\"seq\":%llu", (unsigned long long)b->seq);
	put_text(out, "node", b->node);
	put_text(out, "spool", b->spool);
	put_number(out, "created_us", (uint64_t)b->created_us);
	put_number(out, "records", b->records_len);
	nt_buf_puts(out, "}}\n");
}

static void put_range(const struct nt_batch_range *r, struct nt_buf *out)
{
	nt_buf_printf(out, "{\"range\":{\"ep_id\":%llu", (unsigned long long)r->ep_id);
	put_number(out, "epoch", r->epoch);
	put_number(out, "cpu", r->cpu);
	put_number(out, "dir", r->dir);
	put_number(out, "from", r->from);
	put_number(out, "to", r->to);
	nt_buf_puts(out, "}}\n");
}

static void put_endpoint(const struct nt_batch_endpoint *e, struct nt_buf *out)
{
	nt_buf_printf(out, "{\"endpoint\":{\"ep_id\":%llu", (unsigned long long)e->ep_id);
	put_number(out, "state", e->state);
	put_text(out, "namespace", e->namespace_);
	put_text(out, "name", e->name);
	put_text(out, "uid", e->uid);
	put_text(out, "container_id", e->container_id);
	put_text(out, "ifname", e->ifname);
	put_number(out, "role", e->role);
	put_number(out, "origin", e->origin);
	put_number(out, "dns", e->dns);
	put_number(out, "hook", e->hook);
	put_number(out, "since_us", (uint64_t)e->since_us);
	put_number(out, "until_us", (uint64_t)e->until_us);
	put_number(out, "seen", e->seen);
	put_number(out, "logged", e->logged);
	put_number(out, "unlogged", e->unlogged);
	put_number(out, "before_tap", e->before_tap);
	put_number(out, "stream", e->stream);
	put_text(out, "reason", e->reason);
	nt_buf_puts(out, "}}\n");
}

static void put_gap(const struct nt_batch_gap *g, struct nt_buf *out)
{
	nt_buf_printf(out, "{\"gap\":{\"ep_id\":%llu", (unsigned long long)g->ep_id);
	put_number(out, "from_us", (uint64_t)g->from_us);
	put_number(out, "to_us", (uint64_t)g->to_us);
	put_text(out, "reason", g->reason);
	nt_buf_puts(out, "}}\n");
}

static void put_address(const struct nt_batch_address *a, struct nt_buf *out)
{
	char ip[NT_ADDR_TEXT_MAX];

	nt_buf_printf(out, "{\"address\":{\"ep_id\":%llu", (unsigned long long)a->ep_id);
	put_text(out, "ip", nt_slice_str(nt_addr_format(&a->ip, ip)));
	put_number(out, "since_us", (uint64_t)a->since_us);
	put_number(out, "until_us", (uint64_t)a->until_us);
	nt_buf_puts(out, "}}\n");
}

static void put_batch(const struct nt_batch *b, struct nt_buf *out)
{
	put_head(b, out);
	for (size_t i = 0; i < b->records_len; i++) {
		nt_buf_puts(out, "{\"record\":");
		nt_record_json(&b->records[i], out);
		nt_buf_puts(out, "}\n");
	}
	for (size_t i = 0; i < b->ranges_len; i++)
		put_range(&b->ranges[i], out);
	for (size_t i = 0; i < b->endpoints_len; i++)
		put_endpoint(&b->endpoints[i], out);
	for (size_t i = 0; i < b->gaps_len; i++)
		put_gap(&b->gaps[i], out);
	for (size_t i = 0; i < b->addresses_len; i++)
		put_address(&b->addresses[i], out);
}

static int dump(const char *path, struct nt_err *err)
{
	_cleanup_arena_ struct nt_arena arena = NT_ARENA((size_t)1 << 30);
	_cleanup_buf_ struct nt_buf wire = { 0 }, out = { 0 };
	struct nt_batch b;
	int r = nt_file_read_at(AT_FDCWD, path, NT_BATCH_BYTES_MAX, &wire, err);

	if (r == 0)
		r = nt_batch_decode(nt_slice_mem(wire.p, wire.len), &arena, &b, err);
	if (r < 0)
		return r;
	put_batch(&b, &out);
	fwrite(nt_buf_str(&out), 1, out.len, stdout);
	return nt_buf_ok(&out) ? 0 : nt_err_set(err, ENOMEM, "no memory");
}

int main(int argc, char **argv)
{
	struct nt_err err;

	for (int i = 1; i < argc; i++) {
		if (dump(argv[i], &err) < 0) {
			fprintf(stderr, "batchdump: %s: %s\n", argv[i], err.msg);
			return 1;
		}
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Names under workloads: merged, and within the bounds of memory and of names. */
#include "controller/policies/ledger.h"
#include "tests/unit/policies_stage.h"

static struct nt_ledger ledger;
static const struct nt_plan_picks nothing;

static struct nt_ledger_workload *workload(const char *name)
{
	struct nt_record r = lookup("a.test", 0);

	r.client_workload_name = nt_slice_str(name);
	return nt_ledger_workload(&ledger, &r, &nothing);
}

START_TEST(what_differs_is_kept_apart)
{
	struct nt_record r = lookup("x.a.test", 5);
	struct nt_ledger_workload *w;
	struct nt_slice none = { 0 };

	ck_assert_int_eq(nt_ledger_init(&ledger, 1 << 20, 100, &err), 0);
	w = workload("web");
	ck_assert_ptr_eq(workload("web"), w);
	ck_assert_ptr_ne(workload("api"), w);
	ck_assert(nt_ledger_count(&ledger, w, &r, none));
	r.start_us -= 3;
	r.count = 4;
	ck_assert(nt_ledger_count(&ledger, w, &r, none));
	ck_assert_uint_eq(ledger.names.len, 1);
	ck_assert_uint_eq(ledger.first_name->count.lookups, 5);
	ck_assert_int_eq(ledger.first_name->count.first_us, T0_US + 2);
	ck_assert(nt_ledger_count(&ledger, workload("api"), &r, none));
	ck_assert(nt_ledger_count(&ledger, w, &r, nt_slice_mem(r.qname.p + 2, 6)));
	ck_assert(nt_slice_eq(ledger.first_name->search, NT_SLICE_LIT("a.test")));
	r.transport = 6;
	ck_assert(nt_ledger_count(&ledger, w, &r, none));
	r.folded = 1;
	ck_assert(nt_ledger_count(&ledger, w, &r, none));
	ck_assert_uint_eq(ledger.names.len, 5);
	nt_ledger_done(&ledger);
}
END_TEST

START_TEST(room_is_bounded)
{
	struct nt_ledger_workload *w;
	char name[64];
	size_t kept = 0;

	ck_assert_int_eq(nt_ledger_init(&ledger, 64 << 10, 50, &err), 0);
	w = workload("web");
	for (int i = 0; i < 60; i++) {
		struct nt_record r;

		snprintf(name, sizeof(name), "n%d.test", i);
		r = lookup(name, 0);
		kept += nt_ledger_count(&ledger, w, &r, (struct nt_slice){ 0 });
	}
	ck_assert_uint_eq(kept, 50);
	for (int i = 0; i < 10000 && w; i++) {
		snprintf(name, sizeof(name), "w%d", i);
		w = workload(name);
	}
	ck_assert_ptr_null(w); /* memory's bound */
	ck_assert_uint_le(ledger.arena.used_bytes, 64 << 10);
	nt_ledger_done(&ledger);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("ledger");

	tcase_add_test(tc, what_differs_is_kept_apart);
	tcase_add_test(tc, room_is_bounded);
	return store_run("ledger", tc);
}

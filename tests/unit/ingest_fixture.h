/* SPDX-License-Identifier: Apache-2.0 */
/* An ingest with a folder of objects, over the store of store_fixture.h. */
#pragma once

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/ingest/ingest.h"
#include "lib/base/clock.h"
#include "lib/objects/objects.h"
#include "tests/unit/store_fixture.h"

static char objects_folder[128], objects_file[160];
static struct nt_objects *objects;
static struct nt_enrich *enrich;
static struct nt_clock objects_clock;

static inline struct nt_ingest *new_enriching(void)
{
	struct nt_ingest *i = NULL;

	snprintf(objects_folder, sizeof(objects_folder), "%s/objects", folder);
	snprintf(objects_file, sizeof(objects_file), "%s/a.yaml", objects_folder);
	ck_assert_int_eq(mkdir(objects_folder, 0700), 0);
	objects_clock = nt_clock_virtual(0, (T0_US + 5000000) * NT_NS_PER_US);
	ck_assert_int_eq(nt_objects_open_dir(objects_folder, &objects, &err), 0);
	ck_assert_int_eq(nt_enrich_new(objects, &objects_clock, &enrich, &err), 0);
	ck_assert_int_eq(nt_ingest_new(store, objects, enrich, &i, &err), 0);
	return i;
}

static inline void free_enriching(struct nt_ingest *i)
{
	nt_ingest_free(i);
	nt_enrich_free(enrich);
	nt_objects_free(objects);
	(void)unlink(objects_file);
	(void)rmdir(objects_folder);
}

static inline void put_objects(struct nt_ingest *i, const char *text)
{
	FILE *f = fopen(objects_file, "we");

	ck_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
	ck_assert_int_eq(nt_ingest_poll_objects(i, &err), 0);
}

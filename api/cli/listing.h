/* SPDX-License-Identifier: Apache-2.0 */
/* A verb that asks for objects of the API and prints each as a row of a table or a line of JSON. */
#pragma once

#include "api/cli/table.h"
#include "api/cli/verbs.h"

struct nt_listing_all;

struct nt_listing { /* all zero: empty */
	const struct nt_listing_all *all; /* of nt_listing_main */
	struct nt_ctl_options o; /* read by the caller */
	uint64_t id; /* of the object that is meant, where one is */
	struct nt_connect connect;
	struct nt_ask_answer answer;
	struct nt_table table;
	struct nt_buf out;
};

/* Asks by l->connect, and has each object printed. -errno with err. */
typedef int nt_listing_fn(struct nt_listing *l, struct nt_err *err);

/* Connects, asks, writes to standard output; what fails is said. The exit code. */
int nt_listing_run(const struct nt_verb *verb, const struct nt_column *columns, size_t len,
		   nt_listing_fn *ask, struct nt_listing *l);
/* A verb without arguments that lists all objects of a kind. */
struct nt_listing_all {
	const struct nt_verb *verb;
	const struct nt_column *columns;
	size_t columns_len, wide_len; /* wide_len: of these, at the end, only in a wide table */
	const char *path, *member; /* of the API, and of its answer: a list */
	/* The object's cells, or its line of JSON. */
	void (*print_fn)(struct nt_listing *l, const json_t *object);
};
/* argv as the verb's. The exit code. */
int nt_listing_main(const struct nt_listing_all *all, int argc, char **argv);

/* The object's line, where --output is json; else false, and its cells are the caller's. */
bool nt_listing_json(struct nt_listing *l, const json_t *object);
void nt_listing_done(struct nt_listing *l);

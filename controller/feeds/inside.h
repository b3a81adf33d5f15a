/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the feeds share. feeds.c keeps the list and tells of it, worker.c reads lists,
 * configmap.c asks the API for those that are there. For controller/feeds only.
 */
#pragma once

#include <pthread.h>

#include "controller/feeds/feeds.h"
#include "controller/feeds/fetch.h"
#include "controller/feeds/spec.h"
#include "lib/kube/client.h"

/* A DomainFeed. Made and freed in the thread of the objects, and only while it is not busy. */
struct nt_feeds_entry {
	struct nt_feeds *feeds;
	char *name; /* owned */
	/* Under the lock of the feeds: */
	char *text; /* owned; the object as it is, to know whether it changed */
	bool seen; /* by the round over the objects */
	bool gone; /* its object is: to be freed when it is not busy */
	bool accepted;
	struct nt_object_problem problem;
	struct nt_feed_spec *spec; /* NULL: it never was right; the worker's while busy */
	struct nt_feed_spec *next_spec; /* takes its place when the worker comes by */
	bool busy; /* the worker reads its list */
	bool kept_tried; /* its file was looked at */
	bool other_origin; /* the set in use is of a former spec */
	struct nt_feed_names *names; /* NULL: there is no set yet */
	int64_t due_us; /* CLOCK_BOOTTIME */
	int64_t read_us, checked_us; /* as nt_feed_state has them */
	unsigned failures;
	char error[256];
	uint64_t updated, unchanged, failed;
	struct nt_feed_report report;
	bool given; /* there is a text, of the ConfigMap */
	struct nt_buf configmap; /* the text; the worker's while busy */
	char version[64]; /* of that ConfigMap */
	/* The thread of the objects' alone: */
	struct nt_kube_call *call; /* to the API; NULL: none */
	struct nt_feed_memo memo; /* the worker's while busy */
};

struct nt_feeds {
	struct nt_feeds_config config;
	int dir_fd; /* of the kept sets */
	int files_fd; /* -1: no folder */
	struct nt_feed_names *pretended; /* NULL: these are real ones */
	bool cleaned; /* what nobody owns any more in the folder was removed */
	uint64_t generation; /* of the objects that were taken */
	pthread_mutex_t lock; /* covers all below but where it says otherwise */
	pthread_cond_t wake; /* something is due, or the end */
	struct nt_feeds_entry *entries[NT_FEEDS_MAX]; /* in order of name */
	size_t entries_len;
	uint64_t over, kept_failed;
	atomic_size_t bytes; /* of all sets; without the lock */
	atomic_bool stopping; /* without the lock */
	bool running; /* the thread; that of the objects' */
	pthread_t thread;
};

/* Octets of the file of a feed's set, below dir_fd. */
void nt_feeds_kept_path(const struct nt_feeds_entry *e, char out[300]);
/* What came of a look, with the lock held: says so in the log when that is news, and when the next
 * one is. why NULL: it went well. */
void nt_feeds_looked(struct nt_feeds_entry *e, const char *why);
/* The thread's function; ctx: the feeds. */
void *nt_feeds_work(void *ctx);
/* Asks the API for the ConfigMaps that are due. In the thread of the objects, without the lock; a
 * call is never answered from within. */
void nt_feeds_ask(struct nt_feeds *f);

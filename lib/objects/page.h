/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside lib/objects only: what the Kubernetes API sends of a kind: a page of a list, a line of a
 * watch. Text to objects, whose strings go to the pool. Does no I/O.
 */
#pragma once

#include "lib/objects/compact.h"
#include "lib/objects/resources.h"

/* A page, a line: etcd takes no object above 1.5 MiB; jansson needs ten times the text. */
#define NT_PAGE_BYTES_MAX ((size_t)4 << 20)
/* Opaque; of etcd it is a number. */
#define NT_RESOURCE_VERSION_MAX 64

struct nt_page {
	struct nt_compact **items; /* owned */
	size_t len;
	size_t refused; /* without a name and the like */
	char resource_version[NT_RESOURCE_VERSION_MAX];
	char *next; /* the token to continue with, owned; NULL: this was the last page */
};

/* 0, -EBADMSG: it is no list, -ENOMEM; *ret_page only then. */
int nt_page_parse(struct nt_slice text, const struct nt_resource *resource,
		  struct nt_intern *intern, struct nt_page *ret_page,
		  struct nt_err *err) NT_MUSTCHECK;
void nt_page_done(struct nt_page *p);

enum nt_event_type {
	NT_EVENT_PUT = 0, /* ADDED, MODIFIED */
	NT_EVENT_DELETED = 1,
	NT_EVENT_BOOKMARK = 2,
	NT_EVENT_ERROR = 3,
	NT_EVENT_UNKNOWN = 4, /* of a type that nobody knows yet */
};

struct nt_event {
	enum nt_event_type type;
	struct nt_compact *object; /* PUT, DELETED; owned; NULL: it is refused */
	char resource_version[NT_RESOURCE_VERSION_MAX]; /* "" when the object has none */
	int code; /* ERROR: of its Status, as of HTTP */
	char message[256]; /* ERROR: printable ASCII */
};

/* As nt_page_parse, of a line without its newline. */
int nt_event_parse(struct nt_slice line, const struct nt_resource *resource,
		   struct nt_intern *intern, struct nt_event *ret_event,
		   struct nt_err *err) NT_MUSTCHECK;
void nt_event_done(struct nt_event *e);

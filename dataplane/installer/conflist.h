/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CNI network configurations as text: our entry put into one, taken out of one, and a `.conf` made
 * a list. Text in, text out; every octet that is not our entry stays as it is: formatting, order,
 * unknown keys, numbers, escapes, the end of the file. What nt_conflist_add() made of a text
 * without an entry of ours, nt_conflist_remove() makes that very text again. No I/O, no globals.
 *
 * An entry is ours when its "type" is "nametap". Where keys come twice the last one counts, as with
 * libcni.
 *
 * For whoever uninstalls: a file of net.d holds something of ours when nt_conflist_read() says
 * `ours` > 0. With `from` empty the file is somebody else's: write what nt_conflist_remove() gives.
 * With `from` set the file is ours as a whole (made from the `.conf` of that name, which was left
 * as it is beside it): unlink it. Other programs rename files that are not theirs (`.cilium_bak`),
 * so look at every regular file of the folder, not only at those with a suffix of libcni.
 */
#pragma once

#include "lib/base/buf.h"
#include "lib/base/err.h"

/* Real ones have 1 to 4 KiB. */
#define NT_CONFLIST_MAX (1 << 20)
#define NT_CONFLIST_TYPE "nametap"
/* Key of lists that we made; its value names the `.conf`. Unknown keys are the network's own. */
#define NT_CONFLIST_FROM "io.nametap.from"

enum nt_conflist_kind {
	NT_CONFLIST_LIST = 0, /* has "plugins": what a .conflist holds */
	NT_CONFLIST_SINGLE = 1, /* has "type": what a .conf or .json holds */
};

struct nt_conflist {
	enum nt_conflist_kind kind;
	char network[128]; /* "name" */
	char type[256]; /* of the first plugin */
	char from[256]; /* value of NT_CONFLIST_FROM; "": the file is not ours */
	unsigned plugins; /* entries of the list, ours too; 1 for NT_CONFLIST_SINGLE */
	unsigned ours; /* of them */
	bool last; /* the last entry is ours */
	bool only_inlined; /* "loadOnlyInlinedPlugins": no drop-in folder is read */
	struct nt_slice entry; /* our last entry, in the text; p NULL: none */
};

/*
 * Errors of all functions, with what and where in err:
 *   -EBADMSG  no JSON, "line N: ...": perhaps somebody is writing it
 *   -EINVAL   JSON, but no network configuration that a runtime would load
 *   -EFBIG    larger than NT_CONFLIST_MAX
 *   -ENOMEM
 */
int nt_conflist_read(struct nt_slice text, struct nt_conflist *ret_conflist,
		     struct nt_err *err) NT_MUSTCHECK;

/* Does the plugin speak every CNI version that a runtime may choose for this configuration? 0, or
 * -ENOTSUP: with our entry in it no pod would start. */
int nt_conflist_check_version(struct nt_slice text, struct nt_err *err) NT_MUSTCHECK;

/* Appends our entry (a JSON object with "type": "nametap") as the last one of the list; entries of
 * ours that are there already go. Returns 1 with the new text appended to out, or 0 when the only
 * entry of ours is the last one and `keep` is set or it is the same value as `entry`. */
int nt_conflist_add(struct nt_slice text, struct nt_slice entry, bool keep, struct nt_buf *out,
		    struct nt_err *err) NT_MUSTCHECK;

/* Takes all entries of ours out of the list. Returns 1 with the new text appended to out, or 0 when
 * there is none. -EINVAL also when nothing else is in the list. */
int nt_conflist_remove(struct nt_slice text, struct nt_buf *out, struct nt_err *err) NT_MUSTCHECK;

/* A list out of a `.conf` (NT_CONFLIST_SINGLE) named `from`: as libcni makes it, with our entry
 * behind the plugin, whose text is in it as it is. Appends to out; 0. */
int nt_conflist_of_conf(struct nt_slice text, const char *from, struct nt_slice entry,
			struct nt_buf *out, struct nt_err *err) NT_MUSTCHECK;

/* Are two JSON texts the same value? Numbers as numbers, order of keys ignored. */
bool nt_conflist_same(struct nt_slice a, struct nt_slice b);

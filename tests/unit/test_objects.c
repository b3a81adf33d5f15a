/* SPDX-License-Identifier: Apache-2.0 */
/* The directory source: a real directory changed under it; owners, selectors, addresses. */
#include "lib/objects/objects.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/base/cleanup.h"
#include "lib/objects/metrics.h"
#include "tests/unit/suite.h"

static char folder[] = "/tmp/nt-objects-XXXXXX"; /* of all tests; made and removed by the parent */
static char root[56]; /* of this test */
static char dir[72];
static struct nt_objects *objects;

static void in_dir(char out[PATH_MAX], const char *name)
{
	snprintf(out, PATH_MAX, "%s/%s", dir, name);
}

static void write_at(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	ck_assert_msg(f && fputs(text, f) >= 0 && fclose(f) == 0, "%s: %s", path, strerror(errno));
}

static void put(const char *name, const char *text)
{
	char path[PATH_MAX];

	in_dir(path, name);
	write_at(path, text);
}

static void drop(const char *name)
{
	char path[PATH_MAX];

	in_dir(path, name);
	ck_assert_int_eq(unlink(path), 0);
}

static void pod(const char *file, const char *name)
{
	char text[256];

	snprintf(text, sizeof(text), "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\n", name);
	put(file, text);
}

static void make_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_folder(void)
{
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_root(void)
{
	static int nth; /* with CK_FORK=no */

	snprintf(root, sizeof(root), "%s/%d.%d", folder, (int)getpid(), nth++);
	snprintf(dir, sizeof(dir), "%s/objects", root);
	ck_assert_int_eq(mkdir(root, 0755), 0);
	ck_assert_int_eq(mkdir(dir, 0755), 0);
}

static void close_objects(void)
{
	nt_objects_free(objects);
	objects = NULL;
}

static void open_dir(void)
{
	struct nt_err err = { 0 };

	ck_assert_msg(nt_objects_open_dir(dir, &objects, &err) == 0, "%s", err.msg);
}

static bool has(const char *kind, const char *ns, const char *name)
{
	return nt_objects_find(objects, nt_slice_str(kind), nt_slice_str(ns), nt_slice_str(name)) !=
	       NULL;
}

static size_t count(const char *kind)
{
	size_t n = 0;

	while (nt_objects_at(objects, nt_slice_str(kind), n))
		n++;
	return n;
}

static void expect_problem(size_t index, const char *path_end, size_t line, const char *part)
{
	const struct nt_objects_problem *p = nt_objects_problem_at(objects, index);

	ck_assert_ptr_nonnull(p);
	ck_assert_msg(nt_slice_ends(nt_slice_str(p->path), nt_slice_str(path_end)), "%s", p->path);
	ck_assert_uint_eq(p->line, line);
	ck_assert_msg(strstr(p->msg, part) != NULL, "\"%s\" lacks \"%s\"", p->msg, part);
}

static void expect_no_problem(void)
{
	const struct nt_objects_problem *p = nt_objects_problem_at(objects, 0);

	ck_assert_msg(!p, "%s:%zu: %s", p ? p->path : "", p ? p->line : 0, p ? p->msg : "");
}

START_TEST(test_reads_files_in_order)
{
	put("b.yml", "apiVersion: v1\nkind: Pod\nmetadata: {name: b, namespace: z}\n---\n"
		     "apiVersion: v1\nkind: Pod\nmetadata: {name: b}\n");
	put("a.json", "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\"}}");
	put(".hidden.yaml", "x: [");
	put("notes.txt", "x: [");
	pod("c.yaml", "a-very-long-name");
	open_dir();
	expect_no_problem();
	ck_assert_uint_eq(count("Pod"), 4);
	ck_assert_uint_eq(count("Po"), 0);
	ck_assert_uint_eq(count("Service"), 0);
	ck_assert(nt_slice_eq(nt_objects_at(objects, NT_SLICE_LIT("Pod"), 0)->name,
			      NT_SLICE_LIT("a")));
	ck_assert(nt_slice_eq(nt_objects_at(objects, NT_SLICE_LIT("Pod"), 3)->namespace_,
			      NT_SLICE_LIT("z")));
	ck_assert(has("Pod", "default", "b"));
	ck_assert(!has("Pod", "default", "bb"));
	ck_assert_int_eq(nt_objects_poll(objects), 0);
	ck_assert_uint_eq(nt_objects_generation(objects), 1);
}
END_TEST

START_TEST(test_follows_changes)
{
	const struct nt_object *before;
	struct pollfd p;

	open_dir();
	p = (struct pollfd){ .fd = nt_objects_fd(objects), .events = POLLIN };
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	pod("a.yaml", "a");
	ck_assert_int_eq(poll(&p, 1, 1000), 1);
	ck_assert_int_eq(nt_objects_poll(objects), 1);
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	ck_assert(has("Pod", "default", "a"));
	ck_assert_uint_eq(nt_objects_generation(objects), 2);
	before = nt_objects_at(objects, NT_SLICE_LIT("Pod"), 0);
	put("a.yaml", "# the same again\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n");
	ck_assert_int_eq(nt_objects_poll(objects), 0);
	ck_assert_ptr_eq(nt_objects_at(objects, NT_SLICE_LIT("Pod"), 0), before);
	ck_assert(nt_slice_eq(before->name, NT_SLICE_LIT("a")));
	ck_assert_uint_eq(nt_objects_generation(objects), 2);
	pod("a.yaml", "a2");
	ck_assert_int_eq(nt_objects_poll(objects), 1);
	ck_assert(!has("Pod", "default", "a") && has("Pod", "default", "a2"));
	drop("a.yaml");
	ck_assert_int_eq(nt_objects_poll(objects), 1);
	ck_assert_uint_eq(count("Pod"), 0);
	ck_assert_uint_eq(nt_objects_generation(objects), 4);
}
END_TEST

START_TEST(test_renames_and_links)
{
	char from[PATH_MAX], to[PATH_MAX];

	pod("a.yaml", "a");
	open_dir();
	pod("new", "b");
	ck_assert_int_eq(nt_objects_poll(objects), 0);
	in_dir(from, "new");
	in_dir(to, "a.yaml");
	ck_assert_int_eq(rename(from, to), 0);
	ck_assert_int_eq(nt_objects_poll(objects), 1);
	ck_assert(has("Pod", "default", "b") && !has("Pod", "default", "a"));
	in_dir(from, "a.yaml");
	in_dir(to, "c.yaml");
	ck_assert_int_eq(rename(from, to), 0);
	ck_assert_int_eq(nt_objects_poll(objects), 0); /* the same object from another file */
	ck_assert(has("Pod", "default", "b"));
	snprintf(from, sizeof(from), "%s/elsewhere", root);
	write_at(from, "apiVersion: v1\nkind: Pod\nmetadata: {name: linked}\n");
	in_dir(to, "l.yaml");
	ck_assert_int_eq(symlink(from, to), 0);
	ck_assert_int_eq(nt_objects_poll(objects), 1);
	ck_assert(has("Pod", "default", "linked"));
	in_dir(to, "h.yaml");
	ck_assert_int_eq(link(from, to), 0);
	ck_assert_int_eq(nt_objects_poll(objects), 0);
	expect_problem(0, "/l.yaml", 1, "Pod default/linked is also in h.yaml, line 1");
}
END_TEST

/* The kubelet's way: ..data is a link that is moved over, the files are links through it. */
START_TEST(test_config_map_mount)
{
	char a[PATH_MAX], b[PATH_MAX];

	in_dir(a, "..1");
	ck_assert_int_eq(mkdir(a, 0755), 0);
	in_dir(a, "..2");
	ck_assert_int_eq(mkdir(a, 0755), 0);
	pod("..1/a.yaml", "one");
	pod("..2/a.yaml", "two");
	in_dir(b, "..data");
	ck_assert_int_eq(symlink("..1", b), 0);
	in_dir(b, "a.yaml");
	ck_assert_int_eq(symlink("..data/a.yaml", b), 0);
	open_dir();
	ck_assert(has("Pod", "default", "one"));
	in_dir(a, "..data_tmp");
	ck_assert_int_eq(symlink("..2", a), 0);
	in_dir(b, "..data");
	ck_assert_int_eq(rename(a, b), 0);
	ck_assert_int_eq(nt_objects_poll(objects), 1);
	ck_assert(has("Pod", "default", "two") && !has("Pod", "default", "one"));
	expect_no_problem();
}
END_TEST

START_TEST(test_half_written_files_wait)
{
	char path[PATH_MAX];
	int fd;

	pod("a.yaml", "a");
	open_dir();
	in_dir(path, "a.yaml");
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	ck_assert_int_ne(fd, -1);
	pod("b.yaml", "b"); /* something else happens meanwhile */
	in_dir(path, "c.yaml");
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	ck_assert_int_eq(nt_objects_poll(objects), 1);
	ck_assert(has("Pod", "default", "a") && has("Pod", "default", "b"));
	ck_assert_int_gt(write(fd, "# empty\n", 8), 0);
	close(fd);
	ck_assert_int_eq(nt_objects_poll(objects), 1);
	ck_assert(!has("Pod", "default", "a"));
}
END_TEST

START_TEST(test_mistakes_keep_the_last_good_objects)
{
	pod("a.yaml", "a");
	put("b.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: b}\n---\nkind: Pod\n");
	open_dir();
	ck_assert_uint_eq(count("Pod"), 2);
	expect_problem(0, "/b.yaml", 5, "apiVersion is missing");
	put("a.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: other}\n---\n}\n");
	ck_assert_int_eq(nt_objects_poll(objects), 0);
	ck_assert(has("Pod", "default", "a") && !has("Pod", "default", "other"));
	expect_problem(0, "/a.yaml", 5, "did not find expected");
	put("a.yaml", "not an object\n");
	ck_assert_int_eq(nt_objects_poll(objects), 0);
	expect_problem(0, "/a.yaml", 1, "no object");
	ck_assert(has("Pod", "default", "a"));
	pod("a.yaml", "mended");
	drop("b.yaml");
	ck_assert_int_eq(nt_objects_poll(objects), 1);
	ck_assert(has("Pod", "default", "mended") && !has("Pod", "default", "a"));
	expect_no_problem();
}
END_TEST

START_TEST(test_unreadable_files_are_problems)
{
	char path[PATH_MAX];

	in_dir(path, "fifo.yaml");
	ck_assert_int_eq(mkfifo(path, 0644), 0);
	in_dir(path, "dir.yaml");
	ck_assert_int_eq(mkdir(path, 0755), 0);
	in_dir(path, "gone.yaml");
	ck_assert_int_eq(symlink("nowhere", path), 0);
	in_dir(path, "huge.yaml");
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	ck_assert_int_eq(truncate(path, (8 << 20) + 1), 0);
	open_dir();
	expect_problem(0, "/dir.yaml", 0, "no regular file");
	expect_problem(1, "/fifo.yaml", 0, "no regular file");
	expect_problem(2, "/gone.yaml", 0, "No such file");
	expect_problem(3, "/huge.yaml", 0, "larger than");
	ck_assert_ptr_null(nt_objects_problem_at(objects, 4));
}
END_TEST

START_TEST(test_duplicates)
{
	pod("b.yaml", "x");
	put("a.yaml", "\napiVersion: v1\nkind: Pod\nmetadata: {name: x, uid: first}\n");
	open_dir();
	ck_assert_uint_eq(count("Pod"), 1);
	ck_assert(nt_slice_eq(nt_objects_at(objects, NT_SLICE_LIT("Pod"), 0)->uid,
			      NT_SLICE_LIT("first")));
	expect_problem(0, "/b.yaml", 1, "Pod default/x is also in a.yaml, line 2");
	drop("a.yaml");
	ck_assert_int_eq(nt_objects_poll(objects), 1);
	ck_assert_uint_eq(count("Pod"), 1);
	expect_no_problem();
}
END_TEST

START_TEST(test_directory_goes_and_comes)
{
	char moved[PATH_MAX];

	pod("a.yaml", "a");
	open_dir();
	snprintf(moved, sizeof(moved), "%s/moved", root);
	ck_assert_int_eq(rename(dir, moved), 0);
	ck_assert_int_eq(nt_objects_poll(objects), 0);
	ck_assert(has("Pod", "default", "a"));
	expect_problem(0, "/objects", 0, "No such file");
	ck_assert_int_eq(mkdir(dir, 0755), 0);
	pod("b.yaml", "b");
	ck_assert_int_eq(nt_objects_poll(objects), 1);
	ck_assert(has("Pod", "default", "b") && !has("Pod", "default", "a"));
	expect_no_problem();
	pod("c.yaml", "c");
	ck_assert_int_eq(nt_objects_poll(objects), 1);
	ck_assert(has("Pod", "default", "c"));
	drop("b.yaml");
	drop("c.yaml");
	ck_assert_int_eq(rmdir(dir), 0);
	ck_assert_int_eq(nt_objects_poll(objects), 0);
	expect_problem(0, "/objects", 0, "No such file");
	ck_assert_int_eq(rename(moved, dir), 0);
	ck_assert_int_eq(nt_objects_poll(objects), 1);
	ck_assert(has("Pod", "default", "a") && !has("Pod", "default", "b"));
	expect_no_problem();
}
END_TEST

START_TEST(test_directory_by_link)
{
	char one[PATH_MAX], two[PATH_MAX], tmp[PATH_MAX];

	snprintf(one, sizeof(one), "%s/v1", root);
	snprintf(two, sizeof(two), "%s/v2", root);
	snprintf(tmp, sizeof(tmp), "%s/tmp", root);
	pod("a.yaml", "one");
	ck_assert_int_eq(rename(dir, one), 0);
	ck_assert_int_eq(mkdir(dir, 0755), 0);
	pod("a.yaml", "two");
	ck_assert_int_eq(rename(dir, two), 0);
	ck_assert_int_eq(symlink("v1", dir), 0);
	strncat(dir, "/", sizeof(dir) - strlen(dir) - 1);
	open_dir();
	dir[strlen(dir) - 1] = '\0';
	ck_assert(has("Pod", "default", "one"));
	ck_assert_int_eq(symlink("v2", tmp), 0);
	ck_assert_int_eq(rename(tmp, dir), 0);
	ck_assert_int_eq(nt_objects_poll(objects), 1);
	ck_assert(has("Pod", "default", "two") && !has("Pod", "default", "one"));
	pod("b.yaml", "more");
	ck_assert_int_eq(nt_objects_poll(objects), 1);
	ck_assert(has("Pod", "default", "more"));
}
END_TEST

START_TEST(test_missing_directory)
{
	struct nt_err err = { 0 };

	ck_assert_int_eq(nt_objects_open_dir("/nowhere/at/all", &objects, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "/nowhere/at/all"));
	put("file", "");
	strncat(dir, "/file", sizeof(dir) - strlen(dir) - 1);
	ck_assert_int_eq(nt_objects_open_dir(dir, &objects, &err), -ENOTDIR);
}
END_TEST

struct workload {
	const char *name, *metadata; /* of the pod */
	const char *others; /* more documents */
	const char *kind, *owner;
};

#define OWNED(k, n) ", ownerReferences: [{kind: " k ", name: " n ", controller: true, uid: u1}]"
#define OBJECT(version, kind, metadata) \
	"---\napiVersion: " version "\nkind: " kind "\nmetadata: {" metadata "}\n"

static const struct workload workloads[] = {
	{ "alone", "", "", "Pod", "alone" },
	{ "web-6659c9d65f-abcde",
	  ", labels: {pod-template-hash: 6659c9d65f}" OWNED("ReplicaSet", "web-6659c9d65f"), "",
	  "Deployment", "web" },
	{ "web-6659c9d65f-abcde", OWNED("ReplicaSet", "web-6659c9d65f"), "", "ReplicaSet",
	  "web-6659c9d65f" },
	{ "x", ", labels: {pod-template-hash: abc}" OWNED("ReplicaSet", "webabc"), "", "ReplicaSet",
	  "webabc" },
	{ "x", ", labels: {pod-template-hash: abc}" OWNED("ReplicaSet", "-abc"), "", "ReplicaSet",
	  "-abc" },
	{ "x", OWNED("ReplicaSet", "rs"),
	  OBJECT("apps/v1", "ReplicaSet", "name: rs, uid: u1" OWNED("Deployment", "dep")),
	  "Deployment", "dep" },
	{ "x", ", labels: {pod-template-hash: abc}" OWNED("ReplicaSet", "rs-abc"),
	  OBJECT("apps/v1", "ReplicaSet", "name: rs-abc, uid: u1"), "ReplicaSet", "rs-abc" },
	/* Another ReplicaSet of that name: its owner is not this pod's. */
	{ "x", OWNED("ReplicaSet", "rs"),
	  OBJECT("apps/v1", "ReplicaSet", "name: rs, uid: u2" OWNED("Deployment", "dep")),
	  "ReplicaSet", "rs" },
	{ "x", OWNED("Job", "backup-29012340"), "", "CronJob", "backup" },
	{ "x", OWNED("Job", "backup-1594034100"), "", "CronJob", "backup" },
	{ "x", OWNED("Job", "migrate-2"), "", "Job", "migrate-2" },
	{ "x", OWNED("Job", "report-20261123"), "", "Job", "report-20261123" },
	{ "x", OWNED("Job", "'-29012340'"), "", "Job", "-29012340" },
	{ "x", OWNED("Job", "backup-29012340"), OBJECT("batch/v1", "Job", "name: backup-29012340"),
	  "Job", "backup-29012340" },
	{ "x", OWNED("Job", "j"), OBJECT("batch/v1", "Job", "name: j" OWNED("CronJob", "c")),
	  "CronJob", "c" },
	{ "x", OWNED("StatefulSet", "db"), "", "StatefulSet", "db" },
	{ "x", OWNED("StatefulSet", "db"),
	  OBJECT("apps/v1", "StatefulSet", "name: db" OWNED("Postgres", "main")), "Postgres",
	  "main" },
	{ "static-n1", OWNED("Node", "n1"), "", "StaticPod", "static" },
	{ "static-n2", OWNED("Node", "n1"), "", "StaticPod", "static-n2" },
	{ "n1", OWNED("Node", "n1"), "", "StaticPod", "n1" },
	{ "x", ", ownerReferences: [{kind: A, name: b}, {kind: C, name: d, controller: true}]", "",
	  "C", "d" },
	{ "x", ", ownerReferences: [{kind: A, name: b, controller: false}, 5, {}]", "", "Pod",
	  "x" },
	/* A loop ends somewhere. */
	{ "x", OWNED("A", "a"),
	  OBJECT("v1", "A", "name: a" OWNED("B", "b")) OBJECT("v1", "B", "name: b" OWNED("A", "a")),
	  "B", "b" },
};

START_TEST(test_workload)
{
	const struct workload *w = &workloads[_i];
	struct nt_workload got;
	char text[1024];

	snprintf(text, sizeof(text), "apiVersion: v1\nkind: Pod\nmetadata: {name: %s%s}\n%s",
		 w->name, w->metadata, w->others);
	put("a.yaml", text);
	open_dir();
	got = nt_object_workload(objects, nt_objects_at(objects, NT_SLICE_LIT("Pod"), 0));
	ck_assert_msg(nt_slice_eq(got.kind, nt_slice_str(w->kind)) &&
			      nt_slice_eq(got.name, nt_slice_str(w->owner)),
		      "%.*s %.*s", NT_SLICE_ARG(got.kind), NT_SLICE_ARG(got.name));
}
END_TEST

/* What a runtime gives as K8S_POD_UID, and the object's metadata. */
static const struct {
	const char *metadata, *uid;
	bool is;
} uids[] = {
	{ "uid: a1", "a1", true },
	{ "uid: a1", "a2", false },
	{ "uid: a1", "", true },
	{ "", "a1", true },
	{ "uid: a1, annotations: {kubernetes.io/config.hash: 0f3c}", "0f3c", true },
	{ "uid: a1, annotations: {kubernetes.io/config.hash: 0f3c}", "a1", true },
	{ "uid: a1, annotations: {kubernetes.io/config.hash: 0f3c}", "0f3", false },
	{ "uid: a1, annotations: {kubernetes.io/config.hash: ''}", "0f3c", false },
	{ "uid: a1, annotations: {kubernetes.io/config.mirror: 0f3c}", "0f3c", false },
	{ "uid: a1, annotations: {kubernetes.io/config.hash: 5}", "5", false },
	{ "uid: a1, labels: {kubernetes.io/config.hash: 0f3c}", "0f3c", false },
};

START_TEST(test_uid)
{
	char text[512];

	snprintf(text, sizeof(text), "apiVersion: v1\nkind: Pod\nmetadata: {name: x%s%s}\n",
		 uids[_i].metadata[0] ? ", " : "", uids[_i].metadata);
	put("a.yaml", text);
	open_dir();
	ck_assert(nt_object_has_uid(nt_objects_at(objects, NT_SLICE_LIT("Pod"), 0),
				    nt_slice_str(uids[_i].uid)) == uids[_i].is);
}
END_TEST

struct selection {
	const char *service, *pod; /* behind "metadata: {name: x" */
	bool selects;
};

static const struct selection selections[] = {
	{ "}\nspec: {selector: {app: web}}", ", labels: {app: web, x: z}}", true },
	{ "}\nspec: {selector: {app: web, x: z}}", ", labels: {app: web, x: z}}", true },
	{ "}\nspec: {selector: {app: web, x: w}}", ", labels: {app: web, x: z}}", false },
	{ "}\nspec: {selector: {app: web}}", ", namespace: other, labels: {app: web}}", false },
	{ "}\nspec: {selector: {app: \"\"}}", ", labels: {app: \"\"}}", true },
	{ "}\nspec: {selector: {app: \"\"}}", "}", false },
	{ "}\nspec: {selector: {}}", ", labels: {app: web}}", false },
	{ "}", ", labels: {app: web}}", false },
	{ "}\nspec: {selector: {app: 5}}", ", labels: {app: web}}", false },
	{ "}\nspec: {selector: web}", ", labels: {app: web}}", false },
	{ "}\nspec: {type: ExternalName, selector: {app: web}}", ", labels: {app: web}}", false },
};

START_TEST(test_service_selects)
{
	const struct selection *s = &selections[_i];
	char text[512];

	snprintf(text, sizeof(text),
		 "apiVersion: v1\nkind: Service\nmetadata: {name: x%s\n---\n"
		 "apiVersion: v1\nkind: Pod\nmetadata: {name: x%s\n",
		 s->service, s->pod);
	put("a.yaml", text);
	open_dir();
	expect_no_problem();
	ck_assert_int_eq(
		nt_object_service_selects(nt_objects_at(objects, NT_SLICE_LIT("Service"), 0),
					  nt_objects_at(objects, NT_SLICE_LIT("Pod"), 0)),
		s->selects);
}
END_TEST

struct address {
	const char *kind, *body, *addresses;
};

static const struct address addresses[] = {
	{ "Pod", "status: {podIP: 10.0.0.1}", "10.0.0.1 " },
	{ "Pod", "status: {podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: \"fd00::1\"}]}",
	  "10.0.0.1 fd00::1 " },
	{ "Pod", "status: {podIPs: [{}, {ip: 5}, x, {ip: 10.0.0.2}]}", "10.0.0.2 " },
	{ "Pod", "status: {}", "" },
	{ "Pod", "x: y", "" },
	{ "Service", "spec: {clusterIP: 10.96.0.10}", "10.96.0.10 " },
	{ "Service", "spec: {clusterIP: None, clusterIPs: [None]}", "" },
	{ "Service", "spec: {clusterIPs: [10.96.0.10, \"fd00::a\"]}", "10.96.0.10 fd00::a " },
	{ "Service", "spec: {clusterIP: \"\"}", "" },
	{ "Node", "status: {podIP: 10.0.0.1}", "" },
};

START_TEST(test_addresses)
{
	const struct address *a = &addresses[_i];
	_cleanup_buf_ struct nt_buf got = { 0 };
	const struct nt_object *object;
	char text[512], ip[NT_ADDR_TEXT_MAX];
	struct nt_addr addr;

	snprintf(text, sizeof(text), "apiVersion: v1\nkind: %s\nmetadata: {name: x}\n%s\n", a->kind,
		 a->body);
	put("a.yaml", text);
	open_dir();
	object = nt_objects_at(objects, nt_slice_str(a->kind), 0);
	for (size_t i = 0; nt_object_ip_at(object, i, &addr); i++)
		nt_buf_printf(&got, "%s ", nt_addr_format(&addr, ip));
	ck_assert_str_eq(nt_buf_str(&got), a->addresses);
}
END_TEST

/* "+Pod/a " came, "~" changed, "-" went; a changed Pod's label x of before and after. */
static void note_change(void *ctx, const struct nt_object *before, const struct nt_object *after)
{
	const struct nt_object *o = after ?: before;

	nt_buf_printf(ctx, "%s%.*s/%.*s",
		      !before  ? "+"
		      : !after ? "-"
			       : "~",
		      NT_SLICE_ARG(o->kind), NT_SLICE_ARG(o->name));
	if (before && after)
		nt_buf_printf(ctx, ":%.*s>%.*s", NT_SLICE_ARG(before->labels[0].value),
			      NT_SLICE_ARG(after->labels[0].value));
	nt_buf_putc(ctx, ' ');
}

static void expect_changes(struct nt_buf *got, const char *want)
{
	ck_assert_str_eq(nt_buf_str(got), want);
	got->len = 0;
}

#define POD_X(name, x) \
	"---\napiVersion: v1\nkind: Pod\nmetadata: {name: " name ", labels: {x: " x "}}\n"

START_TEST(test_listener)
{
	_cleanup_buf_ struct nt_buf got = { 0 };
	uint64_t pods, services;

	put("a.yaml", POD_X("b", "\"1\"") POD_X("a", "\"1\""));
	open_dir();
	nt_objects_listen(objects, note_change, &got);
	expect_changes(&got, "+Pod/a +Pod/b ");
	pods = nt_objects_kind_generation(objects, NT_SLICE_LIT("Pod"));
	services = nt_objects_kind_generation(objects, NT_SLICE_LIT("Service"));

	put("a.yaml", POD_X("c", "\"1\"") POD_X("a", "\"2\""));
	ck_assert_int_eq(nt_objects_poll(objects), 1);
	expect_changes(&got, "~Pod/a:1>2 +Pod/c -Pod/b ");
	ck_assert_uint_ne(nt_objects_kind_generation(objects, NT_SLICE_LIT("Pod")), pods);
	ck_assert_uint_eq(nt_objects_kind_generation(objects, NT_SLICE_LIT("Service")), services);

	/* The same object from another file is no change; its text with a mistake neither. */
	put("b.yaml", POD_X("a", "\"2\""));
	put("a.yaml", "x: [");
	(void)nt_objects_poll(objects);
	expect_changes(&got, "");
	drop("a.yaml");
	ck_assert_int_eq(nt_objects_poll(objects), 1);
	expect_changes(&got, "-Pod/c ");
	drop("b.yaml");
	ck_assert_int_eq(nt_objects_poll(objects), 1);
	expect_changes(&got, "-Pod/a ");
}
END_TEST

static void note_state(void *ctx, const struct nt_objects_state *s)
{
	ck_assert_int_gt(s->since_us, 0);
	nt_buf_printf(ctx, "%s %zu %s \"%s\"\n", s->kind, s->count, s->synced ? "synced" : "not",
		      s->error);
}

START_TEST(test_states)
{
	_cleanup_buf_ struct nt_buf got = { 0 };
	struct nt_objects_origin origin;

	put("a.yaml",
	    POD_X("b", "v")
		    POD_X("a", "v") "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
				    "---\napiVersion: v1\nkind: Service\nmetadata: {name: x}\n");
	open_dir();
	origin = nt_objects_origin(objects);
	ck_assert_str_eq(origin.type, "directory");
	ck_assert_str_eq(origin.where, dir);
	nt_objects_states(objects, note_state, &got);
	ck_assert_str_eq(nt_buf_str(&got), "Pod 2 synced \"\"\nService 1 synced \"\"\n");
	got.len = 0;
	drop("a.yaml");
	ck_assert_int_eq(rmdir(dir), 0);
	(void)nt_objects_poll(objects);
	nt_objects_states(objects, note_state, &got);
	ck_assert_msg(strstr(nt_buf_str(&got), "Pod 2 not \"the directory:"), "%s",
		      nt_buf_str(&got));
}
END_TEST

START_TEST(test_metrics)
{
	_cleanup_buf_ struct nt_buf got = { 0 };

	put("a.yaml", POD_X("b", "v") POD_X("a", "v"));
	open_dir();
	nt_objects_metrics(objects, "nametap_test", &got);
	ck_assert_ptr_nonnull(strstr(got.p, "# TYPE nametap_test_objects gauge\n"
					    "nametap_test_objects{kind=\"Pod\"} 2\n"));
	ck_assert_ptr_nonnull(strstr(got.p, "nametap_test_objects_synced{kind=\"Pod\"} 1\n"));
	ck_assert_ptr_nonnull(strstr(got.p, "# TYPE nametap_test_objects_lists_total counter\n"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("objects");
	TCase *t = tcase_create("objects");

	tcase_add_unchecked_fixture(t, make_folder, remove_folder);
	tcase_add_checked_fixture(t, make_root, close_objects);
	tcase_add_test(t, test_reads_files_in_order);
	tcase_add_test(t, test_follows_changes);
	tcase_add_test(t, test_renames_and_links);
	tcase_add_test(t, test_config_map_mount);
	tcase_add_test(t, test_half_written_files_wait);
	tcase_add_test(t, test_mistakes_keep_the_last_good_objects);
	tcase_add_test(t, test_unreadable_files_are_problems);
	tcase_add_test(t, test_duplicates);
	tcase_add_test(t, test_directory_goes_and_comes);
	tcase_add_test(t, test_directory_by_link);
	tcase_add_test(t, test_missing_directory);
	tcase_add_loop_test(t, test_uid, 0, (int)NT_ARRAY_LEN(uids));
	tcase_add_loop_test(t, test_workload, 0, (int)NT_ARRAY_LEN(workloads));
	tcase_add_loop_test(t, test_service_selects, 0, (int)NT_ARRAY_LEN(selections));
	tcase_add_loop_test(t, test_addresses, 0, (int)NT_ARRAY_LEN(addresses));
	tcase_add_test(t, test_listener);
	tcase_add_test(t, test_states);
	tcase_add_test(t, test_metrics);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's command line: defaults, values, and each mistake with its message. */
#include "dataplane/agent/options.h"

#include <check.h>
#include <getopt.h>
#include <string.h>

#include "tests/unit/suite.h"

static struct nt_options o;
static struct nt_err err;

/* `line` in words, behind the program's name. */
static int parse(const char *line)
{
	static char copy[512];
	char *argv[64] = { (char *)"nametap-agent" }, *save = NULL, *word;
	int argc = 1;

	optind = 0; /* getopt from the start (getopt(3), GNU) */
	memset(&o, 0, sizeof(o));
	strncpy(copy, line, sizeof(copy) - 1);
	for (word = strtok_r(copy, " ", &save); word && argc < 64;
	     word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	ck_assert_int_lt(argc, 64); /* argv ends in NULL */
	return nt_options_parse(argc, argv, &o, &err);
}

START_TEST(defaults)
{
	ck_assert_int_eq(parse("--controller http://127.0.0.1:8080"), NT_OPTIONS_RUN);
	ck_assert_str_eq(o.pin_root, "/sys/fs/bpf/nametap");
	ck_assert_int_eq(o.flush_ns, 5000000000);
	ck_assert_uint_eq(o.spool_max_bytes, 256 << 20);
	ck_assert_ptr_null(o.listen);
	ck_assert_ptr_null(o.objects);
	ck_assert_str_eq(o.node_resolv_conf, "/etc/resolv.conf");
	ck_assert_str_ne(o.node, "");
	/* Of the machine's own resolv.conf or not: where it is from is said. */
	ck_assert(strcmp(o.cluster_domain_source, "/etc/resolv.conf") == 0 ||
		  (strcmp(o.cluster_domain_source, "default") == 0 &&
		   strcmp(o.cluster_domain, "cluster.local") == 0));
	ck_assert_str_eq(o.cni_cache, "/var/lib/cni/results");
	ck_assert(o.host_network && o.host_mode == 0 && !o.cgroup_root);
	ck_assert(!o.installs && o.install.drop_in && !o.install.conf_dir);
	ck_assert_str_eq(o.install.record, "/var/lib/nametap/installed.json");
}
END_TEST

START_TEST(values_of_the_installer)
{
	ck_assert_int_eq(parse("--controller http://c:1 --install --host-root /h --cni-conf-dir /c "
			       "--cni-bin-dir /b --cni-drop-in off --plugin /p --plugin-config {} "
			       "--install-record /r --state-dir /s --cni-cache /k"),
			 NT_OPTIONS_RUN);
	ck_assert(o.installs && !o.install.drop_in);
	ck_assert_str_eq(o.install.host_root, "/h");
	ck_assert_str_eq(o.install.conf_dir, "/c");
	ck_assert_str_eq(o.install.bin_dir, "/b");
	ck_assert_str_eq(o.install.plugin, "/p");
	ck_assert_str_eq(o.install.plugin_config, "{}");
	ck_assert_str_eq(o.install.record, "/r");
	ck_assert_str_eq(o.install.state_dir, "/s");
	ck_assert_str_eq(o.install.cni_cache, "/k");
	ck_assert_str_eq(o.users_cache, "/k");
	ck_assert_int_eq(parse("--controller http://c:1 --host-root /h"), NT_OPTIONS_RUN);
	ck_assert_str_eq(o.install.cni_cache, "/h/var/lib/cni/results");
	ck_assert_int_eq(parse("--controller http://c:1 --host-root /h --cni-cache none"),
			 NT_OPTIONS_RUN);
	ck_assert_ptr_null(o.cni_cache);
	ck_assert_str_eq(o.users_cache, "/h/var/lib/cni/results");
	ck_assert_int_lt(parse("--controller http://c:1 --cni-drop-in maybe"), 0);
	ck_assert_str_eq(err.msg, "--cni-drop-in: \"maybe\" is none of auto, off");
}
END_TEST

/* The programs are loaded by the agent, long before the plugin's first call. */
START_TEST(ports_of_the_plugins_entry)
{
	ck_assert_int_eq(parse("--controller http://c:1"), NT_OPTIONS_RUN);
	ck_assert_uint_eq(o.load.ports[0], 0); /* whatever is pinned */
	ck_assert_int_eq(parse("--controller http://c:1 --plugin-config "
			       "{\"serverPorts\":[5353],\"ringBytes\":65536}"),
			 NT_OPTIONS_RUN);
	ck_assert_uint_eq(o.load.server_ports[0], 5353);
	ck_assert_uint_eq(o.load.ring_bytes, 65536);
	ck_assert_int_eq(parse("--controller http://c:1 --install --plugin-config {}"),
			 NT_OPTIONS_RUN);
	ck_assert_uint_eq(o.load.ports[0], 53); /* our entry says so */
	ck_assert_uint_eq(o.load.ring_bytes, 0); /* nobody did */
	ck_assert_int_eq(parse("--controller http://c:1 --plugin-config {\"ports\":53}"), -EINVAL);
	ck_assert_str_eq(err.msg, "--plugin-config: \"ports\" must be a list of 1 to 4 ports");
	ck_assert_int_eq(parse("--controller http://c:1 --plugin-config 53"), -EINVAL);
}
END_TEST

START_TEST(values)
{
	ck_assert_int_eq(parse("--controller https://c:1/x --pin-root /p --state-dir /s --spool /q "
			       "--spool-max 3M --token-file /t --node n --flush 0 --timeout 250ms "
			       "--cluster-domain k8s.test --objects /o --node-resolv-conf /r "
			       "--listen [::1]:9 --hook clsact --log-level debug --cni-cache /c "
			       "--cgroup-root /g --host-network beacon --ca-file /a --purge"),
			 NT_OPTIONS_RUN);
	ck_assert_str_eq(o.ca_file, "/a");
	ck_assert(o.purge);
	ck_assert_str_eq(o.pin_root, "/p");
	ck_assert_str_eq(o.state_dir, "/s");
	ck_assert_str_eq(o.spool, "/q");
	ck_assert_str_eq(o.token_file, "/t");
	ck_assert_str_eq(o.node, "n");
	ck_assert_str_eq(o.cluster_domain, "k8s.test");
	ck_assert_str_eq(o.cluster_domain_source, "--cluster-domain");
	ck_assert_str_eq(o.objects, "/o");
	ck_assert_str_eq(o.node_resolv_conf, "/r");
	ck_assert_str_eq(o.listen, "[::1]:9");
	ck_assert(o.no_tcx);
	ck_assert_str_eq(o.cni_cache, "/c");
	ck_assert_str_eq(o.cgroup_root, "/g");
	ck_assert(o.host_network && o.host_mode == NT_HOST_BEACON);
	ck_assert_int_eq(o.flush_ns, 0);
	ck_assert_int_eq(o.timeout_ns, 250000000);
	ck_assert_uint_eq(o.spool_max_bytes, 3 << 20);
	ck_assert_int_eq(o.log_level, NT_LOG_DEBUG);
	ck_assert_int_eq(parse("--help"), NT_OPTIONS_HELP);
	ck_assert_int_eq(parse("--version"), NT_OPTIONS_VERSION);
	ck_assert_int_eq(parse("--controller http://c --host-network off --cni-cache none"),
			 NT_OPTIONS_RUN);
	ck_assert(!o.host_network && !o.cni_cache);
	ck_assert_int_eq(parse("--controller http://c --host-network maybe"), -EINVAL);
	ck_assert_int_eq(parse("--controller http://c --cgroup-root="), -EINVAL);
}
END_TEST

static const struct {
	const char *line, *message;
} mistakes[] = {
	{ "", "--controller is missing" },
	{ "--bogus", "--bogus: unknown option or missing value" },
	{ "--controller", "--controller: unknown option or missing value" },
	{ "--controller c:1", "--controller: \"c:1\" is no http:// or https:// URL" },
	{ "--controller http://", "--controller: \"http://\" is no http:// or https:// URL" },
	{ "--controller http://c x", "unexpected argument \"x\"" },
	{ "--hook tcx", "--hook: \"tcx\" is none of auto, clsact" },
	{ "--flush 5", "--flush: \"5\" is no time from 0ms to 600s" },
	{ "--flush 601s", "--flush: \"601s\" is no time from 0ms to 600s" },
	{ "--timeout 0", "--timeout: \"0\" is no time from 1ms to 600s" },
	{ "--spool-max 1K", "--spool-max: \"1K\" is no size of at least 1M" },
	{ "--spool-max M", "--spool-max: \"M\" is no size of at least 1M" },
	{ "--spool-max 18446744073709551615G",
	  "--spool-max: \"18446744073709551615G\" is no size of at least 1M" },
	{ "--listen 9153", "--listen: \"9153\" is no address and port" },
	{ "--listen 127.0.0.1:65536", "--listen: \"127.0.0.1:65536\" is no address and port" },
	{ "--listen 0.0.0.0:9153", "--listen: \"0.0.0.0:9153\" is no loopback address" },
	{ "--listen [::]:9153", "--listen: \"[::]:9153\" is no loopback address" },
	{ "--controller http://c --ca-file=", "--ca-file: the name is empty" },
	{ "--controller http://c --ca-file /a --ca-configmap a/b",
	  "--ca-file and --ca-configmap: one of them" },
	{ "--controller http://c --ca-configmap a", "--ca-configmap: \"a\" is no NAMESPACE/NAME" },
	{ "--controller http://c --daemonset a/b/c",
	  "--daemonset: \"a/b/c\" is no NAMESPACE/NAME" },
	{ "--log-level all", "--log-level: \"all\" is none of error, warn, info, debug" },
};

START_TEST(mistake)
{
	ck_assert_int_eq(parse(mistakes[_i].line), -EINVAL);
	ck_assert_str_eq(err.msg, mistakes[_i].message);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("agent_options");
	TCase *tc = tcase_create("options");

	tcase_add_test(tc, defaults);
	tcase_add_test(tc, ports_of_the_plugins_entry);
	tcase_add_test(tc, values);
	tcase_add_test(tc, values_of_the_installer);
	tcase_add_loop_test(tc, mistake, 0, sizeof(mistakes) / sizeof(mistakes[0]));
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}

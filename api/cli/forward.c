/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl port-forward as a child. */
#include "api/cli/forward.h"

#include <poll.h>
#include <stdio.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/parse.h"

#define READY_NS (30 * NT_NS_PER_S)

/* "Forwarding from 127.0.0.1:40123 -> 8053" */
static bool find_port(const char *text, uint16_t *ret_port)
{
	static const char lead[] = "Forwarding from 127.0.0.1:";
	const char *at = strstr(text, lead);
	struct nt_slice digits;
	uint64_t port;

	if (!at)
		return false;
	at += sizeof(lead) - 1;
	digits = nt_slice_mem(at, strspn(at, "0123456789"));
	if (!at[digits.len] || nt_parse_u64(digits, 65535, &port) < 0)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

/* It has closed its output: it is over. */
static int explain_end(struct nt_forward *f, char *text, struct nt_err *err)
{
	const char *last = nt_kubectl_last_line(text);

	if (nt_kubectl_stop(&f->kubectl) == 127)
		return nt_err_set(err, ENOENT, "there is no kubectl in $PATH");
	return nt_err_set(
		err, EAGAIN,
		"kubectl port-forward of deployment/nametap-controller in namespace %.64s: "
		"%.250s",
		f->kubectl.namespace_, last[0] ? last : "it ended");
}

static int wait_for_port(struct nt_forward *f, struct nt_err *err)
{
	struct nt_clock clock = nt_clock_system();
	int64_t until = nt_clock_boot(&clock) + READY_NS;
	char text[2048] = "";
	size_t len = 0;

	while (!find_port(text, &f->port)) {
		int64_t left = until - nt_clock_boot(&clock);
		struct pollfd p = { .fd = f->kubectl.fd, .events = POLLIN };
		ssize_t n;

		if (left <= 0 || NT_RETRY(poll(&p, 1, (int)(left / NT_NS_PER_MS) + 1)) == 0)
			return nt_err_set(err, ETIMEDOUT,
					  "kubectl port-forward is not there after %lld s",
					  READY_NS / NT_NS_PER_S);
		n = NT_RETRY(read(f->kubectl.fd, text + len, sizeof(text) - 1 - len));
		if (n <= 0)
			return explain_end(f, text, err);
		len += (size_t)n;
		text[len] = '\0';
	}
	return 0;
}

int nt_forward_start(struct nt_forward *f, struct nt_err *err)
{
	char port[16];
	const char *const arguments[] = { "port-forward", "--address=127.0.0.1",
					  "deployment/nametap-controller", port, NULL };
	int r;

	snprintf(port, sizeof(port), ":%d", NT_FORWARD_PORT);
	r = nt_kubectl_start(&f->kubectl, arguments, err);
	if (r == 0)
		r = wait_for_port(f, err);
	if (r < 0)
		nt_forward_stop(f);
	return r;
}

/* What it says later ("Handling connection") is read, so that it never waits for us. */
bool nt_forward_is_alive(struct nt_forward *f)
{
	char text[4096];
	struct pollfd p = { .fd = f->kubectl.fd, .events = POLLIN };

	if (!f->kubectl.pid)
		return false;
	while (NT_RETRY(poll(&p, 1, 0)) == 1)
		if (NT_RETRY(read(f->kubectl.fd, text, sizeof(text))) <= 0)
			return false;
	return true;
}

void nt_forward_stop(struct nt_forward *f)
{
	(void)nt_kubectl_stop(&f->kubectl);
}

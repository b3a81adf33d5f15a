/* SPDX-License-Identifier: Apache-2.0 */
/* One request to the Kubernetes API by lib/kube: kube [--kubeconfig FILE] METHOD PATH [BODY].
 * Prints the status and the body; without an answer the reason, and exits with 1. Without
 * --kubeconfig it is the pod's service account. */
#include <stdio.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/kube/client.h"

static bool on_octets(void *ctx, int status, struct nt_slice octets)
{
	(void)ctx, (void)status;
	printf("%.*s", NT_SLICE_ARG(octets));
	fflush(stdout);
	return true;
}

static int ask(struct nt_kube *kube, struct nt_loop *loop, char **words)
{
	_cleanup_buf_ struct nt_buf body = { 0 };
	struct nt_kube_request request = { .method = words[0],
					   .path = words[1],
					   .body = nt_slice_str(words[2]) };
	struct nt_kube_answer answer = { 0 };
	struct nt_err err = { 0 };

	if (strstr(words[1], "watch=1")) {
		request.data_fn = on_octets;
		request.timeout_ns = -1;
		request.silence_ns = 60 * NT_NS_PER_S;
	}
	if (strcmp(words[0], "PATCH") == 0)
		request.content_type = "application/merge-patch+json";
	if (nt_kube_call(kube, loop, &request, &answer, &body, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		return 2;
	}
	if (!answer.status) {
		fprintf(stderr, "%s\n", answer.error.msg);
		return 1;
	}
	printf("%d\n%.*s\n", answer.status, NT_SLICE_ARG(answer.body));
	if (answer.status >= 300)
		fprintf(stderr, "%s\n", answer.error.msg);
	return 0;
}

int main(int argc, char **argv)
{
	bool by_file = argc > 2 && strcmp(argv[1], "--kubeconfig") == 0;
	int first = by_file ? 3 : 1, r;
	struct nt_kube_config config;
	struct nt_kube *kube = NULL;
	struct nt_loop *loop = NULL;
	struct nt_err err;

	if (argc < first + 2)
		return 2;
	r = by_file ? nt_kube_config_read(argv[2], &config, &err)
		    : nt_kube_config_in_cluster(NULL, &config, &err);
	if (r == 0)
		r = nt_loop_new(&loop, &err);
	if (r == 0)
		r = nt_kube_open(&config, loop, "nametap-test", &kube, &err);
	if (r < 0)
		fprintf(stderr, "%s\n", err.msg);
	r = r < 0 ? 2 : ask(kube, loop, argv + first);
	nt_kube_close(kube);
	nt_loop_free(loop);
	return r;
}

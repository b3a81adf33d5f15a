/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A certificate authority of our own in a cluster: made once, kept in a Secret (tls.crt, tls.key),
 * so that replicas and restarts have the same one; its certificate is published in a ConfigMap
 * (ca.crt) for agents. Each replica signs a server's certificate for itself, which never leaves its
 * memory, and renews it when a third of its time is over. Looked at every five minutes, and tried
 * again with pauses of 1 to 60 s when the API cannot be asked. Belongs to the loop's thread.
 */
#pragma once

#include "controller/tls/tls.h"
#include "lib/base/clock.h"
#include "lib/base/loop.h"
#include "lib/kube/client.h"
#include "lib/kube/name.h"

struct nt_authority;

struct nt_authority_config {
	struct nt_kube *kube; /* these four: borrowed */
	struct nt_loop *loop;
	struct nt_clock *clock;
	struct nt_tls *tls; /* gets the server's certificate */
	struct nt_kube_name secret, configmap;
	/* Host names and addresses of the certificate, comma separated; NULL: those of the Service
	 * nametap-controller in the Secret's namespace, and localhost. */
	const char *names;
};

/* Returns at once; the certificate comes when the API has answered. */
int nt_authority_new(const struct nt_authority_config *config, struct nt_authority **ret_authority,
		     struct nt_err *err) NT_MUSTCHECK;
/* After nt_kube_close. */
void nt_authority_free(struct nt_authority *a);

/* SPDX-License-Identifier: Apache-2.0 */
/* The list of valid attachments: parsed, sorted, asked. */
#include "cni/attachments.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	const struct nt_cni_attachment *x = a, *y = b;
	int r = strcmp(x->container_id, y->container_id);

	return r ? r : strcmp(x->ifname, y->ifname);
}

static bool read_one(const json_t *entry, struct nt_cni_attachment *ret_one)
{
	const json_t *id = json_object_get(entry, "containerID");
	const json_t *ifname = json_object_get(entry, "ifname");

	*ret_one = (struct nt_cni_attachment){ json_string_value(id), json_string_value(ifname) };
	/* A NUL inside would make it another's. */
	return ret_one->container_id && ret_one->ifname &&
	       strlen(ret_one->container_id) == json_string_length(id) &&
	       strlen(ret_one->ifname) == json_string_length(ifname);
}

static int read_list(const json_t *list, struct nt_cni_attachments *a, struct nt_err *err)
{
	a->is_known = a->is_known || list;
	if (!list || json_is_null(list))
		return 0;
	if (!json_is_array(list))
		return nt_err_set(err, NT_CNI_CONFIG,
				  "the list of valid attachments (cni.dev/valid-attachments or "
				  "cni.dev/attachments) is no list");
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (!read_one(json_array_get(list, i), &a->all[a->len]))
			return nt_err_set(err, NT_CNI_CONFIG,
					  "valid attachment %zu has no containerID or no ifname; "
					  "nothing was removed",
					  i);
		a->len++;
	}
	return 0;
}

int nt_cni_attachments_parse(const struct nt_cni_config *config,
			     struct nt_cni_attachments *ret_attachments, struct nt_err *err)
{
	struct nt_cni_attachments *a = ret_attachments;
	size_t n = json_array_size(config->valid[0]) + json_array_size(config->valid[1]);
	int r;

	*a = (struct nt_cni_attachments){ .all = calloc(n + 1, sizeof(*a->all)) };
	if (!a->all)
		return nt_err_set(err, NT_CNI_IO, "no memory for %zu attachments", n);
	r = read_list(config->valid[0], a, err);
	if (r == 0)
		r = read_list(config->valid[1], a, err);
	if (r == 0)
		qsort(a->all, a->len, sizeof(*a->all), compare);
	return r;
}

void nt_cni_attachments_done(struct nt_cni_attachments *a)
{
	free(a->all);
	*a = (struct nt_cni_attachments){ 0 };
}

bool nt_cni_attachments_has(void *ctx, const char *container_id, const char *ifname)
{
	const struct nt_cni_attachments *a = ctx;
	const struct nt_cni_attachment wanted = { container_id, ifname };

	return bsearch(&wanted, a->all, a->len, sizeof(wanted), compare) != NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* GET policies: the DNS policies as the object source has them, with their mistakes. */
#include "api/http/frame.h"

#include "controller/ingest/ingest.h"
#include "lib/base/cleanup.h"
#include "lib/objects/objects.h"
#include "lib/policy/policy.h"

static uint64_t count_pods(const struct nt_objects *objects, const struct nt_policy *policy)
{
	const struct nt_object *pod;
	uint64_t n = 0;

	for (size_t i = 0; (pod = nt_objects_at(objects, NT_SLICE_LIT("Pod"), i)); i++)
		n += nt_policy_selects(policy, pod->namespace_, pod->labels, pod->labels_len);
	return n;
}

static void write_policy(struct nt_json *j, const struct nt_objects *objects,
			 const struct nt_object *object, const struct nt_policy *policy,
			 const struct nt_object_problem *problem)
{
	const char *mode = !policy					 ? ""
			   : nt_policy_mode(policy) == NT_POLICY_ENFORCE ? "Enforce"
									 : "Audit";

	nt_json_open(j, '{');
	nt_json_key_str(j, "namespace", object->namespace_);
	nt_json_key_str(j, "name", object->name);
	nt_json_key_str(j, "mode", nt_slice_str(mode));
	nt_json_key(j, "allow");
	nt_json_open(j, '[');
	for (size_t i = 0; policy && i < nt_policy_allow_len(policy); i++)
		nt_json_str(j, nt_policy_allow_at(policy, i));
	nt_json_close(j, ']');
	nt_frame_key_accepted(j, policy != NULL);
	nt_frame_key_problem(j, policy != NULL, nt_slice_str(problem->field),
			     nt_slice_str(problem->msg));
	nt_json_key_u64(j, "pods", policy ? count_pods(objects, policy) : 0);
	nt_json_close(j, '}');
}

static void add_policies(void *ctx, const struct nt_objects *objects)
{
	const struct nt_object *object;
	struct nt_json *j = ctx;

	for (size_t i = 0;
	     objects && (object = nt_objects_at(objects, NT_SLICE_LIT("DNSPolicy"), i)); i++) {
		struct nt_object_problem problem = { 0 };
		struct nt_policy *policy = NULL;

		(void)!nt_policy_parse(object, &policy, &problem); /* NULL when it is refused */
		write_policy(j, objects, object, policy, &problem);
		nt_policy_free(policy);
	}
}

void nt_handle_policies(struct nt_api *api, const struct nt_params *p, struct nt_reply *reply)
{
	struct nt_json j;

	if (!nt_frame_plain(p, reply))
		return;
	j = nt_frame_list_open(reply, "policies");
	nt_ingest_objects(api->ingest, add_policies, &j);
	nt_frame_list_close(&j);
}

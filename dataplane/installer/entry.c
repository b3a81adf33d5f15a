/* SPDX-License-Identifier: Apache-2.0 */
/* Our entry of a network configuration. */
#include "dataplane/installer/entry.h"

#include <string.h>

#include "dataplane/installer/conflist.h"
#include "dataplane/taps/seen.h"
#include "dataplane/taps/taps.h"
#include "lib/base/cleanup.h"

static bool put_path(json_t *entry, const char *key, const char *path, const char *usual)
{
	return !path || strcmp(path, usual) == 0 ||
	       json_object_set_new(entry, key, json_string(path)) == 0;
}

static char *print(const json_t *entry, struct nt_err *err)
{
	char *text = json_dumps(entry, 0);

	if (!text)
		nt_err_set(err, ENOMEM, "no memory for the entry");
	return text;
}

json_t *nt_entry_keys(const char *more, struct nt_err *err)
{
	json_error_t where;
	json_t *keys = json_loads(more, 0, &where);

	if (json_is_object(keys) && !json_object_get(keys, "type"))
		return keys;
	if (json_is_object(keys))
		nt_err_set(err, EINVAL, "--plugin-config: \"type\" cannot be set");
	else
		nt_err_set(err, EINVAL, "--plugin-config: no JSON object%s%s", keys ? "" : ": ",
			   keys ? "" : where.text);
	json_decref(keys);
	return NULL;
}

char *nt_entry_text(const char *pin_root, const char *state_dir, const char *more,
		    struct nt_err *err)
{
	json_auto_t *entry =
		json_pack("{s:s, s:{s:b, s:b}}", "type", NT_CONFLIST_TYPE, "capabilities", "dns", 1,
			  "io.kubernetes.cri.pod-annotations", 1);
	json_auto_t *keys = NULL;

	if (!entry || !put_path(entry, "bpffs", pin_root, NT_PIN_ROOT_DEFAULT) ||
	    !put_path(entry, "stateDir", state_dir, NT_STATE_DIR_DEFAULT)) {
		nt_err_set(err, EINVAL, "the entry: a path is no UTF-8, or no memory");
		return NULL;
	}
	if (!more)
		return print(entry, err);
	keys = nt_entry_keys(more, err);
	if (!keys)
		return NULL;
	if (json_object_update(entry, keys) < 0) {
		nt_err_set(err, ENOMEM, "no memory for the entry");
		return NULL;
	}
	return print(entry, err);
}

char *nt_entry_dropin(const char *entry, struct nt_err *err)
{
	json_auto_t *object = json_loads(entry, 0, NULL);

	if (!object || json_object_set_new(object, NT_SEEN_KEY, json_string(NT_SEEN_DROPIN)) < 0) {
		nt_err_set(err, ENOMEM, "no memory for the entry");
		return NULL;
	}
	return print(object, err);
}

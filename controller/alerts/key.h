/* SPDX-License-Identifier: Apache-2.0 */
/* The value that a record has for a key of a rule. For controller/alerts only. */
#pragma once

#include "controller/alerts/rule.h"

/* As the JSON form has it, "" for none. server: whose member is meant; NULL: there is none.
 * scratch holds the text until the next call. */
struct nt_slice nt_key_text(const struct nt_rule_key *key, const struct nt_record *r,
			    const struct nt_server *server, struct nt_buf *scratch);

/* SPDX-License-Identifier: Apache-2.0 */
/* A reply as an HTTP response of libmicrohttpd, with the headers that every response carries. */
#pragma once

#include <microhttpd.h>

#include "api/http/reply.h"

/* Queues it; takes the reply's body. */
enum MHD_Result nt_respond(struct MHD_Connection *connection, struct nt_reply *reply);

/* SPDX-License-Identifier: Apache-2.0 */
/* ringBytes, ports and serverPorts from JSON. */
#include <errno.h>
#include <jansson.h>

#include "dataplane/taps/loadkeys.h"

/* Numbers come as integers or as reals, as the caller's decoder makes them. */
static bool get_unsigned(const json_t *v, double max, double *ret_value)
{
	double d = json_number_value(v);

	if (!json_is_number(v) || d < 0 || d > max || d != (double)(__u64)d)
		return false;
	*ret_value = d;
	return true;
}

static int read_ring(const json_t *root, __u32 *ret_bytes, struct nt_err *err)
{
	const json_t *v = json_object_get(root, "ringBytes");
	double bytes = 0;

	if (!v)
		return 0;
	/* What is a power of two is checked here, what the kernel takes when it is loaded. */
	if (!get_unsigned(v, 1 << 30, &bytes) || bytes < 16384 ||
	    ((__u32)bytes & ((__u32)bytes - 1)))
		return nt_err_set(err, EINVAL,
				  "\"ringBytes\" must be a power of two from 16384 to 1073741824");
	*ret_bytes = (__u32)bytes;
	return 0;
}

static int read_ports(const json_t *root, const char *key, __u16 *ret_ports, struct nt_err *err)
{
	const json_t *list = json_object_get(root, key);
	size_t n = json_array_size(list);

	if (!list)
		return 0;
	if (n == 0 || n > NT_PORTS_MAX)
		return nt_err_set(err, EINVAL, "\"%s\" must be a list of 1 to %d ports", key,
				  NT_PORTS_MAX);
	for (size_t i = 0; i < n; i++) {
		double port;

		if (!get_unsigned(json_array_get(list, i), 65535, &port) || port < 1)
			return nt_err_set(err, EINVAL, "\"%s\" must hold numbers from 1 to 65535",
					  key);
		ret_ports[i] = (__u16)port;
	}
	return 0;
}

int nt_loadkeys_parse(const struct json_t *object, struct nt_loadkeys *ret_keys, struct nt_err *err)
{
	struct nt_loadkeys keys = { 0 };
	int r = read_ring(object, &keys.ring_bytes, err);

	if (r == 0)
		r = read_ports(object, "ports", keys.ports, err);
	if (r == 0)
		r = read_ports(object, "serverPorts", keys.server_ports, err);
	if (r == 0)
		*ret_keys = keys;
	return r;
}

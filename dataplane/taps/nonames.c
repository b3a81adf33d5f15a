/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Static programs look up no names. libnl has functions for that, which we do not call, and of
 * which the linker warns, rightly: in a static program glibc would load shared libraries of the
 * machine it runs on. Linked with --wrap (Makefile), libnl gets these instead.
 */
#include <netdb.h>
#include <stddef.h>

struct protoent *__wrap_getprotobyname(const char *name);
struct protoent *__wrap_getprotobynumber(int number);
int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		       struct addrinfo **ret);

struct protoent *__wrap_getprotobyname(const char *name)
{
	(void)name;
	return NULL;
}

struct protoent *__wrap_getprotobynumber(int number)
{
	(void)number;
	return NULL;
}

int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		       struct addrinfo **ret)
{
	(void)node, (void)service, (void)hints;
	*ret = NULL;
	return EAI_FAIL;
}

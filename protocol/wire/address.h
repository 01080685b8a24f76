/* address.h: what the endpoint of a socket may be, the same for every process and client.
 *
 * 1. ipc:///PATH: an absolute path within IPC_PATH_BYTES_MAX.
 * 2. tcp://HOST:PORT: loopback only, with a PORT from 1 to 65535. Beyond loopback there would have to
 *    be keys, so it is refused, in both directions.
 */
#ifndef VD_ADDRESS_H
#define VD_ADDRESS_H

#include "wire/limits.h"
#include "wire/status.h"

#include <stdbool.h>
#include <stddef.h>

/* Checks an endpoint for binding (`bind`) or connecting. VD_OK; VD_USAGE: nobody can be there;
 * VD_DENIED: it leaves this machine; with text in `error` that names the endpoint and the remedy. */
vd_status_t vd_address_check(const char *endpoint, bool bind, char *error, size_t error_size);

#endif

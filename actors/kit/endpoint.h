/* endpoint.h: the one place where sockets are made, bound and connected.
 *
 * 1. ipc: the socket's directory must be the user's own with mode 0700, its path within
 *    IPC_PATH_BYTES_MAX. A stale socket file is removed; so only the holder of the actor's lock may
 *    bind.
 * 2. tcp: loopback only (wire/address.h).
 * 3. Every socket has finite limits and time-outs: nothing waits for ever on a peer. A peer on tcp that
 *    is gone without a word is noticed within some seconds, from either side.
 */
#ifndef VD_ENDPOINT_H
#define VD_ENDPOINT_H

#include "wire/limits.h"
#include "wire/status.h"

#include <czmq.h>

/* Makes a socket of ZeroMQ type `type` with all options set. `identity` NULL: none. NULL when there
 * are no more. */
zsock_t *vd_endpoint_socket(int type, const char *identity);
/* Checks an endpoint for binding (`bind`) or connecting. VD_OK, VD_USAGE or VD_DENIED with text in
 * `error`. */
vd_status_t vd_endpoint_check(const char *endpoint, bool bind, char *error, size_t error_size);
/* Binds. VD_OK, or why not, with text in `error` that names the endpoint and the remedy. */
vd_status_t vd_endpoint_bind(zsock_t *socket, const char *endpoint, char *error, size_t error_size);
/* Removes the file that binding to an ipc endpoint has made. */
void vd_endpoint_unlink(const char *endpoint);
/* Connects; the peer need not be there yet. */
vd_status_t vd_endpoint_connect(zsock_t *socket, const char *endpoint, char *error,
                                size_t error_size);
/* Ends a connection of a socket. False when there is none. */
bool vd_endpoint_disconnect(zsock_t *socket, const char *endpoint);

#endif

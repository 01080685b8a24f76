/* http_engine.h: libcurl's transfers on one descriptor.
 *
 * 1. Sockets, the clock of the transfers and one descriptor of the owner's stand behind one epoll
 *    descriptor. When it is readable, the owner calls vd_http_engine_turn and then takes what is
 *    done.
 * 2. A transfer is sent as far as possible when it is added. It is done at a turn, never before:
 *    what ends at once makes the descriptor readable.
 * 3. Connections are kept for the next transfer to the same place. They are bounded by what the
 *    process may open.
 * 4. Transfers are spread over several of libcurl's engines: it looks through all connections of
 *    one at the end of each transfer.
 */
#ifndef VD_HTTP_ENGINE_H
#define VD_HTTP_ENGINE_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct vd_http_engine vd_http_engine_t;

/* `watched`: the owner's descriptor. `ca_file`: certificates to trust instead of the system's, or
 * empty; it outlives the engine. NULL without memory, descriptors or libcurl. */
vd_http_engine_t *vd_http_engine_new(int watched, const char *ca_file);
/* Every transfer has been removed before. */
void vd_http_engine_destroy(vd_http_engine_t **self);
int vd_http_engine_fd(const vd_http_engine_t *self);

/* How many connections the transfers have at most, and those without libcurl as many: half each of
 * what the process may open. */
uint32_t vd_http_engine_connections_max(void);

/* A handle with what all transfers have in common; freed with curl_easy_cleanup, before the engine.
 * NULL without memory. */
CURL *vd_http_engine_handle(vd_http_engine_t *self);
/* Begins the transfer that `handle` is set up for. Those to one place come with one `place`, above
 * 0; all that are encrypted with 0: each engine that checks certificates keeps all that it trusts.
 */
bool vd_http_engine_add(vd_http_engine_t *self, CURL *handle, uint64_t place);
/* Takes a transfer out, done or not, with the place that it was added with; one that was not done loses its connection. */
void vd_http_engine_remove(vd_http_engine_t *self, CURL *handle, uint64_t place);
/* Goes on with what can go on. Returns whether the watched descriptor is readable. */
bool vd_http_engine_turn(vd_http_engine_t *self);
/* A transfer that is done, still to be removed; NULL when there is none. */
CURL *vd_http_engine_done(vd_http_engine_t *self, CURLcode *code);
/* Makes the descriptor readable. */
void vd_http_engine_wake(vd_http_engine_t *self);

#endif

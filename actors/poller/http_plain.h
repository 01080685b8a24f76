/* http_plain.h: the ordinary read over HTTP, without libcurl: it costs a third.
 *
 * 1. A read suits when it is a GET over http to an IPv4 address, without auth and arguments. Its
 *    answer suits when it is HTTP/1.1 200 with one Content-Length, at most what is allowed, and
 *    nothing else that would have to be understood.
 * 2. Whatever else comes, an error too, is not told from here: the work comes back, and libcurl
 *    does the read from its beginning. Its place is then left to libcurl for some time, unless all
 *    that went wrong is that a kept connection had been closed.
 * 3. Connections are kept for the next read of the same place. They are bounded, and closed when
 *    they have not been used for long.
 * 4. When the descriptor is readable, the owner calls vd_http_plain_turn. Works are given back from
 *    there alone, each once, unless they are cancelled before.
 */
#ifndef VD_HTTP_PLAIN_H
#define VD_HTTP_PLAIN_H

#include "http_work.h"

typedef struct vd_http_plain vd_http_plain_t;

/* A read is done: head, the lines behind the first one, and content, which live until it returns.
 */
typedef void vd_http_plain_done_fn(void *arg, vd_http_work_t *work, vd_bytes_t head,
                                   vd_bytes_t content);
/* A read is to be done by libcurl. */
typedef void vd_http_plain_odd_fn(void *arg, vd_http_work_t *work);

typedef struct vd_http_plain_owner {
    vd_http_plain_done_fn *done;
    vd_http_plain_odd_fn *odd;
    void *arg;
} vd_http_plain_owner_t;

/* At most so many connections. NULL without memory or descriptors. */
vd_http_plain_t *vd_http_plain_new(const vd_http_plain_owner_t *owner, uint32_t connections_max);
/* Every work has come back or was cancelled before. */
void vd_http_plain_destroy(vd_http_plain_t **self);
int vd_http_plain_fd(const vd_http_plain_t *self);

/* Begins the read that the work has taken in. False when it does not suit, or cannot be begun here:
 * then it is libcurl's. */
bool vd_http_plain_start(vd_http_plain_t *self, vd_http_work_t *work, int64_t now_us);
/* Gives up a read that is under way here. */
void vd_http_plain_cancel(vd_http_plain_t *self, vd_http_work_t *work);
void vd_http_plain_turn(vd_http_plain_t *self);

/* How an answer looks so far: VD_OK with head and content, VD_NOT_READY while it is not whole, and
 * VD_UNSUPPORTED when it is not for here. `keep`: the connection stays open. */
vd_status_t vd_http_plain_parse(vd_bytes_t bytes, uint64_t content_max, vd_bytes_t *head,
                                vd_bytes_t *content, bool *keep);

#endif

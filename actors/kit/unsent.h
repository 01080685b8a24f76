/* unsent.h: how many bytes of payloads wait in a ROUTER for each of its peers.
 *
 * 1. A payload is counted from when it is given to the socket until ZeroMQ lets go of it: it went out
 *    to the peer's connection, or was thrown away with it. What a peer says cannot change that.
 * 2. Counting begins in the thread of the socket and ends in any. The table may go before the last
 *    payload does.
 * 3. Nothing is kept of a peer for which nothing waits, beyond the next new peer of its bucket.
 */
#ifndef VD_UNSENT_H
#define VD_UNSENT_H

#include "core/core.h"

typedef struct vd_unsent vd_unsent_t;
/* One payload that is counted. */
typedef struct vd_unsent_ticket vd_unsent_ticket_t;

/* NULL without memory. */
vd_unsent_t *vd_unsent_new(void);
void vd_unsent_destroy(vd_unsent_t **self);
/* Bytes that wait for `peer`. */
size_t vd_unsent_bytes(const vd_unsent_t *self, const vd_peer_t *peer);
/* Counts `payload` for `peer` and holds it. NULL, with nothing counted, without memory. */
vd_unsent_ticket_t *vd_unsent_count(vd_unsent_t *self, const vd_peer_t *peer, vd_shared_t *payload);
/* It waits no more: lets go of it, and of the ticket. In any thread; ZeroMQ's zmq_free_fn, with the
 * ticket as the hint. */
void vd_unsent_let_go(void *data, void *ticket);

#endif

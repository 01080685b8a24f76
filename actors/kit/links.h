/* links.h: the sockets of a core: its bound ports, and its connections by name.
 *
 * 1. A DEALER port has one socket for each connection, with an identity that was never used before.
 * 2. A SUB port has one socket; an endpoint that two connections share is connected once.
 * 3. A link that is closed while its messages are being read is freed by vd_links_reap, not before.
 * 4. The loop watches the descriptors of the sockets, not the sockets, which would be several calls
 *    into the system for each socket and turn. A descriptor tells of what has come since the socket
 *    was last used in any way: whoever uses a socket looks at it once more before the loop waits
 *    (vd_link_has_message).
 */
#ifndef VD_LINKS_H
#define VD_LINKS_H

#include "kit/actor.h"
#include "kit/endpoint.h"
#include "kit/unsent.h"

typedef struct vd_link {
    struct vd_link *next;
    vd_port_t port;
    bool closed;
    bool used;       /* its descriptor may be silent about a message that is there */
    uint32_t topics; /* PUB: somebody is subscribed to */
    int file;        /* ZMQ_FD */
    vd_peer_t peer;  /* DEALER: the name of the connection */
    char endpoint[VD_ENDPOINT_BYTES_MAX + 1];
    zsock_t *socket;
    void *handle;        /* the same for ZeroMQ's own functions */
    vd_unsent_t *unsent; /* ROUTER */
    void *owner;         /* of the table's owner: goes to the reader's handler */
    struct vd_links *table;
} vd_link_t;

/* One CONNECT on a SUB port. */
typedef struct vd_feeder {
    struct vd_feeder *next;
    uint16_t port;
    vd_peer_t peer;
    char endpoint[VD_ENDPOINT_BYTES_MAX + 1];
} vd_feeder_t;

typedef struct vd_links {
    zloop_t *loop;
    zloop_fn *reader; /* called with the link; takes messages until there are none */
    void *owner;
    int64_t frame_bytes_max;              /* of what comes in; 0: FRAME_BYTES_MAX */
    char identity[VD_PEER_BYTES_MAX + 1]; /* prefix of identities */
    vd_link_t *first;
    vd_feeder_t *feeders;
} vd_links_t;

void vd_links_init(vd_links_t *self, zloop_t *loop, zloop_fn *reader, void *owner, const char *name,
                   uint64_t inc);
/* Closes everything. */
void vd_links_free(vd_links_t *self);
/* Opens a port: binds a ROUTER or PUB to `endpoint`, makes a SUB; nothing to do for a DEALER. */
vd_status_t vd_links_open(vd_links_t *self, const vd_port_t *port, const char *endpoint,
                          char *error, size_t error_size);
/* The socket to send with: of a port, and on a DEALER port of a peer. NULL when there is none. */
vd_link_t *vd_links_find(vd_links_t *self, uint16_t port, const vd_peer_t *peer);
/* Connects; a connection of this name to another endpoint is replaced. */
vd_status_t vd_links_connect(vd_links_t *self, const vd_port_t *port, const vd_peer_t *peer,
                             const char *endpoint, char *error, size_t error_size);
void vd_links_disconnect(vd_links_t *self, const vd_port_t *port, const vd_peer_t *peer);
/* Is there a message? If not, the descriptor will tell of the next one. */
bool vd_link_has_message(vd_link_t *link);
/* Frees the links that were closed. Not while one of them is being read. */
void vd_links_reap(vd_links_t *self);

#endif

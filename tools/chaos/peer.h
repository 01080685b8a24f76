/* peer.h: who talks to an actor and keeps to no limit: raw messages to its ports, and connections that say nothing.
 *
 * 1. Nothing here waits: what cannot be sent now is sent later.
 */
#ifndef CHAOS_PEER_H
#define CHAOS_PEER_H

#include "wire/buffer.h"

enum { CHAOS_PORTS_MAX = 4, CHAOS_MUTE_MAX = 4096, CHAOS_FRAMES_MAX = 128 };

typedef struct chaos_peer chaos_peer_t;

/* A peer of `count` endpoints, ipc://... each; NULL without memory or descriptors. */
chaos_peer_t *chaos_peer_open(char (*endpoints)[256], size_t count);
void chaos_peer_close(chaos_peer_t **self);
size_t chaos_peer_ports(const chaos_peer_t *self);
/* Sends one message of these frames to a port. False: not now. */
bool chaos_peer_send(chaos_peer_t *self, size_t port, const vd_bytes_t *frames, size_t count);
/* Takes what was answered; how many messages that were. */
size_t chaos_peer_drain(chaos_peer_t *self, size_t port);
/* One more connection to the first port that says nothing. False: it is not taken, or there are no more. */
bool chaos_peer_connect(chaos_peer_t *self);
/* How many there are. */
size_t chaos_peer_mute(const chaos_peer_t *self);
void chaos_peer_disconnect(chaos_peer_t *self);

#endif

/* host.h: the observer host as a pure core: membership, reads, turns, commits, the feed "state".
 *
 * 1. Life: OPEN at the ingestor fences the life before; then the session's committed events are
 *    replayed up to the head, and those of this observer are applied; then turns run. So no event
 *    of an older life is missed or repeated.
 * 2. A turn runs when new samples have come (VD_COALESCE_MS after the first of them, or as soon as all
 *    that a turn asked for is answered) or when the interval has passed by a quarter without any. One turn is outstanding: its events are one emit
 *    frame, applied when it is committed. Until then samples coalesce: of each read the newest ones
 *    are held.
 * 3. A turn that was late delays the next one; turns are never bunched. A turn that was full is
 *    followed at once.
 * 4. A cycle is a turn that succeeded. Its number is the turn's; it goes on behind the highest
 *    stored one after a restart. Each cycle, and each change of an error, is an item of the feed
 *    "state".
 * 5. A turn that fails or is rejected changes nothing: state and snapshot stay, the error is told
 *    with its stage.
 * 6. A session that has ended is gone on from in the one that continues it, over as many rolls as
 *    there were: the first events there are the state (VD_OBSERVER_STATE, one frame), then come
 *    those of the turn that the old one has rejected. An idle observer learns of it within
 *    VD_WATCH_MS. A state too large for a frame is left out.
 * 7. A restart follows the session forward to the newest one, and back to the newest that holds
 *    this observer's state; from there on its events are applied.
 * 8. When the store has gone back or is another one (the emit conversation has a new epoch), the
 *    state is made anew by a replay. It ends when a newer life has fenced it.
 * 9. A collector reads what another observer has written (collecting.h): one event is before a turn
 *    at a time, and turns follow each other as long as there are events.
 * 10. The state is kept at the ingestor every `snapshot_events` events, or every
 *    `snapshot_interval_ms` when it has changed: a replay begins with the newest one that is of use,
 *    and is otherwise as it would be without (replay.h).
 * 11. PAST is answered by a second replay, with a state of its own, while turns go on: one at a time,
 *    a few wait, and whoever comes then is told that it is busy.
 */
#ifndef VD_HOST_H
#define VD_HOST_H

#include "emit/emit.h"
#include "readings.h"
#include "replay.h"
#include "stream/stream.h"
#include "turn.h"

/* A turn's item is below half of it, as a publisher needs. */
#define VD_HISTORY_BYTES_MIN 1048576

#define VD_COALESCE_MS 1
#define VD_WATCH_MS    2000

enum {
    VD_HOST_PORT_BROKER = 1, /* DEALER */
    VD_HOST_PORT_MEMBERSHIP, /* SUB */
    VD_HOST_PORT_EMIT,       /* DEALER */
    VD_HOST_PORT_READ,       /* DEALER */
    VD_HOST_PORT_POLLER,     /* DEALER */
    VD_HOST_PORT_SAMPLES,    /* SUB */
    VD_HOST_PORT_REQUESTS,   /* ROUTER */
    VD_HOST_PORT_CHANGES,    /* PUB */
    VD_HOST_PORT_INPUT,      /* DEALER; of a collector: the events of another observer */
    VD_HOST_PORT_ORIGIN,     /* DEALER; of a collector: that observer */
};

/* The operation of its DO: the state is restored, the observer is ready. No answer is expected. */
#define VD_HOST_READY 1u
#ifdef VD_FAILPOINTS
/* Of tests alone: `object` names a place behind what the step has sent (kit/failpoint.h). */
#define VD_HOST_PLACE 2u
#endif

typedef struct vd_host_options {
    const vd_observer_t *observer;
    const vd_config_t *config; /* for the observer's init */
    const char *name;          /* of the actor; also the producer */
    const char *session;
    uint64_t inc;
    int64_t interval_ms;
    /* What is held for readers of the feed "state": so many items, of so many bytes, not older. */
    uint32_t history;
    uint32_t history_bytes;   /* at least VD_HISTORY_BYTES_MIN */
    int64_t history_age_ms;   /* 0: of any age */
    uint64_t snapshot_events; /* 0: the state is not kept */
    int64_t snapshot_interval_ms;
    uint32_t snapshots_keep; /* of the session at hand */
    const char *broker_control;
    const char *broker_membership;
    const char *ingestor_emit;
    const char *ingestor_read;
    const char *reads;           /* of a collector: the observer that it reads; else NULL */
    const char *origin_requests; /* its endpoint */
} vd_host_options_t;

typedef struct vd_host vd_host_t;

/* Makes the core; options are copied, observer and config stay the caller's. NULL with text in
 * `error` when the observer's init fails or there is no memory. */
vd_host_t *vd_host_new(const vd_host_options_t *options, char *error, size_t error_size);
void vd_host_destroy(vd_host_t **self);
vd_step_fn vd_host_step;
/* In place of it, for a host that is only asked about the past: it needs nothing but an ingestor to read
 * from, writes nothing, and knows no now. */
vd_step_fn vd_host_step_past_only;

/* For tests: the state, and the number of the last cycle. */
const void *vd_host_state(const vd_host_t *self);
uint64_t vd_host_cycle(const vd_host_t *self);

#endif

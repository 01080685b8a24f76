/* feed.h: both ends of a feed as pure cores: snapshot, numbered items, history, repair by request.
 *
 * 1. The publisher numbers its items from 1 within its incarnation, publishes each on its PUB port
 *    under the feed's name as topic, keeps a bounded history, and answers GET and READ on its
 *    ROUTER port.
 * 2. The reader subscribes, then asks for the snapshot, then applies what is newer, in order and
 *    once. A gap is repaired with READ; what is no longer held comes as a snapshot (RESET). It
 *    never applies item n+1 before n.
 * 3. PUB is a hint: the reader also asks with READ when nothing came for `quiet_ms`, so that a lost
 *    last item is found, and asks again when an answer stays out.
 * 4. An item too large for PUB travels by request only (ITEM with an empty payload).
 * 5. The history is bounded by items, by bytes and, where the publisher is told the time, by age: what
 *    passes any of the three is held no more, the oldest first.
 * 6. A reader that knows where it stood begins there with READ instead of a snapshot. A place that
 *    is not held is a snapshot all the same, and `reset` says why.
 * 7. Neither end allocates after its init.
 */
#ifndef VD_FEED_H
#define VD_FEED_H

#include "core/core.h"

/* ---- publisher ---- */

typedef struct vd_feed_slot {
    uint32_t at, size;
    int64_t told_us; /* when it was published */
} vd_feed_slot_t;

typedef struct vd_feed_publisher {
    char feed[VD_FEED_BYTES_MAX + 1];
    uint64_t inc;
    uint64_t head;  /* number of the newest item; 0: none */
    uint64_t first; /* number of the oldest item that is kept; head + 1: none */
    uint16_t pub_port;
    bool complete; /* goes into SNAPSHOT and RESET; true after init */
    uint32_t items_max;
    uint32_t bytes_max;
    vd_feed_slot_t *slots; /* ring of items_max */
    uint8_t *bytes;        /* ring of bytes_max; an item never wraps */
    uint32_t write_at;
    int64_t age_us_max; /* 0: any age; the owner sets it after init */
    int64_t now_us;     /* as it was told last */
} vd_feed_publisher_t;

/* Fills `out` with the snapshot as one MessagePack value. */
typedef void vd_feed_snapshot_fn(void *arg, vd_buffer_t *out);

/* Makes a publisher with `items_max` items and `bytes_max` bytes of history. False without
 * memory. */
bool vd_feed_publisher_init(vd_feed_publisher_t *self, const char *feed, uint64_t inc,
                            uint16_t pub_port, uint32_t items_max, uint32_t bytes_max);
void vd_feed_publisher_free(vd_feed_publisher_t *self);
/* Tells the time: what is older than `age_us_max` is held no more. Items published from now on are as
 * old as this moment. */
void vd_feed_publisher_tick(vd_feed_publisher_t *self, vd_now_t now);
/* What was told so far is true no more: a new incarnation begins, without a history. Readers are
 * RESET. */
void vd_feed_publisher_renew(vd_feed_publisher_t *self);
/* Numbers, keeps and publishes one item (one MessagePack value, at most bytes_max / 2). Returns its
 * number. */
uint64_t vd_feed_publish(vd_feed_publisher_t *self, vd_effects_t *effects, vd_bytes_t item);
/* Answers `input` if it is a GET or READ for this feed. Returns whether it was. `scratch` is for
 * the snapshot. READ of incarnation 0 is answered with what is held from the first item on. */
bool vd_feed_answer(vd_feed_publisher_t *self, const vd_input_t *input, vd_effects_t *effects,
                    vd_feed_snapshot_fn *snapshot, void *arg, vd_buffer_t *scratch);

/* ---- reader ---- */

typedef struct vd_feed_handler {
    /* A snapshot: replace what is known; when !complete, add to it and remove nothing. */
    void (*snapshot)(void *arg, vd_now_t now, vd_bytes_t value, bool complete,
                     vd_effects_t *effects);
    /* The next item. */
    void (*item)(void *arg, vd_now_t now, uint64_t n, vd_bytes_t value, vd_effects_t *effects);
} vd_feed_handler_t;

/* For readers whose owner calls vd_feed_reader_tick itself, a few times each second. */
#define VD_FEED_NO_TIMER UINT32_MAX

typedef struct vd_feed_reader {
    char feed[VD_FEED_BYTES_MAX + 1];
    uint16_t request_port; /* of a connecting kind; `peer` is the publisher there */
    uint16_t sub_port;
    uint32_t timer;
    vd_peer_t peer;
    const vd_feed_handler_t *handler;
    void *arg;
    bool connected;
    bool synced; /* a snapshot has been applied */
    bool complete;
    bool asking;     /* a question is out */
    bool asking_get; /* and it is for a snapshot: items wait for it */
    bool refetch;    /* a snapshot that was not complete: get another one soon */
    uint64_t inc;
    uint64_t n;       /* last item applied */
    uint64_t asked_n; /* and when the question went out */
    uint64_t seen;    /* highest number heard of within `seen_inc` */
    uint64_t seen_inc;
    uint64_t correlation; /* of the question that is out */
    uint32_t unanswered;  /* questions in a row */
    uint64_t answered;    /* questions, in all */
    vd_status_t reset;    /* why the last snapshot came without being asked for; VD_OK: it was */
    int64_t asked_us;
    int64_t heard_us;
    int64_t fetched_us; /* when the last snapshot came */
    int64_t quiet_ms;   /* 2000 after init */
} vd_feed_reader_t;

/* `timer`: id of a timer of its own, or VD_FEED_NO_TIMER. `handler` and `arg` must outlive the
 * reader. */
void vd_feed_reader_init(vd_feed_reader_t *self, const char *feed, uint16_t request_port,
                         uint16_t sub_port, uint32_t timer, const vd_feed_handler_t *handler,
                         void *arg);
/* Before it connects: it begins behind item `n` of incarnation `inc`; `inc` 0: with the first item
 * that is held. */
void vd_feed_reader_begin_at(vd_feed_reader_t *self, uint64_t inc, uint64_t n);
/* Connects (or, with other endpoints, moves) to a publisher: subscribes first, then asks. Readers
 * may share a connection: those to the same peer on the same ports. */
void vd_feed_reader_connect(vd_feed_reader_t *self, vd_now_t now, const vd_peer_t *peer,
                            const char *request_endpoint, const char *pub_endpoint,
                            vd_effects_t *effects);
/* Ends the subscription. The connections stay: another reader may use them. */
void vd_feed_reader_disconnect(vd_feed_reader_t *self, vd_effects_t *effects);
/* Takes an input. Returns whether it was for this reader (its feed, its peer, its timer). */
bool vd_feed_reader_step(vd_feed_reader_t *self, vd_now_t now, const vd_input_t *input,
                         vd_effects_t *effects);
/* Asks what is due to be asked. Only for readers without a timer. */
void vd_feed_reader_tick(vd_feed_reader_t *self, vd_now_t now, vd_effects_t *effects);

#endif

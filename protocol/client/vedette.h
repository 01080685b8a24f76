/* vedette.h: attach to a Vedette runtime: follow its events, write events, ask what it knows.
 *
 * 1. A client and everything made from it belong to one thread at a time; two clients share
 *    nothing. No function of this header starts a thread that calls you, and none handles a signal.
 * 2. Nothing is sent while you are outside of a call. What has to go on (acknowledgements, credit,
 *    repair) goes on inside vd_follow_next, vd_watch_next, vd_wait, vd_producer_wait and
 *    vd_producer_flush.
 * 3. A call blocks for at most its timeout in milliseconds (0: only what is at hand; negative: no
 *    limit) and then returns VD_TIMED_OUT; the same call may be made again and loses nothing. A
 *    signal with a handler ends a blocking call early with VD_CANCELLED. A call without a timeout
 *    does not block, except that the system may take up to one second to send.
 * 4. Where there is no runtime, a call returns VD_UNREACHABLE at once. Where there is one, and the
 *    process that is asked is just being started again, the call waits for it within its timeout.
 * 5. What you pass in stays yours and is copied where it is needed longer. What you get out
 *    (pointers in replies, blobs, events, texts) is the library's and lives until the next call on
 *    the same object, or until that object is destroyed. Destroy everything made from a client
 *    before the client; a destroy function takes the address of your pointer, sets it to NULL, and
 *    accepts NULL.
 * 6. A follow gives every committed event that it was asked for exactly once, in the order of
 *    commits, in each session without a gap. What it shows is on disk. Where that cannot be kept
 *    (events or the position were pruned, events are damaged, the store went back in time) it says so
 *    once for each range, with VD_PRUNED, VD_CORRUPT or VD_WENT_BACK, and goes on from where the
 *    store can: never a silent gap.
 * 7. A follow, a watch, a wait and a producer survive the death and the restart of every process of
 *    the runtime, and reconnect by themselves. A follow needs the ingestor alone: it goes on while
 *    all others are down.
 * 8. An event that was taken by vd_producer_emit ends in exactly one receipt: on disk, or rejected
 *    with a reason. Until then it is kept and sent again after silence; it is stored at most once.
 *    If your process dies first, its events without a receipt may or may not be stored.
 * 9. A producer's name belongs to whoever opened it last: the one before gets VD_FENCED, which is
 *    final.
 * 10. Data are MessagePack values; vd_client_json shows them, vd_client_pack reads JSON.
 * 11. Only what stands here is exported. Structures that you pass in begin with zeroes: {0} asks
 *     for the defaults.
 */
#ifndef VEDETTE_H
#define VEDETTE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define VD_API __attribute__((visibility("default")))
#else
#define VD_API
#endif

/* How a call ended. The numbers are stable; a test keeps them equal to those of the protocol. */
#ifndef VD_STATUS_DEFINED
#define VD_STATUS_DEFINED
typedef enum vd_status {
    VD_OK = 0,
    VD_FAILED = 1,
    VD_USAGE = 2,
    VD_CONFIG = 3,
    VD_NOT_FOUND = 4,
    VD_EXISTS = 5,
    VD_UNREACHABLE = 6,
    VD_TIMED_OUT = 7,
    VD_BUSY = 8,
    VD_DENIED = 9,
    VD_IO = 10,
    VD_NO_SPACE = 11,
    VD_NO_MEMORY = 12,
    VD_NOT_READY = 13,
    VD_CANCELLED = 14,
    VD_MALFORMED = 20,
    VD_TOO_LARGE = 21,
    VD_TOO_DEEP = 22,
    VD_UNSUPPORTED = 23,
    VD_MISSING_FIELD = 24,
    VD_WRONG_TYPE = 25,
    VD_BAD_EVENT = 30,
    VD_BAD_CRC = 31,
    VD_UNKNOWN_SESSION = 32,
    VD_SESSION_CLOSED = 33,
    VD_SESSION_EXISTS = 34,
    VD_FENCED = 35,
    VD_NUMBER_REUSED = 36,
    VD_OUT_OF_ORDER = 37,
    VD_OVERLOADED = 38,
    VD_STORE_TROUBLE = 39,
    VD_CORRUPT = 40,
    VD_PRUNED = 41,
    VD_WENT_BACK = 42,
    VD_RESTARTED = 43,
    VD_TOO_SLOW = 44,
    VD_SILENT = 45,
    VD_KICKED = 46
} vd_status_t;
#endif

/* The name of a status ("timed_out"), and a phrase for people. Never NULL. */
VD_API const char *vd_client_status_name(vd_status_t status);
VD_API const char *vd_client_status_text(vd_status_t status);
/* The version of the library, "0.1.0". */
VD_API const char *vd_client_version(void);

/* ---- client ---- */

typedef struct vd_client vd_client_t;

/* Bytes that the library owns: one MessagePack value where nothing else is said. */
typedef struct vd_blob {
    const uint8_t *data;
    size_t size;
} vd_blob_t;

/* Makes a client of the runtime in directory `dir`; NULL or "": VEDETTE_DIR, else the user's
 * default. Connects to nothing yet. NULL only without memory; a directory that cannot be used, or
 * what is wrong in VEDETTE_ENDPOINTS, makes every call return VD_USAGE. */
VD_API vd_client_t *vd_client_new(const char *dir);
VD_API void vd_client_destroy(vd_client_t **self);
/* From now on the port `port` of actor `actor` ("ingestor", "read") is at `endpoint`, tcp://HOST:PORT or
 * ipc:///PATH, and not in the runtime's directory. On tcp HOST is of this machine's loopback: beyond it
 * there would have to be keys. VEDETTE_ENDPOINTS says the same for every client of a process:
 * "ingestor.read=tcp://127.0.0.1:7000,ingestor.emit=tcp://127.0.0.1:7001". On tcp it cannot be told at
 * once that nobody is there: calls wait for their timeout. VD_OK or VD_USAGE. */
VD_API vd_status_t vd_client_use_endpoint(vd_client_t *self, const char *actor, const char *port,
                                          const char *endpoint);
/* What went wrong in the last call that failed on this client or on anything made from it: the
 * thing, the place and the remedy. "" if nothing has failed yet. */
VD_API const char *vd_client_error(const vd_client_t *self);
/* The directories in use: of the sockets, of the store, of the logs. */
VD_API const char *vd_client_run_dir(const vd_client_t *self);
VD_API const char *vd_client_store_dir(const vd_client_t *self);
VD_API const char *vd_client_log_dir(const vd_client_t *self);

/* A value as one line of JSON, ended with a zero byte; NULL without memory or when it is not
 * MessagePack. */
VD_API const char *vd_client_json(vd_client_t *self, vd_blob_t value);
/* A new id for a session: nobody else has it, and it sorts by time (those of one client in the order
 * in which they were made). */
VD_API const char *vd_client_new_session_id(vd_client_t *self);
/* JSON text as a value. VD_OK; VD_MALFORMED with line and column in vd_client_error;
 * VD_TOO_LARGE. */
VD_API vd_status_t vd_client_pack(vd_client_t *self, const char *json, size_t size,
                                  vd_blob_t *value);

/* ---- asking ---- */

/* A request of the message catalogue, by fields that are already encoded. */
typedef struct vd_request {
    const char *actor; /* "supervisor", "broker", "ingestor", "host", ... */
    const char *port;  /* "control", "requests", "read", ... */
    uint16_t id;       /* of the message */
    const void *body;  /* one MessagePack map; NULL: an empty one */
    size_t body_size;
    int once; /* not 0: never sent a second time, for what must not happen twice */
} vd_request_t;

typedef struct vd_reply {
    uint16_t id;       /* of the answer's message */
    vd_blob_t body;    /* one MessagePack map */
    vd_blob_t payload; /* may be empty */
} vd_reply_t;

/* Sends one request and waits for its one answer; asks again after silence (not with `once`). An
 * answer ERROR becomes its status, with its text in vd_client_error. VD_OK, VD_UNREACHABLE,
 * VD_TIMED_OUT or the status of the answer. */
VD_API vd_status_t vd_client_request(vd_client_t *self, const vd_request_t *request, int timeout_ms,
                                     vd_reply_t *reply);
/* The snapshot of feed `feed` of an actor: one value. */
VD_API vd_status_t vd_client_get(vd_client_t *self, const char *actor, const char *port,
                                 const char *feed, int timeout_ms, vd_blob_t *value);
/* The snapshot of an observer:
 * {"observer","cycle","at","position","sources","error","state",...}. */
VD_API vd_status_t vd_client_snapshot(vd_client_t *self, const char *observer, int timeout_ms,
                                      vd_blob_t *value);
/* What an observer offers beside its snapshot; `args` is an array, empty for none. The name
 * "queries" is answered by every observer: an array of maps {"name","arguments","help"}; so is "layout",
 * by nil or by how the snapshot is shown to people (LAYOUTS.md). An unknown name is VD_NOT_FOUND, with those that there are in vd_client_error. */
VD_API vd_status_t vd_client_query(vd_client_t *self, const char *observer, const char *name,
                                   vd_blob_t args, int timeout_ms, vd_blob_t *value);
/* A moment of the past: everything up to each bound that is given, and nothing behind. */
typedef struct vd_past_options {
    const char
        *session;  /* NULL: with `seq` the one that the observer writes to now, else the one that
                            it wrote to then */
    uint64_t seq;  /* after this event of the session; 0: no bound */
    int64_t at_ms; /* what was committed by then, since 1970 in UTC; 0: no bound */
} vd_past_options_t;

/* The snapshot of an observer as it was at a moment (NULL: as of now), made anew from what is stored:
 * as vd_client_snapshot gives it, with phase "past", the `session` and `seq` of the observer's last
 * event in it, and no sources. What the observer shows of its sources' samples alone is not in it.
 * VD_BUSY: others are asking; VD_NOT_FOUND, VD_UNKNOWN_SESSION, VD_PRUNED: nothing is stored of it.
 * It is sent once: an observer that dies meanwhile is VD_TIMED_OUT. */
VD_API vd_status_t vd_client_past(vd_client_t *self, const char *observer,
                                  const vd_past_options_t *moment, int timeout_ms,
                                  vd_blob_t *value);
/* What is different between the states of two snapshots: an array of maps {"path", "before",
 * "after"}, paths as expressions write them (EXPRESSIONS.md). The snapshots are the caller's: a copy
 * of at least one of two that were asked for, which live until the next request. VD_OK;
 * VD_TOO_LARGE. */
VD_API vd_status_t vd_client_diff(vd_client_t *self, vd_blob_t before, vd_blob_t after,
                                  vd_blob_t *rows);
/* Arrays of maps: processes and sources as the broker knows them; sessions as the store does,
 * newest first, those in `state` ("active", "completed", "failed", "interrupted"; NULL: all), at
 * most `rows_max` (0: 100). */
VD_API vd_status_t vd_client_actors(vd_client_t *self, int timeout_ms, vd_blob_t *rows);
VD_API vd_status_t vd_client_sources(vd_client_t *self, int timeout_ms, vd_blob_t *rows);
VD_API vd_status_t vd_client_sessions(vd_client_t *self, const char *state, uint32_t rows_max,
                                      int timeout_ms, vd_blob_t *rows);
/* One session: a map. VD_UNKNOWN_SESSION if there is none. `session` NULL: the newest active
 * one. */
VD_API vd_status_t vd_client_session(vd_client_t *self, const char *session, int timeout_ms,
                                     vd_blob_t *row);

/* ---- following ---- */

typedef struct vd_follow vd_follow_t;

typedef enum vd_from {
    VD_FROM_NOW = 0,  /* what is committed after the follow began */
    VD_FROM_START,    /* the first event that is held */
    VD_FROM_SEQ,      /* the event with sequence `seq` of the session */
    VD_FROM_POSITION, /* what comes after `position` */
    VD_FROM_TAIL      /* the last `seq` events of the session, then what comes */
} vd_from_t;

/* Which stream is taken when (SPEC.md, "Modes"): commits and events. 0: the default (50, 10, 0, 500,
 * 50, 2000); below 0: zero. They have to fit each other. */
typedef struct vd_follow_knobs {
    int64_t start_commit_sync_lag; /* from here on commits alone */
    int64_t resume_live_lag;       /* from here down live, too */
    int64_t stop_commit_sync_lag;  /* from here down live alone */
    int64_t pause_live_queue;      /* from here on no live */
    int64_t resume_live_queue;     /* from here down live again */
    int64_t dwell_ms;              /* before a way back to live, since the change before */
} vd_follow_knobs_t;

typedef enum vd_only {
    VD_ONLY_NEITHER = 0, /* both streams, as the mode has it */
    VD_ONLY_LIVE,        /* what memory loses before it was taken is told with VD_TOO_SLOW */
    VD_ONLY_COMMITS
} vd_only_t;

/* How a follow takes events now. */
typedef struct vd_follow_mode_view {
    const char *name; /* "live_only", "commits_only", "overlap" or "paused" */
    uint64_t lag;     /* commits, from what was received to the newest */
    uint64_t queue;   /* events that were received and not taken */
    int64_t since_ms; /* for so long */
    int held;         /* not 0: an operator has paused it */
    int reading;      /* not 0: streams brought nothing, it asks for one part after the other */
} vd_follow_mode_t;

typedef void vd_follow_mode_fn(void *arg, const vd_follow_mode_t *mode);

typedef struct vd_follow_options {
    const char *session; /* NULL: the newest active one, and those that go on from it; "*": every
                            session */
    vd_from_t from;
    uint64_t seq;
    const char *position; /* a text of vd_follow_position */
    const char *type;     /* only events whose type matches; * and ? are special; NULL: all */
    int until_head;       /* not 0: ends at the newest commit there was at its beginning */
    const char *name;     /* of the subscriber, as `vedette subscriber ls` shows it */
    const char *durable;  /* a name: begins where a follow with this name stood before, if one did,
                             and keeps its own place there */
    const char *via; /* whom to read from: a relay by its name, or "relay": any there is; NULL: the
                             ingestor. When it dies or is silent, another relay or the ingestor is
                             read from, from the same place on */
    uint32_t parallel; /* items of vd_follow_take that may be out; 0: 1 */
    vd_only_t only;
    vd_follow_knobs_t knobs;
    vd_follow_mode_fn *on_mode; /* called inside calls on this follow, when its mode changes; makes
                                   no call but vd_client_error; may be NULL */
    void *on_mode_arg;
} vd_follow_options_t;

/* An event: {ts, session, seq, type, data}. Texts end with a zero byte. */
typedef struct vd_follow_event {
    const char *ts; /* ISO 8601, UTC */
    const char *session;
    uint64_t seq; /* from 1, +1 for each event of the session */
    const char *type;
    vd_blob_t data;
    vd_blob_t raw; /* the whole event as it is stored: a map with further fields, such as cause */
    vd_blob_t aux; /* bytes that its producer added; may be empty */
    uint64_t
        missing; /* with VD_PRUNED and VD_CORRUPT, where it is known: so many events of `session`
                         from `seq` on are not there; else 0 */
} vd_follow_event_t;

#define VD_POSITION_TEXT_MAX 160 /* bytes of a position as text, its zero byte included */

/* Begins to follow. Blocks until the session is found (with `session` given and another start than
 * TAIL it asks nobody and returns at once, VD_UNREACHABLE if there is no runtime). VD_USAGE for
 * options that cannot be. */
VD_API vd_status_t vd_follow_new(vd_follow_t **self, vd_client_t *client,
                                 const vd_follow_options_t *options, int timeout_ms);
VD_API void vd_follow_destroy(vd_follow_t **self);
/* The next event.
 *   VD_OK              here it is
 *   VD_TIMED_OUT       none within the time; call again
 *   VD_SESSION_CLOSED  the session has ended, or was pruned, and none goes on from it (or it was
 *                      named): nothing will ever follow; said again by every further call
 *   VD_NOT_FOUND       `until_head`: everything up to the newest commit of the beginning was given;
 *                      said again by every further call
 *   VD_PRUNED, VD_CORRUPT, VD_WENT_BACK
 *                      events are missing here (which: event->session, seq and missing, or
 *                      vd_client_error); the next call goes on
 *   VD_UNKNOWN_SESSION there is no such session; call again to wait for it
 *   VD_UNREACHABLE     there is no runtime any more; call again and it goes on when there is one
 *   VD_TOO_SLOW        with VD_ONLY_LIVE: commits are missing here (which: vd_client_error); the next
 *                      call goes on
 *   VD_KICKED          an operator has ended this follow; said again by every further call
 *   VD_CANCELLED       a signal */
VD_API vd_status_t vd_follow_next(vd_follow_t *self, int timeout_ms, vd_follow_event_t *event);
/* The event of the last VD_OK as one line of JSON; NULL without memory. */
VD_API const char *vd_follow_json(vd_follow_t *self);
/* The session that is followed now; "*" for all. */
VD_API const char *vd_follow_session(const vd_follow_t *self);
/* The position behind the event of the last VD_OK, as a text to keep; a follow with
 * VD_FROM_POSITION goes on right after that event, also in another process, another day.
 * VD_NOT_READY before anything was heard. */
VD_API vd_status_t vd_follow_position(const vd_follow_t *self, char text[VD_POSITION_TEXT_MAX]);
VD_API void vd_follow_mode(const vd_follow_t *self, vd_follow_mode_t *mode);
/* The next event as an item that lives until vd_follow_done: for handlers that work side by side. At
 * most `parallel` are out; the call waits for one of them to be done, and while none is, events stop
 * flowing in instead of piling up. Returns as vd_follow_next; a follow uses one of the two. The
 * position, and what `durable` keeps, is behind what is done without a hole. */
VD_API vd_status_t vd_follow_take(vd_follow_t *self, int timeout_ms,
                                  const vd_follow_event_t **item);
/* The item was dealt with. The one function that any thread may call at any time between
 * vd_follow_take and the end of vd_follow_close or vd_follow_destroy. */
VD_API void vd_follow_done(vd_follow_t *self, const vd_follow_event_t *item);
/* Ends the follow, waits for the items that are out and keeps the place under `durable`. The event
 * of the last vd_follow_next counts as done; who was not done with it destroys without closing. VD_OK;
 * VD_TIMED_OUT: items are still out, call again; or why the place could not be kept. Then
 * vd_follow_destroy, which waits for nothing: what is still out then was never done, and its
 * memory is gone. */
VD_API vd_status_t vd_follow_close(vd_follow_t *self, int timeout_ms);

/* ---- watching a feed ---- */

typedef struct vd_watch vd_watch_t;

/* Follows a soft feed: ("broker", "control", "membership", "membership"), ("supervisor", "control",
 * "lifecycle", "lifecycle"), (observer, "requests", "changes", "state"). Does not block. */
VD_API vd_status_t vd_watch_new(vd_watch_t **self, vd_client_t *client, const char *actor,
                                const char *request_port, const char *pub_port, const char *feed);
VD_API void vd_watch_destroy(vd_watch_t **self);
/* The next value: first a snapshot, then items in order and once; a snapshot again after a gap that
 * could not be repaired or a new incarnation. *snapshot: 1 a whole snapshot, 2 one that is not
 * complete yet (remove nothing), 0 an item. VD_OK, VD_TIMED_OUT, VD_CANCELLED or VD_UNREACHABLE (no
 * runtime now; call again). */
VD_API vd_status_t vd_watch_next(vd_watch_t *self, int timeout_ms, vd_blob_t *value, int *snapshot);

/* ---- waiting ---- */

/* Waits until an expression holds over the snapshot of an observer, such as "count >= 3" or
 * "any(services, item.port == 8080)"; the language is in EXPRESSIONS.md. It looks when the observer
 * tells of a new cycle, once for each, and goes on over the death and the restart of every process.
 *   VD_OK           it holds, in *snapshot
 *   VD_TIMED_OUT    it does not; *snapshot is the last one seen, empty if there was none, and
 *                   vd_client_error says what was seen in it
 *   VD_USAGE        the expression is none: the column and what was expected are in vd_client_error
 *   VD_NOT_FOUND    there is no such observer, and none came within the timeout
 *   VD_TOO_LARGE    evaluating it takes too much
 *   VD_UNREACHABLE  there is no runtime (any more)
 * *snapshot lives until the next vd_wait on this client. */
VD_API vd_status_t vd_wait(vd_client_t *self, const char *observer, const char *expression,
                           int timeout_ms, vd_blob_t *snapshot);

/* ---- writing ---- */

typedef struct vd_producer vd_producer_t;

/* What became of one emit. */
typedef struct vd_receipt {
    uint64_t token;     /* counts the emits of this producer from 1 */
    vd_status_t status; /* VD_OK: on disk; VD_EXISTS: its record was already; else why it was
                           rejected */
    const char *text;   /* why, for people */
    const char *session;
    uint64_t
        seq; /* of the event; 0 when a later acknowledgement covered it (more than one was out).
                With VD_EXISTS: of the event that was stored under this record before */
} vd_receipt_t;

typedef void vd_receipt_fn(void *arg, const vd_receipt_t *receipt);

/* Takes a producer's name (law 9) and waits until it has it. `receipt` may be NULL; it is called
 * inside calls on this client, in the order of emits, and must make none itself. VD_OK,
 * VD_UNREACHABLE, VD_TIMED_OUT, VD_USAGE. */
VD_API vd_status_t vd_producer_open(vd_producer_t **self, vd_client_t *client, const char *name,
                                    vd_receipt_fn *receipt, void *arg, int timeout_ms);
/* Lets go without waiting: what has no receipt yet may or may not be stored. */
VD_API void vd_producer_destroy(vd_producer_t **self);
/* Takes one event with one MessagePack value as data (empty: nil) and sends it. VD_OK;
 * VD_OVERLOADED when too much is out (wait, then emit it again); VD_FENCED; VD_BAD_EVENT,
 * VD_TOO_LARGE, VD_USAGE for what can never be stored.
 * With fewer than 64 events out it is sent at once. With more, those of one session that follow each
 * other travel together, 64 at most: they are sent when there are so many, before anything else that
 * is emitted, and by the next call that waits for something on this client. Each has its own token
 * and receipt all the same. */
VD_API vd_status_t vd_producer_emit(vd_producer_t *self, const char *session, const char *type,
                                    vd_blob_t data);
/* The same with a record: your own id of this event, formed as a name. A session takes each record
 * once, from whichever producer, and forgets it when it is pruned: emitting it again stores nothing
 * and its receipt says VD_EXISTS, with the sequence that the first one has. VD_USAGE when `record`
 * is no name; NULL: none. */
VD_API vd_status_t vd_producer_emit_record(vd_producer_t *self, const char *session,
                                           const char *record, const char *type, vd_blob_t data);
/* One of the events of a frame. */
typedef struct vd_new_event {
    const char *type;
    vd_blob_t data;
    vd_blob_t aux; /* bytes that go with it, as they are; may be empty */
} vd_new_event_t;
/* The same for `count` events of one session as one frame: stored next to each other in one commit,
 * or rejected together. It has one record (NULL: none), one token and one receipt, with the sequence
 * of its last event. Many small events cost much less this way. VD_TOO_LARGE beyond 4096 events or
 * 1 MiB. */
VD_API vd_status_t vd_producer_emit_frame(vd_producer_t *self, const char *session,
                                          const char *record, const vd_new_event_t *events,
                                          size_t count);
/* `strict` not 0: from now on vd_producer_emit refuses, with VD_BAD_EVENT and a text in
 * vd_client_error, an event whose type is in the catalogue of event types (EVENTS.md) and whose data
 * are not as it says. Unknown types and unknown fields always pass. */
VD_API void vd_producer_strict(vd_producer_t *self, int strict);
/* Goes on until a receipt has come or the time is over. VD_OK, VD_TIMED_OUT, VD_FENCED,
 * VD_CANCELLED; VD_NOT_FOUND at once when nothing is out. A producer that owns a session makes this
 * call at least every 5 s, also when nothing is out: it is what shows that it lives. */
VD_API vd_status_t vd_producer_wait(vd_producer_t *self, int timeout_ms);
/* Goes on until everything has its receipt. VD_OK when all since the last flush is on disk, records
 * that were there before included; else the status of the first that was rejected, VD_FENCED,
 * VD_TIMED_OUT or VD_CANCELLED. */
VD_API vd_status_t vd_producer_flush(vd_producer_t *self, int timeout_ms);
/* The newest receipt; its status is VD_NOT_READY before there is one. */
VD_API void vd_producer_receipt(const vd_producer_t *self, vd_receipt_t *receipt);
/* Emits that have no receipt yet. */
VD_API uint64_t vd_producer_pending(const vd_producer_t *self);
/* The first and the last event of a session. `name` may be NULL. `owned` not 0: the session belongs
 * to this producer and is shown as interrupted while it is gone. `failed` not 0: it ends as failed;
 * `text` may be NULL. */
VD_API vd_status_t vd_producer_start_session(vd_producer_t *self, const char *session,
                                             const char *name, int owned);
VD_API vd_status_t vd_producer_end_session(vd_producer_t *self, const char *session, int failed,
                                           const char *text);

/* ---- exporting and importing ---- */

typedef struct vd_export vd_export_t;

/* Begins to read a session from sequence `seq` on (0: from its first event) up to the last event
 * that it has now, with proof: the checksum of each event and the chain of commits that holds all
 * of them are checked on the way, so more is read than a follow of the session reads. VD_OK,
 * VD_UNKNOWN_SESSION, VD_UNREACHABLE, VD_TIMED_OUT, VD_USAGE. */
VD_API vd_status_t vd_export_new(vd_export_t **self, vd_client_t *client, const char *session,
                                 uint64_t seq, int timeout_ms);
VD_API void vd_export_destroy(vd_export_t **self);
/* The next event. VD_OK; VD_NOT_FOUND: that was all, and it is whole; VD_TIMED_OUT, VD_UNREACHABLE,
 * VD_CANCELLED: call again; VD_CORRUPT, VD_PRUNED, VD_WENT_BACK: what is missing or damaged is in
 * vd_client_error, what came before is good, and nothing more will come. */
VD_API vd_status_t vd_export_next(vd_export_t *self, int timeout_ms, vd_follow_event_t *event);
/* The event of the last VD_OK as one line of JSON; NULL without memory. */
VD_API const char *vd_export_json(vd_export_t *self);
/* The sequence of the last event that will be given. */
VD_API uint64_t vd_export_last(const vd_export_t *self);

typedef struct vd_import vd_import_t;

typedef struct vd_import_count {
    uint64_t lines;    /* taken */
    uint64_t stored;   /* events that are on disk now and were not before */
    uint64_t known;    /* events that the store had already */
    uint64_t sessions; /* in the lines */
} vd_import_count_t;

/* Writes events into the store from lines of JSON, as vd_export_json and vd_follow_json give them,
 * with their session, sequence, time and every further field: the lines are the same again when
 * they are followed. Lines of several sessions may be mixed; each session begins with sequence 1.
 * What the store has already is compared and not written again, so that an import that was
 * interrupted goes on where it was when the same lines come again. Never NULL but without
 * memory. */
VD_API vd_import_t *vd_import_new(vd_client_t *client);
/* Lets go: what has no receipt yet may or may not be stored. */
VD_API void vd_import_destroy(vd_import_t **self);
/* Takes the next line. VD_OK: taken, not yet on disk. VD_TIMED_OUT, VD_UNREACHABLE, VD_CANCELLED:
 * not taken, call again. Anything else is final, with the number of the line in vd_client_error:
 * VD_MALFORMED, VD_BAD_EVENT, VD_TOO_LARGE, VD_TOO_DEEP (the line); VD_SESSION_EXISTS (the store has
 * other events in this session, or somebody else writes to it); VD_FENCED (another import of these
 * lines runs). Events of the lines before are in the store, or follow with vd_import_finish. */
VD_API vd_status_t vd_import_line(vd_import_t *self, const char *json, size_t size, int timeout_ms);
/* Waits until everything is on disk. VD_OK, or as vd_import_line. */
VD_API vd_status_t vd_import_finish(vd_import_t *self, int timeout_ms);
VD_API void vd_import_counts(const vd_import_t *self, vd_import_count_t *count);

#ifdef __cplusplus
}
#endif

#endif

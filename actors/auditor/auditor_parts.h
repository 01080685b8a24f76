/* auditor_parts.h: what the files of the auditor's core share. */
#ifndef VD_AUDITOR_PARTS_H
#define VD_AUDITOR_PARTS_H

#include "auditor.h"
#include "claims.h"
#include "emit/emit.h"
#include "feed/feed.h"
#include "history.h"

#define MS INT64_C(1000)

enum { TIMER_TICK = 1, TIMER_EMIT };

/* A stream that is looked at for a moment, again and again: the live one, or that of a relay. */
typedef struct vd_probe {
    vd_peer_t peer;
    char who[VD_NAME_BYTES_MAX + 1];
    vd_invariant_t same;
    bool live, relay;
    bool running, started, broken;
    uint64_t correlation;
    int64_t begun_us;
    uint64_t index, offset; /* what has come leads up to here */
    vd_chain_t chain;
} vd_probe_t;

typedef enum vd_actor_kind {
    VD_ACTOR_OTHER = 1,
    VD_ACTOR_RELAY,
    VD_ACTOR_POLLER,
    VD_ACTOR_OBSERVER,
} vd_actor_kind_t;

/* An actor, as the membership tells it. */
typedef struct vd_audited_actor {
    bool used, named; /* named: the snapshot at hand has it */
    char name[VD_NAME_BYTES_MAX + 1];
    vd_actor_kind_t kind;
    char endpoint[VD_ENDPOINT_BYTES_MAX + 1]; /* empty: it is not asked */
    vd_peer_t peer;
    uint64_t inc, before; /* the incarnation before */
    uint32_t returns;     /* how often the one before came back */
    int64_t returned_us;  /* first */
    uint64_t correlation; /* of the question that is out; 0: none */
    int64_t due_us;
    vd_probe_t probe; /* RELAY */
    /* OBSERVER */
    uint64_t feed_inc, feed_after, last_index;
} vd_audited_actor_t;

/* A poller that reads a source. */
typedef struct vd_audited_reader {
    char poller[VD_NAME_BYTES_MAX + 1]; /* empty: the place is free */
    int64_t since_us, seen_us;          /* it has told so without a gap since, and last */
    int64_t interval_us;                /* the longest of its reads of the source */
    uint32_t rounds;
} vd_audited_reader_t;

#define VD_READERS_MAX 4u

/* A source, and who reads it. Of many readers as many are known as there is room for: one that
 * stays finds a place when one that does not has gone. */
typedef struct vd_audited_read {
    char source[VD_NAME_BYTES_MAX + 1];
    int64_t seen_us; /* at any of them */
    vd_audited_reader_t readers[VD_READERS_MAX];
} vd_audited_read_t;

/* What an actor_started or actor_runs tells of a process; pid 0: none has. */
typedef struct vd_told_start {
    uint64_t pid, restarts, seq, index;
} vd_told_start_t;

/* A process, as the supervisor and the events of the session tell it. */
typedef struct vd_audited_child {
    char name[VD_NAME_BYTES_MAX + 1]; /* empty: the place is free */
    bool fed, named; /* fed: the feed lifecycle has it; named: so has the snapshot at hand */
    uint64_t touched;
    uint64_t pid, restarts; /* of the feed; pid 0: none */
    int64_t started_ms;     /* of the feed; 0: not told */
    vd_told_start_t told;   /* of `pid`; the newest, where the feed has told of none */
    vd_told_start_t other;  /* the newest of another one: the feed may tell of it next */
    int64_t differs_us;     /* since when `told` is not what the feed tells; 0: it is */
} vd_audited_child_t;

/* Something published, to be compared with the store. */
typedef struct vd_hint {
    char store[VD_STORE_ID_SIZE];
    uint64_t index; /* of the commit */
    char session[VD_NAME_BYTES_MAX + 1];
    uint64_t first;
    uint32_t count, digest;
} vd_hint_t;

#define VD_HINTS_MAX 4u
#define VD_SENT_MAX  32u
#define VD_SEEN_MAX  4u

/* An event of the auditor's own. */
typedef struct vd_sent {
    uint64_t token; /* 0: the place is free */
    uint32_t crc;
    bool acknowledged;
    uint64_t seq,
        index; /* as acknowledged: the event; a commit at or behind its own; 0: not told */
    /* Where such an event stands; anybody may write it once more. */
    uint32_t seen_count; /* above VD_SEEN_MAX: also elsewhere */
    uint64_t seen_seq[VD_SEEN_MAX];
} vd_sent_t;

typedef enum vd_reading_state {
    VD_READING_HEAD = 1,
    VD_READING_FIRST,
    VD_READING_ON
} vd_reading_state_t;

struct vd_auditor {
    char name[VD_NAME_BYTES_MAX + 1];
    char session[VD_NAME_BYTES_MAX + 1];
    char endpoints[7][VD_ENDPOINT_BYTES_MAX + 1]; /* by vd_auditor_endpoint */
    uint64_t inc;
    bool from_start;
    int64_t canary_us;
    vd_now_t now; /* of this step */
    uint64_t correlation;
    vd_book_t book;
    vd_claims_t claims;
    vd_history_t *history;
    int64_t quiet_us; /* until then what others say is left alone */
    uint64_t unanswered, restarts, left_out;

    /* reading.c */
    vd_peer_t reader;
    vd_reading_state_t state;
    bool asking;
    uint64_t asked;
    int64_t asked_us, deadline_us, again_us, heard_us;
    uint64_t head, from;
    int64_t begun_ms;                    /* when it began to read from there, UTC */
    char refusal[VD_TEXT_BYTES_MAX + 1]; /* what came in place of more history; empty: nothing */

    /* probes.c */
    vd_probe_t live;
    vd_peer_t sampler;
    bool collecting;
    int64_t collect_us; /* since when, or when next */
    uint32_t hint_count, hint_tries, hint_refusals;
    vd_hint_t hints[VD_HINTS_MAX];
    uint64_t hint_asked; /* 0: no question is out */
    int64_t hint_us;     /* when it went out, or may go out again */

    /* actors.c, reads.c, children.c */
    vd_feed_reader_t membership, lifecycle;
    uint64_t membership_inc, lifecycle_inc;
    vd_audited_actor_t actors[VD_AUDITOR_ACTORS_MAX];
    uint32_t read_count;
    vd_audited_read_t reads[VD_AUDITOR_READS_MAX];
    vd_audited_child_t children[VD_AUDITOR_CHILDREN_MAX];
    uint64_t children_touched;
    vd_peer_t supervisor;
    uint64_t status_asked;
    int64_t status_us, positions_us;
    uint64_t positions_asked;
    vd_commit_run_t runs[VD_COMMIT_PIECES_MAX];

    /* telling.c */
    vd_emit_t *emit; /* NULL: nothing was told yet */
    bool fenced;
    uint64_t token, telling; /* token of the violation that is out; 0: none */
    uint32_t refusals;
    int64_t tell_us, canary_at_us;
    uint64_t canaries;
    vd_sent_t sent[VD_SENT_MAX];
    char trouble[VD_TEXT_BYTES_MAX + 1];
    vd_buffer_t scratch, data;
};

enum vd_auditor_endpoint {
    VD_AT_READ,
    VD_AT_EMIT,
    VD_AT_EVENTS,
    VD_AT_CONTROL,
    VD_AT_MEMBERSHIP,
    VD_AT_SUPERVISOR,
    VD_AT_LIFECYCLE,
};

static inline uint64_t vd_auditor_ask(vd_auditor_t *self, const vd_peer_t *peer,
                                      vd_message_t *message, vd_effects_t *effects)
{
    message->correlation = ++self->correlation;
    vd_effects_send(effects, VD_AUDITOR_ASK, peer, message);
    return message->correlation;
}

/* May what others say be judged now? Not while the history is far behind or was just begun anew. */
bool vd_auditor_may_judge(const vd_auditor_t *self);

/* ---- reading.c: the store ---- */
void vd_reading_start(vd_auditor_t *self, vd_effects_t *effects);
void vd_reading_tick(vd_auditor_t *self, vd_effects_t *effects);
/* A message on its connection. */
void vd_reading_take(vd_auditor_t *self, const vd_message_t *message, vd_effects_t *effects);

/* ---- probes.c: streams ---- */
void vd_probe_tick(vd_auditor_t *self, vd_probe_t *probe, vd_effects_t *effects);
void vd_probe_take(vd_auditor_t *self, vd_probe_t *probe, const vd_message_t *message);

/* ---- hints.c: what is published, and positions under names ---- */
void vd_hints_tick(vd_auditor_t *self, vd_effects_t *effects);
void vd_hints_heard(vd_auditor_t *self, const vd_message_t *message);
/* A message on the connection of samples. */
void vd_hints_answer(vd_auditor_t *self, const vd_message_t *message);

/* ---- actors.c: the membership, and those who are in it ---- */
void vd_actors_start(vd_auditor_t *self, vd_effects_t *effects);
void vd_actors_tick(vd_auditor_t *self, vd_effects_t *effects);
/* Returns whether it was for one of them. */
bool vd_actors_take(vd_auditor_t *self, const vd_input_t *input, vd_effects_t *effects);
/* The store is another one, or went back. */
void vd_actors_forget(vd_auditor_t *self);

/* ---- reads.c: who reads what ---- */
void vd_audited_reads_take(vd_auditor_t *self, const char *poller, vd_bytes_t rows);
/* Who reads what is laid out anew, or was not looked at for a while. */
void vd_audited_reads_settle(vd_auditor_t *self);

/* ---- children.c: the supervisor ---- */
void vd_children_start(vd_auditor_t *self, vd_effects_t *effects);
void vd_children_tick(vd_auditor_t *self, vd_effects_t *effects);
bool vd_children_take(vd_auditor_t *self, const vd_input_t *input, vd_effects_t *effects);
/* An event of the runtime's session. */
void vd_children_event(vd_auditor_t *self, uint64_t seq, uint64_t index, vd_str_t type,
                       const vd_entry_t *entry);
/* The runtime's session is this one now, somebody says; what cannot be the id of one is nothing. */
void vd_children_session(vd_auditor_t *self, vd_str_t session);

/* ---- telling.c: what was found ---- */
void vd_telling_tick(vd_auditor_t *self, vd_effects_t *effects);
bool vd_telling_take(vd_auditor_t *self, const vd_input_t *input, vd_effects_t *effects);
/* An event of the runtime's session: is it one of ours? */
void vd_telling_seen(vd_auditor_t *self, uint64_t seq, const vd_entry_t *entry);
/* The history was read further. */
void vd_telling_settle(vd_auditor_t *self);
/* What was sent is not looked for any more. */
void vd_telling_forget(vd_auditor_t *self);
/* Answers GET of audit. Returns whether it was one. */
bool vd_telling_answer(vd_auditor_t *self, const vd_input_t *input, vd_effects_t *effects);

#endif

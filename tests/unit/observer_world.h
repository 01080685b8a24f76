/* observer_world.h: an observer host in virtual time, between a broker, a poller and an ingestor of
 * few words. */
#ifndef OBSERVER_WORLD_H
#define OBSERVER_WORLD_H

#include "host/host.h"

enum {
    QUEUE = 256,
    TIMERS = 16,
    STORED = 2048,
    SESSIONS = 64,
    KEPT = 256,
    INC = 77,
    POLLER = 500,
};

/* The state of the observer "word": its state is the last word that was read. */
typedef struct word {
    char text[64];
    uint32_t applied;
} word_t;

extern vd_observer_t word_observer;
extern size_t word_padding; /* bytes that its saved state is longer than it needs to be */
extern bool word_load_refuses;
extern uint32_t word_loads; /* tried so far */

typedef struct letter {
    uint16_t port;
    vd_peer_t peer;
    vd_buffer_t header, body, payload;
} letter_t;

typedef enum fate { COMMIT, HOLD, REFUSE, REJECT } fate_t;

/* A session of the ingestor. */
typedef struct session {
    char id[VD_NAME_BYTES_MAX + 1];
    char continues[VD_NAME_BYTES_MAX + 1];
    char continued_by[VD_NAME_BYTES_MAX + 1];
    bool closed;
    bool gone;      /* pruned */
    bool tombstone; /* and asking for it is answered with an error */
    uint64_t seq;
    int64_t started_ms;
} session_t;

/* A frame that is stored. */
typedef struct frame {
    uint32_t session;
    uint32_t count;
    bool own; /* of the observer */
    bool damaged;
    uint64_t index;
    int64_t time_ms;
    vd_buffer_t run;
} frame_t;

/* The commit stream that a collector reads. */
typedef struct stream {
    bool on;
    uint64_t correlation;
    uint32_t session;
    uint64_t sent;            /* commits up to this one */
    uint64_t events, granted; /* since its START */
    uint32_t begun;           /* STARTs so far */
} stream_t;

/* A state that the observer has kept. */
typedef struct kept {
    char session[VD_NAME_BYTES_MAX + 1];
    vd_position_t position;
    uint64_t version, seq, cycle;
    int64_t at_ms;
    vd_buffer_t state;
} kept_t;

typedef struct world {
    vd_host_t *host;
    const vd_observer_t *observer;
    const char *name;  /* that it is run under */
    const char *reads; /* of a collector */
    vd_effects_t *effects;
    int64_t now_us;
    int64_t timers[TIMERS];
    letter_t queue[QUEUE];
    uint32_t queued;
    bool exited;
    vd_status_t exit_status;
    bool ready;

    /* the ingestor: outlives the host */
    fate_t fate;
    bool answers; /* else what it does is not told */
    const char *store;
    uint64_t epoch, mark, index, life;
    uint64_t open_life; /* that has the epoch */
    uint64_t rejected;  /* number of the last frame that was rejected; 0: none */
    uint64_t rejected_count;
    vd_status_t rejected_status;
    uint32_t stored; /* events of the observer, but for its states */
    uint32_t states; /* frames with its state */
    frame_t frames[STORED];
    uint32_t frame_count;
    session_t sessions[SESSIONS];
    uint32_t session_count;
    uint32_t given; /* the session that the next life is given */
    bool rows_silent, rows_twice;
    uint32_t page_max; /* rows of a list in one answer */
    uint32_t emits, opens, replays, asked;
    /* The host dies when it has sent so many messages to the ingestor, the last of which arrives or
     * does not; 0: it lives. */
    uint32_t dies_at, sent;
    bool dies_before;
    bool dead;
    uint32_t loss_percent; /* of messages from and to the ingestor */
    uint64_t seed;
    bool opened_before_replay;
    bool replay_silent;
    uint16_t port; /* where what is answered now was asked */
    stream_t stream;
    bool stream_silent; /* nothing comes of a START of it */
    /* Answers a GET for the snapshot of the observer that is read; NULL: it is silent. */
    void (*origin)(struct world *world, vd_buffer_t *out);
    uint32_t snapshots; /* asked for */
    const char *asker;  /* the connection that the message at hand came by */
    kept_t kept[KEPT];
    uint32_t kept_count;
    fate_t keep_fate; /* of SAVE_SNAPSHOT: COMMIT, HOLD (no answer), REFUSE */
    bool load_silent, load_unsupported;
    bool chain_broken;        /* positions are not of this store any more */
    uint32_t loads, tail;     /* asked for; frames of the observer that replays have sent */
    uint64_t snapshot_events; /* of the lives that begin from now on; 0: none are kept */
    int64_t snapshot_interval_ms;

    /* the broker */
    uint64_t broker_inc;
    bool broker_knows, broker_complete, unassigned;
    uint64_t broker_n; /* of its last item */
    bool second;       /* there is a source "two", which the poller refuses to read */

    /* the poller */
    uint64_t poller_inc;
    uint64_t n;
    char newest[64];
    bool answers_once;
    uint32_t stands, fetches, onces;

    /* what was published and answered */
    vd_buffer_t item;
    uint32_t items;
    vd_buffer_t answer;
    uint16_t answer_id;
    char error[VD_TEXT_BYTES_MAX + 1]; /* of the last ERROR */
    uint32_t errors;
    vd_status_t error_status;
    uint32_t answers_count;
} world_t;

int set_up(void **state);
/* With a source that has no poller yet; assign gives it one, by an item of the membership. */
int set_up_unassigned(void **state);
void assign(world_t *world);
/* With another observer in place of "word", a collector of `reads`. */
void set_up_collector(void **state, const vd_observer_t *observer, const char *reads,
                      void (*origin)(world_t *world, vd_buffer_t *out));
int tear_down(void **state);
/* A commit with this run of somebody else, in the session at this place. */
void write_run(world_t *world, uint32_t place, vd_bytes_t run, uint32_t count);
/* Sends what the stream has credit for. */
void push_stream(world_t *world);
/* "two" comes; a source leaves. */
void add_second(world_t *world);
void remove_source(world_t *world, const char *name);
/* What is held of the feed "state" behind item `after`: an array of items. */
vd_value_t deltas(world_t *world, uint64_t inc, uint64_t after);
/* Inside the world: the ingestor takes a message. */
void ingestor_take(world_t *world, const vd_message_t *message);
void kept_save(world_t *world, const vd_message_t *message);
void kept_load(world_t *world, const vd_message_t *message);
/* A message to the host: at its port, from `peer`; taken by deliver. */
void post(world_t *world, uint16_t port, const char *peer, const vd_message_t *message);
void deliver(world_t *world);
/* Lets time pass, timer by timer. */
void pass(world_t *world, int64_t ms);
/* Begins a session that continues the newest one. Ends one; its end names the next one, or does
 * not. */
void begin_session(world_t *world);
void end_session(world_t *world, uint32_t place, bool named);
/* Both, as the supervisor does it. */
void roll(world_t *world);
void forget_store(world_t *world);
void forget_kept(world_t *world);
/* The words of all sessions, one after the other, with blanks between them. */
const char *story(world_t *world);
/* SIGKILL, and the next life. */
void kill_host(world_t *world);

/* The poller reads; what it publishes is lost, too large, or arrives. */
typedef enum way { ARRIVES, LOST, TOO_LARGE } way_t;
void read_word(world_t *world, const char *text, way_t way);
/* The poller reads and the host has time for a turn. */
void see(world_t *world, const char *text);

const word_t *word_of(const world_t *world);
/* The snapshot, as the feed gives it. */
vd_value_t snapshot(world_t *world);
void assert_word(world_t *world, const char *text);
/* The newest error: its stage (NULL: there is none), and whether it still holds. */
void assert_error(world_t *world, const char *stage, bool holds);

#endif

/* progress.h: what the events of a workflow say of its progress: plan, levels, nodes, queue, providers, scans, watch.
 *
 * 1. It is a fold: the same events in the same order give the same state, and the same saved bytes.
 * 2. Its types are those of the groups context, orchestrator, queue, provider, scanner and watcher of
 *    the catalogue (EVENTS.md). Other events, and fields that are not as the catalogue says, change
 *    nothing; no event, and no order of events, does harm.
 * 3. A round is one plan with its generation. It begins with the first event of a plan or a
 *    generation after the generation before has ended, with a generation while one runs, and with a
 *    plan that follows a plan. Nodes and levels are those of the round; `all` counts the session.
 * 4. A request belongs to the node that its request_enqueued names, one that joins another to both.
 *    A node of which nobody says that it is being generated moves with its requests: it runs when
 *    one is sent and is complete when all are answered.
 * 5. Memory is bounded. Beyond the limits a complete or skipped node makes room for a new one, and
 *    what finds no room is counted all the same: figures stay exact where each node's events are in
 *    order.
 * 6. What accessors give lives until the next apply, load or destroy.
 */
#ifndef TUI_PROGRESS_H
#define TUI_PROGRESS_H

#include "wire/buffer.h"
#include "wire/run.h"
#include "wire/status.h"

enum {
    TUI_PROGRESS_NODES_MAX = 4096,
    TUI_PROGRESS_REQUESTS_MAX = 1024, /* that are open */
    TUI_PROGRESS_LEVELS_MAX = 256,
    TUI_PROGRESS_PROVIDERS_MAX = 64,
    TUI_PROGRESS_STEPS = 6,       /* the newest of a node */
    TUI_PROGRESS_NAME_SIZE = 65,  /* of a name as it is shown, its zero byte included */
    TUI_PROGRESS_TEXT_SIZE = 257, /* of an error or a path */
};

typedef enum tui_progress_state {
    TUI_PROGRESS_WAITING = 0,
    TUI_PROGRESS_RUNNING,
    TUI_PROGRESS_COMPLETE,
    TUI_PROGRESS_FAILED,
    TUI_PROGRESS_SKIPPED,
    TUI_PROGRESS_STATES,
} tui_progress_state_t;

/* What happened to a node, by itself or through its requests. */
typedef enum tui_progress_deed {
    TUI_PROGRESS_CHECK_PASSED = 0,
    TUI_PROGRESS_CHECK_FAILED,
    TUI_PROGRESS_STARTED,
    TUI_PROGRESS_ENQUEUED,
    TUI_PROGRESS_JOINED, /* a request that was there already */
    TUI_PROGRESS_TURN,   /* of its request has come; `ms` it waited */
    TUI_PROGRESS_SENT,
    TUI_PROGRESS_ANSWERED,
    TUI_PROGRESS_REQUEST_FAILED,
    TUI_PROGRESS_RETRYING, /* in `ms` */
    TUI_PROGRESS_ENDED,    /* completed, failed or skipped, as its state says */
    TUI_PROGRESS_DEEDS,
} tui_progress_deed_t;

typedef struct tui_progress_step {
    int64_t at_ms;    /* wall clock */
    uint64_t ms;      /* how long it took, or as the deed says; 0: not told */
    uint32_t attempt; /* 0: not told */
    uint8_t deed;     /* tui_progress_deed_t */
    uint8_t provider; /* its number from 1; 0: none */
} tui_progress_step_t;

typedef struct tui_progress_node {
    char name[TUI_PROGRESS_NAME_SIZE]; /* a longer one: its beginning and its end */
    uint8_t state;                     /* tui_progress_state_t */
    bool told;                         /* its generation was told: requests do not move it */
    uint64_t key;                      /* of the whole name */
    uint64_t order; /* nodes of a round count from 1 as they are first heard of */
    uint64_t level; /* its number + 1; 0: not told */
    uint64_t attempt, duration_ms, size_bytes;
    uint64_t requests, answered, failures; /* of its requests; sent ones that failed */
    uint64_t open;                         /* requests that are not answered yet */
    int64_t started_ms, ended_ms;          /* wall clock; 0: not yet */
    uint64_t steps;                        /* ever; the newest TUI_PROGRESS_STEPS are kept */
    tui_progress_step_t step[TUI_PROGRESS_STEPS];
    char *error; /* why it failed, was skipped or cannot begin, or the last error of a request */
} tui_progress_node_t;

typedef struct tui_progress_level {
    uint64_t number;
    uint64_t state;                      /* failed: it is over, and some of its nodes failed */
    uint64_t nodes;                      /* told; 0: not */
    uint64_t count[TUI_PROGRESS_STATES]; /* of its nodes whose level was told */
    uint64_t generated, failed;          /* as its end told */
    uint64_t started_ms, duration_ms;
} tui_progress_level_t;

typedef struct tui_progress_provider {
    char name[TUI_PROGRESS_NAME_SIZE];
    uint64_t key, sent, answered, failed, retried;
    uint64_t last_ms, most_ms, sum_ms; /* of answers */
    char *error;                       /* the last; NULL: none */
} tui_progress_provider_t;

/* Of the round. Only numbers: they are saved one by one. */
typedef struct tui_progress_round {
    uint64_t number; /* from 1; 0: nothing was told yet */
    uint64_t planned, plan_nodes, plan_levels, plan_skipped;
    uint64_t begun, ended; /* the generation */
    uint64_t failed;       /* it was given up */
    uint64_t generation_nodes, generation_levels;
    uint64_t started_ms, duration_ms;
    uint64_t told_generated, told_skipped, told_failed; /* at the generation's end */
    uint64_t node[TUI_PROGRESS_STATES];                 /* nodes by state, those without room too */
    uint64_t stray[TUI_PROGRESS_STATES];                /* of these, those without room */
    uint64_t nodes_seen, levels_begun, levels_done, levels_failed;
    uint64_t checks_begun, checks_passed, checks_failed;
} tui_progress_round_t;

/* Of the session. Only numbers. */
typedef struct tui_progress_all {
    uint64_t events, first_ms, last_ms;
    uint64_t complete, failed, skipped; /* nodes of all rounds, each time */
    uint64_t generations, generations_failed;
    uint64_t queue_told;          /* queue_stats seen */
    uint64_t pending, processing; /* as told last, moved on by what was told since */
    uint64_t queue_completed, queue_failed;
    uint64_t enqueued, deduplicated, turns, waited_ms;
    uint64_t sent, answered, request_failures, retried;
    uint64_t on_the_way; /* sent, and neither answered nor failed */
    uint64_t retrying;   /* that will be sent again */
    uint64_t latency_last_ms, latency_most_ms, latency_sum_ms;
    uint64_t scans, scan_runs, scanned, scan_total, scan_changed, scan_ms, scan_started_ms;
    uint64_t watches, created, modified, removed, renamed, batches, batch_changes, batch_failed,
        batch_ms;
} tui_progress_all_t;

typedef struct tui_progress tui_progress_t;

/* NULL without memory. */
tui_progress_t *tui_progress_new(void);
void tui_progress_destroy(tui_progress_t **self);
/* Takes the next event of the session. True: it is of the workflow, and something has changed. */
bool tui_progress_apply(tui_progress_t *self, const vd_event_t *event);
/* Appends the state as one MessagePack value. */
void tui_progress_save(const tui_progress_t *self, vd_buffer_t *out);
/* Takes a state that was saved: VD_OK; VD_MALFORMED or VD_NO_MEMORY, and it stays as it was. */
vd_status_t tui_progress_load(tui_progress_t *self, vd_bytes_t bytes);

const tui_progress_round_t *tui_progress_round(const tui_progress_t *self);
const tui_progress_all_t *tui_progress_all(const tui_progress_t *self);
/* Nodes of the round in no order that means anything; `order` and `state` do. */
size_t tui_progress_node_count(const tui_progress_t *self);
const tui_progress_node_t *tui_progress_node(const tui_progress_t *self, size_t at);
const tui_progress_node_t *tui_progress_find(const tui_progress_t *self, vd_str_t name);
/* Levels by their number. */
size_t tui_progress_level_count(const tui_progress_t *self);
const tui_progress_level_t *tui_progress_level(const tui_progress_t *self, size_t at);
/* Providers as they came. */
size_t tui_progress_provider_count(const tui_progress_t *self);
const tui_progress_provider_t *tui_progress_provider(const tui_progress_t *self, size_t at);
/* Requests that are known and not answered, those that failed and may be sent again included. */
size_t tui_progress_open_requests(const tui_progress_t *self);
/* Why the generation was given up; what is scanned; what is watched; the last file that changed. ""
 * where nothing was told. */
const char *tui_progress_error(const tui_progress_t *self);
const char *tui_progress_scan_path(const tui_progress_t *self);
const char *tui_progress_watch_path(const tui_progress_t *self);
const char *tui_progress_changed_path(const tui_progress_t *self);

/* Nodes of the round: planned or heard of; of these, those that were gone through; those that wait. */
uint64_t tui_progress_total(const tui_progress_t *self);
uint64_t tui_progress_done(const tui_progress_t *self);
uint64_t tui_progress_waiting(const tui_progress_t *self);
/* "waiting", "running", "complete", "failed", "skipped". */
const char *tui_progress_state_name(tui_progress_state_t state);
/* Does anything run whose duration is told? Since when; 0: nothing. */
int64_t tui_progress_runs_ms(const tui_progress_t *self);
/* The state of the round as a word: "idle", "planned", then as nodes. */
const char *tui_progress_round_name(const tui_progress_t *self);

#endif

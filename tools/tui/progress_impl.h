/* progress_impl.h: what the parts of the progress model share; nobody else includes it. */
#ifndef TUI_PROGRESS_IMPL_H
#define TUI_PROGRESS_IMPL_H

#include "tui/progress.h"

enum { PROGRESS_HEADS = 1024, PROGRESS_NONE = -1 };

/* Where a key stands in an array: chains through its slots. */
typedef struct progress_index {
    int32_t heads[PROGRESS_HEADS];
    int32_t next[TUI_PROGRESS_NODES_MAX];
} progress_index_t;

typedef enum progress_request_state {
    REQUEST_WAITING = 0,
    REQUEST_JOINED, /* it waits with another */
    REQUEST_TURN,
    REQUEST_SENT,
    REQUEST_FAILED,
    REQUEST_RETRYING,
    REQUEST_STATES,
} progress_request_state_t;

typedef struct progress_request {
    uint64_t key;
    uint64_t node;    /* key of its node; 0: none */
    uint64_t joined;  /* key of the request that it waits with; 0: none */
    uint64_t joiners; /* that wait with it */
    uint64_t state;   /* progress_request_state_t */
} progress_request_t;

struct tui_progress {
    tui_progress_round_t round;
    tui_progress_all_t all;
    tui_progress_node_t *nodes;
    size_t node_count, node_room;
    size_t hand;               /* where the next node that makes room is looked for */
    tui_progress_node_t stray; /* stands for a node that found no room, during one event */
    progress_request_t requests[TUI_PROGRESS_REQUESTS_MAX];
    size_t request_count;
    tui_progress_level_t levels[TUI_PROGRESS_LEVELS_MAX];
    size_t level_count;
    tui_progress_provider_t providers[TUI_PROGRESS_PROVIDERS_MAX];
    size_t provider_count;
    char error[TUI_PROGRESS_TEXT_SIZE];
    char scan_path[TUI_PROGRESS_TEXT_SIZE];
    char watch_path[TUI_PROGRESS_TEXT_SIZE];
    char changed_path[TUI_PROGRESS_TEXT_SIZE];
    progress_index_t node_index, request_index;
};

/* One event while it is applied. */
typedef struct progress_event {
    const vd_value_t *data;
    int64_t at_ms;
} progress_event_t;

/* ---- progress_index.c ---- */

void progress_index_clear(progress_index_t *self);
void progress_index_add(progress_index_t *self, uint64_t key, size_t slot);
/* The slot must stand in the chain of `key`. */
void progress_index_remove(progress_index_t *self, uint64_t key, size_t slot);
/* The key of a name: never 0. */
uint64_t progress_key(vd_str_t name);
/* A name as it is shown: one that is too long is its beginning and its end. */
void progress_name(char out[TUI_PROGRESS_NAME_SIZE], vd_str_t name);
/* Copies text that may be cut, at the end of a character. */
void progress_text(char *out, size_t size, vd_str_t text);
/* Replaces a text that is kept on the heap; an empty one is NULL. */
void progress_set_text(char **out, vd_str_t text);
/* A count from outside, small enough to be added up. */
uint64_t progress_count(const vd_value_t *data, const char *field);
void progress_add(uint64_t *sum, uint64_t value);
void progress_less(uint64_t *sum);

/* ---- progress_nodes.c ---- */

tui_progress_node_t *progress_node_by_key(tui_progress_t *self, uint64_t key);
/* The node of this name; made if it is new. One without room is the stray, as it must have been
 * when `next` comes. NULL for an empty name. */
tui_progress_node_t *progress_node(tui_progress_t *self, vd_str_t name, tui_progress_state_t next,
                                   uint64_t attempt);
/* Gives an empty slot for a node whose key is not there yet; NULL without room or memory. */
tui_progress_node_t *progress_node_slot(tui_progress_t *self);
void progress_node_move(tui_progress_t *self, tui_progress_node_t *node,
                        tui_progress_state_t state);
void progress_node_step(tui_progress_node_t *node, tui_progress_deed_t deed,
                        const progress_event_t *event, uint64_t ms, uint8_t provider);
void progress_nodes_clear(tui_progress_t *self);
tui_progress_level_t *progress_level(tui_progress_t *self, uint64_t number);

void progress_check_started(tui_progress_t *self, const progress_event_t *event);
void progress_check_passed(tui_progress_t *self, const progress_event_t *event);
void progress_check_failed(tui_progress_t *self, const progress_event_t *event);
void progress_node_skipped(tui_progress_t *self, const progress_event_t *event);
void progress_node_started(tui_progress_t *self, const progress_event_t *event);
void progress_node_completed(tui_progress_t *self, const progress_event_t *event);
void progress_node_failed(tui_progress_t *self, const progress_event_t *event);

/* ---- progress_requests.c ---- */

bool progress_request_add(tui_progress_t *self, const progress_request_t *request);
/* Their nodes are those of a round that is over. */
void progress_requests_let_go(tui_progress_t *self);

void progress_enqueued(tui_progress_t *self, const progress_event_t *event);
void progress_deduplicated(tui_progress_t *self, const progress_event_t *event);
void progress_processing(tui_progress_t *self, const progress_event_t *event);
void progress_queue_stats(tui_progress_t *self, const progress_event_t *event);
void progress_sent(tui_progress_t *self, const progress_event_t *event);
void progress_answered(tui_progress_t *self, const progress_event_t *event);
void progress_request_failed(tui_progress_t *self, const progress_event_t *event);
void progress_retrying(tui_progress_t *self, const progress_event_t *event);

#endif

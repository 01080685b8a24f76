/* now.h: figures that belong to now alone and stand in no event, as processes tell them when asked.
 *
 * 1. Memory is bounded; what finds no room is counted.
 * 2. Figures that always move a little (cpu, memory, latency) are shown with inertia: a small change
 *    changes nothing. Ages are words: a source is fresh, or late by a power of two of its interval.
 * 3. What was told last stays when a process does not answer; `told` says whether it did.
 */
#ifndef TUI_NOW_H
#define TUI_NOW_H

#include "tui/ask.h"

enum {
    TUI_NOW_ACTORS_MAX = 512,
    TUI_NOW_SOURCES_MAX = 16384,
    TUI_NOW_SUBSCRIBERS_MAX = 512,
    TUI_NOW_NOTE_BYTES = 160,
    TUI_NOW_ERROR_BYTES = 120,
    TUI_VISIBLE_SAMPLES = 512,
};

typedef struct tui_now_actor {
    char name[VD_NAME_BYTES_MAX + 1];
    char kind[24];
    char state[16];
    char wanted[8];
    char reason[TUI_NOW_NOTE_BYTES + 1];
    uint64_t pid, restarts;
    int64_t since_ms, started_ms, retry_ms;
    int cpu_percent; /* of one processor; below 0: not known */
    uint64_t memory_bytes;
    /* What the shown ones are made of. */
    uint64_t cpu_pid, cpu_ms;
    int64_t cpu_at_ms;
    double cpu;
} tui_now_actor_t;

typedef struct tui_now_source {
    char name[VD_NAME_BYTES_MAX + 1];
    char adapter[12];
    char address[80];
    char provider[40];
    char poller[40];
    char status[24]; /* "ok", "no poller", "not read", or why the last read failed */
    char error[TUI_NOW_ERROR_BYTES + 1];
    int64_t error_at_ms, ok_at_ms;
    uint64_t reads, failures, interval_ms;
    uint64_t late;    /* 0: fresh; else a power of two: so many intervals */
    uint64_t took_us; /* with inertia */
    /* What that is made of. */
    uint64_t average_us;
    int64_t took_at_ms;
} tui_now_source_t;

typedef struct tui_now_subscriber {
    char name[VD_NAME_BYTES_MAX + 1];
    char publisher[VD_NAME_BYTES_MAX + 1];
    char key[88]; /* publisher and id */
    char mode[20];
    char session[VD_NAME_BYTES_MAX + 1];
    bool held;
    uint64_t id, lag, queue, credit, batch, bytes, drops, gaps;
    int64_t since_ms;
} tui_now_subscriber_t;

typedef struct tui_now_figures {
    /* The supervisor's. */
    char state[16], text[TUI_NOW_NOTE_BYTES + 1], session[VD_NAME_BYTES_MAX + 1], version[24];
    uint64_t actors, ready, pid;
    int64_t started_ms;
    /* The store's. */
    char store_mode[16], trouble[TUI_NOW_NOTE_BYTES + 1];
    char audit[TUI_NOW_NOTE_BYTES +
               1]; /* what the auditor finds broken; "": nothing, or there is none */
    uint64_t commit_us_p50, commit_us_p99, events, sessions, disk_bytes;
    /* From the time in an event to its arrival here, of the newest ones. */
    uint64_t visible_ms_p50, visible_ms_p99;
    size_t visible; /* so many; 0: none yet */
    /* Of the sources. */
    size_t up, failing, late, unread;
    /* Rows that found no room. */
    size_t actors_left_out, sources_left_out, subscribers_left_out;
    char silent[VD_NAME_BYTES_MAX +
                1]; /* a publisher whose subscribers are as told before; "": none */
} tui_now_figures_t;

typedef struct tui_now tui_now_t;

tui_now_t *tui_now_new(void);
void tui_now_destroy(tui_now_t **self);
/* Takes what a process told at `at_ms`. */
void tui_now_take(tui_now_t *self, int64_t at_ms, tui_feed_t feed, vd_status_t status,
                  vd_bytes_t value);
/* An event of time `ts_ms` arrived at `at_ms`. */
void tui_now_saw(tui_now_t *self, int64_t ts_ms, int64_t at_ms);
/* Has this feed answered when it was asked last? */
bool tui_now_told(const tui_now_t *self, tui_feed_t feed);

const tui_now_figures_t *tui_now_figures(const tui_now_t *self);
/* Rows, in the order in which they were told. */
const tui_now_actor_t *tui_now_actors(const tui_now_t *self, size_t *count);
const tui_now_source_t *tui_now_sources(const tui_now_t *self, size_t *count);
const tui_now_subscriber_t *tui_now_subscribers(const tui_now_t *self, size_t *count);
const tui_now_actor_t *tui_now_actor(const tui_now_t *self, const char *name);
/* Is higher whenever rows or figures have changed. */
uint64_t tui_now_version(const tui_now_t *self);

/* "fresh", "late 4x", "failing", "no poller", "not read". */
const char *tui_source_word(const tui_now_source_t *source, char *out, size_t size);
/* The share of its reads that failed, in coarse steps: "0", "<1%", "15%". Returns it in percent. */
double tui_source_errors(const tui_now_source_t *source, char *out, size_t size);

#endif

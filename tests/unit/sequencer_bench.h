/* sequencer_bench.h: a sequencer on a store in memory, its operations carried out at once or held,
 * its answers kept. */
#ifndef VD_SEQUENCER_BENCH_H
#define VD_SEQUENCER_BENCH_H

#include "sequencer.h"
#include "store/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ANSWERS_MAX = 4096 };

typedef struct answer {
    uint16_t id;
    char peer[VD_PEER_BYTES_MAX + 1];
    uint64_t epoch, mark; /* mark: also first, from */
    uint64_t count, index, seq, rejects, retry_ms;
    uint64_t reject_seq; /* of the last row of rejects */
    vd_status_t status;
    char ids[256]; /* of PRUNED */
} answer_t;

/* A sequencer with its store; operations are carried out at once unless held. */
typedef struct bench {
    vd_memory_image_t *image;
    vd_store_t *store;
    vd_sequencer_t *sequencer;
    vd_effects_t *effects;
    vd_now_t now;
    answer_t answers[ANSWERS_MAX];
    uint32_t count;
    bool hold, answers_timer, exited;
    vd_status_t exit_status;
    uint32_t operation; /* that waits; 0: none */
    uint64_t token;
    const vd_store_batch_t *batch;
    uint32_t visible; /* commits shown */
    uint32_t warned;  /* lines of level WARN and above */
    uint32_t lookups; /* of records */
    vd_status_t lookup_fails;
    const char *cursed; /* appends with events of this session fail; NULL: none */
    bool hold_prune;
    uint32_t prune_operation; /* that waits; 0: none */
    const vd_prune_job_t *prune_job;
    uint32_t freed; /* steps of freeing */
} bench_t;

void bench_step(bench_t *b, const vd_input_t *input);
void bench_boot(bench_t *b);
void bench_shut(bench_t *b);
int bench_set_up(void **state);
int bench_tear_down(void **state);
/* Carries out the operation that waits. */
void bench_perform(bench_t *b);
void bench_perform_prune(bench_t *b);
void bench_open_with(bench_t *b, const char *producer, uint64_t life, uint64_t epoch);
/* Events as types with blanks between; "!" at the end breaks the checksum of the last one. */
uint32_t bench_run_of(vd_buffer_t *run, const char *types, vd_bytes_t data);
void bench_emit_full(bench_t *b, const char *producer, uint64_t epoch, uint64_t first,
                     const char *session, const char *types, vd_bytes_t data, uint64_t answered);
void bench_emit(bench_t *b, const char *producer, uint64_t epoch, uint64_t first,
                const char *session, const char *types);
void bench_emit_record(bench_t *b, const char *producer, uint64_t epoch, uint64_t first,
                       const char *session, const char *types, const char *record);
/* PRUNE, as the peer "tool". */
void bench_prune(bench_t *b, const char *session, uint64_t older_than_ms, uint64_t keep, bool dry);
vd_store_session_t bench_session(bench_t *b, const char *session);
vd_session_state_t bench_state_of(bench_t *b, const char *session);
/* The types of a session's events that are on disk, with blanks between. */
const char *bench_types(bench_t *b, const char *session);
/* Lets seconds pass, with the look that each of them has. */
void bench_wait_s(bench_t *b, int seconds);
/* The only answer since the last look. */
answer_t bench_answer(bench_t *b, uint16_t id);
void bench_silence(bench_t *b);
/* Opens a producer and begins session s with one event; returns the epoch. */
uint64_t bench_begin(bench_t *b, const char *producer);

#endif

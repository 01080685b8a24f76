/* poller_world.h: a poller's core in a world of its own: virtual time, its timers, the reads that
 * are out. */
#ifndef POLLER_WORLD_H
#define POLLER_WORLD_H

#include "actors/poller/poller.h"
#include "actors/poller/reads.h"
#include "actors/poller/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define INC    4711
#define JOBS   1024
#define TIMERS 8
#define SECOND 1000000

/* A poller in a world of its own: a clock, its timers, the reads that it has let out. */
typedef struct world {
    vd_poller_t *poller;
    vd_effects_t *effects;
    int64_t now_us;
    int64_t timers[TIMERS]; /* -1: not set */
    uint64_t jobs[JOBS];    /* tokens that are out */
    int64_t job_us[JOBS];   /* when they left */
    bool job_good[JOBS];    /* their target is "/good" */
    uint32_t job_count;
    uint32_t starts, cancels, items;
    int64_t last_start_us;
    /* The last message to a peer and the last one published; kept as bytes. */
    vd_buffer_t frames;
    vd_message_t answer, item;
    vd_buffer_t item_frames;
    bool answered;
    char topic[VD_FEED_BYTES_MAX + 1];
} world_t;

/* Lets time pass until `us`, timer by timer. */
void pass_until(world_t *world, int64_t us);
void pass(world_t *world, int64_t us);
/* Ends the oldest read that is out. */
void finish(world_t *world, vd_status_t status, const char *error, vd_bytes_t content);
/* Ends the reads of "/good" alone. Returns how many there were. */
uint32_t finish_good(world_t *world);
void send(world_t *world, vd_message_t *message);
vd_read_record_t read_of(const char *source, const char *target, uint64_t interval_ms);
void stand_as(world_t *world, const char *observer, uint64_t lease_ms,
              const vd_read_record_t *reads, uint32_t count);
void stand(world_t *world, const vd_read_record_t *read);
/* The first row of the last STANDING. */
vd_reading_record_t reading(const world_t *world);
vd_sample_record_t sample_in(vd_bytes_t payload);
void get(world_t *world, vd_str_t feed);
void read_after(world_t *world, vd_str_t feed, uint64_t inc, uint64_t after);
world_t *new_world(uint32_t reads_max, uint64_t samples_bytes_max);
int set_up(void **state);
int tear_down(void **state);

static const vd_bytes_t none = {NULL, 0};

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif

/* rejoin.c: a follower that is far behind, until it takes live alone, while events go on being written. */
#include "benchmarks/crowd.h"
#include "benchmarks/measure.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <vedette.h>

#define TYPE "bench_rejoin"

enum { PATIENCE_MS = 60000, LOOK_MS = 100 };

typedef struct plan {
    const char *dir;
    uint64_t backlog;
    double *figure; /* shared: microseconds */
} plan_t;

typedef struct watch {
    bool caught_up; /* commits alone were taken, and live alone is now */
    bool behind;
} watch_t;

static void on_mode(void *arg, const vd_follow_mode_t *mode)
{
    watch_t *watch = arg;
    watch->behind = watch->behind || strcmp(mode->name, "commits_only") == 0;
    watch->caught_up = watch->behind && strcmp(mode->name, "live_only") == 0;
}

/* Follows every session from the first event on. */
static void read_all(vd_bench_hall_t *hall, size_t first, size_t readers, void *arg)
{
    const plan_t *plan = arg;
    watch_t watch = {false};
    uint64_t seen = 0;
    (void)readers;
    vd_client_t *client = vd_client_new(plan->dir);
    vd_follow_t *follow = NULL;
    vd_follow_options_t options = {
        .session = "*", .from = VD_FROM_START, .on_mode = on_mode, .on_mode_arg = &watch};
    double begun = vd_bench_now_us();
    if (vd_follow_new(&follow, client, &options, PATIENCE_MS) != VD_OK)
        vd_bench_fail("follow: %s", vd_client_error(client));
    while (!watch.caught_up) {
        vd_follow_event_t event;
        vd_status_t status = vd_follow_next(follow, LOOK_MS, &event);
        if (status == VD_TIMED_OUT)
            continue;
        if (status != VD_OK)
            vd_bench_fail("follow: %s: %s", vd_client_status_text(status), vd_client_error(client));
        seen++;
    }
    *plan->figure = vd_bench_now_us() - begun;
    vd_follow_mode_t mode;
    vd_follow_mode(follow, &mode);
    if (strcmp(mode.name, "live_only") != 0 || seen + mode.queue < plan->backlog)
        vd_bench_fail("%" PRIu64 " of %" PRIu64 " events, and then %s", seen, plan->backlog,
                      mode.name);
    atomic_store_explicit(&hall->seats[first].seen, 1, memory_order_relaxed);
    vd_follow_destroy(&follow);
    vd_client_destroy(&client);
}

static void check(vd_client_t *client, vd_status_t status)
{
    if (status != VD_OK)
        vd_bench_fail("%s: %s", vd_client_status_text(status), vd_client_error(client));
}

/* Writes so many events a second until the follower has come back. */
static void write_on(const plan_t *plan, const char *session, size_t rate, vd_bench_crowd_t *crowd)
{
    vd_client_t *client = vd_client_new(plan->dir);
    vd_producer_t *producer = NULL;
    check(client, vd_producer_open(&producer, client, session, NULL, NULL, PATIENCE_MS));
    check(client, vd_producer_start_session(producer, session, NULL, 0));
    check(client, vd_producer_flush(producer, PATIENCE_MS));
    vd_bench_crowd_open(crowd);
    double begun = vd_bench_now_us(), now_us = begun;
    for (size_t i = 0; !vd_bench_crowd_reached(crowd, 1); i++) {
        check(client,
              vd_producer_emit(producer, session, TYPE, (vd_blob_t){(const uint8_t *)"\xc0", 1}));
        check(client, vd_producer_flush(producer, PATIENCE_MS));
        double due = begun + (double)(i + 1) * 1e6 / (double)rate;
        if ((now_us = vd_bench_now_us()) < due)
            usleep((unsigned)(due - now_us));
        if (now_us - begun > PATIENCE_MS * 1e3)
            vd_bench_fail("the follower has not come back to live alone after %d s",
                          PATIENCE_MS / 1000);
    }
    check(client, vd_producer_end_session(producer, session, 0, NULL));
    check(client, vd_producer_flush(producer, PATIENCE_MS));
    vd_producer_destroy(&producer);
    vd_client_destroy(&client);
}

int vd_bench_rejoin(int argc, char **argv)
{
    if (argc != 3)
        vd_bench_fail("rejoin wants DIR BACKLOG RATE");
    char session[64];
    snprintf(session, sizeof session, "bench-rejoin-%d-%" PRIu64, (int)getpid(),
             (uint64_t)vd_bench_now_us());
    plan_t plan = {.dir = argv[0], .backlog = vd_bench_count(argv[1])};
    plan.figure = vd_bench_shared(sizeof *plan.figure);
    vd_bench_crowd_t crowd;
    vd_bench_crowd_start(&crowd, 1, 1, read_all, &plan);
    write_on(&plan, session, vd_bench_count(argv[2]), &crowd);
    vd_bench_crowd_end(&crowd);
    vd_bench_print("rejoin", plan.figure, 1);
    return 0;
}

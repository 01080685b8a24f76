/* live.c: events at a steady rate, from emit to the moment at which followers in other processes have them. */
#include "benchmarks/crowd.h"
#include "benchmarks/measure.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <vedette.h>

#define TYPE "bench_live"

enum { DATA_BYTES = 206, MARK_AT = 3, WARM_UP_MS = 500 };

/* A binary value that begins with the moment of its emit, so that the event has 256 bytes. */
static void make_data(uint8_t data[DATA_BYTES], double now_us)
{
    memset(data, 0x5a, DATA_BYTES);
    memcpy(data, "\xc5\0", 2);
    data[2] = DATA_BYTES - MARK_AT;
    memcpy(data + MARK_AT, &now_us, sizeof now_us);
}

typedef struct plan {
    const char *dir, *session;
    size_t warm_up, count;
    double *figures; /* shared: `count` of each follower */
} plan_t;

/* The follower begins when the session is there: one that comes too early looks again after a while, and would be late
 * for what is measured. */
static void read_all(vd_bench_hall_t *hall, size_t first, size_t readers, void *arg)
{
    const plan_t *plan = arg;
    if (readers != 1)
        vd_bench_fail("a follower has a process of its own");
    double *figures = plan->figures + first * plan->count;
    vd_client_t *client = vd_client_new(plan->dir);
    vd_follow_t *follow = NULL;
    vd_follow_options_t options = {.session = plan->session, .from = VD_FROM_START, .type = TYPE};
    if (vd_follow_new(&follow, client, &options, 5000) != VD_OK)
        vd_bench_fail("follow: %s", vd_client_error(client));
    for (size_t i = 0; i < plan->warm_up + plan->count; i++) {
        vd_follow_event_t event;
        double begun;
        vd_status_t status = vd_follow_next(follow, 10000, &event);
        if (status != VD_OK || event.seq != i + 2 || event.data.size != DATA_BYTES)
            vd_bench_fail("event %zu: %s: %s", i, vd_client_status_text(status),
                          vd_client_error(client));
        memcpy(&begun, event.data.data + MARK_AT, sizeof begun);
        if (i >= plan->warm_up)
            figures[i - plan->warm_up] = vd_bench_now_us() - begun;
        atomic_store_explicit(&hall->seats[first].seen, i + 1, memory_order_relaxed);
    }
    vd_follow_destroy(&follow);
    vd_client_destroy(&client);
}

static void check(vd_client_t *client, vd_status_t status)
{
    if (status != VD_OK)
        vd_bench_fail("%s: %s", vd_client_status_text(status), vd_client_error(client));
}

static void write_all(const plan_t *plan, size_t rate, vd_bench_crowd_t *crowd)
{
    uint8_t data[DATA_BYTES];
    const char *session = plan->session;
    vd_client_t *client = vd_client_new(plan->dir);
    vd_producer_t *producer = NULL;
    check(client, vd_producer_open(&producer, client, session, NULL, NULL, 5000));
    check(client, vd_producer_start_session(producer, session, NULL, 0));
    check(client, vd_producer_flush(producer, 5000));
    vd_bench_crowd_open(crowd);
    double begun = vd_bench_now_us();
    for (size_t i = 0; i < plan->warm_up + plan->count; i++) {
        double due = begun + (double)i * 1e6 / (double)rate;
        /* What has to go on goes on while it waits. */
        for (double rest; (rest = due - vd_bench_now_us()) > 0;) {
            if (rest > 1500 && vd_producer_pending(producer) > 0)
                vd_producer_wait(producer, 1);
            else
                usleep((unsigned)rest);
        }
        make_data(data, vd_bench_now_us());
        vd_status_t status;
        while ((status = vd_producer_emit(producer, session, TYPE,
                                          (vd_blob_t){data, sizeof data})) == VD_OVERLOADED)
            check(client, vd_producer_wait(producer, 10000));
        check(client, status);
        vd_producer_wait(producer, 0);
    }
    check(client, vd_producer_flush(producer, 10000));
    check(client, vd_producer_end_session(producer, session, 0, NULL));
    check(client, vd_producer_flush(producer, 10000));
    vd_producer_destroy(&producer);
    vd_client_destroy(&client);
}

int vd_bench_live(int argc, char **argv)
{
    if (argc != 3 && argc != 4)
        vd_bench_fail("live wants DIR COUNT RATE, and may have FOLLOWERS");
    size_t rate = vd_bench_count(argv[2]), followers = argc > 3 ? vd_bench_count(argv[3]) : 1;
    char session[64];
    snprintf(session, sizeof session, "bench-live-%d-%" PRIu64, (int)getpid(),
             (uint64_t)vd_bench_now_us());
    plan_t plan = {.dir = argv[0], .session = session, .count = vd_bench_count(argv[1])};
    plan.warm_up = rate * WARM_UP_MS / 1000 + 1;
    plan.figures = vd_bench_shared(followers * plan.count * sizeof *plan.figures);
    vd_bench_crowd_t crowd;
    vd_bench_crowd_start(&crowd, followers, followers, read_all, &plan);
    write_all(&plan, rate, &crowd);
    vd_bench_crowd_wait(&crowd, plan.warm_up + plan.count);
    vd_bench_crowd_end(&crowd);
    vd_bench_print("live", plan.figures, followers * plan.count);
    return 0;
}

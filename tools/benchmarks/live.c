/* live.c: events at a steady rate, from emit to the moment at which a follower in another process has them. */
#include "benchmarks/measure.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <vedette.h>

#define TYPE "bench_live"

enum { DATA_BYTES = 206, MARK_AT = 3, WARM_UP = 200 };

/* A binary value that begins with the moment of its emit, so that the event has 256 bytes. */
static void make_data(uint8_t data[DATA_BYTES], double now_us)
{
    memset(data, 0x5a, DATA_BYTES);
    memcpy(data, "\xc5\0", 2);
    data[2] = DATA_BYTES - MARK_AT;
    memcpy(data + MARK_AT, &now_us, sizeof now_us);
}

/* `begun_fd` gives a byte when the session is there: a follower that comes too early looks again after a while, and would
 * be late for what is measured. */
static void read_all(const char *dir, const char *session, size_t count, int begun_fd)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    char byte;
    if (read(begun_fd, &byte, 1) != 1)
        _exit(1);
    double *figures = calloc(count, sizeof *figures);
    vd_client_t *client = vd_client_new(dir);
    vd_follow_t *follow = NULL;
    vd_follow_options_t options = {.session = session, .from = VD_FROM_START, .type = TYPE};
    if (vd_follow_new(&follow, client, &options, 5000) != VD_OK)
        vd_bench_fail("follow: %s", vd_client_error(client));
    for (size_t i = 0; i < WARM_UP + count; i++) {
        vd_follow_event_t event;
        double begun;
        vd_status_t status = vd_follow_next(follow, 10000, &event);
        if (status != VD_OK || event.seq != i + 2 || event.data.size != DATA_BYTES)
            vd_bench_fail("event %zu: %s: %s", i, vd_client_status_text(status),
                          vd_client_error(client));
        memcpy(&begun, event.data.data + MARK_AT, sizeof begun);
        if (i >= WARM_UP)
            figures[i - WARM_UP] = vd_bench_now_us() - begun;
    }
    vd_follow_destroy(&follow);
    vd_client_destroy(&client);
    vd_bench_print("live", figures, count);
    fflush(stdout);
    _exit(0);
}

static void check(vd_client_t *client, vd_status_t status)
{
    if (status != VD_OK)
        vd_bench_fail("%s: %s", vd_client_status_text(status), vd_client_error(client));
}

static void write_all(const char *dir, const char *session, size_t count, size_t rate, int begun_fd)
{
    uint8_t data[DATA_BYTES];
    vd_client_t *client = vd_client_new(dir);
    vd_producer_t *producer = NULL;
    check(client, vd_producer_open(&producer, client, session, NULL, NULL, 5000));
    check(client, vd_producer_start_session(producer, session, NULL, 0));
    check(client, vd_producer_flush(producer, 5000));
    if (write(begun_fd, "", 1) != 1)
        vd_bench_fail("the follower is gone");
    double begun = vd_bench_now_us();
    for (size_t i = 0; i < WARM_UP + count; i++) {
        double due = begun + (double)i * 1e6 / (double)rate;
        /* What has to go on goes on while it waits. */
        for (double rest; (rest = due - vd_bench_now_us()) > 0;) {
            if (rest > 1500 && vd_producer_pending(producer) > 0)
                vd_producer_wait(producer, 1);
            else
                usleep((unsigned)rest);
        }
        make_data(data, vd_bench_now_us());
        check(client, vd_producer_emit(producer, session, TYPE, (vd_blob_t){data, sizeof data}));
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
    if (argc != 3)
        vd_bench_fail("live wants DIR COUNT RATE");
    size_t count = vd_bench_count(argv[1]), rate = vd_bench_count(argv[2]);
    char session[64];
    int state = 0, begun[2];
    snprintf(session, sizeof session, "bench-live-%d-%" PRIu64, (int)getpid(),
             (uint64_t)vd_bench_now_us());
    if (pipe(begun) != 0)
        vd_bench_fail("no pipe");
    pid_t child = fork();
    if (child == 0)
        read_all(argv[0], session, count, begun[0]);
    write_all(argv[0], session, count, rate, begun[1]);
    if (child < 0 || waitpid(child, &state, 0) != child || state != 0)
        vd_bench_fail("the follower failed");
    return 0;
}

/* visible.c: from emit, through a commit on disk, to the follower that sees the event. */
#include "benchmarks/measure.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vedette.h>

static void await_event(vd_client_t *client, vd_follow_t *follow, const char *type, uint64_t *seq)
{
    vd_follow_event_t event;
    for (int tries = 0; tries < 20;) {
        vd_status_t status = vd_follow_next(follow, 500, &event);
        if (status == VD_OK && strcmp(event.type, type) == 0) {
            if (*seq != 0 && event.seq <= *seq)
                vd_bench_fail("event %" PRIu64 " after %" PRIu64, event.seq, *seq);
            *seq = event.seq;
            return;
        }
        if (status != VD_OK && status != VD_TIMED_OUT)
            vd_bench_fail("follow: %s: %s", vd_client_status_text(status), vd_client_error(client));
        tries += status == VD_TIMED_OUT;
    }
    vd_bench_fail("an event that was emitted was not seen within 10 s");
}

static void check(vd_client_t *client, const char *what, vd_status_t status)
{
    if (status != VD_OK)
        vd_bench_fail("%s: %s: %s", what, vd_client_status_text(status), vd_client_error(client));
}

int vd_bench_visible(int argc, char **argv)
{
    if (argc != 3)
        vd_bench_fail("visible wants DIR SESSION COUNT");
    size_t count = vd_bench_count(argv[2]);
    double *figures = calloc(count, sizeof *figures);
    /* Two clients: what one waits for is not what the other does. */
    vd_client_t *writer = vd_client_new(argv[0]), *reader = vd_client_new(argv[0]);
    vd_producer_t *producer = NULL;
    vd_follow_t *follow = NULL;
    char name[64];
    snprintf(name, sizeof name, "vd-bench-%d", (int)getpid());
    check(writer, "producer", vd_producer_open(&producer, writer, name, NULL, NULL, 5000));
    vd_follow_options_t options = {.session = argv[1], .from = VD_FROM_NOW, .type = "bench_tick"};
    check(reader, "follow", vd_follow_new(&follow, reader, &options, 5000));
    vd_follow_event_t event;
    vd_follow_next(follow, 300, &event); /* the stream has begun before the first emit */

    vd_blob_t data = {(const uint8_t *)"\xc0", 1};
    uint64_t seq = 0;
    for (size_t i = 0; i < count; i++) {
        double begun = vd_bench_now_us();
        check(writer, "emit", vd_producer_emit(producer, argv[1], "bench_tick", data));
        await_event(reader, follow, "bench_tick", &seq);
        figures[i] = vd_bench_now_us() - begun;
        check(writer, "flush", vd_producer_flush(producer, 5000));
    }
    vd_bench_print("visible", figures, count);
    free(figures);
    vd_follow_destroy(&follow);
    vd_producer_destroy(&producer);
    vd_client_destroy(&reader);
    vd_client_destroy(&writer);
    return 0;
}

/* ingest.c: writing events until they are on disk, one producer; reading them all again; and what a kill costs. */
#include "benchmarks/events.h"
#include "benchmarks/measure.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vedette.h>

enum { FRAME_MAX = 1024, SESSIONS_MAX = 4000, PATIENCE_MS = 60000 };

/* A producer on a client of its own, with sessions that it has begun. */
typedef struct writer {
    vd_client_t *client;
    vd_producer_t *producer;
    char name[48];
} writer_t;

static void check(const writer_t *self, const char *what, vd_status_t status)
{
    if (status != VD_OK)
        vd_bench_fail("%s: %s: %s", what, vd_client_status_text(status),
                      vd_client_error(self->client));
}

static const char *session_of(const writer_t *self, size_t number)
{
    static char session[80];
    snprintf(session, sizeof session, "%s.%04zu", self->name, number);
    return session;
}

/* The events of one frame, made before anything is measured. */
static vd_bench_data_t data[FRAME_MAX];
static vd_new_event_t events[FRAME_MAX];

static void make_events(void)
{
    for (size_t i = 0; i < FRAME_MAX; i++) {
        vd_bench_data_init(&data[i]);
        events[i] = (vd_new_event_t){.type = VD_BENCH_TYPE, .data = {data[i].bytes, data[i].size}};
    }
}

static void begin(writer_t *self, const char *dir, size_t sessions)
{
    make_events();
    snprintf(self->name, sizeof self->name, "bench-%d-%" PRIu64, (int)getpid(),
             (uint64_t)vd_bench_now_us());
    self->client = vd_client_new(dir);
    check(self, "producer",
          vd_producer_open(&self->producer, self->client, self->name, NULL, NULL, 10000));
    for (size_t i = 0; i < sessions; i++) {
        check(self, "session",
              vd_producer_start_session(self->producer, session_of(self, i), NULL, 0));
        if (i % 256 == 255)
            check(self, "session", vd_producer_flush(self->producer, PATIENCE_MS));
    }
    check(self, "session", vd_producer_flush(self->producer, PATIENCE_MS));
}

static void end(writer_t *self, size_t sessions)
{
    for (size_t i = 0; i < sessions; i++) {
        check(self, "end", vd_producer_end_session(self->producer, session_of(self, i), 0, NULL));
        if (i % 256 == 255)
            check(self, "end", vd_producer_flush(self->producer, PATIENCE_MS));
    }
    check(self, "end", vd_producer_flush(self->producer, PATIENCE_MS));
    vd_producer_destroy(&self->producer);
    vd_client_destroy(&self->client);
}

/* A single event is emitted as one, which leaves it to the library how it travels; more are one
 * frame. */
static vd_status_t emit_now(writer_t *self, const char *session, size_t count)
{
    if (count == 1)
        return vd_producer_emit(self->producer, session, events[0].type, events[0].data);
    return vd_producer_emit_frame(self->producer, session, NULL, events, count);
}

/* Emits events first..first + count - 1, waiting while too many are out. */
static void emit(writer_t *self, const char *session, size_t first, size_t count, size_t in_flight)
{
    for (size_t i = 0; i < count; i++)
        vd_bench_data_next(&data[i], first + i);
    while (vd_producer_pending(self->producer) + count > in_flight)
        check(self, "wait", vd_producer_wait(self->producer, PATIENCE_MS));
    vd_status_t status;
    while ((status = emit_now(self, session, count)) == VD_OVERLOADED)
        check(self, "wait", vd_producer_wait(self->producer, PATIENCE_MS));
    check(self, "emit", status);
}

int vd_bench_ingest(int argc, char **argv)
{
    if (argc != 5)
        vd_bench_fail("ingest wants DIR COUNT IN_FLIGHT FRAME SESSIONS");
    size_t count = vd_bench_count(argv[1]), in_flight = vd_bench_count(argv[2]);
    size_t frame = vd_bench_count(argv[3]), sessions = vd_bench_count(argv[4]);
    if (frame > FRAME_MAX || frame > in_flight || sessions > SESSIONS_MAX)
        vd_bench_fail("a frame has at most %d events and what is in flight; sessions at most %d",
                      FRAME_MAX, SESSIONS_MAX);
    writer_t writer = {0};
    begin(&writer, argv[0], sessions);
    char(*names)[80] = calloc(sessions, sizeof *names);
    for (size_t i = 0; i < sessions; i++)
        memcpy(names[i], session_of(&writer, i), sizeof *names);
    double begun = vd_bench_now_us();
    for (size_t i = 0; i < count; i += frame)
        emit(&writer, names[i / frame % sessions], i, count - i < frame ? count - i : frame,
             in_flight);
    check(&writer, "flush", vd_producer_flush(writer.producer, PATIENCE_MS));
    double us = vd_bench_now_us() - begun;
    end(&writer, sessions);
    vd_bench_print_rate(sessions == 1 ? names[0] : "ingest", count, us);
    free(names);
    return 0;
}

int vd_bench_acknowledge(int argc, char **argv)
{
    if (argc != 2)
        vd_bench_fail("acknowledge wants DIR COUNT");
    size_t count = vd_bench_count(argv[1]);
    double *figures = calloc(count, sizeof *figures);
    writer_t writer = {0};
    begin(&writer, argv[0], 1);
    const char *session = session_of(&writer, 0);
    for (size_t i = 0; i < count + 100; i++) {
        double begun = vd_bench_now_us();
        emit(&writer, session, i, 1, 1);
        check(&writer, "flush", vd_producer_flush(writer.producer, PATIENCE_MS));
        if (i >= 100)
            figures[i - 100] = vd_bench_now_us() - begun;
    }
    end(&writer, 1);
    vd_bench_print("acknowledge", figures, count);
    free(figures);
    return 0;
}

/* Reads the session as any follower does and checks that nothing is missing. */
int vd_bench_replay(int argc, char **argv)
{
    if (argc != 3)
        vd_bench_fail("replay wants DIR SESSION COUNT");
    size_t count = vd_bench_count(argv[2]), seen = 0;
    vd_client_t *client = vd_client_new(argv[0]);
    vd_follow_t *follow = NULL;
    vd_follow_options_t options = {.session = argv[1], .from = VD_FROM_START};
    double begun = vd_bench_now_us();
    if (vd_follow_new(&follow, client, &options, 5000) != VD_OK)
        vd_bench_fail("follow: %s", vd_client_error(client));
    for (;;) {
        vd_follow_event_t event;
        vd_status_t status = vd_follow_next(follow, 10000, &event);
        if (status == VD_SESSION_CLOSED)
            break;
        if (status != VD_OK)
            vd_bench_fail("follow: %s: %s", vd_client_status_text(status), vd_client_error(client));
        if (event.seq == 1 || event.seq == count + 2)
            continue; /* the session's begin and end */
        if (vd_bench_data_number(event.data.data, event.data.size) != seen || event.seq != seen + 2)
            vd_bench_fail("event %" PRIu64 " is not number %zu", event.seq, seen);
        seen++;
    }
    double us = vd_bench_now_us() - begun;
    if (seen != count)
        vd_bench_fail("%zu events came instead of %zu", seen, count);
    vd_follow_destroy(&follow);
    vd_client_destroy(&client);
    vd_bench_print_rate("replay", count, us);
    return 0;
}

int vd_bench_recover(int argc, char **argv)
{
    if (argc != 2)
        vd_bench_fail("recover wants DIR PID");
    pid_t pid = (pid_t)vd_bench_count(argv[1]);
    writer_t writer = {0};
    double figure;
    begin(&writer, argv[0], 1);
    const char *session = session_of(&writer, 0);
    if (kill(pid, SIGKILL) != 0)
        vd_bench_fail("kill %d: %s", (int)pid, strerror(errno));
    double begun = vd_bench_now_us();
    emit(&writer, session, 0, 1, 1);
    check(&writer, "flush", vd_producer_flush(writer.producer, PATIENCE_MS));
    figure = vd_bench_now_us() - begun;
    end(&writer, 1);
    vd_bench_print("recover", &figure, 1);
    return 0;
}

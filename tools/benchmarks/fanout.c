/* fanout.c: the same events to many readers at once: by a bare PUB, a message each, and by the runtime's streams.
 *
 * In both the writer stops while the slowest reader is AHEAD events behind: what is measured is what all of them take,
 * and nothing is dropped. */
#include "benchmarks/crowd.h"
#include "benchmarks/events.h"
#include "benchmarks/measure.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vedette.h>
#include <zmq.h>

enum {
    AHEAD = 8192,
    /* ZeroMQ counts what was read in steps of half of it. */
    HIGH_WATER = 4 * AHEAD,
    PACE_EVERY = 64, /* events between two looks at the readers; a frame of the producer */
    WINDOW = 4096,
    PATIENCE_MS = 60000,
};

typedef struct plan {
    const char *place; /* an endpoint, or the directory of a runtime */
    const char *session;
    size_t count;
} plan_t;

static void see(vd_bench_hall_t *hall, size_t reader, uint64_t seen)
{
    atomic_store_explicit(&hall->seats[reader].seen, seen, memory_order_relaxed);
}

/* ---- bare ---- */

static void *bare_reader(void *context, const char *endpoint)
{
    void *sub = zmq_socket(context, ZMQ_SUB);
    int high_water = HIGH_WATER, linger_ms = 0;
    zmq_setsockopt(sub, ZMQ_RCVHWM, &high_water, sizeof high_water);
    zmq_setsockopt(sub, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    zmq_setsockopt(sub, ZMQ_SUBSCRIBE, "", 0);
    if (zmq_connect(sub, endpoint) != 0)
        vd_bench_fail("%s: %s", endpoint, zmq_strerror(errno));
    return sub;
}

/* Takes what is at hand; the number of events seen so far. */
static uint64_t drain(void *sub, uint64_t seen, size_t count)
{
    static const size_t envelope = VD_BENCH_EVENT_BYTES;
    uint8_t event[VD_BENCH_EVENT_BYTES];
    while (seen < count) {
        int size = zmq_recv(sub, event, sizeof event, ZMQ_DONTWAIT);
        if (size < 0)
            break;
        uint64_t number;
        memcpy(&number, event, sizeof number);
        if ((size_t)size != envelope || number != seen)
            vd_bench_fail("message %" PRIu64 " of %d bytes came instead of %" PRIu64, number, size,
                          seen);
        seen++;
    }
    return seen;
}

static void read_bare(vd_bench_hall_t *hall, size_t first, size_t count, void *arg)
{
    const plan_t *plan = arg;
    void *context = zmq_ctx_new();
    zmq_pollitem_t *items = calloc(count, sizeof *items);
    uint64_t *seen = calloc(count, sizeof *seen);
    size_t done = 0;
    for (size_t i = 0; i < count; i++)
        items[i] = (zmq_pollitem_t){bare_reader(context, plan->place), 0, ZMQ_POLLIN, 0};
    while (done < count) {
        zmq_poll(items, (int)count, PATIENCE_MS);
        done = 0;
        for (size_t i = 0; i < count; i++) {
            seen[i] = drain(items[i].socket, seen[i], plan->count);
            see(hall, first + i, seen[i]);
            done += seen[i] == plan->count;
        }
    }
}

/* A PUB that tells of its subscribers: begins when all are there. */
static void *bare_writer(void *context, const char *endpoint, vd_bench_crowd_t *crowd)
{
    void *pub = zmq_socket(context, ZMQ_XPUB);
    int high_water = HIGH_WATER, every = 1, patience_ms = PATIENCE_MS, linger_ms = 0;
    zmq_setsockopt(pub, ZMQ_SNDHWM, &high_water, sizeof high_water);
    zmq_setsockopt(pub, ZMQ_XPUB_VERBOSE, &every, sizeof every);
    zmq_setsockopt(pub, ZMQ_RCVTIMEO, &patience_ms, sizeof patience_ms);
    zmq_setsockopt(pub, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    if (zmq_bind(pub, endpoint) != 0)
        vd_bench_fail("%s: %s", endpoint, zmq_strerror(errno));
    vd_bench_crowd_open(crowd);
    for (size_t i = 0; i < crowd->readers; i++) {
        char wish[8];
        if (zmq_recv(pub, wish, sizeof wish, 0) != 1)
            vd_bench_fail("%s: not every reader has come", endpoint);
    }
    return pub;
}

int vd_bench_raw_fanout(int argc, char **argv)
{
    if (argc != 4)
        vd_bench_fail("raw-fanout wants DIR COUNT READERS PROCESSES");
    char endpoint[512];
    uint8_t event[VD_BENCH_EVENT_BYTES] = {0};
    plan_t plan = {.place = endpoint, .count = vd_bench_count(argv[1])};
    vd_bench_crowd_t crowd;
    snprintf(endpoint, sizeof endpoint, "ipc://%s/bench.%d", argv[0], (int)getpid());
    vd_bench_crowd_start(&crowd, vd_bench_count(argv[2]), vd_bench_count(argv[3]), read_bare,
                         &plan);
    void *context = zmq_ctx_new();
    void *pub = bare_writer(context, endpoint, &crowd);
    double begun = vd_bench_now_us();
    for (uint64_t i = 0; i < plan.count; i++) {
        if (i % PACE_EVERY == 0 && i > AHEAD)
            vd_bench_crowd_wait(&crowd, i - AHEAD);
        memcpy(event, &i, sizeof i);
        if (zmq_send(pub, event, sizeof event, 0) != sizeof event)
            vd_bench_fail("%s: %s", endpoint, zmq_strerror(errno));
    }
    vd_bench_crowd_wait(&crowd, plan.count);
    double us = vd_bench_now_us() - begun;
    vd_bench_print_rate("raw-fanout", plan.count * crowd.readers, us);
    vd_bench_crowd_end(&crowd);
    zmq_close(pub);
    zmq_ctx_term(context);
    unlink(endpoint + strlen("ipc://"));
    return 0;
}

/* ---- by the runtime ---- */

/* Takes what is at hand; the sequence of the last event. */
static uint64_t take_events(vd_client_t *client, vd_follow_t *follow, int timeout_ms, uint64_t seq,
                            uint64_t last)
{
    vd_follow_event_t event;
    while (seq < last) {
        vd_status_t status = vd_follow_next(follow, timeout_ms, &event);
        if (status == VD_TIMED_OUT)
            break;
        if (status != VD_OK || event.seq != seq + 1)
            vd_bench_fail("event %" PRIu64 " after %" PRIu64 ": %s: %s", event.seq, seq,
                          vd_client_status_text(status), vd_client_error(client));
        if (event.seq > 1 && vd_bench_data_number(event.data.data, event.data.size) != seq - 1)
            vd_bench_fail("event %" PRIu64 " is not what was written", event.seq);
        seq = event.seq;
        timeout_ms = 0;
    }
    return seq;
}

/* The events begin when every reader has come to live alone: it joins by commits, and not at once. */
static bool is_live(const vd_follow_t *follow)
{
    vd_follow_mode_t mode;
    vd_follow_mode(follow, &mode);
    return strcmp(mode.name, "live_only") == 0;
}

static void read_follows(vd_bench_hall_t *hall, size_t first, size_t count, void *arg)
{
    const plan_t *plan = arg;
    vd_client_t *client = vd_client_new(plan->place);
    vd_follow_t **follows = calloc(count, sizeof(vd_follow_t *));
    vd_follow_options_t options = {.session = plan->session, .from = VD_FROM_START};
    uint64_t *seqs = calloc(count, sizeof *seqs);
    uint64_t last = plan->count + 1;
    size_t done = 0;
    for (size_t i = 0; i < count; i++)
        if (vd_follow_new(&follows[i], client, &options, PATIENCE_MS) != VD_OK)
            vd_bench_fail("follow: %s", vd_client_error(client));
    for (bool any = true; done < count;) {
        bool waits = !any;
        any = false;
        done = 0;
        for (size_t i = 0; i < count; i++) {
            /* Waiting for one lets the library go on with all of them. */
            uint64_t seq = take_events(client, follows[i], waits ? 1 : 0, seqs[i], last);
            waits = waits && seqs[i] == last;
            any = any || seq != seqs[i];
            seqs[i] = seq;
            if (seq > 1 || is_live(follows[i]))
                see(hall, first + i, seq);
            done += seq == last;
        }
    }
    for (size_t i = 0; i < count; i++)
        vd_follow_destroy(&follows[i]);
    vd_client_destroy(&client);
}

static void check(vd_client_t *client, vd_status_t status)
{
    if (status != VD_OK)
        vd_bench_fail("%s: %s", vd_client_status_text(status), vd_client_error(client));
}

/* Emits events first..first + count - 1 as one frame. */
static void emit(vd_client_t *client, vd_producer_t *producer, const plan_t *plan, size_t first,
                 size_t count)
{
    static vd_bench_data_t data[PACE_EVERY];
    vd_new_event_t events[PACE_EVERY];
    for (size_t i = 0; i < count; i++) {
        if (data[i].size == 0)
            vd_bench_data_init(&data[i]);
        vd_bench_data_next(&data[i], first + i);
        events[i] = (vd_new_event_t){.type = VD_BENCH_TYPE, .data = {data[i].bytes, data[i].size}};
    }
    while (vd_producer_pending(producer) + count > WINDOW)
        check(client, vd_producer_wait(producer, PATIENCE_MS));
    vd_status_t status;
    while ((status = vd_producer_emit_frame(producer, plan->session, NULL, events, count)) ==
           VD_OVERLOADED)
        check(client, vd_producer_wait(producer, PATIENCE_MS));
    check(client, status);
}

static void begin_session(vd_client_t *client, vd_producer_t **producer, const plan_t *plan)
{
    check(client, vd_producer_open(producer, client, plan->session, NULL, NULL, PATIENCE_MS));
    check(client, vd_producer_start_session(*producer, plan->session, NULL, 0));
    check(client, vd_producer_flush(*producer, PATIENCE_MS));
}

int vd_bench_fanout(int argc, char **argv)
{
    if (argc != 4)
        vd_bench_fail("fanout wants DIR COUNT READERS PROCESSES");
    char session[64];
    snprintf(session, sizeof session, "bench-fanout-%d-%" PRIu64, (int)getpid(),
             (uint64_t)vd_bench_now_us());
    plan_t plan = {.place = argv[0], .session = session, .count = vd_bench_count(argv[1])};
    vd_bench_crowd_t crowd;
    vd_bench_crowd_start(&crowd, vd_bench_count(argv[2]), vd_bench_count(argv[3]), read_follows,
                         &plan);
    vd_client_t *client = vd_client_new(plan.place);
    vd_producer_t *producer = NULL;
    begin_session(client, &producer, &plan);
    vd_bench_crowd_open(&crowd);
    vd_bench_crowd_wait(&crowd, 1);
    double begun = vd_bench_now_us();
    for (size_t i = 0; i < plan.count; i += PACE_EVERY) {
        while (i > AHEAD && !vd_bench_crowd_reached(&crowd, i - AHEAD))
            if (vd_producer_wait(producer, 1) == VD_NOT_FOUND)
                vd_bench_crowd_wait(&crowd, i - AHEAD);
        emit(client, producer, &plan, i, plan.count - i < PACE_EVERY ? plan.count - i : PACE_EVERY);
    }
    check(client, vd_producer_flush(producer, PATIENCE_MS));
    vd_bench_crowd_wait(&crowd, plan.count + 1);
    double us = vd_bench_now_us() - begun;
    vd_bench_print_rate("fanout", plan.count * crowd.readers, us);
    vd_bench_crowd_end(&crowd);
    check(client, vd_producer_end_session(producer, session, 0, NULL));
    check(client, vd_producer_flush(producer, PATIENCE_MS));
    vd_producer_destroy(&producer);
    vd_client_destroy(&client);
    return 0;
}

/* follow_probe.c: DIR: handlers side by side, a place kept under a name, bytes of the producer's own
 * and modes, by libvedette alone. Ends with 0 when all is as it should be. */
#define _POSIX_C_SOURCE 200809L
#include "vedette.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { EVENTS = 1000, WAIT_MS = 20000, SHORT_MS = 300 };

static vd_client_t *client;
static unsigned modes_told;

static void must(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "not so: %s; %s\n", what, vd_client_error(client));
    exit(1);
}

static void on_mode(void *arg, const vd_follow_mode_t *mode)
{
    (void)arg;
    must(mode->name[0] != 0, "a mode has a name");
    modes_told++;
}

static vd_follow_t *begin(const char *durable, uint32_t parallel)
{
    vd_follow_t *follow;
    vd_follow_options_t options = {.session = "s",
                                   .from = VD_FROM_START,
                                   .durable = durable,
                                   .parallel = parallel,
                                   .on_mode = on_mode};
    must(vd_follow_new(&follow, client, &options, WAIT_MS) == VD_OK, "a follow begins");
    return follow;
}

static void emit(void)
{
    static vd_new_event_t events[EVENTS];
    vd_producer_t *producer;
    must(vd_producer_open(&producer, client, "probe", NULL, NULL, WAIT_MS) == VD_OK, "it opens");
    must(vd_producer_start_session(producer, "s", NULL, 0) == VD_OK, "the session starts");
    for (size_t i = 0; i < EVENTS; i++)
        events[i] = (vd_new_event_t){.type = "probe", .aux = {(const uint8_t *)"a\0b", 3}};
    must(vd_producer_emit_frame(producer, "s", NULL, events, EVENTS) == VD_OK, "events are taken");
    must(vd_producer_flush(producer, WAIT_MS) == VD_OK, "events are stored");
    vd_producer_destroy(&producer);
}

typedef struct later {
    vd_follow_t *follow;
    const vd_follow_event_t *item;
} later_t;

/* Another thread is done with the item, a while later. */
static void *do_later(void *arg)
{
    const later_t *later = arg;
    struct timespec while_ = {.tv_nsec = 100000000};
    nanosleep(&while_, NULL);
    vd_follow_done(later->follow, later->item);
    return NULL;
}

static const vd_follow_event_t *take(vd_follow_t *follow, uint64_t seq)
{
    const vd_follow_event_t *item;
    must(vd_follow_take(follow, WAIT_MS, &item) == VD_OK, "an item is taken");
    must(item->seq == seq, "items come in order, each once");
    must(seq == 1 || (item->aux.size == 3 && memcmp(item->aux.data, "a\0b", 3) == 0), "aux comes");
    return item;
}

/* Four are out, done in any order; the kept place is behind what is done without a hole. */
static void handlers(void)
{
    vd_follow_t *follow = begin("side-by-side", 4);
    const vd_follow_event_t *out[4], *none;
    pthread_t thread;
    for (uint64_t i = 0; i < 4; i++)
        out[i] = take(follow, i + 1);
    must(vd_follow_take(follow, SHORT_MS, &none) == VD_TIMED_OUT, "four at a time");
    vd_follow_done(follow, out[2]);
    must(vd_follow_take(follow, SHORT_MS, &none) == VD_TIMED_OUT, "a hole keeps its place");
    char at[VD_POSITION_TEXT_MAX];
    must(vd_follow_position(follow, at) == VD_NOT_READY, "nothing is done without a hole");
    later_t first = {follow, out[0]};
    pthread_create(&thread, NULL, do_later, &first);
    out[0] = take(follow, 5);
    pthread_join(thread, NULL);
    vd_follow_done(follow, out[1]);
    vd_follow_done(follow, out[3]);
    vd_follow_done(follow, out[0]);
    for (uint64_t seq = 6; seq < 500; seq++)
        vd_follow_done(follow, take(follow, seq));
    later_t last = {follow, take(follow, 500)};
    must(vd_follow_close(follow, SHORT_MS / 10) == VD_TIMED_OUT, "closing waits for what is out");
    pthread_create(&thread, NULL, do_later, &last);
    must(vd_follow_close(follow, WAIT_MS) == VD_OK, "it closes when all is done");
    pthread_join(thread, NULL);
    vd_follow_destroy(&follow);
    follow = begin("side-by-side", 1);
    vd_follow_done(follow, take(follow, 501));
    vd_follow_destroy(&follow);
    follow = begin("side-by-side", 1);
    take(follow, 502); /* and is never done with it */
    vd_follow_destroy(&follow);
    follow = begin("side-by-side", 1);
    vd_follow_done(follow, take(follow, 502));
    vd_follow_destroy(&follow);
}

/* With vd_follow_next an event counts when the caller comes back. */
static void one_after_the_other(void)
{
    vd_follow_event_t event;
    for (uint64_t begins = 1; begins < EVENTS; begins += 99) {
        vd_follow_t *follow = begin("in-turn", 0);
        for (uint64_t seq = begins; seq < begins + 100 && seq <= EVENTS + 1; seq++) {
            must(vd_follow_next(follow, WAIT_MS, &event) == VD_OK, "the next event");
            must(event.seq == seq, "it goes on at the event that nobody came back from");
        }
        vd_follow_destroy(&follow);
    }
}

/* Who closes has come back from the last event; who only destroys has not. */
static void last_of_all(void)
{
    vd_follow_event_t event;
    vd_follow_t *follow = begin("last", 0);
    for (uint64_t seq = 1; seq <= 10; seq++)
        must(vd_follow_next(follow, WAIT_MS, &event) == VD_OK && event.seq == seq, "ten events");
    must(vd_follow_close(follow, WAIT_MS) == VD_OK, "it closes");
    vd_follow_destroy(&follow);
    for (int turn = 0; turn < 2; turn++) {
        follow = begin("last", 0);
        must(vd_follow_next(follow, WAIT_MS, &event) == VD_OK && event.seq == 11,
             "the next run goes on behind the last event");
        vd_follow_destroy(&follow);
    }
}

static void refusals(void)
{
    vd_follow_t *follow;
    vd_follow_options_t options = {.session = "s", .knobs = {.resume_live_lag = 50}};
    must(vd_follow_new(&follow, client, &options, WAIT_MS) == VD_USAGE, "knobs are checked");
    must(strstr(vd_client_error(client), "resume_live_lag") != NULL, "the text names the knob");
    options = (vd_follow_options_t){.session = "*", .durable = "in-turn"};
    must(vd_follow_new(&follow, client, &options, WAIT_MS) == VD_USAGE,
         "a name belongs to what it was read from");
    options = (vd_follow_options_t){.session = "s", .durable = "no name"};
    must(vd_follow_new(&follow, client, &options, WAIT_MS) == VD_USAGE, "names are checked");
}

/* Who has nothing to catch up with is soon live. */
static void live(void)
{
    vd_follow_t *follow = begin(NULL, 0);
    vd_follow_event_t event;
    vd_follow_mode_t mode = {.name = ""};
    for (int turn = 0; turn < 3000 && strcmp(mode.name, "live_only") != 0; turn++) {
        vd_follow_next(follow, 20, &event);
        vd_follow_mode(follow, &mode);
    }
    must(strcmp(mode.name, "live_only") == 0 && mode.lag == 0, "it becomes live");
    must(modes_told > 0, "modes are told");
    vd_follow_destroy(&follow);
}

int main(int argc, char **argv)
{
    client = argc == 2 ? vd_client_new(argv[1]) : NULL;
    if (client == NULL)
        return 2;
    emit();
    handlers();
    one_after_the_other();
    last_of_all();
    refusals();
    live();
    vd_client_destroy(&client);
    return 0;
}

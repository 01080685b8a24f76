/* test_reception_queue.c: what counts as a queue, by the cases of protocol/vectors/modes.json to which
 * the client in Python is held as well. */
#include "stream_world.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define MS INT64_C(1000)

#ifndef VD_VECTORS
#error "VD_VECTORS names the directory with the vectors"
#endif

static uint64_t number(const json_t *step, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(step, key));
}

/* A commit with so many events, in one frame. */
static void bring(world_t *w, uint64_t events)
{
    w->exact = (unsigned)events;
    world_commit(w, 1, 20);
}

static void tell_head(world_t *w)
{
    const vd_position_t *position = vd_reception_position(w->subscriber);
    vd_message_t head = {.id = VD_MESSAGE_HEAD};
    head.head.store = vd_str(w->store);
    head.head.head = w->commit_count;
    head.head.sent = position->index;
    world_tell(w, &head);
}

static void deal_with(world_t *w, uint64_t events)
{
    assert_true(events <= w->waiting_events);
    uint64_t bytes = events == w->waiting_events ? w->waiting_bytes : 0;
    world_consume(w, events, bytes);
}

static void go_through(const json_t *run)
{
    world_t *w = world_new(1);
    vd_subscription_t wanted = {.name = "test", .head = true, .knobs = vd_mode_knobs_default};
    const json_t *dwell = json_object_get(json_object_get(run, "knobs"), "dwell_ms");
    if (dwell != NULL)
        wanted.knobs.dwell_ms = (uint64_t)json_integer_value(dwell);
    world_live(w, (size_t)1 << 20);
    w->single = true;
    w->consume = false;
    world_subscribe(w, &wanted);
    world_run(w, 0);
    int64_t begun_us = w->now.mono_us;
    json_t *step;
    size_t at;
    json_array_foreach(json_object_get(run, "steps"), at, step)
    {
        world_run(w, begun_us + (int64_t)number(step, "now_ms") * MS - w->now.mono_us);
        if (number(step, "frame") > 0)
            bring(w, number(step, "frame"));
        world_run(w, 0);
        if (json_is_true(json_object_get(step, "head")))
            tell_head(w);
        if (number(step, "dealt") > 0)
            deal_with(w, number(step, "dealt"));
        world_run(w, 0);
        const char *mode = json_string_value(json_object_get(step, "mode"));
        if (strcmp(vd_mode_name(w->mode), mode) != 0)
            fail_msg("%s, step %zu: %s, wanted %s", json_string_value(json_object_get(run, "what")),
                     at, vd_mode_name(w->mode), mode);
    }
    assert_true(at > 1);
    world_free(w);
}

static void the_cases_hold(void **state)
{
    (void)state;
    json_error_t error;
    json_t *table = json_load_file(VD_VECTORS "/modes.json", 0, &error), *run;
    if (table == NULL)
        fail_msg("modes.json:%d: %s", error.line, error.text);
    size_t at;
    json_array_foreach(json_object_get(table, "queues"), at, run)
    {
        go_through(run);
    }
    assert_true(at > 5);
    json_decref(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cases_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

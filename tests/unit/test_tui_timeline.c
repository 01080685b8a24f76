/* test_tui_timeline.c: whichever way leads to a moment of a session, the state there is what it was live. */
#include "unit/tui_world.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the law ---- */

static uint64_t wish_by_random(tui_world_t *world)
{
    tui_moment_t at = tui_world_moment(world);
    uint64_t *seed = &world->seed, heard = world->heard;
    int64_t span = world->clocks[heard] - world->clocks[1];
    uint64_t size = 1 + tui_random_below(seed, tui_random_below(seed, 2) ? 3 : 200);
    switch (tui_random_below(seed, 7)) {
    case 0: {
        int64_t ms = world->clocks[1] - 5 + (int64_t)tui_random_below(seed, (uint64_t)span + 10);
        tui_timeline_seek_ms(world->timeline, ms);
        return tui_world_seq_of_time(world, ms);
    }
    case 1:
    case 2:
        tui_timeline_step(world->timeline, -(int64_t)size);
        return at.seq > size ? at.seq - size : 1;
    case 3:
        tui_timeline_step(world->timeline, (int64_t)size);
        return at.seq + size < heard ? at.seq + size : heard;
    case 4: {
        int64_t ms = at.at_ms + (int64_t)size * 400 - 40000;
        tui_timeline_step_ms(world->timeline, (int64_t)size * 400 - 40000);
        return tui_world_seq_of_time(world, ms);
    }
    default: {
        uint64_t seq = 1 + tui_random_below(seed, heard);
        tui_timeline_seek(world->timeline, seq);
        return seq;
    }
    }
}

static void wander(const tui_script_t *script, size_t saved_bytes, uint64_t seed, unsigned wishes)
{
    tui_world_t world = tui_world_begin(script, saved_bytes, seed);
    tui_world_hear(&world, script->count / 2);
    tui_timeline_caught_up(world.timeline);
    for (unsigned i = 0; i < wishes; i++) {
        world.cut = tui_random_below(&world.seed, 3) == 0 ? 50 : 0;
        uint64_t seq = wish_by_random(&world);
        /* Now and then it is wished for something else before that is reached. */
        if (tui_random_below(&world.seed, 4) == 0) {
            for (uint64_t n = tui_random_below(&world.seed, 3); n > 0; n--)
                tui_world_answer(&world);
            if (tui_world_moment(&world).reading) {
                seq = 1 + tui_random_below(&world.seed, world.heard);
                tui_timeline_seek(world.timeline, seq);
            }
        }
        tui_world_answer_all(&world);
        tui_world_expect(&world, seq);
        tui_world_hear(&world, tui_random_below(&world.seed, script->count / wishes));
        if (tui_random_below(&world.seed, 40) == 0) {
            tui_timeline_live(world.timeline);
            tui_world_expect(&world, world.heard);
        }
        if (tui_random_below(&world.seed, 40) == 0)
            tui_timeline_freeze(world.timeline);
        assert_true(tui_timeline_bytes(world.timeline) <=
                    saved_bytes + TUI_TIMELINE_CACHE_BYTES + TUI_STATE_BYTES_MAX);
    }
    printf("%u moments of %zu events: %llu read\n", wishes, script->count,
           (unsigned long long)world.reads);
    tui_world_end(&world);
}

static void test_any_way_leads_there(void **unused)
{
    (void)unused;
    uint64_t seed = tui_random_seed();
    tui_script_t script;
    tui_script_init(&script, "by-seed");
    tui_script_random(&script, seed, 3000);
    wander(&script, TUI_TIMELINE_SAVED_BYTES, seed, 500);
    /* Room for a few states, for one, for none. */
    wander(&script, 1 << 20, seed + 1, 150);
    wander(&script, 1 << 18, seed + 2, 60);
    wander(&script, 2, seed + 3, 20);
    tui_script_free(&script);
}

/* Each event of a session, jumped to in an order that has no sense. */
static void jump_everywhere(const tui_script_t *script, uint64_t seed)
{
    tui_world_t world = tui_world_begin(script, 0, seed);
    tui_world_hear_all(&world);
    uint64_t *order = calloc(script->count, sizeof *order);
    for (uint64_t i = 0; i < script->count; i++) {
        uint64_t with = tui_random_below(&world.seed, i + 1);
        order[i] = order[with];
        order[with] = i + 1;
    }
    for (uint64_t i = 0; i < script->count; i++) {
        tui_timeline_seek(world.timeline, order[i]);
        tui_world_answer_all(&world);
        tui_world_expect(&world, order[i]);
    }
    free(order);
    tui_world_end(&world);
}

static void test_every_event_is_reached(void **unused)
{
    (void)unused;
    uint64_t seed = tui_random_seed();
    tui_script_t script;
    tui_script_init(&script, "by-seed");
    tui_script_random(&script, seed, 1500);
    jump_everywhere(&script, seed);
    tui_script_free(&script);
}

/* What a real runtime wrote while its processes were killed (unit/record_session), and a real
 * workflow. */
static void test_recorded_sessions(void **unused)
{
    (void)unused;
    static const char *const names[] = {"runtime.jsonl", "workflow.ndjson"};
    uint64_t seed = tui_random_seed();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[512];
        tui_script_t script;
        snprintf(path, sizeof path, "%s/%s", VD_RECORDED, names[i]);
        tui_script_init(&script, "recorded");
        tui_script_read(&script, path);
        jump_everywhere(&script, seed);
        wander(&script, 1 << 16, seed, 20);
        tui_script_free(&script);
    }
}

/* Each kill of the recording is a fault, an end that was asked for is none. */
static void test_recorded_kills(void **unused)
{
    (void)unused;
    tui_script_t script;
    tui_script_init(&script, "recorded");
    tui_script_read(&script, VD_RECORDED "/runtime.jsonl");
    tui_world_t world = tui_world_begin(&script, 0, 1);
    tui_world_hear_all(&world);
    const tui_state_t *state = tui_timeline_state(world.timeline);
    static const char *const killed[] = {"broker", "poller-1", "ingestor", "services", "poller-1"};
    assert_int_equal(tui_state_fault_total(state), 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(tui_state_fault(state, 4 - i)->name, killed[i]);
    assert_int_equal(tui_state_actor(state, vd_str("poller-1"))->deaths, 2);
    assert_int_equal(tui_state_session(state)->state, TUI_SESSION_COMPLETED);
    assert_non_null(tui_state_observer(state, vd_str("services")));
    assert_non_null(tui_state_source(state, vd_str("local")));
    tui_world_end(&world);
    tui_script_free(&script);
}

/* ---- single habits ---- */

static void steps_back_read_once(tui_world_t *world)
{
    tui_world_hear_all(world);
    tui_timeline_step(world->timeline, -1);
    tui_world_answer_all(world);
    tui_world_expect(world, world->script->count - 1);
    uint64_t before = world->reads;
    for (unsigned i = 2; i < 50; i++) {
        tui_timeline_step(world->timeline, -1);
        tui_world_answer_all(world);
        tui_world_expect(world, world->script->count - i);
    }
    assert_int_equal(world->reads, before);
}

static void test_steps_back_read_once(void **unused)
{
    (void)unused;
    tui_world_run(steps_back_read_once, 2000);
}

static void frozen_stays(tui_world_t *world)
{
    tui_world_hear(world, 1000);
    tui_timeline_caught_up(world->timeline);
    tui_timeline_freeze(world->timeline);
    assert_string_equal(tui_timeline_mode_word(tui_world_moment(world).mode), "frozen");
    tui_world_hear(world, 500);
    tui_world_expect(world, 1000);
    assert_int_equal(tui_world_moment(world).head_seq, 1500);
    tui_range_t range;
    assert_false(tui_timeline_wants(world->timeline, &range));
    tui_timeline_live(world->timeline);
    tui_world_expect(world, 1500);
    assert_string_equal(tui_timeline_mode_word(tui_world_moment(world).mode), "live");
}

static void test_frozen_stays(void **unused)
{
    (void)unused;
    tui_world_run(frozen_stays, 2000);
}

/* While the head still hears what there is, a wish for what it has not heard waits, and is fulfilled by
 * the head as it passes: nothing is read for it. */
static void waits_for_the_head(tui_world_t *world)
{
    tui_range_t range;
    tui_world_hear(world, 100);
    tui_timeline_seek(world->timeline, 700);
    assert_true(tui_world_moment(world).reading);
    assert_true(tui_world_moment(world).catching_up);
    assert_false(tui_timeline_wants(world->timeline, &range));
    tui_world_hear(world, 900);
    tui_world_expect(world, 700);
    int64_t ms = world->clocks[1600] - 1;
    tui_timeline_seek_ms(world->timeline, ms);
    if (world->clocks[1000] <= ms)
        assert_false(tui_timeline_wants(world->timeline, &range));
    tui_world_hear(world, 600);
    tui_world_answer_all(world);
    tui_world_expect(world, tui_world_seq_of_time(world, ms));
    /* What never comes is the end of what there is. */
    tui_timeline_seek(world->timeline, 1000000);
    assert_true(tui_world_moment(world).reading);
    tui_timeline_caught_up(world->timeline);
    tui_world_expect(world, 1600);
    tui_timeline_seek_ms(world->timeline, INT64_MAX);
    tui_world_expect(world, 1600);
    tui_timeline_step_ms(world->timeline, INT64_MIN);
    tui_world_answer_all(world);
    tui_world_expect(world, 1);
    tui_timeline_step(world->timeline, INT64_MIN);
    tui_world_expect(world, 1);
    tui_timeline_step(world->timeline, INT64_MAX);
    tui_world_expect(world, 1600);
}

static void test_waits_for_the_head(void **unused)
{
    (void)unused;
    tui_world_run(waits_for_the_head, 2000);
}

static void late_answers_change_nothing(tui_world_t *world)
{
    tui_world_hear_all(world);
    tui_range_t first, second;
    tui_timeline_seek(world->timeline, 900);
    assert_true(tui_timeline_wants(world->timeline, &first));
    tui_timeline_seek(world->timeline, 300);
    assert_true(tui_timeline_wants(world->timeline, &second));
    assert_true(second.wish != first.wish);
    vd_event_t event = tui_script_event(world->script, first.from);
    assert_false(tui_timeline_read(world->timeline, first.wish, &event));
    assert_false(tui_timeline_read_missing(world->timeline, first.wish, 1, 1000));
    tui_timeline_read_done(world->timeline, first.wish, VD_IO, "the disk is gone");
    assert_int_equal(tui_world_moment(world).trouble, VD_OK);
    tui_world_answer_all(world);
    tui_world_expect(world, 300);
    /* Nor what is said when nothing was asked for, or twice. */
    assert_false(tui_timeline_read(world->timeline, second.wish, &event));
    tui_timeline_live(world->timeline);
    assert_false(tui_timeline_read(world->timeline, second.wish, &event));
    tui_world_expect(world, world->heard);
}

static void test_late_answers_change_nothing(void **unused)
{
    (void)unused;
    tui_world_run(late_answers_change_nothing, 2000);
}

static void trouble_is_told(tui_world_t *world)
{
    tui_range_t range, again;
    tui_world_hear_all(world);
    tui_timeline_seek(world->timeline, 900);
    assert_true(tui_timeline_wants(world->timeline, &range));
    tui_timeline_read_done(world->timeline, range.wish, VD_UNREACHABLE, "there is no runtime");
    assert_int_equal(tui_world_moment(world).trouble, VD_UNREACHABLE);
    assert_string_equal(tui_world_moment(world).text, "there is no runtime");
    assert_true(tui_world_moment(world).reading);
    assert_false(tui_timeline_wants(world->timeline, &again));
    tui_timeline_retry(world->timeline);
    assert_true(tui_timeline_wants(world->timeline, &again));
    assert_true(again.wish != range.wish);
    /* An answer with nothing in it is not asked for again and again. */
    tui_timeline_read_done(world->timeline, again.wish, VD_OK, NULL);
    assert_int_equal(tui_world_moment(world).trouble, VD_NOT_FOUND);
    assert_false(tui_timeline_wants(world->timeline, &range));
    tui_timeline_seek(world->timeline, 901);
    tui_world_answer_all(world);
    tui_world_expect(world, 901);
}

static void test_trouble_is_told(void **unused)
{
    (void)unused;
    tui_world_run(trouble_is_told, 2000);
}

/* ---- time that goes on ---- */

static void plays(tui_world_t *world)
{
    tui_world_hear_all(world);
    tui_timeline_seek(world->timeline, 1);
    tui_world_answer_all(world);
    int64_t from = tui_world_moment(world).at_ms, now = 1000;
    tui_timeline_play(world->timeline, 10, now);
    assert_string_equal(tui_timeline_mode_word(tui_world_moment(world).mode), "playing");
    for (int i = 1; i <= 100; i++) {
        now += 33;
        tui_timeline_tick(world->timeline, now);
        tui_world_answer_all(world);
        assert_int_equal(tui_world_moment(world).at_ms, from + i * 330);
        tui_world_expect(world, tui_world_seq_of_time(world, from + i * 330));
    }
    /* Until what comes next was read, time stands still. */
    tui_timeline_seek(world->timeline, 1500);
    tui_timeline_play(world->timeline, 1000, now);
    uint64_t shown = tui_world_moment(world).seq;
    tui_timeline_tick(world->timeline, now + 1000000);
    assert_true(tui_world_moment(world).reading);
    assert_int_equal(tui_world_moment(world).seq, shown);
    tui_world_answer_all(world);
    tui_timeline_tick(world->timeline, now + 1000000);
    tui_world_expect(world, 1500);
    /* At the head it is live. */
    for (int i = 0; i < 100000 && tui_world_moment(world).mode == TUI_TIMELINE_PLAYING; i++) {
        now += 10000;
        tui_timeline_tick(world->timeline, now);
        tui_world_answer_all(world);
    }
    assert_int_equal(tui_world_moment(world).mode, TUI_TIMELINE_LIVE);
    tui_timeline_play(world->timeline, 1, now);
    assert_int_equal(tui_world_moment(world).mode, TUI_TIMELINE_LIVE);
    /* At the end of a session that has one, it stands. */
    tui_timeline_ended(world->timeline);
    tui_timeline_step(world->timeline, -3);
    tui_world_answer_all(world);
    tui_timeline_play(world->timeline, 1e9, now);
    for (int i = 0; i < 100000 && tui_world_moment(world).mode == TUI_TIMELINE_PLAYING; i++) {
        now += 10000;
        tui_timeline_tick(world->timeline, now);
        tui_world_answer_all(world);
    }
    assert_int_equal(tui_world_moment(world).mode, TUI_TIMELINE_PAST);
    tui_world_expect(world, world->script->count);
}

static void test_plays(void **unused)
{
    (void)unused;
    tui_world_run(plays, 2000);
}

/* ---- marks ---- */

static void test_marks(void **unused)
{
    (void)unused;
    tui_script_t script;
    static const int64_t noon = 1700000000000;
    tui_script_init(&script, "s-1");
    tui_script_add(&script, noon, "session_started", "{}", NULL);
    tui_script_add(&script, noon + 1000, "node_generation_failed", "{\"node\":\"a\"}", NULL);
    tui_script_add(&script, noon + 1001, "actor_exited",
                   "{\"actor\":\"b\",\"how\":\"killed\",\"signal\":9}", NULL);
    tui_script_add(&script, noon + 5000, "subscriber_dropped", "{\"name\":\"s\"}", NULL);
    tui_script_add(&script, noon + 9999, "x", "{}", NULL);
    tui_world_t world = tui_world_begin(&script, 0, 1);
    tui_world_hear_all(&world);
    tui_mark_t marks[10];
    assert_int_equal(tui_timeline_marks(world.timeline, 10, marks), 9);
    assert_int_equal(marks[0].seq, 0);
    assert_int_equal(marks[1].seq, 2);
    assert_int_equal(marks[1].faults, 1);
    assert_int_equal(marks[1].failures, 1);
    assert_int_equal(marks[1].kind, TUI_FAULT_DEATH);
    assert_int_equal(marks[5].seq, 4);
    assert_string_equal(tui_fault_kind_word(marks[5].kind), "dropped");
    tui_timeline_step_mark(world.timeline, -1);
    tui_world_answer_all(&world);
    tui_world_expect(&world, 4);
    assert_int_equal(tui_timeline_marks(world.timeline, 10, marks), 5);
    tui_timeline_step_mark(world.timeline, -1);
    tui_world_answer_all(&world);
    tui_world_expect(&world, 2);
    tui_timeline_step_mark(world.timeline, -1);
    tui_world_expect(&world, 2);
    tui_world_end(&world);
    tui_script_free(&script);
}

/* However many faults there are, and whenever: marks are bounded, none is lost. */
static void test_marks_are_bounded(void **unused)
{
    (void)unused;
    enum { FAULTS = 50000, COLUMNS = 80 };
    uint64_t seed = tui_random_seed(), at_ms = 1700000000000, faults = 0;
    tui_timeline_t *timeline = tui_timeline_new(0);
    tui_mark_t marks[COLUMNS];
    vd_buffer_t bytes;
    vd_buffer_init(&bytes, 1024);
    for (uint64_t seq = 1; seq <= FAULTS; seq++) {
        vd_event_t event = {.session = vd_str("s"), .seq = seq};
        vd_buffer_clear(&bytes);
        vd_event_write(&bytes, (int64_t)at_ms, vd_str("output_lost"), vd_str("\x80"),
                       vd_bytes(NULL, 0));
        assert_int_equal(vd_event_read(vd_buffer_view(&bytes), &event), VD_OK);
        tui_timeline_event(timeline, &event);
        at_ms += tui_random_below(&seed, UINT64_C(1) << tui_random_below(&seed, 32));
    }
    tui_timeline_marks(timeline, COLUMNS, marks);
    for (size_t i = 0; i < COLUMNS; i++)
        faults += marks[i].failures;
    assert_int_equal(faults, FAULTS);
    vd_buffer_free(&bytes);
    tui_timeline_destroy(&timeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_way_leads_there),
        cmocka_unit_test(test_every_event_is_reached),
        cmocka_unit_test(test_recorded_sessions),
        cmocka_unit_test(test_recorded_kills),
        cmocka_unit_test(test_steps_back_read_once),
        cmocka_unit_test(test_frozen_stays),
        cmocka_unit_test(test_waits_for_the_head),
        cmocka_unit_test(test_late_answers_change_nothing),
        cmocka_unit_test(test_trouble_is_told),
        cmocka_unit_test(test_plays),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_marks_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

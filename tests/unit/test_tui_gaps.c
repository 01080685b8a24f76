/* test_tui_gaps.c: moments of sessions of which parts are missing, that end, go on in another one, or are void
 * because the store went back. */
#include "unit/tui_world.h"

#include <stdlib.h>

/* ---- what is missing ---- */

/* What the state is at an event, when some of those before it are missing. */
static uint64_t hash_without(const tui_world_t *world, uint64_t seq, uint64_t base)
{
    tui_state_t *state = tui_state_new();
    for (uint64_t at = 1; at <= seq; at++) {
        vd_event_t event = tui_script_event(world->script, at);
        if (at > base && at >= world->gap && at < world->gap + world->gap_size)
            tui_state_skip(state, at);
        else
            tui_state_apply(state, &event);
    }
    uint64_t hash = tui_state_hash(state);
    tui_state_destroy(&state);
    return hash;
}

static void goes_on_behind_gaps(tui_world_t *world)
{
    tui_world_hear_all(world);
    world->gap = 10;
    world->gap_size = 20;
    static const uint64_t places[] = {9, 10, 15, 29, 30, 200};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        tui_timeline_live(world->timeline);
        tui_timeline_seek(world->timeline, places[i]);
        tui_world_answer_all(world);
        tui_moment_t at = tui_world_moment(world);
        assert_false(at.reading);
        assert_int_equal(at.seq, places[i]);
        assert_int_equal(at.missing, places[i] < 10 ? 0 : places[i] < 29 ? places[i] - 9 : 20);
        assert_int_equal(at.gap_seq, places[i] < 10 ? 0 : 10);
        assert_true(tui_state_hash(tui_timeline_state(world->timeline)) ==
                    hash_without(world, places[i], 0));
    }
    /* From within the gap, on and back. */
    tui_timeline_live(world->timeline);
    tui_timeline_seek(world->timeline, 15);
    tui_world_answer_all(world);
    tui_timeline_step(world->timeline, 25);
    tui_world_answer_all(world);
    assert_true(tui_state_hash(tui_timeline_state(world->timeline)) == hash_without(world, 40, 0));
    tui_timeline_step(world->timeline, -20);
    tui_world_answer_all(world);
    assert_true(tui_state_hash(tui_timeline_state(world->timeline)) == hash_without(world, 20, 0));
}

static void test_goes_on_behind_gaps(void **unused)
{
    (void)unused;
    tui_world_run(goes_on_behind_gaps, 240);
}

/* The session was pruned behind the back of who looks at it: what was saved of it stays. */
static void outlives_pruning(tui_world_t *world)
{
    tui_range_t range;
    tui_world_hear_all(world);
    tui_timeline_seek(world->timeline, 100);
    assert_true(tui_timeline_wants(world->timeline, &range));
    tui_timeline_read_done(world->timeline, range.wish, VD_PRUNED, "it was pruned");
    tui_moment_t at = tui_world_moment(world);
    assert_false(at.reading);
    assert_int_equal(at.seq, 100);
    assert_int_equal(at.missing, 100);
    assert_int_equal(at.gap_seq, 1);
    assert_int_equal(at.gap_count, 100);
    tui_timeline_seek_ms(world->timeline, world->clocks[2000] - 1);
    assert_true(tui_timeline_wants(world->timeline, &range));
    tui_timeline_read_done(world->timeline, range.wish, VD_UNKNOWN_SESSION, "there is none");
    at = tui_world_moment(world);
    assert_false(at.reading);
    assert_true(at.missing < 1000);
    tui_timeline_live(world->timeline);
    tui_world_expect(world, 2000);
    assert_int_equal(tui_world_moment(world).missing, 0);
}

static void test_outlives_pruning(void **unused)
{
    (void)unused;
    tui_world_run(outlives_pruning, 2000);
}

/* The head itself has a gap: the state of any moment is with it, as it was live. */
static void head_has_a_gap(tui_world_t *world)
{
    world->gap = 50;
    world->gap_size = 10;
    tui_world_hear(world, 49);
    tui_timeline_seek(world->timeline, 55);
    tui_timeline_missing(world->timeline, 50, 10);
    assert_int_equal(tui_world_moment(world).seq, 55);
    assert_int_equal(tui_world_moment(world).missing, 6);
    assert_true(tui_state_hash(tui_timeline_state(world->timeline)) == hash_without(world, 55, 0));
    tui_timeline_live(world->timeline);
    world->heard = 59;
    tui_world_hear_all(world);
    assert_int_equal(tui_world_moment(world).missing, 10);
    assert_int_equal(tui_world_moment(world).gap_seq, 50);
    tui_timeline_seek(world->timeline, 120);
    tui_world_answer_all(world);
    assert_int_equal(tui_world_moment(world).missing, 10);
    assert_true(tui_state_hash(tui_timeline_state(world->timeline)) == hash_without(world, 120, 0));
}

static void test_head_has_a_gap(void **unused)
{
    (void)unused;
    tui_world_run(head_has_a_gap, 1000);
}

/* ---- ends and beginnings ---- */

static void test_goes_over(void **unused)
{
    (void)unused;
    tui_script_t first, second;
    uint64_t seed = tui_random_seed();
    tui_script_init(&first, "s-1");
    tui_script_random(&first, seed, 400);
    tui_script_add(&first, 1800000000000, "session_ended",
                   "{\"status\":\"completed\",\"continued_by\":\"s-2\"}", NULL);
    tui_script_init(&second, "s-2");
    tui_script_random(&second, seed + 1, 300);
    tui_world_t world = tui_world_begin(&first, 0, seed), next = tui_world_begin(&second, 0, seed);
    tui_world_hear_all(&world);
    assert_string_equal(tui_world_moment(&world).next, "s-2");
    assert_true(tui_world_moment(&world).ended);
    tui_timeline_seek(world.timeline, 100);
    tui_world_answer_all(&world);
    tui_timeline_destroy(&next.timeline);
    next.timeline = world.timeline;
    tui_world_hear(&next, 200);
    /* Who looks at a moment stays there, and can go anywhere in that session. */
    tui_world_expect(&world, 100);
    assert_string_equal(tui_world_moment(&world).session, "s-1");
    tui_timeline_seek(world.timeline, 350);
    tui_world_answer_all(&world);
    tui_world_expect(&world, 350);
    tui_timeline_step(world.timeline, 1000);
    tui_world_expect(&world, 401);
    assert_string_equal(tui_state_session(tui_timeline_head(world.timeline))->id, "s-2");
    /* Live is the new one, and so is its past. */
    tui_timeline_live(world.timeline);
    tui_world_expect(&next, 200);
    assert_string_equal(tui_world_moment(&next).session, "s-2");
    tui_timeline_seek(world.timeline, 40);
    tui_world_answer_all(&next);
    tui_world_expect(&next, 40);
    next.timeline = NULL;
    tui_world_end(&next);
    tui_world_end(&world);
    tui_script_free(&first);
    tui_script_free(&second);
}

static void goes_back_with_the_store(tui_world_t *world)
{
    tui_world_hear_all(world);
    tui_timeline_seek(world->timeline, 1500);
    tui_world_answer_all(world);
    tui_world_expect(world, 1500);
    tui_timeline_went_back(world->timeline);
    world->heard = 0;
    tui_moment_t at = tui_world_moment(world);
    assert_int_equal(at.went_back, 1);
    assert_int_equal(at.head_seq, 0);
    assert_true(at.reading);
    tui_world_hear(world, 1400);
    assert_true(tui_world_moment(world).reading);
    /* All there is now ends before the moment. */
    tui_timeline_caught_up(world->timeline);
    tui_world_expect(world, 1400);
    tui_world_hear_all(world);
    tui_timeline_seek(world->timeline, 1500);
    tui_world_answer_all(world);
    tui_world_expect(world, 1500);
    tui_timeline_live(world->timeline);
    tui_timeline_went_back(world->timeline);
    world->heard = 0;
    assert_int_equal(tui_world_moment(world).seq, 0);
    tui_world_hear(world, 10);
    tui_world_expect(world, 10);
}

static void test_goes_back_with_the_store(void **unused)
{
    (void)unused;
    tui_world_run(goes_back_with_the_store, 2000);
}

static void test_nothing_there(void **unused)
{
    (void)unused;
    tui_timeline_t *timeline = tui_timeline_new(0);
    tui_range_t range;
    tui_moment_t at;
    tui_mark_t marks[10];
    tui_timeline_open(timeline, vd_str("empty"));
    tui_timeline_step(timeline, -1);
    tui_timeline_step_ms(timeline, 1000);
    tui_timeline_step_mark(timeline, 1);
    tui_timeline_freeze(timeline);
    tui_timeline_play(timeline, 2, 0);
    tui_timeline_tick(timeline, 1000);
    assert_false(tui_timeline_wants(timeline, &range));
    tui_timeline_caught_up(timeline);
    tui_timeline_ended(timeline);
    tui_timeline_tick(timeline, 2000);
    assert_false(tui_timeline_wants(timeline, &range));
    assert_int_equal(tui_timeline_marks(timeline, 10, marks), 0);
    tui_timeline_moment(timeline, &at);
    assert_string_equal(at.session, "empty");
    assert_int_equal(at.seq, 0);
    assert_false(at.reading);
    tui_timeline_destroy(&timeline);
    tui_timeline_destroy(&timeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goes_on_behind_gaps),      cmocka_unit_test(test_outlives_pruning),
        cmocka_unit_test(test_head_has_a_gap),           cmocka_unit_test(test_goes_over),
        cmocka_unit_test(test_goes_back_with_the_store), cmocka_unit_test(test_nothing_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tui_world.c: a session that is stored, and somebody who looks at it. */
#include "unit/tui_world.h"

#include <stdlib.h>

tui_world_t tui_world_begin(const tui_script_t *script, size_t saved_bytes, uint64_t seed)
{
    tui_world_t world = {.script = script, .seed = seed};
    world.hashes = calloc(script->count + 1, sizeof *world.hashes);
    world.clocks = calloc(script->count + 1, sizeof *world.clocks);
    world.timeline = tui_timeline_new(saved_bytes);
    assert_non_null(world.timeline);
    tui_timeline_open(world.timeline, vd_str(script->session));
    tui_state_t *state = tui_state_new();
    for (uint64_t seq = 1; seq <= script->count; seq++) {
        vd_event_t event = tui_script_event(script, seq);
        assert_true(tui_state_apply(state, &event));
        world.hashes[seq] = tui_state_hash(state);
        world.clocks[seq] = tui_state_session(state)->clock_ms;
    }
    tui_state_destroy(&state);
    return world;
}

void tui_world_end(tui_world_t *world)
{
    tui_timeline_destroy(&world->timeline);
    assert_null(world->timeline);
    free(world->hashes);
    free(world->clocks);
}

void tui_world_hear(tui_world_t *world, uint64_t count)
{
    for (; count > 0 && world->heard < world->script->count; count--) {
        vd_event_t event = tui_script_event(world->script, ++world->heard);
        assert_true(tui_timeline_event(world->timeline, &event));
        assert_false(tui_timeline_event(world->timeline, &event));
    }
}

void tui_world_hear_all(tui_world_t *world)
{
    tui_world_hear(world, UINT64_MAX);
    tui_timeline_caught_up(world->timeline);
}

tui_moment_t tui_world_moment(const tui_world_t *world)
{
    tui_moment_t moment;
    tui_timeline_moment(world->timeline, &moment);
    return moment;
}

bool tui_world_answer(tui_world_t *world)
{
    tui_range_t range, again;
    if (!tui_timeline_wants(world->timeline, &range))
        return false;
    assert_true(tui_timeline_wants(world->timeline, &again));
    assert_int_equal(range.wish, again.wish);
    assert_string_equal(range.session, world->script->session);
    assert_true(range.from >= 1 && range.from <= range.to && range.to <= world->heard);
    uint64_t most = world->cut > 0 ? 1 + tui_random_below(&world->seed, world->cut) : UINT64_MAX;
    for (uint64_t seq = range.from; seq <= range.to && most > 0; seq++, most--) {
        bool more;
        if (seq == world->gap) {
            more = tui_timeline_read_missing(world->timeline, range.wish, seq, world->gap_size);
            seq += world->gap_size - 1;
        } else {
            vd_event_t event = tui_script_event(world->script, seq);
            more = tui_timeline_read(world->timeline, range.wish, &event);
        }
        world->reads++;
        if (!more)
            return true;
    }
    tui_timeline_read_done(world->timeline, range.wish, VD_OK, NULL);
    return true;
}

void tui_world_answer_all(tui_world_t *world)
{
    while (tui_world_answer(world))
        ;
}

void tui_world_expect(tui_world_t *world, uint64_t seq)
{
    tui_moment_t at = tui_world_moment(world);
    assert_false(at.reading);
    assert_int_equal(at.seq, seq);
    assert_true(tui_state_hash(tui_timeline_state(world->timeline)) == world->hashes[seq]);
}

uint64_t tui_world_seq_of_time(const tui_world_t *world, int64_t at_ms)
{
    uint64_t seq = world->heard;
    while (seq > 1 && world->clocks[seq] > at_ms)
        seq--;
    return seq;
}

void tui_world_run(void (*what)(tui_world_t *), size_t events)
{
    tui_script_t script;
    tui_script_init(&script, "by-seed");
    tui_script_random(&script, tui_random_seed(), events);
    tui_world_t world = tui_world_begin(&script, 0, 1);
    what(&world);
    tui_world_end(&world);
    tui_script_free(&script);
}

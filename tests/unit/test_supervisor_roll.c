/* test_supervisor_roll.c: the session of an up rolls into the next one, whatever happens to the
 * ingestor meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "unit/supervisor_world.h"

#define SECOND 1000000

static world_t *world;

static int set_up(void **unused)
{
    (void)unused;
    world = calloc(1, sizeof *world);
    return world ? 0 : -1;
}

static int tear_down(void **unused)
{
    (void)unused;
    world_end(world);
    free(world);
    return 0;
}

static bool told_ready(const world_t *self)
{
    return self->told_ready;
}

static bool has_exited(const world_t *self)
{
    return self->exited;
}

static bool has_rolled(const world_t *self)
{
    return self->session_count == 2 && self->sessions[0].continued_by[0] != '\0';
}

static void up(int64_t roll_us, uint64_t roll_events)
{
    vd_supervisor_setup_t setup = world_setup();
    setup.session_roll_us = roll_us;
    setup.session_roll_events = roll_events;
    world_begin(world, &setup);
    assert_true(world_run_until(world, 5 * SECOND, told_ready));
}

static const char *session_told(void)
{
    static char id[VD_NAME_BYTES_MAX + 1];
    world_ask(world, VD_MESSAGE_STATUS);
    vd_str_copy(id, sizeof id, world->answer.status_is.session);
    return id;
}

/* Every session but the last has ended in good order and names its successor, which names it; ids
 * sort as they follow. */
static void assert_chain(void)
{
    for (size_t i = 0; i + 1 < world->session_count; i++) {
        const world_session_t *old = world_session(world, (int)i);
        const world_session_t *next = world_session(world, (int)i + 1);
        assert_string_equal(old->state, "completed");
        assert_string_equal(old->continued_by, next->id);
        assert_string_equal(next->continues, old->id);
        assert_true(strcmp(old->id, next->id) < 0);
    }
}

static uint32_t actors_told(void)
{
    uint32_t count = 0;
    for (size_t i = 0; i < world->session_count; i++)
        count += world->sessions[i].actors;
    return count;
}

static void rolls_when_it_is_old(void **unused)
{
    (void)unused;
    up(60LL * SECOND, 1000000);
    world_run(world, 50LL * SECOND);
    assert_int_equal(world->session_count, 1);
    world_run(world, 12LL * SECOND);
    assert_int_equal(world->session_count, 2);
    assert_chain();
    assert_string_equal(session_told(), world_session(world, -1)->id);
    world_run(world, 600LL * SECOND);
    assert_in_range(world->session_count, 11, 12);
    assert_chain();
}

static void rolls_when_it_is_full(void **unused)
{
    (void)unused;
    up(86400LL * SECOND, 1000);
    world_run(world, 20LL * SECOND);
    assert_int_equal(world->session_count, 1);
    world_session(world, 0)->events = 999;
    world_run(world, 3 * SECOND);
    assert_int_equal(world->session_count, 1);
    world_session(world, 0)->events = 1000;
    assert_true(world_run_until(world, 2 * SECOND, has_rolled));
    assert_chain();
    world_run(world, 60LL * SECOND);
    assert_int_equal(world->session_count, 2);
}

static void who_starts_gets_the_session_of_the_moment(void **unused)
{
    (void)unused;
    up(86400LL * SECOND, 1000);
    assert_string_equal(vd_supervisor_child(world->core, "host")->session,
                        world_session(world, 0)->id);
    world_session(world, 0)->events = 1000;
    assert_true(world_run_until(world, 2 * SECOND, has_rolled));
    world_run(world, SECOND);
    world_kill(world, "host");
    world_run(world, 3 * SECOND);
    assert_non_null(world_process(world, "host"));
    assert_string_equal(vd_supervisor_child(world->core, "host")->session,
                        world_session(world, -1)->id);
    /* What happened after the roll stands in the new session. */
    assert_int_equal(world_session(world, 1)->actors, 3);
}

static bool is_told(const world_session_t *session, const char *words)
{
    for (uint32_t i = 0; i < session->runs; i++)
        if (strcmp(session->told[i], words) == 0)
            return true;
    return false;
}

static uint32_t children(void)
{
    world_ask(world, VD_MESSAGE_STATUS);
    return (uint32_t)world->answer.status_is.actors;
}

/* Whoever reads the next session alone knows who lives, and how. */
static void the_next_one_is_told_of_every_actor(void **unused)
{
    (void)unused;
    up(86400LL * SECOND, 1000);
    assert_int_equal(world_session(world, 0)->runs, 0);
    world_control(world, "pause", "host");
    world_session(world, 0)->events = 1000;
    assert_true(world_run_until(world, 2 * SECOND, has_rolled));
    world_run(world, SECOND);
    const world_session_t *next = world_session(world, 1);
    assert_int_equal(next->runs, children());
    assert_true(is_told(next, "ingestor ready"));
    assert_true(is_told(next, "broker ready"));
    assert_true(is_told(next, "host paused"));
    assert_int_equal(next->actors, 0);
    world_run(world, 60LL * SECOND);
    assert_int_equal(next->runs, children()); /* once */
}

/* The ingestor dies around every frame of a roll, before or after it is on disk. */
static void the_ingestor_dies_at_any_moment_of_a_roll(void **unused)
{
    (void)unused;
    for (uint64_t frame = 1; frame <= 6; frame++) {
        for (int early = 0; early <= 1; early++) {
            if (frame > 1 || early > 0)
                world_end(world);
            up(86400LL * SECOND, 1000);
            uint32_t actors = actors_told();
            world_session(world, 0)->events = 1000;
            world->early = early;
            world->dies_at_frame = world->frames + frame;
            world_kill(world, "host"); /* beside the roll there is something to tell */
            world_run(world, 20LL * SECOND);
            world_kill(world, "host");
            world_run(world, 20LL * SECOND);
            assert_int_equal(world->session_count, 2);
            assert_chain();
            assert_string_equal(world_session(world, 1)->state, "active");
            assert_int_equal(world->rejected, 0);
            /* Two deaths of the host and one of the ingestor, each with exit, start and ready. */
            assert_int_equal(actors_told() - actors, 9);
            assert_int_equal(world_session(world, 1)->runs, children());
        }
    }
}

static void lost_answers_repeat_nothing(void **unused)
{
    (void)unused;
    up(86400LL * SECOND, 1000);
    world_session(world, 0)->events = 1000;
    world->mute = true;
    world_run(world, 10LL * SECOND);
    assert_int_equal(world->session_count, 2);
    /* Who is to be ended is not, as long as the answer about the next one is missing. */
    assert_string_equal(world_session(world, 0)->state, "active");
    assert_string_equal(world_session(world, 1)->continues, world_session(world, 0)->id);
    assert_string_equal(session_told(), world_session(world, 0)->id);
    world->mute = false;
    world_run(world, 10LL * SECOND);
    assert_int_equal(world->session_count, 2);
    assert_chain();
}

static void a_refused_roll_changes_nothing_and_comes_again(void **unused)
{
    (void)unused;
    up(86400LL * SECOND, 1000);
    world->refuses_sessions = true;
    world_session(world, 0)->events = 1000;
    world_run(world, 30LL * SECOND);
    assert_int_equal(world->session_count, 1);
    assert_int_equal(world->rejected, 1); /* not once a second */
    assert_string_equal(session_told(), world_session(world, 0)->id);
    world_ask(world, VD_MESSAGE_STATUS);
    assert_true(vd_str_is(world->answer.status_is.state, "ready"));
    assert_true(world->answer.status_is.text.size > 0);
    world_kill(world, "host");
    world_run(world, 5 * SECOND);
    assert_int_equal(world->rejected, 1);
    world->refuses_sessions = false;
    world_run(world, 60LL * SECOND);
    assert_int_equal(world->session_count, 2);
    assert_chain();
    world_ask(world, VD_MESSAGE_STATUS);
    assert_int_equal(world->answer.status_is.text.size, 0);
}

/* Answers to what was written before the roll say nothing about the next session. */
static void the_old_one_is_not_ended_before_the_next_one_is_on_disk(void **unused)
{
    (void)unused;
    up(60LL * SECOND, 1000000);
    world_run(world, 55LL * SECOND);
    world_control(world, "pause", "ingestor");
    world_kill(world, "host");
    world_run(world, 10LL * SECOND);
    world->refuses_sessions = true;
    world_control(world, "resume", "ingestor");
    world_run(world, 10LL * SECOND);
    assert_int_equal(world->session_count, 1);
    assert_int_equal(world->rejected, 1);
    assert_string_equal(world_session(world, 0)->state, "active");
    assert_int_equal(world_session(world, 0)->events, 1 + actors_told());
}

static void a_session_that_another_has_ended_is_gone_on_from(void **unused)
{
    (void)unused;
    up(86400LL * SECOND, 1000);
    strcpy(world_session(world, 0)->state, "failed");
    world_kill(world, "host"); /* rejected, and not lost */
    world_run(world, 5 * SECOND);
    assert_int_equal(world->session_count, 2);
    assert_string_equal(world_session(world, 0)->state, "failed");
    assert_string_equal(world_session(world, 1)->continues, world_session(world, 0)->id);
    assert_string_equal(session_told(), world_session(world, 1)->id);
    assert_int_equal(world_session(world, 1)->actors, 3);
    /* Without anything to tell it shows, too. */
    strcpy(world_session(world, 1)->state, "completed");
    world_run(world, 5 * SECOND);
    assert_int_equal(world->session_count, 3);
    assert_string_equal(world_session(world, 2)->continues, world_session(world, 1)->id);
}

/* Ended by somebody else and pruned before that was seen: its store does not know it any more. */
static void a_session_that_was_pruned_is_gone_on_from(void **unused)
{
    (void)unused;
    up(86400LL * SECOND, 1000);
    strcpy(world_session(world, 0)->id, "pruned");
    world_run(world, 5 * SECOND);
    assert_int_equal(world->session_count, 2);
    assert_string_equal(session_told(), world_session(world, 1)->id);
    /* With something to tell: rejected, and not lost. */
    strcpy(world_session(world, 1)->id, "pruned too");
    world_kill(world, "host");
    world_run(world, 5 * SECOND);
    assert_int_equal(world->session_count, 3);
    assert_string_equal(session_told(), world_session(world, 2)->id);
    assert_int_equal(world_session(world, 2)->actors, 3);
}

static void a_stop_while_it_rolls_ends_both(void **unused)
{
    (void)unused;
    up(86400LL * SECOND, 1000);
    world_session(world, 0)->events = 1000;
    world->mute = true;
    world_run(world, 2 * SECOND);
    assert_int_equal(world->session_count, 2);
    world_stop(world);
    world_run(world, 2 * SECOND);
    assert_false(world->exited);
    world->mute = false;
    assert_true(world_run_until(world, 20LL * SECOND, has_exited));
    assert_chain();
    assert_string_equal(world_session(world, 1)->state, "completed");
    assert_string_equal(world_session(world, 1)->continued_by, "");
}

static void a_stop_without_an_ingestor_leaves_what_can_be_read(void **unused)
{
    (void)unused;
    up(86400LL * SECOND, 1000);
    world_session(world, 0)->events = 1000;
    world->mute = true;
    world_run(world, 2 * SECOND);
    world_stop(world);
    assert_true(world_run_until(world, 60LL * SECOND, has_exited));
    assert_int_equal(world->session_count, 2);
    assert_string_equal(world_session(world, 0)->state, "active");
    assert_string_equal(world_session(world, 1)->continues, world_session(world, 0)->id);
}

int main(void)
{
#define ROLL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ROLL_TEST(rolls_when_it_is_old),
        ROLL_TEST(rolls_when_it_is_full),
        ROLL_TEST(who_starts_gets_the_session_of_the_moment),
        ROLL_TEST(the_next_one_is_told_of_every_actor),
        ROLL_TEST(the_ingestor_dies_at_any_moment_of_a_roll),
        ROLL_TEST(lost_answers_repeat_nothing),
        ROLL_TEST(a_refused_roll_changes_nothing_and_comes_again),
        ROLL_TEST(the_old_one_is_not_ended_before_the_next_one_is_on_disk),
        ROLL_TEST(a_session_that_another_has_ended_is_gone_on_from),
        ROLL_TEST(a_session_that_was_pruned_is_gone_on_from),
        ROLL_TEST(a_stop_while_it_rolls_ends_both),
        ROLL_TEST(a_stop_without_an_ingestor_leaves_what_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

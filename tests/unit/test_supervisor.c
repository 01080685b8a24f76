/* test_supervisor.c: what is wanted and in what order, under a virtual clock and without
 * processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "unit/supervisor_world.h"

#define SECOND 1000000
#define NEVER  INT64_MAX

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

static void begin(void)
{
    vd_supervisor_setup_t setup = world_setup();
    world_begin(world, &setup);
}

static bool told_ready(const world_t *self)
{
    return self->told_ready;
}

static bool has_exited(const world_t *self)
{
    return self->exited;
}

static void up(void)
{
    begin();
    assert_true(world_run_until(world, 2 * SECOND, told_ready));
}

/* Asserts that `what` stands in the trace behind `after`. Returns where. */
static int follows(const char *what, int after)
{
    int at = world_find(world, what, after + 1);
    if (at < 0)
        print_error("\"%s\" does not come after entry %d\n", what, after);
    assert_true(at > after);
    return at;
}

static const vd_child_t *child(const char *name)
{
    const vd_child_t *found = vd_supervisor_child(world->core, name);
    assert_non_null(found);
    return found;
}

static bool answer_text_has(const char *text)
{
    vd_str_t found =
        world->answer.id == VD_MESSAGE_ERROR ? world->answer.error.text : world->answer.done.text;
    char copy[VD_TEXT_BYTES_MAX + 1];
    (void)vd_str_copy(copy, sizeof copy, found);
    return strstr(copy, text) != NULL;
}

static void starts_in_order_with_readiness(void **unused)
{
    (void)unused;
    up();
    int at = follows("spawn broker", -1);
    at = follows("spawn ingestor", at);
    int provider = follows("spawn static", at);
    int begun = follows("commit session_started", at);
    int poller = follows("spawn poller-1", provider);
    int observer = follows("spawn host", poller);
    assert_true(observer > begun);
    (void)follows("spawn services", poller);
    (void)follows("told ready", observer);
    assert_int_equal(world_find(world, "commit session_started", begun + 1), -1);
    world_ask(world, VD_MESSAGE_STATUS);
    assert_true(vd_str_is(world->answer.status_is.state, "ready"));
    assert_int_equal(world->answer.status_is.actors, 6);
    assert_int_equal(world->answer.status_is.ready, 6);
    assert_true(vd_str_is(world->answer.status_is.session, "20260101T000000000Z-00000001"));
}

static void nothing_starts_before_its_turn(void **unused)
{
    (void)unused;
    begin();
    world_behaviour(world, "ingestor")->ready_after_us = 3 * SECOND;
    world_run(world, 2 * SECOND);
    assert_true(world_find(world, "spawn ingestor", 0) >= 0);
    assert_int_equal(world_find(world, "spawn static", 0), -1);
    assert_string_equal(child("static")->reason, "waits for ingestor");
    world_ask(world, VD_MESSAGE_STATUS);
    assert_true(vd_str_is(world->answer.status_is.state, "starting"));
    assert_true(world_run_until(world, 2 * SECOND, told_ready));
}

static void observers_wait_for_the_session_on_disk(void **unused)
{
    (void)unused;
    begin();
    world_behaviour(world, "ingestor")->ready_after_us = NEVER;
    world_behaviour(world, "ingestor")->dies_after_us = 1000;
    world_behaviour(world, "ingestor")->death = (vd_death_t){.how = VD_DEATH_EXITED, .number = 1};
    world_run(world, SECOND);
    /* Who does not need the session starts: a crash loop of one delays the others no longer than
     * once. */
    assert_non_null(world_process(world, "poller-1"));
    assert_null(world_process(world, "host"));
    assert_non_null(strstr(child("host")->reason, "waits for the session"));
    world_behaviour(world, "ingestor")->ready_after_us = 10000;
    world_behaviour(world, "ingestor")->dies_after_us = NEVER;
    assert_true(world_run_until(world, 10 * SECOND, told_ready));
    (void)follows("spawn host", follows("commit session_started", 0));
}

static void stops_in_reverse_order_with_the_session_in_between(void **unused)
{
    (void)unused;
    up();
    int at = (int)world->trace_count;
    world_stop(world);
    assert_true(world_run_until(world, 10 * SECOND, has_exited));
    assert_int_equal(world->exit_status, VD_OK);
    assert_int_equal(world_alive(world), 0);
    int observer = follows("dead services", follows("term host", at - 1));
    int poller = follows("dead poller-1", observer);
    int provider = follows("dead static", poller);
    int ended = follows("commit session_ended", provider);
    int ingestor = follows("term ingestor", ended);
    (void)follows("term broker", ingestor);
    /* Nothing is written behind the end; the exits of observers, pollers and provider stand before
     * it. */
    int exits = 0;
    for (int i = at; i < (int)world->trace_count; i++) {
        exits += strcmp(world->trace[i], "commit actor_exited") == 0;
        if (i > ended)
            assert_null(strstr(world->trace[i], "commit"));
    }
    assert_int_equal(exits, 4);
}

static void shutdown_by_message_is_answered_and_control_refused_from_then_on(void **unused)
{
    (void)unused;
    up();
    world_behaviour(world, "host")->ignores_term = true;
    world_ask(world, VD_MESSAGE_SHUTDOWN);
    assert_int_equal(world->answer.id, VD_MESSAGE_DONE);
    world_control(world, "start", "host");
    assert_true(vd_str_is(world->answer.error.status, "cancelled"));
    world_ask(world, VD_MESSAGE_STATUS);
    assert_true(vd_str_is(world->answer.status_is.state, "stopping"));
    int64_t before_us = world->us;
    assert_true(world_run_until(world, 30 * SECOND, has_exited));
    assert_true(world->us - before_us >= 5 * SECOND && world->us - before_us < 6 * SECOND);
    assert_true(world_find(world, "commit session_ended", 0) > 0);
}

static void a_second_stop_kills(void **unused)
{
    (void)unused;
    up();
    world_behaviour(world, "host")->ignores_term = true;
    world_stop(world);
    world_run(world, VD_STOP_AGAIN_US - 1);
    world_stop(world);
    assert_non_null(world_process(world, "host"));
    world_run(world, 1);
    assert_false(world->exited);
    int64_t before_us = world->us;
    world_stop(world);
    assert_true(world_run_until(world, SECOND, has_exited));
    assert_true(world->us - before_us < SECOND / 10);
    assert_int_equal(world_alive(world), 0);
}

static void a_dead_ingestor_does_not_hold_up_the_end(void **unused)
{
    (void)unused;
    up();
    world_behaviour(world, "ingestor")->ready_after_us = NEVER;
    world_kill(world, "ingestor");
    int64_t before_us = world->us;
    world_stop(world);
    assert_true(world_run_until(world, 30 * SECOND, has_exited));
    assert_true(world->us - before_us <= VD_SESSION_END_US + SECOND);
    assert_int_equal(world_find(world, "commit session_ended", 0), -1);
    assert_int_equal(world_alive(world), 0);
}

static void stopping_while_starting_leaves_nothing(void **unused)
{
    (void)unused;
    for (int64_t us = 0; us < 100000; us += 2500) {
        begin();
        world_run(world, us);
        world_stop(world);
        assert_true(world_run_until(world, 30 * SECOND, has_exited));
        assert_int_equal(world_alive(world), 0);
        bool begun = world_find(world, "commit session_started", 0) >= 0;
        bool ended = world_find(world, "commit session_ended", 0) >= 0;
        assert_int_equal(begun, ended);
        world_end(world);
    }
    begin();
}

static void a_death_is_told_and_repaired_at_once(void **unused)
{
    (void)unused;
    up();
    int at = (int)world->trace_count;
    uint64_t told = world->died_told;
    int64_t before_us = world->us;
    uint64_t old_pid = child("services")->pid;
    world_kill(world, "services");
    assert_int_equal(world->died_told, told + 1);
    assert_int_equal(world->us, before_us);
    assert_non_null(world_process(world, "services"));
    assert_true(child("services")->pid != old_pid);
    assert_int_equal(child("services")->restarts, 1);
    world_ask(world, VD_MESSAGE_STATUS);
    assert_true(vd_str_is(world->answer.status_is.state, "degraded"));
    world_run(world, SECOND);
    at = follows("commit actor_exited", at);
    at = follows("commit actor_started", at);
    (void)follows("commit actor_ready", at);
    /* Nobody else was touched. */
    for (size_t i = (size_t)at; i < world->trace_count; i++)
        assert_null(strstr(world->trace[i], "term"));
    assert_int_equal(world_alive(world), 6);
}

static void one_that_crashes_in_a_loop_fails_and_harms_nobody(void **unused)
{
    (void)unused;
    begin();
    world_behaviour_t *broken = world_behaviour(world, "static");
    broken->ready_after_us = NEVER;
    broken->dies_after_us = 2000;
    broken->death = (vd_death_t){.how = VD_DEATH_EXITED, .number = 3};
    world_run(world, SECOND);
    const char *others[] = {"broker", "ingestor", "poller-1", "host", "services"};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(child(others[i])->state, VD_CHILD_READY);
    world_run(world, 60 * SECOND);
    assert_int_equal(child("static")->state, VD_CHILD_FAILED);
    assert_non_null(strstr(child("static")->reason, "11 x exit code 3"));
    assert_true(world_find(world, "commit actor_failed", 0) > 0);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(child(others[i])->restarts, 0);
    world_ask(world, VD_MESSAGE_STATUS);
    assert_true(vd_str_is(world->answer.status_is.state, "failed"));
    assert_false(world->told_ready);
    broken->ready_after_us = 10000;
    broken->dies_after_us = NEVER;
    world_control(world, "start", "static");
    assert_int_equal(world->answer.id, VD_MESSAGE_DONE);
    assert_true(world_run_until(world, SECOND, told_ready));
}

static void words_by_hand_are_obeyed(void **unused)
{
    (void)unused;
    up();
    world_control(world, "stop", "host");
    assert_int_equal(world->answer.id, VD_MESSAGE_DONE);
    world_run(world, 100 * (int64_t)SECOND);
    assert_int_equal(child("host")->state, VD_CHILD_STOPPED);
    world_ask(world, VD_MESSAGE_STATUS);
    assert_true(vd_str_is(world->answer.status_is.state, "ready"));
    assert_int_equal(world->answer.status_is.actors, 5);
    world_control(world, "pause", "host");
    assert_true(vd_str_is(world->answer.error.status, "not_ready"));
    assert_true(answer_text_has("host is stopped"));
    world_control(world, "start", "host");
    world_run(world, SECOND);
    assert_int_equal(child("host")->state, VD_CHILD_READY);

    world_control(world, "pause", "host");
    assert_true(world_process(world, "host")->frozen);
    world_run(world, 300 * (int64_t)SECOND);
    assert_int_equal(child("host")->state, VD_CHILD_PAUSED);
    assert_int_equal(child("host")->restarts, 0);
    world_control(world, "resume", "host");
    assert_false(world_process(world, "host")->frozen);
    assert_int_equal(child("host")->state, VD_CHILD_READY);

    uint64_t pid = child("host")->pid;
    world_control(world, "restart", "host");
    world_run(world, SECOND);
    assert_int_equal(child("host")->state, VD_CHILD_READY);
    assert_true(child("host")->pid != pid);
    assert_int_equal(child("host")->restarts, 0);
    world_control(world, "kill", "host");
    world_run(world, SECOND);
    assert_int_equal(child("host")->state, VD_CHILD_READY);
    assert_int_equal(child("host")->restarts, 1);

    world_control(world, "stop", "nobody");
    assert_true(vd_str_is(world->answer.error.status, "not_found"));
    world_control(world, "dance", "host");
    assert_true(vd_str_is(world->answer.error.status, "usage"));
    world_control(world, "stop", "supervisor");
    assert_true(answer_text_has("vedette down"));
}

static void silence_kills_and_restarts(void **unused)
{
    (void)unused;
    begin();
    world_behaviour(world, "services")->silent = true;
    assert_true(world_run_until(world, 2 * SECOND, told_ready));
    world_run(world, 59 * SECOND);
    assert_int_equal(child("services")->restarts, 0);
    world_run(world, 3 * SECOND);
    assert_int_equal(child("services")->restarts, 1);
    assert_string_equal(child("services")->reason, "no sign of life for 60 s, killed by SIGKILL");
    assert_int_equal(child("host")->restarts, 0);
}

static size_t pollers(void)
{
    size_t count = 0;
    for (size_t i = 0; i < world->process_count; i++)
        count += world->processes[i].alive && strncmp(world->processes[i].name, "poller-", 7) == 0;
    return count;
}

static void pollers_follow_the_sources(void **unused)
{
    (void)unused;
    up();
    assert_int_equal(pollers(), 1);
    char name[32];
    for (int i = 1; i <= 6; i++) {
        (void)snprintf(name, sizeof name, "source-%d", i);
        world_add_source(world, name);
        world_add_source(world, name); /* the same again, as when it has changed */
        world_run(world, SECOND);
        assert_int_equal(pollers(), i < 4 ? i : 4);
    }
    /* A source that goes and comes within the linger moves nothing. */
    int at = (int)world->trace_count;
    for (int i = 3; i <= 6; i++) {
        (void)snprintf(name, sizeof name, "source-%d", i);
        world_remove_source(world, name);
    }
    world_run(world, 4 * SECOND);
    assert_int_equal(pollers(), 4);
    world_add_source(world, "source-3");
    world_add_source(world, "source-4");
    world_run(world, 20 * SECOND);
    assert_int_equal(pollers(), 4);
    assert_int_equal(world_find(world, "term poller-4", at), -1);
    /* Fewer: the highest goes, and is forgotten. */
    world_remove_source(world, "source-4");
    world_run(world, 6 * SECOND);
    assert_int_equal(pollers(), 3);
    assert_null(vd_supervisor_child(world->core, "poller-4"));
    world_add_source(world, "source-4");
    world_run(world, SECOND);
    assert_int_equal(pollers(), 4);
    /* None left: one stays. */
    for (int i = 1; i <= 4; i++) {
        (void)snprintf(name, sizeof name, "source-%d", i);
        world_remove_source(world, name);
    }
    world_run(world, 20 * SECOND);
    assert_int_equal(pollers(), 1);
    assert_non_null(world_process(world, "poller-1"));
    /* Nobody but pollers was touched. */
    assert_int_equal(child("host")->restarts + child("services")->restarts, 0);
    assert_int_equal(world_find(world, "term host", 0), -1);
}

/* What a crashing poller has taught is not forgotten because it is not needed for a while. */
static void a_crashing_poller_keeps_its_backoff(void **unused)
{
    (void)unused;
    up();
    world_add_source(world, "a");
    world_add_source(world, "b");
    world_run(world, SECOND);
    assert_int_equal(pollers(), 2);
    for (int i = 0; i < 4; i++) {
        world_kill(world, "poller-2");
        world_run(world, 2 * SECOND);
        assert_int_equal(pollers(), 2);
    }
    world_remove_source(world, "b");
    world_run(world, 20 * SECOND);
    assert_int_equal(pollers(), 2);
    world_kill(world, "poller-2");
    world_add_source(world, "b");
    world_run(world, SECOND / 2);
    assert_int_equal(pollers(), 1); /* it waits for 0.8 s */
    world_run(world, SECOND);
    assert_int_equal(pollers(), 2);
    world_remove_source(world, "b");
    world_run(world, 50 * SECOND); /* it has settled */
    assert_int_equal(pollers(), 1);
    assert_null(vd_supervisor_child(world->core, "poller-2"));
}

static void an_incomplete_membership_takes_no_poller_away(void **unused)
{
    (void)unused;
    up();
    world_add_source(world, "a");
    world_add_source(world, "b");
    world_add_source(world, "c");
    world_run(world, SECOND);
    assert_int_equal(pollers(), 3);
    /* The broker comes back knowing nothing yet. */
    vd_feed_publisher_free(&world->membership);
    assert_true(vd_feed_publisher_init(&world->membership, "membership", 10, 2, 256, 65536));
    world->membership.complete = false;
    world->source_count = 0;
    world_kill(world, "broker");
    world_run(world, 30 * SECOND);
    assert_int_equal(pollers(), 3);
    world->membership.complete = true;
    world_run(world, 30 * SECOND);
    assert_int_equal(pollers(), 1);
}

static void runtime_events_survive_an_absent_ingestor_and_stay_bounded(void **unused)
{
    (void)unused;
    up();
    world_behaviour(world, "ingestor")->ready_after_us = NEVER;
    world_control(world, "stop", "ingestor");
    int at = (int)world->trace_count;
    for (int i = 0; i < 400; i++) {
        world_kill(world, "host");
        world_run(world, 10 * SECOND);
    }
    assert_int_equal(child("host")->restarts, 400);
    assert_int_equal(world_find(world, "commit actor_exited", at), -1);
    world_behaviour(world, "ingestor")->ready_after_us = 10000;
    world_control(world, "start", "ingestor");
    world_run(world, 30 * SECOND);
    int exits = 0;
    for (int i = at; i < (int)world->trace_count; i++)
        exits += strcmp(world->trace[i], "commit actor_exited") == 0;
    assert_true(exits > 100 && exits < 400);
    world_kill(world, "host");
    world_run(world, SECOND);
    (void)follows("commit actor_exited", (int)world->trace_count - 8);
}

static void the_feed_tells_every_child(void **unused)
{
    (void)unused;
    up();
    world_kill(world, "host");
    world_run(world, SECOND);
    world_ask(world, VD_MESSAGE_GET);
    assert_int_equal(world->answer.id, VD_MESSAGE_SNAPSHOT);
    assert_int_equal(vd_rows_count(world->answer.payload), 6);
    vd_bytes_t rows = world->answer.payload;
    vd_child_record_t record;
    bool seen = false;
    while (vd_rows_next(&rows, VD_RECORD_child, &record) == VD_OK) {
        assert_true(vd_str_is(record.state, "ready") && vd_str_is(record.wanted, "up"));
        if (!vd_str_is(record.name, "host"))
            continue;
        seen = true;
        assert_int_equal(record.restarts, 1);
        assert_true(record.pid > 0 && vd_str_is(record.kind, "observer"));
        assert_true(vd_str_is(record.reason, "killed by SIGKILL"));
    }
    assert_true(seen);
}

static void what_an_older_life_says_is_ignored(void **unused)
{
    (void)unused;
    up();
    uint64_t life = child("host")->life;
    world_kill(world, "host");
    vd_death_t death = {.how = VD_DEATH_EXITED};
    vd_input_t input = {.kind = VD_INPUT_DONE, .id = VD_DONE_DIED, .token = life, .result = &death};
    vd_effects_clear(world->effects);
    vd_supervisor_step(world->core, (vd_now_t){.mono_us = world->us}, &input, world->effects);
    assert_int_equal(child("host")->state, VD_CHILD_STARTING);
    assert_int_equal(world->effects->count, 0);
}

/* Kills, words by hand, sources that come and go: afterwards all is as it is wanted, and the end is
 * clean. */
static void chaos_ends_well(void **unused)
{
    (void)unused;
    const char *given = getenv("VD_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : 20260101;
    print_message("seed %llu\n", (unsigned long long)seed);
    static const char *const names[] = {"broker",   "ingestor", "static",  "poller-1",
                                        "poller-2", "host",     "services"};
    static const char *const verbs[] = {"start", "stop", "restart", "kill", "pause", "resume"};
    up();
    for (int i = 0; i < 600; i++) {
        const char *name = names[vd_random_next(&seed) % 7];
        uint64_t choice = vd_random_next(&seed) % 10;
        if (choice < 3 && world_process(world, name))
            world_kill(world, name);
        else if (choice < 6)
            world_control(world, verbs[vd_random_next(&seed) % 6], name);
        else if (choice == 6 && world->source_count < 8) {
            char source[32];
            (void)snprintf(source, sizeof source, "source-%d", i);
            world_add_source(world, source);
        } else if (choice == 7 && world->source_count > 0) {
            char source[VD_NAME_BYTES_MAX + 1];
            (void)snprintf(source, sizeof source, "%s", world->sources[0]);
            world_remove_source(world, source);
        }
        world_run(world, (int64_t)(vd_random_next(&seed) % (4 * SECOND)));
        assert_true(pollers() <= 4);
    }
    for (size_t i = 0; i < 7; i++) {
        world_control(world, "resume", names[i]);
        world_control(world, "start", names[i]);
    }
    world_run(world, 30 * SECOND);
    world_ask(world, VD_MESSAGE_STATUS);
    assert_true(vd_str_is(world->answer.status_is.state, "ready"));
    world_stop(world);
    assert_true(world_run_until(world, 60 * SECOND, has_exited));
    assert_int_equal(world_alive(world), 0);
    assert_true(world_find(world, "commit session_ended", 0) > 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(starts_in_order_with_readiness),
        TEST(nothing_starts_before_its_turn),
        TEST(observers_wait_for_the_session_on_disk),
        TEST(stops_in_reverse_order_with_the_session_in_between),
        TEST(shutdown_by_message_is_answered_and_control_refused_from_then_on),
        TEST(a_second_stop_kills),
        TEST(a_dead_ingestor_does_not_hold_up_the_end),
        TEST(stopping_while_starting_leaves_nothing),
        TEST(a_death_is_told_and_repaired_at_once),
        TEST(one_that_crashes_in_a_loop_fails_and_harms_nobody),
        TEST(words_by_hand_are_obeyed),
        TEST(silence_kills_and_restarts),
        TEST(pollers_follow_the_sources),
        TEST(a_crashing_poller_keeps_its_backoff),
        TEST(an_incomplete_membership_takes_no_poller_away),
        TEST(runtime_events_survive_an_absent_ingestor_and_stay_bounded),
        TEST(the_feed_tells_every_child),
        TEST(what_an_older_life_says_is_ignored),
        TEST(chaos_ends_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

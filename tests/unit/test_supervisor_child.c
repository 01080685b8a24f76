/* test_supervisor_child.c: the life cycle table cell by cell, backoff and intensity under virtual
 * time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/supervisor/child.h"

#define SECOND 1000000

static vd_now_t at(int64_t us)
{
    return (vd_now_t){.mono_us = 1000 * (int64_t)SECOND + us, .wall_ms = 1700000000000 + us / 1000};
}

static bool has_process(unsigned state)
{
    return state == VD_CHILD_STARTING || state == VD_CHILD_READY || state == VD_CHILD_PAUSED ||
           state == VD_CHILD_STOPPING;
}

static bool is_signal(unsigned action)
{
    return action == VD_CHILD_TERMINATE || action == VD_CHILD_SIGKILL ||
           action == VD_CHILD_ASKED_KILL || action == VD_CHILD_FREEZE || action == VD_CHILD_THAW;
}

/* What must hold in each cell, whatever the cell says. */
static void every_cell_keeps_the_laws(void **unused)
{
    (void)unused;
    for (unsigned state = 0; state < VD_CHILD_STATES; state++)
        for (unsigned event = 0; event < VD_CHILD_EVENTS; event++) {
            unsigned action = VD_CHILD_TABLE[event][state].action;
            unsigned next = VD_CHILD_TABLE[event][state].next;
            bool dead = event == VD_CHILD_DIED || event == VD_CHILD_BROKEN;
            assert_true(next < VD_CHILD_STATES && action <= VD_CHILD_REST);
            /* A refusal changes nothing. */
            if (action == VD_CHILD_REFUSE)
                assert_int_equal(next, state);
            /* A process begins with SPAWN where there is none, and in no other way. */
            if (action == VD_CHILD_SPAWN)
                assert_true(!has_process(state) && next == VD_CHILD_STARTING);
            if (!has_process(state) && has_process(next))
                assert_int_equal(action, VD_CHILD_SPAWN);
            /* It ends by dying, and in no other way. */
            if (has_process(state))
                assert_int_equal(has_process(next), !dead);
            /* Only what runs is signalled. */
            if (is_signal(action))
                assert_true(has_process(state));
            /* Gone is only what was stopped, and stays gone. */
            if (next == VD_CHILD_GONE)
                assert_true(state == VD_CHILD_GONE ||
                            (state == VD_CHILD_STOPPED && event == VD_CHILD_FORGET));
            if (state == VD_CHILD_GONE)
                assert_int_equal(next, VD_CHILD_GONE);
            /* What is stopping does not come up again before it is down. */
            if (state == VD_CHILD_STOPPING && dead)
                assert_int_equal(next, VD_CHILD_STOPPED);
            /* A paused one is never killed for silence. */
            if (state == VD_CHILD_PAUSED && event == VD_CHILD_DUE)
                assert_int_equal(action, VD_CHILD_NOTHING);
            /* Ready is only what has told so, or was ready before its pause. */
            if (next == VD_CHILD_READY && state != VD_CHILD_READY)
                assert_true((state == VD_CHILD_STARTING && event == VD_CHILD_IS_READY) ||
                            (state == VD_CHILD_PAUSED && event == VD_CHILD_RESUME));
        }
}

typedef struct cell {
    vd_child_state_t state;
    vd_child_event_t event;
    vd_child_action_t action;
    vd_child_state_t next;
} cell_t;

/* What each word by hand and each turn of fate does in each state: every cell that does
 * anything. */
static const cell_t CELLS[] = {
    {VD_CHILD_STOPPED, VD_CHILD_START, VD_CHILD_SPAWN, VD_CHILD_STARTING},
    {VD_CHILD_STOPPED, VD_CHILD_PAUSE, VD_CHILD_REFUSE, VD_CHILD_STOPPED},
    {VD_CHILD_STOPPED, VD_CHILD_RESUME, VD_CHILD_REFUSE, VD_CHILD_STOPPED},
    {VD_CHILD_STOPPED, VD_CHILD_KILL, VD_CHILD_REFUSE, VD_CHILD_STOPPED},
    {VD_CHILD_STOPPED, VD_CHILD_RESTART, VD_CHILD_SPAWN, VD_CHILD_STARTING},
    {VD_CHILD_STOPPED, VD_CHILD_FORGET, VD_CHILD_NOTHING, VD_CHILD_GONE},
    {VD_CHILD_STARTING, VD_CHILD_STOP, VD_CHILD_TERMINATE, VD_CHILD_STOPPING},
    {VD_CHILD_STARTING, VD_CHILD_IS_READY, VD_CHILD_NOTE_READY, VD_CHILD_READY},
    {VD_CHILD_STARTING, VD_CHILD_DIED, VD_CHILD_RETRY_LATER, VD_CHILD_BACKOFF},
    {VD_CHILD_STARTING, VD_CHILD_BROKEN, VD_CHILD_GIVE_UP, VD_CHILD_FAILED},
    {VD_CHILD_STARTING, VD_CHILD_DUE, VD_CHILD_SIGKILL, VD_CHILD_STARTING},
    {VD_CHILD_STARTING, VD_CHILD_PAUSE, VD_CHILD_REFUSE, VD_CHILD_STARTING},
    {VD_CHILD_STARTING, VD_CHILD_RESUME, VD_CHILD_REFUSE, VD_CHILD_STARTING},
    {VD_CHILD_STARTING, VD_CHILD_KILL, VD_CHILD_ASKED_KILL, VD_CHILD_STARTING},
    {VD_CHILD_STARTING, VD_CHILD_RESTART, VD_CHILD_TERMINATE, VD_CHILD_STOPPING},
    {VD_CHILD_READY, VD_CHILD_STOP, VD_CHILD_TERMINATE, VD_CHILD_STOPPING},
    {VD_CHILD_READY, VD_CHILD_DIED, VD_CHILD_RETRY_LATER, VD_CHILD_BACKOFF},
    {VD_CHILD_READY, VD_CHILD_BROKEN, VD_CHILD_GIVE_UP, VD_CHILD_FAILED},
    {VD_CHILD_READY, VD_CHILD_DUE, VD_CHILD_SIGKILL, VD_CHILD_READY},
    {VD_CHILD_READY, VD_CHILD_PAUSE, VD_CHILD_FREEZE, VD_CHILD_PAUSED},
    {VD_CHILD_READY, VD_CHILD_RESUME, VD_CHILD_NOTHING, VD_CHILD_READY},
    {VD_CHILD_READY, VD_CHILD_KILL, VD_CHILD_ASKED_KILL, VD_CHILD_READY},
    {VD_CHILD_READY, VD_CHILD_RESTART, VD_CHILD_TERMINATE, VD_CHILD_STOPPING},
    {VD_CHILD_PAUSED, VD_CHILD_STOP, VD_CHILD_TERMINATE, VD_CHILD_STOPPING},
    {VD_CHILD_PAUSED, VD_CHILD_DIED, VD_CHILD_RETRY_LATER, VD_CHILD_BACKOFF},
    {VD_CHILD_PAUSED, VD_CHILD_BROKEN, VD_CHILD_GIVE_UP, VD_CHILD_FAILED},
    {VD_CHILD_PAUSED, VD_CHILD_PAUSE, VD_CHILD_NOTHING, VD_CHILD_PAUSED},
    {VD_CHILD_PAUSED, VD_CHILD_RESUME, VD_CHILD_THAW, VD_CHILD_READY},
    {VD_CHILD_PAUSED, VD_CHILD_KILL, VD_CHILD_ASKED_KILL, VD_CHILD_PAUSED},
    {VD_CHILD_PAUSED, VD_CHILD_RESTART, VD_CHILD_TERMINATE, VD_CHILD_STOPPING},
    {VD_CHILD_STOPPING, VD_CHILD_DIED, VD_CHILD_REST, VD_CHILD_STOPPED},
    {VD_CHILD_STOPPING, VD_CHILD_BROKEN, VD_CHILD_REST, VD_CHILD_STOPPED},
    {VD_CHILD_STOPPING, VD_CHILD_DUE, VD_CHILD_SIGKILL, VD_CHILD_STOPPING},
    {VD_CHILD_STOPPING, VD_CHILD_PAUSE, VD_CHILD_REFUSE, VD_CHILD_STOPPING},
    {VD_CHILD_STOPPING, VD_CHILD_RESUME, VD_CHILD_REFUSE, VD_CHILD_STOPPING},
    {VD_CHILD_STOPPING, VD_CHILD_KILL, VD_CHILD_ASKED_KILL, VD_CHILD_STOPPING},
    {VD_CHILD_BACKOFF, VD_CHILD_START, VD_CHILD_SPAWN, VD_CHILD_STARTING},
    {VD_CHILD_BACKOFF, VD_CHILD_STOP, VD_CHILD_REST, VD_CHILD_STOPPED},
    {VD_CHILD_BACKOFF, VD_CHILD_DUE, VD_CHILD_SPAWN, VD_CHILD_STARTING},
    {VD_CHILD_BACKOFF, VD_CHILD_PAUSE, VD_CHILD_REFUSE, VD_CHILD_BACKOFF},
    {VD_CHILD_BACKOFF, VD_CHILD_RESUME, VD_CHILD_REFUSE, VD_CHILD_BACKOFF},
    {VD_CHILD_BACKOFF, VD_CHILD_KILL, VD_CHILD_REFUSE, VD_CHILD_BACKOFF},
    {VD_CHILD_BACKOFF, VD_CHILD_RESTART, VD_CHILD_SPAWN, VD_CHILD_STARTING},
    {VD_CHILD_FAILED, VD_CHILD_START, VD_CHILD_SPAWN, VD_CHILD_STARTING},
    {VD_CHILD_FAILED, VD_CHILD_STOP, VD_CHILD_REST, VD_CHILD_STOPPED},
    {VD_CHILD_FAILED, VD_CHILD_PAUSE, VD_CHILD_REFUSE, VD_CHILD_FAILED},
    {VD_CHILD_FAILED, VD_CHILD_RESUME, VD_CHILD_REFUSE, VD_CHILD_FAILED},
    {VD_CHILD_FAILED, VD_CHILD_KILL, VD_CHILD_REFUSE, VD_CHILD_FAILED},
    {VD_CHILD_FAILED, VD_CHILD_RESTART, VD_CHILD_SPAWN, VD_CHILD_STARTING},
    {VD_CHILD_GONE, VD_CHILD_START, VD_CHILD_REFUSE, VD_CHILD_GONE},
    {VD_CHILD_GONE, VD_CHILD_PAUSE, VD_CHILD_REFUSE, VD_CHILD_GONE},
    {VD_CHILD_GONE, VD_CHILD_RESUME, VD_CHILD_REFUSE, VD_CHILD_GONE},
    {VD_CHILD_GONE, VD_CHILD_KILL, VD_CHILD_REFUSE, VD_CHILD_GONE},
    {VD_CHILD_GONE, VD_CHILD_RESTART, VD_CHILD_REFUSE, VD_CHILD_GONE},
};

static const cell_t *cell_of(unsigned state, unsigned event)
{
    for (size_t i = 0; i < sizeof CELLS / sizeof CELLS[0]; i++)
        if (CELLS[i].state == state && CELLS[i].event == event)
            return &CELLS[i];
    return NULL;
}

static void every_cell_does_what_is_said_of_it(void **unused)
{
    (void)unused;
    vd_child_policy_t policy = vd_child_policy_default();
    for (unsigned state = 0; state < VD_CHILD_STATES; state++)
        for (unsigned event = 0; event < VD_CHILD_EVENTS; event++) {
            vd_child_t child;
            vd_child_init(&child, at(0), "one", "poller", "vedette-poller", 0);
            child.state = (vd_child_state_t)state;
            const cell_t *cell = cell_of(state, event);
            vd_child_action_t action =
                vd_child_step(&child, &policy, at(1), (vd_child_event_t)event);
            print_message("%s x event %u\n", vd_child_state_name((vd_child_state_t)state), event);
            assert_int_equal(action, cell ? cell->action : VD_CHILD_NOTHING);
            assert_int_equal(child.state, cell ? cell->next : state);
        }
}

static vd_death_t exited(int code)
{
    return (vd_death_t){.how = VD_DEATH_EXITED, .number = code};
}

static vd_child_t running(const vd_child_policy_t *policy, int64_t us)
{
    vd_child_t child;
    vd_child_init(&child, at(us), "one", "poller", "vedette-poller", 0);
    child.held = false;
    assert_int_equal(vd_child_next(&child, at(us)), VD_CHILD_START);
    assert_int_equal(vd_child_step(&child, policy, at(us), VD_CHILD_START), VD_CHILD_SPAWN);
    child.life = 1;
    child.pid = 100;
    return child;
}

static void die(vd_child_t *child, const vd_child_policy_t *policy, int64_t us, vd_death_t death)
{
    vd_child_event_t event = vd_child_death(child, policy, at(us), &death);
    (void)vd_child_step(child, policy, at(us), event);
}

/* Lets a child in backoff start when it is due. Returns how long it waited. */
static int64_t wait_for_start(vd_child_t *child, const vd_child_policy_t *policy, int64_t *us)
{
    assert_int_equal(child->state, VD_CHILD_BACKOFF);
    int64_t wait_us = child->deadline_us - at(*us).mono_us;
    if (wait_us > 0)
        assert_int_equal(vd_child_next(child, at(*us + wait_us - 1)), VD_CHILD_NO_EVENT);
    *us += wait_us;
    assert_int_equal(vd_child_next(child, at(*us)), VD_CHILD_DUE);
    assert_int_equal(vd_child_step(child, policy, at(*us), VD_CHILD_DUE), VD_CHILD_SPAWN);
    child->life++;
    return wait_us;
}

static void backoff_begins_at_once_doubles_and_is_capped(void **unused)
{
    (void)unused;
    static const int64_t expected_ms[] = {0,    100,  200,   400,   800,  1600,
                                          3200, 6400, 10000, 10000, 10000};
    vd_child_policy_t policy = vd_child_policy_default();
    policy.intensity_restarts = 60;
    vd_child_t child = running(&policy, 0);
    int64_t us = 0;
    for (size_t i = 0; i < sizeof expected_ms / sizeof expected_ms[0]; i++) {
        us += 1000;
        die(&child, &policy, us, exited(1));
        assert_int_equal(child.retry_ms, at(us).wall_ms + expected_ms[i]);
        assert_int_equal(wait_for_start(&child, &policy, &us), expected_ms[i] * 1000);
        assert_int_equal(child.restarts, i + 1);
    }
}

static void backoff_ends_with_a_good_run(void **unused)
{
    (void)unused;
    vd_child_policy_t policy = vd_child_policy_default();
    vd_child_t child = running(&policy, 0);
    int64_t us = 1000;
    for (int i = 0; i < 4; i++) {
        die(&child, &policy, us, exited(1));
        (void)wait_for_start(&child, &policy, &us);
    }
    (void)vd_child_step(&child, &policy, at(us), VD_CHILD_IS_READY);
    us += policy.backoff_reset_us - 1;
    die(&child, &policy, us, exited(1));
    assert_true(wait_for_start(&child, &policy, &us) > 0);
    (void)vd_child_step(&child, &policy, at(us), VD_CHILD_IS_READY);
    us += policy.backoff_reset_us;
    die(&child, &policy, us, exited(1));
    assert_int_equal(wait_for_start(&child, &policy, &us), 0);
}

static void late_deaths_restart_at_once_and_never_count(void **unused)
{
    (void)unused;
    vd_child_policy_t policy = vd_child_policy_default();
    vd_child_t child = running(&policy, 0);
    int64_t us = 0;
    for (int i = 0; i < 100; i++) {
        (void)vd_child_step(&child, &policy, at(us), VD_CHILD_IS_READY);
        us += policy.early_us;
        die(&child, &policy, us, (vd_death_t){.how = VD_DEATH_KILLED, .number = SIGKILL});
        assert_int_equal(wait_for_start(&child, &policy, &us), 0);
    }
    assert_string_equal(child.reason, "killed by SIGKILL");
}

static void too_many_early_deaths_fail_with_a_tally(void **unused)
{
    (void)unused;
    vd_child_policy_t policy = vd_child_policy_default();
    policy.intensity_restarts = 4;
    vd_child_t child = running(&policy, 0);
    int64_t us = 1000;
    for (int i = 0; i < 4; i++) {
        die(&child, &policy, us, exited(3));
        (void)wait_for_start(&child, &policy, &us);
    }
    die(&child, &policy, us, (vd_death_t){.how = VD_DEATH_DUMPED, .number = SIGSEGV});
    assert_int_equal(child.state, VD_CHILD_FAILED);
    assert_string_equal(child.reason, "5 deaths in 60 s (4 x exit code 3, 1 x killed by SIGSEGV, "
                                      "core dumped); the last: killed by SIGSEGV, core dumped");
    assert_int_equal(vd_child_next(&child, at(us + 3600 * (int64_t)SECOND)), VD_CHILD_NO_EVENT);
    /* A start by hand begins anew. */
    assert_int_equal(vd_child_step(&child, &policy, at(us), VD_CHILD_START), VD_CHILD_SPAWN);
    die(&child, &policy, us, exited(3));
    assert_int_equal(child.state, VD_CHILD_BACKOFF);
    assert_int_equal(wait_for_start(&child, &policy, &us), 0);
}

static void deaths_that_are_spread_out_do_not_fail(void **unused)
{
    (void)unused;
    vd_child_policy_t policy = vd_child_policy_default();
    policy.intensity_restarts = 4;
    vd_child_t child = running(&policy, 0);
    int64_t us = 0;
    for (int i = 0; i < 50; i++) {
        us += policy.intensity_window_us / 4;
        die(&child, &policy, us, exited(3));
        (void)wait_for_start(&child, &policy, &us);
    }
    assert_int_equal(child.state, VD_CHILD_STARTING);
}

static void what_cannot_work_is_not_tried_again(void **unused)
{
    (void)unused;
    vd_child_policy_t policy = vd_child_policy_default();
    vd_child_t child = running(&policy, 0);
    vd_death_t missing = {.how = VD_DEATH_NOT_EXECUTED, .number = 2, .detail = "/bin/vedette-x"};
    die(&child, &policy, 1000, missing);
    assert_int_equal(child.state, VD_CHILD_FAILED);
    assert_non_null(strstr(child.reason, "/bin/vedette-x cannot be executed: No such file"));
    child = running(&policy, 0);
    vd_death_t bad = exited(2);
    (void)snprintf(bad.detail, sizeof bad.detail, "vedette.toml:3: unknown key");
    die(&child, &policy, 1000, bad);
    assert_int_equal(child.state, VD_CHILD_FAILED);
    assert_string_equal(child.reason, "exit code 2: vedette.toml:3: unknown key");
    /* After readiness the same code is a death like others. */
    child = running(&policy, 0);
    (void)vd_child_step(&child, &policy, at(10), VD_CHILD_IS_READY);
    die(&child, &policy, 1000, bad);
    assert_int_equal(child.state, VD_CHILD_BACKOFF);
}

static void what_was_asked_for_is_no_crash(void **unused)
{
    (void)unused;
    vd_child_policy_t policy = vd_child_policy_default();
    policy.intensity_restarts = 1;
    vd_child_t child = running(&policy, 0);
    int64_t us = 0;
    for (int i = 0; i < 20; i++) {
        us += 1000;
        (void)vd_child_step(&child, &policy, at(us), VD_CHILD_IS_READY);
        assert_int_equal(vd_child_step(&child, &policy, at(us), VD_CHILD_KILL),
                         VD_CHILD_ASKED_KILL);
        die(&child, &policy, us, (vd_death_t){.how = VD_DEATH_KILLED, .number = SIGKILL});
        assert_string_equal(child.reason, "as asked, killed by SIGKILL");
        assert_int_equal(wait_for_start(&child, &policy, &us), 0);
    }
    /* A restart by hand comes up again by itself, as one that is wanted up does. */
    (void)vd_child_step(&child, &policy, at(us), VD_CHILD_IS_READY);
    assert_int_equal(vd_child_step(&child, &policy, at(us), VD_CHILD_RESTART), VD_CHILD_TERMINATE);
    die(&child, &policy, us, exited(0));
    assert_int_equal(child.state, VD_CHILD_STOPPED);
    assert_int_equal(vd_child_next(&child, at(us)), VD_CHILD_START);
    /* A stop by hand stays down. */
    (void)vd_child_step(&child, &policy, at(us), VD_CHILD_START);
    child.wanted = VD_WANT_DOWN;
    (void)vd_child_step(&child, &policy, at(us), VD_CHILD_STOP);
    die(&child, &policy, us, exited(0));
    assert_int_equal(vd_child_next(&child, at(us + 1000 * (int64_t)SECOND)), VD_CHILD_NO_EVENT);
    assert_true(vd_child_is_down(&child));
}

static void deadlines_kill_and_say_why(void **unused)
{
    (void)unused;
    vd_child_policy_t policy = vd_child_policy_default();
    vd_child_t child = running(&policy, 0);
    int64_t us = policy.start_timeout_us;
    assert_int_equal(vd_child_next(&child, at(us - 1)), VD_CHILD_NO_EVENT);
    assert_int_equal(vd_child_next(&child, at(us)), VD_CHILD_DUE);
    assert_int_equal(vd_child_step(&child, &policy, at(us), VD_CHILD_DUE), VD_CHILD_SIGKILL);
    assert_int_equal(vd_child_next(&child, at(us + SECOND)), VD_CHILD_NO_EVENT);
    die(&child, &policy, us, (vd_death_t){.how = VD_DEATH_KILLED, .number = SIGKILL});
    assert_string_equal(child.reason, "not ready after 10 s, killed by SIGKILL");

    (void)wait_for_start(&child, &policy, &us);
    (void)vd_child_step(&child, &policy, at(us), VD_CHILD_IS_READY);
    us += policy.silence_us - 1;
    vd_child_alive(&child, &policy, at(us));
    us += policy.silence_us;
    assert_int_equal(vd_child_next(&child, at(us - 1)), VD_CHILD_NO_EVENT);
    assert_int_equal(vd_child_next(&child, at(us)), VD_CHILD_DUE);
    (void)vd_child_step(&child, &policy, at(us), VD_CHILD_DUE);
    die(&child, &policy, us, (vd_death_t){.how = VD_DEATH_KILLED, .number = SIGKILL});
    assert_string_equal(child.reason, "no sign of life for 60 s, killed by SIGKILL");

    (void)wait_for_start(&child, &policy, &us);
    child.wanted = VD_WANT_DOWN;
    (void)vd_child_step(&child, &policy, at(us), VD_CHILD_STOP);
    us += policy.stop_timeout_us;
    assert_int_equal(vd_child_next(&child, at(us)), VD_CHILD_DUE);
    assert_int_equal(vd_child_step(&child, &policy, at(us), VD_CHILD_DUE), VD_CHILD_SIGKILL);
    die(&child, &policy, us, (vd_death_t){.how = VD_DEATH_KILLED, .number = SIGKILL});
    assert_string_equal(child.reason, "not ended 5 s after SIGTERM, killed by SIGKILL");
    assert_int_equal(child.state, VD_CHILD_STOPPED);
}

static void a_paused_one_is_left_alone(void **unused)
{
    (void)unused;
    vd_child_policy_t policy = vd_child_policy_default();
    vd_child_t child = running(&policy, 0);
    (void)vd_child_step(&child, &policy, at(0), VD_CHILD_IS_READY);
    assert_int_equal(vd_child_step(&child, &policy, at(10), VD_CHILD_PAUSE), VD_CHILD_FREEZE);
    int64_t us = 100 * policy.silence_us;
    assert_int_equal(vd_child_next(&child, at(us)), VD_CHILD_NO_EVENT);
    assert_false(vd_child_is_up(&child));
    assert_int_equal(vd_child_step(&child, &policy, at(us), VD_CHILD_RESUME), VD_CHILD_THAW);
    assert_true(vd_child_is_up(&child));
    assert_int_equal(vd_child_next(&child, at(us + policy.silence_us - 1)), VD_CHILD_NO_EVENT);
    assert_int_equal(vd_child_next(&child, at(us + policy.silence_us)), VD_CHILD_DUE);
}

static void a_supervisor_that_overslept_kills_nobody_for_it(void **unused)
{
    (void)unused;
    vd_child_policy_t policy = vd_child_policy_default();
    vd_child_t child = running(&policy, 0);
    (void)vd_child_step(&child, &policy, at(0), VD_CHILD_IS_READY);
    int64_t us = policy.silence_us + 600 * (int64_t)SECOND;
    assert_int_equal(vd_child_next(&child, at(us)), VD_CHILD_NO_EVENT);
    vd_child_alive(&child, &policy, at(us + 1000));
    assert_int_equal(vd_child_next(&child, at(us + policy.silence_us)), VD_CHILD_NO_EVENT);
    /* But one that stays silent after that is. */
    us += 2 * policy.silence_us;
    assert_int_equal(vd_child_next(&child, at(us)), VD_CHILD_NO_EVENT);
    assert_int_equal(vd_child_next(&child, at(us + 5 * SECOND)), VD_CHILD_DUE);
}

/* Any sequence of words by hand and turns of fate: never two processes, and down in the end when so
 * wanted. */
static void random_lives(void **unused)
{
    (void)unused;
    const char *given = getenv("VD_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : 20260101;
    print_message("seed %llu\n", (unsigned long long)seed);
    vd_child_policy_t policy = vd_child_policy_default();
    vd_child_t child;
    vd_child_init(&child, at(0), "one", "poller", "vedette-poller", 0);
    child.held = false;
    int64_t us = 0;
    uint64_t lives = 0;
    bool alive = false;
    for (int i = 0; i < 200000; i++) {
        us += (int64_t)(vd_random_next(&seed) % 500000);
        vd_child_event_t event = vd_child_next(&child, at(us));
        if (event == VD_CHILD_NO_EVENT) {
            event = (vd_child_event_t)(vd_random_next(&seed) % VD_CHILD_FORGET);
            if (event == VD_CHILD_START || event == VD_CHILD_RESTART)
                child.wanted = VD_WANT_UP;
            if (event == VD_CHILD_STOP)
                child.wanted = VD_WANT_DOWN;
        }
        if (event == VD_CHILD_DIED || event == VD_CHILD_BROKEN) {
            if (!alive)
                continue;
            vd_death_t death = exited((int)(vd_random_next(&seed) % 4));
            event = vd_child_death(&child, &policy, at(us), &death);
            alive = false;
        }
        if (!alive && event == VD_CHILD_IS_READY)
            continue;
        vd_child_action_t action = vd_child_step(&child, &policy, at(us), event);
        if (action == VD_CHILD_SPAWN) {
            assert_false(alive);
            alive = true;
            child.life = ++lives;
        }
        assert_int_equal(alive, has_process(child.state));
        assert_int_equal(alive, child.life != 0);
        assert_true(child.death_count <= VD_CHILD_DEATHS_MAX);
        assert_true(child.state != VD_CHILD_STOPPING || child.deadline_us != VD_CHILD_NO_DEADLINE ||
                    child.note[0] != '\0');
    }
    assert_true(lives > 1000);
    child.wanted = VD_WANT_GONE;
    (void)vd_child_step(&child, &policy, at(us), VD_CHILD_STOP);
    if (alive)
        die(&child, &policy, us, exited(0));
    assert_int_equal(vd_child_next(&child, at(us)), VD_CHILD_FORGET);
    (void)vd_child_step(&child, &policy, at(us), VD_CHILD_FORGET);
    assert_int_equal(child.state, VD_CHILD_GONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_keeps_the_laws),
        cmocka_unit_test(every_cell_does_what_is_said_of_it),
        cmocka_unit_test(backoff_begins_at_once_doubles_and_is_capped),
        cmocka_unit_test(backoff_ends_with_a_good_run),
        cmocka_unit_test(late_deaths_restart_at_once_and_never_count),
        cmocka_unit_test(too_many_early_deaths_fail_with_a_tally),
        cmocka_unit_test(deaths_that_are_spread_out_do_not_fail),
        cmocka_unit_test(what_cannot_work_is_not_tried_again),
        cmocka_unit_test(what_was_asked_for_is_no_crash),
        cmocka_unit_test(deadlines_kill_and_say_why),
        cmocka_unit_test(a_paused_one_is_left_alone),
        cmocka_unit_test(a_supervisor_that_overslept_kills_nobody_for_it),
        cmocka_unit_test(random_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_chaos_given_up.c: an actor that the supervisor gave up after a runner killed it: when it is started for a runner that is
 * dead, and when it is left alone. This program is the `vedette` that is asked, too. */
#include "chaos/undo.h"
#include "wire/status.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char place[64];
static chaos_undo_t runner; /* that is dead */

static const char *at(const char *name)
{
    static char paths[4][600];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", place, name);
    return path;
}

static const char *text_at(const char *name)
{
    static char text[4096];
    FILE *file = fopen(at(name), "re");
    text[file != NULL ? fread(text, 1, sizeof text - 1, file) : 0] = 0;
    if (file != NULL)
        fclose(file);
    return text;
}

/* ---- the runtime that is asked ---- */

/* `ps` prints the file rows, with the exit code 6 when there is none; `start` tells of itself in the file started. What is
 * asked has to name the directory. */
static int answer(int count, char **words)
{
    snprintf(place, sizeof place, "%s", words[count - 1]);
    if (strcmp(words[count - 2], "--dir") != 0)
        return vd_status_exit_code(VD_USAGE);
    if (strcmp(words[1], "ps") == 0) {
        fputs(text_at("rows"), stdout);
        chaos_write_file(at("clock-when-asked"), text_at("clock"));
        return access(at("rows"), F_OK) == 0 ? 0 : vd_status_exit_code(VD_UNREACHABLE);
    }
    return strcmp(words[1], "start") == 0 && chaos_write_file(at("started"), words[2]) ? 0 : 1;
}

static int set_up(void **state)
{
    (void)state;
    snprintf(place, sizeof place, "/tmp/chaos-given-up-XXXXXX");
    if (mkdtemp(place) == NULL)
        return -1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    runner = (chaos_undo_t){.keeper = -1, .self = {.pid = pid, .start = 1}};
    memcpy(runner.place, place, sizeof place);
    return waitpid(pid, NULL, 0) == pid && mkdir(at("undo"), 0700) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", place);
    return system(command);
}

/* The supervisor tells of host, and of others. */
static void host_is(const char *state, const char *wanted, int pid)
{
    char text[1000];
    snprintf(
        text, sizeof text,
        "{\"name\":\"supervisor\",\"state\":\"ready\",\"wanted\":\"up\",\"pid\":1}\n"
        "{\"name\":\"host-2\",\"state\":\"failed\",\"wanted\":\"up\",\"pid\":null}\n"
        "{\"name\":\"host\",\"kind\":\"observer\",\"state\":\"%s\",\"wanted\":\"%s\",\"pid\":%d,"
        "\"reason\":\"\"}\n",
        state, wanted, pid);
    assert_true(chaos_write_file(at("rows"), text));
    (void)unlink(at("started"));
}

/* Undoes what the runner left; how much of it has failed. */
static size_t undo(int error)
{
    chaos_left_t left = chaos_undo_left(place, NULL);
    assert_int_equal(left.error, error);
    assert_int_equal(left.failed, left.again);
    return left.failed;
}

/* ---- tests ---- */

static void one_that_was_given_up_is_started(void **state)
{
    (void)state;
    host_is("failed", "up", 0);
    uint64_t record = chaos_undo_start(&runner, place, "host");
    assert_true(record > 0);
    assert_int_equal(chaos_undo_now(&runner, record), 0); /* who lives does so himself */
    assert_string_equal(text_at("started"), "");
    assert_int_equal(undo(0), 0);
    assert_string_equal(text_at("started"), "host");
}

static void what_runs_or_was_stopped_is_left_alone(void **state)
{
    (void)state;
    static const struct {
        const char *state, *wanted;
    } rows[] = {{"ready", "up"},     {"paused", "up"},  {"stopping", "down"},
                {"stopped", "down"}, {"stopped", "up"}, {"failed", "down"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool has_process = strstr("ready paused stopping", rows[i].state) != NULL;
        host_is(rows[i].state, rows[i].wanted, has_process ? (int)getpid() : 0);
        assert_true(chaos_undo_start(&runner, place, "host") > 0);
        assert_int_equal(undo(0), 0);
        assert_string_equal(text_at("started"), "");
    }
}

static void what_is_not_known_yet_is_waited_for(void **state)
{
    (void)state;
    assert_true(chaos_undo_start(&runner, place, "host") > 0);
    host_is("backoff", "up", 0);
    assert_int_equal(undo(EAGAIN), 1);
    host_is("starting", "up", (int)getpid());
    assert_int_equal(undo(EAGAIN), 1);
    host_is("ready", "up", (int)runner.self.pid); /* whose death is not seen yet */
    assert_int_equal(undo(EAGAIN), 1);
    assert_string_equal(text_at("started"), "");
    host_is("failed", "up", 0);
    assert_int_equal(undo(0), 0);
    assert_string_equal(text_at("started"), "host");
}

static void without_a_runtime_there_is_nothing_to_start(void **state)
{
    (void)state;
    assert_true(chaos_undo_start(&runner, place, "host") > 0);
    assert_int_equal(undo(0), 0);
    assert_int_equal(chaos_undo_left(place, NULL).done, 0);
}

/* The one that has no executable is no other case. */
static void an_executable_is_there_before_its_actor_is_started(void **state)
{
    (void)state;
    char away[600], path[600];
    snprintf(away, sizeof away, "%s", at(".away"));
    snprintf(path, sizeof path, "%s", at("program"));
    host_is("stopped", "down", 0);
    assert_true(chaos_write_file(away, ""));
    assert_true(chaos_undo_executable(&runner, away, path, place, "host") > 0);
    assert_int_equal(undo(0), 0);
    assert_int_equal(access(path, F_OK), 0);
    assert_string_equal(text_at("started"), "");
    host_is("failed", "up", 0);
    assert_true(chaos_undo_executable(&runner, away, path, place, "host") > 0);
    assert_int_equal(undo(0), 0);
    assert_string_equal(text_at("started"), "host");
}

/* A runtime may only answer when what else is broken is undone. Records are read in any order. */
static void the_runtime_is_asked_last(void **state)
{
    (void)state;
    enum { TIMES = 8 };
    host_is("ready", "up", (int)getpid());
    for (int i = 0; i < TIMES; i++) {
        assert_true(chaos_write_file(at("clock"), "+3600\n"));
        for (int j = 0; j < i; j++)
            assert_true(chaos_undo_start(&runner, place, "host") > 0);
        assert_true(chaos_undo_clock(&runner, at("clock")) > 0);
        assert_true(chaos_undo_start(&runner, place, "host") > 0);
        assert_int_equal(undo(0), 0);
        assert_string_equal(text_at("clock-when-asked"), "+0\n");
    }
}

int main(int argc, char **argv)
{
    if (argc > 3)
        return answer(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_that_was_given_up_is_started, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_runs_or_was_stopped_is_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_known_yet_is_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_runtime_there_is_nothing_to_start, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_executable_is_there_before_its_actor_is_started, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_runtime_is_asked_last, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_chaos_undo.c: what undoes faults, when undoing fails and when things have left meanwhile; what another runner has; what
 * a keeper tries again; what a supervisor is started again from; processes that nobody can look at; a line that comes late. */
#include "chaos/engine.h"
#include "chaos/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { AWAIT_MS = 60000, NAME_BYTES = 64 };

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

static void write_at(const char *name, const char *text)
{
    FILE *file = fopen(at(name), "we");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static const char *text_at(const char *name)
{
    static char text[4096];
    FILE *file = fopen(at(name), "re");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

static bool is_there(const char *name)
{
    return access(at(name), F_OK) == 0;
}

static int set_up(void **state)
{
    (void)state;
    snprintf(place, sizeof place, "/tmp/chaos-undo-XXXXXX");
    if (mkdtemp(place) == NULL)
        return -1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    runner = (chaos_undo_t){.keeper = -1, .self = {.pid = pid, .start = 1}};
    memcpy(runner.place, place, sizeof place);
    return waitpid(pid, NULL, 0) == pid && mkdir(at("undo"), 0700) == 0 &&
                   mkdir(at("clock"), 0700) == 0 && mkdir(at("logs"), 0700) == 0
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", place);
    return system(command);
}

/* ---- undoing ---- */

static void what_cannot_be_undone_is_kept(void **state)
{
    (void)state;
    write_at("clock/host", "+3600\n");
    write_at("clock/static", "+3600\n");
    assert_int_equal(mkdir(at("clock/host.new"), 0700),
                     0); /* so that nothing can be written there */
    assert_true(chaos_undo_clock(&runner, at("clock/host")) > 0);
    assert_true(chaos_undo_clock(&runner, at("clock/static")) > 0);
    chaos_left_t left = chaos_undo_left(place, NULL);
    assert_int_equal(left.done, 1);
    assert_int_equal(left.failed, 1);
    assert_int_equal(left.error, EISDIR);
    assert_int_equal(access(left.path, F_OK), 0);
    assert_string_equal(text_at("clock/static"), "+0\n");
    assert_int_equal(rmdir(at("clock/host.new")), 0);
    left = chaos_undo_left(place, NULL);
    assert_int_equal(left.done, 1);
    assert_int_equal(left.failed, 0);
    assert_string_equal(text_at("clock/host"), "+0\n");
    left = chaos_undo_left(place, NULL);
    assert_int_equal(left.done + left.failed, 0);
}

static void a_record_that_nobody_can_read_is_kept(void **state)
{
    (void)state;
    char name[64];
    snprintf(name, sizeof name, "undo/%d-1.7", (int)runner.self.pid);
    write_at(name, "melt\nhost\n");
    chaos_left_t left = chaos_undo_left(place, NULL);
    assert_int_equal(left.failed, 1);
    assert_int_equal(left.error, EBADMSG);
    assert_true(is_there(name));
    snprintf(name, sizeof name, "undo/%d-1.8.new", (int)runner.self.pid);
    write_at(name, "clo");
    (void)chaos_undo_left(place, NULL);
    assert_false(is_there(name)); /* its fault was never made */
}

/* The environment is among it: it does not lie about for ever. */
static void what_no_record_needs_is_removed(void **state)
{
    (void)state;
    char mine[64], other[64];
    chaos_process_t self;
    assert_true(chaos_process_find((uint64_t)getpid(), &self));
    snprintf(mine, sizeof mine, "undo/%d-%llu.supervisor-9.env", (int)self.pid,
             (unsigned long long)self.start);
    snprintf(other, sizeof other, "undo/%d-1.supervisor-9.env", (int)runner.self.pid);
    write_at(mine, "A=secret");
    write_at(other, "A=secret");
    chaos_left_t left = chaos_undo_left(place, NULL);
    assert_int_equal(left.done + left.failed, 0);
    assert_true(is_there(mine));
    assert_false(is_there(other));
}

/* Actors come and go while all clocks are off. */
static void every_clock_of_the_folder_is_set_right(void **state)
{
    (void)state;
    write_at("clock/supervisor", "+3600\n");
    write_at("clock/left-meanwhile", "+3600\n");
    write_at("clock/host.new", "+36");
    uint64_t record = chaos_undo_clock(&runner, at("clock"));
    assert_true(record > 0);
    assert_int_equal(chaos_undo_now(&runner, record), 0);
    assert_string_equal(text_at("clock/supervisor"), "+0\n");
    assert_string_equal(text_at("clock/left-meanwhile"), "+0\n");
    assert_string_equal(text_at("clock/host.new"), "+36");
    assert_false(is_there("clock/host.new.new"));
    chaos_undo_drop(&runner, record);
    write_at("file", "");
    record = chaos_undo_clock(&runner, at("file/clock"));
    assert_int_equal(chaos_undo_now(&runner, record), ENOTDIR);
    chaos_undo_drop(&runner, record);
}

static void a_record_that_could_not_be_read_is_not_written(void **state)
{
    (void)state;
    assert_int_equal(chaos_undo_clock(&runner, "/a\nb"), 0);
    assert_int_equal(errno, EINVAL);
    write_at("clock/host", "+0\n");
    assert_int_equal(mkdir(at("clock/host.new"), 0700), 0);
    assert_false(chaos_write_file(at("clock/host"), "+1\n"));
    assert_int_equal(rmdir(at("clock/host.new")), 0);
    assert_int_equal(mkdir(at("clock/folder"), 0700), 0);
    assert_false(chaos_write_file(at("clock/folder"), "+1\n"));
    assert_false(is_there("clock/folder.new"));
}

/* ---- others ---- */

/* A runner that lives: this process. */
static chaos_undo_t living(void)
{
    chaos_undo_t self = {.keeper = -1};
    memcpy(self.place, place, sizeof place);
    assert_true(chaos_process_find((uint64_t)getpid(), &self.self));
    return self;
}

static void assert_refused(const chaos_undo_t *self, uint64_t record, int error, const char *thing)
{
    char by[32];
    int seen = errno;
    snprintf(by, sizeof by, "process %d", (int)(error == EBUSY ? getpid() : runner.self.pid));
    assert_int_equal(record, 0);
    assert_int_equal(seen, error);
    assert_non_null(strstr(self->held, thing));
    assert_non_null(strstr(self->held, by));
    assert_non_null(strstr(self->held, error == EBUSY ? "kill " : "vedette chaos undo"));
}

static void what_another_runner_has_is_refused(void **state)
{
    (void)state;
    chaos_undo_t first = living(), *second = &runner;
    chaos_process_t a = {.pid = getpid(), .start = 1}, b = {.pid = getpid(), .start = 2};
    assert_true(chaos_undo_cont(&first, &a) > 0);
    assert_refused(second, chaos_undo_cont(second, &a), EBUSY, "the state of process ");
    assert_true(chaos_undo_cont(second, &b) > 0);
    assert_true(chaos_undo_disk(&first, &a, "/disk/a") > 0);
    assert_refused(second, chaos_undo_disk(second, &b, "/disk/a"), EBUSY, "the disk of process ");
    assert_true(chaos_undo_disk(second, &b, "/disk/b") > 0);
    assert_true(chaos_undo_executable(&first, "/away.1", "/bin/x", "", "one") > 0);
    assert_refused(second, chaos_undo_executable(second, "/away.2", "/bin/x", "", "two"), EBUSY,
                   "the executable /bin/x");
    assert_true(chaos_undo_executable(second, "/away.2", "/bin/xy", "", "two") > 0);
    assert_true(chaos_undo_start(&first, "", "host") > 0); /* puts nothing back */
    assert_true(chaos_undo_start(second, "", "host") > 0);
    assert_string_equal(second->held, "");
}

/* One clock is one of all. */
static void a_clock_is_had_with_all_of_them(void **state)
{
    (void)state;
    chaos_undo_t first = living(), *second = &runner;
    uint64_t one = chaos_undo_clock(&first, at("clock/host"));
    assert_true(one > 0);
    assert_refused(second, chaos_undo_clock(second, at("clock/host")), EBUSY, at("clock/host"));
    assert_refused(second, chaos_undo_clock(second, at("clock")), EBUSY, at("clock/host"));
    assert_true(chaos_undo_clock(second, at("clock/ho")) > 0);
    chaos_undo_drop(&first, one);
    assert_true(chaos_undo_clock(second, at("clock/host")) > 0);
    /* Left behind by one that is dead, it will be set right. */
    assert_refused(&first, chaos_undo_clock(&first, at("clock")), EAGAIN, at("clock/ho"));
    assert_int_equal(chaos_undo_left(place, NULL).failed, 0);
    assert_true(chaos_undo_clock(&first, at("clock")) > 0);
}

/* What will be undone soon is waited for; what somebody has is not. */
static void a_fault_waits_for_what_is_left(void **state)
{
    (void)state;
    static chaos_ground_t ground;
    static chaos_fault_t fault;
    chaos_undo_t first = living();
    ground.undo = runner;
    assert_true(chaos_undo_clock(&first, at("clock/host")) > 0);
    uint64_t record = chaos_undo_clock(&ground.undo, at("clock/host"));
    assert_false(chaos_fault_recorded(&ground, &fault, record));
    assert_false(fault.waits);
    assert_string_equal(fault.seen, ground.undo.held);
    assert_true(chaos_undo_clock(&runner, at("clock/static")) > 0);
    ground.undo = first;
    record = chaos_undo_clock(&ground.undo, at("clock/static"));
    assert_false(chaos_fault_recorded(&ground, &fault, record));
    assert_true(fault.waits);
    assert_string_equal(fault.seen, ground.undo.held);
}

/* What the first has set it to is never what it was before the second. */
static void a_limit_is_as_before_whoever_comes_second(void **state)
{
    (void)state;
    chaos_undo_t first = living(), *second = &runner;
    struct rlimit whole, low;
    uint64_t before = 0, none = 7;
    assert_int_equal(getrlimit(RLIMIT_NPROC, &whole), 0);
    low = whole;
    low.rlim_cur = whole.rlim_cur > 100000 ? 100000 : whole.rlim_cur - 1;
    uint64_t record = chaos_undo_limit(&first, &first.self, RLIMIT_NPROC, &before);
    assert_true(record > 0 && before == whole.rlim_cur);
    assert_int_equal(setrlimit(RLIMIT_NPROC, &low), 0);
    uint64_t refused = chaos_undo_limit(second, &first.self, RLIMIT_NPROC, &none);
    assert_refused(second, refused, EBUSY, "a limit of process ");
    assert_true(chaos_undo_limit(second, &first.self, RLIMIT_CORE, &none) > 0);
    assert_int_equal(chaos_undo_now(&first, record), 0);
    assert_int_equal(getrlimit(RLIMIT_NPROC, &low), 0);
    assert_true(low.rlim_cur == whole.rlim_cur);
    chaos_undo_drop(&first, record);
    assert_true(chaos_undo_limit(second, &first.self, RLIMIT_NPROC, &before) > 0);
    assert_true(before == whole.rlim_cur);
}

/* Does the process wait for a lock that another one has? */
static bool waits_for_lock(pid_t pid)
{
    char line[256];
    bool waits = false;
    FILE *file = fopen("/proc/locks", "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        int waiter = 0;
        waits |= sscanf(line, "%*d: -> FLOCK %*s %*s %d", &waiter) == 1 && waiter == pid;
    }
    fclose(file);
    return waits;
}

/* Nothing comes between the look at the records and the new one. */
static void two_that_record_at_once_see_each_other(void **state)
{
    (void)state;
    int status = -1;
    chaos_undo_t first = living();
    int lock = open(at("undo"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(lock);
        _exit(chaos_undo_clock(&runner, at("clock")) == 0 && errno == EBUSY ? 0 : 1);
    }
    double begun_ms = chaos_now_ms();
    while (!waits_for_lock(pid)) {
        assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
        assert_true(chaos_now_ms() - begun_ms < AWAIT_MS);
        usleep(1000);
    }
    char name[64];
    snprintf(name, sizeof name, "undo/%d-%llu.1", (int)first.self.pid,
             (unsigned long long)first.self.start);
    snprintf(first.held, sizeof first.held, "clock\n%s\n", at("clock"));
    write_at(name, first.held);
    close(lock);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* ---- the keeper ---- */

static void await_text(const char *name, const char *text)
{
    double begun_ms = chaos_now_ms();
    while (strcmp(text_at(name), text) != 0) {
        assert_true(chaos_now_ms() - begun_ms < AWAIT_MS);
        usleep(1000);
    }
}

static void await_gone(const char *name)
{
    double begun_ms = chaos_now_ms();
    while (is_there(name)) {
        assert_true(chaos_now_ms() - begun_ms < AWAIT_MS);
        usleep(1000);
    }
}

/* A runner breaks all clocks and dies; `record` is where that is recorded. */
static void die_with_clocks_off(char record[NAME_BYTES])
{
    char error[CHAOS_ERROR_BYTES];
    int ends[2], state;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        chaos_undo_t self;
        bool good = chaos_undo_open(&self, place, at("logs"), error) == VD_OK &&
                    chaos_undo_clock(&self, at("clock")) == 1;
        snprintf(record, NAME_BYTES, "undo/%d-%llu.1", (int)self.self.pid,
                 (unsigned long long)self.self.start);
        _exit(good && write(ends[1], record, NAME_BYTES) == NAME_BYTES ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &state, 0), pid);
    assert_int_equal(state, 0);
    assert_int_equal(read(ends[0], record, NAME_BYTES), NAME_BYTES);
    close(ends[0]);
    close(ends[1]);
}

static void a_keeper_tries_again_what_fails(void **state)
{
    (void)state;
    char record[NAME_BYTES];
    write_at("clock/host", "+3600\n");
    write_at("clock/static", "+3600\n");
    assert_int_equal(mkdir(at("clock/host.new"), 0700), 0);
    die_with_clocks_off(record);
    await_text("clock/static", "+0\n");
    write_at("clock/static", "+3600\n"); /* so that the second time shows */
    await_text("clock/static", "+0\n");
    assert_true(is_there(record));
    assert_int_equal(rmdir(at("clock/host.new")), 0);
    await_text("clock/host", "+0\n");
    await_gone(record);
    assert_false(is_there("logs/chaos.log"));
}

static void what_a_keeper_cannot_undo_stands_in_the_log(void **state)
{
    (void)state;
    enum { SHORT_MS = 250, NEVER_MS = 3600000 };
    char melt[NAME_BYTES], line[700];
    snprintf(melt, sizeof melt, "undo/%d-1.7", (int)runner.self.pid);
    write_at(melt, "melt\nhost\n");
    /* What nobody can understand is not tried again. */
    chaos_undo_keep(place, at("logs/chaos.log"), &runner.self, NEVER_MS);
    snprintf(line, sizeof line, " ERROR chaos: %s: not undone: it cannot be understood", at(melt));
    assert_non_null(strstr(text_at("logs/chaos.log"), line));
    assert_int_equal(unlink(at(melt)), 0);
    write_at("clock/host", "+3600\n");
    assert_int_equal(mkdir(at("clock/host.new"), 0700), 0);
    uint64_t record = chaos_undo_clock(&runner, at("clock/host"));
    chaos_undo_keep(place, at("logs/chaos.log"), &runner.self, SHORT_MS);
    snprintf(
        line, sizeof line,
        " ERROR chaos: %s/undo/%d-1.%d: not undone: Is a directory; remove the cause, then again: "
        "vedette chaos undo\n",
        place, (int)runner.self.pid, (int)record);
    const char *text = text_at("logs/chaos.log");
    assert_non_null(strstr(text, line));
    assert_ptr_equal(strchr(strchr(text, '\n') + 1, '\n'), text + strlen(text) - 1); /* two lines */
    assert_int_equal(chaos_undo_left(place, NULL).failed, 1);
}

/* ---- a supervisor that is started again ---- */

static void copy(const char *from, const char *to)
{
    char command[1400];
    snprintf(command, sizeof command, "cp '%s' '%s'", from, to);
    assert_int_equal(system(command), 0);
}

/* A process of this executable whose errors go to `errors`. */
static chaos_process_t run(const char *exe, int errors)
{
    chaos_process_t process;
    char link[64], path[700] = "";
    pid_t pid = fork();
    if (pid == 0) {
        dup2(errors, STDERR_FILENO);
        execl(exe, exe, "1000", (char *)NULL);
        _exit(127);
    }
    snprintf(link, sizeof link, "/proc/%d/exe", (int)pid);
    for (int i = 0; strcmp(path, exe) != 0; i++) {
        assert_true(i < 10000);
        ssize_t size = readlink(link, path, sizeof path - 1);
        path[size > 0 ? size : 0] = 0;
        usleep(1000);
    }
    assert_true(chaos_process_find((uint64_t)pid, &process));
    return process;
}

static void end(const chaos_process_t *process)
{
    assert_int_equal(chaos_process_signal(process, SIGKILL), 0);
    assert_int_equal(waitpid(process->pid, NULL, 0), process->pid);
}

static void an_executable_that_was_replaced_is_started_as_what_is_there(void **state)
{
    (void)state;
    char exe[600], file[600];
    int ends[2];
    snprintf(exe, sizeof exe, "%s", at("program"));
    snprintf(file, sizeof file, "%s", at("supervisor"));
    assert_int_equal(pipe(ends), 0);
    copy("/bin/sleep", exe);
    chaos_process_t process = run(exe, ends[1]);
    assert_int_equal(unlink(exe), 0);
    assert_false(chaos_launch_save(&process, file, at("logs")));
    assert_int_equal(errno, ENOENT);
    assert_false(is_there("supervisor.exe") || is_there("supervisor.env"));
    copy("/bin/sleep", exe);
    assert_true(chaos_launch_save(&process, file, at("logs")));
    assert_string_equal(text_at("supervisor.exe"), exe);
    end(&process);
    close(ends[0]);
    close(ends[1]);
}

/* Nothing that goes with the record is written to. */
static void words_of_a_pipe_go_on_to_the_log(void **state)
{
    (void)state;
    char file[600], log[600];
    int ends[2];
    snprintf(file, sizeof file, "%s", at("supervisor"));
    snprintf(log, sizeof log, "%s", at("logs/own.log"));
    assert_int_equal(pipe(ends), 0);
    chaos_process_t process = run("/usr/bin/sleep", ends[1]);
    assert_true(chaos_launch_save(&process, file, at("logs")));
    assert_string_equal(text_at("supervisor.log"), at("logs/supervisor.log"));
    end(&process);
    int fd = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    process = run("/usr/bin/sleep", fd);
    assert_true(chaos_launch_save(&process, file, at("logs")));
    assert_string_equal(text_at("supervisor.log"), log);
    end(&process);
    chaos_launch_forget(file);
    assert_false(is_there("supervisor.exe") || is_there("supervisor.env"));
    close(fd);
    close(ends[0]);
    close(ends[1]);
}

/* ---- processes ---- */

static void who_cannot_be_looked_at_is_not_gone(void **state)
{
    (void)state;
    chaos_process_t self, other;
    struct rlimit limit, none;
    assert_true(chaos_process_find((uint64_t)getpid(), &self));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    char state_of_self = chaos_process_state(&self);
    bool found = chaos_process_find((uint64_t)getpid(), &other);
    int error = errno;
    int signalled = chaos_process_signal(&self, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(state_of_self, '?');
    assert_false(found);
    assert_int_equal(error, EMFILE);
    assert_int_equal(signalled, EMFILE);
    assert_int_equal(chaos_process_state(&self), 'R');
    assert_int_equal(chaos_process_state(&runner.self), 0);
    assert_false(chaos_process_find((uint64_t)runner.self.pid, &other));
    assert_int_equal(errno, ESRCH);
}

/* ---- the engine ---- */

static void an_engine_without_a_runtime_closes_nothing(void **state)
{
    (void)state;
    static chaos_engine_t engine;
    char dir[1024], error[CHAOS_ERROR_BYTES];
    memset(dir, 'd', sizeof dir - 1);
    dir[sizeof dir - 1] = 0;
    dir[0] = '/';
    int before = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0 || dup2(before, STDIN_FILENO) == STDIN_FILENO);
    assert_true(chaos_engine_open(&engine, NULL, dir, error) != VD_OK);
    chaos_engine_close(&engine);
    assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
    close(before);
}

/* Who drives it may have done other things for minutes. */
static void a_line_that_comes_late_begins_when_it_comes(void **state)
{
    (void)state;
    static chaos_engine_t engine;
    char error[CHAOS_ERROR_BYTES];
    chaos_line_t line;
    double now_ms = chaos_now_ms();
    assert_int_equal(chaos_line_parse("after 2s kill host", &line, error), VD_OK);
    engine.ended_ms = now_ms - 120000;
    chaos_engine_begin(&engine, &line, 1);
    assert_true(engine.faults[0].stage_ms >= now_ms);
    assert_true(engine.faults[0].stage_ms <= chaos_now_ms());
    engine.ended_ms = chaos_now_ms() - 500;
    chaos_engine_begin(&engine, &line, 2);
    assert_true(engine.faults[0].stage_ms == engine.ended_ms + 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_cannot_be_undone_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_record_that_nobody_can_read_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_no_record_needs_is_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_clock_of_the_folder_is_set_right, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_record_that_could_not_be_read_is_not_written, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_another_runner_has_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_clock_is_had_with_all_of_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_fault_waits_for_what_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_limit_is_as_before_whoever_comes_second, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(two_that_record_at_once_see_each_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_keeper_tries_again_what_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_keeper_cannot_undo_stands_in_the_log, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_executable_that_was_replaced_is_started_as_what_is_there,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(words_of_a_pipe_go_on_to_the_log, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_cannot_be_looked_at_is_not_gone, set_up, tear_down),
        cmocka_unit_test(an_engine_without_a_runtime_closes_nothing),
        cmocka_unit_test(a_line_that_comes_late_begins_when_it_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

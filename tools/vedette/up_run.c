/* up_run.c: a supervisor as a child: started, told to end, and what it left in its log. */
#include "up.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LOG_TAIL_BYTES = 8192,
    STATUS_MS = 200,
    LONG_START_MS = 1500,
    SLOW_LOOK_MS = 1000, /* between looks at a runtime that is ready */
};

/* What `up` on a terminal knows of the supervisor that it watches. */
typedef struct watch {
    pid_t pid;
    int64_t begun_ms, stop_ms, look_ms; /* stop: when it is told to end; look: when next */
    bool told_ready, told_trouble, ending;
    char state[32];
} watch_t;

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
    (void)number;
    signals++;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

void up_become(const up_supervisor_t *supervisor)
{
    signal(SIGPIPE, SIG_DFL);
    execv(supervisor->path, supervisor->argv);
    fprintf(stderr, "vedette: %s: %s\n", supervisor->path, strerror(errno));
    _exit(1);
}

/* Starts a supervisor as a child that ends with us; `log` is its stderr, -1 our own. */
static pid_t start(const up_supervisor_t *supervisor, int log)
{
    catch_signals();
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    setpgid(0, 0); /* a Ctrl-C reaches it once: through us */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(1);
    if (log >= 0) {
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
    }
    up_become(supervisor);
}

/* Tells the supervisor to end: once when the time is over, and for each signal. Asked once more,
 * it kills what is left. True when it was told now. */
static bool tell_to_end(pid_t pid, int64_t stop_ms, bool *ending)
{
    bool due = !*ending && cli_mono_ms() >= stop_ms;
    bool asked = signals > 0;
    if (!due && !asked)
        return false;
    signals = 0;
    *ending = true;
    kill(pid, SIGTERM);
    return true;
}

int up_run_for(const up_supervisor_t *supervisor, int64_t for_ms)
{
    assert(for_ms > 0);
    int64_t stop_ms = cli_mono_ms() + for_ms;
    bool ending = false;
    int state = 0;
    pid_t pid = start(supervisor, -1);
    if (pid < 0)
        return 1;
    while (waitpid(pid, &state, WNOHANG) != pid) {
        tell_to_end(pid, stop_ms, &ending);
        poll(NULL, 0, CLI_LOOK_MS);
    }
    return WIFEXITED(state) ? WEXITSTATUS(state) : 1;
}

int up_open_log(cli_t *cli, up_supervisor_t *supervisor, int64_t *from, int *exit_code)
{
    char error[VD_TEXT_BYTES_MAX];
    vd_paths_t paths;
    vd_reply_t reply;
    vd_value_t map;
    if (cli_status(cli, 1000, &reply, &map) == VD_OK) {
        *exit_code = cli_fail(cli, VD_BUSY,
                              "a runtime is up in %s already (pid %" PRIu64
                              "); see: vedette status, vedette down",
                              vd_client_run_dir(cli->client), vd_value_get_u64(&map, "pid", 0));
        return -1;
    }
    vd_status_t status = vd_paths_resolve(cli->dir, &paths, error, sizeof error);
    if (status == VD_OK)
        status = vd_paths_create(&paths, error, sizeof error);
    if (status != VD_OK) {
        *exit_code = cli_fail(cli, status, "%s", error);
        return -1;
    }
    snprintf(supervisor->log, sizeof supervisor->log, "%s/supervisor.log", paths.logs);
    int fd = open(supervisor->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0)
        *exit_code = cli_fail(cli, VD_IO, "%s: %s", supervisor->log, strerror(errno));
    else
        *from = info.st_size;
    return fd;
}

/* A line of the log for people: errors without their time stamp, and what has none. */
static bool tell_line(const cli_t *cli, vd_str_t line)
{
    static const char error[] = " ERROR supervisor: ";
    enum { STAMP = VD_TS_SIZE - 1 };
    int64_t ignored;
    size_t skip = 0;
    if (line.size >= STAMP && vd_ts_parse(vd_bytes(line.data, STAMP), &ignored)) {
        if (line.size < STAMP + sizeof error - 1 ||
            memcmp(line.data + STAMP, error, sizeof error - 1) != 0)
            return false;
        skip = STAMP + sizeof error - 1;
    }
    if (line.size > skip)
        cli_fail(cli, VD_FAILED, "%.*s", (int)(line.size - skip), (const char *)line.data + skip);
    return line.size > skip;
}

int up_tell_end(const cli_t *cli, const up_supervisor_t *supervisor, int64_t from, int code)
{
    char text[LOG_TAIL_BYTES];
    bool told = false;
    int fd = open(supervisor->log, O_RDONLY | O_CLOEXEC);
    int64_t end = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
    int64_t at = end - LOG_TAIL_BYTES > from ? end - LOG_TAIL_BYTES : from;
    ssize_t size = fd >= 0 ? pread(fd, text, sizeof text, at) : 0;
    if (fd >= 0)
        close(fd);
    for (ssize_t begin = 0; begin < size;) {
        const char *stop = memchr(text + begin, '\n', (size_t)(size - begin));
        size_t length = stop != NULL ? (size_t)(stop - text - begin) : (size_t)(size - begin);
        told |= tell_line(cli, vd_bytes(text + begin, length));
        begin += (ssize_t)length + 1;
    }
    if (!told)
        cli_fail(cli, VD_FAILED, "the supervisor has ended with exit code %d; see %s", code,
                 supervisor->log);
    return code != 0 ? code : 1;
}

static void tell_ready(const cli_t *cli, const up_supervisor_t *supervisor, const vd_value_t *map)
{
    char option[600] = "";
    vd_str_t session = vd_value_get_str(map, "session"), data = vd_value_get_str(map, "data");
    if (cli->dir != NULL)
        snprintf(option, sizeof option, " --dir %s", cli->dir);
    cli_say(cli, "Vedette is up: %" PRIu64 " actors, pid %" PRIu64,
            vd_value_get_u64(map, "actors", 0), vd_value_get_u64(map, "pid", 0));
    cli_say(cli, "  session  %.*s", (int)session.size, (const char *)session.data);
    cli_say(cli, "  sockets  %s", vd_client_run_dir(cli->client));
    cli_say(cli, "  data     %.*s", (int)data.size, (const char *)data.data);
    cli_say(cli, "  log      %s", supervisor->log);
    cli_say(cli, "In another terminal:");
    cli_say(cli, "  vedette follow%s    events as they are committed", option);
    cli_say(cli, "  vedette ps%s        the processes; they may be killed", option);
    cli_say(cli, "Ctrl-C ends it in order.");
}

/* Tells once what keeps the ingestor from writing, when the start takes long. */
static void look_at_store(cli_t *cli, watch_t *watch)
{
    char trouble[VD_TEXT_BYTES_MAX + 1];
    if (watch->told_trouble || cli_mono_ms() - watch->begun_ms < LONG_START_MS)
        return;
    cli_store_trouble(cli, trouble, sizeof trouble);
    watch->told_trouble = trouble[0] != 0;
    if (watch->told_trouble)
        cli_say(cli, "%s. See: vedette status", trouble);
}

/* Tells when the runtime has become ready, and afterwards when its state has changed. */
static void look(cli_t *cli, const up_supervisor_t *supervisor, watch_t *watch)
{
    vd_reply_t reply;
    vd_value_t map;
    if (cli_mono_ms() < watch->look_ms || watch->ending)
        return;
    if (cli_status(cli, STATUS_MS, &reply, &map) == VD_OK) {
        vd_str_t state = vd_value_get_str(&map, "state"), text = vd_value_get_str(&map, "text");
        bool ready = vd_str_is(state, "ready");
        if (ready && !watch->told_ready)
            tell_ready(cli, supervisor, &map);
        else if (!vd_str_is(state, watch->state) &&
                 (watch->told_ready || vd_str_is(state, "failed")))
            cli_say(cli, "%.*s%s%.*s%s", (int)state.size, (const char *)state.data,
                    text.size > 0 ? ": " : " again", (int)text.size, (const char *)text.data,
                    ready ? "" : "; see: vedette ps");
        watch->told_ready |= ready;
        vd_str_copy(watch->state, sizeof watch->state, state);
    }
    if (!watch->told_ready)
        look_at_store(cli, watch);
    watch->look_ms = cli_mono_ms() + (watch->told_ready ? SLOW_LOOK_MS : 0);
}

int up_in_terminal(cli_t *cli, up_supervisor_t *supervisor, int64_t for_ms)
{
    int64_t from = 0;
    int code = 1, state = 0;
    int log = up_open_log(cli, supervisor, &from, &code);
    if (log < 0)
        return code;
    watch_t watch = {.begun_ms = cli_mono_ms(), .stop_ms = INT64_MAX};
    watch.stop_ms = for_ms > 0 ? watch.begun_ms + for_ms : INT64_MAX;
    watch.pid = start(supervisor, log);
    close(log);
    if (watch.pid < 0)
        return cli_fail(cli, VD_FAILED, "cannot fork: %s", strerror(errno));
    while (waitpid(watch.pid, &state, WNOHANG) != watch.pid) {
        bool again = watch.ending;
        if (tell_to_end(watch.pid, watch.stop_ms, &watch.ending))
            cli_say(cli, again ? "killing what is left" : "stopping; once more kills what is left");
        look(cli, supervisor, &watch);
        poll(NULL, 0, CLI_LOOK_MS);
    }
    if (WIFSIGNALED(state))
        return cli_fail(cli, VD_FAILED,
                        "the supervisor was killed by signal %d; its actors end with it. "
                        "Start again: vedette up",
                        WTERMSIG(state));
    if (WEXITSTATUS(state) != 0)
        return up_tell_end(cli, supervisor, from, WEXITSTATUS(state));
    char span[32];
    cli_format_duration(cli_mono_ms() - watch.begun_ms, span, sizeof span);
    cli_say(cli, "down, after %s", span);
    return 0;
}

/* cmd_up.c: `up` becomes the supervisor; with --for it watches one, with --detach it leaves one
 * behind. */
#include "cli.h"

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
    READY_MS = 30000,
    LOG_TAIL_BYTES = 2048,
};

typedef struct supervisor {
    char path[4096];
    char log[600];
    char *argv[8];
} supervisor_t;

static void be_supervisor(const supervisor_t *supervisor)
{
    signal(SIGPIPE, SIG_DFL);
    execv(supervisor->path, supervisor->argv);
    fprintf(stderr, "vedette: %s: %s\n", supervisor->path, strerror(errno));
    _exit(1);
}

static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
    signalled = number;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

static int code_of(int state)
{
    return WIFEXITED(state) ? WEXITSTATUS(state) : 1;
}

/* Runs a supervisor for so long, then stops it in order. Returns its exit code. */
static int run_for(const supervisor_t *supervisor, int64_t for_ms)
{
    catch_signals();
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        return 1;
    if (pid == 0) {
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        signal(SIGHUP, SIG_DFL);
        setpgid(0, 0); /* a Ctrl-C reaches it once: through us */
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
            _exit(1);
        be_supervisor(supervisor);
    }
    int64_t deadline = cli_mono_ms() + for_ms;
    bool told = false;
    int state = 0;
    while (waitpid(pid, &state, WNOHANG) != pid) {
        if ((signalled != 0 || cli_mono_ms() >= deadline) && !told) {
            kill(pid, SIGTERM);
            told = true;
            signalled = 0;
        } else if (signalled != 0) { /* asked once more: the supervisor kills what is left */
            kill(pid, SIGTERM);
            signalled = 0;
        }
        poll(NULL, 0, CLI_LOOK_MS);
    }
    return code_of(state);
}

/* The last lines of the log, for a start that failed. */
static void show_log(const char *path, int64_t from)
{
    char text[LOG_TAIL_BYTES + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    int64_t end = lseek(fd, 0, SEEK_END);
    int64_t at = end - LOG_TAIL_BYTES > from ? end - LOG_TAIL_BYTES : from;
    ssize_t size = pread(fd, text, LOG_TAIL_BYTES, at);
    close(fd);
    if (size <= 0)
        return;
    text[size] = 0;
    fputs(text, stderr);
}

static int open_log(cli_t *cli, supervisor_t *supervisor, int64_t *from)
{
    char error[VD_TEXT_BYTES_MAX];
    vd_paths_t paths;
    vd_status_t status = vd_paths_resolve(cli->dir, &paths, error, sizeof error);
    if (status == VD_OK)
        status = vd_paths_create(&paths, error, sizeof error);
    if (status != VD_OK) {
        cli_fail(cli, status, "%s", error);
        return -1;
    }
    snprintf(supervisor->log, sizeof supervisor->log, "%s/supervisor.log", paths.logs);
    int fd = open(supervisor->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0)
        cli_fail(cli, VD_IO, "%s: %s", supervisor->log, strerror(errno));
    else
        *from = info.st_size;
    return fd;
}

static void detach(const supervisor_t *supervisor, int log, int64_t for_ms)
{
    setsid();
    if (chdir("/") != 0) /* whose directories may be unmounted */
        _exit(1);
    int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    if (null > STDERR_FILENO)
        close(null);
    if (for_ms > 0)
        _exit(run_for(supervisor, for_ms));
    be_supervisor(supervisor);
}

static int up_detached(cli_t *cli, supervisor_t *supervisor, int64_t for_ms, int64_t timeout_ms)
{
    int64_t from = 0;
    int log = open_log(cli, supervisor, &from);
    if (log < 0)
        return 1;
    vd_reply_t reply;
    vd_value_t map;
    if (cli_status(cli, 1000, &reply, &map) == VD_OK) {
        close(log);
        return cli_fail(cli, VD_BUSY,
                        "a runtime is up in %s already (pid %" PRIu64 "); see: vedette status",
                        vd_client_run_dir(cli->client), vd_value_get_u64(&map, "pid", 0));
    }
    pid_t pid = fork();
    if (pid < 0)
        return cli_fail(cli, VD_FAILED, "cannot fork: %s", strerror(errno));
    if (pid == 0)
        detach(supervisor, log, for_ms);
    close(log);
    int code = 0;
    vd_status_t status = cli_wait_ready(cli, timeout_ms, !cli_has(cli, "wait"), pid, &code);
    if (status == VD_OK) {
        cli_say(cli, "up in %s (pid %d)", vd_client_run_dir(cli->client), (int)pid);
        return 0;
    }
    if (status == VD_FAILED && code != 0) {
        show_log(supervisor->log, from);
        return code;
    }
    if (status == VD_FAILED)
        return cli_fail(cli, VD_FAILED, "the supervisor ended before it was ready; see %s",
                        supervisor->log);
    return cli_fail(cli, VD_TIMED_OUT,
                    "the runtime (pid %d) is not ready after %" PRId64 " ms; see: vedette ps",
                    (int)pid, timeout_ms);
}

int cmd_up(cli_t *cli)
{
    supervisor_t supervisor = {0};
    int64_t for_ms, timeout_ms;
    if (!cli_duration(cli, "for", 0, &for_ms) ||
        !cli_duration(cli, "timeout", READY_MS, &timeout_ms))
        return vd_status_exit_code(VD_USAGE);
    if (cli_has(cli, "wait") && !cli_has(cli, "detach"))
        return cli_fail(cli, VD_USAGE,
                        "up --wait goes with --detach: in the foreground, up stays until the end");
    char error[VD_TEXT_BYTES_MAX];
    vd_paths_t paths;
    vd_status_t status = vd_paths_resolve(cli->dir, &paths, error, sizeof error);
    if (status != VD_OK)
        return cli_fail(cli, status, "%s", error);
    if (!cli_sibling(cli, "vedette-supervisor", supervisor.path, sizeof supervisor.path))
        return 1;
    size_t count = 0;
    supervisor.argv[count++] = supervisor.path;
    if (paths.dir[0] != 0) {
        supervisor.argv[count++] = "--dir";
        supervisor.argv[count++] = paths.dir;
    }
    char config[4096];
    if (cli_has(cli, "config")) {
        if (realpath(cli_value(cli, "config", ""), config) == NULL)
            return cli_fail(cli, errno == ENOENT ? VD_NOT_FOUND : VD_CONFIG, "%s: %s",
                            cli_value(cli, "config", ""), strerror(errno));
        supervisor.argv[count++] = "--config";
        supervisor.argv[count++] = config;
    }
    if (cli->verbosity != 0) {
        supervisor.argv[count++] = "--log-level";
        supervisor.argv[count++] = cli->verbosity > 0 ? "debug" : "warn";
    }
    if (cli_has(cli, "detach"))
        return up_detached(cli, &supervisor, for_ms, timeout_ms);
    if (for_ms > 0)
        return run_for(&supervisor, for_ms);
    be_supervisor(&supervisor);
    return 1;
}

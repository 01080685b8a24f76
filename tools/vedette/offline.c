/* offline.c: `--offline`: the store of a runtime that is not up, served by an ingestor of our own
 * that only reads. */
#include "cli.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY_MS = 60000, LOG_BYTES = 8192 };

static const char *asked(const cli_t *cli)
{
    if (cli_store_repairs(cli)) /* which reads it by itself */
        return NULL;
    for (int i = 0; i < cli->given_count; i++)
        if (strcmp(cli->given[i].option->name, CLI_OFFLINE) == 0) {
            const char *store = cli->given[i].value;
            if (store != NULL && store[0] != 0)
                return store;
            /* Of the others the argument is a session, or the like. */
            return cli->command->run == cmd_tui && cli->argument_count > 0 ? cli->arguments[0] : "";
        }
    return NULL;
}

/* The directory of the store, as an absolute path. */
static bool find_store(const cli_t *cli, const char *given, char *out, int *exit_code)
{
    char error[VD_TEXT_BYTES_MAX];
    vd_paths_t paths = {0};
    char runtime[4096];
    if (given[0] == 0) {
        vd_status_t status = vd_paths_resolve(cli->dir, &paths, error, sizeof error);
        if (status != VD_OK) {
            *exit_code = cli_fail(cli, status, "%s", error);
            return false;
        }
        given = paths.store;
    }
    /* The directory of a runtime, as --dir takes it, has its store below. */
    snprintf(runtime, sizeof runtime, "%.4000s/store/CURRENT", given);
    bool is_runtime = access(runtime, F_OK) == 0;
    runtime[strlen(runtime) - strlen("/CURRENT")] = 0;
    if (realpath(is_runtime ? runtime : given, out) != NULL)
        return true;
    *exit_code = cli_fail(cli, errno == ENOENT ? VD_NOT_FOUND : VD_IO, "no store in %s: %s", given,
                          strerror(errno));
    return false;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

static void remove_tree(const char *dir)
{
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Becomes the ingestor. Its signals are those of a new process; `notify` is its only way to us. */
static void be_ingestor(const char *path, const char *dir, const char *store, int notify)
{
    char number[16], option[4200];
    snprintf(number, sizeof number, "%d", notify);
    snprintf(option, sizeof option, "--read-only=%s", store);
    setenv("VEDETTE_NOTIFY_FD", number, 1);
    unsetenv("VEDETTE_LOCK_FD");
    fcntl(notify, F_SETFD, 0);
    signal(SIGPIPE, SIG_DFL);
    const char *argv[] = {path, "--dir", dir, option, NULL};
    execv(path, (char *const *)argv);
    _exit(127);
}

/* Stays with the ingestor until that has ended, whoever of us is still there, and cleans up. */
static void keep(const char *path, const char *dir, const char *store, int notify, int log)
{
    setpgid(0, 0); /* a Ctrl-C is for the command */
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(in, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    if (chdir("/") != 0)
        _exit(1);
    pid_t pid = fork();
    if (pid == 0)
        be_ingestor(path, dir, store, notify);
    /* It goes when the ingestor has, which goes with the command: not before it has cleaned up. */
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    close(notify);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

/* Reads "ready" from the ingestor. False when it has ended instead, or takes too long. */
static bool await_ready(int notify)
{
    struct pollfd item = {.fd = notify, .events = POLLIN};
    int64_t deadline = cli_mono_ms() + READY_MS;
    for (;;) {
        char bytes[64];
        int64_t rest = deadline - cli_mono_ms();
        if (rest <= 0)
            return false;
        if (poll(&item, 1, (int)rest) <= 0)
            continue;
        ssize_t size = read(notify, bytes, sizeof bytes);
        if (size >= 5)
            return memcmp(bytes, "ready", 5) == 0;
        if (size == 0 || errno != EINTR)
            return false;
    }
}

/* Tells why the ingestor did not become ready, in its own words. */
static int tell_failure(const cli_t *cli, const char *store, int log)
{
    static const char mark[] = " ERROR ingestor: ";
    char bytes[LOG_BYTES + 1];
    ssize_t size = pread(log, bytes, LOG_BYTES, 0);
    bytes[size > 0 ? size : 0] = 0;
    char *line = strstr(bytes, mark);
    if (line == NULL)
        return cli_fail(cli, VD_FAILED, "the store in %s cannot be served%s%.200s", store,
                        size > 0 ? ": " : "", bytes);
    line += sizeof mark - 1;
    line[strcspn(line, "\n")] = 0;
    if (strstr(line, "is in use by process") != NULL)
        return cli_fail(cli, VD_BUSY, "%s. Leave --offline out to ask whoever has it", line);
    bool none = strncmp(line, "there is no store in", 20) == 0;
    return cli_fail(cli, none ? VD_NOT_FOUND : VD_FAILED, "%s", line);
}

bool cli_offline_store(const cli_t *cli, char *out, int *exit_code)
{
    return find_store(cli, cli_value(cli, CLI_OFFLINE, ""), out, exit_code);
}

/* Makes the directory of our ingestor, the file for what it says, which stays readable when the
 * directory has gone with it, and the pipe for its word that it is ready. */
static bool make_place(cli_t *cli, int ends[2], int *log)
{
    char path[80];
    snprintf(cli->offline.dir, sizeof cli->offline.dir, "/tmp/vedette-offline-XXXXXX");
    if (mkdtemp(cli->offline.dir) == NULL)
        return false;
    snprintf(path, sizeof path, "%s/log", cli->offline.dir);
    *log = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (*log >= 0 && pipe2(ends, O_CLOEXEC) == 0)
        return true;
    int error = errno;
    if (*log >= 0)
        close(*log);
    remove_tree(cli->offline.dir);
    errno = error;
    return false;
}

bool cli_offline_begin(cli_t *cli, int *exit_code)
{
    char store[4096], path[4096];
    int ends[2], log;
    const char *given = asked(cli);
    if (given == NULL)
        return true;
    *exit_code = 1;
    if (!find_store(cli, given, store, exit_code) ||
        !cli_sibling(cli, "vedette-ingestor", path, sizeof path))
        return false;
    if (!make_place(cli, ends, &log)) {
        *exit_code = cli_fail(cli, VD_IO, "%s: %s", cli->offline.dir, strerror(errno));
        return false;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        keep(path, cli->offline.dir, store, ends[1], log);
        remove_tree(cli->offline.dir);
        _exit(0);
    }
    close(ends[1]);
    cli->offline.notify = ends[0];
    cli->offline.keeper = pid;
    bool ready = pid > 0 && await_ready(ends[0]);
    if (pid < 0) {
        remove_tree(cli->offline.dir);
        *exit_code = cli_fail(cli, VD_FAILED, "cannot start a process: %s", strerror(errno));
        close(ends[0]);
    } else if (!ready) {
        *exit_code = tell_failure(cli, store, log);
        cli_offline_end(cli);
    }
    close(log);
    return ready;
}

void cli_offline_end(cli_t *cli)
{
    if (cli->offline.keeper <= 0)
        return;
    close(cli->offline.notify); /* nobody reads what the ingestor says: it ends */
    while (waitpid(cli->offline.keeper, NULL, 0) < 0 && errno == EINTR)
        continue;
    cli->offline.keeper = 0;
}

/* cmd_up.c: `up` finds the supervisor and its arguments, and becomes it, watches it, or leaves one
 * behind. */
#include "up.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY_MS = 30000 };

static void detach(const up_supervisor_t *supervisor, int log, int64_t for_ms)
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
        _exit(up_run_for(supervisor, for_ms));
    up_become(supervisor);
}

static int up_detached(cli_t *cli, up_supervisor_t *supervisor, int64_t for_ms, int64_t timeout_ms)
{
    int64_t from = 0;
    int code = 1;
    int log = up_open_log(cli, supervisor, &from, &code);
    if (log < 0)
        return code;
    pid_t pid = fork();
    if (pid < 0)
        return cli_fail(cli, VD_FAILED, "cannot fork: %s", strerror(errno));
    if (pid == 0)
        detach(supervisor, log, for_ms);
    close(log);
    code = 0;
    vd_status_t status = cli_wait_ready(cli, timeout_ms, !cli_has(cli, "wait"), pid, &code);
    if (status == VD_OK) {
        cli_say(cli, "up in %s (pid %d)", vd_client_run_dir(cli->client), (int)pid);
        return 0;
    }
    if (status == VD_FAILED && waitpid(pid, NULL, WNOHANG) == 0) {
        cli_say(cli, "the others go on; end them with: vedette down");
        return code;
    }
    if (status == VD_FAILED)
        return up_tell_end(cli, supervisor, from, code);
    vd_reply_t reply;
    vd_value_t map;
    vd_str_t why = vd_str("");
    if (cli_status(cli, 1000, &reply, &map) == VD_OK)
        why = vd_value_get_str(&map, "text");
    return cli_fail(cli, VD_TIMED_OUT,
                    "the runtime (pid %d) is not ready after %" PRId64 " ms%s%.*s; see: vedette ps",
                    (int)pid, timeout_ms, why.size > 0 ? ": " : "", (int)why.size,
                    (const char *)why.data);
}

int cmd_up(cli_t *cli)
{
    up_supervisor_t supervisor = {0};
    int64_t for_ms, timeout_ms;
    if (!cli_duration(cli, "for", 0, &for_ms) ||
        !cli_duration(cli, "timeout", READY_MS, &timeout_ms))
        return vd_status_exit_code(VD_USAGE);
    if (cli_has(cli, "wait") && !cli_has(cli, "detach"))
        return cli_fail(cli, VD_USAGE,
                        "up --wait goes with --detach: in the foreground, up stays until the end");
    if (cli_has(cli, "for") && for_ms == 0)
        return cli_fail(cli, VD_USAGE, "up --for: it has to be more than 0");
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
        int code = cli_check_config(cli, config);
        if (code != 0)
            return code;
        supervisor.argv[count++] = "--config";
        supervisor.argv[count++] = config;
    }
    if (cli->verbosity != 0) {
        supervisor.argv[count++] = "--log-level";
        supervisor.argv[count++] = cli->verbosity > 0 ? "debug" : "warn";
    }
    if (cli_has(cli, "detach"))
        return up_detached(cli, &supervisor, for_ms, timeout_ms);
    if (isatty(STDERR_FILENO) && cli->verbosity <= 0)
        return up_in_terminal(cli, &supervisor, for_ms);
    if (for_ms > 0)
        return up_run_for(&supervisor, for_ms);
    up_become(&supervisor);
    return 1;
}

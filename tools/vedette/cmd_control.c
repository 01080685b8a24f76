/* cmd_control.c: start, stop, restart, kill, pause and resume one actor. */
#include "cli.h"

#include <inttypes.h>
#include <poll.h>

enum { WAIT_MS = 30000 };

/* What each verb leads to. A process that is killed or restarted has to come back as another one. */
static const struct {
    const char *verb, *state;
    bool new_pid;
} verbs[] = {
    {"start", "ready", false}, {"stop", "stopped", false}, {"restart", "ready", true},
    {"kill", "ready", true},   {"pause", "paused", false}, {"resume", "ready", false},
};

static int wait_for(cli_t *cli, const char *actor, size_t verb, uint64_t pid_before,
                    int64_t timeout_ms)
{
    int64_t deadline = cli_mono_ms() + timeout_ms;
    for (;;) {
        vd_bytes_t rows;
        vd_child_record_t child;
        vd_status_t status = cli_children(cli, &rows);
        if (status != VD_OK)
            return cli_fail_client(cli, status);
        if (!cli_child(rows, actor, &child))
            return cli_fail(cli, VD_NOT_FOUND, "%s is no longer managed", actor);
        if (vd_str_is(child.state, verbs[verb].state) &&
            (!verbs[verb].new_pid || child.pid != pid_before))
            return 0;
        if (vd_str_is(child.state, "failed"))
            return cli_fail(cli, VD_FAILED, "%s has failed: %.*s; see: vedette logs %s", actor,
                            (int)child.reason.size, (const char *)child.reason.data, actor);
        if (verbs[verb].new_pid && vd_str_is(child.state, "stopped"))
            return cli_fail(cli, VD_FAILED,
                            "%s is stopped and not wanted up; see: vedette start %s", actor, actor);
        if (cli_mono_ms() >= deadline)
            return cli_fail(cli, VD_TIMED_OUT, "%s is %.*s after %" PRId64 " ms", actor,
                            (int)child.state.size, (const char *)child.state.data, timeout_ms);
        poll(NULL, 0, CLI_LOOK_MS);
    }
}

int cmd_control(cli_t *cli)
{
    const char *actor = cli->arguments[0];
    size_t verb = 0;
    while (strcmp(verbs[verb].verb, cli->command->name) != 0)
        verb++;
    int64_t timeout_ms;
    int code = 0;
    if (!cli_duration(cli, "timeout", WAIT_MS, &timeout_ms))
        return vd_status_exit_code(VD_USAGE);
    if (strcmp(actor, "supervisor") != 0 && !cli_actor_known(cli, actor, NULL, &code))
        return code;
    vd_bytes_t rows;
    vd_child_record_t child = {0};
    uint64_t pid = 0;
    if (cli_children(cli, &rows) == VD_OK && cli_child(rows, actor, &child))
        pid = child.pid;
    vd_message_t message = {.id = VD_MESSAGE_CONTROL};
    message.control.verb = vd_str(verbs[verb].verb);
    message.control.actor = vd_str(actor);
    vd_reply_t reply;
    vd_status_t status =
        cli_ask(cli, "supervisor", "control", &message, true, CLI_TIMEOUT_MS, &reply);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    if (cli_has(cli, "wait"))
        code = wait_for(cli, actor, verb, pid, timeout_ms);
    if (code == 0)
        cli_say(cli, "%s: %s%s", actor, verbs[verb].verb,
                cli_has(cli, "wait") ? ", done" : " begun; see: vedette ps");
    return code;
}

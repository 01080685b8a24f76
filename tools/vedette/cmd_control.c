/* cmd_control.c: start, stop, restart, kill, pause and resume one actor. */
#include "cli.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

enum { WAIT_MS = 30000, LOOK_MS = 10 };

/* What each verb leads to. A process that is killed or restarted has to come back as another
 * one. */
static const struct {
    const char *verb, *state;
    bool new_pid;
} verbs[] = {
    {"start", "ready", false}, {"stop", "stopped", false}, {"restart", "ready", true},
    {"kill", "ready", true},   {"pause", "paused", false}, {"resume", "ready", false},
};

/* What has become of the actor so far. */
typedef struct outcome {
    size_t verb;
    const char *actor;
    char before[32], after[32];
    uint64_t pid_before, pid_after;
    int64_t begun_ms;
} outcome_t;

static int wait_for(cli_t *cli, outcome_t *outcome, int64_t timeout_ms)
{
    const char *actor = outcome->actor;
    bool new_pid = verbs[outcome->verb].new_pid;
    for (;;) {
        vd_bytes_t rows;
        vd_child_record_t child;
        vd_status_t status = cli_children(cli, &rows);
        if (status != VD_OK)
            return cli_fail_client(cli, status);
        if (!cli_child(rows, actor, &child))
            return cli_fail(cli, VD_NOT_FOUND, "%s is no longer managed", actor);
        vd_str_copy(outcome->after, sizeof outcome->after, child.state);
        outcome->pid_after = child.pid;
        if (vd_str_is(child.state, verbs[outcome->verb].state) &&
            (!new_pid || child.pid != outcome->pid_before))
            return 0;
        if (vd_str_is(child.state, "failed"))
            return cli_fail(cli, VD_FAILED, "%s has failed: %.*s; see: vedette logs %s", actor,
                            (int)child.reason.size, (const char *)child.reason.data, actor);
        if (new_pid && vd_str_is(child.state, "stopped"))
            return cli_fail(cli, VD_FAILED,
                            "%s is stopped and not wanted up; see: vedette start %s", actor, actor);
        if (cli_mono_ms() - outcome->begun_ms >= timeout_ms)
            return cli_fail(cli, VD_TIMED_OUT, "%s is %s after %" PRId64 " ms", actor,
                            outcome->after, timeout_ms);
        poll(NULL, 0, LOOK_MS);
    }
}

static void print_outcome(const outcome_t *outcome, bool waited)
{
    printf("{\"actor\":\"%s\",\"verb\":\"%s\",\"before\":\"%s\",\"pid_before\":%" PRIu64,
           outcome->actor, verbs[outcome->verb].verb, outcome->before, outcome->pid_before);
    if (waited)
        printf(",\"after\":\"%s\",\"pid_after\":%" PRIu64 ",\"took_ms\":%" PRId64, outcome->after,
               outcome->pid_after, cli_mono_ms() - outcome->begun_ms);
    puts("}");
}

static void tell_outcome(const cli_t *cli, const outcome_t *outcome, bool waited)
{
    char took[32], pid[32] = "";
    const char *actor = outcome->actor, *state = verbs[outcome->verb].state;
    bool new_pid = verbs[outcome->verb].new_pid;
    cli_format_duration(cli_mono_ms() - outcome->begun_ms, took, sizeof took);
    if (outcome->pid_after > 0)
        snprintf(pid, sizeof pid, ", pid %" PRIu64, outcome->pid_after);
    if (!new_pid && strcmp(outcome->before, state) == 0)
        cli_say(cli, "%s is %s already", actor, state);
    else if (!waited)
        cli_say(cli, "%s was %s; %s begun (--wait waits for it; see: vedette ps)", actor,
                outcome->before, verbs[outcome->verb].verb);
    else if (new_pid && outcome->pid_before > 0)
        cli_say(cli, "%s was pid %" PRIu64 " and is ready again after %s%s", actor,
                outcome->pid_before, took, pid);
    else
        cli_say(cli, "%s was %s and is %s after %s%s", actor, outcome->before, outcome->after, took,
                pid);
}

static vd_status_t ask_for(cli_t *cli, const outcome_t *outcome)
{
    vd_message_t message = {.id = VD_MESSAGE_CONTROL};
    vd_reply_t reply;
    message.control.verb = vd_str(verbs[outcome->verb].verb);
    message.control.actor = vd_str(outcome->actor);
    return cli_ask(cli, "supervisor", "control", &message, true, CLI_TIMEOUT_MS, &reply);
}

int cmd_control(cli_t *cli)
{
    outcome_t outcome = {.actor = cli->arguments[0], .begun_ms = cli_mono_ms()};
    while (strcmp(verbs[outcome.verb].verb, cli->command->name) != 0)
        outcome.verb++;
    int64_t timeout_ms;
    int code = 0;
    if (!cli_duration(cli, "timeout", WAIT_MS, &timeout_ms))
        return vd_status_exit_code(VD_USAGE);
    if (strcmp(outcome.actor, "supervisor") != 0 &&
        !cli_actor_known(cli, outcome.actor, NULL, &code))
        return code;
    vd_bytes_t rows;
    vd_child_record_t child = {0};
    if (cli_children(cli, &rows) == VD_OK && cli_child(rows, outcome.actor, &child)) {
        outcome.pid_before = child.pid;
        vd_str_copy(outcome.before, sizeof outcome.before, child.state);
    }
    vd_status_t status = ask_for(cli, &outcome);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    bool waits = cli_has(cli, "wait");
    if (waits)
        code = wait_for(cli, &outcome, timeout_ms);
    if (code == 0 && cli->output != CLI_TABLE)
        print_outcome(&outcome, waits);
    else if (code == 0)
        tell_outcome(cli, &outcome, waits);
    return code;
}

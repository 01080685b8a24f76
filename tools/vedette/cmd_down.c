/* cmd_down.c: ends the runtime in order. */
#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>

enum { DOWN_MS = 60000 };

static bool is_gone(uint64_t pid)
{
    return pid == 0 || (kill((pid_t)pid, 0) != 0 && errno == ESRCH);
}

int cmd_down(cli_t *cli)
{
    int64_t timeout_ms;
    if (!cli_duration(cli, "timeout", DOWN_MS, &timeout_ms))
        return vd_status_exit_code(VD_USAGE);
    int64_t deadline = cli_mono_ms() + timeout_ms;
    vd_reply_t reply;
    vd_value_t map;
    vd_status_t status = cli_status(cli, CLI_TIMEOUT_MS, &reply, &map);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    uint64_t pid = vd_value_get_u64(&map, "pid", 0);
    vd_message_t message = {.id = VD_MESSAGE_SHUTDOWN};
    status = cli_ask(cli, "supervisor", "control", &message, true, CLI_TIMEOUT_MS, &reply);
    if (status != VD_OK && status != VD_UNREACHABLE)
        return cli_fail_client(cli, status);
    while (!is_gone(pid)) {
        if (cli_mono_ms() >= deadline)
            return cli_fail(cli, VD_TIMED_OUT,
                            "the supervisor (pid %" PRIu64 ") has not ended after %" PRId64
                            " ms; it goes on stopping. See: vedette ps",
                            pid, timeout_ms);
        poll(NULL, 0, CLI_LOOK_MS);
    }
    cli_say(cli, "down");
    return 0;
}

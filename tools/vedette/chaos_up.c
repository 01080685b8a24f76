/* chaos_up.c: `chaos up`, and what can be broken in the runtime that is up. */
#include "cmd_chaos.h"

#include "chaos/prepare.h"

#include <inttypes.h>
#include <stdio.h>

enum { STATUS_MS = 1000 };

int chaos_up(cli_t *cli)
{
    char error[CHAOS_ERROR_BYTES], place[600], bin[4096];
    vd_paths_t paths;
    bool clocks = false;
    vd_reply_t reply;
    vd_value_t map;
    vd_status_t asked = cli_status(cli, STATUS_MS, &reply, &map);
    if (asked == VD_OK)
        return cli_fail(cli, VD_BUSY, "a runtime is up in %s already; end it first: vedette down",
                        vd_client_run_dir(cli->client));
    if (asked != VD_UNREACHABLE) /* its clocks are not to be taken away from it */
        return cli_fail(cli, VD_BUSY,
                        "a runtime is up in %s and does not answer (%s); see: vedette doctor",
                        vd_client_run_dir(cli->client), vd_status_text(asked));
    if (!cli_sibling(cli, "vedette-supervisor", bin, sizeof bin))
        return 1;
    *strrchr(bin, '/') = 0;
    vd_status_t status = chaos_place(cli->dir, &paths, place, sizeof place, error);
    if (status == VD_OK)
        status = chaos_prepare(place, &paths, bin, &clocks, error);
    if (status != VD_OK)
        return cli_fail(cli, status, "%s", error);
    if (!clocks)
        cli_say(cli, "clocks cannot be broken: libfaketime is not there; install the package "
                     "faketime");
    return cmd_up(cli);
}

bool chaos_can(const chaos_world_t *world, chaos_kind_t kind, char *why)
{
    char value[4096];
    chaos_process_t process;
    why[0] = 0;
    if (!chaos_process_find(world->supervisor, &process))
        snprintf(why, CHAOS_ERROR_BYTES,
                 "process %" PRIu64 ", the supervisor, is not on this machine, or in another "
                 "container; run this beside it",
                 world->supervisor);
    else if (!chaos_row(kind)->prepared)
        return true;
    else if (!chaos_prepared(&process, "VD_CHAOS_PLACE", value, sizeof value))
        snprintf(why, CHAOS_ERROR_BYTES, "not in this runtime; start it with: vedette chaos up");
    else if (kind == CHAOS_CLOCK &&
             !chaos_prepared(&process, "VD_CHAOS_FAKETIME", value, sizeof value))
        snprintf(why, CHAOS_ERROR_BYTES,
                 "install the package faketime; then: vedette down, vedette chaos up");
    return why[0] == 0;
}

/* cmd_tui.c: `tui`, also called `watch`: the terminal screen. */
#include "cli.h"
#include "tui/run.h"
#include "tui/terminal.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

enum { START_MS = 2000 };

typedef struct tui_call {
    cli_t *cli;
    tui_run_options_t options;
} tui_call_t;

/* Is there anything to look at? Asked in the process that draws, which alone has threads. */
static bool is_there(cli_t *cli, int *code)
{
    vd_reply_t reply;
    vd_value_t map;
    if (cli->offline.dir[0] != 0)
        return true;
    cli_await_start(cli);
    vd_status_t status = cli_status(cli, START_MS, &reply, &map);
    if (status == VD_UNREACHABLE)
        *code = cli_fail_client(cli, status);
    return status != VD_UNREACHABLE;
}

static int work(void *context)
{
    tui_call_t *call = context;
    char error[VD_TEXT_BYTES_MAX];
    int code = 0;
    if (!is_there(call->cli, &code))
        return code;
    code = tui_run(&call->options, error, sizeof error);
    return code == 0 ? 0 : cli_fail(call->cli, VD_USAGE, "%s", error);
}

static bool find_screen(cli_t *cli, const char *name, int *code)
{
    const char *names[16];
    size_t count = 0;
    for (; tui_screens[count] != NULL; count++) {
        names[count] = tui_screens[count]->name;
        if (name == NULL || strcmp(names[count], name) == 0)
            return true;
    }
    const char *nearest = cli_nearest(name, names, count);
    *code =
        nearest != NULL
            ? cli_fail(cli, VD_USAGE, "there is no screen '%s'; did you mean %s?", name, nearest)
            : cli_fail(cli, VD_USAGE, "there is no screen '%s'; see: vedette help tui", name);
    return false;
}

int cmd_tui(cli_t *cli)
{
    char error[VD_TEXT_BYTES_MAX];
    int code = 0;
    setlocale(LC_ALL, "");
    tui_call_t call = {.cli = cli};
    call.options.app.readonly = cli_has(cli, "readonly");
    call.options.app.offline = cli->offline.dir[0] != 0;
    call.options.app.screen = cli_value(cli, "screen", NULL);
    call.options.dir = call.options.app.offline ? cli->offline.dir : cli->dir;
    const char *word = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    call.options.session = cli_value(cli, "session", call.options.app.offline ? NULL : word);
    call.options.ascii = cli_has(cli, "ascii");
    call.options.app.newest = call.options.session == NULL;
    call.options.app.at = cli_value(cli, "at", NULL);
    if (word != NULL && call.options.session != word && !call.options.app.offline)
        return cli_fail(cli, VD_USAGE, "'%s' names a session, and so does --session", word);
    if (!find_screen(cli, call.options.app.screen, &code))
        return code;
    if (!tui_terminal_usable(error, sizeof error))
        return cli_fail(cli, VD_USAGE, "%s", error);
    return tui_guard(work, &call);
}

/* say.c: messages for people, on stderr. */
#include "cli.h"

#include <stdarg.h>
#include <stdio.h>

static void say(const char *prefix, const char *format, va_list args)
{
    char text[4096], clean[4096];
    vsnprintf(text, sizeof text, format, args);
    cli_clean(vd_str(text), clean, sizeof clean);
    fflush(stdout);
    fprintf(stderr, "%s%s\n", prefix, clean);
}

int cli_fail(const cli_t *cli, vd_status_t status, const char *format, ...)
{
    (void)cli;
    va_list args;
    va_start(args, format);
    say("vedette: ", format, args);
    va_end(args);
    return vd_status_exit_code(status);
}

int cli_fail_client(const cli_t *cli, vd_status_t status)
{
    const char *text = vd_client_error(cli->client);
    return cli_fail(cli, status, "%s", text[0] != 0 ? text : vd_status_text(status));
}

void cli_say(const cli_t *cli, const char *format, ...)
{
    if (cli->verbosity < 0)
        return;
    va_list args;
    va_start(args, format);
    say("", format, args);
    va_end(args);
}

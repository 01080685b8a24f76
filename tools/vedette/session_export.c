/* session_export.c: `session export`: a session as lines of JSON, each checked on the way. */
#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum {
    STEP_MS = 30000, /* for the next part */
    LOOK_EVERY = 256 /* events between looks whether stdout is still read */
};

/* Writes every event. Returns the exit code. */
static int write_lines(cli_t *cli, vd_export_t *export, FILE *out, uint64_t *count)
{
    vd_follow_event_t event;
    vd_status_t status = VD_OK;
    for (;;) {
        /* Events that are at hand let nobody wait: a signal has to be looked for. */
        status = cli_interrupted() ? VD_CANCELLED : vd_export_next(export, STEP_MS, &event);
        if (status != VD_OK)
            break;
        const char *json = vd_export_json(export);
        if (json == NULL)
            return cli_fail(cli, VD_TOO_LARGE, "event %" PRIu64 " is too large as JSON", event.seq);
        if (fputs(json, out) == EOF || putc('\n', out) == EOF) {
            if (!cli_interrupted())
                return 0; /* told when the output is closed */
            clearerr(out);
            continue;
        }
        ++*count;
        if (out == stdout && *count % LOOK_EVERY == 0 && !cli_stdout_open())
            return 0;
    }
    if (status == VD_NOT_FOUND)
        return 0;
    if (status == VD_CANCELLED)
        return cli_fail(cli, status, "interrupted after %" PRIu64 " of %" PRIu64 " events", *count,
                        vd_export_last(export));
    return cli_fail(cli, status, "%s; good before: %s", vd_client_error(cli->client),
                    CLI_COUNT(*count, "event"));
}

static int close_file(cli_t *cli, FILE *out, const char *file, int code)
{
    int problem = ferror(out) ? errno : 0;
    if (fflush(out) != 0 || fsync(fileno(out)) != 0)
        problem = errno == EINVAL || errno == EROFS ? 0 : errno; /* no file that can be synced */
    if (fclose(out) != 0 && problem == 0)
        problem = errno;
    return problem == 0 ? code : cli_fail(cli, VD_IO, "%s: %s", file, strerror(problem));
}

int cli_session_export(cli_t *cli)
{
    const char *file = cli->argument_count > 2 ? cli->arguments[2] : "-";
    vd_export_t *export = NULL;
    uint64_t count = 0;
    int code = 0;
    if (!cli_actor_runs(cli, "ingestor", &code))
        return code;
    vd_status_t status = vd_export_new(&export, cli->client, cli->arguments[1], 1, CLI_TIMEOUT_MS);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    FILE *out = strcmp(file, "-") == 0 ? stdout : fopen(file, "we");
    if (out == NULL) {
        code = cli_fail(cli, VD_IO, "%s: %s", file, strerror(errno));
    } else {
        cli_catch_signals();
        code = write_lines(cli, export, out, &count);
        if (out != stdout) {
            code = close_file(cli, out, file, code);
            if (code == 0)
                cli_say(cli, "%s of session %s", CLI_COUNT(count, "event"), cli->arguments[1]);
        }
    }
    vd_export_destroy(&export);
    return code;
}

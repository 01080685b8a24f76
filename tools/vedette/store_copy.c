/* store_copy.c: `store checkpoint` and `store repair`: a copy of a store, and a new one from a
 * damaged one. */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A path that is not there yet, absolute. */
static bool absolute(const cli_t *cli, const char *path, char *out, size_t size)
{
    char here[4096];
    int written = path[0] == '/'                      ? snprintf(out, size, "%s", path)
                  : getcwd(here, sizeof here) != NULL ? snprintf(out, size, "%s/%s", here, path)
                                                      : -1;
    if (written > 0 && (size_t)written < size)
        return true;
    cli_fail(cli, VD_USAGE, "%s: the path is too long", path);
    return false;
}

bool cli_store_repairs(const cli_t *cli)
{
    return cli->command->run == cmd_store && cli->argument_count > 0 &&
           strcmp(cli->arguments[0], "repair") == 0;
}

int cli_store_repair(cli_t *cli)
{
    char store[4096], into[4096], path[4096], from_option[4200], into_option[4200];
    const char *copy = cli_value(cli, "copy", NULL);
    struct stat info;
    int code = 1;
    if (copy == NULL || copy[0] == 0)
        return cli_fail(cli, VD_USAGE, "usage: vedette store repair --copy DIR");
    if (!absolute(cli, copy, into, sizeof into))
        return vd_status_exit_code(VD_USAGE);
    if (!cli_offline_store(cli, store, &code) ||
        !cli_sibling(cli, "vedette-ingestor", path, sizeof path))
        return code;
    if (stat(into, &info) == 0 && rmdir(into) != 0)
        return cli_fail(cli, VD_EXISTS, "%s is there already; name a directory that is not", into);
    snprintf(from_option, sizeof from_option, "--repair=%s", store);
    snprintf(into_option, sizeof into_option, "--into=%s", into);
    const char *argv[] = {path, from_option, into_option, NULL};
    fflush(stdout);
    execv(path, (char *const *)argv);
    return cli_fail(cli, VD_FAILED, "%s: %s", path, strerror(errno));
}

int cli_store_checkpoint(cli_t *cli)
{
    enum { COPY_MS = 3600000 }; /* many gigabytes on another file system */
    char into[VD_TEXT_BYTES_MAX];
    vd_message_t message = {.id = VD_MESSAGE_CHECKPOINT};
    vd_reply_t reply;
    int code = 0;
    if (!absolute(cli, cli->arguments[1], into, sizeof into))
        return vd_status_exit_code(VD_USAGE);
    if (!cli_actor_runs(cli, "ingestor", &code))
        return code;
    message.checkpoint.dir = vd_str(into);
    vd_status_t status = cli_ask(cli, "ingestor", "control", &message, true, COPY_MS, &reply);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    cli_say(cli, "the store as it is now: %s", into);
    return 0;
}

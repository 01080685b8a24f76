/* verbs.c: the commands that have verbs: `session`, `store`, `source`, `subscriber`. */
#include "cli.h"

#include <assert.h>
#include <stdio.h>

/* Is this an option of the verb? Its help begins with the name of the one that has it, "ls: ...";
 * where it does not, all have it. */
static bool takes(const cli_verb_t *verbs, size_t count, const char *verb, const char *help)
{
    size_t size = strcspn(help, ": ");
    for (size_t i = 0; i < count && help[size] == ':'; i++)
        if (strlen(verbs[i].name) == size && memcmp(verbs[i].name, help, size) == 0)
            return strcmp(verbs[i].name, verb) == 0;
    return true;
}

static int run_verb(cli_t *cli, const cli_verb_t *verbs, size_t count, const cli_verb_t *verb)
{
    const char *command = cli->command->name;
    for (int i = 0; i < cli->given_count; i++) {
        const cli_option_t *option = cli->given[i].option;
        if (!takes(verbs, count, verb->name, option->help))
            return cli_fail(cli, VD_USAGE, "%s %s has no option --%s; %s %.*s has", command,
                            verb->name, option->name, command, (int)strcspn(option->help, ":"),
                            option->help);
    }
    int behind = cli->argument_count - 1;
    if (behind < verb->arguments_min || behind > verb->arguments_max)
        return cli_fail(cli, VD_USAGE, "usage: vedette %s %s%s%s", command, verb->name,
                        verb->arguments[0] != 0 ? " " : "", verb->arguments);
    if (verb->writes && cli->offline.dir[0] != 0)
        return cli_fail(cli, VD_USAGE, "%s %s writes: it needs a runtime, not --offline", command,
                        verb->name);
    return verb->run(cli);
}

int cli_run_verb(cli_t *cli, const cli_verb_t *verbs, size_t count)
{
    enum { VERBS_MAX = 16 };
    const char *names[VERBS_MAX] = {NULL}, *word = cli->arguments[0];
    assert(cli->argument_count > 0 && count <= VERBS_MAX);
    for (size_t i = 0; i < count; i++) {
        names[i] = verbs[i].name;
        if (strcmp(verbs[i].name, word) == 0)
            return run_verb(cli, verbs, count, &verbs[i]);
    }
    const char *nearest = cli_nearest(word, names, count);
    if (nearest != NULL)
        return cli_fail(cli, VD_USAGE, "%s has no verb %s; did you mean %s?", cli->command->name,
                        word, nearest);
    char list[256] = "";
    for (size_t i = 0, used = 0; i < count && used < sizeof list; i++)
        used +=
            (size_t)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", names[i]);
    return cli_fail(cli, VD_USAGE, "%s has no verb %s; it is one of %s", cli->command->name, word,
                    list);
}

/* cmd_session.c: `session`: the table of its verbs. */
#include "cli.h"

int cmd_session(cli_t *cli)
{
    static const struct {
        const char *verb;
        int (*run)(cli_t *cli);
        bool writes;
    } verbs[] = {{"ls", cli_session_ls, false},         {"show", cli_session_show, false},
                 {"export", cli_session_export, false}, {"import", cli_session_import, true},
                 {"replay", cli_session_replay, false}, {"prune", cli_session_prune, true}};
    enum { VERBS = sizeof verbs / sizeof *verbs };
    const char *names[VERBS];
    for (size_t i = 0; i < VERBS; i++) {
        names[i] = verbs[i].verb;
        if (strcmp(verbs[i].verb, cli->arguments[0]) != 0)
            continue;
        if (verbs[i].writes && cli_has(cli, CLI_OFFLINE))
            return cli_fail(cli, VD_USAGE, "session %s writes: it needs a runtime, not --offline",
                            verbs[i].verb);
        return verbs[i].run(cli);
    }
    const char *nearest = cli_nearest(cli->arguments[0], names, VERBS);
    return cli_fail(cli, VD_USAGE, "session has no verb %s; %s%s", cli->arguments[0],
                    nearest != NULL ? "did you mean " : "see: vedette session --help",
                    nearest != NULL ? nearest : "");
}

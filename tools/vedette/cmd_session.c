/* cmd_session.c: `session`: the table of its verbs. */
#include "cli.h"

int cmd_session(cli_t *cli)
{
    static const cli_verb_t verbs[] = {
        {"ls", "[--state STATE] [--count N]", 0, 0, false, cli_session_ls},
        {"show", "SESSION", 1, 1, false, cli_session_show},
        {"export", "SESSION [FILE]", 1, 2, false, cli_session_export},
        {"import", "[FILE]", 0, 1, true, cli_session_import},
        {"replay", "SESSION [--speed X]", 1, 1, false, cli_session_replay},
        {"prune", "SESSION | [--older-than TIME] [--keep N]", 0, 1, true, cli_session_prune},
    };
    return cli_run_verb(cli, verbs, sizeof verbs / sizeof *verbs);
}

/* cmd_chaos.c: `chaos`: which verb is meant, and those that break nothing. */
#include "cmd_chaos.h"

#include "chaos/undo.h"

#include <stdio.h>
#include <string.h>

static int list(cli_t *cli)
{
    static chaos_world_t world;
    char why[CHAOS_ERROR_BYTES];
    vd_buffer_t rows;
    bool up = chaos_world_open(&world, cli->client, cli->dir, why) == VD_OK;
    vd_buffer_init(&rows, 1 << 16);
    vd_write_array(&rows, CHAOS_KINDS);
    for (int i = 0; i < CHAOS_KINDS; i++) {
        const chaos_row_t *row = chaos_row((chaos_kind_t)i);
        bool can = up && chaos_can(&world, (chaos_kind_t)i, why);
        if (!up)
            snprintf(why, sizeof why, "no runtime is up; start one with: vedette %sup",
                     row->prepared ? "chaos " : "");
        if (cli->output == CLI_TABLE)
            printf("%s %s\n    %s\n%s%s%s", row->name, row->arguments, row->help,
                   can ? "" : "    not now: ", why, can ? "" : "\n");
        vd_write_map(&rows, 5);
        vd_write_pair_text(&rows, "fault", row->name);
        vd_write_pair_text(&rows, "arguments", row->arguments);
        vd_write_pair_text(&rows, "help", row->help);
        vd_write_pair_bool(&rows, "now", can);
        vd_write_pair_text(&rows, "remedy", why);
    }
    int code = cli->output == CLI_TABLE ? 0 : cli_print_rows(cli, vd_buffer_view(&rows), NULL, 0);
    vd_buffer_free(&rows);
    chaos_world_close(&world);
    return code;
}

static int undo(cli_t *cli)
{
    char error[CHAOS_ERROR_BYTES], place[600], text[1200];
    vd_paths_t paths;
    vd_status_t status = chaos_place(cli->dir, &paths, place, sizeof place, error);
    if (status != VD_OK)
        return cli_fail(cli, status, "%s", error);
    chaos_left_t left = chaos_undo_left(place, NULL);
    if (left.done > 0)
        cli_say(cli, "undone: %s that dead runners left behind", CLI_COUNT(left.done, "fault"));
    if (left.failed > 0) {
        chaos_undo_say(left.path, left.error, text, sizeof text);
        return cli_fail(cli, VD_FAILED, "%s", text);
    }
    if (left.done == 0)
        cli_say(cli, "nothing was left behind in %s", place);
    return 0;
}

static const struct {
    const char *name;
    int (*run)(cli_t *cli);
} verbs[] = {
    {"list", list}, {"up", chaos_up}, {"run", chaos_run}, {"schedule", chaos_schedule},
    {"undo", undo},
};

bool chaos_takes(const char *verb, const char *help)
{
    const char *end = strstr(help, ": ");
    for (const char *at = help; at < end;) {
        size_t size = strcspn(at, ",:");
        if (strlen(verb) == size && memcmp(verb, at, size) == 0)
            return true;
        at += size + strspn(at + size, ",: ");
    }
    return false;
}

static int check_options(cli_t *cli, const char *verb)
{
    for (int i = 0; i < cli->given_count; i++) {
        const cli_option_t *option = cli->given[i].option;
        if (chaos_takes(verb, option->help))
            continue;
        bool time = strcmp(verb, CHAOS_FAULT_VERB) == 0 && strcmp(option->name, "for") == 0;
        return cli_fail(cli, VD_USAGE, "--%s goes with %.*s%s", option->name,
                        (int)strcspn(option->help, ":"), option->help,
                        time ? "; a duration stands behind the target: stop ingestor 30s" : "");
    }
    return 0;
}

int cmd_chaos(cli_t *cli)
{
    enum { VERBS = sizeof verbs / sizeof *verbs };
    const char *word = cli->arguments[0], *names[VERBS + CHAOS_KINDS];
    size_t count = 0;
    for (size_t i = 0; i < VERBS; i++) {
        names[count++] = verbs[i].name;
        if (strcmp(verbs[i].name, word) != 0)
            continue;
        if (cli->argument_count > 1)
            return cli_fail(cli, VD_USAGE, "chaos %s takes no %s", word, cli->arguments[1]);
        int code = check_options(cli, word);
        return code != 0 ? code : verbs[i].run(cli);
    }
    if (chaos_kind_of(word) != CHAOS_KINDS || strcmp(word, "after") == 0) {
        int code = check_options(cli, CHAOS_FAULT_VERB);
        return code != 0 ? code : chaos_run(cli);
    }
    for (int i = 0; i < CHAOS_KINDS; i++)
        names[count++] = chaos_row((chaos_kind_t)i)->name;
    const char *nearest = cli_nearest(word, names, count);
    if (nearest != NULL)
        return cli_fail(cli, VD_USAGE, "chaos has no verb and no fault %s; did you mean %s?", word,
                        nearest);
    return cli_fail(cli, VD_USAGE, "chaos has no verb and no fault %s; see: vedette chaos list",
                    word);
}

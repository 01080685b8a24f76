/* cmd_why.c: `why`: the story of an event, from the store and from the runtime. */
#include "cli.h"

#include "tui/link_why.h"

#include <locale.h>
#include <stdio.h>

enum { STORY_BYTES_MAX = 4 * VD_FRAME_BYTES_MAX };

/* SESSION:SEQ, or SEQ. Returns 0, or the exit code with the error told. */
static int read_argument(cli_t *cli, char session[VD_NAME_BYTES_MAX + 1], uint64_t *seq)
{
    const char *text = cli->arguments[0], *colon = strrchr(text, ':');
    if (!cli_parse_number(colon != NULL ? colon + 1 : text, seq) || *seq == 0)
        return cli_fail(cli, VD_USAGE,
                        "'%s' is no event: SESSION:SEQ, or SEQ of the newest session; sequences "
                        "begin at 1",
                        text);
    vd_str_t name = vd_bytes(text, colon != NULL ? (size_t)(colon - text) : 0);
    session[0] = 0;
    if (colon == NULL)
        return 0;
    if (!vd_name_valid(name))
        return cli_fail(cli, VD_USAGE, "'%.*s' is not a session id", (int)name.size, text);
    vd_str_copy(session, VD_NAME_BYTES_MAX + 1, name);
    return 0;
}

static int print_lines(const cli_t *cli, vd_bytes_t story)
{
    vd_buffer_t text;
    setlocale(LC_CTYPE, "C.UTF-8"); /* what the lines are measured by */
    size_t columns = cli_columns();
    tui_lines_t *lines = tui_lines_new();
    if (lines == NULL)
        return cli_fail(cli, VD_NO_MEMORY, "no memory");
    tui_lines_clear(lines, (int)columns, columns > 0);
    tui_why_lines(story, lines);
    vd_buffer_init(&text, 2 * TUI_LINES_BYTES_MAX);
    tui_lines_text(lines, &text);
    for (size_t at = 0; at < text.size;) {
        const uint8_t *end = memchr(text.data + at, '\n', text.size - at);
        size_t size = end != NULL ? (size_t)(end - text.data) - at : text.size - at;
        char clean[TUI_WHY_TEXT_MAX + 256];
        cli_clean(vd_bytes(text.data + at, size), clean, sizeof clean);
        puts(clean);
        at += size + 1;
    }
    vd_buffer_free(&text);
    tui_lines_destroy(&lines);
    return 0;
}

static int print(cli_t *cli, vd_bytes_t story)
{
    vd_value_t map, facts;
    if (cli->output == CLI_TABLE)
        return print_lines(cli, story);
    if (cli->output == CLI_JSON)
        return cli_print_value(cli, story);
    if (!vd_value_of(story, &map) || !vd_value_get(&map, "facts", &facts))
        return cli_fail(cli, VD_MALFORMED, "the story is none");
    return cli_print_rows(cli, facts.raw, NULL, 0);
}

int cmd_why(cli_t *cli)
{
    char session[VD_NAME_BYTES_MAX + 1], error[VD_TEXT_BYTES_MAX + 1];
    uint64_t seq = 0;
    int code = 0;
    if (!cli_actor_runs(cli, "ingestor", &code))
        return code;
    code = read_argument(cli, session, &seq);
    if (code != 0)
        return code;
    vd_buffer_t story;
    vd_buffer_init(&story, STORY_BYTES_MAX);
    vd_status_t status = tui_link_why(cli->client, session[0] != 0 ? session : NULL, seq,
                                      cli->offline.dir[0] == 0, &story, error);
    code =
        status == VD_OK ? print(cli, vd_buffer_view(&story)) : cli_fail(cli, status, "%s", error);
    vd_buffer_free(&story);
    return code;
}

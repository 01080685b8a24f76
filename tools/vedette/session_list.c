/* session_list.c: `session ls` and `session show`. */
#include "cli.h"

#include <assert.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    COUNT_MAX = 10000,
    ROWS_BYTES_MAX = 64 << 20,
    NAME_COLUMNS = 16, /* of a name on a terminal */
};

typedef struct filter {
    const char *state, *name; /* NULL: any */
    const char *label;        /* "KEY=GLOB" or "KEY"; NULL: any */
} filter_t;

/* ---- which ---- */

static bool matches(const filter_t *filter, const vd_session_record_t *session)
{
    vd_value_t labels, value;
    char key[VD_NAME_BYTES_MAX * 2];
    if (filter->name != NULL && !vd_glob_match(vd_str(filter->name), session->name))
        return false;
    if (filter->label == NULL)
        return true;
    size_t size = strcspn(filter->label, "=");
    vd_str_copy(key, sizeof key, vd_bytes(filter->label, size));
    if (!vd_value_of(session->labels, &labels) || !vd_value_get(&labels, key, &value))
        return false;
    return filter->label[size] == 0 ||
           vd_glob_match(vd_str(filter->label + size + 1), vd_value_str(&value));
}

/* How long it lasted, or lasts. */
static int64_t lasted_ms(const vd_session_record_t *session)
{
    int64_t end_ms = session->ended_ms > 0                 ? session->ended_ms
                     : vd_str_is(session->state, "active") ? cli_wall_ms()
                                                           : session->last_ms;
    return session->started_ms > 0 && end_ms > session->started_ms ? end_ms - session->started_ms
                                                                   : 0;
}

/* What it has to say: why nothing can be written, why it failed, how it is. */
static vd_str_t says(const vd_session_record_t *session)
{
    if (session->trouble.size > 0)
        return session->trouble;
    return session->error.size > 0 ? session->error : session->text;
}

/* Appends the row with what the table shows beside its fields. */
static void add_row(vd_buffer_t *out, vd_bytes_t row, const vd_session_record_t *session)
{
    vd_value_t map;
    if (!vd_value_of(row, &map))
        return;
    vd_write_map(out, map.count + 2);
    vd_write_raw(out, map.bytes);
    vd_write_pair_i64(out, "lasted_ms", lasted_ms(session));
    vd_write_pair_str(out, "says", says(session));
}

/* One page of sessions. Returns how many matched; *more: there are older ones than `last`. */
static vd_status_t read_page(cli_t *cli, const filter_t *filter, uint64_t left,
                             char last[VD_NAME_BYTES_MAX + 1], vd_buffer_t *rows, uint64_t *matched,
                             bool *more)
{
    vd_message_t question = {.id = VD_MESSAGE_SESSIONS}, answer;
    vd_reply_t reply;
    vd_value_t array, row;
    question.sessions.state = vd_str(filter->state);
    question.sessions.before = vd_str(last);
    bool narrow = filter->name != NULL || filter->label != NULL;
    question.sessions.rows_max = narrow || left > VD_SESSION_ROWS_MAX ? VD_SESSION_ROWS_MAX : left;
    vd_status_t status = cli_ask(cli, "ingestor", "read", &question, false, CLI_TIMEOUT_MS, &reply);
    if (status == VD_OK)
        status = cli_answer(&reply, VD_MESSAGE_SESSION_ROWS, &answer);
    if (status != VD_OK)
        return status;
    *more = answer.session_rows.more;
    if (vd_scan_exact(answer.payload, VD_DEPTH_MAX) != VD_OK ||
        !vd_value_of(answer.payload, &array) || array.kind != VD_KIND_ARRAY)
        return VD_MALFORMED;
    vd_bytes_t rest = array.bytes;
    bool any = false;
    while (*matched < left && vd_value_next(&rest, &row)) {
        vd_session_record_t session;
        if (vd_record_decode(row.raw, VD_RECORD_session, &session) != VD_OK)
            continue;
        vd_str_copy(last, VD_NAME_BYTES_MAX + 1, session.session);
        any = true;
        if (!matches(filter, &session))
            continue;
        if (cli->output == CLI_TABLE)
            add_row(rows, row.raw, &session);
        else
            vd_write_raw(rows, row.raw);
        ++*matched;
    }
    *more = *more && any;
    return rows->full ? VD_TOO_LARGE : VD_OK;
}

/* ---- how they are shown ---- */

static size_t says_columns; /* of what a session says; 0: whole */

static void short_name(const vd_value_t *value, char *out, size_t size)
{
    vd_str_t name = vd_value_str(value);
    bool cut = says_columns > 0 && name.size > NAME_COLUMNS;
    char text[VD_NAME_BYTES_MAX + 1];
    vd_str_copy(text, sizeof text, cut ? vd_bytes(name.data, NAME_COLUMNS - 3) : name);
    snprintf(out, size, "%s%s", name.size > 0 ? text : "-", cut ? "..." : "");
}

static void short_says(const vd_value_t *value, char *out, size_t size)
{
    vd_str_t text = vd_value_str(value);
    size_t room = says_columns > 0 && says_columns + 1 < size ? says_columns + 1 : size;
    bool cut = text.size >= room;
    cli_clean(cut ? vd_bytes(text.data, room > 4 ? room - 4 : 0) : text, out, size);
    size_t used = strlen(out);
    if (cut && used + 4 <= size)
        memcpy(out + used, "...", 4);
}

static void print_table(vd_bytes_t rows, bool any_says)
{
    static const cli_column_t columns[] = {
        {"SESSION", "session", false, NULL},
        {"NAME", "name", false, short_name},
        {"STATE", "state", false, NULL},
        {"EVENTS", "last_seq", true, NULL},
        {"AGE", "started_ms", false, cli_format_since},
        {"LASTED", "lasted_ms", false, cli_format_span},
        {"SAYS", "says", false, short_says},
    };
    static const size_t widths[] = {200, 100, 60, 40, 30, 20, 12, 8};
    /* Without what is said least: how long it lasted, and then what it says. */
    static const cli_column_t narrow[] = {
        {"SESSION", "session", false, NULL}, {"NAME", "name", false, short_name},
        {"STATE", "state", false, NULL},     {"EVENTS", "last_seq", true, NULL},
        {"SAYS", "says", false, short_says},
    };
    enum { COLUMNS = sizeof columns / sizeof *columns, NARROW = sizeof narrow / sizeof *narrow };
    struct winsize size = {0};
    bool eyes = isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
    says_columns = 0;
    for (size_t i = 0; eyes && size.ws_col > 0 && i < sizeof widths / sizeof *widths; i++) {
        says_columns = widths[i];
        if (cli_print_table(rows, columns, COLUMNS - !any_says, 0, size.ws_col))
            return;
    }
    for (size_t i = 0; says_columns > 0 && i < sizeof widths / sizeof *widths; i++) {
        says_columns = widths[i];
        if (cli_print_table(rows, narrow, NARROW - !any_says, 0, size.ws_col))
            return;
    }
    cli_print_table(rows, columns, COLUMNS - !any_says, 0, 0);
}

static int print(cli_t *cli, const vd_buffer_t *rows, uint64_t matched)
{
    vd_buffer_t array;
    vd_value_t value, row;
    bool any_says = false;
    int code = 0;
    vd_buffer_init(&array, ROWS_BYTES_MAX + 8);
    vd_write_array(&array, (uint32_t)matched);
    vd_write_raw(&array, vd_buffer_view(rows));
    if (array.full || !vd_value_of(vd_buffer_view(&array), &value)) {
        code = cli_fail(cli, VD_NO_MEMORY, "no memory for the sessions");
    } else if (cli->output != CLI_TABLE) {
        code = cli_print_rows(cli, vd_buffer_view(&array), NULL, 0);
    } else {
        vd_bytes_t rest = value.bytes;
        while (!any_says && vd_value_next(&rest, &row))
            any_says = vd_value_get_str(&row, "says").size > 0;
        print_table(vd_buffer_view(&array), any_says);
    }
    vd_buffer_free(&array);
    return code;
}

int cli_session_ls(cli_t *cli)
{
    static const char *const states[] = {"active", "completed", "failed", "interrupted"};
    filter_t filter = {.state = cli_value(cli, "state", NULL),
                       .name = cli_value(cli, "name", NULL),
                       .label = cli_value(cli, "label", NULL)};
    uint64_t count, matched = 0;
    int code = 0;
    bool known = filter.state == NULL;
    for (size_t i = 0; i < 4 && !known; i++)
        known = strcmp(states[i], filter.state) == 0;
    if (!known)
        return cli_fail(cli, VD_USAGE, "--state %s: it is active, completed, failed or interrupted",
                        filter.state);
    if (!cli_number(cli, "count", 100, &count))
        return vd_status_exit_code(VD_USAGE);
    if (count == 0 || count > COUNT_MAX)
        return cli_fail(cli, VD_USAGE, "--count: 1 to %d", COUNT_MAX);
    if (!cli_actor_runs(cli, "ingestor", &code))
        return code;
    vd_buffer_t rows;
    char last[VD_NAME_BYTES_MAX + 1] = "";
    bool more = true;
    vd_status_t status = VD_OK;
    vd_buffer_init(&rows, ROWS_BYTES_MAX);
    while (status == VD_OK && more && matched < count)
        status = read_page(cli, &filter, count, last, &rows, &matched, &more);
    code = status == VD_OK ? print(cli, &rows, matched) : cli_fail_client(cli, status);
    vd_buffer_free(&rows);
    return code;
}

int cli_session_show(cli_t *cli)
{
    char trouble[VD_TEXT_BYTES_MAX + 1] = "", session[VD_NAME_BYTES_MAX + 1];
    vd_session_record_t record;
    vd_value_t map;
    vd_blob_t row;
    int code = 0;
    if (!cli_actor_runs(cli, "ingestor", &code))
        return code;
    /* Asked first: what the row is read into is good until the next question only. */
    if (!cli_has(cli, CLI_OFFLINE))
        cli_store_trouble(cli, trouble, sizeof trouble);
    vd_str_copy(session, sizeof session, vd_str(cli->arguments[1]));
    vd_status_t status = vd_client_session(cli->client, session, CLI_TIMEOUT_MS, &row);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    vd_bytes_t bytes = vd_bytes(row.data, row.size);
    if (!vd_value_of(bytes, &map) || vd_record_decode(bytes, VD_RECORD_session, &record) != VD_OK)
        return cli_fail(cli, VD_MALFORMED, "the ingestor's row of a session is not one");
    bool add = record.trouble.size == 0 && trouble[0] != 0 && vd_str_is(record.state, "active");
    vd_buffer_t out;
    vd_buffer_init(&out, VD_FRAME_BYTES_MAX);
    vd_write_map(&out, map.count + 1 + add);
    vd_write_raw(&out, map.bytes);
    vd_write_pair_i64(&out, "lasted_ms", lasted_ms(&record));
    if (add)
        vd_write_pair_text(&out, "trouble", trouble);
    code = cli_print_value(cli, vd_buffer_view(&out));
    vd_buffer_free(&out);
    return code;
}

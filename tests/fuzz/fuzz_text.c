/* fuzz_text.c: words, numbers and lines of people and programs: durations, sizes, figures, filters, output of commands. */
#include "drawn.h"
#include "fuzz.h"
#include "run_lines.h"
#include "text.h"

#include "figures.h"
#include "tui/json_lines.h"
#include "tui/stream_filter.h"
#include "wire/auth.h"
#include "wire/run.h"
#include "wire/value.h"

enum { LINE_MAX_BYTES = 64 };

/* What is written can be read again, and is then written the same. */
static void durations(const char *text)
{
    char words[64], again[64];
    int64_t ms = -1;
    uint64_t number = 0;
    cli_parse_number(text, &number);
    if (!cli_parse_duration(text, &ms))
        return;
    FUZZ_HOLDS(ms >= 0 && cli_wait_ms(ms) >= 0);
    cli_format_duration(ms, words, sizeof words);
    cli_format_duration(ms, again, 4);
    FUZZ_HOLDS(strlen(again) < 4 && words[0] != 0);
    cli_format_bytes((uint64_t)ms, words, sizeof words);
}

static bool is_shown(const char *text)
{
    for (; *text != 0; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static void clean(vd_bytes_t text)
{
    char out[256], again[256];
    size_t columns = cli_clean(text, out, sizeof out);
    FUZZ_HOLDS(is_shown(out) && columns <= strlen(out) * 2);
    FUZZ_HOLDS(cli_clean(vd_str(out), again, sizeof again) == columns && strcmp(out, again) == 0);
}

static void all_utf8(vd_bytes_t text)
{
    while (text.size > 0) {
        size_t size = vd_utf8_size(text);
        FUZZ_HOLDS(size > 0 && size <= text.size);
        text = vd_bytes(text.data + size, text.size - size);
    }
}

/* However a stream is cut into pieces, its lines are the same. */
static void lines(vd_bytes_t input)
{
    run_lines_t whole, cut;
    run_line_t one, other;
    uint8_t step = fuzz_byte(&input);
    FUZZ_HOLDS(run_lines_init(&whole, LINE_MAX_BYTES) && run_lines_init(&cut, LINE_MAX_BYTES));
    vd_bytes_t rest = input, ahead = vd_bytes(input.data, 0);
    size_t at = 0;
    while (run_lines_take(&whole, &rest, &one)) {
        FUZZ_HOLDS(one.bytes.size <= LINE_MAX_BYTES);
        while (!run_lines_take(&cut, &ahead, &other)) {
            FUZZ_HOLDS(ahead.size == 0 && at < input.size);
            size_t size = 1 + step % 7U;
            size = size < input.size - at ? size : input.size - at;
            ahead = vd_bytes(input.data + at, size);
            at += size;
        }
        FUZZ_HOLDS(vd_bytes_equal(one.bytes, other.bytes) && one.cut == other.cut);
        vd_buffer_t text;
        vd_buffer_init(&text, 4 * LINE_MAX_BYTES);
        bool good = run_text(one.bytes, &text);
        FUZZ_HOLDS(!text.full);
        FUZZ_HOLDS(!good || vd_bytes_equal(one.bytes, vd_buffer_view(&text)));
        all_utf8(vd_buffer_view(&text));
        vd_buffer_free(&text);
    }
    run_lines_free(&whole);
    run_lines_free(&cut);
}

static void figures(vd_bytes_t input)
{
    vd_bytes_t key = fuzz_part(&input);
    vd_value_t value;
    char out[128];
    if (vd_scan_exact(input, VD_DEPTH_MAX) != VD_OK || !vd_value_of(input, &value))
        return;
    cli_brief(input, 40, out, sizeof out);
    FUZZ_HOLDS(strlen(out) < sizeof out && is_shown(out));
    cli_format_time(&value, out, sizeof out);
    FUZZ_HOLDS(is_shown(out));
    cli_format_t *format = cli_figure_format(key);
    if (format != NULL)
        format(&value, out, sizeof out);
    FUZZ_HOLDS(is_shown(out));
    tui_lines_t *page = tui_lines_new();
    vd_buffer_t text;
    FUZZ_HOLDS(page != NULL);
    vd_buffer_init(&text, 4 << 20);
    tui_lines_clear(page, 40, key.size % 2 == 0);
    tui_json_lines(page, input, 2, VD_DEPTH_MAX);
    tui_lines_text(page, &text);
    FUZZ_HOLDS(!text.full && tui_lines_count(page) <= TUI_LINES_MAX);
    fuzz_drawn(page, 40);
    vd_buffer_free(&text);
    tui_lines_destroy(&page);
}

static void filters(vd_bytes_t input)
{
    tui_stream_filter_t filter;
    vd_event_t event;
    char error[VD_TEXT_BYTES_MAX] = "";
    char *text = fuzz_text(fuzz_part(&input));
    memset(&filter, 0, sizeof filter);
    vd_buffer_init(&filter.json, 1 << 20);
    if (!tui_stream_filter_read(&filter, text, error, sizeof error)) {
        FUZZ_HOLDS(error[0] != 0);
    } else if (filter.count > 0 && vd_scan_exact(input, VD_DEPTH_MAX) == VD_OK &&
               vd_event_read(input, &event) == VD_OK) {
        bool match = tui_stream_filter_match(&filter, 5, input);
        filter.inverted = !filter.inverted;
        FUZZ_HOLDS(match != tui_stream_filter_match(&filter, 5, input));
    }
    vd_buffer_free(&filter.json);
    free(text);
}

void fuzz_one(vd_bytes_t input)
{
    static const char *const names[] = {"broker", "ingestor", "poller-1"};
    uint8_t how = fuzz_byte(&input);
    char *text = how % 5 == 0 ? fuzz_text(input) : NULL;
    switch (how % 5) {
    case 0:
        durations(text);
        cli_nearest(text, names, 3);
        vd_auth_parse(input, NULL);
        break;
    case 1:
        clean(input);
        break;
    case 2:
        lines(input);
        break;
    case 3:
        figures(input);
        break;
    default:
        filters(input);
        break;
    }
    free(text);
}

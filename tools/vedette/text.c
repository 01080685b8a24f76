/* text.c: words, numbers, durations and sizes as people write and read them. */
#include "text.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name;
    double ms;
} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"", 1000}};

bool cli_parse_duration(const char *text, int64_t *ms)
{
    if (text[0] < '0' || text[0] > '9')
        return false;
    size_t digits = strspn(text, "0123456789");
    size_t size = digits;
    if (text[size] == '.') {
        size_t part = strspn(text + size + 1, "0123456789");
        if (part == 0)
            return false;
        size += part + 1;
    }
    if (size > 20)
        return false;
    double number = strtod(text, NULL);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(text + size, units[i].name) != 0)
            continue;
        double all = number * units[i].ms;
        if (all > 10.0 * 366 * 86400000)
            return false;
        *ms = (int64_t)(all + 0.5);
        return true;
    }
    return false;
}

bool cli_parse_number(const char *text, uint64_t *number)
{
    if (text[0] < '0' || text[0] > '9' || text[strspn(text, "0123456789")] != 0)
        return false;
    errno = 0;
    *number = strtoull(text, NULL, 10);
    return errno == 0;
}

void cli_format_duration(int64_t ms, char *out, size_t size)
{
    assert(size > 0);
    int64_t s = ms < 0 ? 0 : ms / 1000;
    if (ms >= 0 && ms < 1000)
        snprintf(out, size, "%" PRId64 "ms", ms);
    else if (s < 60)
        snprintf(out, size, "%" PRId64 "s", s);
    else if (s < 3600)
        snprintf(out, size, "%" PRId64 "m%02" PRId64 "s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(out, size, "%" PRId64 "h%02" PRId64 "m", s / 3600, s / 60 % 60);
    else
        snprintf(out, size, "%" PRId64 "d%02" PRId64 "h", s / 86400, s / 3600 % 24);
}

const char *cli_count(uint64_t count, const char *thing, char *out, size_t size)
{
    snprintf(out, size, "%" PRIu64 " %s%s", count, thing, count == 1 ? "" : "s");
    return out;
}

int cli_wait_ms(int64_t ms)
{
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

void cli_format_bytes(uint64_t bytes, char *out, size_t size)
{
    static const char letters[] = "KMGTPE";
    if (bytes < 1024) {
        snprintf(out, size, "%" PRIu64, bytes);
        return;
    }
    double value = (double)bytes / 1024;
    size_t at = 0;
    while (value >= 1023.95 && at + 1 < sizeof letters - 1) {
        value /= 1024;
        at++;
    }
    snprintf(out, size, value < 9.95 ? "%.1f%c" : "%.0f%c", value, letters[at]);
}

/* Edits that lead from one word to the other: letters put in, taken out, replaced, swapped with
 * the next. */
static size_t distance(const char *a, const char *b)
{
    enum { MAX = 32 };
    size_t n = strlen(a), m = strlen(b);
    if (n > MAX || m > MAX)
        return MAX;
    size_t rows[MAX + 1][MAX + 1];
    for (size_t i = 0; i <= n; i++)
        rows[i][0] = i;
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n; i++)
        for (size_t j = 1; j <= m; j++) {
            size_t best = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (rows[i - 1][j] + 1 < best)
                best = rows[i - 1][j] + 1;
            if (rows[i][j - 1] + 1 < best)
                best = rows[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                rows[i - 2][j - 2] + 1 < best)
                best = rows[i - 2][j - 2] + 1;
            rows[i][j] = best;
        }
    return rows[n][m];
}

const char *cli_nearest(const char *word, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t best_distance =
        strlen(word) / 3 + 2; /* a third of the word may be wrong, and one letter more */
    for (size_t i = 0; i < count; i++) {
        size_t edits = distance(word, names[i]);
        if (strlen(word) >= 3 && strncmp(names[i], word, strlen(word)) == 0)
            edits = 1;
        if (edits < best_distance && edits < strlen(names[i])) {
            best = names[i];
            best_distance = edits;
        }
    }
    return best;
}

/* Bytes of the UTF-8 sequence at the front; 0: none. */
static size_t sequence(vd_str_t text)
{
    uint8_t c = text.data[0];
    size_t size = c < 0x80                ? 1
                  : c >= 0xc2 && c < 0xe0 ? 2
                  : c >= 0xe0 && c < 0xf0 ? 3
                  : c >= 0xf0 && c < 0xf5 ? 4
                                          : 0;
    if (size == 0 || size > text.size)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((text.data[i] & 0xc0) != 0x80)
            return 0;
    return size;
}

size_t cli_clean(vd_str_t text, char *out, size_t size)
{
    assert(size > 0);
    size_t used = 0, columns = 0;
    while (text.size > 0) {
        size_t bytes = sequence(text);
        bool shown = bytes > 1 || (bytes == 1 && text.data[0] >= 0x20 && text.data[0] != 0x7f);
        bool control = bytes == 2 && text.data[0] == 0xc2 && text.data[1] < 0xa0;
        if (used + (bytes > 0 ? bytes : 1) >= size)
            break;
        if (shown && !control)
            memcpy(out + used, text.data, bytes);
        else
            out[used] = '?';
        used += shown && !control ? bytes : 1;
        columns++;
        text = vd_bytes(text.data + (bytes > 0 ? bytes : 1), text.size - (bytes > 0 ? bytes : 1));
    }
    out[used] = 0;
    return columns;
}

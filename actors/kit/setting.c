/* setting.c: reading and checking one value of the configuration. */
#include "kit/setting.h"

#include "wire/limits.h"
#include "wire/value.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TABLE_DEPTH_MAX = 16, KNOWN_KEYS_MAX = 128, PATH_SIZE = 256 };

void vd_complain(vd_complaints_t *self, unsigned line, const char *format, ...)
{
    char text[VD_TEXT_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    char place[PATH_SIZE];
    if (line > 0)
        snprintf(place, sizeof place, "%.200s:%u: ", self->name, line);
    else
        snprintf(place, sizeof place, "%.200s: ", self->name);
    vd_buffer_add(self->out, place, strlen(place));
    vd_buffer_add(self->out, text, strlen(text));
    vd_buffer_add(self->out, "\n", 1);
    self->count++;
}

size_t vd_rows_length(const vd_config_row_t *rows)
{
    size_t count = 0;
    while (rows != NULL && rows[count].key != NULL)
        count++;
    assert(count <= KNOWN_KEYS_MAX);
    return count;
}

/* ---- nearest key ---- */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein distance; a swap of neighbours counts as two. */
static size_t edit_distance(const char *a, const char *b)
{
    enum { KEY_MAX = 64 };
    size_t a_size = strlen(a);
    size_t b_size = strlen(b);
    if (a_size > KEY_MAX || b_size > KEY_MAX)
        return SIZE_MAX;
    size_t row[KEY_MAX + 1];
    for (size_t at = 0; at <= b_size; at++)
        row[at] = at;
    for (size_t i = 1; i <= a_size; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t replaced = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            row[j] = smaller(replaced, smaller(row[j], row[j - 1]) + 1);
        }
    }
    return row[b_size];
}

const char *vd_nearest_key(const char *key, const char *const *known, size_t count)
{
    const char *nearest = NULL;
    size_t least = strlen(key) / 2 + 2;
    for (size_t at = 0; at < count; at++) {
        size_t distance = edit_distance(key, known[at]);
        if (distance < least) {
            least = distance;
            nearest = known[at];
        }
    }
    return nearest;
}

void vd_complain_unknown(vd_complaints_t *self, unsigned line, const char *what, const char *key,
                         const char *where, const char *const *known, size_t count)
{
    const char *nearest = vd_nearest_key(key, known, count);
    if (nearest != NULL) {
        vd_complain(self, line, "unknown %s \"%.80s\" in %s: did you mean \"%s\"?", what, key,
                    where, nearest);
        return;
    }
    char all[VD_TEXT_BYTES_MAX / 2] = "";
    size_t used = 0;
    for (size_t at = 0; at < count && used + 1 < sizeof all; at++)
        used +=
            (size_t)snprintf(all + used, sizeof all - used, "%s%s", at > 0 ? ", " : "", known[at]);
    vd_complain(self, line, "unknown %s \"%.80s\" in %s: known are %s", what, key, where,
                count > 0 ? all : "none");
}

/* ---- scalars ---- */

static bool is_env(const char *text, char *name, size_t size)
{
    size_t length = strlen(text);
    if (length < 6 || length - 5 >= size || strncmp(text, "env(", 4) != 0 ||
        text[length - 1] != ')')
        return false;
    for (size_t at = 4; at + 1 < length; at++)
        if (!isalnum((unsigned char)text[at]) && text[at] != '_')
            return false;
    memcpy(name, text + 4, length - 5);
    name[length - 5] = 0;
    return true;
}

const char *vd_config_env(const char *text)
{
    char name[128];
    return is_env(text, name, sizeof name) ? getenv(name) : text;
}

/* Is `text` one of the words that the row allows? Complains if not. */
static bool check_word(const vd_config_row_t *row, const char *text, unsigned line,
                       const char *path, vd_complaints_t *complaints)
{
    char all[VD_TEXT_BYTES_MAX / 2] = "";
    size_t used = 0;
    for (const vd_config_row_t *word = row->rows; word->key != NULL; word++) {
        if (strcmp(word->key, text) == 0)
            return true;
        used += (size_t)snprintf(all + used, sizeof all - used, "%s\"%s\"", used > 0 ? " or " : "",
                                 word->key);
        assert(used < sizeof all);
    }
    vd_complain(complaints, line, "%s must be %s, and is \"%.40s\"", path, all, text);
    return false;
}

static bool read_text(char **to, const vd_config_row_t *row, const vd_toml_node_t *node,
                      const char *path, bool in_row, vd_complaints_t *complaints)
{
    unsigned line = vd_toml_line(node);
    if (vd_toml_kind(node) != VD_TOML_STR) {
        vd_complain(complaints, line, "%s must be a text in quotes", path);
        return false;
    }
    size_t size;
    const char *text = vd_toml_str(node, &size);
    if (strlen(text) != size) {
        vd_complain(complaints, line, "%s holds a zero byte", path);
        return false;
    }
    char name[128];
    if (!in_row && row->type != VD_CONFIG_STR && is_env(text, name, sizeof name)) {
        vd_complain(complaints, line,
                    "%s is shown to everybody, and env(NAME) is for secrets: write it out", path);
        return false;
    }
    if (!in_row && is_env(text, name, sizeof name)) {
        text = getenv(name);
        if (text == NULL) {
            vd_complain(complaints, line, "%s: the environment has no %s: export it", path, name);
            return false;
        }
    }
    if (row->type == VD_CONFIG_SHOWN && row->rows != NULL &&
        !check_word(row, text, line, path, complaints))
        return false;
    *to = strdup(text);
    if (*to == NULL)
        vd_complain(complaints, line, "out of memory");
    return *to != NULL;
}

static bool within(const vd_config_row_t *row, double value)
{
    return (row->min == 0 && row->max == 0) || (value >= row->min && value <= row->max);
}

static bool read_number(vd_setting_t *setting, const vd_config_row_t *row,
                        const vd_toml_node_t *node, const char *path, vd_complaints_t *complaints)
{
    vd_toml_kind_t kind = vd_toml_kind(node);
    bool integer = row->type == VD_CONFIG_INT;
    if (kind != VD_TOML_INT && (integer || kind != VD_TOML_FLOAT)) {
        vd_complain(complaints, vd_toml_line(node), "%s must be %s", path,
                    integer ? "a whole number" : "a number");
        return false;
    }
    setting->number = vd_toml_int(node);
    setting->real = kind == VD_TOML_INT ? (double)setting->number : vd_toml_float(node);
    if (within(row, setting->real) && !isnan(setting->real))
        return true;
    vd_complain(complaints, vd_toml_line(node), "%s is %.17g: it must be %.17g to %.17g", path,
                setting->real, row->min, row->max);
    return false;
}

static bool parse_duration(const char *text, int64_t *ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 12)
        return false;
    int64_t count = strtoll(text, NULL, 10);
    for (size_t at = 0; at < sizeof units / sizeof *units; at++)
        if (strcmp(text + digits, units[at].name) == 0 &&
            count <= INT64_MAX / 1000 / units[at].ms) {
            *ms = count * units[at].ms;
            return true;
        }
    return false;
}

static bool read_duration(vd_setting_t *setting, const vd_config_row_t *row,
                          const vd_toml_node_t *node, const char *path, vd_complaints_t *complaints)
{
    if (vd_toml_kind(node) != VD_TOML_STR ||
        !parse_duration(vd_toml_str(node, NULL), &setting->number)) {
        vd_complain(complaints, vd_toml_line(node),
                    "%s must be a duration such as \"250ms\", \"1s\", \"5m\", \"2h\" or \"1d\"",
                    path);
        return false;
    }
    if (within(row, (double)setting->number))
        return true;
    vd_complain(complaints, vd_toml_line(node), "%s is \"%s\": it must be %.0f ms to %.0f ms", path,
                vd_toml_str(node, NULL), row->min, row->max);
    return false;
}

static bool read_bool(vd_setting_t *setting, const vd_toml_node_t *node, const char *path,
                      vd_complaints_t *complaints)
{
    if (vd_toml_kind(node) != VD_TOML_BOOL) {
        vd_complain(complaints, vd_toml_line(node), "%s must be true or false", path);
        return false;
    }
    setting->number = vd_toml_bool(node);
    return true;
}

/* ---- lists, rows, tables ---- */

static bool read_list(vd_setting_t *setting, const vd_config_row_t *row, const vd_toml_node_t *node,
                      const char *path, bool in_row, vd_complaints_t *complaints)
{
    if (vd_toml_kind(node) != VD_TOML_ARRAY) {
        vd_complain(complaints, vd_toml_line(node), "%s must be a list of texts", path);
        return false;
    }
    size_t count = vd_toml_count(node);
    setting->items = calloc(count + 1, sizeof *setting->items);
    if (setting->items == NULL) {
        vd_complain(complaints, vd_toml_line(node), "out of memory");
        return false;
    }
    setting->count = count;
    bool good = true;
    for (size_t at = 0; at < count; at++) {
        char place[PATH_SIZE];
        snprintf(place, sizeof place, "%.200s[%zu]", path, at);
        good = read_text(&setting->items[at].text, row, vd_toml_at(node, at, NULL), place, in_row,
                         complaints) &&
               good;
    }
    return good;
}

/* Writes a node as MessagePack. False, with a complaint, for what has no place in a message. */
static bool pack(vd_buffer_t *out, const vd_toml_node_t *node, unsigned depth, const char *path,
                 vd_complaints_t *complaints)
{
    size_t count = vd_toml_count(node);
    size_t size;
    const char *text;
    bool good = depth < TABLE_DEPTH_MAX;
    if (!good)
        vd_complain(complaints, vd_toml_line(node), "%s is nested too deeply", path);
    switch (good ? vd_toml_kind(node) : VD_TOML_OTHER) {
    case VD_TOML_TABLE:
        vd_write_map(out, (uint32_t)count);
        for (size_t at = 0; at < count && good; at++) {
            const vd_toml_node_t *entry = vd_toml_at(node, at, &text);
            vd_write_text(out, text);
            good = pack(out, entry, depth + 1, path, complaints);
        }
        return good;
    case VD_TOML_ARRAY:
        vd_write_array(out, (uint32_t)count);
        for (size_t at = 0; at < count && good; at++)
            good = pack(out, vd_toml_at(node, at, NULL), depth + 1, path, complaints);
        return good;
    case VD_TOML_STR:
        text = vd_toml_str(node, &size);
        vd_write_str(out, vd_bytes(text, size));
        return true;
    case VD_TOML_INT:
        vd_write_i64(out, vd_toml_int(node));
        return true;
    case VD_TOML_FLOAT:
        vd_write_f64(out, vd_toml_float(node));
        return true;
    case VD_TOML_BOOL:
        vd_write_bool(out, vd_toml_bool(node));
        return true;
    case VD_TOML_OTHER:
        if (good)
            vd_complain(complaints, vd_toml_line(node),
                        "%s holds a date or time: write it as a text in quotes", path);
        return false;
    }
    return false;
}

static bool read_table(vd_setting_t *setting, const vd_toml_node_t *node, const char *path,
                       vd_complaints_t *complaints)
{
    if (vd_toml_kind(node) != VD_TOML_TABLE) {
        vd_complain(complaints, vd_toml_line(node), "%s must be a table", path);
        return false;
    }
    vd_buffer_init(&setting->packed, VD_SPEC_BYTES_MAX);
    if (!pack(&setting->packed, node, 0, path, complaints))
        return false;
    if (setting->packed.full)
        vd_complain(complaints, vd_toml_line(node), "%s is over %d bytes", path, VD_SPEC_BYTES_MAX);
    return !setting->packed.full;
}

static bool read_row(vd_setting_t *settings, const vd_config_row_t *keys,
                     const vd_toml_node_t *node, const char *path, vd_complaints_t *complaints)
{
    size_t before = complaints->count;
    if (vd_toml_kind(node) != VD_TOML_TABLE) {
        vd_complain(complaints, vd_toml_line(node), "%s must be a table", path);
        return false;
    }
    size_t width = vd_rows_length(keys);
    const char *known[KNOWN_KEYS_MAX];
    for (size_t at = 0; at < width; at++) {
        char place[PATH_SIZE];
        snprintf(place, sizeof place, "%.180s.%s", path, keys[at].key);
        known[at] = keys[at].key;
        const vd_toml_node_t *entry = vd_toml_get(node, keys[at].key);
        if (entry != NULL)
            vd_setting_read(&settings[at], &keys[at], entry, place, true, complaints);
        else if (keys[at].fallback == NULL && keys[at].type != VD_CONFIG_TABLE)
            vd_complain(complaints, vd_toml_line(node), "%s needs the key \"%s\"", path,
                        keys[at].key);
        else
            vd_setting_default(&settings[at], &keys[at]);
    }
    const char *key = "";
    for (size_t at = 0; at < vd_toml_count(node); at++) {
        const vd_toml_node_t *entry = vd_toml_at(node, at, &key);
        bool found = false;
        for (size_t row = 0; row < width && !found; row++)
            found = strcmp(key, keys[row].key) == 0;
        if (!found)
            vd_complain_unknown(complaints, vd_toml_line(entry), "key", key, path, known, width);
    }
    return complaints->count == before;
}

static bool read_rows(vd_setting_t *setting, const vd_config_row_t *row, const vd_toml_node_t *node,
                      const char *path, vd_complaints_t *complaints)
{
    if (vd_toml_kind(node) != VD_TOML_ARRAY) {
        vd_complain(complaints, vd_toml_line(node), "%s must be tables in double brackets: [[%s]]",
                    path, path);
        return false;
    }
    size_t count = vd_toml_count(node);
    size_t width = vd_rows_length(row->rows);
    assert(width > 0);
    setting->items = calloc(count * width + 1, sizeof *setting->items);
    if (setting->items == NULL) {
        vd_complain(complaints, vd_toml_line(node), "out of memory");
        return false;
    }
    setting->count = count;
    bool good = true;
    for (size_t at = 0; at < count; at++) {
        char place[PATH_SIZE];
        snprintf(place, sizeof place, "%.180s[%zu]", path, at);
        good = read_row(setting->items + at * width, row->rows, vd_toml_at(node, at, NULL), place,
                        complaints) &&
               good;
    }
    return good;
}

bool vd_setting_read(vd_setting_t *setting, const vd_config_row_t *row, const vd_toml_node_t *node,
                     const char *path, bool in_row, vd_complaints_t *complaints)
{
    assert(node != NULL && path != NULL);
    switch (row->type) {
    case VD_CONFIG_STR:
    case VD_CONFIG_SHOWN:
        return read_text(&setting->text, row, node, path, in_row, complaints);
    case VD_CONFIG_INT:
    case VD_CONFIG_FLOAT:
        return read_number(setting, row, node, path, complaints);
    case VD_CONFIG_BOOL:
        return read_bool(setting, node, path, complaints);
    case VD_CONFIG_DURATION:
        return read_duration(setting, row, node, path, complaints);
    case VD_CONFIG_LIST:
        return read_list(setting, row, node, path, in_row, complaints);
    case VD_CONFIG_ROWS:
        assert(!in_row);
        return read_rows(setting, row, node, path, complaints);
    case VD_CONFIG_TABLE:
        assert(in_row);
        return read_table(setting, node, path, complaints);
    }
    assert(!"a configuration row without a type");
    return false;
}

void vd_setting_default(vd_setting_t *setting, const vd_config_row_t *row)
{
    if (row->fallback == NULL)
        return;
    char text[512];
    char problem[256] = "";
    unsigned line = 0;
    int size = snprintf(text, sizeof text, "v = %s\n", row->fallback);
    assert(size > 0 && (size_t)size < sizeof text);
    vd_toml_t *toml = vd_toml_parse(text, (size_t)size, problem, sizeof problem, &line);
    bool good = false;
    if (toml != NULL) {
        vd_buffer_t out;
        vd_buffer_init(&out, 4096);
        vd_complaints_t complaints = {.name = "fallback", .out = &out};
        bool in_row = row->type == VD_CONFIG_TABLE;
        good = vd_setting_read(setting, row, vd_toml_get(vd_toml_root(toml), "v"), row->key, in_row,
                               &complaints);
        if (!good)
            vd_str_copy(problem, sizeof problem, vd_buffer_view(&out));
        vd_buffer_free(&out);
    }
    vd_toml_destroy(&toml);
    if (!good)
        fprintf(stderr, "the fallback %s of the configuration key %s is not valid: %s\n",
                row->fallback, row->key, problem);
    assert(good);
}

void vd_setting_free(vd_setting_t *setting, const vd_config_row_t *row)
{
    free(setting->text);
    if (setting->packed.cap > 0)
        vd_buffer_free(&setting->packed);
    size_t width = row->type == VD_CONFIG_ROWS ? vd_rows_length(row->rows) : 1;
    for (size_t at = 0; setting->items != NULL && at < setting->count * width; at++) {
        static const vd_config_row_t text = {.key = "item", .type = VD_CONFIG_STR};
        vd_setting_free(&setting->items[at],
                        row->type == VD_CONFIG_ROWS ? &row->rows[at % width] : &text);
    }
    free(setting->items);
    *setting = (vd_setting_t){0};
}

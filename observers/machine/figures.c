/* figures.c: parsers of /proc and /sys. */
#include "figures.h"

#include <assert.h>
#include <stdlib.h>

/* Takes the next line from the front, without its end. */
static bool next_line(vd_bytes_t *text, vd_bytes_t *line)
{
    if (text->size == 0)
        return false;
    const uint8_t *end = memchr(text->data, '\n', text->size);
    size_t size = end ? (size_t)(end - text->data) : text->size;
    size_t skip = end ? size + 1 : size;
    *line = vd_bytes(text->data, size);
    *text = vd_bytes(text->data + skip, text->size - skip);
    return true;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static vd_str_t next_word(vd_bytes_t *line)
{
    size_t at = 0, begin;
    while (at < line->size && is_blank(line->data[at]))
        at++;
    begin = at;
    while (at < line->size && !is_blank(line->data[at]))
        at++;
    vd_str_t word = vd_bytes(line->data + begin, at - begin);
    *line = vd_bytes(line->data + at, line->size - at);
    return word;
}

static bool parse_u64(vd_str_t word, uint64_t *value)
{
    uint64_t sum = 0;
    if (word.size == 0 || word.size > 20)
        return false;
    for (size_t at = 0; at < word.size; at++) {
        if (word.data[at] < '0' || word.data[at] > '9')
            return false;
        uint64_t digit = (uint64_t)(word.data[at] - '0');
        if (sum > (UINT64_MAX - digit) / 10)
            return false;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

/* Digits, at most one point: whatever the locale. */
static bool parse_decimal(vd_str_t word, double *value)
{
    double sum = 0, unit = 0;
    if (word.size == 0 || word.size > 20)
        return false;
    for (size_t at = 0; at < word.size; at++) {
        uint8_t c = word.data[at];
        if (c == '.' && unit == 0) {
            unit = 1;
        } else if (c >= '0' && c <= '9') {
            sum = sum * 10 + (c - '0');
            unit *= 10;
        } else {
            return false;
        }
    }
    *value = unit > 1 ? sum / unit : sum;
    return true;
}

static bool starts_with(vd_bytes_t text, const char *prefix)
{
    size_t size = strlen(prefix);
    return text.size >= size && memcmp(text.data, prefix, size) == 0;
}

bool vd_load_parse(vd_bytes_t text, vd_load_t *load)
{
    assert(load);
    vd_bytes_t line;
    vd_load_t found;
    if (!next_line(&text, &line) || !parse_decimal(next_word(&line), &found.one) ||
        !parse_decimal(next_word(&line), &found.five) ||
        !parse_decimal(next_word(&line), &found.fifteen))
        return false;
    *load = found;
    return true;
}

bool vd_memory_parse(vd_bytes_t text, vd_memory_t *memory)
{
    assert(memory);
    vd_memory_t found = {0};
    vd_bytes_t line;
    int needed = 0;
    while (next_line(&text, &line)) {
        vd_str_t key = next_word(&line);
        uint64_t kilobytes;
        if (!parse_u64(next_word(&line), &kilobytes) || kilobytes > UINT64_MAX / 1024)
            continue;
        if (vd_str_is(key, "MemTotal:")) {
            found.total_bytes = kilobytes * 1024;
            needed++;
        } else if (vd_str_is(key, "MemAvailable:")) {
            found.available_bytes = kilobytes * 1024;
            needed++;
        } else if (vd_str_is(key, "SwapTotal:")) {
            found.swap_total_bytes = kilobytes * 1024;
        } else if (vd_str_is(key, "SwapFree:")) {
            found.swap_free_bytes = kilobytes * 1024;
        }
    }
    if (needed != 2 || found.total_bytes == 0)
        return false;
    *memory = found;
    return true;
}

bool vd_processors_parse(vd_bytes_t text, vd_processors_t *processors)
{
    assert(processors);
    enum { IDLE = 3, WAITS_FOR_DISK = 4, COUNTED = 8 };
    vd_processors_t found = {0};
    vd_bytes_t line;
    bool sums = false;
    while (next_line(&text, &line) && starts_with(line, "cpu")) {
        vd_str_t key = next_word(&line);
        if (!vd_str_is(key, "cpu")) {
            found.count++;
            continue;
        }
        for (int at = 0; at < COUNTED; at++) {
            uint64_t ticks;
            if (!parse_u64(next_word(&line), &ticks))
                break;
            found.all_ticks += ticks;
            if (at == IDLE || at == WAITS_FOR_DISK)
                found.idle_ticks += ticks;
            sums = sums || at == IDLE;
        }
    }
    if (!sums || found.count == 0)
        return false;
    *processors = found;
    return true;
}

bool vd_pressure_parse(vd_bytes_t text, double *some_percent)
{
    assert(some_percent);
    static const char key[] = "avg10=";
    vd_bytes_t line;
    while (next_line(&text, &line)) {
        if (!vd_str_is(next_word(&line), "some"))
            continue;
        vd_str_t word = next_word(&line);
        size_t skip = sizeof key - 1;
        return starts_with(word, key) &&
               parse_decimal(vd_bytes(word.data + skip, word.size - skip), some_percent);
    }
    return false;
}

bool vd_interface_next(vd_bytes_t *text, vd_interface_t *interface)
{
    assert(text && interface);
    enum { BEFORE_SENT = 7 };
    vd_bytes_t line;
    while (next_line(text, &line)) {
        const uint8_t *colon = line.size ? memchr(line.data, ':', line.size) : NULL;
        if (!colon)
            continue;
        vd_bytes_t head = vd_bytes(line.data, (size_t)(colon - line.data));
        vd_bytes_t rest = vd_bytes(colon + 1, line.size - head.size - 1);
        vd_str_t name = next_word(&head);
        *interface = (vd_interface_t){0};
        if (name.size == 0 || !vd_str_copy(interface->name, sizeof interface->name, name) ||
            !parse_u64(next_word(&rest), &interface->received_bytes))
            continue;
        for (int skip = 0; skip < BEFORE_SENT; skip++)
            next_word(&rest);
        if (parse_u64(next_word(&rest), &interface->sent_bytes))
            return true;
    }
    return false;
}

static bool is_octal(const uint8_t *text)
{
    return text[0] >= '0' && text[0] <= '3' && text[1] >= '0' && text[1] <= '7' && text[2] >= '0' &&
           text[2] <= '7';
}

/* Blanks and the like are written as \ooo in /proc/mounts. */
static bool unescape(vd_str_t word, char *out, size_t size)
{
    size_t used = 0;
    if (!memchr(word.data, '\\', word.size) && !memchr(word.data, 0, word.size))
        return word.size > 0 && vd_str_copy(out, size, word);
    for (size_t at = 0; at < word.size; at++) {
        uint8_t c = word.data[at];
        if (c == '\\' && at + 3 < word.size && is_octal(word.data + at + 1)) {
            c = (uint8_t)((word.data[at + 1] - '0') * 64 + (word.data[at + 2] - '0') * 8 +
                          (word.data[at + 3] - '0'));
            at += 3;
        }
        if (used + 1 >= size || c == 0)
            return false;
        out[used++] = (char)c;
    }
    out[used] = 0;
    return used > 0;
}

static bool is_one_of(const char *text, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(text, *list) == 0)
            return true;
    return false;
}

static bool holds_data(const vd_mount_t *mount)
{
    static const char *const without_device[] = {"zfs", "nfs",  "nfs4",     "cifs",
                                                 "9p",  "ceph", "virtiofs", NULL};
    static const char *const full_by_nature[] = {"squashfs", "iso9660", "udf", "erofs", NULL};
    if (is_one_of(mount->type, full_by_nature))
        return false;
    if (strcmp(mount->type, "overlay") == 0)
        return strcmp(mount->path, "/") == 0;
    return mount->device[0] == '/' || is_one_of(mount->type, without_device);
}

bool vd_mount_next(vd_bytes_t *text, vd_mount_t *mount)
{
    assert(text && mount);
    vd_bytes_t line;
    while (next_line(text, &line)) {
        *mount = (vd_mount_t){0};
        if (unescape(next_word(&line), mount->device, sizeof mount->device) &&
            unescape(next_word(&line), mount->path, sizeof mount->path) &&
            unescape(next_word(&line), mount->type, sizeof mount->type) && holds_data(mount))
            return true;
    }
    return false;
}

bool vd_space_parse(vd_bytes_t meta, vd_space_t *space)
{
    assert(space);
    vd_value_t map;
    vd_space_t found = {0};
    if (!vd_value_of(meta, &map) || map.kind != VD_KIND_MAP)
        return false;
    found.total_bytes = vd_value_get_u64(&map, "total", 0);
    found.free_bytes = vd_value_get_u64(&map, "free", 0);
    found.available_bytes = vd_value_get_u64(&map, "avail", 0);
    if (found.total_bytes == 0 || found.free_bytes > found.total_bytes ||
        found.available_bytes > found.free_bytes)
        return false;
    uint64_t used = found.total_bytes - found.free_bytes;
    uint64_t usable = used + found.available_bytes;
    found.used_percent = usable ? 100.0 * (double)used / (double)usable : 100.0;
    *space = found;
    return true;
}

bool vd_operstate_is_down(vd_bytes_t text)
{
    return starts_with(text, "down") || starts_with(text, "lowerlayerdown") ||
           starts_with(text, "notpresent");
}

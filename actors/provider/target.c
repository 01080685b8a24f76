/* target.c: filling templates, joining labels. */
#include "target.h"

#include "wire/value.h"

#include <assert.h>

typedef struct vd_place {
    vd_str_t host, port;
} vd_place_t;

static vd_place_t place_of(vd_str_t target)
{
    size_t at = target.size;
    while (at > 0 && target.data[at - 1] >= '0' && target.data[at - 1] <= '9')
        at--;
    vd_place_t place = {.host = target, .port = vd_str("")};
    bool open = at > 0 && memchr(target.data, '[', at) == NULL &&
                memchr(target.data, ':', at - 1) != NULL; /* a bare IPv6 address */
    if (at == 0 || at == target.size || target.data[at - 1] != ':' || open)
        return place;
    place.host = vd_bytes(target.data, at - 1);
    place.port = vd_bytes(target.data + at, target.size - at);
    return place;
}

/* The word in braces at the front of `rest`, with its braces; empty: it is none of ours. */
static vd_str_t word_of(vd_str_t rest)
{
    static const char *const words[] = {"{target}", "{host}", "{port}"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (rest.size >= strlen(words[i]) && memcmp(rest.data, words[i], strlen(words[i])) == 0)
            return vd_bytes(rest.data, strlen(words[i]));
    return vd_bytes(rest.data, 0);
}

const char *vd_target_check(vd_str_t address)
{
    if (address.size > VD_TEXT_BYTES_MAX)
        return "it is too long";
    for (size_t at = 0; at < address.size; at++) {
        vd_str_t word = word_of(vd_bytes(address.data + at, address.size - at));
        if (word.size > 0)
            at += word.size - 1;
        else if (address.data[at] == '{' || address.data[at] == '}')
            return "in braces stands one of {target}, {host} and {port}";
    }
    return NULL;
}

bool vd_target_fill(vd_str_t address, vd_str_t target, char *out)
{
    assert(vd_target_check(address) == NULL && out != NULL);
    vd_place_t place = place_of(target);
    size_t size = 0;
    for (size_t at = 0; at < address.size;) {
        vd_str_t word = word_of(vd_bytes(address.data + at, address.size - at));
        vd_str_t part = vd_bytes(address.data + at, 1);
        if (word.size > 0)
            part = word.data[1] == 't' ? target : word.data[1] == 'h' ? place.host : place.port;
        if (size + part.size > VD_TEXT_BYTES_MAX)
            return false;
        if (part.size > 0)
            memcpy(out + size, part.data, part.size);
        size += part.size;
        at += word.size > 0 ? word.size : 1;
    }
    out[size] = 0;
    return true;
}

bool vd_target_name(vd_str_t target, char *out)
{
    size_t size = 0;
    if (target.size > VD_TEXT_BYTES_MAX ||
        (target.size > 0 && memchr(target.data, 0, target.size) != NULL))
        return false;
    for (size_t at = 0; at < target.size; at++)
        if (target.data[at] != '[' && target.data[at] != ']')
            out[size++] = (char)target.data[at];
    out[size] = 0;
    return true;
}

bool vd_label_write(vd_str_t text, vd_buffer_t *pairs)
{
    const uint8_t *end = text.size > 0 ? memchr(text.data, '=', text.size) : NULL;
    if (end == NULL || end == text.data)
        return false;
    size_t size = (size_t)(end - text.data);
    vd_write_str(pairs, vd_bytes(text.data, size));
    vd_write_str(pairs, vd_bytes(end + 1, text.size - size - 1));
    return !pairs->full;
}

static bool has(const vd_value_t *map, vd_str_t name)
{
    vd_bytes_t rest = map->bytes;
    vd_value_t key, value;
    while (vd_value_next(&rest, &key) && vd_value_next(&rest, &value))
        if (key.kind == VD_KIND_STR && vd_bytes_equal(key.bytes, name))
            return true;
    return false;
}

void vd_labels_join(vd_bytes_t own, vd_bytes_t more, vd_buffer_t *out)
{
    vd_value_t mine = {.kind = VD_KIND_MAP}, theirs = {.kind = VD_KIND_MAP}, key, value;
    if (own.size > 0 && (!vd_value_of(own, &mine) || mine.kind != VD_KIND_MAP)) {
        vd_write_raw(out, own);
        return;
    }
    if (more.size > 0) {
        bool read = vd_value_of(more, &theirs);
        assert(read && theirs.kind == VD_KIND_MAP);
    }
    uint32_t added = 0;
    for (int round = 0; round < 2; round++) {
        if (round == 1) {
            vd_write_map(out, mine.count + added);
            vd_write_raw(out, mine.bytes);
        }
        vd_bytes_t rest = theirs.bytes;
        while (vd_value_next(&rest, &key) && vd_value_next(&rest, &value)) {
            if (has(&mine, key.bytes))
                continue;
            added += round == 0;
            if (round == 1) {
                vd_write_raw(out, key.raw);
                vd_write_raw(out, value.raw);
            }
        }
    }
}

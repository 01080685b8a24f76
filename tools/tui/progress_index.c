/* progress_index.c: keys, names and counts of the progress model, as events bring them. */
#include "tui/progress_impl.h"

#include "core/hash.h"

#include <assert.h>
#include <stdlib.h>

/* No sum of a session passes 2^63: so many counts of this size it has not. */
#define COUNT_MAX (UINT64_C(1) << 40)

void progress_index_clear(progress_index_t *self)
{
    for (size_t i = 0; i < PROGRESS_HEADS; i++)
        self->heads[i] = PROGRESS_NONE;
}

void progress_index_add(progress_index_t *self, uint64_t key, size_t slot)
{
    assert(slot < TUI_PROGRESS_NODES_MAX);
    int32_t *head = &self->heads[key % PROGRESS_HEADS];
    self->next[slot] = *head;
    *head = (int32_t)slot;
}

void progress_index_remove(progress_index_t *self, uint64_t key, size_t slot)
{
    int32_t *at = &self->heads[key % PROGRESS_HEADS];
    while (*at != (int32_t)slot) {
        assert(*at != PROGRESS_NONE);
        at = &self->next[*at];
    }
    *at = self->next[slot];
}

uint64_t progress_key(vd_str_t name)
{
    uint64_t key = vd_hash(0, name);
    return key != 0 ? key : 1;
}

/* How much of the beginning fits into `room` bytes without half a character. */
static size_t beginning(vd_str_t text, size_t room)
{
    size_t size = text.size < room ? text.size : room;
    if (size == text.size)
        return size;
    while (size > 0 && (text.data[size] & 0xc0) == 0x80)
        size--;
    return size;
}

void progress_text(char *out, size_t size, vd_str_t text)
{
    assert(size > 0);
    size_t used = beginning(text, size - 1);
    if (used > 0)
        memcpy(out, text.data, used);
    out[used] = 0;
}

void progress_name(char out[TUI_PROGRESS_NAME_SIZE], vd_str_t name)
{
    enum { BEGINNING = 20, DOTS = 3, END = TUI_PROGRESS_NAME_SIZE - 1 - BEGINNING - DOTS };
    if (name.size < TUI_PROGRESS_NAME_SIZE) {
        progress_text(out, TUI_PROGRESS_NAME_SIZE, name);
        return;
    }
    size_t first = beginning(name, BEGINNING), last = name.size - END;
    while (last < name.size && (name.data[last] & 0xc0) == 0x80)
        last++;
    memcpy(out, name.data, first);
    memcpy(out + first, "...", DOTS);
    memcpy(out + first + DOTS, name.data + last, name.size - last);
    out[first + DOTS + name.size - last] = 0;
}

void progress_set_text(char **out, vd_str_t text)
{
    free(*out);
    *out = NULL;
    size_t size = beginning(text, TUI_PROGRESS_TEXT_SIZE - 1);
    if (size == 0 || (*out = malloc(size + 1)) == NULL)
        return;
    progress_text(*out, size + 1, vd_bytes(text.data, size));
}

uint64_t progress_count(const vd_value_t *data, const char *field)
{
    uint64_t count = vd_value_get_u64(data, field, 0);
    return count < COUNT_MAX ? count : COUNT_MAX;
}

void progress_add(uint64_t *sum, uint64_t value)
{
    *sum = *sum > UINT64_MAX / 2 ? *sum : *sum + value;
}

void progress_less(uint64_t *sum)
{
    if (*sum > 0)
        (*sum)--;
}

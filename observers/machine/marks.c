/* marks.c: the marks of all machines, in order. */
#include "marks.h"

#include <assert.h>
#include <stdlib.h>

/* What an event does: one row for each type. */
static const struct {
    const char *type;
    vd_mark_kind_t kind;
    bool sets;
    const char *name_key; /* of its data; NULL: there is one of the kind for each machine */
} effects[] = {
    {"host_described", VD_MARK_DESCRIBED, true, NULL},
    {"interface_added", VD_MARK_INTERFACE, true, "interface"},
    {"interface_removed", VD_MARK_INTERFACE, false, "interface"},
    {"interface_removed", VD_MARK_LINK, false, "interface"},
    {"interface_down", VD_MARK_LINK, true, "interface"},
    {"interface_up", VD_MARK_LINK, false, "interface"},
    {"load_high", VD_MARK_LOAD, true, NULL},
    {"load_normal", VD_MARK_LOAD, false, NULL},
    {"memory_low", VD_MARK_MEMORY, true, NULL},
    {"memory_normal", VD_MARK_MEMORY, false, NULL},
    {"pressure_high", VD_MARK_PRESSURE, true, "resource"},
    {"pressure_normal", VD_MARK_PRESSURE, false, "resource"},
    {"disk_filling", VD_MARK_DISK, true, "mount"},
    {"disk_normal", VD_MARK_DISK, false, "mount"},
};

const char *vd_mark_kind_name(vd_mark_kind_t kind)
{
    static const char *const names[] = {"unknown", "described", "interface", "load",
                                        "memory",  "pressure",  "disk",      "link"};
    return kind >= VD_MARK_DESCRIBED && kind <= VD_MARK_LINK ? names[kind] : names[0];
}

static int compare(const vd_mark_t *mark, vd_str_t source, vd_mark_kind_t kind, vd_str_t name)
{
    size_t size = strlen(mark->source), least = size < source.size ? size : source.size;
    int order = least ? memcmp(mark->source, source.data, least) : 0;
    if (order == 0)
        order = (size > source.size) - (size < source.size);
    if (order == 0)
        order = (mark->kind > kind) - (mark->kind < kind);
    if (order != 0)
        return order;
    size = strlen(mark->name);
    least = size < name.size ? size : name.size;
    order = least ? memcmp(mark->name, name.data, least) : 0;
    return order ? order : (size > name.size) - (size < name.size);
}

static uint32_t place(const vd_marks_t *self, vd_str_t source, vd_mark_kind_t kind, vd_str_t name,
                      bool *found)
{
    uint32_t low = 0, high = self->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare(&self->list[middle], source, kind, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low < self->count && compare(&self->list[low], source, kind, name) == 0;
    return low;
}

bool vd_marks_has(const vd_marks_t *self, vd_str_t source, vd_mark_kind_t kind, const char *name)
{
    assert(self && name);
    bool found;
    place(self, source, kind, vd_str(name), &found);
    return found;
}

uint32_t vd_marks_from(const vd_marks_t *self, vd_str_t source, vd_mark_kind_t kind)
{
    assert(self);
    bool found;
    return place(self, source, kind, vd_str(""), &found);
}

static bool set(vd_marks_t *self, vd_str_t source, vd_mark_kind_t kind, vd_str_t name,
                vd_str_t since)
{
    bool found;
    uint32_t at = place(self, source, kind, name, &found);
    if (found || source.size > VD_NAME_BYTES_MAX || name.size >= VD_MARK_NAME_SIZE)
        return true;
    if (self->count == self->room) {
        uint32_t room = self->room ? 2 * self->room : 16;
        vd_mark_t *list = realloc(self->list, room * sizeof *list);
        if (!list)
            return false;
        self->list = list;
        self->room = room;
    }
    memmove(&self->list[at + 1], &self->list[at], (self->count - at) * sizeof *self->list);
    vd_mark_t *mark = &self->list[at];
    *mark = (vd_mark_t){.kind = kind};
    vd_str_copy(mark->source, sizeof mark->source, source);
    vd_str_copy(mark->name, sizeof mark->name, name);
    vd_str_copy(mark->since, sizeof mark->since, since);
    self->count++;
    return true;
}

static void clear(vd_marks_t *self, vd_str_t source, vd_mark_kind_t kind, vd_str_t name)
{
    bool found;
    uint32_t at = place(self, source, kind, name, &found);
    if (!found)
        return;
    self->count--;
    memmove(&self->list[at], &self->list[at + 1], (self->count - at) * sizeof *self->list);
}

void vd_marks_apply(vd_marks_t *self, const vd_event_t *event)
{
    assert(self && event);
    vd_value_t data, list, element;
    if (!vd_value_of(event->data, &data) || data.kind != VD_KIND_MAP)
        return;
    vd_str_t source = vd_value_get_str(&data, "source");
    for (size_t at = 0; at < sizeof effects / sizeof effects[0]; at++) {
        if (!vd_str_is(event->type, effects[at].type))
            continue;
        vd_str_t name =
            effects[at].name_key ? vd_value_get_str(&data, effects[at].name_key) : vd_str("");
        if (effects[at].sets)
            set(self, source, effects[at].kind, name, event->ts);
        else
            clear(self, source, effects[at].kind, name);
    }
    if (vd_str_is(event->type, "host_described") && vd_value_get(&data, "interfaces", &list) &&
        list.kind == VD_KIND_ARRAY)
        while (vd_value_next(&list.bytes, &element))
            set(self, source, VD_MARK_INTERFACE, vd_value_str(&element), event->ts);
}

void vd_marks_save(const vd_marks_t *self, vd_buffer_t *out)
{
    assert(self && out);
    vd_write_array(out, self->count);
    for (uint32_t at = 0; at < self->count; at++) {
        const vd_mark_t *mark = &self->list[at];
        vd_write_array(out, 4);
        vd_write_text(out, mark->source);
        vd_write_u64(out, mark->kind);
        vd_write_text(out, mark->name);
        vd_write_text(out, mark->since);
    }
}

vd_status_t vd_marks_load(vd_marks_t *self, vd_bytes_t value)
{
    assert(self && self->count == 0);
    vd_value_t list, row, field[4];
    if (!vd_value_of(value, &list) || list.kind != VD_KIND_ARRAY)
        return VD_MALFORMED;
    while (vd_value_next(&list.bytes, &row)) {
        if (row.kind != VD_KIND_ARRAY || row.count != 4)
            return VD_MALFORMED;
        for (int at = 0; at < 4; at++)
            if (!vd_value_next(&row.bytes, &field[at]))
                return VD_MALFORMED;
        uint64_t kind = vd_value_u64(&field[1], 0);
        if (kind < VD_MARK_DESCRIBED || kind > VD_MARK_LINK)
            return VD_MALFORMED;
        if (!set(self, vd_value_str(&field[0]), (vd_mark_kind_t)kind, vd_value_str(&field[2]),
                 vd_value_str(&field[3])))
            return VD_NO_MEMORY;
    }
    return VD_OK;
}

void vd_marks_free(vd_marks_t *self)
{
    assert(self);
    free(self->list);
    *self = (vd_marks_t){0};
}

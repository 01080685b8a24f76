/* source_set.c: collecting, sorting, and taking out what is there twice. */
#include "source_set.h"

#include "source.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* Where a row stands; its bytes may move while others are added. */
typedef struct vd_source_place {
    size_t at, size;
    vd_str_t name, row; /* views, once all are there */
} vd_source_place_t;

void vd_source_set_init(vd_source_set_t *self, const vd_target_form_t *form)
{
    assert(self != NULL && form != NULL);
    *self = (vd_source_set_t){.form = form};
    vd_buffer_init(&self->rows, VD_SOURCE_LIST_BYTES_MAX - 8);
}

void vd_source_set_free(vd_source_set_t *self)
{
    vd_buffer_free(&self->rows);
    free(self->places);
    self->places = NULL;
    self->count = self->room = 0;
}

static bool make_room(vd_source_set_t *self)
{
    if (self->count < self->room)
        return true;
    uint32_t room = self->room > 0 ? 2 * self->room : 64;
    vd_source_place_t *places = realloc(self->places, room * sizeof *places);
    if (places == NULL)
        return false;
    self->places = places;
    self->room = room;
    return true;
}

vd_status_t vd_source_set_add(vd_source_set_t *self, vd_str_t name, vd_str_t target,
                              vd_str_t address, vd_bytes_t labels, char *error, size_t error_size)
{
    char filled[VD_TEXT_BYTES_MAX + 1], problem[VD_TEXT_BYTES_MAX] = "";
    if (self->count == VD_SOURCES_MAX) {
        snprintf(error, error_size, "more than %d sources", VD_SOURCES_MAX);
        return VD_TOO_LARGE;
    }
    if (!make_room(self)) {
        snprintf(error, error_size, "out of memory");
        return VD_NO_MEMORY;
    }
    if (self->form->address.size > 0) {
        if (!vd_target_fill(self->form->address, target, filled)) {
            snprintf(error, error_size, "an address is too long");
            return VD_TOO_LARGE;
        }
        address = vd_str(filled);
    }
    vd_buffer_t joined;
    vd_buffer_init(&joined, 4 * VD_SPEC_BYTES_MAX);
    vd_labels_join(labels, self->form->labels, &joined);
    vd_source_record_t record = {.name = name,
                                 .adapter = self->form->adapter,
                                 .address = address,
                                 .labels = vd_buffer_view(&joined)};
    size_t at = self->rows.size;
    vd_status_t status = VD_TOO_LARGE;
    if (!joined.full)
        status = vd_source_write(&record, &self->rows, problem, sizeof problem);
    if (status == VD_OK)
        self->places[self->count++] = (vd_source_place_t){.at = at, .size = self->rows.size - at};
    else
        snprintf(error, error_size, "%.*s: %.800s", (int)(name.size > 80 ? 80 : name.size),
                 name.size > 0 ? (const char *)name.data : "",
                 joined.full ? "its labels are too large" : problem);
    vd_buffer_free(&joined);
    return status;
}

static int compare_texts(vd_str_t a, vd_str_t b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size > 0 ? memcmp(a.data, b.data, size) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare(const void *a_p, const void *b_p)
{
    const vd_source_place_t *a = a_p, *b = b_p;
    int order = compare_texts(a->name, b->name);
    return order != 0 ? order : compare_texts(a->row, b->row);
}

static void sort(vd_source_set_t *self)
{
    for (uint32_t i = 0; i < self->count; i++) {
        vd_source_place_t *place = &self->places[i];
        vd_value_t map;
        place->row = vd_bytes(self->rows.data + place->at, place->size);
        bool read = vd_value_of(place->row, &map);
        assert(read);
        place->name = vd_value_get_str(&map, "name");
    }
    if (self->count > 1)
        qsort(self->places, self->count, sizeof *self->places, compare);
}

vd_status_t vd_source_set_write(vd_source_set_t *self, vd_buffer_t *out, char *error,
                                size_t error_size)
{
    uint32_t kept = 0;
    sort(self);
    for (uint32_t i = 0; i < self->count; i++) {
        const vd_source_place_t *last = kept > 0 ? &self->places[kept - 1] : NULL;
        bool same = last != NULL && compare_texts(last->name, self->places[i].name) == 0;
        if (same && compare_texts(last->row, self->places[i].row) == 0)
            continue;
        if (same) {
            snprintf(error, error_size, "two sources are named %.*s: rename one",
                     (int)last->name.size, (const char *)last->name.data);
            return VD_MALFORMED;
        }
        self->places[kept++] = self->places[i];
    }
    vd_write_array(out, kept);
    for (uint32_t i = 0; i < kept; i++)
        vd_write_raw(out, self->places[i].row);
    if (!out->full)
        return VD_OK;
    snprintf(error, error_size, "the sources are too large altogether");
    return VD_TOO_LARGE;
}

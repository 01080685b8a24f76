/* searches.c: lists that grow for one turn. */
#include "searches.h"

#include <assert.h>
#include <stdlib.h>

enum { FIRST_ROOM = 8 };

/* Room for one more element; false without memory. */
static bool has_room(void **list, uint32_t *room, uint32_t count, size_t size)
{
    if (count < *room)
        return true;
    uint32_t wanted = *room ? 2 * *room : FIRST_ROOM;
    void *larger = realloc(*list, wanted * size);
    if (!larger)
        return false;
    *list = larger;
    *room = wanted;
    return true;
}

vd_search_t *vd_searches_find(const vd_searches_t *self, vd_str_t id)
{
    assert(self);
    for (uint32_t at = 0; at < self->count; at++)
        if (vd_str_is(id, self->list[at].id))
            return &self->list[at];
    return NULL;
}

vd_search_t *vd_searches_add(vd_searches_t *self, vd_str_t id, vd_str_t parent,
                             const vd_sample_record_t *cause)
{
    assert(self && vd_is_chain_id(id) && vd_is_chain_id(parent));
    if (!has_room((void **)&self->list, &self->room, self->count, sizeof *self->list))
        return NULL;
    vd_search_t *search = &self->list[self->count++];
    *search = (vd_search_t){.cause = cause};
    vd_str_copy(search->id, sizeof search->id, id);
    vd_str_copy(search->parent, sizeof search->parent, parent);
    return search;
}

bool vd_search_found(vd_search_t *self, uint32_t tx)
{
    assert(self);
    if (!has_room((void **)&self->found, &self->room, self->count, sizeof *self->found))
        return false;
    self->found[self->count++] = tx;
    return true;
}

void vd_searches_free(vd_searches_t *self)
{
    assert(self);
    for (uint32_t at = 0; at < self->count; at++)
        free(self->list[at].found);
    free(self->list);
    *self = (vd_searches_t){0};
}

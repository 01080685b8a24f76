/* memory_positions.c: positions of subscribers in the backend "memory". */
#include "store/memory_image.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The place of a name, or where it would stand. */
static uint32_t place_of(const vd_memory_image_t *self, const char *name, bool *found)
{
    uint32_t at = 0;
    while (at < self->position_count && strcmp(self->positions[at].name, name) < 0)
        at++;
    *found = at < self->position_count && strcmp(self->positions[at].name, name) == 0;
    return at;
}

vd_status_t vd_memory_check_write(vd_memory_image_t *self, char *error, size_t error_size)
{
    if (self->failed) {
        snprintf(error, error_size, "an append has failed before: reopen the store");
        return VD_STORE_TROUBLE;
    }
    if (self->fail_status == VD_OK)
        return VD_OK;
    snprintf(error, error_size, "writing was made to fail");
    vd_status_t status = self->fail_status;
    self->failed = true;
    self->fail_status = VD_OK;
    return status;
}

static void put(vd_memory_image_t *self, const vd_store_position_t *position)
{
    bool found;
    uint32_t at = place_of(self, position->name, &found);
    if (!found) {
        self->positions =
            realloc(self->positions, (self->position_count + 1) * sizeof *self->positions);
        assert(self->positions != NULL);
        memmove(&self->positions[at + 1], &self->positions[at],
                (self->position_count - at) * sizeof *self->positions);
        self->position_count++;
    }
    self->positions[at] = *position;
}

static void take_out(vd_memory_image_t *self, uint32_t at)
{
    self->position_count--;
    memmove(&self->positions[at], &self->positions[at + 1],
            (self->position_count - at) * sizeof *self->positions);
}

vd_status_t vd_memory_save_position(vd_store_t *store, const vd_store_position_t *position,
                                    char *error, size_t error_size)
{
    vd_memory_image_t *self = vd_memory_image_of(store);
    bool found;
    pthread_mutex_lock(&self->lock);
    place_of(self, position->name, &found);
    vd_status_t status = VD_OK;
    if (!self->failed && !found && self->position_count == VD_POSITIONS_MAX) {
        status = VD_TOO_LARGE;
        snprintf(error, error_size, "positions are kept under %d names already", VD_POSITIONS_MAX);
    }
    if (status == VD_OK)
        status = vd_memory_check_write(self, error, error_size);
    if (status == VD_OK)
        put(self, position);
    pthread_mutex_unlock(&self->lock);
    return status;
}

vd_status_t vd_memory_forget_position(vd_store_t *store, const char *name, char *error,
                                      size_t error_size)
{
    vd_memory_image_t *self = vd_memory_image_of(store);
    bool found;
    pthread_mutex_lock(&self->lock);
    uint32_t at = place_of(self, name, &found);
    vd_status_t status = VD_OK;
    if (!self->failed && !found) {
        status = VD_NOT_FOUND;
        snprintf(error, error_size, "no position is kept under the name %.64s", name);
    }
    if (status == VD_OK)
        status = vd_memory_check_write(self, error, error_size);
    if (status == VD_OK)
        take_out(self, at);
    pthread_mutex_unlock(&self->lock);
    return status;
}

vd_status_t vd_memory_position(vd_store_t *store, const char *name, vd_store_position_t *out)
{
    vd_memory_image_t *self = vd_memory_image_of(store);
    bool found;
    pthread_mutex_lock(&self->lock);
    uint32_t at = place_of(self, name, &found);
    if (found)
        *out = self->positions[at];
    pthread_mutex_unlock(&self->lock);
    return found ? VD_OK : VD_NOT_FOUND;
}

vd_status_t vd_memory_positions(vd_store_t *store,
                                bool (*each)(void *, const vd_store_position_t *), void *arg)
{
    vd_memory_image_t *self = vd_memory_image_of(store);
    pthread_mutex_lock(&self->lock);
    for (uint32_t i = 0; i < self->position_count && each(arg, &self->positions[i]); i++)
        ;
    pthread_mutex_unlock(&self->lock);
    return VD_OK;
}

void vd_memory_cut_positions(vd_memory_image_t *self)
{
    for (uint32_t i = 0; i < self->position_count;) {
        if (self->positions[i].index > self->count)
            take_out(self, i);
        else
            i++;
    }
}

/* memory_snapshots.c: states of observers in the backend "memory". */
#include "store/memory_image.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The order of keys. */
static int compare(const vd_store_snapshot_t *a, const vd_store_snapshot_t *b)
{
    int order = strcmp(a->session, b->session);
    if (order == 0)
        order = strcmp(a->observer, b->observer);
    return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

static bool is_of(const vd_store_snapshot_t *snapshot, const char *session, const char *observer)
{
    return strcmp(snapshot->session, session) == 0 && strcmp(snapshot->observer, observer) == 0;
}

static void take_out(vd_memory_image_t *self, uint32_t at)
{
    free(self->states[at].bytes);
    self->state_count--;
    memmove(&self->states[at], &self->states[at + 1],
            (self->state_count - at) * sizeof *self->states);
}

static void put(vd_memory_image_t *self, const vd_store_snapshot_t *snapshot, vd_bytes_t state)
{
    uint32_t at = 0;
    while (at < self->state_count && compare(&self->states[at].head, snapshot) < 0)
        at++;
    if (at < self->state_count && compare(&self->states[at].head, snapshot) == 0)
        take_out(self, at);
    self->states = realloc(self->states, (self->state_count + 1) * sizeof *self->states);
    uint8_t *bytes = malloc(state.size);
    assert(self->states != NULL && bytes != NULL);
    memmove(&self->states[at + 1], &self->states[at],
            (self->state_count - at) * sizeof *self->states);
    self->state_count++;
    memcpy(bytes, state.data, state.size);
    self->states[at] = (vd_memory_state_t){.head = *snapshot, .bytes = bytes};
}

/* Removes what is beyond the store's end, and the oldest but for `keep`. */
static void remove_others(vd_memory_image_t *self, const vd_store_snapshot_t *snapshot,
                          uint32_t keep)
{
    uint32_t kept = 0;
    for (uint32_t i = self->state_count; i > 0; i--) {
        const vd_store_snapshot_t *head = &self->states[i - 1].head;
        if (!is_of(head, snapshot->session, snapshot->observer) || head->index == snapshot->index)
            continue;
        if (head->index > self->count || ++kept >= keep)
            take_out(self, i - 1);
    }
}

static vd_status_t check_observers(const vd_memory_image_t *self,
                                   const vd_store_snapshot_t *snapshot, char *error,
                                   size_t error_size)
{
    uint32_t count = 0;
    const char *last = "";
    for (uint32_t i = 0; i < self->state_count; i++) {
        const vd_store_snapshot_t *head = &self->states[i].head;
        if (strcmp(head->session, snapshot->session) != 0)
            continue;
        if (strcmp(head->observer, snapshot->observer) == 0)
            return VD_OK;
        count += strcmp(head->observer, last) != 0;
        last = head->observer;
    }
    if (count < VD_STATE_OBSERVERS_MAX)
        return VD_OK;
    snprintf(error, error_size, "states of %d observers are kept in session %s already",
             VD_STATE_OBSERVERS_MAX, snapshot->session);
    return VD_TOO_LARGE;
}

vd_status_t vd_memory_save_snapshot(vd_store_t *store, const vd_store_snapshot_t *snapshot,
                                    vd_bytes_t state, uint32_t keep, char *error, size_t error_size)
{
    vd_memory_image_t *self = vd_memory_image_of(store);
    pthread_mutex_lock(&self->lock);
    vd_status_t status = self->failed ? VD_OK : check_observers(self, snapshot, error, error_size);
    if (status == VD_OK)
        status = vd_memory_check_write(self, error, error_size);
    if (status == VD_OK) {
        remove_others(self, snapshot, keep);
        put(self, snapshot, state);
    }
    pthread_mutex_unlock(&self->lock);
    return status;
}

static bool is_meant(const vd_store_snapshot_ask_t *ask, const vd_store_snapshot_t *head)
{
    return is_of(head, ask->session, ask->observer) && head->version == ask->version &&
           (ask->below == 0 || head->index < ask->below) &&
           (ask->seq == 0 || (head->seq > 0 && head->seq <= ask->seq)) &&
           (ask->at_ms == 0 || head->at_ms <= ask->at_ms);
}

vd_status_t vd_memory_load_snapshot(vd_store_t *store, const vd_store_snapshot_ask_t *ask,
                                    vd_store_snapshot_t *out, vd_buffer_t *state, char *error,
                                    size_t error_size)
{
    vd_memory_image_t *self = vd_memory_image_of(store);
    vd_status_t status = VD_NOT_FOUND;
    (void)error;
    (void)error_size;
    pthread_mutex_lock(&self->lock);
    for (uint32_t i = self->state_count; i > 0 && status == VD_NOT_FOUND; i--) {
        const vd_memory_state_t *kept = &self->states[i - 1];
        if (!is_meant(ask, &kept->head))
            continue;
        *out = kept->head;
        status = vd_buffer_add(state, kept->bytes, out->size) ? VD_OK : VD_NO_MEMORY;
    }
    pthread_mutex_unlock(&self->lock);
    return status;
}

vd_status_t vd_memory_snapshots(vd_store_t *store,
                                bool (*each)(void *, const vd_store_snapshot_t *), void *arg)
{
    vd_memory_image_t *self = vd_memory_image_of(store);
    pthread_mutex_lock(&self->lock);
    for (uint32_t i = 0; i < self->state_count && each(arg, &self->states[i].head); i++)
        ;
    pthread_mutex_unlock(&self->lock);
    return VD_OK;
}

void vd_memory_cut_states(vd_memory_image_t *self)
{
    for (uint32_t i = 0; i < self->state_count;) {
        const vd_store_snapshot_t *head = &self->states[i].head;
        if (head->index + (head->offset > 0 ? 1 : 0) > self->count)
            take_out(self, i);
        else
            i++;
    }
}

void vd_memory_free_states(vd_memory_image_t *self, const char *session)
{
    for (uint32_t i = self->state_count; i > 0; i--)
        if (session == NULL || strcmp(self->states[i - 1].head.session, session) == 0)
            take_out(self, i - 1);
}

void vd_memory_lose_states(vd_memory_image_t *self, uint64_t which)
{
    for (uint32_t i = self->state_count; i > 0; i--)
        if (which >> (i % 64) & 1)
            take_out(self, i - 1);
}

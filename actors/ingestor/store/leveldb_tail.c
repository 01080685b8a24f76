/* leveldb_tail.c: where a store ends that was just opened, and whether its ends are whole. */
#include "store/leveldb_store.h"

#include <inttypes.h>
#include <stdio.h>

/* So many of the last commits are read and checked. */
#define TAIL_COMMITS 16u

/* Index of the first or last commit; 0: none. What was removed from the beginning is not looked
 * through. */
static uint64_t edge(vd_leveldb_t *self, bool last)
{
    uint64_t index = 0;
    vd_key_t key;
    leveldb_iterator_t *iterator = leveldb_create_iterator(self->db, self->read);
    vd_key_number(&key, VD_KEY_COMMITS, last ? UINT64_MAX : self->head.anchor + 1);
    leveldb_iter_seek(iterator, key.bytes, key.size);
    if (last && leveldb_iter_valid(iterator))
        leveldb_iter_prev(iterator);
    else if (last)
        leveldb_iter_seek_to_last(iterator);
    if (leveldb_iter_valid(iterator)) {
        size_t size = 0;
        const char *name = leveldb_iter_key(iterator, &size);
        if (!vd_key_number_of(vd_bytes(name, size), VD_KEY_COMMITS, &index))
            index = 0;
    }
    leveldb_iter_destroy(iterator);
    return index;
}

/* Reads the last commits as a reader would, up to tail->index, and completes the tail from the
 * last. */
static vd_status_t read_tail(vd_leveldb_t *self, vd_store_tail_t *tail, char *error,
                             size_t error_size)
{
    vd_store_cursor_t *cursor = NULL;
    vd_commit_t commit = {0};
    vd_status_t status = vd_leveldb_cursor_new(&self->base, &cursor);
    if (status != VD_OK)
        return status;
    /* Readers do not see this tail yet, so that the cursor is placed by hand. */
    vd_leveldb_cursor_t *own = (vd_leveldb_cursor_t *)cursor;
    own->first = tail->first_index;
    own->end = tail->index;
    own->index = tail->index > TAIL_COMMITS ? tail->index - TAIL_COMMITS + 1 : 1;
    own->index = own->index < tail->first_index ? tail->first_index : own->index;
    bool quarantine = self->mode == VD_STORE_QUARANTINE;
    for (;;) {
        error[0] = 0;
        status = vd_leveldb_cursor_next(cursor, &commit, error, error_size);
        if (status == VD_CORRUPT && quarantine)
            continue;
        /* A run that is damaged, and not known to be. */
        if (status == VD_OK && error[0] != 0 && !quarantine)
            status = VD_CORRUPT;
        if (status != VD_OK)
            break;
        tail->time_ms = commit.time_ms;
        tail->chain = commit.chain;
    }
    vd_leveldb_cursor_destroy(cursor);
    return status == VD_NOT_FOUND ? VD_OK : status;
}

/* Does something have to stand before the first commit that is there? The newest commit is never
 * removed, so that behind an anchor there is one. */
static bool begins_late(const vd_leveldb_t *self, const vd_store_tail_t *tail)
{
    if (tail->index == 0)
        return self->head.anchor > 0;
    return tail->first_index != self->head.anchor + 1;
}

static vd_status_t tell_missing(const vd_leveldb_t *self, const vd_store_tail_t *tail, char *error,
                                size_t error_size)
{
    char last[32] = "the newest";
    if (tail->first_index > 0)
        snprintf(last, sizeof last, "%" PRIu64, tail->first_index - 1);
    snprintf(error, error_size,
             "store %s: commits %" PRIu64
             " to %s are missing; make a new store of what is left: vedette store repair --copy "
             "DIR",
             self->dir, self->head.anchor + 1, last);
    return VD_CORRUPT;
}

vd_status_t vd_leveldb_check_tail(vd_leveldb_t *self, vd_store_tail_t *tail, char *error,
                                  size_t error_size)
{
    *tail = (vd_store_tail_t){.epoch_counter = self->head.epoch_counter};
    memcpy(tail->id, self->head.id, sizeof tail->id);
    tail->first_index = edge(self, false);
    tail->index = edge(self, true);
    bool known = strcmp(self->head.id, VD_LEVELDB_UNKNOWN_ID) != 0;
    if (known && begins_late(self, tail)) {
        if (self->mode != VD_STORE_QUARANTINE)
            return tell_missing(self, tail, error, error_size);
        if (tail->first_index == 0)
            tail->index = 0;
        else
            tail->first_index = self->head.anchor + 1;
    }
    return tail->index > 0 ? read_tail(self, tail, error, error_size) : VD_OK;
}

/* store.c: finds the backend of a store and passes each call on to it. */
#include "store/backend.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const vd_store_ops_t *const backends[] = {
#define VD_STORE_BACKEND(name) &vd_store_##name##_ops,
#include "store/backends.def"
#undef VD_STORE_BACKEND
};

vd_status_t vd_store_open(const char *backend, const char *dir, const vd_store_options_t *options,
                          vd_store_t **self, char *error, size_t error_size)
{
    static const vd_store_options_t defaults = {0};
    assert(backend != NULL && self != NULL && error != NULL && error_size > 0);
    *self = NULL;
    error[0] = 0;
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
        if (strcmp(backends[i]->name, backend) != 0)
            continue;
        vd_status_t status =
            backends[i]->open(dir, options != NULL ? options : &defaults, self, error, error_size);
        assert((status == VD_OK) == (*self != NULL));
        assert(*self == NULL || (*self)->ops == backends[i]);
        return status;
    }
    snprintf(error, error_size, "store backend '%s' is not one of this build's:", backend);
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
        size_t at = strlen(error);
        snprintf(error + at, error_size - at, " %s", backends[i]->name);
    }
    return VD_CONFIG;
}

void vd_store_close(vd_store_t **self)
{
    assert(self != NULL);
    if (*self != NULL)
        (*self)->ops->close(*self);
    *self = NULL;
}

void vd_store_tail(vd_store_t *self, vd_store_tail_t *tail)
{
    assert(self != NULL && tail != NULL);
    self->ops->tail(self, tail);
}

void vd_store_info(vd_store_t *self, vd_store_info_t *info)
{
    assert(self != NULL && info != NULL);
    *info = (vd_store_info_t){.mode = self->options.mode,
                              .durability = self->options.durability,
                              .format = VD_STORE_FORMAT};
    self->ops->info(self, info);
}

/* Writing to a store that is open for reading is not a failed write. */
static vd_status_t check_writable(const vd_store_t *self, char *error, size_t error_size)
{
    assert(error != NULL && error_size > 0);
    error[0] = 0;
    if (self->options.mode == VD_STORE_WRITE)
        return VD_OK;
    snprintf(error, error_size, "the store was opened for reading alone");
    return VD_DENIED;
}

vd_status_t vd_store_append(vd_store_t *self, const vd_store_batch_t *batch, char *error,
                            size_t error_size)
{
    assert(self != NULL && batch != NULL && batch->commit.index > 0);
    vd_status_t status = check_writable(self, error, error_size);
    return status == VD_OK ? self->ops->append(self, batch, error, error_size) : status;
}

vd_status_t vd_store_reopen(vd_store_t *self, vd_store_tail_t *tail, char *error, size_t error_size)
{
    assert(self != NULL && tail != NULL);
    vd_status_t status = check_writable(self, error, error_size);
    return status == VD_OK ? self->ops->reopen(self, tail, error, error_size) : status;
}

vd_status_t vd_store_producers(vd_store_t *self, bool (*each)(void *, const vd_store_producer_t *),
                               void *arg)
{
    assert(self != NULL && each != NULL);
    return self->ops->producers(self, each, arg);
}

vd_status_t vd_store_sessions(vd_store_t *self, bool (*each)(void *, const vd_store_session_t *),
                              void *arg)
{
    assert(self != NULL && each != NULL);
    return self->ops->sessions(self, each, arg);
}

vd_status_t vd_store_sessions_before(vd_store_t *self, const char *before,
                                     bool (*each)(void *, const vd_store_session_t *), void *arg)
{
    assert(self != NULL && before != NULL && each != NULL);
    return self->ops->sessions_before(self, before, each, arg);
}

vd_status_t vd_store_tombstones(vd_store_t *self, bool (*each)(void *, const char *), void *arg)
{
    assert(self != NULL && each != NULL);
    return self->ops->tombstones(self, each, arg);
}

vd_status_t vd_store_session(vd_store_t *self, const char *session, vd_store_session_t *out)
{
    assert(self != NULL && session != NULL && out != NULL);
    return self->ops->session(self, session, out);
}

vd_status_t vd_store_record(vd_store_t *self, const char *session, const char *record,
                            uint64_t *seq)
{
    assert(self != NULL && session != NULL && record != NULL && seq != NULL);
    *seq = 0;
    return self->ops->record(self, session, record, seq);
}

vd_status_t vd_store_find(vd_store_t *self, const char *session, uint64_t seq, uint64_t *index,
                          uint64_t *at)
{
    assert(self != NULL && session != NULL && index != NULL && at != NULL);
    return self->ops->find(self, session, seq, index, at);
}

vd_status_t vd_store_chain(vd_store_t *self, uint64_t index, uint32_t *chain)
{
    assert(self != NULL && chain != NULL);
    *chain = 0;
    if (index == 0)
        return VD_OK;
    return self->ops->chain(self, index, chain);
}

vd_status_t vd_store_cursor_new(vd_store_t *self, vd_store_cursor_t **cursor)
{
    assert(self != NULL && cursor != NULL);
    *cursor = NULL;
    vd_status_t status = self->ops->cursor_new(self, cursor);
    assert((status == VD_OK) == (*cursor != NULL));
    return status;
}

void vd_store_cursor_destroy(vd_store_cursor_t **cursor)
{
    assert(cursor != NULL);
    if (*cursor != NULL)
        (*cursor)->ops->cursor_destroy(*cursor);
    *cursor = NULL;
}

vd_status_t vd_store_cursor_seek(vd_store_cursor_t *cursor, uint64_t index, const char *session)
{
    assert(cursor != NULL);
    return cursor->ops->cursor_seek(cursor, index, session);
}

vd_status_t vd_store_cursor_next(vd_store_cursor_t *cursor, vd_commit_t *commit, char *error,
                                 size_t error_size)
{
    assert(cursor != NULL && commit != NULL && error != NULL && error_size > 0);
    error[0] = 0;
    return cursor->ops->cursor_next(cursor, commit, error, error_size);
}

vd_status_t vd_store_save_position(vd_store_t *self, const vd_store_position_t *position,
                                   char *error, size_t error_size)
{
    assert(self != NULL && position != NULL && position->name[0] != 0);
    vd_status_t status = check_writable(self, error, error_size);
    return status == VD_OK ? self->ops->save_position(self, position, error, error_size) : status;
}

vd_status_t vd_store_forget_position(vd_store_t *self, const char *name, char *error,
                                     size_t error_size)
{
    assert(self != NULL && name != NULL && name[0] != 0);
    vd_status_t status = check_writable(self, error, error_size);
    return status == VD_OK ? self->ops->forget_position(self, name, error, error_size) : status;
}

vd_status_t vd_store_position(vd_store_t *self, const char *name, vd_store_position_t *out)
{
    assert(self != NULL && name != NULL && out != NULL);
    return self->ops->position(self, name, out);
}

vd_status_t vd_store_positions(vd_store_t *self, bool (*each)(void *, const vd_store_position_t *),
                               void *arg)
{
    assert(self != NULL && each != NULL);
    return self->ops->positions(self, each, arg);
}

vd_status_t vd_store_holds(vd_store_t *self, uint64_t index, uint64_t offset, uint32_t chain)
{
    vd_store_tail_t tail;
    uint32_t held = 0;
    assert(self != NULL);
    vd_store_tail(self, &tail);
    if (index > tail.index || (offset > 0 && index == tail.index))
        return VD_WENT_BACK;
    /* A place inside a commit has that commit's chain. */
    vd_status_t status = vd_store_chain(self, index + (offset > 0 ? 1 : 0), &held);
    if (status == VD_NOT_FOUND || (status == VD_OK && held != chain))
        return VD_WENT_BACK;
    return status;
}

/* Whether the session is there, with a text where it is not. */
static vd_status_t check_session(vd_store_t *self, const char *session, char *error,
                                 size_t error_size)
{
    vd_store_session_t found;
    vd_status_t status = vd_store_session(self, session, &found);
    if (status == VD_PRUNED)
        snprintf(error, error_size, "session %s was pruned", session);
    else if (status == VD_NOT_FOUND)
        snprintf(error, error_size, "there is no session %s in the store", session);
    else if (status != VD_OK)
        snprintf(error, error_size, "session %s cannot be read: %s", session,
                 vd_status_text(status));
    return status;
}

static vd_status_t check_snapshot(vd_store_t *self, const vd_store_snapshot_t *snapshot,
                                  char *error, size_t error_size)
{
    vd_status_t status = check_session(self, snapshot->session, error, error_size);
    if (status != VD_OK)
        return status == VD_NOT_FOUND ? VD_UNKNOWN_SESSION : status;
    if (snapshot->index == 0 && snapshot->offset == 0) {
        snprintf(error, error_size, "a state at the beginning of the store is not kept");
        return VD_USAGE;
    }
    status = vd_store_holds(self, snapshot->index, snapshot->offset, snapshot->chain);
    if (status == VD_WENT_BACK)
        snprintf(error, error_size,
                 "the state's position, commit %" PRIu64 " and %" PRIu64
                 " events, is not in the store with this chain",
                 snapshot->index, snapshot->offset);
    else if (status != VD_OK)
        snprintf(error, error_size, "commit %" PRIu64 ", where the state was made: %s",
                 snapshot->index, vd_status_text(status));
    return status;
}

vd_status_t vd_store_save_snapshot(vd_store_t *self, const vd_store_snapshot_t *snapshot,
                                   vd_bytes_t state, uint32_t keep, char *error, size_t error_size)
{
    assert(self != NULL && snapshot != NULL);
    assert(snapshot->session[0] != 0 && snapshot->observer[0] != 0 && state.size > 0);
    vd_status_t status = check_writable(self, error, error_size);
    if (status == VD_OK && state.size > VD_STATE_BYTES_MAX) {
        snprintf(error, error_size, "the state has %zu bytes; at most %d are kept", state.size,
                 VD_STATE_BYTES_MAX);
        return VD_TOO_LARGE;
    }
    if (status == VD_OK)
        status = check_snapshot(self, snapshot, error, error_size);
    if (status != VD_OK)
        return status;
    vd_store_snapshot_t kept = *snapshot;
    kept.size = (uint32_t)state.size;
    keep = keep == 0 || keep > VD_STATES_MAX ? VD_STATES_MAX : keep;
    return self->ops->save_snapshot(self, &kept, state, keep, error, error_size);
}

vd_status_t vd_store_load_snapshot(vd_store_t *self, const vd_store_snapshot_ask_t *ask,
                                   vd_store_snapshot_t *out, vd_buffer_t *state, char *error,
                                   size_t error_size)
{
    assert(self != NULL && ask != NULL && out != NULL && state != NULL);
    assert(error != NULL && error_size > 0);
    vd_store_snapshot_ask_t next = *ask;
    size_t before = state->size;
    error[0] = 0;
    vd_status_t status = check_session(self, ask->session, error, error_size);
    if (status != VD_OK)
        error[0] = 0;
    while (status == VD_OK) {
        status = self->ops->load_snapshot(self, &next, out, state, error, error_size);
        if (status != VD_OK)
            break;
        status = vd_store_holds(self, out->index, out->offset, out->chain);
        if (status == VD_OK)
            return VD_OK;
        vd_buffer_cut(state, before);
        if (status == VD_WENT_BACK || status == VD_PRUNED || status == VD_CORRUPT)
            status = out->index > 0 ? VD_OK : VD_NOT_FOUND;
        next.below = out->index;
    }
    return status;
}

vd_status_t vd_store_snapshots(vd_store_t *self, bool (*each)(void *, const vd_store_snapshot_t *),
                               void *arg)
{
    assert(self != NULL && each != NULL);
    return self->ops->snapshots(self, each, arg);
}

vd_status_t vd_store_checkpoint(vd_store_t *self, const char *dir, char *error, size_t error_size)
{
    assert(self != NULL && dir != NULL && error != NULL && error_size > 0);
    error[0] = 0;
    if (self->ops->checkpoint != NULL)
        return self->ops->checkpoint(self, dir, error, error_size);
    snprintf(error, error_size, "this store is not in a directory");
    return VD_UNSUPPORTED;
}

vd_status_t vd_store_prune_mark(vd_store_t *self, const char *const *sessions, uint32_t count,
                                char *error, size_t error_size)
{
    assert(self != NULL && (sessions != NULL || count == 0));
    vd_status_t status = check_writable(self, error, error_size);
    return status == VD_OK ? self->ops->prune_mark(self, sessions, count, error, error_size)
                           : status;
}

vd_status_t vd_store_prune_step(vd_store_t *self, bool *more, char *error, size_t error_size)
{
    assert(self != NULL && more != NULL);
    *more = false;
    vd_status_t status = check_writable(self, error, error_size);
    return status == VD_OK ? self->ops->prune_step(self, more, error, error_size) : status;
}

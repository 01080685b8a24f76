/* memory_prune.c: pruning in the backend "memory". */
#include "store/memory_image.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Takes what a session has left out of the records of every entry: a replay does not bring it
 * back. */
static void forget_session(vd_memory_image_t *self, const char *name)
{
    for (uint64_t i = 0; i < self->count; i++) {
        vd_memory_entry_t *entry = self->entries[i];
        for (uint32_t s = 0; s < entry->session_count; s++)
            if (strcmp(entry->sessions[s].session, name) == 0)
                entry->sessions[s--] = entry->sessions[--entry->session_count];
        for (uint32_t r = 0; r < entry->record_count; r++) {
            vd_store_record_t *record = &entry->records[r];
            if (!vd_str_is(record->session, name))
                continue;
            free((void *)record->session.data);
            free((void *)record->record.data);
            entry->records[r--] = entry->records[--entry->record_count];
        }
    }
    vd_memory_free_states(self, name);
    for (uint32_t i = 0; i < self->session_count; i++) {
        if (strcmp(self->sessions[i].session, name) != 0)
            continue;
        self->session_count--;
        memmove(&self->sessions[i], &self->sessions[i + 1],
                (self->session_count - i) * sizeof *self->sessions);
        break;
    }
}

static vd_status_t check_prunable(vd_memory_image_t *self, const char *name, char *error,
                                  size_t error_size)
{
    const vd_store_session_t *session = vd_memory_session(self, name);
    if (vd_memory_tombstone(self, name) != NULL)
        return VD_OK;
    if (session == NULL) {
        snprintf(error, error_size, "session %s: %s", name, vd_status_text(VD_NOT_FOUND));
        return VD_NOT_FOUND;
    }
    if (session->state == VD_SESSION_COMPLETED || session->state == VD_SESSION_FAILED)
        return VD_OK;
    snprintf(error, error_size, "session %s has not ended: it is not pruned", name);
    return VD_BUSY;
}

static void bury(vd_memory_image_t *self, const char *name)
{
    const vd_store_session_t *session = vd_memory_session(self, name);
    if (session == NULL)
        return; /* it is a tombstone already */
    self->tombstones =
        realloc(self->tombstones, (self->tombstone_count + 1) * sizeof *self->tombstones);
    assert(self->tombstones != NULL);
    vd_memory_tombstone_t *stone = &self->tombstones[self->tombstone_count++];
    *stone = (vd_memory_tombstone_t){.last_index = session->last_index};
    memcpy(stone->session, session->session, sizeof stone->session);
    forget_session(self, stone->session);
}

vd_status_t vd_memory_prune_mark(vd_store_t *store, const char *const *sessions, uint32_t count,
                                 char *error, size_t error_size)
{
    vd_memory_image_t *self = vd_memory_image_of(store);
    vd_status_t status = VD_OK;
    pthread_mutex_lock(&self->lock);
    if (self->failed) {
        status = VD_STORE_TROUBLE;
        snprintf(error, error_size, "an append has failed before: reopen the store");
    }
    for (uint32_t i = 0; i < count && status == VD_OK; i++)
        status = check_prunable(self, sessions[i], error, error_size);
    for (uint32_t i = 0; i < count && status == VD_OK; i++)
        bury(self, sessions[i]);
    pthread_mutex_unlock(&self->lock);
    return status;
}

/* The bytes stay until the image goes: a cursor may still show them. */
static void take_away(vd_memory_image_t *self, vd_commit_run_t *run, vd_status_t why,
                      uint32_t digest)
{
    run->absent = why;
    run->digest = digest;
    self->freed = realloc(self->freed, (self->freed_count + 1) * sizeof *self->freed);
    assert(self->freed != NULL);
    self->freed[self->freed_count++] = (void *)run->run.data;
    run->run = vd_bytes(NULL, 0);
}

void vd_memory_damage(vd_memory_image_t *self, uint64_t index, uint32_t run)
{
    pthread_mutex_lock(&self->lock);
    assert(index > 0 && index <= self->count);
    const vd_commit_t *commit = &self->entries[index - 1]->commit;
    assert(run < commit->run_count);
    if (commit->runs[run].absent == VD_OK)
        take_away(self, (vd_commit_run_t *)&commit->runs[run], VD_CORRUPT, 0);
    pthread_mutex_unlock(&self->lock);
}

static void free_runs(vd_memory_image_t *self, const char *session)
{
    for (uint64_t i = 0; i < self->count; i++) {
        const vd_commit_t *commit = &self->entries[i]->commit;
        for (uint32_t r = 0; r < commit->run_count; r++) {
            vd_commit_run_t *run = (vd_commit_run_t *)&commit->runs[r];
            if (run->absent != VD_OK || !vd_str_is(run->session, session))
                continue;
            uint32_t digest = vd_run_digest(0, run->run);
            take_away(self, run, VD_PRUNED, digest);
        }
    }
}

static bool is_empty(const vd_commit_t *commit)
{
    for (uint32_t r = 0; r < commit->run_count; r++)
        if (commit->runs[r].absent != VD_PRUNED)
            return false;
    return true;
}

static void trim(vd_memory_image_t *self)
{
    while (self->anchor + 1 < self->count && is_empty(&self->entries[self->anchor]->commit))
        self->anchor++;
    for (uint32_t i = 0; i < self->tombstone_count; i++)
        if (self->tombstones[i].last_index <= self->anchor)
            self->tombstones[i--] = self->tombstones[--self->tombstone_count];
}

vd_status_t vd_memory_prune_step(vd_store_t *store, bool *more, char *error, size_t error_size)
{
    vd_memory_image_t *self = vd_memory_image_of(store);
    vd_status_t status = VD_OK;
    pthread_mutex_lock(&self->lock);
    if (self->failed) {
        status = VD_STORE_TROUBLE;
        snprintf(error, error_size, "an append has failed before: reopen the store");
    }
    for (uint32_t i = 0; i < self->tombstone_count && status == VD_OK && !*more; i++) {
        if (self->tombstones[i].freed)
            continue;
        free_runs(self, self->tombstones[i].session);
        self->tombstones[i].freed = true;
        *more = true;
    }
    if (status == VD_OK && !*more && self->tombstone_count > 0)
        trim(self);
    pthread_mutex_unlock(&self->lock);
    return status;
}

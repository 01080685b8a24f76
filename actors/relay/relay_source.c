/* relay_source.c: what the relay's publisher reads: memory first, windows for what is older. */
#include "relay_parts.h"

#include <assert.h>
#include <stdio.h>

static void source_tail(void *arg, vd_stream_tail_t *tail)
{
    vd_relay_t *self = arg;
    vd_recent_tail(self->recent, tail);
    /* What is held here says nothing of what is held upstream; and a place that upstream has just
     * granted is held. */
    tail->first = tail->head == 0 ? 0 : self->beginning || self->first == 0 ? 1 : self->first;
    if (tail->first > tail->head)
        tail->first = tail->head;
}

static vd_status_t source_chain(void *arg, uint64_t index, uint32_t *chain)
{
    vd_relay_t *self = arg;
    if (self->beginning && index == self->beginning_at) {
        *chain = self->beginning_chain;
        return VD_OK;
    }
    vd_status_t status = vd_recent_chain(self->recent, index, chain);
    return status == VD_PRUNED ? VD_BUSY : status;
}

/* Whether a session exists was asked upstream before a stream was begun. */
static vd_status_t source_session(void *arg, const char *session, uint64_t *last_seq)
{
    (void)arg;
    (void)session;
    *last_seq = 0;
    return VD_OK;
}

/* Sequences are resolved upstream. */
static vd_status_t source_find(void *arg, const char *session, uint64_t seq, uint64_t *index,
                               uint64_t *at)
{
    (void)arg;
    (void)session;
    (void)seq;
    (void)index;
    (void)at;
    return VD_BUSY;
}

/* After the store upstream went back, it takes a while until the relay is told by its own stream:
 * what is asked for meanwhile is of the new history already. */
bool vd_relay_is_torn(const vd_relay_t *self, const vd_place_t *place)
{
    uint32_t chain = 0;
    uint64_t touched = place->index + (place->offset > 0);
    return vd_recent_chain(self->recent, touched, &chain) == VD_OK && chain != 0 &&
           place->chain != 0 && chain != place->chain;
}

static void source_at(void *arg, uint64_t index, uint64_t offset, uint32_t chain)
{
    vd_relay_t *self = arg;
    self->reader = (vd_place_t){index, offset, chain};
}

static bool is_lost(const vd_commit_t *commit)
{
    return commit->run_count == 1 && commit->runs[0].absent == VD_CORRUPT &&
           commit->runs[0].count == 0;
}

/* Leaves of `commit` what is of `session`. False when there is nothing, or more than there is room
 * for. */
static bool cut_session(vd_relay_t *self, const char *session, vd_commit_t *commit, bool *fits)
{
    uint32_t count = 0, room = sizeof self->runs / sizeof self->runs[0];
    *fits = true;
    for (uint32_t i = 0; i < commit->run_count; i++) {
        if (!vd_str_is(commit->runs[i].session, session))
            continue;
        *fits = count < room;
        if (!*fits)
            return false;
        self->runs[count++] = commit->runs[i];
    }
    commit->runs = self->runs;
    commit->run_count = count;
    return count > 0;
}

/* Reads commit `index` of all sessions. */
static vd_status_t read_all(vd_relay_t *self, uint64_t index, vd_commit_t *commit, char *error,
                            size_t error_size)
{
    self->taken = vd_recent_take(self->recent, index);
    if (self->taken == NULL)
        return VD_BUSY;
    *commit = self->taken->commit;
    if (!is_lost(commit))
        return VD_OK;
    snprintf(error, error_size, "nothing can be read of commit %llu", (unsigned long long)index);
    return VD_CORRUPT;
}

/* Finds the first commit behind `place` with a run of `session` in memory. VD_BUSY, with `place`
 * right before a commit that memory cannot answer for. */
static vd_status_t read_session(vd_relay_t *self, vd_place_t *place, uint64_t head,
                                const char *session, vd_commit_t *commit)
{
    bool fits = true;
    for (uint64_t index = place->index + 1; index <= head; index++) {
        vd_recent_release(&self->taken);
        self->taken = vd_recent_take(self->recent, index);
        if (self->taken == NULL)
            return VD_BUSY;
        *commit = self->taken->commit;
        if (is_lost(commit))
            return VD_BUSY;
        if (cut_session(self, session, commit, &fits))
            return VD_OK;
        if (!fits)
            return VD_BUSY;
        *place = (vd_place_t){.index = index, .chain = self->taken->commit.chain};
    }
    return VD_NOT_FOUND;
}

static vd_status_t source_read(void *arg, uint64_t index, const char *session, vd_commit_t *commit,
                               char *error, size_t error_size)
{
    vd_relay_t *self = arg;
    vd_stream_tail_t tail;
    vd_place_t place = self->reader;
    assert(place.index + 1 == index);
    vd_recent_release(&self->taken);
    vd_recent_tail(self->recent, &tail);
    uint64_t base = tail.first > 0 ? tail.first - 1 : tail.head;
    commit->index = 0;
    for (;;) {
        uint64_t near = base + 1;
        if (vd_relay_is_torn(self, &place)) {
            self->torn = true;
            return VD_BUSY;
        }
        if (place.index >= base) {
            if (place.index >= tail.head)
                return VD_NOT_FOUND;
            if (session[0] == 0)
                return read_all(self, place.index + 1, commit, error, error_size);
            vd_status_t status = read_session(self, &place, tail.head, session, commit);
            if (status != VD_BUSY)
                return status;
            near = place.index + 1; /* upstream knows how to tell this one */
        }
        vd_place_t until = place;
        vd_status_t status = vd_windows_read(self->windows, self->now.mono_us, &place, session,
                                             near, commit, &until, error, error_size);
        if (status == VD_WENT_BACK) {
            self->torn = true;
            return VD_BUSY;
        }
        if (status != VD_NOT_FOUND)
            return status;
        assert(until.index > place.index ||
               (until.index == place.index && until.offset > place.offset));
        place = until;
    }
}

const vd_stream_source_t vd_relay_source = {
    .tail = source_tail,
    .chain = source_chain,
    .session = source_session,
    .find = source_find,
    .read = source_read,
    .at = source_at,
};

/* oracle_end.c: the checks of the model at the end of a run. */
#include "oracle_state.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

/* Counts what is there of a session, in a store that may have been pruned. */
static void audit_run(vd_oracle_t *self, const vd_commit_run_t *run, uint64_t *left)
{
    vd_oracle_session_t *session = vd_oracle_session_of(self, run->session);
    if (run->absent == VD_OK)
        left[session - self->sessions] += run->count;
    else if (run->absent == VD_CORRUPT && session->damaged > 0)
        left[session - self->sessions] += session->pruned ? 0 : run->count;
    else if (!session->pruned || run->absent != VD_PRUNED)
        vd_oracle_fail(self, "%s:%" PRIu64 " is absent (%s) and was not pruned", session->id,
                       run->first_seq, vd_status_name(run->absent));
}

/* Everything of every session is there, and nothing of those that were pruned. */
static void audit(vd_oracle_t *self, vd_store_t *store)
{
    uint64_t *left = calloc(SESSIONS_MAX, sizeof *left);
    vd_store_cursor_t *cursor;
    vd_store_session_t record;
    vd_store_tail_t tail;
    char error[256];
    vd_commit_t commit;
    assert(left != NULL);
    vd_store_tail(store, &tail);
    if (vd_store_cursor_new(store, &cursor) != VD_OK ||
        vd_store_cursor_seek(cursor, tail.first_index, NULL) != VD_OK)
        vd_oracle_fail(self, "the store cannot be read");
    while (vd_store_cursor_next(cursor, &commit, error, sizeof error) == VD_OK)
        for (uint32_t i = 0; i < commit.run_count; i++)
            audit_run(self, &commit.runs[i], left);
    for (uint32_t i = 0; i < self->session_count; i++) {
        const vd_oracle_session_t *session = &self->sessions[i];
        if (left[i] != (session->pruned ? 0 : session->last_seq))
            vd_oracle_fail(self, "%s has %" PRIu64 " of %" PRIu64 " events%s", session->id, left[i],
                           session->last_seq, session->pruned ? " and was pruned" : "");
        if (session->last_seq > 0 &&
            (vd_store_session(store, session->id, &record) == VD_OK) == session->pruned)
            vd_oracle_fail(self, "session %s is %s", session->id,
                           session->pruned ? "in view and was pruned" : "gone");
    }
    vd_store_cursor_destroy(&cursor);
    free(left);
}

void vd_oracle_finish(vd_oracle_t *self, vd_store_t *store)
{
    vd_oracle_reopened(self, store);
    if (self->failure[0] == 0)
        audit(self, store);
    for (uint64_t id = 1; id <= self->frame_count && self->failure[0] == 0; id++) {
        const vd_oracle_frame_t *frame = &self->frames[id];
        const vd_oracle_life_t *life = &self->lives[frame->life];
        bool whole = frame->stored == 0 || frame->stored == frame->count;
        if (!whole)
            vd_oracle_fail(self, "frame %" PRIu64 " is stored in part", id);
        if (!frame->ended && !life->over && frame->fate != VD_FATE_NEVER)
            vd_oracle_fail(self, "frame %" PRIu64 " of %s has no outcome after a quiet time", id,
                           life->producer);
        if (frame->ended && frame->outcome == VD_OK && frame->stored != frame->count &&
            !frame->excused)
            vd_oracle_fail(self, "frame %" PRIu64 " was acknowledged and is lost", id);
        if (frame->ended)
            vd_oracle_check_outcome(self, frame, id);
    }
}

vd_oracle_sums_t vd_oracle_sums(const vd_oracle_t *self)
{
    vd_oracle_sums_t sums = {.frames = self->frame_count,
                             .events = self->events,
                             .commits = self->index,
                             .sessions = self->session_count,
                             .notices = self->notices};
    for (uint32_t i = 0; i < self->session_count; i++) {
        sums.pruned += self->sessions[i].pruned;
        sums.damaged += self->sessions[i].damaged;
        sums.given_up += self->sessions[i].given_up;
    }
    for (uint64_t id = 1; id <= self->frame_count; id++) {
        const vd_oracle_frame_t *frame = &self->frames[id];
        sums.stored += frame->stored > 0;
        sums.unknown += !frame->ended && frame->fate != VD_FATE_NEVER;
        sums.fenced += frame->ended && frame->outcome == VD_FENCED;
        sums.existing += frame->ended && frame->outcome == VD_EXISTS;
        sums.rejected += frame->ended && frame->outcome != VD_OK && frame->outcome != VD_FENCED &&
                         frame->outcome != VD_EXISTS;
    }
    return sums;
}

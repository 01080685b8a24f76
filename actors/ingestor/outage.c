/* outage.c: what failed appends do to the sessions whose events were in them, and where outages are
 * told. */
#include "sequencer_state.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUSPECTS_MAX = VD_COMMIT_FRAMES_MAX };

static const char TYPE[] = "ingest_interrupted";

void vd_seq_hurt(vd_sequencer_t *self, vd_session_t *session)
{
    assert(self->trouble && session->open != NULL);
    if (session->open->hurt_ms != 0)
        return;
    session->open->hurt_ms = self->trouble_ms > 0 ? self->trouble_ms : 1;
    self->hurt++;
}

void vd_seq_unhurt(vd_sequencer_t *self, vd_session_t *session)
{
    if (session->open->hurt_ms == 0)
        return;
    assert(self->hurt > 0);
    session->open->hurt_ms = 0;
    session->open->telling = false;
    self->hurt--;
}

void vd_seq_hurt_all(vd_sequencer_t *self, const vd_batch_t *batch)
{
    /* Where even the event that tells it, alone in its commit, cannot be written, it is not tried
     * again. */
    bool hopeless = batch->state == VD_BATCH_OUT && batch->notices && batch->alone != NULL;
    for (uint32_t i = 0; i < batch->run_count; i++) {
        vd_session_t *session = vd_batch_session(batch, i);
        assert(session->open != NULL);
        if (hopeless)
            vd_seq_unhurt(self, session);
        else
            vd_seq_hurt(self, session);
    }
    vd_session_t *runtime = hopeless ? NULL : vd_seq_runtime_session(self);
    if (runtime != NULL)
        vd_seq_hurt(self, runtime);
}

/* ---- suspicion ---- */

const vd_suspicion_t *vd_seq_suspicion(const vd_sequencer_t *self, vd_str_t id)
{
    if (self->suspects.count == 0)
        return NULL;
    const vd_suspect_t *suspect = vd_names_get(&self->suspects, id);
    return suspect != NULL ? &suspect->suspicion : NULL;
}

void vd_seq_forget_suspects(vd_sequencer_t *self)
{
    uint32_t at = 0;
    void *suspect;
    while ((suspect = vd_names_next(&self->suspects, &at)) != NULL)
        free(suspect);
    vd_names_free(&self->suspects);
}

/* Keeps what is held against a session that is going to be dropped. Without memory it is not. */
static void keep_suspicion(vd_sequencer_t *self, const vd_session_t *session)
{
    vd_suspect_t *suspect = vd_names_get(&self->suspects, vd_str(session->id));
    if (suspect == NULL) {
        if (self->suspects.count == SUSPECTS_MAX)
            vd_seq_forget_suspects(self);
        suspect = calloc(1, sizeof *suspect);
        if (suspect == NULL)
            return;
        memcpy(suspect->id, session->id, sizeof suspect->id);
        if (!vd_names_put(&self->suspects, suspect)) {
            free(suspect);
            return;
        }
    }
    suspect->suspicion = session->open->suspicion;
}

static bool is_part_of(const vd_batch_t *batch, const char *id)
{
    for (uint32_t i = 0; i < batch->run_count; i++)
        if (strcmp(vd_batch_session(batch, i)->id, id) == 0)
            return true;
    return false;
}

/* What fails without them speaks for those who are under suspicion: it is the store that fails now
 * and then. */
static void clear_absent(vd_sequencer_t *self, const vd_batch_t *batch)
{
    uint32_t at = 0;
    vd_suspect_t *suspect;
    for (vd_session_t *session = self->open; session != NULL; session = session->next_open)
        if (session->open->suspicion.failures > 0 && !is_part_of(batch, session->id))
            session->open->suspicion.failures = 0;
    while ((suspect = vd_names_next(&self->suspects, &at)) != NULL)
        if (suspect->suspicion.failures > 0 && !is_part_of(batch, suspect->id))
            suspect->suspicion.failures = 0;
}

void vd_seq_blame(vd_sequencer_t *self, const vd_batch_t *batch, vd_status_t status)
{
    assert(batch->state == VD_BATCH_OUT && status != VD_OK);
    clear_absent(self, batch);
    for (uint32_t i = 0; i < batch->run_count; i++) {
        vd_session_t *session = vd_batch_session(batch, i);
        assert(session->open != NULL);
        vd_suspicion_t *suspicion = &session->open->suspicion;
        suspicion->streak++;
        /* When nothing else was written since, it may be the store's fault; that less than this
         * finds room on a full disk is no session's. */
        if (status != VD_NO_SPACE &&
            (suspicion->failures == 0 || self->durable_index != suspicion->failed_head)) {
            suspicion->failures++;
            suspicion->failed_head = self->durable_index;
        }
        if (session->open->durable.state == 0)
            keep_suspicion(self, session);
    }
}

void vd_seq_acquit(vd_sequencer_t *self, const vd_batch_t *batch)
{
    for (uint32_t i = 0; i < batch->run_count; i++) {
        vd_session_t *session = vd_batch_session(batch, i);
        assert(session->open != NULL);
        if (batch->notices && session->open->telling)
            vd_seq_unhurt(self, session);
        else if (!batch->notices)
            session->open->suspicion = (vd_suspicion_t){0};
        vd_suspect_t *suspect = NULL;
        if (self->suspects.count > 0)
            suspect = vd_names_get(&self->suspects, vd_str(session->id));
        if (suspect != NULL)
            vd_names_remove(&self->suspects, suspect);
        free(suspect);
    }
}

/* ---- telling ---- */

static vd_bytes_t make_notice(vd_sequencer_t *self, vd_now_t now, int64_t from_ms)
{
    char from[VD_TS_SIZE], to[VD_TS_SIZE];
    vd_ts_format(from_ms, from);
    vd_ts_format(now.wall_ms > from_ms ? now.wall_ms : from_ms, to);
    vd_buffer_clear(&self->data);
    vd_buffer_clear(&self->event);
    vd_buffer_clear(&self->run);
    vd_write_map(&self->data, 3);
    vd_write_pair_text(&self->data, "from", from);
    vd_write_pair_text(&self->data, "to", to);
    vd_write_pair_text(&self->data, "text", self->trouble_text);
    vd_event_write(&self->event, now.wall_ms, vd_str(TYPE), vd_buffer_view(&self->data),
                   vd_bytes(NULL, 0));
    bool whole = !self->data.full && !self->event.full &&
                 vd_run_add(&self->run, vd_buffer_view(&self->event));
    return whole ? vd_buffer_view(&self->run) : vd_bytes(NULL, 0);
}

bool vd_seq_tell_outage(vd_sequencer_t *self, vd_now_t now, vd_session_t *session)
{
    assert(!self->trouble && session->open != NULL);
    if (session->open->hurt_ms == 0 || session->open->telling)
        return true;
    vd_store_session_t *record = &session->open->assigned;
    vd_bytes_t run = vd_bytes(NULL, 0);
    if (record->state == VD_SESSION_ACTIVE)
        run = make_notice(self, now, session->open->hurt_ms);
    if (run.size == 0) {
        vd_seq_unhurt(self, session);
        return true;
    }
    vd_batch_t *batch = vd_seq_collect(self, now, session, 1, run.size);
    if (batch == NULL)
        return false;
    vd_batch_touch_session(batch, session);
    vd_batch_add(batch, session, record->last_seq + 1, run, 1);
    batch->notices = true;
    session->open->telling = true;
    record->last_seq++;
    record->bytes += run.size;
    return true;
}

void vd_seq_tell_hurt(vd_sequencer_t *self, vd_now_t now)
{
    /* Telling may be given up in the walk, which leaves the list as it is. */
    for (vd_session_t *session = self->open; session != NULL; session = session->next_open)
        if (!vd_seq_tell_outage(self, now, session))
            return;
}

static void fail_session(vd_sequencer_t *self, vd_session_t *session, vd_effects_t *effects)
{
    vd_store_session_t *record = &session->open->assigned;
    self->active -= record->state == VD_SESSION_ACTIVE;
    record->state = VD_SESSION_FAILED;
    snprintf(record->error, sizeof record->error,
             "its events could not be written %" PRIu32 " times while others could: %.150s",
             session->open->suspicion.failures, self->trouble_text);
    vd_seq_unhurt(self, session);
    vd_effects_log(effects, VD_ERROR, "session %s has failed: %s", session->id, record->error);
}

/* Is a session that could not begin under suspicion? */
static bool has_suspect(const vd_sequencer_t *self)
{
    const vd_suspect_t *suspect;
    uint32_t at = 0;
    while ((suspect = vd_names_next(&self->suspects, &at)) != NULL)
        if (suspect->suspicion.streak >= VD_SEQ_STREAK_MAX)
            return true;
    return false;
}

/* Writes a commit without events when a session is under suspicion, which tells whether the store
 * can write at all, and marks those as failed that have been tried often enough. */
static void judge_suspects(vd_sequencer_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_batch_t *batch = NULL;
    if (has_suspect(self) && (batch = vd_seq_collect(self, now, NULL, 0, 0)) != NULL)
        vd_batch_touch(batch);
    for (vd_session_t *session = self->open; session != NULL; session = session->next_open) {
        const vd_suspicion_t *suspicion = &session->open->suspicion;
        if (suspicion->streak < VD_SEQ_STREAK_MAX)
            continue;
        batch = vd_seq_collect(self, now, NULL, 0, 0);
        if (batch == NULL)
            return;
        if (suspicion->failures >= VD_SEQ_FAILURES_MAX)
            fail_session(self, session, effects);
        vd_batch_touch_session(batch, session);
    }
    vd_seq_seal(self, now);
}

void vd_seq_end_trouble(vd_sequencer_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(!self->trouble && !self->stopping);
    judge_suspects(self, now, effects);
    vd_seq_tell_hurt(self, now);
}

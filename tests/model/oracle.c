/* oracle.c: the checks of the model. */
#include "oracle_state.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

vd_oracle_t *vd_oracle_new(void)
{
    vd_oracle_t *self = calloc(1, sizeof *self);
    assert(self != NULL);
    self->sessions = calloc(SESSIONS_MAX, sizeof *self->sessions);
    assert(self->sessions != NULL);
    return self;
}

void vd_oracle_destroy(vd_oracle_t **self)
{
    free((*self)->frames);
    free((*self)->sessions);
    free(*self);
    *self = NULL;
}

const char *vd_oracle_failure(const vd_oracle_t *self)
{
    return self->failure[0] != 0 ? self->failure : NULL;
}

void vd_oracle_fail(vd_oracle_t *self, const char *format, ...)
{
    if (self->failure[0] != 0)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(self->failure, sizeof self->failure, format, arguments);
    va_end(arguments);
}

uint32_t vd_oracle_life(vd_oracle_t *self, const char *producer)
{
    assert(self->life_count < LIVES_MAX);
    vd_oracle_life_t *life = &self->lives[self->life_count];
    vd_str_copy(life->producer, sizeof life->producer, vd_str(producer));
    return self->life_count++;
}

void vd_oracle_opened(vd_oracle_t *self, uint32_t life, uint64_t epoch)
{
    assert(life < self->life_count);
    vd_oracle_life_t *entry = &self->lives[life];
    if (entry->epoch != 0 && entry->epoch != epoch)
        vd_oracle_fail(self, "life %" PRIu32 " of %s changed its epoch without a reason", life,
                       entry->producer);
    for (uint32_t i = 0; i < self->life_count; i++)
        if (i != life && self->lives[i].epoch == epoch)
            vd_oracle_fail(self, "epoch %" PRIu64 " was given twice", epoch);
    entry->epoch = epoch;
    entry->opened_index = self->index;
}

void vd_oracle_life_over(vd_oracle_t *self, uint32_t life)
{
    assert(life < self->life_count);
    self->lives[life].over = true;
}

uint64_t vd_oracle_frame(vd_oracle_t *self, uint32_t life, const char *session, uint32_t count,
                         vd_fate_t fate, vd_status_t status)
{
    assert(count > 0 && count <= PLACES && life < self->life_count);
    if (self->frame_count + 1 >= self->frame_room) {
        self->frame_room = self->frame_room * 2 + 1024;
        self->frames = realloc(self->frames, self->frame_room * sizeof *self->frames);
        assert(self->frames != NULL);
    }
    vd_oracle_frame_t *frame = &self->frames[++self->frame_count];
    *frame = (vd_oracle_frame_t){.life = life, .count = count, .fate = fate, .expected = status};
    frame->excused = self->lives[life].excused;
    vd_str_copy(frame->session, sizeof frame->session, vd_str(session));
    return self->frame_count;
}

void vd_oracle_withdraw(vd_oracle_t *self, uint64_t frame)
{
    assert(frame > 0 && frame <= self->frame_count);
    self->frames[frame].fate = VD_FATE_NEVER;
}

void vd_oracle_event(vd_buffer_t *run, uint64_t frame, uint32_t place, const char *type,
                     int64_t wall_ms, size_t padding)
{
    static const uint8_t zeros[4096];
    vd_buffer_t data, event;
    vd_buffer_init(&data, 8192);
    vd_buffer_init(&event, 16384);
    vd_write_map(&data, 2);
    vd_write_pair_u64(&data, "id", frame * PLACES + place);
    vd_write_text(&data, "padding");
    vd_write_bin(&data, vd_bytes(zeros, padding < sizeof zeros ? padding : sizeof zeros));
    vd_event_write(&event, wall_ms, vd_str(type), vd_buffer_view(&data), vd_bytes(NULL, 0));
    bool added = vd_run_add(run, vd_buffer_view(&event));
    assert(added && !data.full && !event.full);
    (void)added;
    vd_buffer_free(&data);
    vd_buffer_free(&event);
}

vd_oracle_session_t *vd_oracle_session_of(vd_oracle_t *self, vd_str_t id)
{
    for (uint32_t i = 0; i < self->session_count; i++)
        if (vd_str_is(id, self->sessions[i].id))
            return &self->sessions[i];
    assert(self->session_count < SESSIONS_MAX);
    vd_oracle_session_t *session = &self->sessions[self->session_count++];
    vd_str_copy(session->id, sizeof session->id, id);
    return session;
}

void vd_oracle_record(vd_oracle_t *self, uint64_t frame, uint32_t record)
{
    assert(frame > 0 && frame <= self->frame_count && record > 0 && record < RECORDS_MAX);
    self->frames[frame].record = record;
}

void vd_oracle_outage(vd_oracle_t *self)
{
    self->outages++;
}

void vd_oracle_curse(vd_oracle_t *self, const char *session)
{
    vd_oracle_session_of(self, vd_str(session))->cursed = true;
}

void vd_oracle_bad_luck(vd_oracle_t *self, vd_str_t session)
{
    vd_oracle_session_of(self, session)->bad_luck++;
}

/* Bad luck often enough looks like events that cannot be written. */
void vd_oracle_given_up(vd_oracle_t *self, const char *session)
{
    enum { OFTEN = 5 };
    vd_oracle_session_t *failed = vd_oracle_session_of(self, vd_str(session));
    if (!failed->cursed && failed->bad_luck < OFTEN)
        vd_oracle_fail(self, "session %s is given up without a reason", session);
    failed->ended = failed->given_up = true;
}

void vd_oracle_pruned(vd_oracle_t *self, const char *session)
{
    vd_oracle_session_t *pruned = vd_oracle_session_of(self, vd_str(session));
    if (!pruned->ended)
        vd_oracle_fail(self, "session %s is pruned and had not ended", session);
    pruned->pruned = true;
}

/* ---- outcomes ---- */

/* The frame was told that its record is stored: so it must be, and there. */
static void check_exists(vd_oracle_t *self, const vd_oracle_frame_t *frame, uint64_t id,
                         uint64_t seq)
{
    const vd_oracle_session_t *session = vd_oracle_session_of(self, vd_str(frame->session));
    if (frame->record == 0)
        vd_oracle_fail(self, "frame %" PRIu64 " has no record and is told that it exists", id);
    else if (session->record_seq[frame->record] != seq)
        vd_oracle_fail(self,
                       "record %" PRIu32 " of %s is told to be at %" PRIu64 " and is at %" PRIu64,
                       frame->record, frame->session, seq, session->record_seq[frame->record]);
}

/* Its session may have been pruned before it came too late, or been given up, also before it began. */
static bool is_expected(vd_oracle_t *self, const vd_oracle_frame_t *frame)
{
    const vd_oracle_session_t *session = vd_oracle_session_of(self, vd_str(frame->session));
    bool known = frame->fate != VD_FATE_STORED && frame->outcome == frame->expected;
    bool stored = frame->fate == VD_FATE_STORED &&
                  (frame->outcome == VD_OK || (frame->outcome == VD_EXISTS && frame->record > 0));
    bool late = frame->expected == VD_SESSION_CLOSED && session->pruned &&
                frame->outcome == VD_UNKNOWN_SESSION;
    bool given_up =
        session->cursed && (frame->outcome == VD_FAILED || frame->outcome == VD_UNKNOWN_SESSION ||
                            (session->given_up && frame->outcome == VD_SESSION_CLOSED));
    return known || stored || late || given_up;
}

void vd_oracle_check_outcome(vd_oracle_t *self, const vd_oracle_frame_t *frame, uint64_t id)
{
    const char *status = vd_status_name(frame->outcome);
    if (frame->excused)
        return;
    if (frame->outcome == VD_FENCED) {
        uint32_t others = 0;
        for (uint32_t i = 0; i < self->life_count; i++)
            others += i != frame->life &&
                      strcmp(self->lives[i].producer, self->lives[frame->life].producer) == 0;
        if (others == 0)
            vd_oracle_fail(self, "frame %" PRIu64 " is fenced and nobody took the name", id);
        return;
    }
    if (frame->fate == VD_FATE_NEVER)
        vd_oracle_fail(self, "forged frame %" PRIu64 " has an outcome: %s", id, status);
    if (frame->fate == VD_FATE_STORED && !is_expected(self, frame))
        vd_oracle_fail(self, "frame %" PRIu64 " for %s is rejected without a reason: %s", id,
                       frame->session, status);
    if (frame->fate == VD_FATE_REJECTED && !is_expected(self, frame))
        vd_oracle_fail(self, "frame %" PRIu64 " for %s should be rejected as %s and is %s", id,
                       frame->session, vd_status_name(frame->expected), status);
    if (frame->outcome != VD_OK && frame->outcome != VD_FENCED && frame->stored > 0)
        vd_oracle_fail(self, "frame %" PRIu64 " is rejected (%s) and stored", id, status);
}

void vd_oracle_outcome(vd_oracle_t *self, const vd_outcome_t *outcome, vd_store_t *store)
{
    uint64_t id = outcome->token;
    assert(id > 0 && id <= self->frame_count);
    vd_oracle_frame_t *frame = &self->frames[id];
    vd_oracle_life_t *life = &self->lives[frame->life];
    if (frame->ended)
        vd_oracle_fail(self, "frame %" PRIu64 " has two outcomes", id);
    if (id <= life->last_outcome)
        vd_oracle_fail(self, "the outcome of frame %" PRIu64 " comes after that of frame %" PRIu64,
                       id, life->last_outcome);
    life->last_outcome = id;
    frame->ended = true;
    frame->outcome = outcome->status;
    if (store != NULL)
        vd_oracle_read(self, store);
    vd_oracle_check_outcome(self, frame, id);
    if (frame->excused || store == NULL)
        return;
    if (outcome->status == VD_EXISTS)
        check_exists(self, frame, id, outcome->seq);
    if (outcome->status != VD_OK)
        return;
    if (frame->stored != frame->count)
        vd_oracle_fail(self, "frame %" PRIu64 " is acknowledged and not in the store", id);
    else if (outcome->position.index < frame->index)
        vd_oracle_fail(self, "frame %" PRIu64 " is in commit %" PRIu64 ", its answer says %" PRIu64,
                       id, frame->index, outcome->position.index);
    else if (outcome->session[0] != 0 && (strcmp(outcome->session, frame->session) != 0 ||
                                          outcome->seq != frame->first_seq + frame->count - 1))
        vd_oracle_fail(self,
                       "frame %" PRIu64 " ends at sequence %" PRIu64 ", its answer says %" PRIu64,
                       id, frame->first_seq + frame->count - 1, outcome->seq);
}

/* ---- reading ---- */

/* No commit behind the opening of a newer life holds a frame of an older one. */
static void check_epoch(vd_oracle_t *self, const vd_oracle_frame_t *frame, uint64_t id,
                        uint64_t index)
{
    const vd_oracle_life_t *life = &self->lives[frame->life];
    for (uint32_t i = 0; i < self->life_count; i++) {
        const vd_oracle_life_t *newer = &self->lives[i];
        if (strcmp(newer->producer, life->producer) == 0 && newer->epoch > life->epoch &&
            life->epoch > 0 && index > newer->opened_index)
            vd_oracle_fail(self,
                           "frame %" PRIu64 " of epoch %" PRIu64 " is in commit %" PRIu64
                           ", and epoch %" PRIu64 " had the name at commit %" PRIu64,
                           id, life->epoch, index, newer->epoch, newer->opened_index);
    }
}

static void read_place(vd_oracle_t *self, vd_oracle_session_t *session, uint64_t id, uint32_t place,
                       uint64_t index, uint64_t seq)
{
    vd_oracle_frame_t *frame = &self->frames[id];
    if (place != frame->stored || place >= frame->count) {
        vd_oracle_fail(self,
                       "event %" PRIu32 " of frame %" PRIu64 " (of %" PRIu32
                       ") is stored at %s:%" PRIu64 " after %" PRIu32 " of them",
                       place, id, frame->count, session->id, seq, frame->stored);
        return;
    }
    if (place == 0) {
        frame->index = index;
        frame->first_seq = seq;
        if (id <= session->last_frame[frame->life])
            vd_oracle_fail(self, "frame %" PRIu64 " stands behind frame %" PRIu64 " in %s", id,
                           session->last_frame[frame->life], session->id);
        session->last_frame[frame->life] = id;
        if (frame->record > 0 && session->record_seq[frame->record] != 0)
            vd_oracle_fail(self, "record %" PRIu32 " is stored twice in %s", frame->record,
                           session->id);
        if (frame->record > 0)
            session->record_seq[frame->record] = seq;
        check_epoch(self, frame, id, index);
    } else if (frame->index != index || frame->first_seq + place != seq) {
        vd_oracle_fail(self, "frame %" PRIu64 " is torn over commits or sequences", id);
    }
    frame->stored++;
    if (strcmp(frame->session, session->id) != 0)
        vd_oracle_fail(self, "frame %" PRIu64 " for %s is stored in %s", id, frame->session,
                       session->id);
    if ((frame->fate == VD_FATE_REJECTED || frame->fate == VD_FATE_NEVER) && !frame->excused)
        vd_oracle_fail(self, "frame %" PRIu64 " must not be stored and is, at %s:%" PRIu64, id,
                       session->id, seq);
    if (frame->ended && frame->outcome != VD_OK && frame->outcome != VD_FENCED && !frame->excused)
        vd_oracle_fail(self, "frame %" PRIu64 " was rejected and is stored", id);
}

/* The ingestor itself says that there was an outage. */
static void read_notice(vd_oracle_t *self, vd_oracle_session_t *session, const vd_value_t *data,
                        uint64_t seq)
{
    int64_t from_ms, to_ms;
    session->notices++;
    self->notices++;
    if (session->notices > self->outages || session->ended || seq == 1)
        vd_oracle_fail(self, "%s:%" PRIu64 " tells of an outage that it did not see", session->id,
                       seq);
    if (!vd_ts_parse(vd_value_get_str(data, "from"), &from_ms) ||
        !vd_ts_parse(vd_value_get_str(data, "to"), &to_ms) || from_ms > to_ms)
        vd_oracle_fail(self, "%s:%" PRIu64 " does not say when the outage was", session->id, seq);
}

static void read_event(vd_oracle_t *self, vd_oracle_session_t *session, const vd_entry_t *entry,
                       uint64_t index, uint64_t place)
{
    vd_event_t event;
    vd_value_t data;
    uint64_t seq = session->last_seq;
    if (vd_event_read(entry->event, &event) != VD_OK || !vd_value_of(event.data, &data)) {
        vd_oracle_fail(self, "%s:%" PRIu64 " holds no event", session->id, seq);
        return;
    }
    vd_seen_t seen = {vd_str(session->id), seq, index, place, self->time_ms, entry->crc, &event};
    bool foreign = self->seen != NULL && self->seen(self->seen_arg, &seen);
    if (vd_str_is(event.type, "ingest_interrupted")) {
        read_notice(self, session, &data, seq);
        return;
    }
    bool started = vd_str_is(event.type, "session_started");
    if (started != (seq == 1) || session->ended)
        vd_oracle_fail(self, "%.*s is not allowed at %s:%" PRIu64, (int)event.type.size,
                       (const char *)event.type.data, session->id, seq);
    session->ended = vd_str_is(event.type, "session_ended");
    uint64_t number = vd_value_get_u64(&data, "id", 0);
    uint64_t id = number / PLACES;
    self->events++;
    if (foreign)
        return;
    if (id == 0 || id > self->frame_count)
        vd_oracle_fail(self, "%s:%" PRIu64 " was never offered", session->id, seq);
    else
        read_place(self, session, id, (uint32_t)(number % PLACES), index, seq);
}

static void read_run(vd_oracle_t *self, const vd_commit_run_t *run, uint64_t index)
{
    vd_oracle_session_t *session = vd_oracle_session_of(self, run->session);
    vd_bytes_t rest = run->run;
    vd_entry_t entry;
    if (run->first_seq != session->last_seq + 1)
        vd_oracle_fail(self, "%s goes on at %" PRIu64 " after %" PRIu64, session->id,
                       run->first_seq, session->last_seq);
    uint32_t count = 0;
    while (vd_run_next(&rest, &entry) == VD_OK) {
        if (vd_crc32c(0, entry.event) != entry.crc)
            vd_oracle_fail(self, "%s:%" PRIu64 " has a wrong checksum", session->id,
                           session->last_seq + 1);
        session->last_seq++;
        read_event(self, session, &entry, index, run->at + count);
        count++;
    }
    if (count != run->count)
        vd_oracle_fail(self, "commit %" PRIu64 " says %" PRIu32 " events of %s and holds %" PRIu32,
                       index, run->count, session->id, count);
}

static void read_commit(vd_oracle_t *self, const vd_commit_t *commit)
{
    if (commit->index != self->index + 1)
        vd_oracle_fail(self, "commit %" PRIu64 " follows on %" PRIu64, commit->index, self->index);
    if (commit->time_ms < self->time_ms)
        vd_oracle_fail(self, "commit %" PRIu64 " is older than its predecessor", commit->index);
    if (vd_commit_chain(self->chain, commit) != commit->chain)
        vd_oracle_fail(self, "commit %" PRIu64 " is not chained to its predecessor", commit->index);
    self->time_ms = commit->time_ms;
    uint64_t at = 0;
    for (uint32_t i = 0; i < commit->run_count; i++) {
        if (commit->runs[i].at != at)
            vd_oracle_fail(self, "run %" PRIu32 " of commit %" PRIu64 " is misplaced", i,
                           commit->index);
        at += commit->runs[i].count;
        read_run(self, &commit->runs[i], commit->index);
    }
    self->index = commit->index;
    self->chain = commit->chain;
}

void vd_oracle_read(vd_oracle_t *self, vd_store_t *store)
{
    vd_store_cursor_t *cursor;
    char error[256];
    vd_commit_t commit;
    if (vd_store_cursor_new(store, &cursor) != VD_OK ||
        vd_store_cursor_seek(cursor, self->index + 1, NULL) != VD_OK) {
        vd_oracle_fail(self, "the store cannot be read");
        return;
    }
    while (self->failure[0] == 0 &&
           vd_store_cursor_next(cursor, &commit, error, sizeof error) == VD_OK)
        read_commit(self, &commit);
    vd_store_cursor_destroy(&cursor);
}

void vd_oracle_listen(vd_oracle_t *self, vd_seen_fn *seen, void *arg)
{
    self->seen = seen;
    self->seen_arg = arg;
}

bool vd_oracle_was_pruned(vd_oracle_t *self, vd_str_t session)
{
    return vd_oracle_session_of(self, session)->pruned;
}

void vd_oracle_damaged(vd_oracle_t *self, vd_str_t session, uint32_t count)
{
    vd_oracle_session_of(self, session)->damaged += count;
}

uint64_t vd_oracle_index(const vd_oracle_t *self)
{
    return self->index;
}

void vd_oracle_went_back(vd_oracle_t *self)
{
    for (uint64_t id = 1; id <= self->frame_count; id++) {
        vd_oracle_frame_t *frame = &self->frames[id];
        frame->stored = 0;
        frame->index = frame->first_seq = 0;
        frame->excused = true;
    }
    for (uint32_t i = 0; i < self->life_count; i++) {
        self->lives[i].excused = true;
        self->lives[i].epoch = 0; /* what the counter gave behind the cut is given again */
    }
    for (uint32_t i = 0; i < self->session_count; i++) {
        vd_oracle_session_t *session = &self->sessions[i];
        vd_oracle_session_t fresh = {.cursed = session->cursed};
        memcpy(fresh.id, session->id, sizeof fresh.id);
        *session = fresh;
    }
    self->index = self->events = self->notices = 0;
    self->chain = 0;
    self->time_ms = 0;
}

void vd_oracle_reopened(vd_oracle_t *self, vd_store_t *store)
{
    uint32_t chain = 0;
    if (vd_store_chain(store, self->index, &chain) != VD_OK || chain != self->chain)
        vd_oracle_fail(self, "commit %" PRIu64 " was visible and is gone, or is another",
                       self->index);
    vd_oracle_read(self, store);
}

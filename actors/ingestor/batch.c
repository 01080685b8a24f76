/* batch.c: collecting and sealing a batch. */
#include "batch.h"

#include "core/hash.h"

#include <assert.h>
#include <stdlib.h>

enum {
    /* An emit touches a producer and a session; a frame counts once. */
    ENTRIES_MAX = VD_COMMIT_FRAMES_MAX,
    TEXTS_BYTES_MAX = 262144,
    SLOTS = 2 * ENTRIES_MAX, /* of records; a power of two */
};
/* Not in the enum: it holds int values only. */
#define NO_RUN   UINT32_MAX
#define NO_PIECE UINT32_MAX

typedef struct vd_batch_piece {
    uint32_t at, size, next;
} vd_batch_piece_t;

typedef struct vd_batch_run {
    vd_session_t *session;
    uint64_t first_seq;
    uint32_t count;
    uint32_t size;
    uint32_t head, tail; /* pieces */
} vd_batch_run_t;

bool vd_batch_init(vd_batch_t *self)
{
    *self = (vd_batch_t){0};
    vd_buffer_init(&self->bytes, VD_COMMIT_BYTES_MAX + VD_EMIT_BYTES_MAX);
    vd_buffer_init(&self->gathered, VD_COMMIT_BYTES_MAX + VD_EMIT_BYTES_MAX);
    vd_buffer_init(&self->texts, TEXTS_BYTES_MAX);
    self->pieces = calloc(ENTRIES_MAX, sizeof *self->pieces);
    self->runs = calloc(ENTRIES_MAX, sizeof *self->runs);
    self->commit_runs = calloc(ENTRIES_MAX, sizeof *self->commit_runs);
    self->producers = calloc(ENTRIES_MAX, sizeof *self->producers);
    self->producer_records = calloc(ENTRIES_MAX, sizeof *self->producer_records);
    self->producer_list = calloc(ENTRIES_MAX, sizeof *self->producer_list);
    self->sessions = calloc(ENTRIES_MAX, sizeof *self->sessions);
    self->session_records = calloc(ENTRIES_MAX, sizeof *self->session_records);
    self->session_list = calloc(ENTRIES_MAX, sizeof *self->session_list);
    self->rejects = calloc(ENTRIES_MAX, sizeof *self->rejects);
    self->records = calloc(ENTRIES_MAX, sizeof *self->records);
    self->record_list = calloc(ENTRIES_MAX, sizeof *self->record_list);
    self->record_slots = calloc(SLOTS, sizeof *self->record_slots);
    bool whole = self->pieces && self->runs && self->commit_runs && self->producers &&
                 self->producer_records && self->producer_list && self->sessions &&
                 self->session_records && self->session_list && self->rejects && self->records &&
                 self->record_list && self->record_slots;
    if (!whole)
        vd_batch_free(self);
    return whole;
}

void vd_batch_free(vd_batch_t *self)
{
    vd_buffer_free(&self->bytes);
    vd_buffer_free(&self->gathered);
    vd_buffer_free(&self->texts);
    free(self->pieces);
    free(self->runs);
    free(self->commit_runs);
    free(self->producers);
    free(self->producer_records);
    free(self->producer_list);
    free(self->sessions);
    free(self->session_records);
    free(self->session_list);
    free(self->rejects);
    free(self->records);
    free(self->record_list);
    free(self->record_slots);
    *self = (vd_batch_t){0};
}

void vd_batch_begin(vd_batch_t *self, uint64_t id)
{
    assert(id > 0 && self->pieces != NULL);
    self->id = id;
    self->state = VD_BATCH_COLLECTING;
    self->frames = self->events = 0;
    vd_buffer_clear(&self->bytes);
    vd_buffer_clear(&self->gathered);
    vd_buffer_clear(&self->texts);
    self->piece_count = self->run_count = 0;
    self->producer_count = self->session_count = self->reject_count = 0;
    if (self->record_count > 0)
        memset(self->record_slots, 0, SLOTS * sizeof *self->record_slots);
    self->record_count = 0;
    self->leaving_count = 0;
    self->alone = NULL;
    self->notices = false;
    self->rejects_answered = self->producers_answered = 0;
}

bool vd_batch_fits(vd_batch_t *self, uint32_t count, size_t size)
{
    assert(self->state == VD_BATCH_COLLECTING && size <= VD_EMIT_BYTES_MAX);
    if (self->frames >= VD_COMMIT_FRAMES_MAX || self->events + count > VD_COMMIT_EVENTS_MAX)
        return false;
    if (self->bytes.size > 0 && self->bytes.size + size > VD_COMMIT_BYTES_MAX)
        return false;
    /* What the seal may need must be there now: behind this point nothing can fail. */
    return size == 0 || (vd_buffer_reserve(&self->bytes, size) != NULL &&
                         vd_buffer_reserve(&self->gathered, self->bytes.size + size) != NULL);
}

void vd_batch_touch_producer(vd_batch_t *self, vd_producer_t *producer, bool emitted)
{
    assert(self->state == VD_BATCH_COLLECTING && self->frames < VD_COMMIT_FRAMES_MAX);
    self->frames++;
    if (producer->batch != self->id) {
        producer->batch = self->id;
        producer->batch_at = self->producer_count;
        self->producers[self->producer_count++] = (vd_batch_producer_t){producer, false};
    }
    self->producers[producer->batch_at].emitted |= emitted;
}

void vd_batch_touch(vd_batch_t *self)
{
    assert(self->state == VD_BATCH_COLLECTING && self->frames < VD_COMMIT_FRAMES_MAX);
    self->frames++;
}

bool vd_batch_leave(vd_batch_t *self, vd_producer_t *producer)
{
    assert(self->state == VD_BATCH_COLLECTING && self->frames < VD_COMMIT_FRAMES_MAX);
    assert(!producer->leaving && producer->batch != self->id);
    if (self->leaving_count == VD_BATCH_LEAVING_MAX)
        return false;
    self->frames++;
    self->leaving[self->leaving_count++] = producer;
    producer->leaving = true;
    return true;
}

static void put_session(vd_batch_t *self, vd_session_t *session)
{
    assert(self->state == VD_BATCH_COLLECTING && session->open != NULL);
    if (session->batch == self->id)
        return;
    assert(self->session_count < ENTRIES_MAX);
    session->batch = self->id;
    session->batch_run = NO_RUN;
    self->sessions[self->session_count++] = session;
}

void vd_batch_touch_session(vd_batch_t *self, vd_session_t *session)
{
    assert(self->frames < VD_COMMIT_FRAMES_MAX);
    self->frames++;
    put_session(self, session);
}

/* The run of a session in this batch, begun if there is none. */
static vd_batch_run_t *run_of(vd_batch_t *self, vd_session_t *session, uint64_t first_seq)
{
    put_session(self, session);
    if (session->batch_run == NO_RUN) {
        assert(self->run_count < ENTRIES_MAX);
        session->batch_run = self->run_count++;
        self->runs[session->batch_run] = (vd_batch_run_t){
            .session = session, .first_seq = first_seq, .head = NO_PIECE, .tail = NO_PIECE};
    }
    return &self->runs[session->batch_run];
}

void vd_batch_add(vd_batch_t *self, vd_session_t *session, uint64_t first_seq, vd_bytes_t run,
                  uint32_t count)
{
    assert(self->state == VD_BATCH_COLLECTING && count > 0 && run.size > 0);
    vd_batch_run_t *place = run_of(self, session, first_seq);
    assert(place->session == session && place->first_seq + place->count == first_seq);
    uint32_t at = (uint32_t)self->bytes.size;
    bool copied = vd_buffer_add(&self->bytes, run.data, run.size);
    assert(copied);
    (void)copied;
    self->events += count;
    place->count += count;
    place->size += (uint32_t)run.size;
    if (place->tail != NO_PIECE) {
        vd_batch_piece_t *tail = &self->pieces[place->tail];
        if (tail->at + tail->size == at) {
            tail->size += (uint32_t)run.size;
            return;
        }
        tail->next = self->piece_count;
    } else {
        place->head = self->piece_count;
    }
    assert(self->piece_count < ENTRIES_MAX);
    place->tail = self->piece_count;
    self->pieces[self->piece_count++] = (vd_batch_piece_t){at, (uint32_t)run.size, NO_PIECE};
}

/* ---- records ---- */

static uint32_t hash_of(const vd_session_t *session, vd_str_t record)
{
    return (uint32_t)vd_hash(vd_hash(0, vd_str(session->id)), record);
}

/* Where the record stands among the slots, or the free slot that it would get. */
static uint32_t slot_of(const vd_batch_t *self, const vd_session_t *session, vd_str_t record,
                        uint32_t hash)
{
    uint32_t slot = hash & (SLOTS - 1);
    for (; self->record_slots[slot] != 0; slot = (slot + 1) & (SLOTS - 1)) {
        const vd_batch_record_t *entry = &self->records[self->record_slots[slot] - 1];
        if (entry->hash == hash && entry->session == session && vd_str_is(record, entry->record))
            break;
    }
    return slot;
}

uint64_t vd_batch_find_record(const vd_batch_t *self, const vd_session_t *session, vd_str_t record)
{
    if (self->record_count == 0)
        return 0;
    uint32_t slot = slot_of(self, session, record, hash_of(session, record));
    return self->record_slots[slot] != 0 ? self->records[self->record_slots[slot] - 1].seq : 0;
}

void vd_batch_note_record(vd_batch_t *self, const vd_session_t *session, vd_str_t record,
                          uint64_t seq)
{
    assert(self->state == VD_BATCH_COLLECTING && self->record_count < ENTRIES_MAX && seq > 0);
    uint32_t hash = hash_of(session, record);
    uint32_t slot = slot_of(self, session, record, hash);
    assert(self->record_slots[slot] == 0);
    vd_batch_record_t *entry = &self->records[self->record_count++];
    self->record_slots[slot] = self->record_count;
    *entry = (vd_batch_record_t){.session = session, .seq = seq, .hash = hash};
    vd_str_copy(entry->record, sizeof entry->record, record);
}

static void seal_frame_records(vd_batch_t *self)
{
    for (uint32_t i = 0; i < self->record_count; i++) {
        const vd_batch_record_t *entry = &self->records[i];
        self->record_list[i] = (vd_store_record_t){.session = vd_str(entry->session->id),
                                                   .record = vd_str(entry->record),
                                                   .seq = entry->seq};
    }
}

/* ---- rejections ---- */

void vd_batch_reject(vd_batch_t *self, vd_producer_t *producer, uint64_t first, uint32_t count,
                     const vd_verdict_t *verdict)
{
    const char *text = verdict->text;
    assert(self->state == VD_BATCH_COLLECTING && self->reject_count < ENTRIES_MAX);
    uint32_t at = (uint32_t)self->texts.size;
    if (!vd_buffer_add(&self->texts, text, strlen(text)))
        vd_buffer_cut(&self->texts, at);
    self->rejects[self->reject_count++] =
        (vd_batch_reject_t){.producer = producer,
                            .epoch = producer->assigned.epoch,
                            .first = first,
                            .count = count,
                            .status = verdict->status,
                            .seq = verdict->seq,
                            .text_at = at,
                            .text_size = (uint32_t)self->texts.size - at};
}

vd_session_t *vd_batch_session(const vd_batch_t *self, uint32_t run)
{
    assert(run < self->run_count);
    return self->runs[run].session;
}

static vd_bytes_t run_bytes(vd_batch_t *self, const vd_batch_run_t *run)
{
    if (run->head == run->tail)
        return vd_bytes(self->bytes.data + self->pieces[run->head].at, run->size);
    size_t at = self->gathered.size;
    for (uint32_t i = run->head; i != NO_PIECE; i = self->pieces[i].next)
        vd_buffer_add(&self->gathered, self->bytes.data + self->pieces[i].at, self->pieces[i].size);
    assert(self->gathered.size == at + run->size);
    return vd_bytes(self->gathered.data + at, run->size);
}

/* Lays the runs out. The gathering buffer has its whole size since vd_batch_fits: its bytes stay in
 * place. */
static void seal_runs(vd_batch_t *self)
{
    uint64_t at = 0;
    for (uint32_t i = 0; i < self->run_count; i++) {
        const vd_batch_run_t *run = &self->runs[i];
        self->commit_runs[i] = (vd_commit_run_t){.session = vd_str(run->session->id),
                                                 .at = at,
                                                 .first_seq = run->first_seq,
                                                 .count = run->count,
                                                 .run = run_bytes(self, run)};
        at += run->count;
    }
    assert(at == self->events);
}

static void seal_states(vd_batch_t *self, uint64_t index, int64_t time_ms)
{
    for (uint32_t i = 0; i < self->producer_count; i++) {
        vd_store_producer_t *record = &self->producers[i].producer->assigned;
        record->used_ms = time_ms;
        self->producer_records[i] = *record;
        self->producer_list[i] = &self->producer_records[i];
    }
    for (uint32_t i = 0; i < self->session_count; i++) {
        vd_session_t *session = self->sessions[i];
        vd_store_session_t *record = &session->open->assigned;
        if (session->batch_run != NO_RUN) {
            record->last_index = index;
            record->last_ms = time_ms;
        }
        if (record->started_ms == 0)
            record->started_ms = time_ms;
        if (vd_session_is_closed(record) && record->ended_ms == 0)
            record->ended_ms = time_ms;
        self->session_records[i] = *record;
        self->session_list[i] = &self->session_records[i];
    }
}

void vd_batch_seal(vd_batch_t *self, uint64_t index, int64_t time_ms, uint64_t epoch,
                   uint32_t previous, uint64_t epoch_counter)
{
    assert(self->state == VD_BATCH_COLLECTING && index > 0 && self->frames > 0);
    seal_runs(self);
    seal_states(self, index, time_ms);
    seal_frame_records(self);
    for (uint32_t i = 0; i < self->leaving_count; i++)
        self->leaving_names[i] = self->leaving[i]->assigned.name;
    self->store = (vd_store_batch_t){
        .commit = {.index = index,
                   .time_ms = time_ms,
                   .epoch = epoch,
                   .run_count = self->run_count,
                   .runs = self->commit_runs},
        .epoch_counter = epoch_counter,
        .producers = self->producer_list,
        .producer_count = self->producer_count,
        .sessions = self->session_list,
        .session_count = self->session_count,
        .forgotten = self->leaving_names,
        .forgotten_count = self->leaving_count,
        .records = self->record_list,
        .record_count = self->record_count,
    };
    self->store.commit.chain = vd_commit_chain(previous, &self->store.commit);
    self->state = VD_BATCH_SEALED;
}

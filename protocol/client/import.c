/* import.c: events from lines of JSON into the store, as they were.
 *
 * 1. The producer's name comes from the first session, so that of two imports of the same lines the
 *    later one fences the earlier one: what the store says of a session after the name was taken is
 *    what it stays, unless somebody else writes to that session.
 * 2. What the store has already is compared by a digest, once for each session: before the first
 *    event that goes on from it is sent, or at the end.
 * 3. The first frame of each session goes out alone: when it is refused, nothing may follow it.
 */
#include "client/client_impl.h"
#include "core/hash.h"
#include "wire/json_read.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SESSIONS_MAX = 4096,
    SLOTS = 2 * SESSIONS_MAX, /* a power of two */
    FRAME_EVENTS = 512,
    FRAME_BYTES = 262144,
    FRAMES_OUT_MAX = 2048, /* more than an emit core has out */
    LOOK_MS = 200,         /* between looks whether the runtime is still there */
};

/* A session of the lines. */
typedef struct subject {
    char session[VD_NAME_BYTES_MAX + 1]; /* empty: the slot is free */
    uint64_t first_line;
    uint64_t next;   /* sequence that the next line has to have */
    uint64_t known;  /* events that the store had when the import began */
    uint64_t digest; /* of the lines up to `known` */
    bool compared;
    bool foreign;                       /* only its producer may go on with it, or it has ended */
    char reason[VD_NAME_BYTES_MAX * 2]; /* why */
} subject_t;

typedef struct frame_out {
    uint64_t first_line;
    uint64_t last_seq;
    uint32_t count;
    char session[VD_NAME_BYTES_MAX + 1];
} frame_out_t;

struct vd_import {
    vd_client_t *client;
    vd_producer_t *producer;
    char name[VD_NAME_BYTES_MAX + 1];
    vd_import_count_t count;
    vd_status_t failed; /* VD_OK while it goes on */
    char failed_text[VD_TEXT_BYTES_MAX + 1];
    bool refused; /* a frame: nothing more is sent */
    bool drain;   /* nothing more is sent before everything has its receipt */
    /* The frame that is being filled. */
    char session[VD_NAME_BYTES_MAX + 1];
    uint64_t frame_line, frame_seq;
    uint32_t frame_count;
    vd_buffer_t run;
    uint64_t sent; /* frames */
    /* The session that is being compared with what the store has, and how far. */
    const subject_t *compared;
    vd_export_t *stored;
    uint64_t digested, digest;
    vd_buffer_t event;
    vd_buffer_t json;
    subject_t *last;
    frame_out_t out[FRAMES_OUT_MAX];
    subject_t subjects[SLOTS];
};

static vd_status_t fail_at(vd_import_t *self, uint64_t line, vd_status_t status, const char *text)
{
    if (self->failed == VD_OK) {
        self->failed = status;
        snprintf(self->failed_text, sizeof self->failed_text, "line %" PRIu64 ": %.960s", line,
                 text);
    }
    return vd_client_fail(self->client, self->failed, "%s", self->failed_text);
}

/* ---- receipts ---- */

static void on_receipt(void *arg, const vd_receipt_t *receipt)
{
    vd_import_t *self = arg;
    const frame_out_t *frame = &self->out[receipt->token % FRAMES_OUT_MAX];
    char text[VD_TEXT_BYTES_MAX + 1];
    bool elsewhere = receipt->seq != 0 && receipt->seq != frame->last_seq;
    if (receipt->status == VD_OK && !elsewhere) {
        self->count.stored += frame->count;
        return;
    }
    if (elsewhere)
        snprintf(text, sizeof text, "somebody else writes to session %s too", frame->session);
    else if (receipt->status == VD_FENCED)
        snprintf(text, sizeof text, "another import of session %s has taken over", frame->session);
    else
        snprintf(text, sizeof text, "session %s: %s", frame->session,
                 receipt->text != NULL && receipt->text[0] != 0 ? receipt->text
                                                                : vd_status_text(receipt->status));
    self->refused = true;
    fail_at(self, frame->first_line, elsewhere ? VD_SESSION_EXISTS : receipt->status, text);
}

/* What fails here is told as it is, and the call may be made again. */
static vd_status_t wait_receipt(vd_import_t *self, int64_t deadline_us)
{
    for (;;) {
        int rest_ms = vd_client_rest_ms(deadline_us);
        int look_ms = rest_ms >= 0 && rest_ms < LOOK_MS ? rest_ms : LOOK_MS;
        vd_status_t status = vd_producer_wait(self->producer, look_ms);
        if (self->refused)
            return vd_client_fail(self->client, self->failed, "%s", self->failed_text);
        if (status != VD_TIMED_OUT)
            return status == VD_NOT_FOUND ? VD_OK : status;
        char endpoint[VD_ENDPOINT_BYTES_MAX + 1];
        if (vd_client_endpoint(self->client, "ingestor", "emit", endpoint) == VD_OK &&
            vd_client_probe(self->client, endpoint) == VD_UNREACHABLE)
            return vd_client_unreachable(self->client);
        if (vd_client_mono_us() >= deadline_us)
            return vd_client_fail(self->client, VD_TIMED_OUT,
                                  "%" PRIu64 " events are not on disk yet",
                                  vd_producer_pending(self->producer));
    }
}

static vd_status_t wait_all(vd_import_t *self, int64_t deadline_us)
{
    vd_status_t status = VD_OK;
    while (status == VD_OK && self->producer != NULL && vd_producer_pending(self->producer) > 0)
        status = wait_receipt(self, deadline_us);
    self->drain = self->drain && status != VD_OK;
    if (self->refused)
        return vd_client_fail(self->client, self->failed, "%s", self->failed_text);
    return status;
}

/* ---- frames ---- */

/* Sends the frame that was filled. */
static vd_status_t send_frame(vd_import_t *self, int64_t deadline_us)
{
    vd_status_t status = self->drain || self->refused ? wait_all(self, deadline_us) : VD_OK;
    if (status != VD_OK || self->frame_count == 0)
        return status;
    frame_out_t *out = &self->out[(self->sent + 1) % FRAMES_OUT_MAX];
    for (;;) {
        frame_out_t before = *out;
        *out = (frame_out_t){.first_line = self->frame_line,
                             .last_seq = self->frame_seq + self->frame_count - 1,
                             .count = self->frame_count};
        memcpy(out->session, self->session, sizeof out->session);
        status = vd_producer_offer(self->producer, self->session, NULL, vd_buffer_view(&self->run),
                                   self->frame_count);
        if (status != VD_OVERLOADED)
            break;
        *out = before;
        status = wait_receipt(self, deadline_us);
        if (status != VD_OK)
            return status;
    }
    if (status != VD_OK) {
        self->refused = true;
        return fail_at(self, self->frame_line, status, vd_client_error(self->client));
    }
    self->sent++;
    self->frame_count = 0;
    vd_buffer_clear(&self->run);
    return VD_OK;
}

/* ---- sessions ---- */

static subject_t *find(vd_import_t *self, const char *session)
{
    if (self->last != NULL && strcmp(self->last->session, session) == 0)
        return self->last;
    size_t slot = (size_t)vd_hash(0, vd_str(session)) % SLOTS;
    while (self->subjects[slot].session[0] != 0 &&
           strcmp(self->subjects[slot].session, session) != 0)
        slot = (slot + 1) % SLOTS;
    return &self->subjects[slot];
}

static vd_status_t open_producer(vd_import_t *self, const char *session, int64_t deadline_us)
{
    snprintf(self->name, sizeof self->name, "import-%016" PRIx64, vd_hash(0, vd_str(session)));
    return vd_producer_open(&self->producer, self->client, self->name, on_receipt, self,
                            vd_client_rest_ms(deadline_us));
}

/* May the import go on from what the store has? */
static void judge(vd_import_t *self, subject_t *subject, const vd_session_record_t *row)
{
    bool ended = vd_str_is(row->state, "completed") || vd_str_is(row->state, "failed");
    bool owned = row->owner.size > 0 && !vd_str_is(row->owner, self->name);
    subject->known = row->last_seq;
    subject->foreign = ended || owned;
    if (ended)
        snprintf(subject->reason, sizeof subject->reason, "has ended");
    else if (owned)
        snprintf(subject->reason, sizeof subject->reason, "belongs to producer %.*s",
                 (int)row->owner.size, (const char *)row->owner.data);
}

/* Learns what the store has of a session that comes up for the first time. */
static vd_status_t begin_subject(vd_import_t *self, subject_t *subject, const char *session,
                                 uint64_t seq, int64_t deadline_us)
{
    vd_session_record_t record;
    uint64_t line = self->count.lines + 1;
    char text[2 * VD_NAME_BYTES_MAX + 96];
    snprintf(text, sizeof text, "session %s begins here with sequence %" PRIu64 ", not with 1",
             session, seq);
    if (seq != 1)
        return fail_at(self, line, VD_BAD_EVENT, text);
    if (self->count.sessions == SESSIONS_MAX)
        return fail_at(self, line, VD_TOO_LARGE, "more than 4096 sessions; import them in parts");
    vd_status_t status = self->producer == NULL ? open_producer(self, session, deadline_us) : VD_OK;
    if (status != VD_OK)
        return status;
    status =
        vd_client_session_record(self->client, session, vd_client_rest_ms(deadline_us), &record);
    if (status != VD_OK && status != VD_UNKNOWN_SESSION)
        return status;
    *subject = (subject_t){.first_line = line, .next = 1};
    if (status == VD_OK)
        judge(self, subject, &record);
    vd_str_copy(subject->session, sizeof subject->session, vd_str(session));
    self->count.sessions++;
    return VD_OK;
}

/* Goes on reading the first `count` events that the store has of a session. When the time is over
 * the next call goes on from there, so that a session of any size can be compared. */
static vd_status_t digest_stored(vd_import_t *self, const subject_t *subject, uint64_t count,
                                 int64_t deadline_us)
{
    vd_follow_event_t event;
    vd_status_t status = VD_OK;
    if (self->compared != subject) {
        vd_export_destroy(&self->stored);
        self->count.known -= self->digested;
        self->digested = self->digest = 0;
        self->compared = subject;
    }
    if (self->stored == NULL)
        status = vd_export_new(&self->stored, self->client, subject->session, 1,
                               vd_client_rest_ms(deadline_us));
    while (self->digested < count && status == VD_OK) {
        status = vd_export_next(self->stored, vd_client_rest_ms(deadline_us), &event);
        if (status != VD_OK)
            break;
        self->digest = vd_hash(self->digest, vd_str(vd_export_json(self->stored)));
        self->digested++;
        self->count.known++;
    }
    return status;
}

/* Are the lines up to now those that the store has? */
static vd_status_t compare(vd_import_t *self, subject_t *subject, int64_t deadline_us)
{
    uint64_t given = subject->next - 1;
    uint64_t count = given < subject->known ? given : subject->known;
    char text[2 * VD_NAME_BYTES_MAX + 160];
    if (subject->compared || count == 0)
        return VD_OK;
    vd_status_t status = digest_stored(self, subject, count, deadline_us);
    if (status == VD_TIMED_OUT || status == VD_UNREACHABLE || status == VD_CANCELLED)
        return status;
    vd_export_destroy(&self->stored);
    self->compared = NULL;
    if (status == VD_OK && self->digest == subject->digest) {
        subject->compared = true;
        self->digested = 0;
        return VD_OK;
    }
    self->count.known -= self->digested;
    self->digested = 0;
    if (status == VD_OK)
        snprintf(text, sizeof text,
                 "session %s exists, and its first %" PRIu64 " events are not these",
                 subject->session, count);
    else
        snprintf(text, sizeof text, "session %s exists, and cannot be compared: %s",
                 subject->session, vd_status_text(status));
    return fail_at(self, subject->first_line, VD_SESSION_EXISTS, text);
}

/* ---- lines ---- */

/* Compares what the store has, or puts the event into the frame. */
static vd_status_t take_event(vd_import_t *self, subject_t *subject, uint64_t seq,
                              int64_t deadline_us)
{
    uint64_t line = self->count.lines + 1;
    char text[4 * VD_NAME_BYTES_MAX + 96];
    vd_event_t event = {.session = vd_str(subject->session), .seq = seq};
    vd_status_t status = vd_event_read(vd_buffer_view(&self->event), &event);
    assert(status == VD_OK);
    if (seq == 1 && !vd_str_is(event.type, "session_started"))
        return fail_at(self, line, VD_BAD_EVENT, "the first event of a session is session_started");
    if (seq <= subject->known) {
        vd_buffer_clear(&self->json);
        vd_event_json(&self->json, &event);
        subject->digest = vd_hash(subject->digest, vd_buffer_view(&self->json));
        return VD_OK;
    }
    status = compare(self, subject, deadline_us);
    if (status != VD_OK)
        return status;
    if (subject->foreign) {
        snprintf(text, sizeof text, "session %s exists and %s: nothing is added to it",
                 subject->session, subject->reason);
        return fail_at(self, line, VD_SESSION_EXISTS, text);
    }
    if (self->frame_count == 0) {
        memcpy(self->session, subject->session, sizeof self->session);
        self->frame_line = line;
        self->frame_seq = seq;
    }
    if (!vd_run_add(&self->run, vd_buffer_view(&self->event)))
        return vd_client_fail(self->client, VD_NO_MEMORY, "no memory for a frame");
    self->frame_count++;
    if (seq != subject->known + 1)
        return VD_OK;
    /* The first one of this session goes out alone. */
    subject->next = seq + 1;
    status = send_frame(self, deadline_us);
    self->drain = true;
    if (status != VD_OK && self->failed == VD_OK) { /* again, with the same line */
        subject->next = seq;
        self->frame_count--;
        vd_buffer_clear(&self->run);
    }
    return status;
}

static vd_status_t check_order(vd_import_t *self, const subject_t *subject, uint64_t seq)
{
    char text[VD_NAME_BYTES_MAX + 128];
    if (seq == subject->next)
        return VD_OK;
    snprintf(text, sizeof text,
             "session %s has sequence %" PRIu64 " here, and %" PRIu64 " has to be next",
             subject->session, seq, subject->next);
    return fail_at(self, self->count.lines + 1, VD_BAD_EVENT, text);
}

static bool is_blank(vd_str_t line)
{
    for (size_t i = 0; i < line.size; i++)
        if (!strchr(" \t\r\n", line.data[i]) || line.data[i] == 0)
            return false;
    return true;
}

vd_status_t vd_import_line(vd_import_t *self, const char *json, size_t size, int timeout_ms)
{
    assert(self != NULL && (json != NULL || size == 0));
    int64_t deadline_us = vd_client_deadline_us(timeout_ms);
    char session[VD_NAME_BYTES_MAX + 1], text[VD_TEXT_BYTES_MAX + 1];
    uint64_t seq = 0;
    vd_str_t line = vd_bytes(json, size);
    if (self->failed != VD_OK)
        return vd_client_fail(self->client, self->failed, "%s", self->failed_text);
    if (is_blank(line)) {
        self->count.lines++;
        return VD_OK;
    }
    vd_buffer_clear(&self->event);
    vd_status_t status = vd_event_of_json(line, &self->event, session, &seq, text, sizeof text);
    if (status != VD_OK)
        return fail_at(self, self->count.lines + 1, status, text);
    subject_t *subject = find(self, session);
    bool other = strcmp(session, self->session) != 0;
    bool full =
        self->frame_count == FRAME_EVENTS || self->run.size + self->event.size > FRAME_BYTES;
    if (self->frame_count > 0 && (other || full))
        status = send_frame(self, deadline_us);
    if (status == VD_OK && subject->session[0] == 0)
        status = begin_subject(self, subject, session, seq, deadline_us);
    if (status == VD_OK)
        status = check_order(self, subject, seq);
    if (status == VD_OK && self->drain)
        status = wait_all(self, deadline_us);
    if (status == VD_OK)
        status = take_event(self, subject, seq, deadline_us);
    if (status != VD_OK)
        return status;
    subject->next = seq + 1;
    self->last = subject;
    self->count.lines++;
    return VD_OK;
}

vd_status_t vd_import_finish(vd_import_t *self, int timeout_ms)
{
    int64_t deadline_us = vd_client_deadline_us(timeout_ms);
    vd_status_t status = send_frame(self, deadline_us);
    if (status == VD_OK)
        status = wait_all(self, deadline_us);
    for (size_t i = 0; i < SLOTS && status == VD_OK && self->failed == VD_OK; i++)
        if (self->subjects[i].session[0] != 0)
            status = compare(self, &self->subjects[i], deadline_us);
    if (status == VD_OK && self->failed != VD_OK)
        status = vd_client_fail(self->client, self->failed, "%s", self->failed_text);
    return status;
}

/* ---- the object ---- */

vd_import_t *vd_import_new(vd_client_t *client)
{
    assert(client != NULL);
    vd_import_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->client = client;
    vd_buffer_init(&self->run, VD_EMIT_BYTES_MAX);
    vd_buffer_init(&self->event, 2 * VD_EVENT_BYTES_MAX);
    vd_buffer_init(&self->json, VD_EVENT_LINE_MAX);
    return self;
}

void vd_import_destroy(vd_import_t **self_p)
{
    assert(self_p != NULL);
    vd_import_t *self = *self_p;
    if (self == NULL)
        return;
    vd_producer_destroy(&self->producer);
    vd_export_destroy(&self->stored);
    vd_buffer_free(&self->run);
    vd_buffer_free(&self->event);
    vd_buffer_free(&self->json);
    free(self);
    *self_p = NULL;
}

void vd_import_counts(const vd_import_t *self, vd_import_count_t *count)
{
    assert(count != NULL);
    *count = self->count;
}

/* export.c: a session from its first to its last event, with proof that it is what was committed.
 *
 * All commits are read, of whatever session, by FETCH from one position to the next, since a chain
 * can be followed over whole commits alone.
 */
#include "client/client_impl.h"
#include "wire/chain.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct vd_export {
    vd_client_t *client;
    char session[VD_NAME_BYTES_MAX + 1];
    uint64_t next, last; /* sequences: to be given next, and at the end */
    bool placed;         /* `position` is one */
    vd_position_t position;
    vd_chain_t chain;
    vd_status_t ended; /* VD_OK while it goes on */
    char ended_text[VD_TEXT_BYTES_MAX + 1];
    vd_buffer_t payload; /* of the last answer */
    vd_bytes_t rest;     /* of it */
    vd_commit_t commit;
    uint32_t run_at;  /* the run that is read next */
    vd_bytes_t run;   /* what is left of the run that is being read */
    uint64_t run_seq; /* of its next event */
    bool has_current;
    vd_event_t event;
    char ts[VD_TS_SIZE];
    char type[VD_NAME_BYTES_MAX + 1];
    vd_buffer_t json;
    vd_commit_run_t runs[VD_COMMIT_PIECES_MAX];
};

static vd_status_t end(vd_export_t *self, vd_status_t status, const char *text)
{
    assert(status != VD_OK);
    self->ended = status;
    vd_str_copy(self->ended_text, sizeof self->ended_text, vd_str(text));
    return vd_client_fail(self->client, status, "%s", self->ended_text);
}

/* Something is wrong with events `from` to `to`. */
static vd_status_t end_range(vd_export_t *self, vd_status_t status, uint64_t from, uint64_t to,
                             const char *text)
{
    char whole[VD_TEXT_BYTES_MAX + 1];
    snprintf(whole, sizeof whole,
             "session %s: events %" PRIu64 " to %" PRIu64 " (commit %" PRIu64 "): %.800s",
             self->session, from, to, self->commit.index, text);
    return end(self, status, whole);
}

/* ---- finding the beginning ---- */

static vd_status_t find_end(vd_export_t *self, int timeout_ms)
{
    vd_session_record_t session;
    vd_status_t status =
        vd_client_session_record(self->client, self->session, timeout_ms, &session);
    if (status == VD_OK)
        self->last = session.last_seq;
    return status;
}

/* Why the ingestor does not go on: the status, never VD_OK, and its text. */
static vd_status_t read_reset(const vd_value_t *body, char text[VD_TEXT_BYTES_MAX + 1])
{
    vd_status_t status = vd_status_of_name(vd_value_get_str(body, "status"));
    vd_str_copy(text, VD_TEXT_BYTES_MAX + 1, vd_value_get_str(body, "text"));
    return status != VD_OK ? status : VD_FAILED;
}

/* A stream that is begun without credit tells where the event stands, and sends nothing. */
static vd_status_t find_place(vd_export_t *self, int timeout_ms)
{
    vd_message_t message = {.id = VD_MESSAGE_START};
    vd_reply_t reply;
    vd_value_t body;
    message.start.name = vd_str("export");
    message.start.session = vd_str(self->session);
    message.start.seq = self->next;
    vd_status_t status =
        vd_client_ask(self->client, "ingestor", "read", &message, timeout_ms, &reply);
    if (status != VD_OK)
        return status;
    if (!vd_value_of(vd_bytes(reply.body.data, reply.body.size), &body))
        return vd_client_fail(self->client, VD_MALFORMED, "the ingestor's answer is none");
    if (reply.id == VD_MESSAGE_STREAM_RESET) {
        char text[VD_TEXT_BYTES_MAX + 1];
        return end_range(self, read_reset(&body, text), self->next, self->last, text);
    }
    vd_str_copy(self->position.store, sizeof self->position.store,
                vd_value_get_str(&body, "store"));
    self->position.index = vd_value_get_u64(&body, "index", 0);
    self->position.offset = vd_value_get_u64(&body, "offset", 0);
    self->position.chain = (uint32_t)vd_value_get_u64(&body, "chain", 0);
    /* Right behind what was pruned the chain is not known, and is told as 0. */
    bool known = self->position.chain != 0 || self->position.index == 0;
    vd_chain_begin(&self->chain, self->position.index, known ? self->position.chain : 0, known,
                   self->position.offset > 0);
    self->placed = true;
    message = (vd_message_t){.id = VD_MESSAGE_STOP};
    vd_client_ask(self->client, "ingestor", "read", &message, timeout_ms, &reply);
    return VD_OK;
}

vd_status_t vd_export_new(vd_export_t **self_p, vd_client_t *client, const char *session,
                          uint64_t seq, int timeout_ms)
{
    assert(self_p != NULL && client != NULL);
    *self_p = NULL;
    if (session == NULL || !vd_name_valid(vd_str(session)))
        return vd_client_fail(client, VD_USAGE, "'%s' is not a session id",
                              session != NULL ? session : "");
    vd_export_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return vd_client_fail(client, VD_NO_MEMORY, "no memory for an export");
    self->client = client;
    self->next = seq > 0 ? seq : 1;
    vd_str_copy(self->session, sizeof self->session, vd_str(session));
    vd_buffer_init(&self->payload, VD_FRAME_BYTES_MAX);
    vd_buffer_init(&self->json, 16 * VD_EVENT_BYTES_MAX);
    vd_status_t status = find_end(self, timeout_ms);
    if (status == VD_OK && self->next > self->last + 1)
        status = vd_client_fail(
            client, VD_USAGE, "session %s ends at sequence %" PRIu64 ", %" PRIu64 " was asked for",
            session, self->last, seq);
    if (status != VD_OK)
        vd_export_destroy(&self);
    *self_p = self;
    return status;
}

void vd_export_destroy(vd_export_t **self_p)
{
    assert(self_p != NULL);
    vd_export_t *self = *self_p;
    if (self == NULL)
        return;
    vd_buffer_free(&self->payload);
    vd_buffer_free(&self->json);
    free(self);
    *self_p = NULL;
}

/* ---- reading on ---- */

/* The position is behind the commit that is being read: it was seen whole. */
static vd_status_t check_end_of_commit(vd_export_t *self)
{
    if (self->position.index < self->chain.index)
        return VD_OK;
    if (vd_chain_end(&self->chain) == VD_OK && self->position.index == self->chain.index)
        return VD_OK;
    char text[VD_TEXT_BYTES_MAX + 1];
    snprintf(text, sizeof text,
             "the chain of commit %" PRIu64 " does not follow on its predecessor",
             self->chain.index);
    return end(self, VD_CORRUPT, text);
}

static vd_status_t take_commits(vd_export_t *self, const vd_reply_t *reply, const vd_value_t *body)
{
    vd_position_t place = self->position;
    place.index = vd_value_get_u64(body, "index", 0);
    place.offset = vd_value_get_u64(body, "offset", 0);
    place.chain = (uint32_t)vd_value_get_u64(body, "chain", 0);
    if (reply->payload.size == 0 && place.index == self->position.index)
        return end_range(self, VD_CORRUPT, self->next, self->last, "they are missing");
    self->position = place;
    vd_buffer_clear(&self->payload);
    if (!vd_buffer_add(&self->payload, reply->payload.data, reply->payload.size))
        return end(self, VD_NO_MEMORY, "no memory for what the ingestor sends");
    self->rest = vd_buffer_view(&self->payload);
    return VD_OK;
}

/* Asks for what follows. */
static vd_status_t fetch(vd_export_t *self, int timeout_ms)
{
    vd_message_t message = {.id = VD_MESSAGE_FETCH};
    vd_reply_t reply;
    vd_value_t body;
    message.fetch.store = vd_str(self->position.store);
    message.fetch.index = self->position.index;
    message.fetch.offset = self->position.offset;
    message.fetch.chain = self->position.chain;
    vd_status_t status =
        vd_client_ask(self->client, "ingestor", "read", &message, timeout_ms, &reply);
    if (status != VD_OK)
        return status;
    if (!vd_value_of(vd_bytes(reply.body.data, reply.body.size), &body))
        return vd_client_fail(self->client, VD_MALFORMED, "the ingestor's answer is none");
    if (reply.id == VD_MESSAGE_COMMITS)
        return take_commits(self, &reply, &body);
    char text[VD_TEXT_BYTES_MAX + 1];
    status = read_reset(&body, text);
    return end(self, status, text);
}

static vd_status_t next_commit(vd_export_t *self)
{
    vd_status_t status =
        vd_commit_next(&self->rest, &self->commit, self->runs, VD_COMMIT_PIECES_MAX);
    if (status != VD_OK)
        return end(self, VD_CORRUPT, "the ingestor sends commits that are none");
    self->run_at = 0;
    if (vd_chain_take(&self->chain, &self->commit) == VD_OK)
        return VD_OK;
    char text[VD_TEXT_BYTES_MAX + 1];
    snprintf(text, sizeof text, "commit %" PRIu64 " does not follow on its predecessor",
             self->commit.index);
    return end(self, VD_CORRUPT, text);
}

static vd_status_t next_run(vd_export_t *self)
{
    const vd_commit_run_t *run = &self->runs[self->run_at++];
    uint64_t behind = run->first_seq + run->count;
    if (!vd_str_is(run->session, self->session) || self->next > self->last || behind <= self->next)
        return VD_OK;
    if (run->first_seq > self->next)
        return end_range(self, VD_CORRUPT, self->next, run->first_seq - 1, "they are missing");
    if (run->absent != VD_OK)
        return end_range(self, run->absent, self->next, behind - 1,
                         run->absent == VD_PRUNED ? "they were pruned" : "they are damaged");
    self->run = run->run;
    self->run_seq = run->first_seq;
    return VD_OK;
}

/* Takes the next event of the run. VD_OK with `found` not set: it was before the beginning. */
static vd_status_t next_event(vd_export_t *self, bool *found)
{
    vd_entry_t entry;
    uint64_t seq = self->run_seq++;
    vd_event_t event = {.session = vd_str(self->session), .seq = seq};
    if (vd_run_next(&self->run, &entry) != VD_OK)
        return end_range(self, VD_CORRUPT, seq, seq, "its run is damaged");
    *found = seq == self->next && seq <= self->last;
    if (!*found)
        return VD_OK;
    if (vd_crc32c(0, entry.event) != entry.crc)
        return end_range(self, VD_CORRUPT, seq, seq, "it does not match its checksum");
    if (vd_event_read(entry.event, &event) != VD_OK)
        return end_range(self, VD_CORRUPT, seq, seq, "it is no event");
    self->event = event;
    self->next++;
    return VD_OK;
}

static void give(vd_export_t *self, vd_follow_event_t *event)
{
    vd_str_copy(self->ts, sizeof self->ts, self->event.ts);
    vd_str_copy(self->type, sizeof self->type, self->event.type);
    self->has_current = true;
    *event = (vd_follow_event_t){.ts = self->ts,
                                 .session = self->session,
                                 .seq = self->event.seq,
                                 .type = self->type,
                                 .data = {self->event.data.data, self->event.data.size},
                                 .raw = {self->event.raw.data, self->event.raw.size}};
}

static bool is_done(const vd_export_t *self)
{
    return self->next > self->last && self->chain.whole;
}

vd_status_t vd_export_next(vd_export_t *self, int timeout_ms, vd_follow_event_t *event)
{
    assert(self != NULL && event != NULL);
    *event = (vd_follow_event_t){0};
    self->has_current = false;
    int64_t deadline_us = vd_client_deadline_us(timeout_ms);
    if (self->ended != VD_OK)
        return vd_client_fail(self->client, self->ended, "%s", self->ended_text);
    for (;;) {
        vd_status_t status = VD_OK;
        bool found = false;
        if (self->run.size > 0) {
            status = next_event(self, &found);
        } else if (self->run_at < self->commit.run_count) {
            status = next_run(self);
        } else if (self->rest.size > 0) {
            status = next_commit(self);
        } else if (self->placed && (status = check_end_of_commit(self)) == VD_OK && is_done(self)) {
            return end(self, VD_NOT_FOUND, "that was all");
        } else if (status == VD_OK) {
            int left_ms = vd_client_rest_ms(deadline_us);
            status = self->placed ? fetch(self, left_ms) : find_place(self, left_ms);
        }
        if (status != VD_OK)
            return status;
        if (found) {
            give(self, event);
            return VD_OK;
        }
    }
}

const char *vd_export_json(vd_export_t *self)
{
    if (!self->has_current)
        return NULL;
    vd_buffer_clear(&self->json);
    vd_event_json(&self->json, &self->event);
    return vd_buffer_add(&self->json, "", 1) ? (const char *)self->json.data : NULL;
}

uint64_t vd_export_last(const vd_export_t *self)
{
    return self->last;
}

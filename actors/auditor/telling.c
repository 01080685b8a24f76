/* telling.c: what was found goes into the runtime's session, into PONG, and to who asks. */
#include "auditor_parts.h"

#include "core/hash.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define EMIT_BYTES (2u * VD_EMIT_BYTES_MAX)
#define REFUSED_US (5000 * MS)
#define REFUSALS   12u
#define SILENT_US  (15000 * MS)

/* ---- events of its own ---- */

static vd_sent_t *sent_of(vd_auditor_t *self, uint64_t token)
{
    for (uint32_t i = 0; i < VD_SENT_MAX; i++)
        if (self->sent[i].token == token)
            return &self->sent[i];
    return NULL;
}

/* Does it stand where it was acknowledged? */
static bool is_in_place(const vd_sent_t *sent)
{
    for (uint32_t i = 0; i < sent->seen_count && i < VD_SEEN_MAX; i++)
        if (sent->seq == 0 || sent->seq == sent->seen_seq[i])
            return true;
    return false;
}

static void settle_sent(vd_auditor_t *self, vd_sent_t *sent)
{
    bool seen = sent->seen_count > 0;
    if (is_in_place(sent)) {
        vd_book_check(&self->book, VD_INVARIANT_acknowledged_stored);
    } else if (sent->seen_count > VD_SEEN_MAX ||
               (!seen && !vd_history_watched_whole(self->history))) {
        vd_book_unknown(&self->book, VD_INVARIANT_acknowledged_stored); /* it may be among these */
    } else {
        vd_violation_t violation = vd_violation_of(VD_INVARIANT_acknowledged_stored,
                                                   vd_str(self->session), sent->seq, sent->index);
        snprintf(violation.text, sizeof violation.text,
                 "an event of the auditor was acknowledged and is not in the store");
        snprintf(violation.evidence, sizeof violation.evidence,
                 "acknowledged as %s:%" PRIu64 " up to commit %" PRIu64 ", checksum %08" PRIx32
                 "; %s %" PRIu64,
                 self->session, sent->seq, sent->index, sent->crc,
                 seen ? "it stands at" : "not found; last looked at commit",
                 seen ? sent->seen_seq[0] : vd_history_position(self->history)->index);
        vd_book_violate(&self->book, &violation, vd_hash(sent->seq, vd_str(self->session)));
    }
    sent->token = 0;
}

void vd_telling_settle(vd_auditor_t *self)
{
    uint64_t index = vd_history_position(self->history)->index;
    for (uint32_t i = 0; i < VD_SENT_MAX; i++)
        if (self->sent[i].token != 0 && self->sent[i].acknowledged && self->sent[i].index <= index)
            settle_sent(self, &self->sent[i]);
}

void vd_telling_seen(vd_auditor_t *self, uint64_t seq, const vd_entry_t *entry)
{
    for (uint32_t i = 0; i < VD_SENT_MAX; i++)
        if (self->sent[i].token != 0 && self->sent[i].crc == entry->crc) {
            vd_sent_t *sent = &self->sent[i];
            if (sent->seen_count < VD_SEEN_MAX)
                sent->seen_seq[sent->seen_count] = seq;
            if (sent->seen_count <= VD_SEEN_MAX)
                sent->seen_count++;
        }
}

void vd_telling_forget(vd_auditor_t *self)
{
    for (uint32_t i = 0; i < VD_SENT_MAX; i++) {
        if (self->sent[i].token != 0)
            vd_book_unknown(&self->book, VD_INVARIANT_acknowledged_stored);
        self->sent[i].token = 0;
    }
}

static void on_outcome(void *arg, vd_now_t now, const vd_outcome_t *outcome, vd_effects_t *effects)
{
    vd_auditor_t *self = arg;
    vd_sent_t *sent = sent_of(self, outcome->token);
    bool told = outcome->token == self->telling;
    /* An answer to OPEN names no commit: until where it is to be looked for is not known then. */
    bool placed = outcome->status == VD_OK && outcome->position.index > 0 &&
                  strcmp(outcome->position.store, vd_history_position(self->history)->store) == 0;
    if (sent != NULL && placed) {
        sent->acknowledged = true;
        sent->index = outcome->position.index;
        sent->seq = strcmp(outcome->session, self->session) == 0 ? outcome->seq : 0;
    } else if (sent != NULL) {
        sent->token = 0;
        vd_book_unknown(&self->book, VD_INVARIANT_acknowledged_stored);
    }
    if (!told)
        return;
    self->telling = 0;
    if (outcome->status != VD_OK && ++self->refusals < REFUSALS) {
        self->tell_us =
            now.mono_us + REFUSED_US; /* perhaps the session has another one behind it */
        return;
    }
    if (outcome->status != VD_OK) {
        self->book.untold++;
        vd_effects_log(effects, VD_WARN, "a violation could not be told in session %s: %s",
                       self->session, outcome->text);
    }
    self->refusals = 0;
    vd_book_told(&self->book);
}

/* Sends an event whose data is in `data`. Its token, or 0 when it could not be taken. */
static uint64_t send_event(vd_auditor_t *self, const char *type, vd_effects_t *effects)
{
    vd_peer_t peer = vd_peer_named("emit");
    vd_sent_t *place = sent_of(self, 0);
    if (self->emit == NULL) {
        self->emit = vd_emit_new(self->name, self->inc, VD_AUDITOR_ASK, &peer, TIMER_EMIT,
                                 EMIT_BYTES, on_outcome, self);
        if (self->emit == NULL)
            return 0;
        vd_emit_open(self->emit, self->now, self->endpoints[VD_AT_EMIT], effects);
    }
    vd_buffer_clear(&self->scratch);
    vd_event_write(&self->scratch, self->now.wall_ms, vd_str(type), vd_buffer_view(&self->data),
                   vd_bytes(NULL, 0));
    uint32_t crc = vd_crc32c(0, vd_buffer_view(&self->scratch));
    vd_buffer_clear(&self->data);
    vd_run_add(&self->data, vd_buffer_view(&self->scratch));
    uint64_t token = ++self->token;
    if (self->data.full || vd_emit_offer(self->emit, self->now, vd_str(self->session),
                                         vd_buffer_view(&self->data), 1, token, effects) != VD_OK)
        return 0;
    if (place != NULL)
        *place = (vd_sent_t){.token = token, .crc = crc};
    return token;
}

static void tell_violation(vd_auditor_t *self, vd_effects_t *effects)
{
    const vd_violation_t *violation = vd_book_waiting(&self->book);
    if (violation == NULL || self->telling != 0 || self->now.mono_us < self->tell_us)
        return;
    bool of_session = violation->session[0] != 0;
    vd_buffer_clear(&self->data);
    vd_write_map(&self->data, 3U + 2U * of_session + (violation->index > 0));
    vd_write_pair_text(&self->data, "invariant", vd_invariant_name(violation->invariant));
    if (of_session) {
        vd_write_pair_text(&self->data, "session", violation->session);
        vd_write_pair_u64(&self->data, "seq", violation->seq);
    }
    if (violation->index > 0)
        vd_write_pair_u64(&self->data, "index", violation->index);
    vd_write_pair_text(&self->data, "text", violation->text);
    vd_write_pair_text(&self->data, "evidence", violation->evidence);
    self->telling = send_event(self, "invariant_violated", effects);
    if (self->telling == 0)
        self->tell_us = self->now.mono_us + REFUSED_US;
}

static void send_canary(vd_auditor_t *self, vd_effects_t *effects)
{
    if (self->canary_us == 0 || self->now.mono_us < self->canary_at_us || sent_of(self, 0) == NULL)
        return;
    self->canary_at_us = self->now.mono_us + self->canary_us;
    vd_buffer_clear(&self->data);
    vd_write_map(&self->data, 1);
    vd_write_pair_u64(&self->data, "number", ++self->canaries);
    send_event(self, "audit_canary", effects);
}

/* ---- the trouble of this process ---- */

static void tell_trouble(vd_auditor_t *self, vd_effects_t *effects)
{
    char text[VD_TEXT_BYTES_MAX + 1] = "";
    uint64_t violations = vd_book_violations(&self->book);
    if (violations > 0)
        snprintf(text, sizeof text,
                 "violated: %s (%s); `vedette audit` shows all that was found and the evidence",
                 vd_invariant_name(self->book.first.invariant), self->book.first.text);
    else if (self->now.mono_us - self->heard_us > SILENT_US)
        snprintf(text, sizeof text, "the ingestor %.*s: nothing is checked behind commit %" PRIu64,
                 400, self->refusal[0] != 0 ? self->refusal : "does not answer",
                 vd_history_position(self->history)->index);
    if (strcmp(text, self->trouble) == 0)
        return;
    vd_effects_log(effects, text[0] != 0 ? VD_WARN : VD_INFO, "%s",
                   text[0] != 0 ? text : "the history is being checked again");
    snprintf(self->trouble, sizeof self->trouble, "%s", text);
    vd_effects_do(effects, VD_AUDITOR_TELL_TROUBLE, 0, self->trouble);
}

void vd_telling_tick(vd_auditor_t *self, vd_effects_t *effects)
{
    tell_trouble(self, effects);
    if (self->session[0] == 0 || self->state != VD_READING_ON)
        return;
    tell_violation(self, effects);
    send_canary(self, effects);
}

bool vd_telling_take(vd_auditor_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    if (self->emit == NULL || !vd_emit_step(self->emit, self->now, input, effects))
        return false;
    if (vd_emit_state(self->emit) == VD_EMIT_FENCED)
        vd_effects_exit(effects, VD_FENCED,
                        "another process has taken the producer's name %s; this one could tell "
                        "nothing any more",
                        self->name);
    return true;
}

/* ---- who asks ---- */

static void write_row(const vd_book_t *book, vd_invariant_t invariant, vd_buffer_t *out)
{
    const vd_violation_t *last = &book->last[invariant];
    char ts[VD_TS_SIZE];
    vd_write_map(out, book->violated[invariant] > 0 ? 11 : 5);
    vd_write_pair_text(out, "name", vd_invariant_name(invariant));
    vd_write_pair_text(out, "meaning", vd_invariant_meaning(invariant));
    vd_write_pair_u64(out, "checked", book->checked[invariant]);
    vd_write_pair_u64(out, "violated", book->violated[invariant]);
    vd_write_pair_u64(out, "unknown", book->unknown[invariant]);
    if (book->violated[invariant] == 0)
        return;
    vd_ts_format(last->at_ms, ts);
    vd_write_pair_text(out, "at", ts);
    vd_write_pair_text(out, "session", last->session);
    vd_write_pair_u64(out, "seq", last->seq);
    vd_write_pair_u64(out, "index", last->index);
    vd_write_pair_text(out, "text", last->text);
    vd_write_pair_text(out, "evidence", last->evidence);
}

bool vd_telling_answer(vd_auditor_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    vd_auditor_view_t view;
    vd_message_t reply = {.id = VD_MESSAGE_SNAPSHOT};
    if (input->message->id != VD_MESSAGE_GET || !vd_str_is(input->message->get.feed, VD_AUDIT_FEED))
        return false;
    vd_buffer_t *out = &self->scratch;
    vd_auditor_look(self, &view);
    vd_buffer_clear(out);
    vd_write_map(out, 7);
    vd_write_pair_text(out, "store", vd_history_position(self->history)->store);
    vd_write_pair_u64(out, "from", view.from);
    vd_write_pair_u64(out, "position", view.position);
    vd_write_pair_u64(out, "head", view.head);
    vd_write_pair_u64(out, "violations", vd_book_violations(&self->book));
    vd_write_pair_text(out, "trouble", self->trouble);
    vd_write_text(out, "invariants");
    vd_write_array(out, VD_INVARIANTS);
    for (uint32_t i = 0; i < VD_INVARIANTS; i++)
        write_row(&self->book, i, out);
    assert(!out->full);
    reply.snapshot =
        (vd_snapshot_body_t){.feed = vd_str(VD_AUDIT_FEED), .inc = self->inc, .complete = true};
    reply.payload = vd_buffer_view(out);
    vd_effects_reply(effects, input, &reply);
    return true;
}

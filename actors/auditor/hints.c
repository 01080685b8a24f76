/* hints.c: what the ingestor publishes, compared with what it has stored; and positions under names. */
#include "auditor_parts.h"

#include "core/hash.h"

#include <inttypes.h>
#include <stdio.h>

#define COLLECT_EVERY_US (5000 * MS)
#define COLLECT_FOR_US   (1000 * MS)
#define ANSWER_US        (3000 * MS)
#define TRY_US           (1000 * MS)
#define TRIES            15u
#define REFUSALS         5u /* so often it has to be missing: who answers need not have heard of it yet */
#define TOPIC            "events/"

/* ---- collecting ---- */

static void collect(vd_auditor_t *self, vd_effects_t *effects)
{
    if (self->collecting && (self->hint_count == VD_HINTS_MAX ||
                             self->now.mono_us - self->collect_us >= COLLECT_FOR_US)) {
        vd_effects_unsubscribe(effects, VD_AUDITOR_EVENTS, TOPIC);
        self->collecting = false;
        self->collect_us = self->now.mono_us + COLLECT_EVERY_US;
    } else if (!self->collecting && self->hint_count == 0 &&
               self->now.mono_us >= self->collect_us && vd_auditor_may_judge(self)) {
        vd_effects_subscribe(effects, VD_AUDITOR_EVENTS, TOPIC);
        self->collecting = true;
        self->collect_us = self->now.mono_us;
    }
}

void vd_hints_heard(vd_auditor_t *self, const vd_message_t *message)
{
    const vd_committed_run_body_t *body = &message->committed_run;
    if (message->id != VD_MESSAGE_COMMITTED_RUN || !self->collecting ||
        message->payload.size == 0 || self->hint_count == VD_HINTS_MAX ||
        !vd_str_is(body->store, vd_history_position(self->history)->store))
        return;
    vd_hint_t *hint = &self->hints[self->hint_count++];
    *hint = (vd_hint_t){.index = body->index,
                        .first = body->first,
                        .count = (uint32_t)body->count,
                        .digest = vd_run_digest(0, message->payload)};
    vd_str_copy(hint->store, sizeof hint->store, body->store);
    vd_str_copy(hint->session, sizeof hint->session, body->session);
    self->hint_tries = self->hint_refusals = 0;
}

/* ---- comparing ---- */

static void ask(vd_auditor_t *self, vd_effects_t *effects)
{
    const vd_hint_t *hint = &self->hints[0];
    vd_message_t message = {.id = VD_MESSAGE_FETCH};
    message.fetch.session = vd_str(hint->session);
    message.fetch.seq = hint->first;
    message.fetch.items_max = hint->count;
    self->hint_asked = vd_auditor_ask(self, &self->sampler, &message, effects);
    self->hint_us = self->now.mono_us + ANSWER_US;
    self->hint_tries++;
}

static void done(vd_auditor_t *self)
{
    self->hint_asked = 0;
    self->hint_tries = self->hint_refusals = 0;
    self->hint_us = self->now.mono_us;
    self->hint_count--;
    memmove(self->hints, self->hints + 1, self->hint_count * sizeof self->hints[0]);
}

static void differs(vd_auditor_t *self, const char *evidence)
{
    const vd_hint_t *hint = &self->hints[0];
    vd_violation_t violation = vd_violation_of(VD_INVARIANT_published_same, vd_str(hint->session),
                                               hint->first, hint->index);
    snprintf(violation.text, sizeof violation.text,
             "%" PRIu32 " events of %s from %" PRIu64 " on were published and are not stored so",
             hint->count, hint->session, hint->first);
    snprintf(violation.evidence, sizeof violation.evidence, "%s", evidence);
    vd_claims_doubt(&self->claims, self->now.mono_us, &violation,
                    vd_hash(hint->first, vd_str(hint->session)));
}

/* What the store has of the events that were published. */
typedef struct stored {
    uint32_t count, digest;
    bool absent;
    uint64_t index; /* of the commit of the first */
} stored_t;

static stored_t look(vd_auditor_t *self, const vd_hint_t *hint, vd_bytes_t payload)
{
    stored_t stored = {.index = 0};
    vd_commit_t commit;
    vd_entry_t entry;
    while (vd_commit_next(&payload, &commit, self->runs, VD_COMMIT_PIECES_MAX) == VD_OK)
        for (uint32_t i = 0; i < commit.run_count; i++) {
            const vd_commit_run_t *run = &commit.runs[i];
            vd_bytes_t rest = run->run;
            stored.absent = stored.absent || run->absent != VD_OK;
            if (stored.index == 0)
                stored.index = commit.index;
            if (run->first_seq != hint->first + stored.count)
                continue;
            while (stored.count < hint->count && vd_run_next(&rest, &entry) == VD_OK) {
                stored.digest = vd_run_digest(stored.digest, entry.raw);
                stored.count++;
            }
        }
    return stored;
}

static void compare(vd_auditor_t *self, const vd_message_t *message)
{
    const vd_hint_t *hint = &self->hints[0];
    char evidence[VD_BOOK_TEXT_SIZE];
    stored_t stored = look(self, hint, message->payload);
    if (!vd_str_is(message->commits.store, hint->store) || stored.absent ||
        (stored.count < hint->count && stored.count > 0)) {
        vd_book_unknown(&self->book, VD_INVARIANT_published_same);
    } else if (stored.count == hint->count && stored.digest == hint->digest &&
               stored.index == hint->index) {
        vd_book_check(&self->book, VD_INVARIANT_published_same);
    } else if (stored.count == 0 && ++self->hint_refusals < REFUSALS) {
        self->hint_asked = 0;
        self->hint_us = self->now.mono_us + TRY_US;
        return;
    } else {
        snprintf(evidence, sizeof evidence,
                 "published in commit %" PRIu64 " with digest %08" PRIx32 "; stored are %" PRIu32
                 " in commit %" PRIu64 " with digest %08" PRIx32,
                 hint->index, hint->digest, stored.count, stored.index, stored.digest);
        differs(self, evidence);
    }
    done(self);
}

static void refused(vd_auditor_t *self, vd_str_t name, vd_str_t text)
{
    char evidence[VD_BOOK_TEXT_SIZE];
    vd_status_t status = vd_status_of_name(name);
    bool missing = status == VD_WENT_BACK || status == VD_UNKNOWN_SESSION;
    if (missing)
        self->hint_refusals++;
    if (self->hint_tries < TRIES && self->hint_refusals < REFUSALS && status != VD_PRUNED) {
        self->hint_asked = 0;
        self->hint_us = self->now.mono_us + TRY_US;
        return;
    }
    if (missing && self->hint_refusals >= REFUSALS) {
        snprintf(evidence, sizeof evidence, "the ingestor says: %.*s",
                 (int)(text.size < 200 ? text.size : 200), (const char *)text.data);
        differs(self, evidence);
    } else {
        vd_book_unknown(&self->book, VD_INVARIANT_published_same);
    }
    done(self);
}

/* ---- positions under names ---- */

#define POSITIONS_US (5000 * MS)

static void ask_positions(vd_auditor_t *self, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_GET};
    message.get.feed = vd_str("positions");
    self->positions_asked = vd_auditor_ask(self, &self->sampler, &message, effects);
    self->positions_us = self->now.mono_us + POSITIONS_US;
}

static void take_positions(vd_auditor_t *self, vd_bytes_t payload)
{
    vd_value_t rows, row;
    char who[VD_NAME_BYTES_MAX + 1];
    uint64_t highest = 0;
    self->positions_asked = 0;
    if (!vd_auditor_may_judge(self) || !vd_value_of(payload, &rows))
        return;
    who[0] = 0;
    while (vd_value_next(&rows.bytes, &row)) {
        uint64_t index = vd_value_get_u64(&row, "index", 0);
        index += vd_value_get_u64(&row, "offset", 0) > 0;
        if (index <= highest)
            continue;
        highest = index;
        vd_str_copy(who, sizeof who, vd_value_get_str(&row, "name"));
    }
    if (highest > 0)
        vd_claims_head(&self->claims, self->now.mono_us, VD_INVARIANT_positions_held, who, highest);
}

/* ---- both ---- */

void vd_hints_answer(vd_auditor_t *self, const vd_message_t *message)
{
    if (message->correlation == self->positions_asked && message->id == VD_MESSAGE_SNAPSHOT) {
        take_positions(self, message->payload);
        return;
    }
    if (self->hint_asked == 0 || message->correlation != self->hint_asked)
        return;
    if (!vd_auditor_may_judge(self)) {
        vd_book_unknown(&self->book, VD_INVARIANT_published_same);
        done(self);
    } else if (message->id == VD_MESSAGE_COMMITS) {
        compare(self, message);
    } else if (message->id == VD_MESSAGE_STREAM_RESET) {
        refused(self, message->stream_reset.status, message->stream_reset.text);
    } else if (message->id == VD_MESSAGE_ERROR) {
        refused(self, message->error.status, message->error.text);
    }
}

void vd_hints_tick(vd_auditor_t *self, vd_effects_t *effects)
{
    collect(self, effects);
    if (self->hint_count > 0 && !self->collecting && self->now.mono_us >= self->hint_us) {
        if (self->hint_tries < TRIES) {
            ask(self, effects);
        } else {
            vd_book_unknown(&self->book, VD_INVARIANT_published_same);
            done(self);
        }
    }
    if (self->now.mono_us >= self->positions_us && vd_auditor_may_judge(self))
        ask_positions(self, effects);
}

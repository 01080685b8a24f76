/* probes.c: streams that are looked at for a moment: the live one and those of relays. */
#include "auditor_parts.h"

#include "core/hash.h"

#include <inttypes.h>
#include <stdio.h>

#define PROBE_US    (2000 * MS)
#define PROBE_ITEMS 128u
#define PROBE_BYTES 65536u

static void start(vd_auditor_t *self, vd_probe_t *probe, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_START};
    message.start.stream = vd_str(probe->live ? "live" : "commit");
    message.start.name = vd_str(self->name);
    message.start.head = true;
    message.start.items = PROBE_ITEMS;
    message.start.bytes = PROBE_BYTES;
    probe->correlation = vd_auditor_ask(self, &probe->peer, &message, effects);
    probe->begun_us = self->now.mono_us;
    probe->running = true;
    probe->started = probe->broken = false;
}

void vd_probe_tick(vd_auditor_t *self, vd_probe_t *probe, vd_effects_t *effects)
{
    if (self->now.mono_us - probe->begun_us < PROBE_US)
        return;
    if (probe->running) {
        vd_message_t stop = {.id = VD_MESSAGE_STOP, .correlation = probe->correlation};
        vd_effects_send(effects, VD_AUDITOR_ASK, &probe->peer, &stop);
        probe->running = false;
        probe->begun_us = self->now.mono_us;
        if (!probe->started)
            vd_book_unknown(&self->book, probe->same);
    } else if (vd_auditor_may_judge(self)) {
        start(self, probe, effects);
    }
}

static void claim_head(vd_auditor_t *self, const vd_probe_t *probe, uint64_t head)
{
    if (probe->relay)
        vd_claims_head(&self->claims, self->now.mono_us, VD_INVARIANT_relay_head, probe->who, head);
}

static void claim_chain(vd_auditor_t *self, const vd_probe_t *probe, uint64_t index, uint64_t chain)
{
    vd_claims_chain(&self->claims, self->now.mono_us, probe->same, probe->who, index,
                    (uint32_t)chain);
}

static void doubt(vd_auditor_t *self, vd_probe_t *probe, vd_violation_t *violation, uint64_t place)
{
    probe->broken = true;
    vd_claims_doubt(&self->claims, self->now.mono_us, violation,
                    vd_hash(place, vd_str(probe->who)));
}

static void doubt_content(vd_auditor_t *self, vd_probe_t *probe)
{
    vd_violation_t violation = vd_violation_of(probe->same, vd_str(""), 0, probe->chain.index);
    snprintf(violation.text, sizeof violation.text,
             "%s brings commit %" PRIu64 " with content that does not give its chain", probe->who,
             probe->chain.index);
    snprintf(violation.evidence, sizeof violation.evidence,
             "it says chain %" PRIu32 ", what it brought gives %" PRIu32, probe->chain.told,
             probe->chain.crc);
    doubt(self, probe, &violation, 1);
}

static void doubt_frame(vd_auditor_t *self, vd_probe_t *probe, const vd_commits_body_t *body,
                        bool readable)
{
    uint64_t touched = body->index + (body->offset > 0);
    vd_violation_t violation = vd_violation_of(probe->same, vd_str(""), 0, touched);
    snprintf(violation.text, sizeof violation.text,
             "%s leads on to commit %" PRIu64 " and does not bring what is before", probe->who,
             touched);
    snprintf(violation.evidence, sizeof violation.evidence,
             "from commit %" PRIu64 ", offset %" PRIu64 " its frame leads to commit %" PRIu64
             ", offset %" PRIu64 "; the last commit in it is %" PRIu64 "%s",
             body->after, body->after_offset, body->index, body->offset, probe->chain.index,
             readable ? "" : ", what comes then cannot be read");
    doubt(self, probe, &violation, 2);
}

static void doubt_beginning(vd_auditor_t *self, vd_probe_t *probe, uint64_t chain)
{
    vd_violation_t violation = vd_violation_of(probe->same, vd_str(""), 0, 0);
    snprintf(violation.text, sizeof violation.text,
             "%s has a chain before the first commit, where there is none", probe->who);
    snprintf(violation.evidence, sizeof violation.evidence,
             "it began at commit 0 with chain %" PRIu64, chain);
    doubt(self, probe, &violation, 3);
}

static void on_started(vd_auditor_t *self, vd_probe_t *probe, const vd_started_body_t *body)
{
    uint64_t touched = body->index + (body->offset > 0);
    if (!vd_str_is(body->store, vd_history_position(self->history)->store)) {
        vd_book_unknown(&self->book, probe->same); /* it has not heard of this store yet */
        probe->broken = true;
        return;
    }
    probe->started = true;
    probe->index = body->index;
    probe->offset = body->offset;
    if (touched == 0 && body->chain != 0) {
        doubt_beginning(self, probe, body->chain);
        return;
    }
    bool cut = body->offset > 0;
    vd_chain_begin(&probe->chain, body->index, cut ? 0 : (uint32_t)body->chain,
                   !cut && (body->chain != 0 || body->index == 0), cut);
    claim_chain(self, probe, touched, body->chain);
    claim_head(self, probe, body->head);
}

static void on_commits(vd_auditor_t *self, vd_probe_t *probe, const vd_message_t *message)
{
    const vd_commits_body_t *body = &message->commits;
    vd_bytes_t payload = message->payload;
    vd_commit_t commit;
    if (body->after != probe->index || body->after_offset != probe->offset) {
        probe->broken = true; /* a frame was lost */
        return;
    }
    vd_status_t status;
    while ((status = vd_commit_next(&payload, &commit, self->runs, VD_COMMIT_PIECES_MAX)) == VD_OK)
        if (vd_chain_take(&probe->chain, &commit) != VD_OK) {
            doubt_content(self, probe);
            return;
        }
    if (body->offset == 0 && vd_chain_end(&probe->chain) != VD_OK) {
        doubt_content(self, probe);
        return;
    }
    /* The stream has no filter: what it leads over it has brought, commits without events too. */
    if (status != VD_NOT_FOUND || probe->chain.index != body->index + (body->offset > 0)) {
        doubt_frame(self, probe, body, status == VD_NOT_FOUND);
        return;
    }
    probe->index = body->index;
    probe->offset = body->offset;
    claim_chain(self, probe, body->index + (body->offset > 0), body->chain);
    claim_head(self, probe, body->head);
}

void vd_probe_take(vd_auditor_t *self, vd_probe_t *probe, const vd_message_t *message)
{
    if (!probe->running || message->correlation != probe->correlation || probe->broken ||
        !vd_auditor_may_judge(self))
        return;
    if (message->id == VD_MESSAGE_STARTED && !probe->started)
        on_started(self, probe, &message->started);
    else if (message->id == VD_MESSAGE_STARTED)
        probe->broken = true;
    else if (message->id == VD_MESSAGE_COMMITS && probe->started)
        on_commits(self, probe, message);
    else if (message->id == VD_MESSAGE_HEAD && probe->started)
        claim_head(self, probe, message->head.head);
    else if (message->id == VD_MESSAGE_GAP)
        probe->broken = true;
}

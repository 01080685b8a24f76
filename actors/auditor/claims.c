/* claims.c: settling what others say. */
#include "claims.h"

#include "core/hash.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

void vd_claims_clear(vd_claims_t *self)
{
    for (uint32_t i = 0; i < VD_CLAIMS_MAX; i++) {
        if (self->list[i].kind != 0)
            vd_book_unknown(self->book, self->list[i].invariant);
        self->list[i].kind = 0;
    }
    self->count = 0;
}

static vd_claim_t *add(vd_claims_t *self, int64_t now_us, vd_claim_kind_t kind,
                       vd_invariant_t invariant, const char *who)
{
    for (uint32_t i = 0; i < VD_CLAIMS_MAX; i++) {
        vd_claim_t *claim = &self->list[i];
        if (claim->kind != 0)
            continue;
        *claim = (vd_claim_t){.kind = kind, .invariant = invariant, .made_us = now_us};
        vd_str_copy(claim->who, sizeof claim->who, vd_str(who));
        self->count++;
        return claim;
    }
    vd_book_unknown(self->book, invariant);
    return NULL;
}

void vd_claims_chain(vd_claims_t *self, int64_t now_us, vd_invariant_t invariant, const char *who,
                     uint64_t index, uint32_t chain)
{
    if (index == 0 || chain == 0)
        return;
    vd_claim_t *claim = add(self, now_us, VD_CLAIM_CHAIN, invariant, who);
    if (claim == NULL)
        return;
    claim->index = index;
    claim->chain = chain;
}

void vd_claims_head(vd_claims_t *self, int64_t now_us, vd_invariant_t invariant, const char *who,
                    uint64_t index)
{
    for (uint32_t i = 0; i < VD_CLAIMS_MAX; i++) {
        vd_claim_t *open = &self->list[i];
        if (open->kind != VD_CLAIM_HEAD || open->invariant != invariant ||
            strcmp(open->who, who) != 0)
            continue;
        /* The one that is open is settled first: what is not fulfilled may not be put off. */
        if (open->answers == 0 && index > open->index) {
            open->index = index;
            open->made_us = now_us;
        }
        return;
    }
    vd_claim_t *claim = add(self, now_us, VD_CLAIM_HEAD, invariant, who);
    if (claim != NULL)
        claim->index = index;
}

void vd_claims_doubt(vd_claims_t *self, int64_t now_us, const vd_violation_t *doubt, uint64_t place)
{
    vd_claim_t *claim = add(self, now_us, VD_CLAIM_DOUBT, doubt->invariant, "");
    if (claim == NULL)
        return;
    claim->doubt = *doubt;
    claim->place = place;
}

/* Each returns whether the claim is settled. */

/* The store ends before the commit that it is about. */
static bool is_ahead(vd_claims_t *self, vd_claim_t *claim, int64_t now_us, uint64_t head)
{
    claim->answers++;
    if (claim->answers < VD_CLAIM_ANSWERS || now_us - claim->made_us < VD_CLAIM_US)
        return false;
    vd_violation_t violation = vd_violation_of(claim->invariant, vd_str(""), 0, claim->index);
    snprintf(violation.text, sizeof violation.text,
             "%s is at commit %" PRIu64 ", the store ends at commit %" PRIu64, claim->who,
             claim->index, head);
    snprintf(violation.evidence, sizeof violation.evidence,
             "the ingestor was asked %" PRIu32 " times in the %" PRId64 " ms after %s had told it",
             claim->answers, (now_us - claim->made_us) / 1000, claim->who);
    vd_book_violate(self->book, &violation, vd_hash(0, vd_str(claim->who)));
    return true;
}

static bool settle_chain(vd_claims_t *self, vd_claim_t *claim, int64_t now_us, uint64_t head,
                         const vd_history_t *history)
{
    uint32_t chain = 0;
    if (claim->index > vd_history_position(history)->index)
        return head < claim->index && is_ahead(self, claim, now_us, head);
    if (!vd_history_chain(history, claim->index, &chain)) {
        vd_book_unknown(self->book, claim->invariant);
        return true;
    }
    if (chain == claim->chain) {
        vd_book_check(self->book, claim->invariant);
        return true;
    }
    vd_violation_t violation = vd_violation_of(claim->invariant, vd_str(""), 0, claim->index);
    snprintf(violation.text, sizeof violation.text,
             "%s has another commit %" PRIu64 " than the store", claim->who, claim->index);
    snprintf(violation.evidence, sizeof violation.evidence,
             "%s says chain %" PRIu32 ", the store has chain %" PRIu32, claim->who, claim->chain,
             chain);
    vd_book_violate(self->book, &violation, vd_hash(0, vd_str(claim->who)));
    return true;
}

static bool settle_head(vd_claims_t *self, vd_claim_t *claim, int64_t now_us, uint64_t head)
{
    if (head < claim->index)
        return is_ahead(self, claim, now_us, head);
    vd_book_check(self->book, claim->invariant);
    return true;
}

void vd_claims_settle(vd_claims_t *self, int64_t now_us, int64_t asked_us, uint64_t head,
                      const vd_history_t *history)
{
    for (uint32_t i = 0; i < VD_CLAIMS_MAX && self->count > 0; i++) {
        vd_claim_t *claim = &self->list[i];
        bool settled = false;
        if (claim->kind == 0 || asked_us <= claim->made_us)
            continue;
        if (claim->kind == VD_CLAIM_CHAIN)
            settled = settle_chain(self, claim, now_us, head, history);
        else if (claim->kind == VD_CLAIM_HEAD)
            settled = settle_head(self, claim, now_us, head);
        else
            settled = true;
        if (claim->kind == VD_CLAIM_DOUBT)
            vd_book_violate(self->book, &claim->doubt, claim->place);
        if (settled) {
            claim->kind = 0;
            self->count--;
        }
    }
}

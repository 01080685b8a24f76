/* claims.h: what others say of the store, until what was read from the store can tell.
 *
 * 1. A claim is settled by an answer of the ingestor to a question that was asked after the claim was
 *    made: what was true then is true now, unless the store went back. When it did, no claim is left.
 * 2. That a commit has a chain is settled when the history has been read so far. That the store
 *    reaches up to a commit is settled by the first answer whose head does; VD_CLAIM_ANSWERS answers
 *    over VD_CLAIM_US that do not make it violated, and also what was said of the chain of that
 *    commit: what tells others of a commit and what answers need not be the same thread.
 * 3. A doubt is a violation that was seen and needs only this: that the store is still the same.
 * 4. The table is bounded; what does not fit is unknown.
 */
#ifndef VD_AUDITOR_CLAIMS_H
#define VD_AUDITOR_CLAIMS_H

#include "history.h"

#define VD_CLAIMS_MAX    128u
#define VD_CLAIM_ANSWERS 5u
#define VD_CLAIM_US      INT64_C(5000000)

typedef enum vd_claim_kind {
    VD_CLAIM_CHAIN = 1, /* commit `index` has `chain` */
    VD_CLAIM_HEAD,      /* the store reaches up to commit `index` */
    VD_CLAIM_DOUBT,     /* `doubt` is so */
} vd_claim_kind_t;

typedef struct vd_claim {
    vd_claim_kind_t kind; /* 0: the place is free */
    vd_invariant_t invariant;
    char who[VD_NAME_BYTES_MAX + 1];
    uint64_t index;
    uint32_t chain;
    int64_t made_us;
    uint32_t answers;
    uint64_t place; /* DOUBT */
    vd_violation_t doubt;
} vd_claim_t;

typedef struct vd_claims {
    vd_book_t *book;
    uint32_t count;
    vd_claim_t list[VD_CLAIMS_MAX];
} vd_claims_t;

/* Forgets all; those that were open are unknown. */
void vd_claims_clear(vd_claims_t *self);
void vd_claims_chain(vd_claims_t *self, int64_t now_us, vd_invariant_t invariant, const char *who,
                     uint64_t index, uint32_t chain);
/* One of `invariant` and `who` that is open already is raised to `index`. */
void vd_claims_head(vd_claims_t *self, int64_t now_us, vd_invariant_t invariant, const char *who,
                    uint64_t index);
void vd_claims_doubt(vd_claims_t *self, int64_t now_us, const vd_violation_t *doubt,
                     uint64_t place);
/* The ingestor has answered, to what was asked at `asked_us`, that its head is `head`; the history was
 * read up to its position. */
void vd_claims_settle(vd_claims_t *self, int64_t now_us, int64_t asked_us, uint64_t head,
                      const vd_history_t *history);

#endif

/* ledger.h: every event that the store holds or held, in its order: what whoever reads is compared
 * with.
 */
#ifndef VD_MODEL_LEDGER_H
#define VD_MODEL_LEDGER_H

#include "oracle.h"

typedef struct vd_ledger_entry {
    uint64_t index, seq;
    uint32_t place, crc;
    uint32_t session;
    int64_t seen_us; /* when it was seen in the store */
    bool tick;       /* its type is "tick" */
    bool damaged;    /* cannot be read any more */
} vd_ledger_entry_t;

typedef struct vd_ledger vd_ledger_t;

vd_ledger_t *vd_ledger_new(void);
void vd_ledger_destroy(vd_ledger_t **self);
void vd_ledger_add(vd_ledger_t *self, const vd_seen_t *seen, int64_t now_us);
uint64_t vd_ledger_count(const vd_ledger_t *self);
const vd_ledger_entry_t *vd_ledger_at(const vd_ledger_t *self, uint64_t at);
/* The id of a session of an entry. */
const char *vd_ledger_session(const vd_ledger_t *self, uint32_t session);
/* The first entry at or behind (index, place). */
uint64_t vd_ledger_find(const vd_ledger_t *self, uint64_t index, uint64_t place);
/* `count` events from entry `at` on are damaged. */
void vd_ledger_damage(vd_ledger_t *self, uint64_t at, uint32_t count);

#endif

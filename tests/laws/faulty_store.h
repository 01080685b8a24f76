/* faulty_store.h: a backend of tests: another one on a disk that, from a seed, fails.
 *
 * 1. Around every append and every step of pruning it is drawn what goes wrong, and at which write:
 *    a write that fails, one that is torn, a sync that fails, or the loss of power.
 * 2. When power is lost, everything fails until vd_store_reopen, or closing and opening. Then of
 *    each file what was synced is there, and a drawn part of the rest; nothing else is.
 * 3. Reopening fails now and then before it goes well.
 * 4. It stands on the backend "leveldb" and on the system calls of store_fixture.c.
 */
#ifndef VD_TESTS_FAULTY_STORE_H
#define VD_TESTS_FAULTY_STORE_H

#include "store/store.h"

typedef struct vd_faulty vd_faulty_t;

/* A disk whose directories are made below `dir`. NULL without memory. */
vd_faulty_t *vd_faulty_new(const char *dir, uint64_t seed);
/* Removes what is below its directory. No store may be open on it. */
void vd_faulty_destroy(vd_faulty_t **self);
/* Opens the store on it; one at a time. */
vd_status_t vd_faulty_open(vd_faulty_t *self, vd_store_t **store, char *error, size_t error_size);
/* Faults that have happened, and losses of power among them. */
unsigned vd_faulty_faults(const vd_faulty_t *self);
unsigned vd_faulty_cuts(const vd_faulty_t *self);

#endif

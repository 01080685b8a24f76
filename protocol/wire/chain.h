/* chain.h: checks the chain of commits as they come, cut into pieces as streams cut them.
 *
 * 1. Every commit has to come, in order, and every run of it: a filtered stream cannot be checked.
 * 2. The chain of a commit is known to be right when the next one begins, or by vd_chain_end.
 * 3. What cannot be checked is taken as it says: a commit whose predecessor or whose beginning was
 *    not seen, one with a lost run whose digest is not known or a run whose rest was lost or pruned
 *    while it was read, and the one behind a commit of which nothing can be read.
 */
#ifndef VD_CHAIN_H
#define VD_CHAIN_H

#include "wire/commit.h"

typedef struct vd_chain {
    uint64_t index; /* the commit that is being read, or was read last */
    bool whole;     /* it was read to its end and is right */
    bool blind;     /* it cannot be checked */
    bool lost;      /* nothing of it can be read: its chain is not known either */
    uint32_t told;  /* the chain that it says it has */
    uint32_t crc;   /* of what was seen of it */
    /* The run that is being read. */
    bool open;
    char session[VD_NAME_BYTES_MAX + 1];
    uint64_t first_seq;
    uint32_t count;
    uint32_t digest;
} vd_chain_t;

/* Begins behind commit `index`, which has `chain` where that is known. `cut`: the beginning of the
 * next commit will be missing. */
void vd_chain_begin(vd_chain_t *self, uint64_t index, uint32_t chain, bool known, bool cut);
/* Takes the next piece. VD_OK; VD_CORRUPT: it does not follow on what came before. */
vd_status_t vd_chain_take(vd_chain_t *self, const vd_commit_t *piece);
/* The commit that is being read is at its end. VD_OK or VD_CORRUPT. */
vd_status_t vd_chain_end(vd_chain_t *self);

#endif

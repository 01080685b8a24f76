/* work.h: one turn of the observer wallet, for the files that make it up. */
#ifndef VD_WALLET_WORK_H
#define VD_WALLET_WORK_H

#include "wallet.h"

#define VD_WALLET_REREADS_MAX 64 /* blocks that are looked at again in one turn */

typedef struct vd_wallet_work {
    const vd_watched_wallets_t *state;
    const vd_samples_t *samples;
    vd_turn_t *turn;
    vd_pursuit_t pursuit;
    bool full;           /* the turn takes no more events */
    bool watched;        /* addresses were told: blocks are read with them, from the next turn on */
    bool unread;         /* a source of addresses that answers was not read through yet */
    bool untold;         /* of a block in the pursuit's graph nothing could be told */
    bool reading_failed; /* without memory */
    const vd_answer_t *answer; /* that is being taken */
    struct vd_block_answer *answers;
    uint32_t answer_count;
    struct vd_block_told *told; /* the last one; those before it hang on its delta */
    uint32_t reread_count;
    uint32_t reread[VD_WALLET_REREADS_MAX];
} vd_wallet_work_t;

/* Tells an event; false when the turn is full. */
bool vd_wallet_tell(vd_wallet_work_t *work, const char *type, const vd_buffer_t *data,
                    const vd_sample_record_t *cause);
/* watch.c: tells the addresses that are new, and asks for what is behind them. */
void vd_wallet_watch(vd_wallet_work_t *work);
/* blocks.c: takes the blocks that were answered, and tells what they do. */
void vd_wallet_take_blocks(vd_wallet_work_t *work);
/* Asks for blocks that have to be looked at again. */
void vd_wallet_ask_again(vd_wallet_work_t *work);
/* The deltas of the blocks that were told, as the ledger takes them; NULL: none. */
const vd_delta_t *vd_wallet_told(const vd_wallet_work_t *work);
void vd_wallet_blocks_close(vd_wallet_work_t *work);
void vd_wallet_tell_refused(vd_wallet_work_t *work, vd_str_t node, vd_str_t block,
                            const char *reason, const char *text, const vd_sample_record_t *cause);

#endif

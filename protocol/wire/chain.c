/* chain.c: the chain of commits, piece by piece. */
#include "wire/chain.h"

#include <assert.h>

static void add_number(vd_chain_t *self, uint64_t number, unsigned width)
{
    uint8_t bytes[8];
    assert(width <= sizeof bytes);
    for (unsigned i = 0; i < width; i++)
        bytes[i] = (uint8_t)(number >> 8 * (width - 1 - i));
    self->crc = vd_crc32c(self->crc, vd_bytes(bytes, width));
}

static void close_run(vd_chain_t *self)
{
    if (!self->open)
        return;
    self->crc = vd_crc32c(self->crc, vd_str(self->session));
    add_number(self, 0, 1);
    add_number(self, self->first_seq, 8);
    add_number(self, self->count, 4);
    add_number(self, self->digest, 4);
    self->open = false;
}

void vd_chain_begin(vd_chain_t *self, uint64_t index, uint32_t chain, bool known, bool cut)
{
    assert(self != NULL && (index > 0 || chain == 0 || cut));
    *self = (vd_chain_t){.index = index, .whole = true, .told = chain, .blind = !known || cut};
}

vd_status_t vd_chain_end(vd_chain_t *self)
{
    if (self->whole)
        return VD_OK;
    close_run(self);
    bool right = self->blind || self->crc == self->told;
    self->whole = true;
    self->blind = self->lost;
    self->lost = false;
    return right ? VD_OK : VD_CORRUPT;
}

static vd_status_t begin_commit(vd_chain_t *self, const vd_commit_t *piece)
{
    vd_status_t status = vd_chain_end(self);
    if (status != VD_OK || piece->index != self->index + 1)
        return VD_CORRUPT;
    self->crc = 0;
    add_number(self, self->told, 4);
    add_number(self, piece->index, 8);
    add_number(self, (uint64_t)piece->time_ms, 8);
    add_number(self, piece->epoch, 8);
    self->index = piece->index;
    self->told = piece->chain;
    self->whole = false;
    return VD_OK;
}

static void take_run(vd_chain_t *self, const vd_commit_run_t *run)
{
    bool goes_on = self->open && vd_str_is(run->session, self->session) &&
                   run->first_seq == self->first_seq + self->count;
    /* The rest of a run that was there when its beginning was read: the digest of such a rest is not
     * told, for it is that of the whole run that is in the chain. */
    bool rest_is_gone = goes_on && run->absent != VD_OK;
    if (!goes_on) {
        close_run(self);
        vd_str_copy(self->session, sizeof self->session, run->session);
        self->first_seq = run->first_seq;
        self->count = 0;
        self->digest = 0;
        self->open = true;
    }
    self->count += run->count;
    if (run->absent == VD_OK) {
        self->digest = vd_run_digest(self->digest, run->run);
        return;
    }
    self->digest = run->digest;
    self->blind = self->blind || rest_is_gone || (run->absent == VD_CORRUPT && run->digest == 0);
    self->lost = self->lost || (run->absent == VD_CORRUPT && run->session.size == 0);
    close_run(self);
}

vd_status_t vd_chain_take(vd_chain_t *self, const vd_commit_t *piece)
{
    assert(self != NULL && piece != NULL);
    bool first = self->whole || piece->index != self->index;
    if (first && begin_commit(self, piece) != VD_OK)
        return VD_CORRUPT;
    if (piece->chain != self->told)
        return VD_CORRUPT;
    for (uint32_t i = 0; i < piece->run_count; i++)
        take_run(self, &piece->runs[i]);
    return VD_OK;
}

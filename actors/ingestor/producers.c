/* producers.c: records, digests and rejected ranges of one producer. */
#include "producers.h"

#include <assert.h>
#include <stdlib.h>

enum { DIGESTS_MIN = 64 };

vd_producer_t *vd_producer_new(vd_str_t name)
{
    assert(name.size > 0 && name.size <= VD_NAME_BYTES_MAX);
    vd_producer_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    vd_str_copy(self->assigned.name, sizeof self->assigned.name, name);
    self->durable = self->assigned;
    self->heard_us = INT64_MIN;
    return self;
}

void vd_producer_destroy(vd_producer_t *self)
{
    free(self->digests);
    free(self);
}

void vd_producer_hear(vd_producer_t *self, vd_now_t now, const vd_input_t *input)
{
    self->peer = input->peer;
    self->heard_us = now.mono_us;
}

static vd_digest_t *digest_at(const vd_producer_t *self, uint32_t place)
{
    assert(place < self->digest_count);
    return &self->digests[(self->digest_head + place) & (self->digest_room - 1)];
}

static bool make_room(vd_producer_t *self)
{
    if (self->digest_count < self->digest_room)
        return true;
    uint32_t room = self->digest_room > 0 ? self->digest_room * 2 : DIGESTS_MIN;
    vd_digest_t *digests = malloc(room * sizeof *digests);
    if (digests == NULL)
        return false;
    for (uint32_t i = 0; i < self->digest_count; i++)
        digests[i] = *digest_at(self, i);
    free(self->digests);
    self->digests = digests;
    self->digest_room = room;
    self->digest_head = 0;
    return true;
}

void vd_producer_remember(vd_producer_t *self, uint64_t first, uint32_t count, uint32_t digest)
{
    assert(first > 0 && count > 0);
    uint64_t mark = first + count - 1;
    while (self->digest_count > 0) {
        const vd_digest_t *oldest = digest_at(self, 0);
        if (oldest->first + oldest->count - 1 + VD_NUMBERS_REMEMBERED > mark)
            break;
        self->digest_head = (self->digest_head + 1) & (self->digest_room - 1);
        self->digest_count--;
    }
    if (!make_room(self))
        return;
    self->digest_count++;
    *digest_at(self, self->digest_count - 1) = (vd_digest_t){first, count, digest};
}

void vd_producer_unremember(vd_producer_t *self, uint64_t mark)
{
    while (self->digest_count > 0 && digest_at(self, self->digest_count - 1)->first > mark)
        self->digest_count--;
}

/* The digest of the frame that had `number`, NULL if it is not remembered. */
static const vd_digest_t *digest_of(const vd_producer_t *self, uint64_t number)
{
    uint32_t low = 0, high = self->digest_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const vd_digest_t *digest = digest_at(self, middle);
        if (number < digest->first)
            high = middle;
        else if (number - digest->first >= digest->count)
            low = middle + 1;
        else
            return digest;
    }
    return NULL;
}

vd_recall_t vd_producer_recall(const vd_producer_t *self, uint64_t first, uint32_t count,
                               uint32_t digest)
{
    const vd_digest_t *head = digest_of(self, first);
    const vd_digest_t *tail = digest_of(self, first + count - 1);
    if (head == NULL && tail == NULL)
        return VD_RECALL_UNKNOWN;
    bool same =
        head == tail && head->first == first && head->count == count && head->digest == digest;
    return same ? VD_RECALL_SAME : VD_RECALL_OTHER;
}

void vd_producer_confirm(vd_producer_t *self, uint64_t answered)
{
    assert(answered <= self->assigned.mark);
    if (answered <= self->confirmed)
        return;
    self->confirmed = answered;
    vd_store_producer_t *record = &self->assigned;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < record->reject_count; i++)
        if (record->rejects[i].first + record->rejects[i].count - 1 > answered)
            record->rejects[kept++] = record->rejects[i];
    record->reject_count = kept;
}

bool vd_producer_can_reject(const vd_producer_t *self)
{
    return self->assigned.reject_count < VD_REJECTS_PER_PRODUCER_MAX;
}

void vd_producer_reject(vd_producer_t *self, uint64_t first, uint32_t count, vd_status_t status,
                        uint64_t seq)
{
    vd_store_producer_t *record = &self->assigned;
    assert(vd_producer_can_reject(self) && status != VD_OK);
    if (record->reject_count > 0) {
        vd_store_reject_t *last = &record->rejects[record->reject_count - 1];
        assert(last->first + last->count <= first);
        if (last->first + last->count == first && last->status == status && status != VD_EXISTS &&
            last->count <= UINT32_MAX - count) {
            last->count += count;
            return;
        }
    }
    record->rejects[record->reject_count++] =
        (vd_store_reject_t){.first = first, .count = count, .status = status, .seq = seq};
}

void vd_producer_take(vd_producer_t *self, uint64_t life, uint64_t epoch)
{
    vd_store_producer_t *record = &self->assigned;
    assert(life > 0 && life != record->life && epoch > record->epoch);
    if (record->life > 0) {
        if (record->past_count < VD_LIVES_REMEMBERED)
            record->past_count++;
        for (uint32_t i = record->past_count - 1; i > 0; i--)
            record->past[i] = record->past[i - 1];
        record->past[0] = record->life;
    }
    record->life = life;
    record->epoch = epoch;
}

bool vd_producer_is_past(const vd_store_producer_t *record, uint64_t life)
{
    for (uint32_t i = 0; i < record->past_count; i++)
        if (record->past[i] == life)
            return true;
    return false;
}

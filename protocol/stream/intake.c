/* intake.c: frames of commits become events, each once. */
#include "stream/intake.h"

#include <assert.h>

/* Differences, not values, so that numbers may wrap. */
static int compare(uint64_t a, uint64_t b)
{
    int64_t ahead = (int64_t)(a - b);
    return ahead < 0 ? -1 : ahead > 0;
}

int vd_place_compare(uint64_t index, uint64_t offset, const vd_position_t *position)
{
    int order = compare(index, position->index);
    return order != 0 ? order : compare(offset, position->offset);
}

/* Is place `at` of commit `index` behind the position? */
static bool is_new(const vd_intake_t *self, uint64_t index, uint64_t at)
{
    int order = compare(index, self->position.index + 1);
    return order > 0 || (order == 0 && at >= self->position.offset);
}

static vd_status_t hand_on(vd_intake_t *self, vd_now_t now, const vd_commit_t *commit,
                           const vd_commit_run_t *run, uint32_t i, const vd_entry_t *entry,
                           vd_effects_t *effects)
{
    vd_event_t event = {.session = run->session, .seq = run->first_seq + i};
    if (vd_crc32c(0, entry->event) != entry->crc)
        return VD_BAD_CRC;
    vd_status_t status = vd_event_read(entry->event, &event);
    if (status != VD_OK)
        return status;
    self->handed.items++;
    self->handed.bytes += entry->event.size;
    self->position.index = commit->index - 1;
    self->position.offset = run->at + i + 1;
    self->position.chain = commit->chain;
    vd_position_t position = self->position;
    uint64_t life = self->life;
    self->handler->event(self->arg, now, &event, commit, &position, effects);
    return self->life == life ? VD_OK : VD_CANCELLED;
}

static vd_status_t take_run(vd_intake_t *self, vd_now_t now, const vd_commit_t *commit,
                            const vd_commit_run_t *run, vd_tally_t *received, vd_effects_t *effects)
{
    vd_bytes_t rest = run->run;
    for (uint32_t i = 0; i < run->count; i++) {
        vd_entry_t entry;
        if (vd_run_next(&rest, &entry) != VD_OK)
            return VD_MALFORMED;
        received->items++;
        received->bytes += entry.event.size;
        if (!is_new(self, commit->index, run->at + i))
            continue;
        vd_status_t status = hand_on(self, now, commit, run, i, &entry, effects);
        if (status != VD_OK)
            return status;
    }
    return rest.size == 0 ? VD_OK : VD_MALFORMED;
}

/* Hands on that a run is absent. */
static vd_status_t take_absent(vd_intake_t *self, vd_now_t now, const vd_commit_t *commit,
                               const vd_commit_run_t *run, vd_effects_t *effects)
{
    uint64_t end = run->at + run->count, known = 0, life = self->life;
    if (!is_new(self, commit->index, run->count > 0 ? end - 1 : 0))
        return VD_OK;
    if (commit->index == self->position.index + 1 && self->position.offset > run->at)
        known = self->position.offset - run->at;
    self->position.index = run->count > 0 ? commit->index - 1 : commit->index;
    self->position.offset = end;
    self->position.chain = commit->chain;
    if (self->handler->absent == NULL)
        return VD_OK;
    vd_position_t position = self->position;
    assert(known < run->count || run->count == 0);
    self->handler->absent(self->arg, now, run->session, run->first_seq + known,
                          run->count - (uint32_t)known, run->absent, &position, effects);
    return self->life == life ? VD_OK : VD_CANCELLED;
}

static vd_status_t take_commits(vd_intake_t *self, vd_now_t now, vd_bytes_t payload,
                                vd_tally_t *received, vd_effects_t *effects)
{
    for (;;) {
        vd_commit_t commit;
        vd_status_t status = vd_commit_next(&payload, &commit, self->runs, VD_COMMIT_PIECES_MAX);
        if (status == VD_NOT_FOUND)
            return VD_OK;
        if (status != VD_OK || commit.index == 0)
            return VD_MALFORMED;
        for (uint32_t r = 0; r < commit.run_count; r++) {
            const vd_commit_run_t *run = &commit.runs[r];
            status = run->absent == VD_OK ? take_run(self, now, &commit, run, received, effects)
                                          : take_absent(self, now, &commit, run, effects);
            if (status != VD_OK)
                return status;
        }
    }
}

vd_status_t vd_intake_take(vd_intake_t *self, vd_now_t now, const vd_commits_body_t *commits,
                           vd_bytes_t payload, vd_tally_t *received, vd_effects_t *effects)
{
    assert(self->known && received != NULL);
    vd_status_t status = take_commits(self, now, payload, received, effects);
    if (status != VD_OK)
        return status;
    if (vd_place_compare(commits->index, commits->offset, &self->position) > 0) {
        self->position.index = commits->index;
        self->position.offset = commits->offset;
        self->position.chain = (uint32_t)commits->chain;
    }
    return VD_OK;
}

static vd_status_t compare_chains(const vd_intake_t *self, uint64_t chain)
{
    bool same = chain == 0 || self->position.chain == 0 || chain == self->position.chain;
    return same ? VD_OK : VD_WENT_BACK;
}

vd_status_t vd_intake_check(vd_intake_t *self, const vd_commits_body_t *commits,
                            uint32_t after_chain, vd_bytes_t payload)
{
    const vd_position_t *position = &self->position;
    int order = vd_place_compare(commits->index, commits->offset, position);
    vd_commit_t commit;
    vd_status_t status;
    assert(self->known && vd_place_compare(commits->after, commits->after_offset, position) <= 0);
    if (order <= 0)
        return order == 0 ? compare_chains(self, commits->chain) : VD_OK;
    if (vd_place_compare(commits->after, commits->after_offset, position) == 0)
        return compare_chains(self, after_chain);
    uint64_t touched = position->index + (position->offset > 0);
    while ((status = vd_commit_next(&payload, &commit, self->runs, VD_COMMIT_PIECES_MAX)) == VD_OK)
        if (commit.index == touched)
            return compare_chains(self, commit.chain);
    return status == VD_NOT_FOUND ? VD_NOT_FOUND : VD_MALFORMED;
}

vd_status_t vd_intake_count(vd_intake_t *self, vd_bytes_t payload, vd_tally_t *tally)
{
    vd_commit_t commit;
    vd_status_t status;
    while ((status = vd_commit_next(&payload, &commit, self->runs, VD_COMMIT_PIECES_MAX)) == VD_OK)
        for (uint32_t r = 0; r < commit.run_count; r++) {
            vd_bytes_t rest = commit.runs[r].run;
            vd_entry_t entry;
            while (rest.size > 0) {
                if (vd_run_next(&rest, &entry) != VD_OK)
                    return VD_MALFORMED;
                tally->items++;
                tally->bytes += entry.event.size;
            }
        }
    return status == VD_NOT_FOUND ? VD_OK : VD_MALFORMED;
}

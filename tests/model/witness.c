/* witness.c: what a reader was handed, and what it was not. */
#include "witness.h"

#include <inttypes.h>

static bool is_wanted(const vd_witness_t *self, const vd_ledger_entry_t *entry)
{
    return !self->ticks || entry->tick;
}

static bool is_pruned(const vd_witness_t *self, const vd_ledger_entry_t *entry)
{
    return vd_oracle_was_pruned(self->whole->oracle,
                                vd_str(vd_ledger_session(self->ledger, entry->session)));
}

/* The first entry before `to` that the reader would have to be handed; `to` when there is none. */
static uint64_t next_wanted(const vd_witness_t *self, uint64_t to)
{
    uint64_t at = self->at;
    for (; at < to && at < vd_ledger_count(self->ledger); at++) {
        const vd_ledger_entry_t *entry = vd_ledger_at(self->ledger, at);
        if (is_wanted(self, entry) && !is_pruned(self, entry))
            return at;
    }
    return to;
}

void vd_witness_look(vd_whole_t *whole)
{
    if (whole->ingestor.store != NULL)
        vd_oracle_read(whole->oracle, whole->ingestor.store);
}

void vd_witness_begin(vd_witness_t *self)
{
    self->ledger = self->whole->ledger;
    self->at = 0;
}

/* What lies between the entry at which a reader stands and `to` was not for it, or is no more. */
static void pass_over(vd_witness_t *self, uint64_t to)
{
    uint64_t missed = next_wanted(self, to);
    if (missed < to) {
        const vd_ledger_entry_t *entry = vd_ledger_at(self->ledger, missed);
        vd_whole_fail(self->whole, "[no gap] %s was never handed %s:%" PRIu64, self->name,
                      vd_ledger_session(self->ledger, entry->session), entry->seq);
    }
    if (self->at < to)
        self->at = to;
}

/* Is entry `at` this event, which stands before `position`? */
static bool holds(const vd_ledger_t *ledger, uint64_t at, const vd_event_t *event,
                  const vd_position_t *position)
{
    if (at >= vd_ledger_count(ledger))
        return false;
    const vd_ledger_entry_t *entry = vd_ledger_at(ledger, at);
    return position->index + 1 == entry->index && position->offset == entry->place + 1u &&
           entry->seq == event->seq &&
           vd_str_is(event->session, vd_ledger_session(ledger, entry->session)) &&
           entry->crc == vd_crc32c(0, event->raw);
}

/* A relay that has not heard that the store went back hands on what it had: its reader stands in the
 * old history then, and has to be told. */
static void take_from_memory(vd_witness_t *self, uint64_t *at, const vd_event_t *event,
                             const vd_commit_t *commit, const vd_position_t *position)
{
    vd_ledger_t *before = self->whole->ledger_before;
    if (!self->relayed || before == NULL || self->ledger == before ||
        self->at > self->whole->kept || holds(self->ledger, *at, event, position))
        return;
    uint64_t there = vd_ledger_find(before, commit->index, position->offset - 1);
    if (!holds(before, there, event, position))
        return;
    self->ledger = before;
    *at = there;
}

/* Is the reader in the new history, although the event stands at the same place of both? It has not
 * been told what comes before it in the old one. */
static bool is_new_one(const vd_witness_t *self, uint64_t at, const vd_event_t *event,
                       const vd_commit_t *commit, const vd_position_t *position)
{
    const vd_ledger_t *ledger = self->whole->ledger;
    return self->at <= self->whole->kept && next_wanted(self, at) < at &&
           holds(ledger, vd_ledger_find(ledger, commit->index, position->offset - 1), event,
                 position);
}

void vd_witness_event(vd_witness_t *self, const vd_event_t *event, const vd_commit_t *commit,
                      const vd_position_t *position)
{
    vd_witness_look(self->whole);
    uint64_t at = vd_ledger_find(self->ledger, commit->index, position->offset - 1);
    if (self->ledger != self->whole->ledger && (!holds(self->ledger, at, event, position) ||
                                                is_new_one(self, at, event, commit, position))) {
        /* The store went back, and nobody had to tell who had seen nothing of what was lost. */
        if (self->at > self->whole->kept)
            vd_whole_fail(self->whole, "[went back] %s goes on in a store that went back",
                          self->name);
        self->ledger = self->whole->ledger;
        at = vd_ledger_find(self->ledger, commit->index, position->offset - 1);
    }
    take_from_memory(self, &at, event, commit, position);
    if (!holds(self->ledger, at, event, position))
        vd_whole_fail(self->whole,
                      "[visible is durable] %s was handed %.*s:%" PRIu64 " of commit %" PRIu64
                      ", which the store does not hold so",
                      self->name, (int)event->session.size, (const char *)event->session.data,
                      event->seq, commit->index);
    else if (at < self->at)
        vd_whole_fail(self->whole, "[no duplicate] %s was handed %.*s:%" PRIu64 " again",
                      self->name, (int)event->session.size, (const char *)event->session.data,
                      event->seq);
    pass_over(self, at);
    self->at = at + 1;
    self->events++;
}

/* Are the `count` events before entry `behind` these, and damaged? */
static bool is_damaged(const vd_ledger_t *ledger, uint64_t behind, vd_str_t session, uint64_t first,
                       uint32_t count)
{
    bool damaged = count > 0 && behind >= count;
    for (uint64_t at = behind - (damaged ? count : 0); at < behind && damaged; at++) {
        const vd_ledger_entry_t *entry = vd_ledger_at(ledger, at);
        damaged = entry->damaged && entry->seq == first + count - (behind - at) &&
                  vd_str_is(session, vd_ledger_session(ledger, entry->session));
    }
    return damaged;
}

void vd_witness_absent(vd_witness_t *self, vd_str_t session, uint64_t first, uint32_t count,
                       vd_status_t status, const vd_position_t *position)
{
    uint64_t behind = vd_ledger_find(self->ledger, position->index + 1, position->offset);
    bool damaged = status == VD_CORRUPT && is_damaged(self->ledger, behind, session, first, count);
    if (status == VD_CORRUPT && !damaged && self->ledger != self->whole->ledger &&
        self->at <= self->whole->kept) {
        /* It has seen nothing of what was lost when the store went back: it is in the new one now. */
        self->ledger = self->whole->ledger;
        behind = vd_ledger_find(self->ledger, position->index + 1, position->offset);
        damaged = is_damaged(self->ledger, behind, session, first, count);
    }
    if (damaged) {
        pass_over(self, behind - count);
        self->at = behind;
    } else if (status != VD_PRUNED || !vd_oracle_was_pruned(self->whole->oracle, session)) {
        vd_whole_fail(self->whole, "[absent] %s was told that %.*s:%" PRIu64 " (%u) is %s",
                      self->name, (int)session.size, (const char *)session.data, first, count,
                      vd_status_name(status));
    }
}

void vd_witness_stopped(vd_witness_t *self, vd_status_t status, const char *text)
{
    vd_whole_t *whole = self->whole;
    /* What a relay has in memory may lead a reader over commits of the old history that hold nothing
     * for it: it was handed no event of them. */
    bool led = self->relayed && whole->ledger_before != NULL && self->at <= whole->kept;
    bool back = status == VD_WENT_BACK && (self->ledger != whole->ledger || led);
    vd_world_note(self->whole->world, "%-12s stopped: %s: %s", self->name, vd_status_name(status),
                  text);
    bool pruned = status == VD_PRUNED && vd_oracle_sums(whole->oracle).pruned > 0;
    if (!pruned && !back)
        vd_whole_fail(self->whole, "[stream goes on] %s cannot go on: %s: %s", self->name,
                      vd_status_name(status), text);
    /* Of a place that was pruned nobody can tell any more in which history it was. */
    if (back || (status == VD_PRUNED && self->ledger != self->whole->ledger))
        vd_witness_begin(self);
}

void vd_witness_mark(const vd_witness_t *self, const vd_position_t *position, vd_mark_t *mark)
{
    if (mark->position.store[0] == 0 && vd_world_chance(self->whole->world, 100))
        *mark = (vd_mark_t){.position = *position, .witness = *self};
}

int64_t vd_witness_turn_us(const vd_witness_t *self)
{
    if (self->whole->calm)
        return -1;
    return 500000 + (int64_t)vd_world_random(self->whole->world, 8000000);
}

void vd_witness_finish(vd_witness_t *self)
{
    vd_whole_t *whole = self->whole;
    vd_witness_look(whole);
    uint64_t before = self->at;
    if (self->ledger != whole->ledger && self->at > whole->kept)
        vd_whole_fail(whole, "[went back] %s was never told that the store went back", self->name);
    self->ledger = whole->ledger;
    while (self->at < vd_ledger_count(self->ledger) &&
           (!is_wanted(self, vd_ledger_at(self->ledger, self->at)) ||
            is_pruned(self, vd_ledger_at(self->ledger, self->at))))
        self->at++;
    if (self->at < whole->settled)
        vd_whole_fail(whole, "[comes to rest] %s stands at %" PRIu64 " of %" PRIu64 " events",
                      self->name, before, whole->settled);
}

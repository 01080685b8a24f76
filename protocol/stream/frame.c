/* frame.c: cutting commits into frames. */
#include "stream/frame.h"

#include <assert.h>
#include <stdio.h>

/* Commits and bytes looked at for one frame, so that a filter that matches nothing costs a bounded
 * time. */
#define READS_MAX      256u
#define SCAN_BYTES_MAX (4u * 1024 * 1024)
/* What a commit and a piece cost in the payload beside the events, at most. */
#define COMMIT_OVERHEAD 48u
#define PIECE_OVERHEAD  (VD_NAME_BYTES_MAX + 32u)

/* The cut of one commit, as it grows. */
typedef struct cut {
    uint32_t count; /* pieces */
    size_t bytes;   /* that the commit will take in the payload */
    uint64_t events;
    uint64_t event_bytes;
    uint64_t next; /* place of the first event that was not looked at */
    bool full;     /* that event did not fit */
    bool open;     /* the last piece ends right before `next` */
} cut_t;

void vd_frame_init(vd_frame_t *self)
{
    assert(self != NULL);
    vd_buffer_init(&self->payload,
                   VD_ITEMS_BYTES_MAX + VD_EVENT_BYTES_MAX + COMMIT_OVERHEAD + PIECE_OVERHEAD + 64);
    memset(self->cuts, 0, sizeof self->cuts);
    self->cut_next = 0;
    vd_frame_clear(self);
}

void vd_frame_clear(vd_frame_t *self)
{
    vd_buffer_clear(&self->payload);
    vd_shared_release(&self->alone);
    self->commits = 0;
    self->events = 0;
    self->bytes = 0;
    self->cut_by_credit = false;
    self->reads = 0;
    self->scanned = 0;
    self->error[0] = 0;
}

void vd_frame_free(vd_frame_t *self)
{
    assert(self != NULL);
    vd_shared_release(&self->alone);
    vd_buffer_free(&self->payload);
}

static size_t payload_size(const vd_frame_t *self)
{
    return self->alone != NULL ? self->alone->size : self->payload.size;
}

/* What is to be written behind needs the payload in the frame's own bytes. */
static void settle(vd_frame_t *self)
{
    if (self->alone == NULL)
        return;
    assert(self->payload.size == 0);
    vd_buffer_add(&self->payload, self->alone->data, self->alone->size);
    vd_shared_release(&self->alone);
}

vd_shared_t *vd_frame_take(const vd_frame_t *self)
{
    if (self->alone != NULL)
        return vd_shared_hold(self->alone);
    vd_shared_t *bytes = vd_shared_new(self->payload.size);
    if (bytes == NULL)
        return NULL;
    if (self->payload.size > 0)
        memcpy(bytes->data, self->payload.data, self->payload.size);
    bytes->size = self->payload.size;
    return bytes;
}

static bool fits(vd_frame_t *self, const vd_frame_want_t *want, const cut_t *cut, size_t entry_size)
{
    uint64_t events = self->events + cut->events;
    if (!cut->open && cut->count == VD_COMMIT_PIECES_MAX)
        return false;
    if (events == 0)
        return true;
    if (events >= want->items_max || self->bytes + cut->event_bytes >= want->bytes_max) {
        self->cut_by_credit = true;
        return false;
    }
    size_t size = payload_size(self) + cut->bytes + entry_size + (cut->open ? 0 : PIECE_OVERHEAD);
    return size <= VD_ITEMS_BYTES_MAX;
}

static void take(vd_frame_t *self, cut_t *cut, const vd_commit_run_t *run, uint64_t seq,
                 const vd_entry_t *entry)
{
    if (!cut->open) {
        assert(cut->count < VD_COMMIT_PIECES_MAX);
        self->pieces[cut->count++] = (vd_commit_run_t){.session = run->session,
                                                       .at = cut->next,
                                                       .first_seq = seq,
                                                       .run = vd_bytes(entry->raw.data, 0)};
        cut->bytes += PIECE_OVERHEAD;
        cut->open = true;
    }
    vd_commit_run_t *piece = &self->pieces[cut->count - 1];
    assert(piece->run.data + piece->run.size == entry->raw.data);
    piece->run.size += entry->raw.size;
    piece->count++;
    cut->bytes += entry->raw.size;
    cut->events++;
    cut->event_bytes += entry->event.size;
}

/* The end of the one session that is read passes every filter: nothing else tells that no more will
 * come. */
static bool type_matches(const vd_frame_want_t *want, vd_bytes_t bytes)
{
    vd_event_t event;
    if (want->type[0] == 0)
        return true;
    if (vd_event_read(bytes, &event) != VD_OK)
        return false;
    return vd_glob_match(vd_str(want->type), event.type) ||
           (want->session[0] != 0 && vd_str_is(event.type, "session_ended"));
}

/* Names a run that is absent, or what of it lies behind `from`. */
static void cut_absent(vd_frame_t *self, cut_t *cut, const vd_commit_run_t *run, uint64_t from)
{
    size_t size = payload_size(self) + cut->bytes + PIECE_OVERHEAD;
    assert(run->absent != VD_OK && run->run.size == 0);
    cut->open = false;
    if (run->at + run->count <= from)
        return;
    cut->next = run->at < from ? from : run->at;
    if (cut->count == VD_COMMIT_PIECES_MAX ||
        (size > VD_ITEMS_BYTES_MAX && payload_size(self) + cut->count > 0)) {
        cut->full = true;
        return;
    }
    uint32_t known = (uint32_t)(cut->next - run->at);
    vd_commit_run_t *piece = &self->pieces[cut->count++];
    *piece = *run;
    if (known > 0) {
        piece->at += known;
        piece->first_seq += known;
        piece->count -= known;
        piece->digest = 0; /* it is that of the whole run */
    }
    cut->bytes += PIECE_OVERHEAD;
    cut->next = run->at + run->count;
}

static void remember_cut(vd_frame_t *self, const vd_commit_t *commit, const vd_commit_run_t *run,
                         uint64_t at, size_t bytes)
{
    self->cuts[self->cut_next++ % VD_FRAME_CUTS] = (vd_frame_cut_t){.index = commit->index,
                                                                    .chain = commit->chain,
                                                                    .run_at = run->at,
                                                                    .run_count = run->count,
                                                                    .at = at,
                                                                    .bytes = bytes};
}

/* Passes what comes before `from` in the run, where that is known. Returns how many events. The same
 * events under the same chain are the same bytes; a relay has some commits from their middle on. */
static uint32_t pass_cut(const vd_frame_t *self, const vd_commit_t *commit,
                         const vd_commit_run_t *run, uint64_t from, vd_bytes_t *rest)
{
    for (uint32_t c = 0; c < VD_FRAME_CUTS && from > run->at; c++) {
        const vd_frame_cut_t *cut = &self->cuts[c];
        if (cut->at != from || cut->index != commit->index || cut->chain != commit->chain ||
            cut->run_at != run->at || cut->run_count != run->count || cut->chain == 0 ||
            from - run->at >= run->count || cut->bytes >= rest->size)
            continue;
        *rest = vd_bytes(rest->data + cut->bytes, rest->size - cut->bytes);
        return (uint32_t)(from - run->at);
    }
    return 0;
}

/* Goes through one run. False when the run is not what its commit says. */
static bool cut_run(vd_frame_t *self, const vd_frame_want_t *want, cut_t *cut,
                    const vd_commit_t *commit, const vd_commit_run_t *run, uint64_t from)
{
    vd_bytes_t rest = run->run;
    cut->open = false;
    for (uint32_t i = pass_cut(self, commit, run, from, &rest); i < run->count; i++) {
        vd_entry_t entry;
        if (vd_run_next(&rest, &entry) != VD_OK)
            return false;
        uint64_t at = run->at + i;
        if (at < from)
            continue;
        cut->next = at;
        if (!type_matches(want, entry.event)) {
            cut->open = false;
        } else if (fits(self, want, cut, entry.raw.size)) {
            take(self, cut, run, run->first_seq + i, &entry);
        } else {
            cut->full = true;
            remember_cut(self, commit, run, at, (size_t)(entry.raw.data - run->run.data));
            return true;
        }
        cut->next = at + 1;
    }
    return rest.size == 0;
}

/* Adds what matches of `commit` from its event `from` on. */
static vd_status_t cut_commit(vd_frame_t *self, const vd_frame_want_t *want,
                              const vd_commit_t *commit, uint64_t from, cut_t *cut)
{
    *cut = (cut_t){.next = from, .bytes = COMMIT_OVERHEAD};
    for (uint32_t r = 0; r < commit->run_count && !cut->full; r++) {
        const vd_commit_run_t *run = &commit->runs[r];
        if (want->session[0] != 0 && !vd_str_is(run->session, want->session))
            continue;
        if (run->absent != VD_OK) {
            cut_absent(self, cut, run, from);
        } else if (!cut_run(self, want, cut, commit, run, from)) {
            snprintf(self->error, sizeof self->error,
                     "commit %llu: the run of session %.*s does not hold the %u events that the "
                     "commit lists",
                     (unsigned long long)commit->index, (int)run->session.size,
                     (const char *)run->session.data, run->count);
            return VD_CORRUPT;
        }
    }
    /* A commit that holds no event counts for nothing, and is there for who checks the chain. Of one
     * that was read to its end there is nothing more to tell. */
    bool bare = commit->run_count == 0 && from == 0 && want->session[0] == 0 && want->type[0] == 0;
    if (cut->count == 0 && !bare)
        return VD_OK;
    vd_commit_t piece = *commit;
    piece.runs = self->pieces;
    piece.run_count = cut->count;
    settle(self);
    vd_commit_write(&self->payload, &piece);
    assert(!self->payload.full);
    self->events += cut->events;
    self->bytes += cut->event_bytes;
    return VD_OK;
}

/* Nothing (more) is there up to the tail. */
static vd_status_t reach_tail(vd_frame_t *self, const vd_stream_tail_t *tail,
                              const vd_frame_want_t *want, vd_place_t *place)
{
    if (tail->head <= place->index)
        return VD_OK;
    if (want->session[0] == 0) {
        snprintf(self->error, sizeof self->error,
                 "store %s: commit %llu is missing below the newest, %llu", tail->store,
                 (unsigned long long)place->index + 1, (unsigned long long)tail->head);
        return VD_CORRUPT;
    }
    *place = (vd_place_t){.index = tail->head, .chain = tail->chain};
    return VD_OK;
}

/* Is `commit`, the first one found behind `place`, the one that must come there? */
static bool is_next(const vd_frame_want_t *want, const vd_place_t *place, const vd_commit_t *commit)
{
    if (want->session[0] != 0)
        return commit->index > place->index;
    return commit->index == place->index + 1;
}

static size_t commit_bytes(const vd_commit_t *commit)
{
    size_t bytes = 0;
    for (uint32_t r = 0; r < commit->run_count; r++)
        bytes += commit->runs[r].run.size;
    return bytes;
}

/* Tells that nothing can be read of the commit behind `place`, and goes on behind it. */
static vd_status_t tell_lost(vd_frame_t *self, vd_place_t *place, uint64_t index)
{
    const vd_commit_run_t lost = {.absent = VD_CORRUPT};
    const vd_commit_t commit = {.index = index, .run_count = 1, .runs = &lost};
    assert(index == place->index + 1);
    if (payload_size(self) + COMMIT_OVERHEAD + PIECE_OVERHEAD > VD_ITEMS_BYTES_MAX)
        return VD_NOT_FOUND;
    settle(self);
    vd_commit_write(&self->payload, &commit);
    *place = (vd_place_t){.index = index};
    return VD_OK;
}

/* Takes what fits and matches of `commit`, the next one. VD_OK: there may be more; VD_NOT_FOUND: the
 * frame is done. */
static vd_status_t take_commit(vd_frame_t *self, const vd_frame_want_t *want,
                               const vd_commit_t *commit, vd_place_t *place)
{
    cut_t cut;
    uint64_t first = commit->index == place->index + 1 ? place->offset : 0;
    vd_status_t status = cut_commit(self, want, commit, first, &cut);
    if (status != VD_OK)
        return status;
    self->scanned += commit_bytes(commit);
    if (!cut.full)
        *place = (vd_place_t){.index = commit->index, .chain = commit->chain};
    else if (cut.next > 0)
        *place = (vd_place_t){commit->index - 1, cut.next, commit->chain};
    self->commits += cut.events > 0 ? 1 : 0;
    return cut.full ? VD_NOT_FOUND : VD_OK;
}

/* Does the reader want everything in the commit? */
static bool wants_all(const vd_frame_want_t *want, const vd_commit_t *commit)
{
    if (want->type[0] != 0 || commit->run_count > VD_COMMIT_PIECES_MAX)
        return false;
    if (want->session[0] == 0)
        return true;
    for (uint32_t r = 0; r < commit->run_count; r++)
        if (!vd_str_is(commit->runs[r].session, want->session))
            return false;
    return commit->run_count > 0;
}

/* Takes a commit from memory: whole, as it stands there, or cut. */
static vd_status_t take_recent(vd_frame_t *self, const vd_frame_want_t *want,
                               const vd_recent_commit_t *recent, vd_place_t *place)
{
    bool whole = place->offset == 0 && wants_all(want, &recent->commit);
    bool paid = self->events + recent->events <= want->items_max &&
                self->bytes + recent->event_bytes <= want->bytes_max;
    size_t size = payload_size(self);
    bool fits_in = size + recent->bytes->size <= VD_ITEMS_BYTES_MAX;
    if (!whole || ((!paid || !fits_in) && size == 0))
        return take_commit(self, want, &recent->commit, place);
    if (!paid || !fits_in) {
        self->cut_by_credit = !paid;
        return VD_NOT_FOUND;
    }
    if (size == 0) {
        self->alone = vd_shared_hold(recent->bytes);
    } else {
        settle(self);
        vd_buffer_add(&self->payload, recent->bytes->data, recent->bytes->size);
        assert(!self->payload.full);
    }
    self->events += recent->events;
    self->bytes += recent->event_bytes;
    self->commits += recent->events > 0 ? 1 : 0;
    *place = (vd_place_t){.index = recent->commit.index, .chain = recent->commit.chain};
    return VD_OK;
}

/* Takes the next commit from the source. */
static vd_status_t take_read(vd_frame_t *self, const vd_frame_from_t *from,
                             const vd_frame_want_t *want, vd_place_t *place)
{
    vd_commit_t commit = {0};
    const vd_stream_tail_t *tail = from->tail;
    if (from->source->at != NULL)
        from->source->at(from->arg, place->index, place->offset, place->chain);
    vd_status_t status = from->source->read(from->arg, place->index + 1, want->session, &commit,
                                            self->error, sizeof self->error);
    if (status == VD_NOT_FOUND) {
        status = reach_tail(self, tail, want, place);
        return status == VD_OK ? VD_NOT_FOUND : status;
    }
    if (status == VD_CORRUPT && want->session[0] == 0 && commit.index == place->index + 1)
        return tell_lost(self, place, commit.index);
    if (status != VD_OK)
        return status;
    if (!is_next(want, place, &commit)) {
        snprintf(self->error, sizeof self->error, "commit %llu is not held, the next one is %llu",
                 (unsigned long long)place->index + 1, (unsigned long long)commit.index);
        return VD_PRUNED;
    }
    /* It was committed after the tail was looked at: the next frame has it, with a head that says so. */
    if (commit.index > tail->head) {
        status = reach_tail(self, tail, want, place);
        return status == VD_OK ? VD_NOT_FOUND : status;
    }
    return take_commit(self, want, &commit, place);
}

/* Does it come behind `place`? A chain of 0 is not known. */
static bool follows(const vd_recent_commit_t *recent, const vd_place_t *place)
{
    uint32_t chain = place->offset > 0 ? recent->commit.chain : recent->before;
    return chain == 0 || place->chain == 0 || chain == place->chain;
}

/* Takes the next commit into the frame. VD_OK: there may be more; VD_NOT_FOUND: the frame is
 * done. */
static vd_status_t fill_next(vd_frame_t *self, const vd_frame_from_t *from,
                             const vd_frame_want_t *want, vd_place_t *place)
{
    if (place->index >= from->tail->head)
        return VD_NOT_FOUND;
    self->reads++;
    /* The source alone finds the next commit with a session, and knows when it was pruned. */
    bool look = from->recent != NULL && (from->source == NULL || want->session[0] == 0);
    const vd_recent_commit_t *recent = look ? vd_recent_take(from->recent, place->index + 1) : NULL;
    /* Memory may be of the history that there was before the source went back. */
    if (recent != NULL && !follows(recent, place))
        vd_recent_release(&recent);
    if (recent == NULL)
        return from->source != NULL ? take_read(self, from, want, place) : VD_NOT_FOUND;
    vd_status_t status = take_recent(self, want, recent, place);
    vd_recent_release(&recent);
    return status;
}

vd_status_t vd_frame_fill(vd_frame_t *self, const vd_frame_from_t *from,
                          const vd_frame_want_t *want, vd_place_t *place)
{
    assert(want->items_max > 0 && want->bytes_max > 0 && want->commits_max > 0);
    vd_status_t status = VD_OK;
    const vd_place_t before = *place;
    vd_frame_clear(self);
    while (status == VD_OK && self->reads < READS_MAX && self->scanned < SCAN_BYTES_MAX &&
           self->commits < want->commits_max)
        status = fill_next(self, from, want, place);
    /* What came before a trouble goes out first, and what a filter left out was looked at; the trouble
     * is met again. */
    bool moved = place->index != before.index || place->offset != before.offset;
    return status == VD_NOT_FOUND || moved ? VD_OK : status;
}

/* history_watch.c: what a publisher sends over one stream is all of one history: of the store as it is,
 * or of the one before it went back.
 *
 * 1. A stream belongs to a life of its publisher. Which lives a START has reached is noted as it is
 *    taken, each time that the network brings it: to the life that it was meant for, once more, or to
 *    the next one.
 * 2. Each START that was taken begins one stream at most, with STARTED. That may be in another history
 *    than the stream before it. A stream that nobody has asked for again stays in its own.
 * 3. It is judged when it is sent, so that nothing that happens on the way has to be excused.
 */
#include "witness.h"

#include "wire/run.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum { STREAMS_MAX = 1024 };

/* One that a publisher was asked for. */
typedef struct watched {
    const vd_node_t *publisher; /* NULL: a place that is free */
    uint64_t life;
    vd_peer_t peer;
    uint64_t correlation;
    uint64_t order; /* in which they were asked for */
    char name[VD_NAME_BYTES_MAX + 1];
    uint32_t asked;             /* so many STARTs have reached it and have begun nothing yet */
    const vd_ledger_t *history; /* the only one that holds what it was sent */
} watched_t;

struct vd_history_watch {
    watched_t streams[STREAMS_MAX];
    uint64_t order;
};

void vd_history_watch_add(vd_whole_t *self)
{
    self->histories = calloc(1, sizeof *self->histories);
    assert(self->histories != NULL);
}

void vd_history_watch_free(vd_whole_t *self)
{
    free(self->histories);
    self->histories = NULL;
}

static watched_t *find(vd_history_watch_t *self, const vd_node_t *publisher, const vd_peer_t *peer,
                       uint64_t correlation)
{
    for (uint32_t i = 0; i < STREAMS_MAX; i++) {
        watched_t *stream = &self->streams[i];
        if (stream->publisher == publisher && stream->life == vd_node_life(publisher) &&
            stream->correlation == correlation && vd_peer_equal(&stream->peer, peer))
            return stream;
    }
    return NULL;
}

/* A place that is free, or that of the stream which was asked for longest ago. */
static watched_t *place_for(vd_history_watch_t *self)
{
    watched_t *oldest = &self->streams[0];
    for (uint32_t i = 0; i < STREAMS_MAX && oldest->publisher != NULL; i++)
        if (self->streams[i].publisher == NULL || self->streams[i].order < oldest->order)
            oldest = &self->streams[i];
    return oldest;
}

/* A START has reached this life of a publisher. */
static void note_start(vd_history_watch_t *self, const vd_node_t *publisher, const vd_peer_t *peer,
                       const vd_message_t *message)
{
    watched_t *stream = find(self, publisher, peer, message->correlation);
    if (stream == NULL) {
        stream = place_for(self);
        *stream = (watched_t){.publisher = publisher,
                              .life = vd_node_life(publisher),
                              .peer = *peer,
                              .correlation = message->correlation};
        vd_str_copy(stream->name, sizeof stream->name, message->start.name);
    }
    stream->order = ++self->order;
    stream->asked++;
}

static void note_started(vd_whole_t *whole, const vd_node_t *publisher, watched_t *stream,
                         const vd_message_t *message)
{
    if (stream == NULL || stream->asked == 0) {
        vd_whole_fail(whole,
                      "[one history] %s begins stream %" PRIu64 " behind commit %" PRIu64
                      ", which nobody has asked it for",
                      vd_node_name(publisher), message->correlation, message->started.index);
        return;
    }
    stream->asked--;
    stream->history = NULL;
}

/* Does this history hold the event, and where? */
static bool is_of(const vd_ledger_t *ledger, uint64_t index, uint64_t place, uint32_t crc,
                  uint64_t *at)
{
    *at = vd_ledger_find(ledger, index, place);
    if (*at >= vd_ledger_count(ledger))
        return false;
    const vd_ledger_entry_t *entry = vd_ledger_at(ledger, *at);
    return entry->index == index && entry->place == place && entry->crc == crc;
}

/* The only history that holds the event; NULL: both do, or none. What was kept is in both, also while
 * the store has not been read since. */
static const vd_ledger_t *history_of(const vd_whole_t *whole, uint64_t index, uint64_t place,
                                     uint32_t crc)
{
    uint64_t at;
    bool now = is_of(whole->ledger, index, place, crc, &at);
    bool before = is_of(whole->ledger_before, index, place, crc, &at);
    if (now == before || (before && at < whole->kept))
        return NULL;
    return now ? whole->ledger : whole->ledger_before;
}

static void check_entry(vd_whole_t *whole, const vd_node_t *publisher, watched_t *stream,
                        uint64_t index, uint64_t place, uint32_t crc)
{
    const vd_ledger_t *history = history_of(whole, index, place, crc);
    if (history == NULL)
        return;
    if (stream->history != NULL && stream->history != history)
        vd_whole_fail(whole,
                      "[one history] %s sends %s one stream with events of the store before it "
                      "went back and of the store behind that, at commit %" PRIu64,
                      vd_node_name(publisher), stream->name, index);
    stream->history = history;
}

static void check_commits(vd_whole_t *whole, const vd_node_t *publisher, watched_t *stream,
                          vd_bytes_t payload)
{
    vd_commit_run_t runs[VD_COMMIT_PIECES_MAX];
    vd_commit_t commit;
    vd_entry_t entry;
    watched_t answer = {.name = "somebody"}; /* what was fetched is one frame */
    if (whole->ledger_before == NULL)
        return; /* there is but one */
    vd_witness_look(whole);
    while (vd_commit_next(&payload, &commit, runs, VD_COMMIT_PIECES_MAX) == VD_OK)
        for (uint32_t i = 0; i < commit.run_count; i++) {
            vd_bytes_t rest = runs[i].run;
            for (uint32_t at = 0; vd_run_next(&rest, &entry) == VD_OK; at++)
                check_entry(whole, publisher, stream != NULL ? stream : &answer, commit.index,
                            runs[i].at + at, entry.crc);
        }
}

void vd_history_watch_heard(vd_whole_t *whole, const vd_node_t *node, bool arrives,
                            const vd_peer_t *peer, const vd_message_t *message)
{
    vd_history_watch_t *self = whole->histories;
    if (arrives && message->id == VD_MESSAGE_START)
        note_start(self, node, peer, message);
    else if (!arrives && message->id == VD_MESSAGE_STARTED)
        note_started(whole, node, find(self, node, peer, message->correlation), message);
    else if (!arrives && message->id == VD_MESSAGE_COMMITS)
        check_commits(whole, node, find(self, node, peer, message->correlation), message->payload);
}

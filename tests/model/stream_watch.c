/* stream_watch.c: what is seen of a subscriber's streams from outside, and checked. */
#include "stream_part.h"

#include <inttypes.h>

enum { AGAIN_US = 1000000 }; /* until a START that the network repeats has come */

void vd_stream_sent(stream_t *self, const vd_message_t *message)
{
    bool live = message->id == VD_MESSAGE_START && vd_str_is(message->start.stream, "live");
    lane_t *lane = message->correlation == self->live.correlation ? &self->live : &self->commit;
    if (message->id == VD_MESSAGE_START) {
        lane = live ? &self->live : &self->commit;
        *lane = (lane_t){.correlation = message->correlation,
                         .on = true,
                         .granted = message->start.items,
                         .asked_us = vd_whole_now_us(self->whole),
                         .asked = !message->start.head && message->start.store.size > 0,
                         .asked_index = message->start.index,
                         .asked_offset = message->start.offset};
    } else if (message->correlation != lane->correlation) {
        return;
    } else if (message->id == VD_MESSAGE_STOP) {
        lane->on = false;
    } else if (message->id == VD_MESSAGE_CREDIT && message->credit.items > lane->granted) {
        lane->granted = message->credit.items;
    }
}

/* Where a place stands to what has come of a stream. */
static int against(const lane_t *lane, uint64_t index, uint64_t offset)
{
    if (index != lane->index)
        return index < lane->index ? -1 : 1;
    return offset < lane->offset ? -1 : offset > lane->offset;
}

/* What a frame says that it costs is what it holds. */
static void check_cost(const stream_t *self, const vd_message_t *message)
{
    vd_bytes_t payload = message->payload;
    vd_commit_run_t runs[VD_COMMIT_PIECES_MAX];
    vd_commit_t commit;
    uint64_t events = 0;
    while (vd_commit_next(&payload, &commit, runs, VD_COMMIT_PIECES_MAX) == VD_OK)
        for (uint32_t i = 0; i < commit.run_count; i++)
            events += runs[i].absent == VD_OK ? runs[i].count : 0;
    if (events != message->commits.events)
        vd_whole_fail(self->whole,
                      "[credit] %s has %" PRIu64 " events in a frame that counts %" PRIu64,
                      self->name, events, message->commits.events);
}

static void see_commits(stream_t *self, lane_t *lane, const vd_commits_body_t *body)
{
    if (against(lane, body->index, body->offset) <= 0)
        return; /* once more */
    /* The network has repeated the START: the stream has begun twice, and its credit anew. */
    if (against(lane, body->after, body->after_offset) < 0 && self->whole->weather.repeat > 0)
        lane->received = 0;
    lane->index = body->index;
    lane->offset = body->offset;
    lane->received += body->events;
    /* A live stream that is begun once more has its credit anew, and the word of it may be lost. */
    if (lane == &self->live && vd_whole_now_us(self->whole) - lane->asked_us < AGAIN_US)
        lane->early += body->events;
    if (lane->received > lane->granted + lane->early)
        vd_whole_fail(self->whole,
                      "[credit] %s has %" PRIu64 " events of a %s stream and granted "
                      "%" PRIu64,
                      self->name, lane->received, lane == &self->live ? "live" : "commit",
                      lane->granted);
    vd_reception_view_t view;
    vd_reception_look(self->reception, &view);
    if (lane->held && view.held && body->events > 0 && self->whole->weather.ordered &&
        self->held_life == vd_node_life(self->whole->ingestor.node))
        vd_whole_fail(self->whole, "[held] %s is sent events while an operator holds it",
                      self->name);
}

/* A stream begins where it was asked to, or is refused. */
static void check_begin(const stream_t *self, const lane_t *lane, const vd_started_body_t *started)
{
    if (lane->asked &&
        (started->index != lane->asked_index || started->offset != lane->asked_offset))
        vd_whole_fail(self->whole,
                      "[one history] %s asked for what follows %" PRIu64 ".%" PRIu64
                      " and is told that it begins behind %" PRIu64 ".%" PRIu64,
                      self->name, lane->asked_index, lane->asked_offset, started->index,
                      started->offset);
}

/* ---- what comes ---- */

void vd_stream_taken(stream_t *self, const vd_message_t *message)
{
    lane_t *lane = message->correlation == self->live.correlation ? &self->live : &self->commit;
    if (message->correlation != lane->correlation || !lane->on)
        return;
    switch (message->id) {
    case VD_MESSAGE_STARTED:
        /* A START at the head that came twice begins twice, and its credit anew. */
        if (message->started.index > lane->begun)
            lane->received = 0;
        lane->begun = message->started.index;
        check_begin(self, lane, &message->started);
        break;
    case VD_MESSAGE_COMMITS:
        check_cost(self, message);
        see_commits(self, lane, &message->commits);
        break;
    case VD_MESSAGE_HOLD:
        self->holds += message->hold.held;
        lane->held = message->hold.held;
        self->held_life = vd_node_life(self->whole->ingestor.node);
        break;
    case VD_MESSAGE_GAP:
        self->gap_us = vd_whole_now_us(self->whole);
        break;
    case VD_MESSAGE_USE_COMMITS:
    case VD_MESSAGE_DROP:
    case VD_MESSAGE_STREAM_RESET:
    case VD_MESSAGE_ERROR:
        lane->on = lane->held = false;
        break;
    default:
        break;
    }
}

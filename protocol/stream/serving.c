/* serving.c: who is sent what in a step, and signs of life. */
#include "stream/publisher_state.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define TICK_US 250000
/* Live events go out when the last did so long ago at most. */
#define LIVE_US 50000
/* What a frame takes beside its payload, and what looking at a commit costs, in bytes. */
#define FRAME_OVERHEAD 128u
#define READ_COST      128u

void vd_look_at_tails(vd_publisher_t *self)
{
    /* First the memory, which never leads the source: so no stream is ahead of the head that is
     * told. */
    self->live = (vd_stream_tail_t){0};
    if (self->options.recent != NULL)
        vd_recent_tail(self->options.recent, &self->live);
    self->options.source->tail(self->options.source_arg, &self->tail);
    self->head = self->live.head > self->tail.head ? self->live.head : self->tail.head;
}

static const vd_stream_tail_t *tail_of(const vd_publisher_t *self, int kind)
{
    return kind == VD_LIVE ? &self->live : &self->tail;
}

static bool has_credit(const vd_outflow_t *flow)
{
    return flow->spent_items < flow->credit_items && flow->spent_bytes < flow->credit_bytes;
}

static bool is_behind(const vd_publisher_t *self, const vd_reader_row_t *row, int kind)
{
    const vd_outflow_t *flow = &row->flows[kind];
    return flow->open && flow->place.index < tail_of(self, kind)->head;
}

static bool can_be_served(const vd_publisher_t *self, const vd_reader_row_t *row, int kind)
{
    const vd_outflow_t *flow = &row->flows[kind];
    return is_behind(self, row, kind) && !row->held && has_credit(flow) &&
           row->burst_bytes < self->knobs.bytes_max &&
           flow->uncredited_bytes < VD_UNCREDITED_BYTES_MAX;
}

/* ---- replay yields ---- */

/* Does the commit stream stand before everything that memory holds? */
static bool is_replay(const vd_publisher_t *self, const vd_reader_row_t *row)
{
    uint64_t lowest = self->live.first > 0 ? self->live.first : self->live.head + 1;
    return self->options.recent != NULL && row->flows[VD_COMMIT].place.index + 1 < lowest;
}

/* A replay at full speed takes the processors from those that wait for live events, here and where
 * it is read: it rests between two frames while there are any. Each by itself: were the rate for all
 * together, many that are behind would never catch up. */
static bool rests(const vd_publisher_t *self, vd_now_t now, const vd_reader_row_t *row)
{
    return now.mono_us < row->flows[VD_COMMIT].rest_us && is_replay(self, row);
}

static void begin_rest(const vd_publisher_t *self, vd_now_t now, vd_outflow_t *flow, size_t bytes)
{
    bool flows = self->live_us > 0 && now.mono_us - self->live_us < LIVE_US;
    uint64_t rate = self->knobs.replay_bytes_per_s_max;
    if (flows && rate > 0)
        flow->rest_us = now.mono_us + (int64_t)(bytes * UINT64_C(1000000) / rate);
}

/* ---- one frame ---- */

static void send_frame(vd_publisher_t *self, vd_now_t now, vd_reader_row_t *row, vd_outflow_t *flow,
                       const vd_memo_t *frame, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_COMMITS, .correlation = flow->correlation};
    message.commits.store = vd_str(self->tail.store);
    message.commits.after = flow->sent.index;
    message.commits.after_offset = flow->sent.offset;
    message.commits.index = flow->place.index;
    message.commits.offset = flow->place.offset;
    message.commits.chain = flow->place.chain;
    message.commits.events = frame->events;
    message.commits.head = self->head;
    vd_effects_send_shared(effects, self->options.port, &row->peer, &message, frame->payload);
    flow->sent = flow->place;
    flow->spent_items += frame->events;
    flow->spent_bytes += frame->bytes;
    row->burst_bytes += frame->bytes;
    if (frame->events == 0)
        flow->uncredited_bytes += frame->payload->size + FRAME_OVERHEAD;
    flow->told_us = now.mono_us;
    if (flow == &row->flows[VD_LIVE] && frame->events > 0)
        self->live_us = now.mono_us;
    flow->batch = frame->commits;
    row->events += frame->events;
    row->bytes += frame->bytes;
    self->totals.frames++;
    self->totals.events += frame->events;
    self->totals.event_bytes += frame->bytes;
}

static uint32_t commits_for(const vd_publisher_t *self, const vd_outflow_t *flow, int kind)
{
    const vd_publisher_knobs_t *knobs = &self->knobs;
    uint64_t lag = tail_of(self, kind)->head - flow->place.index;
    uint64_t commits = UINT32_MAX;
    int step = 0;
    while (step < VD_BATCH_STEPS && lag <= knobs->batch_lag[step])
        step++;
    if (kind == VD_COMMIT)
        commits = knobs->batch_commits[step];
    if (flow->batch_max > 0 && flow->batch_max < commits)
        commits = flow->batch_max;
    return (uint32_t)commits;
}

static bool same_place(const vd_place_t *a, const vd_place_t *b)
{
    return a->index == b->index && a->offset == b->offset && a->chain == b->chain;
}

/* The frame that somebody else at this place was sent in this step. */
static const vd_memo_t *find_memo(const vd_publisher_t *self, const vd_outflow_t *flow,
                                  const vd_frame_want_t *want, uint64_t head)
{
    for (uint32_t i = 0; i < VD_MEMOS; i++) {
        const vd_memo_t *memo = &self->memos[i];
        if (memo->payload != NULL && memo->head == head && same_place(&memo->after, &flow->place) &&
            memo->commits_max == want->commits_max && memo->events <= want->items_max &&
            memo->bytes <= want->bytes_max && strcmp(memo->session, flow->session) == 0 &&
            strcmp(memo->type, flow->type) == 0)
            return memo;
    }
    return NULL;
}

static void forget_memos(vd_publisher_t *self)
{
    for (uint32_t i = 0; i < VD_MEMOS; i++)
        vd_shared_release(&self->memos[i].payload);
}

/* Makes the next frame of `flow` and remembers it. */
static vd_status_t make_frame(vd_publisher_t *self, int kind, const vd_outflow_t *flow,
                              const vd_frame_want_t *want, vd_memo_t **made)
{
    const vd_stream_tail_t *tail = tail_of(self, kind);
    vd_frame_from_t from = {.recent = self->options.recent, .tail = tail};
    if (kind == VD_COMMIT) {
        from.source = self->options.source;
        from.arg = self->options.source_arg;
    }
    vd_memo_t *memo = &self->memos[self->memo_next++ % VD_MEMOS];
    vd_shared_release(&memo->payload);
    memo->after = memo->place = flow->place;
    vd_status_t status = vd_frame_fill(&self->frame, &from, want, &memo->place);
    if (status != VD_OK)
        return status;
    memo->payload = vd_frame_take(&self->frame);
    if (memo->payload == NULL)
        return VD_NO_MEMORY;
    /* One that little credit has cut short is not for others: its head fits none of them. */
    memo->head = self->frame.cut_by_credit ? UINT64_MAX : tail->head;
    memcpy(memo->session, flow->session, sizeof memo->session);
    memcpy(memo->type, flow->type, sizeof memo->type);
    memo->commits = self->frame.commits;
    memo->commits_max = want->commits_max;
    memo->events = self->frame.events;
    memo->bytes = self->frame.bytes;
    self->totals.encoded += memo->payload->size > 0;
    *made = memo;
    return VD_OK;
}

/* Sends one frame, if there is anything in it. Adds its cost. False when nothing moved: the
 * subscriber cannot be served now, or its stream is at its end. */
static bool serve(vd_publisher_t *self, vd_now_t now, vd_reader_row_t *row, int kind, size_t *cost,
                  vd_effects_t *effects)
{
    vd_outflow_t *flow = &row->flows[kind];
    vd_frame_want_t want = {.session = flow->session,
                            .type = flow->type,
                            .items_max = flow->credit_items - flow->spent_items,
                            .bytes_max = flow->credit_bytes - flow->spent_bytes,
                            .commits_max = commits_for(self, flow, kind)};
    if (want.bytes_max > self->knobs.bytes_max - row->burst_bytes)
        want.bytes_max = self->knobs.bytes_max - row->burst_bytes;
    const vd_memo_t *memo = find_memo(self, flow, &want, tail_of(self, kind)->head);
    vd_memo_t *made = NULL;
    vd_status_t status = VD_OK;
    if (memo == NULL) {
        status = make_frame(self, kind, flow, &want, &made);
        *cost += self->frame.scanned + self->frame.reads * READ_COST;
        memo = made;
    }
    if (status == VD_OK) {
        bool moved = !same_place(&flow->place, &memo->place);
        if (kind == VD_COMMIT && is_replay(self, row))
            begin_rest(self, now, flow, memo->payload->size);
        flow->place = memo->place;
        bool at_head = flow->place.index >= tail_of(self, kind)->head;
        *cost += memo->payload->size;
        /* The first arrival at the head is told even when the filter left all of the rest out:
         * whoever replays up to the head need not wait for it. */
        if (memo->payload->size > 0 || (at_head && !flow->caught_up))
            send_frame(self, now, row, flow, memo, effects);
        flow->caught_up = flow->caught_up || at_head;
        return moved;
    }
    if (vd_ends_stream(status)) {
        vd_effects_log(effects, VD_ERROR, "stream ended: %s", self->frame.error);
        vd_send_reset(self, &row->peer, flow->correlation, status, self->frame.error, effects);
        vd_row_close(row, now, flow);
    }
    return false;
}

/* ---- turns ---- */

/* Tells what memory has lost, and lets the stream go on behind the newest commit: whoever has to
 * read the gap elsewhere reads what is still in memory on the way. */
static void tell_gap(vd_publisher_t *self, vd_now_t now, vd_reader_row_t *row,
                     vd_effects_t *effects)
{
    vd_outflow_t *flow = &row->flows[VD_LIVE];
    vd_message_t message = {.id = VD_MESSAGE_GAP, .correlation = flow->correlation};
    flow->place = (vd_place_t){.index = self->live.head, .chain = self->live.chain};
    message.gap.store = vd_str(self->live.store);
    message.gap.after = flow->sent.index;
    message.gap.after_offset = flow->sent.offset;
    message.gap.index = flow->place.index;
    message.gap.chain = flow->place.chain;
    message.gap.head = self->head;
    vd_effects_send(effects, self->options.port, &row->peer, &message);
    flow->sent = flow->place;
    flow->told_us = now.mono_us;
    row->gaps++;
    self->totals.gaps++;
}

static bool has_gap(const vd_publisher_t *self, const vd_reader_row_t *row)
{
    uint64_t lowest = self->live.first > 0 ? self->live.first : self->live.head + 1;
    return is_behind(self, row, VD_LIVE) && row->flows[VD_LIVE].place.index + 1 < lowest;
}

/* Serves the streams of a kind in turn, a frame each, again and again while there is something to
 * send. True when the step had to end before. */
static bool serve_all(vd_publisher_t *self, vd_now_t now, int kind, size_t budget,
                      vd_effects_t *effects)
{
    size_t cost = 0;
    uint32_t begin = self->count > 0 ? self->turns[kind] % self->count : 0;
    bool moved = true;
    self->turns[kind] = 0;
    while (moved) {
        moved = false;
        for (uint32_t i = 0; i < self->count; i++) {
            uint32_t at = (begin + i) % self->count;
            vd_reader_row_t *row = &self->rows[at];
            bool gap = kind == VD_LIVE && has_gap(self, row);
            if (!gap && !can_be_served(self, row, kind))
                continue;
            if (kind == VD_COMMIT && rests(self, now, row))
                continue;
            if (cost >= budget || vd_effects_room(effects) < VD_EFFECTS_KEPT) {
                self->turns[kind] = at;
                return true;
            }
            if (gap)
                tell_gap(self, now, row, effects);
            else
                moved = serve(self, now, row, kind, &cost, effects) || moved;
        }
    }
    return false;
}

/* When the first replay that waits for the end of its rest goes on; INT64_MAX: none waits. */
static int64_t next_rest_us(const vd_publisher_t *self, vd_now_t now)
{
    int64_t next_us = INT64_MAX;
    for (uint32_t i = 0; i < self->count; i++) {
        const vd_reader_row_t *row = &self->rows[i];
        if (rests(self, now, row) && can_be_served(self, row, VD_COMMIT) &&
            row->flows[VD_COMMIT].rest_us < next_us)
            next_us = row->flows[VD_COMMIT].rest_us;
    }
    return next_us;
}

static bool any_live(const vd_publisher_t *self)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (self->rows[i].flows[VD_LIVE].open)
            return true;
    return false;
}

void vd_pump(vd_publisher_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_look_at_tails(self);
    size_t budget = any_live(self) ? self->knobs.yield_bytes_max : self->knobs.step_bytes_max;
    bool more = serve_all(self, now, VD_LIVE, self->knobs.live_bytes_max, effects);
    more = serve_all(self, now, VD_COMMIT, budget, effects) || more;
    forget_memos(self);
    int64_t next_us = more ? now.mono_us : next_rest_us(self, now);
    if (next_us < INT64_MAX)
        vd_effects_timer(effects, self->options.timer + 1, next_us);
}

/* ---- signs of life ---- */

/* Since when is there something to send, and no credit? True when that is too long ago. A live
 * stream that was told a gap has waited all the while. */
static bool is_starved(const vd_publisher_t *self, vd_now_t now, const vd_reader_row_t *row,
                       int kind, vd_outflow_t *flow)
{
    bool waits = row->held || strcmp(row->mode, "paused") == 0;
    if (waits || has_credit(flow)) {
        flow->starved_us = 0;
        return false;
    }
    if (flow->starved_us == 0 && is_behind(self, row, kind))
        flow->starved_us = now.mono_us;
    return flow->starved_us > 0 && self->knobs.credit_deadline_ms > 0 &&
           now.mono_us - flow->starved_us > self->knobs.credit_deadline_ms * INT64_C(1000);
}

bool vd_tell_passed(vd_publisher_t *self, vd_now_t now, vd_reader_row_t *row, vd_outflow_t *flow,
                    vd_effects_t *effects)
{
    const vd_memo_t empty = {.payload = self->nothing};
    if (flow->sent.index >= flow->place.index)
        return false;
    send_frame(self, now, row, flow, &empty, effects);
    return true;
}

/* False when the row is gone. */
static bool tick_flow(vd_publisher_t *self, vd_now_t now, vd_reader_row_t *row, int kind,
                      vd_effects_t *effects)
{
    vd_outflow_t *flow = &row->flows[kind];
    char text[128];
    if (now.mono_us - flow->heard_us > VD_SUBSCRIBER_SILENT_MS * INT64_C(1000))
        return vd_row_drop(self, now, row, flow, VD_SILENT, "no CREDIT came for 10 s", effects);
    if (is_starved(self, now, row, kind, flow)) {
        snprintf(text, sizeof text,
                 "no credit was left for %u s while there was something to send; START again when "
                 "there is room",
                 self->knobs.credit_deadline_ms / 1000);
        return vd_row_drop(self, now, row, flow, VD_TOO_SLOW, text, effects);
    }
    if (now.mono_us - flow->told_us >= VD_HEAD_INTERVAL_MS * INT64_C(1000) &&
        !vd_tell_passed(self, now, row, flow, effects))
        vd_send_head(self, now, row, flow, effects);
    return true;
}

void vd_tick(vd_publisher_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_look_at_tails(self);
    for (uint32_t i = self->count; i-- > 0;) {
        vd_reader_row_t *row = &self->rows[i];
        bool there = true;
        for (int kind = 0; there && kind < VD_STREAM_KINDS; kind++)
            if (row->flows[kind].open && vd_effects_room(effects) >= VD_EFFECTS_KEPT)
                there = tick_flow(self, now, row, kind, effects);
        if (there && !vd_row_streams(row) &&
            now.mono_us - row->left_us > VD_SUBSCRIBER_SILENT_MS * INT64_C(1000))
            vd_row_remove(self, row);
    }
    self->ticking = self->count > 0;
    if (self->ticking)
        vd_effects_timer(effects, self->options.timer, now.mono_us + TICK_US);
}

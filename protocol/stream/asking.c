/* asking.c: what subscribers and readers ask of a publisher. */
#include "stream/publisher_state.h"

#include <assert.h>
#include <stdio.h>

/* Answers a position that cannot be served. */
static void refuse(vd_publisher_t *self, const vd_input_t *input, vd_status_t status,
                   const char *text, vd_effects_t *effects)
{
    if (status == VD_WENT_BACK || vd_ends_stream(status))
        vd_send_reset(self, &input->peer, input->message->correlation, status, text, effects);
    else
        vd_effects_reply_error(effects, input, status, "%s", text);
}

static vd_status_t resolve(vd_publisher_t *self, const vd_request_t *request, vd_place_t *place,
                           char *text, size_t text_size)
{
    vd_look_at_tails(self);
    return vd_resolve(self->options.source, self->options.source_arg, &self->tail, request, place,
                      text, text_size);
}

/* ---- START ---- */

/* Which kind of stream is asked for; -1, answered, when that cannot be. */
static int kind_of(vd_publisher_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    vd_str_t stream = input->message->start.stream;
    if (stream.size == 0 || vd_str_is(stream, "commit"))
        return VD_COMMIT;
    if (!vd_str_is(stream, "live")) {
        vd_effects_reply_error(effects, input, VD_MALFORMED,
                               "stream \"%.*s\" does not exist; there are live and commit",
                               (int)stream.size, (const char *)stream.data);
        return -1;
    }
    if (self->options.recent == NULL) {
        vd_effects_reply_error(effects, input, VD_UNSUPPORTED,
                               "there is no live stream here; START a commit stream");
        return -1;
    }
    return VD_LIVE;
}

/* What a subscriber calls itself goes into rows, logs and events. */
static bool check_name(const vd_input_t *input, vd_effects_t *effects)
{
    vd_str_t name = input->message->start.name;
    if (name.size == 0 || vd_name_valid(name))
        return true;
    vd_effects_reply_error(effects, input, VD_MALFORMED,
                           "what the subscriber calls itself is not a name: take letters, digits "
                           "and _ . - : # / @");
    return false;
}

/* Can a live stream begin at `place`? */
static bool is_in_memory(const vd_publisher_t *self, const vd_place_t *place)
{
    const vd_stream_tail_t *live = &self->live;
    uint64_t lowest = live->first > 0 ? live->first : live->head + 1;
    return vd_str_is(vd_str(live->store), self->tail.store) && place->index + 1 >= lowest;
}

static void send_to_commits(vd_publisher_t *self, const vd_input_t *input, const vd_place_t *place,
                            vd_effects_t *effects)
{
    vd_message_t answer = {.id = VD_MESSAGE_USE_COMMITS};
    answer.use_commits.store = vd_str(self->tail.store);
    answer.use_commits.from = place->index + 1;
    answer.use_commits.live = self->live.first > 0 ? self->live.first : self->tail.head + 1;
    answer.use_commits.head = self->head;
    vd_effects_reply(effects, input, &answer);
}

static void open_flow(vd_publisher_t *self, vd_now_t now, vd_reader_row_t *row, int kind,
                      const vd_input_t *input, const vd_place_t *place, vd_effects_t *effects)
{
    const vd_start_body_t *start = &input->message->start;
    vd_outflow_t *flow = &row->flows[kind];
    *flow = (vd_outflow_t){.open = true,
                           .correlation = input->message->correlation,
                           .place = *place,
                           .sent = *place,
                           .credit_items = start->items,
                           .credit_bytes = start->bytes,
                           .batch_max = start->batch,
                           .heard_us = now.mono_us,
                           .told_us = now.mono_us};
    vd_str_copy(flow->session, sizeof flow->session, start->session);
    vd_str_copy(flow->type, sizeof flow->type, start->type);
    row->left_us = 0;
    row->burst_bytes = input->unsent;
    if (start->name.size > 0)
        vd_str_copy(row->name, sizeof row->name, start->name);
    /* The reader measures how far its commits are from where live begins. */
    vd_outflow_t *commits = &row->flows[VD_COMMIT];
    if (kind == VD_LIVE && commits->open)
        vd_tell_passed(self, now, row, commits, effects);
    vd_message_t answer = {.id = VD_MESSAGE_STARTED};
    answer.started.store = vd_str(self->tail.store);
    answer.started.index = place->index;
    answer.started.offset = place->offset;
    answer.started.chain = place->chain;
    answer.started.head = self->head;
    vd_effects_reply(effects, input, &answer);
    if (row->held)
        vd_send_hold(self, row, flow, "an operator has paused this subscriber", effects);
    vd_row_says(self, now, row, start->mode, effects);
}

static void on_start(vd_publisher_t *self, vd_now_t now, const vd_input_t *input,
                     vd_effects_t *effects)
{
    const vd_start_body_t *start = &input->message->start;
    char text[VD_TEXT_BYTES_MAX];
    vd_place_t place = {0};
    vd_request_t request = {start->store,   start->index, start->offset, start->chain,
                            start->session, start->seq,   start->type,   start->head};
    int kind = kind_of(self, input, effects);
    if (kind < 0 || !check_name(input, effects))
        return;
    vd_reader_row_t *row = vd_row_find(self, &input->peer);
    if (row != NULL && row->flows[kind].open)
        vd_row_close(row, now, &row->flows[kind]);
    if (row != NULL && vd_row_streams(row) &&
        row->flows[1 - kind].correlation == input->message->correlation) {
        vd_effects_reply_error(effects, input, VD_MALFORMED,
                               "the other stream of this peer has correlation %llu already; give "
                               "each one its own",
                               (unsigned long long)input->message->correlation);
        return;
    }
    vd_status_t status = resolve(self, &request, &place, text, sizeof text);
    if (status != VD_OK) {
        refuse(self, input, status, text, effects);
        return;
    }
    if (kind == VD_LIVE && !is_in_memory(self, &place)) {
        send_to_commits(self, input, &place, effects);
        return;
    }
    row = vd_row_make(self, now, &input->peer);
    if (row == NULL) {
        vd_effects_reply_error(effects, input, VD_OVERLOADED,
                               "%d subscribers are served here already; try again later",
                               VD_SUBSCRIBERS_MAX);
        return;
    }
    open_flow(self, now, row, kind, input, &place, effects);
    if (!self->ticking)
        vd_tick(self, now, effects);
    vd_pump(self, now, effects);
}

/* ---- CREDIT and STOP ---- */

static vd_outflow_t *find_flow(vd_reader_row_t *row, uint64_t correlation)
{
    for (int kind = 0; row != NULL && kind < VD_STREAM_KINDS; kind++)
        if (row->flows[kind].open && row->flows[kind].correlation == correlation)
            return &row->flows[kind];
    return NULL;
}

static void on_credit(vd_publisher_t *self, vd_now_t now, const vd_input_t *input,
                      vd_effects_t *effects)
{
    const vd_credit_body_t *credit = &input->message->credit;
    vd_reader_row_t *row = vd_row_find(self, &input->peer);
    vd_outflow_t *flow = find_flow(row, input->message->correlation);
    if (flow == NULL) {
        vd_send_drop(self, &input->peer, input->message->correlation, VD_NOT_FOUND,
                     "there is no such stream here; START it", effects);
        return;
    }
    flow->heard_us = now.mono_us;
    row->queue = credit->queue;
    row->done = credit->done;
    row->done_known = credit->done > 0;
    vd_row_says(self, now, row, credit->mode, effects);
    bool grants = credit->items > flow->credit_items || credit->bytes > flow->credit_bytes;
    bool goes_on = flow->uncredited_bytes >= VD_UNCREDITED_BYTES_MAX ||
                   row->burst_bytes >= self->knobs.bytes_max;
    flow->uncredited_bytes = 0;
    row->burst_bytes = input->unsent;
    if (!grants) {
        vd_look_at_tails(self);
        if (!vd_tell_passed(self, now, row, flow, effects))
            vd_send_head(self, now, row, flow, effects);
    }
    if (!grants && !goes_on)
        return;
    if (grants)
        flow->starved_us = 0; /* what it grants may be spent before the next tick looks */
    if (credit->items > flow->credit_items)
        flow->credit_items = credit->items;
    if (credit->bytes > flow->credit_bytes)
        flow->credit_bytes = credit->bytes;
    vd_pump(self, now, effects);
}

static void on_stop(vd_publisher_t *self, vd_now_t now, const vd_input_t *input,
                    vd_effects_t *effects)
{
    vd_message_t done = {.id = VD_MESSAGE_DONE};
    vd_reader_row_t *row = vd_row_find(self, &input->peer);
    vd_outflow_t *flow = find_flow(row, input->message->correlation);
    if (flow != NULL)
        vd_row_close(row, now, flow);
    vd_effects_reply(effects, input, &done);
}

/* ---- FETCH ---- */

static void send_fetched(vd_publisher_t *self, const vd_input_t *input, const vd_place_t *after,
                         const vd_place_t *place, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_COMMITS, .correlation = input->message->correlation};
    message.commits.store = vd_str(self->tail.store);
    message.commits.after = after->index;
    message.commits.after_offset = after->offset;
    message.commits.index = place->index;
    message.commits.offset = place->offset;
    message.commits.chain = place->chain;
    message.commits.events = self->frame.events;
    message.commits.head = self->head;
    vd_shared_t *payload = vd_frame_take(&self->frame);
    vd_reader_row_t *row = vd_row_find(self, &input->peer);
    if (row != NULL && payload != NULL)
        row->burst_bytes += payload->size;
    if (payload != NULL)
        vd_effects_send_shared(effects, self->options.port, &input->peer, &message, payload);
    else
        vd_effects_reply_error(effects, input, VD_NO_MEMORY, "no memory for the answer; ask again");
    vd_shared_release(&payload);
}

static void on_fetch(vd_publisher_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    const vd_fetch_body_t *fetch = &input->message->fetch;
    char text[VD_TEXT_BYTES_MAX];
    char session[VD_NAME_BYTES_MAX + 1], type[VD_NAME_BYTES_MAX + 1];
    vd_place_t place = {0};
    vd_request_t request = {fetch->store,   fetch->index, fetch->offset, fetch->chain,
                            fetch->session, fetch->seq,   fetch->type,   false};
    if (input->unsent >= self->knobs.bytes_max) {
        vd_effects_reply_error(effects, input, VD_OVERLOADED,
                               "%zu bytes wait here for you to read them; read, then ask again",
                               input->unsent);
        return;
    }
    vd_status_t status = resolve(self, &request, &place, text, sizeof text);
    if (status != VD_OK) {
        refuse(self, input, status, text, effects);
        return;
    }
    vd_str_copy(session, sizeof session, fetch->session);
    vd_str_copy(type, sizeof type, fetch->type);
    vd_frame_want_t want = {.session = session,
                            .type = type,
                            .items_max = fetch->items_max ? fetch->items_max : UINT64_MAX,
                            .bytes_max = VD_ITEMS_BYTES_MAX,
                            .commits_max = UINT32_MAX};
    vd_frame_from_t from = {.source = self->options.source,
                            .arg = self->options.source_arg,
                            .recent = self->options.recent,
                            .tail = &self->tail};
    vd_place_t after = place;
    status = vd_frame_fill(&self->frame, &from, &want, &place);
    if (status == VD_OK)
        send_fetched(self, input, &after, &place, effects);
    else
        refuse(self, input, status, self->frame.error, effects);
}

bool vd_asked(vd_publisher_t *self, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    assert(input->kind == VD_INPUT_MESSAGE);
    switch (input->message->id) {
    case VD_MESSAGE_START:
        on_start(self, now, input, effects);
        return true;
    case VD_MESSAGE_CREDIT:
        on_credit(self, now, input, effects);
        return true;
    case VD_MESSAGE_STOP:
        on_stop(self, now, input, effects);
        return true;
    case VD_MESSAGE_FETCH:
        on_fetch(self, input, effects);
        return true;
    default:
        return false;
    }
}

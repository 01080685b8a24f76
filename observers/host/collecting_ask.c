/* collecting_ask.c: what a collector asks: which session goes on from the one that it read, and for
 * the snapshot of the observer that it reads. */
#include "collecting_state.h"

#include <assert.h>

enum {
    AGAIN_US = 500000,
    QUIET_US = 5000000, /* without a snapshot before it is told as an error */
    LIST_ROWS = 32,     /* of a page of sessions, newest first */
};

/* Correlations of the stream count from 1; these stand apart. */
static const uint64_t correlation_bit = UINT64_C(1) << 63;

static void ask_rows(vd_host_t *host, vd_now_t now, vd_effects_t *effects)
{
    vd_collecting_t *self = &host->collecting;
    vd_peer_t ingestor = vd_peer_named("ingestor");
    vd_message_t message = {.id = VD_MESSAGE_SESSIONS};
    message.correlation = correlation_bit | ++self->correlation;
    if (self->by_list) {
        message.sessions.rows_max = LIST_ROWS;
        message.sessions.before = vd_str(self->before);
    } else {
        message.sessions.session = vd_str(self->session);
    }
    vd_effects_send(effects, VD_HOST_PORT_INPUT, &ingestor, &message);
    vd_effects_timer(effects, VD_HOST_TIMER_COLLECT, now.mono_us + AGAIN_US);
}

void vd_collecting_link(vd_host_t *host, vd_now_t now, vd_effects_t *effects)
{
    vd_collecting_t *self = &host->collecting;
    assert(self->first && self->first->kind == VD_TAKEN_END && !self->given);
    self->phase = VD_COLLECTING_LINKING;
    self->by_list = false;
    ask_rows(host, now, effects);
}

void vd_collecting_ask_snapshot(vd_host_t *host, vd_now_t now, vd_effects_t *effects)
{
    vd_collecting_t *self = &host->collecting;
    vd_peer_t origin = vd_peer_named(self->origin);
    vd_message_t message = {.id = VD_MESSAGE_GET};
    if (self->asked_us == 0) {
        self->asked_us = now.mono_us;
        vd_effects_connect(effects, VD_HOST_PORT_ORIGIN, &origin, self->endpoint);
    }
    self->phase = VD_COLLECTING_BEGINNING;
    message.correlation = ++self->correlation;
    message.get.feed = vd_str("state");
    vd_effects_send(effects, VD_HOST_PORT_ORIGIN, &origin, &message);
    vd_effects_timer(effects, VD_HOST_TIMER_COLLECT, now.mono_us + AGAIN_US);
}

void vd_collecting_ask_again(vd_host_t *host, vd_now_t now, vd_effects_t *effects)
{
    vd_collecting_t *self = &host->collecting;
    if (self->phase == VD_COLLECTING_LINKING) {
        ask_rows(host, now, effects);
    } else if (self->phase == VD_COLLECTING_BEGINNING && self->first->kind == VD_TAKEN_HOLE) {
        if (now.mono_us - self->asked_us > QUIET_US)
            vd_faults_set(&host->faults, VD_STAGE_STATE, now.wall_ms,
                          "observer %s at %s gives no snapshot to go on from: see that it runs; "
                          "its events wait",
                          self->origin, self->endpoint);
        vd_collecting_ask_snapshot(host, now, effects);
    }
}

/* ---- sessions ---- */

static void go_over(vd_host_t *host, vd_now_t now, vd_str_t next, vd_effects_t *effects)
{
    vd_collecting_t *self = &host->collecting;
    vd_effects_timer_clear(effects, VD_HOST_TIMER_COLLECT);
    self->place = (vd_input_place_t){.rest = VD_REST_NOTHING};
    vd_str_copy(self->place.session, sizeof self->place.session, next);
    vd_collecting_read(host, now, effects);
}

/* The session has ended; its end names the next one, or the list of sessions has it. */
static void take_row(vd_host_t *host, vd_now_t now, const vd_session_record_t *row,
                     vd_effects_t *effects)
{
    vd_collecting_t *self = &host->collecting;
    if (vd_name_valid(row->continued_by)) {
        go_over(host, now, row->continued_by, effects);
        return;
    }
    self->by_list = true; /* with the timer: it may be about to come */
    self->before[0] = 0;
}

static void take_list(vd_host_t *host, vd_now_t now, const vd_message_t *message,
                      vd_effects_t *effects)
{
    vd_collecting_t *self = &host->collecting;
    vd_bytes_t rows = message->payload;
    char last[VD_NAME_BYTES_MAX + 1] = "";
    vd_session_record_t row;
    vd_status_t status;
    while ((status = vd_rows_next(&rows, VD_RECORD_session, &row)) != VD_NOT_FOUND) {
        if (status != VD_OK)
            continue;
        if (vd_str_is(row.continues, self->session)) {
            go_over(host, now, row.session, effects);
            return;
        }
        vd_str_copy(last, sizeof last, row.session);
    }
    /* Ids sort by time: who goes on from a session stands before it. */
    bool more = message->session_rows.more && strcmp(last, self->session) > 0;
    memcpy(self->before, last, sizeof last);
    if (more)
        ask_rows(host, now, effects);
    else
        self->by_list = false; /* with the timer, from the beginning */
}

static void take_rows(vd_host_t *host, vd_now_t now, const vd_message_t *message,
                      vd_effects_t *effects)
{
    vd_collecting_t *self = &host->collecting;
    vd_bytes_t rows = message->payload;
    vd_session_record_t row;
    bool pruned =
        message->id == VD_MESSAGE_ERROR && vd_status_of_name(message->error.status) == VD_PRUNED;
    if (self->phase != VD_COLLECTING_LINKING)
        return;
    if (!pruned && (message->id == VD_MESSAGE_ERROR || vd_scan_exact(rows, VD_DEPTH_MAX) != VD_OK))
        return;
    if (!pruned && self->by_list)
        take_list(host, now, message, effects);
    else if (!pruned && vd_rows_next(&rows, VD_RECORD_session, &row) == VD_OK &&
             vd_str_is(row.session, self->session))
        take_row(host, now, &row, effects);
    else
        vd_collecting_lose(host, now, "the session was pruned", effects);
}

/* ---- the snapshot ---- */

/* Puts the snapshot in place of the hole, behind both. */
static void take_snapshot(vd_host_t *host, const vd_message_t *message, vd_effects_t *effects)
{
    vd_collecting_t *self = &host->collecting;
    vd_value_t map, state, seq;
    char session[VD_NAME_BYTES_MAX + 1];
    if (vd_scan_exact(message->payload, VD_DEPTH_MAX) != VD_OK ||
        !vd_value_of(message->payload, &map) || map.kind != VD_KIND_MAP ||
        !vd_str_is(vd_value_get_str(&map, "phase"), "running") ||
        !vd_value_get(&map, "state", &state) || state.kind != VD_KIND_MAP ||
        !vd_value_get(&map, "seq", &seq) || seq.kind != VD_KIND_U64 ||
        !vd_name_valid(vd_value_get_str(&map, "session")))
        return; /* it is not there yet: asked again with the timer */
    vd_str_copy(session, sizeof session, vd_value_get_str(&map, "session"));
    vd_taken_t *hole = self->first;
    int order = strcmp(session, hole->session);
    bool is_behind = order > 0 || (order == 0 && seq.u64 > hole->seq);
    vd_taken_t *taken = vd_taken_make(self, VD_TAKEN_SNAPSHOT, is_behind ? session : hole->session,
                                      is_behind ? seq.u64 : hole->seq, vd_str(""), state.raw);
    if (!taken)
        return;
    if (!vd_ts_parse(vd_value_get_str(&map, "at"), &taken->record.at_ms))
        taken->record.at_ms = host->wall_ms;
    taken->stopped = hole->stopped;
    vd_taken_replace(self, taken);
    vd_effects_timer_clear(effects, VD_HOST_TIMER_COLLECT);
}

bool vd_collecting_answered(vd_host_t *host, vd_now_t now, const vd_input_t *input,
                            vd_effects_t *effects)
{
    vd_collecting_t *self = &host->collecting;
    if (input->kind != VD_INPUT_MESSAGE)
        return false;
    const vd_message_t *message = input->message;
    if (input->port == VD_HOST_PORT_INPUT && (message->correlation & correlation_bit) != 0) {
        if (message->correlation == (correlation_bit | self->correlation)) {
            self->correlation++; /* the same answer once more says nothing */
            take_rows(host, now, message, effects);
        }
        return true;
    }
    if (input->port != VD_HOST_PORT_ORIGIN)
        return false;
    if (message->id == VD_MESSAGE_SNAPSHOT && message->correlation == self->correlation &&
        self->phase == VD_COLLECTING_BEGINNING && self->first->kind == VD_TAKEN_HOLE)
        take_snapshot(host, message, effects);
    return true;
}

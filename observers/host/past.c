/* past.c: what the observer knew at a moment of the past, from what is stored. */
#include "host_state.h"

#include <assert.h>

enum { DEADLINE_US = 60000000 };

void vd_host_past_init(vd_host_t *self)
{
    vd_replay_spec_t spec = {.observer = self->observer,
                             .config = self->options.config,
                             .name = self->name,
                             .endpoint = self->endpoints[3],
                             .peer = "past", /* a connection of its own */
                             .port = VD_HOST_PORT_READ,
                             .stream_timer = VD_HOST_TIMER_PAST_STREAM,
                             .ask_timer = VD_HOST_TIMER_PAST_ASK,
                             .seed = self->options.inc,
                             .faults = &self->past.faults,
                             .origin = self->collecting.origin};
    vd_replay_init(&self->past.replay, &spec);
}

void vd_host_past_free(vd_host_t *self)
{
    vd_replay_free(&self->past.replay);
    vd_samples_destroy(&self->past.samples);
}

static void begin(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_past_t *past = &self->past;
    const vd_past_asked_t *asked = &past->asked[0];
    assert(past->count > 0 && !past->runs);
    past->runs = true;
    past->faults = (vd_faults_t){0};
    vd_effects_timer(effects, VD_HOST_TIMER_PAST, now.mono_us + DEADLINE_US);
    vd_replay_begin_past(&past->replay, now, asked->session[0] ? asked->session : self->session,
                         &asked->moment, effects);
}

void vd_host_past_asked(vd_host_t *self, vd_now_t now, const vd_input_t *input,
                        vd_effects_t *effects)
{
    vd_past_t *past = &self->past;
    const vd_past_body_t *body = &input->message->past;
    if (self->phase != VD_HOST_RUNNING) {
        vd_effects_reply_error(effects, input, VD_NOT_READY,
                               "observer %s is not restored yet; ask again", self->name);
        return;
    }
    if (body->session.size > 0 && !vd_name_valid(body->session)) {
        vd_effects_reply_error(effects, input, VD_USAGE,
                               "'%.*s' is not a session id; vedette session ls has those there are",
                               (int)body->session.size, (const char *)body->session.data);
        return;
    }
    if (past->count == 1 + VD_PAST_WAITING_MAX) {
        vd_effects_reply_error(
            effects, input, VD_BUSY,
            "observer %s is asked for %d moments of the past at a time; ask again", self->name,
            (int)past->count);
        return;
    }
    vd_past_asked_t *asked = &past->asked[past->count++];
    *asked = (vd_past_asked_t){
        .port = input->port, .peer = input->peer, .correlation = input->message->correlation};
    vd_str_copy(asked->session, sizeof asked->session, body->session);
    asked->moment =
        (vd_moment_t){.seq = body->seq,
                      .at_ms = body->at_ms,
                      .find = body->session.size == 0 && body->seq == 0 && body->at_ms != 0};
    if (!past->runs)
        begin(self, now, effects);
}

/* The question at hand as an input, to be replied to. */
static void reply_error(const vd_past_asked_t *asked, vd_status_t status, const char *text,
                        vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_PAST, .correlation = asked->correlation};
    vd_input_t input = {
        .kind = VD_INPUT_MESSAGE, .port = asked->port, .peer = asked->peer, .message = &message};
    vd_effects_reply_error(effects, &input, status, "%s", text);
}

static void reply(vd_host_t *self, vd_effects_t *effects)
{
    vd_past_t *past = &self->past;
    const vd_past_asked_t *asked = &past->asked[0];
    vd_buffer_t *view = &self->drawing, *out = &self->scratch;
    if (!past->samples)
        past->samples = vd_samples_new();
    if (!past->samples) {
        reply_error(asked, VD_NO_MEMORY, "no memory for a view of the past", effects);
        return;
    }
    vd_buffer_clear(view);
    vd_buffer_clear(out);
    self->observer->view(past->replay.state, past->samples, view);
    if (!view->full && vd_scan_exact(vd_buffer_view(view), VD_DEPTH_MAX - 2) == VD_OK)
        vd_host_write_past(self, vd_buffer_view(view), out);
    if (out->size == 0 || out->full) {
        reply_error(asked, VD_TOO_LARGE, "the snapshot is larger than an answer may be", effects);
        return;
    }
    vd_message_t message = {
        .id = VD_MESSAGE_VALUE, .correlation = asked->correlation, .payload = vd_buffer_view(out)};
    vd_effects_send(effects, asked->port, &asked->peer, &message);
}

/* The first question has been answered: the next one. */
static void finish(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_past_t *past = &self->past;
    assert(past->runs && past->count > 0);
    vd_replay_rest(&past->replay, now, effects);
    vd_effects_timer_clear(effects, VD_HOST_TIMER_PAST);
    past->runs = false;
    memmove(&past->asked[0], &past->asked[1], --past->count * sizeof past->asked[0]);
    if (past->count > 0)
        begin(self, now, effects);
}

bool vd_host_past_step(vd_host_t *self, vd_now_t now, const vd_input_t *input,
                       vd_effects_t *effects)
{
    vd_past_t *past = &self->past;
    if (input->kind == VD_INPUT_TIMER && input->id == VD_HOST_TIMER_PAST) {
        if (past->runs) {
            reply_error(&past->asked[0], VD_TIMED_OUT,
                        "the moment was not put together in time; ask again", effects);
            finish(self, now, effects);
        }
        return true;
    }
    bool ours = vd_replay_step(&past->replay, now, input, effects);
    if (!ours || !past->runs)
        return ours;
    if (past->replay.phase == VD_REPLAY_DONE)
        reply(self, effects);
    else if (past->replay.phase == VD_REPLAY_FAILED)
        reply_error(&past->asked[0], past->replay.status, past->replay.text, effects);
    else
        return true;
    finish(self, now, effects);
    return true;
}

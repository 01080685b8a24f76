/* replay.c: the way of a replay: which session, from which kept state on, and when it is over. */
#include "replay.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    AGAIN_US = 500000,
    UNANSWERED_MAX =
        10,          /* questions before a kept state is done without, and a row told as missing */
    REFUSED_MAX = 8, /* kept states that are tried before all events are read */
};

/* Correlations of a stream begin at 2^48; those of rows of the life at 2^63. */
static const uint64_t correlation_bit = UINT64_C(1) << 62;

void vd_replay_init(vd_replay_t *self, const vd_replay_spec_t *spec)
{
    assert(self && spec && spec->observer && spec->faults);
    *self = (vd_replay_t){.spec = *spec};
    vd_buffer_init(&self->links.parts, VD_EMIT_BYTES_MAX);
}

void vd_replay_free(vd_replay_t *self)
{
    assert(self);
    if (self->state)
        self->spec.observer->destroy(&self->state);
    vd_subscriber_destroy(&self->subscriber);
    vd_buffer_free(&self->links.parts);
}

static const char *session_at_hand(const vd_replay_t *self)
{
    return self->links.ids[self->links.at];
}

static void fail(vd_replay_t *self, vd_status_t status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void fail(vd_replay_t *self, vd_status_t status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(self->text, sizeof self->text, format, args);
    va_end(args);
    self->phase = VD_REPLAY_FAILED;
    self->status = status;
}

/* ---- events ---- */

/* Does the event come behind the moment? */
static bool is_beyond(const vd_replay_t *self, const vd_event_t *event, const vd_commit_t *commit)
{
    const vd_moment_t *moment = &self->moment;
    if (moment->at_ms != 0 && commit->time_ms > moment->at_ms)
        return true;
    if (self->links.at > 0)
        return self->end_index > 0 && commit->index > self->end_index;
    return moment->seq != 0 && event->seq > moment->seq;
}

static void take_event(void *arg, vd_now_t now, const vd_event_t *event, const vd_commit_t *commit,
                       const vd_position_t *position, vd_effects_t *effects)
{
    vd_replay_t *self = arg;
    const vd_moment_t *moment = &self->moment;
    bool newest = self->links.at == 0;
    assert(self->phase == VD_REPLAY_READING && self->subscriber);
    if (!self->passed && is_beyond(self, event, commit)) {
        self->passed = true;
        if (newest && moment->at_ms == 0)
            self->end_index = commit->index - 1;
    } else if (!self->passed) {
        vd_replay_take_event(self, event, commit, effects);
        self->own_position = *position;
        /* Nothing follows the end: the sessions behind it need not wait for the head. */
        bool bounded = moment->seq != 0 || moment->at_ms != 0;
        if ((!newest || bounded) && vd_str_is(event->type, "session_ended"))
            self->passed = true;
        if (newest && moment->seq != 0 && event->seq == moment->seq) {
            self->passed = true;
            self->end_index = commit->index;
        }
    }
    vd_subscriber_consumed(self->subscriber, now, 1, event->raw.size, effects);
}

static void take_progress(void *arg, vd_now_t now, const vd_position_t *position, uint64_t head,
                          vd_effects_t *effects)
{
    vd_replay_t *self = arg;
    (void)now, (void)effects;
    self->position = *position;
    if (position->store[0] && position->index >= head)
        self->passed = true;
}

static void take_stop(void *arg, vd_now_t now, vd_status_t status, const char *text, uint64_t first,
                      uint64_t head, vd_effects_t *effects)
{
    vd_replay_t *self = arg;
    (void)now, (void)first, (void)head, (void)effects;
    self->stopped = true;
    self->status = status;
    snprintf(self->text, sizeof self->text, "%s%s%s", vd_status_text(status),
             text && text[0] ? ": " : "", text ? text : "");
}

/* The state is then what the other events say, or the sessions before if the saved state is what is
 * missing; the next turns find from the sources what is missing in it. */
static void take_absent(void *arg, vd_now_t now, vd_str_t session, uint64_t first, uint32_t count,
                        vd_status_t status, const vd_position_t *position, vd_effects_t *effects)
{
    vd_replay_t *self = arg;
    char which[64] = "events of a commit";
    if (self->passed)
        return;
    self->position = self->own_position = *position;
    if (count > 0)
        snprintf(which, sizeof which, "events %llu to %llu", (unsigned long long)first,
                 (unsigned long long)(first + count - 1));
    if (vd_faults_set(self->spec.faults, VD_STAGE_STATE, now.wall_ms,
                      "session %.*s: %s cannot be replayed: %s; observer %s goes on without them",
                      (int)session.size, session.size > 0 ? (const char *)session.data : "", which,
                      vd_status_text(status), self->spec.name))
        vd_effects_log(effects, VD_WARN, "%s", self->spec.faults->stages[VD_STAGE_STATE].text);
}

static const vd_subscriber_handler_t handler = {
    .event = take_event, .absent = take_absent, .progress = take_progress, .stopped = take_stop};

/* Reads the session at hand: behind the kept state, or from its first event. */
static void read_on(vd_replay_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_peer_t peer = vd_peer_named(self->spec.peer);
    self->phase = VD_REPLAY_READING;
    self->passed = self->stopped = false;
    self->links.part = 0; /* the parts of a state are in one session */
    vd_effects_timer_clear(effects, self->spec.ask_timer);
    if (!self->subscriber) {
        self->subscriber =
            vd_subscriber_new(self->spec.port, &peer, self->spec.stream_timer, &handler, self);
        if (!self->subscriber) {
            fail(self, VD_NO_MEMORY, "no memory for the replay");
            return;
        }
        vd_subscriber_connect(self->subscriber, now, self->spec.endpoint, effects);
    }
    vd_subscription_t subscription = {.seq = 1, .seed = self->spec.seed};
    vd_str_copy(subscription.name, sizeof subscription.name, vd_str(self->spec.name));
    strcpy(subscription.session, session_at_hand(self));
    if (self->from_kept)
        subscription.position = self->position;
    vd_subscriber_start(self->subscriber, now, &subscription, effects);
}

/* ---- questions ---- */

static void send(vd_replay_t *self, vd_now_t now, vd_message_t *message, vd_effects_t *effects)
{
    vd_peer_t peer = vd_peer_named(self->spec.peer);
    message->correlation = correlation_bit | ++self->correlation;
    vd_effects_send(effects, self->spec.port, &peer, message);
    vd_effects_timer(effects, self->spec.ask_timer, now.mono_us + AGAIN_US);
}

static void ask(vd_replay_t *self, vd_now_t now, vd_effects_t *effects)
{
    if (self->phase == VD_REPLAY_ROW) {
        vd_message_t message = {.id = VD_MESSAGE_SESSIONS};
        message.sessions.session = vd_str(self->asked);
        send(self, now, &message, effects);
        return;
    }
    assert(self->phase == VD_REPLAY_LOADING);
    vd_message_t message = {.id = VD_MESSAGE_LOAD_SNAPSHOT};
    message.load_snapshot.observer = vd_str(self->spec.name);
    message.load_snapshot.version = vd_replay_version(self->spec.observer);
    message.load_snapshot.session = vd_str(session_at_hand(self));
    message.load_snapshot.below = self->below;
    message.load_snapshot.seq = self->links.at == 0 ? self->moment.seq : 0;
    message.load_snapshot.at_ms = self->moment.at_ms;
    send(self, now, &message, effects);
}

static void ask_row(vd_replay_t *self, vd_now_t now, const char *session, vd_effects_t *effects)
{
    self->phase = VD_REPLAY_ROW;
    self->unanswered = 0;
    memmove(self->asked, session, strlen(session) + 1);
    ask(self, now, effects);
}

/* Begins with the session at hand, whose kept states older than `below` (0: all) are yet untried. */
static void enter(vd_replay_t *self, vd_now_t now, uint64_t below, vd_effects_t *effects)
{
    vd_links_t *links = &self->links;
    if (!vd_replay_fresh(self))
        return;
    links->based = links->at + 1 == links->count && links->before[0] == 0;
    links->stated = links->based && links->at == 0; /* all there is, is there */
    self->phase = VD_REPLAY_LOADING;
    self->unanswered = 0;
    self->below = below;
    ask(self, now, effects);
}

/* All events of the session at hand, whatever is kept of it. */
static void read_all(vd_replay_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_links_t *links = &self->links;
    if (!vd_replay_fresh(self))
        return;
    links->based = links->at + 1 == links->count && links->before[0] == 0;
    links->stated = links->based && links->at == 0;
    read_on(self, now, effects);
}

/* The kept state was of no use: the one before it, or none. */
static void load_older(vd_replay_t *self, vd_now_t now, uint64_t index, vd_effects_t *effects)
{
    bool older = index > 1 && (self->below == 0 || index < self->below);
    if (older && ++self->refused < REFUSED_MAX)
        enter(self, now, index, effects);
    else
        read_all(self, now, effects);
}

/* There is nothing to be had before the oldest link. */
static void cut(vd_replay_t *self, vd_now_t now, vd_status_t status, vd_effects_t *effects)
{
    vd_links_t *links = &self->links;
    assert(links->count > 0);
    if (vd_faults_set(self->spec.faults, VD_STAGE_STATE, now.wall_ms,
                      "session %s, which session %s goes on from, is not to be had (%s): what "
                      "observer %s knew before is lost",
                      links->before, links->ids[links->count - 1], vd_status_text(status),
                      self->spec.name))
        vd_effects_log(effects, VD_WARN, "%s", self->spec.faults->stages[VD_STAGE_STATE].text);
    links->before[0] = 0;
    links->cut = true;
    links->at = links->count - 1;
    read_all(self, now, effects);
    links->stated = false;
}

/* ---- answers ---- */

static void take_row(vd_replay_t *self, vd_now_t now, const vd_session_record_t *row,
                     vd_effects_t *effects)
{
    vd_links_t *links = &self->links;
    const vd_moment_t *moment = &self->moment;
    assert(links->count < VD_LINKS_MAX);
    if (moment->find && links->count == 0 && row->started_ms > moment->at_ms) {
        char before[VD_NAME_BYTES_MAX + 1];
        vd_str_copy(before, sizeof before, row->continues);
        if (before[0])
            ask_row(self, now, before, effects);
        else
            fail(self, VD_NOT_FOUND, "observer %s has no past before session %s", self->spec.name,
                 self->asked);
        return;
    }
    strcpy(links->ids[links->count], self->asked);
    vd_str_copy(links->before, sizeof links->before, row->continues);
    links->at = links->count++;
    enter(self, now, self->end_index > 0 ? self->end_index + 1 : 0, effects);
}

/* No row of the session asked for ever comes. */
static void take_no_row(vd_replay_t *self, vd_now_t now, vd_status_t status, vd_effects_t *effects)
{
    if (self->links.count > 0)
        cut(self, now, status, effects);
    else
        fail(self, status, "session %s: %s", self->asked, vd_status_text(status));
}

static void take_row_answer(vd_replay_t *self, vd_now_t now, const vd_message_t *message,
                            vd_effects_t *effects)
{
    vd_bytes_t rows = message->payload;
    vd_session_record_t row;
    if (message->id == VD_MESSAGE_ERROR && vd_status_of_name(message->error.status) == VD_PRUNED)
        take_no_row(self, now, VD_PRUNED, effects);
    if (message->id != VD_MESSAGE_SESSION_ROWS || vd_scan_exact(rows, VD_DEPTH_MAX) != VD_OK)
        return; /* what goes wrong otherwise is asked again */
    if (vd_rows_next(&rows, VD_RECORD_session, &row) == VD_OK &&
        vd_str_is(row.session, self->asked))
        take_row(self, now, &row, effects);
    else
        take_no_row(self, now, VD_UNKNOWN_SESSION, effects);
}

static void take_answer(vd_replay_t *self, vd_now_t now, const vd_message_t *message,
                        vd_effects_t *effects)
{
    if (self->phase == VD_REPLAY_ROW) {
        take_row_answer(self, now, message, effects);
        return;
    }
    assert(self->phase == VD_REPLAY_LOADING);
    if (message->id != VD_MESSAGE_STORED_SNAPSHOT)
        read_all(self, now, effects); /* there is none, or none is to be had */
    else if (vd_replay_load_kept(self, message, effects))
        read_on(self, now, effects);
    else
        load_older(self, now, message->stored_snapshot.index, effects);
}

static void on_silence(vd_replay_t *self, vd_now_t now, vd_effects_t *effects)
{
    if (self->phase != VD_REPLAY_ROW && self->phase != VD_REPLAY_LOADING)
        return;
    if (++self->unanswered >= UNANSWERED_MAX) {
        if (self->phase == VD_REPLAY_LOADING) {
            read_all(self, now, effects);
            return;
        }
        vd_faults_set(self->spec.faults, VD_STAGE_COMMIT, now.wall_ms,
                      "the ingestor at %s does not say what became of session %s; events wait, "
                      "nothing is lost",
                      self->spec.endpoint, self->asked);
    }
    ask(self, now, effects);
}

/* ---- the end of a session's events ---- */

/* The session at hand cannot be read. */
static void settle_stop(vd_replay_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_links_t *links = &self->links;
    bool gone = self->status == VD_PRUNED || self->status == VD_UNKNOWN_SESSION;
    uint64_t kept = self->kept_index;
    self->stopped = false;
    if (self->from_kept) {
        vd_effects_log(effects, VD_WARN,
                       "the state kept at commit %llu of session %s is of no use: %s",
                       (unsigned long long)kept, session_at_hand(self), self->text);
        load_older(self, now, kept, effects);
    } else if (!gone || links->at == 0) {
        self->phase = VD_REPLAY_FAILED;
    } else {
        links->count = links->at;
        strcpy(links->before, links->ids[links->at]);
        cut(self, now, self->status, effects);
    }
}

static void settle(vd_replay_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_links_t *links = &self->links;
    if (self->phase != VD_REPLAY_READING)
        return;
    if (self->stopped) {
        settle_stop(self, now, effects);
        return;
    }
    if (!self->passed)
        return;
    if (links->based && links->at == 0) {
        vd_subscriber_stop(self->subscriber, now, effects);
        self->phase = VD_REPLAY_DONE;
    } else if (links->based) {
        links->at--;
        self->from_kept = false;
        read_on(self, now, effects);
    } else if (links->count == VD_LINKS_MAX) {
        cut(self, now, VD_TOO_LARGE, effects);
    } else {
        vd_subscriber_stop(self->subscriber, now, effects);
        ask_row(self, now, links->before, effects);
    }
}

/* ---- the outside ---- */

static void begin(vd_replay_t *self, const vd_moment_t *moment)
{
    if (self->state)
        self->spec.observer->destroy(&self->state);
    self->moment = *moment;
    self->links.count = self->links.at = 0;
    self->links.based = self->links.stated = self->links.cut = false;
    self->end_index = self->below = 0;
    self->refused = 0;
    self->cycle = 0;
    self->position = (vd_position_t){0};
}

void vd_replay_begin(vd_replay_t *self, vd_now_t now, const vd_session_record_t *row,
                     vd_effects_t *effects)
{
    vd_moment_t moment = {0};
    begin(self, &moment);
    vd_str_copy(self->asked, sizeof self->asked, row->session);
    take_row(self, now, row, effects);
}

void vd_replay_begin_past(vd_replay_t *self, vd_now_t now, const char *session,
                          const vd_moment_t *moment, vd_effects_t *effects)
{
    vd_peer_t peer = vd_peer_named(self->spec.peer);
    begin(self, moment);
    vd_effects_connect(effects, self->spec.port, &peer, self->spec.endpoint);
    ask_row(self, now, session, effects);
}

bool vd_replay_step(vd_replay_t *self, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    bool ours = false;
    if (self->phase == VD_REPLAY_IDLE)
        return false;
    if (input->kind == VD_INPUT_TIMER && input->id == self->spec.ask_timer) {
        on_silence(self, now, effects);
        return true;
    }
    vd_peer_t peer = vd_peer_named(self->spec.peer);
    if (input->kind == VD_INPUT_MESSAGE && input->port == self->spec.port &&
        vd_peer_equal(&input->peer, &peer) && input->message->correlation >> 62 == 1) {
        ours = true;
        bool asking = self->phase == VD_REPLAY_ROW || self->phase == VD_REPLAY_LOADING;
        if (asking && input->message->correlation == (correlation_bit | self->correlation))
            take_answer(self, now, input->message, effects);
    } else if (self->subscriber) {
        ours = vd_subscriber_step(self->subscriber, now, input, effects);
    }
    if (ours)
        settle(self, now, effects);
    return ours;
}

void *vd_replay_take_state(vd_replay_t *self)
{
    assert(self->phase == VD_REPLAY_DONE && self->state);
    void *state = self->state;
    self->state = NULL;
    return state;
}

void vd_replay_rest(vd_replay_t *self, vd_now_t now, vd_effects_t *effects)
{
    /* The subscriber stays: its streams are told apart by numbers that go on. */
    if (self->subscriber)
        vd_subscriber_stop(self->subscriber, now, effects);
    vd_effects_timer_clear(effects, self->spec.stream_timer);
    vd_effects_timer_clear(effects, self->spec.ask_timer);
    vd_buffer_free(&self->links.parts);
    if (self->state)
        self->spec.observer->destroy(&self->state);
    self->phase = VD_REPLAY_IDLE;
}

/* producer.c: a producer of events: the emit core behind calls that wait only when they are told
 * to.
 *
 * While much is out unanswered, emits are gathered in an open frame, which costs little for each of
 * them. It goes out when it is full, before anything that cannot be in it, and in the next call that
 * takes in answers. Its events still are emits of their own: each has its token and its receipt. */
#include "client/client_impl.h"
#include "emit/emit.h"
#include "wire/events.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>

enum {
    PORT_EMIT = 1,
    PORT_NONE = 2,
    TIMER_EMIT = 0,
    TIMER_GATHERED = 1, /* due at once while there is an open frame */
    RING_BYTES = 2 * VD_EMIT_BYTES_MAX,
    GATHER_FROM = 64,         /* events without a receipt, from which on emits are gathered */
    GATHER_EVENTS = 64,       /* a frame of so many, */
    GATHER_BYTES = 64 * 1024, /* or with so many bytes, is full */
};

/* What the core knows a frame by: the token of its first emit, and whether each of its events is an
 * emit. */
typedef struct vd_frame_token {
    uint64_t first;
    bool gathered;
} vd_frame_token_t;

struct vd_producer {
    vd_engine_t engine;
    vd_client_t *client;
    vd_emit_t *emit;
    vd_receipt_fn *receipt;
    void *arg;
    bool strict;
    uint64_t offered;  /* token of the newest emit */
    uint64_t answered; /* receipts so far */
    uint64_t waited;   /* value of `answered` when a wait began */
    vd_outcome_t last;
    vd_status_t first_bad; /* since the last flush */
    char first_text[VD_TEXT_BYTES_MAX + 1];
    vd_now_t now; /* of the last emit, its wall clock read at `wall_us` of the other one */
    int64_t wall_us;
    char ts[VD_TS_SIZE]; /* what the wall clock said */
    vd_buffer_t event;
    vd_buffer_t run;
    /* The open frame: emits that the core does not have yet. */
    vd_buffer_t gathered;
    uint32_t gathered_count; /* 0: there is none */
    char gathered_session[VD_NAME_BYTES_MAX + 1];
};

static uint64_t token_word(vd_frame_token_t token)
{
    return token.first << 1 | token.gathered;
}

static vd_frame_token_t token_of(uint64_t word)
{
    return (vd_frame_token_t){.first = word >> 1, .gathered = (word & 1) != 0};
}

static uint64_t pending(const vd_producer_t *self)
{
    return vd_emit_pending(self->emit) + self->gathered_count;
}

static vd_receipt_t receipt_of(const vd_outcome_t *outcome)
{
    return (vd_receipt_t){.token = outcome->token,
                          .status = outcome->status,
                          .text = outcome->text,
                          .session = outcome->session,
                          .seq = outcome->seq};
}

/* Copies what there is: most outcomes have neither text nor session, and there is one for each
 * emit. */
static void keep(vd_outcome_t *to, const vd_outcome_t *from)
{
    to->status = from->status;
    to->seq = from->seq;
    memcpy(to->text, from->text, strlen(from->text) + 1);
    memcpy(to->session, from->session, strlen(from->session) + 1);
}

/* Hands out the receipts of `count` emits from `token` on, which ended alike. If they
 * are more than one they are events next to each other, and what is kept names the last one. */
static void tell(vd_producer_t *self, uint64_t token, uint32_t count)
{
    uint64_t last_seq = self->last.seq;
    for (uint32_t i = 0; i < count; i++) {
        self->answered++;
        self->last.token = token + i;
        self->last.seq = last_seq > 0 ? last_seq - (count - 1 - i) : 0;
        if (self->receipt == NULL)
            continue;
        vd_receipt_t receipt = receipt_of(&self->last);
        self->receipt(self->arg, &receipt);
    }
}

static void on_outcome(void *arg, vd_now_t now, const vd_outcome_t *outcome, vd_effects_t *effects)
{
    vd_producer_t *self = arg;
    (void)now, (void)effects;
    keep(&self->last, outcome);
    bool whole = outcome->status == VD_OK && outcome->mark == outcome->first + outcome->count - 1;
    if (!whole && outcome->status != VD_EXISTS) {
        self->last.seq = 0;
        self->last.session[0] = 0;
    }
    bool stored = outcome->status == VD_OK || outcome->status == VD_EXISTS;
    if (!stored && self->first_bad == VD_OK) {
        self->first_bad = outcome->status;
        vd_str_copy(self->first_text, sizeof self->first_text, vd_str(outcome->text));
    }
    vd_frame_token_t token = token_of(outcome->token);
    tell(self, token.first, token.gathered ? outcome->count : 1);
}

/* ---- gathering ---- */

/* Gives the open frame to the core. VD_OK also when there is none; else it stays open, but after
 * VD_FENCED: then its events have got their receipts. */
static vd_status_t offer_gathered(vd_producer_t *self, vd_now_t now, vd_effects_t *effects)
{
    uint32_t count = self->gathered_count;
    if (count == 0)
        return VD_OK;
    vd_frame_token_t token = {.first = self->offered - count + 1, .gathered = true};
    vd_status_t status =
        vd_emit_offer(self->emit, now, vd_str(self->gathered_session),
                      vd_buffer_view(&self->gathered), count, token_word(token), effects);
    assert(status == VD_OK || status == VD_OVERLOADED || status == VD_FENCED);
    if (status == VD_OVERLOADED)
        return status;
    self->gathered_count = 0;
    vd_buffer_clear(&self->gathered);
    self->engine.timers_us[TIMER_GATHERED] = -1;
    if (status == VD_FENCED) {
        vd_outcome_t outcome = {.token = token_word(token), .count = count, .status = status};
        vd_str_copy(outcome.text, sizeof outcome.text, vd_str(vd_status_text(status)));
        on_outcome(self, now, &outcome, effects);
    }
    return status;
}

/* The same outside of a step. */
static vd_status_t send_gathered(vd_producer_t *self, vd_now_t now)
{
    if (self->gathered_count == 0)
        return VD_OK;
    vd_status_t status = offer_gathered(self, now, vd_engine_effects(&self->engine));
    vd_engine_carry_out(&self->engine);
    return status;
}

static bool step(void *arg, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    vd_producer_t *self = arg;
    bool taken = vd_emit_step(self->emit, now, input, effects);
    /* What stays open, for want of room, waits for the outcomes that make some. */
    offer_gathered(self, now, effects);
    return taken;
}

static bool is_open(void *arg)
{
    const vd_producer_t *self = arg;
    vd_emit_state_t state = vd_emit_state(self->emit);
    return state == VD_EMIT_FENCED || vd_emit_epoch(self->emit) != 0;
}

static bool has_receipt(void *arg)
{
    const vd_producer_t *self = arg;
    return self->answered != self->waited || vd_emit_state(self->emit) == VD_EMIT_FENCED;
}

static bool is_empty(void *arg)
{
    const vd_producer_t *self = arg;
    return pending(self) == 0 || vd_emit_state(self->emit) == VD_EMIT_FENCED;
}

static vd_status_t fenced(vd_producer_t *self)
{
    return vd_client_fail(self->client, VD_FENCED,
                          "another process has taken this producer's name; use a name of your own");
}

/* What stands before the ingestor's reason, if it has told one. */
static const char *reason_mark(const vd_producer_t *self)
{
    return vd_emit_trouble(self->emit)[0] != 0 ? ": " : "";
}

static vd_status_t wait_open(vd_producer_t *self, const char *endpoint, int timeout_ms)
{
    int64_t deadline_us = vd_client_deadline_us(timeout_ms);
    for (;;) {
        if (vd_client_probe(self->client, endpoint) == VD_UNREACHABLE)
            return vd_client_unreachable(self->client);
        int64_t look_us = vd_client_deadline_us(500);
        vd_status_t status = vd_engine_run(
            self->client, look_us < deadline_us ? look_us : deadline_us, is_open, self);
        if (status == VD_OK)
            return vd_emit_state(self->emit) == VD_EMIT_FENCED ? fenced(self) : VD_OK;
        if (status != VD_TIMED_OUT)
            return status;
        if (vd_client_mono_us() >= deadline_us)
            return vd_client_fail(self->client, VD_TIMED_OUT,
                                  "the ingestor did not give the producer's name within %d ms%s%s",
                                  timeout_ms, reason_mark(self), vd_emit_trouble(self->emit));
    }
}

static vd_status_t begin(vd_producer_t *self, const char *name, const char *endpoint,
                         int timeout_ms)
{
    vd_status_t status =
        vd_engine_add(&self->engine, self->client, step, self, PORT_EMIT, PORT_NONE);
    if (status != VD_OK)
        return status;
    vd_peer_t peer = vd_peer_named("ingestor");
    uint64_t life = 0;
    while (life == 0)
        if (getrandom(&life, sizeof life, 0) != (ssize_t)sizeof life)
            life = (uint64_t)vd_client_mono_us();
    self->emit =
        vd_emit_new(name, life, PORT_EMIT, &peer, TIMER_EMIT, RING_BYTES, on_outcome, self);
    if (self->emit == NULL)
        return vd_client_fail(self->client, VD_NO_MEMORY, "no memory for a producer");
    vd_emit_open(self->emit, vd_client_now(), endpoint, vd_engine_effects(&self->engine));
    vd_engine_carry_out(&self->engine);
    return wait_open(self, endpoint, timeout_ms);
}

vd_status_t vd_producer_open(vd_producer_t **self_p, vd_client_t *client, const char *name,
                             vd_receipt_fn *receipt, void *arg, int timeout_ms)
{
    assert(self_p != NULL && client != NULL);
    *self_p = NULL;
    char endpoint[VD_ENDPOINT_BYTES_MAX + 1];
    vd_status_t status = vd_client_endpoint(client, "ingestor", "emit", endpoint);
    if (status != VD_OK)
        return status;
    if (name == NULL || !vd_name_valid(vd_str(name)))
        return vd_client_fail(client, VD_USAGE, "'%s' is not a producer's name",
                              name != NULL ? name : "");
    if (vd_client_probe(client, endpoint) == VD_UNREACHABLE)
        return vd_client_unreachable(client);
    vd_producer_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return vd_client_fail(client, VD_NO_MEMORY, "no memory for a producer");
    self->client = client;
    self->receipt = receipt;
    self->arg = arg;
    self->last.status = VD_NOT_READY;
    vd_buffer_init(&self->event, VD_EVENT_BYTES_MAX);
    vd_buffer_init(&self->run, VD_EMIT_BYTES_MAX);
    vd_buffer_init(&self->gathered, VD_EMIT_BYTES_MAX);
    status = begin(self, name, endpoint, timeout_ms);
    if (status != VD_OK)
        vd_producer_destroy(&self);
    *self_p = self;
    return status;
}

void vd_producer_destroy(vd_producer_t **self_p)
{
    assert(self_p != NULL);
    vd_producer_t *self = *self_p;
    if (self == NULL)
        return;
    vd_engine_remove(&self->engine);
    vd_emit_destroy(&self->emit);
    vd_buffer_free(&self->event);
    vd_buffer_free(&self->run);
    vd_buffer_free(&self->gathered);
    free(self);
    *self_p = NULL;
}

/* Looks at the clock, and writes the time stamp out. It has milliseconds: within half of one the wall clock is not
 * looked at again. */
static void stamp(vd_producer_t *self)
{
    enum { STAMP_US = 500 };
    int64_t mono_us = vd_client_mono_us();
    self->now.mono_us = mono_us;
    if (self->ts[0] != 0 && mono_us - self->wall_us < STAMP_US)
        return;
    int64_t before_ms = self->ts[0] != 0 ? self->now.wall_ms : -1;
    self->now = vd_client_now();
    self->wall_us = mono_us;
    if (self->now.wall_ms != before_ms)
        vd_ts_format(self->now.wall_ms, self->ts);
}

/* Adds an event to a run. */
static vd_status_t pack(vd_producer_t *self, vd_buffer_t *run, const char *type, vd_blob_t data,
                        vd_blob_t aux)
{
    static const uint8_t nil = 0xc0;
    vd_bytes_t value = data.size > 0 ? vd_bytes(data.data, data.size) : vd_bytes(&nil, 1);
    if (!vd_type_valid(vd_str(type)))
        return vd_client_fail(self->client, VD_BAD_EVENT,
                              "'%s' is not an event type: 1 to %d of a-z 0-9 _ . -", type,
                              VD_NAME_BYTES_MAX);
    vd_status_t status = vd_scan_exact(value, VD_DEPTH_MAX - 1);
    if (status != VD_OK)
        return vd_client_fail(self->client, VD_BAD_EVENT, "data of event %s: %s", type,
                              vd_status_text(status));
    char text[VD_TEXT_BYTES_MAX + 1];
    if (self->strict && vd_event_check(vd_str(type), value, text, sizeof text) != VD_OK)
        return vd_client_fail(self->client, VD_BAD_EVENT, "event %s", text);
    vd_buffer_clear(&self->event);
    vd_event_write_stamped(&self->event, self->ts, vd_str(type), value, vd_bytes(NULL, 0),
                           vd_bytes(aux.data, aux.size));
    if (self->event.full || !vd_run_add(run, vd_buffer_view(&self->event)))
        return vd_client_fail(self->client, VD_TOO_LARGE,
                              "event %s: an event has at most %d bytes, a frame %d", type,
                              VD_EVENT_BYTES_MAX, VD_EMIT_BYTES_MAX);
    return VD_OK;
}

/* Says why an emit was not taken. */
static vd_status_t refused(vd_producer_t *self, vd_status_t status)
{
    if (status == VD_FENCED)
        return fenced(self);
    return vd_client_fail(self->client, status,
                          "%" PRIu64 " events have no receipt yet; wait, then emit again",
                          pending(self));
}

static vd_status_t offer(vd_producer_t *self, vd_now_t now, const char *session, const char *record,
                         vd_bytes_t run, uint32_t count)
{
    assert(session != NULL && run.size > 0 && count > 0);
    vd_effects_t *effects = vd_engine_effects(&self->engine);
    vd_str_t id = record != NULL ? vd_str(record) : vd_bytes(NULL, 0);
    vd_frame_token_t token = {.first = self->offered + 1};
    vd_status_t status = offer_gathered(self, now, effects);
    if (status == VD_OK)
        status = vd_emit_offer_record(self->emit, now, vd_str(session), id, run, count,
                                      token_word(token), effects);
    vd_engine_carry_out(&self->engine);
    if (status != VD_OK)
        return refused(self, status);
    self->offered++;
    return VD_OK;
}

vd_status_t vd_producer_offer(vd_producer_t *self, const char *session, const char *record,
                              vd_bytes_t run, uint32_t count)
{
    return offer(self, vd_client_now(), session, record, run, count);
}

static vd_status_t not_a_session(vd_producer_t *self, const char *session)
{
    return vd_client_fail(self->client, VD_USAGE, "'%s' is not a session id", session);
}

vd_status_t vd_producer_emit_frame(vd_producer_t *self, const char *session, const char *record,
                                   const vd_new_event_t *events, size_t count)
{
    assert(session != NULL && events != NULL);
    if (!vd_name_valid(vd_str(session)))
        return not_a_session(self, session);
    if (record != NULL && !vd_name_valid(vd_str(record)))
        return vd_client_fail(self->client, VD_USAGE,
                              "'%s' is not a record: 1 to %d of a-z A-Z 0-9 _ . - : # / @", record,
                              VD_NAME_BYTES_MAX);
    if (count == 0 || count > VD_EMIT_EVENTS_MAX)
        return vd_client_fail(self->client, count == 0 ? VD_USAGE : VD_TOO_LARGE,
                              "a frame has 1 to %d events", VD_EMIT_EVENTS_MAX);
    stamp(self);
    vd_buffer_clear(&self->run);
    for (size_t i = 0; i < count; i++) {
        vd_status_t packed = pack(self, &self->run, events[i].type, events[i].data, events[i].aux);
        if (packed != VD_OK)
            return packed;
    }
    return offer(self, self->now, session, record, vd_buffer_view(&self->run), (uint32_t)count);
}

vd_status_t vd_producer_emit_record(vd_producer_t *self, const char *session, const char *record,
                                    const char *type, vd_blob_t data)
{
    assert(type != NULL);
    vd_new_event_t event = {.type = type, .data = data};
    return vd_producer_emit_frame(self, session, record, &event, 1);
}

static bool is_full(const vd_producer_t *self)
{
    return self->gathered_count == GATHER_EVENTS || self->gathered.size >= GATHER_BYTES;
}

/* Takes an event into the open frame. Events that begin or end a session stay alone: a frame is
 * stored or rejected as a whole, and what one of these decides for the others it must not decide for
 * what was emitted before it. */
static vd_status_t gather(vd_producer_t *self, const char *session, const char *type,
                          vd_blob_t data)
{
    if (!vd_name_valid(vd_str(session)))
        return not_a_session(self, session);
    stamp(self);
    if (self->gathered_count > 0 &&
        (is_full(self) || strcmp(self->gathered_session, session) != 0)) {
        vd_status_t sent = send_gathered(self, self->now);
        if (sent != VD_OK)
            return refused(self, sent);
    }
    vd_status_t packed = pack(self, &self->gathered, type, data, (vd_blob_t){0});
    if (packed != VD_OK)
        return packed;
    if (self->gathered_count == 0) {
        vd_str_copy(self->gathered_session, sizeof self->gathered_session, vd_str(session));
        self->engine.timers_us[TIMER_GATHERED] = 0;
    }
    self->gathered_count++;
    self->offered++;
    if (is_full(self))
        send_gathered(self, self->now);
    return VD_OK;
}

vd_status_t vd_producer_emit(vd_producer_t *self, const char *session, const char *type,
                             vd_blob_t data)
{
    static const char common[] = "session_"; /* what begins and ends sessions is called so */
    assert(session != NULL && type != NULL);
    if (pending(self) < GATHER_FROM || vd_emit_state(self->emit) == VD_EMIT_FENCED ||
        strncmp(type, common, sizeof common - 1) == 0)
        return vd_producer_emit_record(self, session, NULL, type, data);
    return gather(self, session, type, data);
}

void vd_producer_strict(vd_producer_t *self, int strict)
{
    self->strict = strict != 0;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

vd_status_t vd_producer_wait(vd_producer_t *self, int timeout_ms)
{
    /* What is at hand is taken and signs of life go out also when nothing is waited for. */
    if (pending(self) == 0)
        vd_engine_run(self->client, 0, never, self);
    if (vd_emit_state(self->emit) == VD_EMIT_FENCED)
        return fenced(self);
    if (pending(self) == 0)
        return vd_client_fail(self->client, VD_NOT_FOUND, "every emit has its receipt");
    self->waited = self->answered;
    vd_status_t status =
        vd_engine_run(self->client, vd_client_deadline_us(timeout_ms), has_receipt, self);
    if (status == VD_TIMED_OUT)
        return vd_client_fail(self->client, status, "no receipt within %d ms%s%s", timeout_ms,
                              reason_mark(self), vd_emit_trouble(self->emit));
    if (status == VD_OK && vd_emit_state(self->emit) == VD_EMIT_FENCED)
        return fenced(self);
    return status;
}

vd_status_t vd_producer_flush(vd_producer_t *self, int timeout_ms)
{
    vd_status_t status =
        vd_engine_run(self->client, vd_client_deadline_us(timeout_ms), is_empty, self);
    if (status == VD_TIMED_OUT)
        return vd_client_fail(self->client, status,
                              "%" PRIu64 " events have no receipt after %d ms%s%s", pending(self),
                              timeout_ms, reason_mark(self), vd_emit_trouble(self->emit));
    if (status != VD_OK)
        return status;
    if (vd_emit_state(self->emit) == VD_EMIT_FENCED)
        return fenced(self);
    status = self->first_bad;
    self->first_bad = VD_OK;
    if (status != VD_OK)
        vd_client_fail(self->client, status, "%s",
                       self->first_text[0] != 0 ? self->first_text : vd_status_text(status));
    return status;
}

void vd_producer_receipt(const vd_producer_t *self, vd_receipt_t *receipt)
{
    assert(receipt != NULL);
    *receipt = receipt_of(&self->last);
}

uint64_t vd_producer_pending(const vd_producer_t *self)
{
    return pending(self);
}

vd_status_t vd_producer_start_session(vd_producer_t *self, const char *session, const char *name,
                                      int owned)
{
    vd_buffer_t data;
    vd_buffer_init(&data, VD_EVENT_BYTES_MAX);
    vd_write_map(&data, 2);
    vd_write_pair_text(&data, "name", name != NULL ? name : "");
    vd_write_pair_bool(&data, "owner", owned != 0);
    vd_status_t status = VD_TOO_LARGE;
    if (!data.full)
        status =
            vd_producer_emit(self, session, "session_started", (vd_blob_t){data.data, data.size});
    vd_buffer_free(&data);
    return status;
}

vd_status_t vd_producer_end_session(vd_producer_t *self, const char *session, int failed,
                                    const char *text)
{
    vd_buffer_t data;
    vd_buffer_init(&data, VD_EVENT_BYTES_MAX);
    vd_write_map(&data, text != NULL ? 2 : 1);
    vd_write_pair_text(&data, "status", failed != 0 ? "failed" : "completed");
    if (text != NULL)
        vd_write_pair_text(&data, "text", text);
    vd_status_t status = VD_TOO_LARGE;
    if (!data.full)
        status =
            vd_producer_emit(self, session, "session_ended", (vd_blob_t){data.data, data.size});
    vd_buffer_free(&data);
    return status;
}

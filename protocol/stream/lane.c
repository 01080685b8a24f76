/* lane.c: one stream's START, credit and tries. */
#include "stream/lane.h"

#include <assert.h>

#define MS               INT64_C(1000)
#define ANSWER_US        (1000 * MS) /* for the answer to START */
#define ATTEMPTS_AT_ONCE 3u
#define BACKOFF_US_MIN   (100 * MS)
#define BACKOFF_US_MAX   (10000 * MS)

int64_t vd_lane_backoff_us(uint32_t attempts, uint64_t *seed)
{
    if (attempts < ATTEMPTS_AT_ONCE)
        return 0;
    uint32_t doublings = attempts - ATTEMPTS_AT_ONCE;
    int64_t us = doublings >= 7 ? BACKOFF_US_MAX : BACKOFF_US_MIN << doublings;
    us = us > BACKOFF_US_MAX ? BACKOFF_US_MAX : us;
    /* Half to the whole of it, so that subscribers that were dropped together do not come
     * together. */
    return us / 2 + (int64_t)(vd_random_next(seed) % (uint64_t)(us / 2 + 1));
}

void vd_lane_begin(vd_lane_t *self, vd_now_t now, uint64_t correlation,
                   const vd_subscription_t *wanted, const vd_position_t *position, bool head,
                   vd_tally_t window, uint64_t *seed, vd_message_t *message)
{
    assert(correlation != 0 && wanted != NULL && position != NULL);
    self->correlation = correlation;
    self->state = VD_LANE_STARTING;
    self->received = (vd_tally_t){0};
    self->granted = window;
    self->uncredited_bytes = 0;
    self->ran = false;
    self->from = *position;
    *message = (vd_message_t){.id = VD_MESSAGE_START, .correlation = correlation};
    vd_start_body_t *start = &message->start;
    start->stream = vd_str(self->live ? "live" : "commit");
    start->name = vd_str(wanted->name);
    start->session = vd_str(wanted->session);
    start->type = vd_str(wanted->type);
    start->items = window.items;
    start->bytes = window.bytes;
    start->batch = wanted->batch;
    if (head) {
        start->head = true;
    } else if (position->store[0] != 0) {
        start->store = vd_str(position->store);
        start->index = position->index;
        start->offset = position->offset;
        start->chain = position->chain;
    } else {
        start->seq = wanted->seq;
    }
    self->asked_us = now.mono_us;
    self->attempts++;
    /* The frame waits in the connection for a publisher that comes back, so it need not be repeated
     * often. */
    int64_t patience_us = vd_lane_backoff_us(self->attempts, seed);
    self->due_us = now.mono_us + (patience_us > ANSWER_US ? patience_us : ANSWER_US);
}

static uint64_t grant(uint64_t received, uint64_t window, uint64_t waiting, uint64_t granted)
{
    uint64_t total = received + (window > waiting ? window - waiting : 0);
    return total > granted ? total : granted;
}

vd_tally_t vd_lane_grant(const vd_lane_t *self, vd_tally_t window, vd_tally_t waiting)
{
    return (vd_tally_t){
        grant(self->received.items, window.items, waiting.items, self->granted.items),
        grant(self->received.bytes, window.bytes, waiting.bytes, self->granted.bytes)};
}

bool vd_lane_is_due(const vd_lane_t *self, vd_tally_t window, vd_tally_t more)
{
    uint64_t bytes = window.bytes / 2;
    if (bytes > VD_SUBSCRIBER_BYTES_MAX / 4)
        bytes = VD_SUBSCRIBER_BYTES_MAX / 4;
    return more.items > self->granted.items + window.items / 2 ||
           more.bytes > self->granted.bytes + bytes;
}

void vd_lane_heard(vd_lane_t *self, vd_now_t now)
{
    self->heard_us = now.mono_us;
}

/* readings.c: STAND, READ_ONCE and the samples that come of them. */
#include "readings.h"

#include <assert.h>
#include <stdio.h>

enum {
    ROWS_BYTES_MAX = 49152, /* of one STAND, below the limit of a body */
    EFFECTS_SPARE = 64,     /* left for the rest of the step */
};

static void slot_dropped(void *arg, vd_slot_t *slot)
{
    vd_readings_t *self = arg;
    if (slot->subscribed && self->effects && vd_effects_room(self->effects) > EFFECTS_SPARE)
        vd_effects_unsubscribe(self->effects, self->samples_port, slot->feed);
}

void vd_readings_init(vd_readings_t *self, vd_samples_t *samples, vd_roster_t *roster,
                      vd_faults_t *faults, const char *observer, uint64_t inc, int64_t interval_ms,
                      uint16_t poller_port, uint16_t samples_port, uint32_t timer)
{
    assert(self && samples && roster && faults && observer && interval_ms > 0);
    int64_t renew_ms = interval_ms < 1000 ? 1000 : interval_ms > 10000 ? 10000 : interval_ms;
    *self = (vd_readings_t){.samples = samples,
                            .roster = roster,
                            .faults = faults,
                            .observer = observer,
                            .inc = inc,
                            .interval_ms = interval_ms,
                            .renew_ms = renew_ms,
                            .poller_port = poller_port,
                            .samples_port = samples_port,
                            .timer = timer};
    vd_buffer_init(&self->rows, VD_BODY_BYTES_MAX);
    samples->dropped = slot_dropped;
    samples->dropped_arg = self;
}

void vd_readings_free(vd_readings_t *self)
{
    assert(self);
    self->effects = NULL;
    vd_buffer_free(&self->rows);
}

void vd_readings_begin(vd_readings_t *self, vd_effects_t *effects)
{
    assert(self && effects);
    self->effects = effects;
}

static vd_read_record_t read_of(const vd_readings_t *self, const vd_slot_t *slot)
{
    const vd_source_record_t *source = &slot->source->record;
    vd_read_record_t read = {.source = source->name,
                             .source_inc = source->inc,
                             .adapter = source->adapter,
                             .address = source->address,
                             .auth = source->auth,
                             .op = vd_str(slot->wish.op),
                             .target = vd_str(slot->wish.target),
                             .args = vd_bytes(slot->wish.args, slot->wish.args_size)};
    read.deadline_ms = (uint64_t)slot->wish.deadline_ms;
    if (slot->standing)
        read.interval_ms =
            (uint64_t)(slot->wish.interval_ms > 0 ? slot->wish.interval_ms : self->interval_ms);
    return read;
}

/* ---- connections ---- */

static void disconnect(vd_readings_t *self, vd_outlet_t *outlet, vd_effects_t *effects)
{
    vd_peer_t peer = vd_peer_named(outlet->name);
    if (outlet->connected) {
        vd_effects_disconnect(effects, self->poller_port, &peer);
        vd_effects_disconnect(effects, self->samples_port, &peer);
    }
    outlet->connected = false;
    outlet->out_us = 0;
    outlet->standing = 0;
}

static void connect_outlet(vd_readings_t *self, vd_outlet_t *outlet, vd_effects_t *effects)
{
    vd_peer_t peer = vd_peer_named(outlet->name);
    vd_effects_connect(effects, self->samples_port, &peer, outlet->samples);
    vd_effects_connect(effects, self->poller_port, &peer, outlet->requests);
    outlet->connected = true;
    outlet->dirty = true;
}

/* One-off reads that were sent to a poller that has gone are sent again to whoever comes next. */
static void resend_answers(vd_readings_t *self, const vd_outlet_t *outlet)
{
    for (uint32_t at = 0; at < self->samples->answer_count; at++) {
        vd_slot_t *slot = self->samples->answers[at];
        if (slot->correlation != 0 && vd_str_is(slot->source->record.poller, outlet->name))
            slot->fetch = true;
    }
}

/* ---- standing reads ---- */

static void send_stand(vd_readings_t *self, vd_now_t now, vd_outlet_t *outlet, uint32_t count,
                       vd_effects_t *effects)
{
    vd_buffer_t rows;
    vd_buffer_init(&rows, VD_BODY_BYTES_MAX);
    vd_write_array(&rows, count);
    vd_write_raw(&rows, vd_buffer_view(&self->rows));
    assert(!rows.full && count > 0);
    vd_message_t message = {.id = VD_MESSAGE_STAND, .correlation = self->correlation};
    message.stand.observer = vd_str(self->observer);
    message.stand.inc = self->inc;
    message.stand.lease_ms = (uint64_t)(3 * self->renew_ms);
    message.stand.reads = vd_buffer_view(&rows);
    vd_peer_t peer = vd_peer_named(outlet->name);
    vd_effects_send(effects, self->poller_port, &peer, &message);
    vd_buffer_free(&rows);
    vd_buffer_clear(&self->rows);
    if (outlet->out_us == 0)
        outlet->out_us = now.mono_us;
}

/* Sends the reads of this poller's sources: all, or those that do not stand yet. */
static void stand(vd_readings_t *self, vd_now_t now, vd_outlet_t *outlet, bool all,
                  vd_effects_t *effects)
{
    uint32_t count = 0;
    outlet->dirty = false;
    vd_buffer_clear(&self->rows);
    self->correlation++;
    for (uint32_t at = 0; at < self->samples->source_count; at++) {
        vd_observed_t *source = self->samples->sources[at];
        if (!vd_str_is(source->record.poller, outlet->name))
            continue;
        for (uint32_t place = 0; place < source->slot_count; place++) {
            vd_slot_t *slot = source->slots[place];
            if (!slot->standing || (!all && slot->inc != 0 && slot->inc == outlet->standing))
                continue;
            if (vd_effects_room(effects) <= EFFECTS_SPARE) {
                outlet->dirty = true;
                break;
            }
            vd_read_record_t read = read_of(self, slot);
            if (vd_record_encode(VD_RECORD_read, &read, &self->rows) != VD_OK)
                continue;
            slot->correlation = self->correlation;
            slot->row = count++;
            if (count == VD_READS_PER_REQUEST_MAX || self->rows.size > ROWS_BYTES_MAX) {
                send_stand(self, now, outlet, count, effects);
                self->correlation++;
                count = 0;
            }
        }
    }
    if (count > 0)
        send_stand(self, now, outlet, count, effects);
}

static void take_reading(vd_readings_t *self, vd_now_t now, vd_slot_t *slot, uint64_t inc,
                         const vd_reading_record_t *reading, vd_effects_t *effects)
{
    vd_status_t status = reading->status.size ? vd_status_of_name(reading->status) : VD_OK;
    if (slot->inc != inc)
        slot->n = 0;
    slot->inc = inc;
    slot->status = status;
    if (status != VD_OK) {
        vd_faults_set(self->faults, VD_STAGE_READ, now.wall_ms,
                      "poller %.*s refuses to read %s of source %.*s: %s",
                      (int)slot->source->record.poller.size, slot->source->record.poller.data,
                      slot->wish.target, (int)slot->source->record.name.size,
                      slot->source->record.name.data, vd_status_text(status));
        return;
    }
    if (!vd_str_is(reading->feed, slot->feed) || !slot->subscribed) {
        if (slot->subscribed)
            vd_effects_unsubscribe(effects, self->samples_port, slot->feed);
        vd_str_copy(slot->feed, sizeof slot->feed, reading->feed);
        vd_effects_subscribe(effects, self->samples_port, slot->feed);
        slot->subscribed = true;
    }
    if (reading->n > slot->n)
        slot->fetch = self->fetch_waits = true;
}

/* The slots of the STAND with this correlation, by row. */
static uint32_t slots_of(const vd_readings_t *self, const vd_outlet_t *outlet, uint64_t correlation,
                         vd_slot_t *slots[VD_READS_PER_REQUEST_MAX])
{
    uint32_t count = 0;
    memset(slots, 0, VD_READS_PER_REQUEST_MAX * sizeof(vd_slot_t *));
    for (uint32_t at = 0; at < self->samples->source_count; at++) {
        const vd_observed_t *source = self->samples->sources[at];
        if (!vd_str_is(source->record.poller, outlet->name))
            continue;
        for (uint32_t place = 0; place < source->slot_count; place++) {
            vd_slot_t *slot = source->slots[place];
            if (!slot->standing || slot->correlation != correlation)
                continue;
            assert(slot->row < VD_READS_PER_REQUEST_MAX);
            slots[slot->row] = slot;
            count++;
        }
    }
    return count;
}

/* Is a read refused, by whichever poller? */
static bool is_any_refused(const vd_readings_t *self)
{
    for (uint32_t at = 0; at < self->samples->source_count; at++) {
        const vd_observed_t *source = self->samples->sources[at];
        for (uint32_t place = 0; place < source->slot_count; place++)
            if (source->slots[place]->standing && source->slots[place]->status != VD_OK)
                return true;
    }
    return false;
}

/* One poller that reads all it is asked to says nothing of another one. */
static void recover(vd_readings_t *self, vd_now_t now)
{
    if (vd_faults_holds(self->faults, VD_STAGE_READ) && !is_any_refused(self))
        vd_faults_clear(self->faults, VD_STAGE_READ, now.wall_ms);
}

static void take_standing(vd_readings_t *self, vd_now_t now, vd_outlet_t *outlet,
                          const vd_message_t *message, vd_effects_t *effects)
{
    vd_slot_t *slots[VD_READS_PER_REQUEST_MAX];
    vd_bytes_t rows = message->standing.readings;
    vd_reading_record_t reading;
    if (slots_of(self, outlet, message->correlation, slots) == 0)
        return;
    if (outlet->standing != 0 && outlet->standing != message->standing.inc)
        outlet->dirty = true;
    outlet->standing = message->standing.inc;
    outlet->out_us = 0;
    bool refused = false;
    for (uint32_t at = 0; at < VD_READS_PER_REQUEST_MAX; at++) {
        vd_status_t status = vd_rows_next(&rows, VD_RECORD_reading, &reading);
        if (status == VD_NOT_FOUND)
            break;
        if (!slots[at])
            continue;
        slots[at]->correlation = 0;
        if (status != VD_OK || vd_effects_room(effects) <= EFFECTS_SPARE) {
            slots[at]->inc = 0; /* stays as one that does not stand */
            outlet->dirty = outlet->dirty || status == VD_OK;
            continue;
        }
        take_reading(self, now, slots[at], message->standing.inc, &reading, effects);
        refused = refused || slots[at]->status != VD_OK;
    }
    if (!refused)
        recover(self, now);
}

/* ---- samples ---- */

/* A sample feed is named sample/<source>/<hash>. */
static vd_slot_t *slot_of_feed(const vd_readings_t *self, vd_str_t feed)
{
    static const char prefix[] = "sample/";
    size_t skip = sizeof prefix - 1, end = feed.size;
    if (feed.size <= skip || memcmp(feed.data, prefix, skip) != 0)
        return NULL;
    while (end > skip && feed.data[end - 1] != '/')
        end--;
    if (end <= skip)
        return NULL;
    vd_observed_t *source =
        vd_samples_source(self->samples, vd_bytes(feed.data + skip, end - 1 - skip));
    for (uint32_t at = 0; source && at < source->slot_count; at++)
        if (source->slots[at]->standing && vd_str_is(feed, source->slots[at]->feed))
            return source->slots[at];
    return NULL;
}

static void take_sample(vd_readings_t *self, vd_slot_t *slot, uint64_t n, vd_bytes_t value)
{
    if (n <= slot->n)
        return;
    if (!vd_samples_put(self->samples, slot, value)) {
        self->foreign++;
        return;
    }
    if (slot->n != 0)
        self->missed += n - slot->n - 1;
    slot->n = n;
    slot->fetch = false;
    self->taken++;
}

static void take_item(vd_readings_t *self, const vd_message_t *message)
{
    vd_slot_t *slot = slot_of_feed(self, message->item.feed);
    if (!slot || slot->inc == 0 || message->item.inc != slot->inc) {
        self->foreign++;
        return;
    }
    if (message->item.n <= slot->n)
        return;
    if (message->payload.size == 0)
        slot->fetch = self->fetch_waits = true;
    else if (vd_scan_exact(message->payload, VD_DEPTH_MAX) == VD_OK)
        take_sample(self, slot, message->item.n, message->payload);
    else
        self->foreign++;
}

static void take_items(vd_readings_t *self, const vd_message_t *message)
{
    vd_slot_t *slot = slot_of_feed(self, message->items.feed);
    vd_value_t list, element;
    if (!slot || message->items.inc != slot->inc ||
        vd_scan_exact(message->payload, VD_DEPTH_MAX) != VD_OK ||
        !vd_value_of(message->payload, &list) || list.kind != VD_KIND_ARRAY) {
        self->foreign++;
        return;
    }
    uint64_t n = message->items.first;
    while (vd_value_next(&list.bytes, &element))
        take_sample(self, slot, n++, element.raw);
    if (slot->n < message->items.head)
        slot->fetch = self->fetch_waits = message->items.count > 0;
}

static void take_newest(vd_readings_t *self, vd_str_t feed, uint64_t inc, uint64_t n,
                        vd_bytes_t payload)
{
    vd_slot_t *slot = slot_of_feed(self, feed);
    vd_value_t value;
    if (!slot || inc != slot->inc || vd_scan_exact(payload, VD_DEPTH_MAX) != VD_OK ||
        !vd_value_of(payload, &value)) {
        self->foreign++;
        return;
    }
    slot->fetch = false;
    if (value.kind == VD_KIND_MAP)
        take_sample(self, slot, n, value.raw);
}

static void take_once(vd_readings_t *self, vd_now_t now, const vd_message_t *message)
{
    for (uint32_t at = 0; at < self->samples->answer_count; at++) {
        vd_slot_t *slot = self->samples->answers[at];
        if (slot->correlation == 0 || slot->correlation != message->correlation)
            continue;
        slot->correlation = 0;
        slot->fetch = false;
        self->answered++;
        if (message->id == VD_MESSAGE_ERROR)
            vd_samples_put_failure(self->samples, slot, now.wall_ms, VD_FAILED,
                                   "the poller refuses the read");
        else if (vd_scan_exact(message->payload, VD_DEPTH_MAX) != VD_OK ||
                 !vd_samples_put(self->samples, slot, message->payload))
            vd_samples_put_failure(self->samples, slot, now.wall_ms, VD_MALFORMED,
                                   "the poller's answer is not a sample of this read");
        return;
    }
}

static void take_message(vd_readings_t *self, vd_now_t now, const vd_input_t *input,
                         vd_effects_t *effects)
{
    const vd_message_t *message = input->message;
    vd_outlet_t *outlet =
        vd_roster_outlet(self->roster, vd_bytes(input->peer.bytes, input->peer.size));
    if (input->port == self->samples_port) {
        if (message->id == VD_MESSAGE_ITEM)
            take_item(self, message);
        return;
    }
    if (!outlet)
        return;
    switch (message->id) {
    case VD_MESSAGE_STANDING:
        take_standing(self, now, outlet, message, effects);
        break;
    case VD_MESSAGE_ITEMS:
        take_items(self, message);
        break;
    case VD_MESSAGE_SNAPSHOT:
        take_newest(self, message->snapshot.feed, message->snapshot.inc, message->snapshot.n,
                    message->payload);
        break;
    case VD_MESSAGE_RESET:
        take_newest(self, message->reset.feed, message->reset.inc, message->reset.n,
                    message->payload);
        break;
    case VD_MESSAGE_SAMPLE:
        take_once(self, now, message);
        break;
    case VD_MESSAGE_ERROR:
        take_once(self, now, message);
        vd_faults_set(self->faults, VD_STAGE_READ, now.wall_ms, "poller %s: %.*s", outlet->name,
                      (int)message->error.text.size, message->error.text.data);
        break;
    default:
        break;
    }
}

/* ---- one-off reads ---- */

void vd_readings_once(vd_readings_t *self, vd_now_t now, const vd_read_record_t *read)
{
    assert(self && read);
    vd_observed_t *source = vd_samples_source(self->samples, read->source);
    vd_slot_t *slot = source ? vd_samples_answer(self->samples, source, read) : NULL;
    if (!slot || slot->correlation != 0)
        return;
    slot->correlation = ++self->correlation;
    slot->fetch = self->fetch_waits = true;
    slot->due_us = now.mono_us + (int64_t)VD_ONCE_TIMEOUT_MS * 1000;
}

bool vd_readings_wait(const vd_readings_t *self)
{
    for (uint32_t at = 0; at < self->samples->answer_count; at++)
        if (self->samples->answers[at]->correlation != 0)
            return true;
    return false;
}

static void expire(vd_readings_t *self, vd_now_t now)
{
    for (uint32_t at = 0; at < self->samples->answer_count; at++) {
        vd_slot_t *slot = self->samples->answers[at];
        if (slot->correlation == 0 || slot->due_us > now.mono_us)
            continue;
        slot->correlation = 0;
        slot->fetch = false;
        self->answered++;
        vd_samples_put_failure(self->samples, slot, now.wall_ms, VD_TIMED_OUT,
                               "no poller answered in time");
    }
}

/* Asks for the newest sample of a standing read, or sends a one-off read. */
static void send_fetch(vd_readings_t *self, const vd_slot_t *slot, const vd_outlet_t *outlet,
                       vd_effects_t *effects)
{
    vd_peer_t peer = vd_peer_named(outlet->name);
    vd_message_t message = {0};
    vd_buffer_clear(&self->rows);
    if (slot->standing) {
        message.id = VD_MESSAGE_READ;
        message.correlation = ++self->correlation;
        message.read_items.feed = vd_str(slot->feed);
        message.read_items.inc = slot->inc;
        message.read_items.after = slot->n;
    } else {
        vd_read_record_t read = read_of(self, slot);
        vd_write_array(&self->rows, 1);
        if (vd_record_encode(VD_RECORD_read, &read, &self->rows) != VD_OK)
            return; /* it times out */
        message.id = VD_MESSAGE_READ_ONCE;
        message.correlation = slot->correlation;
        message.read_once.reads = vd_buffer_view(&self->rows);
    }
    vd_effects_send(effects, self->poller_port, &peer, &message);
    vd_buffer_clear(&self->rows);
}

/* Sends what waits. Returns whether something has to wait for the next step. */
static bool send_fetches(vd_readings_t *self, vd_effects_t *effects)
{
    if (!self->fetch_waits)
        return false;
    bool once_waits = false;
    for (uint32_t at = 0; at < self->samples->source_count; at++) {
        const vd_observed_t *source = self->samples->sources[at];
        const vd_outlet_t *outlet = NULL;
        for (uint32_t place = 0; place < source->slot_count; place++) {
            vd_slot_t *slot = source->slots[place];
            if (!slot->fetch)
                continue;
            if (vd_effects_room(effects) <= EFFECTS_SPARE)
                return true;
            outlet = outlet ? outlet : vd_roster_outlet(self->roster, source->record.poller);
            if (!outlet || !outlet->connected) {
                once_waits = once_waits || !slot->standing;
                slot->fetch = !slot->standing;
                continue;
            }
            slot->fetch = false;
            send_fetch(self, slot, outlet, effects);
        }
    }
    self->fetch_waits = once_waits;
    return false;
}

/* ---- the step ---- */

bool vd_readings_step(vd_readings_t *self, vd_now_t now, const vd_input_t *input,
                      vd_effects_t *effects)
{
    assert(self && input && effects);
    if (input->kind == VD_INPUT_TIMER && input->id == self->timer) {
        expire(self, now);
        return true;
    }
    if (input->kind != VD_INPUT_MESSAGE ||
        (input->port != self->poller_port && input->port != self->samples_port))
        return false;
    take_message(self, now, input, effects);
    return true;
}

static void settle_outlet(vd_readings_t *self, vd_now_t now, vd_outlet_t *outlet, bool renew,
                          vd_effects_t *effects)
{
    bool unanswered =
        outlet->out_us != 0 && now.mono_us - outlet->out_us >= (int64_t)VD_STAND_TIMEOUT_MS * 1000;
    if (unanswered)
        vd_faults_set(self->faults, VD_STAGE_READ, now.wall_ms,
                      "poller %s does not answer; vedette ps shows its state", outlet->name);
    if (outlet->moved || unanswered || !outlet->connected) {
        disconnect(self, outlet, effects);
        connect_outlet(self, outlet, effects);
        outlet->moved = false;
        resend_answers(self, outlet);
        self->fetch_waits = true;
    }
    if (outlet->out_us == 0 && (renew || outlet->dirty))
        stand(self, now, outlet, renew, effects);
}

static void forget_outlet(vd_readings_t *self, vd_outlet_t *outlet, vd_effects_t *effects)
{
    disconnect(self, outlet, effects);
    resend_answers(self, outlet);
    vd_roster_forget(self->roster, outlet);
}

static int64_t next_us(const vd_readings_t *self)
{
    int64_t at_us = self->renew_us;
    for (uint32_t at = 0; at < self->samples->answer_count; at++) {
        const vd_slot_t *slot = self->samples->answers[at];
        if (slot->correlation != 0 && slot->due_us < at_us)
            at_us = slot->due_us;
    }
    return at_us;
}

void vd_readings_settle(vd_readings_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(self && effects == self->effects);
    bool renew = now.mono_us >= self->renew_us;
    bool more = false;
    if (renew)
        self->renew_us = now.mono_us + self->renew_ms * 1000;
    if (renew && self->samples->source_count == 0)
        recover(self, now); /* what could not be read has left, and no poller is asked any more */
    for (uint32_t at = self->roster->outlet_count; at-- > 0;)
        if (self->roster->outlets[at]->gone)
            forget_outlet(self, self->roster->outlets[at], effects);
    for (uint32_t at = 0; at < self->roster->outlet_count; at++) {
        vd_outlet_t *outlet = self->roster->outlets[at];
        if (vd_effects_room(effects) <= EFFECTS_SPARE) {
            more = true;
            break;
        }
        settle_outlet(self, now, outlet, renew, effects);
        more = more || (outlet->dirty && outlet->out_us == 0);
    }
    more = send_fetches(self, effects) || more;
    vd_effects_timer(effects, self->timer, more ? now.mono_us : next_us(self));
    self->effects = NULL;
}

/* children.c: what the supervisor tells of its children, and what its events tell of them. */
#include "auditor_parts.h"

#include "core/hash.h"

#include <inttypes.h>
#include <stdio.h>

#define STATUS_US (5000 * MS)
/* So long an event that agrees with the supervisor may come behind one that does not, while the
 * history is read: who makes an event up need not wait for the true one. */
#define DIFFERS_US (10000 * MS)
#define UNREAD_US  (2000 * MS)

/* The place of a child. Those that the feed has always find one: what is known from events alone gives
 * way, the oldest first. */
static vd_audited_child_t *child_of(vd_auditor_t *self, vd_str_t name)
{
    vd_audited_child_t *place = NULL;
    if (!vd_name_valid(name))
        return NULL;
    for (uint32_t i = 0; i < VD_AUDITOR_CHILDREN_MAX; i++) {
        vd_audited_child_t *child = &self->children[i];
        if (vd_str_is(name, child->name)) {
            child->touched = ++self->children_touched;
            return child;
        }
        if (!child->fed && (place == NULL || child->touched < place->touched))
            place = child;
    }
    if (place == NULL || place->name[0] != 0)
        self->left_out++;
    if (place == NULL)
        return NULL;
    *place = (vd_audited_child_t){.touched = ++self->children_touched};
    vd_str_copy(place->name, sizeof place->name, name);
    return place;
}

static void forget(vd_audited_child_t *child)
{
    *child = (vd_audited_child_t){.pid = 0};
}

/* ---- both ---- */

static bool agrees(const vd_audited_child_t *child)
{
    return child->pid != 0 && child->told.pid == child->pid &&
           child->told.restarts == child->restarts;
}

/* A life of a process has one number, whoever tells it. */
static void compare(vd_auditor_t *self, vd_audited_child_t *child)
{
    if (agrees(child))
        vd_book_check(&self->book, VD_INVARIANT_restarts_told);
    if (agrees(child) || child->pid == 0 || child->told.pid != child->pid)
        child->differs_us = 0;
    else if (child->differs_us == 0)
        child->differs_us = self->now.mono_us;
}

/* May the event that the supervisor wrote stand where nothing was read? */
static bool is_unseen(const vd_auditor_t *self, const vd_audited_child_t *child)
{
    return child->started_ms > 0 && child->started_ms < self->begun_ms &&
           !vd_history_has_begun(self->history, self->session);
}

static void tell(vd_auditor_t *self, vd_audited_child_t *child)
{
    const vd_told_start_t *told = &child->told;
    vd_violation_t violation =
        vd_violation_of(VD_INVARIANT_restarts_told, vd_str(self->session), told->seq, told->index);
    snprintf(violation.text, sizeof violation.text,
             "%s was restarted %" PRIu64 " times, its events say %" PRIu64, child->name,
             child->restarts, told->restarts);
    snprintf(violation.evidence, sizeof violation.evidence,
             "the feed lifecycle and event %" PRIu64 " both tell of process %" PRIu64, told->seq,
             child->pid);
    vd_book_violate(&self->book, &violation, vd_hash(child->pid, vd_str(child->name)));
}

/* Tells what differs and has for long. */
static void settle(vd_auditor_t *self)
{
    bool reads = vd_auditor_may_judge(self) && self->now.mono_us - self->heard_us <= UNREAD_US;
    for (uint32_t i = 0; i < VD_AUDITOR_CHILDREN_MAX; i++) {
        vd_audited_child_t *child = &self->children[i];
        if (child->differs_us == 0)
            continue;
        if (!reads)
            child->differs_us = self->now.mono_us;
        if (self->now.mono_us - child->differs_us < DIFFERS_US)
            continue;
        if (is_unseen(self, child))
            vd_book_unknown(&self->book, VD_INVARIANT_restarts_told);
        else
            tell(self, child);
        child->told.pid = 0;
        child->differs_us = 0;
    }
}

/* ---- the feed ---- */

static void take_child(vd_auditor_t *self, vd_bytes_t map)
{
    vd_child_record_t record;
    if (vd_record_decode(map, VD_RECORD_child, &record) != VD_OK)
        return;
    vd_audited_child_t *child = child_of(self, record.name);
    if (child == NULL)
        return;
    if (vd_str_is(record.state, "gone")) {
        forget(child);
        return;
    }
    child->fed = child->named = true;
    if (child->pid != record.pid)
        child->differs_us = 0;
    child->pid = record.pid;
    child->restarts = record.restarts;
    child->started_ms = record.started_ms;
    if (child->pid != 0 && child->told.pid != child->pid && child->other.pid == child->pid) {
        child->told = child->other;
        child->other.pid = 0;
    }
    compare(self, child);
}

/* Another life of the supervisor: its children are others, of which events may have told before. */
static void begin_anew(vd_auditor_t *self)
{
    for (uint32_t i = 0; i < VD_AUDITOR_CHILDREN_MAX; i++) {
        vd_audited_child_t *child = &self->children[i];
        child->fed = false;
        child->pid = 0;
        child->differs_us = 0;
    }
}

static void on_snapshot(void *arg, vd_now_t now, vd_bytes_t value, bool complete,
                        vd_effects_t *effects)
{
    vd_auditor_t *self = arg;
    vd_value_t list, item;
    (void)now;
    (void)effects;
    if (self->lifecycle_inc != self->lifecycle.inc)
        begin_anew(self);
    self->lifecycle_inc = self->lifecycle.inc;
    for (uint32_t i = 0; i < VD_AUDITOR_CHILDREN_MAX; i++)
        self->children[i].named = false;
    if (vd_value_of(value, &list))
        while (vd_value_next(&list.bytes, &item))
            take_child(self, item.raw);
    for (uint32_t i = 0; complete && i < VD_AUDITOR_CHILDREN_MAX; i++)
        if (self->children[i].fed && !self->children[i].named)
            forget(&self->children[i]);
}

static void on_item(void *arg, vd_now_t now, uint64_t n, vd_bytes_t value, vd_effects_t *effects)
{
    (void)now;
    (void)n;
    (void)effects;
    take_child(arg, value);
}

static const vd_feed_handler_t handler = {.snapshot = on_snapshot, .item = on_item};

/* ---- the events ---- */

void vd_children_session(vd_auditor_t *self, vd_str_t session)
{
    if (!vd_name_valid(session) || vd_str_is(session, self->session))
        return;
    vd_str_copy(self->session, sizeof self->session, session);
    vd_history_watch(self->history, self->session);
    vd_telling_forget(self);
    for (uint32_t i = 0; i < VD_AUDITOR_CHILDREN_MAX; i++) {
        vd_audited_child_t *child = &self->children[i];
        child->told.pid = child->other.pid = 0;
        child->differs_us = 0;
        if (!child->fed)
            forget(child);
    }
}

void vd_children_event(vd_auditor_t *self, uint64_t seq, uint64_t index, vd_str_t type,
                       const vd_entry_t *entry)
{
    vd_event_t event;
    vd_value_t data;
    if (!vd_str_is(type, "actor_started") && !vd_str_is(type, "actor_runs"))
        return;
    if (vd_event_read(entry->event, &event) != VD_OK || !vd_value_of(event.data, &data))
        return;
    vd_told_start_t told = {.pid = vd_value_get_u64(&data, "pid", 0),
                            .restarts = vd_value_get_u64(&data, "restarts", 0),
                            .seq = seq,
                            .index = index};
    vd_audited_child_t *child =
        told.pid != 0 ? child_of(self, vd_value_get_str(&data, "actor")) : NULL;
    if (child == NULL ||
        (agrees(child) && told.pid == child->pid && told.restarts != child->restarts))
        return;
    if (child->pid == 0 || child->pid == told.pid)
        child->told = told;
    else
        child->other = told;
    if (child->pid == told.pid)
        compare(self, child);
}

/* ---- life ---- */

void vd_children_start(vd_auditor_t *self, vd_effects_t *effects)
{
    self->supervisor = vd_peer_named("supervisor");
    vd_feed_reader_init(&self->lifecycle, "lifecycle", VD_AUDITOR_ASK, VD_AUDITOR_LIFECYCLE,
                        VD_FEED_NO_TIMER, &handler, self);
    vd_feed_reader_connect(&self->lifecycle, self->now, &self->supervisor,
                           self->endpoints[VD_AT_SUPERVISOR], self->endpoints[VD_AT_LIFECYCLE],
                           effects);
}

void vd_children_tick(vd_auditor_t *self, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_STATUS};
    vd_feed_reader_tick(&self->lifecycle, self->now, effects);
    settle(self);
    if (self->now.mono_us < self->status_us)
        return;
    self->status_us = self->now.mono_us + STATUS_US;
    self->status_asked = vd_auditor_ask(self, &self->supervisor, &message, effects);
}

bool vd_children_take(vd_auditor_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    const vd_message_t *message = input->message;
    bool ours = input->port == VD_AUDITOR_ASK && vd_peer_equal(&input->peer, &self->supervisor);
    if (ours && message->id == VD_MESSAGE_STATUS_IS) {
        if (message->correlation == self->status_asked)
            vd_children_session(self, message->status_is.session);
        return true;
    }
    return vd_feed_reader_step(&self->lifecycle, self->now, input, effects) || ours;
}

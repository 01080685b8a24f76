/* children.c: what the supervisor tells of its children, and what its events tell of them. */
#include "auditor_parts.h"

#include "core/hash.h"

#include <inttypes.h>
#include <stdio.h>

#define STATUS_US (5000 * MS)

static vd_audited_child_t *child_of(vd_auditor_t *self, vd_str_t name)
{
    vd_audited_child_t *free_one = NULL;
    for (uint32_t i = 0; i < VD_AUDITOR_ACTORS_MAX; i++) {
        if (vd_str_is(name, self->children[i].name))
            return &self->children[i];
        if (free_one == NULL && self->children[i].name[0] == 0)
            free_one = &self->children[i];
    }
    if (free_one == NULL || name.size == 0) {
        self->left_out++;
        return NULL;
    }
    *free_one = (vd_audited_child_t){.pid = 0};
    vd_str_copy(free_one->name, sizeof free_one->name, name);
    return free_one;
}

/* A life of a process has one number, whoever tells it. */
static void compare(vd_auditor_t *self, const vd_audited_child_t *child)
{
    if (child->pid == 0 || child->pid != child->event_pid)
        return;
    if (child->restarts == child->event_restarts) {
        vd_book_check(&self->book, VD_INVARIANT_restarts_told);
        return;
    }
    vd_violation_t violation = vd_violation_of(VD_INVARIANT_restarts_told, vd_str(self->session),
                                               child->event_seq, child->event_index);
    snprintf(violation.text, sizeof violation.text,
             "%s was restarted %" PRIu64 " times, its events say %" PRIu64, child->name,
             child->restarts, child->event_restarts);
    snprintf(violation.evidence, sizeof violation.evidence,
             "the feed lifecycle and event %" PRIu64 " both tell of process %" PRIu64,
             child->event_seq, child->pid);
    vd_book_violate(&self->book, &violation, vd_hash(child->pid, vd_str(child->name)));
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
        child->name[0] = 0;
        return;
    }
    child->pid = record.pid;
    child->restarts = record.restarts;
    compare(self, child);
}

static void on_snapshot(void *arg, vd_now_t now, vd_bytes_t value, bool complete,
                        vd_effects_t *effects)
{
    vd_auditor_t *self = arg;
    vd_value_t list, item;
    (void)now;
    (void)complete;
    (void)effects;
    if (self->lifecycle_inc != self->lifecycle.inc)
        memset(self->children, 0, sizeof self->children);
    self->lifecycle_inc = self->lifecycle.inc;
    if (vd_value_of(value, &list))
        while (vd_value_next(&list.bytes, &item))
            take_child(self, item.raw);
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
    for (uint32_t i = 0; i < VD_AUDITOR_ACTORS_MAX; i++)
        self->children[i].event_pid = 0;
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
    vd_audited_child_t *child = child_of(self, vd_value_get_str(&data, "actor"));
    if (child == NULL)
        return;
    child->event_pid = vd_value_get_u64(&data, "pid", 0);
    child->event_restarts = vd_value_get_u64(&data, "restarts", 0);
    child->event_seq = seq;
    child->event_index = index;
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

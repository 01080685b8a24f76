/* sessions.c: the rules of a session's life. */
#include "sessions.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char STARTED[] = "session_started";
static const char ENDED[] = "session_ended";
static const char STATUS[] = "session_status";
static const char COMMON[] = "session_"; /* what these types begin with */

vd_session_t *vd_session_new(vd_str_t id)
{
    assert(id.size > 0 && id.size <= VD_NAME_BYTES_MAX);
    vd_session_t *self = calloc(1, sizeof *self);
    vd_session_open_t *open = calloc(1, sizeof *open);
    if (self == NULL || open == NULL) {
        free(self);
        free(open);
        return NULL;
    }
    vd_str_copy(self->id, sizeof self->id, id);
    memcpy(open->assigned.session, self->id, sizeof self->id);
    memcpy(open->durable.session, self->id, sizeof self->id);
    self->open = open;
    return self;
}

void vd_session_destroy(vd_session_t *self)
{
    free(self->open);
    free(self);
}

bool vd_session_is_closed(const vd_store_session_t *record)
{
    return record->state == VD_SESSION_COMPLETED || record->state == VD_SESSION_FAILED;
}

static void refuse(vd_verdict_t *verdict, vd_status_t status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void refuse(vd_verdict_t *verdict, vd_status_t status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(verdict->text, sizeof verdict->text, format, arguments);
    va_end(arguments);
    verdict->status = status;
}

static void note_status(vd_bytes_t bytes, uint32_t place, vd_verdict_t *verdict)
{
    vd_event_t event;
    vd_value_t data, snapshot;
    verdict->tells = place + 1;
    if (vd_event_read(bytes, &event) == VD_OK && vd_value_of(event.data, &data) &&
        vd_value_get(&data, "snapshot", &snapshot))
        verdict->shows = place + 1;
}

/* Finds session_started, session_status and session_ended. */
static void find_control(vd_bytes_t run, uint32_t count, vd_verdict_t *verdict)
{
    vd_entry_t entry;
    for (uint32_t i = 0; vd_run_next(&run, &entry) == VD_OK; i++) {
        vd_event_t event;
        vd_str_t type = vd_event_peek_type(entry.event);
        if (type.size < sizeof COMMON - 1 || memcmp(type.data, COMMON, sizeof COMMON - 1) != 0)
            continue;
        if (vd_str_is(type, STATUS))
            note_status(entry.event, i, verdict);
        bool begins = vd_str_is(type, STARTED);
        if ((!begins && !vd_str_is(type, ENDED)) || vd_event_read(entry.event, &event) != VD_OK)
            continue;
        if (begins) {
            verdict->begins = true;
            verdict->started = event.data;
            if (i > 0)
                refuse(verdict, VD_BAD_EVENT,
                       "session_started is event %" PRIu32 " of its frame: only the first may be",
                       i + 1);
        } else {
            verdict->ends = true;
            verdict->ended = event.data;
            if (i + 1 < count)
                refuse(verdict, VD_SESSION_CLOSED,
                       "events follow session_ended, which is event %" PRIu32 " of %" PRIu32, i + 1,
                       count);
        }
    }
}

void vd_session_judge(const vd_session_t *session, vd_str_t id, vd_bytes_t run, uint32_t count,
                      vd_verdict_t *verdict)
{
    assert(count > 0 && verdict != NULL);
    *verdict = (vd_verdict_t){.status = VD_OK};
    find_control(run, count, verdict);
    if (verdict->status != VD_OK)
        return;
    const char *name = (const char *)id.data;
    if (verdict->begins && session != NULL)
        refuse(verdict, VD_SESSION_EXISTS, "session %.*s exists already: take another id",
               (int)id.size, name);
    else if (!verdict->begins && session == NULL)
        refuse(verdict, VD_UNKNOWN_SESSION, "session %.*s does not exist: begin it first",
               (int)id.size, name);
    else if (session != NULL &&
             (session->open == NULL || vd_session_is_closed(&session->open->assigned)))
        refuse(verdict, VD_SESSION_CLOSED, "session %.*s has ended: nothing follows its end",
               (int)id.size, name);
}

static void begin(vd_session_open_t *open, vd_bytes_t data, const vd_store_producer_t *producer)
{
    vd_store_session_t *record = &open->assigned;
    record->state = VD_SESSION_ACTIVE;
    record->labels_size = 1;
    record->labels[0] = 0x80; /* an empty map */
    vd_value_t map, value;
    if (!vd_value_of(data, &map) || map.kind != VD_KIND_MAP)
        return;
    vd_str_copy(record->name, sizeof record->name, vd_value_get_str(&map, "name"));
    if (vd_value_get(&map, "labels", &value) && value.kind == VD_KIND_MAP &&
        value.raw.size <= sizeof record->labels) {
        record->labels_size = (uint32_t)value.raw.size;
        memcpy(record->labels, value.raw.data, value.raw.size);
    }
    vd_str_copy(open->continues, sizeof open->continues, vd_value_get_str(&map, "continues"));
    if (vd_value_get(&map, "owner", &value) && value.kind == VD_KIND_BOOL && value.boolean)
        memcpy(record->owner, producer->name, sizeof record->owner);
}

void vd_session_apply(vd_session_t *self, const vd_verdict_t *verdict,
                      const vd_store_producer_t *producer, vd_now_t now)
{
    assert(verdict->status == VD_OK && self->open != NULL);
    vd_store_session_t *record = &self->open->assigned;
    if (verdict->begins)
        begin(self->open, verdict->started, producer);
    if (record->owner[0] != 0 && strcmp(record->owner, producer->name) == 0) {
        record->owner_epoch = producer->epoch;
        record->state = VD_SESSION_ACTIVE;
        self->open->alive_us = now.mono_us;
    }
    if (!verdict->ends)
        return;
    vd_value_t map;
    bool failed =
        vd_value_of(verdict->ended, &map) && vd_str_is(vd_value_get_str(&map, "status"), "failed");
    record->state = failed ? VD_SESSION_FAILED : VD_SESSION_COMPLETED;
}

vd_session_state_t vd_session_state_due(vd_session_t *self, const vd_store_producer_t *owner,
                                        int64_t heard_us, vd_now_t now)
{
    assert(self->open != NULL && !vd_session_is_closed(&self->open->assigned));
    vd_store_session_t *record = &self->open->assigned;
    if (owner != NULL && owner->epoch == record->owner_epoch && heard_us > self->open->alive_us)
        self->open->alive_us = heard_us;
    bool silent = now.mono_us - self->open->alive_us >= VD_OWNER_SILENT_MS * 1000LL;
    return silent ? VD_SESSION_INTERRUPTED : VD_SESSION_ACTIVE;
}

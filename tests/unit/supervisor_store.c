/* supervisor_store.c: the sessions of the world's ingestor. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "unit/supervisor_world.h"
#include "wire/events.h"
#include "wire/run.h"

world_session_t *world_session(world_t *self, int at)
{
    size_t place = at < 0 ? self->session_count - (size_t)-at : (size_t)at;
    return place < self->session_count ? &self->sessions[place] : NULL;
}

world_session_t *world_session_named(world_t *self, vd_str_t id)
{
    for (size_t i = 0; i < self->session_count; i++)
        if (vd_str_is(id, self->sessions[i].id))
            return &self->sessions[i];
    return NULL;
}

/* Why the frame cannot be: its session is not there, is there already, or has ended. */
static vd_status_t judge(world_t *self, const vd_message_t *message, vd_str_t first)
{
    const world_session_t *session = world_session_named(self, message->emit.session);
    if (vd_str_is(first, "session_started") && self->refuses_sessions)
        return VD_TOO_LARGE;
    if (vd_str_is(first, "session_started"))
        return session ? VD_SESSION_EXISTS : VD_OK;
    if (!session)
        return VD_UNKNOWN_SESSION;
    return strcmp(session->state, "active") == 0 ? VD_OK : VD_SESSION_CLOSED;
}

/* Actors are told at the beginning, before what becomes of them. */
static void note_runs(world_session_t *session, const vd_value_t *data)
{
    vd_str_t name = vd_value_get_str(data, "actor"), state = vd_value_get_str(data, "state");
    assert(session->continues[0] != '\0' && session->runs < WORLD_PROCESSES_MAX);
    (void)snprintf(session->told[session->runs++], sizeof session->told[0], "%.*s %.*s",
                   (int)name.size, (const char *)name.data, (int)state.size,
                   (const char *)state.data);
}

static void store(world_t *self, vd_str_t id, const vd_event_t *event)
{
    char type[VD_NAME_BYTES_MAX + 1];
    vd_value_t data;
    (void)vd_str_copy(type, sizeof type, event->type);
    world_note(self, "commit", type);
    bool whole = vd_value_of(event->data, &data);
    assert(whole);
    if (strcmp(type, "session_started") == 0) {
        assert(self->session_count < WORLD_SESSIONS_MAX);
        world_session_t *begun = &self->sessions[self->session_count++];
        *begun = (world_session_t){.state = "active"};
        (void)vd_str_copy(begun->id, sizeof begun->id, id);
        (void)vd_str_copy(begun->continues, sizeof begun->continues,
                          vd_value_get_str(&data, "continues"));
    }
    world_session_t *session = world_session_named(self, id);
    assert(session && strcmp(session->state, "active") == 0);
    session->events++;
    bool runs = strcmp(type, "actor_runs") == 0;
    session->actors += strncmp(type, "actor_", 6) == 0 && !runs;
    if (runs)
        note_runs(session, &data);
    if (strcmp(type, "session_ended") != 0)
        return;
    (void)vd_str_copy(session->state, sizeof session->state, vd_value_get_str(&data, "status"));
    (void)vd_str_copy(session->continued_by, sizeof session->continued_by,
                      vd_value_get_str(&data, "continued_by"));
}

vd_status_t world_store(world_t *self, const vd_message_t *message)
{
    assert(message->emit.first <= self->mark + 1);
    vd_bytes_t run = message->payload;
    vd_entry_t entry;
    vd_event_t event;
    bool again = message->emit.first <= self->mark;
    vd_status_t verdict = VD_OK;
    for (uint64_t i = 0; !again && vd_run_next(&run, &entry) == VD_OK; i++) {
        vd_status_t status = vd_event_read(entry.event, &event);
        assert(status == VD_OK);
        /* What the supervisor writes is in the catalogue, and as it says. */
        char text[VD_TEXT_BYTES_MAX + 1];
        assert(vd_event_type(event.type) != NULL);
        if (vd_event_check(event.type, event.data, text, sizeof text) != VD_OK) {
            fprintf(stderr, "%s\n", text);
            abort();
        }
        if (i == 0)
            verdict = judge(self, message, event.type);
        if (verdict == VD_OK)
            store(self, message->emit.session, &event);
        self->rejected += verdict != VD_OK;
        self->mark++;
    }
    assert(again || self->mark == message->emit.first + message->emit.count - 1);
    return verdict;
}

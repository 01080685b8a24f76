/* facts.c: the events of a session that tell of it, taken apart. */
#include "facts.h"

#include "wire/run.h"
#include "wire/value.h"

#include <assert.h>
#include <string.h>

void vd_facts_init(vd_facts_t *self)
{
    assert(self != NULL);
    memset(self, 0, sizeof *self);
    vd_buffer_init(&self->status, VD_SPEC_BYTES_MAX);
}

void vd_facts_free(vd_facts_t *self)
{
    assert(self != NULL);
    vd_buffer_free(&self->status);
}

/* Reads the data of event session:seq, which has to be of `type`; it lives until the cursor moves.
 * False if it is not to be had. */
static bool read_data(vd_facts_t *self, vd_store_t *store, vd_store_cursor_t *cursor,
                      const char *session, uint64_t seq, const char *type, vd_value_t *data)
{
    uint64_t index, at;
    char error[VD_TEXT_BYTES_MAX];
    vd_commit_t commit;
    if (vd_store_find(store, session, seq, &index, &at) != VD_OK ||
        vd_store_cursor_seek(cursor, index, session) != VD_OK ||
        vd_store_cursor_next(cursor, &commit, error, sizeof error) != VD_OK ||
        commit.index != index || commit.run_count == 0)
        return false;
    const vd_commit_run_t *piece = &commit.runs[0];
    vd_bytes_t run = piece->run;
    self->read_bytes += run.size;
    vd_entry_t entry;
    vd_event_t event;
    bool found = false;
    for (uint64_t next = piece->first_seq; next <= seq; next++)
        found = vd_run_next(&run, &entry) == VD_OK && next == seq;
    return found && vd_event_read(entry.event, &event) == VD_OK && vd_str_is(event.type, type) &&
           vd_value_of(event.data, data) && data->kind == VD_KIND_MAP;
}

/* Copies a text that the session's producer chose. An empty one leaves `out`. */
static void take_text(char *out, size_t size, const vd_value_t *data, const char *key)
{
    vd_str_t text = vd_value_get_str(data, key);
    if (text.size > 0)
        vd_text_copy(out, size, text);
}

/* Copies the id of a session; what cannot be one is none. */
static void take_session(char out[VD_NAME_BYTES_MAX + 1], const vd_value_t *data, const char *key)
{
    vd_str_t id = vd_value_get_str(data, key);
    if (vd_name_valid(id))
        vd_str_copy(out, VD_NAME_BYTES_MAX + 1, id);
}

void vd_facts_read(vd_facts_t *self, vd_store_t *store, vd_store_cursor_t *cursor,
                   const vd_store_session_t *session)
{
    assert(self != NULL && store != NULL && cursor != NULL && session->session[0] != 0);
    const char *id = session->session;
    bool closed = session->state == VD_SESSION_COMPLETED || session->state == VD_SESSION_FAILED;
    vd_value_t data, snapshot;
    self->command[0] = self->continues[0] = self->continued_by[0] = 0;
    self->text[0] = self->error[0] = 0;
    vd_buffer_clear(&self->status);
    if (read_data(self, store, cursor, id, 1, "session_started", &data)) {
        take_text(self->command, sizeof self->command, &data, "command");
        take_session(self->continues, &data, "continues");
    }
    if (session->snapshot_seq > 0 &&
        read_data(self, store, cursor, id, session->snapshot_seq, "session_status", &data) &&
        vd_value_get(&data, "snapshot", &snapshot) && snapshot.raw.size <= VD_SPEC_BYTES_MAX)
        vd_buffer_add(&self->status, snapshot.raw.data, snapshot.raw.size);
    if (session->status_seq > 0 &&
        read_data(self, store, cursor, id, session->status_seq, "session_status", &data))
        take_text(self->text, sizeof self->text, &data, "text");
    if (closed && read_data(self, store, cursor, id, session->last_seq, "session_ended", &data)) {
        take_text(self->text, sizeof self->text, &data, "text");
        take_text(self->error, sizeof self->error, &data, "error");
        take_session(self->continued_by, &data, "continued_by");
    }
    if (session->error[0] != 0) /* the ingestor itself gave it up: that is why */
        vd_str_copy(self->error, sizeof self->error, vd_str(session->error));
}

/* restore.c: producers, sessions, and what the open ones go on from. */
#include "restore.h"

#include "facts.h"
#include "kit/failpoint.h"

#include <assert.h>

typedef struct restoring {
    vd_store_t *store;
    vd_sequencer_t *sequencer;
    bool whole;       /* false: memory ran out */
    vd_buffer_t open; /* records of the sessions that are open */
} restoring_t;

static bool restore_producer(void *arg, const vd_store_producer_t *producer)
{
    restoring_t *self = arg;
    vd_failpoint("ingestor.open");
    self->whole = vd_sequencer_restore_producer(self->sequencer, producer);
    return self->whole;
}

static bool restore_session(void *arg, const vd_store_session_t *session)
{
    restoring_t *self = arg;
    vd_failpoint("ingestor.open");
    self->whole = vd_sequencer_restore_session(self->sequencer, session);
    bool open = session->state == VD_SESSION_ACTIVE || session->state == VD_SESSION_INTERRUPTED;
    if (self->whole && open)
        self->whole = vd_buffer_add(&self->open, session, sizeof *session);
    return self->whole;
}

/* What an open session goes on from stands in its first event. One that is damaged protects
 * nothing. */
static vd_status_t restore_continues(restoring_t *self)
{
    vd_store_cursor_t *cursor = NULL;
    vd_facts_t facts;
    vd_status_t status = vd_store_cursor_new(self->store, &cursor);
    if (status != VD_OK)
        return status;
    vd_facts_init(&facts);
    for (size_t at = 0; at < self->open.size; at += sizeof(vd_store_session_t)) {
        vd_store_session_t session;
        memcpy(&session, self->open.data + at, sizeof session);
        vd_facts_read(&facts, self->store, cursor, &session);
        if (facts.continues[0] != 0)
            vd_sequencer_restore_continues(self->sequencer, vd_str(session.session),
                                           vd_str(facts.continues));
    }
    vd_facts_free(&facts);
    vd_store_cursor_destroy(&cursor);
    return VD_OK;
}

static vd_status_t lookup_record(void *arg, const char *session, const char *record, uint64_t *seq)
{
    return vd_store_record(arg, session, record, seq);
}

static vd_status_t lookup_session(void *arg, const char *session)
{
    vd_store_session_t record;
    return vd_store_session(arg, session, &record);
}

static vd_status_t restore(restoring_t *self)
{
    vd_status_t status = vd_store_producers(self->store, restore_producer, self);
    if (status == VD_OK && self->whole)
        status = vd_store_sessions(self->store, restore_session, self);
    if (status == VD_OK && self->whole)
        status = restore_continues(self);
    return status == VD_OK && !self->whole ? VD_NO_MEMORY : status;
}

vd_status_t vd_restore(vd_store_t *store, const vd_prune_limits_t *limits,
                       vd_sequencer_t **sequencer)
{
    assert(store != NULL && limits != NULL && sequencer != NULL);
    vd_store_tail_t tail;
    vd_store_tail(store, &tail);
    *sequencer = NULL;
    restoring_t self = {.store = store, .sequencer = vd_sequencer_new(&tail), .whole = true};
    if (self.sequencer == NULL)
        return VD_NO_MEMORY;
    vd_sequencer_lookup_t lookup = {store, lookup_record, lookup_session};
    vd_sequencer_set_lookup(self.sequencer, &lookup);
    vd_sequencer_set_policy(self.sequencer, limits);
    vd_buffer_init(&self.open, SIZE_MAX / 2);
    vd_status_t status = restore(&self);
    vd_buffer_free(&self.open);
    if (status != VD_OK)
        vd_sequencer_destroy(&self.sequencer);
    *sequencer = self.sequencer;
    return status;
}

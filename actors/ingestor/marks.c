/* marks.c: forgetting producers that nobody uses any more. */
#include "sequencer_state.h"

#include <assert.h>

enum { MARKS_EVERY_US = 10000000 };

/* A producer that was silent for so long may be forgotten when there are too many. After a start
 * every one has as long to be heard. */
static const int64_t SILENT_US = 3600LL * 1000000;

bool vd_seq_is_silent(const vd_sequencer_t *self, const vd_producer_t *producer, vd_now_t now)
{
    int64_t since_us = producer->heard_us > self->start_us ? producer->heard_us : self->start_us;
    return !producer->leaving && producer->durable.epoch > 0 &&
           producer->assigned.epoch == producer->durable.epoch &&
           now.mono_us - since_us >= SILENT_US;
}

static bool has_expired(const vd_sequencer_t *self, const vd_producer_t *producer, vd_now_t now)
{
    bool unheard = producer->heard_us == INT64_MIN ||
                   now.mono_us - producer->heard_us >= VD_MARK_EXPIRES_MS * 1000LL;
    return unheard && vd_seq_is_silent(self, producer, now) && producer->owner_look != self->look &&
           now.wall_ms - producer->durable.used_ms >= VD_MARK_EXPIRES_MS;
}

static void note_owners(vd_sequencer_t *self)
{
    self->look++;
    for (vd_session_t *session = self->open; session != NULL; session = session->next_open) {
        const char *name = session->open->assigned.owner;
        vd_producer_t *owner = name[0] != 0 ? vd_names_get(&self->producers, vd_str(name)) : NULL;
        if (owner != NULL)
            owner->owner_look = self->look;
    }
}

void vd_seq_expire_marks(vd_sequencer_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(self != NULL && effects != NULL);
    if (self->trouble || now.mono_us < self->marks_us)
        return;
    self->marks_us = now.mono_us + MARKS_EVERY_US;
    note_owners(self);
    vd_batch_t *batch = NULL;
    vd_producer_t *producer;
    uint32_t at = 0, count = 0;
    while ((producer = vd_names_next(&self->producers, &at)) != NULL) {
        if (!has_expired(self, producer, now))
            continue;
        if (batch == NULL)
            batch = vd_seq_collect(self, now, NULL, 0, 0);
        if (batch == NULL || batch->frames == VD_COMMIT_FRAMES_MAX ||
            !vd_batch_leave(batch, producer)) {
            self->marks_us = now.mono_us; /* there are more: go on with the next look */
            break;
        }
        count++;
    }
    if (count > 0)
        vd_effects_log(effects, VD_INFO, "%u producers that nobody used for %d h are forgotten",
                       count, VD_MARK_EXPIRES_MS / 3600000);
}

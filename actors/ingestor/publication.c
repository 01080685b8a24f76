/* publication.c: cutting commits into published frames. */
#include "publication.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Of one step, so that its effects surely fit. */
#define FRAMES_MAX 256u
static_assert(FRAMES_MAX < VD_EFFECTS_MAX, "the frames of a step fit into its effects");

void vd_publication_init(vd_publication_t *self, const char *store)
{
    assert(self != NULL && strlen(store) < VD_STORE_ID_SIZE);
    *self = (vd_publication_t){0};
    memcpy(self->store, store, strlen(store) + 1);
}

bool vd_publication_pending(const vd_publication_t *self)
{
    return self->pending;
}

/* Takes events for one frame off self->rest. Returns how many; `run` is empty when the first is too
 * large. */
static uint32_t take_frame(vd_publication_t *self, vd_bytes_t *run)
{
    uint32_t count = 0;
    *run = vd_bytes(self->rest.data, 0);
    while (self->rest.size > 0) {
        vd_bytes_t rest = self->rest;
        vd_entry_t entry;
        vd_status_t status = vd_run_next(&rest, &entry);
        assert(status == VD_OK);
        if (run->size + entry.raw.size > VD_PUB_FRAME_BYTES_MAX) {
            if (count > 0)
                return count;
            self->rest = rest;
            return 1;
        }
        run->size += entry.raw.size;
        self->rest = rest;
        count++;
    }
    return count;
}

static void publish_frame(vd_publication_t *self, const vd_store_batch_t *batch,
                          vd_effects_t *effects)
{
    const vd_commit_run_t *run = &batch->commit.runs[self->run];
    vd_message_t message = {.id = VD_MESSAGE_COMMITTED_RUN};
    char topic[VD_FEED_BYTES_MAX + 1];
    if (self->place == 0)
        self->rest = run->run;
    message.committed_run.store = vd_str(self->store);
    message.committed_run.index = batch->commit.index;
    message.committed_run.session = run->session;
    message.committed_run.first = run->first_seq + self->place;
    message.committed_run.count = take_frame(self, &message.payload);
    snprintf(topic, sizeof topic, "events/%.*s", (int)run->session.size,
             (const char *)run->session.data);
    vd_effects_publish(effects, VD_PUBLICATION_PORT, topic, &message);
    self->place += (uint32_t)message.committed_run.count;
    assert(self->place <= run->count);
    if (self->place == run->count) {
        assert(self->rest.size == 0);
        self->run++;
        self->place = 0;
    }
}

void vd_publication_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    vd_publication_t *self = state;
    (void)now;
    assert(self != NULL && input != NULL && effects != NULL);
    if (input->kind == VD_INPUT_STOP) {
        vd_effects_exit(effects, VD_OK, "nothing more is published");
        return;
    }
    if (input->kind != VD_INPUT_DONE || input->id != VD_PUBLICATION_SHOW)
        return;
    const vd_store_batch_t *batch = input->result;
    size_t bytes = 0;
    for (uint32_t i = 0;
         i < FRAMES_MAX && bytes < VD_EFFECT_BYTES_MAX / 2 && self->run < batch->commit.run_count;
         i++) {
        publish_frame(self, batch, effects);
        bytes += VD_PUB_FRAME_BYTES_MAX;
    }
    self->pending = self->run < batch->commit.run_count;
    if (!self->pending)
        self->run = 0;
}

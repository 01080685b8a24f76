/* publisher.c: the publishing end of both streams: its life and its inputs. */
#include "stream/publisher_state.h"

#include <assert.h>
#include <stdlib.h>

vd_publisher_t *vd_publisher_new(const vd_publisher_options_t *options)
{
    assert(options != NULL && options->source != NULL && options->timer + 1 < VD_TIMERS_MAX);
    vd_publisher_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->options = *options;
    self->knobs = options->knobs != NULL ? *options->knobs : vd_publisher_knobs_default;
    vd_frame_init(&self->frame);
    self->nothing = vd_shared_new(0);
    if (self->nothing == NULL)
        vd_publisher_destroy(&self);
    return self;
}

void vd_publisher_destroy(vd_publisher_t **self)
{
    assert(self != NULL);
    if (*self == NULL)
        return;
    for (uint32_t i = 0; i < VD_MEMOS; i++)
        vd_shared_release(&(*self)->memos[i].payload);
    vd_shared_release(&(*self)->nothing);
    vd_frame_free(&(*self)->frame);
    free(*self);
    *self = NULL;
}

uint32_t vd_publisher_subscribers(const vd_publisher_t *self)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < self->count; i++)
        count += vd_row_streams(&self->rows[i]);
    return count;
}

const vd_publisher_totals_t *vd_publisher_totals(const vd_publisher_t *self)
{
    return &self->totals;
}

bool vd_publisher_step(vd_publisher_t *self, vd_now_t now, const vd_input_t *input,
                       vd_effects_t *effects)
{
    assert(self != NULL && input != NULL && effects != NULL);
    assert(self->count <= VD_SUBSCRIBERS_MAX);
    const vd_publisher_options_t *options = &self->options;
    if (input->kind == VD_INPUT_MESSAGE && input->port == options->port)
        return vd_asked(self, now, input, effects);
    if (input->kind == VD_INPUT_MESSAGE)
        return options->admin_port != 0 && input->port == options->admin_port &&
               vd_steered(self, now, input, effects);
    if (input->kind == VD_INPUT_TIMER && input->id == options->timer) {
        vd_tick(self, now, effects);
        vd_pump(self, now, effects);
        return true;
    }
    bool grown = input->kind == VD_INPUT_DONE && input->id == VD_STREAM_GROWN;
    if (grown || (input->kind == VD_INPUT_TIMER && input->id == options->timer + 1)) {
        vd_pump(self, now, effects);
        return true;
    }
    return false;
}

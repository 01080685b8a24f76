/* reception_live.c: what a live stream cannot bring: gaps, and positions that memory does not hold. */
#include "stream/reception_state.h"

/* Live alone: tells of commits that were lost to it, and goes on behind them. */
void vd_reception_tell_gap(vd_reception_t *self, vd_now_t now, const vd_position_t *behind,
                           vd_effects_t *effects)
{
    uint64_t first = self->intake.position.index + 1;
    self->intake.position = *behind;
    if (self->intake.handler->gap != NULL)
        self->intake.handler->gap(self->intake.arg, now, first, behind->index, behind, effects);
}

void vd_reception_on_gap(vd_reception_t *self, vd_now_t now, vd_lane_t *lane,
                         const vd_gap_body_t *gap, vd_effects_t *effects)
{
    if (lane->state != VD_LANE_RUNNING ||
        vd_reception_is_beyond(lane, gap->after, gap->after_offset)) {
        vd_reception_restart(self, now, lane, effects);
        return;
    }
    vd_reception_note_head(self, gap->head);
    lane->reach.index = gap->index;
    lane->reach.offset = 0;
    lane->reach.chain = (uint32_t)gap->chain;
    lane->attempts = 0;
    if (vd_place_compare(gap->index, 0, &self->intake.position) > 0) {
        uint64_t life = self->intake.life;
        vd_position_t behind = self->intake.position;
        behind.index = gap->index;
        behind.offset = 0;
        behind.chain = (uint32_t)gap->chain;
        if (self->modes.streams == VD_STREAMS_LIVE)
            vd_reception_tell_gap(self, now, &behind, effects);
        else
            self->no_live = true;
        if (self->intake.life != life)
            return;
    }
    vd_reception_judge(self, now, vd_reception_waiting(self).items, effects);
    vd_reception_progress(self, now, effects);
}

void vd_reception_on_use_commits(vd_reception_t *self, vd_now_t now, vd_lane_t *lane,
                                 const vd_use_commits_body_t *use, vd_effects_t *effects)
{
    if (lane->state != VD_LANE_STARTING)
        return;
    vd_reception_note_head(self, use->head);
    if (self->modes.streams == VD_STREAMS_LIVE) {
        vd_message_t message;
        vd_lane_begin(lane, now, ++self->correlation, &self->wanted, &self->intake.position, true,
                      self->window, &self->seed, &message);
        message.start.mode = vd_str(vd_mode_name(self->modes.mode));
        vd_effects_send(effects, self->port, &self->peer, &message);
        return;
    }
    lane->state = VD_LANE_IDLE;
    lane->attempts = 0;
    self->no_live = true;
    vd_reception_judge(self, now, vd_reception_waiting(self).items, effects);
}

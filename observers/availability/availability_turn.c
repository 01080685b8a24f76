/* availability_turn.c: writes the events that lead from what is known to what the input says. */
#include "availability.h"

#include <assert.h>

typedef struct look {
    const vd_availability_t *known;
    vd_turn_t *turn;
    const vd_sample_record_t *input;
    const char *reason;
    char at[VD_TS_SIZE];
    uint32_t found, dropped; /* in this turn */
} look_t;

static bool write_event(look_t *look, const char *type, const char *name, const char *reason)
{
    vd_buffer_t *data = vd_turn_scratch(look->turn);
    vd_write_map(data, reason ? 3 : 2);
    vd_write_pair_text(data, "component", name);
    vd_write_pair_text(data, "at", look->at);
    if (reason)
        vd_write_pair_text(data, "reason", reason);
    return vd_turn_event(look->turn, type, vd_buffer_view(data), look->input);
}

static void tell_ended(look_t *look, const vd_component_t *component)
{
    int64_t began_ms = look->input->at_ms;
    if (!vd_ts_parse(vd_str(component->since), &began_ms) || began_ms > look->input->at_ms)
        began_ms = look->input->at_ms;
    vd_buffer_t *data = vd_turn_scratch(look->turn);
    vd_write_map(data, 4);
    vd_write_pair_text(data, "component", component->name);
    vd_write_pair_text(data, "at", look->at);
    vd_write_pair_text(data, "began", component->since);
    vd_write_pair_u64(data, "duration_ms", (uint64_t)(look->input->at_ms - began_ms));
    vd_turn_event(look->turn, "outage_ended", vd_buffer_view(data), look->input);
}

static void tell(void *arg, const char *name, vd_says_t says)
{
    look_t *look = arg;
    const vd_components_t *components = &look->known->components;
    const vd_component_t *known = vd_components_find(components, vd_str(name));
    assert(says != VD_SAYS_NOTHING);
    if (says == VD_SAYS_LEFT) {
        look->dropped += known && write_event(look, "component_dropped", name, "left");
        return;
    }
    if (!known) {
        uint32_t count = components->count + look->found - look->dropped;
        if (count >= look->known->components_max ||
            !write_event(look, "component_found", name, NULL))
            return;
        look->found++;
    }
    if (says == VD_SAYS_DOWN && (!known || known->up))
        write_event(look, "outage_began", name, look->reason);
    else if (says == VD_SAYS_UP && known && !known->up)
        tell_ended(look, known);
}

/* What has been down for long is of no interest any more. */
static void forget(look_t *look)
{
    const vd_components_t *components = &look->known->components;
    int64_t now_ms = vd_turn_now_ms(look->turn), since_ms;
    vd_ts_format(now_ms, look->at);
    for (uint32_t at = 0; at < components->count; at++) {
        const vd_component_t *component = &components->list[at];
        if (!component->up && vd_ts_parse(vd_str(component->since), &since_ms) &&
            now_ms - since_ms >= look->known->forget_after_ms &&
            !write_event(look, "component_dropped", component->name, "forgotten"))
            return;
    }
}

vd_status_t vd_availability_turn(const void *state, const vd_samples_t *samples, vd_turn_t *turn)
{
    assert(state && samples && turn);
    char name[VD_COMPONENT_NAME_SIZE], reason[VD_NAME_BYTES_MAX + 1];
    look_t look = {.known = state, .turn = turn, .input = vd_samples_input(samples)};
    if (!look.input) {
        forget(&look);
        return VD_OK;
    }
    vd_ts_format(look.input->at_ms, look.at);
    look.reason = "snapshot";
    if (vd_str_is(look.input->op, VD_INPUT_OP_SNAPSHOT)) {
        if (!vd_availability_snapshot(&look.known->components, look.input, tell, &look))
            return vd_turn_fail(turn, VD_MALFORMED,
                                "the snapshot of observer %.*s tells neither services nor members: "
                                "%s.reads can be services, or an observer of kind raft",
                                (int)look.input->source.size, look.input->source.data,
                                VD_AVAILABILITY_TABLE);
        return VD_OK;
    }
    vd_says_t says = vd_availability_rule(look.input, name, sizeof name);
    if (says == VD_SAYS_NOTHING)
        return VD_OK;
    vd_str_copy(reason, sizeof reason, look.input->target);
    look.reason = reason;
    tell(&look, name, says);
    return VD_OK;
}

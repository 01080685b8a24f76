/* place.c: the place of a collector in its input, as it is stored. */
#include "place.h"

#include <assert.h>

static bool is_collector(const char *origin)
{
    return origin && origin[0] != 0;
}

static const char *rest_name(vd_rest_t rest)
{
    return rest == VD_REST_EVENT ? "event" : rest == VD_REST_SNAPSHOT ? "snapshot" : "";
}

static vd_rest_t rest_of_name(vd_str_t name)
{
    return vd_str_is(name, "event")      ? VD_REST_EVENT
           : vd_str_is(name, "snapshot") ? VD_REST_SNAPSHOT
                                         : VD_REST_NOTHING;
}

void vd_place_write_cause(const vd_input_place_t *self, const char *origin, const char *observer,
                          uint64_t turn, vd_buffer_t *out)
{
    assert(self && is_collector(origin) && observer && out);
    bool known = self->session[0] != 0, rest = self->rest != VD_REST_NOTHING;
    vd_write_map(out, 3 + (known ? 2 : 0) + rest);
    vd_write_pair_text(out, "observer", observer);
    vd_write_pair_text(out, "source", origin);
    if (known) {
        vd_write_pair_text(out, "session", self->session);
        vd_write_pair_u64(out, "sample", self->seq);
    }
    vd_write_pair_u64(out, "turn", turn);
    if (rest)
        vd_write_pair_text(out, "rest", rest_name(self->rest));
}

static void take(vd_input_place_t *self, const vd_value_t *map, const char *seq_key)
{
    *self = (vd_input_place_t){.rest = rest_of_name(vd_value_get_str(map, "rest"))};
    if (vd_str_copy(self->session, sizeof self->session, vd_value_get_str(map, "session")))
        self->seq = vd_value_get_u64(map, seq_key, 0);
    else
        self->session[0] = 0;
}

void vd_place_replay(vd_input_place_t *self, const char *origin, const vd_event_t *event)
{
    assert(self && event);
    vd_value_t cause;
    if (is_collector(origin) && vd_value_of(event->cause, &cause) && cause.kind == VD_KIND_MAP &&
        vd_str_is(vd_value_get_str(&cause, "source"), origin))
        take(self, &cause, "sample");
}

void vd_place_save(const vd_input_place_t *self, const char *origin, const vd_observer_t *observer,
                   const void *state, vd_buffer_t *out)
{
    assert(self && observer && state && out);
    if (!is_collector(origin)) {
        observer->save(state, out);
        return;
    }
    vd_write_map(out, 2);
    vd_write_text(out, "input");
    vd_write_map(out, 4);
    vd_write_pair_text(out, "observer", origin);
    vd_write_pair_text(out, "session", self->session);
    vd_write_pair_u64(out, "seq", self->seq);
    vd_write_pair_text(out, "rest", rest_name(self->rest));
    vd_write_text(out, "state");
    observer->save(state, out);
}

vd_status_t vd_place_load(vd_input_place_t *self, const char *origin, const vd_observer_t *observer,
                          void *state, vd_bytes_t value)
{
    assert(self && observer && state);
    vd_value_t map, input, inner;
    if (!is_collector(origin))
        return observer->load(state, value);
    if (vd_scan_exact(value, VD_DEPTH_MAX) != VD_OK || !vd_value_of(value, &map) ||
        map.kind != VD_KIND_MAP || !vd_value_get(&map, "input", &input) ||
        input.kind != VD_KIND_MAP || !vd_value_get(&map, "state", &inner))
        return VD_MALFORMED;
    vd_status_t status = observer->load(state, inner.raw);
    if (status != VD_OK)
        return status;
    *self = (vd_input_place_t){.rest = VD_REST_NOTHING};
    /* The place is one in the events of whom the state came from. */
    if (vd_str_is(vd_value_get_str(&input, "observer"), origin))
        take(self, &input, "seq");
    return VD_OK;
}

/* mirror.c: what another observer says, once more. */
#include "mirror.h"

#include <assert.h>
#include <stdlib.h>

static vd_status_t init(void **state, const vd_config_t *config, char *error, size_t size)
{
    (void)config;
    (void)error;
    (void)size;
    *state = calloc(1, sizeof(vd_mirror_t));
    return *state != NULL ? VD_OK : VD_NO_MEMORY;
}

static void destroy(void **state)
{
    free(*state);
    *state = NULL;
}

static void reads(const void *state, const vd_samples_t *samples, const vd_source_record_t *source,
                  vd_reads_t *out)
{
    (void)state;
    (void)samples;
    (void)source;
    (void)out;
}

static const vd_mirror_row_t *find(const vd_mirror_t *self, vd_str_t source)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (vd_str_is(source, self->rows[i].source))
            return &self->rows[i];
    return NULL;
}

static bool tell(vd_turn_t *turn, const char *type, vd_str_t source, uint64_t value, uint64_t seq,
                 const vd_sample_record_t *input)
{
    vd_buffer_t *data = vd_turn_scratch(turn);
    vd_write_map(data, 3);
    vd_write_pair_str(data, "source", source);
    vd_write_pair_u64(data, "to", value);
    vd_write_pair_u64(data, "seq", seq);
    return vd_turn_event(turn, type, vd_buffer_view(data), input);
}

/* Leads from what is known to what the other one knows. */
static void take_snapshot(const vd_mirror_t *self, const vd_sample_record_t *input, vd_turn_t *turn)
{
    vd_value_t map, key, number, there;
    if (!vd_value_of(input->content, &map) || map.kind != VD_KIND_MAP)
        return;
    vd_bytes_t rest = map.bytes;
    while (vd_value_next(&rest, &key) && vd_value_next(&rest, &number)) {
        const vd_mirror_row_t *row = find(self, vd_value_str(&key));
        uint64_t value = vd_value_u64(&number, 0);
        if (row == NULL || row->value != value)
            tell(turn, "mirrored", vd_value_str(&key), value, 0, input);
    }
    for (uint32_t i = 0; i < self->count; i++)
        if (!vd_value_get(&map, self->rows[i].source, &there))
            tell(turn, "mirror_left", vd_str(self->rows[i].source), 0, 0, input);
}

static vd_status_t turn(const void *state, const vd_samples_t *samples, vd_turn_t *turn)
{
    const vd_sample_record_t *input = vd_samples_input(samples);
    vd_value_t data;
    if (input == NULL)
        return VD_OK;
    if (vd_str_is(input->op, VD_INPUT_OP_SNAPSHOT)) {
        take_snapshot(state, input, turn);
        return VD_OK;
    }
    if (!vd_value_of(input->content, &data))
        return vd_turn_fail(turn, VD_MALFORMED, "an event without data");
    bool left = vd_str_is(input->target, "source_left");
    tell(turn, left ? "mirror_left" : "mirrored", vd_value_get_str(&data, "source"),
         vd_value_get_u64(&data, "to", 0), input->n, input);
    return VD_OK;
}

static void apply(void *state, const vd_event_t *event)
{
    vd_mirror_t *self = state;
    vd_value_t data;
    if (!vd_value_of(event->data, &data))
        return;
    vd_str_t source = vd_value_get_str(&data, "source");
    vd_mirror_row_t *row = (vd_mirror_row_t *)(uintptr_t)find(self, source);
    self->events++;
    if (vd_str_is(event->type, "mirror_left")) {
        if (row != NULL) {
            memmove(row, row + 1, (size_t)(&self->rows[self->count] - (row + 1)) * sizeof *row);
            self->count--;
        }
        return;
    }
    if (row == NULL) {
        char name[VD_NAME_BYTES_MAX + 1];
        uint32_t at = self->count++;
        assert(at < MIRROR_SOURCES_MAX);
        vd_str_copy(name, sizeof name, source);
        for (; at > 0 && strcmp(self->rows[at - 1].source, name) > 0; at--)
            self->rows[at] = self->rows[at - 1];
        row = &self->rows[at];
        memcpy(row->source, name, sizeof row->source);
    }
    row->value = vd_value_get_u64(&data, "to", 0);
}

static void view(const void *state, const vd_samples_t *samples, vd_buffer_t *out)
{
    const vd_mirror_t *self = state;
    (void)samples;
    vd_write_map(out, self->count);
    for (uint32_t i = 0; i < self->count; i++)
        vd_write_pair_u64(out, self->rows[i].source, self->rows[i].value);
}

static const vd_query_row_t queries[] = {{0}};

static vd_status_t query(const void *state, const vd_samples_t *samples, vd_str_t name,
                         vd_bytes_t args, vd_buffer_t *out)
{
    (void)state;
    (void)samples;
    (void)name;
    (void)args;
    (void)out;
    return VD_NOT_FOUND;
}

static void save(const void *state, vd_buffer_t *out)
{
    const vd_mirror_t *self = state;
    vd_write_map(out, self->count + 1);
    vd_write_pair_u64(out, "", self->events);
    for (uint32_t i = 0; i < self->count; i++)
        vd_write_pair_u64(out, self->rows[i].source, self->rows[i].value);
}

static vd_status_t load(void *state, vd_bytes_t bytes)
{
    vd_mirror_t *self = state;
    vd_value_t map, key, number;
    if (!vd_value_of(bytes, &map) || map.kind != VD_KIND_MAP || map.count > MIRROR_SOURCES_MAX + 1)
        return VD_MALFORMED;
    self->events = vd_value_get_u64(&map, "", 0);
    vd_bytes_t rest = map.bytes;
    while (vd_value_next(&rest, &key) && vd_value_next(&rest, &number)) {
        if (key.bytes.size == 0)
            continue;
        vd_mirror_row_t *row = &self->rows[self->count++];
        vd_str_copy(row->source, sizeof row->source, vd_value_str(&key));
        row->value = vd_value_u64(&number, 0);
    }
    return VD_OK;
}

const vd_observer_t vd_mirror_observer = {
    .name = "mirror",
    .version = 1,
    .summary = "says what another observer says",
    .kinds = "mirrored mirror_left",
    .collects = true,
    .init = init,
    .destroy = destroy,
    .reads = reads,
    .turn = turn,
    .apply = apply,
    .view = view,
    .queries = queries,
    .query = query,
    .save = save,
    .load = load,
};

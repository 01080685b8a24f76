/* tally.c: how often did the value of each source change? */
#include "tally.h"

#include <assert.h>
#include <stdlib.h>

static vd_status_t init(void **state, const vd_config_t *config, char *error, size_t size)
{
    (void)config;
    (void)error;
    (void)size;
    *state = calloc(1, sizeof(vd_tally_t));
    return *state != NULL ? VD_OK : VD_NO_MEMORY;
}

static void destroy(void **state)
{
    free(*state);
    *state = NULL;
}

const vd_tally_row_t *vd_tally_find(const vd_tally_t *self, vd_str_t source)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (vd_str_is(source, self->rows[i].source))
            return &self->rows[i];
    return NULL;
}

static void reads(const void *state, const vd_samples_t *samples, const vd_source_record_t *source,
                  vd_reads_t *out)
{
    (void)state;
    (void)samples;
    (void)source;
    vd_reads_add(out, "read", "value", 0);
}

/* The number behind the address in a sample. */
static bool value_of(const vd_sample_record_t *sample, const vd_source_record_t *source,
                     uint64_t *value)
{
    char text[80];
    if (sample == NULL || !vd_str_is(sample->status, "ok") ||
        !vd_str_copy(text, sizeof text, sample->content))
        return false;
    size_t size = source->address.size;
    if (strncmp(text, (const char *)source->address.data, size) != 0 || text[size] != ' ')
        return false; /* of the address before */
    *value = strtoull(text + size + 1, NULL, 10);
    return true;
}

static bool tell(vd_turn_t *turn, const char *type, const vd_source_record_t *source,
                 const vd_tally_row_t *row, uint64_t value, const vd_sample_record_t *sample)
{
    vd_buffer_t *data = vd_turn_scratch(turn);
    vd_write_map(data, 4);
    vd_write_pair_str(data, "source", source != NULL ? source->name : vd_str(row->source));
    vd_write_pair_u64(data, "from", row != NULL ? row->value : 0);
    vd_write_pair_u64(data, "to", value);
    vd_write_pair_u64(data, "n", row != NULL ? row->changes + 1 : 1);
    return vd_turn_event(turn, type, vd_buffer_view(data), sample);
}

static vd_status_t look(const vd_tally_t *self, const vd_samples_t *samples,
                        const vd_source_record_t *source, vd_turn_t *turn)
{
    const vd_sample_record_t *sample = vd_samples_find(samples, source->name, "read", "value");
    const vd_tally_row_t *row = vd_tally_find(self, source->name);
    uint64_t value;
    if (!value_of(sample, source, &value) || (row != NULL && row->value == value))
        return VD_OK;
    if (value > 0 && value % TALLY_BAD == 0)
        return vd_turn_fail(turn, VD_FAILED, "%llu is a bad number", (unsigned long long)value);
    if (value % TALLY_ASKS == 0 &&
        vd_samples_find(samples, source->name, "read", "detail") == NULL) {
        vd_turn_read(turn, source->name, "read", "detail");
        return VD_OK;
    }
    tell(turn, "value_changed", source, row, value, sample);
    return VD_OK;
}

static vd_status_t turn(const void *state, const vd_samples_t *samples, vd_turn_t *turn)
{
    const vd_tally_t *self = state;
    size_t count = vd_samples_source_count(samples);
    for (size_t at = 0; at < count; at++) {
        vd_status_t status = look(self, samples, vd_samples_source_at(samples, at), turn);
        if (status != VD_OK)
            return status;
    }
    for (uint32_t i = 0; vd_samples_is_complete(samples) && i < self->count; i++) {
        bool there = false;
        for (size_t at = 0; at < count && !there; at++)
            there = vd_str_is(vd_samples_source_at(samples, at)->name, self->rows[i].source);
        if (!there)
            tell(turn, "source_left", NULL, &self->rows[i], 0, NULL);
    }
    return VD_OK;
}

const char *vd_tally_objection(const vd_tally_t *self, const vd_event_t *event)
{
    vd_value_t data;
    if (!vd_value_of(event->data, &data))
        return "has no data";
    const vd_tally_row_t *row = vd_tally_find(self, vd_value_get_str(&data, "source"));
    uint64_t n = vd_value_get_u64(&data, "n", 0), changes = row != NULL ? row->changes : 0;
    if (n <= changes)
        return "says again what is known";
    if (n > changes + 1)
        return "says something behind what is missing";
    if (vd_value_get_u64(&data, "from", 0) != (row != NULL ? row->value : 0))
        return "does not begin at what is known";
    return NULL;
}

static void apply(void *state, const vd_event_t *event)
{
    vd_tally_t *self = state;
    vd_value_t data;
    if (!vd_value_of(event->data, &data))
        return;
    vd_str_t name = vd_value_get_str(&data, "source");
    self->events++;
    vd_tally_row_t *row = (vd_tally_row_t *)(uintptr_t)vd_tally_find(self, name);
    if (vd_str_is(event->type, "source_left")) {
        if (row != NULL) {
            memmove(row, row + 1, (size_t)(&self->rows[self->count] - (row + 1)) * sizeof *row);
            self->count--;
        }
        return;
    }
    if (row == NULL) {
        assert(self->count < TALLY_SOURCES_MAX);
        uint32_t at = self->count++;
        char text[VD_NAME_BYTES_MAX + 1];
        vd_str_copy(text, sizeof text, name);
        for (; at > 0 && strcmp(self->rows[at - 1].source, text) > 0; at--)
            self->rows[at] = self->rows[at - 1];
        row = &self->rows[at];
        *row = (vd_tally_row_t){.value = 0};
        memcpy(row->source, text, sizeof row->source);
    }
    row->value = vd_value_get_u64(&data, "to", 0);
    row->changes++;
}

static void view(const void *state, const vd_samples_t *samples, vd_buffer_t *out)
{
    const vd_tally_t *self = state;
    (void)samples;
    vd_write_map(out, self->count);
    for (uint32_t i = 0; i < self->count; i++)
        vd_write_pair_u64(out, self->rows[i].source, self->rows[i].value);
}

static const vd_query_row_t queries[] = {{"changes", "SOURCE", "how often it has changed"}, {0}};

static vd_status_t query(const void *state, const vd_samples_t *samples, vd_str_t name,
                         vd_bytes_t args, vd_buffer_t *out)
{
    const vd_tally_t *self = state;
    vd_value_t list, source = {.kind = VD_KIND_NIL};
    (void)samples;
    (void)name;
    if (!vd_value_of(args, &list) || list.kind != VD_KIND_ARRAY ||
        !vd_value_next(&list.bytes, &source) || source.kind != VD_KIND_STR)
        return VD_USAGE;
    const vd_tally_row_t *row = vd_tally_find(self, vd_value_str(&source));
    if (row == NULL)
        return VD_NOT_FOUND;
    vd_write_u64(out, row->changes);
    return VD_OK;
}

static void save(const void *state, vd_buffer_t *out)
{
    const vd_tally_t *self = state;
    vd_write_map(out, self->count + 1);
    vd_write_pair_u64(out, "", self->events);
    for (uint32_t i = 0; i < self->count; i++) {
        vd_write_text(out, self->rows[i].source);
        vd_write_array(out, 2);
        vd_write_u64(out, self->rows[i].value);
        vd_write_u64(out, self->rows[i].changes);
    }
}

static vd_status_t load(void *state, vd_bytes_t bytes)
{
    vd_tally_t *self = state;
    vd_value_t map, key, pair, number;
    if (vd_scan_exact(bytes, VD_DEPTH_MAX) != VD_OK || !vd_value_of(bytes, &map) ||
        map.kind != VD_KIND_MAP || map.count > TALLY_SOURCES_MAX + 1)
        return VD_MALFORMED;
    self->events = vd_value_get_u64(&map, "", 0);
    vd_bytes_t rest = map.bytes;
    while (vd_value_next(&rest, &key) && vd_value_next(&rest, &pair)) {
        if (key.bytes.size == 0)
            continue;
        vd_tally_row_t *row = &self->rows[self->count++];
        vd_str_copy(row->source, sizeof row->source, vd_value_str(&key));
        if (vd_value_next(&pair.bytes, &number))
            row->value = vd_value_u64(&number, 0);
        if (vd_value_next(&pair.bytes, &number))
            row->changes = vd_value_u64(&number, 0);
    }
    return VD_OK;
}

const vd_observer_t vd_tally_observer = {
    .name = "tally",
    .version = 1,
    .summary = "counts how often the value of each source has changed",
    .kinds = "value_changed source_left",
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

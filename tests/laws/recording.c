/* recording.c: recordings of real samples, written and read. */
#include "laws/recording.h"

#include <assert.h>
#include <stdlib.h>

/* ---- reading ---- */

/* The elements of an array as one run of bytes. */
static bool elements(const vd_value_t *map, const char *key, vd_bytes_t *out)
{
    vd_value_t list;
    if (!vd_value_get(map, key, &list) || list.kind != VD_KIND_ARRAY)
        return false;
    *out = list.bytes;
    return true;
}

static bool read_turn(const vd_value_t *map, vd_recorded_t *turn)
{
    vd_value_t value;
    *turn = (vd_recorded_t){0};
    if (map->kind != VD_KIND_MAP || !vd_value_get(map, "at_ms", &value))
        return false;
    turn->at_ms = vd_value_i64(&value, 0);
    turn->complete = vd_value_get_u64(map, "complete", 0) == 1;
    turn->has_sources = elements(map, "sources", &turn->sources);
    turn->has_input = vd_value_get(map, "input", &value);
    if (turn->has_input && vd_record_decode(value.raw, VD_RECORD_sample, &turn->input) != VD_OK)
        return false;
    return turn->at_ms > 0 && elements(map, "samples", &turn->samples);
}

bool vd_recorded_next(vd_bytes_t *rest, vd_recorded_t *turn, vd_status_t *status)
{
    vd_value_t map;
    size_t size;
    *status = VD_OK;
    if (rest->size == 0)
        return false;
    *status = vd_scan(*rest, VD_DEPTH_MAX, &size);
    if (*status == VD_OK && (!vd_value_next(rest, &map) || !read_turn(&map, turn)))
        *status = VD_MALFORMED;
    return *status == VD_OK;
}

/* ---- writing ---- */

void vd_recorder_init(vd_recorder_t *self)
{
    *self = (vd_recorder_t){0};
    vd_buffer_init(&self->out, VD_RECORDING_BYTES_MAX);
    vd_buffer_init(&self->sources, VD_RECORDING_BYTES_MAX);
    vd_buffer_init(&self->scratch, VD_RECORDING_BYTES_MAX);
}

void vd_recorder_free(vd_recorder_t *self)
{
    vd_buffer_free(&self->out);
    vd_buffer_free(&self->sources);
    vd_buffer_free(&self->scratch);
}

/* Writes the sources into `scratch`. Returns whether they have changed. */
static bool are_sources_new(vd_recorder_t *self, const vd_samples_t *samples)
{
    vd_buffer_clear(&self->scratch);
    vd_write_array(&self->scratch, samples->source_count);
    for (uint32_t at = 0; at < samples->source_count; at++)
        if (vd_record_encode(VD_RECORD_source, &samples->sources[at]->record, &self->scratch))
            abort();
    return !vd_bytes_equal(vd_buffer_view(&self->scratch), vd_buffer_view(&self->sources));
}

/* Writes the samples of all reads that are new, oldest first, or counts them alone (out NULL). */
static uint32_t new_samples(const vd_recorder_t *self, const vd_samples_t *samples,
                            vd_buffer_t *out)
{
    uint32_t count = 0;
    for (uint32_t at = 0; at < samples->source_count; at++)
        for (uint32_t number = 0; number < samples->sources[at]->slot_count; number++) {
            const vd_slot_t *slot = samples->sources[at]->slots[number];
            for (uint32_t back = slot->count; back > 0; back--) {
                if (slot->kept[back - 1]->serial <= self->serial)
                    continue;
                count++;
                if (out && vd_record_encode(VD_RECORD_sample, &slot->kept[back - 1]->record, out))
                    abort();
            }
        }
    return count;
}

void vd_recorder_turn(vd_recorder_t *self, const vd_samples_t *samples, int64_t at_ms)
{
    const vd_sample_record_t *input = samples->input;
    bool has_sources = are_sources_new(self, samples) || !self->begun;
    bool has_input = input && input->n != self->input;
    vd_buffer_clear(&self->out);
    uint32_t count = new_samples(self, samples, NULL);
    if (!has_sources && !has_input && count == 0)
        return;
    vd_write_map(&self->out, 3 + has_sources + has_input);
    vd_write_pair_i64(&self->out, "at_ms", at_ms);
    vd_write_pair_u64(&self->out, "complete", samples->complete);
    if (has_sources) {
        vd_write_text(&self->out, "sources");
        vd_write_raw(&self->out, vd_buffer_view(&self->scratch));
        vd_buffer_clear(&self->sources);
        vd_write_raw(&self->sources, vd_buffer_view(&self->scratch));
    }
    vd_write_text(&self->out, "samples");
    vd_write_array(&self->out, count);
    new_samples(self, samples, &self->out);
    if (has_input) {
        vd_write_text(&self->out, "input");
        if (vd_record_encode(VD_RECORD_sample, input, &self->out))
            abort();
        self->input = input->n;
    }
    self->serial = samples->serial;
    self->begun = true;
    assert(!self->out.full && !self->sources.full);
}

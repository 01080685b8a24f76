/* observer_fixture.c: an observer without its host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "laws/observer_fixture.h"

#include "core/core.h"

#include <stdio.h>
#include <stdlib.h>

void vd_bench_open(vd_bench_t *self, const vd_observer_t *observer, const char *toml)
{
    char error[VD_TEXT_BYTES_MAX + 1];
    *self = (vd_bench_t){.observer = observer, .wall_ms = 1700000000000};
    snprintf(self->path, sizeof self->path, "observers.%s", observer->name);
    vd_config_table_t table = {.path = self->path, .help = "", .rows = observer->config};
    vd_buffer_t errors;
    vd_buffer_init(&errors, 4096);
    assert_int_equal(vd_config_parse("test", vd_str(toml), &table, 1, &self->config, &errors),
                     VD_OK);
    vd_buffer_free(&errors);
    assert_int_equal(observer->init(&self->state, self->config, error, sizeof error), VD_OK);
    self->samples = vd_samples_new();
    vd_turn_init(&self->turn, observer->name);
    vd_buffer_init(&self->log, 1 << 26);
    vd_buffer_init(&self->input_bytes, 1 << 20);
    vd_source_record_t source = {
        .name = vd_str("local"), .adapter = vd_str("file"), .address = vd_str("/"), .inc = 1};
    self->samples->complete = true;
    vd_bench_source(self, &source);
}

void vd_bench_close(vd_bench_t *self)
{
    self->observer->destroy(&self->state);
    vd_samples_destroy(&self->samples);
    vd_turn_free(&self->turn);
    vd_buffer_free(&self->log);
    vd_buffer_free(&self->input_bytes);
    vd_config_destroy(&self->config);
}

void *vd_bench_fresh(const vd_bench_t *self)
{
    void *state = NULL;
    char error[VD_TEXT_BYTES_MAX + 1];
    assert_int_equal(self->observer->init(&state, self->config, error, sizeof error), VD_OK);
    return state;
}

static vd_observed_t *source_of(const vd_bench_t *self)
{
    return vd_samples_source(self->samples, vd_str("local"));
}

void vd_bench_declare(vd_bench_t *self)
{
    for (uint32_t at = 0; at < self->samples->source_count; at++) {
        vd_reads_t reads;
        vd_observed_t *source = self->samples->sources[at];
        vd_reads_open(&reads);
        self->observer->reads(self->state, self->samples, &source->record, &reads);
        vd_samples_declare(self->samples, source, &reads);
        vd_reads_close(&reads);
    }
}

void vd_bench_source(vd_bench_t *self, const vd_source_record_t *source)
{
    assert_non_null(vd_samples_set_source(self->samples, source));
    vd_bench_declare(self);
}

void vd_bench_drop(vd_bench_t *self, const char *source)
{
    vd_samples_drop_source(self->samples, vd_str(source));
}

/* Puts it as the slot's next sample, at the next moment. */
static void put_record(vd_bench_t *self, vd_slot_t *slot, vd_sample_record_t record)
{
    vd_buffer_t bytes;
    vd_buffer_init(&bytes, 4 << 20);
    self->wall_ms += 7;
    record.source = slot->source->record.name;
    record.source_inc = slot->source->record.inc;
    record.op = vd_str(slot->wish.op);
    record.target = vd_str(slot->wish.target);
    record.n = ++self->n;
    record.at_ms = self->wall_ms;
    assert_int_equal(vd_record_encode(VD_RECORD_sample, &record, &bytes), VD_OK);
    assert_true(vd_samples_put(self->samples, slot, vd_buffer_view(&bytes)));
    vd_buffer_free(&bytes);
}

static void put(vd_bench_t *self, vd_slot_t *slot, const char *status, vd_bytes_t meta,
                vd_bytes_t content)
{
    put_record(self, slot,
               (vd_sample_record_t){.status = vd_str(status), .meta = meta, .content = content});
}

static vd_slot_t *slot_of(const vd_observed_t *source, const char *op, const char *target)
{
    for (uint32_t at = 0; source && at < source->slot_count; at++) {
        vd_slot_t *slot = source->slots[at];
        if (slot->standing && strcmp(slot->wish.op, op) == 0 &&
            strcmp(slot->wish.target, target) == 0)
            return slot;
    }
    return NULL;
}

void vd_bench_put_bytes(vd_bench_t *self, const char *op, const char *target, vd_bytes_t meta,
                        vd_bytes_t content)
{
    vd_slot_t *slot = slot_of(source_of(self), op, target);
    if (slot)
        put(self, slot, "ok", meta, content);
}

void vd_bench_put(vd_bench_t *self, const char *op, const char *target, const char *text)
{
    vd_slot_t *slot = slot_of(source_of(self), op, target);
    if (slot)
        put(self, slot, text ? "ok" : "io", vd_bytes(NULL, 0), vd_str(text));
}

void vd_bench_put_of(vd_bench_t *self, const char *source, const char *op, const char *target,
                     const char *status, vd_bytes_t content)
{
    vd_slot_t *slot = slot_of(vd_samples_source(self->samples, vd_str(source)), op, target);
    if (slot)
        put(self, slot, status, vd_bytes(NULL, 0), content);
}

void vd_bench_put_recorded(vd_bench_t *self, const vd_sample_record_t *record)
{
    char op[VD_NAME_BYTES_MAX + 1], target[VD_TEXT_BYTES_MAX + 1];
    assert_true(vd_str_copy(op, sizeof op, record->op));
    assert_true(vd_str_copy(target, sizeof target, record->target));
    vd_slot_t *slot = slot_of(vd_samples_source(self->samples, record->source), op, target);
    if (!slot)
        return;
    if (record->at_ms > self->wall_ms)
        self->wall_ms = record->at_ms;
    put_record(self, slot, *record);
}

void vd_bench_answer(vd_bench_t *self, const vd_read_record_t *read, const char *status,
                     vd_bytes_t content)
{
    vd_slot_t *slot =
        vd_samples_answer(self->samples, vd_samples_source(self->samples, read->source), read);
    assert_non_null(slot);
    put(self, slot, status, vd_bytes(NULL, 0), content);
}

void vd_bench_input(vd_bench_t *self, const char *type, vd_bytes_t content)
{
    self->wall_ms += 7;
    self->samples->input = NULL;
    if (content.size == 0)
        return;
    vd_buffer_clear(&self->input_bytes);
    assert_true(vd_buffer_add(&self->input_bytes, content.data, content.size));
    snprintf(self->input_type, sizeof self->input_type, "%s", type ? type : "");
    self->input =
        (vd_sample_record_t){.source = vd_str("other"),
                             .op = vd_str(type ? VD_INPUT_OP_EVENT : VD_INPUT_OP_SNAPSHOT),
                             .target = vd_str(self->input_type),
                             .n = ++self->n,
                             .at_ms = self->wall_ms,
                             .status = vd_str("ok"),
                             .content = vd_buffer_view(&self->input_bytes)};
    self->samples->input = &self->input;
}

vd_status_t vd_bench_turn(vd_bench_t *self)
{
    vd_turn_begin(&self->turn, ++self->number, self->wall_ms);
    vd_status_t status = self->observer->turn(self->state, self->samples, &self->turn);
    assert_false(self->turn.bad);
    return status;
}

void vd_bench_apply(const vd_observer_t *observer, void *state, vd_bytes_t run)
{
    vd_entry_t entry;
    vd_event_t event;
    while (vd_run_next(&run, &entry) == VD_OK) {
        assert_int_equal(vd_event_read(entry.event, &event), VD_OK);
        observer->apply(state, &event);
    }
    assert_int_equal(run.size, 0);
}

void vd_bench_commit(vd_bench_t *self)
{
    vd_bytes_t run = vd_buffer_view(&self->turn.run);
    vd_bench_apply(self->observer, self->state, run);
    if (run.size > 0)
        assert_true(vd_buffer_add(&self->log, run.data, run.size));
    vd_samples_turned(self->samples, self->samples->serial);
    vd_bench_declare(self);
}

bool vd_bench_next_read(vd_bytes_t *rest, vd_read_record_t *read)
{
    vd_value_t value;
    if (!vd_value_next(rest, &value))
        return false;
    assert_int_equal(vd_record_decode(value.raw, VD_RECORD_read, read), VD_OK);
    return true;
}

vd_event_t vd_bench_event(const vd_bench_t *self, uint32_t at)
{
    vd_bytes_t run = vd_buffer_view(&self->turn.run);
    vd_entry_t entry;
    vd_event_t event = {0};
    assert_true(at < self->turn.count);
    for (uint32_t skip = 0; skip <= at; skip++)
        assert_int_equal(vd_run_next(&run, &entry), VD_OK);
    assert_int_equal(vd_event_read(entry.event, &event), VD_OK);
    return event;
}

const char *vd_bench_text(vd_bench_t *self, vd_buffer_t *out)
{
    vd_buffer_clear(out);
    for (uint32_t at = 0; at < self->turn.count; at++) {
        vd_event_t event = vd_bench_event(self, at);
        vd_buffer_add(out, event.type.data, event.type.size);
        vd_buffer_add(out, " ", 1);
        vd_value_json(out, event.data);
        vd_buffer_add(out, "\n", 1);
    }
    vd_buffer_add(out, "", 1);
    assert_false(out->full);
    return (const char *)out->data;
}

/* Where the events of the log begin, and where it ends. Returns how many there are. */
static size_t cuts_of(vd_bytes_t log, size_t *cuts, size_t room)
{
    vd_bytes_t rest = log;
    vd_entry_t entry;
    size_t count = 0;
    cuts[0] = 0;
    while (vd_run_next(&rest, &entry) == VD_OK) {
        assert_true(count + 2 < room);
        cuts[++count] = log.size - rest.size;
    }
    return count;
}

void vd_bench_assert_kept(const vd_bench_t *bench, uint64_t *seed)
{
    enum { CUTS = 65536 };
    static size_t cuts[CUTS];
    const vd_observer_t *observer = bench->observer;
    vd_bytes_t log = vd_buffer_view(&bench->log);
    size_t count = cuts_of(log, cuts, CUTS), kept_at = 0;
    vd_buffer_t kept, again;
    vd_buffer_init(&kept, VD_SNAPSHOT_BYTES_MAX);
    vd_buffer_init(&again, VD_SNAPSHOT_BYTES_MAX);
    void *state = vd_bench_fresh(bench);
    observer->save(state, &kept);
    for (size_t at = 0; at < count; at++) {
        vd_bench_apply(observer, state, vd_bytes(log.data + cuts[at], cuts[at + 1] - cuts[at]));
        if (vd_random_next(seed) % 6 == 0) {
            vd_buffer_clear(&kept);
            observer->save(state, &kept);
            assert_false(kept.full);
            kept_at = at + 1;
        }
        if (vd_random_next(seed) % 6 == 0) {
            observer->destroy(&state);
            state = vd_bench_fresh(bench);
            assert_int_equal(observer->load(state, vd_buffer_view(&kept)), VD_OK);
            vd_buffer_clear(&again);
            observer->save(state, &again);
            assert_true(vd_bytes_equal(vd_buffer_view(&kept), vd_buffer_view(&again)));
            vd_bench_apply(observer, state,
                           vd_bytes(log.data + cuts[kept_at], cuts[at + 1] - cuts[kept_at]));
        }
    }
    vd_buffer_clear(&kept);
    vd_buffer_clear(&again);
    observer->save(bench->state, &kept);
    observer->save(state, &again);
    assert_true(vd_bytes_equal(vd_buffer_view(&kept), vd_buffer_view(&again)));
    observer->destroy(&state);
    vd_buffer_free(&kept);
    vd_buffer_free(&again);
}

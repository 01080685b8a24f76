/* report.c: what the observer tells: its snapshot and the items of its feed "state". */
#include "host_state.h"

#include <assert.h>

enum {
    SOURCES_TOLD_MAX = 512, /* in a snapshot */
    ERROR_TOLD_MAX = 200,   /* bytes of a source's error */
};

static void write_time(vd_buffer_t *out, const char *key, int64_t wall_ms)
{
    char text[VD_TS_SIZE];
    vd_write_text(out, key);
    if (wall_ms <= 0) {
        vd_write_nil(out);
        return;
    }
    vd_ts_format(wall_ms, text);
    vd_write_text(out, text);
}

static void write_position(vd_buffer_t *out, const vd_position_t *position)
{
    vd_write_text(out, "position");
    vd_write_map(out, 4);
    vd_write_pair_text(out, "store", position->store);
    vd_write_pair_u64(out, "index", position->index);
    vd_write_pair_u64(out, "offset", position->offset);
    vd_write_pair_u64(out, "chain", position->chain);
}

static void write_fault(vd_buffer_t *out, const vd_faults_t *faults, vd_stage_t stage)
{
    const vd_fault_t *fault = &faults->stages[stage];
    vd_write_map(out, 5);
    vd_write_pair_text(out, "stage", vd_stage_name(stage));
    vd_write_pair_text(out, "text", fault->text);
    write_time(out, "at", fault->at_ms);
    write_time(out, "recovered_at", fault->recovered_ms);
    vd_write_pair_u64(out, "count", fault->count);
}

static void write_faults(vd_buffer_t *out, const vd_faults_t *faults)
{
    uint32_t count = 0;
    int newest = vd_faults_newest(faults);
    vd_write_text(out, "error");
    if (newest < 0)
        vd_write_nil(out);
    else
        write_fault(out, faults, (vd_stage_t)newest);
    for (int stage = 0; stage < VD_STAGE_COUNT; stage++)
        count += faults->stages[stage].text[0] != 0;
    vd_write_text(out, "errors");
    vd_write_array(out, count);
    for (int stage = 0; stage < VD_STAGE_COUNT; stage++)
        if (faults->stages[stage].text[0])
            write_fault(out, faults, (vd_stage_t)stage);
}

/* How a source is. */
typedef struct health {
    vd_str_t status; /* "ok", "waiting", or how it fails */
    vd_str_t error;
    int64_t good_ms; /* when its newest good sample came; -1: never */
} health_t;

/* A source is as well as the worst of its reads that are not optional, and as old as its newest
 * good sample. */
static health_t health_of(const vd_observed_t *source)
{
    const vd_sample_record_t *bad = NULL;
    vd_status_t refused = VD_OK;
    health_t health = {.good_ms = -1};
    bool waits = true;
    for (uint32_t at = 0; at < source->slot_count; at++) {
        const vd_slot_t *slot = source->slots[at];
        if (!slot->standing)
            continue;
        if (slot->status != VD_OK && refused == VD_OK)
            refused = slot->status;
        if (slot->count == 0)
            continue;
        waits = false;
        const vd_sample_record_t *sample = &slot->kept[0]->record;
        if (vd_str_is(sample->status, "ok"))
            health.good_ms = sample->at_ms > health.good_ms ? sample->at_ms : health.good_ms;
        else if (!slot->wish.optional && !bad)
            bad = sample;
    }
    if (refused != VD_OK)
        health.status = vd_str(vd_status_name(refused));
    else
        health.status = bad ? bad->status : vd_str(waits ? "waiting" : "ok");
    health.error = bad ? bad->error : vd_str("");
    if (health.error.size > ERROR_TOLD_MAX)
        health.error.size = ERROR_TOLD_MAX;
    return health;
}

static void write_source(vd_buffer_t *out, const vd_observed_t *source, health_t health,
                         int64_t now_ms)
{
    vd_write_map(out, 4);
    vd_write_pair_str(out, "name", source->record.name);
    vd_write_text(out, "age_ms");
    if (health.good_ms < 0)
        vd_write_nil(out);
    else
        vd_write_u64(out, now_ms > health.good_ms ? (uint64_t)(now_ms - health.good_ms) : 0);
    vd_write_pair_str(out, "status", health.status);
    vd_write_pair_str(out, "error", health.error);
}

/* How many there are, also where not all of them are told. */
static void write_sources(vd_buffer_t *out, const vd_samples_t *samples, int64_t now_ms)
{
    size_t count = vd_samples_source_count(samples), failed = 0;
    size_t told = count < SOURCES_TOLD_MAX ? count : SOURCES_TOLD_MAX;
    health_t healths[SOURCES_TOLD_MAX];
    for (size_t at = 0; at < count; at++) {
        health_t health = health_of(vd_samples_observed_at(samples, at));
        if (at < told)
            healths[at] = health;
        failed += !vd_str_is(health.status, "ok") && !vd_str_is(health.status, "waiting");
    }
    vd_write_pair_u64(out, "source_count", count);
    vd_write_pair_u64(out, "sources_failed", failed);
    vd_write_text(out, "sources");
    vd_write_array(out, (uint32_t)told);
    for (size_t at = 0; at < told; at++)
        write_source(out, vd_samples_observed_at(samples, at), healths[at], now_ms);
}

static const char *phase_name(vd_host_phase_t phase)
{
    return phase == VD_HOST_OPENING     ? "opening"
           : phase == VD_HOST_RESTORING ? "restoring"
                                        : "running";
}

void vd_host_write_snapshot(void *arg, vd_buffer_t *out)
{
    vd_host_t *self = arg;
    assert(self && out);
    vd_write_map(out, 14);
    vd_write_pair_text(out, "observer", self->name);
    vd_write_pair_text(out, "session", self->session);
    vd_write_pair_text(out, "phase", phase_name(self->phase));
    vd_write_pair_u64(out, "cycle", self->cycle);
    write_time(out, "at", self->cycle_ms);
    write_position(out, &self->position);
    vd_write_text(out, "seq");
    if (self->seq_unknown || self->view_old)
        vd_write_nil(out);
    else
        vd_write_u64(out, self->seq);
    vd_write_pair_i64(out, "turn_ms", self->turn_ms);
    write_sources(out, self->samples, self->wall_ms);
    write_faults(out, &self->faults);
    vd_write_text(out, "state");
    if (self->view.size > 0)
        vd_write_raw(out, vd_buffer_view(&self->view));
    else
        vd_write_nil(out);
}

static void write_events(vd_buffer_t *out, vd_bytes_t run, uint32_t count, uint64_t last_seq)
{
    vd_entry_t entry;
    vd_event_t event;
    uint64_t at = 0;
    vd_write_text(out, "events");
    vd_write_array(out, count);
    while (at < count && vd_run_next(&run, &entry) == VD_OK) {
        vd_status_t status = vd_event_read(entry.event, &event);
        assert(status == VD_OK); /* turn.c wrote it */
        at++;
        vd_write_map(out, 3);
        vd_write_pair_u64(out, "seq", last_seq ? last_seq - count + at : 0);
        vd_write_pair_str(out, "type", event.type);
        vd_write_text(out, "data");
        vd_write_raw(out, event.data);
    }
    assert(at == count);
}

static void publish(vd_host_t *self, vd_now_t now, const char *kind, uint64_t seq, vd_bytes_t run,
                    uint32_t count, vd_effects_t *effects)
{
    int newest = vd_faults_newest(&self->faults);
    vd_buffer_t *out = &self->scratch;
    vd_buffer_clear(out);
    vd_write_map(out, newest < 0 ? 5 : 6);
    vd_write_pair_text(out, "kind", kind);
    vd_write_pair_u64(out, "cycle", self->cycle);
    write_time(out, "at", now.wall_ms);
    write_position(out, &self->position);
    write_events(out, run, count, seq);
    if (newest >= 0) {
        vd_write_text(out, "error");
        write_fault(out, &self->faults, (vd_stage_t)newest);
    }
    assert(!out->full && out->size <= self->publisher.bytes_max / 2);
    self->published_faults = self->faults.changes;
    vd_feed_publish(&self->publisher, effects, vd_buffer_view(out));
}

void vd_host_publish_cycle(vd_host_t *self, vd_now_t now, uint64_t seq, vd_effects_t *effects)
{
    publish(self, now, "cycle", seq, vd_buffer_view(&self->turn.run), self->turn.count, effects);
}

void vd_host_publish_error(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    publish(self, now, "error", 0, vd_bytes(NULL, 0), 0, effects);
}

void vd_host_write_past(const vd_host_t *self, vd_bytes_t view, vd_buffer_t *out)
{
    const vd_replay_t *replay = &self->past.replay;
    assert(replay->phase == VD_REPLAY_DONE && replay->links.count > 0 && self->past.samples);
    vd_write_map(out, 14);
    vd_write_pair_text(out, "observer", self->name);
    vd_write_pair_text(out, "session", replay->session[0] ? replay->session : replay->links.ids[0]);
    vd_write_pair_text(out, "phase", "past");
    vd_write_pair_u64(out, "cycle", replay->cycle);
    write_time(out, "at", replay->at_ms);
    write_position(out, &replay->own_position);
    vd_write_pair_u64(out, "seq", replay->seq);
    vd_write_pair_i64(out, "turn_ms", 0);
    write_sources(out, self->past.samples, 0);
    write_faults(out, &self->past.faults);
    vd_write_text(out, "state");
    vd_write_raw(out, view);
}

/* poller_part.c: pollers, and the sources that they read: virtual adapters. */
#include "whole.h"

#include "actors/poller/poller.h"
#include "tally.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum { LATE_US = 1500000 /* after its deadline a read must have been cancelled */ };

static const char *const ops[] = {"read", NULL};
static const vd_adapter_t file_adapter = {.name = "file", .ops = ops, .out_max = 3};
static const vd_adapter_t other_adapter = {.name = "other", .ops = ops, .out_max = 1};
static const vd_adapter_t *const adapters[] = {&other_adapter, &file_adapter, NULL};
static const vd_wire_t wires[] = {{VD_POLLER_REQUESTS, VD_WIRE_ROUTER, "requests"},
                                  {VD_POLLER_SAMPLES, VD_WIRE_PUB, "samples"}};

static void *boot(vd_world_t *world, vd_node_t *node, void *arg)
{
    vd_model_poller_t *self = arg;
    (void)world;
    (void)node;
    vd_poller_config_t config = {.inc = vd_process_inc(self->process),
                                 .adapters = adapters,
                                 .reads_max = 256,
                                 .samples_bytes_max = 4096};
    return vd_poller_new(&config);
}

static void end(vd_world_t *world, vd_node_t *node, void *state, void *arg)
{
    vd_model_poller_t *self = arg;
    vd_poller_t *poller = state;
    (void)world;
    (void)node;
    for (int i = 0; i < WHOLE_READS; i++)
        if (self->whole->reads[i].poller == self->number)
            self->whole->reads[i].used = false;
    vd_poller_destroy(&poller);
}

/* What the source says at this moment. */
static void finish_read(vd_world_t *world, void *arg, uint64_t place)
{
    vd_whole_t *self = arg;
    vd_model_read_t *read = &self->reads[place % WHOLE_READS];
    if (!read->used || read->serial != place / WHOLE_READS)
        return; /* cancelled */
    const vd_model_source_t *source = &self->sources[read->source];
    vd_read_result_t result = {.status = VD_OK, .took_us = 100};
    char content[64];
    snprintf(content, sizeof content, "%s %" PRIu64, source->address, source->value);
    result.content = vd_str(content);
    if (source->fails)
        result = (vd_read_result_t){.status = VD_UNREACHABLE, .error = vd_str("nobody there")};
    vd_world_note(world, "%-12s is read by poller-%u: %s %s", source->name, read->poller + 1,
                  vd_status_name(result.status), source->fails ? "" : content);
    vd_input_t input = {.kind = VD_INPUT_DONE,
                        .id = VD_POLLER_READ,
                        .token = read->token,
                        .status = result.status,
                        .result = &result};
    read->used = false;
    vd_node_input(world, self->pollers[read->poller].node, &input);
}

static void look_late(vd_world_t *world, void *arg, uint64_t place)
{
    vd_whole_t *self = arg;
    const vd_model_read_t *read = &self->reads[place % WHOLE_READS];
    (void)world;
    if (read->used && read->serial == place / WHOLE_READS)
        vd_whole_fail(self, "[deadline] poller-%u has not cancelled a read of %s that is late",
                      read->poller + 1, self->sources[read->source].name);
}

static vd_model_read_t *free_read(vd_whole_t *self)
{
    for (int i = 0; i < WHOLE_READS; i++)
        if (!self->reads[i].used)
            return &self->reads[i];
    return NULL;
}

static void check_one_at_a_time(vd_whole_t *self, const vd_model_read_t *read)
{
    /* A source that came back is another one, and so it is for a new broker: the reads of both may
     * be out for a while. */
    int64_t now_us = vd_whole_now_us(self);
    if (now_us - self->sources[read->source].changed_us < 30000000 ||
        now_us - vd_process_ready_us(self->broker) < 30000000)
        return;
    for (int i = 0; i < WHOLE_READS; i++) {
        const vd_model_read_t *other = &self->reads[i];
        if (other != read && other->used && other->poller == read->poller &&
            other->key == read->key && !other->once && !read->once)
            vd_whole_fail(self, "[one at a time] poller-%u reads %s twice at once",
                          read->poller + 1, self->sources[read->source].name);
    }
}

static void check_out(vd_whole_t *self, uint32_t poller)
{
    uint32_t out = 0;
    for (int i = 0; i < WHOLE_READS; i++)
        out += self->reads[i].used && self->reads[i].poller == poller && self->reads[i].standing;
    if (out > file_adapter.out_max)
        vd_whole_fail(self, "[bounds] poller-%u has %u reads out at once", poller + 1, out);
}

static void start_read(vd_model_poller_t *self, const vd_poller_job_t *job, uint64_t token)
{
    vd_whole_t *whole = self->whole;
    vd_world_t *world = whole->world;
    vd_model_read_t *read = free_read(whole);
    if (read == NULL) {
        vd_whole_fail(whole, "[bounds] more than %d reads are out", WHOLE_READS);
        return;
    }
    uint32_t at = 0;
    while (at < WHOLE_SOURCES && !vd_str_is(job->request.address, whole->sources[at].address))
        at++;
    bool moved = at == WHOLE_SOURCES; /* an address of before */
    at = moved ? 0 : at;
    bool once = vd_str_is(job->request.target, "detail");
    *read = (vd_model_read_t){.used = true,
                              .poller = self->number,
                              .life = vd_process_life(self->process),
                              .token = token,
                              .key = at * 2 + once,
                              .source = at,
                              .once = once || moved,
                              .standing = !once,
                              .started_us = vd_whole_now_us(whole)};
    read->serial = ++whole->reads_begun;
    if (!moved && !once)
        whole->sources[at].read_us[self->number] = read->started_us;
    if (!moved)
        check_one_at_a_time(whole, read);
    check_out(whole, self->number);
    vd_world_note(world, "%-12s begins to read %s %.*s, token %" PRIx64,
                  vd_process_name(self->process), whole->sources[at].name,
                  (int)job->request.target.size, (const char *)job->request.target.data, token);
    uint64_t place = read->serial * WHOLE_READS + (uint64_t)(read - whole->reads);
    int64_t delay_us = 50 + (int64_t)vd_world_random(world, 15000);
    if (whole->sources[at].hangs)
        delay_us = 30000000;
    vd_world_later(world, delay_us, self->node, finish_read, whole, place);
    vd_world_later(world, VD_SAMPLE_DEADLINE_MS * 1000 + LATE_US, self->node, look_late, whole,
                   place);
}

static void perform(vd_world_t *world, vd_node_t *node, const vd_effect_t *effect, void *arg)
{
    vd_model_poller_t *self = arg;
    (void)world;
    (void)node;
    if (effect->id == VD_POLLER_READ) {
        const vd_poller_job_t *job = effect->object;
        start_read(self, job, job->request.token);
        return;
    }
    assert(effect->id == VD_POLLER_CANCEL);
    for (int i = 0; i < WHOLE_READS; i++) {
        vd_model_read_t *read = &self->whole->reads[i];
        if (read->used && read->poller == self->number && read->token == effect->token)
            read->used = false;
    }
}

void vd_poller_part_add(vd_whole_t *self)
{
    static const char *const names[WHOLE_POLLERS] = {"poller-1", "poller-2", "poller-3"};
    for (uint32_t i = 0; i < WHOLE_POLLERS; i++) {
        vd_model_poller_t *poller = &self->pollers[i];
        vd_process_spec_t spec = vd_runtime_spec(self, names[i], "poller");
        *poller = (vd_model_poller_t){.whole = self, .number = i};
        poller->process = vd_process_new(self->world, &spec);
        vd_node_spec_t node = {.step = vd_poller_step,
                               .wires = wires,
                               .wire_count = 2,
                               .boot = boot,
                               .end = end,
                               .perform = perform,
                               .arg = poller};
        poller->node = vd_process_add(self->world, poller->process, &node);
        vd_node_tap(poller->node);
    }
}

/* ---- sources ---- */

static void change(vd_world_t *world, void *arg, uint64_t at)
{
    vd_whole_t *self = arg;
    vd_model_source_t *source = &self->sources[at];
    if (self->calm && vd_whole_now_us(self) > self->calm_us + 2000000)
        return;
    source->value += 1 + vd_world_random(world, 3);
    if (self->calm && source->value % TALLY_BAD == 0)
        source->value++;
    vd_world_note(world, "%-12s is %" PRIu64 " now", source->name, source->value);
    vd_world_later(world, 100000 + (int64_t)vd_world_random(world, 4000000), NULL, change, self,
                   at);
}

void vd_sources_begin(vd_whole_t *self)
{
    for (uint32_t i = 0; i < WHOLE_SOURCES; i++) {
        vd_model_source_t *source = &self->sources[i];
        snprintf(source->name, sizeof source->name, "s%u", i);
        snprintf(source->address, sizeof source->address, "/s%u", i);
        source->exists = vd_world_chance(self->world, 600);
        source->changed_us = vd_whole_now_us(self);
        vd_world_later(self->world, (int64_t)vd_world_random(self->world, 1000000), NULL, change,
                       self, i);
    }
}

void vd_sources_calm(vd_whole_t *self)
{
    for (int i = 0; i < WHOLE_SOURCES; i++) {
        vd_model_source_t *source = &self->sources[i];
        source->hangs = source->fails = false;
        source->value += source->value % TALLY_BAD == 0;
    }
}

void vd_poller_part_finish(vd_whole_t *self)
{
    int64_t since_us = vd_whole_now_us(self) - 6000000;
    for (uint32_t i = 0; i < WHOLE_SOURCES; i++) {
        const vd_model_source_t *source = &self->sources[i];
        uint32_t readers = 0, gone = 0;
        for (uint32_t p = 0; p < WHOLE_POLLERS; p++) {
            bool read = source->read_us[p] > since_us;
            readers += read && vd_node_is_up(self->pollers[p].node);
            gone += read && !vd_node_is_up(self->pollers[p].node);
        }
        /* One that was not needed any more may just have gone, and another one be about to begin. */
        if (source->exists && readers == 0 && gone > 0)
            continue;
        if (readers != (source->exists ? 1 : 0))
            vd_whole_fail(self, "[one poller] source %s, which %s, is read by %u pollers",
                          source->name, source->exists ? "exists" : "has left", readers);
    }
}

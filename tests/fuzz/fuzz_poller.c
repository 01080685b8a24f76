/* fuzz_poller.c: what observers and strangers may ask a poller for, and sources that answer anything. */
#include "poller.h"
#include "stage.h"

#include "wire/value.h"

enum { OUT_MAX = 128 };

static const char *const ops[] = {"get", "read", NULL};
static const vd_adapter_t http = {.name = "http", .ops = ops, .out_max = 2};
static const vd_adapter_t file = {.name = "file", .ops = ops, .out_max = 3};
static const vd_adapter_t *const adapters[] = {&http, &file, NULL};

typedef struct out {
    uint64_t token;
    uint64_t bytes_max;
} out_t;

typedef struct reads {
    out_t list[OUT_MAX];
    uint32_t count;
} reads_t;

static uint32_t find(const reads_t *self, uint64_t token)
{
    uint32_t at = 0;
    while (at < self->count && self->list[at].token != token)
        at++;
    return at;
}

static void forget(reads_t *self, uint32_t at)
{
    self->list[at] = self->list[--self->count];
}

static void perform(fuzz_stage_t *stage, const vd_effect_t *effect)
{
    reads_t *self = stage->arg;
    if (effect->id == VD_POLLER_CANCEL) {
        FUZZ_HOLDS(find(self, effect->token) < self->count);
        forget(self, find(self, effect->token));
        return;
    }
    const vd_poller_job_t *job = effect->object;
    FUZZ_HOLDS(effect->id == VD_POLLER_READ && self->count < OUT_MAX);
    FUZZ_HOLDS(job->adapter == 0 || job->adapter == 1);
    FUZZ_HOLDS(find(self, job->request.token) == self->count);
    FUZZ_HOLDS(job->request.bytes_max <= VD_SAMPLE_BYTES_MAX);
    FUZZ_HOLDS(job->request.args.size == 0 ||
               vd_scan_exact(job->request.args, VD_DEPTH_MAX) == VD_OK);
    self->list[self->count++] = (out_t){job->request.token, job->request.bytes_max};
}

/* A read ends: with content, or with a status; whatever it gave was bounded by the adapter. */
static void complete(fuzz_stage_t *stage, uint8_t how, vd_bytes_t *input)
{
    reads_t *self = stage->arg;
    if (self->count == 0)
        return;
    uint32_t at = fuzz_byte(input) % self->count;
    out_t out = self->list[at];
    vd_read_result_t result = {.took_us = 5};
    vd_bytes_t meta = fuzz_part(input);
    vd_value_t map;
    if (vd_scan_exact(meta, VD_DEPTH_MAX - 4) == VD_OK && vd_value_of(meta, &map) &&
        map.kind == VD_KIND_MAP)
        result.meta = meta;
    result.content = fuzz_part(input);
    if (result.content.size > out.bytes_max)
        result.content.size = out.bytes_max;
    if ((how & 0x08) != 0) {
        result.status = VD_UNREACHABLE;
        result.error = result.content;
    }
    vd_input_t done = {.kind = VD_INPUT_DONE,
                       .id = VD_POLLER_READ,
                       .token = out.token,
                       .status = result.status,
                       .result = &result};
    if ((how & 0x10) == 0) /* else it is told twice */
        forget(self, at);
    fuzz_stage_input(stage, &done);
    if ((how & 0x10) != 0 && find(self, out.token) < self->count) {
        forget(self, find(self, out.token));
        fuzz_stage_input(stage, &done);
    }
}

static void look_at_sample(vd_bytes_t bytes)
{
    vd_sample_record_t sample;
    vd_value_t nil;
    if (bytes.size == 0) /* too large to be published: it is asked for */
        return;
    FUZZ_HOLDS(vd_scan_exact(bytes, VD_DEPTH_MAX + 1) == VD_OK && vd_value_of(bytes, &nil));
    if (nil.kind != VD_KIND_NIL)
        FUZZ_HOLDS(vd_record_decode(bytes, VD_RECORD_sample, &sample) == VD_OK);
}

static void sent(fuzz_stage_t *stage, const vd_effect_t *effect, const vd_message_t *message)
{
    static const char prefix[] = "sample/";
    (void)stage;
    (void)effect;
    vd_str_t feed = {0};
    if (message->id == VD_MESSAGE_ITEM)
        feed = message->item.feed;
    if (message->id == VD_MESSAGE_SNAPSHOT)
        feed = message->snapshot.feed;
    if (feed.size > sizeof prefix && memcmp(feed.data, prefix, sizeof prefix - 1) == 0)
        look_at_sample(message->payload);
    else if (message->id == VD_MESSAGE_SNAPSHOT)
        FUZZ_HOLDS(vd_scan_exact(message->payload, VD_DEPTH_MAX) == VD_OK);
}

static void after(fuzz_stage_t *stage)
{
    const vd_poller_t *poller = stage->state;
    FUZZ_HOLDS(vd_poller_failures(poller) <= vd_poller_reads(poller));
    FUZZ_HOLDS(vd_poller_standing(poller) <= 64);
}

void fuzz_one(vd_bytes_t input)
{
    reads_t own = {.count = 0};
    fuzz_stage_t stage;
    vd_poller_config_t config = {
        .inc = 7, .adapters = adapters, .reads_max = 64, .samples_bytes_max = 1 << 16};
    vd_poller_t *poller = vd_poller_new(&config);
    fuzz_stage_open(&stage, vd_poller_step, poller);
    fuzz_stage_port(&stage, VD_POLLER_REQUESTS, FUZZ_ROUTER);
    fuzz_stage_port(&stage, VD_POLLER_SAMPLES, FUZZ_PUB);
    stage.perform = perform;
    stage.complete = complete;
    stage.sent = sent;
    stage.after = after;
    stage.arg = &own;
    fuzz_stage_run(&stage, &input);
    vd_message_t get = {
        .id = VD_MESSAGE_GET, .correlation = 9, .get = {.feed = vd_str("readings")}};
    fuzz_stage_tell(&stage, VD_POLLER_REQUESTS, &get);
    fuzz_stage_close(&stage);
    vd_poller_destroy(&poller);
}

/* fuzz_announcing.c: those who tell the broker: a lease, a provider, the list of sources that people edit. */
#include "manual_core.h"
#include "provider.h"
#include "source_list.h"
#include "stage.h"

#include "kit/lease.h"
#include "wire/value.h"

/* ---- a lease ---- */

static void lease(vd_bytes_t *input)
{
    vd_lease_t core = {.name = "host",
                       .kind = "observer",
                       .inc = 7,
                       .pid = 1,
                       .endpoints = vd_bytes("\x90", 1),
                       .broker = "ipc://control"};
    fuzz_stage_t stage;
    fuzz_stage_open(&stage, vd_lease_step, &core);
    fuzz_stage_port(&stage, VD_LEASE_PORT, FUZZ_CONNECTS);
    fuzz_stage_run(&stage, input);
    fuzz_stage_close(&stage);
}

/* ---- a provider ---- */

typedef struct listings {
    bool out;
} listings_t;

static void list(fuzz_stage_t *stage, const vd_effect_t *effect)
{
    listings_t *self = stage->arg;
    FUZZ_HOLDS(effect->id == VD_PROVIDER_LIST && !self->out);
    self->out = true;
}

static void listed(fuzz_stage_t *stage, uint8_t how, vd_bytes_t *input)
{
    listings_t *self = stage->arg;
    char error[VD_TEXT_BYTES_MAX + 1] = "";
    vd_input_t changed = {.kind = VD_INPUT_DONE, .id = VD_PROVIDER_CHANGED};
    if ((how & 0x08) != 0)
        fuzz_stage_input(stage, &changed);
    if (!self->out)
        return;
    vd_buffer_t sources;
    vd_buffer_init(&sources, VD_SOURCE_LIST_BYTES_MAX);
    vd_listing_t listing = {
        .status = vd_source_list_parse(fuzz_part(input), "http", &sources, error, sizeof error)};
    if (listing.status == VD_OK)
        listing.sources = vd_buffer_view(&sources);
    else
        listing.error = vd_str(error);
    vd_input_t done = {.kind = VD_INPUT_DONE,
                       .id = VD_PROVIDER_LIST,
                       .status = listing.status,
                       .result = &listing};
    self->out = false;
    fuzz_stage_input(stage, &done);
    vd_buffer_free(&sources);
}

static void announced(fuzz_stage_t *stage, const vd_effect_t *effect, const vd_message_t *message)
{
    (void)stage;
    (void)effect;
    if (message->id != VD_MESSAGE_ANNOUNCE)
        return;
    vd_bytes_t rows = message->announce.sources;
    vd_source_record_t row;
    for (uint32_t left = vd_rows_count(rows); left > 0; left--)
        FUZZ_HOLDS(vd_rows_next(&rows, VD_RECORD_source, &row) == VD_OK && row.name.size > 0);
}

static void provider(vd_bytes_t *input)
{
    listings_t own = {false};
    fuzz_stage_t stage;
    vd_provider_t core = {
        .name = "static", .inc = 7, .broker = "ipc://control", .refresh_us = 2000000};
    vd_buffer_init(&core.sources, VD_SOURCE_LIST_BYTES_MAX);
    vd_buffer_init(&core.part, VD_BODY_BYTES_MAX);
    fuzz_stage_open(&stage, vd_provider_step, &core);
    fuzz_stage_port(&stage, VD_PROVIDER_BROKER, FUZZ_CONNECTS);
    stage.perform = list;
    stage.complete = listed;
    stage.sent = announced;
    stage.arg = &own;
    fuzz_stage_run(&stage, input);
    fuzz_stage_close(&stage);
    vd_buffer_free(&core.sources);
    vd_buffer_free(&core.part);
}

/* ---- the list that people edit ---- */

typedef struct saves {
    bool out;
} saves_t;

/* What is saved reads back as what is meant. */
static void save(fuzz_stage_t *stage, const vd_effect_t *effect)
{
    saves_t *self = stage->arg;
    char error[VD_TEXT_BYTES_MAX + 1] = "";
    vd_buffer_t again;
    const vd_manual_t *core = effect->object;
    FUZZ_HOLDS(effect->id == VD_MANUAL_SAVE && !self->out && core == stage->state);
    self->out = true;
    vd_buffer_init(&again, VD_SOURCE_LIST_BYTES_MAX);
    FUZZ_HOLDS(vd_source_list_parse(vd_buffer_view(&core->text), VD_MANUAL_ADAPTER, &again, error,
                                    sizeof error) == VD_OK);
    FUZZ_HOLDS(vd_bytes_equal(vd_buffer_view(&again), vd_buffer_view(&core->next)));
    vd_buffer_free(&again);
}

static void saved(fuzz_stage_t *stage, uint8_t how, vd_bytes_t *input)
{
    saves_t *self = stage->arg;
    (void)input;
    if (!self->out)
        return;
    vd_input_t done = {.kind = VD_INPUT_DONE,
                       .id = VD_MANUAL_SAVE,
                       .status = (how & 0x08) != 0 ? VD_NO_SPACE : VD_OK,
                       .result = "the disk is full"};
    self->out = false;
    fuzz_stage_input(stage, &done);
}

static void manual(vd_bytes_t *input)
{
    saves_t own = {false};
    vd_manual_t core;
    fuzz_stage_t stage;
    vd_manual_init(&core);
    vd_write_array(&core.sources, 0);
    core.loaded = true;
    fuzz_stage_open(&stage, vd_manual_step, &core);
    fuzz_stage_port(&stage, VD_MANUAL_CONTROL, FUZZ_ROUTER);
    stage.perform = save;
    stage.complete = saved;
    stage.arg = &own;
    fuzz_stage_run(&stage, input);
    fuzz_stage_close(&stage);
    vd_manual_free(&core);
}

void fuzz_one(vd_bytes_t input)
{
    static void (*const cores[])(vd_bytes_t * input) = {lease, provider, manual};
    cores[fuzz_byte(&input) % 3](&input);
}

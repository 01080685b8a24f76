/* fuzz_broker.c: what actors, providers, tools and strangers may say to the broker. */
#include "membership.h"
#include "stage.h"

#include "wire/value.h"

/* Every row of the snapshot is a record, and there are as many as the core says. */
static void look(vd_bytes_t snapshot, const vd_membership_t *membership)
{
    vd_value_t map, rows;
    FUZZ_HOLDS(snapshot.size <= VD_MEMBERSHIP_BYTES_MAX);
    FUZZ_HOLDS(vd_scan_exact(snapshot, VD_DEPTH_MAX) == VD_OK && vd_value_of(snapshot, &map));
    FUZZ_HOLDS(vd_value_get(&map, "actors", &rows) && rows.kind == VD_KIND_ARRAY);
    FUZZ_HOLDS(rows.count == vd_membership_actors(membership));
    vd_bytes_t rest = rows.raw;
    vd_actor_record_t actor;
    for (uint32_t i = 0; i < rows.count; i++)
        FUZZ_HOLDS(vd_rows_next(&rest, VD_RECORD_actor, &actor) == VD_OK && actor.name.size > 0);
    FUZZ_HOLDS(vd_value_get(&map, "sources", &rows) && rows.kind == VD_KIND_ARRAY);
    FUZZ_HOLDS(rows.count == vd_membership_sources(membership));
    rest = rows.raw;
    vd_source_record_t source;
    for (uint32_t i = 0; i < rows.count; i++)
        FUZZ_HOLDS(vd_rows_next(&rest, VD_RECORD_source, &source) == VD_OK && source.name.size > 0);
}

static void sent(fuzz_stage_t *stage, const vd_effect_t *effect, const vd_message_t *message)
{
    (void)effect;
    if (message->id == VD_MESSAGE_SNAPSHOT && vd_str_is(message->snapshot.feed, "membership"))
        look(message->payload, stage->state);
}

void fuzz_one(vd_bytes_t input)
{
    vd_membership_config_t config = {.name = "broker",
                                     .inc = 7,
                                     .pid = 1,
                                     .control_endpoint = "ipc://control",
                                     .membership_endpoint = "ipc://membership",
                                     .seed = 1};
    fuzz_stage_t stage;
    config.first = (fuzz_byte(&input) & 1) != 0;
    vd_membership_t *membership = vd_membership_new(&config);
    fuzz_stage_open(&stage, vd_membership_step, membership);
    fuzz_stage_port(&stage, VD_MEMBERSHIP_CONTROL, FUZZ_ROUTER);
    fuzz_stage_port(&stage, VD_MEMBERSHIP_PUB, FUZZ_PUB);
    stage.sent = sent;
    fuzz_stage_run(&stage, &input);
    vd_message_t get = {
        .id = VD_MESSAGE_GET, .correlation = 9, .get = {.feed = vd_str("membership")}};
    fuzz_stage_tell(&stage, VD_MEMBERSHIP_CONTROL, &get);
    fuzz_stage_close(&stage);
    vd_membership_destroy(&membership);
}

/* observer_kept.c: the states that an observer keeps at the ingestor of its world. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/observer_world.h"

void forget_kept(world_t *world)
{
    for (uint32_t at = 0; at < world->kept_count; at++)
        vd_buffer_free(&world->kept[at].state);
    world->kept_count = 0;
}

static void answer_error(world_t *world, const vd_message_t *message, vd_status_t status)
{
    vd_message_t answer = {.id = VD_MESSAGE_ERROR, .correlation = message->correlation};
    answer.error.status = vd_str(vd_status_name(status));
    answer.error.text = vd_str("the disk is full");
    post(world, VD_HOST_PORT_READ, world->asker, &answer);
}

void kept_save(world_t *world, const vd_message_t *message)
{
    const vd_save_snapshot_body_t *body = &message->save_snapshot;
    if (world->keep_fate == HOLD)
        return;
    if (world->keep_fate == REFUSE) {
        answer_error(world, message, VD_STORE_TROUBLE);
        return;
    }
    assert_true(world->kept_count < KEPT && vd_str_is(body->observer, world->name));
    assert_true(body->index > 0 && body->index <= world->index && body->keep == 8);
    kept_t *kept = &world->kept[world->kept_count++];
    *kept = (kept_t){.version = body->version,
                     .seq = body->seq,
                     .cycle = body->cycle,
                     .at_ms = body->at_ms,
                     .position = {.index = body->index, .offset = body->offset}};
    vd_str_copy(kept->session, sizeof kept->session, body->session);
    vd_str_copy(kept->position.store, sizeof kept->position.store, body->store);
    vd_buffer_init(&kept->state, VD_STATE_BYTES_MAX);
    assert_true(vd_buffer_add(&kept->state, message->payload.data, message->payload.size));
    vd_message_t answer = {.id = VD_MESSAGE_DONE, .correlation = message->correlation};
    post(world, VD_HOST_PORT_READ, world->asker, &answer);
}

void kept_load(world_t *world, const vd_message_t *message)
{
    const vd_load_snapshot_body_t *body = &message->load_snapshot;
    const kept_t *best = NULL;
    world->loads++;
    if (world->load_silent)
        return;
    for (uint32_t at = 0; at < world->kept_count; at++) {
        const kept_t *kept = &world->kept[at];
        if (vd_str_is(body->session, kept->session) && kept->version == body->version &&
            (body->below == 0 || kept->position.index < body->below) &&
            (body->seq == 0 || (kept->seq > 0 && kept->seq <= body->seq)) &&
            (body->at_ms == 0 || kept->at_ms <= body->at_ms) &&
            (!best || kept->position.index > best->position.index))
            best = kept;
    }
    if (!best || world->load_unsupported) {
        answer_error(world, message, world->load_unsupported ? VD_UNSUPPORTED : VD_NOT_FOUND);
        return;
    }
    vd_message_t answer = {.id = VD_MESSAGE_STORED_SNAPSHOT,
                           .correlation = message->correlation,
                           .payload = vd_buffer_view(&best->state)};
    vd_stored_snapshot_body_t *stored = &answer.stored_snapshot;
    stored->observer = body->observer;
    stored->version = best->version;
    stored->session = vd_str(best->session);
    stored->store = vd_str(best->position.store);
    stored->index = best->position.index;
    stored->offset = best->position.offset;
    stored->seq = best->seq;
    stored->cycle = best->cycle;
    stored->at_ms = best->at_ms;
    post(world, VD_HOST_PORT_READ, world->asker, &answer);
}

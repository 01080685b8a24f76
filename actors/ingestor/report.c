/* report.c: figures of the store, and checking it. */
#include "report.h"

#include "store/verify.h"

#include <assert.h>
#include <stdlib.h>

static const char *mode_name(vd_store_mode_t mode)
{
    switch (mode) {
    case VD_STORE_WRITE:
        return "writing";
    case VD_STORE_READ:
        return "reading";
    case VD_STORE_QUARANTINE:
        return "quarantine";
    }
    return "closed";
}

static bool count_session(void *arg, const vd_store_session_t *session)
{
    vd_store_is_body_t *body = arg;
    body->sessions++;
    body->active += session->state == VD_SESSION_ACTIVE;
    body->events += session->last_seq;
    body->event_bytes += session->bytes;
    return true;
}

static bool count_producer(void *arg, const vd_store_producer_t *producer)
{
    vd_store_is_body_t *body = arg;
    (void)producer;
    body->producers++;
    return true;
}

static bool count_state(void *arg, const vd_store_snapshot_t *snapshot)
{
    vd_store_is_body_t *body = arg;
    body->states++;
    body->state_bytes += snapshot->size;
    return true;
}

static void tell_written(const vd_report_view_t *view, vd_store_is_body_t *body)
{
    vd_written_figures_t written;
    if (view->written == NULL)
        return;
    vd_written_read(view->written, &written);
    body->written_commits = written.commits;
    body->written_events = written.events;
    body->failures = written.failures;
    body->commit_us_p50 = written.us_p50;
    body->commit_us_p99 = written.us_p99;
}

void vd_report_store(vd_store_t *store, const vd_report_view_t *view, const vd_input_t *input,
                     vd_effects_t *effects)
{
    vd_message_t answer = {.id = VD_MESSAGE_STORE_IS};
    vd_store_is_body_t *body = &answer.store_is;
    vd_store_info_t info;
    vd_store_tail_t tail;
    char trouble[VD_TEXT_BYTES_MAX] = "";
    assert(store != NULL && view != NULL);
    vd_store_info(store, &info);
    vd_store_tail(store, &tail);
    body->store = vd_str(tail.id);
    body->dir = vd_str(info.dir);
    body->mode = vd_str(mode_name(info.mode));
    if (view->trouble != NULL && vd_trouble_read(view->trouble, trouble))
        body->trouble = vd_str(trouble);
    body->durability = vd_str(info.durability == VD_DURABILITY_POWER ? "power" : "process");
    body->format = info.format;
    body->created_ms = info.created_ms;
    body->first = tail.first_index;
    body->head = tail.index;
    body->chain = tail.chain;
    body->head_ms = tail.time_ms;
    body->pruning = info.pruning;
    body->disk_bytes = info.disk_bytes;
    body->files = info.files;
    body->free_bytes = info.free_bytes;
    /* A damaged record is left out of the counts, and VERIFY tells it. */
    vd_store_sessions(store, count_session, body);
    vd_store_producers(store, count_producer, body);
    vd_store_snapshots(store, count_state, body);
    tell_written(view, body);
    vd_effects_reply(effects, input, &answer);
}

static void write_damage(vd_buffer_t *rows, const vd_store_verified_t *part)
{
    vd_write_array(rows, part->damage_count);
    for (uint32_t i = 0; i < part->damage_count; i++) {
        const vd_store_damage_t *damage = &part->damage[i];
        vd_damage_record_t row = {.index = damage->index,
                                  .session = vd_str(damage->session),
                                  .first = damage->first,
                                  .count = damage->count,
                                  .text = vd_str(damage->text)};
        vd_status_t status = vd_record_encode(VD_RECORD_damage, &row, rows);
        assert(status == VD_OK);
        (void)status;
    }
    assert(!rows->full);
}

static void tell_part(vd_store_t *store, const vd_store_verified_t *part, const vd_input_t *input,
                      vd_effects_t *effects)
{
    vd_message_t answer = {.id = VD_MESSAGE_VERIFIED};
    vd_verified_body_t *body = &answer.verified;
    vd_store_tail_t tail;
    vd_buffer_t rows;
    vd_store_tail(store, &tail);
    vd_buffer_init(&rows, VD_BODY_BYTES_MAX);
    write_damage(&rows, part);
    body->store = vd_str(tail.id);
    body->index = part->index;
    body->chain = part->chain;
    body->head = part->head;
    body->commits = part->commits;
    body->events = part->events;
    body->pruned = part->pruned;
    body->bytes = part->bytes;
    body->more = part->more;
    body->damage = vd_buffer_view(&rows);
    vd_effects_reply(effects, input, &answer);
    vd_buffer_free(&rows);
}

void vd_report_verify(vd_store_t *store, vd_store_cursor_t *cursor, const vd_input_t *input,
                      vd_effects_t *effects)
{
    const vd_verify_body_t *ask = &input->message->verify;
    char error[VD_TEXT_BYTES_MAX] = "";
    vd_store_verified_t *part = calloc(1, sizeof *part);
    vd_status_t status = VD_NO_MEMORY;
    if (part != NULL && ask->chain <= UINT32_MAX)
        status = vd_store_verify(store, cursor, ask->after, (uint32_t)ask->chain, part, error,
                                 sizeof error);
    else if (part != NULL)
        status = VD_MALFORMED;
    if (status == VD_OK)
        tell_part(store, part, input, effects);
    else
        vd_effects_reply_error(effects, input, status, "the store cannot be checked now: %s",
                               error[0] != 0 ? error : vd_status_text(status));
    free(part);
}

/* sequencer_bench.c: the shell of the sequencer under test. */
#include "sequencer_bench.h"

static void note_answer(bench_t *b, const vd_effect_t *effect)
{
    vd_message_t m;
    assert_int_equal(vd_message_decode(vd_effect_header(b->effects, effect),
                                       vd_effect_body(b->effects, effect),
                                       vd_effect_payload(b->effects, effect), &m),
                     VD_OK);
    assert_true(b->count < ANSWERS_MAX);
    answer_t *a = &b->answers[b->count++];
    *a = (answer_t){.id = m.id};
    memcpy(a->peer, effect->peer.bytes, effect->peer.size);
    if (m.id == VD_MESSAGE_OPENED) {
        a->epoch = m.opened.epoch;
        a->mark = m.opened.mark;
        a->rejects = vd_rows_count(m.opened.rejects);
    } else if (m.id == VD_MESSAGE_COMMITTED) {
        a->epoch = m.committed.epoch;
        a->mark = m.committed.mark;
        a->index = m.committed.index;
        a->seq = m.committed.seq;
        a->rejects = vd_rows_count(m.committed.rejects);
        vd_bytes_t rows = m.committed.rejects;
        vd_reject_record_t row;
        while (vd_rows_next(&rows, VD_RECORD_reject, &row) == VD_OK)
            a->reject_seq = row.seq;
    } else if (m.id == VD_MESSAGE_REJECTED) {
        a->epoch = m.rejected.epoch;
        a->mark = m.rejected.first;
        a->count = m.rejected.count;
        a->seq = m.rejected.seq;
        a->status = vd_status_of_name(m.rejected.status);
    } else if (m.id == VD_MESSAGE_NOT_NOW) {
        a->epoch = m.not_now.epoch;
        a->mark = m.not_now.from;
        a->retry_ms = m.not_now.retry_ms;
        a->status = vd_status_of_name(m.not_now.status);
    } else if (m.id == VD_MESSAGE_PRUNED) {
        a->count = m.pruned.sessions;
        a->mark = m.pruned.events;
        snprintf(a->ids, sizeof a->ids, "%s", "");
        vd_value_t ids, id;
        assert_true(vd_value_of(m.payload, &ids) && ids.kind == VD_KIND_ARRAY);
        for (uint32_t i = 0; vd_value_next(&ids.bytes, &id); i++)
            snprintf(a->ids + strlen(a->ids), sizeof a->ids - strlen(a->ids), "%s%.*s",
                     i > 0 ? " " : "", (int)id.bytes.size, (const char *)id.bytes.data);
    } else {
        assert_int_equal(m.id, VD_MESSAGE_ERROR);
        a->status = vd_status_of_name(m.error.status);
    }
}

static void carry_out(bench_t *b)
{
    assert_false(b->effects->overflow);
    for (uint32_t i = 0; i < b->effects->count; i++) {
        const vd_effect_t *effect = &b->effects->list[i];
        if (effect->kind == VD_EFFECT_SEND) {
            note_answer(b, effect);
        } else if (effect->kind == VD_EFFECT_EXIT) {
            b->exited = true;
            b->exit_status = effect->status;
        } else if (effect->kind == VD_EFFECT_TIMER && effect->id == VD_SEQ_TIMER_ANSWERS) {
            b->answers_timer = true;
        } else if (effect->kind == VD_EFFECT_DO && effect->id == VD_SEQ_VISIBLE) {
            b->visible++;
        } else if (effect->kind == VD_EFFECT_LOG) {
            b->warned += effect->level >= VD_WARN;
        } else if (effect->kind == VD_EFFECT_DO &&
                   (effect->id == VD_SEQ_PRUNE || effect->id == VD_SEQ_FREE)) {
            assert_int_equal(b->prune_operation, 0);
            b->prune_operation = effect->id;
            b->prune_job = effect->object;
        } else if (effect->kind == VD_EFFECT_DO) {
            assert_int_equal(b->operation, 0);
            b->operation = effect->id;
            b->token = effect->token;
            b->batch = effect->object;
        }
    }
}

static bool is_cursed(const bench_t *b)
{
    for (uint32_t i = 0; b->cursed != NULL && i < b->batch->commit.run_count; i++)
        if (vd_str_is(b->batch->commit.runs[i].session, b->cursed))
            return true;
    return false;
}

/* Carries out the operation that waits. */
void bench_perform(bench_t *b)
{
    static char error[256];
    static vd_store_tail_t tail;
    vd_input_t done = {.kind = VD_INPUT_DONE, .id = b->operation, .token = b->token};
    if (b->operation == VD_SEQ_APPEND) {
        if (is_cursed(b))
            vd_memory_fail(b->image, VD_IO, false, 0);
        done.status = vd_store_append(b->store, b->batch, error, sizeof error);
        done.result = error;
    } else {
        done.status = vd_store_reopen(b->store, &tail, error, sizeof error);
        done.result = done.status == VD_OK ? (const void *)&tail : error;
    }
    b->operation = 0;
    bench_step(b, &done);
}

void bench_perform_prune(bench_t *b)
{
    static char error[256];
    static bool more;
    vd_input_t done = {.kind = VD_INPUT_DONE, .id = b->prune_operation};
    if (b->prune_operation == VD_SEQ_PRUNE)
        done.status = vd_store_prune_mark(b->store, (const char *const *)b->prune_job->names,
                                          b->prune_job->count, error, sizeof error);
    else
        done.status = vd_store_prune_step(b->store, &more, error, sizeof error);
    done.result = done.status == VD_OK ? (const void *)&more : error;
    b->freed += b->prune_operation == VD_SEQ_FREE;
    b->prune_operation = 0;
    bench_step(b, &done);
}

void bench_step(bench_t *b, const vd_input_t *input)
{
    vd_effects_clear(b->effects);
    vd_sequencer_step(b->sequencer, b->now, input, b->effects);
    carry_out(b);
    while (b->operation != 0 && !b->hold)
        bench_perform(b);
    while (b->prune_operation != 0 && !b->hold_prune)
        bench_perform_prune(b);
}

static bool restore_producer(void *arg, const vd_store_producer_t *record)
{
    return vd_sequencer_restore_producer(arg, record);
}

static bool restore_session(void *arg, const vd_store_session_t *record)
{
    return vd_sequencer_restore_session(arg, record);
}

/* ---- what the sequencer asks the store ---- */

static vd_status_t lookup_record(void *arg, const char *session, const char *record, uint64_t *seq)
{
    bench_t *b = arg;
    b->lookups++;
    return b->lookup_fails != VD_OK ? b->lookup_fails
                                    : vd_store_record(b->store, session, record, seq);
}

static vd_status_t lookup_session(void *arg, const char *session)
{
    bench_t *b = arg;
    vd_store_session_t record;
    return b->lookup_fails != VD_OK ? b->lookup_fails
                                    : vd_store_session(b->store, session, &record);
}

void bench_boot(bench_t *b)
{
    vd_store_tail_t tail;
    assert_int_equal(vd_memory_image_open(b->image, &b->store), VD_OK);
    vd_store_tail(b->store, &tail);
    b->sequencer = vd_sequencer_new(&tail);
    assert_non_null(b->sequencer);
    vd_sequencer_lookup_t lookup = {b, lookup_record, lookup_session};
    vd_sequencer_set_lookup(b->sequencer, &lookup);
    vd_store_producers(b->store, restore_producer, b->sequencer);
    vd_store_sessions(b->store, restore_session, b->sequencer);
    b->operation = b->prune_operation = 0;
    b->exited = false;
    bench_step(b, &(vd_input_t){.kind = VD_INPUT_START});
}

void bench_shut(bench_t *b)
{
    vd_sequencer_destroy(&b->sequencer);
    vd_store_close(&b->store);
}

int bench_set_up(void **state)
{
    bench_t *b = calloc(1, sizeof *b);
    b->image = vd_memory_image_new(7);
    b->effects = vd_effects_new();
    b->now = (vd_now_t){1000000, 1767225600000};
    bench_boot(b);
    *state = b;
    return 0;
}

int bench_tear_down(void **state)
{
    bench_t *b = *state;
    bench_shut(b);
    vd_memory_image_destroy(&b->image);
    vd_effects_destroy(&b->effects);
    free(b);
    return 0;
}

static void say(bench_t *b, uint16_t port, const char *peer, const vd_message_t *message)
{
    vd_input_t input = {
        .kind = VD_INPUT_MESSAGE, .port = port, .peer = vd_peer_named(peer), .message = message};
    bench_step(b, &input);
}

void bench_open_with(bench_t *b, const char *producer, uint64_t life, uint64_t epoch)
{
    vd_message_t message = {.id = VD_MESSAGE_OPEN, .correlation = life};
    message.open.producer = vd_str(producer);
    message.open.life = life;
    message.open.epoch = epoch;
    say(b, VD_SEQ_PORT_EMIT, producer, &message);
}

/* Events as types with blanks between; "!" at the end breaks the checksum of the last one. */
uint32_t bench_run_of(vd_buffer_t *run, const char *types, vd_bytes_t data)
{
    uint32_t count = 0;
    char text[1024];
    snprintf(text, sizeof text, "%s", types);
    vd_buffer_init(run, VD_EMIT_BYTES_MAX);
    for (char *rest = NULL, *type = strtok_r(text, " ", &rest); type != NULL;
         type = strtok_r(NULL, " ", &rest)) {
        if (strcmp(type, "!") == 0) {
            run->data[run->size - 1] ^= 1;
            break;
        }
        vd_buffer_t event;
        vd_buffer_init(&event, VD_EVENT_BYTES_MAX);
        vd_event_write(&event, 1767225600000, vd_str(type), data, vd_bytes(NULL, 0));
        assert_true(vd_run_add(run, vd_buffer_view(&event)));
        vd_buffer_free(&event);
        count++;
    }
    return count;
}

static void emit(bench_t *b, const char *producer, uint64_t epoch, uint64_t first,
                 const char *session, const char *types, vd_bytes_t data, uint64_t answered,
                 const char *record)
{
    vd_buffer_t run;
    vd_message_t message = {.id = VD_MESSAGE_EMIT, .correlation = first};
    message.emit.count = bench_run_of(&run, types, data);
    message.emit.producer = vd_str(producer);
    message.emit.epoch = epoch;
    message.emit.first = first;
    message.emit.session = vd_str(session);
    message.emit.answered = answered;
    message.emit.record = vd_str(record);
    message.payload = vd_buffer_view(&run);
    say(b, VD_SEQ_PORT_EMIT, producer, &message);
    vd_buffer_free(&run);
}

void bench_emit_full(bench_t *b, const char *producer, uint64_t epoch, uint64_t first,
                     const char *session, const char *types, vd_bytes_t data, uint64_t answered)
{
    emit(b, producer, epoch, first, session, types, data, answered, "");
}

static const uint8_t EMPTY_MAP[] = {0x80};

void bench_emit(bench_t *b, const char *producer, uint64_t epoch, uint64_t first,
                const char *session, const char *types)
{
    bench_emit_full(b, producer, epoch, first, session, types, vd_bytes(EMPTY_MAP, 1), 0);
}

void bench_emit_record(bench_t *b, const char *producer, uint64_t epoch, uint64_t first,
                       const char *session, const char *types, const char *record)
{
    emit(b, producer, epoch, first, session, types, vd_bytes(EMPTY_MAP, 1), 0, record);
}

void bench_prune(bench_t *b, const char *session, uint64_t older_than_ms, uint64_t keep, bool dry)
{
    static uint64_t correlation;
    vd_message_t message = {.id = VD_MESSAGE_PRUNE, .correlation = ++correlation};
    message.prune.session = vd_str(session);
    message.prune.older_than_ms = older_than_ms;
    message.prune.keep = keep;
    message.prune.dry = dry;
    say(b, VD_SEQ_PORT_CONTROL, "tool", &message);
}

vd_store_session_t bench_session(bench_t *b, const char *session)
{
    vd_store_session_t record;
    assert_int_equal(vd_store_session(b->store, session, &record), VD_OK);
    return record;
}

vd_session_state_t bench_state_of(bench_t *b, const char *session)
{
    return bench_session(b, session).state;
}

const char *bench_types(bench_t *b, const char *session)
{
    static char types[4096];
    vd_store_cursor_t *cursor;
    vd_commit_t commit;
    char error[256];
    types[0] = 0;
    assert_int_equal(vd_store_cursor_new(b->store, &cursor), VD_OK);
    assert_int_equal(vd_store_cursor_seek(cursor, 1, session), VD_OK);
    while (vd_store_cursor_next(cursor, &commit, error, sizeof error) == VD_OK) {
        vd_bytes_t rest = commit.runs[0].run;
        vd_entry_t entry;
        while (vd_run_next(&rest, &entry) == VD_OK) {
            vd_event_t event;
            assert_int_equal(vd_event_read(entry.event, &event), VD_OK);
            snprintf(types + strlen(types), sizeof types - strlen(types), "%s%.*s",
                     types[0] != 0 ? " " : "", (int)event.type.size, (const char *)event.type.data);
        }
    }
    vd_store_cursor_destroy(&cursor);
    return types;
}

void bench_wait_s(bench_t *b, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        b->now.mono_us += 1000000;
        b->now.wall_ms += 1000;
        bench_step(b, &(vd_input_t){.kind = VD_INPUT_TIMER, .id = VD_SEQ_TIMER_OWNERS});
    }
}

/* The only answer since the last look. */
answer_t bench_answer(bench_t *b, uint16_t id)
{
    assert_int_equal(b->count, 1);
    assert_int_equal(b->answers[0].id, id);
    b->count = 0;
    return b->answers[0];
}

void bench_silence(bench_t *b)
{
    assert_int_equal(b->count, 0);
}

/* Opens a producer and begins session s with one event; returns the epoch. */
uint64_t bench_begin(bench_t *b, const char *producer)
{
    bench_open_with(b, producer, 1, 0);
    uint64_t epoch = bench_answer(b, VD_MESSAGE_OPENED).epoch;
    bench_emit(b, producer, epoch, 1, "s", "session_started");
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).mark, 1);
    return epoch;
}

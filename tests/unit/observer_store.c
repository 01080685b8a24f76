/* observer_store.c: the ingestor of an observer's world: sessions, frames, replays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/observer_world.h"

#include <stdio.h>

static session_t *session_named(world_t *world, vd_str_t id)
{
    for (uint32_t at = 0; at < world->session_count; at++)
        if (!world->sessions[at].gone && vd_str_is(id, world->sessions[at].id))
            return &world->sessions[at];
    return NULL;
}

static uint32_t place_of(const world_t *world, const session_t *session)
{
    return (uint32_t)(session - world->sessions);
}

/* Stores a frame: one commit. */
static void store(world_t *world, session_t *session, vd_bytes_t run, uint32_t count, bool own)
{
    assert_true(world->frame_count < STORED && !session->closed);
    frame_t *frame = &world->frames[world->frame_count++];
    *frame = (frame_t){.session = place_of(world, session), .count = count, .own = own};
    vd_buffer_init(&frame->run, 2 << 20);
    assert_true(vd_buffer_add(&frame->run, run.data, run.size));
    session->seq += count;
    frame->index = ++world->index;
    frame->time_ms = 1700000000000 + world->now_us / 1000;
    if (session->started_ms == 0)
        session->started_ms = frame->time_ms;
    push_stream(world);
}

void write_run(world_t *world, uint32_t place, vd_bytes_t run, uint32_t count)
{
    store(world, &world->sessions[place], run, count, false);
}

static void store_event(world_t *world, session_t *session, const char *type, const char *key,
                        const char *value)
{
    vd_buffer_t data, event, run;
    vd_buffer_init(&data, 1024);
    vd_buffer_init(&event, 1024);
    vd_buffer_init(&run, 1024);
    vd_write_map(&data, value[0] ? 1 : 0);
    if (value[0])
        vd_write_pair_text(&data, key, value);
    vd_event_write(&event, 1, vd_str(type), vd_buffer_view(&data), vd_bytes(NULL, 0));
    assert_true(vd_run_add(&run, vd_buffer_view(&event)));
    store(world, session, vd_buffer_view(&run), 1, false);
    vd_buffer_free(&data);
    vd_buffer_free(&event);
    vd_buffer_free(&run);
}

void begin_session(world_t *world)
{
    assert_true(world->session_count < SESSIONS);
    session_t *session = &world->sessions[world->session_count++];
    *session = (session_t){.closed = false};
    snprintf(session->id, sizeof session->id, "s%u", world->session_count);
    if (world->session_count > 1)
        strcpy(session->continues, session[-1].id);
    store_event(world, session, "session_started", "continues", session->continues);
}

void end_session(world_t *world, uint32_t place, bool named)
{
    session_t *session = &world->sessions[place];
    assert_true(place + 1 < world->session_count || !named);
    if (named)
        strcpy(session->continued_by, session[1].id);
    store_event(world, session, "session_ended", "continued_by", session->continued_by);
    session->closed = true;
}

void roll(world_t *world)
{
    begin_session(world);
    world->given = world->session_count - 1;
    end_session(world, world->given - 1, true);
}

void forget_store(world_t *world)
{
    for (uint32_t at = 0; at < world->frame_count; at++)
        vd_buffer_free(&world->frames[at].run);
    world->frame_count = world->stored = world->states = 0;
    world->mark = world->index = 0;
    world->stream.on = false;
}

/* ---- writing ---- */

static bool is_state(vd_bytes_t run)
{
    vd_entry_t entry;
    vd_event_t event;
    assert_int_equal(vd_run_next(&run, &entry), VD_OK);
    assert_int_equal(vd_event_read(entry.event, &event), VD_OK);
    return vd_str_is(event.type, VD_OBSERVER_STATE);
}

static void reject(world_t *world, const vd_message_t *message, vd_status_t status)
{
    const vd_emit_body_t *emit = &message->emit;
    vd_message_t answer = {.id = VD_MESSAGE_REJECTED, .correlation = message->correlation};
    answer.rejected.epoch = emit->epoch;
    answer.rejected.first = emit->first;
    answer.rejected.count = emit->count;
    answer.rejected.status = vd_str(vd_status_name(status));
    answer.rejected.text = vd_str("it has ended");
    world->mark = emit->first + emit->count - 1;
    world->rejected = emit->first;
    world->rejected_status = status;
    world->rejected_count = emit->count;
    if (world->answers)
        post(world, VD_HOST_PORT_EMIT, "ingestor", &answer);
}

static void confirm(world_t *world, const vd_message_t *message)
{
    if (!world->answers)
        return;
    session_t *session = session_named(world, message->emit.session);
    vd_message_t answer = {.id = VD_MESSAGE_COMMITTED, .correlation = message->correlation};
    answer.committed.epoch = message->emit.epoch;
    answer.committed.mark = world->mark;
    answer.committed.store = vd_str(world->store);
    answer.committed.index = world->index;
    answer.committed.session = message->emit.session;
    answer.committed.seq = session ? session->seq : 0;
    /* What was rejected is named until the producer has confirmed it. */
    vd_buffer_t rows;
    vd_buffer_init(&rows, 1024);
    bool named = world->rejected > message->emit.answered;
    vd_write_array(&rows, named ? 1 : 0);
    vd_reject_record_t row = {.first = world->rejected,
                              .count = world->rejected_count,
                              .status = vd_str(vd_status_name(world->rejected_status))};
    if (named)
        vd_record_encode(VD_RECORD_reject, &row, &rows);
    answer.committed.rejects = vd_buffer_view(&rows);
    post(world, VD_HOST_PORT_EMIT, "ingestor", &answer);
    vd_buffer_free(&rows);
}

static void take_emit(world_t *world, const vd_message_t *message)
{
    const vd_emit_body_t *emit = &message->emit;
    world->emits++;
    if (world->fate == HOLD || emit->epoch != world->epoch)
        return;
    if (world->fate == REFUSE) {
        vd_message_t answer = {.id = VD_MESSAGE_NOT_NOW, .correlation = message->correlation};
        answer.not_now.epoch = emit->epoch;
        answer.not_now.from = emit->first;
        answer.not_now.status = vd_str("store_trouble");
        answer.not_now.retry_ms = 200;
        post(world, VD_HOST_PORT_EMIT, "ingestor", &answer);
        return;
    }
    if (emit->first == world->mark + 1) {
        session_t *session = session_named(world, emit->session);
        if (world->fate == REJECT || !session || session->closed) {
            reject(world, message, session ? VD_SESSION_CLOSED : VD_UNKNOWN_SESSION);
            return;
        }
        bool state = is_state(message->payload);
        assert_true(state || world->reads || emit->count == 1);
        store(world, session, message->payload, (uint32_t)emit->count, true);
        world->stored += !state;
        world->states += state;
        world->mark += emit->count;
    }
    if (emit->first + emit->count - 1 <= world->mark)
        confirm(world, message);
}

static void take_open(world_t *world, const vd_message_t *message)
{
    world->opens++;
    if (message->open.epoch == 0 && message->open.life != world->open_life) {
        world->open_life = message->open.life;
        world->epoch++;
        world->index++;
        world->rejected = 0;
    }
    vd_message_t answer = {.id = VD_MESSAGE_OPENED, .correlation = message->correlation};
    answer.opened.epoch = world->epoch;
    answer.opened.mark = world->mark;
    answer.opened.store = vd_str(world->store);
    answer.opened.window = 100;
    post(world, VD_HOST_PORT_EMIT, "ingestor", &answer);
}

/* ---- reading ---- */

/* Writes the commits of a session that come behind `after`, each of one frame. Returns how many
 * events are in them. */
static uint64_t write_commits(const world_t *world, uint32_t session, uint64_t after,
                              vd_buffer_t *out, uint32_t *own)
{
    uint64_t first = 1, count = 0;
    for (uint32_t at = 0; at < world->frame_count; at++) {
        const frame_t *frame = &world->frames[at];
        if (frame->session != session)
            continue;
        vd_commit_run_t piece = {.session = vd_str(world->sessions[session].id),
                                 .first_seq = first,
                                 .count = frame->count,
                                 .run = vd_buffer_view(&frame->run)};
        if (frame->damaged) {
            piece.absent = VD_CORRUPT;
            piece.run = vd_bytes(NULL, 0);
        }
        vd_commit_t commit = {
            .index = frame->index, .time_ms = frame->time_ms, .run_count = 1, .runs = &piece};
        first += frame->count;
        if (frame->index > after) {
            vd_commit_write(out, &commit);
            count += frame->damaged ? 0 : frame->count;
            *own += frame->own;
        }
    }
    assert_false(out->full);
    return count;
}

/* ---- the stream of a collector ---- */

void push_stream(world_t *world)
{
    stream_t *stream = &world->stream;
    if (!stream->on || world->dead || stream->sent == world->index)
        return;
    uint64_t first = 1, after = stream->sent;
    vd_buffer_t payload;
    vd_buffer_init(&payload, 4 << 20);
    vd_message_t commits = {.id = VD_MESSAGE_COMMITS, .correlation = stream->correlation};
    bool whole = true;
    for (uint32_t at = 0; at < world->frame_count && whole; at++) {
        const frame_t *frame = &world->frames[at];
        if (frame->session != stream->session)
            continue;
        vd_commit_run_t piece = {.session = vd_str(world->sessions[stream->session].id),
                                 .first_seq = first,
                                 .count = frame->count,
                                 .absent = frame->damaged ? VD_CORRUPT : VD_OK,
                                 .run = vd_buffer_view(&frame->run)};
        if (frame->damaged)
            piece.run = vd_bytes(NULL, 0);
        vd_commit_t commit = {.index = frame->index, .run_count = 1, .runs = &piece};
        first += frame->count;
        if (frame->index <= after)
            continue;
        whole = stream->events < stream->granted;
        if (!whole)
            break;
        vd_commit_write(&payload, &commit);
        stream->sent = frame->index;
        stream->events += frame->damaged ? 0 : frame->count;
        commits.commits.events += frame->damaged ? 0 : frame->count;
    }
    assert_false(payload.full);
    if (whole)
        stream->sent = world->index;
    commits.commits.store = vd_str(world->store);
    commits.commits.after = after;
    commits.commits.index = stream->sent;
    commits.commits.head = world->index;
    commits.payload = vd_buffer_view(&payload);
    if (stream->sent > after)
        post(world, VD_HOST_PORT_INPUT, "ingestor", &commits);
    vd_buffer_free(&payload);
}

/* The last commit before the event, which is the first one of its frame. */
static uint64_t index_before(const world_t *world, uint32_t session, uint64_t seq)
{
    uint64_t first = 1;
    for (uint32_t at = 0; at < world->frame_count; at++) {
        const frame_t *frame = &world->frames[at];
        if (frame->session != session)
            continue;
        if (first == seq)
            return frame->index - 1;
        first += frame->count;
    }
    assert_int_equal(first, seq);
    return world->index;
}

static void start_stream(world_t *world, const vd_message_t *message)
{
    stream_t *stream = &world->stream;
    session_t *session = session_named(world, message->start.session);
    stream->on = false;
    stream->begun++;
    if (world->stream_silent)
        return;
    if (!session || message->start.seq > session->seq + 1) {
        vd_message_t reset = {.id = VD_MESSAGE_STREAM_RESET, .correlation = message->correlation};
        reset.stream_reset.store = vd_str(world->store);
        reset.stream_reset.status = vd_str(session ? "went_back" : "pruned");
        post(world, VD_HOST_PORT_INPUT, "ingestor", &reset);
        return;
    }
    uint32_t place = place_of(world, session);
    uint64_t sent = message->start.store.size > 0 ? message->start.index
                                                  : index_before(world, place, message->start.seq);
    *stream = (stream_t){.on = true,
                         .correlation = message->correlation,
                         .session = place,
                         .sent = sent,
                         .granted = message->start.items,
                         .begun = stream->begun};
    vd_message_t started = {.id = VD_MESSAGE_STARTED, .correlation = message->correlation};
    started.started.store = vd_str(world->store);
    started.started.index = stream->sent;
    started.started.head = world->index;
    post(world, VD_HOST_PORT_INPUT, "ingestor", &started);
    push_stream(world);
}

static void grant(world_t *world, const vd_message_t *message)
{
    stream_t *stream = &world->stream;
    if (!stream->on || message->correlation != stream->correlation)
        return;
    stream->granted = message->credit.items;
    vd_message_t head = {.id = VD_MESSAGE_HEAD, .correlation = message->correlation};
    head.head.store = vd_str(world->store);
    head.head.head = world->index;
    head.head.sent = stream->sent;
    post(world, VD_HOST_PORT_INPUT, "ingestor", &head);
    push_stream(world);
}

static void answer_snapshot(world_t *world, const vd_message_t *message)
{
    vd_buffer_t value;
    world->snapshots++;
    if (!world->origin)
        return;
    vd_buffer_init(&value, 1 << 16);
    world->origin(world, &value);
    vd_message_t answer = {.id = VD_MESSAGE_SNAPSHOT, .correlation = message->correlation};
    answer.snapshot.feed = vd_str("state");
    answer.payload = vd_buffer_view(&value);
    post(world, VD_HOST_PORT_ORIGIN, world->reads, &answer);
    vd_buffer_free(&value);
}

static void take_start(world_t *world, const vd_message_t *message)
{
    vd_buffer_t payload;
    world->replays++;
    world->opened_before_replay = world->opens > 0;
    assert_true(message->start.seq == 1 || message->start.store.size > 0);
    if (world->replay_silent)
        return;
    session_t *session = session_named(world, message->start.session);
    bool foreign = message->start.store.size > 0 &&
                   (world->chain_broken || !vd_str_is(message->start.store, world->store) ||
                    message->start.index > world->index);
    if (!session || foreign) {
        vd_message_t reset = {.id = VD_MESSAGE_STREAM_RESET, .correlation = message->correlation};
        reset.stream_reset.store = vd_str(world->store);
        reset.stream_reset.status = vd_str(foreign ? "went_back" : "pruned");
        post(world, VD_HOST_PORT_READ, world->asker, &reset);
        return;
    }
    vd_buffer_init(&payload, 4 << 20);
    uint64_t after = message->start.store.size > 0 ? message->start.index : 0;
    vd_message_t started = {.id = VD_MESSAGE_STARTED, .correlation = message->correlation};
    started.started.store = vd_str(world->store);
    started.started.index = after;
    started.started.head = world->index;
    post(world, VD_HOST_PORT_READ, world->asker, &started);
    vd_message_t commits = {.id = VD_MESSAGE_COMMITS, .correlation = message->correlation};
    commits.commits.events =
        write_commits(world, place_of(world, session), after, &payload, &world->tail);
    commits.commits.store = vd_str(world->store);
    commits.commits.after = after;
    commits.commits.index = world->index;
    commits.commits.head = world->index;
    commits.payload = vd_buffer_view(&payload);
    post(world, VD_HOST_PORT_READ, world->asker, &commits);
    vd_buffer_free(&payload);
}

static bool is_before(const char *id, vd_str_t before)
{
    char text[VD_NAME_BYTES_MAX + 1];
    vd_str_copy(text, sizeof text, before);
    return text[0] == 0 || strcmp(id, text) < 0;
}

/* What asking for a session is answered with while its tombstone stands. */
static bool refuse_pruned(world_t *world, const vd_message_t *message)
{
    for (uint32_t at = 0; at < world->session_count; at++) {
        const session_t *session = &world->sessions[at];
        if (!session->tombstone || !vd_str_is(message->sessions.session, session->id))
            continue;
        vd_message_t answer = {.id = VD_MESSAGE_ERROR, .correlation = message->correlation};
        answer.error.status = vd_str("pruned");
        answer.error.text = vd_str("the sessions cannot be listed");
        post(world, world->port, world->asker, &answer);
        return true;
    }
    return false;
}

static void take_sessions(world_t *world, const vd_message_t *message)
{
    vd_buffer_t rows, all;
    uint32_t count = 0;
    bool more = false;
    world->asked++;
    if (world->rows_silent || refuse_pruned(world, message))
        return;
    vd_buffer_init(&rows, 1 << 16);
    vd_buffer_init(&all, 1 << 16);
    for (uint32_t back = 1; back <= world->session_count; back++) {
        const session_t *session = &world->sessions[world->session_count - back];
        bool wanted = message->sessions.session.size > 0
                          ? vd_str_is(message->sessions.session, session->id)
                          : is_before(session->id, message->sessions.before);
        if (!wanted || session->gone)
            continue;
        more = message->sessions.rows_max > 0 && count >= world->page_max;
        if (more)
            break;
        vd_session_record_t row = {.session = vd_str(session->id),
                                   .state = vd_str(session->closed ? "completed" : "active"),
                                   .last_seq = session->seq,
                                   .started_ms = session->started_ms,
                                   .continues = vd_str(session->continues),
                                   .continued_by = vd_str(session->continued_by)};
        assert_int_equal(vd_record_encode(VD_RECORD_session, &row, &rows), VD_OK);
        count++;
    }
    vd_write_array(&all, count);
    if (rows.size > 0)
        vd_write_raw(&all, vd_buffer_view(&rows));
    vd_message_t answer = {.id = VD_MESSAGE_SESSION_ROWS,
                           .correlation = message->correlation,
                           .payload = vd_buffer_view(&all)};
    answer.session_rows.count = count;
    answer.session_rows.more = more;
    post(world, world->port, world->asker, &answer);
    if (world->rows_twice)
        post(world, world->port, world->asker, &answer);
    vd_buffer_free(&rows);
    vd_buffer_free(&all);
}

void ingestor_take(world_t *world, const vd_message_t *message)
{
    switch (message->id) {
    case VD_MESSAGE_SAVE_SNAPSHOT:
        kept_save(world, message);
        break;
    case VD_MESSAGE_LOAD_SNAPSHOT:
        kept_load(world, message);
        break;
    case VD_MESSAGE_OPEN:
        take_open(world, message);
        break;
    case VD_MESSAGE_EMIT:
        take_emit(world, message);
        break;
    case VD_MESSAGE_START:
        if (world->port == VD_HOST_PORT_INPUT)
            start_stream(world, message);
        else
            take_start(world, message);
        break;
    case VD_MESSAGE_CREDIT:
        if (world->port == VD_HOST_PORT_INPUT)
            grant(world, message);
        break;
    case VD_MESSAGE_STOP:
        if (world->port == VD_HOST_PORT_INPUT)
            world->stream.on = false;
        break;
    case VD_MESSAGE_GET:
        answer_snapshot(world, message);
        break;
    case VD_MESSAGE_SESSIONS:
        take_sessions(world, message);
        break;
    default:
        break; /* CREDIT and STOP of a replay */
    }
}

/* ---- looking ---- */

const char *story(world_t *world)
{
    static char text[STORED * 16];
    text[0] = 0;
    for (uint32_t place = 0; place < world->session_count; place++)
        for (uint32_t at = 0; at < world->frame_count; at++) {
            const frame_t *frame = &world->frames[at];
            vd_bytes_t run = vd_buffer_view(&frame->run);
            vd_entry_t entry;
            vd_event_t event;
            vd_value_t value;
            if (frame->session != place || !frame->own || is_state(run))
                continue;
            assert_int_equal(vd_run_next(&run, &entry), VD_OK);
            assert_int_equal(vd_event_read(entry.event, &event), VD_OK);
            assert_true(vd_value_of(event.data, &value));
            char word[64];
            vd_str_copy(word, sizeof word, vd_value_str(&value));
            size_t size = strlen(text);
            snprintf(text + size, sizeof text - size, "%s%s", size > 0 ? " " : "", word);
        }
    return text;
}

/* relay_origin.c: what is committed in the tests of the relay, and how the publisher above it reads
 * that. */
#include "relay_world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const relay_sessions[3] = {"red", "green", "blue"};

static unsigned draw(relay_world_t *w, unsigned below)
{
    return (unsigned)(vd_random_next(&w->seed) % below);
}

static void source_tail(void *arg, vd_stream_tail_t *tail)
{
    relay_world_t *w = arg;
    *tail = (vd_stream_tail_t){.first = w->count > 0 ? w->first : 0, .head = w->count};
    memcpy(tail->store, w->store, sizeof tail->store);
    if (w->count > 0)
        tail->chain = w->made[w->count - 1]->commit.chain;
}

static vd_status_t source_chain(void *arg, uint64_t index, uint32_t *chain)
{
    relay_world_t *w = arg;
    if (index == 0 || index > w->count)
        return VD_NOT_FOUND;
    if (index + 1 < w->first)
        return VD_PRUNED;
    if (index == w->corrupt)
        return VD_CORRUPT;
    *chain = w->made[index - 1]->commit.chain;
    return VD_OK;
}

static vd_status_t source_session(void *arg, const char *session, uint64_t *last_seq)
{
    relay_world_t *w = arg;
    if (strcmp(session, w->pruned) == 0)
        return VD_PRUNED;
    for (unsigned s = 0; s < 3; s++)
        if (strcmp(session, relay_sessions[s]) == 0 && w->seqs[s] > 0) {
            *last_seq = w->seqs[s];
            return VD_OK;
        }
    return VD_NOT_FOUND;
}

static const vd_commit_run_t *run_of(const made_t *made, const char *session)
{
    for (uint32_t r = 0; r < made->commit.run_count; r++)
        if (vd_str_is(made->runs[r].session, session))
            return &made->runs[r];
    return NULL;
}

static vd_status_t source_find(void *arg, const char *session, uint64_t seq, uint64_t *index,
                               uint64_t *at)
{
    relay_world_t *w = arg;
    for (uint64_t c = w->first - 1; c < w->count; c++) {
        const vd_commit_run_t *run = run_of(w->made[c], session);
        if (run == NULL || seq < run->first_seq || seq >= run->first_seq + run->count)
            continue;
        *index = c + 1;
        *at = run->at + (seq - run->first_seq);
        return VD_OK;
    }
    return VD_NOT_FOUND;
}

static vd_status_t source_read(void *arg, uint64_t index, const char *session, vd_commit_t *commit,
                               char *error, size_t error_size)
{
    relay_world_t *w = arg;
    snprintf(error, error_size, "session %s was pruned", session);
    if (session[0] != 0 && strcmp(session, w->pruned) == 0)
        return VD_PRUNED;
    for (uint64_t c = index < w->first ? w->first - 1 : index - 1; c < w->count; c++) {
        if (c + 1 == w->corrupt && session[0] == 0) {
            commit->index = c + 1;
            return VD_CORRUPT;
        }
        *commit = w->made[c]->commit;
        if (session[0] == 0)
            return VD_OK;
        const vd_commit_run_t *run = run_of(w->made[c], session);
        if (run == NULL || c + 1 == w->corrupt)
            continue;
        w->filtered = *run;
        commit->runs = &w->filtered;
        commit->run_count = 1;
        return VD_OK;
    }
    return VD_NOT_FOUND;
}

const vd_stream_source_t relay_origin_source = {.tail = source_tail,
                                                .chain = source_chain,
                                                .session = source_session,
                                                .find = source_find,
                                                .read = source_read};

static void fill_run(relay_world_t *w, made_t *made, unsigned r, unsigned s, unsigned count,
                     size_t size)
{
    static uint8_t filling[VD_EVENT_BYTES_MAX];
    vd_buffer_t event, data;
    vd_buffer_init(&event, VD_EVENT_BYTES_MAX);
    vd_buffer_init(&data, VD_EVENT_BYTES_MAX);
    vd_buffer_init(&made->bytes[r], 1 << 24);
    for (unsigned i = 0; i < count; i++) {
        vd_buffer_clear(&event);
        vd_buffer_clear(&data);
        vd_write_array(&data, 2);
        vd_write_u64(&data, w->numbers++);
        vd_write_bin(&data, vd_bytes(filling, 1 + draw(w, (unsigned)size)));
        vd_event_write(&event, w->now.wall_ms, vd_str("count"), vd_buffer_view(&data), vd_str(""));
        assert_true(vd_run_add(&made->bytes[r], vd_buffer_view(&event)));
    }
    made->runs[r] = (vd_commit_run_t){.session = vd_str(relay_sessions[s]),
                                      .at = made->events,
                                      .first_seq = w->seqs[s] + 1,
                                      .count = count,
                                      .run = vd_buffer_view(&made->bytes[r])};
    w->seqs[s] += count;
    made->events += count;
    vd_buffer_free(&event);
    vd_buffer_free(&data);
}

void relay_world_commit(relay_world_t *w, unsigned events_max, size_t size)
{
    assert_true(w->count < COMMITS_MAX);
    made_t *made = calloc(1, sizeof *made);
    assert_non_null(made);
    unsigned runs = draw(w, 4), begin = draw(w, 3);
    made->number = w->numbers;
    for (unsigned r = 0; r < runs && r < 3; r++) {
        fill_run(w, made, r, (begin + r) % 3, 1 + draw(w, events_max), size);
        made->commit.run_count = r + 1;
    }
    uint32_t before = w->count > 0 ? w->made[w->count - 1]->commit.chain : 0;
    made->commit.index = w->count + 1;
    made->commit.time_ms = w->now.wall_ms;
    made->commit.epoch = 1 + draw(w, 1000);
    made->commit.runs = made->runs;
    made->commit.chain = vd_commit_chain(before, &made->commit);
    w->made[w->count++] = made;
}

void relay_world_go_back(relay_world_t *w, uint64_t count)
{
    assert_true(!w->origin_up && count <= w->count);
    while (w->count > count) {
        made_t *made = w->made[--w->count];
        w->numbers -= made->events;
        for (uint32_t r = 0; r < made->commit.run_count; r++) {
            for (unsigned s = 0; s < 3; s++)
                if (vd_str_is(made->runs[r].session, relay_sessions[s]))
                    w->seqs[s] -= made->runs[r].count;
            vd_buffer_free(&made->bytes[r]);
        }
        free(made);
    }
}

vd_position_t relay_world_position(const relay_world_t *w, uint64_t index, uint64_t offset)
{
    vd_position_t position = {.index = index, .offset = offset};
    uint64_t touched = index + (offset > 0);
    memcpy(position.store, w->store, sizeof position.store);
    if (touched > 0 && touched != w->corrupt)
        position.chain = w->made[touched - 1]->commit.chain;
    return position;
}

/* stream_source.c: what the streams of the stream tests are read from, and what is expected of
 * them. */
#include "stream_world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const world_sessions[3] = {"red", "green", "blue"};
static const char *const types[3] = {"count.odd", "count.even", "other"};

/* ---- source ---- */

static void source_tail(void *arg, vd_stream_tail_t *tail)
{
    world_t *w = arg;
    uint64_t head = w->commit_count - w->unseen;
    *tail = (vd_stream_tail_t){.first = head > 0 ? w->first : 0, .head = head};
    memcpy(tail->store, w->store, sizeof tail->store);
    if (head > 0)
        tail->chain = w->commits[head - 1]->commit.chain;
}

static vd_status_t source_chain(void *arg, uint64_t index, uint32_t *chain)
{
    world_t *w = arg;
    if (index == 0 || index > w->commit_count)
        return VD_NOT_FOUND;
    if (index + w->anchored < w->first)
        return VD_PRUNED;
    if (index == w->corrupt)
        return VD_CORRUPT;
    *chain = w->commits[index - 1]->commit.chain;
    return VD_OK;
}

static vd_status_t source_session(void *arg, const char *session, uint64_t *last_seq)
{
    world_t *w = arg;
    if (strcmp(session, w->pruned) == 0)
        return VD_PRUNED;
    for (unsigned s = 0; s < 3; s++)
        if (strcmp(session, world_sessions[s]) == 0 && w->seqs[s] > 0) {
            *last_seq = w->seqs[s];
            return VD_OK;
        }
    return VD_NOT_FOUND;
}

static const vd_commit_run_t *run_of(const world_commit_t *commit, const char *session)
{
    for (uint32_t r = 0; r < commit->commit.run_count; r++)
        if (vd_str_is(commit->runs[r].session, session))
            return &commit->runs[r];
    return NULL;
}

static vd_status_t source_find(void *arg, const char *session, uint64_t seq, uint64_t *index,
                               uint64_t *at)
{
    world_t *w = arg;
    for (uint64_t c = 0; c < w->commit_count; c++) {
        const vd_commit_run_t *run = run_of(w->commits[c], session);
        if (run == NULL || seq < run->first_seq || seq >= run->first_seq + run->count)
            continue;
        if (c + 1 < w->first)
            return VD_PRUNED;
        *index = c + 1;
        *at = run->at + (seq - run->first_seq);
        return VD_OK;
    }
    return VD_NOT_FOUND;
}

static vd_status_t source_read(void *arg, uint64_t index, const char *session, vd_commit_t *commit,
                               char *error, size_t error_size)
{
    world_t *w = arg;
    if (session[0] != 0 && strcmp(session, w->pruned) == 0)
        return VD_PRUNED;
    for (uint64_t c = index < w->first ? w->first - 1 : index - 1; c < w->commit_count; c++) {
        if (c + 1 == w->corrupt) {
            commit->index = c + 1;
            snprintf(error, error_size, "commit %llu is damaged", (unsigned long long)c + 1);
            return w->how != VD_OK ? w->how : VD_CORRUPT;
        }
        *commit = w->commits[c]->commit;
        commit->runs = w->commits[c]->runs;
        if (session[0] == 0)
            return VD_OK;
        const vd_commit_run_t *run = run_of(w->commits[c], session);
        if (run == NULL)
            continue;
        w->filtered = *run;
        commit->runs = &w->filtered;
        commit->run_count = 1;
        return VD_OK;
    }
    return VD_NOT_FOUND;
}

const vd_stream_source_t world_source = {source_tail, source_chain, source_session,
                                         source_find, source_read,  NULL};

void world_commit(world_t *w, unsigned events_max, size_t size)
{
    assert_true(w->commit_count < WORLD_COMMITS_MAX);
    world_commit_t *made = calloc(1, sizeof *made);
    static uint8_t filling[VD_EVENT_BYTES_MAX];
    assert_non_null(made);
    unsigned runs = w->single ? 1 : world_draw(w, 4), first = world_draw(w, 3);
    uint64_t at = 0;
    vd_buffer_t event, data;
    vd_buffer_init(&event, VD_EVENT_BYTES_MAX);
    vd_buffer_init(&data, VD_EVENT_BYTES_MAX);
    for (unsigned r = 0; r < runs && r < 3; r++) {
        unsigned s = (first + r) % 3;
        unsigned count = w->exact > 0 ? w->exact : 1 + world_draw(w, events_max);
        vd_buffer_init(&made->bytes[r], 1 << 24);
        for (unsigned i = 0; i < count; i++) {
            vd_buffer_clear(&event);
            vd_buffer_clear(&data);
            vd_write_bin(&data, vd_bytes(filling, 1 + world_draw(w, (unsigned)size)));
            vd_event_write(&event, w->now.wall_ms, vd_str(types[world_draw(w, 3)]),
                           vd_buffer_view(&data), vd_str(""));
            assert_true(vd_run_add(&made->bytes[r], vd_buffer_view(&event)));
        }
        made->runs[r] = (vd_commit_run_t){.session = vd_str(world_sessions[s]),
                                          .at = at,
                                          .first_seq = w->seqs[s] + 1,
                                          .count = count,
                                          .run = vd_buffer_view(&made->bytes[r])};
        w->seqs[s] += count;
        at += count;
        made->commit.run_count = r + 1;
    }
    vd_buffer_free(&event);
    vd_buffer_free(&data);
    uint32_t before = w->commit_count > 0 ? w->commits[w->commit_count - 1]->commit.chain : 0;
    made->commit.index = w->commit_count + 1;
    made->commit.time_ms = w->now.wall_ms;
    made->commit.epoch = 1;
    made->commit.runs = made->runs;
    made->commit.chain = vd_commit_chain(before, &made->commit);
    w->commits[w->commit_count++] = made;
    if (w->recent != NULL)
        vd_recent_add(w->recent, &made->commit);
}

void world_lose(world_t *w, uint64_t index, uint32_t r, vd_status_t why)
{
    vd_commit_run_t *run = &w->commits[index - 1]->runs[r];
    assert_true(r < w->commits[index - 1]->commit.run_count && run->absent == VD_OK);
    run->absent = why;
    run->digest = why == VD_PRUNED ? vd_run_digest(0, run->run) : 0;
    run->run = vd_bytes(NULL, 0);
}

/* ---- what is expected ---- */

/* The event with number `place` (from 0) in the list of all, if it exists, and whether it is
 * absent. */
static bool event_at(const world_t *w, uint64_t place, vd_event_t *event, uint64_t *index,
                     uint64_t *at, vd_status_t *absent)
{
    for (uint64_t c = 0; c < w->commit_count; c++)
        for (uint32_t r = 0; r < w->commits[c]->commit.run_count; r++) {
            const vd_commit_run_t *run = &w->commits[c]->runs[r];
            if (place >= run->count) {
                place -= run->count;
                continue;
            }
            vd_bytes_t rest = vd_buffer_view(&w->commits[c]->bytes[r]);
            vd_entry_t entry;
            for (uint64_t i = 0; i <= place; i++)
                vd_run_next(&rest, &entry);
            assert_int_equal(vd_event_read(entry.event, event), VD_OK);
            event->session = run->session;
            event->seq = run->first_seq + place;
            *index = c + 1;
            *at = run->at + place;
            *absent = run->absent;
            return true;
        }
    return false;
}

/* Moves w->expected to the next event that the subscription wants, or that must be told to be
 * absent. */
bool world_next_expected(world_t *w, vd_event_t *event, uint64_t *index, uint64_t *at,
                         vd_status_t *absent)
{
    for (; event_at(w, w->expected, event, index, at, absent); w->expected++) {
        const vd_subscription_t *wanted = &w->wanted;
        if ((wanted->session[0] == 0 || vd_str_is(event->session, wanted->session)) &&
            (wanted->type[0] == 0 || *absent != VD_OK ||
             vd_glob_match(vd_str(wanted->type), event->type)) &&
            (wanted->seq == 0 || event->seq >= wanted->seq))
            return true;
    }
    return false;
}

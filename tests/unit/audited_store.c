/* audited_store.c: commits by hand, and frames cut out of them. */
#include "audited_store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

audited_store_t *audited_store_new(const char *id)
{
    audited_store_t *self = calloc(1, sizeof *self);
    assert(self != NULL);
    snprintf(self->id, sizeof self->id, "%s", id);
    vd_buffer_init(&self->scratch, 1 << 20);
    return self;
}

void audited_store_free(audited_store_t *self)
{
    for (int i = 0; i < AUDITED_COMMITS; i++)
        for (int run = 0; run < AUDITED_RUNS; run++)
            vd_buffer_free(&self->commits[i].bytes[run]);
    vd_buffer_free(&self->scratch);
    free(self);
}

audited_commit_t *audited_open(audited_store_t *self)
{
    assert(self->count < AUDITED_COMMITS);
    return &self->commits[self->count];
}

uint64_t *audited_last(audited_store_t *self, const char *session)
{
    for (int i = 0; i < AUDITED_SESSIONS; i++) {
        if (self->sessions[i].id[0] == 0)
            snprintf(self->sessions[i].id, sizeof self->sessions[i].id, "%s", session);
        if (strcmp(self->sessions[i].id, session) == 0)
            return &self->sessions[i].last_seq;
    }
    abort();
}

static vd_commit_run_t *run_of(audited_store_t *self, const char *session, vd_buffer_t **bytes)
{
    audited_commit_t *open = audited_open(self);
    for (uint32_t i = 0; i < open->commit.run_count; i++)
        if (strcmp(open->sessions[i], session) == 0) {
            *bytes = &open->bytes[i];
            return &open->runs[i];
        }
    uint32_t at = open->commit.run_count++;
    assert(at < AUDITED_RUNS);
    snprintf(open->sessions[at], sizeof open->sessions[at], "%s", session);
    vd_buffer_init(&open->bytes[at], 1 << 20);
    open->runs[at].session = vd_str(open->sessions[at]);
    open->runs[at].first_seq = *audited_last(self, session) + 1;
    *bytes = &open->bytes[at];
    return &open->runs[at];
}

void audited_add(audited_store_t *self, const char *session, const char *type, const char *key,
                 const char *value)
{
    vd_buffer_t *bytes;
    uint8_t data[512];
    vd_buffer_t map;
    vd_commit_run_t *run = run_of(self, session, &bytes);
    vd_buffer_init(&map, sizeof data);
    vd_write_map(&map, key != NULL);
    if (key != NULL)
        vd_write_pair_text(&map, key, value);
    vd_buffer_clear(&self->scratch);
    vd_event_write(&self->scratch, 1700000000000, vd_str(type), vd_buffer_view(&map),
                   vd_bytes(NULL, 0));
    vd_run_add(bytes, vd_buffer_view(&self->scratch));
    vd_buffer_free(&map);
    run->count++;
    run->run = vd_buffer_view(bytes);
    ++*audited_last(self, session);
}

static void number_runs(audited_commit_t *one)
{
    uint64_t at = 0;
    for (uint32_t i = 0; i < one->commit.run_count; i++) {
        one->runs[i].at = at;
        at += one->runs[i].count;
    }
    one->commit.runs = one->runs;
}

uint32_t audited_chain(const audited_store_t *self, uint64_t index)
{
    return index == 0 ? 0 : self->commits[index - 1].commit.chain;
}

audited_commit_t *audited_seal(audited_store_t *self, int64_t time_ms, uint64_t epoch)
{
    audited_commit_t *one = audited_open(self);
    number_runs(one);
    one->commit.index = self->count + 1;
    one->commit.time_ms = time_ms;
    one->commit.epoch = epoch;
    one->commit.chain = vd_commit_chain(audited_chain(self, self->count), &one->commit);
    self->count++;
    return one;
}

void audited_cut(audited_store_t *self, uint64_t count)
{
    for (; self->count > count; self->count--) {
        audited_commit_t *one = &self->commits[self->count - 1];
        for (uint32_t i = 0; i < one->commit.run_count; i++) {
            *audited_last(self, one->sessions[i]) -= one->runs[i].count;
            vd_buffer_free(&one->bytes[i]);
        }
        memset(one, 0, sizeof *one);
    }
}

void audited_rechain(audited_store_t *self, uint64_t index)
{
    for (; index <= self->count; index++) {
        vd_commit_t *commit = &self->commits[index - 1].commit;
        commit->chain = vd_commit_chain(audited_chain(self, index - 1), commit);
    }
}

/* Leaves out `skip` events of a run, and keeps at most `items` of the rest. */
static void cut(vd_commit_run_t *run, uint64_t skip, uint64_t items)
{
    vd_bytes_t rest = run->run;
    vd_entry_t entry;
    size_t size = 0;
    uint32_t count = 0;
    for (uint64_t i = 0; i < skip; i++)
        vd_run_next(&rest, &entry);
    const uint8_t *from = rest.data;
    while (count < items && vd_run_next(&rest, &entry) == VD_OK) {
        size += entry.raw.size;
        count++;
    }
    run->at += skip;
    run->first_seq += skip;
    run->count = count;
    run->run = vd_bytes(from, size);
}

/* Writes what is behind `offset` of a commit, at most `items` events. Returns how many, and whether
 * it came to the end. */
static uint64_t write_piece(vd_buffer_t *payload, const vd_commit_t *commit, uint64_t offset,
                            uint64_t items, bool *whole)
{
    vd_commit_run_t runs[AUDITED_RUNS];
    vd_commit_t piece = *commit;
    uint64_t taken = 0;
    piece.runs = runs;
    piece.run_count = 0;
    *whole = true;
    for (uint32_t i = 0; i < commit->run_count; i++) {
        vd_commit_run_t run = commit->runs[i];
        uint64_t skip = offset > run.at ? offset - run.at : 0;
        if (skip >= run.count && run.count > 0)
            continue;
        if (taken == items && run.absent == VD_OK) {
            *whole = false;
            break;
        }
        uint32_t count = run.count;
        if (run.absent == VD_OK) {
            cut(&run, skip, items - taken);
            taken += run.count;
        } else if (skip > 0) { /* the rest of it, whose digest is not known */
            run.at += skip;
            run.first_seq += skip;
            run.count -= (uint32_t)skip;
            run.digest = 0;
        }
        runs[piece.run_count++] = run;
        *whole = run.absent != VD_OK || skip + run.count == count;
        if (!*whole)
            break;
    }
    vd_commit_write(payload, &piece);
    return taken;
}

void audited_fetch(audited_store_t *self, uint64_t after, uint64_t offset, uint64_t items,
                   vd_commits_body_t *body, vd_buffer_t *payload)
{
    *body = (vd_commits_body_t){.store = vd_str(self->id),
                                .after = after,
                                .after_offset = offset,
                                .index = after,
                                .offset = offset,
                                .head = self->count};
    while (body->index < self->count && body->events < items) {
        bool whole;
        uint64_t taken = write_piece(payload, &self->commits[body->index].commit, body->offset,
                                     items - body->events, &whole);
        body->events += taken;
        body->offset = whole ? 0 : body->offset + taken;
        body->index += whole;
        if (!whole)
            break;
    }
    body->chain = audited_chain(self, body->index + (body->offset > 0));
}

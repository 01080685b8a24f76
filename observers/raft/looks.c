/* looks.c: from samples to voices. */
#include "looks.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static bool read_sample(const vd_raft_reader_t *reader, const vd_sample_record_t *sample,
                        vd_raft_voice_t *voice, char *error, size_t error_size)
{
    *voice = (vd_raft_voice_t){0};
    error[0] = 0;
    if (!vd_str_is(sample->status, "ok")) {
        snprintf(error, error_size, "%.*s%s%.*s", (int)sample->status.size,
                 (const char *)sample->status.data, sample->error.size ? ": " : "",
                 (int)sample->error.size,
                 sample->error.size ? (const char *)sample->error.data : "");
        return false;
    }
    if (reader->read_state(sample->content, voice, error, error_size))
        return true;
    *voice = (vd_raft_voice_t){0};
    return false;
}

/* Walks the newest samples: the first good one is the voice. */
static void listen(vd_raft_look_t *look, const vd_raft_t *raft, const vd_samples_t *samples)
{
    uint32_t seen = 0;
    char error[VD_RAFT_ERROR_SIZE];
    vd_raft_voice_t voice;
    bool in_row = true;
    for (const vd_sample_record_t *sample = look->newest; sample;
         sample = vd_samples_before(samples, sample)) {
        bool wanted = !look->heard && seen < raft->unreachable_after;
        if (!wanted && !(in_row && look->good_in_row < raft->recovered_after))
            break;
        bool good = read_sample(look->reader, sample, &voice, error, sizeof error);
        if (seen == 0)
            memcpy(look->error, error, sizeof look->error);
        if (good && wanted) {
            look->heard = true;
            look->heard_by = sample;
            look->voice = voice;
        }
        in_row = in_row && good;
        look->good_in_row += in_row;
        seen++;
    }
    look->silent = !look->heard && seen >= raft->unreachable_after;
}

static void listen_membership(vd_raft_look_t *look, const vd_samples_t *samples)
{
    const vd_raft_read_t *read = &look->reader->membership;
    char error[VD_RAFT_ERROR_SIZE];
    if (!look->heard || !read->op)
        return;
    const vd_sample_record_t *sample = vd_samples_find(samples, look->name, read->op, read->target);
    if (!sample || !vd_str_is(sample->status, "ok"))
        return;
    vd_raft_voice_t voice = look->voice;
    if (look->reader->read_membership(sample->content, &voice, error, sizeof error))
        look->voice.voters = voice.voters;
}

bool vd_raft_looks_open(vd_raft_looks_t *self, const vd_raft_t *raft, const vd_samples_t *samples)
{
    assert(self && raft && samples);
    size_t count = vd_samples_source_count(samples);
    *self = (vd_raft_looks_t){.list = calloc(count ? count : 1, sizeof *self->list)};
    if (!self->list)
        return false;
    for (size_t at = 0; at < count; at++) {
        const vd_source_record_t *source = vd_samples_source_at(samples, at);
        vd_raft_look_t *look = &self->list[self->count];
        look->name = source->name;
        look->reader = vd_raft_reader_of(source);
        if (!look->reader)
            continue;
        self->count++;
        look->newest = vd_samples_find(samples, source->name, look->reader->state.op,
                                       look->reader->state.target);
        if (look->newest && look->newest->at_ms > self->newest_ms)
            self->newest_ms = look->newest->at_ms;
        listen(look, raft, samples);
        listen_membership(look, samples);
    }
    return true;
}

void vd_raft_looks_close(vd_raft_looks_t *self)
{
    assert(self);
    free(self->list);
    *self = (vd_raft_looks_t){0};
}

const vd_raft_look_t *vd_raft_looks_find(const vd_raft_looks_t *self, vd_str_t name)
{
    assert(self);
    for (uint32_t at = 0; at < self->count; at++)
        if (vd_bytes_equal(self->list[at].name, name))
            return &self->list[at];
    return NULL;
}

bool vd_raft_claims(const vd_raft_look_t *look)
{
    assert(look);
    return look->heard && look->voice.role == VD_RAFT_LEADER;
}

bool vd_raft_rivals(const vd_raft_look_t *a, const vd_raft_look_t *b)
{
    return vd_raft_claims(a) && vd_raft_claims(b) && strcmp(a->voice.id, b->voice.id) != 0;
}

uint32_t vd_raft_claims_in_row(const vd_samples_t *samples, const vd_raft_look_t *look,
                               uint32_t limit, int64_t from_ms, int64_t *since_ms)
{
    uint32_t count = 0;
    char error[VD_RAFT_ERROR_SIZE];
    vd_raft_voice_t voice;
    assert(samples && look && since_ms && vd_raft_claims(look));
    *since_ms = look->heard_by->at_ms;
    for (const vd_sample_record_t *sample = look->newest; sample && count < limit;
         sample = vd_samples_before(samples, sample)) {
        if (sample->at_ms < from_ms)
            break;
        if (!read_sample(look->reader, sample, &voice, error, sizeof error))
            continue;
        if (voice.role != VD_RAFT_LEADER || voice.term != look->voice.term)
            break;
        *since_ms = sample->at_ms;
        count++;
    }
    return count;
}

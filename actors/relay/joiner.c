/* joiner.c: joining commits. */
#include "joiner.h"

#include <assert.h>
#include <stdlib.h>

/* A run whose bytes stand in the buffer, which may move. */
typedef struct joined_run {
    vd_commit_run_t run;
    size_t session_at;
    size_t run_at, run_size;
} joined_run_t;

struct vd_joiner {
    bool open;
    vd_commit_t commit;
    vd_buffer_t bytes;
    uint32_t count;
    uint32_t room;
    joined_run_t *joined;
    vd_commit_run_t *runs;
};

vd_joiner_t *vd_joiner_new(void)
{
    vd_joiner_t *self = calloc(1, sizeof *self);
    if (self != NULL)
        vd_buffer_init(&self->bytes, VD_JOINER_BYTES_MAX);
    return self;
}

void vd_joiner_destroy(vd_joiner_t **self)
{
    assert(self != NULL);
    if (*self == NULL)
        return;
    vd_buffer_free(&(*self)->bytes);
    free((*self)->joined);
    free((*self)->runs);
    free(*self);
    *self = NULL;
}

void vd_joiner_clear(vd_joiner_t *self)
{
    self->open = false;
    self->count = 0;
    vd_buffer_clear(&self->bytes);
}

bool vd_joiner_open(const vd_joiner_t *self, uint64_t *index)
{
    if (self->open && index != NULL)
        *index = self->commit.index;
    return self->open;
}

/* Room for `more` runs. */
static bool grow(vd_joiner_t *self, uint32_t more)
{
    uint32_t wanted = self->count + more;
    if (wanted <= self->room)
        return true;
    if (wanted > VD_JOINER_RUNS_MAX)
        return false;
    joined_run_t *joined = realloc(self->joined, wanted * sizeof *joined);
    if (joined == NULL)
        return false;
    self->joined = joined;
    vd_commit_run_t *runs = realloc(self->runs, wanted * sizeof *runs);
    if (runs == NULL)
        return false;
    self->runs = runs;
    self->room = wanted;
    return true;
}

/* Is `run` the rest of the last one that is there? */
static bool goes_on(const vd_joiner_t *self, const vd_commit_run_t *run)
{
    if (self->count == 0 || run->absent != VD_OK)
        return false;
    const joined_run_t *last = &self->joined[self->count - 1];
    vd_str_t session = vd_bytes(self->bytes.data + last->session_at, last->run.session.size);
    return last->run.absent == VD_OK && vd_bytes_equal(session, run->session) &&
           last->run.at + last->run.count == run->at &&
           last->run.first_seq + last->run.count == run->first_seq;
}

static void add_run(vd_joiner_t *self, const vd_commit_run_t *run)
{
    if (goes_on(self, run)) {
        joined_run_t *last = &self->joined[self->count - 1];
        vd_buffer_add(&self->bytes, run->run.data, run->run.size);
        last->run_size += run->run.size;
        last->run.count += run->count;
        return;
    }
    joined_run_t *joined = &self->joined[self->count++];
    *joined = (joined_run_t){.run = *run, .session_at = self->bytes.size};
    vd_buffer_add(&self->bytes, run->session.data, run->session.size);
    joined->run_at = self->bytes.size;
    joined->run_size = run->run.size;
    vd_buffer_add(&self->bytes, run->run.data, run->run.size);
}

vd_status_t vd_joiner_add(vd_joiner_t *self, const vd_commit_t *piece)
{
    assert(piece->index > 0);
    if (self->open && (piece->index != self->commit.index || piece->chain != self->commit.chain))
        return VD_MALFORMED;
    if (self->open && self->count > 0 && piece->run_count > 0) {
        const vd_commit_run_t *last = &self->joined[self->count - 1].run;
        if (piece->runs[0].at < last->at + last->count)
            return VD_MALFORMED;
    }
    if (!grow(self, piece->run_count))
        return VD_TOO_LARGE;
    self->open = true;
    self->commit = *piece;
    for (uint32_t i = 0; i < piece->run_count; i++)
        add_run(self, &piece->runs[i]);
    return self->bytes.full ? VD_TOO_LARGE : VD_OK;
}

const vd_commit_t *vd_joiner_commit(vd_joiner_t *self)
{
    assert(self->open && !self->bytes.full);
    for (uint32_t i = 0; i < self->count; i++) {
        const joined_run_t *joined = &self->joined[i];
        self->runs[i] = joined->run;
        self->runs[i].session =
            vd_bytes(self->bytes.data + joined->session_at, joined->run.session.size);
        self->runs[i].run = vd_bytes(self->bytes.data + joined->run_at, joined->run_size);
    }
    self->commit.runs = self->runs;
    self->commit.run_count = self->count;
    return &self->commit;
}

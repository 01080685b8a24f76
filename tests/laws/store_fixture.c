/* store_fixture.c: appending to and comparing with a store under test. */
#include "tests/laws/store_fixture.h"

#include "core/core.h"
#include "tests/laws/faulty_store.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- system calls that can fail ---- */

static _Atomic unsigned syncs;
static _Atomic int fail_writes; /* errno; 0: they work */
static _Atomic int fail_syncs;

static int (*hooked_write)(size_t *size);
static int (*hooked_sync)(int file);

void fixture_hook_disk(int (*on_write)(size_t *size), int (*on_sync)(int file))
{
    hooked_write = on_write;
    hooked_sync = on_sync;
}

int fdatasync(int file)
{
    int number = hooked_sync != NULL ? hooked_sync(file) : 0;
    if (number != 0) {
        errno = number;
        return -1;
    }
    if (fail_syncs != 0) {
        errno = fail_syncs;
        return -1;
    }
    syncs++;
    return (int)syscall(SYS_fdatasync, file);
}

ssize_t write(int file, const void *bytes, size_t size)
{
    if (fail_writes != 0 && file > 2) {
        errno = fail_writes;
        return -1;
    }
    size_t part = size;
    int number = hooked_write != NULL && file > 2 ? hooked_write(&part) : 0;
    if (number != 0) {
        if (part > 0)
            syscall(SYS_write, file, bytes, part);
        errno = number;
        return -1;
    }
    return syscall(SYS_write, file, bytes, size);
}

int posix_fallocate(int file, off_t at, off_t size)
{
    if (fail_writes != 0 || fail_syncs != 0)
        return ENOSPC;
    return fallocate(file, 0, at, size) == 0 || errno == EOPNOTSUPP ? 0 : errno;
}

unsigned fixture_syncs(void)
{
    return syncs;
}

void fixture_heal(fixture_t *f)
{
    (void)f;
    fail_writes = 0;
    fail_syncs = 0;
}

/* ---- the store ---- */

int fixture_setup(void **state)
{
    const char *backend = *state;
    fixture_t *f = calloc(1, sizeof *f);
    if (f == NULL)
        return -1;
    f->backend = backend;
    f->seed = 20240607;
    snprintf(f->dir, sizeof f->dir, "%s/vd-store-XXXXXX",
             getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    if (mkdtemp(f->dir) == NULL)
        return -1;
    f->image = vd_memory_image_new(42);
    *state = f;
    if (strcmp(backend, "faulty") == 0) {
        f->faulty = vd_faulty_new(f->dir, f->seed);
        if (f->faulty == NULL)
            return -1;
    }
    return f->image != NULL ? 0 : -1;
}

static void free_commit(vd_commit_t *commit)
{
    for (uint32_t r = 0; commit != NULL && r < commit->run_count; r++) {
        free((void *)commit->runs[r].session.data);
        free((void *)commit->runs[r].run.data);
    }
    if (commit != NULL)
        free((void *)commit->runs);
    free(commit);
}

static void remove_dir(const char *dir)
{
    DIR *listing = opendir(dir);
    for (struct dirent *entry; listing != NULL && (entry = readdir(listing)) != NULL;)
        unlinkat(dirfd(listing), entry->d_name, 0);
    if (listing != NULL)
        closedir(listing);
    rmdir(dir);
}

int fixture_teardown(void **state)
{
    fixture_t *f = *state;
    fixture_heal(f);
    vd_store_close(&f->store);
    vd_faulty_destroy(&f->faulty);
    vd_memory_image_destroy(&f->image);
    for (uint64_t i = 0; i < f->commit_count; i++)
        free_commit(f->commits[i]);
    free_commit(f->pending);
    remove_dir(f->dir);
    free(f);
    return 0;
}

void fixture_open(fixture_t *f)
{
    char error[VD_TEXT_BYTES_MAX] = "";
    vd_status_t status;
    if (f->faulty != NULL)
        status = vd_faulty_open(f->faulty, &f->store, error, sizeof error);
    else if (strcmp(f->backend, "memory") == 0)
        status = vd_memory_image_open(f->image, &f->store);
    else
        status = vd_store_open(f->backend, f->dir, NULL, &f->store, error, sizeof error);
    if (status != VD_OK)
        fail_msg("%s: %s", vd_status_name(status), error);
}

void fixture_reopen(fixture_t *f)
{
    vd_store_close(&f->store);
    fixture_open(f);
}

/* ---- appending ---- */

static vd_bytes_t copy_of(vd_bytes_t bytes)
{
    uint8_t *copy = malloc(bytes.size + 1);
    assert_non_null(copy);
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return vd_bytes(copy, bytes.size);
}

static vd_commit_t *copy_commit(const vd_commit_t *commit)
{
    vd_commit_t *copy = malloc(sizeof *copy);
    vd_commit_run_t *runs = calloc(commit->run_count + 1, sizeof *runs);
    assert_true(copy != NULL && runs != NULL);
    *copy = *commit;
    for (uint32_t r = 0; r < commit->run_count; r++) {
        runs[r] = commit->runs[r];
        runs[r].session = copy_of(runs[r].session);
        runs[r].run = copy_of(runs[r].run);
    }
    copy->runs = runs;
    return copy;
}

static void complete(fixture_t *f, vd_store_batch_t *batch)
{
    vd_commit_t *commit = &batch->commit;
    uint64_t at = 0;
    for (uint32_t r = 0; r < commit->run_count; r++) {
        ((vd_commit_run_t *)commit->runs)[r].at = at;
        at += commit->runs[r].count;
    }
    commit->index = f->tail.index + 1;
    commit->time_ms = f->tail.time_ms + 3;
    commit->epoch = 1;
    commit->chain = vd_commit_chain(f->tail.chain, commit);
    if (batch->epoch_counter < f->tail.epoch_counter)
        batch->epoch_counter = f->tail.epoch_counter;
}

static void keep(fixture_t *f, vd_commit_t *commit)
{
    assert_true(f->commit_count < FIXTURE_COMMITS_MAX);
    f->commits[f->commit_count++] = commit;
    f->tail.index = commit->index;
    f->tail.time_ms = commit->time_ms;
    f->tail.chain = commit->chain;
}

void fixture_recover(fixture_t *f, vd_store_tail_t *tail)
{
    char error[VD_TEXT_BYTES_MAX] = "";
    unsigned attempts = 0;
    while (vd_store_reopen(f->store, tail, error, sizeof error) != VD_OK)
        if (++attempts > 10)
            fail_msg("it does not reopen: %s", error);
    assert_true(tail->index >= f->tail.index && tail->index <= f->tail.index + 1);
    if (tail->index == f->tail.index)
        assert_int_equal(tail->chain, f->tail.chain);
}

/* Appends, over every fault: until the batch is there. */
static void append(fixture_t *f, const vd_store_batch_t *batch)
{
    char error[VD_TEXT_BYTES_MAX] = "";
    vd_store_tail_t tail = {0};
    vd_status_t status;
    while ((status = vd_store_append(f->store, batch, error, sizeof error)) != VD_OK) {
        if (f->faulty == NULL)
            fail_msg("%s: %s", vd_status_name(status), error);
        assert_int_not_equal(error[0], 0);
        fixture_recover(f, &tail);
        /* It is there whole, or not at all. */
        if (tail.index == batch->commit.index) {
            assert_int_equal(tail.chain, batch->commit.chain);
            assert_int_equal(tail.epoch_counter, batch->epoch_counter);
            return;
        }
    }
}

void fixture_append(fixture_t *f, vd_store_batch_t *batch)
{
    vd_store_tail_t tail;
    complete(f, batch);
    unsigned before = syncs;
    append(f, batch);
    /* On disk means that the disk was asked. */
    if (strcmp(f->backend, "memory") != 0)
        assert_true(syncs > before);
    keep(f, copy_commit(&batch->commit));
    f->tail.epoch_counter = batch->epoch_counter;
    vd_store_tail(f->store, &tail);
    assert_int_equal(tail.index, f->tail.index);
    assert_int_equal(tail.chain, f->tail.chain);
}

void fixture_end_session(fixture_t *f, const char *session)
{
    vd_store_session_t record = {.state = VD_SESSION_COMPLETED};
    const vd_store_session_t *list[] = {&record};
    assert_int_equal(vd_store_session(f->store, session, &record), VD_OK);
    record.state = VD_SESSION_COMPLETED;
    vd_store_batch_t batch = {.sessions = list, .session_count = 1};
    fixture_append(f, &batch);
}

void fixture_prune(fixture_t *f, const char *const *sessions, unsigned count)
{
    char error[VD_TEXT_BYTES_MAX] = "";
    vd_store_tail_t tail;
    vd_status_t status;
    while ((status = vd_store_prune_mark(f->store, sessions, count, error, sizeof error)) !=
           VD_OK) {
        if (f->faulty == NULL)
            fail_msg("%s: %s", vd_status_name(status), error);
        fixture_recover(f, &tail);
        assert_int_equal(tail.index, f->tail.index);
    }
    for (unsigned i = 0; i < count; i++)
        for (uint64_t c = 0; c < f->commit_count; c++)
            for (uint32_t r = 0; r < f->commits[c]->run_count; r++) {
                vd_commit_run_t *run = (vd_commit_run_t *)&f->commits[c]->runs[r];
                if (!vd_str_is(run->session, sessions[i]) || run->absent != VD_OK)
                    continue;
                run->digest = vd_run_digest(0, run->run);
                run->absent = VD_PRUNED;
            }
}

bool fixture_prune_step(fixture_t *f)
{
    char error[VD_TEXT_BYTES_MAX] = "";
    vd_store_tail_t tail;
    bool more = false;
    vd_status_t status = vd_store_prune_step(f->store, &more, error, sizeof error);
    if (status == VD_OK)
        return more;
    if (f->faulty == NULL)
        fail_msg("%s: %s", vd_status_name(status), error);
    fixture_recover(f, &tail);
    assert_int_equal(tail.index, f->tail.index);
    return true;
}

uint64_t fixture_last_seq(const fixture_t *f, const char *session)
{
    uint64_t last = 0;
    for (uint64_t c = 0; c < f->commit_count; c++)
        for (uint32_t r = 0; r < f->commits[c]->run_count; r++)
            if (vd_str_is(f->commits[c]->runs[r].session, session))
                last = f->commits[c]->runs[r].first_seq + f->commits[c]->runs[r].count - 1;
    return last;
}

/* Makes a run of `count` events of about `size` bytes of data. */
static void make_run(fixture_t *f, vd_buffer_t *out, unsigned count, size_t size)
{
    vd_buffer_t event, data;
    vd_buffer_init(&event, 1 << 20);
    vd_buffer_init(&data, 1 << 20);
    vd_buffer_init(out, 1 << 24);
    for (unsigned i = 0; i < count; i++) {
        vd_buffer_clear(&event);
        vd_buffer_clear(&data);
        uint8_t *bytes = vd_buffer_reserve(&data, size);
        assert_non_null(bytes);
        for (size_t b = 0; b < size; b += 8) {
            uint64_t number = vd_random_next(&f->seed);
            memcpy(bytes + b, &number, size - b < 8 ? size - b : 8);
        }
        vd_buffer_t value;
        vd_buffer_init(&value, 1 << 20);
        vd_write_bin(&value, vd_bytes(bytes, size));
        vd_event_write(&event, 1700000000000, vd_str("test"), vd_buffer_view(&value), vd_str(""));
        assert_true(vd_run_add(out, vd_buffer_view(&event)));
        vd_buffer_free(&value);
    }
    vd_buffer_free(&event);
    vd_buffer_free(&data);
}

typedef struct draft {
    unsigned count;
    vd_commit_run_t *runs;
    vd_buffer_t *buffers;
    vd_store_session_t *sessions;
    const vd_store_session_t **session_list;
    vd_store_batch_t batch;
} draft_t;

static void draft_init(draft_t *self, unsigned room)
{
    *self = (draft_t){.runs = calloc(room, sizeof *self->runs),
                      .buffers = calloc(room, sizeof *self->buffers),
                      .sessions = calloc(room, sizeof *self->sessions),
                      .session_list = calloc(room, sizeof(void *))};
    assert_true(self->runs && self->buffers && self->sessions && self->session_list);
}

static void draft_add(fixture_t *f, draft_t *self, const char *session, unsigned events,
                      size_t size)
{
    unsigned at = self->count++;
    make_run(f, &self->buffers[at], events, size);
    self->runs[at] = (vd_commit_run_t){.session = vd_str(session),
                                       .first_seq = fixture_last_seq(f, session) + 1,
                                       .count = events,
                                       .run = vd_buffer_view(&self->buffers[at])};
    vd_store_session_t *record = &self->sessions[at];
    vd_str_copy(record->session, sizeof record->session, vd_str(session));
    record->state = VD_SESSION_ACTIVE;
    record->last_seq = self->runs[at].first_seq + events - 1;
    record->last_index = f->tail.index + 1;
    self->session_list[at] = record;
    self->batch = (vd_store_batch_t){.commit = {.run_count = self->count, .runs = self->runs},
                                     .sessions = self->session_list,
                                     .session_count = self->count};
}

static void draft_free(draft_t *self)
{
    for (unsigned i = 0; i < self->count; i++)
        vd_buffer_free(&self->buffers[i]);
    free(self->runs);
    free(self->buffers);
    free(self->sessions);
    free(self->session_list);
}

static void draft_random(fixture_t *f, draft_t *draft, const char *const *names, unsigned count)
{
    draft_init(draft, count);
    unsigned first = (unsigned)(vd_random_next(&f->seed) % count);
    unsigned runs = 1 + (unsigned)(vd_random_next(&f->seed) % count);
    for (unsigned i = 0; i < runs; i++)
        draft_add(f, draft, names[(first + i) % count],
                  1 + (unsigned)(vd_random_next(&f->seed) % 5), 1 + vd_random_next(&f->seed) % 100);
}

void fixture_append_random(fixture_t *f, const char *const *names, unsigned count)
{
    draft_t draft;
    draft_random(f, &draft, names, count);
    fixture_append(f, &draft.batch);
    draft_free(&draft);
}

void fixture_append_empty(fixture_t *f, uint64_t epoch_counter)
{
    vd_store_batch_t batch = {.epoch_counter = epoch_counter};
    fixture_append(f, &batch);
}

void fixture_append_sized(fixture_t *f, const char *session, unsigned events, size_t size)
{
    draft_t draft;
    draft_init(&draft, 1);
    draft_add(f, &draft, session, events, size);
    fixture_append(f, &draft.batch);
    draft_free(&draft);
}

void fixture_append_many_sessions(fixture_t *f, unsigned count)
{
    draft_t draft;
    char(*names)[16] = calloc(count, sizeof *names);
    assert_non_null(names);
    draft_init(&draft, count);
    for (unsigned i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "many-%05u", i);
        draft_add(f, &draft, names[i], 2, 20);
    }
    fixture_append(f, &draft.batch);
    draft_free(&draft);
    free(names);
}

void fixture_fail_append(fixture_t *f, const char *const *names, unsigned count, bool at_sync)
{
    char error[VD_TEXT_BYTES_MAX] = "";
    draft_t draft;
    draft_random(f, &draft, names, count);
    complete(f, &draft.batch);
    if (at_sync)
        fail_syncs = EIO;
    else
        fail_writes = ENOSPC;
    vd_memory_fail(f->image, VD_NO_SPACE, at_sync, 1);
    assert_int_not_equal(vd_store_append(f->store, &draft.batch, error, sizeof error), VD_OK);
    assert_int_not_equal(error[0], 0);
    fixture_heal(f);
    /* Although writing would work again, this handle must not. */
    assert_int_not_equal(vd_store_append(f->store, &draft.batch, error, sizeof error), VD_OK);
    if (strcmp(f->backend, "leveldb") == 0)
        fail_writes = ENOSPC;
    f->pending = copy_commit(&draft.batch.commit);
    draft_free(&draft);
}

vd_status_t fixture_try_append(fixture_t *f, const char *session, char error[VD_TEXT_BYTES_MAX])
{
    draft_t draft;
    draft_init(&draft, 1);
    draft_add(f, &draft, session, 1, 100);
    complete(f, &draft.batch);
    vd_status_t status = vd_store_append(f->store, &draft.batch, error, VD_TEXT_BYTES_MAX);
    vd_commit_t *commit = copy_commit(&draft.batch.commit);
    if (status == VD_OK)
        keep(f, commit);
    else
        f->pending = commit;
    draft_free(&draft);
    return status;
}

void fixture_adopt(fixture_t *f, const vd_store_tail_t *tail)
{
    assert_non_null(f->pending);
    if (tail->index == f->commit_count + 1)
        keep(f, f->pending);
    else
        free_commit(f->pending);
    f->pending = NULL;
    assert_int_equal(tail->index, f->commit_count);
    assert_int_equal(tail->chain, f->tail.chain);
}

/* ---- comparing ---- */

bool fixture_has(const vd_commit_t *commit, const char *session)
{
    for (uint32_t r = 0; r < commit->run_count; r++)
        if (vd_str_is(commit->runs[r].session, session))
            return true;
    return false;
}

void fixture_same_commit(const vd_commit_t *read, const vd_commit_t *given, const char *session)
{
    uint32_t at = 0;
    assert_int_equal(read->index, given->index);
    assert_int_equal(read->time_ms, given->time_ms);
    assert_int_equal(read->epoch, given->epoch);
    assert_int_equal(read->chain, given->chain);
    for (uint32_t r = 0; r < given->run_count; r++) {
        const vd_commit_run_t *run = &given->runs[r];
        if (session != NULL && !vd_str_is(run->session, session))
            continue;
        assert_true(at < read->run_count);
        const vd_commit_run_t *found = &read->runs[at++];
        assert_true(vd_bytes_equal(found->session, run->session));
        /* Until its space is freed, what was pruned may still be shown. */
        bool shown = found->absent == VD_OK;
        if (run->absent == VD_OK)
            assert_true(shown);
        if (shown)
            assert_true(vd_bytes_equal(found->run, run->run));
        else
            assert_int_equal(found->run.size, 0);
        assert_int_equal(found->digest, shown ? 0 : run->digest);
        assert_int_equal(found->at, run->at);
        assert_int_equal(found->first_seq, run->first_seq);
        assert_int_equal(found->count, run->count);
    }
    assert_int_equal(at, read->run_count);
}

uint64_t fixture_check_from(fixture_t *f, uint64_t from, const char *session)
{
    char error[VD_TEXT_BYTES_MAX] = "";
    vd_store_cursor_t *cursor = NULL;
    vd_commit_t commit;
    vd_status_t status;
    vd_store_tail_t tail;
    vd_store_tail(f->store, &tail);
    uint64_t count = 0, next = from < tail.first_index ? tail.first_index : from;
    assert_int_equal(vd_store_cursor_new(f->store, &cursor), VD_OK);
    assert_int_equal(vd_store_cursor_seek(cursor, from, session), VD_OK);
    while ((status = vd_store_cursor_next(cursor, &commit, error, sizeof error)) == VD_OK) {
        while (session != NULL && next <= f->commit_count &&
               !fixture_has(f->commits[next - 1], session))
            next++;
        assert_true(next <= f->commit_count);
        fixture_same_commit(&commit, f->commits[next - 1], session);
        next++;
        count++;
    }
    if (status != VD_NOT_FOUND)
        fail_msg("%s: %s", vd_status_name(status), error);
    while (session != NULL && next <= f->commit_count &&
           !fixture_has(f->commits[next - 1], session))
        next++;
    assert_int_equal(next > f->commit_count ? next : f->commit_count + 1, next);
    vd_store_cursor_destroy(&cursor);
    return count;
}

uint64_t fixture_check_all(fixture_t *f, const char *session)
{
    return fixture_check_from(f, 1, session);
}

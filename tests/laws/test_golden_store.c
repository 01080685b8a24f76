/* test_golden_store.c: every store that any version ever wrote is opened, read byte for byte, and
 * written on. */
#include "tests/laws/golden.h"

#include "store/store.h"
#include "wire/run.h"
#include "wire/value.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct golden_store {
    const char *set;
    json_t *expected;
    char dir[256];
    vd_store_t *store;
} golden_store_t;

/* ---- a copy ---- */

static void copy_file(const char *from, const char *to)
{
    char bytes[65536];
    size_t size;
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_true(in != NULL && out != NULL);
    while ((size = fread(bytes, 1, sizeof bytes, in)) > 0)
        assert_int_equal(fwrite(bytes, 1, size, out), size);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

static void each_file(const char *dir, void (*act)(const char *path, const char *name, void *arg),
                      void *arg)
{
    char path[1024];
    DIR *listing = opendir(dir);
    assert_non_null(listing);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;)
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
            act(path, entry->d_name, arg);
        }
    closedir(listing);
}

static void copy_one(const char *path, const char *name, void *arg)
{
    char to[1024];
    snprintf(to, sizeof to, "%s/%s", (const char *)arg, name);
    copy_file(path, to);
}

static void remove_one(const char *path, const char *name, void *arg)
{
    (void)name;
    (void)arg;
    unlink(path);
}

static void open_store(golden_store_t *self)
{
    char error[VD_TEXT_BYTES_MAX] = "";
    vd_status_t status =
        vd_store_open("leveldb", self->dir, NULL, &self->store, error, sizeof error);
    if (status != VD_OK)
        fail_msg("%s is not read any more: %s: %s", self->set, vd_status_name(status), error);
}

static void begin(golden_store_t *self, const char *set)
{
    char from[600];
    *self = (golden_store_t){.set = set};
    snprintf(self->dir, sizeof self->dir, "%s/vd-golden-XXXXXX",
             getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(self->dir));
    snprintf(from, sizeof from, "%s/store", set);
    each_file(from, copy_one, self->dir);
    self->expected = golden_json(set, "expected/store.json", false);
    open_store(self);
}

static void end(golden_store_t *self)
{
    vd_store_close(&self->store);
    each_file(self->dir, remove_one, NULL);
    rmdir(self->dir);
    json_decref(self->expected);
}

/* ---- events and commits ---- */

/* The events of a session as they were packed, one run of entries. */
static vd_buffer_t expected_events(const golden_store_t *self, const char *session, uint64_t *count)
{
    char path[1024];
    vd_buffer_t run;
    vd_buffer_init(&run, 1 << 24);
    snprintf(path, sizeof path, "%s/expected/%s.ndjson", self->set, session);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail_msg("%s: missing", path);
    json_t *row;
    *count = 0;
    while ((row = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL)) != NULL) {
        vd_bytes_t event = golden_bytes(golden_text(row, "event"));
        assert_int_equal(golden_number(row, "seq"), ++*count);
        vd_run_add(&run, event);
        free((void *)event.data);
        json_decref(row);
    }
    fclose(file);
    assert_true(*count > 0 && !run.full);
    return run;
}

static void check_session_events(golden_store_t *self, const char *session)
{
    char error[VD_TEXT_BYTES_MAX];
    uint64_t count, seq = 1;
    vd_buffer_t events = expected_events(self, session, &count), read;
    vd_store_cursor_t *cursor = NULL;
    vd_commit_t commit;
    vd_status_t status;
    vd_buffer_init(&read, 1 << 24);
    assert_int_equal(vd_store_cursor_new(self->store, &cursor), VD_OK);
    assert_int_equal(vd_store_cursor_seek(cursor, 1, session), VD_OK);
    while ((status = vd_store_cursor_next(cursor, &commit, error, sizeof error)) == VD_OK)
        for (uint32_t at = 0; at < commit.run_count; at++) {
            assert_int_equal(commit.runs[at].first_seq, seq);
            seq += commit.runs[at].count;
            vd_buffer_add(&read, commit.runs[at].run.data, commit.runs[at].run.size);
        }
    assert_int_equal(status, VD_NOT_FOUND);
    assert_int_equal(seq, count + 1);
    assert_true(vd_bytes_equal(vd_buffer_view(&read), vd_buffer_view(&events)));
    vd_store_cursor_destroy(&cursor);
    vd_buffer_free(&events);
    vd_buffer_free(&read);
}

static void same_runs(const vd_commit_t *commit, const json_t *runs)
{
    assert_int_equal(commit->run_count, json_array_size(runs));
    for (uint32_t at = 0; at < commit->run_count; at++) {
        const json_t *run = json_array_get(runs, at);
        assert_int_equal(commit->runs[at].at, json_integer_value(json_array_get(run, 0)));
        assert_true(vd_str_is(commit->runs[at].session, json_string_value(json_array_get(run, 1))));
        assert_int_equal(commit->runs[at].first_seq, json_integer_value(json_array_get(run, 2)));
        assert_int_equal(commit->runs[at].count, json_integer_value(json_array_get(run, 3)));
        const char *absent = json_string_value(json_array_get(run, 4));
        assert_string_equal(vd_status_name(commit->runs[at].absent),
                            absent != NULL ? absent : "ok");
    }
}

/* The lowest commit: what was pruned at the beginning is gone. */
static uint64_t first_of(const golden_store_t *self)
{
    const json_t *first = json_object_get(self->expected, "first");
    return first != NULL ? (uint64_t)json_integer_value(first) : 1;
}

/* Every commit in order; those with events against what is expected, all of them by the chain. */
static void check_commits(golden_store_t *self)
{
    char error[VD_TEXT_BYTES_MAX];
    const json_t *rows = json_object_get(self->expected, "commits");
    vd_store_cursor_t *cursor = NULL;
    vd_commit_t commit;
    uint32_t chain = 0;
    size_t with_events = 0;
    uint64_t first = first_of(self);
    uint64_t last = golden_number(self->expected, "index");
    assert_int_equal(vd_store_cursor_new(self->store, &cursor), VD_OK);
    assert_int_equal(vd_store_cursor_seek(cursor, 1, NULL), VD_OK);
    assert_int_equal(vd_store_chain(self->store, first - 1, &chain), VD_OK);
    for (uint64_t index = first; index <= last; index++) {
        assert_int_equal(vd_store_cursor_next(cursor, &commit, error, sizeof error), VD_OK);
        assert_int_equal(commit.index, index);
        chain = vd_commit_chain(chain, &commit);
        assert_int_equal(commit.chain, chain);
        if (commit.run_count == 0)
            continue;
        const json_t *row = json_array_get(rows, with_events++);
        assert_int_equal(index, json_integer_value(json_array_get(row, 0)));
        assert_int_equal(commit.time_ms, json_integer_value(json_array_get(row, 1)));
        assert_int_equal(commit.epoch, json_integer_value(json_array_get(row, 2)));
        assert_int_equal(commit.chain, json_integer_value(json_array_get(row, 3)));
        same_runs(&commit, json_array_get(row, 4));
    }
    assert_int_equal(with_events, json_array_size(rows));
    assert_int_equal(chain, golden_number(self->expected, "chain"));
    vd_store_cursor_destroy(&cursor);
}

static void check_tail(golden_store_t *self)
{
    vd_store_tail_t tail;
    vd_store_tail(self->store, &tail);
    assert_string_equal(tail.id, golden_text(self->expected, "store"));
    assert_int_equal(tail.index, golden_number(self->expected, "index"));
    assert_int_equal(tail.chain, golden_number(self->expected, "chain"));
}

/* ---- producers and sessions ---- */

static json_t *row_of(const json_t *rows, const char *key, const char *name)
{
    size_t at;
    json_t *row;
    json_array_foreach(rows, at, row)
    {
        if (strcmp(golden_text(row, key), name) == 0)
            return row;
    }
    fail_msg("%s \"%s\" is not expected", key, name);
    return NULL;
}

typedef struct listing {
    const json_t *rows;
    size_t count;
} listing_t;

static bool same_producer(void *arg, const vd_store_producer_t *producer)
{
    listing_t *listing = arg;
    const json_t *row = row_of(listing->rows, "name", producer->name);
    const json_t *lives = json_object_get(row, "lives");
    const json_t *rejects = json_object_get(row, "rejects");
    listing->count++;
    assert_int_equal(producer->epoch, golden_number(row, "epoch"));
    assert_int_equal(producer->mark, golden_number(row, "mark"));
    assert_int_equal(producer->life, json_integer_value(json_array_get(lives, 0)));
    assert_int_equal(producer->past_count, json_array_size(lives) - 1);
    for (uint32_t at = 0; at < producer->past_count; at++)
        assert_int_equal(producer->past[at], json_integer_value(json_array_get(lives, at + 1)));
    assert_int_equal(producer->reject_count, json_array_size(rejects));
    for (uint32_t at = 0; at < producer->reject_count; at++) {
        const json_t *reject = json_array_get(rejects, at);
        assert_int_equal(producer->rejects[at].first,
                         json_integer_value(json_array_get(reject, 0)));
        assert_int_equal(producer->rejects[at].count,
                         json_integer_value(json_array_get(reject, 1)));
        assert_string_equal(vd_status_name(producer->rejects[at].status),
                            json_string_value(json_array_get(reject, 2)));
    }
    return true;
}

static void same_text(const json_t *row, const char *key, const char *text)
{
    const char *expected = json_string_value(json_object_get(row, key));
    assert_string_equal(text, expected != NULL ? expected : "");
}

static void same_labels(const vd_store_session_t *session, const json_t *row)
{
    vd_buffer_t text;
    vd_buffer_init(&text, 1 << 16);
    vd_value_json(&text, vd_bytes(session->labels, session->labels_size));
    json_t *labels = json_loadb((const char *)text.data, text.size, 0, NULL);
    assert_true(json_equal(labels, json_object_get(row, "labels")));
    json_decref(labels);
    vd_buffer_free(&text);
}

static bool same_session(void *arg, const vd_store_session_t *session)
{
    static const char *const states[] = {"", "active", "completed", "failed", "interrupted"};
    listing_t *listing = arg;
    const json_t *row = row_of(listing->rows, "session", session->session);
    listing->count++;
    same_text(row, "name", session->name);
    same_text(row, "owner", session->owner);
    same_text(row, "state", states[session->state]);
    assert_int_equal(session->started_ms, golden_number(row, "started_ms"));
    assert_int_equal(session->ended_ms, json_integer_value(json_object_get(row, "ended_ms")));
    assert_int_equal(session->last_ms, golden_number(row, "last_ms"));
    assert_int_equal(session->last_seq, golden_number(row, "last_seq"));
    assert_int_equal(session->last_index, golden_number(row, "last_index"));
    same_labels(session, row);
    return true;
}

/* Ids of frames, sessions that were pruned, and those that are forgotten since. */
static void check_gone(golden_store_t *self)
{
    const json_t *row;
    vd_store_session_t session;
    vd_store_tail_t tail;
    uint64_t seq;
    size_t at;
    vd_store_tail(self->store, &tail);
    assert_int_equal(tail.first_index, first_of(self));
    json_array_foreach(json_object_get(self->expected, "records"), at, row)
    {
        assert_int_equal(vd_store_record(self->store, json_string_value(json_array_get(row, 0)),
                                         json_string_value(json_array_get(row, 1)), &seq),
                         VD_OK);
        assert_int_equal(seq, json_integer_value(json_array_get(row, 2)));
    }
    json_array_foreach(json_object_get(self->expected, "pruned"), at, row)
    {
        assert_int_equal(vd_store_session(self->store, json_string_value(row), &session),
                         VD_PRUNED);
    }
    json_array_foreach(json_object_get(self->expected, "forgotten"), at, row)
    {
        assert_int_equal(vd_store_session(self->store, json_string_value(row), &session),
                         VD_NOT_FOUND);
    }
}

static void check_all(golden_store_t *self)
{
    const json_t *sessions = json_object_get(self->expected, "sessions"), *row;
    listing_t listing = {.rows = json_object_get(self->expected, "producers")};
    size_t at;
    assert_int_equal(vd_store_producers(self->store, same_producer, &listing), VD_OK);
    assert_int_equal(listing.count, json_array_size(listing.rows));
    listing = (listing_t){.rows = sessions};
    assert_int_equal(vd_store_sessions(self->store, same_session, &listing), VD_OK);
    assert_int_equal(listing.count, json_array_size(sessions));
    check_commits(self);
    check_gone(self);
    json_array_foreach(sessions, at, row)
    {
        check_session_events(self, golden_text(row, "session"));
    }
}

/* ---- writing on ---- */

/* Appends one event to the session that goes on. */
static void append(golden_store_t *self, uint32_t *chain)
{
    char error[VD_TEXT_BYTES_MAX] = "";
    vd_store_tail_t tail;
    vd_store_session_t session;
    vd_buffer_t event, run;
    vd_store_tail(self->store, &tail);
    assert_int_equal(vd_store_session(self->store, "g-active", &session), VD_OK);
    assert_int_equal(session.state, VD_SESSION_ACTIVE);
    vd_buffer_init(&event, 4096);
    vd_buffer_init(&run, 4096);
    vd_event_write(&event, tail.time_ms, vd_str("written_on"), vd_str("\xc0"), vd_bytes(NULL, 0));
    vd_run_add(&run, vd_buffer_view(&event));
    vd_commit_run_t list = {.session = vd_str("g-active"),
                            .first_seq = session.last_seq + 1,
                            .count = 1,
                            .run = vd_buffer_view(&run)};
    session.last_seq++;
    session.last_index = tail.index + 1;
    const vd_store_session_t *sessions[] = {&session};
    vd_store_batch_t batch = {.commit = {.index = tail.index + 1,
                                         .time_ms = tail.time_ms + 1,
                                         .epoch = tail.epoch_counter,
                                         .run_count = 1,
                                         .runs = &list},
                              .epoch_counter = tail.epoch_counter,
                              .sessions = sessions,
                              .session_count = 1};
    *chain = batch.commit.chain = vd_commit_chain(tail.chain, &batch.commit);
    vd_status_t status = vd_store_append(self->store, &batch, error, sizeof error);
    if (status != VD_OK)
        fail_msg("%s cannot be written on: %s", self->set, error);
    vd_buffer_free(&event);
    vd_buffer_free(&run);
}

static void check_written_on(golden_store_t *self, uint32_t chain)
{
    vd_store_tail_t tail;
    uint64_t index, at;
    vd_store_session_t session;
    vd_store_tail(self->store, &tail);
    assert_int_equal(tail.index, golden_number(self->expected, "index") + 1);
    assert_int_equal(tail.chain, chain);
    assert_int_equal(vd_store_session(self->store, "g-active", &session), VD_OK);
    assert_int_equal(vd_store_find(self->store, "g-active", session.last_seq, &index, &at), VD_OK);
    assert_int_equal(index, tail.index);
    check_commits(self);
}

static void test_golden_stores_are_read_and_written_on(void **state)
{
    static char sets[GOLDEN_SETS_MAX][512];
    (void)state;
    size_t count = golden_sets("store", sets);
    for (size_t at = 0; at < count; at++) {
        golden_store_t self;
        uint32_t chain = 0;
        begin(&self, sets[at]);
        check_tail(&self);
        check_all(&self);
        /* The first opening has moved the log into a table: it must read the same. */
        vd_store_close(&self.store);
        open_store(&self);
        check_tail(&self);
        check_all(&self);
        append(&self, &chain);
        check_written_on(&self, chain);
        vd_store_close(&self.store);
        open_store(&self);
        check_written_on(&self, chain);
        end(&self);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_stores_are_read_and_written_on),
    };
    return cmocka_run_group_tests_name("golden stores", tests, NULL, NULL);
}

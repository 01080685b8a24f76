/* test_facts.c: what the row of a session tells from the session's own events. */
#include "laws/store_fixture.h"

#include <stdio.h>
#include <string.h>

#include "facts.h"
#include "wire/run.h"

static fixture_t *f;
static vd_facts_t facts;
static vd_store_cursor_t *cursor;

static int set_up(void **unused)
{
    (void)unused;
    void *state = "memory";
    assert_int_equal(fixture_setup(&state), 0);
    f = state;
    fixture_open(f);
    vd_facts_init(&facts);
    assert_int_equal(vd_store_cursor_new(f->store, &cursor), VD_OK);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    void *state = f;
    vd_store_cursor_destroy(&cursor);
    vd_facts_free(&facts);
    return fixture_teardown(&state);
}

static void add(vd_buffer_t *run, const char *type, const char *json)
{
    vd_buffer_t data, event;
    char error[256];
    vd_buffer_init(&data, 1 << 16);
    vd_buffer_init(&event, 1 << 16);
    assert_int_equal(vd_json_parse(vd_str(json), &data, error, sizeof error), VD_OK);
    vd_event_write(&event, 1, vd_str(type), vd_buffer_view(&data), vd_bytes(NULL, 0));
    assert_true(vd_run_add(run, vd_buffer_view(&event)));
    vd_buffer_free(&data);
    vd_buffer_free(&event);
}

/* Appends `count` events of `record`'s session as one commit. */
static void append(vd_store_session_t *record, vd_buffer_t *run, uint32_t count)
{
    const vd_store_session_t *records[] = {record};
    vd_commit_run_t piece = {.session = vd_str(record->session),
                             .first_seq = record->last_seq + 1,
                             .count = count,
                             .run = vd_buffer_view(run)};
    vd_store_batch_t batch = {.commit = {.epoch = 1, .run_count = 1, .runs = &piece},
                              .sessions = records,
                              .session_count = 1};
    record->last_seq += count;
    fixture_append(f, &batch);
    vd_buffer_clear(run);
}

static void test_a_row_tells_what_the_events_of_its_session_say(void **unused)
{
    (void)unused;
    vd_buffer_t run;
    vd_buffer_init(&run, 1 << 20);
    vd_store_session_t record = {
        .session = "s2", .state = VD_SESSION_ACTIVE, .labels_size = 1, .labels = {0x80}};
    add(&run, "session_started", "{\"command\":\"make all\",\"continues\":\"s1\"}");
    add(&run, "session_status", "{\"text\":\"old\"}");
    append(&record, &run, 2);
    vd_facts_read(&facts, f->store, cursor, &record);
    assert_string_equal(facts.command, "make all");
    assert_string_equal(facts.continues, "s1");
    assert_string_equal(facts.continued_by, "");
    assert_string_equal(facts.text, "");
    assert_int_equal(facts.status.size, 0);

    add(&run, "x", "1");
    add(&run, "session_status", "{\"text\":\"half way\",\"snapshot\":{\"done\":5}}");
    add(&run, "x", "2");
    record.status_seq = record.snapshot_seq = 4;
    append(&record, &run, 3);
    vd_facts_read(&facts, f->store, cursor, &record);
    assert_string_equal(facts.text, "half way");
    vd_value_t status;
    assert_true(vd_value_of(vd_buffer_view(&facts.status), &status));
    assert_int_equal(vd_value_get_u64(&status, "done", 0), 5);

    /* A later one without a snapshot has another text, and leaves the snapshot. */
    add(&run, "session_status", "{\"text\":\"two thirds\"}");
    record.status_seq = 6;
    append(&record, &run, 1);
    vd_facts_read(&facts, f->store, cursor, &record);
    assert_string_equal(facts.text, "two thirds");
    assert_true(vd_value_of(vd_buffer_view(&facts.status), &status));
    assert_int_equal(vd_value_get_u64(&status, "done", 0), 5);

    add(&run, "session_ended", "{\"status\":\"failed\",\"error\":\"no\",\"continued_by\":\"s3\"}");
    record.state = VD_SESSION_FAILED;
    append(&record, &run, 1);
    vd_facts_read(&facts, f->store, cursor, &record);
    assert_string_equal(facts.text, "two thirds"); /* the end says nothing else */
    assert_string_equal(facts.error, "no");
    assert_string_equal(facts.continued_by, "s3");
    strcpy(record.error, "given up");
    vd_facts_read(&facts, f->store, cursor, &record);
    assert_string_equal(facts.error, "given up");
    vd_buffer_free(&run);
}

static void test_what_is_of_another_shape_is_left_out(void **unused)
{
    (void)unused;
    vd_buffer_t run;
    char json[4096];
    vd_buffer_init(&run, 1 << 20);
    vd_store_session_t record = {
        .session = "s", .state = VD_SESSION_ACTIVE, .labels_size = 1, .labels = {0x80}};
    vd_facts_read(&facts, f->store, cursor, &record); /* nothing is there at all */
    assert_string_equal(facts.command, "");
    add(&run, "session_started", "[1]");
    append(&record, &run, 1);
    vd_facts_read(&facts, f->store, cursor, &record);
    assert_string_equal(facts.command, "");
    record.state = VD_SESSION_COMPLETED; /* though its last event does not say so */
    record.status_seq = 17;
    vd_facts_read(&facts, f->store, cursor, &record);
    assert_string_equal(facts.continued_by, "");

    vd_store_session_t other = {
        .session = "t", .state = VD_SESSION_ACTIVE, .labels_size = 1, .labels = {0x80}};
    char longer[VD_TEXT_BYTES_MAX * 2 + 1] = "";
    for (size_t i = 0; i + 2 < sizeof longer; i += 2)
        memcpy(longer + i, "\xc3\xa9", 3);
    snprintf(json, sizeof json, "{\"command\":\"x%s\",\"continues\":\"not a name\"}", longer);
    add(&run, "session_started", json);
    append(&other, &run, 1);
    vd_facts_read(&facts, f->store, cursor, &other);
    assert_string_equal(facts.continues, "");
    assert_int_equal(strlen(facts.command), VD_TEXT_BYTES_MAX - 1); /* no half of a character */
    vd_buffer_free(&run);
}

/* Producers pack their texts themselves. */
static void test_a_text_of_odd_bytes_is_told_as_text(void **unused)
{
    (void)unused;
    vd_buffer_t run, data, event;
    vd_store_session_t record = {
        .session = "s", .state = VD_SESSION_ACTIVE, .labels_size = 1, .labels = {0x80}};
    vd_buffer_init(&run, 4096);
    vd_buffer_init(&data, 4096);
    vd_buffer_init(&event, 4096);
    vd_write_map(&data, 1);
    vd_write_pair_str(&data, "command", vd_bytes("make\0all \xff caf\xc3\xa9 \xc3", 18));
    vd_event_write(&event, 1, vd_str("session_started"), vd_buffer_view(&data), vd_bytes(NULL, 0));
    assert_true(vd_run_add(&run, vd_buffer_view(&event)));
    append(&record, &run, 1);
    vd_facts_read(&facts, f->store, cursor, &record);
    assert_string_equal(facts.command, "make?all ? caf\xc3\xa9 ?");
    vd_buffer_free(&run);
    vd_buffer_free(&data);
    vd_buffer_free(&event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_row_tells_what_the_events_of_its_session_say, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_of_another_shape_is_left_out, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_text_of_odd_bytes_is_told_as_text, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_steering.c: who a publisher serves: rows, operators, signs of life, deadlines, news, a full
 * table. */
#include "publisher_world.h"

#include <stdio.h>
#include <string.h>

#define MUCH (1u << 20)

static void test_rows_tell_who_is_served(void **state)
{
    (void)state;
    vd_subscriber_record_t rows[4];
    world_t *w = world_new(MUCH, NULL);
    world_commits(w, 10, 1, 100);
    vd_start_body_t start = {.name = vd_str("reader"),
                             .type = vd_str("count.*"),
                             .session = vd_str("red"),
                             .items = 4,
                             .bytes = 100000,
                             .mode = vd_str("commits_only")};
    world_start(w, "ann", 5, &start);
    world_live(w, "bob", 6);
    world_replay(w, "bob", 7);
    assert_int_equal(world_rows(w, "", rows, 4), 2);
    assert_int_equal(world_rows(w, "nobody", rows, 4), 0);
    assert_int_equal(world_rows(w, "reader", rows, 4), 1);
    assert_true(vd_str_is(rows[0].name, "reader"));
    assert_true(vd_str_is(rows[0].streams, "commit"));
    assert_true(vd_str_is(rows[0].mode, "commits_only"));
    assert_true(vd_str_is(rows[0].session, "red"));
    assert_true(vd_str_is(rows[0].type, "count.*"));
    assert_false(rows[0].held);
    assert_int_equal(rows[0].sent, 4);
    assert_int_equal(rows[0].lag, 6);
    assert_int_equal(rows[0].events, 4);
    assert_true(rows[0].bytes > 400);
    assert_int_equal(rows[0].credit_items, 0);
    assert_int_equal(rows[0].credit_bytes, 100000 - rows[0].bytes);
    assert_int_equal(rows[0].batch, 1);
    assert_int_equal(rows[0].since_ms, w->now.wall_ms);
    uint64_t id = rows[0].id;
    /* What it says of itself. */
    vd_message_t credit = {.id = VD_MESSAGE_CREDIT, .correlation = 5};
    credit.credit.items = 5;
    credit.credit.bytes = 100000;
    credit.credit.queue = 3;
    credit.credit.done = 2;
    world_send(w, PORT_READ, "ann", &credit);
    assert_int_equal(world_rows(w, "reader", rows, 4), 1);
    assert_int_equal(rows[0].id, id);
    assert_int_equal(rows[0].queue, 3);
    assert_int_equal(rows[0].done, 2);
    assert_int_equal(rows[0].lag, 8);
    assert_int_equal(world_rows(w, "bob", rows, 4), 1);
    assert_true(vd_str_is(rows[0].streams, "live+commit"));
    assert_int_equal(rows[0].sent, 10);
    assert_true(rows[0].id != id);
    /* Who has ended its streams is shown no more. */
    world_stop(w, "bob", 6);
    assert_int_equal(world_rows(w, "bob", rows, 4), 1);
    assert_true(vd_str_is(rows[0].streams, "commit"));
    world_stop(w, "bob", 7);
    assert_int_equal(world_rows(w, "bob", rows, 4), 0);
    world_free(w);
}

static void test_held_is_sent_no_event(void **state)
{
    (void)state;
    vd_subscriber_record_t rows[2];
    world_t *w = world_new(20000, NULL);
    world_commits(w, 5, 1, 100);
    world_live(w, "ann", 5);
    world_replay(w, "ann", 6);
    world_live(w, "bob", 7);
    world_steer(w, "pause", "ann", 0);
    assert_int_equal(world_count(w, "operator", 77, VD_MESSAGE_DONE), 1);
    assert_true(world_last(w, "ann", 5, VD_MESSAGE_HOLD)->message.hold.held);
    assert_true(world_last(w, "ann", 6, VD_MESSAGE_HOLD)->message.hold.held);
    assert_int_equal(world_count(w, "bob", 0, VD_MESSAGE_HOLD), 0);
    world_forget(w);
    world_commits(w, 3, 1, 100);
    world_grown(w);
    world_pass_alive(w, 5000000, "ann", 5, 6);
    assert_int_equal(world_count(w, "ann", 0, VD_MESSAGE_COMMITS), 0);
    assert_true(world_count(w, "ann", 5, VD_MESSAGE_HEAD) >= 4);
    assert_int_equal(world_events(w, "bob", 7), 4);
    assert_int_equal(world_rows(w, "ann", rows, 2), 1);
    assert_true(rows[0].held);
    /* It goes on being held over a change of streams, and no deadline runs. */
    world_stop(w, "ann", 5);
    world_stop(w, "ann", 6);
    assert_int_equal(world_rows(w, "ann", rows, 2), 1);
    assert_true(vd_str_is(rows[0].streams, "none"));
    world_live(w, "ann", 8);
    assert_true(world_last(w, "ann", 8, VD_MESSAGE_HOLD)->message.hold.held);
    world_commits(w, 100, 1, 200);
    world_grown(w);
    world_pass_alive(w, 70000000, "ann", 8, 0);
    assert_int_equal(world_count(w, "ann", 8, VD_MESSAGE_DROP), 0);
    assert_int_equal(world_count(w, "ann", 8, VD_MESSAGE_COMMITS), 0);
    assert_int_equal(world_last(w, "ann", 8, VD_MESSAGE_GAP)->message.gap.index, 108);
    assert_int_equal(world_rows(w, "ann", rows, 2), 1);
    assert_int_equal(rows[0].gaps, 1);
    uint64_t id = rows[0].id;
    world_commits(w, 2, 1, 100);
    world_grown(w);
    world_steer(w, "resume", "", id);
    assert_false(world_last(w, "ann", 8, VD_MESSAGE_HOLD)->message.hold.held);
    assert_int_equal(world_last(w, "ann", 8, VD_MESSAGE_COMMITS)->message.commits.after, 108);
    assert_int_equal(world_last(w, "ann", 8, VD_MESSAGE_COMMITS)->message.commits.index, 110);
    world_free(w);
}

static void test_kicked_is_told_and_gone(void **state)
{
    (void)state;
    vd_subscriber_record_t rows[2];
    world_t *w = world_new(MUCH, NULL);
    world_commits(w, 5, 1, 100);
    world_live(w, "ann", 5);
    world_replay(w, "ann", 6);
    world_steer(w, "kick", "ann", 0);
    assert_true(vd_str_is(world_last(w, "ann", 5, VD_MESSAGE_DROP)->message.drop.status, "kicked"));
    assert_true(vd_str_is(world_last(w, "ann", 6, VD_MESSAGE_DROP)->message.drop.status, "kicked"));
    assert_int_equal(vd_publisher_subscribers(w->publisher), 0);
    assert_int_equal(w->heard_count, 1);
    assert_int_equal(w->heard[0].news.kind, VD_NEWS_DROPPED);
    assert_int_equal(w->heard[0].news.status, VD_KICKED);
    assert_string_equal(w->heard[0].name, "ann");
    assert_string_equal(w->heard[0].streams, "live+commit");
    world_forget(w);
    world_commit(w, 1, 100);
    world_grown(w);
    assert_int_equal(world_count(w, "ann", 0, VD_MESSAGE_COMMITS), 0);
    world_live(w, "ann", 9);
    assert_int_equal(world_rows(w, "ann", rows, 2), 1);
    assert_int_equal(rows[0].drops, 1);
    assert_int_equal(vd_publisher_totals(w->publisher)->dropped_kicked, 1);
    world_free(w);
}

static void test_operators_mistakes_are_named(void **state)
{
    (void)state;
    world_t *w = world_new(MUCH, NULL);
    world_live(w, "ann", 5);
    world_steer(w, "pause", "bob", 0);
    assert_true(vd_str_is(world_last(w, "operator", 77, VD_MESSAGE_ERROR)->message.error.status,
                          "not_found"));
    world_steer(w, "pause", "ann", 99);
    assert_true(vd_str_is(world_last(w, "operator", 77, VD_MESSAGE_ERROR)->message.error.status,
                          "not_found"));
    world_steer(w, "pause", "", 0);
    assert_true(
        vd_str_is(world_last(w, "operator", 77, VD_MESSAGE_ERROR)->message.error.status, "usage"));
    world_steer(w, "hug", "ann", 0);
    assert_true(
        vd_str_is(world_last(w, "operator", 77, VD_MESSAGE_ERROR)->message.error.status, "usage"));
    assert_int_equal(world_count(w, "operator", 77, VD_MESSAGE_ERROR), 4);
    assert_int_equal(world_count(w, "operator", 77, VD_MESSAGE_DONE), 0);
    world_free(w);
}

static void test_silence_ends_one_stream_alone(void **state)
{
    (void)state;
    world_t *w = world_new(MUCH, NULL);
    world_commits(w, 5, 1, 100);
    world_live(w, "ann", 5);
    world_replay(w, "ann", 6);
    world_live(w, "bob", 7);
    world_pass_alive(w, 12000000, "ann", 5, 0);
    assert_true(vd_str_is(world_last(w, "ann", 6, VD_MESSAGE_DROP)->message.drop.status, "silent"));
    assert_true(vd_str_is(world_last(w, "bob", 7, VD_MESSAGE_DROP)->message.drop.status, "silent"));
    assert_int_equal(world_count(w, "ann", 5, VD_MESSAGE_DROP), 0);
    assert_int_equal(vd_publisher_totals(w->publisher)->dropped_silent, 2);
    assert_int_equal(w->heard_count, 2);
    world_commit(w, 1, 100);
    world_grown(w);
    assert_int_equal(world_events(w, "ann", 5), 2);
    assert_int_equal(world_events(w, "ann", 6), 6);
    /* When nobody is left, the publisher is quiet. */
    world_pass(w, 30000000);
    assert_int_equal(vd_publisher_subscribers(w->publisher), 0);
    assert_int_equal(w->due_us[0], INT64_MAX);
    assert_int_equal(w->due_us[1], INT64_MAX);
    world_free(w);
}

static void test_too_slow_is_dropped_at_the_deadline(void **state)
{
    (void)state;
    vd_publisher_knobs_t knobs = vd_publisher_knobs_default;
    knobs.credit_deadline_ms = 5000;
    world_t *w = world_new(MUCH, &knobs);
    world_commits(w, 5, 1, 100);
    vd_start_body_t start = {.name = vd_str("slow"), .items = 2, .bytes = 10000};
    world_start(w, "slow", 5, &start);
    /* At the head without credit nothing is asked of anybody. */
    start.items = 6;
    world_start(w, "done", 6, &start);
    /* One that says that it takes nothing now is not slow. */
    start.items = 1;
    start.mode = vd_str("paused");
    world_start(w, "rests", 7, &start);
    for (int i = 0; i < 5; i++) {
        world_pass(w, 1000000);
        world_credit(w, "slow", 5, 2, 10000, "");
        world_credit(w, "done", 6, 6, 10000, "");
        world_credit(w, "rests", 7, 1, 10000, "paused");
    }
    assert_int_equal(vd_publisher_subscribers(w->publisher), 3);
    world_pass(w, 1000000);
    assert_true(
        vd_str_is(world_last(w, "slow", 5, VD_MESSAGE_DROP)->message.drop.status, "too_slow"));
    assert_int_equal(world_count(w, "done", 6, VD_MESSAGE_DROP), 0);
    assert_int_equal(world_count(w, "rests", 7, VD_MESSAGE_DROP), 0);
    assert_int_equal(vd_publisher_totals(w->publisher)->dropped_too_slow, 1);
    /* Credit in time begins the deadline anew. */
    start = (vd_start_body_t){.items = 1, .bytes = 10000};
    world_start(w, "late", 8, &start);
    for (uint64_t i = 1; i <= 4; i++) {
        world_pass(w, 4000000);
        assert_int_equal(world_count(w, "late", 8, VD_MESSAGE_DROP), 0);
        world_credit(w, "late", 8, 1 + i, 10000, "");
    }
    assert_int_equal(world_events(w, "late", 8), 5);
    world_free(w);
}

static void test_modes_are_told_once(void **state)
{
    (void)state;
    world_t *w = world_new(MUCH, NULL);
    world_live(w, "ann", 5);
    assert_int_equal(w->heard_count, 0);
    world_credit(w, "ann", 5, 0, 0, "live_only");
    world_credit(w, "ann", 5, 0, 0, "live_only");
    world_credit(w, "ann", 5, 0, 0, "");
    world_credit(w, "ann", 5, 0, 0, "asleep");
    assert_int_equal(w->heard_count, 1);
    assert_int_equal(w->heard[0].news.kind, VD_NEWS_MODE);
    assert_string_equal(w->heard[0].before, "");
    assert_string_equal(w->heard[0].mode, "live_only");
    /* From one stream to the other it stays the same subscriber. */
    world_stop(w, "ann", 5);
    vd_start_body_t start = {.mode = vd_str("commits_only")};
    world_start(w, "ann", 6, &start);
    assert_int_equal(w->heard_count, 2);
    assert_string_equal(w->heard[1].before, "live_only");
    assert_string_equal(w->heard[1].mode, "commits_only");
    assert_string_equal(w->heard[1].name, "ann");
    assert_int_equal(w->heard[1].news.id, w->heard[0].news.id);
    assert_int_equal(vd_publisher_totals(w->publisher)->modes, 2);
    world_free(w);
}

static void test_a_full_table_refuses(void **state)
{
    (void)state;
    char name[16];
    world_t *w = world_new(MUCH, NULL);
    for (int i = 0; i < VD_SUBSCRIBERS_MAX; i++) {
        snprintf(name, sizeof name, "peer%d", i);
        world_live(w, name, 5);
    }
    vd_start_body_t start = {0};
    world_start(w, "late", 6, &start);
    assert_true(
        vd_str_is(world_last(w, "late", 6, VD_MESSAGE_ERROR)->message.error.status, "overloaded"));
    /* Everybody is told of the head and served, in as many steps as it takes. */
    world_forget(w);
    world_commit(w, 1, 100);
    world_grown(w);
    world_pass(w, 1000);
    for (int i = 0; i < VD_SUBSCRIBERS_MAX; i++) {
        snprintf(name, sizeof name, "peer%d", i);
        assert_int_equal(world_events(w, name, 5), 1);
    }
    /* One that has stopped makes room. */
    world_stop(w, "peer7", 5);
    world_start(w, "late", 6, &start);
    world_last(w, "late", 6, VD_MESSAGE_STARTED);
    assert_int_equal(vd_publisher_subscribers(w->publisher), VD_SUBSCRIBERS_MAX);
    world_forget(w);
    world_pass(w, 2000000);
    for (int i = 0; i < VD_SUBSCRIBERS_MAX; i++) {
        snprintf(name, sizeof name, "peer%d", i);
        assert_true(i == 7 || world_count(w, name, 5, VD_MESSAGE_HEAD) > 0);
    }
    world_free(w);
}

/* However many are meant, what is done in one step stays within its effects. */
static void test_a_crowd_is_kicked_in_parts(void **state)
{
    (void)state;
    char name[16];
    world_t *w = world_new(MUCH, NULL);
    vd_start_body_t start = {
        .name = vd_str("crowd"), .head = true, .items = 1000000, .bytes = 1000000000};
    for (int i = 0; i < VD_SUBSCRIBERS_MAX; i++) {
        snprintf(name, sizeof name, "peer%d", i);
        start.stream = vd_str("live");
        world_start(w, name, 5, &start);
        start.stream = vd_str("commit");
        world_start(w, name, 6, &start);
    }
    unsigned requests = 0;
    for (; vd_publisher_subscribers(w->publisher) > 0; requests++) {
        assert_true(requests < 4);
        world_commit(w, 1, 100);
        world_steer(w, "kick", "crowd", 0);
    }
    assert_true(requests > 1);
    assert_int_equal(vd_publisher_totals(w->publisher)->dropped_kicked, VD_SUBSCRIBERS_MAX);
    world_free(w);
}

/* A name goes into events, rows and logs: one that is none is refused where it comes in. */
static void test_names_are_names(void **state)
{
    (void)state;
    static const char *const wrong[] = {"\xff\xfe", "two words", "\x1b[2J", ".hidden"};
    world_t *w = world_new(MUCH, NULL);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        vd_start_body_t start = {.name = vd_str(wrong[i])};
        world_start(w, "ann", 5 + i, &start);
        const sent_t *answer = world_last(w, "ann", 5 + i, VD_MESSAGE_ERROR);
        assert_true(vd_str_is(answer->message.error.status, "malformed"));
        assert_non_null(memmem(answer->message.error.text.data, answer->message.error.text.size,
                               "name", strlen("name")));
    }
    assert_int_equal(vd_publisher_subscribers(w->publisher), 0);
    world_free(w);
}

/* What no type can have in it is not shown as it is. */
static void test_filters_are_shown_in_print(void **state)
{
    (void)state;
    vd_subscriber_record_t row;
    world_t *w = world_new(MUCH, NULL);
    vd_start_body_t start = {.type = vd_str("\x1b[2J*\xff"), .head = true};
    world_start(w, "ann", 5, &start);
    world_last(w, "ann", 5, VD_MESSAGE_STARTED);
    assert_int_equal(world_rows(w, "", &row, 1), 1);
    assert_true(vd_str_is(row.type, "?[2J*?"));
    world_free(w);
}

static void test_knobs_are_checked(void **state)
{
    (void)state;
    char text[256];
    vd_publisher_knobs_t knobs = vd_publisher_knobs_default;
    assert_int_equal(vd_publisher_knobs_check(&knobs, text, sizeof text), VD_OK);
    knobs.batch_lag[1] = knobs.batch_lag[0];
    assert_int_equal(vd_publisher_knobs_check(&knobs, text, sizeof text), VD_CONFIG);
    assert_non_null(strstr(text, "batch_lag"));
    knobs = vd_publisher_knobs_default;
    knobs.batch_commits[3] = 0;
    assert_int_equal(vd_publisher_knobs_check(&knobs, text, sizeof text), VD_CONFIG);
    assert_non_null(strstr(text, "batch_commits"));
    knobs = vd_publisher_knobs_default;
    knobs.bytes_max = 0;
    assert_int_equal(vd_publisher_knobs_check(&knobs, text, sizeof text), VD_CONFIG);
    assert_non_null(strstr(text, "bytes_max"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_tell_who_is_served),
        cmocka_unit_test(test_held_is_sent_no_event),
        cmocka_unit_test(test_kicked_is_told_and_gone),
        cmocka_unit_test(test_operators_mistakes_are_named),
        cmocka_unit_test(test_silence_ends_one_stream_alone),
        cmocka_unit_test(test_too_slow_is_dropped_at_the_deadline),
        cmocka_unit_test(test_modes_are_told_once),
        cmocka_unit_test(test_a_full_table_refuses),
        cmocka_unit_test(test_a_crowd_is_kicked_in_parts),
        cmocka_unit_test(test_names_are_names),
        cmocka_unit_test(test_filters_are_shown_in_print),
        cmocka_unit_test(test_knobs_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

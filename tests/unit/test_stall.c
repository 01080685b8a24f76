/* test_stall.c: what moves and what does not, and how long it did not, as the observer stall tells it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "laws/observer_fixture.h"
#include "stall/stall.h"

#include <stdio.h>

enum { START_MS = 1000000, TEXT_MAX = 1 << 20 };

static vd_bench_t bench;
static vd_buffer_t text;

static void open_with(const char *more)
{
    char toml[512];
    snprintf(
        toml, sizeof toml,
        "[observers.stall]\ntip_after = \"10s\"\nnode_after = \"5s\"\nfinal_after = \"30s\"\n%s",
        more);
    vd_bench_open(&bench, &vd_stall_observer, toml);
    vd_buffer_init(&text, TEXT_MAX);
    bench.wall_ms = START_MS;
}

static void close_bench(void)
{
    uint64_t seed = 3;
    vd_bench_assert_kept(&bench, &seed);
    vd_buffer_free(&text);
    vd_bench_close(&bench);
}

/* One turn; what it told. */
static const char *turn(void)
{
    assert_int_equal(vd_bench_turn(&bench), VD_OK);
    const char *told = vd_bench_text(&bench, &text);
    vd_bench_commit(&bench);
    return told;
}

/* The clock alone, so long after the start. */
static const char *wait_until(int64_t after_ms)
{
    vd_bench_input(&bench, NULL, vd_bytes(NULL, 0));
    bench.wall_ms = START_MS + after_ms;
    return turn();
}

static const char *hear(int64_t at_ms, const char *type, const vd_buffer_t *data)
{
    bench.wall_ms = START_MS + at_ms - 7; /* the bench adds them */
    vd_bench_input(&bench, type, vd_buffer_view(data));
    return turn();
}

static const char *head(int64_t at_ms, const char *node, uint64_t height)
{
    vd_buffer_t data;
    vd_buffer_init(&data, 1024);
    vd_write_map(&data, 3);
    vd_write_pair_text(&data, "node", node);
    vd_write_pair_text(&data, "id", "x");
    vd_write_pair_u64(&data, "height", height);
    const char *told = hear(at_ms, "head_changed", &data);
    vd_buffer_free(&data);
    return told;
}

static const char * final(int64_t at_ms, uint64_t height)
{
    vd_buffer_t data;
    vd_buffer_init(&data, 1024);
    vd_write_map(&data, 2);
    vd_write_pair_text(&data, "id", "x");
    vd_write_pair_u64(&data, "height", height);
    const char *told = hear(at_ms, "finality_advanced", &data);
    vd_buffer_free(&data);
    return told;
}

static uint32_t times(const char *told, const char *part)
{
    uint32_t count = 0;
    for (const char *at = strstr(told, part); at; at = strstr(at + 1, part))
        count++;
    return count;
}

static const vd_subject_t *subject(const char *name)
{
    const vd_stall_t *self = bench.state;
    const vd_subject_t *found = vd_subjects_find(&self->subjects, vd_str(name));
    if (!found)
        fail_msg("there is no subject %s", name);
    return found;
}

static void a_tip_stalls_at_its_limit_and_no_node_does(void **state)
{
    (void)state;
    open_with("");
    wait_until(100000);
    assert_int_equal(bench.turn.count, 0);                      /* nothing is known */
    assert_int_equal(times(head(100000, "a", 7), "moved "), 2); /* the node, and the tip */
    head(100100, "b", 7);
    head(103000, "a", 8);
    head(103050, "b", 8);
    assert_int_equal(bench.turn.count, 1);
    assert_int_equal(subject("tip")->worst_ms, 3000);
    assert_int_equal(subject("node/b")->worst_ms, 50);
    assert_int_equal(subject("node/a")->worst_ms, 0); /* nobody was above it */
    wait_until(112999);
    assert_int_equal(bench.turn.count, 0);
    const char *told = wait_until(113000);
    assert_int_equal(bench.turn.count, 1);
    assert_int_equal(times(told, "stalled {\"what\":\"tip\",\"height\":8,"), 1);
    assert_int_equal(times(told, "\"limit_ms\":10000"), 1);
    wait_until(150000);
    assert_int_equal(bench.turn.count, 0); /* once */
    told = head(163000, "b", 9);
    assert_int_equal(times(told, "moving_again {\"what\":\"tip\""), 1);
    assert_int_equal(times(told, "\"gap_ms\":60000"), 1);
    assert_int_equal(times(told, "moved {\"what\":\"node/b\""), 1);
    assert_int_equal(subject("tip")->worst_ms, 60000);
    assert_int_equal(subject("tip")->worst_since_ms, START_MS + 103000);
    assert_int_equal(subject("tip")->stalls, 1);
    close_bench();
}

static void a_node_that_is_left_behind_stalls(void **state)
{
    (void)state;
    open_with("");
    head(0, "a", 7);
    head(0, "b", 7);
    head(4000, "a", 8);
    wait_until(8999);
    assert_int_equal(bench.turn.count, 0);
    const char *told = wait_until(9000);
    assert_int_equal(times(told, "stalled {\"what\":\"node/b\""), 1);
    assert_int_equal(bench.turn.count, 1);
    head(9500, "a", 9);
    assert_int_equal(bench.turn.count, 2); /* the gap goes on */
    told = head(12000, "b", 8);
    assert_int_equal(times(told, "moving_again {\"what\":\"node/b\""), 1);
    assert_int_equal(times(told, "\"gap_ms\":8000"), 1);
    /* It is behind still: from here on anew. */
    told = wait_until(17000);
    assert_int_equal(times(told, "stalled {\"what\":\"node/b\""), 1);
    /* The other one goes away: there is nothing above it, and it is told no more. */
    vd_buffer_t data;
    vd_buffer_init(&data, 64);
    vd_write_map(&data, 1);
    vd_write_pair_text(&data, "node", "a");
    told = hear(18000, "node_removed", &data);
    vd_buffer_free(&data);
    assert_int_equal(times(told, "stall_dropped {\"what\":\"node/a\""), 1);
    assert_int_equal(subject("node/b")->since_ms, 0);
    told = head(30000, "b", 9);
    assert_int_equal(times(told, "moving_again {\"what\":\"node/b\""), 1);
    assert_int_equal(times(told, "\"gap_ms\":0"), 1);
    close_bench();
}

/* Read long after it happened, a stall is as long as it was. */
static void a_stall_in_the_past_is_found(void **state)
{
    (void)state;
    open_with("");
    head(0, "a", 7);
    final(1000, 1);
    const char *told = head(45000, "a", 8);
    assert_int_equal(times(told, "stalled {\"what\":\"tip\""), 1);
    assert_int_equal(times(told, "stalled {\"what\":\"final\""), 1);
    assert_int_equal(times(told, "moving_again {\"what\":\"tip\""), 1);
    assert_int_equal(times(told, "\"gap_ms\":45000"), 1);
    told = final(46000, 2);
    assert_int_equal(times(told, "moving_again {\"what\":\"final\""), 1);
    assert_int_equal(subject("final")->worst_ms, 45000);
    /* A clock that goes back counts nothing. */
    head(20000, "a", 9);
    assert_int_equal(subject("tip")->worst_ms, 45000);
    close_bench();
}

static void write_node(vd_buffer_t *out, const char *name, uint64_t height)
{
    vd_write_map(out, 3);
    vd_write_pair_text(out, "name", name);
    vd_write_pair_text(out, "head", "x");
    vd_write_pair_u64(out, "height", height);
}

static void a_snapshot_counts_no_gap(void **state)
{
    (void)state;
    vd_buffer_t data;
    open_with("");
    head(0, "a", 7);
    head(0, "b", 7);
    head(0, "c", 7);
    final(0, 2);
    vd_buffer_init(&data, 4096);
    vd_write_map(&data, 3);
    vd_write_text(&data, "nodes");
    vd_write_array(&data, 2);
    write_node(&data, "a", 7);
    write_node(&data, "b", 9);
    vd_write_pair_text(&data, "final", "x");
    vd_write_pair_u64(&data, "final_height", 3);
    const char *told = hear(90000, NULL, &data);
    assert_int_equal(times(told, "stall_dropped {\"what\":\"node/c\""), 1);
    assert_int_equal(times(told, "moved "), 3); /* b, tip, final */
    assert_int_equal(times(told, "stalled"), 0);
    assert_int_equal(subject("tip")->worst_ms, 0);
    vd_buffer_clear(&data);
    vd_write_map(&data, 0);
    vd_bench_input(&bench, NULL, vd_buffer_view(&data));
    assert_int_equal(vd_bench_turn(&bench), VD_MALFORMED);
    assert_true(strstr(bench.turn.text, "observers.stall.reads") != NULL);
    vd_bench_input(&bench, NULL, vd_bytes(NULL, 0));
    vd_buffer_free(&data);
    close_bench();
}

static void hostile_events_change_nothing(void **state)
{
    (void)state;
    static const char *const types[] = {
        "head_changed", "finality_advanced", "node_removed", "reorg", "moved", "stalled"};
    vd_buffer_t data, before, after;
    open_with("");
    head(0, "a", 7);
    vd_buffer_init(&data, 4096);
    vd_buffer_init(&before, TEXT_MAX);
    vd_buffer_init(&after, TEXT_MAX);
    vd_stall_observer.save(bench.state, &before);
    for (size_t at = 0; at < sizeof types / sizeof types[0]; at++)
        for (int kind = 0; kind < 4; kind++) {
            vd_buffer_clear(&data);
            if (kind == 0)
                vd_write_nil(&data);
            else if (kind == 1)
                vd_write_array(&data, 0);
            else
                vd_write_map(&data, kind == 2 ? 0 : 1);
            if (kind == 3)
                vd_write_pair_u64(&data, "node", UINT64_MAX);
            if (strcmp(types[at], "finality_advanced") == 0 && kind >= 2)
                continue; /* that says that it has advanced */
            hear(1000, types[at], &data);
            assert_int_equal(bench.turn.count, 0);
        }
    vd_stall_observer.save(bench.state, &after);
    assert_true(vd_bytes_equal(vd_buffer_view(&before), vd_buffer_view(&after)));
    /* More nodes than there is room for. */
    for (uint32_t node = 0; node < 2 * VD_SUBJECTS_MAX; node++) {
        char name[16];
        snprintf(name, sizeof name, "n%u", node);
        head(2000, name, 8);
    }
    assert_int_equal(((const vd_stall_t *)bench.state)->subjects.count, VD_SUBJECTS_MAX);
    vd_buffer_free(&data);
    vd_buffer_free(&before);
    vd_buffer_free(&after);
    vd_buffer_free(&text);
    vd_bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tip_stalls_at_its_limit_and_no_node_does),
        cmocka_unit_test(a_node_that_is_left_behind_stalls),
        cmocka_unit_test(a_stall_in_the_past_is_found),
        cmocka_unit_test(a_snapshot_counts_no_gap),
        cmocka_unit_test(hostile_events_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

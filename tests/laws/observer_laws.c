/* observer_laws.c: what has to hold of every observer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/core.h"
#include "laws/observer_laws.h"

static void copy(vd_buffer_t *to, const vd_buffer_t *from)
{
    vd_buffer_clear(to);
    assert_true(from->size == 0 || vd_buffer_add(to, from->data, from->size));
}

static void assert_same(vd_bytes_t a, vd_bytes_t b)
{
    assert_int_equal(a.size, b.size);
    assert_true(vd_bytes_equal(a, b));
}

void vd_law_same_state(const vd_observer_t *observer, const void *a, const void *b)
{
    vd_buffer_t left, right;
    vd_buffer_init(&left, 1 << 22);
    vd_buffer_init(&right, 1 << 22);
    observer->save(a, &left);
    observer->save(b, &right);
    assert_int_equal(vd_scan_exact(vd_buffer_view(&left), VD_DEPTH_MAX), VD_OK);
    assert_same(vd_buffer_view(&left), vd_buffer_view(&right));
    vd_buffer_free(&left);
    vd_buffer_free(&right);
}

void vd_law_pure(vd_bench_t *bench)
{
    vd_buffer_t run, reads;
    vd_buffer_init(&run, 1 << 22);
    vd_buffer_init(&reads, 1 << 22);
    assert_int_equal(vd_bench_turn(bench), VD_OK);
    copy(&run, &bench->turn.run);
    copy(&reads, &bench->turn.reads);
    bench->number--;
    assert_int_equal(vd_bench_turn(bench), VD_OK);
    assert_same(vd_buffer_view(&run), vd_buffer_view(&bench->turn.run));
    assert_same(vd_buffer_view(&reads), vd_buffer_view(&bench->turn.reads));
    vd_buffer_free(&run);
    vd_buffer_free(&reads);
}

void vd_law_declared(const vd_bench_t *bench)
{
    for (uint32_t at = 0; at < bench->turn.count; at++) {
        char type[VD_NAME_BYTES_MAX + 1];
        vd_event_t event = vd_bench_event(bench, at);
        vd_str_copy(type, sizeof type, event.type);
        assert_non_null(strstr(bench->observer->kinds, type));
    }
}

void vd_law_view(const vd_bench_t *bench)
{
    vd_buffer_t view, again;
    vd_buffer_init(&view, VD_SNAPSHOT_BYTES_MAX);
    vd_buffer_init(&again, VD_SNAPSHOT_BYTES_MAX);
    bench->observer->view(bench->state, bench->samples, &view);
    bench->observer->view(bench->state, bench->samples, &again);
    assert_int_equal(vd_scan_exact(vd_buffer_view(&view), VD_DEPTH_MAX), VD_OK);
    assert_same(vd_buffer_view(&view), vd_buffer_view(&again));
    vd_buffer_free(&view);
    vd_buffer_free(&again);
}

void vd_law_restart(vd_bench_t *bench)
{
    void *running = bench->state;
    bench->state = vd_bench_fresh(bench);
    vd_bench_apply(bench->observer, bench->state, vd_buffer_view(&bench->log));
    vd_law_same_state(bench->observer, running, bench->state);
    assert_int_equal(vd_bench_turn(bench), VD_OK);
    assert_int_equal(bench->turn.count, 0);
    bench->observer->destroy(&running);
}

/* What is seen of a state: its view, and the turn that it would run. */
static void look(vd_bench_t *bench, void *state, vd_buffer_t *seen)
{
    void *own = bench->state;
    vd_buffer_t view;
    vd_buffer_init(&view, VD_SNAPSHOT_BYTES_MAX);
    bench->observer->view(state, bench->samples, &view);
    bench->state = state;
    assert_int_equal(vd_bench_turn(bench), VD_OK);
    bench->state = own;
    bench->number--;
    vd_write_bin(seen, vd_buffer_view(&view));
    vd_write_bin(seen, vd_buffer_view(&bench->turn.run));
    vd_write_bin(seen, vd_buffer_view(&bench->turn.reads));
    assert_false(seen->full);
    vd_buffer_free(&view);
}

void vd_law_equal(vd_bench_t *bench, void *state)
{
    vd_buffer_t left, right;
    vd_law_same_state(bench->observer, bench->state, state);
    vd_buffer_init(&left, 1 << 24);
    vd_buffer_init(&right, 1 << 24);
    look(bench, bench->state, &left);
    look(bench, state, &right);
    assert_same(vd_buffer_view(&left), vd_buffer_view(&right));
    vd_buffer_free(&left);
    vd_buffer_free(&right);
}

void vd_law_hostile_saves(const vd_observer_t *observer, const char *toml)
{
    vd_bench_t bench;
    uint64_t seed = 7;
    vd_bench_open(&bench, observer, toml);
    for (int round = 0; round < 2000; round++) {
        uint8_t bytes[24];
        for (size_t at = 0; at < sizeof bytes; at++)
            bytes[at] = (uint8_t)vd_random_next(&seed);
        void *loaded = vd_bench_fresh(&bench);
        observer->load(loaded, vd_bytes(bytes, (size_t)round % sizeof bytes));
        observer->destroy(&loaded);
    }
    vd_bench_close(&bench);
}

static void ask_anything(vd_bench_t *bench, const vd_query_row_t *row, vd_buffer_t *out)
{
    uint64_t seed = 11;
    for (int round = 0; round < 2000; round++) {
        uint8_t bytes[12];
        for (size_t at = 0; at < sizeof bytes; at++)
            bytes[at] = (uint8_t)vd_random_next(&seed);
        bytes[0] = 0x90 | (bytes[0] & 3);
        vd_buffer_clear(out);
        bench->observer->query(bench->state, bench->samples, vd_str(row->name),
                               vd_bytes(bytes, 1 + (size_t)round % (sizeof bytes - 1)), out);
    }
}

void vd_law_queries(const vd_observer_t *observer, const char *toml)
{
    vd_bench_t bench;
    vd_buffer_t out;
    vd_bench_open(&bench, observer, toml);
    vd_buffer_init(&out, VD_SNAPSHOT_BYTES_MAX);
    for (const vd_query_row_t *row = observer->queries; row && row->name; row++) {
        assert_true(vd_name_valid(vd_str(row->name)) && strcmp(row->name, VD_QUERIES) != 0);
        assert_string_not_equal(row->name, VD_LAYOUT);
        assert_true(row->arguments && row->help && row->help[0]);
        vd_buffer_clear(&out);
        vd_status_t status = observer->query(bench.state, bench.samples, vd_str(row->name),
                                             vd_bytes("\x90", 1), &out);
        if (row->arguments[0] == '[') /* they may be left out */
            assert_int_not_equal(status, VD_USAGE);
        else
            assert_int_equal(status, row->arguments[0] ? VD_USAGE : VD_OK);
        if (status == VD_OK)
            assert_int_equal(vd_scan_exact(vd_buffer_view(&out), VD_DEPTH_MAX), VD_OK);
        ask_anything(&bench, row, &out);
    }
    vd_buffer_clear(&out);
    if (observer->query)
        assert_int_equal(observer->query(bench.state, bench.samples, vd_str("nothing"),
                                         vd_bytes("\x90", 1), &out),
                         VD_NOT_FOUND);
    vd_buffer_free(&out);
    vd_bench_close(&bench);
}

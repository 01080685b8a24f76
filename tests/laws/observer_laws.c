/* observer_laws.c: what has to hold of every observer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

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

/* test_availability.c: what the collector of outages makes of events and snapshots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "availability/availability.h"
#include "laws/observer_fixture.h"

#include <stdlib.h>

typedef struct scene {
    vd_bench_t bench;
    vd_buffer_t content, text;
} scene_t;

static int set_up(void **state)
{
    scene_t *scene = calloc(1, sizeof *scene);
    vd_bench_open(&scene->bench, &vd_availability_observer,
                  "[observers.availability]\nforget_after = \"1h\"\ncomponents_max = 3\n");
    vd_buffer_init(&scene->content, 1 << 16);
    vd_buffer_init(&scene->text, 1 << 20);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    scene_t *scene = *state;
    vd_bench_close(&scene->bench);
    vd_buffer_free(&scene->content);
    vd_buffer_free(&scene->text);
    free(scene);
    return 0;
}

static void write_service(vd_buffer_t *out, const char *address, uint64_t port)
{
    vd_write_map(out, 4);
    vd_write_pair_text(out, "source", "local");
    vd_write_pair_text(out, "protocol", strchr(address, ':') ? "tcp6" : "tcp");
    vd_write_pair_text(out, "address", address);
    vd_write_pair_u64(out, "port", port);
}

/* Gives what was written to `content`, and returns the events of the turn, which are committed. */
static const char *give(scene_t *scene, const char *type)
{
    vd_bench_input(&scene->bench, type, vd_buffer_view(&scene->content));
    vd_buffer_clear(&scene->content);
    assert_int_equal(vd_bench_turn(&scene->bench), VD_OK);
    const char *text = vd_bench_text(&scene->bench, &scene->text);
    vd_bench_commit(&scene->bench);
    return text;
}

static const char *service(scene_t *scene, const char *type, const char *address, uint64_t port)
{
    write_service(&scene->content, address, port);
    return give(scene, type);
}

static const char *member(scene_t *scene, const char *type, const char *name)
{
    vd_write_map(&scene->content, 1);
    vd_write_pair_text(&scene->content, "member", name);
    return give(scene, type);
}

static const vd_component_t *component(const scene_t *scene, const char *name)
{
    const vd_availability_t *self = scene->bench.state;
    return vd_components_find(&self->components, vd_str(name));
}

static void at(scene_t *scene, int64_t ms)
{
    scene->bench.wall_ms = 1700000000000 + ms - 7; /* an input takes 7 ms */
}

static void test_an_outage_is_as_long_as_it_was(void **state)
{
    scene_t *scene = *state;
    at(scene, 0);
    assert_string_equal(service(scene, "service_appeared", "::1", 80),
                        "component_found {\"component\":\"service/local/tcp6/[::1]:80\","
                        "\"at\":\"2023-11-14T22:13:20.000Z\"}\n");
    assert_string_equal(service(scene, "service_appeared", "::1", 80), "");
    at(scene, 1000);
    assert_string_equal(service(scene, "service_gone", "::1", 80),
                        "outage_began {\"component\":\"service/local/tcp6/[::1]:80\","
                        "\"at\":\"2023-11-14T22:13:21.000Z\",\"reason\":\"service_gone\"}\n");
    at(scene, 3500);
    assert_string_equal(
        service(scene, "service_appeared", "::1", 80),
        "outage_ended {\"component\":\"service/local/tcp6/[::1]:80\","
        "\"at\":\"2023-11-14T22:13:23.500Z\",\"began\":\"2023-11-14T22:13:21.000Z\","
        "\"duration_ms\":2500}\n");
    at(scene, 4000);
    service(scene, "service_gone", "::1", 80);
    at(scene, 4100);
    service(scene, "service_appeared", "::1", 80);
    const vd_component_t *one = component(scene, "service/local/tcp6/[::1]:80");
    assert_true(one && one->up);
    assert_int_equal(one->outages, 2);
    assert_int_equal(one->longest_ms, 2500);
    assert_int_equal(one->downtime_ms, 2600);
    assert_string_equal(one->since, "2023-11-14T22:13:24.100Z");
}

static void test_a_cluster(void **state)
{
    scene_t *scene = *state;
    member(scene, "member_joined", "a");
    member(scene, "leader_elected", "a");
    assert_non_null(strstr(member(scene, "member_unreachable", "a"), "outage_began"));
    assert_non_null(strstr(member(scene, "leader_lost", "a"), "\"component\":\"leader\""));
    assert_false(component(scene, "leader")->up);
    assert_string_equal(member(scene, "term_advanced", "a"), "");
    assert_non_null(strstr(member(scene, "leader_elected", "b"), "outage_ended"));
    assert_non_null(strstr(member(scene, "member_recovered", "a"), "outage_ended"));
    assert_non_null(strstr(member(scene, "member_left", "a"), "\"reason\":\"left\""));
    assert_null(component(scene, "member/a"));
    assert_string_equal(member(scene, "member_left", "a"), "");
}

static void test_a_snapshot_says_what_is_up_and_down(void **state)
{
    scene_t *scene = *state;
    service(scene, "service_appeared", "1.1.1.1", 1);
    service(scene, "service_appeared", "1.1.1.1", 2);
    service(scene, "service_gone", "1.1.1.1", 2);
    vd_write_map(&scene->content, 1);
    vd_write_text(&scene->content, "services");
    vd_write_array(&scene->content, 2);
    write_service(&scene->content, "1.1.1.1", 2);
    write_service(&scene->content, "1.1.1.1", 3);
    give(scene, NULL);
    assert_int_equal(scene->bench.turn.count, 3);
    assert_false(component(scene, "service/local/tcp/1.1.1.1:1")->up);
    assert_true(component(scene, "service/local/tcp/1.1.1.1:2")->up);
    assert_true(component(scene, "service/local/tcp/1.1.1.1:3")->up);
    assert_non_null(strstr((const char *)scene->text.data, "\"reason\":\"snapshot\""));
}

static void test_a_snapshot_of_a_cluster(void **state)
{
    scene_t *scene = *state;
    member(scene, "member_joined", "a");
    member(scene, "member_joined", "b");
    vd_write_map(&scene->content, 2);
    vd_write_text(&scene->content, "leader");
    vd_write_nil(&scene->content);
    vd_write_text(&scene->content, "members");
    vd_write_array(&scene->content, 1);
    vd_write_map(&scene->content, 2);
    vd_write_pair_text(&scene->content, "name", "b");
    vd_write_pair_bool(&scene->content, "reachable", false);
    give(scene, NULL);
    assert_null(component(scene, "member/a"));
    assert_false(component(scene, "member/b")->up);
    assert_null(component(scene, "leader")); /* none was lost */
}

static void test_a_snapshot_of_something_else_fails(void **state)
{
    scene_t *scene = *state;
    vd_write_map(&scene->content, 0);
    vd_bench_input(&scene->bench, NULL, vd_buffer_view(&scene->content));
    assert_int_equal(vd_bench_turn(&scene->bench), VD_MALFORMED);
    assert_non_null(strstr(scene->bench.turn.text, "other"));
}

static void test_beyond_the_limit_nothing_new_is_found(void **state)
{
    scene_t *scene = *state;
    for (uint64_t port = 1; port <= 4; port++)
        service(scene, "service_appeared", "1.1.1.1", port);
    assert_null(component(scene, "service/local/tcp/1.1.1.1:4"));
    service(scene, "service_gone", "1.1.1.1", 2);
    assert_string_equal(give(scene, NULL), ""); /* a turn without an input */
    at(scene, 3700000);
    assert_non_null(strstr(give(scene, NULL), "\"reason\":\"forgotten\""));
    assert_non_null(strstr(service(scene, "service_appeared", "1.1.1.1", 4), "component_found"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_outage_is_as_long_as_it_was),
        TEST(test_a_cluster),
        TEST(test_a_snapshot_says_what_is_up_and_down),
        TEST(test_a_snapshot_of_a_cluster),
        TEST(test_a_snapshot_of_something_else_fails),
        TEST(test_beyond_the_limit_nothing_new_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_chain_observer.c: nodes that grow, fork, lag, fail and lie, as the observer chain tells it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "chain/chain.h"
#include "core/hash.h"
#include "laws/observer_fixture.h"

#include <stdio.h>
#include <stdlib.h>

enum { BLOCKS = 4000, NODES = 3, ROUNDS = 200, TEXT_MAX = 1 << 22 };

/* ---- a world of nodes ---- */

typedef struct world {
    vd_bench_t bench;
    uint32_t count;
    int32_t parent[BLOCKS];
    uint32_t height[BLOCKS];
    uint32_t head[NODES];
    bool silent[NODES];
    int32_t lie[NODES]; /* of this block the node tells another parent; -1: it does not lie */
    vd_buffer_t text;   /* what was told since it was cleared */
} world_t;

static const char *const names[NODES] = {"n0", "n1", "n2"};

static void id_of(uint32_t block, char id[65])
{
    snprintf(id, 65, "%016llx%048x", (unsigned long long)vd_hash_mix(block + 1), block);
}

static uint32_t grow(world_t *world, uint32_t on, uint32_t count)
{
    for (; count > 0; count--) {
        assert_true(world->count < BLOCKS);
        world->parent[world->count] = (int32_t)on;
        world->height[world->count] = world->height[on] + 1;
        on = world->count++;
    }
    return on;
}

static uint32_t ancestor(const world_t *world, uint32_t block, uint32_t height)
{
    while (world->height[block] > height)
        block = (uint32_t)world->parent[block];
    return block;
}

static void open_world(world_t *world, const char *toml)
{
    *world = (world_t){.count = 1, .parent = {-1}, .lie = {-1, -1, -1}};
    vd_bench_open(&world->bench, &vd_chain_observer, toml);
    vd_buffer_init(&world->text, TEXT_MAX);
    for (int node = 0; node < NODES; node++) {
        vd_buffer_t labels;
        vd_buffer_init(&labels, 256);
        vd_write_map(&labels, 2);
        vd_write_pair_text(&labels, "app", "chain");
        vd_write_pair_text(&labels, "reader", "hsd");
        vd_source_record_t source = {.name = vd_str(names[node]),
                                     .adapter = vd_str("http"),
                                     .address = vd_str("http://127.0.0.1:1"),
                                     .labels = vd_buffer_view(&labels),
                                     .inc = 1};
        vd_bench_source(&world->bench, &source);
        vd_buffer_free(&labels);
    }
}

static void close_world(world_t *world)
{
    vd_buffer_free(&world->text);
    vd_bench_close(&world->bench);
}

static void show_heads(world_t *world)
{
    for (int node = 0; node < NODES; node++) {
        char id[65], text[256];
        id_of(world->head[node], id);
        snprintf(
            text, sizeof text,
            "{\"network\":\"regtest\",\"chain\":{\"height\":%u,\"tip\":\"%s\",\"progress\":1}}",
            world->height[world->head[node]], id);
        vd_bench_put_of(&world->bench, names[node], "get", "/",
                        world->silent[node] ? "timed_out" : "ok",
                        world->silent[node] ? vd_str("") : vd_str(text));
    }
}

/* What the node answers to a header that is asked for by id or height. */
static void answer(world_t *world, const vd_read_record_t *read)
{
    char target[128], id[65], parent[65], text[512] = "";
    int node = read->source.data[1] - '0';
    uint32_t block = world->count;
    vd_str_copy(target, sizeof target, read->target);
    assert_memory_equal(target, "/header/", 8);
    if (strlen(target) == 8 + 64) {
        for (block = 0; block < world->count; block++) {
            id_of(block, id);
            if (strcmp(id, target + 8) == 0)
                break;
        }
    } else if ((uint32_t)atoi(target + 8) <= world->height[world->head[node]]) {
        block = ancestor(world, world->head[node], (uint32_t)atoi(target + 8));
    }
    if (block < world->count) {
        id_of(block, id);
        id_of(world->parent[block] < 0 ? BLOCKS : (uint32_t)world->parent[block], parent);
        if (world->lie[node] == (int32_t)block)
            id_of(BLOCKS + 1, parent);
        snprintf(text, sizeof text,
                 "{\"hash\":\"%s\",\"height\":%u,\"prevBlock\":\"%s\",\"time\":1,\"bits\":1}", id,
                 world->height[block], parent);
    }
    vd_bench_answer(&world->bench, read, world->silent[node] ? "timed_out" : "ok",
                    world->silent[node] ? vd_str("") : vd_str(text));
}

/* One turn with the newest heads; its reads are answered. Was there anything to do? */
static bool step(world_t *world)
{
    vd_bench_t *bench = &world->bench;
    vd_buffer_t text, reads;
    vd_read_record_t read;
    vd_buffer_init(&text, TEXT_MAX);
    vd_buffer_init(&reads, 1 << 20);
    show_heads(world);
    assert_int_equal(vd_bench_turn(bench), VD_OK);
    const char *told = vd_bench_text(bench, &text);
    vd_buffer_add(&world->text, told, strlen(told));
    vd_buffer_add(&reads, bench->turn.reads.data, bench->turn.reads.size);
    bool busy = bench->turn.count > 0 || reads.size > 0;
    vd_bench_commit(bench);
    vd_bytes_t rest = vd_buffer_view(&reads);
    while (vd_bench_next_read(&rest, &read))
        answer(world, &read);
    vd_buffer_free(&text);
    vd_buffer_free(&reads);
    return busy;
}

/* Goes on until nothing is told any longer; returns what was. */
static const char *settle(world_t *world)
{
    vd_buffer_clear(&world->text);
    for (int quiet = 0, round = 0; quiet < 3; round++) {
        if (round == ROUNDS)
            fail_msg("no end in sight: %.*s", 2000, (const char *)world->text.data);
        quiet = step(world) ? 0 : quiet + 1;
    }
    vd_buffer_add(&world->text, "", 1);
    assert_false(world->text.full);
    return (const char *)world->text.data;
}

static uint32_t times(const char *text, const char *part)
{
    uint32_t count = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        count++;
    return count;
}

static const vd_watched_chain_t *state_of(const world_t *world)
{
    return world->bench.state;
}

static void expect_heads(const world_t *world)
{
    for (int node = 0; node < NODES; node++) {
        char id[65];
        const vd_chain_node_t *known = vd_chain_node(&state_of(world)->nodes, vd_str(names[node]));
        id_of(world->head[node], id);
        if (world->silent[node] || world->lie[node] >= 0)
            continue;
        assert_non_null(known);
        assert_string_equal(known->head, id);
    }
}

/* What the events say is the state, from the start and from any stored state on. */
static void expect_lawful(const world_t *world)
{
    const vd_bench_t *bench = &world->bench;
    vd_buffer_t first, second;
    vd_buffer_init(&first, TEXT_MAX);
    vd_buffer_init(&second, TEXT_MAX);
    bench->observer->save(bench->state, &first);
    for (int loaded = 0; loaded < 2; loaded++) {
        void *fresh = vd_bench_fresh(bench);
        if (loaded)
            assert_int_equal(bench->observer->load(fresh, vd_buffer_view(&first)), VD_OK);
        else
            vd_bench_apply(bench->observer, fresh, vd_buffer_view(&bench->log));
        vd_buffer_clear(&second);
        bench->observer->save(fresh, &second);
        assert_true(vd_bytes_equal(vd_buffer_view(&first), vd_buffer_view(&second)));
        bench->observer->destroy(&fresh);
    }
    vd_buffer_free(&first);
    vd_buffer_free(&second);
}

/* ---- stories ---- */

static void all_at(world_t *world, uint32_t block)
{
    for (int node = 0; node < NODES; node++)
        world->head[node] = block;
}

static void catches_up_parents_first(void **state)
{
    (void)state;
    static world_t world;
    open_world(&world, "[observers.chain]\nhistory = 100\n");
    all_at(&world, grow(&world, 0, 300));
    const char *told = settle(&world);
    assert_int_equal(times(told, "block_discovered"), 101);
    assert_int_equal(times(told, "head_changed"), NODES);
    assert_int_equal(times(told, "reorg"), 0);
    assert_int_equal(times(told, "refused"), 0);
    const vd_graph_t *graph = state_of(&world)->graph;
    assert_int_equal(vd_graph_height(graph, vd_graph_root(graph)), 200);
    expect_heads(&world);
    all_at(&world, grow(&world, world.head[0], 500));
    told = settle(&world);
    assert_int_equal(times(told, "block_discovered"), 500);
    assert_int_equal(times(told, "reorg"), 0);
    expect_heads(&world);
    expect_lawful(&world);
    close_world(&world);
}

static void tells_reorganizations_of_every_depth(void **state)
{
    (void)state;
    static world_t world;
    char part[128], id[65];
    open_world(&world, "[observers.chain]\nhistory = 100\nconfirmations = 60\n");
    all_at(&world, grow(&world, 0, 150));
    settle(&world);
    for (uint32_t depth = 1; depth <= 40; depth += depth < 20 ? 1 : 10) {
        uint32_t old = world.head[0];
        uint32_t fork = ancestor(&world, old, world.height[old] - depth);
        all_at(&world, grow(&world, fork, depth + 1));
        const char *told = settle(&world);
        id_of(fork, id);
        snprintf(part, sizeof part, "\"fork_point\":\"%s\",\"depth\":%u,", id, depth);
        assert_int_equal(times(told, "reorg "), NODES);
        assert_int_equal(times(told, part), NODES);
        assert_int_equal(times(told, "block_discovered"), depth + 1);
        expect_heads(&world);
    }
    expect_lawful(&world);
    close_world(&world);
}

/* A head that was left before its header came is told all the same. */
static void tells_heads_that_were_left_at_once(void **state)
{
    (void)state;
    static world_t world;
    open_world(&world, "[observers.chain]\nhistory = 100\n");
    all_at(&world, grow(&world, 0, 20));
    settle(&world);
    uint32_t first = grow(&world, ancestor(&world, world.head[0], 17), 4);
    uint32_t second = grow(&world, ancestor(&world, first, 20), 3);
    world.head[0] = first;
    step(&world);
    world.head[0] = second;
    const char *told = settle(&world);
    assert_int_equal(times(told, "reorg "), 2);
    assert_int_equal(times(told, "\"depth\":3"), 1);
    assert_int_equal(times(told, "\"depth\":1"), 1);
    expect_heads(&world);
    expect_lawful(&world);
    close_world(&world);
}

/* A node goes back block by block before it goes on, and may be seen at each of these steps. */
static void tells_the_whole_depth_of_one_that_is_seen_on_its_way(void **state)
{
    (void)state;
    static world_t world;
    open_world(&world, "[observers.chain]\nhistory = 100\n");
    all_at(&world, grow(&world, 0, 30));
    settle(&world);
    uint32_t old = world.head[0], other = grow(&world, ancestor(&world, old, 20), 11);
    world.head[1] = other;
    settle(&world);
    for (uint32_t height = 29; height >= 20; height -= 3) {
        world.head[0] = ancestor(&world, old, height);
        assert_int_equal(times(settle(&world), "reorg "), 0);
    }
    world.head[0] = ancestor(&world, other, 23);
    const char *told = settle(&world);
    assert_int_equal(times(told, "reorg "), 1);
    assert_int_equal(times(told, "\"depth\":10,"), 1);
    expect_lawful(&world);
    world.head[0] = other;
    assert_int_equal(times(settle(&world), "reorg "), 0);
    /* Who went back and returns has reorganized nothing, nor has who goes on from there. */
    world.head[0] = ancestor(&world, other, 25);
    settle(&world);
    expect_lawful(&world);
    world.head[0] = grow(&world, other, 2);
    assert_int_equal(times(settle(&world), "reorg "), 0);
    world.head[0] = grow(&world, ancestor(&world, other, 30), 3);
    told = settle(&world);
    assert_int_equal(times(told, "\"depth\":3,"), 1);
    expect_heads(&world);
    expect_lawful(&world);
    close_world(&world);
}

static void names_who_lags_and_who_fails_hides_nothing(void **state)
{
    (void)state;
    static world_t world;
    open_world(&world, "[observers.chain]\nhistory = 600\n");
    all_at(&world, grow(&world, 0, 20));
    settle(&world);
    world.head[0] = grow(&world, world.head[0], 500);
    world.silent[2] = true;
    const char *told = settle(&world);
    assert_int_equal(times(told, "node_lagging"), 1);
    assert_int_equal(times(told, "\"node\":\"n1\",\"height\":20,\"best\":520,\"behind\":500"), 1);
    assert_int_equal(times(told, "block_discovered"), 500);
    world.head[1] = ancestor(&world, world.head[0], 300);
    world.silent[2] = false;
    world.head[2] = world.head[0];
    told = settle(&world);
    assert_int_equal(times(told, "reorg"), 0);
    assert_int_equal(times(told, "node_lagging"), 0);
    world.head[1] = world.head[0];
    told = settle(&world);
    assert_int_equal(times(told, "node_caught_up"), 1);
    /* Back on its own branch is no reorganization. */
    world.head[1] = ancestor(&world, world.head[0], 515);
    told = settle(&world);
    assert_int_equal(times(told, "head_changed"), 1);
    assert_int_equal(times(told, "reorg"), 0);
    vd_bench_drop(&world.bench, "n2");
    told = settle(&world);
    assert_int_equal(times(told, "node_removed"), 1);
    expect_lawful(&world);
    close_world(&world);
}

static void names_who_lies(void **state)
{
    (void)state;
    static world_t world;
    open_world(&world, "[observers.chain]\nhistory = 50\n");
    all_at(&world, grow(&world, 0, 20));
    world.silent[2] = true;
    settle(&world);
    world.head[0] = world.head[1] = grow(&world, world.head[0], 10);
    settle(&world);
    /* The last one comes, and tells another parent of a block that is known. */
    world.silent[2] = false;
    world.head[2] = grow(&world, world.head[0], 5);
    world.lie[2] = (int32_t)ancestor(&world, world.head[2], 28);
    const char *told = settle(&world);
    assert_int_equal(times(told, "node_refused"), 1);
    assert_int_equal(times(told, "\"node\":\"n2\",\"block\":"), 1);
    assert_int_equal(times(told, "\"reason\":\"changed\""), 1);
    expect_heads(&world);
    expect_lawful(&world);
    close_world(&world);
}

static void forgets_what_is_long_final(void **state)
{
    (void)state;
    static world_t world;
    open_world(&world, "[observers.chain]\nhistory = 40\nconfirmations = 10\n");
    all_at(&world, grow(&world, 0, 30));
    settle(&world);
    for (uint32_t round = 0; round < 60; round++) {
        all_at(&world, grow(&world, world.head[0], 25));
        const char *told = settle(&world);
        assert_true(times(told, "finality_advanced") >= 1);
        assert_true(vd_graph_count(state_of(&world)->graph) <= 40 + 10 + 10 + 25 + 2);
    }
    const vd_chain_nodes_t *nodes = &state_of(&world)->nodes;
    assert_int_equal(nodes->final_height, world.height[world.head[0]] - 10);
    expect_lawful(&world);
    close_world(&world);
}

static void ask(const world_t *world, const char *name, uint32_t a, uint32_t b,
                const char *expected)
{
    char id[65];
    vd_buffer_t args, out, text;
    vd_buffer_init(&args, 1024);
    vd_buffer_init(&out, 65536);
    vd_buffer_init(&text, 65536);
    vd_write_array(&args, 2);
    id_of(a, id);
    vd_write_text(&args, id);
    id_of(b, id);
    vd_write_text(&args, id);
    assert_int_equal(vd_chain_query(world->bench.state, world->bench.samples, vd_str(name),
                                    vd_buffer_view(&args), &out),
                     VD_OK);
    vd_value_json(&text, vd_buffer_view(&out));
    vd_buffer_add(&text, "", 1);
    if (!strstr((const char *)text.data, expected))
        fail_msg("%s is not in %s", expected, (const char *)text.data);
    vd_buffer_free(&args);
    vd_buffer_free(&out);
    vd_buffer_free(&text);
}

static void answers_questions_about_the_graph(void **state)
{
    (void)state;
    static world_t world;
    char id[65];
    vd_buffer_t out;
    open_world(&world, "[observers.chain]\n");
    uint32_t fork = grow(&world, 0, 10), left = grow(&world, fork, 3),
             right = grow(&world, fork, 5);
    world.head[0] = left;
    world.head[1] = world.head[2] = right;
    settle(&world);
    id_of(fork, id);
    ask(&world, "common", left, right, id);
    ask(&world, "path", left, right, "\"depth\":3");
    ask(&world, "ancestor", fork, right, "true");
    ask(&world, "ancestor", left, right, "false");
    vd_buffer_init(&out, 65536);
    assert_int_equal(vd_chain_query(world.bench.state, world.bench.samples, vd_str("path"),
                                    vd_bytes("\x90", 1), &out),
                     VD_USAGE);
    assert_int_equal(vd_chain_query(world.bench.state, world.bench.samples, vd_str("path"),
                                    vd_bytes("\x92\xa1x\xa1y", 5), &out),
                     VD_NOT_FOUND);
    vd_chain_view(world.bench.state, world.bench.samples, &out);
    assert_int_equal(vd_scan_exact(vd_buffer_view(&out), VD_DEPTH_MAX), VD_OK);
    vd_buffer_free(&out);
    close_world(&world);
}

/* Nodes that grow, fork, hang and come back as they like: they end up where they are. */
static void follows_random_histories(void **state)
{
    (void)state;
    static world_t world;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        uint64_t random = seed;
        open_world(&world, "[observers.chain]\nhistory = 100\nconfirmations = 40\n");
        all_at(&world, grow(&world, 0, 30));
        for (uint32_t move = 0; move < 60; move++) {
            uint64_t draw = vd_hash_mix(random += UINT64_C(0x9e3779b97f4a7c15));
            uint32_t node = (uint32_t)(draw % NODES), other = (uint32_t)((draw >> 8) % NODES);
            uint32_t head = world.head[node], back = (uint32_t)((draw >> 16) % 6);
            uint32_t height = world.height[head] > back ? world.height[head] - back : 0;
            if ((draw >> 24) % 4 == 0)
                world.head[node] = world.head[other];
            else
                world.head[node] =
                    grow(&world, ancestor(&world, head, height), back + 1 + (draw >> 32) % 5);
            world.silent[node] = (draw >> 40) % 8 == 0;
            step(&world);
        }
        memset(world.silent, 0, sizeof world.silent);
        settle(&world);
        assert_int_equal(times((const char *)world.text.data, "refused"), 0);
        expect_heads(&world);
        expect_lawful(&world);
        close_world(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(catches_up_parents_first),
        cmocka_unit_test(tells_reorganizations_of_every_depth),
        cmocka_unit_test(tells_heads_that_were_left_at_once),
        cmocka_unit_test(tells_the_whole_depth_of_one_that_is_seen_on_its_way),
        cmocka_unit_test(names_who_lags_and_who_fails_hides_nothing),
        cmocka_unit_test(names_who_lies),
        cmocka_unit_test(forgets_what_is_long_final),
        cmocka_unit_test(answers_questions_about_the_graph),
        cmocka_unit_test(follows_random_histories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

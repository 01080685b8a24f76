/* test_graph.c: the graph of blocks answers as a naive one does, over random histories, and refuses
 * what strangers make up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "chainkit/graph.h"
#include "core/hash.h"

#include <stdio.h>
#include <stdlib.h>

enum { HISTORIES = 60, BLOCKS = 400, QUESTIONS = 200 };

static const vd_graph_limits_t limits = {
    .blocks_max = 4096, .orphans_max = 64, .orphans_per_source_max = 32};
static const vd_graph_limits_t wide = {
    .blocks_max = 4096, .orphans_max = 1024, .orphans_per_source_max = 512};

/* ---- claims by hand ---- */

static vd_verdict_t claim(vd_graph_t *graph, const char *id, const char *parent, uint64_t height,
                          const char *source)
{
    return vd_graph_add(graph,
                        &(vd_graph_claim_t){vd_str(id), vd_str(parent), height, vd_str(source)});
}

static vd_graph_t *planted(const char *id, uint64_t height)
{
    vd_graph_t *graph = vd_graph_new(&limits);
    assert_non_null(graph);
    vd_graph_claim_t root = {vd_str(id), vd_str(""), height, vd_str("n1")};
    assert_int_equal(vd_graph_plant(graph, &root), VD_VERDICT_ADDED);
    return graph;
}

static void brings_orphans_in_behind_their_parent(void **state)
{
    (void)state;
    size_t count;
    vd_graph_wish_t wish[4];
    vd_graph_t *graph = planted("r", 10);
    assert_int_equal(claim(graph, "c", "b", 13, "n1"), VD_VERDICT_ORPHAN);
    assert_int_equal(claim(graph, "c", "b", 13, "n1"), VD_VERDICT_KNOWN);
    assert_int_equal(claim(graph, "d", "c", VD_HEIGHT_UNKNOWN, "n2"), VD_VERDICT_ORPHAN);
    assert_int_equal(vd_graph_wishes(graph, wish, 4), 1);
    assert_true(vd_str_is(wish[0].id, "b") && wish[0].height == 12);
    assert_true(vd_str_is(wish[0].source, "n1"));
    assert_int_equal(claim(graph, "b", "a", 12, "n1"), VD_VERDICT_ORPHAN);
    assert_int_equal(vd_graph_wishes(graph, wish, 4), 1);
    assert_true(vd_str_is(wish[0].id, "a"));
    assert_int_equal(claim(graph, "a", "r", 11, "n2"), VD_VERDICT_ADDED);
    const uint32_t *added = vd_graph_added(graph, &count);
    assert_int_equal(count, 4);
    for (size_t at = 0; at < count; at++)
        assert_true(vd_str_is(vd_graph_id(graph, added[at]), (const char[]){"abcd"[at], 0}));
    assert_int_equal(vd_graph_height(graph, added[3]), 14);
    assert_true(vd_str_is(vd_graph_source(graph, added[0]), "n2"));
    assert_int_equal(vd_graph_orphan_count(graph), 0);
    assert_int_equal(vd_graph_wishes(graph, wish, 4), 0);
    vd_graph_destroy(&graph);
}

static void refuses_what_cannot_be(void **state)
{
    (void)state;
    char long_id[VD_NAME_BYTES_MAX + 2];
    memset(long_id, 'a', sizeof long_id - 1);
    long_id[sizeof long_id - 1] = 0;
    vd_graph_t *graph = planted("r", 10);
    assert_int_equal(claim(graph, "a", "r", 11, "n1"), VD_VERDICT_ADDED);
    assert_int_equal(claim(graph, "b", "a", 12, "n1"), VD_VERDICT_ADDED);
    uint64_t serial = vd_graph_serial(graph, vd_graph_find(graph, vd_str("b")));
    static const struct {
        const char *id, *parent;
        uint64_t height;
        vd_verdict_t verdict;
    } cases[] = {
        {"x", "x", 12, VD_VERDICT_CYCLE},
        {"x", "a", 13, VD_VERDICT_WRONG_HEIGHT},
        {"x", "a", 0, VD_VERDICT_WRONG_HEIGHT},
        {"b", "r", 12, VD_VERDICT_CHANGED},
        {"b", "a", 13, VD_VERDICT_CHANGED},
        {"b", "unknown", VD_HEIGHT_UNKNOWN, VD_VERDICT_CHANGED},
        {"r", "b", 13, VD_VERDICT_CHANGED},
        {"r", "anything", 10, VD_VERDICT_KNOWN},
        {"x", "unknown", 10, VD_VERDICT_BELOW},
        {"x", "unknown", 3, VD_VERDICT_BELOW},
        {"x", "a", VD_HEIGHT_MAX + 1, VD_VERDICT_BAD_CLAIM},
        {"", "a", 12, VD_VERDICT_BAD_CLAIM},
        {"x", "", 12, VD_VERDICT_BAD_CLAIM},
        {"b", "a", 12, VD_VERDICT_KNOWN},
        {"b", "a", VD_HEIGHT_UNKNOWN, VD_VERDICT_KNOWN},
    };
    for (size_t at = 0; at < sizeof cases / sizeof cases[0]; at++) {
        vd_verdict_t verdict =
            claim(graph, cases[at].id, cases[at].parent, cases[at].height, "liar");
        if (verdict != cases[at].verdict)
            fail_msg("case %zu: %s", at, vd_verdict_name(verdict));
    }
    assert_int_equal(claim(graph, long_id, "a", 12, "n1"), VD_VERDICT_BAD_CLAIM);
    assert_int_equal(claim(graph, "x", long_id, 12, "n1"), VD_VERDICT_BAD_CLAIM);
    assert_int_equal(vd_graph_count(graph), 3);
    assert_int_equal(vd_graph_orphan_count(graph), 0);
    assert_true(vd_graph_is(graph, vd_graph_find(graph, vd_str("b")), serial));
    vd_graph_destroy(&graph);
}

/* Rings among orphans, with heights and without. */
static void refuses_rings(void **state)
{
    (void)state;
    vd_graph_t *graph = planted("r", 10);
    assert_int_equal(claim(graph, "a", "b", VD_HEIGHT_UNKNOWN, "liar"), VD_VERDICT_ORPHAN);
    assert_int_equal(claim(graph, "b", "c", VD_HEIGHT_UNKNOWN, "liar"), VD_VERDICT_ORPHAN);
    assert_int_equal(claim(graph, "c", "a", VD_HEIGHT_UNKNOWN, "liar"), VD_VERDICT_CYCLE);
    assert_int_equal(claim(graph, "k", "l", 20, "liar"), VD_VERDICT_ORPHAN);
    assert_int_equal(claim(graph, "l", "k", 19, "liar"), VD_VERDICT_CYCLE);
    assert_int_equal(claim(graph, "l", "m", 20, "liar"), VD_VERDICT_WRONG_HEIGHT);
    assert_int_equal(claim(graph, "n", "k", 20, "liar"), VD_VERDICT_WRONG_HEIGHT);
    /* A ring of two sources: nobody is caught, and nobody is hidden. */
    assert_int_equal(claim(graph, "c", "a", VD_HEIGHT_UNKNOWN, "other"), VD_VERDICT_ORPHAN);
    assert_int_equal(claim(graph, "c", "r", 11, "honest"), VD_VERDICT_ADDED);
    assert_int_equal(vd_graph_count(graph), 4); /* r, c, b, a */
    vd_graph_destroy(&graph);
}

/* The lie of one source about a block is told when the block is known, and hides nothing. */
static void names_those_who_lied_of_a_block(void **state)
{
    (void)state;
    size_t count;
    vd_graph_t *graph = planted("r", 10);
    assert_int_equal(claim(graph, "c", "elsewhere", 13, "liar"), VD_VERDICT_ORPHAN);
    assert_int_equal(claim(graph, "b", "a", 40, "liar"), VD_VERDICT_ORPHAN);
    assert_int_equal(claim(graph, "c", "b", 13, "honest"), VD_VERDICT_ORPHAN);
    assert_int_equal(claim(graph, "b", "a", 12, "honest"), VD_VERDICT_ORPHAN);
    assert_int_equal(claim(graph, "a", "r", 11, "honest"), VD_VERDICT_ADDED);
    assert_int_equal(vd_graph_count(graph), 4);
    const vd_graph_refusal_t *refused = vd_graph_refused(graph, &count);
    assert_int_equal(count, 2);
    for (size_t at = 0; at < count; at++)
        assert_string_equal(refused[at].source, "liar");
    assert_int_equal(refused[0].verdict, VD_VERDICT_WRONG_HEIGHT);
    assert_int_equal(refused[1].verdict, VD_VERDICT_CHANGED);
    vd_graph_destroy(&graph);
}

/* What stands on a block that can never be in the graph goes, but only what the same source said. */
static void drops_what_stands_below_the_root(void **state)
{
    (void)state;
    size_t count;
    vd_graph_t *graph = planted("r", 10);
    assert_int_equal(claim(graph, "z", "y", 12, "old"), VD_VERDICT_ORPHAN);
    assert_int_equal(claim(graph, "y", "x", 11, "old"), VD_VERDICT_ORPHAN);
    assert_int_equal(claim(graph, "y", "x", 11, "other"), VD_VERDICT_ORPHAN);
    assert_int_equal(claim(graph, "x", "w", 10, "old"), VD_VERDICT_BELOW);
    const vd_graph_refusal_t *refused = vd_graph_refused(graph, &count);
    assert_int_equal(count, 2);
    assert_true(refused[0].verdict == VD_VERDICT_BELOW && refused[1].verdict == VD_VERDICT_BELOW);
    assert_int_equal(vd_graph_orphan_count(graph), 1);
    vd_graph_destroy(&graph);
}

static void keeps_its_bounds(void **state)
{
    (void)state;
    char id[32], parent[32];
    uint32_t kept = 0;
    vd_graph_t *graph = planted("r", 0);
    for (uint32_t at = 0; at < 200; at++) {
        snprintf(id, sizeof id, "flood%u", at);
        snprintf(parent, sizeof parent, "nothing%u", at);
        vd_verdict_t verdict = claim(graph, id, parent, 100 + at, "flooder");
        assert_true(verdict == VD_VERDICT_ORPHAN || verdict == VD_VERDICT_CROWDED);
        kept += verdict == VD_VERDICT_ORPHAN;
    }
    assert_int_equal(kept, limits.orphans_per_source_max);
    assert_int_equal(claim(graph, "b", "a", 2, "honest"), VD_VERDICT_ORPHAN);
    assert_int_equal(claim(graph, "a", "r", 1, "honest"), VD_VERDICT_ADDED);
    snprintf(parent, sizeof parent, "b");
    for (uint64_t height = 3; vd_graph_count(graph) < limits.blocks_max; height++) {
        snprintf(id, sizeof id, "block%u", (unsigned)height);
        assert_int_equal(claim(graph, id, parent, height, "honest"), VD_VERDICT_ADDED);
        snprintf(parent, sizeof parent, "%s", id);
    }
    assert_int_equal(claim(graph, "over", "r", 1, "honest"), VD_VERDICT_FULL);
    uint32_t best = vd_graph_best(graph);
    vd_graph_prune(graph, vd_graph_ancestor_at(graph, best, 1000));
    assert_int_equal(vd_graph_count(graph), limits.blocks_max - 1000);
    assert_int_equal(vd_graph_orphan_count(graph), 0);
    assert_int_equal(claim(graph, "over", parent, VD_HEIGHT_UNKNOWN, "honest"), VD_VERDICT_ADDED);
    assert_int_equal(claim(graph, "a", "r", 1, "honest"), VD_VERDICT_BELOW);
    vd_graph_destroy(&graph);
}

/* ---- against a naive graph ---- */

typedef struct naive {
    uint32_t count, root;
    int32_t parent[BLOCKS];
    bool in[BLOCKS];
    uint32_t place[BLOCKS]; /* when it came in */
} naive_t;

static uint64_t seed_next(uint64_t *seed)
{
    return vd_hash_mix(*seed += UINT64_C(0x9e3779b97f4a7c15));
}

static void name_of(uint32_t block, char id[65], bool hex)
{
    if (hex)
        snprintf(id, 65, "%016llx%08x", (unsigned long long)vd_hash_mix(block + 1), block);
    else
        snprintf(id, 65, "Block-%u", block);
}

static uint64_t naive_height(const naive_t *naive, uint32_t block)
{
    uint64_t height = 0;
    for (int32_t at = naive->parent[block]; at >= 0; at = naive->parent[at])
        height++;
    return height;
}

static bool naive_descends(const naive_t *naive, uint32_t above, uint32_t block)
{
    for (int32_t at = (int32_t)above; at >= 0; at = naive->parent[at])
        if ((uint32_t)at == block)
            return true;
    return false;
}

static uint32_t naive_fork(const naive_t *naive, uint32_t a, uint32_t b)
{
    for (int32_t at = (int32_t)a; at >= 0; at = naive->parent[at])
        if (naive_descends(naive, b, (uint32_t)at))
            return (uint32_t)at;
    fail_msg("no common ancestor");
    return 0;
}

/* A tree with long lines and forks of every depth. */
static void grow(naive_t *naive, uint64_t *seed)
{
    *naive = (naive_t){.count = BLOCKS};
    naive->parent[0] = -1;
    for (uint32_t at = 1; at < BLOCKS; at++) {
        uint64_t draw = seed_next(seed);
        uint32_t back = draw % 10 < 8 ? 1 : 1 + (uint32_t)(draw >> 8) % (at < 30 ? at : 30);
        naive->parent[at] = (int32_t)(at - back);
    }
}

static uint32_t handle_of(const vd_graph_t *graph, uint32_t block, bool hex)
{
    char id[65];
    name_of(block, id, hex);
    return vd_graph_find(graph, vd_str(id));
}

static vd_verdict_t claim_block(vd_graph_t *graph, const naive_t *naive, uint32_t block, bool hex,
                                uint64_t draw)
{
    char id[65], parent[65] = "", source[8];
    name_of(block, id, hex);
    if (naive->parent[block] >= 0)
        name_of((uint32_t)naive->parent[block], parent, hex);
    snprintf(source, sizeof source, "n%u", (unsigned)(draw % 3));
    vd_graph_claim_t said = {vd_str(id), vd_str(parent),
                             draw & 8 ? VD_HEIGHT_UNKNOWN : 5 + naive_height(naive, block),
                             vd_str(source)};
    if (naive->parent[block] < 0) {
        said.height = 5;
        return vd_graph_plant(graph, &said);
    }
    return vd_graph_add(graph, &said);
}

/* Adds blocks from..to in an order that is shuffled within a window, so that some wait. */
static void feed(vd_graph_t *graph, const naive_t *naive, uint32_t from, uint32_t to, bool hex,
                 uint64_t *seed)
{
    uint32_t order[BLOCKS];
    for (uint32_t at = from; at < to; at++)
        order[at] = at;
    for (uint32_t at = from; at + 1 < to; at++) {
        uint32_t other = at + (uint32_t)(seed_next(seed) % 12);
        if (other >= to || at == 0)
            continue;
        uint32_t swap = order[at];
        order[at] = order[other];
        order[other] = swap;
    }
    for (uint32_t at = from; at < to; at++) {
        vd_verdict_t verdict = claim_block(graph, naive, order[at], hex, seed_next(seed));
        assert_true(verdict == VD_VERDICT_ADDED || verdict == VD_VERDICT_ORPHAN);
    }
}

static void compare_pair(const vd_graph_t *graph, const naive_t *naive, uint32_t a, uint32_t b,
                         bool hex)
{
    uint32_t line[BLOCKS];
    uint32_t left = handle_of(graph, a, hex), right = handle_of(graph, b, hex);
    uint64_t a_height = naive_height(naive, a), b_height = naive_height(naive, b);
    assert_int_equal(vd_graph_height(graph, left), 5 + a_height);
    assert_true(vd_graph_descends(graph, left, right) == naive_descends(naive, a, b));
    uint32_t fork = naive_fork(naive, a, b);
    uint64_t height = naive_height(naive, fork);
    vd_graph_path_t path = vd_graph_path(graph, left, right);
    assert_int_equal(path.fork, handle_of(graph, fork, hex));
    assert_int_equal(path.removed, a_height - height);
    assert_int_equal(path.added, b_height - height);
    size_t count = vd_graph_line(graph, path.fork, right, line, BLOCKS);
    assert_int_equal(count, path.added);
    for (int32_t at = (int32_t)b; count > 0; at = naive->parent[at])
        assert_int_equal(line[--count], handle_of(graph, (uint32_t)at, hex));
    if (path.added > 1) {
        assert_int_equal(vd_graph_line(graph, path.fork, right, line, 1), 1);
        assert_int_equal(line[0], right);
    }
}

static void compare_tips(const vd_graph_t *graph, const naive_t *naive, bool hex)
{
    uint32_t tips[BLOCKS], expected = 0;
    bool has_child[BLOCKS] = {0};
    for (uint32_t at = 0; at < naive->count; at++)
        if (naive->in[at] && naive->parent[at] >= 0)
            has_child[naive->parent[at]] = true;
    for (uint32_t at = 0; at < naive->count; at++)
        expected += naive->in[at] && !has_child[at];
    size_t count = vd_graph_tips(graph, tips, BLOCKS);
    assert_int_equal(count, expected);
    for (size_t at = 0; at + 1 < count; at++) {
        uint64_t height = vd_graph_height(graph, tips[at]),
                 next = vd_graph_height(graph, tips[at + 1]);
        assert_true(height > next || (height == next && vd_graph_serial(graph, tips[at]) <
                                                            vd_graph_serial(graph, tips[at + 1])));
    }
    for (uint32_t at = 0; at < naive->count; at++) {
        bool is_tip = false;
        for (size_t tip = 0; naive->in[at] && tip < count; tip++)
            is_tip |= tips[tip] == handle_of(graph, at, hex);
        assert_true(is_tip == (naive->in[at] && !has_child[at]));
    }
    assert_int_equal(vd_graph_best(graph), tips[0]);
    uint32_t three[3];
    assert_int_equal(vd_graph_tips(graph, three, 3), count);
    for (size_t at = 0; at < 3 && at < count; at++)
        assert_int_equal(three[at], tips[at]);
}

static void compare(const vd_graph_t *graph, const naive_t *naive, bool hex, uint64_t *seed)
{
    uint32_t in = 0;
    for (uint32_t at = 0; at < naive->count; at++) {
        assert_true((handle_of(graph, at, hex) != VD_BLOCK_NONE) == naive->in[at]);
        in += naive->in[at];
    }
    assert_int_equal(vd_graph_count(graph), in);
    for (uint32_t asked = 0; asked < QUESTIONS; asked++) {
        uint32_t a = (uint32_t)(seed_next(seed) % naive->count);
        uint32_t b = (uint32_t)(seed_next(seed) % naive->count);
        if (naive->in[a] && naive->in[b])
            compare_pair(graph, naive, a, b, hex);
    }
    compare_tips(graph, naive, hex);
}

static void prune(vd_graph_t *graph, naive_t *naive, uint32_t root, bool hex)
{
    uint32_t count = 0;
    for (uint32_t at = 0; at < naive->count; at++)
        if (naive->in[at] && !naive_descends(naive, at, root)) {
            naive->in[at] = false;
            count++;
        }
    assert_int_equal(vd_graph_prune(graph, handle_of(graph, root, hex)), count);
}

/* A copy by save and load saves to the same bytes. */
static vd_graph_t *copy(const vd_graph_t *graph)
{
    vd_buffer_t first, second;
    vd_buffer_init(&first, 1 << 20);
    vd_buffer_init(&second, 1 << 20);
    vd_graph_save(graph, &first);
    assert_false(first.full);
    assert_int_equal(vd_scan_exact(vd_buffer_view(&first), VD_DEPTH_MAX), VD_OK);
    vd_graph_t *loaded = vd_graph_new(&wide);
    assert_int_equal(vd_graph_load(loaded, vd_buffer_view(&first)), VD_OK);
    vd_graph_save(loaded, &second);
    assert_true(vd_bytes_equal(vd_buffer_view(&first), vd_buffer_view(&second)));
    vd_buffer_free(&first);
    vd_buffer_free(&second);
    return loaded;
}

/* Both save to the same bytes. */
static void same_bytes(const vd_graph_t *a, const vd_graph_t *b)
{
    vd_buffer_t first, second;
    vd_buffer_init(&first, 1 << 20);
    vd_buffer_init(&second, 1 << 20);
    vd_graph_save(a, &first);
    vd_graph_save(b, &second);
    assert_true(vd_bytes_equal(vd_buffer_view(&first), vd_buffer_view(&second)));
    vd_buffer_free(&first);
    vd_buffer_free(&second);
}

/* A hundred thousand blocks of three nodes, with a fork each ten: that is within what a store keeps of
 * one observer. */
static void is_saved_in_little_more_than_its_ids(void **state)
{
    (void)state;
    enum { MANY = 100000 };
    static const vd_graph_limits_t large = {2 * MANY, 16, 8};
    char id[65], parent[65], last[65] = "";
    vd_buffer_t first, second;
    vd_graph_t *graph = vd_graph_new(&large), *loaded = vd_graph_new(&large);
    assert_true(graph && loaded);
    for (uint32_t at = 0; at < MANY; at++) {
        static const char *const names[] = {"node-0", "node-1", "node-2"};
        uint64_t random = vd_hash_mix(at + 1);
        snprintf(id, sizeof id, "%016llx%048x", (unsigned long long)random, at);
        vd_graph_claim_t one = {vd_str(id), vd_str(at % 10 == 9 ? last : parent),
                                at == 0 ? 7 : VD_HEIGHT_UNKNOWN, vd_str(names[at / 1000 % 3])};
        assert_int_equal(at == 0 ? vd_graph_plant(graph, &one) : vd_graph_add(graph, &one),
                         VD_VERDICT_ADDED);
        memcpy(last, parent, sizeof last);
        memcpy(parent, id, sizeof parent);
    }
    vd_buffer_init(&first, VD_STATE_BYTES_MAX);
    vd_buffer_init(&second, VD_STATE_BYTES_MAX);
    vd_graph_save(graph, &first);
    assert_true(!first.full && first.size < 34 * MANY);
    assert_int_equal(vd_graph_load(loaded, vd_buffer_view(&first)), VD_OK);
    assert_int_equal(vd_graph_count(loaded), MANY);
    vd_graph_save(loaded, &second);
    assert_true(vd_bytes_equal(vd_buffer_view(&first), vd_buffer_view(&second)));
    vd_buffer_free(&first);
    vd_buffer_free(&second);
    vd_graph_destroy(&graph);
    vd_graph_destroy(&loaded);
}

static void one_history(uint64_t seed)
{
    naive_t naive;
    bool hex = seed & 1;
    enum { HALF = BLOCKS / 2, LATER = BLOCKS * 3 / 4 };
    grow(&naive, &seed);
    vd_graph_t *graph = vd_graph_new(&wide);
    feed(graph, &naive, 0, HALF, hex, &seed);
    for (uint32_t at = 0; at < HALF; at++)
        naive.in[at] = true;
    compare(graph, &naive, hex, &seed);
    /* What lies over it answers for both, and changes nothing below. */
    vd_graph_t *before = copy(graph), *over = vd_graph_over(graph);
    uint64_t same = seed;
    feed(over, &naive, HALF, LATER, hex, &seed);
    for (uint32_t at = HALF; at < LATER; at++)
        naive.in[at] = true;
    compare(over, &naive, hex, &seed);
    vd_graph_destroy(&over);
    same_bytes(before, graph);
    feed(graph, &naive, HALF, LATER, hex, &same);
    compare(graph, &naive, hex, &seed);
    /* Pruned, and grown on: what was loaded goes the same way. */
    uint32_t best = vd_graph_best(graph), root = 0;
    uint64_t half = (vd_graph_height(graph, best) - 5) / 2;
    uint32_t kept = vd_graph_ancestor_at(graph, best, 5 + half);
    while (handle_of(graph, root, hex) != kept)
        root++;
    prune(graph, &naive, root, hex);
    compare(graph, &naive, hex, &seed);
    vd_graph_destroy(&before);
    vd_graph_t *loaded = copy(graph);
    for (uint32_t at = LATER; at < BLOCKS; at++) {
        if (!naive_descends(&naive, at, root))
            continue;
        uint64_t draw = seed_next(&seed);
        assert_int_equal(claim_block(graph, &naive, at, hex, draw), VD_VERDICT_ADDED);
        assert_int_equal(claim_block(loaded, &naive, at, hex, draw), VD_VERDICT_ADDED);
        naive.in[at] = true;
    }
    compare(graph, &naive, hex, &seed);
    compare(loaded, &naive, hex, &seed);
    same_bytes(graph, loaded);
    vd_graph_destroy(&graph);
    vd_graph_destroy(&loaded);
}

static void answers_as_a_naive_graph(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= HISTORIES; seed++)
        one_history(seed);
}

/* ---- stored graphs that are none ---- */

static void refuses_damaged_graphs(void **state)
{
    (void)state;
    uint64_t seed = 7;
    vd_buffer_t saved;
    vd_buffer_init(&saved, 1 << 20);
    naive_t naive;
    grow(&naive, &seed);
    vd_graph_t *graph = vd_graph_new(&wide);
    feed(graph, &naive, 0, 40, true, &seed);
    vd_graph_save(graph, &saved);
    vd_graph_destroy(&graph);
    uint32_t refused = 0;
    for (uint32_t at = 0; at < 4000; at++) {
        uint8_t *byte = &saved.data[seed_next(&seed) % saved.size], was = *byte;
        *byte = (uint8_t)seed_next(&seed);
        graph = vd_graph_new(&wide);
        bool scanned = vd_scan_exact(vd_buffer_view(&saved), VD_DEPTH_MAX) == VD_OK;
        if (!scanned || vd_graph_load(graph, vd_buffer_view(&saved)) != VD_OK)
            refused++;
        else
            assert_true(vd_graph_descends(graph, vd_graph_best(graph), vd_graph_root(graph)));
        vd_graph_destroy(&graph);
        *byte = was;
    }
    assert_true(refused > 100);
    vd_graph_limits_t small = limits;
    small.blocks_max = 39;
    graph = vd_graph_new(&small);
    assert_int_equal(vd_graph_load(graph, vd_buffer_view(&saved)), VD_TOO_LARGE);
    vd_graph_destroy(&graph);
    vd_buffer_free(&saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brings_orphans_in_behind_their_parent),
        cmocka_unit_test(refuses_what_cannot_be),
        cmocka_unit_test(refuses_rings),
        cmocka_unit_test(names_those_who_lied_of_a_block),
        cmocka_unit_test(drops_what_stands_below_the_root),
        cmocka_unit_test(keeps_its_bounds),
        cmocka_unit_test(answers_as_a_naive_graph),
        cmocka_unit_test(is_saved_in_little_more_than_its_ids),
        cmocka_unit_test(refuses_damaged_graphs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

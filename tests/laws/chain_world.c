/* chain_world.c: nodes of a made-up chain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "laws/chain_world.h"

#include "core/hash.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 4000, TEXT_BYTES = 1 << 23, ANSWER_BYTES = 1 << 16 };

const char *const world_names[WORLD_NODES] = {"n0", "n1", "n2"};

static const char *const readers[] = {"hsd", "logos", "logos"};

/* ---- the chain ---- */

void world_id(uint32_t block, char id[65])
{
    snprintf(id, 65, "%016llx%048x", (unsigned long long)vd_hash_mix(block + 1), block);
}

uint32_t world_grow(world_t *world, uint32_t on, uint32_t count)
{
    for (; count > 0; count--) {
        assert_true(world->count < WORLD_BLOCKS);
        world->parent[world->count] = (int32_t)on;
        world->height[world->count] = world->height[on] + 1;
        on = world->count++;
    }
    return on;
}

uint32_t world_at(const world_t *world, uint32_t block, uint32_t height)
{
    while (world->height[block] > height)
        block = (uint32_t)world->parent[block];
    return block;
}

void world_move(world_t *world, uint32_t node, uint32_t block)
{
    bool *has = world->nodes[node].has;
    world->nodes[node].head = block;
    for (int32_t at = (int32_t)block; at >= 0 && !has[at]; at = world->parent[at])
        has[at] = true;
}

void world_move_all(world_t *world, uint32_t block)
{
    for (uint32_t node = 0; node < WORLD_NODES; node++)
        world_move(world, node, block);
}

/* ---- opening ---- */

void world_open(world_t *world, const char *toml, form_t form)
{
    *world = (world_t){.count = 1, .parent = {-1}};
    vd_bench_open(&world->bench, &vd_chain_observer, toml);
    vd_buffer_init(&world->text, TEXT_BYTES);
    for (uint32_t node = 0; node < WORLD_NODES; node++) {
        vd_buffer_t labels;
        world->nodes[node].form = form;
        world->nodes[node].final = form == FORM_HSD ? -1 : 0;
        world_move(world, node, 0);
        vd_buffer_init(&labels, 256);
        vd_write_map(&labels, 2);
        vd_write_pair_text(&labels, "app", "chain");
        vd_write_pair_text(&labels, "reader", readers[form]);
        vd_source_record_t source = {.name = vd_str(world_names[node]),
                                     .adapter = vd_str("http"),
                                     .address = vd_str("http://127.0.0.1:1"),
                                     .labels = vd_buffer_view(&labels),
                                     .inc = 1};
        vd_bench_source(&world->bench, &source);
        vd_buffer_free(&labels);
    }
}

void world_close(world_t *world)
{
    vd_buffer_free(&world->text);
    vd_bench_close(&world->bench);
}

/* ---- what nodes say ---- */

static void say(vd_buffer_t *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(vd_buffer_t *out, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert_true(size >= 0 && (size_t)size < sizeof text);
    assert_true(vd_buffer_add(out, text, (size_t)size));
}

static void say_head(const world_t *world, const node_t *node, vd_buffer_t *out)
{
    char tip[65], final[65];
    world_id(node->head, tip);
    world_id(node->final < 0 ? 0 : (uint32_t)node->final, final);
    uint32_t height = world->height[node->head] + (node->lie == LIE_HEAD);
    if (node->form == FORM_HSD) {
        say(out,
            "{\"network\":\"regtest\",\"chain\":{\"height\":%u,\"tip\":\"%s\",\"progress\":%s}}",
            height, tip, node->syncing ? "0.5" : "1");
        return;
    }
    bool wrapped = node->form == FORM_LOGOS_NEW;
    say(out,
        "%s{\"lib\":\"%s\",\"lib_slot\":%u,\"tip\":\"%s\",\"slot\":%u,\"height\":%u,\"%s\":\"%s\"}",
        wrapped ? "{\"cryptarchia_info\":" : "", final, height / 2, tip, height, height,
        wrapped ? "state" : "mode", node->syncing ? "Bootstrapping" : "Online");
    if (wrapped)
        say(out, ",\"phase\":\"Running\"}");
}

void world_show(world_t *world)
{
    vd_buffer_t text;
    vd_buffer_init(&text, ANSWER_BYTES);
    for (uint32_t at = 0; at < WORLD_NODES; at++) {
        const node_t *node = &world->nodes[at];
        vd_buffer_clear(&text);
        if (!node->silent)
            say_head(world, node, &text);
        vd_bench_put_of(&world->bench, world_names[at], "get",
                        node->form == FORM_HSD ? "/" : "/cryptarchia/info",
                        node->silent ? "timed_out" : "ok", vd_buffer_view(&text));
    }
    vd_buffer_free(&text);
}

static uint32_t find(const world_t *world, const node_t *node, const char *id)
{
    char other[65];
    for (uint32_t block = 0; block < world->count; block++) {
        world_id(block, other);
        if (node->has[block] && strcmp(id, other) == 0)
            return block;
    }
    return WORLD_BLOCKS;
}

static uint32_t child_of(const world_t *world, const node_t *node, uint32_t block)
{
    for (uint32_t at = block + 1; at < world->count; at++)
        if (world->parent[at] == (int32_t)block && node->has[at])
            return at;
    return WORLD_BLOCKS + 1;
}

/* Nothing: there is none. */
static void say_block(const world_t *world, const node_t *node, uint32_t block, vd_buffer_t *out)
{
    char id[65], parent[65];
    bool lies = node->lie != LIE_NOTHING && block == node->lie_at;
    lie_t lie = lies ? node->lie : LIE_NOTHING;
    if (block == WORLD_BLOCKS || lie == LIE_MISSING)
        return;
    uint32_t above = world->parent[block] < 0 ? WORLD_BLOCKS : (uint32_t)world->parent[block];
    if (lie == LIE_PARENT)
        above = WORLD_BLOCKS + 1;
    else if (lie == LIE_RING)
        above = child_of(world, node, block);
    world_id(lie == LIE_HASH ? WORLD_BLOCKS + 2 : block, id);
    world_id(above, parent);
    if (above == WORLD_BLOCKS)
        memset(parent, '0', sizeof parent - 1);
    if (lie == LIE_GARBAGE)
        say(out, "{\"hash\":[[");
    else if (node->form == FORM_HSD)
        say(out, "{\"hash\":\"%s\",\"height\":%u,\"prevBlock\":\"%s\",\"time\":1,\"bits\":1}", id,
            world->height[block] + (lie == LIE_HEIGHT), parent);
    else
        say(out, "{\"header\":{\"parent_block\":\"%s\",\"slot\":%u},\"transactions\":[]}", parent,
            world->height[block]);
}

static void say_tips(const world_t *world, const node_t *node, vd_buffer_t *out)
{
    char id[65];
    say(out, "{\"result\":%s", node->lie == LIE_TIPS ? "17" : "[");
    for (uint32_t at = 0, count = 0; node->lie != LIE_TIPS && at < world->count; at++) {
        if (!node->has[at] || (at != node->head && child_of(world, node, at) < WORLD_BLOCKS))
            continue;
        world_id(at, id);
        say(out, "%s{\"height\":%u,\"hash\":\"%s\",\"branchlen\":0,\"status\":\"%s\"}",
            count++ ? "," : "", world->height[at], id,
            at == node->head ? "active" : "valid-headers");
    }
    say(out, "%s,\"error\":null,\"id\":null}", node->lie == LIE_TIPS ? "" : "]");
}

static void say_asked(const world_t *world, const node_t *node, const char *target,
                      vd_buffer_t *out)
{
    size_t size = strlen(target);
    uint32_t block = WORLD_BLOCKS;
    if (strcmp(target, "/") == 0) {
        say_tips(world, node, out);
        return;
    }
    if (size > 64)
        block = find(world, node, target + size - 64);
    else if ((uint32_t)atoi(strrchr(target, '/') + 1) <= world->height[node->head])
        block = world_at(world, node->head, (uint32_t)atoi(strrchr(target, '/') + 1));
    say_block(world, node, block, out);
}

void world_answer(world_t *world, const vd_read_record_t *read)
{
    char target[128];
    vd_buffer_t text;
    const node_t *node = &world->nodes[read->source.data[1] - '0'];
    vd_str_copy(target, sizeof target, read->target);
    vd_buffer_init(&text, ANSWER_BYTES);
    if (!node->silent)
        say_asked(world, node, target, &text);
    vd_bench_answer(&world->bench, read,
                    node->silent    ? "timed_out"
                    : text.size > 0 ? "ok"
                                    : "not_found",
                    vd_buffer_view(&text));
    vd_buffer_free(&text);
}

/* ---- going on ---- */

bool world_step(world_t *world)
{
    vd_bench_t *bench = &world->bench;
    vd_buffer_t text, reads;
    vd_read_record_t read;
    vd_buffer_init(&text, TEXT_BYTES);
    vd_buffer_init(&reads, 1 << 20);
    if (world->turns_per_read == 0 || world->turn++ % world->turns_per_read == 0)
        world_show(world);
    assert_int_equal(vd_bench_turn(bench), VD_OK);
    const char *told = vd_bench_text(bench, &text);
    vd_buffer_add(&world->text, told, strlen(told));
    vd_buffer_add(&reads, bench->turn.reads.data, bench->turn.reads.size);
    bool busy = bench->turn.count > 0 || reads.size > 0;
    vd_bench_commit(bench);
    vd_bytes_t rest = vd_buffer_view(&reads);
    while (vd_bench_next_read(&rest, &read)) {
        world->asked++;
        if (!world->no_answers)
            world_answer(world, &read);
    }
    vd_buffer_free(&text);
    vd_buffer_free(&reads);
    return busy;
}

const char *world_settle(world_t *world)
{
    vd_buffer_clear(&world->text);
    for (int quiet = 0, round = 0; quiet < 3; round++) {
        if (round == ROUNDS)
            fail_msg("no end in sight: %.*s", 2000, (const char *)world->text.data);
        quiet = world_step(world) ? 0 : quiet + 1;
    }
    vd_buffer_add(&world->text, "", 1);
    assert_false(world->text.full);
    return (const char *)world->text.data;
}

uint32_t world_times(const char *text, const char *part)
{
    uint32_t count = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        count++;
    return count;
}

const vd_watched_chain_t *world_state(const world_t *world)
{
    return world->bench.state;
}

void world_expect_heads(const world_t *world)
{
    for (uint32_t at = 0; at < WORLD_NODES; at++) {
        char id[65];
        const node_t *node = &world->nodes[at];
        const vd_chain_node_t *known =
            vd_chain_node(&world_state(world)->nodes, vd_str(world_names[at]));
        if (node->silent || node->lie != LIE_NOTHING)
            continue;
        world_id(node->head, id);
        assert_non_null(known);
        assert_string_equal(known->head, id);
    }
}

void world_expect_lawful(world_t *world)
{
    const vd_bench_t *bench = &world->bench;
    vd_buffer_t first, second;
    vd_buffer_init(&first, TEXT_BYTES);
    vd_buffer_init(&second, TEXT_BYTES);
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

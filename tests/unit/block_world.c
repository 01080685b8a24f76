/* block_world.c: blocks, nodes and their answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/block_world.h"

#include "core/hash.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 200, TEXT_MAX = 1 << 22 };

static const char *const names[WORLD_NODES] = {"n0", "n1", "n2", "n3"};

const char *vd_block_world_node(uint32_t node)
{
    assert_true(node < WORLD_NODES);
    return names[node];
}

void vd_block_id(uint32_t block, char id[WORLD_ID_SIZE])
{
    snprintf(id, WORLD_ID_SIZE, "%016llx%048x", (unsigned long long)vd_hash_mix(block + 1), block);
}

void vd_world_tx_id(uint32_t tx, char id[WORLD_ID_SIZE])
{
    snprintf(id, WORLD_ID_SIZE, "%016llx%048x", (unsigned long long)vd_hash_mix(tx + 777777), tx);
}

void vd_block_world_open(vd_block_world_t *self, const vd_observer_t *observer, const char *toml,
                         uint32_t nodes, const char *key, const char *const *words)
{
    *self = (vd_block_world_t){.node_count = nodes, .block_count = 1, .parent = {-1}};
    vd_bench_open(&self->bench, observer, toml);
    vd_buffer_init(&self->text, TEXT_MAX);
    for (uint32_t node = 0; node < nodes; node++) {
        vd_buffer_t labels;
        vd_buffer_init(&labels, 256);
        vd_write_map(&labels, key ? 3 : 2);
        vd_write_pair_text(&labels, "app", "chain");
        vd_write_pair_text(&labels, "reader", "hsd");
        if (key)
            vd_write_pair_text(&labels, key, words[node]);
        vd_source_record_t source = {.name = vd_str(names[node]),
                                     .adapter = vd_str("http"),
                                     .address = vd_str("http://127.0.0.1:1"),
                                     .labels = vd_buffer_view(&labels),
                                     .inc = 1};
        vd_bench_source(&self->bench, &source);
        vd_buffer_free(&labels);
    }
}

void vd_block_world_close(vd_block_world_t *self)
{
    vd_buffer_free(&self->text);
    vd_bench_close(&self->bench);
}

/* ---- blocks ---- */

uint32_t vd_block_world_mine(vd_block_world_t *self, uint32_t on, uint64_t txs)
{
    assert_true(self->block_count < WORLD_BLOCKS);
    self->parent[self->block_count] = (int32_t)on;
    self->height[self->block_count] = self->height[on] + 1;
    self->txs[self->block_count] = txs;
    return self->block_count++;
}

uint32_t vd_block_world_grow(vd_block_world_t *self, uint32_t on, uint32_t count)
{
    for (; count > 0; count--)
        on = vd_block_world_mine(self, on, 0);
    return on;
}

uint32_t vd_block_world_ancestor(const vd_block_world_t *self, uint32_t block, uint32_t height)
{
    while (self->height[block] > height)
        block = (uint32_t)self->parent[block];
    return block;
}

void vd_block_world_all_at(vd_block_world_t *self, uint32_t block)
{
    for (uint32_t node = 0; node < self->node_count; node++)
        self->head[node] = block;
}

void vd_block_world_all_pool(vd_block_world_t *self, uint64_t txs)
{
    for (uint32_t node = 0; node < self->node_count; node++)
        self->pool[node] = txs;
}

/* ---- answers ---- */

static void add_text(vd_buffer_t *out, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert_true(size >= 0 && (size_t)size < sizeof text);
    assert_true(vd_buffer_add(out, text, (size_t)size));
}

static void show_pool(vd_block_world_t *self, uint32_t node)
{
    char id[WORLD_ID_SIZE];
    vd_buffer_t text;
    vd_buffer_init(&text, 1 << 16);
    add_text(&text, "[");
    for (uint32_t tx = 0, count = 0; tx < WORLD_TXS; tx++)
        if (self->pool[node] >> tx & 1) {
            vd_world_tx_id(tx, id);
            add_text(&text, "%s\"%s\"", count++ ? "," : "", id);
        }
    add_text(&text, "]");
    vd_bench_put_of(&self->bench, names[node], "get", "/mempool",
                    self->silent[node] ? "timed_out" : "ok",
                    self->silent[node] ? vd_str("") : vd_buffer_view(&text));
    vd_buffer_free(&text);
}

static void write_txs(const vd_block_world_t *self, uint32_t block, vd_buffer_t *out)
{
    char id[WORLD_ID_SIZE];
    add_text(out, ",\"txs\":[");
    for (uint32_t tx = 0, count = 0; tx < WORLD_TXS; tx++)
        if (self->txs[block] >> tx & 1) {
            vd_world_tx_id(tx, id);
            add_text(out, "%s{\"hash\":\"%s\",\"inputs\":[],\"outputs\":[]}", count++ ? "," : "",
                     id);
        }
    add_text(out, "]");
}

/* The block that the node has under this text: its id, or a height of its own branch. */
static uint32_t block_of(const vd_block_world_t *self, uint32_t node, const char *text)
{
    char id[WORLD_ID_SIZE];
    uint32_t height = (uint32_t)atoi(text);
    if (strlen(text) < WORLD_ID_SIZE - 1)
        return height <= self->height[self->head[node]]
                   ? vd_block_world_ancestor(self, self->head[node], height)
                   : WORLD_BLOCKS;
    for (uint32_t block = 0; block < self->block_count; block++) {
        vd_block_id(block, id);
        if (strcmp(id, text) == 0)
            return block;
    }
    return WORLD_BLOCKS;
}

/* What the node answers to a block or (not whole) header that is asked for by `text`. */
static const char *find_answer(const vd_block_world_t *self, uint32_t node, bool whole,
                               const char *text, vd_buffer_t *out)
{
    char id[WORLD_ID_SIZE], parent[WORLD_ID_SIZE];
    uint32_t block = block_of(self, node, text);
    if (self->silent[node])
        return "timed_out";
    if (block == WORLD_BLOCKS)
        return "not_found";
    vd_block_id(block, id);
    vd_block_id(self->parent[block] < 0 ? WORLD_BLOCKS : (uint32_t)self->parent[block], parent);
    add_text(out, "{\"hash\":\"%s\",\"height\":%u,\"prevBlock\":\"%s\",\"time\":1", id,
             self->height[block], parent);
    if (whole)
        write_txs(self, block, out);
    add_text(out, "}");
    return "ok";
}

static void answer(vd_block_world_t *self, const vd_read_record_t *read)
{
    char target[128];
    vd_buffer_t text;
    uint32_t node = (uint32_t)(read->source.data[1] - '0');
    vd_str_copy(target, sizeof target, read->target);
    bool whole = strncmp(target, "/block/", 7) == 0;
    assert_true(whole || strncmp(target, "/header/", 8) == 0);
    vd_buffer_init(&text, 1 << 16);
    const char *status = find_answer(self, node, whole, target + (whole ? 7 : 8), &text);
    self->blocks_read += whole && text.size > 0;
    vd_bench_answer(&self->bench, read, status, vd_buffer_view(&text));
    vd_buffer_free(&text);
}

/* Of the headers by height, those that are read all the time. */
static void show_headers(vd_block_world_t *self, uint32_t node)
{
    uint32_t highest = 0;
    for (uint32_t at = 0; at < self->node_count; at++)
        if (self->height[self->head[at]] > highest)
            highest = self->height[self->head[at]];
    for (uint32_t height = 0; height <= highest; height++) {
        char target[32];
        vd_buffer_t text;
        vd_buffer_init(&text, 1 << 16);
        snprintf(target, sizeof target, "/header/%u", height);
        const char *status = find_answer(self, node, false, target + 8, &text);
        vd_bench_put_of(&self->bench, names[node], "get", target, status, vd_buffer_view(&text));
        vd_buffer_free(&text);
    }
}

void vd_block_world_show(vd_block_world_t *self)
{
    for (uint32_t node = 0; node < self->node_count; node++) {
        char id[WORLD_ID_SIZE], text[256];
        show_pool(self, node);
        vd_block_id(self->head[node], id);
        snprintf(
            text, sizeof text,
            "{\"network\":\"regtest\",\"chain\":{\"height\":%u,\"tip\":\"%s\",\"progress\":1}}",
            self->height[self->head[node]], id);
        vd_bench_put_of(&self->bench, names[node], "get", "/",
                        self->silent[node] ? "timed_out" : "ok",
                        self->silent[node] ? vd_str("") : vd_str(text));
        show_headers(self, node);
    }
}

/* ---- turns ---- */

bool vd_block_world_take(vd_block_world_t *self)
{
    vd_bench_t *bench = &self->bench;
    vd_buffer_t text, reads;
    vd_read_record_t read;
    vd_buffer_init(&text, TEXT_MAX);
    vd_buffer_init(&reads, 1 << 20);
    const char *told = vd_bench_text(bench, &text);
    vd_buffer_add(&self->text, told, strlen(told));
    vd_buffer_add(&reads, bench->turn.reads.data, bench->turn.reads.size);
    bool busy = bench->turn.count > 0 || reads.size > 0;
    vd_bench_commit(bench);
    vd_bytes_t rest = vd_buffer_view(&reads);
    while (vd_bench_next_read(&rest, &read))
        answer(self, &read);
    vd_buffer_free(&text);
    vd_buffer_free(&reads);
    return busy;
}

bool vd_block_world_step(vd_block_world_t *self)
{
    vd_block_world_show(self);
    assert_int_equal(vd_bench_turn(&self->bench), VD_OK);
    return vd_block_world_take(self);
}

const char *vd_block_world_settle(vd_block_world_t *self)
{
    vd_buffer_clear(&self->text);
    for (int quiet = 0, round = 0; quiet < 3; round++) {
        if (round == ROUNDS)
            fail_msg("no end in sight: %.*s", 2000, (const char *)self->text.data);
        quiet = vd_block_world_step(self) ? 0 : quiet + 1;
    }
    vd_buffer_add(&self->text, "", 1);
    assert_false(self->text.full);
    return (const char *)self->text.data;
}

uint32_t vd_times(const char *text, const char *part)
{
    uint32_t count = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        count++;
    return count;
}

void vd_block_world_assert_lawful(vd_block_world_t *self)
{
    uint64_t seed = self->block_count;
    vd_bench_assert_kept(&self->bench, &seed);
}

static const char *as_text(vd_block_world_t *self, const vd_buffer_t *value)
{
    assert_int_equal(vd_scan_exact(vd_buffer_view(value), VD_DEPTH_MAX), VD_OK);
    vd_buffer_clear(&self->text);
    vd_value_json(&self->text, vd_buffer_view(value));
    vd_buffer_add(&self->text, "", 1);
    return (const char *)self->text.data;
}

const char *vd_block_world_view(vd_block_world_t *self)
{
    vd_buffer_t out;
    vd_buffer_init(&out, VD_SNAPSHOT_BYTES_MAX);
    self->bench.observer->view(self->bench.state, self->bench.samples, &out);
    const char *text = as_text(self, &out);
    vd_buffer_free(&out);
    return text;
}

const char *vd_block_world_ask(vd_block_world_t *self, const char *name, const char *argument)
{
    vd_buffer_t args, out;
    vd_buffer_init(&args, 4096);
    vd_buffer_init(&out, VD_SNAPSHOT_BYTES_MAX);
    vd_write_array(&args, argument ? 1 : 0);
    if (argument)
        vd_write_text(&args, argument);
    assert_int_equal(self->bench.observer->query(self->bench.state, self->bench.samples,
                                                 vd_str(name), vd_buffer_view(&args), &out),
                     VD_OK);
    const char *text = as_text(self, &out);
    vd_buffer_free(&args);
    vd_buffer_free(&out);
    return text;
}

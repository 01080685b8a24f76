/* wallet_world.c: blocks with payments, and what nodes, files and wallet servers tell of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/hash.h"
#include "laws/observer_laws.h"
#include "unit/wallet_world.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 400, TEXT_MAX = 1 << 23, ANSWER_MAX = 1 << 20 };

static const char *const names[WALLET_NODES] = {"n0", "n1", "n2"};
static const char *const wallets[] = {"alice", "bob"};

void wallet_world_id(uint32_t block, char id[65])
{
    snprintf(id, 65, "%016llx%048x", (unsigned long long)vd_hash_mix(block + 1), block);
}

static void tx_id(uint32_t tx, char id[65])
{
    snprintf(id, 65, "%016llx%048x", (unsigned long long)vd_hash_mix(~(uint64_t)tx), tx);
}

const vd_watched_wallets_t *wallet_world_state(const wallet_world_t *world)
{
    return world->bench.state;
}

/* ---- sources ---- */

static void add_source(wallet_world_t *world, const char *name, const char *adapter,
                       const char *wallet)
{
    vd_buffer_t labels;
    vd_buffer_init(&labels, 256);
    vd_write_map(&labels, wallet ? 3 : 2);
    vd_write_pair_text(&labels, "app", "chain");
    vd_write_pair_text(&labels, "reader", "hsd");
    if (wallet)
        vd_write_pair_text(&labels, "wallet", wallet);
    vd_source_record_t source = {.name = vd_str(name),
                                 .adapter = vd_str(adapter),
                                 .address = vd_str("http://127.0.0.1:1"),
                                 .labels = vd_buffer_view(&labels),
                                 .inc = 1};
    vd_bench_source(&world->bench, &source);
    vd_buffer_free(&labels);
}

void wallet_world_open(wallet_world_t *world, const char *toml)
{
    memset(world, 0, sizeof *world);
    world->count = 1;
    world->parent[0] = -1;
    world->server_status = "ok";
    vd_bench_open(&world->bench, &vd_wallet_observer, toml);
    vd_buffer_init(&world->text, TEXT_MAX);
    for (int node = 0; node < WALLET_NODES; node++)
        add_source(world, names[node], "http", NULL);
    add_source(world, "w-alice", "file", "alice");
    add_source(world, "w-bob", "http", "bob");
}

void wallet_world_close(wallet_world_t *world)
{
    vd_buffer_free(&world->text);
    vd_bench_close(&world->bench);
}

/* ---- payments ---- */

static wallet_output_t output_to(wallet_world_t *world, wallet_t wallet, uint64_t value)
{
    uint32_t number = world->paid[wallet]++;
    /* Alice has three addresses, Bob a new one for each payment. */
    return (wallet_output_t){wallet, 1 + (wallet == WALLET_ALICE ? number % 3 : number), value};
}

static wallet_tx_t *add_tx(wallet_world_t *world)
{
    assert_true(world->tx_count < WALLET_TXS);
    wallet_tx_t *tx = &world->txs[world->tx_count++];
    *tx = (wallet_tx_t){.block = UINT32_MAX, .spends = -1};
    return tx;
}

void wallet_world_pay(wallet_world_t *world, wallet_t wallet, uint64_t value)
{
    wallet_tx_t *tx = add_tx(world);
    tx->output_count = 1;
    tx->outputs[0] = output_to(world, wallet, value);
}

/* Marks the blocks up to this one. */
static void mark_line(const wallet_world_t *world, uint32_t block, bool *line)
{
    memset(line, 0, WALLET_BLOCKS * sizeof *line);
    for (int32_t at = (int32_t)block; at >= 0; at = world->parent[at])
        line[at] = true;
}

/* Is it of this line, or waits for the next block? */
static bool is_of(const wallet_tx_t *tx, const bool *line)
{
    return tx->block == UINT32_MAX || line[tx->block];
}

static void mark_spent(const wallet_world_t *world, const bool *line, bool (*spent)[2])
{
    memset(spent, 0, WALLET_TXS * sizeof *spent);
    for (uint32_t at = 0; at < world->tx_count; at++)
        if (is_of(&world->txs[at], line) && world->txs[at].spends >= 0)
            spent[world->txs[at].spends][world->txs[at].spends_index] = true;
}

void wallet_world_spend(wallet_world_t *world, uint32_t on, wallet_t from, wallet_t to,
                        uint64_t value)
{
    static bool line[WALLET_BLOCKS], spent[WALLET_TXS][2];
    mark_line(world, on, line);
    mark_spent(world, line, spent);
    for (uint32_t at = 0; at < world->tx_count; at++)
        for (uint32_t index = 0; index < world->txs[at].output_count; index++) {
            wallet_output_t coin = world->txs[at].outputs[index];
            if (!is_of(&world->txs[at], line) || spent[at][index] || coin.owner != from ||
                coin.value <= value)
                continue;
            wallet_tx_t *tx = add_tx(world);
            tx->spends = (int32_t)at;
            tx->spends_index = index;
            tx->output_count = 2;
            tx->outputs[0] = output_to(world, to, value);
            tx->outputs[1] = output_to(world, from, coin.value - value);
            return;
        }
}

uint32_t wallet_world_grow(wallet_world_t *world, uint32_t on, uint32_t count)
{
    for (; count > 0; count--) {
        assert_true(world->count < WALLET_BLOCKS);
        world->parent[world->count] = (int32_t)on;
        world->height[world->count] = world->height[on] + 1;
        on = world->count++;
        if (world->crowd > 0)
            add_tx(world)->crowd = world->crowd;
        for (; world->pending < world->tx_count; world->pending++)
            world->txs[world->pending].block = on;
    }
    return on;
}

uint32_t wallet_world_ancestor(const wallet_world_t *world, uint32_t block, uint32_t height)
{
    while (world->height[block] > height)
        block = (uint32_t)world->parent[block];
    return block;
}

void wallet_world_all_at(wallet_world_t *world, uint32_t block)
{
    for (int node = 0; node < WALLET_NODES; node++)
        world->head[node] = block;
}

/* ---- what is answered ---- */

static void add(vd_buffer_t *out, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert_true(size >= 0 && (size_t)size < sizeof text);
    assert_true(vd_buffer_add(out, text, (size_t)size));
}

static void add_output(vd_buffer_t *out, const wallet_output_t *output, const char *value,
                       wallet_t own)
{
    add(out, "{\"value\":%llu%s,\"address\":\"%c%u\",\"path\":%s}",
        (unsigned long long)output->value, value, "abx"[output->owner], output -> address,
        output -> owner == own ? "{\"name\":\"default\"}" : "null");
}

static void add_outputs(vd_buffer_t *out, const wallet_tx_t *tx, const char *value, wallet_t own)
{
    static const wallet_output_t one = {WALLET_ALICE, 1, 1};
    uint32_t count = tx->crowd ? tx->crowd : tx->output_count;
    add(out, "\"outputs\":[");
    for (uint32_t at = 0; at < count; at++) {
        add(out, at ? "," : "");
        add_output(out, tx->crowd ? &one : &tx->outputs[at], value, own);
    }
    add(out, "]}");
}

static void add_tx_text(const wallet_world_t *world, uint32_t at, uint32_t named, const char *value,
                        vd_buffer_t *out)
{
    char id[65], spends[65];
    const wallet_tx_t *tx = &world->txs[at];
    tx_id(named, id);
    tx_id(tx->spends >= 0 ? (uint32_t)tx->spends : WALLET_TXS + at, spends);
    add(out, "{\"hash\":\"%s\",\"inputs\":[{\"prevout\":{\"hash\":\"%s\",\"index\":%u}}],", id,
        spends, tx->spends_index);
    add_outputs(out, tx, value, WALLET_OTHER);
}

static void add_txs(const wallet_world_t *world, uint32_t block, wallet_lie_t lie, vd_buffer_t *out)
{
    bool first = true;
    for (uint32_t at = 0; at < world->tx_count; at++) {
        if (world->txs[at].block != block)
            continue;
        add(out, first ? "" : ",");
        add_tx_text(world, at, at, lie == WALLET_LIE_VALUE ? ".5" : "", out);
        first = false;
        if (lie == WALLET_LIE_TWICE) {
            add(out, ",");
            add_tx_text(world, at, 3 * WALLET_TXS, "", out);
        }
    }
}

static void write_block(const wallet_world_t *world, uint32_t block, wallet_lie_t lie,
                        vd_buffer_t *out)
{
    char id[65], parent[65];
    wallet_world_id(block, id);
    wallet_world_id(world->parent[block] < 0 ? WALLET_BLOCKS : (uint32_t)world->parent[block],
                    parent);
    add(out, "{\"hash\":\"%s\",\"height\":%u,\"prevBlock\":\"%s\",\"time\":1", id,
        world->height[block] + (lie == WALLET_LIE_HEIGHT), parent);
    if (lie != WALLET_LIE_HEADER) {
        add(out, ",\"txs\":[");
        add_txs(world, block, lie, out);
        add(out, "]");
    }
    add(out, "}");
    if (lie == WALLET_LIE_TEXT)
        vd_buffer_cut(out, out->size / 2);
}

static bool is_bobs(const wallet_tx_t *tx)
{
    bool is = false;
    for (uint32_t at = 0; at < tx->output_count; at++)
        is |= tx->outputs[at].owner == WALLET_BOB;
    return is;
}

/* A page of Bob's transactions, the newest first, behind `after`. */
static void write_page(const wallet_world_t *world, const char *after, vd_buffer_t *out)
{
    char id[65];
    bool behind = !after;
    uint32_t count = 0, most = after ? VD_WALLET_PAGE : VD_WALLET_NEWEST;
    add(out, "[");
    for (uint32_t at = world->pending; at-- > 0 && count < most;) {
        tx_id(at, id);
        if (behind && is_bobs(&world->txs[at])) {
            add(out, "%s{\"hash\":\"%s\",\"inputs\":[{\"address\":null,\"path\":null}],",
                count++ ? "," : "", id);
            add_outputs(out, &world->txs[at], "", WALLET_BOB);
        }
        behind |= after && strcmp(id, after) == 0;
    }
    add(out, "]");
}

/* ---- samples ---- */

static void show_heads(wallet_world_t *world)
{
    for (int node = 0; node < WALLET_NODES; node++) {
        char id[65], text[256];
        wallet_world_id(world->head[node], id);
        snprintf(text, sizeof text, "{\"chain\":{\"height\":%u,\"tip\":\"%s\",\"progress\":1}}",
                 world->height[world->head[node]], id);
        vd_bench_put_of(&world->bench, names[node], "get", "/",
                        world->silent[node] ? "timed_out" : "ok",
                        world->silent[node] ? vd_str("") : vd_str(text));
    }
}

static void put_server(wallet_world_t *world, const char *target, const vd_buffer_t *content)
{
    bool good = strcmp(world->server_status, "ok") == 0;
    vd_bench_put_of(&world->bench, "w-bob", "get", target, world->server_status,
                    good ? vd_buffer_view(content) : vd_str(""));
}

static void show_wallets(wallet_world_t *world)
{
    vd_buffer_t text;
    vd_buffer_init(&text, ANSWER_MAX);
    const char *file = world->hidden[WALLET_ALICE] ? "# none yet\n" : "a1\n  a2 # change\r\na3";
    vd_bench_put_of(&world->bench, "w-alice", "read", "addresses.txt", "ok",
                    vd_str(world->file ? world->file : file));
    if (world->server_status[0]) {
        write_page(world, NULL, &text);
        put_server(world, "/wallet/bob/tx/history?reverse=true&limit=50", &text);
        vd_buffer_clear(&text);
        add(&text, "[\"default\"]");
        put_server(world, "/wallet/bob/account", &text);
        vd_buffer_clear(&text);
        add(&text, "{\"receiveAddress\":\"b%u\",\"changeAddress\":\"b%u\"}",
            world->paid[WALLET_BOB] + 1, world->paid[WALLET_BOB] + 2);
        put_server(world, "/wallet/bob/account/default", &text);
    }
    vd_buffer_free(&text);
}

static uint32_t find_block(const wallet_world_t *world, int node, const char *name)
{
    char id[65];
    if (strlen(name) == 64) {
        for (uint32_t block = 0; block < world->count; block++) {
            wallet_world_id(block, id);
            if (strcmp(id, name) == 0)
                return block;
        }
    } else if ((uint32_t)atoi(name) <= world->height[world->head[node]]) {
        return wallet_world_ancestor(world, world->head[node], (uint32_t)atoi(name));
    }
    return world->count;
}

static void answer_block(wallet_world_t *world, const vd_read_record_t *read, const char *target)
{
    vd_buffer_t text;
    vd_buffer_init(&text, ANSWER_MAX);
    int node = read->source.data[1] - '0';
    assert_memory_equal(target, "/block/", 7);
    uint32_t block = find_block(world, node, target + 7);
    bool lies = world->lie != WALLET_LIE_NONE && world->liar == (uint32_t)node;
    world->asked++;
    if (block < world->count)
        write_block(world, block, lies && world->lied == block ? world->lie : WALLET_LIE_NONE,
                    &text);
    const char *status = block < world->count ? "ok" : "not_found";
    if (lies && world->lied == block && world->lie == WALLET_LIE_LARGE)
        status = "too_large";
    vd_bench_answer(&world->bench, read, world->silent[node] ? "timed_out" : status,
                    world->silent[node] ? vd_str("") : vd_buffer_view(&text));
    vd_buffer_free(&text);
}

static void answer(wallet_world_t *world, const vd_read_record_t *read)
{
    char target[256];
    vd_buffer_t text;
    vd_str_copy(target, sizeof target, read->target);
    if (!vd_str_is(read->source, "w-bob")) {
        answer_block(world, read, target);
        return;
    }
    const char *after = strstr(target, "&after=");
    assert_non_null(after);
    vd_buffer_init(&text, ANSWER_MAX);
    write_page(world, after + 7, &text);
    vd_bench_answer(&world->bench, read, world->forget_page ? "failed" : world->server_status,
                    vd_buffer_view(&text));
    world->forget_page = false;
    vd_buffer_free(&text);
}

bool wallet_world_step(wallet_world_t *world)
{
    vd_bench_t *bench = &world->bench;
    vd_buffer_t text, reads;
    vd_read_record_t read;
    vd_buffer_init(&text, TEXT_MAX);
    vd_buffer_init(&reads, 1 << 20);
    vd_bench_declare(bench);
    show_heads(world);
    show_wallets(world);
    vd_law_pure(bench);
    vd_law_declared(bench);
    const char *told = vd_bench_text(bench, &text);
    vd_buffer_add(&world->text, told, strlen(told));
    vd_buffer_add(&reads, bench->turn.reads.data, bench->turn.reads.size);
    bool busy = bench->turn.count > 0 || reads.size > 0;
    if (!world->lost)
        vd_bench_commit(bench);
    vd_bytes_t rest = vd_buffer_view(&reads);
    while (vd_bench_next_read(&rest, &read))
        answer(world, &read);
    vd_buffer_free(&text);
    vd_buffer_free(&reads);
    return busy;
}

const char *wallet_world_told(wallet_world_t *world)
{
    vd_buffer_add(&world->text, "", 1);
    world->text.size--;
    assert_false(world->text.full);
    return (const char *)world->text.data;
}

const char *wallet_world_settle(wallet_world_t *world)
{
    vd_buffer_clear(&world->text);
    /* Answers stay for a while, and are asked for again when they have gone. */
    for (int quiet = 0, round = 0; quiet < VD_ANSWER_TURNS + 3; round++) {
        if (round == ROUNDS)
            fail_msg("no end in sight: %.2000s", wallet_world_told(world));
        quiet = wallet_world_step(world) ? 0 : quiet + 1;
    }
    return wallet_world_told(world);
}

uint32_t wallet_world_times(const char *text, const char *part)
{
    uint32_t count = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        count++;
    return count;
}

/* ---- balances ---- */

uint64_t wallet_world_scan(const wallet_world_t *world, wallet_t wallet, uint32_t block)
{
    static bool line[WALLET_BLOCKS], spent[WALLET_TXS][2];
    uint64_t balance = 0;
    assert_int_equal(world->pending, world->tx_count);
    mark_line(world, block, line);
    mark_spent(world, line, spent);
    for (uint32_t at = 0; at < world->tx_count; at++) {
        const wallet_tx_t *tx = &world->txs[at];
        if (!line[tx->block])
            continue;
        balance += wallet == WALLET_ALICE ? tx->crowd : 0;
        for (uint32_t index = 0; index < tx->output_count; index++)
            if (tx->outputs[index].owner == wallet && !spent[at][index])
                balance += tx->outputs[index].value;
    }
    return balance;
}

uint64_t wallet_world_balance(const wallet_world_t *world, wallet_t wallet, uint32_t block)
{
    char id[65];
    uint64_t balances[VD_LEDGER_WALLETS_MAX];
    const vd_watched_wallets_t *state = wallet_world_state(world);
    uint32_t at = vd_ledger_wallet(state->ledger, vd_str(wallets[wallet]));
    wallet_world_id(block, id);
    uint32_t known = vd_graph_find(state->graph, vd_str(id));
    assert_int_not_equal(known, VD_BLOCK_NONE);
    assert_int_equal(vd_ledger_balances(state->ledger, state->graph, known, balances), VD_OK);
    return at == VD_WALLET_NONE ? 0 : balances[at];
}

static void expect_node(const wallet_world_t *world, int node, wallet_t wallet)
{
    const vd_watched_wallets_t *state = wallet_world_state(world);
    const vd_wallet_node_t *known = vd_wallet_node(state, vd_str(names[node]));
    uint32_t at = vd_ledger_wallet(state->ledger, vd_str(wallets[wallet]));
    uint64_t balance = wallet_world_scan(world, wallet, world->head[node]);
    assert_int_equal(at != VD_WALLET_NONE && known ? known->balances[at] : 0, balance);
}

void wallet_world_expect(const wallet_world_t *world)
{
    const vd_watched_wallets_t *state = wallet_world_state(world);
    for (wallet_t wallet = WALLET_ALICE; wallet <= WALLET_BOB; wallet++) {
        for (uint32_t block = 0; block < world->count; block++) {
            char id[65];
            wallet_world_id(block, id);
            if (vd_graph_find(state->graph, vd_str(id)) != VD_BLOCK_NONE)
                assert_int_equal(wallet_world_balance(world, wallet, block),
                                 wallet_world_scan(world, wallet, block));
        }
        for (int node = 0; node < WALLET_NODES; node++)
            if (!world->silent[node] &&
                vd_samples_find(world->bench.samples, vd_str(names[node]), "get", "/"))
                expect_node(world, node, wallet);
    }
}

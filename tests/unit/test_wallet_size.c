/* test_wallet_size.c: a long chain with many wallets: how much memory the observer wallet takes for it, and how
 * long a head change takes until its balances are told. Both are printed; the limits here are wide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/hash.h"
#include "laws/observer_fixture.h"
#include "wallet/wallet.h"

#include <malloc.h>
#include <stdio.h>
#include <time.h>

enum { HEADERS = 100000, WALLETS = 50, ADDRESSES = 20, CHANGES = 40, PAYMENTS = 4, NODES = 3 };

static const size_t memory_max = (size_t)256 << 20;
static const double change_ms_max = 250;

static const char *const nodes[NODES] = {"n0", "n1", "n2"};

static void id_of(const char *what, uint64_t number, char id[65])
{
    snprintf(id, 65, "%016llx%.4s%044llx", (unsigned long long)vd_hash_mix(number + 1), what,
             (unsigned long long)number);
}

static void wallet_of(uint32_t number, char name[16])
{
    snprintf(name, 16, "wallet%u", number % WALLETS);
}

static void apply(vd_bench_t *bench, const char *type, const vd_buffer_t *data)
{
    vd_event_t event = {.type = vd_str(type), .data = vd_buffer_view(data)};
    vd_wallet_observer.apply(bench->state, &event);
}

static void watch(vd_bench_t *bench, vd_buffer_t *data)
{
    char name[16], address[32];
    for (uint32_t wallet = 0; wallet < WALLETS; wallet++) {
        wallet_of(wallet, name);
        vd_buffer_clear(data);
        vd_write_map(data, 3);
        vd_write_pair_text(data, "wallet", name);
        vd_write_pair_text(data, "source", "somewhere");
        vd_write_text(data, "addresses");
        vd_write_array(data, ADDRESSES);
        for (uint32_t at = 0; at < ADDRESSES; at++) {
            snprintf(address, sizeof address, "%s-%u", name, at);
            vd_write_text(data, address);
        }
        apply(bench, "addresses_watched", data);
    }
}

static void write_move(uint32_t block, uint32_t payment, bool spent, vd_buffer_t *data)
{
    char name[16], tx[65];
    wallet_of(block + payment, name);
    id_of("dddd", (uint64_t)block * PAYMENTS + payment, tx);
    vd_write_map(data, 5);
    vd_write_pair_text(data, "wallet", name);
    vd_write_pair_text(data, "tx", tx);
    vd_write_pair_u64(data, "index", 0);
    vd_write_pair_u64(data, "value", 1000);
    vd_write_pair_bool(data, "spent", spent);
}

/* A block with payments to some wallets, of which most are spent ten blocks later. */
static void take(vd_bench_t *bench, uint32_t block, vd_buffer_t *data)
{
    char id[65], parent[65];
    static const uint8_t filter[16] = {0};
    uint32_t spends = block > 10 ? PAYMENTS - 1 : 0;
    id_of("bbbb", block, id);
    id_of("bbbb", block ? block - 1 : HEADERS * 2, parent);
    vd_buffer_clear(data);
    vd_write_map(data, 7);
    vd_write_pair_text(data, "id", id);
    vd_write_pair_text(data, "parent", parent);
    vd_write_pair_u64(data, "height", block);
    vd_write_pair_text(data, "node", nodes[0]);
    vd_write_text(data, "filter");
    vd_write_bin(data, vd_bytes(filter, sizeof filter));
    vd_write_text(data, "moves");
    vd_write_array(data, PAYMENTS + spends);
    for (uint32_t at = 0; at < PAYMENTS; at++)
        write_move(block, at, false, data);
    for (uint32_t at = 0; at < spends; at++)
        write_move(block - 10, at, true, data);
    vd_write_pair_bool(data, "more", false);
    apply(bench, "block_taken", data);
}

static void add_sources(vd_bench_t *bench)
{
    vd_buffer_t labels;
    vd_buffer_init(&labels, 256);
    vd_write_map(&labels, 2);
    vd_write_pair_text(&labels, "app", "chain");
    vd_write_pair_text(&labels, "reader", "hsd");
    for (int node = 0; node < NODES; node++) {
        vd_source_record_t source = {.name = vd_str(nodes[node]),
                                     .adapter = vd_str("http"),
                                     .address = vd_str("http://127.0.0.1:1"),
                                     .labels = vd_buffer_view(&labels),
                                     .inc = 1};
        vd_bench_source(bench, &source);
    }
    vd_buffer_free(&labels);
    vd_bench_declare(bench);
}

/* Every node comes to the block, which was read from one of them. */
static void show(vd_bench_t *bench, uint32_t block)
{
    char id[65], parent[65], tx[65], text[2048], target[80];
    id_of("bbbb", block, id);
    id_of("bbbb", block - 1, parent);
    id_of("dddd", (uint64_t)block * PAYMENTS, tx);
    snprintf(text, sizeof text, "{\"chain\":{\"height\":%u,\"tip\":\"%s\",\"progress\":1}}", block,
             id);
    for (int node = 0; node < NODES; node++)
        vd_bench_put_of(bench, nodes[node], "get", "/", "ok", vd_str(text));
    snprintf(
        text, sizeof text,
        "{\"hash\":\"%s\",\"height\":%u,\"prevBlock\":\"%s\",\"time\":1,\"txs\":[{\"hash\":\"%s\","
        "\"inputs\":[],\"outputs\":[{\"value\":5,\"address\":\"wallet7-3\"},"
        "{\"value\":6,\"address\":\"wallet8-3\"}]}]}",
        id, block, parent, tx);
    snprintf(target, sizeof target, "/block/%s", id);
    vd_read_record_t read = {
        .source = vd_str(nodes[0]), .op = vd_str("get"), .target = vd_str(target)};
    vd_bench_answer(bench, &read, "ok", vd_str(text));
}

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static uint32_t count_type(const vd_bench_t *bench, const char *type)
{
    uint32_t count = 0;
    for (uint32_t at = 0; at < bench->turn.count; at++)
        count += vd_str_is(vd_bench_event(bench, at).type, type);
    return count;
}

static void stays_small_and_quick(void **state)
{
    (void)state;
    vd_bench_t bench;
    vd_buffer_t data;
    double worst_ms = 0, sum_ms = 0;
    vd_buffer_init(&data, 1 << 20);
    struct mallinfo2 before = mallinfo2();
    vd_bench_open(&bench, &vd_wallet_observer, "[observers.wallet]\nhistory = 100000\n");
    add_sources(&bench);
    watch(&bench, &data);
    for (uint32_t block = 0; block < HEADERS; block++)
        take(&bench, block, &data);
    const vd_watched_wallets_t *wallets = bench.state;
    assert_int_equal(vd_graph_count(wallets->graph), HEADERS);
    assert_int_equal(vd_ledger_wallet_count(wallets->ledger), WALLETS);
    for (uint32_t change = 0; change <= CHANGES; change++) {
        show(&bench, HEADERS + change);
        double start_ms = now_ms();
        assert_int_equal(vd_bench_turn(&bench), VD_OK);
        assert_int_equal(count_type(&bench, "block_taken"), 1);
        assert_int_equal(count_type(&bench, "balance_changed"),
                         NODES * (change == 0 ? WALLETS : 2));
        vd_bench_commit(&bench);
        double took_ms = now_ms() - start_ms;
        sum_ms += change ? took_ms : 0;
        worst_ms = change && took_ms > worst_ms ? took_ms : worst_ms;
    }
    struct mallinfo2 after = mallinfo2();
    size_t used = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
    print_message("%d headers, %d wallets, %u coins: %zu MiB; head change to balances %.3f ms, at "
                  "worst %.3f ms\n",
                  HEADERS, WALLETS, vd_ledger_coin_count(wallets->ledger), used >> 20,
                  sum_ms / CHANGES, worst_ms);
    assert_true(used <= memory_max);
    assert_true(sum_ms / CHANGES <= change_ms_max);
    vd_buffer_free(&data);
    vd_bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(stays_small_and_quick)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

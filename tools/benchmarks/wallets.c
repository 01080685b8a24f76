/* wallets.c: a long chain with many wallets in memory: how large it is, and how long a head change takes from
 * the block's answer to the balances of all wallets at the new head.
 *
 * Blocks are as large as those of a chain in use: each change reads one of TXS transactions from the JSON of a
 * node. Each block pays some wallets, and spends what an ancestor paid; now and then another branch becomes the
 * best. The balances are compared with what a naive sum says.
 */
#include "benchmarks/measure.h"
#include "chainkit/ledger.h"
#include "chainkit/reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TXS = 30,
    PAYS = 4,
    SPENDS = 3,
    AGE = 10, /* of a coin when it is spent */
    ADDRESSES = 20,
    KEPT = 64, /* blocks below the tip whose balances are remembered: more than a fork is deep */
    REORG_EVERY = 8,
    REORG_DEPTH = 20,
    TEXT_BYTES = 1 << 18,
};

typedef struct names {
    char tx[TXS][VD_CHAIN_ID_DIGITS + 1];
    char spent[TXS][VD_CHAIN_ID_DIGITS + 1];
    char address[2 * TXS][48];
} names_t;

typedef struct chain {
    vd_graph_t *graph;
    vd_ledger_t *ledger;
    uint32_t wallets;
    uint64_t height;
    uint32_t branch;       /* the number of the one that is the best */
    uint32_t of[KEPT + 1]; /* the branches of the blocks at height % (KEPT + 1) */
    uint64_t *expected;    /* likewise their balances, `wallets` of each */
    names_t names;
    char *text;
} chain_t;

static uint64_t mixed(uint64_t number)
{
    number = (number ^ (number >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ (number >> 27)) * UINT64_C(0x94d049bb133111eb);
    return number ^ (number >> 31);
}

/* 64 digits, as a hash has them. */
static void name_id(char *id, uint64_t kind, uint64_t branch, uint64_t height, uint64_t number)
{
    uint64_t word = kind * UINT64_C(0x9e3779b97f4a7c15) + branch;
    for (int part = 0; part < 4; part++) {
        word = mixed(word + height * 64 + number + 1);
        snprintf(id + 16 * (size_t)part, 17, "%016" PRIx64, word);
    }
}

static uint32_t branch_at(const chain_t *self, uint64_t height)
{
    return self->of[height % (KEPT + 1)];
}

static uint64_t *expected_at(const chain_t *self, uint64_t height)
{
    return &self->expected[height % (KEPT + 1) * self->wallets];
}

static uint32_t payee(const chain_t *self, uint64_t height, uint64_t number)
{
    return (uint32_t)((height * 7 + number * 13) % self->wallets);
}

static uint64_t value_of(uint32_t branch, uint64_t height, uint64_t number)
{
    return 100000 + mixed(branch + height * 8 + number) % 1000000;
}

static void name_address(char *text, size_t size, uint32_t wallet, uint64_t number)
{
    snprintf(text, size, "rs1q%05u%05" PRIu64 "zyg3zyg3zyg3zyg3zyg3jddtc0", wallet, number);
}

/* Names what the block at this height says. */
static void name_block(chain_t *self, uint64_t height)
{
    for (uint64_t at = 0; at < TXS; at++) {
        bool pays = at < PAYS, spends = at < SPENDS && height > AGE;
        name_id(self->names.tx[at], 1, branch_at(self, height), height, at);
        name_id(self->names.spent[at], spends ? 1 : 2,
                spends ? branch_at(self, height - AGE) : self->branch,
                spends ? height - AGE : height, at);
        name_address(self->names.address[2 * at], sizeof self->names.address[0],
                     pays ? payee(self, height, at) : 77777, height % ADDRESSES);
        name_address(self->names.address[2 * at + 1], sizeof self->names.address[0], 88888, at);
    }
}

static void expect(chain_t *self, uint64_t height)
{
    uint64_t *balances = expected_at(self, height);
    if (height > 0)
        memmove(balances, expected_at(self, height - 1), self->wallets * sizeof *balances);
    for (uint64_t at = 0; at < PAYS; at++)
        balances[payee(self, height, at)] += value_of(branch_at(self, height), height, at);
    for (uint64_t at = 0; at < SPENDS && height > AGE; at++)
        balances[payee(self, height - AGE, at)] -=
            value_of(branch_at(self, height - AGE), height - AGE, at);
}

static void name_blocks(const chain_t *self, uint64_t height, char *id, char *parent)
{
    name_id(id, 3, branch_at(self, height), height, 0);
    name_id(parent, 3, height ? branch_at(self, height - 1) : 9, height - 1, 0);
}

/* Takes the block, as it was read, and writes the balances at it. */
static void take(chain_t *self, const vd_chain_block_t *block, uint64_t *balances)
{
    char error[VD_TEXT_BYTES_MAX] = "";
    vd_graph_claim_t claim = {block->id, block->parent, block->height, vd_str("node-1")};
    vd_verdict_t verdict = block->height == 0 ? vd_graph_plant(self->graph, &claim)
                                              : vd_graph_add(self->graph, &claim);
    vd_delta_t delta = {.block = vd_graph_find(self->graph, block->id)};
    if (verdict != VD_VERDICT_ADDED ||
        vd_ledger_read(self->ledger, self->graph, block, &delta, error, sizeof error) != VD_OK ||
        vd_ledger_take(self->ledger, self->graph, &delta) != VD_OK ||
        vd_ledger_balances(self->ledger, self->graph, delta.block, balances) != VD_OK)
        vd_bench_fail("block %" PRIu64 " is not taken: %s %s", block->height,
                      vd_verdict_name(verdict), error);
    vd_delta_free(&delta);
}

static void check(const chain_t *self, const uint64_t *balances)
{
    if (memcmp(balances, expected_at(self, self->height), self->wallets * sizeof *balances) != 0)
        vd_bench_fail("the balances at height %" PRIu64 " are wrong", self->height);
}

/* ---- the chain before the measurement ---- */

static void grow(chain_t *self, uint64_t *balances)
{
    vd_chain_tx_t txs[PAYS];
    vd_tx_input_t inputs[PAYS];
    vd_tx_output_t outputs[PAYS];
    char id[VD_CHAIN_ID_DIGITS + 1], parent[VD_CHAIN_ID_DIGITS + 1];
    self->of[self->height % (KEPT + 1)] = self->branch;
    name_block(self, self->height);
    name_blocks(self, self->height, id, parent);
    expect(self, self->height);
    for (uint32_t at = 0; at < PAYS; at++) {
        inputs[at] = (vd_tx_input_t){vd_str(self->names.spent[at]), 0};
        outputs[at] = (vd_tx_output_t){vd_str(self->names.address[2 * at]),
                                       value_of(self->branch, self->height, at)};
        txs[at] = (vd_chain_tx_t){.id = vd_str(self->names.tx[at]),
                                  .input_count = 1,
                                  .output_count = 1,
                                  .inputs = &inputs[at],
                                  .outputs = &outputs[at]};
    }
    vd_chain_block_t block = {.id = vd_str(id),
                              .parent = vd_str(parent),
                              .height = self->height,
                              .tx_count = PAYS,
                              .txs = txs,
                              .has_txs = true};
    take(self, &block, balances);
}

/* ---- one head change ---- */

static size_t say(chain_t *self, size_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static size_t say(chain_t *self, size_t at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(self->text + at, TEXT_BYTES - at, format, args);
    va_end(args);
    if (size < 0 || (size_t)size >= TEXT_BYTES - at)
        vd_bench_fail("a block is too large");
    return at + (size_t)size;
}

/* The block at the chain's height, as a node answers with it; its size. */
static size_t answer(chain_t *self)
{
    char id[VD_CHAIN_ID_DIGITS + 1], parent[VD_CHAIN_ID_DIGITS + 1];
    name_block(self, self->height);
    name_blocks(self, self->height, id, parent);
    size_t end = say(self, 0,
                     "{\"hash\":\"%s\",\"height\":%" PRIu64 ",\"depth\":1,\"version\":0,"
                     "\"prevBlock\":\"%s\",\"merkleRoot\":\"%s\",\"time\":1700000000,\"bits\":1,"
                     "\"nonce\":0,\"txs\":[",
                     id, self->height, parent, id);
    for (uint32_t at = 0; at < TXS; at++)
        end =
            say(self, end,
                "%s{\"hash\":\"%s\",\"witnessHash\":\"%s\",\"fee\":2800,\"rate\":10000,"
                "\"mtime\":1700000000,\"index\":%u,\"version\":0,\"inputs\":[{\"prevout\":{"
                "\"hash\":\"%s\",\"index\":0},\"witness\":[\"%s%s01\",\"02%s\"],\"sequence\":"
                "4294967295,\"coin\":{\"version\":0,\"height\":5,\"value\":1000,\"address\":\"%s\","
                "\"covenant\":{\"type\":0,\"action\":\"NONE\",\"items\":[]},\"coinbase\":false}}],"
                "\"outputs\":[{\"value\":%" PRIu64 ",\"address\":\"%s\",\"covenant\":{\"type\":0,"
                "\"action\":\"NONE\",\"items\":[]}},{\"value\":777,\"address\":\"%s\","
                "\"covenant\":{\"type\":0,\"action\":\"NONE\",\"items\":[]}}],\"locktime\":0}",
                at ? "," : "", self->names.tx[at], id, at, self->names.spent[at], id, parent, id,
                self->names.address[2 * at + 1], value_of(self->branch, self->height, at),
                self->names.address[2 * at], self->names.address[2 * at + 1]);
    return say(self, end, "]}");
}

/* Goes to the next block of the branch; microseconds from its answer to the balances. */
static double change(chain_t *self, uint64_t *balances)
{
    char error[VD_TEXT_BYTES_MAX];
    vd_answer_t read = {0};
    self->height++;
    self->of[self->height % (KEPT + 1)] = self->branch;
    expect(self, self->height);
    size_t size = answer(self);
    double begun_us = vd_bench_now_us();
    if (!vd_hsd_reader.read_block(vd_bytes(self->text, size), vd_str(""), &read, error,
                                  sizeof error))
        vd_bench_fail("a block cannot be read: %s", error);
    take(self, &read.block, balances);
    double took_us = vd_bench_now_us() - begun_us;
    vd_answer_free(&read);
    check(self, balances);
    return took_us;
}

/* So many head changes; another branch becomes the best now and then. */
static size_t run(chain_t *self, size_t changes, double *figures, uint64_t *balances)
{
    size_t count = 0;
    for (uint64_t round = 1; count < changes; round++) {
        uint64_t depth = round % REORG_EVERY == 0 ? 1 + mixed(round) % REORG_DEPTH : 0;
        if (depth > 0 && count + depth < changes) {
            self->height -= depth;
            self->branch++;
            for (uint64_t at = 0; at < depth; at++)
                figures[count++] = change(self, balances);
        }
        figures[count++] = change(self, balances);
    }
    return count;
}

static double resident_mib(void)
{
    char line[256];
    double mib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "RssAnon:", 8) == 0)
            mib = strtod(line + 8, NULL) / 1024;
    if (file)
        fclose(file);
    return mib;
}

static void open_chain(chain_t *self, uint32_t headers, uint32_t changes)
{
    char name[32], address[48];
    vd_graph_limits_t limits = {headers + 2 * changes, 64, 64};
    vd_ledger_limits_t bounds = {VD_LEDGER_ADDRESSES_MAX, VD_LEDGER_COINS_MAX, 256};
    self->graph = vd_graph_new(&limits);
    self->ledger = vd_ledger_new(&bounds);
    self->expected = calloc((size_t)(KEPT + 1) * self->wallets, sizeof *self->expected);
    self->text = malloc(TEXT_BYTES);
    if (!self->graph || !self->ledger || !self->expected || !self->text)
        vd_bench_fail("no memory");
    for (uint32_t wallet = 0; wallet < self->wallets; wallet++) {
        snprintf(name, sizeof name, "wallet-%u", wallet);
        vd_ledger_add_wallet(self->ledger, vd_str(name));
        for (uint64_t at = 0; at < ADDRESSES; at++) {
            name_address(address, sizeof address, wallet, at);
            if (vd_ledger_watch(self->ledger, wallet, vd_str(address)) != VD_OK)
                vd_bench_fail("address %s is not watched", address);
        }
    }
}

int vd_bench_wallets(int argc, char **argv)
{
    if (argc != 3)
        vd_bench_fail("wallets HEADERS WALLETS CHANGES");
    uint32_t headers = (uint32_t)vd_bench_count(argv[0]);
    chain_t *self = calloc(1, sizeof *self);
    size_t changes = vd_bench_count(argv[2]);
    double *figures = calloc(changes, sizeof *figures);
    if (!self || !figures)
        vd_bench_fail("no memory");
    self->wallets = (uint32_t)vd_bench_count(argv[1]);
    if (self->wallets > VD_LEDGER_WALLETS_MAX || headers > VD_GRAPH_BLOCKS_MAX / 2)
        vd_bench_fail("at most %d wallets and %d headers", VD_LEDGER_WALLETS_MAX,
                      VD_GRAPH_BLOCKS_MAX / 2);
    open_chain(self, headers, (uint32_t)changes);
    uint64_t *balances = calloc(self->wallets, sizeof *balances);
    for (self->height = 0; self->height < headers; self->height++)
        grow(self, balances);
    self->height--;
    check(self, balances);
    size_t count = run(self, changes, figures, balances);
    char extra[128];
    snprintf(extra, sizeof extra, "\"coins\":%u,\"mib\":%.1f", vd_ledger_coin_count(self->ledger),
             resident_mib());
    vd_bench_print_with("wallets", figures, count, extra);
    vd_graph_destroy(&self->graph);
    vd_ledger_destroy(&self->ledger);
    free(self->expected);
    free(self->text);
    free(self);
    free(figures);
    free(balances);
    return 0;
}

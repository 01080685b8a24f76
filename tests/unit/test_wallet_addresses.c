/* test_wallet_addresses.c: files and wallet servers as sources of addresses, and the filters by which blocks are
 * found in which an address may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/hash.h"
#include "wallet/addresses.h"
#include "wallet/looks.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- sources ---- */

static vd_address_source_t source_of(const char *adapter, const char *const *labels)
{
    static uint8_t bytes[1024];
    vd_buffer_t out;
    uint32_t count = 0;
    while (labels[2 * count])
        count++;
    vd_buffer_init(&out, sizeof bytes);
    vd_write_map(&out, count);
    for (uint32_t at = 0; at < count; at++)
        vd_write_pair_text(&out, labels[2 * at], labels[2 * at + 1]);
    memcpy(bytes, out.data, out.size);
    vd_source_record_t record = {
        .name = vd_str("s"), .adapter = vd_str(adapter), .labels = vd_bytes(bytes, out.size)};
    vd_buffer_free(&out);
    return vd_address_source_of("chain", &record);
}

#define SOURCE(adapter, ...) source_of(adapter, (const char *const[]){__VA_ARGS__, NULL})

static void knows_sources_by_their_labels(void **state)
{
    (void)state;
    vd_address_source_t file = SOURCE("file", "app", "chain", "wallet", "alice", "file", "x/a.txt");
    assert_int_equal(file.form, VD_ADDRESSES_FILE);
    assert_string_equal(file.target, "x/a.txt");
    assert_true(vd_str_is(file.wallet, "alice"));
    file = SOURCE("file", "app", "chain", "wallet", "alice");
    assert_string_equal(file.target, "addresses.txt");
    vd_address_source_t server = SOURCE("http", "app", "chain", "wallet", "al-1.ce_");
    assert_int_equal(server.form, VD_ADDRESSES_SERVER);
    assert_string_equal(server.target, "/wallet/al-1.ce_");
    server = SOURCE("http", "app", "chain", "wallet", "bob", "reader", "bcoin");
    assert_int_equal(server.form, VD_ADDRESSES_SERVER);
    char target[256];
    vd_address_page(&server, vd_str("ff"), target, sizeof target);
    assert_string_equal(target, "/wallet/bob/tx/history?reverse=true&limit=100&after=ff");
    /* Another chain's; a node; a form without wallets; a name that would lead elsewhere. */
    assert_int_equal(SOURCE("http", "app", "other", "wallet", "bob").form, VD_ADDRESSES_NONE);
    assert_int_equal(SOURCE("http", "app", "chain").form, VD_ADDRESSES_NONE);
    assert_int_equal(SOURCE("exec", "app", "chain", "wallet", "bob").form, VD_ADDRESSES_NONE);
    assert_int_equal(SOURCE("http", "app", "chain", "wallet", "bob", "reader", "logos").form,
                     VD_ADDRESSES_NONE);
    assert_int_equal(SOURCE("http", "app", "chain", "wallet", "../x").form, VD_ADDRESSES_NONE);
    assert_int_equal(SOURCE("http", "app", "chain", "wallet", "a b").form, VD_ADDRESSES_NONE);
    assert_int_equal(SOURCE("http", "app", "chain", "wallet", "").form, VD_ADDRESSES_NONE);
}

/* ---- what they tell ---- */

/* Reads it; the addresses, each with a comma behind it, or the error. False: it was refused. */
static bool read_text(vd_address_form_t form, const char *target, vd_bytes_t content, char *out,
                      size_t size)
{
    vd_address_source_t source = {
        .form = form, .name = vd_str("s"), .wallet = vd_str("w"), .target = "/wallet/w"};
    vd_sample_record_t sample = {
        .target = vd_str(target), .status = vd_str("ok"), .content = content};
    vd_addresses_t found = {0};
    char error[VD_TEXT_BYTES_MAX] = "";
    out[0] = 0;
    bool good = vd_addresses_read(&source, &sample, &found, error, sizeof error);
    if (!good)
        snprintf(out, size, "%s", error);
    for (uint32_t at = 0; at < found.count; at++)
        snprintf(out + strlen(out), size - strlen(out), "%.*s,", (int)found.list[at].size,
                 (const char *)found.list[at].data);
    vd_addresses_free(&found);
    return good;
}

static void expect(vd_address_form_t form, const char *target, const char *content,
                   const char *expected)
{
    char text[4096];
    if (!read_text(form, target, vd_str(content), text, sizeof text) || strcmp(text, expected) != 0)
        fail_msg("%s gives %s, not %s", content, text, expected);
}

static void refuse(vd_address_form_t form, const char *target, const char *content,
                   const char *expected)
{
    char text[4096];
    if (read_text(form, target, vd_str(content), text, sizeof text) || !strstr(text, expected))
        fail_msg("%s gives %s, not %s", content, text, expected);
}

static void reads_files(void **state)
{
    (void)state;
    char wide[256];
    expect(VD_ADDRESSES_FILE, "f", "", "");
    expect(VD_ADDRESSES_FILE, "f", "a1", "a1,");
    expect(VD_ADDRESSES_FILE, "f", "# all\r\na1\r\n\r\n\t b2 \t# mine\n#\nc3#x\n", "a1,b2,c3,");
    refuse(VD_ADDRESSES_FILE, "f", "a1\na2 a3\n", "line 2 is not one address");
    refuse(VD_ADDRESSES_FILE, "f", "a\xc3\xa4\n", "line 1 is not one address");
    memset(wide, 'a', sizeof wide);
    wide[VD_ADDRESS_SIZE_MAX + 1] = 0;
    refuse(VD_ADDRESSES_FILE, "f", wide, "at most 128 characters");
}

static const char history[] = "/wallet/w/tx/history?reverse=true&limit=50";
#define ID "\"0000000000000000000000000000000000000000000000000000000000000001\""

static void reads_wallet_servers(void **state)
{
    (void)state;
    vd_address_form_t server = VD_ADDRESSES_SERVER;
    expect(server, "/wallet/w/account/default",
           "{\"receiveAddress\":\"r\",\"changeAddress\":\"c\",\"nestedAddress\":null}", "r,c,");
    expect(server, "/wallet/w/account/default", "{\"name\":\"default\"}", "");
    refuse(server, "/wallet/w/account/default", "{\"receiveAddress\":5}",
           "receiveAddress is not an address");
    refuse(server, "/wallet/w/account/default", "[]", "an object is expected");
    expect(server, "/wallet/w/account", "[\"default\"]", "");
    expect(server, history, "[]", "");
    expect(server, history,
           "[{\"hash\":" ID
           ",\"inputs\":[{\"address\":\"a\",\"path\":{}},{\"address\":null,\"path\":null}],"
           "\"outputs\":[{\"address\":\"b\",\"path\":null},{\"address\":\"c\",\"path\":{}}]}]",
           "a,c,");
    expect(server, history, "[{\"hash\":" ID "}]", "");
    refuse(server, history, "[{\"hash\":\"xyz\"}]", "[0].hash is not an id");
    refuse(server, history, "[5]", "[0].hash is not an id");
    refuse(server, history, "[{\"hash\":" ID ",\"outputs\":[{\"address\":[],\"path\":{}}]}]",
           "[0].address is not an address");
    refuse(server, history, "{}", "an array is expected");
    refuse(server, history, "[{\"hash\":", "");
}

/* ---- filters ---- */

enum { OUTPUTS = 300 };

static void address_of(uint32_t number, char text[16])
{
    snprintf(text, 16, "rs1q%08x", (uint32_t)vd_hash_mix(number));
}

/* A block of one transaction that pays `count` addresses and spends as many outputs. */
static size_t filter_of(uint32_t count, uint8_t *filter)
{
    static vd_tx_output_t outputs[OUTPUTS];
    static vd_tx_input_t inputs[OUTPUTS];
    static char texts[OUTPUTS][16];
    for (uint32_t at = 0; at < count; at++) {
        address_of(at, texts[at]);
        outputs[at] = (vd_tx_output_t){vd_str(texts[at]), 1};
        inputs[at] = (vd_tx_input_t){vd_str(texts[at]), at};
    }
    vd_chain_tx_t tx = {.id = vd_str("t"),
                        .inputs = inputs,
                        .outputs = outputs,
                        .input_count = count,
                        .output_count = count};
    vd_chain_block_t block = {.txs = &tx, .tx_count = 1, .has_txs = true};
    return vd_filter_make(&block, filter);
}

static void finds_all_and_little_else(void **state)
{
    (void)state;
    uint8_t filter[VD_FILTER_BYTES_MAX];
    char text[16];
    for (uint32_t count = 0; count < 200; count += 1 + count / 4) {
        size_t size = filter_of(count, filter);
        uint32_t others = 0;
        assert_true(size >= 8);
        for (uint32_t at = 0; at < count; at++) {
            address_of(at, text);
            assert_true(vd_filter_has(vd_bytes(filter, size), vd_filter_address(vd_str(text))));
            assert_true(
                vd_filter_has(vd_bytes(filter, size), vd_filter_outpoint(vd_str(text), at)));
        }
        for (uint32_t at = 1000; at < 11000; at++) {
            address_of(at, text);
            others += vd_filter_has(vd_bytes(filter, size), vd_filter_address(vd_str(text)));
        }
        assert_true(others < (count ? 400 : 1)); /* of 10,000 */
    }
    /* Very many have no filter: anything may be there. */
    assert_int_equal(filter_of(OUTPUTS, filter), 0);
    assert_true(vd_filter_has(vd_bytes(filter, 0), 1));
}

static void marks_blocks_to_look_at(void **state)
{
    (void)state;
    static const vd_graph_limits_t limits = {16, 4, 4};
    vd_graph_t *graph = vd_graph_new(&limits);
    vd_looks_t *looks = vd_looks_new(), *again = vd_looks_new();
    uint8_t filter[VD_FILTER_BYTES_MAX];
    char text[16], ids[3][2] = {"a", "b", "c"};
    uint32_t blocks[4], at = 0;
    vd_buffer_t saved;
    vd_graph_claim_t root = {vd_str("a"), vd_str(""), 5, vd_str("n")};
    assert_int_equal(vd_graph_plant(graph, &root), VD_VERDICT_ADDED);
    for (int block = 1; block < 3; block++) {
        vd_graph_claim_t claim = {vd_str(ids[block]), vd_str(ids[block - 1]), VD_HEIGHT_UNKNOWN,
                                  vd_str("n")};
        assert_int_equal(vd_graph_add(graph, &claim), VD_VERDICT_ADDED);
    }
    size_t size = filter_of(2, filter), wide = 0;
    for (int block = 0; block < 3; block++)
        assert_true(vd_looks_put(looks, graph, vd_graph_find(graph, vd_str(ids[block])),
                                 vd_bytes(filter, block == 2 ? wide : size)));
    assert_false(vd_looks_put(looks, graph, 0, vd_bytes(filter, 9)));
    address_of(1, text);
    uint32_t first = vd_graph_find(graph, vd_str("a")), last = vd_graph_find(graph, vd_str("c"));
    vd_looks_mark(looks, graph, vd_filter_address(vd_str(text)), 6);
    assert_int_equal(vd_looks_count(looks), 2);
    assert_false(vd_looks_wants(looks, graph, first));
    vd_looks_mark(looks, graph, vd_filter_address(vd_str(text)), 0);
    assert_int_equal(vd_looks_next(looks, &at, blocks, 2), 2);
    assert_int_equal(vd_looks_next(looks, &at, blocks, 2), 1);
    vd_looks_done(looks, first, false);
    vd_looks_done(looks, last, true);
    assert_int_equal(vd_looks_count(looks), 2);
    assert_int_equal(vd_looks_part_count(looks), 1);
    vd_buffer_init(&saved, 4096);
    vd_looks_save(looks, graph, &saved);
    assert_int_equal(vd_looks_load(again, graph, vd_buffer_view(&saved)), VD_OK);
    assert_int_equal(vd_looks_count(again), 2);
    assert_int_equal(vd_looks_part_count(again), 1);
    vd_graph_prune(graph, last);
    vd_looks_sweep(looks, graph);
    assert_int_equal(vd_looks_count(looks), 1);
    assert_true(vd_looks_wants(looks, graph, last));
    vd_buffer_free(&saved);
    vd_looks_destroy(&looks);
    vd_looks_destroy(&again);
    vd_graph_destroy(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_sources_by_their_labels),
        cmocka_unit_test(reads_files),
        cmocka_unit_test(reads_wallet_servers),
        cmocka_unit_test(finds_all_and_little_else),
        cmocka_unit_test(marks_blocks_to_look_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_chain_readers.c: what nodes answer is read exactly, and what is hostile is refused with its
 * place. The answers of hsd are recorded ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "chainkit/ledger.h"
#include "chainkit/reader.h"
#include "core/core.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *hsd, *logos;

static json_t *vectors(const char *name)
{
    char path[512];
    json_error_t error;
    snprintf(path, sizeof path, "%s/%s.json", VD_CHAIN_VECTORS, name);
    json_t *file = json_load_file(path, 0, &error);
    if (!file)
        fail_msg("%s: %s", path, error.text);
    return file;
}

static int open_vectors(void **state)
{
    (void)state;
    hsd = vectors("hsd");
    logos = vectors("logos");
    return 0;
}

static int close_vectors(void **state)
{
    (void)state;
    json_decref(hsd);
    json_decref(logos);
    return 0;
}

static vd_bytes_t answer_of(const json_t *file, const char *name)
{
    const json_t *text = json_object_get(json_object_get(file, "answers"), name);
    assert_true(json_is_string(text));
    return vd_bytes(json_string_value(text), json_string_length(text));
}

static void read(vd_read_answer_fn function, vd_bytes_t content, const char *asked,
                 vd_answer_t *answer)
{
    char error[256] = "";
    *answer = (vd_answer_t){0};
    if (!function(content, vd_str(asked), answer, error, sizeof error))
        fail_msg("%s", error);
}

static void refused(vd_read_answer_fn function, vd_bytes_t content, const char *asked,
                    const char *reason)
{
    char error[256] = "";
    vd_answer_t answer = {0};
    assert_false(function(content, vd_str(asked), &answer, error, sizeof error));
    if (!strstr(error, reason))
        fail_msg("\"%s\" is not in \"%s\"", reason, error);
    assert_null(answer.json);
}

/* ---- hsd ---- */

static const char tip[] = "416c8233222b78ff7766a7bae28df0959ba538b7e47d36c4bc3ed360d9931b5f";
static const char stale[] = "1dcda59d4762be90ebfb40b53eff401aa8c61624bc894108b763a9e377bd1e66";
static const char fifth[] = "4cd58aa3eaf2f49821b6907bec91c585e77f9bb61d1e4b35371e2665b29798ba";
static const char payment[] = "6559bc31a772829040db3de8313129022b4b5e29c4d3c736da5e6479454ce7c2";
static const char coinbase[] = "b32761834cbffe28631709d07f4f671aab293620534793be7b955049609afa22";
static const char alice[] = "rs1qa76meajnp4j0zyd2pqquerys6uhgzwla4usstv";
static const char bob[] = "rs1q8l84pep52ap5hss6k9n4h8d8dv8rp44esz40qm";

static void reads_where_a_node_stands(void **state)
{
    (void)state;
    vd_answer_t answer;
    read(vd_hsd_reader.read_head, answer_of(hsd, "info"), "", &answer);
    assert_true(vd_str_is(answer.head.tip, tip) && answer.head.height == 9);
    assert_true(vd_str_is(answer.head.network, "regtest"));
    assert_true(answer.head.has_peers && answer.head.peers == 2 && !answer.head.syncing);
    assert_int_equal(answer.head.final.size, 0);
    vd_answer_free(&answer);
    read(vd_hsd_reader.read_tips, answer_of(hsd, "tips"), "", &answer);
    assert_int_equal(answer.tip_count, 2);
    assert_true(answer.tips[0].height == 6 && !answer.tips[0].active);
    assert_true(vd_str_is(answer.tips[1].id, tip) && answer.tips[1].active);
    vd_answer_free(&answer);
    read(vd_hsd_reader.read_pool, answer_of(hsd, "mempool"), "", &answer);
    assert_int_equal(answer.pool_count, 1);
    assert_true(vd_str_is(answer.pool[0], payment));
    vd_answer_free(&answer);
    refused(vd_hsd_reader.read_tips, answer_of(hsd, "bad_rpc"), "", "result is not an array");
    refused(vd_hsd_reader.read_block, answer_of(hsd, "missing"), "", "not JSON");
}

static void reads_blocks_and_transactions(void **state)
{
    (void)state;
    vd_answer_t whole, header, answer;
    read(vd_hsd_reader.read_block, answer_of(hsd, "block_height"), "", &whole);
    read(vd_hsd_reader.read_block, answer_of(hsd, "header"), fifth, &header);
    assert_true(vd_str_is(whole.block.id, fifth) && vd_str_is(header.block.id, fifth));
    assert_true(vd_bytes_equal(whole.block.parent, header.block.parent));
    assert_true(whole.block.height == 5 && header.block.height == 5);
    assert_int_equal(whole.block.time_s, 1795302236);
    assert_true(whole.block.has_txs && !header.block.has_txs && header.block.tx_count == 0);
    assert_int_equal(whole.block.tx_count, 2);
    const vd_chain_tx_t *reward = &whole.block.txs[0], *paid = &whole.block.txs[1];
    assert_true(reward->input_count == 1 && reward->inputs[0].tx.size == 0);
    assert_int_equal(reward->outputs[0].value, 2000001400);
    assert_true(vd_str_is(paid->id, payment) && vd_str_is(paid->inputs[0].tx, coinbase));
    assert_true(paid->output_count == 2 && paid->outputs[0].value == 1234567);
    assert_true(vd_str_is(paid->outputs[0].address, bob));
    vd_answer_free(&whole);
    vd_answer_free(&header);
    read(vd_hsd_reader.read_tx, answer_of(hsd, "tx"), payment, &answer);
    assert_true(vd_str_is(answer.tx.block, fifth) && answer.tx.height == 5);
    vd_answer_free(&answer);
    read(vd_hsd_reader.read_tx, answer_of(hsd, "tx_pending"), payment, &answer);
    assert_true(answer.tx.block.size == 0 && answer.tx.height == VD_HEIGHT_UNKNOWN);
    vd_answer_free(&answer);
    refused(vd_hsd_reader.read_block, answer_of(hsd, "header"), stale,
            "hash is not the block that was asked for");
    refused(vd_hsd_reader.read_tx, answer_of(hsd, "tx"), stale,
            "hash is not the transaction that was asked for");
}

/* The payment was mined on both branches; off the best chain its input no longer has a coin. Both
 * branches have the balances that their own blocks lead to. */
static void resolves_what_stale_blocks_spend(void **state)
{
    (void)state;
    static const vd_graph_limits_t graph_limits = {100, 10, 10};
    static const vd_ledger_limits_t limits = {10, 100, 4};
    const char *const names[] = {"block_height", "block_stale"};
    char error[256];
    uint64_t balances[2][2];
    vd_graph_t *graph = vd_graph_new(&graph_limits);
    vd_ledger_t *ledger = vd_ledger_new(&limits);
    vd_ledger_add_wallet(ledger, vd_str("alice"));
    vd_ledger_add_wallet(ledger, vd_str("bob"));
    assert_int_equal(vd_ledger_watch(ledger, 0, vd_str(alice)), VD_OK);
    assert_int_equal(vd_ledger_watch(ledger, 1, vd_str(bob)), VD_OK);
    assert_null(strstr((const char *)answer_of(hsd, "block_stale").data, "\"coin\""));
    for (int at = 0; at < 2; at++) {
        vd_answer_t answer;
        vd_delta_t delta = {0};
        read(vd_hsd_reader.read_block, answer_of(hsd, names[at]), "", &answer);
        if (at == 0) { /* the block below both, with the coin that is spent */
            vd_move_t coin = {vd_str(coinbase), 0, 0, 2000000000, false};
            vd_graph_claim_t root = {answer.block.parent, vd_str(""), 4, vd_str("n1")};
            assert_int_equal(vd_graph_plant(graph, &root), VD_VERDICT_ADDED);
            delta.block = vd_graph_root(graph);
            assert_true(vd_delta_add(&delta, &coin));
            assert_int_equal(vd_ledger_take(ledger, graph, &delta), VD_OK);
            vd_delta_free(&delta);
        }
        vd_graph_claim_t claim = {answer.block.id, answer.block.parent, answer.block.height,
                                  vd_str("n1")};
        assert_int_equal(vd_graph_add(graph, &claim), VD_VERDICT_ADDED);
        delta.block = vd_graph_find(graph, answer.block.id);
        assert_int_equal(vd_ledger_read(ledger, graph, &answer.block, &delta, error, sizeof error),
                         VD_OK);
        assert_int_equal(vd_ledger_take(ledger, graph, &delta), VD_OK);
        assert_int_equal(vd_ledger_balances(ledger, graph, delta.block, balances[at]), VD_OK);
        vd_delta_free(&delta);
        vd_answer_free(&answer);
    }
    /* Bob mined the one, alice the other; her change goes to an address that is not watched. */
    assert_true(balances[0][0] == 0 && balances[0][1] == 1234567 + 2000001400);
    assert_true(balances[1][0] == 2000001400 && balances[1][1] == 1234567);
    assert_int_equal(vd_graph_count(graph), 3);
    vd_graph_destroy(&graph);
    vd_ledger_destroy(&ledger);
}

/* An answer of hsd in which the first `from` is `to`. */
static void changed(const char *name, const char *from, const char *to, vd_read_answer_fn function,
                    const char *reason)
{
    vd_bytes_t text = answer_of(hsd, name);
    const char *found = strstr((const char *)text.data, from);
    vd_buffer_t other;
    assert_non_null(found);
    vd_buffer_init(&other, 1 << 20);
    vd_buffer_add(&other, text.data, (size_t)(found - (const char *)text.data));
    vd_buffer_add(&other, to, strlen(to));
    vd_buffer_add(&other, found + strlen(from), strlen(found + strlen(from)));
    if (reason) {
        refused(function, vd_buffer_view(&other), "", reason);
    } else {
        vd_answer_t answer;
        read(function, vd_buffer_view(&other), "", &answer);
        assert_true(answer.block.txs[0].outputs[0].value == UINT64_MAX - 1);
        vd_answer_free(&answer);
    }
    vd_buffer_free(&other);
}

static void names_the_place_of_what_is_wrong(void **state)
{
    (void)state;
    vd_read_answer_fn block = vd_hsd_reader.read_block, head = vd_hsd_reader.read_head;
    changed("block_height", "\"height\": 5", "\"height\": -5", block, "height is not");
    changed("block_height", "\"height\": 5", "\"height\": 5.5", block, "height is not");
    changed("block_height", "\"height\": 5", "\"height\": 9223372036854775808", block,
            "height is not");
    changed("block_height", "4cd58aa3", "4CD58AA3", block, "hash is not an id");
    changed("block_height", "\"hash\": \"4c", "\"hash\": \"", block, "hash is not an id");
    changed("block_height", "prevBlock", "prevblock", block, "prevBlock is not an id");
    changed("block_height", "\"index\": 4294967295", "\"index\": 4294967296", block,
            "txs[0].inputs[0].prevout.index is not");
    changed("block_height", "\"value\": 2000001400", "\"value\": 2e9", block,
            "txs[0].outputs[0].value is not");
    changed("block_height", "\"value\": 2000001400", "\"value\": 18446744073709551616", block,
            "txs[0].outputs[0].value is not");
    changed("block_height", "\"value\": 2000001400", "\"value\": 18446744073709551614", block,
            NULL);
    changed("block_height", "\"outputs\": [", "\"outputs\": 1, \"x\": [", block,
            "txs[0].outputs is not an array");
    changed("block_height", "\"txs\": [", "\"txs\": {}, \"x\": [", block, "txs is not an array");
    changed("info", "\"chain\": {", "\"chain\": [], \"x\": {", head, "chain is not an object");
    changed("info", "\"tip\"", "\"top\"", head, "chain.tip is not an id");
    changed("tips", "\"height\":6", "\"height\":\"six\"", vd_hsd_reader.read_tips,
            "result[0].height is not");
    changed("mempool", "6559", "", vd_hsd_reader.read_pool, "[0] is not an id");
    changed("tx", "\"prevout\"", "\"prevOut\"", vd_hsd_reader.read_tx,
            "inputs[0].prevout is not an object");
}

static void refuses_what_is_too_much(void **state)
{
    (void)state;
    vd_buffer_t text;
    vd_buffer_init(&text, 4 << 20);
    vd_buffer_add(&text, "[", 1);
    for (uint32_t at = 0; at < VD_POOL_TXS_MAX; at++)
        vd_buffer_add(&text, "1,", 2);
    vd_buffer_add(&text, "1]", 2);
    refused(vd_hsd_reader.read_pool, vd_buffer_view(&text), "", "too many transactions");
    for (uint32_t at = 0; at < VD_ANSWER_VALUES_MAX; at++)
        vd_buffer_add(&text, ",1", 2);
    refused(vd_hsd_reader.read_pool, vd_buffer_view(&text), "", "too many values");
    while (text.size <= VD_ANSWER_BYTES_MAX)
        vd_buffer_add(&text, "                ", 16);
    refused(vd_hsd_reader.read_pool, vd_buffer_view(&text), "", "larger than");
    vd_buffer_clear(&text);
    for (uint32_t at = 0; at <= VD_ANSWER_DEPTH_MAX; at++)
        vd_buffer_add(&text, "[", 1);
    refused(vd_hsd_reader.read_pool, vd_buffer_view(&text), "", "nested too deeply");
    refused(vd_hsd_reader.read_head, vd_str("[]"), "", "an object is expected");
    refused(vd_hsd_reader.read_pool, vd_str("{}"), "", "an array is expected");
    vd_buffer_free(&text);
}

static void survives_damage(void **state)
{
    (void)state;
    static const char *const names[] = {"info", "tips", "block_height", "tx", "header", "mempool"};
    const vd_read_answer_fn functions[] = {vd_hsd_reader.read_head,   vd_hsd_reader.read_tips,
                                           vd_hsd_reader.read_block,  vd_hsd_reader.read_tx,
                                           vd_logos_reader.read_head, vd_hsd_reader.read_pool};
    uint64_t random = 11;
    char error[256];
    uint32_t bad = 0;
    for (uint32_t round = 0; round < 1200; round++) {
        vd_bytes_t text = answer_of(hsd, names[round % 6]);
        uint8_t *copy = malloc(text.size);
        memcpy(copy, text.data, text.size);
        for (uint32_t at = 0; at < 3; at++)
            copy[vd_random_next(&random) % text.size] = (uint8_t)vd_random_next(&random);
        for (size_t at = 0; at < sizeof functions / sizeof functions[0]; at++) {
            vd_answer_t answer = {0};
            if (functions[at](vd_bytes(copy, text.size), vd_str(""), &answer, error, sizeof error))
                vd_answer_free(&answer);
            else
                bad++;
        }
        free(copy);
    }
    assert_true(bad > 1200);
}

/* ---- others ---- */

static void reads_both_shapes_of_logos(void **state)
{
    (void)state;
    char id[65];
    vd_answer_t answer;
    memset(id, '3', 64);
    id[64] = 0;
    const struct {
        const char *name;
        uint64_t height;
        bool syncing;
    } cases[] = {{"old", 17, false},
                 {"old_syncing", 17, true},
                 {"new", 18, false},
                 {"new_syncing", 18, true}};
    for (size_t at = 0; at < sizeof cases / sizeof cases[0]; at++) {
        read(vd_logos_reader.read_head, answer_of(logos, cases[at].name), "", &answer);
        assert_int_equal(answer.head.height, cases[at].height);
        assert_true(answer.head.syncing == cases[at].syncing);
        assert_true(answer.head.final.data[0] == '1' && answer.head.final.size == 64);
        assert_true(answer.head.tip.data[63] == (at < 2 ? '2' : '3'));
        vd_answer_free(&answer);
    }
    read(vd_logos_reader.read_block, answer_of(logos, "block"), id, &answer);
    assert_true(vd_str_is(answer.block.id, id) && answer.block.parent.data[0] == '2');
    assert_true(answer.block.height == VD_HEIGHT_UNKNOWN && !answer.block.has_txs);
    vd_answer_free(&answer);
    refused(vd_logos_reader.read_block, answer_of(logos, "no_block"), id, "not JSON");
    refused(vd_logos_reader.read_block, answer_of(logos, "block"), "", "without an id");
    refused(vd_logos_reader.read_block, answer_of(logos, "old"), id, "header is not an object");
    refused(vd_logos_reader.read_head, answer_of(hsd, "info"), "", "tip is not an id");
    refused(vd_logos_reader.read_head, vd_str("{\"cryptarchia_info\":{\"tip\":1}}"), "",
            "cryptarchia_info.tip is not an id");
}

static void asks_each_in_its_form(void **state)
{
    (void)state;
    vd_ask_t ask;
    char target[128];
    const vd_reader_t *reader = vd_reader_named(vd_str(""));
    assert_ptr_equal(reader, &vd_hsd_reader);
    assert_ptr_equal(vd_reader_named(vd_str("bcoin")), &vd_bcoin_reader);
    assert_null(vd_reader_named(vd_str("other")));
    reader->ask_block(vd_str(""), UINT64_MAX, &ask);
    assert_string_equal(ask.target, "/block/18446744073709551615");
    reader->ask_header(vd_str(tip), 0, &ask);
    snprintf(target, sizeof target, "/header/%s", tip);
    assert_string_equal(ask.target, target);
    reader->ask_tx(vd_str(payment), &ask);
    snprintf(target, sizeof target, "/tx/%s", payment);
    assert_string_equal(ask.target, target);
    assert_string_equal(ask.op, "get");
    vd_reader_named(vd_str("logos"))->ask_block(vd_str(tip), 0, &ask);
    assert_string_equal(ask.op, "post");
    snprintf(target, sizeof target, "\"%s\"", tip);
    assert_string_equal(ask.body, target);
    vd_logos_reader.ask_block(vd_str(""), 5, &ask);
    assert_string_equal(ask.op, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_where_a_node_stands),
        cmocka_unit_test(reads_blocks_and_transactions),
        cmocka_unit_test(resolves_what_stale_blocks_spend),
        cmocka_unit_test(names_the_place_of_what_is_wrong),
        cmocka_unit_test(refuses_what_is_too_much),
        cmocka_unit_test(survives_damage),
        cmocka_unit_test(reads_both_shapes_of_logos),
        cmocka_unit_test(asks_each_in_its_form),
    };
    return cmocka_run_group_tests(tests, open_vectors, close_vectors);
}

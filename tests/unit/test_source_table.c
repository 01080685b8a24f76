/* test_source_table.c: what the table counts for a source is what its record takes in a snapshot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/core.h"
#include "membership_parts.h"

#include <stdio.h>

enum { SLACK_BYTES_MAX = 24, RANDOM_SOURCES = 300 };

static char letters[VD_SPEC_BYTES_MAX];

static vd_str_t some(uint64_t *seed, size_t size_max)
{
    return vd_bytes(letters, vd_random_next(seed) % (size_max + 1));
}

/* Bytes of the record with `poller` and the widest incarnation. */
static size_t encoded_bytes(const vd_source_record_t *source, vd_str_t poller)
{
    vd_source_record_t record = *source;
    record.poller = poller;
    record.inc = UINT64_MAX;
    vd_buffer_t out;
    vd_buffer_init(&out, VD_BODY_BYTES_MAX);
    assert_int_equal(vd_record_encode(VD_RECORD_source, &record, &out), VD_OK);
    size_t size = out.size;
    vd_buffer_free(&out);
    return size;
}

/* Sources with and without each part, of any size: never less is counted than they take, and little
 * more. */
static void the_count_is_what_a_snapshot_takes(void **state)
{
    (void)state;
    vd_source_table_t table;
    uint64_t seed = 7;
    vd_str_t poller = vd_str("a-poller-somewhere");
    assert_true(vd_source_table_init(&table, RANDOM_SOURCES, UINT32_MAX));
    assert_int_equal(vd_source_table_poller_name(&table, (uint32_t)poller.size), VD_OK);
    for (int i = 0; i < RANDOM_SOURCES; i++) {
        char name[16];
        uint8_t map[] = {0x81, 0xa1, 'k', 0xa1, 'v'};
        snprintf(name, sizeof name, "s%d", i);
        vd_source_record_t source = {.name = vd_str(name),
                                     .adapter = vd_bytes(letters, 1 + i % VD_NAME_BYTES_MAX),
                                     .address = some(&seed, VD_TEXT_BYTES_MAX),
                                     .provider = vd_bytes(letters, 1 + i % 50)};
        if (i % 2 == 0)
            source.auth = some(&seed, VD_TEXT_BYTES_MAX);
        if (i % 3 == 0)
            source.labels = vd_bytes(map, sizeof map);
        if (i % 5 == 0)
            source.spec = vd_bytes(map, sizeof map);
        uint64_t before = table.bytes;
        uint32_t at = 0;
        assert_int_equal(vd_source_table_add(&table, &source, 0, 1, &at), VD_OK);
        size_t counted = table.bytes - before + table.poller_name_bytes;
        size_t taken = encoded_bytes(&source, poller);
        assert_true(taken <= counted);
        assert_true(counted - taken <= SLACK_BYTES_MAX);
    }
    vd_source_table_free(&table);
}

/* As many as may be in one membership, each a server with a port, fit into its snapshot. */
static void ordinary_sources_fit(void **state)
{
    (void)state;
    vd_source_table_t table;
    assert_true(vd_source_table_init(&table, VD_SOURCES_MAX, VD_SOURCES_BYTES_MAX));
    assert_int_equal(vd_source_table_poller_name(&table, 8), VD_OK);
    uint32_t at = 0;
    char name[16], address[64];
    for (int i = 0; i < VD_SOURCES_MAX; i++) {
        snprintf(name, sizeof name, "s%d", i);
        snprintf(address, sizeof address, "http://127.%d.%d.%d:20000", i >> 16, i >> 8 & 255,
                 i & 255);
        vd_source_record_t source = {.name = vd_str(name),
                                     .adapter = vd_str("http"),
                                     .address = vd_str(address),
                                     .provider = vd_str("bench")};
        assert_int_equal(vd_source_table_add(&table, &source, 0, 1, &at), VD_OK);
    }
    vd_source_record_t more = {.name = vd_str("more"), .adapter = vd_str("http")};
    assert_int_equal(vd_source_table_add(&table, &more, 0, 1, &at), VD_OVERLOADED);
    assert_true(table.bytes + (uint64_t)table.live * table.poller_name_bytes <=
                VD_SOURCES_BYTES_MAX);
    vd_source_table_free(&table);
}

int main(void)
{
    memset(letters, 'x', sizeof letters);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_count_is_what_a_snapshot_takes),
        cmocka_unit_test(ordinary_sources_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

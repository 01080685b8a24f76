/* test_discovery.c: what providers find, taken apart: templates, sets, members of a cluster, answers of
 * name servers; good ones and hostile ones. */
#include "dns_answer.h"
#include "members.h"
#include "source_list.h"
#include "source_set.h"
#include "wire/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct fixture {
    vd_buffer_t out, labels;
    vd_target_form_t form;
    char error[VD_TEXT_BYTES_MAX];
} fixture_t;

static int set_up(void **state)
{
    fixture_t *self = calloc(1, sizeof *self);
    vd_buffer_init(&self->out, VD_SOURCE_LIST_BYTES_MAX);
    vd_buffer_init(&self->labels, VD_SPEC_BYTES_MAX);
    self->form.adapter = vd_str("http");
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    fixture_t *self = *state;
    vd_buffer_free(&self->out);
    vd_buffer_free(&self->labels);
    free(self);
    return 0;
}

static uint32_t count(const fixture_t *self)
{
    return vd_rows_count(vd_buffer_view(&self->out));
}

static vd_source_record_t record(const fixture_t *self, uint32_t at)
{
    vd_source_record_t source = {0};
    vd_bytes_t rows = vd_buffer_view(&self->out);
    for (uint32_t i = 0; i <= at; i++)
        assert_int_equal(vd_rows_next(&rows, VD_RECORD_source, &source), VD_OK);
    return source;
}

static void is(vd_str_t text, const char *wanted)
{
    if (!vd_str_is(text, wanted))
        fail_msg("\"%.*s\" instead of \"%s\"", (int)text.size, (const char *)text.data, wanted);
}

static void label_is(const vd_source_record_t *source, const char *name, const char *wanted)
{
    vd_value_t map;
    assert_true(vd_value_of(source->labels, &map));
    is(vd_value_get_str(&map, name), wanted);
}

/* ---- targets ---- */

static void fills(const char *address, const char *target, const char *wanted)
{
    char out[VD_TEXT_BYTES_MAX + 1];
    assert_null(vd_target_check(vd_str(address)));
    assert_true(vd_target_fill(vd_str(address), vd_str(target), out));
    assert_string_equal(out, wanted);
}

static void templates_are_filled(void **state)
{
    (void)state;
    fills("http://{target}/x", "a:1", "http://a:1/x");
    fills("{host}|{port}", "a:1", "a|1");
    fills("{host}|{port}", "a", "a|");
    fills("{host}|{port}", "[::1]:80", "[::1]|80");
    fills("{host}|{port}", "[::1]", "[::1]|");
    fills("{host}|{port}", "::1", "::1|");
    fills("{host}|{port}", ":7", "|7");
    fills("{host}|{port}", "", "|");
    fills("{host}|{port}", "7", "7|");
    fills("plain", "a:1", "plain");
    assert_non_null(vd_target_check(vd_str("{nobody}")));
    assert_non_null(vd_target_check(vd_str("{target")));
    assert_non_null(vd_target_check(vd_str("}")));
    char out[VD_TEXT_BYTES_MAX + 1], longest[VD_TEXT_BYTES_MAX + 1];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_false(vd_target_fill(vd_str("x{target}"), vd_str(longest), out));
    assert_true(vd_target_fill(vd_str("{target}"), vd_str(longest), out));
    assert_false(vd_target_name(vd_bytes("a\0b", 3), out));
}

static void configure_labels(fixture_t *self, const char *const *texts, uint32_t number)
{
    vd_buffer_clear(&self->labels);
    vd_write_map(&self->labels, number);
    for (uint32_t i = 0; i < number; i++)
        assert_true(vd_label_write(vd_str(texts[i]), &self->labels));
    self->form.labels = vd_buffer_view(&self->labels);
}

static void labels_of_the_source_win(void **state)
{
    fixture_t *self = *state;
    const char *const texts[] = {"zone=z", "job=default=x"};
    configure_labels(self, texts, 2);
    self->form.address = vd_str("tcp://{target}");
    assert_int_equal(vd_source_list_parse_as(
                         vd_str("[{\"targets\": [\"a:1\", \"https://b\"], \"labels\": {\"job\": "
                                "\"api\"}}, {\"name\": \"own\", \"address\": \"x\"}]"),
                         &self->form, &self->out, self->error, sizeof self->error),
                     VD_OK);
    assert_int_equal(count(self), 3);
    vd_source_record_t a = record(self, 0), b = record(self, 1), own = record(self, 2);
    is(a.address, "tcp://a:1");
    is(b.address, "https://b");
    is(own.address, "x");
    label_is(&a, "job", "api");
    label_is(&a, "zone", "z");
    label_is(&own, "job", "default=x");
    vd_buffer_t pairs;
    vd_buffer_init(&pairs, 100);
    assert_false(vd_label_write(vd_str("no"), &pairs));
    assert_false(vd_label_write(vd_str("=x"), &pairs));
    assert_false(vd_label_write(vd_str(""), &pairs));
    assert_int_equal(pairs.size, 0);
    vd_buffer_free(&pairs);
    vd_buffer_clear(&self->out);
    assert_int_equal(vd_source_list_parse_as(vd_str("[{\"name\": \"n\", \"labels\": [1]}]"),
                                             &self->form, &self->out, self->error,
                                             sizeof self->error),
                     VD_MALFORMED);
    assert_non_null(strstr(self->error, "labels must be texts by name"));
    assert_int_equal(vd_source_list_parse_as(vd_str("[{\"targets\": [\"a\\u0000b\"]}]"),
                                             &self->form, &self->out, self->error,
                                             sizeof self->error),
                     VD_MALFORMED);
}

/* ---- sets ---- */

static vd_status_t add(fixture_t *self, vd_source_set_t *set, const char *name, const char *target)
{
    return vd_source_set_add(set, vd_str(name), vd_str(target), vd_str(target), vd_str(NULL),
                             self->error, sizeof self->error);
}

static void order_does_not_matter(void **state)
{
    fixture_t *self = *state;
    const char *const names[] = {"b", "a", "c", "a", "ab"};
    vd_buffer_t other;
    vd_buffer_init(&other, 65536);
    for (int round = 0; round < 2; round++) {
        vd_source_set_t set;
        vd_source_set_init(&set, &self->form);
        for (int i = 0; i < 5; i++) {
            const char *name = names[round == 0 ? i : 4 - i];
            assert_int_equal(add(self, &set, name, name), VD_OK);
        }
        assert_int_equal(vd_source_set_write(&set, round == 0 ? &self->out : &other, self->error,
                                             sizeof self->error),
                         VD_OK);
        vd_source_set_free(&set);
    }
    assert_int_equal(count(self), 4);
    is(record(self, 1).name, "ab");
    assert_true(vd_bytes_equal(vd_buffer_view(&self->out), vd_buffer_view(&other)));
    vd_buffer_free(&other);
}

static void one_name_for_two_is_refused(void **state)
{
    fixture_t *self = *state;
    vd_source_set_t set;
    vd_source_set_init(&set, &self->form);
    assert_int_equal(add(self, &set, "a", "here"), VD_OK);
    assert_int_equal(add(self, &set, "a", "there"), VD_OK);
    assert_int_equal(add(self, &set, "a b", "x"), VD_MALFORMED);
    assert_non_null(strstr(self->error, "is not a name"));
    assert_int_equal(vd_source_set_write(&set, &self->out, self->error, sizeof self->error),
                     VD_MALFORMED);
    assert_non_null(strstr(self->error, "two sources are named a"));
    vd_source_set_free(&set);
    vd_source_set_init(&set, &self->form);
    char name[16];
    for (int i = 0; i < VD_SOURCES_MAX; i++) {
        snprintf(name, sizeof name, "n%d", i);
        assert_int_equal(add(self, &set, name, name), VD_OK);
    }
    assert_int_equal(add(self, &set, "more", "x"), VD_TOO_LARGE);
    vd_source_set_free(&set);
}

/* ---- members ---- */

static vd_status_t parse_members(fixture_t *self, const char *text)
{
    vd_buffer_clear(&self->out);
    self->error[0] = 0;
    return vd_members_parse(vd_str(text), &self->form, &self->out, self->error, sizeof self->error);
}

static void members_are_named_and_placed(void **state)
{
    fixture_t *self = *state;
    const char *text =
        "{\"header\": {\"cluster_id\": \"1\"}, \"members\": ["
        "{\"ID\": \"18446744073709551615\", \"name\": \"m2\", \"peerURLs\": [\"x\"],"
        " \"clientURLs\": [\"unix://s\", \"https://h:2379/p\"], \"isLearner\": true},"
        "{\"ID\": \"7\", \"peerURLs\": [\"http://p\"]},"
        "{\"ID\": \"8\", \"name\": \"\", \"clientURLs\": null}]}";
    assert_int_equal(parse_members(self, text), VD_OK);
    assert_int_equal(count(self), 3);
    vd_source_record_t unnamed = record(self, 0), named = record(self, 2);
    is(unnamed.name, "7");
    assert_int_equal(unnamed.address.size, 0);
    label_is(&unnamed, "member_id", "7");
    is(record(self, 1).name, "8");
    is(named.name, "m2");
    is(named.address, "https://h:2379/p");
    label_is(&named, "learner", "true");
    label_is(&named, "member_id", "18446744073709551615");
    self->form.address = vd_str("tcp://{host}:{port}");
    assert_int_equal(parse_members(self, text), VD_OK);
    is(record(self, 2).address, "tcp://h:2379");
}

static void answers_without_members_are_refused(void **state)
{
    fixture_t *self = *state;
    static const char *const bad[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"members\": []}",
        "{\"members\": {}}",
        "{\"members\": [1]}",
        "{\"members\": [{}]}",
        "{\"members\": [{\"ID\": 7}]}",
        "{\"members\": [{\"ID\": \"x\"}]}",
        "{\"members\": [{\"ID\": \"7\", \"name\": 1}]}",
        "{\"members\": [{\"ID\": NaN}]}",
        "{\"members\": [{\"ID\": \"7\", \"clientURLs\": \"http://x\"}]}",
        "{\"members\": [{\"ID\": \"7\", \"clientURLs\": [7]}]}",
        "{\"members\": [{\"ID\": \"7\", \"name\": \"a b\"}]}",
        "{\"members\": [{\"ID\": \"7\", \"name\": \"a\"}, {\"ID\": \"8\", \"name\": \"a\"}]}",
        "{\"members\": [{\"ID\": \"7\"}",
        "{\"error\": \"etcdserver: no leader\", \"code\": 14}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (parse_members(self, bad[i]) == VD_OK || self->error[0] == 0)
            fail_msg("accepted: %s", bad[i]);
        assert_int_equal(self->out.size, 0);
    }
    char deep[400];
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = 0;
    assert_int_equal(parse_members(self, deep), VD_TOO_DEEP);
}

/* ---- name servers ---- */

typedef struct found {
    int count;
    char last[128];
} found_t;

static bool take(void *arg, vd_str_t target)
{
    found_t *self = arg;
    self->count++;
    vd_str_copy(self->last, sizeof self->last, target);
    return self->count < 100;
}

/* An answer to a question for a.b with `rows` records, which follow. */
static size_t write_head(uint8_t *out, uint8_t rows, uint8_t type)
{
    const uint8_t head[] = {0, 1, 0x81, 0x80, 0,   1, 0, rows, 0, 0, 0,
                            0, 1, 'a',  1,    'b', 0, 0, type, 0, 1};
    memcpy(out, head, sizeof head);
    return sizeof head;
}

static size_t write_record(uint8_t *out, uint8_t type, const void *data, uint8_t size)
{
    const uint8_t head[] = {0xc0, 12, 0, type, 0, 1, 0, 0, 0, 9, 0, size};
    memcpy(out, head, sizeof head);
    memcpy(out + sizeof head, data, size);
    return sizeof head + size;
}

static void answers_are_read(void **state)
{
    (void)state;
    uint8_t answer[512];
    found_t found = {0};
    static const uint8_t four[] = {10, 0, 0, 1}, six[16] = {[0] = 0xfd, [15] = 2};
    static const uint8_t service[] = {0, 0, 0, 0, 0x1f, 0x90, 1, 'h', 0xc0, 14};
    static const uint8_t none[] = {0, 0, 0, 0, 0, 0, 0};
    size_t size = write_head(answer, 4, VD_DNS_SRV);
    size += write_record(answer + size, VD_DNS_A, four, 4);
    size += write_record(answer + size, VD_DNS_SRV, service, sizeof service);
    size += write_record(answer + size, VD_DNS_AAAA, six, 16);
    size += write_record(answer + size, VD_DNS_SRV, none, sizeof none);
    assert_int_equal(vd_dns_read(vd_bytes(answer, size), VD_DNS_SRV, 0, take, &found), VD_OK);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.last, "h.b:8080");
    assert_int_equal(vd_dns_read(vd_bytes(answer, size), VD_DNS_A, 80, take, &found), VD_OK);
    assert_string_equal(found.last, "10.0.0.1:80");
    assert_int_equal(vd_dns_read(vd_bytes(answer, size), VD_DNS_AAAA, 0, take, &found), VD_OK);
    assert_string_equal(found.last, "[fd00::2]");
    assert_int_equal(found.count, 3);
}

/* Each answer that is cut anywhere, or has one byte changed, is read without harm. */
static void answers_that_lie_do_no_harm(void **state)
{
    (void)state;
    uint8_t answer[512];
    static const uint8_t service[] = {0, 0, 0, 0, 0x1f, 0x90, 1, 'h', 0xc0, 12};
    size_t size = write_head(answer, 2, VD_DNS_SRV);
    size += write_record(answer + size, VD_DNS_SRV, service, sizeof service);
    size += write_record(answer + size, VD_DNS_SRV, service, sizeof service);
    for (size_t cut = 0; cut < size; cut++) {
        found_t found = {0};
        uint8_t *copy = malloc(cut + 1);
        memcpy(copy, answer, cut);
        assert_int_equal(vd_dns_read(vd_bytes(copy, cut), VD_DNS_SRV, 0, take, &found),
                         VD_MALFORMED);
        free(copy);
    }
    for (size_t at = 0; at < size; at++)
        for (unsigned value = 0; value < 256; value++) {
            found_t found = {0};
            uint8_t kept = answer[at];
            answer[at] = (uint8_t)value;
            vd_dns_read(vd_bytes(answer, size), VD_DNS_SRV, 0, take, &found);
            assert_true(found.count <= 2);
            answer[at] = kept;
        }
    found_t found = {0};
    static const uint8_t longer[] = {10, 0, 0, 1, 5};
    size = write_head(answer, 1, VD_DNS_A);
    size += write_record(answer + size, VD_DNS_A, longer, sizeof longer);
    assert_int_equal(vd_dns_read(vd_bytes(answer, size), VD_DNS_A, 0, take, &found), VD_MALFORMED);
    assert_int_equal(vd_dns_read(vd_bytes(NULL, 0), VD_DNS_A, 0, take, &found), VD_MALFORMED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(templates_are_filled),
        TEST(labels_of_the_source_win),
        TEST(order_does_not_matter),
        TEST(one_name_for_two_is_refused),
        TEST(members_are_named_and_placed),
        TEST(answers_without_members_are_refused),
        TEST(answers_are_read),
        TEST(answers_that_lie_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

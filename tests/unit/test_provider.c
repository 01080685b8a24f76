/* test_provider.c: the provider's core and the list that is changed by hand, step by step. */
#include "manual_core.h"
#include "provider.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct fixture {
    vd_effects_t *effects;
    vd_now_t now;
    vd_provider_t provider;
    vd_manual_t manual;
    vd_buffer_t scratch;
} fixture_t;

static int set_up(void **state)
{
    fixture_t *self = calloc(1, sizeof *self);
    self->effects = vd_effects_new();
    self->now.mono_us = 5000000;
    self->provider = (vd_provider_t){
        .name = "nodes", .inc = 7, .broker = "ipc:///broker", .refresh_us = 30000000};
    vd_buffer_init(&self->provider.sources, VD_SOURCE_LIST_BYTES_MAX);
    vd_buffer_init(&self->provider.part, VD_BODY_BYTES_MAX);
    vd_buffer_init(&self->scratch, VD_BODY_BYTES_MAX);
    vd_manual_init(&self->manual);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    fixture_t *self = *state;
    vd_buffer_free(&self->provider.sources);
    vd_buffer_free(&self->provider.part);
    vd_buffer_free(&self->scratch);
    vd_manual_free(&self->manual);
    vd_effects_destroy(&self->effects);
    free(self);
    return 0;
}

static const vd_effect_t *find(const fixture_t *self, vd_effect_kind_t kind)
{
    for (uint32_t at = 0; at < self->effects->count; at++)
        if (self->effects->list[at].kind == kind)
            return &self->effects->list[at];
    return NULL;
}

/* The message with this id that was sent. False when there is none. */
static bool sent(const fixture_t *self, uint16_t id, vd_message_t *message)
{
    for (uint32_t at = 0; at < self->effects->count; at++) {
        const vd_effect_t *effect = &self->effects->list[at];
        if (effect->kind == VD_EFFECT_SEND &&
            vd_message_decode(vd_effect_header(self->effects, effect),
                              vd_effect_body(self->effects, effect), vd_bytes(NULL, 0),
                              message) == VD_OK &&
            message->id == id)
            return true;
    }
    return false;
}

/* ---- the provider ---- */

static void step(fixture_t *self, const vd_input_t *input)
{
    vd_effects_clear(self->effects);
    vd_provider_step(&self->provider, self->now, input, self->effects);
    assert_false(self->effects->overflow);
}

static void hear(fixture_t *self, vd_message_t message)
{
    vd_input_t input = {.kind = VD_INPUT_MESSAGE,
                        .port = VD_PROVIDER_BROKER,
                        .peer = vd_peer_named("broker"),
                        .message = &message};
    step(self, &input);
}

static vd_bytes_t set_of(fixture_t *self, const char *name)
{
    vd_buffer_clear(&self->scratch);
    vd_write_array(&self->scratch, 1);
    vd_source_record_t record = {.name = vd_str(name), .adapter = vd_str("file")};
    assert_int_equal(vd_record_encode(VD_RECORD_source, &record, &self->scratch), VD_OK);
    return vd_buffer_view(&self->scratch);
}

static void listed(fixture_t *self, const char *name, const char *error)
{
    vd_listing_t listing = {.status = error == NULL ? VD_OK : VD_MALFORMED, .error = vd_str(error)};
    if (name != NULL)
        listing.sources = set_of(self, name);
    vd_input_t input = {.kind = VD_INPUT_DONE, .id = VD_PROVIDER_LIST, .result = &listing};
    step(self, &input);
}

static void happens(fixture_t *self, vd_input_kind_t kind, uint32_t id)
{
    vd_input_t input = {.kind = kind, .id = id};
    step(self, &input);
}

/* Starts it, and lets it hear of the broker. */
static void begin(fixture_t *self)
{
    happens(self, VD_INPUT_START, 0);
    assert_non_null(find(self, VD_EFFECT_DO));
    hear(self, (vd_message_t){.id = VD_MESSAGE_PONG, .pong = {.inc = 9}});
}

static void answer(fixture_t *self, const vd_message_t *announce)
{
    hear(self, (vd_message_t){.id = VD_MESSAGE_DONE, .correlation = announce->correlation});
}

static void announces_at_once_and_again_when_it_changes(void **state)
{
    fixture_t *self = *state;
    vd_message_t message;
    begin(self);
    listed(self, "a", NULL);
    assert_true(sent(self, VD_MESSAGE_ANNOUNCE, &message));
    assert_int_equal(vd_rows_count(message.announce.sources), 1);
    answer(self, &message);
    happens(self, VD_INPUT_DONE, VD_PROVIDER_CHANGED);
    assert_int_equal(find(self, VD_EFFECT_DO)->id, VD_PROVIDER_LIST);
    listed(self, "a", NULL);
    assert_false(sent(self, VD_MESSAGE_ANNOUNCE, &message));
    happens(self, VD_INPUT_DONE, VD_PROVIDER_CHANGED);
    listed(self, "b", NULL);
    assert_true(sent(self, VD_MESSAGE_ANNOUNCE, &message));
}

static void a_change_during_a_listing_lists_again(void **state)
{
    fixture_t *self = *state;
    begin(self);
    happens(self, VD_INPUT_DONE, VD_PROVIDER_CHANGED);
    assert_null(find(self, VD_EFFECT_DO));
    listed(self, "a", NULL);
    assert_non_null(find(self, VD_EFFECT_DO));
    listed(self, "a", NULL);
    assert_null(find(self, VD_EFFECT_DO));
}

static void a_failure_keeps_the_last_good_set_with_its_age(void **state)
{
    fixture_t *self = *state;
    vd_message_t message;
    begin(self);
    listed(self, "a", NULL);
    assert_true(sent(self, VD_MESSAGE_ANNOUNCE, &message));
    answer(self, &message);
    self->now.mono_us += 4000000;
    happens(self, VD_INPUT_DONE, VD_PROVIDER_CHANGED);
    listed(self, NULL, "half \xc3 written");
    assert_true(sent(self, VD_MESSAGE_ANNOUNCE, &message));
    assert_int_equal(vd_rows_count(message.announce.sources), 1);
    assert_int_equal(message.announce.age_ms, 4000);
    assert_true(vd_str_is(message.announce.error, "half ? written"));
    answer(self, &message);
    /* It is tried again soon, and the same failure is not told again each time. */
    self->now.mono_us += VD_PROVIDER_RETRY_MS * INT64_C(1000);
    hear(self, (vd_message_t){.id = VD_MESSAGE_PONG, .pong = {.inc = 9}});
    happens(self, VD_INPUT_TIMER, 1);
    assert_non_null(find(self, VD_EFFECT_DO));
    listed(self, NULL, "half \xc3 written");
    assert_null(find(self, VD_EFFECT_LOG));
    assert_false(sent(self, VD_MESSAGE_ANNOUNCE, &message));
    happens(self, VD_INPUT_DONE, VD_PROVIDER_CHANGED);
    listed(self, "a", NULL);
    assert_true(sent(self, VD_MESSAGE_ANNOUNCE, &message));
    assert_int_equal(message.announce.error.size, 0);
    assert_int_equal(message.announce.age_ms, 0);
}

static void without_a_good_set_the_error_goes_alone(void **state)
{
    fixture_t *self = *state;
    vd_message_t message;
    begin(self);
    listed(self, NULL, "not there");
    assert_true(sent(self, VD_MESSAGE_ANNOUNCE, &message));
    assert_int_equal(vd_rows_count(message.announce.sources), 0);
    assert_true(vd_str_is(message.announce.error, "not there"));
}

/* ---- by hand ---- */

static void ask(fixture_t *self, const vd_message_t *message)
{
    vd_input_t input = {.kind = VD_INPUT_MESSAGE,
                        .port = VD_MANUAL_CONTROL,
                        .peer = vd_peer_named("someone"),
                        .message = message};
    vd_effects_clear(self->effects);
    vd_manual_step(&self->manual, self->now, &input, self->effects);
    assert_false(self->effects->overflow);
}

static void add_rows(fixture_t *self, const vd_source_record_t *rows, uint32_t count)
{
    vd_buffer_clear(&self->scratch);
    vd_write_array(&self->scratch, count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(vd_record_encode(VD_RECORD_source, &rows[i], &self->scratch), VD_OK);
    vd_message_t message = {.id = VD_MESSAGE_SOURCE_ADD, .correlation = 5};
    message.source_add.sources = vd_buffer_view(&self->scratch);
    ask(self, &message);
}

static void add_at(fixture_t *self, const char *name, const char *address)
{
    vd_source_record_t row = {
        .name = vd_str(name), .adapter = vd_str("http"), .address = vd_str(address), .inc = 3};
    add_rows(self, &row, 1);
}

static void take_out(fixture_t *self, const char *name)
{
    vd_message_t message = {.id = VD_MESSAGE_SOURCE_REMOVE, .correlation = 6};
    message.source_remove.name = vd_str(name);
    ask(self, &message);
}

static void saved(fixture_t *self, vd_status_t status)
{
    assert_true(self->manual.saving);
    vd_input_t input = {.kind = VD_INPUT_DONE,
                        .id = VD_MANUAL_SAVE,
                        .status = status,
                        .result = status == VD_OK ? "" : "the disk is full"};
    vd_effects_clear(self->effects);
    vd_manual_step(&self->manual, self->now, &input, self->effects);
}

static bool is_answered(const fixture_t *self, const char *text)
{
    vd_message_t message;
    return sent(self, VD_MESSAGE_DONE, &message) && vd_str_is(message.done.text, text);
}

static bool is_refused(const fixture_t *self, vd_status_t status)
{
    vd_message_t message;
    return sent(self, VD_MESSAGE_ERROR, &message) && message.error.text.size > 0 &&
           vd_str_is(message.error.status, vd_status_name(status)) && !self->manual.saving;
}

static void load_empty(fixture_t *self)
{
    vd_write_array(&self->manual.sources, 0);
    self->manual.loaded = true;
}

static uint32_t size_of_list(const fixture_t *self)
{
    return vd_rows_count(vd_buffer_view(&self->manual.sources));
}

static void answers_when_it_is_saved(void **state)
{
    fixture_t *self = *state;
    load_empty(self);
    add_at(self, "m1", "http://a");
    assert_int_equal(find(self, VD_EFFECT_DO)->id, VD_MANUAL_SAVE);
    assert_null(find(self, VD_EFFECT_SEND));
    assert_int_equal(size_of_list(self), 0);
    static const char json[] =
        "[\n{\"name\":\"m1\",\"adapter\":\"http\",\"address\":\"http://a\"}\n]\n";
    assert_true(vd_bytes_equal(vd_buffer_view(&self->manual.text), vd_str(json)));
    add_at(self, "m2", "http://b");
    vd_message_t busy;
    assert_true(sent(self, VD_MESSAGE_ERROR, &busy));
    assert_true(vd_str_is(busy.error.status, "overloaded"));
    saved(self, VD_OK);
    assert_true(is_answered(self, "added"));
    assert_int_equal(size_of_list(self), 1);
    assert_int_equal(find(self, VD_EFFECT_SEND)->peer.size, strlen("someone"));
}

static void replaces_and_removes(void **state)
{
    fixture_t *self = *state;
    load_empty(self);
    add_at(self, "m1", "http://a");
    saved(self, VD_OK);
    add_at(self, "m2", "http://b");
    saved(self, VD_OK);
    add_at(self, "m1", "http://a");
    assert_true(is_answered(self, "it is there already"));
    assert_null(find(self, VD_EFFECT_DO));
    add_at(self, "m1", "http://c");
    saved(self, VD_OK);
    assert_true(is_answered(self, "changed"));
    vd_bytes_t rows = vd_buffer_view(&self->manual.sources);
    vd_source_record_t row;
    assert_int_equal(vd_rows_next(&rows, VD_RECORD_source, &row), VD_OK);
    assert_true(vd_str_is(row.name, "m1") && vd_str_is(row.address, "http://c") && row.inc == 0);
    take_out(self, "m3");
    assert_true(is_refused(self, VD_NOT_FOUND));
    take_out(self, "m1");
    saved(self, VD_OK);
    assert_true(is_answered(self, "removed"));
    assert_int_equal(size_of_list(self), 1);
}

static void a_failed_save_changes_nothing_and_is_made_up_for(void **state)
{
    fixture_t *self = *state;
    load_empty(self);
    add_at(self, "m1", "http://a");
    saved(self, VD_OK);
    take_out(self, "m1");
    saved(self, VD_NO_SPACE);
    assert_true(is_refused(self, VD_NO_SPACE));
    assert_int_equal(size_of_list(self), 1);
    add_at(self, "m1", "http://a");
    assert_non_null(find(self, VD_EFFECT_DO));
    saved(self, VD_OK);
    assert_true(is_answered(self, "it is there already"));
    add_at(self, "m1", "http://a");
    assert_null(find(self, VD_EFFECT_DO));
}

static void takes_all_rows_or_none(void **state)
{
    fixture_t *self = *state;
    vd_source_record_t rows[] = {{.name = vd_str("a"), .adapter = vd_str("http")},
                                 {.name = vd_str("b"), .adapter = vd_str("http")},
                                 {.name = vd_str("a"), .adapter = vd_str("file")}};
    load_empty(self);
    add_rows(self, rows, 3);
    assert_true(is_refused(self, VD_MALFORMED));
    rows[2].name = vd_str("no name");
    add_rows(self, rows, 3);
    assert_true(is_refused(self, VD_MALFORMED));
    rows[2] = (vd_source_record_t){
        .name = vd_str("c"), .adapter = vd_str("http"), .auth = vd_str("hunter2")};
    add_rows(self, rows, 3);
    assert_true(is_refused(self, VD_MALFORMED));
    rows[2].auth = vd_str("basic me:env(SECRET)");
    add_rows(self, rows, 3);
    saved(self, VD_OK);
    assert_int_equal(size_of_list(self), 3);
}

/* What JSON cannot hold would be another source after a restart. */
static void refuses_what_would_not_come_back(void **state)
{
    fixture_t *self = *state;
    static const uint8_t bin[] = {0xc4, 1, 'x'}, wide[] = {0xcd, 0, 1},
                         nan[] = {0xca, 0x7f, 0xc0, 0, 0};
    static const uint8_t huge[] = {0xcf, 255, 255, 255, 255, 255, 255, 255, 255};
    const vd_bytes_t specs[] = {vd_bytes(bin, sizeof bin), vd_bytes(wide, sizeof wide),
                                vd_bytes(nan, sizeof nan), vd_bytes(huge, sizeof huge)};
    load_empty(self);
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        vd_source_record_t row = {.name = vd_str("a"), .adapter = vd_str("http"), .spec = specs[i]};
        add_rows(self, &row, 1);
        assert_true(is_refused(self, VD_MALFORMED));
    }
    add_at(self, "a", "\xff");
    assert_true(is_refused(self, VD_MALFORMED));
}

static void is_bounded(void **state)
{
    fixture_t *self = *state;
    char names[256][16];
    vd_source_record_t rows[256];
    load_empty(self);
    for (int batch = 0; batch < 5; batch++) {
        for (int i = 0; i < 256; i++) {
            snprintf(names[i], sizeof names[i], "s%d", batch * 256 + i);
            rows[i] = (vd_source_record_t){.name = vd_str(names[i]), .adapter = vd_str("http")};
        }
        add_rows(self, rows, 256);
        if (batch < VD_SOURCES_ADDED_MAX / 256)
            saved(self, VD_OK);
        else
            assert_true(is_refused(self, VD_OVERLOADED));
    }
    assert_int_equal(size_of_list(self), VD_SOURCES_ADDED_MAX);
}

static void a_list_that_was_not_read_is_not_replaced(void **state)
{
    fixture_t *self = *state;
    add_at(self, "m1", "http://a");
    assert_true(is_refused(self, VD_NOT_READY));
    take_out(self, "m1");
    assert_true(is_refused(self, VD_NOT_READY));
    vd_message_t message = {.id = VD_MESSAGE_STATUS, .correlation = 1};
    ask(self, &message);
    assert_true(is_refused(self, VD_UNSUPPORTED));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(announces_at_once_and_again_when_it_changes),
        TEST(a_change_during_a_listing_lists_again),
        TEST(a_failure_keeps_the_last_good_set_with_its_age),
        TEST(without_a_good_set_the_error_goes_alone),
        TEST(answers_when_it_is_saved),
        TEST(replaces_and_removes),
        TEST(a_failed_save_changes_nothing_and_is_made_up_for),
        TEST(takes_all_rows_or_none),
        TEST(refuses_what_would_not_come_back),
        TEST(is_bounded),
        TEST(a_list_that_was_not_read_is_not_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

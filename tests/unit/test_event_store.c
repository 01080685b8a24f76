/* test_event_store.c: events, ids, sequences and keys: what the order of a store rests on. */
#include "sequencer_bench.h"

#include "store/leveldb_keys.h"
#include "wire/run.h"
#include "wire/session_id.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static vd_bytes_t view_of(const char *json, vd_buffer_t *out)
{
    char error[VD_TEXT_BYTES_MAX];
    vd_buffer_init(out, 4096);
    assert_int_equal(vd_json_parse(vd_str(json), out, error, sizeof error), VD_OK);
    return vd_buffer_view(out);
}

static void event_round_trip_and_json_view(void **state)
{
    (void)state;
    vd_buffer_t data, cause, bytes, run, json;
    vd_event_t event;
    vd_entry_t entry;
    vd_buffer_init(&bytes, 4096);
    vd_buffer_init(&run, 4096);
    vd_buffer_init(&json, 4096);
    vd_event_write(&bytes, 1700000000123, vd_str("level_completed"),
                   view_of("{\"level\":3,\"name\":\"Größe\",\"done\":[1,-2,0.5,null]}", &data),
                   view_of("{\"observer\":\"o\"}", &cause));
    assert_true(vd_run_add(&run, vd_buffer_view(&bytes)));
    vd_bytes_t rest = vd_buffer_view(&run);
    assert_int_equal(vd_run_next(&rest, &entry), VD_OK);
    assert_int_equal(entry.crc, vd_crc32c(0, vd_buffer_view(&bytes)));
    assert_int_equal(vd_event_read(entry.event, &event), VD_OK);
    assert_true(vd_str_is(event.ts, "2023-11-14T22:13:20.123Z"));
    assert_true(vd_str_is(event.type, "level_completed"));
    assert_true(vd_bytes_equal(event.data, vd_buffer_view(&data)));
    assert_true(vd_bytes_equal(event.cause, vd_buffer_view(&cause)));
    assert_true(vd_bytes_equal(event.raw, vd_buffer_view(&bytes)));
    event.session = vd_str("s-1");
    event.seq = 17;
    vd_event_json(&json, &event);
    assert_true(vd_buffer_add(&json, "", 1));
    assert_string_equal((const char *)json.data,
                        "{\"ts\":\"2023-11-14T22:13:20.123Z\",\"session\":\"s-1\",\"seq\":17,"
                        "\"type\":\"level_completed\","
                        "\"data\":{\"level\":3,\"name\":\"Größe\",\"done\":[1,-2,0.5,null]},"
                        "\"cause\":{\"observer\":\"o\"}}");
    vd_buffer_free(&data);
    vd_buffer_free(&cause);
    vd_buffer_free(&bytes);
    vd_buffer_free(&run);
    vd_buffer_free(&json);
}

static void unknown_fields_are_ignored_and_carried(void **state)
{
    (void)state;
    vd_buffer_t bytes, json, value;
    vd_event_t event = {.session = vd_str("s"), .seq = 1};
    vd_bytes_t raw = view_of("{\"trace\":{\"id\":[7]},\"ts\":\"2023-11-14T22:13:20.123Z\","
                             "\"type\":\"x\",\"data\":1,\"more\":true}",
                             &bytes);
    assert_int_equal(vd_event_read(raw, &event), VD_OK);
    assert_true(vd_str_is(event.type, "x"));
    assert_true(vd_bytes_equal(event.raw, raw));
    vd_buffer_init(&json, 4096);
    vd_event_json(&json, &event);
    assert_true(vd_buffer_add(&json, "", 1));
    assert_non_null(strstr((const char *)json.data, "\"trace\":{\"id\":[7]}"));
    assert_non_null(strstr((const char *)json.data, "\"more\":true"));
    /* And those of a record that a later build has written. */
    static vd_store_producer_t producer;
    static const vd_store_producer_t given = {.name = "p", .epoch = 3, .mark = 9, .session = "s"};
    vd_buffer_init(&value, 4096);
    vd_record_producer_write(&value, &given);
    assert_true((value.data[0] & 0xf0) == 0x90 && (value.data[0] & 0x0f) < 15);
    value.data[0]++;
    vd_write_text(&value, "of tomorrow");
    assert_int_equal(vd_record_producer_read(vd_buffer_view(&value), vd_str("p"), &producer),
                     VD_OK);
    assert_memory_equal(&producer, &given, sizeof given);
    vd_buffer_free(&bytes);
    vd_buffer_free(&json);
    vd_buffer_free(&value);
}

static void timestamp_is_24_character_iso_8601_with_milliseconds(void **state)
{
    (void)state;
    uint64_t seed = 1;
    char before[VD_TS_SIZE] = "";
    for (int64_t ms = 0; ms < INT64_C(253402300800000);
         ms += 1 + (int64_t)(vd_random_next(&seed) % UINT64_C(400000000000))) {
        char text[VD_TS_SIZE];
        int64_t back;
        vd_ts_format(ms, text);
        assert_int_equal(strlen(text), 24);
        assert_true(text[4] == '-' && text[7] == '-' && text[10] == 'T' && text[13] == ':' &&
                    text[16] == ':' && text[19] == '.' && text[23] == 'Z');
        assert_true(strcmp(before, text) < 0);
        assert_true(vd_ts_parse(vd_str(text), &back) && back == ms);
        memcpy(before, text, sizeof before);
    }
    static const char *const others[] = {"2023-11-14T22:13:20Z", "2023-11-14T22:13:20.1234Z",
                                         "2023-11-14T22:13:20.123", "2023-11-14T22:13:20.123+01"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        int64_t ms;
        assert_false(vd_ts_parse(vd_str(others[i]), &ms));
    }
}

enum { MAKERS = 8, IDS = 2000 };

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, VD_SESSION_ID_SIZE);
}

/* What a process of its own makes, as fast as it can, all of them from the same moment on. */
static void make_ids(int to, uint64_t seed)
{
    vd_session_ids_t ids = {0};
    char made[VD_SESSION_ID_SIZE], before[VD_SESSION_ID_SIZE] = "";
    for (unsigned i = 0; i < IDS; i++) {
        vd_session_id_next(&ids, 1700000000000 + i / 500, vd_random_next(&seed), made);
        if (strcmp(before, made) >= 0 || write(to, made, sizeof made) != (ssize_t)sizeof made)
            _exit(1);
        memcpy(before, made, sizeof before);
    }
    _exit(0);
}

static void session_id_is_unique_under_rapid_creation(void **state)
{
    (void)state;
    static char ids[MAKERS * IDS][VD_SESSION_ID_SIZE];
    int pipes[MAKERS][2];
    for (unsigned m = 0; m < MAKERS; m++) {
        assert_int_equal(pipe(pipes[m]), 0);
        pid_t child = fork();
        if (child == 0)
            make_ids(pipes[m][1], 99 + m);
        assert_true(child > 0);
        close(pipes[m][1]);
    }
    char *at = ids[0];
    for (unsigned m = 0; m < MAKERS; m++) {
        ssize_t got;
        while ((got = read(pipes[m][0], at, 4096)) > 0)
            at += got;
        close(pipes[m][0]);
        int ended;
        assert_true(wait(&ended) > 0 && ended == 0);
    }
    assert_int_equal(at - ids[0], (ptrdiff_t)sizeof ids);
    qsort(ids, MAKERS * IDS, VD_SESSION_ID_SIZE, compare_ids);
    for (unsigned i = 1; i < MAKERS * IDS; i++) {
        assert_true(strcmp(ids[i - 1], ids[i]) < 0);
        assert_true(vd_name_valid(vd_str(ids[i])));
        /* They sort by time. */
        assert_true(memcmp(ids[i - 1], ids[i], 19) <= 0);
    }
}

static void sequence_is_monotonic_per_session(void **state)
{
    bench_t *b = *state;
    static const char *const sessions[] = {"s", "t", "u"};
    static const char *const types[] = {"a", "a b", "a b c d"};
    uint64_t epoch = bench_begin(b, "p"), next = 2, last[3] = {0}, seed = 5;
    for (unsigned i = 1; i < 3; i++)
        bench_emit(b, "p", epoch, next++, sessions[i], "session_started");
    for (unsigned i = 0; i < 300; i++) {
        unsigned t = (unsigned)(vd_random_next(&seed) % 3);
        bench_emit(b, "p", epoch, next, sessions[vd_random_next(&seed) % 3], types[t]);
        next += t == 2 ? 4 : t + 1;
        b->count = 0;
    }
    vd_store_cursor_t *cursor = NULL;
    vd_commit_t commit;
    char error[VD_TEXT_BYTES_MAX];
    assert_int_equal(vd_store_cursor_new(b->store, &cursor), VD_OK);
    assert_int_equal(vd_store_cursor_seek(cursor, 1, NULL), VD_OK);
    while (vd_store_cursor_next(cursor, &commit, error, sizeof error) == VD_OK)
        for (uint32_t r = 0; r < commit.run_count; r++)
            for (unsigned s = 0; s < 3; s++)
                if (vd_str_is(commit.runs[r].session, sessions[s])) {
                    assert_int_equal(commit.runs[r].first_seq, last[s] + 1);
                    last[s] += commit.runs[r].count;
                }
    vd_store_cursor_destroy(&cursor);
    for (unsigned s = 0; s < 3; s++) {
        assert_true(last[s] > 100);
        assert_int_equal(bench_session(b, sessions[s]).last_seq, last[s]);
    }
}

static int compare_keys(const vd_key_t *a, const vd_key_t *b)
{
    int order = memcmp(a->bytes, b->bytes, a->size < b->size ? a->size : b->size);
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

static void key_encoding_keeps_lexical_order(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {
        0,         1, 9, 10, 11, 99, 100, 255, 256, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX - 1,
        UINT64_MAX};
    vd_key_t before, key;
    for (size_t i = 1; i < sizeof numbers / sizeof *numbers; i++) {
        uint64_t back = 1;
        vd_key_number(&before, VD_KEY_COMMITS, numbers[i - 1]);
        vd_key_number(&key, VD_KEY_COMMITS, numbers[i]);
        assert_true(compare_keys(&before, &key) < 0);
        assert_true(vd_key_number_of(vd_bytes(key.bytes, key.size), VD_KEY_COMMITS, &back));
        assert_true(back == numbers[i]);
        vd_key_event(&before, vd_str("s"), numbers[i - 1]);
        vd_key_event(&key, vd_str("s"), numbers[i]);
        assert_true(compare_keys(&before, &key) < 0);
        assert_true(vd_key_is_event(vd_bytes(key.bytes, key.size), vd_str("s"), &back));
        assert_true(back == numbers[i]);
    }
    /* Ids that sort by time keep their order, and a key of one session is none of another. */
    uint64_t seq;
    vd_key_name(&before, VD_KEY_SESSION_META, vd_str("20231114T221320000Z-000000000001"));
    vd_key_name(&key, VD_KEY_SESSION_META, vd_str("20231114T221320001Z-000000000000"));
    assert_true(compare_keys(&before, &key) < 0);
    vd_key_event(&key, vd_str("s:00000000000000000001"), 7);
    assert_false(vd_key_is_event(vd_bytes(key.bytes, key.size), vd_str("s"), &seq));
    /* A record's id and its session cannot be taken for others. */
    vd_key_record(&before, vd_str("a"), vd_str("b"));
    vd_key_record(&key, vd_str("a:b"), vd_str("b"));
    assert_int_not_equal(compare_keys(&before, &key), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_round_trip_and_json_view),
        cmocka_unit_test(unknown_fields_are_ignored_and_carried),
        cmocka_unit_test(timestamp_is_24_character_iso_8601_with_milliseconds),
        cmocka_unit_test(session_id_is_unique_under_rapid_creation),
        cmocka_unit_test_setup_teardown(sequence_is_monotonic_per_session, bench_set_up,
                                        bench_tear_down),
        cmocka_unit_test(key_encoding_keeps_lexical_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

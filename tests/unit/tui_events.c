/* tui_events.c: events for tests of the screen. */
#include "unit/tui_events.h"
#include "core/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BYTES_MAX (1u << 30)

void tui_script_init(tui_script_t *self, const char *session)
{
    *self = (tui_script_t){0};
    vd_buffer_init(&self->bytes, BYTES_MAX);
    assert_true(snprintf(self->session, sizeof self->session, "%s", session) <
                (int)sizeof self->session);
}

void tui_script_free(tui_script_t *self)
{
    vd_buffer_free(&self->bytes);
    free(self->ends);
    *self = (tui_script_t){0};
}

static void ended(tui_script_t *self)
{
    assert_false(self->bytes.full);
    if (self->count == self->room) {
        self->room = self->room == 0 ? 1024 : self->room * 2;
        self->ends = realloc(self->ends, self->room * sizeof *self->ends);
        assert_non_null(self->ends);
    }
    self->ends[self->count++] = self->bytes.size;
}

void tui_script_add_value(tui_script_t *self, int64_t at_ms, const char *type, vd_bytes_t data,
                          vd_bytes_t cause)
{
    vd_event_write(&self->bytes, at_ms, vd_str(type), data, cause);
    ended(self);
}

static void parse(vd_buffer_t *out, const char *json)
{
    char error[256];
    vd_buffer_init(out, 1 << 20);
    if (json != NULL)
        assert_int_equal(vd_json_parse(vd_str(json), out, error, sizeof error), VD_OK);
}

void tui_script_add(tui_script_t *self, int64_t at_ms, const char *type, const char *data,
                    const char *cause)
{
    vd_buffer_t data_bytes, cause_bytes;
    parse(&data_bytes, data);
    parse(&cause_bytes, cause);
    tui_script_add_value(self, at_ms, type, vd_buffer_view(&data_bytes),
                         vd_buffer_view(&cause_bytes));
    vd_buffer_free(&data_bytes);
    vd_buffer_free(&cause_bytes);
}

vd_event_t tui_script_event(const tui_script_t *self, uint64_t seq)
{
    assert_true(seq >= 1 && seq <= self->count);
    size_t from = seq == 1 ? 0 : self->ends[seq - 2];
    vd_event_t event = {.session = vd_str(self->session), .seq = seq};
    vd_status_t status =
        vd_event_read(vd_bytes(self->bytes.data + from, self->ends[seq - 1] - from), &event);
    assert_int_equal(status, VD_OK);
    return event;
}

static void read_line(tui_script_t *self, vd_str_t line)
{
    vd_buffer_t event;
    char error[256];
    vd_value_t map;
    vd_buffer_init(&event, 1 << 20);
    assert_int_equal(vd_json_parse(line, &event, error, sizeof error), VD_OK);
    assert_true(vd_value_of(vd_buffer_view(&event), &map));
    /* As strict readers have it, session and sequence stand beside the bytes. */
    assert_int_equal(vd_value_get_u64(&map, "seq", 0), self->count + 1);
    vd_write_raw(&self->bytes, vd_buffer_view(&event));
    ended(self);
    vd_buffer_free(&event);
}

void tui_script_read(tui_script_t *self, const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    while ((size = getline(&line, &room, file)) > 0)
        read_line(self, vd_bytes(line, (size_t)size));
    free(line);
    fclose(file);
    assert_true(self->count > 0);
}

uint64_t tui_random(uint64_t *seed)
{
    return vd_hash_mix(*seed += UINT64_C(0x9e3779b97f4a7c15));
}

uint64_t tui_random_below(uint64_t *seed, uint64_t bound)
{
    return tui_random(seed) % bound;
}

uint64_t tui_random_seed(void)
{
    const char *given = getenv("VEDETTE_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("VEDETTE_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* What data may be where something else is expected. */
static const char *const odd_data[] = {
    "null", "17", "\"text\"", "[]", "true", "{\"actor\":[1],\"name\":7,\"pid\":\"x\"}", "{}"};

static void add_of_runtime(tui_script_t *self, uint64_t *seed, int64_t at_ms)
{
    static const char *const types[] = {
        "actor_started",      "actor_ready",        "actor_exited",
        "actor_failed",       "actor_runs",         "subscriber_mode",
        "subscriber_dropped", "ingest_interrupted", "session_status"};
    static const char *const how[] = {"exited", "killed", "dumped"};
    static const char *const states[] = {"ready", "backoff", "paused"};
    char data[512];
    unsigned who = (unsigned)tui_random_below(seed, 700),
             code = (unsigned)tui_random_below(seed, 3);
    snprintf(
        data, sizeof data,
        "{\"actor\":\"poller-%u\",\"name\":\"screen-%u\",\"kind\":\"poller\",\"pid\":%u,"
        "\"restarts\":%u,\"how\":\"%s\",\"code\":%u,\"text\":\"%s %u\",\"reason\":\"five deaths\","
        "\"state\":\"%s\",\"since\":\"2026-11-22T14:02:11.000Z\","
        "\"from\":\"live_only\",\"to\":\"paused\",\"lag\":%u,\"queue\":9,\"left_out\":%u}",
        who, who, who + 100, code, how[code], code, code == 2 ? "as asked, killed" : "code", code,
        states[code], who, code / 2);
    tui_script_add(self, at_ms, types[tui_random_below(seed, sizeof types / sizeof *types)], data,
                   NULL);
}

static void add_observed(tui_script_t *self, uint64_t *seed, int64_t at_ms)
{
    char cause[256], type[80];
    snprintf(cause, sizeof cause,
             "{\"observer\":\"watcher-%u\",\"source\":\"node-%u\",\"sample\":%u,\"turn\":%zu%s}",
             (unsigned)tui_random_below(seed, 3), (unsigned)tui_random_below(seed, 60),
             (unsigned)tui_random_below(seed, 1000), self->count,
             tui_random_below(seed, 9) == 0 ? ",\"session\":\"other\"" : "");
    snprintf(type, sizeof type, "thing_%u", (unsigned)tui_random_below(seed, 300));
    tui_script_add(self, at_ms, type, "{\"height\":12,\"of\":[1,2,3]}", cause);
}

static void add_work(tui_script_t *self, uint64_t *seed, int64_t at_ms)
{
    static const char *const types[] = {"request_enqueued",
                                        "provider_request_sent",
                                        "provider_response_received",
                                        "provider_request_failed",
                                        "node_generation_started",
                                        "node_generation_completed",
                                        "node_generation_failed",
                                        "level_started",
                                        "level_completed",
                                        "queue_stats",
                                        "scan_progress",
                                        "file_changed"};
    char data[512];
    unsigned which = (unsigned)tui_random_below(seed, 40);
    snprintf(
        data, sizeof data,
        "{\"node\":\"n%u\",\"request\":\"r%u\",\"provider\":\"p%u\",\"error\":\"no "
        "answer\",\"level\":%u,"
        "\"pending\":%u,\"processing\":2,\"scanned\":%u,\"path\":\"/a/%u\",\"change\":\"created\","
        "\"duration_ms\":%u,\"nodes\":4}",
        which, which, which % 3, which % 5, which, which, which, which);
    tui_script_add(self, at_ms, types[tui_random_below(seed, 12)], data, NULL);
}

void tui_script_random(tui_script_t *self, uint64_t seed, size_t count)
{
    int64_t at_ms = 1700000000000;
    for (size_t i = 0; i < count; i++) {
        uint64_t kind = tui_random_below(&seed, 100);
        at_ms += (int64_t)tui_random_below(&seed, 700);
        if (kind == 0)
            at_ms += (int64_t)tui_random_below(&seed, 400000);
        else if (kind == 1)
            at_ms -= (int64_t)tui_random_below(&seed, 200000);
        if (self->count == 0)
            tui_script_add(self, at_ms, "session_started", "{\"name\":\"by seed\"}", NULL);
        else if (kind < 30)
            add_of_runtime(self, &seed, at_ms);
        else if (kind < 60)
            add_observed(self, &seed, at_ms);
        else if (kind < 90)
            add_work(self, &seed, at_ms);
        else
            tui_script_add(self, at_ms, kind < 95 ? "actor_started" : "node_generation_failed",
                           odd_data[kind % 7], kind % 2 ? odd_data[(kind + 3) % 7] : NULL);
    }
}

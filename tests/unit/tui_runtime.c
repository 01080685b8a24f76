/* tui_runtime.c: see tui_runtime.h. */
#include "tui_runtime.h"

#include "wire/message.h"
#include "wire/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t known; /* events of the session */

static void give(tui_app_t *app, tui_feed_t feed, vd_buffer_t *value)
{
    assert_false(value->full);
    tui_input_t input = {.kind = TUI_INPUT_NOW, .feed = feed, .value = vd_buffer_view(value)};
    tui_app_step(app, WORLD_MS, &input);
    vd_buffer_clear(value);
}

/* ---- events ---- */

static void write_event(vd_buffer_t *out, uint64_t seq)
{
    static const char *const names[] = {"broker", "ingestor", "poller-1"};
    vd_buffer_t raw, data, cause;
    vd_buffer_init(&raw, 4096);
    vd_buffer_init(&data, 4096);
    vd_buffer_init(&cause, 4096);
    const char *type = "thing_seen";
    if (seq == 1) {
        type = "session_started";
        vd_write_map(&data, 1);
        vd_write_pair_text(&data, "name", "night");
    } else if (seq <= 4) {
        type = "actor_ready";
        vd_write_map(&data, 2);
        vd_write_pair_text(&data, "actor", names[seq - 2]);
        vd_write_pair_u64(&data, "pid", 100 + seq);
    } else if (seq % 10 == 0) {
        type = "actor_exited";
        vd_write_map(&data, 5);
        vd_write_pair_text(&data, "actor", "poller-1");
        vd_write_pair_u64(&data, "pid", 104);
        vd_write_pair_text(&data, "how", "killed");
        vd_write_pair_u64(&data, "signal", 9);
        vd_write_pair_text(&data, "text", "killed by signal 9");
    } else {
        vd_write_map(&data, 0);
        vd_write_map(&cause, 3);
        vd_write_pair_text(&cause, "observer", "raft");
        vd_write_pair_text(&cause, "source", "web-1");
        vd_write_pair_u64(&cause, "sample", seq);
    }
    vd_event_write(&raw, WORLD_MS - (int64_t)(known - seq) * 1000, vd_str(type),
                   vd_buffer_view(&data), vd_buffer_view(&cause));
    assert_true(tui_events_add(out, vd_str(WORLD_SESSION), seq, vd_buffer_view(&raw)));
    vd_buffer_free(&raw);
    vd_buffer_free(&data);
    vd_buffer_free(&cause);
}

static void pack(vd_buffer_t *out, uint64_t first, uint64_t last)
{
    vd_buffer_init(out, 16 << 20);
    for (uint64_t seq = first; seq <= last; seq++)
        write_event(out, seq);
}

void world_head(tui_app_t *app, uint64_t first, uint64_t last)
{
    world_part(app, first, last, 0);
}

void world_part(tui_app_t *app, uint64_t first, uint64_t last, uint64_t there)
{
    vd_buffer_t events;
    known = last > known ? last : known;
    pack(&events, first, last);
    tui_input_t input = {.kind = TUI_INPUT_EVENTS, .seq = there, .more = there > last};
    input.value = vd_buffer_view(&events);
    tui_app_step(app, WORLD_MS, &input);
    vd_buffer_free(&events);
}

void world_answer(tui_app_t *app)
{
    tui_ask_t ask;
    while (tui_app_next_ask(app, &ask)) {
        vd_buffer_t events;
        vd_buffer_free(&ask.bytes);
        if (ask.kind != TUI_ASK_EVENTS)
            continue;
        pack(&events, ask.seq, ask.seq + ask.count - 1 < known ? ask.seq + ask.count - 1 : known);
        tui_input_t input = {.kind = TUI_INPUT_ANSWER,
                             .number = ask.number,
                             .more = true,
                             .value = vd_buffer_view(&events)};
        tui_app_step(app, WORLD_MS, &input);
        vd_buffer_free(&events);
        input = (tui_input_t){.kind = TUI_INPUT_ANSWER, .number = ask.number};
        tui_app_step(app, WORLD_MS, &input);
    }
}

/* ---- now ---- */

static void tell_actors(tui_app_t *app, vd_buffer_t *out)
{
    static const struct {
        const char *name, *kind, *state, *reason;
        uint64_t restarts;
    } actors[] = {
        {"broker", "broker", "ready", "", 0},
        {"ingestor", "ingestor", "ready", "", 0},
        {"poller-1", "poller", "backoff", "killed by signal 9 (Killed), 3 times in a minute", 3},
        {"raft", "observer", "ready", "", 1},
        {"a-relay-with-a-name-that-is-long-indeed-for-a-column", "relay", "stopped", "", 0},
    };
    enum { ACTORS = sizeof actors / sizeof *actors };
    vd_write_array(out, ACTORS);
    for (size_t i = 0; i < ACTORS; i++) {
        vd_child_record_t child = {.name = vd_str(actors[i].name),
                                   .kind = vd_str(actors[i].kind),
                                   .state = vd_str(actors[i].state),
                                   .wanted = vd_str(i == 4 ? "down" : "up"),
                                   .pid = i == 2 || i == 4 ? 0 : 1000 + i,
                                   .restarts = actors[i].restarts,
                                   .since_ms = WORLD_MS - 60000,
                                   .started_ms = WORLD_MS - 60000,
                                   .retry_ms = i == 2 ? WORLD_MS + 4000 : 0,
                                   .reason = vd_str(actors[i].reason)};
        vd_record_encode(VD_RECORD_child, &child, out);
    }
    give(app, TUI_FEED_CHILDREN, out);
}

static void tell_processes(tui_app_t *app, vd_buffer_t *out, int64_t at_ms, uint64_t cpu_ms)
{
    vd_write_array(out, 1);
    vd_write_map(out, 3);
    vd_write_pair_u64(out, "pid", 1001);
    vd_write_pair_u64(out, "cpu_ms", cpu_ms);
    vd_write_pair_u64(out, "rss_bytes", 5 << 20);
    tui_input_t input = {
        .kind = TUI_INPUT_NOW, .feed = TUI_FEED_PROCESSES, .value = vd_buffer_view(out)};
    tui_app_step(app, at_ms, &input);
    vd_buffer_clear(out);
}

static void tell_sources(tui_app_t *app, vd_buffer_t *out)
{
    enum { SOURCES = 40 };
    char name[32];
    vd_write_map(out, 1);
    vd_write_text(out, "sources");
    vd_write_array(out, SOURCES);
    for (int i = 0; i < SOURCES; i++) {
        snprintf(name, sizeof name, "web-%d", i);
        vd_source_record_t source = {.name = vd_str(name),
                                     .adapter = vd_str("http"),
                                     .address = vd_str("http://127.0.0.1:8080/"),
                                     .provider = vd_str("static"),
                                     .poller = vd_str(i == 39 ? "" : "poller-1")};
        vd_record_encode(VD_RECORD_source, &source, out);
    }
    give(app, TUI_FEED_MEMBERSHIP, out);
    vd_write_array(out, 1);
    vd_write_map(out, 2);
    vd_write_pair_text(out, "poller", "poller-1");
    vd_write_text(out, "rows");
    vd_write_array(out, 38);
    for (int i = 0; i < 38; i++) {
        snprintf(name, sizeof name, "web-%d", i);
        vd_write_map(out, 10);
        vd_write_pair_text(out, "source", name);
        vd_write_pair_text(out, "status", i == 7 ? "unreachable" : "ok");
        vd_write_pair_text(out, "error", i == 7 ? "connection refused\033[2J by 127.0.0.1" : "");
        vd_write_pair_i64(out, "error_at_ms", i == 7 ? WORLD_MS : 0);
        vd_write_pair_i64(out, "ok_at_ms", WORLD_MS - 500);
        vd_write_pair_i64(out, "age_ms", i == 5 ? 9000 : 500);
        vd_write_pair_u64(out, "interval_ms", 1000);
        vd_write_pair_u64(out, "reads", 200);
        vd_write_pair_u64(out, "failures", i == 7 ? 30 : 0);
        vd_write_pair_u64(out, "took_us", 12000);
    }
    give(app, TUI_FEED_READINGS, out);
}

static void tell_subscribers(tui_app_t *app, vd_buffer_t *out)
{
    vd_subscriber_record_t rows[] = {
        {.id = 1,
         .name = vd_str("dashboard"),
         .streams = vd_str("live"),
         .mode = vd_str("live_only"),
         .credit_items = 8192,
         .since_ms = WORLD_MS - 5000},
        {.id = 2,
         .name = vd_str("archive"),
         .streams = vd_str("commit"),
         .mode = vd_str("commits_only"),
         .lag = 1234,
         .queue = 77,
         .batch = 100,
         .drops = 2,
         .bytes = 123456789,
         .since_ms = WORLD_MS - 5000},
    };
    vd_write_array(out, 1);
    vd_write_map(out, 2);
    vd_write_pair_text(out, "publisher", "ingestor");
    vd_write_text(out, "rows");
    vd_write_array(out, 2);
    for (size_t i = 0; i < 2; i++)
        vd_record_encode(VD_RECORD_subscriber, &rows[i], out);
    give(app, TUI_FEED_SUBSCRIBERS, out);
}

void world_now(tui_app_t *app)
{
    vd_buffer_t out;
    vd_buffer_init(&out, 1 << 20);
    vd_write_map(&out, 8);
    vd_write_pair_text(&out, "state", "degraded");
    vd_write_pair_text(&out, "session", WORLD_SESSION);
    vd_write_pair_text(&out, "text", "poller-1 is in backoff");
    vd_write_pair_text(&out, "version", "0.1.0");
    vd_write_pair_u64(&out, "pid", 999);
    vd_write_pair_i64(&out, "started_ms", WORLD_MS - 60000);
    vd_write_pair_u64(&out, "actors", 4);
    vd_write_pair_u64(&out, "ready", 3);
    give(app, TUI_FEED_STATUS, &out);
    vd_write_map(&out, 6);
    vd_write_pair_text(&out, "mode", "writing");
    vd_write_pair_u64(&out, "commit_us_p50", 400);
    vd_write_pair_u64(&out, "commit_us_p99", 12300);
    vd_write_pair_u64(&out, "events", 4711);
    vd_write_pair_u64(&out, "sessions", 3);
    vd_write_pair_u64(&out, "disk_bytes", 5 << 20);
    give(app, TUI_FEED_STORE, &out);
    tell_actors(app, &out);
    tell_processes(app, &out, WORLD_MS - 4000, 1000);
    tell_processes(app, &out, WORLD_MS, 2000);
    tell_sources(app, &out);
    tell_subscribers(app, &out);
    vd_buffer_free(&out);
}

tui_app_t *world_start(const tui_app_options_t *options, uint64_t events)
{
    static const tui_app_options_t none = {0};
    tui_app_t *app = tui_app_new(options != NULL ? options : &none);
    assert_non_null(app);
    known = events;
    tui_input_t input = {.kind = TUI_INPUT_OPENED, .text = WORLD_SESSION};
    tui_app_step(app, WORLD_MS, &input);
    world_head(app, 1, events);
    if (options == NULL || !options->offline)
        world_now(app);
    return app;
}

/* ---- keys and cells ---- */

void world_key(tui_app_t *app, int key)
{
    tui_input_t input = {.kind = TUI_INPUT_KEY, .key = key};
    tui_app_step(app, WORLD_MS, &input);
}

void world_type(tui_app_t *app, const char *text)
{
    for (; *text != 0; text++)
        world_key(app, *text);
}

const char *world_drawn(tui_app_t *app, int width, int height)
{
    static vd_buffer_t text;
    tui_canvas_t *canvas = tui_canvas_new(width, height, false);
    tui_app_draw(app, canvas);
    vd_buffer_free(&text);
    vd_buffer_init(&text, 1 << 20);
    tui_canvas_text(canvas, &text);
    vd_buffer_add(&text, "", 1);
    tui_canvas_destroy(&canvas);
    return (const char *)text.data;
}

/* Runs of blanks become one: columns may get wider. */
static bool is_drawn(tui_app_t *app, const char *text)
{
    const char *from = world_drawn(app, 120, 40);
    char *squeezed = malloc(strlen(from) + 1), *to = squeezed;
    assert_non_null(squeezed);
    for (; *from != 0; from++)
        if (*from != ' ' || to == squeezed || to[-1] != ' ')
            *to++ = *from;
    *to = 0;
    bool found = strstr(squeezed, text) != NULL;
    free(squeezed);
    return found;
}

void world_expect(tui_app_t *app, const char *text)
{
    if (!is_drawn(app, text))
        fail_msg("there is no \"%s\" in:\n%s", text, world_drawn(app, 120, 40));
}

void world_expect_not(tui_app_t *app, const char *text)
{
    if (is_drawn(app, text))
        fail_msg("there is \"%s\" in:\n%s", text, world_drawn(app, 120, 40));
}

/* test_tui_why.c: the story of an event over made-up stores: turns, chains of observers, sources that are gone, events that are
 * pruned, and what the runtime did around it. */
#include "tui/why.h"

#include "wire/message.h"

#include <inttypes.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { EVENTS_MAX = 6000, BASE_MS = 1700000000 };

/* A store of at most two sessions, and a runtime that answers or does not. */
typedef struct world {
    vd_buffer_t bytes[EVENTS_MAX];
    const char *session[EVENTS_MAX];
    uint64_t seq[EVENTS_MAX];
    size_t count;
    uint64_t pruned_to; /* of session "one" */
    vd_status_t broker, poller;
    bool source_gone, no_poller;
    const char *reads;   /* the poller's, as JSON; NULL: one of "local" */
    const char *runtime; /* the session that the supervisor owns */
    int wants;
    uint64_t widest; /* range that was wanted */
} world_t;

static world_t world;

static void begin(void)
{
    for (size_t i = 0; i < world.count; i++)
        vd_buffer_free(&world.bytes[i]);
    memset(&world, 0, sizeof world);
}

/* An event `ms` after the beginning of the world; data and cause are JSON. */
static void add(const char *session, uint64_t seq, int64_t ms, const char *type, const char *data,
                const char *cause)
{
    vd_buffer_t packed, why;
    char error[256];
    assert_true(world.count < EVENTS_MAX);
    vd_buffer_init(&packed, 65536);
    vd_buffer_init(&why, 65536);
    assert_int_equal(vd_json_parse(vd_str(data), &packed, error, sizeof error), VD_OK);
    if (cause != NULL)
        assert_int_equal(vd_json_parse(vd_str(cause), &why, error, sizeof error), VD_OK);
    vd_buffer_t *out = &world.bytes[world.count];
    vd_buffer_init(out, 65536);
    vd_event_write(out, BASE_MS * INT64_C(1000) + ms, vd_str(type), vd_buffer_view(&packed),
                   vd_buffer_view(&why));
    world.session[world.count] = session;
    world.seq[world.count++] = seq;
    vd_buffer_free(&packed);
    vd_buffer_free(&why);
}

static void fill(const char *session, uint64_t from, uint64_t to, int64_t ms)
{
    for (uint64_t seq = from; seq <= to; seq++)
        add(session, seq, ms, "filler", "{}", NULL);
}

static void read_events(tui_why_t *why)
{
    tui_why_want_t want = *tui_why_want(why);
    uint64_t last = want.seq + want.count - 1;
    bool any = false, pruned = strcmp(want.session, "one") == 0 && want.seq <= world.pruned_to;
    world.widest = want.count > world.widest ? want.count : world.widest;
    if (pruned)
        tui_why_hole(why, VD_PRUNED, want.seq, world.pruned_to - want.seq + 1);
    for (size_t i = 0; i < world.count; i++) {
        vd_event_t event = {0};
        any = any || strcmp(world.session[i], want.session) == 0;
        if (strcmp(world.session[i], want.session) != 0 || world.seq[i] < want.seq ||
            world.seq[i] > last || (pruned && world.seq[i] <= world.pruned_to))
            continue;
        assert_int_equal(vd_event_read(vd_buffer_view(&world.bytes[i]), &event), VD_OK);
        event.session = vd_str(want.session);
        event.seq = world.seq[i];
        tui_why_event(why, &event);
    }
    tui_why_answer(why, any ? VD_OK : VD_UNKNOWN_SESSION, any ? "" : "there is no such session",
                   vd_bytes(NULL, 0));
}

static uint64_t last_of(const char *session)
{
    uint64_t last = 0;
    for (size_t i = 0; i < world.count; i++)
        if (strcmp(world.session[i], session) == 0)
            last = world.seq[i];
    return last;
}

static void write_session(vd_buffer_t *out, const char *session, const char *owner)
{
    vd_session_record_t row = {.session = vd_str(session), .state = vd_str("active")};
    row.owner = vd_str(owner);
    row.started_ms = BASE_MS * INT64_C(1000);
    row.last_seq = last_of(session);
    vd_record_encode(VD_RECORD_session, &row, out);
}

static void answer_json(tui_why_t *why, vd_status_t status, const char *json)
{
    vd_buffer_t value;
    char error[256];
    vd_buffer_init(&value, 65536);
    assert_int_equal(vd_json_parse(vd_str(json), &value, error, sizeof error), VD_OK);
    tui_why_answer(why, status, status == VD_OK ? "" : "it does not answer",
                   status == VD_OK ? vd_buffer_view(&value) : vd_bytes(NULL, 0));
    vd_buffer_free(&value);
}

static void answer(tui_why_t *why)
{
    vd_buffer_t rows;
    vd_buffer_init(&rows, 65536);
    const tui_why_want_t *want = tui_why_want(why);
    assert_true(++world.wants <= TUI_WHY_WANTS_MAX);
    switch (want->kind) {
    case TUI_WHY_EVENTS:
        read_events(why);
        break;
    case TUI_WHY_SESSION:
        write_session(&rows, want->session, "");
        tui_why_answer(why, VD_OK, "", vd_buffer_view(&rows));
        break;
    case TUI_WHY_SESSIONS:
        vd_write_array(&rows, world.runtime ? 2 : 1);
        write_session(&rows, "one", "");
        if (world.runtime)
            write_session(&rows, world.runtime, "supervisor");
        tui_why_answer(why, VD_OK, "", vd_buffer_view(&rows));
        break;
    case TUI_WHY_MEMBERSHIP:
        answer_json(
            why, world.broker,
            world.source_gone ? "{\"sources\":[],\"providers\":[]}"
            : world.no_poller
                ? "{\"sources\":[{\"name\":\"local\",\"adapter\":\"file\",\"address\":\"/x\"}]}"
                : "{\"sources\":[{\"name\":\"local\",\"adapter\":\"file\",\"address\":\"/x\","
                  "\"provider\":\"static\",\"poller\":\"poller-1\",\"labels\":{\"rack\":\"7\"}}],"
                  "\"providers\":[{\"name\":\"static\",\"error\":\"no such list\"}]}");
        break;
    case TUI_WHY_READINGS:
        assert_string_equal(want->actor, "poller-1");
        answer_json(why, world.poller,
                    world.reads != NULL ? world.reads
                                        : "[{\"source\":\"other\",\"n\":1},{\"source\":\"local\","
                                          "\"op\":\"read\",\"target\":"
                                          "\"/"
                                          "proc\",\"n\":3,\"at_ms\":1700000000000,\"status\":"
                                          "\"timed_out\",\"error\":\"late\","
                                          "\"interval_ms\":1000,\"failures\":2,\"reads\":9}]");
        break;
    case TUI_WHY_NOTHING:
        break;
    }
    vd_buffer_free(&rows);
}

static tui_why_t *tell(const char *session, uint64_t seq, bool live)
{
    tui_why_t *why = tui_why_new(session, seq, live);
    while (tui_why_want(why)->kind != TUI_WHY_NOTHING)
        answer(why);
    return why;
}

/* How many facts of this topic and level have this in their text. */
static int facts(const tui_why_t *why, const char *topic, unsigned level, const char *text)
{
    int found = 0;
    for (size_t i = 0; i < tui_why_count(why); i++) {
        tui_why_fact_t fact = tui_why_fact(why, i);
        found += strcmp(fact.topic, topic) == 0 && fact.level == level &&
                 strstr(fact.text, text) != NULL;
    }
    return found;
}

static const char *by(const char *observer, uint64_t turn, uint64_t sample, char out[256])
{
    snprintf(out, 256,
             "{\"observer\":\"%s\",\"source\":\"local\",\"sample\":%" PRIu64 ",\"turn\":%" PRIu64
             "}",
             observer, sample, turn);
    return out;
}

static void test_turn_source_poller(void **state)
{
    (void)state;
    char cause[256];
    begin();
    fill("one", 1, 10, 0);
    add("one", 11, 900, "service_left", "{\"port\":1}", by("services", 6, 40, cause));
    add("one", 12, 1000, "service_left", "{\"port\":2}", by("services", 7, 41, cause));
    add("one", 13, 1000, "service_appeared", "{\"port\":3}", by("services", 7, 41, cause));
    add("one", 14, 1000, "service_appeared", "{\"port\":4}", by("services", 7, 41, cause));
    add("one", 15, 1000, "other", "{}", by("machine", 7, 41, cause));
    tui_why_t *why = tell("one", 13, true);
    assert_int_equal(tui_why_status(why, NULL), VD_OK);
    assert_int_equal(facts(why, "event", 0,
                           "one:13 service_appeared at 2023-11-14T22:13:21.000Z by "
                           "observer services {\"port\":3}"),
                     1);
    assert_int_equal(
        facts(why, "turn", 0, "turn 7 of services told 3 events in one piece: 12 to 14"), 1);
    assert_int_equal(facts(why, "turn", 0, "also 12 service_left {\"port\":2}"), 1);
    assert_int_equal(facts(why, "turn", 0, "also 14 service_appeared"), 1);
    assert_int_equal(facts(why, "turn", 0, "also"), 2);
    assert_int_equal(facts(why, "sample", 0, "sample 41 of source local, which had been read by"),
                     1);
    assert_int_equal(facts(why, "source", 0,
                           "adapter file, address /x, announced by static, labels "
                           "{\"rack\":\"7\"}"),
                     1);
    assert_int_equal(facts(why, "source", 0, "provider static could not list its sources"), 1);
    assert_int_equal(facts(why, "poller", 0,
                           "poller-1 reads it (read /proc) every 1s; its newest "
                           "sample is 3 (it counts anew since its last start) at "
                           "2023-11-14T22:13:20.000Z, timed_out, late; 2 of 9"),
                     1);
    assert_int_equal(facts(why, "before", 0, "no start, end or fault"), 1);
    tui_why_destroy(&why);
}

/* One fact, however many reads there are. */
static void test_many_reads(void **state)
{
    (void)state;
    char cause[256], reads[8192] = "[{\"source\":\"other\",\"n\":1}";
    begin();
    add("one", 1, 0, "session_started", "{}", NULL);
    add("one", 2, 0, "a", "{}", by("services", 1, 7, cause));
    for (int i = 1; i <= 11; i++) {
        size_t used = strlen(reads);
        snprintf(reads + used, sizeof reads - used,
                 ",{\"source\":\"local\",\"op\":\"read\",\"target\":\"/p%d\",\"n\":%d,\"at_ms\":"
                 "1700000000%03d,\"status\":\"ok\",\"interval_ms\":1000,\"failures\":0,"
                 "\"reads\":%d}",
                 i, i, i, i);
    }
    strcat(reads, "]");
    world.reads = reads;
    tui_why_t *why = tell("one", 2, true);
    assert_int_equal(facts(why, "poller", 0, ""), 1);
    assert_int_equal(facts(why, "poller", 0,
                           "poller-1 reads it: 11 reads every 1s, newest at "
                           "2023-11-14T22:13:20.011Z, none failed; sample 7 is the newest of "
                           "read /p7"),
                     1);
    for (size_t i = 0; i < tui_why_count(why); i++) { /* the details are for programs */
        tui_why_fact_t fact = tui_why_fact(why, i);
        vd_value_t value;
        if (strcmp(fact.topic, "poller") == 0)
            assert_true(vd_value_of(fact.value, &value) && value.count == 11);
    }
    tui_why_destroy(&why);
    world.reads =
        "[{\"source\":\"local\",\"op\":\"get\",\"target\":\"/a\",\"n\":3,\"at_ms\":1700000000000,"
        "\"status\":\"timed_out\",\"error\":\"no answer in "
        "1s\",\"interval_ms\":1000,\"failures\":2,"
        "\"reads\":9},{\"source\":\"local\",\"op\":\"get\",\"target\":\"/b\",\"n\":4,\"at_ms\":"
        "1700000000000,\"status\":\"ok\",\"interval_ms\":5000,\"failures\":1,\"reads\":9},"
        "{\"source\":\"local\",\"op\":\"get\",\"target\":\"/c\",\"n\":0,\"status\":\"not_ready\","
        "\"interval_ms\":5000,\"failures\":0,\"reads\":0}]";
    why = tell("one", 2, true);
    assert_int_equal(facts(why, "poller", 0,
                           "3 reads every 1s to 5s, newest at 2023-11-14T22:13:20.000Z, one "
                           "of them fails: get /a (timed_out), no answer in 1s; it counts anew"),
                     1);
    tui_why_destroy(&why);
}

static void test_what_is_gone(void **state)
{
    (void)state;
    char cause[256];
    begin();
    add("one", 1, 0, "session_started", "{}", NULL);
    add("one", 2, 0, "a", "{}", by("services", 1, 1, cause));
    world.source_gone = true;
    tui_why_t *why = tell("one", 2, true);
    assert_int_equal(facts(why, "source", 0, "local is gone"), 1);
    assert_int_equal(facts(why, "poller", 0, ""), 0);
    tui_why_destroy(&why);
    world.source_gone = false;
    world.no_poller = true;
    why = tell("one", 2, true);
    assert_int_equal(facts(why, "source", 0, "announced by nobody"), 1);
    assert_int_equal(facts(why, "poller", 0, "no poller reads local now"), 1);
    tui_why_destroy(&why);
    world.no_poller = false;
    world.poller = VD_TIMED_OUT;
    why = tell("one", 2, true);
    assert_int_equal(facts(why, "poller", 0, "cannot be asked now (it does not answer)"), 1);
    tui_why_destroy(&why);
    world.broker = VD_UNREACHABLE;
    why = tell("one", 2, true);
    assert_int_equal(facts(why, "source", 0, "the broker cannot be asked (it does not answer)"), 1);
    tui_why_destroy(&why);
    why = tell("one", 2, false);
    assert_int_equal(facts(why, "source", 0, "known while the runtime is up, and not stored"), 1);
    tui_why_destroy(&why);
}

static void test_without_a_cause(void **state)
{
    (void)state;
    begin();
    add("one", 1, 0, "session_started", "{\"name\":\"x\"}", NULL);
    add("one", 2, 0, "a", "{}", "{\"ticket\":7}");
    add("one", 3, 0, "a", "{}", "{\"observer\":\"services\",\"turn\":3}");
    add("one", 4, 0, "a", "{}", "[1]");
    tui_why_t *why = tell("one", 1, true);
    assert_int_equal(facts(why, "turn", 0, "no cause is stored with it: a producer wrote it"), 1);
    assert_int_equal(facts(why, "type", 0, "session_started (session): The first event"), 1);
    tui_why_destroy(&why);
    why = tell("one", 2, true);
    assert_int_equal(facts(why, "turn", 0, "its producer wrote {\"ticket\":7}"), 1);
    tui_why_destroy(&why);
    why = tell("one", 3, true);
    assert_int_equal(facts(why, "turn", 0, "turn 3 of services told this event alone"), 1);
    assert_int_equal(facts(why, "sample", 0, "no sample"), 1);
    tui_why_destroy(&why);
    why = tell("one", 4, true);
    assert_int_equal(tui_why_status(why, NULL), VD_OK);
    tui_why_destroy(&why);
}

static void test_a_chain_goes_back_to_the_first_cause(void **state)
{
    (void)state;
    char cause[256];
    begin();
    fill("before", 1, 4, 0);
    add("before", 5, 10, "service_left", "{\"port\":5}", by("services", 2, 9, cause));
    fill("before", 6, 8, 20);
    add("one", 1, 100, "outage", "{}",
        "{\"observer\":\"availability\",\"source\":\"services\",\"session\":\"before\",\"sample\":"
        "8,"
        "\"turn\":4}");
    add("one", 2, 200, "alarm", "{}",
        "{\"observer\":\"alarms\",\"source\":\"availability\",\"session\":\"one\",\"sample\":1,"
        "\"turn\":1,"
        "\"rest\":\"event\"}");
    tui_why_t *why = tell("one", 2, true);
    assert_int_equal(facts(why, "origin", 0,
                           "alarms had read the events of observer availability up "
                           "to one:1, and not finished that one"),
                     1);
    assert_int_equal(facts(why, "event", 1, "one:1 outage"), 1);
    assert_int_equal(facts(why, "origin", 1, "up to before:8"), 1);
    assert_int_equal(facts(why, "event", 2, "before:5 service_left"), 1);
    assert_int_equal(facts(why, "sample", 2, "sample 9 of source local"), 1);
    assert_int_equal(facts(why, "source", 2, "adapter file"), 1);
    /* The facts stand level by level. */
    unsigned level = 0;
    for (size_t i = 0; i < tui_why_count(why); i++) {
        tui_why_fact_t fact = tui_why_fact(why, i);
        if (strcmp(fact.topic, "before") == 0)
            break;
        assert_true(fact.level >= level);
        level = fact.level;
    }
    tui_why_destroy(&why);
}

static void test_a_chain_without_end_is_cut(void **state)
{
    (void)state;
    char cause[256];
    begin();
    for (uint64_t seq = 1; seq <= 40; seq++) {
        snprintf(cause, sizeof cause,
                 "{\"observer\":\"a\",\"source\":\"a\",\"session\":\"one\",\"sample\":%" PRIu64
                 ",\"turn\":%" PRIu64 "}",
                 seq == 1 ? 40 : seq - 1, seq);
        add("one", seq, (int64_t)seq, "a", "{}", cause);
    }
    tui_why_t *why = tell("one", 20, true);
    assert_int_equal(facts(why, "missing", TUI_WHY_LEVELS_MAX - 1, "no further than"), 1);
    tui_why_destroy(&why);
    begin();
    add("one", 1, 0, "a", "{}",
        "{\"observer\":\"b\",\"source\":\"nobody\",\"session\":\"one\",\"sample\":1,\"turn\":1}");
    why = tell("one", 1, true);
    assert_int_equal(
        facts(why, "missing", 0, "no event of observer nobody is found in session one"), 1);
    tui_why_destroy(&why);
}

static void test_the_runtime_around(void **state)
{
    (void)state;
    char cause[256];
    begin();
    add("one", 1, -400000, "actor_failed", "{\"actor\":\"long ago\",\"reason\":\"x\"}", NULL);
    for (uint64_t seq = 2; seq <= 7; seq++)
        add("one", seq, (int64_t)seq * 100, "actor_ready", "{\"actor\":\"broker\",\"pid\":5}",
            NULL);
    add("one", 8, 1000, "actor_exited",
        "{\"actor\":\"poller-1\",\"pid\":6,\"how\":\"killed\",\"signal\":9}", NULL);
    fill("one", 9, 19, 1500);
    add("one", 20, 3000, "a", "{}", by("services", 1, 3, cause));
    add("one", 21, 3100, "subscriber_dropped",
        "{\"name\":\"slow\",\"reason\":\"silent\",\"text\":\"gone\"}", NULL);
    add("one", 22, 900000, "actor_failed", "{\"actor\":\"later\",\"reason\":\"x\"}", NULL);
    tui_why_t *why = tell("one", 20, true);
    assert_int_equal(facts(why, "before", 0,
                           "2s (12 events) before, 8: actor_exited poller-1 (pid "
                           "6): killed, signal 9, exit code 0; it reads the source"),
                     1);
    assert_int_equal(facts(why, "before", 0, ""), TUI_WHY_AROUND_MAX);
    assert_int_equal(facts(why, "before", 0, ", 4:"), 0);
    assert_int_equal(facts(why, "before", 0, "long ago"), 0);
    assert_int_equal(
        facts(why, "after", 0, "100ms (1 event) after, 21: subscriber_dropped slow: gone"), 1);
    assert_int_equal(facts(why, "after", 0, ""), 1);
    tui_why_destroy(&why);
}

static void test_the_runtime_has_a_session_of_its_own(void **state)
{
    (void)state;
    begin();
    for (uint64_t seq = 1; seq <= 5000; seq++) {
        bool one = seq == 3000;
        add("up", seq, (int64_t)seq * 10, one ? "actor_exited" : "filler",
            one ? "{\"actor\":\"ingestor\",\"how\":\"exited\",\"code\":3}" : "{}", NULL);
    }
    add("one", 1, 30500, "mine", "{}", NULL);
    world.runtime = "up";
    tui_why_t *why = tell("one", 1, true);
    assert_int_equal(facts(why, "before", 0,
                           "500ms before, up:3000: actor_exited ingestor: exited, "
                           "signal 0, exit code 3; it writes every event"),
                     1);
    assert_int_equal(facts(why, "after", 0, "no start, end or fault"), 1);
    assert_true(world.wants < 12 && world.widest <= 2 * TUI_WHY_AROUND_EVENTS + 512);
    tui_why_destroy(&why);
}

static void test_refusals(void **state)
{
    (void)state;
    const char *error = NULL;
    begin();
    fill("one", 1, 30, 0);
    tui_why_t *why = tell("one", 31, true);
    assert_int_equal(tui_why_status(why, &error), VD_NOT_FOUND);
    assert_string_equal(error, "session one has no event 31; its last one is 30");
    assert_int_equal(tui_why_count(why), 0);
    tui_why_destroy(&why);
    why = tell("nobody", 1, true);
    assert_int_equal(tui_why_status(why, &error), VD_UNKNOWN_SESSION);
    assert_string_equal(error, "there is no such session");
    tui_why_destroy(&why);
    why = tell("one", 0, true);
    assert_int_equal(tui_why_status(why, &error), VD_USAGE);
    tui_why_destroy(&why);
    world.pruned_to = 5;
    why = tell("one", 5, true);
    assert_int_equal(tui_why_status(why, &error), VD_PRUNED);
    assert_string_equal(error, "event one:5 was pruned");
    tui_why_destroy(&why);
    why = tell("one", 6, true);
    assert_int_equal(tui_why_status(why, &error), VD_OK);
    assert_int_equal(facts(why, "missing", 0, "5 events of session one from 1 on were pruned"), 1);
    tui_why_destroy(&why);
}

static void test_a_large_turn_is_bounded(void **state)
{
    (void)state;
    char cause[256];
    begin();
    for (uint64_t seq = 1; seq <= 700; seq++)
        add("one", seq, 0, "a", "{}", by("services", 1, 3, cause));
    tui_why_t *why = tell("one", 600, true);
    assert_int_equal(facts(why, "turn", 0, "told 613 events in one piece: 88 to 700"), 1);
    assert_int_equal(facts(why, "turn", 0, "also"), 32);
    vd_buffer_t value;
    vd_value_t map;
    vd_buffer_init(&value, VD_FRAME_BYTES_MAX);
    tui_why_value(why, &value);
    assert_int_equal(vd_scan_exact(vd_buffer_view(&value), VD_DEPTH_MAX), VD_OK);
    assert_true(vd_value_of(vd_buffer_view(&value), &map));
    assert_int_equal(vd_value_get_u64(&map, "seq", 0), 600);
    vd_buffer_free(&value);
    tui_why_destroy(&why);
}

/* As it is drawn: nothing is wider than the screen, and the topics stand in order. */
static void test_lines(void **state)
{
    (void)state;
    static const int sizes[][2] = {{120, 40}, {80, 24}, {60, 16}};
    char cause[256];
    begin();
    add("one", 1, 1000, "service_left", "{\"port\":2}", by("services", 7, 41, cause));
    for (size_t i = 0; i < 3; i++) {
        vd_buffer_t text;
        tui_canvas_t *canvas = tui_canvas_new(sizes[i][0], sizes[i][1], false);
        tui_lines_t *lines = tui_lines_new();
        tui_why_t *why = tell("one", 1, true);
        tui_lines_clear(lines, sizes[i][0], true);
        vd_buffer_t story;
        vd_buffer_init(&story, VD_FRAME_BYTES_MAX);
        tui_why_value(why, &story);
        tui_why_lines(vd_buffer_view(&story), lines);
        vd_buffer_free(&story);
        tui_lines_draw(lines, canvas, tui_canvas_box(canvas), 0);
        vd_buffer_init(&text, 65536);
        tui_canvas_text(canvas, &text);
        vd_buffer_add(&text, "", 1);
        const char *shown = (const char *)text.data;
        assert_null(strstr(shown, "…"));
        assert_int_equal(
            strncmp(shown, "event   one:1 service_left at 2023-11-14T22:13:21.000Z", 54), 0);
        const char *source = strstr(shown, "\nsource  local: adapter file");
        assert_non_null(source);
        assert_true(strstr(shown, "\nturn    turn 7 of services told this event alone") < source);
        vd_buffer_free(&text);
        tui_why_destroy(&why);
        tui_lines_destroy(&lines);
        tui_canvas_destroy(&canvas);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turn_source_poller),
        cmocka_unit_test(test_many_reads),
        cmocka_unit_test(test_what_is_gone),
        cmocka_unit_test(test_without_a_cause),
        cmocka_unit_test(test_a_chain_goes_back_to_the_first_cause),
        cmocka_unit_test(test_a_chain_without_end_is_cut),
        cmocka_unit_test(test_the_runtime_around),
        cmocka_unit_test(test_the_runtime_has_a_session_of_its_own),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_a_large_turn_is_bounded),
        cmocka_unit_test(test_lines),
    };
    setlocale(LC_ALL, "C.UTF-8");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    begin();
    return failed;
}

/* test_tui_state.c: what the events of a session say: by examples, by the law that a state is its events,
 * and under data that are not what they should be. */
#include "core/hash.h"
#include "tui/state.h"
#include "unit/tui_events.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const int64_t noon = 1700000000000;

static tui_state_t *fold(const tui_script_t *script)
{
    tui_state_t *state = tui_state_new();
    for (uint64_t seq = 1; seq <= script->count; seq++) {
        vd_event_t event = tui_script_event(script, seq);
        assert_true(tui_state_apply(state, &event));
    }
    return state;
}

static void test_session(void **unused)
{
    (void)unused;
    tui_script_t script;
    tui_script_init(&script, "s-1");
    tui_script_add(
        &script, noon, "session_started",
        "{\"name\":\"nightly\",\"command\":\"make all\",\"owner\":true,\"continues\":\"s-0\"}",
        NULL);
    tui_script_add(&script, noon + 10, "session_status", "{\"text\":\"half done\"}", NULL);
    tui_state_t *state = fold(&script);
    const tui_session_t *session = tui_state_session(state);
    assert_string_equal(session->id, "s-1");
    assert_string_equal(session->name, "nightly");
    assert_string_equal(session->command, "make all");
    assert_string_equal(session->continues, "s-0");
    assert_string_equal(session->status, "half done");
    assert_true(session->owned);
    assert_string_equal(tui_session_state_word(session->state), "active");
    assert_int_equal(session->begun_ms, noon);
    assert_int_equal(session->exit, -1);

    tui_script_add(&script, noon + 900, "session_ended",
                   "{\"status\":\"failed\",\"error\":\"no rule\",\"exit\":2,\"duration_ms\":890,"
                   "\"continued_by\":\"s-2\"}",
                   NULL);
    vd_event_t end = tui_script_event(&script, 3);
    assert_true(tui_state_apply(state, &end));
    assert_false(tui_state_apply(state, &end));
    assert_string_equal(tui_session_state_word(session->state), "failed");
    assert_string_equal(session->text, "no rule");
    assert_string_equal(session->continued_by, "s-2");
    assert_int_equal(session->exit, 2);
    assert_int_equal(session->duration_ms, 890);
    assert_int_equal(session->ended_ms, noon + 900);
    assert_int_equal(tui_state_fault_count(state), 1);
    assert_string_equal(tui_state_fault(state, 0)->text, "no rule");
    tui_state_destroy(&state);
    assert_null(state);
    tui_script_free(&script);
}

static void test_actors(void **unused)
{
    (void)unused;
    tui_script_t script;
    tui_script_init(&script, "s-1");
    const char *started = "{\"actor\":\"broker\",\"kind\":\"broker\",\"pid\":7,\"restarts\":0}";
    tui_script_add(&script, noon, "actor_started", started, NULL);
    tui_script_add(&script, noon + 5, "actor_ready", "{\"actor\":\"broker\",\"pid\":7}", NULL);
    tui_state_t *state = fold(&script);
    const tui_actor_t *actor = tui_state_actor(state, vd_str("broker"));
    assert_string_equal(tui_actor_state_word(actor->state), "ready");
    assert_int_equal(actor->pid, 7);
    assert_int_equal(actor->started_ms, noon);
    assert_int_equal(actor->since_ms, noon + 5);
    tui_state_destroy(&state);

    tui_script_add(&script, noon + 10, "actor_exited",
                   "{\"actor\":\"broker\",\"pid\":7,\"how\":\"killed\",\"signal\":9,"
                   "\"text\":\"killed by SIGKILL\"}",
                   NULL);
    tui_script_add(&script, noon + 20, "actor_started",
                   "{\"actor\":\"broker\",\"kind\":\"broker\",\"pid\":8,\"restarts\":1}", NULL);
    tui_script_add(&script, noon + 30, "actor_exited",
                   "{\"actor\":\"broker\",\"pid\":8,\"how\":\"killed\",\"signal\":15,"
                   "\"text\":\"killed by SIGTERM\"}",
                   NULL);
    tui_script_add(&script, noon + 40, "actor_started",
                   "{\"actor\":\"relay\",\"kind\":\"relay\",\"pid\":9,\"restarts\":0}", NULL);
    tui_script_add(&script, noon + 50, "actor_failed",
                   "{\"actor\":\"relay\",\"reason\":\"9 deaths in 60 s\"}", NULL);
    tui_script_add(&script, noon + 60, "actor_exited",
                   "{\"actor\":\"broker\",\"pid\":8,\"how\":\"exited\",\"code\":0}", NULL);
    state = fold(&script);
    actor = tui_state_actor(state, vd_str("broker"));
    assert_string_equal(tui_actor_state_word(actor->state), "stopped");
    assert_string_equal(actor->error, "killed by SIGKILL");
    assert_int_equal(actor->error_ms, noon + 10);
    assert_int_equal(actor->deaths, 1);
    assert_int_equal(actor->restarts, 1);
    actor = tui_state_actor(state, vd_str("relay"));
    assert_string_equal(tui_actor_state_word(actor->state), "failed");
    assert_int_equal(tui_state_fault_count(state), 2);
    assert_string_equal(tui_fault_kind_word(tui_state_fault(state, 0)->kind), "given up");
    assert_string_equal(tui_state_fault(state, 1)->name, "broker");
    assert_int_equal(tui_state_fault(state, 1)->seq, 3);
    tui_state_destroy(&state);
    tui_script_free(&script);
}

/* A session that goes on from another tells of actors that nothing became of yet. */
static void test_actors_of_a_session_that_goes_on(void **unused)
{
    (void)unused;
    tui_script_t script;
    tui_script_init(&script, "s-2");
    tui_script_add(&script, noon, "actor_runs",
                   "{\"actor\":\"broker\",\"kind\":\"broker\",\"state\":\"ready\",\"pid\":7,"
                   "\"restarts\":3,\"since\":\"2026-01-01T10:00:00.000Z\"}",
                   NULL);
    tui_script_add(&script, noon, "actor_runs",
                   "{\"actor\":\"relay\",\"kind\":\"relay\",\"state\":\"failed\",\"pid\":0,"
                   "\"restarts\":9,\"since\":\"2026-01-01T10:00:00.000Z\","
                   "\"reason\":\"9 deaths in 60 s\"}",
                   NULL);
    tui_script_add(&script, noon, "actor_runs",
                   "{\"actor\":\"host\",\"kind\":\"observer\",\"state\":\"stopped\",\"pid\":0,"
                   "\"restarts\":0}",
                   NULL);
    tui_state_t *state = fold(&script);
    const tui_actor_t *actor = tui_state_actor(state, vd_str("broker"));
    int64_t since_ms;
    assert_true(vd_ts_parse(vd_str("2026-01-01T10:00:00.000Z"), &since_ms));
    assert_string_equal(tui_actor_state_word(actor->state), "ready");
    assert_string_equal(actor->kind, "broker");
    assert_int_equal(actor->pid, 7);
    assert_int_equal(actor->restarts, 3);
    assert_int_equal(actor->since_ms, since_ms);
    assert_int_equal(actor->started_ms, since_ms);
    actor = tui_state_actor(state, vd_str("relay"));
    assert_string_equal(tui_actor_state_word(actor->state), "failed");
    assert_string_equal(actor->error, "9 deaths in 60 s");
    actor = tui_state_actor(state, vd_str("host"));
    assert_string_equal(tui_actor_state_word(actor->state), "stopped");
    assert_int_equal(actor->started_ms, 0);
    /* They were faults of the session before. */
    assert_int_equal(tui_state_fault_count(state), 0);
    tui_state_destroy(&state);
    tui_script_free(&script);
}

static void test_faults_on_purpose(void **unused)
{
    (void)unused;
    tui_script_t script;
    tui_script_init(&script, "s-1");
    tui_script_add(&script, noon, "fault_injected",
                   "{\"number\":1,\"fault\":\"kill\",\"target\":\"ingestor\",\"pid\":7}", NULL);
    tui_script_add(&script, noon + 1, "fault_recovered",
                   "{\"number\":1,\"fault\":\"kill\",\"target\":\"ingestor\",\"recovered_ms\":3.5}",
                   NULL);
    tui_script_add(&script, noon + 2, "fault_failed",
                   "{\"number\":2,\"fault\":\"stop\",\"target\":\"host\",\"text\":\"not seen\"}",
                   NULL);
    tui_script_add(&script, noon + 3, "invariant_violated",
                   "{\"invariant\":\"head_grows\",\"text\":\"it went back\",\"evidence\":\"9, 8\"}",
                   NULL);
    tui_state_t *state = fold(&script);
    assert_int_equal(tui_state_fault_count(state), 3);
    const tui_fault_t *made = tui_state_fault(state, 2), *failed = tui_state_fault(state, 1);
    assert_int_equal(tui_state_fault(state, 0)->kind, TUI_FAULT_FAILURE);
    assert_string_equal(tui_state_fault(state, 0)->name, "head_grows");
    assert_string_equal(tui_state_fault(state, 0)->text, "it went back");
    assert_int_equal(made->kind, TUI_FAULT_MADE);
    assert_string_equal(made->name, "ingestor");
    assert_string_equal(made->text, "kill");
    assert_int_equal(failed->kind, TUI_FAULT_FAILURE);
    assert_string_equal(failed->name, "host");
    assert_string_equal(failed->text, "not seen");
    tui_state_destroy(&state);
    tui_script_free(&script);
}

static void test_subscribers_sources_observers(void **unused)
{
    (void)unused;
    tui_script_t script;
    tui_script_init(&script, "s-1");
    tui_script_add(
        &script, noon, "subscriber_mode",
        "{\"name\":\"gate\",\"from\":\"live_only\",\"to\":\"paused\",\"lag\":4,\"queue\":600,"
        "\"publisher\":\"relay-1\",\"left_out\":3}",
        NULL);
    tui_script_add(&script, noon + 1, "height", "{}",
                   "{\"observer\":\"o\",\"source\":\"n1\",\"sample\":71,\"turn\":5}");
    tui_script_add(&script, noon + 2, "height", "{}",
                   "{\"observer\":\"o\",\"source\":\"n1\",\"sample\":74,\"turn\":6}");
    tui_script_add(
        &script, noon + 3, "stalled", "{}",
        "{\"observer\":\"p\",\"source\":\"o\",\"session\":\"s-1\",\"sample\":3,\"turn\":2}");
    tui_state_t *state = fold(&script);
    const tui_subscriber_t *subscriber = tui_state_subscriber(state, vd_str("gate"));
    assert_string_equal(subscriber->mode, "paused");
    assert_string_equal(subscriber->publisher, "relay-1");
    assert_int_equal(subscriber->queue, 600);
    assert_int_equal(tui_state_totals(state)->untold, 3);
    size_t count;
    const tui_source_t *sources = tui_state_sources(state, &count);
    assert_int_equal(count, 1);
    assert_string_equal(sources->name, "n1");
    assert_int_equal(sources->sample, 74);
    assert_int_equal(sources->events, 2);
    const tui_observer_t *observers = tui_state_observers(state, &count);
    assert_int_equal(count, 2);
    assert_string_equal(observers[sources->observer].name, "o");
    assert_string_equal(observers[1].source, "o");
    assert_int_equal(observers[0].turn, 6);
    assert_int_equal(tui_state_type(state, vd_str("height"))->events, 2);

    tui_script_add(&script, noon + 4, "subscriber_dropped",
                   "{\"name\":\"gate\",\"reason\":\"silent\",\"text\":\"no sign of life\"}", NULL);
    vd_event_t event = tui_script_event(&script, 5);
    tui_state_apply(state, &event);
    subscriber = tui_state_subscriber(state, vd_str("gate"));
    assert_string_equal(subscriber->mode, "dropped");
    assert_string_equal(subscriber->before, "paused");
    assert_string_equal(tui_state_fault(state, 0)->text, "no sign of life");
    tui_state_destroy(&state);
    tui_script_free(&script);
}

static void test_rates(void **unused)
{
    (void)unused;
    tui_script_t script;
    uint64_t rates[TUI_RATE_SECONDS];
    tui_script_init(&script, "s-1");
    for (int i = 0; i < 5; i++)
        tui_script_add(&script, noon + i, "x", "{}", NULL);
    tui_script_add(&script, noon + 3000, "x", "{}", NULL);
    tui_script_add(&script, noon + 1000, "x", "{}", NULL);
    tui_state_t *state = fold(&script);
    assert_int_equal(tui_state_rates(state, rates), noon / 1000 + 3);
    assert_int_equal(rates[TUI_RATE_SECONDS - 1], 1);
    assert_int_equal(rates[TUI_RATE_SECONDS - 2], 0);
    assert_int_equal(rates[TUI_RATE_SECONDS - 3], 1);
    assert_int_equal(rates[TUI_RATE_SECONDS - 4], 5);
    assert_int_equal(tui_state_session(state)->clock_ms, noon + 3000);
    assert_int_equal(tui_state_session(state)->last_ms, noon + 1000);
    tui_state_destroy(&state);

    /* Far back begins the window anew, and the clock stays. */
    tui_script_add(&script, noon - 500000, "x", "{}", NULL);
    state = fold(&script);
    assert_int_equal(tui_state_rates(state, rates), noon / 1000 - 500);
    assert_int_equal(rates[TUI_RATE_SECONDS - 1], 1);
    assert_int_equal(rates[TUI_RATE_SECONDS - 4], 0);
    assert_int_equal(tui_state_session(state)->clock_ms, noon + 3000);
    tui_state_destroy(&state);
    tui_script_free(&script);
}

static void test_missing(void **unused)
{
    (void)unused;
    tui_script_t script;
    tui_script_init(&script, "s-1");
    for (int i = 0; i < 9; i++)
        tui_script_add(&script, noon + i, "x", "{}", NULL);
    tui_state_t *state = tui_state_new();
    tui_state_skip(state, 3);
    vd_event_t event = tui_script_event(&script, 4);
    assert_true(tui_state_apply(state, &event));
    event = tui_script_event(&script, 7);
    assert_true(tui_state_apply(state, &event));
    tui_state_skip(state, 6);
    assert_int_equal(tui_state_totals(state)->missing, 5);
    assert_int_equal(tui_state_totals(state)->events, 2);
    assert_int_equal(tui_state_totals(state)->seq, 7);
    tui_state_destroy(&state);
    tui_script_free(&script);
}

/* At each event: what was saved there is loaded as it was, and goes on as the one that lived. */
static void expect_saved_is_lived(const tui_script_t *script, uint64_t every)
{
    tui_state_t *lived = tui_state_new(), *loaded = tui_state_new();
    vd_buffer_t saved;
    vd_buffer_init(&saved, TUI_STATE_BYTES_MAX);
    for (uint64_t seq = 1; seq <= script->count; seq++) {
        vd_event_t event = tui_script_event(script, seq);
        tui_state_apply(lived, &event);
        if (seq > 1)
            tui_state_apply(loaded, &event);
        if (seq % every == 0)
            assert_true(tui_state_hash(lived) == tui_state_hash(loaded) || seq == 1);
        if (seq % every != 0 && seq != 1)
            continue;
        vd_buffer_clear(&saved);
        assert_true(tui_state_save(lived, &saved));
        assert_int_equal(tui_state_load(loaded, vd_buffer_view(&saved)), VD_OK);
        assert_true(tui_state_hash(lived) == tui_state_hash(loaded));
    }
    vd_buffer_free(&saved);
    tui_state_destroy(&lived);
    tui_state_destroy(&loaded);
}

static void test_saved_is_lived(void **unused)
{
    (void)unused;
    tui_script_t script;
    tui_script_init(&script, "s-1");
    tui_script_random(&script, tui_random_seed(), 4000);
    expect_saved_is_lived(&script, 7);
    tui_script_free(&script);
}

/* No prefix of saved bytes and no changed byte does any harm. */
static void test_damaged_states(void **unused)
{
    (void)unused;
    tui_script_t script;
    uint64_t seed = tui_random_seed();
    tui_script_init(&script, "s-1");
    tui_script_random(&script, seed, 300);
    tui_state_t *state = fold(&script), *loaded = tui_state_new();
    vd_buffer_t saved;
    vd_buffer_init(&saved, TUI_STATE_BYTES_MAX);
    assert_true(tui_state_save(state, &saved));
    for (size_t size = 0; size < saved.size; size += 1 + size / 100)
        assert_int_equal(tui_state_load(loaded, vd_bytes(saved.data, size)), VD_MALFORMED);
    assert_int_equal(tui_state_totals(loaded)->seq, 0);
    for (int i = 0; i < 2000; i++) {
        size_t at = (size_t)tui_random_below(&seed, saved.size);
        uint8_t before = saved.data[at];
        saved.data[at] = (uint8_t)tui_random(&seed);
        if (tui_state_load(loaded, vd_buffer_view(&saved)) == VD_OK) {
            vd_event_t event = tui_script_event(&script, 300);
            event.seq = tui_state_totals(loaded)->seq + 1;
            if (event.seq > 0)
                tui_state_apply(loaded, &event);
        }
        saved.data[at] = before;
    }
    assert_int_equal(tui_state_load(loaded, vd_buffer_view(&saved)), VD_OK);
    assert_true(tui_state_hash(state) == tui_state_hash(loaded));
    vd_buffer_free(&saved);
    tui_state_destroy(&state);
    tui_state_destroy(&loaded);
    tui_script_free(&script);
}

enum { NAMES = 60000 };

/* Ever new names, and now and then a huge one. */
static tui_state_t *fold_endless_names(void)
{
    static char huge[200000];
    tui_state_t *state = tui_state_new();
    vd_buffer_t data, cause;
    vd_buffer_init(&data, 1 << 20);
    vd_buffer_init(&cause, 1 << 20);
    memset(huge, 'h', sizeof huge);
    for (unsigned i = 0; i < NAMES; i++) {
        char name[32], type[32];
        snprintf(name, sizeof name, "%u", i);
        snprintf(type, sizeof type, "type_%u", i);
        memcpy(huge, name, strlen(name));
        vd_str_t named = i % 1000 == 0 ? vd_bytes(huge, sizeof huge) : vd_str(name);
        const char *types[] = {"actor_started", "subscriber_dropped", type};
        vd_buffer_clear(&data);
        vd_write_map(&data, 2);
        vd_write_pair_str(&data, "actor", named);
        vd_write_pair_str(&data, "name", named);
        vd_buffer_clear(&cause);
        vd_write_map(&cause, 2);
        vd_write_pair_str(&cause, "observer", named);
        vd_write_pair_str(&cause, "source", named);
        vd_event_t event = {.ts = vd_str("2026-01-01T00:00:00.000Z"),
                            .session = vd_str("s"),
                            .seq = i + 1,
                            .type = vd_str(types[i % 3]),
                            .data = vd_buffer_view(&data),
                            .cause = vd_buffer_view(&cause)};
        assert_true(tui_state_apply(state, &event));
    }
    vd_buffer_free(&data);
    vd_buffer_free(&cause);
    return state;
}

static void test_endless_names(void **unused)
{
    (void)unused;
    tui_state_t *state = fold_endless_names(), *loaded = tui_state_new();
    size_t actors, sources, observers, subscribers, types;
    tui_state_actors(state, &actors);
    tui_state_sources(state, &sources);
    tui_state_observers(state, &observers);
    tui_state_subscribers(state, &subscribers);
    tui_state_types(state, &types);
    assert_int_equal(actors, TUI_ACTORS_MAX);
    assert_int_equal(sources, TUI_SOURCES_MAX);
    assert_int_equal(observers, TUI_OBSERVERS_MAX);
    assert_int_equal(subscribers, TUI_SUBSCRIBERS_MAX);
    assert_int_equal(types, TUI_TYPES_MAX);
    const tui_totals_t *totals = tui_state_totals(state);
    assert_int_equal(totals->events, NAMES);
    assert_int_equal(totals->sources_left_out, NAMES - TUI_SOURCES_MAX);
    assert_int_equal(totals->actors_left_out, NAMES / 3 - TUI_ACTORS_MAX);
    assert_int_equal(totals->faults[TUI_FAULT_DROPPED], NAMES / 3);
    /* The newest subscriber is there: the one that was quiet for longest made room. */
    assert_non_null(tui_state_subscriber(state, vd_str("59998")));
    vd_buffer_t saved;
    vd_buffer_init(&saved, TUI_STATE_BYTES_MAX);
    assert_true(tui_state_save(state, &saved));
    printf("full tables: %zu bytes saved\n", saved.size);
    assert_int_equal(tui_state_load(loaded, vd_buffer_view(&saved)), VD_OK);
    assert_true(tui_state_hash(state) == tui_state_hash(loaded));
    /* A type that the state knows counts even when the table of types is full. */
    vd_event_t event = {.ts = vd_str("2026-01-01T00:00:00.000Z"),
                        .seq = NAMES + 1,
                        .type = vd_str("session_ended"),
                        .data = vd_str("\x80")};
    assert_true(tui_state_apply(loaded, &event));
    assert_int_equal(tui_state_session(loaded)->state, TUI_SESSION_COMPLETED);
    vd_buffer_free(&saved);
    tui_state_destroy(&state);
    tui_state_destroy(&loaded);
}

/* An actor that is gone makes room for one that comes; one that lives never does. */
static void test_gone_actors_make_room(void **unused)
{
    (void)unused;
    tui_script_t script;
    tui_script_init(&script, "s-1");
    char data[128];
    for (unsigned i = 0; i < TUI_ACTORS_MAX; i++) {
        snprintf(data, sizeof data, "{\"actor\":\"a%u\",\"kind\":\"k\",\"pid\":%u,\"restarts\":0}",
                 i, i);
        tui_script_add(&script, noon, "actor_started", data, NULL);
    }
    tui_script_add(&script, noon, "actor_exited",
                   "{\"actor\":\"a9\",\"how\":\"exited\",\"code\":0}", NULL);
    tui_script_add(&script, noon, "actor_exited",
                   "{\"actor\":\"a3\",\"how\":\"exited\",\"code\":1}", NULL);
    tui_script_add(&script, noon, "actor_started", "{\"actor\":\"new1\"}", NULL);
    tui_script_add(&script, noon, "actor_started", "{\"actor\":\"new2\"}", NULL);
    tui_script_add(&script, noon, "actor_started", "{\"actor\":\"new3\"}", NULL);
    tui_state_t *state = fold(&script);
    assert_null(tui_state_actor(state, vd_str("a9")));
    assert_null(tui_state_actor(state, vd_str("a3")));
    assert_non_null(tui_state_actor(state, vd_str("new1")));
    assert_non_null(tui_state_actor(state, vd_str("new2")));
    assert_null(tui_state_actor(state, vd_str("new3")));
    assert_int_equal(tui_state_totals(state)->actors_left_out, 1);
    for (unsigned i = 0; i < TUI_ACTORS_MAX; i++) {
        snprintf(data, sizeof data, "a%u", i);
        if (i != 9 && i != 3)
            assert_int_equal(tui_state_actor(state, vd_str(data))->pid, i);
    }
    tui_state_destroy(&state);
    tui_script_free(&script);
}

static void test_names_are_cut_at_characters(void **unused)
{
    (void)unused;
    tui_script_t script;
    tui_script_init(&script, "s-1");
    char data[256];
    /* 63 bytes, then a character of three. */
    snprintf(data, sizeof data, "{\"actor\":\"%063d日x\"}", 0);
    tui_script_add(&script, noon, "actor_started", data, NULL);
    tui_script_add(&script, noon, "actor_ready", data, NULL);
    static const uint8_t zero[] = "\x81\xa5"
                                  "actor"
                                  "\xa3"
                                  "a\0b";
    tui_script_add_value(&script, noon, "actor_started", vd_bytes(zero, sizeof zero - 1),
                         vd_str(NULL));
    tui_state_t *state = fold(&script);
    size_t count;
    const tui_actor_t *actors = tui_state_actors(state, &count);
    assert_int_equal(count, 2);
    assert_int_equal(strlen(actors[0].name), 63);
    assert_int_equal(actors[0].state, TUI_ACTOR_READY);
    assert_string_equal(actors[1].name, "a");
    tui_state_destroy(&state);
    tui_script_free(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_actors),
        cmocka_unit_test(test_actors_of_a_session_that_goes_on),
        cmocka_unit_test(test_faults_on_purpose),
        cmocka_unit_test(test_subscribers_sources_observers),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_saved_is_lived),
        cmocka_unit_test(test_damaged_states),
        cmocka_unit_test(test_endless_names),
        cmocka_unit_test(test_gone_actors_make_room),
        cmocka_unit_test(test_names_are_cut_at_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* collect_world.c: a collector in the world of tests, and the observer that it reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/collect_world.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the other observer ---- */

/* Its snapshot: the last word that it has said, in which session, as which event of it. */
char origin_word[64], origin_session[VD_NAME_BYTES_MAX + 1];
const char *origin_phase;
uint64_t origin_seq, origin_total;

void write_origin(world_t *world, vd_buffer_t *out)
{
    (void)world;
    vd_write_map(out, 5);
    vd_write_pair_text(out, "session", origin_session);
    vd_write_pair_text(out, "phase", origin_phase);
    vd_write_pair_text(out, "at", "2026-01-01T00:00:00.000Z");
    vd_write_pair_u64(out, "seq", origin_seq);
    vd_write_text(out, "state");
    vd_write_map(out, 2);
    vd_write_pair_text(out, "word", origin_word);
    vd_write_pair_u64(out, "total", origin_total);
}

int begin_collector(void **state)
{
    origin_phase = "running";
    origin_seq = origin_total = 0;
    origin_word[0] = 0;
    strcpy(origin_session, "s1");
    echo_fails = false;
    echo_turns = 0;
    set_up_collector(state, &echo_observer, "other", write_origin);
    return 0;
}

void write_event(world_t *world, uint32_t place, const char *type, const char *observer,
                 const char *text)
{
    vd_buffer_t data, cause, event, run;
    vd_buffer_init(&data, 1024);
    vd_buffer_init(&cause, 1024);
    vd_buffer_init(&event, 4096);
    vd_buffer_init(&run, 4096);
    vd_write_text(&data, text);
    vd_write_map(&cause, 2);
    vd_write_pair_text(&cause, "observer", observer);
    vd_write_pair_u64(&cause, "turn", 1);
    vd_event_write(&event, 1700000000123, vd_str(type), vd_buffer_view(&data),
                   vd_buffer_view(&cause));
    assert_true(vd_run_add(&run, vd_buffer_view(&event)));
    write_run(world, place, vd_buffer_view(&run), 1);
    vd_buffer_free(&data);
    vd_buffer_free(&cause);
    vd_buffer_free(&event);
    vd_buffer_free(&run);
}

/* The other observer says a word, in the newest session. */
void say(world_t *world, const char *text)
{
    uint32_t place = world->session_count - 1;
    write_event(world, place, "word_said", "other", text);
    snprintf(origin_word, sizeof origin_word, "%s", text);
    strcpy(origin_session, world->sessions[place].id);
    origin_seq = world->sessions[place].seq;
}

void hear(world_t *world, const char *text)
{
    say(world, text);
    pass(world, 300);
}

/* ---- what came of it ---- */

static void add_events(const frame_t *frame, char *text)
{
    vd_bytes_t run = vd_buffer_view(&frame->run);
    vd_entry_t entry;
    while (vd_run_next(&run, &entry) == VD_OK) {
        vd_event_t event;
        vd_value_t data;
        char word[64];
        assert_int_equal(vd_event_read(entry.event, &event), VD_OK);
        if (vd_str_is(event.type, VD_OBSERVER_STATE))
            continue;
        assert_true(vd_value_of(event.data, &data));
        vd_str_copy(word, sizeof word, vd_value_get_str(&data, "text"));
        uint64_t number = vd_value_get_u64(&data, "number", 0);
        size_t size = strlen(text);
        assert_true(size + 100 < STORY);
        if (number > 0)
            snprintf(text + size, STORY - size, "%s%s%llu", size > 0 ? " " : "", word,
                     (unsigned long long)number);
        else
            snprintf(text + size, STORY - size, "%s%s", size > 0 ? " " : "", word);
    }
}

/* The echoes of all sessions that are there, with blanks between them. */
const char *echoes(const world_t *world)
{
    static char text[STORY];
    text[0] = 0;
    for (uint32_t place = 0; place < world->session_count; place++)
        for (uint32_t at = 0; at < world->frame_count; at++)
            if (world->frames[at].session == place && world->frames[at].own &&
                !world->sessions[place].gone)
                add_events(&world->frames[at], text);
    return text;
}

const echo_t *echo_of(const world_t *world)
{
    return vd_host_state(world->host);
}

void assert_echoes(const world_t *world, const char *words)
{
    assert_string_equal(echoes(world), words);
    const char *last = strrchr(words, ' ');
    assert_string_equal(echo_of(world)->text, last ? last + 1 : words);
}

/* The cause of the newest event of the collector. */
void assert_cause(const world_t *world, const char *session, uint64_t seq)
{
    const frame_t *newest = NULL;
    for (uint32_t at = 0; at < world->frame_count; at++)
        if (world->frames[at].own)
            newest = &world->frames[at];
    vd_bytes_t run = vd_buffer_view(&newest->run);
    vd_entry_t entry;
    vd_event_t event;
    vd_value_t cause;
    assert_int_equal(vd_run_next(&run, &entry), VD_OK);
    assert_int_equal(vd_event_read(entry.event, &event), VD_OK);
    assert_true(vd_value_of(event.cause, &cause));
    assert_true(vd_str_is(vd_value_get_str(&cause, "observer"), "echo"));
    assert_true(vd_str_is(vd_value_get_str(&cause, "source"), "other"));
    assert_true(vd_str_is(vd_value_get_str(&cause, "session"), session));
    assert_int_equal(vd_value_get_u64(&cause, "sample", 0), seq);
}

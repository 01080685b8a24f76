/* fuzz_story.c: what the store and the runtime may say when the story of an event is asked for. */
#include "drawn.h"
#include "fuzz.h"
#include "tui/why.h"
#include "wire/value.h"

static void tell_events(tui_why_t *why, const tui_why_want_t *want, vd_bytes_t run)
{
    vd_entry_t entry;
    uint64_t seq = want->seq;
    for (uint64_t i = 0; i < want->count && vd_run_next(&run, &entry) == VD_OK; i++) {
        vd_event_t event = {.seq = 0};
        if (vd_scan_exact(entry.event, VD_DEPTH_MAX) != VD_OK ||
            vd_event_read(entry.event, &event) != VD_OK)
            continue;
        event.session = vd_str(want->session);
        event.seq = seq++;
        tui_why_event(why, &event);
    }
}

static void answer(tui_why_t *why, uint8_t how, vd_bytes_t given)
{
    const tui_why_want_t *want = tui_why_want(why);
    bool value = want->kind != TUI_WHY_EVENTS;
    FUZZ_HOLDS(want->session != NULL || value);
    if ((how & 3) == 3) {
        tui_why_answer(why, VD_TIMED_OUT, "nobody has answered", vd_bytes(NULL, 0));
        return;
    }
    if (!value && (how & 4) != 0)
        tui_why_hole(why, VD_PRUNED, want->seq, how >> 4);
    else if (!value)
        tell_events(why, want, given);
    if (value && vd_scan_exact(given, VD_DEPTH_MAX) != VD_OK)
        given = vd_bytes("\x90", 1);
    tui_why_answer(why, VD_OK, NULL, value ? given : vd_bytes(NULL, 0));
}

/* The story as a value, and as lines. */
static void print(const tui_why_t *why)
{
    vd_buffer_t story, text;
    tui_lines_t *lines = tui_lines_new();
    FUZZ_HOLDS(lines != NULL);
    vd_buffer_init(&story, 16 << 20);
    vd_buffer_init(&text, 16 << 20);
    for (size_t i = 0; i < tui_why_count(why); i++) {
        tui_why_fact_t fact = tui_why_fact(why, i);
        FUZZ_HOLDS(fact.topic != NULL && fact.text != NULL && fact.tone < TUI_TONES);
        FUZZ_HOLDS(strlen(fact.text) <= TUI_WHY_TEXT_MAX);
    }
    tui_why_value(why, &story);
    FUZZ_HOLDS(!story.full && vd_scan_exact(vd_buffer_view(&story), VD_DEPTH_MAX + 4) == VD_OK);
    tui_lines_clear(lines, 60, true);
    tui_why_lines(vd_buffer_view(&story), lines);
    tui_lines_text(lines, &text);
    FUZZ_HOLDS(!text.full && tui_lines_count(lines) <= TUI_LINES_MAX);
    fuzz_drawn(lines, 60);
    vd_buffer_free(&story);
    vd_buffer_free(&text);
    tui_lines_destroy(&lines);
}

void fuzz_one(vd_bytes_t input)
{
    uint8_t how = fuzz_byte(&input);
    const char *error = NULL;
    tui_why_t *why = tui_why_new("s", 1 + (how & 15), (how & 0x80) == 0);
    FUZZ_HOLDS(why != NULL);
    uint32_t wants = 0;
    for (; tui_why_want(why)->kind != TUI_WHY_NOTHING; wants++) {
        FUZZ_HOLDS(wants <= TUI_WHY_WANTS_MAX);
        uint8_t kind = fuzz_byte(&input);
        answer(why, kind, fuzz_part(&input));
    }
    if (tui_why_status(why, &error) == VD_OK)
        print(why);
    else
        FUZZ_HOLDS(error != NULL && error[0] != 0);
    tui_why_destroy(&why);
}

/* why_show.c: a story as lines and as a value. */
#include "tui/why_state.h"

#include <assert.h>

static const char *const topics[] = {
    [WHY_EVENT] = "event",     [WHY_TYPE] = "type",     [WHY_TURN] = "turn",
    [WHY_SAMPLE] = "sample",   [WHY_SOURCE] = "source", [WHY_POLLER] = "poller",
    [WHY_CAUSE] = "origin",    [WHY_BEFORE] = "before", [WHY_AFTER] = "after",
    [WHY_MISSING] = "missing",
};

static const char *const tones[TUI_TONES] = {
    [TUI_PLAIN] = "plain", [TUI_DIM] = "dim",   [TUI_BOLD] = "bold", [TUI_TITLE] = "title",
    [TUI_GOOD] = "good",   [TUI_WARN] = "warn", [TUI_BAD] = "bad",   [TUI_ACCENT] = "accent",
};

size_t tui_why_count(const tui_why_t *self)
{
    return self->fact_count;
}

tui_why_fact_t tui_why_fact(const tui_why_t *self, size_t at)
{
    assert(at < self->fact_count);
    const why_fact_t *fact = &self->facts[at];
    return (tui_why_fact_t){
        .topic = topics[fact->topic],
        .level = fact->level,
        .from = fact->from,
        .text = fact->text < self->texts.size ? (const char *)self->texts.data + fact->text : "",
        .tone = fact->tone,
        .session = fact->session,
        .seq = fact->seq,
        .value = fact->value_n > 0 ? vd_bytes(self->values.data + fact->value, fact->value_n)
                                   : vd_bytes(NULL, 0),
    };
}

void tui_why_value(const tui_why_t *self, vd_buffer_t *out)
{
    vd_write_map(out, 3);
    vd_write_pair_text(out, "session", self->first.session);
    vd_write_pair_u64(out, "seq", self->first.seq);
    vd_write_text(out, "facts");
    vd_write_array(out, (uint32_t)self->fact_count);
    for (size_t i = 0; i < self->fact_count; i++) {
        tui_why_fact_t fact = tui_why_fact(self, i);
        vd_write_map(out, 8);
        vd_write_pair_text(out, "topic", fact.topic);
        vd_write_pair_u64(out, "level", fact.level);
        vd_write_pair_text(out, "from", fact.from);
        vd_write_pair_text(out, "tone", tones[fact.tone]);
        vd_write_pair_text(out, "text", fact.text);
        vd_write_text(out, "session");
        if (fact.session[0] != 0)
            vd_write_text(out, fact.session);
        else
            vd_write_nil(out);
        vd_write_text(out, "seq");
        if (fact.seq > 0)
            vd_write_u64(out, fact.seq);
        else
            vd_write_nil(out);
        vd_write_text(out, "value");
        if (fact.value.size > 0)
            vd_write_raw(out, fact.value);
        else
            vd_write_nil(out);
    }
}

static tui_tone_t tone_named(vd_str_t name)
{
    for (int i = 0; i < TUI_TONES; i++)
        if (vd_str_is(name, tones[i]))
            return (tui_tone_t)i;
    return TUI_PLAIN;
}

static void put_fact(const vd_value_t *fact, int indent, tui_lines_t *lines)
{
    enum { TOPIC_COLUMNS = 8 };
    vd_str_t topic = vd_value_get_str(fact, "topic"), from = vd_value_get_str(fact, "from");
    tui_lines_begin(lines, indent);
    tui_lines_putf(lines, TUI_TITLE, "%-*.*s", TOPIC_COLUMNS, (int)topic.size,
                   (const char *)topic.data);
    tui_lines_put(lines, tone_named(vd_value_get_str(fact, "tone")),
                  vd_value_get_str(fact, "text"));
    if (from.size > 0 && !vd_str_is(from, "store"))
        tui_lines_putf(lines, TUI_DIM, "  [%.*s]", (int)from.size, (const char *)from.data);
}

void tui_why_lines(vd_bytes_t story, tui_lines_t *lines)
{
    enum { STEP = 2 };
    vd_value_t map, facts, fact;
    uint64_t level = 0;
    if (!vd_value_of(story, &map) || !vd_value_get(&map, "facts", &facts) ||
        facts.kind != VD_KIND_ARRAY)
        return;
    vd_bytes_t rest = facts.bytes;
    while (vd_value_next(&rest, &fact)) {
        vd_str_t topic = vd_value_get_str(&fact, "topic");
        uint64_t at = vd_value_get_u64(&fact, "level", 0);
        /* What is around the event belongs to none of the levels. */
        bool around = vd_str_is(topic, topics[WHY_BEFORE]) || vd_str_is(topic, topics[WHY_AFTER]) ||
                      vd_str_is(topic, topics[WHY_MISSING]);
        int indent = around || at > TUI_WHY_LEVELS_MAX ? 0 : (int)at * STEP;
        if (!around && at != level) {
            tui_lines_begin(lines, indent);
            tui_lines_put(lines, TUI_TITLE, vd_str("which came of"));
            level = at;
        }
        put_fact(&fact, indent, lines);
    }
    tui_lines_end(lines);
}

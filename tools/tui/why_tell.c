/* why_tell.c: the facts of a story, from what was read and answered. */
#include "tui/why_state.h"

#include "vedette/text.h"
#include "wire/events.h"
#include "wire/message.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    BRIEF_BYTES = 240,     /* of data in a text */
    TURN_EVENTS_TOLD = 32, /* of the turn of the event itself */
    TURN_BACK_TOLD = 4,    /* of a turn further back */
};

/* ---- facts ---- */

static size_t order(const why_fact_t *fact)
{
    return fact->topic < WHY_MISSING ? fact->level * 16 + fact->topic : 4096 + fact->topic;
}

static size_t add_text(tui_why_t *self, const char *format, va_list arguments)
{
    char text[TUI_WHY_TEXT_MAX];
    vsnprintf(text, sizeof text, format, arguments);
    size_t at = self->texts.size;
    return vd_buffer_add(&self->texts, text, strlen(text) + 1) ? at : SIZE_MAX;
}

size_t why_add(tui_why_t *self, why_topic_t topic, tui_tone_t tone, const char *from,
               vd_bytes_t value, const char *format, ...)
{
    va_list arguments;
    if (self->fact_count == TUI_WHY_FACTS_MAX)
        return SIZE_MAX;
    va_start(arguments, format);
    why_fact_t fact = {.topic = topic, .level = self->level, .tone = tone};
    fact.text = add_text(self, format, arguments);
    va_end(arguments);
    vd_str_copy(fact.from, sizeof fact.from, vd_str(from));
    fact.value = self->values.size;
    if (value.size > 0 && vd_buffer_add(&self->values, value.data, value.size))
        fact.value_n = value.size;
    size_t at = self->fact_count++;
    for (; at > 0 && order(&self->facts[at - 1]) > order(&fact); at--)
        self->facts[at] = self->facts[at - 1];
    self->facts[at] = fact;
    return at;
}

void why_about(tui_why_t *self, size_t fact, const char *session, uint64_t seq)
{
    if (fact >= self->fact_count)
        return;
    vd_str_copy(self->facts[fact].session, sizeof self->facts[fact].session, vd_str(session));
    self->facts[fact].seq = seq;
}

void why_say(tui_why_t *self, size_t fact, const char *format, ...)
{
    va_list arguments;
    if (fact >= self->fact_count)
        return;
    va_start(arguments, format);
    self->facts[fact].text = add_text(self, format, arguments);
    va_end(arguments);
}

/* A value as JSON in one short line; "" for none. */
static const char *brief(vd_bytes_t value, char out[BRIEF_BYTES])
{
    vd_buffer_t json;
    out[0] = 0;
    if (value.size == 0 || (value.size == 1 && value.data[0] == 0xc0))
        return out;
    vd_buffer_init(&json, 16 * VD_EVENT_BYTES_MAX);
    vd_value_json(&json, value);
    size_t size = json.size;
    bool cut = size >= BRIEF_BYTES;
    if (cut)
        for (size = BRIEF_BYTES - 4; size > 0 && (json.data[size] & 0xc0) == 0x80;)
            size--;
    if (size > 0)
        memcpy(out, json.data, size);
    snprintf(out + size, BRIEF_BYTES - size, "%s", cut ? "..." : "");
    vd_buffer_free(&json);
    return out;
}

/* ---- the event and its cause ---- */

void why_read(why_event_t *self, const char *session, const vd_event_t *event)
{
    vd_value_t cause, sample;
    *self = (why_event_t){.seq = event->seq};
    vd_str_copy(self->session, sizeof self->session, vd_str(session));
    vd_str_copy(self->type, sizeof self->type, event->type);
    if (!vd_ts_parse(event->ts, &self->ms))
        self->ms = 0;
    if (!vd_value_of(event->cause, &cause) || cause.kind != VD_KIND_MAP)
        return;
    vd_str_copy(self->observer, sizeof self->observer, vd_value_get_str(&cause, "observer"));
    vd_str_copy(self->source, sizeof self->source, vd_value_get_str(&cause, "source"));
    vd_str_copy(self->origin, sizeof self->origin, vd_value_get_str(&cause, "session"));
    vd_str_copy(self->rest, sizeof self->rest, vd_value_get_str(&cause, "rest"));
    self->turn = vd_value_get_u64(&cause, "turn", 0);
    self->has_sample = vd_value_get(&cause, "sample", &sample);
    self->sample = self->has_sample ? vd_value_u64(&sample, 0) : 0;
}

static void write_event(vd_buffer_t *out, const vd_event_t *event)
{
    vd_write_map(out, event->cause.size > 0 ? 6 : 5);
    vd_write_pair_str(out, "ts", event->ts);
    vd_write_pair_str(out, "session", event->session);
    vd_write_pair_u64(out, "seq", event->seq);
    vd_write_pair_str(out, "type", event->type);
    vd_write_text(out, "data");
    if (event->data.size > 0)
        vd_write_raw(out, event->data);
    else
        vd_write_nil(out);
    if (event->cause.size > 0) {
        vd_write_text(out, "cause");
        vd_write_raw(out, event->cause);
    }
}

void why_tell_event(tui_why_t *self, const vd_event_t *event)
{
    char data[BRIEF_BYTES];
    vd_buffer_t value;
    const why_event_t *is = &self->event;
    vd_buffer_init(&value, VD_EVENT_BYTES_MAX + 1024);
    write_event(&value, event);
    size_t fact = why_add(
        self, WHY_EVENT, self->level == 0 ? TUI_BOLD : TUI_PLAIN, "store",
        value.full ? vd_bytes(NULL, 0) : vd_buffer_view(&value), "%s:%" PRIu64 " %s at %.*s%s%s %s",
        is->session, is->seq, is->type, (int)event->ts.size, (const char *)event->ts.data,
        is->observer[0] != 0 ? " by observer " : "", is->observer, brief(event->data, data));
    why_about(self, fact, is->session, is->seq);
    vd_buffer_free(&value);
    const vd_event_type_t *type = vd_event_type(event->type);
    if (type != NULL && self->level == 0)
        why_add(self, WHY_TYPE, TUI_DIM, "catalogue", vd_bytes(NULL, 0), "%s (%s): %s", type->name,
                type->group, type->meaning);
}

static void tell_sample(tui_why_t *self, const vd_event_t *event)
{
    const why_event_t *is = &self->event;
    vd_bytes_t cause = event->cause;
    const char *ts = (const char *)event->ts.data;
    int size = (int)event->ts.size;
    if (is->origin[0] != 0) {
        size_t fact =
            why_add(self, WHY_CAUSE, TUI_PLAIN, "store", cause,
                    "%s had read the events of observer %s up to %s:%" PRIu64 "%s", is->observer,
                    is->source, is->origin, is->sample,
                    strcmp(is->rest, "event") == 0      ? ", and not finished that one"
                    : strcmp(is->rest, "snapshot") == 0 ? ", and was still to read its snapshot"
                                                        : "");
        why_about(self, fact, is->origin, is->sample);
    } else if (is->has_sample) {
        why_add(self, WHY_SAMPLE, TUI_PLAIN, "store", cause,
                "sample %" PRIu64 " of source %s, which had been read by %.*s", is->sample,
                is->source, size, ts);
    } else if (is->source[0] != 0) {
        why_add(self, WHY_SAMPLE, TUI_PLAIN, "store", cause,
                "%s reads observer %s, and had read none of its events yet", is->observer,
                is->source);
    } else {
        why_add(self, WHY_SAMPLE, TUI_PLAIN, "store", cause,
                "no sample: the turn told it by itself, such as of time that passed or at its "
                "beginning");
    }
}

void why_tell_cause(tui_why_t *self, const vd_event_t *event)
{
    char text[BRIEF_BYTES];
    self->turn_events = self->turn_from = self->turn_to = self->turn_told = 0;
    self->turn_fact = SIZE_MAX;
    if (event->cause.size == 0) {
        why_add(self, WHY_TURN, TUI_PLAIN, "store", vd_bytes(NULL, 0),
                "no cause is stored with it: a producer wrote it, not a turn of an observer");
    } else if (self->event.observer[0] == 0) {
        why_add(self, WHY_TURN, TUI_PLAIN, "store", event->cause,
                "its cause names no observer: its producer wrote %s", brief(event->cause, text));
    } else {
        self->turn_fact = why_add(self, WHY_TURN, TUI_PLAIN, "store", vd_bytes(NULL, 0),
                                  "turn %" PRIu64 " of %s", self->event.turn, self->event.observer);
        tell_sample(self, event);
    }
}

/* ---- the turn ---- */

void why_tell_turn(tui_why_t *self)
{
    if (self->turn_events == 0)
        return;
    why_say(self, self->turn_fact,
            "turn %" PRIu64 " of %s told %s in one piece: %" PRIu64 " to %" PRIu64,
            self->event.turn, self->event.observer, CLI_COUNT(self->turn_events, "event"),
            self->turn_from, self->turn_to);
    if (self->turn_events == 1)
        why_say(self, self->turn_fact, "turn %" PRIu64 " of %s told this event alone",
                self->event.turn, self->event.observer);
}

void why_tell_turn_event(tui_why_t *self, const vd_event_t *event)
{
    char data[BRIEF_BYTES];
    why_event_t is;
    uint64_t most = self->level == 0 ? TURN_EVENTS_TOLD : TURN_BACK_TOLD;
    uint64_t seq = self->event.seq;
    uint64_t apart = event->seq > seq ? event->seq - seq : seq - event->seq;
    if (self->turn_fact == SIZE_MAX || apart > TUI_WHY_TURN_EVENTS)
        return;
    why_read(&is, self->want_session, event);
    if (strcmp(is.observer, self->event.observer) != 0 || is.turn != self->event.turn)
        return;
    self->turn_from = self->turn_events == 0 ? is.seq : self->turn_from;
    self->turn_to = is.seq;
    self->turn_events++;
    if (is.seq == seq || self->turn_told == most)
        return;
    self->turn_told++;
    size_t fact = why_add(self, WHY_TURN, TUI_DIM, "store", vd_bytes(NULL, 0),
                          "also %" PRIu64 " %s %s", is.seq, is.type, brief(event->data, data));
    why_about(self, fact, is.session, is.seq);
}

/* ---- the source and who reads it ---- */

static bool find_row(const vd_value_t *map, const char *key, const char *name, vd_value_t *row)
{
    vd_value_t rows;
    if (!vd_value_get(map, key, &rows) || rows.kind != VD_KIND_ARRAY)
        return false;
    vd_bytes_t rest = rows.bytes;
    while (vd_value_next(&rest, row))
        if (row->kind == VD_KIND_MAP && vd_str_is(vd_value_get_str(row, "name"), name))
            return true;
    return false;
}

void why_tell_membership(tui_why_t *self, vd_bytes_t snapshot)
{
    vd_value_t map, row, provider, labels;
    char shown[BRIEF_BYTES] = "", who[VD_NAME_BYTES_MAX + 1], text[BRIEF_BYTES];
    const char *source = self->event.source;
    if (!vd_value_of(snapshot, &map) || !find_row(&map, "sources", source, &row)) {
        why_add(self, WHY_SOURCE, TUI_WARN, "broker", vd_bytes(NULL, 0),
                "%s is gone: the broker knows no source of this name now", source);
        return;
    }
    vd_str_t adapter = vd_value_get_str(&row, "adapter"),
             address = vd_value_get_str(&row, "address");
    vd_str_copy(who, sizeof who, vd_value_get_str(&row, "provider"));
    vd_str_copy(self->poller, sizeof self->poller, vd_value_get_str(&row, "poller"));
    if (vd_value_get(&row, "labels", &labels) && labels.count > 0)
        brief(labels.raw, shown);
    why_add(self, WHY_SOURCE, TUI_PLAIN, "broker", row.raw,
            "%s: adapter %.*s, address %.*s, announced by %s%s%s", source, (int)adapter.size,
            (const char *)adapter.data, (int)address.size, (const char *)address.data,
            who[0] != 0 ? who : "nobody", shown[0] != 0 ? ", labels " : "", shown);
    vd_str_copy(text, sizeof text,
                find_row(&map, "providers", who, &provider) ? vd_value_get_str(&provider, "error")
                                                            : vd_str(""));
    if (text[0] != 0)
        why_add(self, WHY_SOURCE, TUI_WARN, "broker", provider.raw,
                "provider %s could not list its sources anew: %s", who, text);
    if (self->poller[0] == 0)
        why_add(self, WHY_POLLER, TUI_WARN, "broker", vd_bytes(NULL, 0), "no poller reads %s now",
                source);
}

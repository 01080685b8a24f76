/* why_near.c: the runtime's own events around an event. */
#include "tui/why_state.h"

#include "vedette/text.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
    const char *type;
    const char *who, *what; /* keys of its data */
    tui_tone_t tone;
} kinds[] = {
    {"actor_started", "actor", NULL, TUI_PLAIN},
    {"actor_ready", "actor", NULL, TUI_GOOD},
    {"actor_exited", "actor", "text", TUI_BAD},
    {"actor_failed", "actor", "reason", TUI_BAD},
    {"ingest_interrupted", NULL, "text", TUI_BAD},
    {"subscriber_dropped", "name", "text", TUI_WARN},
    {"fault_injected", "target", "fault", TUI_BAD},
    {"fault_failed", "target", "text", TUI_BAD},
    {"invariant_violated", "invariant", "text", TUI_BAD},
};

static bool describe(why_near_t *self, const vd_event_t *event)
{
    char what[256] = "";
    vd_value_t data;
    size_t at = 0;
    while (at < sizeof kinds / sizeof *kinds && !vd_str_is(event->type, kinds[at].type))
        at++;
    if (at == sizeof kinds / sizeof *kinds || !vd_value_of(event->data, &data))
        return false;
    self->tone = kinds[at].tone;
    if (kinds[at].who != NULL)
        vd_str_copy(self->actor, sizeof self->actor, vd_value_get_str(&data, kinds[at].who));
    if (kinds[at].what != NULL)
        vd_str_copy(what, sizeof what, vd_value_get_str(&data, kinds[at].what));
    if (what[0] == 0 && vd_str_is(event->type, "actor_exited"))
        snprintf(what, sizeof what, "%.*s, signal %" PRIu64 ", exit code %" PRIu64,
                 (int)vd_value_get_str(&data, "how").size,
                 (const char *)vd_value_get_str(&data, "how").data,
                 vd_value_get_u64(&data, "signal", 0), vd_value_get_u64(&data, "code", 0));
    uint64_t pid = vd_value_get_u64(&data, "pid", 0);
    char number[32] = "";
    if (pid > 0)
        snprintf(number, sizeof number, " (pid %" PRIu64 ")", pid);
    snprintf(self->text, sizeof self->text, "%s%s%s%s%s%s", kinds[at].type,
             self->actor[0] != 0 ? " " : "", self->actor, number, what[0] != 0 ? ": " : "", what);
    return true;
}

void why_keep_near(tui_why_t *self, const char *session, const vd_event_t *event)
{
    why_near_t near = {.seq = event->seq};
    if (!vd_ts_parse(event->ts, &near.ms))
        return;
    int64_t apart_ms = near.ms - self->first.ms;
    if (apart_ms > TUI_WHY_AROUND_MS || apart_ms < -TUI_WHY_AROUND_MS || !describe(&near, event))
        return;
    vd_str_copy(near.session, sizeof near.session, vd_str(session));
    bool same = strcmp(session, self->first.session) == 0;
    bool earlier = same ? event->seq < self->first.seq : apart_ms <= 0;
    if (!earlier && self->after_count < TUI_WHY_AROUND_MAX) {
        self->after[self->after_count++] = near;
    } else if (earlier) { /* the newest ones are the nearest */
        if (self->before_count == TUI_WHY_AROUND_MAX)
            memmove(self->before, self->before + 1, (TUI_WHY_AROUND_MAX - 1) * sizeof near);
        else
            self->before_count++;
        self->before[self->before_count - 1] = near;
    }
}

/* What the actor has to do with the event. */
static const char *role(const tui_why_t *self, const char *actor)
{
    if (actor[0] == 0)
        return "";
    if (strcmp(actor, self->first.observer) == 0)
        return "; it told this event";
    if (self->poller[0] != 0 && strcmp(actor, self->poller) == 0)
        return "; it reads the source";
    return strcmp(actor, "ingestor") == 0 ? "; it writes every event" : "";
}

static void tell(tui_why_t *self, why_topic_t topic, const why_near_t *near)
{
    char time[32], events[64] = "";
    int64_t ms = near->ms - self->first.ms;
    uint64_t first = self->first.seq;
    uint64_t apart = near->seq > first ? near->seq - first : first - near->seq;
    bool same = strcmp(near->session, self->first.session) == 0;
    char where[VD_NAME_BYTES_MAX + 32];
    snprintf(where, sizeof where, "%s%s%" PRIu64, same ? "" : near->session, same ? "" : ":",
             near->seq);
    cli_format_duration(ms < 0 ? -ms : ms, time, sizeof time);
    if (same)
        snprintf(events, sizeof events, " (%s)", CLI_COUNT(apart, "event"));
    size_t fact = why_add(self, topic, near->tone, "store", vd_bytes(NULL, 0), "%s%s %s, %s: %s%s",
                          time, events, topic == WHY_BEFORE ? "before" : "after", where, near->text,
                          role(self, near->actor));
    why_about(self, fact, near->session, near->seq);
}

static void tell_none(tui_why_t *self, why_topic_t topic)
{
    char time[32];
    cli_format_duration(TUI_WHY_AROUND_MS, time, sizeof time);
    why_add(self, topic, TUI_DIM, "store", vd_bytes(NULL, 0),
            "no start, end or fault of the runtime in the %s and %d events %s it", time,
            TUI_WHY_AROUND_EVENTS, topic == WHY_BEFORE ? "before" : "after");
}

void why_tell_near(tui_why_t *self)
{
    self->level = 0;
    for (size_t i = 0; i < self->before_count; i++)
        tell(self, WHY_BEFORE, &self->before[i]);
    if (self->before_count == 0)
        tell_none(self, WHY_BEFORE);
    for (size_t i = 0; i < self->after_count; i++)
        tell(self, WHY_AFTER, &self->after[i]);
    if (self->after_count == 0)
        tell_none(self, WHY_AFTER);
}

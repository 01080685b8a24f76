/* screen_overview.c: the runtime at a glance: health and its reason, who is there, how much happens and how
 * fast, how each of them is as far as there is room, what went wrong last. */
#include "tui/overview_panes.h"
#include "vedette/text.h"

#include <stdio.h>

enum {
    LABEL = 10,
    RATE_SECONDS = 60,
    FIGURES = 24,
    FAULT_BYTES = TUI_NOTE_BYTES + 2 * TUI_NAME_BYTES + 96,
};

typedef struct pen {
    tui_app_t *app;
    tui_canvas_t *canvas;
    tui_box_t box;
    const tui_state_t *state;
    const tui_now_figures_t *figures; /* NULL in the past */
    int y;
} pen_t;

static void label(pen_t *pen, const char *text)
{
    tui_put(pen->canvas, pen->box, 0, pen->y, TUI_DIM, text);
}

static int room(const pen_t *pen)
{
    return pen->box.width - LABEL;
}

/* A text in the rest of the row, cut with an ellipsis. */
static void rest(pen_t *pen, int x, tui_tone_t tone, const char *text)
{
    tui_put_cell(pen->canvas, pen->box, x, pen->y, pen->box.width - x, false, tone, vd_str(text));
}

/* ---- health ---- */

/* In the past: of the actors that events told of, how many were ready. */
static void count_told(const tui_state_t *state, size_t *ready, size_t *wanted,
                       const char **missing)
{
    size_t count;
    const tui_actor_t *actors = tui_state_actors(state, &count);
    *ready = *wanted = 0;
    *missing = NULL;
    for (size_t i = 0; i < count; i++) {
        bool is_ready = actors[i].state == TUI_ACTOR_READY;
        *ready += is_ready;
        *wanted += actors[i].state != TUI_ACTOR_STOPPED;
        if (!is_ready && actors[i].state != TUI_ACTOR_STOPPED)
            *missing = actors[i].name;
    }
}

static void draw_health_now(pen_t *pen)
{
    const tui_now_figures_t *figures = pen->figures;
    char text[3 * TUI_NOW_NOTE_BYTES + 32];
    bool store = figures->trouble[0] != 0, audit = figures->audit[0] != 0;
    bool troubled = store || audit;
    bool linked = tui_app_gone_ms(pen->app) == 0;
    const char *word = !linked                  ? "gone"
                       : figures->state[0] == 0 ? "asking"
                       : troubled               ? "troubled"
                                                : figures->state;
    tui_tone_t tone = troubled ? TUI_BAD : tui_state_tone(vd_str(word));
    int x = LABEL + tui_put(pen->canvas, pen->box, LABEL, pen->y, tone, word) + 2;
    snprintf(text, sizeof text, "%s%s%s%s%s%s%s", store ? "store: " : "", figures->trouble,
             store && audit ? "; " : "", audit ? "audit: " : "", figures->audit,
             troubled && figures->text[0] != 0 ? "; " : "", figures->text);
    if (!linked)
        snprintf(text, sizeof text, "since %s; all below is from then",
                 TUI_TIME(tui_app_gone_ms(pen->app), tui_app_clock_ms(pen->app)));
    else if (text[0] == 0 && figures->state[0] != 0)
        snprintf(text, sizeof text, "since %s, version %s",
                 TUI_TIME(figures->started_ms, tui_app_clock_ms(pen->app)), figures->version);
    rest(pen, x, troubled ? TUI_BAD : TUI_PLAIN, text);
}

static void draw_health(pen_t *pen)
{
    size_t ready, wanted;
    const char *missing;
    label(pen, "health");
    if (pen->figures != NULL) {
        draw_health_now(pen);
    } else {
        count_told(pen->state, &ready, &wanted, &missing);
        tui_session_state_t session = tui_state_session(pen->state)->state;
        bool over = session == TUI_SESSION_COMPLETED || session == TUI_SESSION_FAILED;
        bool rests = tui_app_is_interrupted(pen->app);
        const char *word = over              ? tui_session_state_word(session)
                           : rests           ? "interrupted"
                           : wanted == 0     ? "-"
                           : ready == wanted ? "ready"
                                             : "degraded";
        int x = LABEL + 2 +
                tui_put(pen->canvas, pen->box, LABEL, pen->y, tui_state_tone(vd_str(word)), word);
        rest(pen, x, TUI_PLAIN,
             over              ? "the session is over"
             : rests           ? "nothing is heard of whom the session belongs to"
             : missing != NULL ? "as events tell: see actors"
                               : "as events tell");
    }
    pen->y++;
}

static void draw_actors(pen_t *pen)
{
    size_t ready, wanted, count = 0;
    const char *missing;
    char text[256];
    size_t used = 0;
    count_told(pen->state, &ready, &wanted, &missing);
    if (pen->figures != NULL) {
        ready = pen->figures->ready;
        wanted = pen->figures->actors;
        missing = NULL;
    }
    label(pen, "actors");
    used = (size_t)snprintf(text, sizeof text, "%zu of %zu ready", ready, wanted);
    const tui_now_actor_t *actors =
        pen->figures != NULL ? tui_now_actors(tui_app_now(pen->app), &count) : NULL;
    for (size_t i = 0; i < count && used < sizeof text; i++)
        if (strcmp(actors[i].state, "ready") != 0 && strcmp(actors[i].wanted, "up") == 0)
            used += (size_t)snprintf(text + used, sizeof text - used, "; %s %s", actors[i].name,
                                     actors[i].state);
    if (missing != NULL && used < sizeof text)
        snprintf(text + used, sizeof text - used, "; %s is not", missing);
    rest(pen, LABEL, ready == wanted ? TUI_GOOD : TUI_WARN, text);
    pen->y++;
}

static void draw_sources(pen_t *pen)
{
    char text[256];
    size_t count = 0, used;
    label(pen, "sources");
    if (pen->figures == NULL) {
        tui_state_sources(pen->state, &count);
        snprintf(text, sizeof text, "%zu that events came of", count);
        rest(pen, LABEL, TUI_PLAIN, text);
        pen->y++;
        return;
    }
    const tui_now_figures_t *figures = pen->figures;
    used = (size_t)snprintf(text, sizeof text, "%zu up, %zu failing, %zu late", figures->up,
                            figures->failing, figures->late);
    if (figures->unread > 0)
        used +=
            (size_t)snprintf(text + used, sizeof text - used, ", %zu not read", figures->unread);
    const tui_now_source_t *sources = tui_now_sources(tui_app_now(pen->app), &count);
    for (size_t i = 0; i < count; i++)
        if (sources[i].reads > 0 && strcmp(sources[i].status, "ok") != 0) {
            snprintf(text + used, sizeof text - used, "; %s: %.100s", sources[i].name,
                     sources[i].error);
            break;
        }
    rest(pen, LABEL,
         figures->failing > 0 ? TUI_BAD
         : figures->late > 0  ? TUI_WARN
                              : TUI_GOOD,
         text);
    pen->y++;
}

/* ---- how much, how fast ---- */

static void format_us(uint64_t us, char *out, size_t size)
{
    if (us < 10000)
        snprintf(out, size, "%.1fms", (double)us / 1000);
    else
        snprintf(out, size, "%llums", (unsigned long long)(us / 1000));
}

/* Events in the last whole second before the moment. The second of the newest event is not over while more
 * may come: the one before it is whole, until both have gone by. */
static uint64_t rate(const pen_t *pen, const uint64_t rates[TUI_RATE_SECONDS], int64_t end)
{
    enum { SECOND_MS = 1000, STALE_SECONDS = 2 };
    bool stale = tui_app_shown_ms(pen->app) >= (end + STALE_SECONDS) * SECOND_MS;
    return stale ? 0 : rates[TUI_RATE_SECONDS - 2];
}

static void draw_rate(pen_t *pen)
{
    enum { DATED_HEIGHT = 20, DATE = 17 };
    uint64_t rates[TUI_RATE_SECONDS];
    char text[96], at[32] = "-";
    int64_t end = tui_state_rates(pen->state, rates);
    const tui_totals_t *totals = tui_state_totals(pen->state);
    bool apart = pen->box.height >= DATED_HEIGHT; /* the date of the bars in a row of its own */
    int beside = apart ? FIGURES : FIGURES + DATE;
    int figures = room(pen) > RATE_SECONDS + beside ? RATE_SECONDS : room(pen) - beside;
    if (totals->events > 0)
        tui_time(end * 1000, tui_app_clock_ms(pen->app), at, sizeof at);
    label(pen, "events");
    if (figures > 0)
        tui_sparkline(pen->canvas, pen->box, LABEL, pen->y, TUI_ACCENT,
                      rates + TUI_RATE_SECONDS - figures, (size_t)figures);
    snprintf(text, sizeof text, "%llu/s, %llu in all%s%s",
             (unsigned long long)rate(pen, rates, end), (unsigned long long)totals->events,
             apart ? "" : ", up to ", apart ? "" : at);
    rest(pen, LABEL + figures + 1, TUI_BOLD, text);
    pen->y++;
    if (apart) {
        snprintf(text, sizeof text, "the %d seconds up to the newest event, at %s", figures, at);
        rest(pen, LABEL, TUI_DIM, text);
        pen->y++;
    }
}

static void draw_latency(pen_t *pen)
{
    enum { BOTH_COLUMNS = 76 };
    char p50[24], p99[24], text[160];
    const tui_now_figures_t *figures = pen->figures;
    label(pen, "latency");
    if (figures == NULL) {
        rest(pen, LABEL, TUI_DIM, "-");
        pen->y++;
        return;
    }
    bool both = pen->box.width >= BOTH_COLUMNS; /* else the middle alone */
    format_us(figures->commit_us_p50, p50, sizeof p50);
    format_us(figures->commit_us_p99, p99, sizeof p99);
    size_t used = (size_t)snprintf(text, sizeof text, "commit p50 %s%s%s; emit to visible ", p50,
                                   both ? " p99 " : "", both ? p99 : "");
    snprintf(p50, sizeof p50, "%llums", (unsigned long long)figures->visible_ms_p50);
    snprintf(p99, sizeof p99, "%llums", (unsigned long long)figures->visible_ms_p99);
    if (figures->visible == 0)
        snprintf(text + used, sizeof text - used, "-");
    else
        snprintf(text + used, sizeof text - used, "p50 %s%s%s", p50, both ? " p99 " : "",
                 both ? p99 : "");
    rest(pen, LABEL, TUI_PLAIN, text);
    pen->y++;
}

static void draw_store(pen_t *pen)
{
    char events[24], bytes[24], text[160];
    /* A store without a runtime has figures, too. */
    bool stored = tui_app_offline(pen->app) && tui_app_moment(pen->app)->mode == TUI_TIMELINE_LIVE;
    const tui_now_figures_t *figures =
        stored ? tui_now_figures(tui_app_now(pen->app)) : pen->figures;
    label(pen, "store");
    if (figures == NULL || figures->store_mode[0] == 0) {
        rest(pen, LABEL, TUI_DIM, "-");
    } else {
        snprintf(events, sizeof events, "%llu", (unsigned long long)figures->events);
        cli_format_bytes(figures->disk_bytes, bytes, sizeof bytes);
        snprintf(text, sizeof text, "%s, %s events in %llu sessions, %s", figures->store_mode,
                 events, (unsigned long long)figures->sessions, bytes);
        rest(pen, LABEL, strcmp(figures->store_mode, "writing") == 0 ? TUI_PLAIN : TUI_WARN, text);
    }
    pen->y++;
}

/* ---- the session ---- */

static void draw_session(pen_t *pen)
{
    char text[512];
    const tui_session_t *session = tui_state_session(pen->state);
    const tui_progress_t *progress = tui_state_progress(pen->state);
    bool rests = tui_app_is_interrupted(pen->app);
    const char *word = rests ? "interrupted" : tui_session_state_word(session->state);
    int64_t since_ms = session->ended_ms > 0 ? session->ended_ms
                       : rests               ? session->clock_ms
                                             : session->begun_ms;
    label(pen, "session");
    if (session->id[0] == 0) {
        rest(pen, LABEL, TUI_DIM,
             tui_app_session(pen->app)[0] != 0 ? tui_app_session(pen->app) : "none is open");
        pen->y++;
        return;
    }
    snprintf(text, sizeof text, "%s%s%s, %s since %s%s%s", session->name,
             session->name[0] != 0 ? ", " : "", session->id, word,
             TUI_TIME(since_ms, tui_app_clock_ms(pen->app)), session->status[0] != 0 ? ": " : "",
             session->status);
    rest(pen, LABEL, tui_state_tone(vd_str(word)), text);
    pen->y++;
    const tui_progress_round_t *round = tui_progress_round(progress);
    if (round->number == 0)
        return;
    label(pen, "progress");
    snprintf(text, sizeof text, "%s: %llu of %llu nodes, %llu running, %llu failed",
             tui_progress_round_name(progress), (unsigned long long)tui_progress_done(progress),
             (unsigned long long)tui_progress_total(progress),
             (unsigned long long)round->node[TUI_PROGRESS_RUNNING],
             (unsigned long long)round->node[TUI_PROGRESS_FAILED]);
    rest(pen, LABEL, round->node[TUI_PROGRESS_FAILED] > 0 ? TUI_BAD : TUI_ACCENT, text);
    pen->y++;
}

/* Rows for faults: a third of what is left, more than a few newest ones are not kept room for. */
static int rows_for_faults(const pen_t *pen)
{
    enum { FEW = 3 };
    int third = (pen->box.height - pen->y) / 3, most = third > FEW ? third : FEW;
    size_t count = tui_state_fault_count(pen->state);
    return 1 + (count == 0 ? 1 : count < (size_t)most ? (int)count : most);
}

static void write_fault(const pen_t *pen, size_t at, char out[FAULT_BYTES])
{
    const tui_fault_t *fault = tui_state_fault(pen->state, at);
    const char *what =
        fault->kind == TUI_FAULT_FAILURE ? fault->type : tui_fault_kind_word(fault->kind);
    snprintf(out, FAULT_BYTES, "%s  %-12s %s%s%s  (%llu)",
             TUI_TIME(fault->at_ms, tui_app_clock_ms(pen->app)), what, fault->name,
             fault->name[0] != 0 && fault->text[0] != 0 ? ": " : "", fault->text,
             (unsigned long long)fault->seq);
}

static void draw_faults(pen_t *pen)
{
    size_t count = tui_state_fault_count(pen->state), matches = 0;
    int top = pen->y++;
    char title[64];
    for (size_t i = 0; i < count; i++) {
        char text[FAULT_BYTES];
        write_fault(pen, i, text);
        if (!tui_filter_match(tui_app_filter(pen->app), text))
            continue;
        if (pen->y < pen->box.height)
            rest(pen, 0, matches == 0 ? TUI_BAD : TUI_PLAIN, text);
        pen->y += pen->y < pen->box.height;
        matches++;
    }
    if (matches < count)
        snprintf(title, sizeof title, "newest faults (%zu of %zu)", matches, count);
    else
        snprintf(title, sizeof title, "newest faults (%zu)", count);
    tui_rule(pen->canvas, pen->box, top, title);
    if (matches == 0)
        rest(pen, 0, TUI_DIM, count == 0 ? "none" : "none that the filter lets through");
}

/* Drilling down begins here: where something is not well, or where the filter finds something. */
static bool key_pressed(tui_app_t *app, int key)
{
    if (key != TUI_KEY_ENTER)
        return false;
    const char *filter = tui_app_filter(app);
    tui_app_show_filtered(app, tui_overview_leads_to(app, filter), filter);
    return true;
}

static void draw(tui_app_t *app, tui_canvas_t *canvas, tui_box_t box)
{
    pen_t pen = {.app = app, .canvas = canvas, .box = box, .state = tui_app_state(app)};
    if (tui_app_shows_now(app))
        pen.figures = tui_now_figures(tui_app_now(app));
    tui_rule(canvas, box, pen.y++, "overview");
    draw_health(&pen);
    draw_actors(&pen);
    draw_sources(&pen);
    draw_rate(&pen);
    draw_latency(&pen);
    draw_store(&pen);
    draw_session(&pen);
    pen.y = tui_overview_draw_panes(app, canvas, box, pen.y, rows_for_faults(&pen));
    draw_faults(&pen);
}

const tui_screen_t tui_screen_overview = {
    .name = "overview",
    .help =
        "The runtime at a glance. The bars are the events of each of the last seconds up to\n"
        "the newest event, the figure those of the last whole second. commit is the time of\n"
        "a write with its sync; emit to visible the time from an event's time stamp to its\n"
        "arrival here. Where there is room: actors and sources, those that are not well\n"
        "first, and who observes. A fault ends with its sequence: t goes there. A filter holds\n"
        "for what is listed: actors, sources, observers, faults.\n\n"
        "Enter      to the list of actors, or of sources where it is those that are not well,\n"
        "           or that the filter finds; the filter goes along",
    .key = key_pressed,
    .draw = draw,
};

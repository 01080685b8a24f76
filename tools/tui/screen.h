/* screen.h: what a screen is to the core, and what the core is to a screen.
 *
 * 1. A screen is a row of the table of screens, in a file of its own: screen_NAME.c. It draws what the
 *    core gives it to know, for the moment that is looked at, and has no other way to the outside than
 *    asks.
 * 2. A key goes to the screen first; what it does not take is the core's (1-8 : / ? Esc Space y e r x
 *    q and the keys of time).
 * 3. Nothing on a screen ticks: a drawing changes when what is known has changed. Durations of what runs
 *    are the exception: they are whole seconds, and the screen that shows one says so (runs_ms).
 * 4. In the past the figures of now show "-". So they do at the end of a session that is over or
 *    interrupted, unless it is the runtime's own.
 */
#ifndef TUI_SCREEN_H
#define TUI_SCREEN_H

#include "tui/ask.h"
#include "tui/canvas.h"
#include "tui/keys.h"
#include "tui/now.h"
#include "tui/state.h"
#include "tui/table.h"
#include "tui/timeline.h"

typedef struct tui_app tui_app_t;

typedef struct tui_screen {
    const char *name;
    const char *help; /* lines for `?`: what is shown, and the screen's own keys */
    size_t memory;    /* bytes of its own, zeroed at first: tui_app_memory */
    /* Any of these may be NULL. */
    void (*open)(tui_app_t *app); /* it comes into view */
    bool (*key)(tui_app_t *app, int key);
    void (*draw)(tui_app_t *app, tui_canvas_t *canvas, tui_box_t box);
    void (*answer)(tui_app_t *app, const tui_input_t *answer); /* to an ask that it made */
    void (*text)(tui_app_t *app, bool chosen,
                 vd_buffer_t *out); /* what `e` exports, or `y` copies */
    bool (*actor)(tui_app_t *app, char name[VD_NAME_BYTES_MAX + 1]); /* whom `r` and `x` mean */
    void (*close)(tui_app_t *app); /* lets go of what its memory holds */
    /* Events of the session that is followed, as they arrive: in view or not. */
    void (*events)(tui_app_t *app, const vd_event_t *events, size_t count);
    void (*step)(tui_app_t *app); /* after every step while it is in view: asks for what it lacks */
    /* Since when what it shows has been running: it is drawn each second then. 0: nothing runs. */
    int64_t (*runs_ms)(const tui_app_t *app);
} tui_screen_t;

extern const tui_screen_t tui_screen_overview, tui_screen_actors, tui_screen_sources,
    tui_screen_stream, tui_screen_subscribers, tui_screen_observers, tui_screen_progress,
    tui_screen_sessions;

/* ---- what is known ---- */

/* The moment that is looked at, and what the events said up to it. Never NULL. */
const tui_state_t *tui_app_state(const tui_app_t *app);
tui_timeline_t *tui_app_timeline(const tui_app_t *app);
/* What is known of now. Not to be shown when tui_app_shows_now is false. */
const tui_now_t *tui_app_now(const tui_app_t *app);
/* Is now shown, as it goes on? False in the past (law 4), while frozen, and of a store without a
 * runtime. */
bool tui_app_live(const tui_app_t *app);
/* Does what runs go on running, as far as is known: is it of now, in a session that goes on, of a runtime
 * that is there? */
bool tui_app_runs_on(const tui_app_t *app);
/* Are figures of now to be shown? While frozen they are those of then; false in the past (law 4). */
bool tui_app_shows_now(const tui_app_t *app);
/* Is it a store without a runtime? */
bool tui_app_offline(const tui_app_t *app);
/* Does the store say that the session rests since what is shown, for whom it belongs to is gone? False in
 * the past. */
bool tui_app_is_interrupted(const tui_app_t *app);
/* Where the timeline stands, as of the newest step. */
const tui_moment_t *tui_app_moment(const tui_app_t *app);
/* Is the runtime there? */
bool tui_app_linked(const tui_app_t *app);
/* Since when what is shown is without it; 0: it is there, or was when it was frozen. */
int64_t tui_app_gone_ms(const tui_app_t *app);
/* The id of the session that is looked at; "" before there is one. */
const char *tui_app_session(const tui_app_t *app);
bool tui_app_readonly(const tui_app_t *app);
/* Does the terminal show ASCII alone? */
bool tui_app_ascii(const tui_app_t *app);
/* The filter of the screen that is in view; "" for none. */
const char *tui_app_filter(const tui_app_t *app);
/* The clock of the newest step: UTC, for what is named after it and for what runs. */
int64_t tui_app_clock_ms(const tui_app_t *app);
/* The time up to which what is shown has run: the clock; while frozen, or without the runtime, the clock
 * of then; in the past and at an end the moment. */
int64_t tui_app_shown_ms(const tui_app_t *app);
/* The memory of a screen: `screen->memory` bytes. NULL without memory. */
void *tui_app_memory(tui_app_t *app, const tui_screen_t *screen);

/* ---- what a screen can have done ---- */

/* Asks on behalf of the screen in view; its answer comes to that screen. Takes the bytes of the ask.
 * Returns its number; 0 when too much is asked at once. */
uint64_t tui_app_ask(tui_app_t *app, tui_ask_t *ask);
/* The same after what the ask has to be confirmed with was typed: nothing else does it, and an empty
 * line never does. `what` says what is going to happen: "restart". Refused when only reading. */
void tui_app_confirm(tui_app_t *app, tui_ask_t *ask, const char *what);
/* Shows another screen. */
void tui_app_show(tui_app_t *app, const tui_screen_t *screen);
/* The same, with what it lists filtered. */
void tui_app_show_filtered(tui_app_t *app, const tui_screen_t *screen, const char *filter);
/* Opens a session: live at its head (`seq` 0), or at an event. "": the newest active one. One that
 * cannot be opened changes nothing, and is said. */
void tui_app_open(tui_app_t *app, const char *session, uint64_t seq);
/* Is that still under way? */
bool tui_app_opens(const tui_app_t *app);
/* Looks at the moment after event `seq` of the session; 0: live. */
void tui_app_seek(tui_app_t *app, uint64_t seq);
/* Says something in the last line, until the next key. */
void tui_app_say(tui_app_t *app, tui_tone_t tone, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- what several screens show ---- */

/* "14:02:11Z"; of another day than `clock_ms`: "2026-11-22 14:02:11Z"; 0: "-". */
const char *tui_time(int64_t ms, int64_t clock_ms, char *out, size_t size);
#define TUI_TIME(ms, clock_ms) tui_time((ms), (clock_ms), (char[32]){0}, 32)
/* What a state of a process, a source or a session means. */
tui_tone_t tui_state_tone(vd_str_t state);

#endif

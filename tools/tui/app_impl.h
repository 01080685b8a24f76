/* app_impl.h: the inside of app.h, for its files. */
#ifndef TUI_APP_IMPL_H
#define TUI_APP_IMPL_H

#include "tui/app.h"
#include "tui/prompt.h"

enum {
    TUI_SCREENS = 8,
    TUI_ASKS_MAX = 64,
    TUI_SAID_BYTES = 240,
    TUI_TINY_COLUMNS = 60, /* below these sizes there is one status line */
    TUI_TINY_ROWS = 16,
};

/* What the line that is being typed is for. */
typedef enum tui_typing {
    TUI_TYPING_NOTHING = 0,
    TUI_TYPING_COMMAND,
    TUI_TYPING_FILTER,
    TUI_TYPING_TIME,
    TUI_TYPING_NAME, /* as confirmation */
} tui_typing_t;

/* An ask that is out: whose it is. */
typedef struct tui_out {
    uint64_t number; /* 0: free */
    int screen;      /* below 0: the core's */
    tui_ask_kind_t kind;
} tui_out_t;

/* What was true when it was frozen, and is what is shown until it is not. */
typedef struct tui_frozen {
    int64_t shown_ms, gone_ms;
    bool of_now, interrupted;
} tui_frozen_t;

struct tui_app {
    bool readonly, offline;
    int screen;
    void *memory[TUI_SCREENS];
    char filters[TUI_SCREENS][TUI_FILTER_BYTES];
    char kept_filter[TUI_FILTER_BYTES]; /* while another is typed */
    tui_typing_t typing;
    tui_prompt_t prompt;
    tui_ask_t unconfirmed;
    bool helping;
    int help_top;
    char said[TUI_SAID_BYTES];
    tui_tone_t said_tone;
    tui_ask_t asks[TUI_ASKS_MAX]; /* a ring */
    size_t ask_first, ask_count;
    tui_out_t outs[TUI_ASKS_MAX];
    uint64_t numbers;
    /* What is known. */
    int64_t clock_ms;
    bool linked;
    int64_t link_since_ms; /* when the runtime went, or came */
    char link_text[TUI_SAID_BYTES];
    unsigned late_rounds;   /* how often in a row the supervisor did not answer in time */
    unsigned silent_rounds; /* how often the ingestor was asked and did not answer */
    int64_t silent_since_ms;
    char session[VD_NAME_BYTES_MAX + 1];         /* that was opened */
    char runtime_session[VD_NAME_BYTES_MAX + 1]; /* by the newest word of the supervisor */
    char left[VD_NAME_BYTES_MAX + 1];            /* what was followed when that became another */
    unsigned looks;                              /* that are left, for that other one */
    char closed[TUI_SAID_BYTES]; /* why the session goes on no more; "" while it does */
    /* What the store told last, and of which session. */
    char stored[VD_NAME_BYTES_MAX + 1];
    bool stored_over, stored_interrupted;
    uint64_t stored_seq;
    tui_now_t *now;
    tui_timeline_t *timeline;
    tui_moment_t moment; /* as of the newest step */
    tui_frozen_t frozen;
    uint64_t wish, wish_number; /* what the timeline reads, and the ask for it; 0: nothing */
    bool newest;                /* whatever session is the newest active one */
    bool moved;                 /* the runtime has another session than before */
    uint64_t there_seq;         /* events up to here were there when it was opened; 0: not known */
    char begin_at[TUI_PROMPT_BYTES];
    uint64_t open_number; /* the ask for another session that is out; 0: none */
    char open_name[VD_NAME_BYTES_MAX + 1];
    uint64_t open_seq; /* what to look at in it */
    int width, height; /* of the newest drawing */
    bool ascii;
};

/* Asks for `screen` (below 0: the core). */
uint64_t tui_app_ask_for(tui_app_t *self, tui_ask_t *ask, int screen);
/* app_time.c. Reads the moment anew. */
void tui_app_look(tui_app_t *self);
/* Asks for what the timeline wants to read. */
void tui_app_want(tui_app_t *self);
/* An answer to that? */
bool tui_app_was_read(tui_app_t *self, const tui_input_t *answer);
void tui_app_take_head(tui_app_t *self, const tui_input_t *input);
/* Goes where it was to begin. What depends on the head waits until that is known. */
void tui_app_begin(tui_app_t *self, bool caught_up);
/* app_session.c. Goes over to the session of a runtime that was started again, once now is looked at. */
void tui_app_follow_newest(tui_app_t *self);
void tui_app_opened(tui_app_t *self, const tui_input_t *input);
/* The answer to the wish for another session: what was followed stays, unless it is VD_OK. */
void tui_app_not_opened(tui_app_t *self, const tui_input_t *answer);
void tui_app_closed(tui_app_t *self, const tui_input_t *input);
/* Takes what the supervisor tells of itself: has it another session? */
void tui_app_take_runtime(tui_app_t *self, vd_bytes_t status);
/* Takes what the store tells of a session. */
void tui_app_take_record(tui_app_t *self, vd_bytes_t record);
/* Is the session over, by its events or by the store, which knows it before all of them are read? */
bool tui_app_is_over(const tui_app_t *self);
/* Is the session not followed, though it goes on or there is none such? */
static inline bool tui_app_is_lost(const tui_app_t *self)
{
    return self->closed[0] != 0 && !self->moment.ended;
}
/* Is the runtime there, and its ingestor does not answer? */
static inline bool tui_app_is_silent(const tui_app_t *self)
{
    return self->linked && self->silent_rounds >= 2;
}
/* Is there room for one status line alone? */
static inline bool tui_app_is_tiny(const tui_app_t *self)
{
    return self->width < TUI_TINY_COLUMNS || self->height < TUI_TINY_ROWS;
}
bool tui_app_time_key(tui_app_t *self, int key);
tui_tone_t tui_app_moment_text(const tui_app_t *self, char *out, size_t size);
void tui_app_draw_scrubber(const tui_app_t *self, tui_canvas_t *canvas, tui_box_t box);
/* app_keys.c */
void tui_app_key(tui_app_t *self, int key);
/* app_frame.c: a screen's content alone, on a canvas of the newest size. */
void tui_app_export_text(tui_app_t *self, vd_buffer_t *out);

#endif

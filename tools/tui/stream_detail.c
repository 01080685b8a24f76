/* stream_detail.c: see stream_detail.h. */
#include "tui/stream_detail.h"

#include "diff/diff.h"
#include "tui/json_lines.h"
#include "tui/keys.h"
#include "tui/why.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    DEPTH_DEFAULT = 6,
    DIFF_BYTES = 262144,
    DIFF_ROWS_MAX = 200, /* shown */
    STORY_BYTES = 4 * VD_FRAME_BYTES_MAX,
    NOTE_BYTES = 240,
};

/* How far it is with what the event changed. */
typedef enum change {
    CHANGE_NONE = 0,
    CHANGE_BEFORE,
    CHANGE_AFTER,
    CHANGE_KNOWN,
    CHANGE_FAILED
} change_t;

struct tui_detail {
    char session[VD_NAME_BYTES_MAX + 1], observer[VD_NAME_BYTES_MAX + 1];
    uint64_t seq;
    vd_buffer_t raw;
    change_t change;
    uint64_t asked, why; /* numbers of what is out; 0: nothing */
    vd_buffer_t before, rows, story;
    char trouble[NOTE_BYTES];
    bool telling; /* the story, instead of the event */
    unsigned depth;
    size_t top;
    tui_lines_t *lines;
    int width; /* the lines are for; 0: they are stale */
};

tui_detail_t *tui_detail_new(void)
{
    tui_detail_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    vd_buffer_init(&self->raw, VD_EVENT_BYTES_MAX);
    vd_buffer_init(&self->before, VD_FRAME_BYTES_MAX);
    vd_buffer_init(&self->rows, DIFF_BYTES);
    vd_buffer_init(&self->story, STORY_BYTES);
    self->depth = DEPTH_DEFAULT;
    self->lines = tui_lines_new();
    if (self->lines == NULL)
        tui_detail_destroy(&self);
    return self;
}

void tui_detail_destroy(tui_detail_t **self)
{
    if (*self == NULL)
        return;
    vd_buffer_free(&(*self)->raw);
    vd_buffer_free(&(*self)->before);
    vd_buffer_free(&(*self)->rows);
    vd_buffer_free(&(*self)->story);
    tui_lines_destroy(&(*self)->lines);
    free(*self);
    *self = NULL;
}

static void set(vd_buffer_t *to, vd_bytes_t bytes)
{
    vd_buffer_clear(to);
    to->full = false;
    vd_buffer_add(to, bytes.data, bytes.size);
}

void tui_detail_show(tui_detail_t *self, const char *session, uint64_t seq, vd_bytes_t raw)
{
    vd_event_t event = {0};
    vd_value_t cause;
    if (self->seq == seq && strcmp(self->session, session) == 0)
        return;
    vd_str_copy(self->session, sizeof self->session, vd_str(session));
    self->seq = seq;
    set(&self->raw, raw);
    self->observer[0] = self->trouble[0] = 0;
    self->change = CHANGE_NONE;
    self->asked = self->why = 0;
    self->telling = false;
    self->top = 0;
    self->width = 0;
    vd_buffer_free(&self->before);
    if (vd_event_read(raw, &event) == VD_OK && vd_value_of(event.cause, &cause) &&
        cause.kind == VD_KIND_MAP)
        vd_str_copy(self->observer, sizeof self->observer, vd_value_get_str(&cause, "observer"));
}

/* ---- asking ---- */

bool tui_detail_wants(tui_detail_t *self, tui_ask_t *ask)
{
    if (self->observer[0] == 0 || self->asked != 0 || self->telling || self->change > CHANGE_AFTER)
        return false;
    bool after = self->change == CHANGE_AFTER;
    if (!after && self->seq < 2)
        return false;
    *ask = (tui_ask_t){.kind = TUI_ASK_PAST, .seq = after ? self->seq : self->seq - 1};
    vd_str_copy(ask->name, sizeof ask->name, vd_str(self->observer));
    vd_str_copy(ask->word, sizeof ask->word, vd_str(self->session));
    self->change = after ? CHANGE_AFTER : CHANGE_BEFORE;
    return true;
}

void tui_detail_asked(tui_detail_t *self, uint64_t number)
{
    self->asked = number;
}

void tui_detail_tell_why(tui_detail_t *self, uint64_t number)
{
    vd_buffer_clear(&self->story);
    self->telling = true;
    self->why = number;
    self->top = 0;
    self->width = 0;
    vd_str_copy(self->trouble, sizeof self->trouble,
                vd_str(number != 0 ? "" : "too much is being asked; press w again"));
}

static void fail(tui_detail_t *self, const tui_input_t *answer)
{
    const char *text = answer->text != NULL && answer->text[0] != 0
                           ? answer->text
                           : vd_status_text(answer->status);
    vd_str_copy(self->trouble, sizeof self->trouble, vd_str(text));
}

static void take_snapshot(tui_detail_t *self, const tui_input_t *answer)
{
    self->asked = 0;
    if (answer->status != VD_OK) {
        self->change = CHANGE_FAILED;
        fail(self, answer);
    } else if (self->change == CHANGE_BEFORE) {
        set(&self->before, answer->value);
        self->change = CHANGE_AFTER;
    } else {
        vd_buffer_clear(&self->rows);
        self->rows.full = false;
        vd_status_t status = vd_diff(vd_buffer_view(&self->before), answer->value, &self->rows);
        self->change = status == VD_OK ? CHANGE_KNOWN : CHANGE_FAILED;
        if (status != VD_OK)
            vd_str_copy(self->trouble, sizeof self->trouble,
                        vd_str("the change is too large to be shown"));
    }
    if (self->change != CHANGE_AFTER)
        vd_buffer_free(&self->before);
}

bool tui_detail_answer(tui_detail_t *self, const tui_input_t *answer)
{
    if (answer->number == 0 || (answer->number != self->asked && answer->number != self->why))
        return false;
    self->width = 0;
    if (answer->number == self->asked) {
        take_snapshot(self, answer);
        return true;
    }
    self->why = 0;
    if (answer->status == VD_OK)
        set(&self->story, answer->value);
    else
        fail(self, answer);
    return true;
}

/* ---- lines ---- */

static void put_changes(tui_detail_t *self)
{
    vd_value_t rows, row, side;
    uint32_t shown = 0;
    if (!vd_value_of(vd_buffer_view(&self->rows), &rows))
        return;
    if (rows.count == 0)
        tui_lines_put(self->lines, TUI_DIM, vd_str("nothing in the state"));
    vd_bytes_t rest = rows.bytes;
    while (shown < DIFF_ROWS_MAX && vd_value_next(&rest, &row)) {
        tui_lines_begin(self->lines, 0);
        tui_lines_put(self->lines, TUI_TITLE, vd_value_get_str(&row, "path"));
        if (vd_value_get(&row, "before", &side) && side.kind != VD_KIND_NIL) {
            tui_lines_begin(self->lines, 2);
            tui_lines_put(self->lines, TUI_BAD, vd_str("- "));
            tui_json_lines(self->lines, side.raw, 2, 2);
        }
        if (vd_value_get(&row, "after", &side) && side.kind != VD_KIND_NIL) {
            tui_lines_begin(self->lines, 2);
            tui_lines_put(self->lines, TUI_GOOD, vd_str("+ "));
            tui_json_lines(self->lines, side.raw, 2, 2);
        }
        shown++;
    }
    if (shown < rows.count) {
        tui_lines_begin(self->lines, 0);
        tui_lines_putf(self->lines, TUI_WARN, "and %" PRIu32 " more", rows.count - shown);
    }
}

static void put_change(tui_detail_t *self)
{
    if (self->observer[0] == 0 || self->seq < 2)
        return;
    tui_lines_begin(self->lines, 0);
    tui_lines_begin(self->lines, 0);
    tui_lines_putf(self->lines, TUI_TITLE, "what it changed in %s", self->observer);
    tui_lines_begin(self->lines, 0);
    if (self->change == CHANGE_KNOWN)
        put_changes(self);
    else if (self->change == CHANGE_FAILED)
        tui_lines_putf(self->lines, TUI_WARN, "not known: %s", self->trouble);
    else
        tui_lines_put(self->lines, TUI_DIM,
                      vd_str(self->asked != 0 || self->change != CHANGE_NONE
                                 ? "asking ..."
                                 : "asked for when the cursor rests"));
}

static void put_event(tui_detail_t *self)
{
    vd_event_t event = {0};
    if (vd_event_read(vd_buffer_view(&self->raw), &event) != VD_OK) {
        tui_lines_put(self->lines, TUI_BAD, vd_str("this event cannot be read"));
        return;
    }
    tui_lines_begin(self->lines, 0);
    tui_lines_put(self->lines, TUI_BOLD, event.type);
    tui_lines_begin(self->lines, 0);
    tui_lines_put(self->lines, TUI_DIM, event.ts);
    tui_lines_begin(self->lines, 0);
    tui_lines_putf(self->lines, TUI_DIM, "%s:%" PRIu64, self->session, self->seq);
    tui_lines_begin(self->lines, 0);
    tui_json_lines(self->lines, event.data, 0, self->depth);
    if (event.aux.size > 0) {
        tui_lines_begin(self->lines, 0);
        tui_lines_putf(self->lines, TUI_DIM, "and %zu bytes of its producer's own", event.aux.size);
    }
    tui_lines_begin(self->lines, 0);
    tui_lines_begin(self->lines, 0);
    tui_lines_put(self->lines, TUI_TITLE, vd_str("cause"));
    tui_lines_end(self->lines);
    if (event.cause.size > 0) {
        tui_json_lines(self->lines, event.cause, 0, self->depth);
    } else {
        tui_lines_begin(self->lines, 0);
        tui_lines_put(self->lines, TUI_DIM, vd_str("none: a producer wrote it"));
    }
    put_change(self);
}

static void lay_out(tui_detail_t *self, int width)
{
    if (self->width == width)
        return;
    self->width = width;
    tui_lines_clear(self->lines, width, true);
    if (!self->telling)
        put_event(self);
    else if (self->story.size > 0)
        tui_why_lines(vd_buffer_view(&self->story), self->lines);
    else if (self->trouble[0] != 0)
        tui_lines_put(self->lines, TUI_WARN, vd_str(self->trouble));
    else
        tui_lines_put(self->lines, TUI_DIM, vd_str("asking ..."));
    tui_lines_end(self->lines);
}

bool tui_detail_key(tui_detail_t *self, int key, bool focused)
{
    enum { PAGE = 10 };
    size_t up = 0, down = 0;
    if (key == '+' || key == '-') {
        self->depth = key == '+' ? (self->depth < VD_DEPTH_MAX ? self->depth + 1 : self->depth)
                      : self->depth > 1 ? self->depth - 1
                                        : 1;
        self->width = 0;
        return true;
    }
    if (key == TUI_KEY_ESCAPE && self->telling) { /* back to the event */
        self->telling = false;
        self->top = 0;
        self->width = 0;
        return true;
    }
    if (!focused)
        return false;
    if (key == TUI_KEY_UP || key == 'k')
        up = 1;
    else if (key == TUI_KEY_DOWN || key == 'j')
        down = 1;
    else if (key == TUI_KEY_PAGE_UP)
        up = PAGE;
    else if (key == TUI_KEY_PAGE_DOWN)
        down = PAGE;
    else if (key == TUI_KEY_HOME || key == 'g')
        up = self->top;
    else if (key == TUI_KEY_END || key == 'G')
        down = TUI_LINES_MAX;
    else
        return false;
    self->top = self->top > up ? self->top - up + down : down;
    return true;
}

void tui_detail_draw(tui_detail_t *self, tui_canvas_t *canvas, tui_box_t box, bool focused)
{
    char title[96];
    snprintf(title, sizeof title, "%s %" PRIu64 "%s", self->telling ? "why" : "event", self->seq,
             focused ? " (arrows scroll, Esc goes back)" : "");
    tui_rule(canvas, box, 0, title);
    tui_box_t pane = tui_within(box, 0, 1, 0, 0);
    if (pane.height < 1 || pane.width < 1)
        return;
    lay_out(self, pane.width);
    size_t count = tui_lines_count(self->lines), height = (size_t)pane.height;
    size_t most = count > height ? count - height : 0;
    self->top = self->top < most ? self->top : most;
    tui_lines_draw(self->lines, canvas, pane, self->top);
    if (self->top < most)
        tui_put_glyph(canvas, box, box.width - 1, box.height - 1, TUI_DIM, TUI_DOWN);
}

void tui_detail_text(tui_detail_t *self, vd_buffer_t *out)
{
    enum { TEXT_COLUMNS = 100 };
    lay_out(self, self->width > 0 ? self->width : TEXT_COLUMNS);
    tui_lines_text(self->lines, out);
}

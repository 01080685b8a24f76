/* fuzz_screen.c: keys, events, feeds and answers for the terminal screen, in any order. */
#include "drawn.h"
#include "fuzz.h"
#include "tui/app.h"
#include "wire/value.h"

enum { STEPS_MAX = 40, ASKS_MAX = 64 };

typedef struct seen {
    tui_app_t *app;
    int64_t now_ms;
    uint64_t asks[ASKS_MAX];
    tui_ask_kind_t kinds[ASKS_MAX];
    uint32_t count;
    uint64_t seq; /* of the last event of the session that is followed */
    bool ends;    /* it was asked to */
} seen_t;

static void step(seen_t *self, const tui_input_t *input)
{
    tui_ask_t ask;
    tui_app_step(self->app, self->now_ms, input);
    while (tui_app_next_ask(self->app, &ask)) {
        FUZZ_HOLDS(ask.kind >= TUI_ASK_EVENTS && ask.kind <= TUI_ASK_QUIT);
        self->ends = self->ends || ask.kind == TUI_ASK_QUIT;
        if (self->count < ASKS_MAX) {
            self->asks[self->count] = ask.number;
            self->kinds[self->count++] = ask.kind;
        }
        vd_buffer_free(&ask.bytes);
    }
}

/* The events of a run, packed as they travel to the screen. */
static void pack(vd_bytes_t run, uint64_t first, vd_buffer_t *out, uint64_t *count)
{
    vd_entry_t entry;
    vd_event_t event;
    *count = 0;
    while (*count < 64 && vd_run_next(&run, &entry) == VD_OK)
        if (vd_scan_exact(entry.event, VD_DEPTH_MAX) == VD_OK &&
            vd_event_read(entry.event, &event) == VD_OK)
            FUZZ_HOLDS(tui_events_add(out, vd_str("s"), first + (*count)++, entry.event));
}

static vd_bytes_t scanned(vd_bytes_t value)
{
    return vd_scan_exact(value, VD_DEPTH_MAX) == VD_OK ? value : vd_bytes("\x90", 1);
}

static void events(seen_t *self, vd_bytes_t *input)
{
    vd_buffer_t packed;
    uint64_t count = 0;
    uint8_t how = fuzz_byte(input);
    vd_buffer_init(&packed, 1 << 20);
    pack(fuzz_part(input), self->seq + 1, &packed, &count);
    tui_input_t one = {.kind = TUI_INPUT_EVENTS,
                       .value = vd_buffer_view(&packed),
                       .more = (how & 1) != 0,
                       .status = VD_OK};
    if ((how & 2) != 0)
        one = (tui_input_t){.kind = TUI_INPUT_EVENTS,
                            .status = (how & 4) != 0 ? VD_PRUNED : VD_CORRUPT,
                            .seq = self->seq + 1,
                            .count = count = 1 + (how >> 3)};
    self->seq += count;
    step(self, &one);
    vd_buffer_free(&packed);
}

static void answer(seen_t *self, vd_bytes_t *input)
{
    vd_buffer_t packed;
    uint64_t count = 0;
    uint8_t how = fuzz_byte(input);
    vd_bytes_t given = fuzz_part(input);
    if (self->count == 0)
        return;
    uint32_t at = how % self->count;
    vd_buffer_init(&packed, 1 << 20);
    tui_input_t one = {.kind = TUI_INPUT_ANSWER, .number = self->asks[at], .value = scanned(given)};
    if (self->kinds[at] == TUI_ASK_EVENTS) {
        pack(given, 1, &packed, &count);
        one.value = vd_buffer_view(&packed);
    }
    if ((how & 0x40) != 0)
        one = (tui_input_t){.kind = TUI_INPUT_ANSWER,
                            .number = self->asks[at],
                            .status = VD_TIMED_OUT,
                            .text = "nobody has answered"};
    self->asks[at] = self->asks[--self->count];
    self->kinds[at] = self->kinds[self->count];
    step(self, &one);
    vd_buffer_free(&packed);
}

static void told(seen_t *self, uint8_t how, vd_bytes_t *input)
{
    tui_input_t one = {
        .kind = TUI_INPUT_NOW,
        .feed = (tui_feed_t)(TUI_FEED_STATUS + fuzz_byte(input) % (TUI_FEEDS - TUI_FEED_STATUS))};
    if ((how & 0x40) != 0) {
        one.status = VD_TIMED_OUT;
        one.text = "nobody has answered";
    } else {
        one.value = scanned(fuzz_part(input));
    }
    step(self, &one);
}

static void opened(seen_t *self, uint8_t how, vd_bytes_t *input)
{
    tui_input_t one = {.kind = TUI_INPUT_OPENED, .text = "s"};
    if ((how & 0x40) != 0)
        one = (tui_input_t){
            .kind = TUI_INPUT_CLOSED, .status = VD_SESSION_CLOSED, .text = "it has ended"};
    else
        one.value = scanned(fuzz_part(input));
    self->seq = 0;
    step(self, &one);
}

static void keys(seen_t *self, vd_bytes_t *input)
{
    vd_bytes_t typed = fuzz_part(input);
    for (size_t i = 0; i < typed.size && i < 24 && !self->ends; i++) {
        tui_input_t one = {.kind = TUI_INPUT_KEY, .key = typed.data[i]};
        if (one.key >= 0xf0)
            one.key = TUI_KEY_UP + (one.key & 0x0f) % (TUI_KEY_REDRAW - TUI_KEY_UP + 1);
        if (one.key != 0)
            step(self, &one);
    }
}

static void draw(seen_t *self, uint8_t how)
{
    static const int widths[] = {20, 60, 80, 130}, heights[] = {5, 16, 24, 40};
    tui_canvas_t *canvas =
        tui_canvas_new(widths[how & 3], heights[how >> 2 & 3], (how & 0x10) != 0);
    FUZZ_HOLDS(canvas != NULL);
    tui_app_draw(self->app, canvas);
    fuzz_can_be_shown(canvas);
    tui_canvas_destroy(&canvas);
}

void fuzz_one(vd_bytes_t input)
{
    uint8_t how = fuzz_byte(&input);
    tui_app_options_t options = {
        .newest = (how & 1) != 0, .readonly = (how & 2) != 0, .offline = (how & 4) != 0};
    seen_t self = {.app = tui_app_new(&options), .now_ms = 1769860800000};
    FUZZ_HOLDS(self.app != NULL);
    for (int i = 0; i < STEPS_MAX && input.size > 0 && !self.ends; i++) {
        how = fuzz_byte(&input);
        tui_input_t tick = {.kind = TUI_INPUT_TICK};
        self.now_ms += (how & 0x80) != 0 ? 1100 : 30;
        switch (how & 7) {
        case 0:
        case 1:
            keys(&self, &input);
            break;
        case 2:
            events(&self, &input);
            break;
        case 3:
            answer(&self, &input);
            break;
        case 4:
            told(&self, how, &input);
            break;
        case 5:
            opened(&self, how, &input);
            break;
        case 6:
            step(&self, &tick);
            break;
        default:
            draw(&self, fuzz_byte(&input));
            break;
        }
    }
    draw(&self, 2 + 8);
    tui_app_destroy(&self.app);
}

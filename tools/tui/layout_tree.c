/* layout_tree.c: any value as an indented tree, as deep as there is room for. */
#include "tui/layout_impl.h"

#include "vedette/figures.h"

#include <stdio.h>

enum { DEPTH_MAX = 12, ELEMENTS_MAX = 64, KEY_MAX = 32, BRIEF_BYTES_MAX = 256 };

typedef struct tree {
    tui_scribe_t *scribe;
    int depth;   /* what is deeper is shown in one line */
    bool counts; /* it is only counted */
    uint32_t lines;
} tree_t;

static bool is_container(const vd_value_t *value)
{
    return value->kind == VD_KIND_ARRAY || value->kind == VD_KIND_MAP;
}

static bool is_full(const tree_t *self)
{
    return self->lines >= TUI_LAYOUT_TREE_MAX;
}

/* A line: the key, and the value or what there is instead of it. */
static void put(tree_t *self, int level, vd_str_t key, tui_tone_t tone, const char *text)
{
    tui_scribe_t *scribe = self->scribe;
    self->lines++;
    if (self->counts)
        return;
    int x = 2 * level, columns = tui_columns(key);
    columns = columns < KEY_MAX ? columns : KEY_MAX;
    tui_page_line(scribe->page, 0);
    tui_page_put(scribe->page, x, columns, false, TUI_DIM, key);
    x += columns + (columns > 0 ? 2 : 0);
    tui_page_put(scribe->page, x, scribe->width - x, false, tone, vd_str(text));
}

/* Does it fit into one line? It is short, and nothing in it is long. */
static bool is_short(const tree_t *self, const vd_value_t *value, int level, vd_str_t key)
{
    char text[BRIEF_BYTES_MAX + 1];
    if (value->count == 0 || value->raw.size > BRIEF_BYTES_MAX)
        return value->count == 0;
    tui_brief(value, text, sizeof text);
    int columns = tui_columns(key);
    columns = columns < KEY_MAX ? columns : KEY_MAX;
    return 2 * level + columns + 2 + tui_columns(vd_str(text)) <= self->scribe->width;
}

static void walk(tree_t *self, const vd_value_t *value, vd_str_t key, int level);

static void walk_elements(tree_t *self, const vd_value_t *value, int level)
{
    vd_bytes_t rest = value->bytes;
    vd_value_t key = {0}, one;
    uint32_t most =
        value->kind == VD_KIND_ARRAY && value->count > ELEMENTS_MAX ? ELEMENTS_MAX : value->count;
    uint32_t at = 0;
    for (; at < most && !is_full(self); at++) {
        char name[TUI_FIGURE_BYTES];
        snprintf(name, sizeof name, "[%u]", at);
        if (value->kind == VD_KIND_MAP) {
            if (!vd_value_next(&rest, &key))
                return;
            tui_figure(&key, VD_UNIT_PLAIN, name);
        }
        if (!vd_value_next(&rest, &one))
            return;
        walk(self, &one, vd_str(name), level);
    }
    if (at < value->count && !is_full(self)) {
        char text[48];
        snprintf(text, sizeof text, "%u more", value->count - at);
        put(self, level, vd_str(""), TUI_DIM, text);
    }
}

static void walk(tree_t *self, const vd_value_t *value, vd_str_t key, int level)
{
    char text[TUI_FIGURE_BYTES];
    if (!is_container(value)) {
        bool figure = value->kind != VD_KIND_NIL && value->kind != VD_KIND_STR;
        if (figure && value->kind != VD_KIND_BIN && value->kind != VD_KIND_EXT)
            cli_figure_format(key)(value, text, sizeof text);
        else
            tui_figure(value, VD_UNIT_PLAIN, text);
        put(self, level, key, value->kind == VD_KIND_NIL ? TUI_DIM : TUI_PLAIN, text);
    } else if (level >= self->depth || level >= DEPTH_MAX || is_short(self, value, level, key)) {
        tui_brief(value, text, sizeof text);
        put(self, level, key, TUI_PLAIN, text);
    } else {
        text[0] = 0;
        if (value->kind != VD_KIND_MAP)
            snprintf(text, sizeof text, "(%u)", value->count);
        put(self, level, key, TUI_DIM, text);
        walk_elements(self, value, level + 1);
    }
}

static uint32_t draw(tree_t *self, const vd_value_t *value)
{
    self->lines = 0;
    if (is_container(value) && value->count > 0)
        walk_elements(self, value, 0);
    else
        walk(self, value, vd_str(""), 0);
    return self->lines;
}

void tui_draw_tree(tui_scribe_t *self, const vd_value_t *value)
{
    tree_t tree = {.scribe = self, .counts = true};
    int depth = 0;
    for (tree.depth = 1; tree.depth <= DEPTH_MAX; tree.depth++)
        if (draw(&tree, value) <= (uint32_t)(self->height > 0 ? self->height : 0))
            depth = tree.depth;
        else
            break;
    tree.counts = false;
    tree.depth = depth + self->unfolded > 0 ? depth + self->unfolded : 0;
    draw(&tree, value);
    if (is_full(&tree))
        tui_say(self, 0, TUI_DIM, "the rest is not shown: it is too long");
}

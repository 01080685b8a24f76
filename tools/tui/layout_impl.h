/* layout_impl.h: the inside of layout.h, shared by the files that draw its elements.
 *
 * 1. Each element is drawn onto the end of the page, in at most `width` columns.
 */
#ifndef TUI_LAYOUT_IMPL_H
#define TUI_LAYOUT_IMPL_H

#include "layout/layout.h"
#include "tui/layout.h"
#include "tui/layout_page.h"

enum {
    TUI_FIGURE_BYTES = 512,       /* of one text */
    TUI_LAYOUT_ROWS_MAX = 4096,   /* elements of a list that are looked at */
    TUI_LAYOUT_SHOWN_MAX = 512,   /* rows of a table, bars */
    TUI_LAYOUT_TREE_MAX = 1024,   /* lines of a tree */
    TUI_LAYOUT_NODES_MAX = 1024,  /* of a graph */
    TUI_LAYOUT_WORK_MAX = 1 << 27 /* bytes that the expressions of a page look at */
};

/* A page in the making. */
typedef struct tui_scribe {
    const vd_layout_t *layout;
    vd_over_t over;
    tui_page_t *page;
    int width;
    int height; /* of the box: what folds tries to fit into it */
    int unfolded;
    bool ascii;
    uint32_t element; /* its number */
} tui_scribe_t;

/* The elements of a list, or of a map, whose elements are {key, value}. */
typedef struct tui_items {
    vd_value_t *list;
    uint32_t count;
    uint64_t total; /* how many there are */
    vd_buffer_t made;
} tui_items_t;

/* layout_text.c */

/* Copies what has room, cut at a character. */
void tui_copy(vd_str_t text, char *out, size_t size);
/* A value as text of at most TUI_FIGURE_BYTES - 1 bytes. */
void tui_figure(const vd_value_t *value, vd_layout_unit_t unit, char out[TUI_FIGURE_BYTES]);
/* A value in one line of at most `size` - 1 bytes, cut at a character: {name: m1, term: 4}. */
void tui_brief(const vd_value_t *value, char *out, size_t size);
vd_value_t tui_evaluate(tui_scribe_t *self, int expression, const vd_value_t *item);
/* Does the condition hold? One that is not there does. */
bool tui_holds(tui_scribe_t *self, int expression, const vd_value_t *item);
/* The text of a cell; returns its tone. */
tui_tone_t tui_cell_text(tui_scribe_t *self, const vd_layout_cell_t *cell, const vd_value_t *item,
                         char out[TUI_FIGURE_BYTES]);
/* To be freed. False without memory. */
bool tui_items_of(tui_scribe_t *self, int expression, tui_items_t *items);
void tui_items_free(tui_items_t *items);
/* A line of words in a tone. */
void tui_say(tui_scribe_t *self, int x, tui_tone_t tone, const char *text);

void tui_draw_text(tui_scribe_t *self, const vd_layout_element_t *element);   /* layout_text.c */
void tui_draw_fields(tui_scribe_t *self, const vd_layout_element_t *element); /* layout_text.c */
void tui_draw_table(tui_scribe_t *self, const vd_layout_element_t *element);  /* layout_table.c */
void tui_draw_bars(tui_scribe_t *self, const vd_layout_element_t *element);   /* layout_bars.c */
void tui_draw_graph(tui_scribe_t *self, const vd_layout_element_t *element);  /* layout_graph.c */
void tui_draw_tree(tui_scribe_t *self, const vd_value_t *value);              /* layout_tree.c */

#endif

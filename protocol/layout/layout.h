/* layout.h: how an observer's snapshot is to be shown to people: a list of elements, in order.
 *
 * The form is written down in LAYOUTS.md.
 *
 * 1. A layout is one MessagePack map, which an observer writes as JSON. It says which values of the
 *    snapshot are shown and how, by expressions; it has no values of its own.
 * 2. Reading checks all of it. What is wrong is told with its place: elements[2].columns[0].value.
 * 3. A layout is bounded: in bytes, and in elements, cells and expressions. It owns what it is made
 *    of and knows no terminal.
 */
#ifndef VD_LAYOUT_H
#define VD_LAYOUT_H

#include "expression/expression.h"

typedef enum vd_layout_kind {
    VD_LAYOUT_TEXT = 0,
    VD_LAYOUT_FIELDS,
    VD_LAYOUT_TABLE,
    VD_LAYOUT_BARS,
    VD_LAYOUT_GRAPH,
    VD_LAYOUT_TREE,
    VD_LAYOUT_KINDS,
} vd_layout_kind_t;

/* How a value is written. */
typedef enum vd_layout_unit {
    VD_UNIT_OF_NAME = 0, /* by the name at the end of its path: age_ms, total_bytes */
    VD_UNIT_PLAIN,
    VD_UNIT_BYTES,
    VD_UNIT_BYTES_PER_S,
    VD_UNIT_PERCENT,
    VD_UNIT_MS,
    VD_UNIT_US,
    VD_UNIT_TIME, /* a time stamp, of which the time of the day is shown */
    VD_UNIT_DATE, /* ... with its day */
    VD_UNIT_AGE,  /* milliseconds, in words that seldom change: "fresh", "over 4s" */
    VD_UNIT_ID,   /* of which the beginning is enough */
    VD_UNITS,
} vd_layout_unit_t;

/* What it means, the worst first. */
typedef enum vd_layout_tone {
    VD_TONE_BAD = 0,
    VD_TONE_WARN,
    VD_TONE_ACCENT,
    VD_TONE_GOOD,
    VD_TONE_BOLD,
    VD_TONE_DIM,
    VD_TONE_PLAIN,
    VD_TONES,
} vd_layout_tone_t;

/* In place of the number of an expression: there is none. */
#define VD_LAYOUT_NONE (-1)

/* A piece of a text: words, or the value of an expression. */
typedef struct vd_layout_piece {
    vd_str_t text;      /* the words, where there is no expression */
    int16_t expression; /* VD_LAYOUT_NONE: words */
    uint8_t unit;       /* never VD_UNIT_OF_NAME */
} vd_layout_piece_t;

typedef struct vd_layout_tones {
    uint8_t otherwise;           /* when none of the conditions holds */
    int16_t when[VD_TONE_PLAIN]; /* a condition for each tone, or VD_LAYOUT_NONE */
} vd_layout_tones_t;

/* A text: one field, one column, one label. */
typedef struct vd_layout_cell {
    vd_str_t title;
    uint16_t piece, piece_count; /* the first of them, in `pieces` */
    vd_layout_tones_t tones;
    uint16_t width;  /* in columns; 0: as wide as what it shows */
    uint16_t weight; /* where room is short, the lightest column goes first */
    bool right;
} vd_layout_cell_t;

/* What stands at a node of a graph: for each element of a list, or once. */
typedef struct vd_layout_mark {
    int16_t list; /* VD_LAYOUT_NONE: once */
    int16_t id;   /* of the node */
    uint16_t cell;
} vd_layout_mark_t;

typedef struct vd_layout_element {
    vd_layout_kind_t kind;
    vd_str_t title;            /* empty: none */
    vd_str_t empty;            /* instead of a list without elements */
    int16_t when;              /* it is shown only while this holds */
    int16_t list;              /* of TABLE, BARS and GRAPH; the value of a TREE */
    uint16_t cell, cell_count; /* TEXT: 1; BARS: label and value; GRAPH: label; else any */
    int16_t sort;              /* of TABLE */
    bool descending;
    int16_t most;               /* of BARS: what a full bar is; VD_LAYOUT_NONE: the largest value */
    int16_t id, parent, height; /* of GRAPH */
    uint16_t mark, mark_count;  /* likewise, in `marks` */
} vd_layout_element_t;

typedef struct vd_layout {
    uint16_t element_count, cell_count, piece_count, mark_count, expression_count;
    vd_layout_element_t elements[VD_LAYOUT_ELEMENTS_MAX];
    vd_layout_cell_t cells[VD_LAYOUT_CELLS_MAX];
    vd_layout_piece_t pieces[VD_LAYOUT_PIECES_MAX];
    vd_layout_mark_t marks[VD_LAYOUT_MARKS_MAX];
    vd_expression_t *expressions; /* VD_LAYOUT_PIECES_MAX of them have room */
    uint8_t *bytes;               /* what the texts are views into */
} vd_layout_t;

/* Reads a layout, which is copied. NULL with what is wrong and where in `error`. */
vd_layout_t *vd_layout_new(vd_bytes_t value, char *error, size_t error_size);
void vd_layout_destroy(vd_layout_t **self_p);
/* The layout in `json` as a value, checked, at the end of `out`. VD_OK, VD_MALFORMED, VD_TOO_LARGE or
 * VD_NO_MEMORY with what is wrong and where in `error` (VD_TEXT_BYTES_MAX). */
vd_status_t vd_layout_of_json(const char *json, vd_buffer_t *out, char *error, size_t error_size);

/* "table", "bytes_per_s", "warn". */
const char *vd_layout_kind_name(vd_layout_kind_t kind);
const char *vd_layout_unit_name(vd_layout_unit_t unit);
const char *vd_layout_tone_name(vd_layout_tone_t tone);

#endif

/* layout_lanes.h: a forest of nodes brought into rows and lanes, the highest first, as a log of
 * branches is drawn.
 *
 * 1. Nodes come sorted: a parent stands behind its children. A hidden node takes no row; whoever
 *    descends from it descends from its nearest shown ancestor, across a gap.
 * 2. Each branch has a lane of its own from its tip down to where it joins another one, whose lane is
 *    to its left. Branches that find no lane are left out, and counted.
 */
#ifndef TUI_LAYOUT_LANES_H
#define TUI_LAYOUT_LANES_H

#include <stdbool.h>
#include <stdint.h>

enum { TUI_LANES_MAX = 16 };

#define TUI_NODE_NONE UINT32_MAX

typedef struct tui_fork_node {
    uint64_t height;
    uint32_t parent; /* among the nodes, behind this one; or TUI_NODE_NONE */
    uint32_t children;
    bool cut; /* its parent is not among them */
    bool marked;
    bool hidden;
} tui_fork_node_t;

typedef enum tui_fork_kind {
    TUI_FORK_NODE,
    TUI_FORK_JOIN, /* lanes end in lane `lane` */
    TUI_FORK_GAP,  /* in lane `lane` */
} tui_fork_kind_t;

/* One row, as it is handed out. Bit n of a set is lane n. */
typedef struct tui_fork_row {
    tui_fork_kind_t kind;
    uint32_t node; /* of NODE and GAP */
    uint32_t lane;
    uint32_t lanes;   /* those that go through this row */
    uint32_t joining; /* of JOIN: those that end */
    uint64_t missing; /* of GAP: how many, 0: nobody knows */
} tui_fork_row_t;

typedef struct tui_fork_size {
    uint32_t rows, lanes, left_out;
} tui_fork_size_t;

typedef void tui_fork_draw_t(void *context, const tui_fork_row_t *row);

/* Goes through the rows; `draw` may be NULL. */
tui_fork_size_t tui_fork_lay(const tui_fork_node_t *nodes, uint32_t count, tui_fork_draw_t *draw,
                             void *context);
/* Hides nodes of which nothing is to be told, the lowest first, until there are at most `rows`. */
void tui_fork_fold(tui_fork_node_t *nodes, uint32_t count, uint32_t rows);

#endif

/* overview_panes.h: who is there, under the figures of the overview: actors and sources side by side, or one
 * below the other, and a line for each observer, as far as there is room.
 *
 * 1. What is not well stands first; in each kind rows stay in the order in which they were told of.
 * 2. Figures explain themselves: there are no titles of columns. What finds no room is counted.
 */
#ifndef TUI_OVERVIEW_PANES_H
#define TUI_OVERVIEW_PANES_H

#include "tui/screen.h"

/* Draws them from row `y` of the box on, and leaves `below` rows of it. Returns the row behind them: `y`
 * where there is no room. */
int tui_overview_draw_panes(tui_app_t *app, tui_canvas_t *canvas, tui_box_t box, int y, int below);

/* Where Enter leads: the list that has something in it that is not well, among what the filter lets
 * through; actors before sources before observers. */
const tui_screen_t *tui_overview_leads_to(tui_app_t *app, const char *filter);

#endif

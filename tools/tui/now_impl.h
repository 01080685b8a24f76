/* now_impl.h: the inside of now.h, for its two files. */
#ifndef TUI_NOW_IMPL_H
#define TUI_NOW_IMPL_H

#include "tui/now.h"
#include "wire/value.h"

struct tui_now {
    tui_now_figures_t figures;
    tui_now_actor_t *actors;
    size_t actor_count, actor_room;
    tui_now_source_t *sources; /* sorted by name */
    size_t source_count, source_room;
    tui_now_subscriber_t *subscribers;
    size_t subscriber_count, subscriber_room;
    bool told[TUI_FEEDS];
    uint64_t version;
    uint32_t visible[TUI_VISIBLE_SAMPLES];
    size_t visible_next;
    bool visible_stale;
};

/* The row behind the last one, which is not counted yet. NULL when there is no room. */
void *tui_now_room(void **rows, size_t *room, size_t count, size_t count_max, size_t row_size);
void tui_now_take_membership(tui_now_t *self, const vd_value_t *map);
void tui_now_take_readings(tui_now_t *self, const vd_value_t *maps, int64_t at_ms);

#endif

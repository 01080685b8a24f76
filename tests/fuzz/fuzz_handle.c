/* fuzz_handle.c: what an observer, or who stands in for one, may tell a handle: deltas, snapshots, errors; and cursors. */
#include "client/handle_core.h"
#include "fuzz.h"
#include "wire/value.h"

enum { STEPS_MAX = 32, NOW_MS = 1000000 };

static void cursor(vd_bytes_t input)
{
    vd_watch_place_t place = {0}, again = {0};
    char words[64];
    char *text = fuzz_text(input);
    if (vd_handle_core_place(text, &place) && place.inc != 0) {
        snprintf(words, sizeof words, "%llu:%llu", (unsigned long long)place.inc,
                 (unsigned long long)place.n);
        FUZZ_HOLDS(vd_handle_core_place(words, &again));
        FUZZ_HOLDS(again.inc == place.inc && again.n == place.n && again.by_item);
    }
    free(text);
}

static void delta(vd_handle_core_t *core, uint8_t how, vd_bytes_t value)
{
    vd_handle_delta_t told;
    vd_follow_event_t event;
    vd_watch_place_t place;
    vd_handle_error_t error;
    vd_watched_t news = {.value = {value.data, value.size},
                         .snapshot = (how & 2) != 0,
                         .inc = 7,
                         .n = how >> 4,
                         .why = (how & 4) != 0 ? VD_PRUNED : VD_OK};
    if (!vd_handle_core_delta(core, NOW_MS, &news, &told))
        return;
    FUZZ_HOLDS(told.kind >= VD_HANDLE_SNAPSHOT && told.kind <= VD_HANDLE_ERROR);
    FUZZ_HOLDS(told.at != NULL && vd_handle_core_place(told.cursor, &place));
    FUZZ_HOLDS(place.inc == 7 && place.n == news.n);
    uint32_t count = 0;
    while (vd_handle_core_event(core, &event)) {
        FUZZ_HOLDS(event.type != NULL);
        count++;
    }
    FUZZ_HOLDS(count <= told.event_count);
    FUZZ_HOLDS((vd_handle_core_news(core, &told, VD_OK) & ~7U) == 0);
    if (vd_handle_core_error(core, NOW_MS, &error))
        FUZZ_HOLDS(error.stage != NULL && error.text != NULL && error.at != NULL);
}

static void snapshot(vd_handle_core_t *core, vd_bytes_t value)
{
    vd_handle_view_t view;
    vd_blob_t bytes = {value.data, value.size};
    if (vd_handle_core_snapshot(core, NOW_MS, bytes, &view) != VD_OK)
        return;
    FUZZ_HOLDS(view.observer != NULL && view.session != NULL && view.phase != NULL);
    FUZZ_HOLDS(view.sources_told <= view.source_count);
    for (uint32_t i = 0; i < view.sources_told; i++)
        FUZZ_HOLDS(view.sources[i].name != NULL && strlen(view.sources[i].status) < value.size);
    for (uint32_t i = 0; i < view.error_count; i++)
        FUZZ_HOLDS(strlen(view.errors[i].stage) < value.size);
}

void fuzz_one(vd_bytes_t input)
{
    vd_handle_core_t core;
    uint8_t how = fuzz_byte(&input);
    if ((how & 1) != 0) {
        cursor(input);
        return;
    }
    vd_handle_core_init(&core);
    vd_handle_core_begin(&core, (how & 2) != 0 ? "7:3" : "");
    for (int i = 0; i < STEPS_MAX && input.size > 0; i++) {
        how = fuzz_byte(&input);
        vd_bytes_t value = fuzz_part(&input);
        if (vd_scan_exact(value, VD_DEPTH_MAX) != VD_OK)
            vd_handle_core_news(&core, NULL, (how & 1) != 0 ? VD_NOT_READY : VD_UNREACHABLE);
        else if ((how & 1) != 0)
            snapshot(&core, value);
        else
            delta(&core, how, value);
    }
    vd_handle_core_free(&core);
}

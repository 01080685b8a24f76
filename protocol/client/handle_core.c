/* handle_core.c: reads deltas and snapshots of an observer, keeps its last error and whether it
 * lives. */
#include "client/handle_core.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SOURCES_MAX = 4096, ERRORS_MAX = 32 };

void vd_handle_core_init(vd_handle_core_t *self)
{
    assert(self != NULL);
    *self = (vd_handle_core_t){0};
    vd_buffer_init(&self->kept, VD_FRAME_BYTES_MAX);
}

void vd_handle_core_free(vd_handle_core_t *self)
{
    assert(self != NULL);
    vd_buffer_free(&self->kept);
    free(self->texts);
    free(self->sources);
    free(self->errors);
    *self = (vd_handle_core_t){0};
}

/* ---- places ---- */

static bool read_number(const char **text, uint64_t *number)
{
    const char *at = *text;
    uint64_t value = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    bool any = at > *text;
    *text = at;
    *number = value;
    return any;
}

bool vd_handle_core_place(const char *cursor, vd_watch_place_t *place)
{
    assert(cursor != NULL && place != NULL);
    uint64_t inc = 0, n = 0;
    if (*cursor != 0 && (!read_number(&cursor, &inc) || inc == 0 || *cursor++ != ':' ||
                         !read_number(&cursor, &n) || *cursor != 0))
        return false;
    place->by_item = true;
    place->inc = inc;
    place->n = n;
    return true;
}

void vd_handle_core_begin(vd_handle_core_t *self, const char *cursor)
{
    assert(cursor != NULL);
    vd_str_copy(self->cursor, sizeof self->cursor, vd_str(cursor));
}

/* ---- the last error ---- */

static void take_fault(vd_handle_core_t *self, int64_t now_ms, const vd_value_t *map, bool whole)
{
    vd_handle_fault_t *fault = &self->fault;
    vd_value_t error;
    if (!vd_value_get(map, "error", &error) || error.kind != VD_KIND_MAP) {
        /* A life that knows of no error does not have those of the one before. */
        if (whole && fault->stage[0] != 0 && fault->recovered_ms == 0)
            fault->recovered_ms = now_ms;
        return;
    }
    *fault = (vd_handle_fault_t){.count = vd_value_get_u64(&error, "count", 0)};
    vd_str_copy(fault->stage, sizeof fault->stage, vd_value_get_str(&error, "stage"));
    vd_str_copy(fault->text, sizeof fault->text, vd_value_get_str(&error, "text"));
    vd_str_copy(fault->at, sizeof fault->at, vd_value_get_str(&error, "at"));
    vd_ts_parse(vd_str(fault->at), &fault->at_ms);
    if (vd_value_get_str(&error, "recovered_at").size > 0 &&
        !vd_ts_parse(vd_value_get_str(&error, "recovered_at"), &fault->recovered_ms))
        fault->recovered_ms = now_ms;
}

/* Clocks may differ: nothing is from the future. */
static int64_t age_ms(int64_t now_ms, int64_t at_ms)
{
    return now_ms > at_ms ? now_ms - at_ms : 0;
}

bool vd_handle_core_error(const vd_handle_core_t *self, int64_t now_ms, vd_handle_error_t *error)
{
    const vd_handle_fault_t *fault = &self->fault;
    bool over = fault->recovered_ms != 0;
    *error = (vd_handle_error_t){
        .stage = fault->stage,
        .text = fault->text,
        .at = fault->at,
        .age_ms = age_ms(now_ms, fault->at_ms),
        .recovered_age_ms = over ? age_ms(now_ms, fault->recovered_ms) : -1,
        .count = fault->count,
    };
    return fault->stage[0] != 0;
}

/* ---- deltas ---- */

bool vd_handle_core_delta(vd_handle_core_t *self, int64_t now_ms, const vd_watched_t *news,
                          vd_handle_delta_t *delta)
{
    vd_value_t map, events;
    vd_bytes_t bytes = vd_bytes(news->value.data, news->value.size);
    bool is_snapshot = news->snapshot != 0;
    snprintf(self->cursor, sizeof self->cursor, "%" PRIu64 ":%" PRIu64, news->inc, news->n);
    self->events = vd_bytes(NULL, 0);
    if (!vd_value_of(bytes, &map) || map.kind != VD_KIND_MAP)
        return false;
    bool is_cycle = !is_snapshot && !vd_str_is(vd_value_get_str(&map, "kind"), "error");
    self->running = is_cycle || vd_str_is(vd_value_get_str(&map, "phase"), "running");
    take_fault(self, now_ms, &map, is_cycle || self->running);
    vd_str_copy(self->at, sizeof self->at, vd_value_get_str(&map, "at"));
    *delta = (vd_handle_delta_t){
        .kind = is_snapshot ? VD_HANDLE_SNAPSHOT
                : is_cycle  ? VD_HANDLE_CYCLE
                            : VD_HANDLE_ERROR,
        .why = news->why,
        .cursor = self->cursor,
        .cycle = vd_value_get_u64(&map, "cycle", 0),
        .at = self->at,
        .raw = news->value,
    };
    if (is_cycle && vd_value_get(&map, "events", &events) && events.kind == VD_KIND_ARRAY) {
        delta->event_count = events.count;
        self->events = events.bytes;
    }
    return true;
}

bool vd_handle_core_event(vd_handle_core_t *self, vd_follow_event_t *event)
{
    vd_value_t map, data;
    if (!vd_value_next(&self->events, &map))
        return false;
    *event = (vd_follow_event_t){.ts = self->at, .session = "", .type = self->event_type};
    vd_str_copy(self->event_type, sizeof self->event_type, vd_value_get_str(&map, "type"));
    event->seq = vd_value_get_u64(&map, "seq", 0);
    event->raw = (vd_blob_t){map.raw.data, map.raw.size};
    if (vd_value_get(&map, "data", &data))
        event->data = (vd_blob_t){data.raw.data, data.raw.size};
    return true;
}

unsigned vd_handle_core_news(vd_handle_core_t *self, const vd_handle_delta_t *delta,
                             vd_status_t status)
{
    bool snapshot = delta != NULL && delta->kind == VD_HANDLE_SNAPSHOT;
    unsigned flags = 0;
    if (snapshot && delta->why == VD_RESTARTED)
        status = VD_RESTARTED;
    if (self->ready && status != VD_OK) {
        self->ready = false;
        self->stops = status;
        flags |= VD_HANDLE_STOPS;
    }
    if (delta != NULL && self->running && !self->ready) {
        self->ready = true;
        flags |= VD_HANDLE_READIES;
    }
    if (delta != NULL && delta->kind != VD_HANDLE_ERROR)
        flags |= VD_HANDLE_CYCLES;
    return flags;
}

/* ---- snapshots ---- */

/* A copy of a text that is ended with a zero byte. All of them fit: on the wire each has a head. */
static const char *text_of(vd_handle_core_t *self, const vd_value_t *map, const char *key)
{
    vd_str_t text = vd_value_get_str(map, key);
    char *out = self->texts + self->texts_size;
    assert(self->texts_size + text.size + 1 <= self->texts_room);
    if (text.size == 0)
        return "";
    memcpy(out, text.data, text.size);
    out[text.size] = 0;
    self->texts_size += text.size + 1;
    return out;
}

/* How long ago a time stamp was; -1: there is none. */
static int64_t since_ms(int64_t now_ms, const vd_value_t *map, const char *key)
{
    int64_t at_ms = 0;
    return vd_ts_parse(vd_value_get_str(map, key), &at_ms) ? age_ms(now_ms, at_ms) : -1;
}

/* Makes room for the texts and rows of `count` of something. */
static void *rows_for(void **rows, uint32_t count, size_t size)
{
    free(*rows);
    *rows = calloc(count > 0 ? count : 1, size);
    return *rows;
}

static bool read_sources(vd_handle_core_t *self, const vd_value_t *map, vd_handle_view_t *snapshot)
{
    vd_value_t list, row, age;
    if (!vd_value_get(map, "sources", &list) || list.kind != VD_KIND_ARRAY)
        return true;
    uint32_t count = list.count < SOURCES_MAX ? list.count : SOURCES_MAX;
    void *rows = self->sources;
    self->sources = rows_for(&rows, count, sizeof *self->sources);
    if (self->sources == NULL)
        return false;
    snapshot->sources = self->sources;
    for (uint32_t at = 0; at < count && vd_value_next(&list.bytes, &row); at++) {
        vd_handle_source_t *source = &self->sources[snapshot->sources_told++];
        bool aged = vd_value_get(&row, "age_ms", &age);
        *source = (vd_handle_source_t){.name = text_of(self, &row, "name"),
                                       .age_ms = aged ? vd_value_i64(&age, -1) : -1,
                                       .status = text_of(self, &row, "status"),
                                       .error = text_of(self, &row, "error")};
    }
    snapshot->source_count = vd_value_get_u64(map, "source_count", list.count);
    snapshot->sources_failed = vd_value_get_u64(map, "sources_failed", 0);
    return true;
}

static bool read_errors(vd_handle_core_t *self, int64_t now_ms, const vd_value_t *map,
                        vd_handle_view_t *snapshot)
{
    vd_value_t list, row;
    if (!vd_value_get(map, "errors", &list) || list.kind != VD_KIND_ARRAY)
        return true;
    uint32_t count = list.count < ERRORS_MAX ? list.count : ERRORS_MAX;
    void *rows = self->errors;
    self->errors = rows_for(&rows, count, sizeof *self->errors);
    if (self->errors == NULL)
        return false;
    snapshot->errors = self->errors;
    for (uint32_t at = 0; at < count && vd_value_next(&list.bytes, &row); at++)
        self->errors[snapshot->error_count++] =
            (vd_handle_error_t){.stage = text_of(self, &row, "stage"),
                                .text = text_of(self, &row, "text"),
                                .at = text_of(self, &row, "at"),
                                .age_ms = since_ms(now_ms, &row, "at"),
                                .recovered_age_ms = since_ms(now_ms, &row, "recovered_at"),
                                .count = vd_value_get_u64(&row, "count", 0)};
    return true;
}

/* Keeps the bytes, and makes room for all texts that may be in them. */
static bool keep(vd_handle_core_t *self, vd_blob_t value)
{
    vd_buffer_clear(&self->kept);
    if (!vd_buffer_add(&self->kept, value.data, value.size))
        return false;
    self->texts_size = 0;
    if (self->texts_room < value.size) {
        free(self->texts);
        self->texts = malloc(value.size);
        self->texts_room = self->texts != NULL ? value.size : 0;
    }
    return self->texts != NULL;
}

vd_status_t vd_handle_core_snapshot(vd_handle_core_t *self, int64_t now_ms, vd_blob_t value,
                                    vd_handle_view_t *snapshot)
{
    vd_value_t map, state;
    *snapshot = (vd_handle_view_t){.observer = "", .session = "", .phase = "", .observed_at = ""};
    if (!vd_value_of(vd_bytes(value.data, value.size), &map) || map.kind != VD_KIND_MAP)
        return VD_MALFORMED;
    if (!keep(self, value) || !vd_value_of(vd_buffer_view(&self->kept), &map))
        return VD_NO_MEMORY;
    snapshot->raw = (vd_blob_t){self->kept.data, self->kept.size};
    snapshot->observer = text_of(self, &map, "observer");
    snapshot->session = text_of(self, &map, "session");
    snapshot->phase = text_of(self, &map, "phase");
    snapshot->cycle = vd_value_get_u64(&map, "cycle", 0);
    snapshot->observed_at = text_of(self, &map, "at");
    snapshot->age_ms = since_ms(now_ms, &map, "at");
    if (vd_value_get(&map, "state", &state))
        snapshot->state = (vd_blob_t){state.raw.data, state.raw.size};
    take_fault(self, now_ms, &map, vd_str_is(vd_str(snapshot->phase), "running"));
    if (read_sources(self, &map, snapshot) && read_errors(self, now_ms, &map, snapshot))
        return VD_OK;
    return VD_NO_MEMORY;
}

/* now_sources.c: sources: who they are from the broker, how they are from their pollers. */
#include "tui/now_impl.h"
#include "wire/message.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { LATE_FROM = 3, US_OF_MS = 1000 };

static int compare_sources(const void *left, const void *right)
{
    return strcmp(((const tui_now_source_t *)left)->name, ((const tui_now_source_t *)right)->name);
}

static tui_now_source_t *find(const tui_now_source_t *rows, size_t count, vd_str_t name)
{
    tui_now_source_t wanted;
    vd_str_copy(wanted.name, sizeof wanted.name, name);
    return count == 0 ? NULL : bsearch(&wanted, rows, count, sizeof *rows, compare_sources);
}

static void count_figures(tui_now_t *self)
{
    tui_now_figures_t *figures = &self->figures;
    figures->up = figures->failing = figures->late = figures->unread = 0;
    for (size_t i = 0; i < self->source_count; i++) {
        const tui_now_source_t *source = &self->sources[i];
        if (source->reads == 0)
            figures->unread++;
        else if (strcmp(source->status, "ok") != 0)
            figures->failing++;
        else if (source->late > 0)
            figures->late++;
        else
            figures->up++;
    }
}

static void set_source(tui_now_source_t *to, const vd_source_record_t *record)
{
    vd_str_copy(to->name, sizeof to->name, record->name);
    vd_str_copy(to->adapter, sizeof to->adapter, record->adapter);
    vd_str_copy(to->address, sizeof to->address, record->address);
    vd_str_copy(to->provider, sizeof to->provider, record->provider);
    vd_str_copy(to->poller, sizeof to->poller, record->poller);
    if (to->reads == 0)
        vd_str_copy(to->status, sizeof to->status,
                    vd_str(to->poller[0] == 0 ? "no poller" : "not read"));
}

void tui_now_take_membership(tui_now_t *self, const vd_value_t *map)
{
    vd_value_t array, row;
    vd_source_record_t record;
    tui_now_source_t *old = self->sources;
    size_t old_count = self->source_count;
    if (!vd_value_get(map, "sources", &array) || array.kind != VD_KIND_ARRAY)
        return;
    self->sources = NULL;
    self->source_count = self->source_room = 0;
    self->figures.sources_left_out = 0;
    vd_bytes_t rest = array.bytes;
    while (vd_value_next(&rest, &row)) {
        if (vd_record_decode(row.raw, VD_RECORD_source, &record) != VD_OK)
            continue;
        tui_now_source_t *to = tui_now_room((void **)&self->sources, &self->source_room,
                                            self->source_count, TUI_NOW_SOURCES_MAX, sizeof *to);
        if (to == NULL) {
            self->figures.sources_left_out++;
            continue;
        }
        const tui_now_source_t *known = find(old, old_count, record.name);
        *to = known != NULL ? *known : (tui_now_source_t){0};
        set_source(to, &record);
        self->source_count++;
    }
    free(old);
    if (self->source_count > 0)
        qsort(self->sources, self->source_count, sizeof *self->sources, compare_sources);
    count_figures(self);
}

/* What one round of readings says of a source: the worst of its reads counts. */
typedef struct tui_round {
    uint64_t reads, failures, took_us, late;
    bool begun;
} tui_round_t;

static uint64_t get_time(const vd_value_t *map, const char *key)
{
    vd_value_t value;
    int64_t ms = vd_value_get(map, key, &value) ? vd_value_i64(&value, 0) : 0;
    return ms > 0 ? (uint64_t)ms : 0;
}

static uint64_t lateness(uint64_t age, uint64_t interval)
{
    uint64_t late;
    interval = interval > US_OF_MS ? interval : US_OF_MS; /* a read of every 50 ms is no clock */
    if (age < LATE_FROM * interval)
        return 0;
    for (late = 2; late * 2 * interval <= age; late *= 2)
        continue;
    return late;
}

static void take_reading(tui_now_source_t *to, tui_round_t *round, const vd_value_t *reading)
{
    vd_str_t status = vd_value_get_str(reading, "status");
    if (vd_str_is(status, "not_ready") && vd_value_get_u64(reading, "reads", 0) == 0)
        return; /* its first read is under way */
    uint64_t interval_ms = vd_value_get_u64(reading, "interval_ms", 0);
    uint64_t late = lateness(get_time(reading, "age_ms"), interval_ms);
    uint64_t took_us = vd_value_get_u64(reading, "took_us", 0);
    int64_t error_at_ms = (int64_t)get_time(reading, "error_at_ms");
    int64_t ok_at_ms = (int64_t)get_time(reading, "ok_at_ms");
    if (!round->begun || !vd_str_is(status, "ok"))
        vd_str_copy(to->status, sizeof to->status, status);
    if (!round->begun || ok_at_ms < to->ok_at_ms)
        to->ok_at_ms = ok_at_ms;
    if (error_at_ms > to->error_at_ms) {
        to->error_at_ms = error_at_ms;
        vd_str_copy(to->error, sizeof to->error, vd_value_get_str(reading, "error"));
    }
    to->interval_ms = interval_ms;
    round->begun = true;
    round->reads += vd_value_get_u64(reading, "reads", 0);
    round->failures += vd_value_get_u64(reading, "failures", 0);
    round->took_us = took_us > round->took_us ? took_us : round->took_us;
    round->late = late > round->late ? late : round->late;
}

static void end_round(tui_now_source_t *to, const tui_round_t *round)
{
    to->reads = round->reads > 0 ? round->reads : 1;
    to->failures = round->failures;
    to->late = round->late;
    if (to->took_at_ms == to->ok_at_ms)
        return;
    to->average_us =
        to->took_at_ms == 0 ? round->took_us : (7 * to->average_us + round->took_us) / 8;
    to->took_at_ms = to->ok_at_ms;
    if (to->average_us > to->took_us * 2 || to->average_us < to->took_us / 2)
        to->took_us = to->average_us;
}

static bool is_silent(const vd_value_t *maps, const char *poller)
{
    vd_value_t map, rows;
    vd_bytes_t rest = maps->bytes;
    while (maps->kind == VD_KIND_ARRAY && vd_value_next(&rest, &map))
        if (vd_str_is(vd_value_get_str(&map, "poller"), poller))
            return !vd_value_get(&map, "rows", &rows);
    return false;
}

/* Nothing is heard of its poller: what it told stays, and gets older. */
static void grow_old(tui_now_source_t *to, int64_t at_ms)
{
    uint64_t age = to->ok_at_ms > 0 && at_ms > to->ok_at_ms ? (uint64_t)(at_ms - to->ok_at_ms) : 0;
    uint64_t late = lateness(age, to->interval_ms);
    to->late = late > to->late ? late : to->late;
}

void tui_now_take_readings(tui_now_t *self, const vd_value_t *maps, int64_t at_ms)
{
    tui_round_t *rounds = calloc(self->source_count + 1, sizeof *rounds);
    vd_value_t map, array, row;
    vd_bytes_t lists = maps->bytes;
    if (rounds == NULL)
        return;
    while (maps->kind == VD_KIND_ARRAY && vd_value_next(&lists, &map)) {
        if (!vd_value_get(&map, "rows", &array))
            continue;
        vd_bytes_t rest = array.bytes;
        while (array.kind == VD_KIND_ARRAY && vd_value_next(&rest, &row)) {
            tui_now_source_t *to =
                find(self->sources, self->source_count, vd_value_get_str(&row, "source"));
            if (to != NULL)
                take_reading(to, &rounds[to - self->sources], &row);
        }
    }
    for (size_t i = 0; i < self->source_count; i++) {
        tui_now_source_t *to = &self->sources[i];
        if (rounds[i].begun) {
            end_round(to, &rounds[i]);
            continue;
        }
        if (to->reads > 0 && is_silent(maps, to->poller)) {
            grow_old(to, at_ms);
            continue;
        }
        to->reads = to->failures = to->late = 0;
        vd_str_copy(to->status, sizeof to->status,
                    vd_str(to->poller[0] == 0 ? "no poller" : "not read"));
    }
    free(rounds);
    count_figures(self);
}

const char *tui_source_word(const tui_now_source_t *source, char *out, size_t size)
{
    if (source->reads == 0)
        snprintf(out, size, "%s", source->status[0] != 0 ? source->status : "not read");
    else if (strcmp(source->status, "ok") != 0)
        snprintf(out, size, "failing");
    else if (source->late > 0)
        snprintf(out, size, "late %llux", (unsigned long long)source->late);
    else
        snprintf(out, size, "fresh");
    return out;
}

double tui_source_errors(const tui_now_source_t *source, char *out, size_t size)
{
    double percent =
        source->reads > 0 ? 100.0 * (double)source->failures / (double)source->reads : 0;
    if (source->failures == 0)
        snprintf(out, size, "0");
    else if (percent < 1)
        snprintf(out, size, "<1%%");
    else
        snprintf(out, size, "%.0f%%", percent < 10 ? percent : (double)((int)percent / 5 * 5));
    return percent;
}

/* now.c: see now.h: actors, subscribers and single figures; the sources stand in now_sources.c. */
#include "tui/now_impl.h"
#include "wire/message.h"
#include "wire/value.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { CPU_WINDOW_MS = 1500, MIB = 1 << 20 };

tui_now_t *tui_now_new(void)
{
    return calloc(1, sizeof(tui_now_t));
}

void tui_now_destroy(tui_now_t **self)
{
    if (*self == NULL)
        return;
    free((*self)->actors);
    free((*self)->sources);
    free((*self)->subscribers);
    free(*self);
    *self = NULL;
}

void *tui_now_room(void **rows, size_t *room, size_t count, size_t count_max, size_t row_size)
{
    if (count < *room)
        return (char *)*rows + count * row_size;
    size_t more = *room == 0 ? 16 : *room * 2;
    more = more < count_max ? more : count_max;
    void *grown = count < more ? realloc(*rows, more * row_size) : NULL;
    if (grown == NULL)
        return NULL;
    *rows = grown;
    *room = more;
    return (char *)*rows + count * row_size;
}

/* ---- actors ---- */

static tui_now_actor_t *find_actor(const tui_now_t *self, vd_str_t name, size_t guess)
{
    if (guess < self->actor_count && vd_str_is(name, self->actors[guess].name))
        return &self->actors[guess];
    for (size_t i = 0; i < self->actor_count; i++)
        if (vd_str_is(name, self->actors[i].name))
            return &self->actors[i];
    return NULL;
}

static void set_actor(tui_now_actor_t *actor, const vd_child_record_t *child)
{
    tui_now_actor_t made = {.cpu_percent = -1};
    if (actor->pid == child->pid) {
        made = *actor;
    }
    vd_str_copy(made.name, sizeof made.name, child->name);
    vd_str_copy(made.kind, sizeof made.kind, child->kind);
    vd_str_copy(made.state, sizeof made.state, child->state);
    vd_str_copy(made.wanted, sizeof made.wanted, child->wanted);
    vd_str_copy(made.reason, sizeof made.reason, child->reason);
    made.pid = child->pid;
    made.restarts = child->restarts;
    made.since_ms = child->since_ms;
    made.started_ms = child->started_ms;
    made.retry_ms = child->retry_ms;
    *actor = made;
}

/* The supervisor itself is the first row. */
static void add_child(tui_now_t *self, const vd_child_record_t *child, tui_now_actor_t **old,
                      size_t old_count)
{
    tui_now_actor_t made = {.cpu_percent = -1};
    for (size_t i = 0; i < old_count; i++)
        if (vd_str_is(child->name, (*old)[i].name))
            made = (*old)[i];
    tui_now_actor_t *row = tui_now_room((void **)&self->actors, &self->actor_room,
                                        self->actor_count, TUI_NOW_ACTORS_MAX, sizeof *row);
    if (row == NULL) {
        self->figures.actors_left_out++;
        return;
    }
    *row = made;
    set_actor(row, child);
    self->actor_count++;
}

static void take_children(tui_now_t *self, const vd_value_t *array)
{
    tui_now_actor_t *old = self->actors;
    size_t old_count = self->actor_count;
    const tui_now_figures_t *figures = &self->figures;
    self->actors = NULL;
    self->actor_count = self->actor_room = 0;
    self->figures.actors_left_out = 0;
    vd_child_record_t child = {.name = vd_str("supervisor"),
                               .kind = vd_str("supervisor"),
                               .state = vd_str("ready"),
                               .wanted = vd_str("up"),
                               .pid = figures->pid,
                               .since_ms = figures->started_ms,
                               .started_ms = figures->started_ms};
    if (figures->pid > 0)
        add_child(self, &child, &old, old_count);
    vd_value_t row;
    vd_bytes_t rest = array->bytes;
    while (array->kind == VD_KIND_ARRAY && vd_value_next(&rest, &row))
        if (vd_record_decode(row.raw, VD_RECORD_child, &child) == VD_OK)
            add_child(self, &child, &old, old_count);
    free(old);
}

static void take_process(tui_now_actor_t *actor, uint64_t cpu_ms, uint64_t rss, int64_t at_ms)
{
    if (rss > actor->memory_bytes + MIB || rss + MIB < actor->memory_bytes ||
        actor->memory_bytes == 0)
        actor->memory_bytes = rss;
    if (actor->cpu_pid != actor->pid || cpu_ms < actor->cpu_ms) {
        actor->cpu_pid = actor->pid;
        actor->cpu_ms = cpu_ms;
        actor->cpu_at_ms = at_ms;
        return;
    }
    if (at_ms - actor->cpu_at_ms < CPU_WINDOW_MS)
        return;
    double cpu = 100.0 * (double)(cpu_ms - actor->cpu_ms) / (double)(at_ms - actor->cpu_at_ms);
    actor->cpu = actor->cpu_percent < 0 ? cpu : (actor->cpu + cpu) / 2;
    double off = actor->cpu - actor->cpu_percent;
    if (actor->cpu_percent < 0 || off >= 1.5 || off <= -1.5)
        actor->cpu_percent = (int)(actor->cpu + 0.5);
    actor->cpu_ms = cpu_ms;
    actor->cpu_at_ms = at_ms;
}

static void take_processes(tui_now_t *self, const vd_value_t *array, int64_t at_ms)
{
    vd_value_t row;
    vd_bytes_t rest = array->bytes;
    while (array->kind == VD_KIND_ARRAY && vd_value_next(&rest, &row)) {
        uint64_t pid = vd_value_get_u64(&row, "pid", 0);
        for (size_t i = 0; i < self->actor_count; i++)
            if (self->actors[i].pid == pid && pid != 0)
                take_process(&self->actors[i], vd_value_get_u64(&row, "cpu_ms", 0),
                             vd_value_get_u64(&row, "rss_bytes", 0), at_ms);
    }
}

/* ---- subscribers ---- */

static void add_subscriber(tui_now_t *self, const tui_now_subscriber_t *row)
{
    tui_now_subscriber_t *to =
        tui_now_room((void **)&self->subscribers, &self->subscriber_room, self->subscriber_count,
                     TUI_NOW_SUBSCRIBERS_MAX, sizeof *to);
    if (to == NULL) {
        self->figures.subscribers_left_out++;
        return;
    }
    *to = *row;
    self->subscriber_count++;
}

static void add_told(tui_now_t *self, vd_str_t publisher, const vd_value_t *rows)
{
    vd_value_t row;
    vd_bytes_t rest = rows->bytes;
    while (rows->kind == VD_KIND_ARRAY && vd_value_next(&rest, &row)) {
        vd_subscriber_record_t record;
        if (vd_record_decode(row.raw, VD_RECORD_subscriber, &record) != VD_OK)
            continue;
        tui_now_subscriber_t made = {.held = record.held,
                                     .id = record.id,
                                     .lag = record.lag,
                                     .queue = record.queue,
                                     .credit = record.credit_items,
                                     .batch = record.batch,
                                     .bytes = record.bytes,
                                     .drops = record.drops,
                                     .gaps = record.gaps,
                                     .since_ms = record.since_ms};
        vd_str_copy(made.name, sizeof made.name, record.name);
        vd_str_copy(made.mode, sizeof made.mode, record.mode);
        vd_str_copy(made.session, sizeof made.session, record.session);
        vd_str_copy(made.publisher, sizeof made.publisher, publisher);
        snprintf(made.key, sizeof made.key, "%s/%llu", made.publisher, (unsigned long long)made.id);
        add_subscriber(self, &made);
    }
}

static void take_subscribers(tui_now_t *self, const vd_value_t *publishers)
{
    vd_value_t map, rows;
    vd_bytes_t rest = publishers->bytes;
    tui_now_subscriber_t *old = self->subscribers;
    size_t old_count = self->subscriber_count;
    self->subscribers = NULL;
    self->subscriber_count = self->subscriber_room = 0;
    self->figures.subscribers_left_out = 0;
    self->figures.silent[0] = 0;
    while (publishers->kind == VD_KIND_ARRAY && vd_value_next(&rest, &map)) {
        vd_str_t publisher = vd_value_get_str(&map, "publisher");
        if (vd_value_get(&map, "rows", &rows)) {
            add_told(self, publisher, &rows);
            continue;
        }
        vd_str_copy(self->figures.silent, sizeof self->figures.silent, publisher);
        for (size_t i = 0; i < old_count; i++)
            if (vd_str_is(publisher, old[i].publisher))
                add_subscriber(self, &old[i]);
    }
    free(old);
}

/* ---- figures ---- */

static void take_status(tui_now_t *self, const vd_value_t *map)
{
    tui_now_figures_t *figures = &self->figures;
    vd_str_copy(figures->state, sizeof figures->state, vd_value_get_str(map, "state"));
    vd_str_copy(figures->text, sizeof figures->text, vd_value_get_str(map, "text"));
    vd_str_copy(figures->session, sizeof figures->session, vd_value_get_str(map, "session"));
    vd_str_copy(figures->version, sizeof figures->version, vd_value_get_str(map, "version"));
    figures->actors = vd_value_get_u64(map, "actors", 0);
    figures->ready = vd_value_get_u64(map, "ready", 0);
    figures->pid = vd_value_get_u64(map, "pid", 0);
    figures->started_ms = (int64_t)vd_value_get_u64(map, "started_ms", 0);
}

static void take_store(tui_now_t *self, const vd_value_t *map)
{
    tui_now_figures_t *figures = &self->figures;
    vd_str_copy(figures->store_mode, sizeof figures->store_mode, vd_value_get_str(map, "mode"));
    vd_str_copy(figures->trouble, sizeof figures->trouble, vd_value_get_str(map, "trouble"));
    figures->commit_us_p50 = vd_value_get_u64(map, "commit_us_p50", 0);
    figures->commit_us_p99 = vd_value_get_u64(map, "commit_us_p99", 0);
    figures->events = vd_value_get_u64(map, "events", 0);
    figures->sessions = vd_value_get_u64(map, "sessions", 0);
    figures->disk_bytes = vd_value_get_u64(map, "disk_bytes", 0);
}

void tui_now_take(tui_now_t *self, int64_t at_ms, tui_feed_t feed, vd_status_t status,
                  vd_bytes_t value)
{
    vd_value_t read;
    self->version++;
    self->told[feed] = status == VD_OK && vd_value_of(value, &read);
    if (!self->told[feed])
        return;
    if (feed == TUI_FEED_STATUS)
        take_status(self, &read);
    else if (feed == TUI_FEED_CHILDREN)
        take_children(self, &read);
    else if (feed == TUI_FEED_PROCESSES)
        take_processes(self, &read, at_ms);
    else if (feed == TUI_FEED_MEMBERSHIP)
        tui_now_take_membership(self, &read);
    else if (feed == TUI_FEED_READINGS)
        tui_now_take_readings(self, &read, at_ms);
    else if (feed == TUI_FEED_SUBSCRIBERS)
        take_subscribers(self, &read);
    else if (feed == TUI_FEED_STORE)
        take_store(self, &read);
    else if (feed == TUI_FEED_AUDIT)
        vd_str_copy(self->figures.audit, sizeof self->figures.audit,
                    vd_value_get_str(&read, "trouble"));
}

static int compare_numbers(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

void tui_now_saw(tui_now_t *self, int64_t ts_ms, int64_t at_ms)
{
    int64_t took = at_ms > ts_ms ? at_ms - ts_ms : 0;
    self->visible[self->visible_next++ % TUI_VISIBLE_SAMPLES] =
        took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
    self->visible_stale = true;
}

const tui_now_figures_t *tui_now_figures(const tui_now_t *self)
{
    /* Sorted when somebody looks, not for each event. */
    tui_now_t *changing = (tui_now_t *)self;
    if (self->visible_stale) {
        uint32_t sorted[TUI_VISIBLE_SAMPLES];
        size_t count =
            self->visible_next < TUI_VISIBLE_SAMPLES ? self->visible_next : TUI_VISIBLE_SAMPLES;
        memcpy(sorted, self->visible, count * sizeof *sorted);
        qsort(sorted, count, sizeof *sorted, compare_numbers);
        changing->figures.visible = count;
        changing->figures.visible_ms_p50 = sorted[count / 2];
        changing->figures.visible_ms_p99 = sorted[count * 99 / 100];
        changing->visible_stale = false;
    }
    return &self->figures;
}

bool tui_now_told(const tui_now_t *self, tui_feed_t feed)
{
    return self->told[feed];
}

const tui_now_actor_t *tui_now_actors(const tui_now_t *self, size_t *count)
{
    *count = self->actor_count;
    return self->actors;
}

const tui_now_source_t *tui_now_sources(const tui_now_t *self, size_t *count)
{
    *count = self->source_count;
    return self->sources;
}

const tui_now_subscriber_t *tui_now_subscribers(const tui_now_t *self, size_t *count)
{
    *count = self->subscriber_count;
    return self->subscribers;
}

const tui_now_actor_t *tui_now_actor(const tui_now_t *self, const char *name)
{
    return find_actor(self, vd_str(name), 0);
}

uint64_t tui_now_version(const tui_now_t *self)
{
    return self->version;
}

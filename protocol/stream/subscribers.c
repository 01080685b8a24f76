/* subscribers.c: the table of who is served. */
#include "stream/publisher_state.h"

#include <assert.h>
#include <string.h>

vd_reader_row_t *vd_row_find(vd_publisher_t *self, const vd_peer_t *peer)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (vd_peer_equal(&self->rows[i].peer, peer))
            return &self->rows[i];
    return NULL;
}

void vd_row_remove(vd_publisher_t *self, vd_reader_row_t *row)
{
    assert(row >= self->rows && row < self->rows + self->count);
    self->count--;
    if (row != &self->rows[self->count])
        *row = self->rows[self->count];
}

bool vd_row_streams(const vd_reader_row_t *row)
{
    return row->flows[VD_LIVE].open || row->flows[VD_COMMIT].open;
}

const char *vd_row_streams_name(const vd_reader_row_t *row)
{
    if (row->flows[VD_LIVE].open)
        return row->flows[VD_COMMIT].open ? "live+commit" : "live";
    return row->flows[VD_COMMIT].open ? "commit" : "none";
}

/* The one without a stream that left first makes room. */
static void make_room(vd_publisher_t *self)
{
    vd_reader_row_t *first = NULL;
    for (uint32_t i = 0; i < self->count; i++) {
        vd_reader_row_t *row = &self->rows[i];
        if (!vd_row_streams(row) && (first == NULL || row->left_us < first->left_us))
            first = row;
    }
    if (first != NULL)
        vd_row_remove(self, first);
}

vd_reader_row_t *vd_row_make(vd_publisher_t *self, vd_now_t now, const vd_peer_t *peer)
{
    vd_reader_row_t *row = vd_row_find(self, peer);
    if (row != NULL)
        return row;
    if (self->count == VD_SUBSCRIBERS_MAX)
        make_room(self);
    if (self->count == VD_SUBSCRIBERS_MAX)
        return NULL;
    row = &self->rows[self->count++];
    *row = (vd_reader_row_t){.peer = *peer, .id = ++self->last_id, .since_ms = now.wall_ms};
    return row;
}

uint64_t vd_row_lag(const vd_publisher_t *self, const vd_reader_row_t *row)
{
    const vd_outflow_t *commit = &row->flows[VD_COMMIT];
    const vd_outflow_t *flow = commit->open ? commit : &row->flows[VD_LIVE];
    uint64_t known = row->done_known ? row->done : flow->sent.index;
    return known < self->head ? self->head - known : 0;
}

void vd_row_close(vd_reader_row_t *row, vd_now_t now, vd_outflow_t *flow)
{
    assert(flow >= row->flows && flow < row->flows + VD_STREAM_KINDS);
    flow->open = false;
    row->left_us = vd_row_streams(row) ? 0 : now.mono_us;
}

/* ---- what is told on ---- */

static void tell(vd_publisher_t *self, vd_now_t now, const vd_publisher_news_t *news,
                 vd_effects_t *effects)
{
    if (self->options.news != NULL)
        self->options.news(self->options.news_arg, now, news, effects);
}

static bool is_mode(vd_str_t mode)
{
    return vd_str_is(mode, "live_only") || vd_str_is(mode, "commits_only") ||
           vd_str_is(mode, "overlap") || vd_str_is(mode, "paused");
}

void vd_row_says(vd_publisher_t *self, vd_now_t now, vd_reader_row_t *row, vd_str_t mode,
                 vd_effects_t *effects)
{
    if (!is_mode(mode) || vd_str_is(mode, row->mode))
        return;
    char before[VD_NAME_BYTES_MAX + 1];
    memcpy(before, row->mode, sizeof before);
    vd_str_copy(row->mode, sizeof row->mode, mode);
    self->totals.modes++;
    vd_publisher_news_t news = {.kind = VD_NEWS_MODE,
                                .where = "",
                                .id = row->id,
                                .name = row->name,
                                .streams = vd_row_streams_name(row),
                                .before = before,
                                .mode = row->mode,
                                .lag = vd_row_lag(self, row),
                                .queue = row->queue};
    tell(self, now, &news, effects);
}

/* ---- dropping ---- */

uint64_t vd_drops_of(const vd_publisher_t *self, const char *name)
{
    for (uint32_t i = 0; i < VD_DROP_NAMES; i++)
        if (self->drops[i].drops > 0 && strcmp(self->drops[i].name, name) == 0)
            return self->drops[i].drops;
    return 0;
}

static void count_drop(vd_publisher_t *self, const char *name, vd_status_t status)
{
    self->totals.dropped_silent += status == VD_SILENT;
    self->totals.dropped_too_slow += status == VD_TOO_SLOW;
    self->totals.dropped_kicked += status == VD_KICKED;
    for (uint32_t i = 0; i < VD_DROP_NAMES; i++)
        if (self->drops[i].drops > 0 && strcmp(self->drops[i].name, name) == 0) {
            self->drops[i].drops++;
            return;
        }
    /* With more names than there are places, the one that came first is forgotten. */
    vd_drop_count_t *place = &self->drops[self->drop_next++ % VD_DROP_NAMES];
    place->drops = 1;
    vd_str_copy(place->name, sizeof place->name, vd_str(name));
}

bool vd_row_drop(vd_publisher_t *self, vd_now_t now, vd_reader_row_t *row, vd_outflow_t *flow,
                 vd_status_t status, const char *text, vd_effects_t *effects)
{
    vd_publisher_news_t news = {.kind = VD_NEWS_DROPPED,
                                .where = "",
                                .id = row->id,
                                .name = row->name,
                                .streams = vd_row_streams_name(row),
                                .before = row->mode,
                                .mode = row->mode,
                                .lag = vd_row_lag(self, row),
                                .queue = row->queue,
                                .status = status,
                                .text = text};
    if (flow != NULL)
        news.streams = flow == &row->flows[VD_LIVE] ? "live" : "commit";
    for (int kind = 0; kind < VD_STREAM_KINDS; kind++) {
        vd_outflow_t *each = &row->flows[kind];
        if (!each->open || (flow != NULL && flow != each))
            continue;
        vd_send_drop(self, &row->peer, each->correlation, status, text, effects);
        each->open = false;
    }
    count_drop(self, row->name, status);
    tell(self, now, &news, effects);
    if (vd_row_streams(row))
        return true;
    vd_row_remove(self, row);
    return false;
}

void vd_publisher_end_all(vd_publisher_t *self, vd_now_t now, const char *text,
                          vd_effects_t *effects)
{
    for (uint32_t i = 0; i < self->count; i++)
        for (int kind = 0; kind < VD_STREAM_KINDS; kind++) {
            vd_reader_row_t *row = &self->rows[i];
            vd_outflow_t *flow = &row->flows[kind];
            if (!flow->open)
                continue;
            /* Who is not told now is told so when it grants credit. */
            if (vd_effects_room(effects) >= VD_EFFECTS_MAX / 8)
                vd_send_drop(self, &row->peer, flow->correlation, VD_NOT_FOUND, text, effects);
            vd_row_close(row, now, flow);
        }
}

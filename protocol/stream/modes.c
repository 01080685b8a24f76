/* modes.c: the machine of four modes. */
#include "stream/modes.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define DEBT_CHANGES_MAX 3

const vd_mode_knobs_t vd_mode_knobs_default = {.start_commit_sync_lag = 50,
                                               .resume_live_lag = 10,
                                               .stop_commit_sync_lag = 0,
                                               .pause_live_queue = 500,
                                               .resume_live_queue = 50,
                                               .dwell_ms = 2000};

const char *vd_mode_name(vd_stream_mode_t mode)
{
    switch (mode) {
    case VD_MODE_LIVE_ONLY:
        return "live_only";
    case VD_MODE_COMMITS_ONLY:
        return "commits_only";
    case VD_MODE_OVERLAP:
        return "overlap";
    case VD_MODE_PAUSED:
        return "paused";
    }
    return "unknown";
}

uint64_t vd_lag(uint64_t head, uint64_t index)
{
    uint64_t ahead = head - index;
    return ahead <= INT64_MAX ? ahead : 0;
}

/* From `then` to `now`; below 0 when it is still to come. */
static int64_t since(int64_t now_ms, int64_t then_ms)
{
    return (int64_t)((uint64_t)now_ms - (uint64_t)then_ms);
}

static int64_t later(int64_t at_ms, uint64_t by_ms)
{
    return (int64_t)((uint64_t)at_ms + by_ms);
}

/* ---- knobs ---- */

typedef struct named {
    const char *name;
    uint64_t value;
} named_t;

static vd_status_t check_below(const named_t *low, const named_t *high, bool or_equal, char *error,
                               size_t error_size)
{
    if (low->value < high->value || (or_equal && low->value == high->value))
        return VD_OK;
    snprintf(error, error_size, "%s is %" PRIu64 ": it has to be %s %s, which is %" PRIu64,
             low->name, low->value, or_equal ? "at most" : "below", high->name, high->value);
    return VD_USAGE;
}

static vd_status_t check_at_most(const named_t *knob, uint64_t max, char *error, size_t error_size)
{
    if (knob->value <= max)
        return VD_OK;
    snprintf(error, error_size, "%s is %" PRIu64 ": it has to be at most %" PRIu64, knob->name,
             knob->value, max);
    return VD_USAGE;
}

vd_status_t vd_modes_check(const vd_mode_knobs_t *knobs, char *error, size_t error_size)
{
    assert(knobs != NULL && error != NULL && error_size > 0);
    named_t start = {"start_commit_sync_lag", knobs->start_commit_sync_lag};
    named_t resume = {"resume_live_lag", knobs->resume_live_lag};
    named_t stop = {"stop_commit_sync_lag", knobs->stop_commit_sync_lag};
    named_t pause = {"pause_live_queue", knobs->pause_live_queue};
    named_t go_on = {"resume_live_queue", knobs->resume_live_queue};
    named_t dwell = {"dwell_ms", knobs->dwell_ms};
    vd_status_t status = check_at_most(&start, VD_MODE_KNOB_MAX, error, error_size);
    if (status == VD_OK)
        status = check_at_most(&pause, VD_MODE_KNOB_MAX, error, error_size);
    if (status == VD_OK)
        status = check_at_most(&dwell, VD_MODE_DWELL_MS_MAX, error, error_size);
    if (status == VD_OK)
        status = check_below(&resume, &start, false, error, error_size);
    if (status == VD_OK)
        status = check_below(&stop, &resume, true, error, error_size);
    if (status == VD_OK)
        status = check_below(&go_on, &pause, false, error, error_size);
    return status;
}

/* ---- modes ---- */

void vd_modes_init(vd_modes_t *self, const vd_mode_knobs_t *knobs, vd_streams_t streams,
                   vd_stream_mode_t mode, int64_t now_ms)
{
    char error[256];
    assert(self != NULL && vd_modes_check(knobs, error, sizeof error) == VD_OK);
    (void)error;
    *self = (vd_modes_t){
        .knobs = *knobs, .streams = streams, .mode = mode, .since_ms = now_ms, .paid_ms = now_ms};
}

/* Where somebody goes who takes events again, or whom the queue does not concern. */
static vd_stream_mode_t leave_pause(const vd_modes_t *self, const vd_mode_view_t *view)
{
    if (self->streams == VD_STREAMS_COMMIT)
        return VD_MODE_COMMITS_ONLY;
    if (view->queue > self->knobs.resume_live_queue)
        return VD_MODE_PAUSED;
    bool far = view->lag >= self->knobs.start_commit_sync_lag || view->no_live;
    return far && self->streams == VD_STREAMS_BOTH ? VD_MODE_COMMITS_ONLY : VD_MODE_LIVE_ONLY;
}

/* Where to, were it not for the dwell? */
static vd_stream_mode_t wish(const vd_modes_t *self, const vd_mode_view_t *view)
{
    const vd_mode_knobs_t *knobs = &self->knobs;
    bool far = view->lag >= knobs->start_commit_sync_lag || view->no_live;
    bool full = view->queue >= knobs->pause_live_queue;
    if (view->held)
        return VD_MODE_PAUSED;
    switch (self->mode) {
    case VD_MODE_LIVE_ONLY:
        if (far && self->streams == VD_STREAMS_BOTH)
            return VD_MODE_COMMITS_ONLY;
        return full ? VD_MODE_PAUSED : VD_MODE_LIVE_ONLY;
    case VD_MODE_COMMITS_ONLY:
        if (self->streams == VD_STREAMS_BOTH && view->lag <= knobs->resume_live_lag &&
            view->queue <= knobs->resume_live_queue)
            return VD_MODE_OVERLAP;
        return VD_MODE_COMMITS_ONLY;
    case VD_MODE_OVERLAP:
        if (far || full)
            return VD_MODE_COMMITS_ONLY;
        if (view->apart)
            return VD_MODE_OVERLAP;
        return view->lag <= knobs->stop_commit_sync_lag ? VD_MODE_LIVE_ONLY : VD_MODE_OVERLAP;
    case VD_MODE_PAUSED:
        break;
    }
    return leave_pause(self, view);
}

static bool is_at_once(vd_stream_mode_t mode)
{
    return mode == VD_MODE_PAUSED || mode == VD_MODE_COMMITS_ONLY;
}

/* Whatever it is, it costs. */
static void change(vd_modes_t *self, int64_t now_ms, vd_stream_mode_t next)
{
    uint64_t dwell_ms = self->knobs.dwell_ms;
    int64_t latest_ms = later(now_ms, DEBT_CHANGES_MAX * dwell_ms);
    int64_t from_ms = since(now_ms, self->paid_ms) < 0 ? self->paid_ms : now_ms;
    self->paid_ms = later(from_ms, dwell_ms);
    if (since(latest_ms, self->paid_ms) < 0)
        self->paid_ms = latest_ms;
    self->mode = next;
    self->since_ms = now_ms;
}

vd_stream_mode_t vd_modes_look(vd_modes_t *self, int64_t now_ms, const vd_mode_view_t *view)
{
    assert(self != NULL && view != NULL && self->mode >= VD_MODE_LIVE_ONLY);
    vd_stream_mode_t next = wish(self, view);
    if (next == self->mode)
        return next;
    if (!is_at_once(next) && since(now_ms, self->paid_ms) < 0)
        return self->mode;
    change(self, now_ms, next);
    return next;
}

void vd_modes_fall_back(vd_modes_t *self, int64_t now_ms)
{
    assert(self != NULL && self->streams != VD_STREAMS_LIVE);
    if (self->mode != VD_MODE_COMMITS_ONLY)
        change(self, now_ms, VD_MODE_COMMITS_ONLY);
}

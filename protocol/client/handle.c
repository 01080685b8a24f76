/* handle.c: a handle of an observer: a watch of its feed "state", requests, and hooks.
 *
 * A watch does not tell that its publisher is away, only that nothing comes: after silence it is
 * looked whether anybody accepts at its socket. */
#include "client/client_impl.h"
#include "client/handle_core.h"

#include <assert.h>
#include <stdlib.h>

enum { LOOK_MS = 500 }; /* of silence, between looks */

struct vd_handle {
    vd_client_t *client;
    vd_watch_t *watch;
    char observer[VD_NAME_BYTES_MAX + 1];
    vd_handle_hooks_t hooks;
    vd_handle_core_t core;
    int64_t heard_us; /* when it was heard, or looked for, last */
    bool away;        /* and this was told */
    bool ended;       /* in vd_handle_run: it has come to its head */
};

static int64_t wall_ms(void)
{
    return vd_client_now().wall_ms;
}

/* ---- its life ---- */

vd_status_t vd_handle_new(vd_handle_t **self_p, vd_client_t *client, const char *observer,
                          const vd_handle_options_t *options)
{
    static const vd_handle_options_t defaults = {0};
    assert(self_p != NULL && client != NULL);
    *self_p = NULL;
    if (options == NULL)
        options = &defaults;
    vd_watch_place_t place = {.until_head = options->until_head != 0};
    if (options->after != NULL && !vd_handle_core_place(options->after, &place))
        return vd_client_fail(client, VD_USAGE,
                              "'%.60s' is no cursor: it is INCARNATION:NUMBER, as a delta has it",
                              options->after);
    vd_handle_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return vd_client_fail(client, VD_NO_MEMORY, "no memory for a handle");
    vd_status_t status =
        vd_watch_open(&self->watch, client, observer, "requests", "changes", "state", &place);
    if (status != VD_OK) {
        free(self);
        return status;
    }
    self->client = client;
    self->hooks = options->hooks;
    self->heard_us = vd_client_mono_us();
    vd_str_copy(self->observer, sizeof self->observer, vd_str(observer));
    vd_handle_core_init(&self->core);
    vd_handle_core_begin(&self->core, options->after != NULL ? options->after : "");
    *self_p = self;
    return VD_OK;
}

/* Calls the hooks that follow. Returns whether one of them ends the run. */
static bool call_hooks(vd_handle_t *self, const vd_handle_delta_t *delta, vd_status_t status)
{
    const vd_handle_hooks_t *hooks = &self->hooks;
    unsigned flags = vd_handle_core_news(&self->core, delta, status);
    bool ends = false;
    if ((flags & VD_HANDLE_STOPS) != 0 && hooks->on_stop != NULL)
        ends |= hooks->on_stop(hooks->arg, self, self->core.stops) != 0;
    if ((flags & VD_HANDLE_READIES) != 0 && hooks->on_ready != NULL)
        ends |= hooks->on_ready(hooks->arg, self) != 0;
    if ((flags & VD_HANDLE_CYCLES) != 0 && hooks->on_cycle != NULL)
        ends |= hooks->on_cycle(hooks->arg, self, delta) != 0;
    return ends;
}

void vd_handle_destroy(vd_handle_t **self_p)
{
    assert(self_p != NULL);
    vd_handle_t *self = *self_p;
    if (self == NULL)
        return;
    call_hooks(self, NULL, VD_CANCELLED);
    vd_watch_destroy(&self->watch);
    vd_handle_core_free(&self->core);
    free(self);
    *self_p = NULL;
}

const char *vd_handle_observer(const vd_handle_t *self)
{
    return self->observer;
}

const char *vd_handle_cursor(const vd_handle_t *self)
{
    return self->core.cursor;
}

/* ---- deltas ---- */

/* Nothing came. VD_TIMED_OUT, or that the observer or the runtime is gone, which is news. */
static vd_status_t look_for(vd_handle_t *self)
{
    int64_t now_us = vd_client_mono_us();
    if (self->away || now_us - self->heard_us < LOOK_MS * 1000)
        return VD_TIMED_OUT;
    self->heard_us = now_us;
    vd_status_t status = vd_watch_probe(self->watch);
    self->away = status != VD_OK;
    return self->away ? status : VD_TIMED_OUT;
}

/* Takes what is at hand, or comes within the time. */
static vd_status_t take(vd_handle_t *self, int timeout_ms, vd_handle_delta_t *delta)
{
    vd_watched_t news;
    vd_status_t status = vd_watch_take(self->watch, timeout_ms, &news);
    if (status == VD_TIMED_OUT || (status == VD_UNREACHABLE && self->away))
        return status == VD_TIMED_OUT ? look_for(self) : status;
    if (status != VD_OK) {
        self->away = self->away || status == VD_UNREACHABLE;
        return status;
    }
    self->heard_us = vd_client_mono_us();
    self->away = false;
    return vd_handle_core_delta(&self->core, wall_ms(), &news, delta) ? VD_OK : VD_MALFORMED;
}

vd_status_t vd_handle_next(vd_handle_t *self, int timeout_ms, vd_handle_delta_t *delta)
{
    assert(self != NULL && delta != NULL);
    int64_t deadline_us = vd_client_deadline_us(timeout_ms);
    for (;;) {
        int rest_ms = vd_client_rest_ms(deadline_us);
        bool last = rest_ms >= 0 && rest_ms <= LOOK_MS;
        vd_status_t status = take(self, last ? rest_ms : LOOK_MS, delta);
        if (status != VD_MALFORMED && (status != VD_TIMED_OUT || last))
            return status;
    }
}

vd_status_t vd_handle_next_event(vd_handle_t *self, vd_follow_event_t *event)
{
    assert(self != NULL && event != NULL);
    return vd_handle_core_event(&self->core, event) ? VD_OK : VD_NOT_FOUND;
}

/* ---- asking ---- */

static vd_status_t read_snapshot(vd_handle_t *self, vd_blob_t value, vd_handle_view_t *snapshot)
{
    vd_status_t status = vd_handle_core_snapshot(&self->core, wall_ms(), value, snapshot);
    if (status != VD_OK)
        vd_client_fail(self->client, status, "the snapshot of %s: %s", self->observer,
                       vd_status_text(status));
    return status;
}

vd_status_t vd_handle_snapshot(vd_handle_t *self, int timeout_ms, vd_handle_view_t *snapshot)
{
    assert(self != NULL && snapshot != NULL);
    vd_blob_t value;
    vd_status_t status = vd_client_snapshot(self->client, self->observer, timeout_ms, &value);
    return status == VD_OK ? read_snapshot(self, value, snapshot) : status;
}

vd_status_t vd_handle_wait(vd_handle_t *self, const char *expression, int timeout_ms,
                           vd_handle_view_t *snapshot)
{
    assert(self != NULL);
    vd_blob_t value;
    vd_handle_view_t seen = {0};
    vd_status_t status = vd_wait(self->client, self->observer, expression, timeout_ms, &value);
    vd_status_t read = value.size > 0 ? read_snapshot(self, value, &seen) : VD_OK;
    if (read != VD_OK)
        return read;
    if (snapshot != NULL)
        *snapshot = seen;
    return status;
}

vd_status_t vd_handle_last_error(vd_handle_t *self, vd_handle_error_t *error)
{
    assert(self != NULL && error != NULL);
    return vd_handle_core_error(&self->core, wall_ms(), error) ? VD_OK : VD_NOT_FOUND;
}

/* ---- running several ---- */

typedef struct running {
    vd_handle_t *const *handles;
    size_t count;
} running_t;

static bool is_any_ready(void *arg)
{
    const running_t *self = arg;
    for (size_t at = 0; at < self->count; at++)
        if (!self->handles[at]->ended && vd_watch_ready(self->handles[at]->watch))
            return true;
    return false;
}

/* Takes one delta of each handle. VD_OK: a hook ends the run; VD_BUSY: something came;
 * VD_TIMED_OUT: nothing did; VD_NOT_FOUND: nothing will. */
static vd_status_t take_round(const running_t *running)
{
    vd_status_t result = VD_NOT_FOUND;
    for (size_t at = 0; at < running->count; at++) {
        vd_handle_t *handle = running->handles[at];
        vd_handle_delta_t delta;
        bool was_away = handle->away;
        if (handle->ended)
            continue;
        vd_status_t status = take(handle, 0, &delta);
        handle->ended = status == VD_NOT_FOUND;
        if (status == VD_CANCELLED)
            return status;
        if (result != VD_BUSY && !handle->ended)
            result = status == VD_OK || status == VD_MALFORMED ? VD_BUSY : VD_TIMED_OUT;
        bool gone = !was_away && (status == VD_NOT_READY || status == VD_UNREACHABLE);
        if ((status == VD_OK || gone) &&
            call_hooks(handle, status == VD_OK ? &delta : NULL, status))
            return VD_OK;
    }
    return result;
}

vd_status_t vd_handle_run(vd_handle_t *const *handles, size_t count, int timeout_ms)
{
    assert(handles != NULL && count > 0);
    running_t running = {handles, count};
    vd_client_t *client = handles[0]->client;
    int64_t deadline_us = vd_client_deadline_us(timeout_ms);
    for (size_t at = 0; at < count; at++) {
        assert(handles[at] != NULL && handles[at]->client == client);
        handles[at]->ended = false;
    }
    for (;;) {
        vd_status_t status = take_round(&running);
        if (status != VD_BUSY && status != VD_TIMED_OUT)
            return status;
        int64_t now_us = vd_client_mono_us();
        if (now_us >= deadline_us)
            return VD_TIMED_OUT;
        if (status == VD_BUSY)
            continue;
        int64_t until_us = now_us + LOOK_MS * 1000;
        status = vd_engine_run(client, until_us < deadline_us ? until_us : deadline_us,
                               is_any_ready, &running);
        if (status != VD_OK && status != VD_TIMED_OUT)
            return status;
    }
}

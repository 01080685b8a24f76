/* reader.c: the reading thread. */
#include "reader.h"

#include "kit/log.h"
#include "kit/shell.h"
#include "reading.h"
#include "stream/recent.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct vd_reader {
    vd_reading_t *reading;          /* NULL while the store is closed */
    _Atomic(vd_reading_t *) coming; /* made elsewhere, for this thread to take */
    vd_report_view_t view;
    vd_notices_t *notices;
    vd_publisher_knobs_t knobs;
    vd_recent_t *recent;
    vd_handover_t *handover;
    char dir[512];
    char text[VD_TEXT_BYTES_MAX]; /* why the store is closed */
    zloop_t *loop;
    vd_shell_t *shell;
    int handle;
    int grown_fd;
    /* Set before a subscriber looks where the store ends: what becomes visible behind that is told
     * it, since both go through the store's lock of its tail. */
    atomic_bool listened;
    atomic_bool stop;
    bool started;
    pthread_t thread;
};

static int on_settle(void *arg)
{
    vd_reader_t *self = arg;
    return vd_shell_core_exited(self->shell, self->handle, NULL) ? -1 : 0;
}

/* ---- while the store is closed ---- */

static void answer_closed(vd_reader_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    if (input->message->id == VD_MESSAGE_SUBSCRIBERS) {
        static const uint8_t none[] = {0x90}; /* an empty array */
        vd_message_t rows = {.id = VD_MESSAGE_SUBSCRIBER_ROWS, .payload = vd_bytes(none, 1)};
        vd_effects_reply(effects, input, &rows);
        return;
    }
    if (input->message->id != VD_MESSAGE_STORE) {
        vd_effects_reply_error(effects, input, VD_STORE_TROUBLE, "%s", self->text);
        return;
    }
    vd_message_t answer = {.id = VD_MESSAGE_STORE_IS};
    answer.store_is.dir = vd_str(self->dir);
    answer.store_is.mode = vd_str("closed");
    answer.store_is.trouble = vd_str(self->text);
    vd_effects_reply(effects, input, &answer);
}

static void step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    vd_reader_t *self = state;
    if (self->reading != NULL) {
        atomic_store(&self->listened, true);
        vd_reading_step(self->reading, now, input, effects);
        atomic_store(&self->listened, vd_reading_subscribers(self->reading) > 0);
    } else if (input->kind == VD_INPUT_STOP) {
        vd_effects_exit(effects, VD_OK, "nothing was read");
    } else if (input->kind == VD_INPUT_MESSAGE) {
        answer_closed(self, input, effects);
    }
}

/* Takes over what vd_reader_open has made. */
static void take_reading(vd_reader_t *self)
{
    vd_reading_t *coming = atomic_exchange(&self->coming, NULL);
    if (coming == NULL)
        return;
    assert(self->reading == NULL);
    self->reading = coming;
    vd_input_t start = {.kind = VD_INPUT_START};
    vd_shell_input(self->shell, self->handle, &start);
}

/* ---- the thread ---- */

/* Hands over what has to be written. */
static void perform(void *arg, vd_actor_t *actor, const vd_effect_t *effect)
{
    vd_reader_t *self = arg;
    (void)actor;
    assert(effect->id == VD_KEPT_WRITE);
    vd_handover_give(self->handover, effect->token, effect->object);
}

static void take_outcomes(vd_reader_t *self)
{
    vd_handover_outcome_t outcome;
    while (vd_handover_take_outcome(self->handover, &outcome)) {
        vd_input_t input = {.kind = VD_INPUT_DONE,
                            .id = VD_KEPT_WRITE,
                            .token = outcome.token,
                            .status = outcome.status,
                            .result = outcome.text};
        vd_shell_input(self->shell, self->handle, &input);
    }
}

static void tell_news(void *arg, vd_now_t now, const vd_publisher_news_t *news,
                      vd_effects_t *effects)
{
    vd_reader_t *self = arg;
    (void)now;
    if (news->kind == VD_NEWS_DROPPED)
        vd_effects_log(effects, VD_INFO, "subscriber %s%s%s was dropped (%s): %s",
                       news->name[0] != 0 ? news->name : "without a name",
                       news->where[0] != 0 ? " of " : "", news->where, vd_status_name(news->status),
                       news->text);
    vd_notices_put(self->notices, news);
}

static int on_grown(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    vd_reader_t *self = arg;
    uint64_t count;
    (void)loop;
    ssize_t size = read(item->fd, &count, sizeof count);
    (void)size; /* nothing to read: somebody was quicker, and looking again does no harm */
    vd_input_t input = {.kind = VD_INPUT_DONE, .id = VD_STREAM_GROWN};
    bool stop = atomic_load(&self->stop);
    take_reading(self);
    take_outcomes(self);
    vd_shell_input(self->shell, self->handle, &input);
    /* The last commits, session_ended among them, go out before the end. */
    input = (vd_input_t){.kind = VD_INPUT_STOP};
    if (stop)
        vd_shell_input(self->shell, self->handle, &input);
    return 0;
}

static void tell_metrics(const void *state, vd_metric_list_t *list)
{
    static const vd_publisher_totals_t nothing = {0};
    const vd_reader_t *self = state;
    const vd_reading_t *reading = self->reading;
    const vd_publisher_totals_t *totals = reading != NULL ? vd_reading_totals(reading) : &nothing;
    vd_metric(list, "subscribers", reading != NULL ? vd_reading_subscribers(reading) : 0);
    vd_metric(list, "stream_frames", totals->frames);
    vd_metric(list, "stream_frames_encoded", totals->encoded);
    vd_metric(list, "stream_events", totals->events);
    vd_metric(list, "stream_event_bytes", totals->event_bytes);
    vd_metric(list, "stream_gaps", totals->gaps);
    vd_metric(list, "stream_modes", totals->modes);
    vd_metric(list, "dropped_silent", totals->dropped_silent);
    vd_metric(list, "dropped_too_slow", totals->dropped_too_slow);
    vd_metric(list, "dropped_kicked", totals->dropped_kicked);
    vd_metric(list, "recent_bytes", vd_recent_bytes(self->recent));
    vd_metric(list, "notices_lost", vd_notices_lost(self->notices));
}

static vd_reading_t *make_reading(vd_reader_t *self, vd_store_t *store)
{
    vd_reading_options_t options = {
        .recent = self->recent, .knobs = &self->knobs, .news = tell_news, .news_arg = self};
    vd_reading_t *reading = vd_reading_new(store, &options);
    vd_store_tail_t tail;
    if (reading == NULL)
        return NULL;
    vd_reading_set_view(reading, &self->view);
    vd_store_tail(store, &tail);
    vd_recent_begin(self->recent, tail.id, tail.index, tail.chain);
    return reading;
}

static vd_status_t make(vd_reader_t *self, vd_actor_t *actor, const vd_mode_t *mode)
{
    static const vd_port_t ports[] = {{VD_READING_PORT, VD_PORT_ROUTER, "read"},
                                      {VD_READING_PORT_STREAMS, VD_PORT_ROUTER, "streams"}};
    if (mode->store != NULL)
        self->reading = make_reading(self, mode->store);
    self->loop = zloop_new();
    self->grown_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if ((self->reading == NULL && mode->store != NULL) || self->loop == NULL || self->grown_fd < 0)
        return VD_NO_MEMORY;
    zloop_set_nonstop(self->loop, true);
    vd_shell_spec_t spec = {.actor = actor,
                            .name = vd_actor_name(actor),
                            .inc = vd_actor_inc(actor),
                            .paths = vd_actor_paths(actor),
                            .loop = self->loop,
                            .settle = on_settle,
                            .settle_arg = self};
    self->shell = vd_shell_new(&spec);
    zmq_pollitem_t grown = {.fd = self->grown_fd, .events = ZMQ_POLLIN};
    if (self->shell == NULL || zloop_poller(self->loop, &grown, on_grown, self) != 0)
        return VD_NO_MEMORY;
    vd_core_spec_t core = {.name = "reading",
                           .step = step,
                           .state = self,
                           .ports = ports,
                           .port_count = 2,
                           .frame_bytes_max = VD_STATE_BYTES_MAX + VD_BODY_BYTES_MAX,
                           .perform = perform,
                           .perform_arg = self,
                           .metrics = tell_metrics};
    vd_status_t status = VD_OK;
    self->handle = vd_shell_add(self->shell, &core, &status);
    return self->handle < 0 ? status : vd_actor_add_shell(actor, self->shell);
}

static void wake(vd_reader_t *self)
{
    uint64_t one = 1;
    ssize_t size;
    do
        size = write(self->grown_fd, &one, sizeof one);
    while (size < 0 && errno == EINTR);
    /* EAGAIN: its counter is full, so that the thread is awake already. */
    assert(size == (ssize_t)sizeof one || errno == EAGAIN);
}

static void wake_for_outcomes(void *arg)
{
    wake(arg);
}

/* What the thread shares with others. False without memory. */
static bool make_shared(vd_reader_t *self, const vd_reader_spec_t *spec)
{
    char why[VD_TEXT_BYTES_MAX];
    snprintf(why, sizeof why, "no position and no state is kept: %.900s", spec->mode->text);
    self->recent = vd_recent_new(spec->recent_bytes);
    self->handover = vd_handover_new(wake_for_outcomes, self, VD_DENIED, why);
    return self->recent != NULL && self->handover != NULL;
}

vd_reader_t *vd_reader_new(const vd_reader_spec_t *spec, vd_status_t *status)
{
    assert(spec->actor != NULL && spec->dir != NULL && spec->mode != NULL && status != NULL);
    assert(spec->notices != NULL);
    vd_reader_t *self = calloc(1, sizeof *self);
    *status = VD_NO_MEMORY;
    if (self == NULL)
        return NULL;
    self->grown_fd = -1;
    self->view = spec->view;
    self->notices = spec->notices;
    self->knobs = spec->knobs;
    vd_str_copy(self->dir, sizeof self->dir, vd_str(spec->dir));
    snprintf(self->text, sizeof self->text, "%s", spec->mode->text);
    if (make_shared(self, spec))
        *status = make(self, spec->actor, spec->mode);
    if (*status == VD_NO_MEMORY)
        vd_log(VD_ERROR, "no memory or descriptors for the reading thread");
    if (*status != VD_OK)
        vd_reader_destroy(&self);
    return self;
}

bool vd_reader_open(vd_reader_t *self, vd_store_t *store)
{
    assert(self->started && store != NULL);
    vd_reading_t *reading = make_reading(self, store);
    if (reading == NULL)
        return false;
    assert(atomic_load(&self->coming) == NULL);
    atomic_store(&self->coming, reading);
    wake(self);
    return true;
}

vd_handover_t *vd_reader_handover(vd_reader_t *self)
{
    return self->handover;
}

void vd_reader_show(vd_reader_t *self, const char *store, const vd_commit_t *commit)
{
    if (atomic_load(&self->listened))
        vd_recent_add(self->recent, commit);
    else
        vd_recent_begin(self->recent, store, commit->index, commit->chain);
    if (atomic_load(&self->listened))
        wake(self);
}

void vd_reader_tell_changed(vd_reader_t *self, const vd_store_tail_t *tail)
{
    vd_recent_begin(self->recent, tail->id, tail->index, tail->chain);
    if (atomic_load(&self->listened))
        wake(self);
}

static void *run(void *arg)
{
    vd_reader_t *self = arg;
    vd_input_t start = {.kind = VD_INPUT_START};
    vd_shell_input(self->shell, self->handle, &start);
    zloop_start(self->loop);
    return NULL;
}

bool vd_reader_start(vd_reader_t *self)
{
    assert(!self->started);
    self->started = pthread_create(&self->thread, NULL, run, self) == 0;
    return self->started;
}

void vd_reader_destroy(vd_reader_t **reader)
{
    assert(reader != NULL);
    vd_reader_t *self = *reader;
    *reader = NULL;
    if (self == NULL)
        return;
    if (self->started) {
        atomic_store(&self->stop, true);
        wake(self);
        pthread_join(self->thread, NULL);
    }
    vd_shell_destroy(&self->shell);
    zloop_destroy(&self->loop);
    vd_reading_destroy(&self->reading);
    vd_reading_t *coming = atomic_load(&self->coming);
    vd_reading_destroy(&coming);
    vd_handover_destroy(&self->handover);
    vd_recent_destroy(&self->recent);
    if (self->grown_fd >= 0)
        close(self->grown_fd);
    free(self);
}

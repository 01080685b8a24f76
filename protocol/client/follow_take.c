/* follow_take.c: items that are out: taken, done in any order, by any thread. */
#include "client/follow_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

void vd_follow_items_free(vd_follow_t *self)
{
    for (uint32_t i = 0; self->items != NULL && i < self->parallel; i++)
        vd_buffer_free(&self->items[i].raw);
    free(self->items);
    self->items = NULL;
    if (self->wake_fd >= 0)
        close(self->wake_fd);
    self->wake_fd = -1;
}

static vd_status_t make_items(vd_follow_t *self)
{
    if (self->items != NULL)
        return VD_OK;
    self->items = calloc(self->parallel, sizeof *self->items);
    self->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (self->items == NULL || self->wake_fd < 0) {
        vd_follow_items_free(self);
        return vd_client_fail(self->client, VD_NO_MEMORY, "no memory for items to be out");
    }
    for (uint32_t i = 0; i < self->parallel; i++) {
        vd_buffer_init(&self->items[i].raw, VD_EVENT_BYTES_MAX);
        atomic_init(&self->items[i].done, false);
    }
    self->engine.wake_fd = self->wake_fd;
    return VD_OK;
}

/* The item that was taken first of those that are out. */
static vd_follow_item_t *oldest(vd_follow_t *self)
{
    vd_follow_item_t *first = NULL;
    for (uint32_t i = 0; self->items != NULL && i < self->parallel; i++)
        if (self->items[i].out && (first == NULL || self->items[i].turn < first->turn))
            first = &self->items[i];
    return first;
}

static vd_follow_item_t *newest(vd_follow_t *self)
{
    vd_follow_item_t *last = NULL;
    for (uint32_t i = 0; self->items != NULL && i < self->parallel; i++)
        if (self->items[i].out && (last == NULL || self->items[i].turn > last->turn))
            last = &self->items[i];
    return last;
}

/* Moves the place over what is done without a hole. */
static void reap(vd_follow_t *self)
{
    vd_follow_item_t *item;
    while ((item = oldest(self)) != NULL && atomic_load(&item->done)) {
        self->place = item->place;
        item->out = false;
    }
}

void vd_follow_pass(vd_follow_t *self, const vd_follow_place_t *place)
{
    vd_follow_item_t *last = newest(self);
    if (last != NULL)
        last->place = *place;
    else
        self->place = *place;
}

bool vd_follow_all_done(vd_follow_t *self)
{
    reap(self);
    return oldest(self) == NULL;
}

/* A slot that is done but stands behind one that is not keeps its place in the row. */
static vd_follow_item_t *free_slot(vd_follow_t *self)
{
    reap(self);
    for (uint32_t i = 0; i < self->parallel; i++)
        if (!self->items[i].out)
            return &self->items[i];
    return NULL;
}

static void drain(vd_follow_t *self)
{
    eventfd_t count;
    eventfd_read(self->wake_fd, &count);
}

static bool has_slot(void *arg)
{
    return free_slot(arg) != NULL;
}

static bool is_idle(void *arg)
{
    return vd_follow_all_done(arg);
}

/* Runs the streams until `done` says so: what is out comes back meanwhile. */
static vd_status_t wait_for(vd_follow_t *self, vd_engine_done_fn *done, int64_t deadline_us)
{
    drain(self);
    while (!done(self)) {
        self->round_events = 0;
        vd_follow_settle(self);
        vd_follow_keep(self, vd_client_mono_us());
        vd_status_t status = vd_engine_run(self->client, deadline_us, done, self);
        drain(self);
        if (status != VD_OK)
            return status;
    }
    return VD_OK;
}

/* Without memory for an item its event stays the first of the queue. */
static vd_status_t give_back(vd_follow_t *self)
{
    self->queue_at -= sizeof self->current + self->current.raw_size;
    self->taken_events--;
    self->taken_bytes -= self->current.raw_size;
    return vd_client_fail(self->client, VD_NO_MEMORY, "no memory for an item; call again");
}

/* Copies the event: it outlives the queue. */
static vd_status_t fill(vd_follow_t *self, vd_follow_item_t *item, const vd_follow_event_t *event)
{
    vd_buffer_clear(&item->raw);
    if (!vd_buffer_add(&item->raw, event->raw.data, event->raw.size))
        return give_back(self);
    strcpy(item->ts, event->ts);
    strcpy(item->type, event->type);
    strcpy(item->session, event->session);
    item->event = *event;
    item->event.ts = item->ts;
    item->event.type = item->type;
    item->event.session = item->session;
    item->event.raw.data = item->raw.data;
    if (event->data.data != NULL)
        item->event.data.data = item->raw.data + (event->data.data - event->raw.data);
    if (event->aux.data != NULL)
        item->event.aux.data = item->raw.data + (event->aux.data - event->raw.data);
    return VD_OK;
}

vd_status_t vd_follow_take(vd_follow_t *self, int timeout_ms, const vd_follow_event_t **taken)
{
    assert(taken != NULL);
    *taken = NULL;
    vd_follow_event_t event = {0};
    int64_t deadline_us = vd_client_deadline_us(timeout_ms);
    vd_status_t status = make_items(self);
    if (status == VD_OK)
        status = wait_for(self, has_slot, deadline_us);
    if (status == VD_OK)
        status = vd_follow_advance(self, deadline_us, &event);
    bool told = status != VD_OK && self->has_current;
    vd_follow_place_t place = vd_follow_here(self);
    vd_follow_item_t *item = status == VD_OK ? free_slot(self) : NULL;
    assert(item != NULL || status != VD_OK);
    if (status == VD_OK)
        status = fill(self, item, &event);
    if (told)
        vd_follow_pass(self, &place);
    if (status == VD_OK) {
        item->place = place;
        item->turn = ++self->turn;
        item->out = true;
        atomic_store(&item->done, false);
        *taken = &item->event;
    }
    self->has_current = false;
    return status;
}

void vd_follow_done(vd_follow_t *self, const vd_follow_event_t *taken)
{
    vd_follow_item_t *item = (vd_follow_item_t *)(uintptr_t)taken;
    assert(self->items != NULL && item >= self->items && item < self->items + self->parallel);
    assert(!atomic_load(&item->done));
    int wake_fd = self->wake_fd;
    atomic_store(&item->done, true);
    eventfd_write(wake_fd, 1);
}

vd_status_t vd_follow_close(vd_follow_t *self, int timeout_ms)
{
    int64_t deadline_us = vd_client_deadline_us(timeout_ms);
    vd_follow_come_back(self);
    vd_reception_stop(self->reception, vd_client_now(), vd_engine_effects(&self->engine));
    vd_engine_carry_out(&self->engine);
    vd_status_t status = VD_OK;
    if (self->items != NULL)
        status = wait_for(self, is_idle, deadline_us);
    if (status == VD_TIMED_OUT)
        return vd_client_fail(self->client, status,
                              "items are still out; close again when they are done");
    int rest_ms = vd_client_rest_ms(deadline_us);
    vd_status_t kept = vd_follow_keep_now(self, rest_ms);
    return status != VD_OK ? status : kept;
}

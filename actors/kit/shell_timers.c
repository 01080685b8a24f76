/* shell_timers.c: the timers of all cores on one descriptor of the loop. */
#include "kit/shell_parts.h"

#include <assert.h>
#include <sys/timerfd.h>
#include <unistd.h>

static void arm(vd_shell_t *self, int64_t at_us)
{
    if (at_us == self->armed_us)
        return;
    self->armed_us = at_us;
    struct itimerspec spec = {0};
    if (at_us != NEVER_US) {
        int64_t us = at_us > 0 ? at_us : 1; /* zero would disarm */
        spec.it_value.tv_sec = us / 1000000;
        spec.it_value.tv_nsec = us % 1000000 * 1000;
    }
    int rc = timerfd_settime(self->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
    assert(rc == 0);
}

void vd_shell_timer_set(vd_shell_core_t *core, uint32_t id, int64_t at_us)
{
    assert(id < VD_TIMERS_MAX);
    core->due_us[id] = at_us < 0 ? NEVER_US : at_us;
    if (core->due_us[id] >= core->next_us)
        return;
    core->next_us = at_us;
    if (at_us < core->shell->armed_us)
        arm(core->shell, at_us);
}

/* Fires what is due at `now_us`, earliest first, each timer once. */
static void fire_timers(vd_shell_t *self, vd_shell_core_t *core, int64_t now_us)
{
    uint64_t fired = 0;
    while (!core->exited) {
        uint32_t first = VD_TIMERS_MAX;
        for (uint32_t id = 0; id < VD_TIMERS_MAX; id++)
            if (core->due_us[id] <= now_us && !(fired >> id & 1) &&
                (first == VD_TIMERS_MAX || core->due_us[id] < core->due_us[first]))
                first = id;
        if (first == VD_TIMERS_MAX)
            break;
        fired |= UINT64_C(1) << first;
        core->due_us[first] = NEVER_US;
        vd_input_t input = {.kind = VD_INPUT_TIMER, .id = first};
        vd_shell_input(self, core->handle, &input);
    }
    core->next_us = NEVER_US;
    for (uint32_t id = 0; id < VD_TIMERS_MAX && !core->exited; id++)
        if (core->due_us[id] < core->next_us)
            core->next_us = core->due_us[id];
}

static int on_timer(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    (void)loop;
    vd_shell_t *self = arg;
    uint64_t expirations;
    if (read(item->fd, &expirations, sizeof expirations) < 0) {
        /* Re-armed since it became readable: the new time will come. */
    }
    int64_t now_us = vd_shell_now().mono_us;
    for (int at = 0; at < self->core_count; at++)
        if (self->cores[at]->next_us <= now_us)
            fire_timers(self, self->cores[at], now_us);
    vd_shell_take_found(self);
    int rc = 0;
    if (self->wake) {
        self->wake = false;
        rc = self->spec.settle(self->spec.settle_arg);
    }
    int64_t next_us = self->wake || self->used ? 0 : NEVER_US;
    for (int at = 0; at < self->core_count; at++)
        if (self->cores[at]->next_us < next_us)
            next_us = self->cores[at]->next_us;
    self->armed_us = -1; /* it has fired: arm in any case */
    arm(self, next_us);
    return rc;
}

void vd_shell_hurry(vd_shell_t *self)
{
    arm(self, 0);
}

void vd_shell_wake(vd_shell_t *self)
{
    self->wake = true;
    vd_shell_hurry(self);
}

bool vd_shell_timers_begin(vd_shell_t *self)
{
    self->armed_us = NEVER_US;
    self->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    zmq_pollitem_t item = {.fd = self->timer_fd, .events = ZMQ_POLLIN};
    return self->timer_fd >= 0 && zloop_poller(self->spec.loop, &item, on_timer, self) == 0;
}

void vd_shell_timers_end(vd_shell_t *self)
{
    if (self->timer_fd < 0)
        return;
    zmq_pollitem_t item = {.fd = self->timer_fd, .events = ZMQ_POLLIN};
    zloop_poller_end(self->spec.loop, &item);
    close(self->timer_fd);
    self->timer_fd = -1;
}

/* membership.c: the membership core: when actors, sets and layouts are looked at, and the feed. */
#include "membership.h"

#include "membership_parts.h"

#include <assert.h>
#include <stdlib.h>

enum { TIMER_LOOK = 1 };
enum { HISTORY_BYTES = 524288, ITEM_BYTES_MAX = 65536, ROWS_BYTES_MAX = 16384 };

static bool allocate(vd_membership_t *self)
{
    self->members = calloc(VD_ACTORS_MAX, sizeof *self->members);
    self->providers = calloc(VD_PROVIDERS_MAX, sizeof *self->providers);
    self->layout = calloc(VD_SOURCES_MAX, sizeof *self->layout);
    self->pollers = calloc(VD_ACTORS_MAX, sizeof *self->pollers);
    self->poller_members = calloc(VD_ACTORS_MAX, sizeof *self->poller_members);
    self->assignment = vd_assignment_new(VD_SOURCES_MAX);
    vd_buffer_init(&self->scratch, VD_MEMBERSHIP_BYTES_MAX);
    vd_buffer_init(&self->rows, ROWS_BYTES_MAX);
    vd_buffer_init(&self->item, ITEM_BYTES_MAX);
    return self->members != NULL && self->providers != NULL && self->layout != NULL &&
           self->pollers != NULL && self->poller_members != NULL && self->assignment != NULL &&
           vd_source_table_init(&self->sources, VD_SOURCES_MAX, VD_SOURCES_BYTES_MAX) &&
           vd_feed_publisher_init(&self->feed, "membership", self->inc, VD_MEMBERSHIP_PUB,
                                  VD_FEED_HISTORY_ITEMS_MAX, HISTORY_BYTES);
}

vd_membership_t *vd_membership_new(const vd_membership_config_t *config)
{
    assert(config != NULL && config->name != NULL && config->inc != 0);
    vd_membership_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->inc = config->inc;
    self->seed = config->seed;
    self->first = config->first;
    if (allocate(self) && vd_members_add_own(self, config))
        return self;
    vd_membership_destroy(&self);
    return NULL;
}

void vd_membership_destroy(vd_membership_t **self_pointer)
{
    assert(self_pointer != NULL);
    vd_membership_t *self = *self_pointer;
    if (self == NULL)
        return;
    vd_feed_publisher_free(&self->feed);
    vd_source_table_free(&self->sources);
    vd_assignment_destroy(&self->assignment);
    vd_buffer_free(&self->scratch);
    vd_buffer_free(&self->rows);
    vd_buffer_free(&self->item);
    free(self->members);
    free(self->providers);
    free(self->layout);
    free(self->pollers);
    free(self->poller_members);
    free(self);
    *self_pointer = NULL;
}

typedef struct vd_snapshot_call {
    vd_membership_t *self;
    vd_now_t now;
} vd_snapshot_call_t;

static void write_snapshot(void *arg, vd_buffer_t *out)
{
    vd_snapshot_call_t *call = arg;
    vd_tell_snapshot(call->self, call->now, out);
}

static void take_message(vd_membership_t *self, vd_now_t now, const vd_input_t *input,
                         vd_effects_t *effects)
{
    vd_snapshot_call_t call = {self, now};
    switch (input->message->id) {
    case VD_MESSAGE_REGISTER:
        vd_members_register(self, now, input, effects);
        break;
    case VD_MESSAGE_LEAVE:
        vd_members_leave(self, now, input, effects);
        break;
    case VD_MESSAGE_DIED:
        vd_members_died(self, now, input, effects);
        break;
    case VD_MESSAGE_ANNOUNCE:
        vd_announce(self, now, input, effects);
        break;
    default:
        if (!vd_feed_answer(&self->feed, input, effects, write_snapshot, &call, &self->scratch))
            vd_effects_reply_error(
                effects, input, VD_UNSUPPORTED,
                "the broker takes no such message, or has no such feed; its feed "
                "is membership");
        break;
    }
}

/* When the first lease after the start is over, silence begins to count. */
static void look_at_start(vd_membership_t *self, vd_now_t now, vd_effects_t *effects)
{
    if (self->complete || now.mono_us - self->started_us < (int64_t)VD_LEASE_MS * 1000)
        return;
    self->complete = true;
    self->feed.complete = true;
    self->layout_due = true;
    vd_effects_log(effects, VD_INFO, "the membership is complete: %u actors, %u sources",
                   self->member_count, self->sources.live);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* What every step ends with: overdue leases, the layout, the telling, and when to look again. */
static void look(vd_membership_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(self->started);
    int64_t next_us = INT64_MAX;
    int64_t settle_ms = self->first ? 0 : VD_MEMBERSHIP_SETTLE_MS;
    int64_t settled_us = self->started_us + settle_ms * 1000;
    look_at_start(self, now, effects);
    if (!self->complete)
        next_us = self->started_us + (int64_t)VD_LEASE_MS * 1000;
    next_us = earlier(next_us, vd_members_lapse(self, now, effects));
    if (self->layout_due && now.mono_us < settled_us)
        next_us = earlier(next_us, settled_us);
    else if (self->layout_due)
        vd_members_layout(self);
    if (!vd_tell_changes(self, now, effects))
        next_us = now.mono_us;
    if (next_us == INT64_MAX)
        vd_effects_timer_clear(effects, TIMER_LOOK);
    else
        vd_effects_timer(effects, TIMER_LOOK, next_us);
}

void vd_membership_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    vd_membership_t *self = state;
    assert(self != NULL && input != NULL && effects != NULL);
    switch (input->kind) {
    case VD_INPUT_START:
        self->started = true;
        self->started_us = now.mono_us;
        self->feed.complete = false;
        break;
    case VD_INPUT_MESSAGE:
        assert(input->port == VD_MEMBERSHIP_CONTROL);
        take_message(self, now, input, effects);
        break;
    case VD_INPUT_STOP:
        vd_effects_exit(effects, VD_OK, "stopped");
        return;
    case VD_INPUT_TIMER:
    case VD_INPUT_DONE:
        break;
    }
    look(self, now, effects);
}

uint32_t vd_membership_actors(const vd_membership_t *self)
{
    return self->member_count;
}

uint32_t vd_membership_sources(const vd_membership_t *self)
{
    return self->sources.live;
}

bool vd_membership_complete(const vd_membership_t *self)
{
    return self->complete;
}

/* members.c: actors, their leases and their ends; sources laid out over the pollers among them. */
#include "membership_parts.h"

#include "core/hash.h"
#include "wire/run.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define MEMBER_OVERHEAD_BYTES   96
#define ENDPOINT_OVERHEAD_BYTES 24
#define REMOVALS_PER_STEP_MAX   64

static vd_member_t *find(vd_membership_t *self, vd_str_t name)
{
    for (uint32_t i = 0; i < VD_ACTORS_MAX; i++)
        if (self->members[i].used && vd_str_is(name, self->members[i].name))
            return &self->members[i];
    return NULL;
}

static bool is_poller(const vd_member_t *member)
{
    return strcmp(member->kind, "poller") == 0;
}

static void remember_dead(vd_membership_t *self, vd_str_t name, uint64_t inc, uint64_t pid,
                          vd_now_t now)
{
    vd_dead_t *dead = &self->dead[self->dead_at];
    self->dead_at = (self->dead_at + 1) % VD_DEAD_MAX;
    bool copied = vd_str_copy(dead->name, sizeof dead->name, name);
    assert(copied);
    dead->inc = inc;
    dead->pid = pid;
    dead->at_us = now.mono_us;
}

static bool is_dead(const vd_membership_t *self, const vd_register_actor_body_t *body, vd_now_t now)
{
    for (uint32_t i = 0; i < VD_DEAD_MAX; i++) {
        const vd_dead_t *dead = &self->dead[i];
        if (dead->name[0] == 0 || !vd_str_is(body->name, dead->name))
            continue;
        if (dead->inc != 0 && dead->inc == body->inc)
            return true;
        /* Only its process id is known, which the system may give out again later. */
        bool fresh = now.mono_us - dead->at_us < (int64_t)VD_LEASE_MS * 1000;
        if (dead->inc == 0 && dead->pid == body->pid && fresh)
            return true;
    }
    return false;
}

/* Reads the rows of endpoints. VD_OK, or why they are refused. */
static vd_status_t read_endpoints(vd_bytes_t rows, vd_member_t *member)
{
    member->endpoint_count = 0;
    member->bytes = MEMBER_OVERHEAD_BYTES;
    vd_endpoint_record_t row;
    vd_status_t status;
    while ((status = vd_rows_next(&rows, VD_RECORD_endpoint, &row)) == VD_OK) {
        if (member->endpoint_count == VD_ENDPOINTS_PER_ACTOR_MAX)
            return VD_TOO_LARGE;
        vd_member_endpoint_t *endpoint = &member->endpoints[member->endpoint_count++];
        if (!vd_str_copy(endpoint->port, sizeof endpoint->port, row.port) ||
            !vd_str_copy(endpoint->endpoint, sizeof endpoint->endpoint, row.endpoint))
            return VD_TOO_LARGE;
        member->bytes += (uint32_t)(ENDPOINT_OVERHEAD_BYTES + row.port.size + row.endpoint.size);
    }
    return status == VD_NOT_FOUND ? VD_OK : status;
}

static bool same_endpoints(const vd_member_t *a, const vd_member_t *b)
{
    if (a->endpoint_count != b->endpoint_count)
        return false;
    for (uint32_t i = 0; i < a->endpoint_count; i++)
        if (strcmp(a->endpoints[i].port, b->endpoints[i].port) != 0 ||
            strcmp(a->endpoints[i].endpoint, b->endpoints[i].endpoint) != 0)
            return false;
    return true;
}

static void release_sources(vd_membership_t *self, const vd_member_t *member)
{
    int32_t place = (int32_t)(member - self->members);
    for (uint32_t i = 0; i < self->sources.high; i++) {
        vd_source_t *source = &self->sources.slots[i];
        if (source->use != VD_SOURCE_LIVE || source->poller != place)
            continue;
        source->poller = VD_POLLER_NONE;
        vd_mark_source_dirty(self, source);
    }
    self->layout_due = true;
}

static void remove_member(vd_membership_t *self, vd_member_t *member, const char *reason,
                          vd_effects_t *effects)
{
    assert(member->used && !member->own && self->member_count > 0);
    vd_tell_member_gone(self, member, reason, effects);
    if (is_poller(member))
        release_sources(self, member);
    if (strcmp(member->kind, "provider") == 0)
        vd_announce_provider_ended(self, member->name, reason);
    self->member_bytes -= member->bytes;
    self->member_count--;
    member->used = false;
}

static vd_member_t *free_place(vd_membership_t *self)
{
    for (uint32_t i = 0; i < VD_ACTORS_MAX; i++)
        if (!self->members[i].used)
            return &self->members[i];
    return NULL;
}

bool vd_members_add_own(vd_membership_t *self, const vd_membership_config_t *config)
{
    vd_member_t *member = free_place(self);
    assert(member != NULL && self->member_count == 0);
    *member = (vd_member_t){.used = true,
                            .own = true,
                            .dirty = true,
                            .inc = config->inc,
                            .pid = config->pid,
                            .deadline_us = INT64_MAX,
                            .bytes = 1024,
                            .endpoint_count = 2};
    self->member_count = 1;
    self->member_bytes = member->bytes;
    const char *names[] = {"control", "membership"};
    const char *endpoints[] = {config->control_endpoint, config->membership_endpoint};
    bool fits = vd_str_copy(member->name, sizeof member->name, vd_str(config->name)) &&
                vd_str_copy(member->kind, sizeof member->kind, vd_str("broker"));
    for (int i = 0; i < 2; i++) {
        vd_member_endpoint_t *to = &member->endpoints[i];
        fits = fits && vd_str_copy(to->port, sizeof to->port, vd_str(names[i])) &&
               vd_str_copy(to->endpoint, sizeof to->endpoint, vd_str(endpoints[i]));
    }
    return fits;
}

/* Puts `next`, whose strings are checked, into `member`'s place (NULL: a free one). */
static vd_status_t take(vd_membership_t *self, vd_member_t *member, const vd_member_t *next)
{
    bool poller = is_poller(next);
    if (poller &&
        vd_source_table_poller_name(&self->sources, (uint32_t)strlen(next->name)) != VD_OK)
        return VD_OVERLOADED;
    uint32_t before = member != NULL ? member->bytes : 0;
    if (self->member_bytes - before + next->bytes > VD_MEMBERS_BYTES_MAX)
        return VD_OVERLOADED;
    if (member == NULL) {
        member = free_place(self);
        if (member == NULL)
            return VD_OVERLOADED;
        self->member_count++;
        self->layout_due = self->layout_due || poller;
    } else if (is_poller(member) != poller) {
        release_sources(self, member);
    }
    self->member_bytes += next->bytes - before;
    *member = *next;
    return VD_OK;
}

/* Renews what is known; takes in what is new. VD_OK or why not. */
static vd_status_t enter(vd_membership_t *self, vd_member_t *member, vd_member_t *next)
{
    bool known = member != NULL && member->inc == next->inc;
    if (known && same_endpoints(member, next) && strcmp(member->kind, next->kind) == 0) {
        member->deadline_us = next->deadline_us;
        if (member->suspect) {
            member->suspect = false;
            member->dirty = true;
            self->layout_due = self->layout_due || is_poller(member);
        }
        return VD_OK;
    }
    /* A suspect poller that another incarnation replaces may be given sources again. */
    self->layout_due = self->layout_due || is_poller(next);
    return take(self, member, next);
}

static void refuse(const vd_input_t *input, vd_effects_t *effects, vd_status_t status,
                   const char *why)
{
    vd_str_t name = input->message->register_actor.name;
    vd_effects_reply_error(effects, input, status, "actor %.*s is not registered: %s",
                           (int)name.size, (const char *)name.data, why);
}

void vd_members_register(vd_membership_t *self, vd_now_t now, const vd_input_t *input,
                         vd_effects_t *effects)
{
    const vd_register_actor_body_t *body = &input->message->register_actor;
    assert(input->message->id == VD_MESSAGE_REGISTER);
    if (!vd_name_valid(body->name) || !vd_name_valid(body->kind) || body->inc == 0) {
        refuse(input, effects, VD_MALFORMED, "name or kind is not a name, or the incarnation is 0");
        return;
    }
    vd_member_t *member = find(self, body->name);
    if (member != NULL && member->own) {
        refuse(input, effects, VD_EXISTS, "that is the name of the broker itself");
        return;
    }
    if (is_dead(self, body, now)) {
        refuse(input, effects, VD_CANCELLED, "the end of this incarnation was told");
        return;
    }
    vd_member_t next = {.used = true,
                        .dirty = true,
                        .inc = body->inc,
                        .pid = body->pid,
                        .deadline_us = now.mono_us + (int64_t)VD_LEASE_MS * 1000};
    vd_status_t status = read_endpoints(body->endpoints, &next);
    bool fits = vd_str_copy(next.name, sizeof next.name, body->name) &&
                vd_str_copy(next.kind, sizeof next.kind, body->kind);
    if (status != VD_OK || !fits) {
        refuse(input, effects, status != VD_OK ? status : VD_TOO_LARGE,
               "its endpoints are not valid");
        return;
    }
    next.bytes += (uint32_t)(body->name.size + body->kind.size);
    if (enter(self, member, &next) != VD_OK) {
        refuse(input, effects, VD_OVERLOADED, "the membership is full; stop other actors first");
        return;
    }
    vd_message_t answer = {.id = VD_MESSAGE_REGISTERED,
                           .registered = {.inc = self->inc, .lease_ms = VD_LEASE_MS}};
    vd_effects_reply(effects, input, &answer);
}

void vd_members_leave(vd_membership_t *self, vd_now_t now, const vd_input_t *input,
                      vd_effects_t *effects)
{
    const vd_leave_body_t *body = &input->message->leave;
    assert(input->message->id == VD_MESSAGE_LEAVE);
    vd_member_t *member = find(self, body->name);
    if (member == NULL || member->own || member->inc != body->inc)
        return;
    remember_dead(self, body->name, body->inc, member->pid, now);
    remove_member(self, member, "left", effects);
}

void vd_members_died(vd_membership_t *self, vd_now_t now, const vd_input_t *input,
                     vd_effects_t *effects)
{
    const vd_died_body_t *body = &input->message->died;
    assert(input->message->id == VD_MESSAGE_DIED);
    vd_member_t *member = find(self, body->name);
    if (member != NULL && !member->own && member->pid == body->pid) {
        remember_dead(self, body->name, member->inc, body->pid, now);
        remove_member(self, member, "died", effects);
    } else if ((member == NULL || !member->own) && vd_name_valid(body->name)) {
        /* Of a life that has not registered: its REGISTER may still be on its way. */
        remember_dead(self, body->name, 0, body->pid, now);
    }
    vd_message_t answer = {.id = VD_MESSAGE_DONE};
    vd_effects_reply(effects, input, &answer);
}

int64_t vd_members_lapse(vd_membership_t *self, vd_now_t now, vd_effects_t *effects)
{
    int64_t next_us = INT64_MAX;
    uint32_t removed = 0;
    for (uint32_t i = 0; i < VD_ACTORS_MAX; i++) {
        vd_member_t *member = &self->members[i];
        if (!member->used || member->own)
            continue;
        if (member->deadline_us <= now.mono_us && !member->suspect) {
            member->suspect = true;
            member->dirty = true;
            member->deadline_us = now.mono_us + (int64_t)VD_MEMBERSHIP_SUSPECT_REMOVE_MS * 1000;
            vd_effects_log(effects, VD_WARN,
                           "%s (%s, pid %" PRIu64 ") is suspect: its lease has lapsed",
                           member->name, member->kind, member->pid);
        } else if (member->deadline_us <= now.mono_us && removed < REMOVALS_PER_STEP_MAX) {
            remove_member(self, member, "silent", effects);
            removed++;
            continue;
        }
        if (member->deadline_us < next_us)
            next_us = member->deadline_us;
    }
    return next_us;
}

/* Lists the pollers; members without a place among them get VD_POLLER_NONE in `places`. */
static uint32_t list_pollers(vd_membership_t *self, int32_t *places)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < VD_ACTORS_MAX; i++) {
        const vd_member_t *member = &self->members[i];
        places[i] = VD_POLLER_NONE;
        if (!member->used || !is_poller(member))
            continue;
        self->pollers[count] = (vd_assign_poller_t){.hash = vd_hash(1, vd_str(member->name)),
                                                    .open = !member->suspect};
        self->poller_members[count] = (int32_t)i;
        places[i] = (int32_t)count++;
    }
    return count;
}

void vd_members_layout(vd_membership_t *self)
{
    static_assert(VD_ACTORS_MAX <= 4096, "places are on the stack");
    int32_t places[VD_ACTORS_MAX];
    uint32_t poller_count = list_pollers(self, places);
    uint32_t count = 0;
    for (uint32_t i = 0; i < self->sources.high; i++) {
        const vd_source_t *source = &self->sources.slots[i];
        if (source->use != VD_SOURCE_LIVE)
            continue;
        int32_t poller = source->poller == VD_POLLER_NONE ? VD_POLLER_NONE : places[source->poller];
        self->layout[count++] = (vd_assign_source_t){source->hash, poller, i};
    }
    assert(count == self->sources.live);
    vd_assign(self->assignment, self->layout, count, self->pollers, poller_count,
              self->complete || self->first);
    for (uint32_t i = 0; i < count; i++) {
        vd_source_t *source = &self->sources.slots[self->layout[i].id];
        int32_t place = self->layout[i].poller;
        int32_t member = place == VD_POLLER_NONE ? VD_MEMBER_NONE : self->poller_members[place];
        if (source->poller == member)
            continue;
        source->poller = member;
        vd_mark_source_dirty(self, source);
    }
    self->layout_due = false;
}

/* rules.c: checks on leases, the numbers of feeds, restarts, memory. */
#include "whole.h"

#include "broker/membership_parts.h"
#include "observers/host/host_state.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum { HEARD = 64, FEEDS_SEEN = 256, LOOK_US = 250000, SLACK_US = 800000, THAWED_US = 8000000 };

/* When the broker heard somebody last. */
typedef struct heard {
    char name[VD_NAME_BYTES_MAX + 1];
    uint64_t inc;
    int64_t at_us;
} heard_t;

typedef struct numbered {
    const void *node;
    uint64_t life;
    char topic[VD_FEED_BYTES_MAX + 1];
    uint64_t n;
} numbered_t;

/* A death that the broker was told of. */
typedef struct told {
    char name[VD_NAME_BYTES_MAX + 1];
    uint64_t pid;
} told_t;

struct vd_rules {
    heard_t heard[HEARD];
    told_t told[HEARD];
    uint32_t told_at;
    numbered_t feeds[FEEDS_SEEN];
    uint32_t feed_at;
    int64_t disturbed_us; /* when the broker was frozen, or began, last */
    uint64_t broker_life;
    uint64_t forged_steps; /* the step that takes what was forged */
};

/* ---- leases ---- */

static heard_t *heard_of(vd_rules_t *self, vd_str_t name, uint64_t inc)
{
    heard_t *oldest = &self->heard[0];
    for (int i = 0; i < HEARD; i++) {
        heard_t *heard = &self->heard[i];
        if (heard->inc == inc && vd_str_is(name, heard->name))
            return heard;
        if (heard->at_us < oldest->at_us)
            oldest = heard;
    }
    *oldest = (heard_t){.inc = inc};
    vd_str_copy(oldest->name, sizeof oldest->name, name);
    return oldest;
}

static void look_at_member(vd_whole_t *self, const vd_member_t *member)
{
    for (int i = 0; i < HEARD; i++)
        if (self->rules->told[i].pid == member->pid && member->pid != 0 &&
            strcmp(self->rules->told[i].name, member->name) == 0)
            vd_whole_fail(self, "[deaths are final] the broker was told that %s is dead and has it",
                          member->name);
    int64_t now_us = vd_whole_now_us(self);
    const heard_t *heard = heard_of(self->rules, vd_str(member->name), member->inc);
    int64_t silent_us = now_us - heard->at_us;
    if (member->suspect && silent_us < VD_LEASE_MS * INT64_C(1000))
        vd_whole_fail(self, "[lease] %s is suspect and was heard %.3f s ago", member->name,
                      (double)silent_us / 1000000);
    if (!member->suspect && silent_us > VD_LEASE_MS * INT64_C(1000) + SLACK_US)
        vd_whole_fail(self, "[lease] %s is not suspect and was not heard for %.3f s", member->name,
                      (double)silent_us / 1000000);
    int64_t gone_us = (VD_LEASE_MS + VD_MEMBERSHIP_SUSPECT_REMOVE_MS) * INT64_C(1000) + SLACK_US;
    if (silent_us > gone_us)
        vd_whole_fail(self, "[lease] %s is still there, %.3f s after it was heard last",
                      member->name, (double)silent_us / 1000000);
}

/* Notes which sources the broker of this life has known, and which it has declared to be none without
 * ever having heard of them. */
static void look_at_sources(vd_whole_t *self, const vd_membership_t *broker)
{
    uint64_t life = vd_process_life(self->broker);
    for (uint32_t i = 0; i < WHOLE_SOURCES; i++) {
        vd_model_source_t *source = &self->sources[i];
        if (vd_source_table_find(&broker->sources, vd_str(source->name)) != VD_SOURCE_NONE)
            source->known_life = life;
        else if (broker->complete && source->exists && source->known_life != life)
            source->unheard_life = life;
    }
}

static void look(vd_world_t *world, void *arg, uint64_t number)
{
    vd_whole_t *self = arg;
    vd_rules_t *rules = self->rules;
    (void)number;
    int64_t now_us = vd_whole_now_us(self);
    vd_world_later(world, LOOK_US, NULL, look, self, 0);
    bool other = rules->broker_life != vd_process_life(self->broker);
    if (!vd_process_is_up(self->broker) || vd_process_is_frozen(self->broker) || other)
        rules->disturbed_us = now_us;
    if (other) /* what its earlier life was told it does not know */
        memset(rules->told, 0, sizeof rules->told);
    rules->broker_life = vd_process_life(self->broker);
    if (vd_node_is_up(self->broker_node))
        look_at_sources(self, vd_node_state(self->broker_node));
    if (now_us - rules->disturbed_us < THAWED_US)
        return;
    const vd_membership_t *broker = vd_node_state(self->broker_node);
    for (uint32_t i = 0; i < VD_ACTORS_MAX; i++)
        if (broker->members[i].used && !broker->members[i].own)
            look_at_member(self, &broker->members[i]);
}

/* Nobody who lives and was heard is told to be gone. */
static void check_gone(vd_whole_t *self, vd_bytes_t payload)
{
    vd_value_t map;
    char name[VD_NAME_BYTES_MAX + 1];
    if (!vd_value_of(payload, &map) || !vd_str_is(vd_value_get_str(&map, "op"), "actor_gone"))
        return;
    vd_str_copy(name, sizeof name, vd_value_get_str(&map, "name"));
    uint64_t inc = vd_value_get_u64(&map, "inc", 0);
    const vd_process_t *process = vd_whole_process(self, name);
    if (process == NULL || !vd_process_is_ready(process) || vd_process_inc(process) != inc)
        return;
    const heard_t *heard = heard_of(self->rules, vd_str(name), inc);
    if (vd_whole_now_us(self) - heard->at_us < VD_LEASE_MS * INT64_C(1000))
        vd_whole_fail(self, "[lease] the broker says that %s is gone, which lives and was heard",
                      name);
}

/* ---- numbers of feeds ---- */

static void check_number(vd_whole_t *self, vd_node_t *node, const char *topic, uint64_t n)
{
    vd_rules_t *rules = self->rules;
    for (int i = 0; i < FEEDS_SEEN; i++) {
        numbered_t *feed = &rules->feeds[i];
        if (feed->node != node || feed->life != vd_node_life(node) ||
            strcmp(feed->topic, topic) != 0)
            continue;
        /* A read that begins anew goes on from the highest number of all. */
        if (n != feed->n + 1 && (n <= feed->n || strncmp(topic, "sample/", 7) != 0))
            vd_whole_fail(self, "[feed order] %s publishes item %" PRIu64 " of %s after %" PRIu64,
                          vd_node_name(node), n, topic, feed->n);
        feed->n = n;
        return;
    }
    numbered_t *feed = &rules->feeds[rules->feed_at++ % FEEDS_SEEN];
    *feed = (numbered_t){.node = node, .life = vd_node_life(node), .n = n};
    snprintf(feed->topic, sizeof feed->topic, "%s", topic);
}

static void note_control(vd_whole_t *self, const vd_message_t *message)
{
    for (uint32_t i = 0; i < self->child_count; i++)
        if (vd_str_is(message->control.actor, vd_process_name(self->children[i].process)))
            self->children[i].by_hand = true;
}

void vd_rules_heard(vd_whole_t *self, vd_node_t *node, bool arrives, uint16_t port,
                    const char *topic, const vd_message_t *message)
{
    if (arrives && node == self->broker_node && message->id == VD_MESSAGE_REGISTER)
        heard_of(self->rules, message->register_actor.name, message->register_actor.inc)->at_us =
            vd_whole_now_us(self);
    if (arrives && node == self->broker_node && message->id == VD_MESSAGE_DIED) {
        told_t *told = &self->rules->told[self->rules->told_at++ % HEARD];
        vd_str_copy(told->name, sizeof told->name, message->died.name);
        told->pid = message->died.pid;
    }
    if (arrives && node == self->supervisor_node && message->id == VD_MESSAGE_CONTROL)
        note_control(self, message);
    bool forged = strcmp(topic, VD_MODEL_FORGER) == 0;
    /* Its correlation is the life of the ingestor that it was sent to. */
    if (forged && arrives && message->correlation == vd_node_life(node))
        self->rules->forged_steps = vd_world_steps(self->world) + 1;
    if (forged && !arrives && message->id == VD_MESSAGE_COMMITTED &&
        self->rules->forged_steps == vd_world_steps(self->world))
        vd_whole_fail(self, "[number reused] other bytes under a number are acknowledged");
    if (arrives || message->id != VD_MESSAGE_ITEM)
        return;
    if (topic[0] != 0)
        check_number(self, node, topic, message->item.n);
    if (node == self->broker_node && port == VD_MEMBERSHIP_PUB)
        check_gone(self, message->payload);
}

/* ---- restarts (child.h laws 4 and 5) ---- */

static int64_t backoff_us(const vd_child_policy_t *policy, uint32_t level)
{
    int64_t delay_us = policy->backoff_min_us;
    if (level == 0)
        return 0;
    while (--level > 0 && delay_us < policy->backoff_max_us)
        delay_us *= 2;
    return delay_us < policy->backoff_max_us ? delay_us : policy->backoff_max_us;
}

void vd_rules_spawned(vd_whole_t *self, vd_model_child_t *child)
{
    const vd_child_policy_t *policy = &self->setup.policy;
    int64_t now_us = vd_whole_now_us(self);
    const char *name = vd_process_name(child->process);
    child->spawns++;
    if (child->by_hand) {
        child->by_hand = child->asked = false;
        child->level = child->death_count = 0;
        return;
    }
    child->asked = false;
    if (self->supervisor_slept) /* it sees deaths and readiness at other times than the world */
        return;
    uint32_t early = 0;
    for (uint32_t i = 0; i < child->death_count; i++)
        early += now_us - child->deaths[i] < policy->intensity_window_us;
    if (early > policy->intensity_restarts)
        vd_whole_fail(self, "[never spins] %s is started again after %u early deaths", name, early);
    if (now_us < child->not_before_us)
        vd_whole_fail(self, "[never spins] %s is started again %.3f s too early", name,
                      (double)(child->not_before_us - now_us) / 1000000);
}

void vd_rules_died(vd_whole_t *self, vd_model_child_t *child, int64_t ready_us)
{
    const vd_child_policy_t *policy = &self->setup.policy;
    int64_t now_us = vd_whole_now_us(self);
    bool lived = ready_us >= 0;
    if (!vd_node_is_up(self->supervisor_node) || child->asked || child->by_hand)
        return;
    /* What it knows of readiness and death is a few milliseconds older than the world. */
    int64_t age_us = lived ? now_us - ready_us : 0;
    if (lived && age_us >= policy->backoff_reset_us - SLACK_US)
        child->level = 0;
    bool early = !lived || age_us < policy->early_us - SLACK_US;
    child->not_before_us = now_us + backoff_us(policy, child->level);
    if (!early)
        return;
    child->level++;
    if (child->death_count == WHOLE_DEATHS)
        memmove(child->deaths, child->deaths + 1, --child->death_count * sizeof child->deaths[0]);
    child->deaths[child->death_count++] = now_us;
}

/* ---- bounds, and the end ---- */

/* What a core may hold: its tables, and what the limits let it keep. By the beginning of its name. */
static const struct {
    const char *name, *core;
    int64_t bytes_max;
} bounds[] = {
    {"ingestor", "sequencer", 160 << 20}, /* reserved; touched as it is used */
    {"ingestor", "", 8 << 20},
    {"broker", "", 12 << 20},
    {"supervisor", "", 6 << 20},
    {"alpha", "", 8 << 20},
    {"beta", "", 8 << 20},
    {"node", "", 6 << 20},
    {"poller", "", 1 << 19},
    {"relay", "", 12 << 20},
    {"auditor", "", 6 << 20},
    {"", "", 4 << 20},
};

/* A poller that is not wanted any more is forgotten: one that is wanted later begins anew. */
static void forget_children(vd_whole_t *self)
{
    for (uint32_t i = 0; i < self->child_count; i++) {
        vd_model_child_t *child = &self->children[i];
        if (child->death_count > 0 &&
            vd_runtime_held(self, vd_process_name(child->process)) == NULL)
            child->level = child->death_count = 0;
    }
}

void vd_rules_stepped(vd_whole_t *self, vd_node_t *node)
{
    if (node == self->supervisor_node && vd_node_is_up(node))
        forget_children(self);
    const char *name = vd_node_name(node), *core = vd_node_core(node);
    int at = 0;
    while (strncmp(name, bounds[at].name, strlen(bounds[at].name)) != 0 ||
           strncmp(core, bounds[at].core, strlen(bounds[at].core)) != 0)
        at++;
    if (vd_node_bytes(node) > bounds[at].bytes_max)
        vd_whole_fail(self, "[bounds] %s %s holds %lld bytes", name, core,
                      (long long)vd_node_bytes(node));
}

void vd_rules_add(vd_whole_t *self)
{
    self->rules = calloc(1, sizeof *self->rules);
    assert(self->rules != NULL);
    vd_world_later(self->world, LOOK_US, NULL, look, self, 0);
}

void vd_rules_free(vd_whole_t *self)
{
    free(self->rules);
    self->rules = NULL;
}

/* Has it died early of late? Then it stays, needed or not (supervisor.h law 4). */
static bool is_unsettled(const vd_whole_t *self, const vd_process_t *process)
{
    for (uint32_t i = 0; i < self->child_count; i++)
        if (self->children[i].process == process)
            return self->children[i].level > 0;
    return false;
}

/* Each poller has its share, and there are as many as are needed. */
static void check_load(vd_whole_t *self, const vd_membership_t *broker)
{
    uint32_t loads[VD_ACTORS_MAX] = {0}, sources = 0, pollers = 0;
    for (uint32_t i = 0; i < broker->sources.high; i++) {
        const vd_source_t *source = &broker->sources.slots[i];
        if (source->use != VD_SOURCE_LIVE)
            continue;
        sources++;
        if (source->poller >= 0)
            loads[source->poller]++;
    }
    uint32_t wanted = sources < 1 ? 1 : sources, spared = 0;
    wanted = wanted > self->setup.pollers_max ? self->setup.pollers_max : wanted;
    for (uint32_t i = 0; i < WHOLE_POLLERS; i++) {
        bool ready = vd_process_is_ready(self->pollers[i].process);
        pollers += ready;
        spared += ready && i >= wanted && is_unsettled(self, self->pollers[i].process);
    }
    if (pollers < wanted || pollers > wanted + spared)
        vd_whole_fail(self, "[share] %u pollers for %u sources, and %u wanted", pollers, sources,
                      wanted);
    for (uint32_t i = 0; i < VD_ACTORS_MAX && pollers > 0; i++)
        if (loads[i] > (sources + pollers - 1) / pollers)
            vd_whole_fail(self, "[share] %s reads %u of %u sources, with %u pollers",
                          broker->members[i].name, loads[i], sources, pollers);
}

static void check_members(vd_whole_t *self, const vd_membership_t *broker)
{
    uint32_t expected = 1;
    for (uint32_t i = 0; i <= self->child_count + 1; i++) {
        const vd_process_t *process = i < self->child_count    ? self->children[i].process
                                      : i == self->child_count ? self->supervisor
                                                               : vd_relay_part_process(self);
        if (process == NULL || process == self->broker || !vd_process_is_ready(process))
            continue;
        expected++;
        bool found = false;
        for (uint32_t m = 0; m < VD_ACTORS_MAX && !found; m++)
            found = broker->members[m].used && !broker->members[m].suspect &&
                    strcmp(broker->members[m].name, vd_process_name(process)) == 0 &&
                    broker->members[m].inc == vd_process_inc(process);
        if (!found)
            vd_whole_fail(self, "[views converge] the broker does not know %s as it lives",
                          vd_process_name(process));
    }
    if (broker->member_count != expected)
        vd_whole_fail(self, "[views converge] the broker knows %u actors, there are %u",
                      broker->member_count, expected);
    for (uint32_t i = 0; i < WHOLE_SOURCES; i++) {
        const vd_model_source_t *source = &self->sources[i];
        uint32_t at = vd_source_table_find(&broker->sources, vd_str(source->name));
        if ((at != VD_SOURCE_NONE) != source->exists)
            vd_whole_fail(self, "[views converge] the broker %s source %s",
                          source->exists ? "does not know" : "still knows", source->name);
    }
    check_load(self, broker);
    if (!broker->complete)
        vd_whole_fail(self, "[comes to rest] the membership is not complete");
}

void vd_rules_finish(vd_whole_t *self)
{
    for (uint32_t i = 0; i < self->child_count; i++) {
        const vd_process_t *process = self->children[i].process;
        const char *name = vd_process_name(process);
        bool poller = strncmp(name, "poller-", 7) == 0;
        if (!poller && !vd_process_is_ready(process))
            vd_whole_fail(self, "[comes to rest] %s is not ready at the end", name);
    }
    if (!vd_process_is_ready(self->supervisor))
        vd_whole_fail(self, "[comes to rest] the supervisor is down at the end");
    else if (vd_node_is_up(self->broker_node))
        check_members(self, vd_node_state(self->broker_node));
}

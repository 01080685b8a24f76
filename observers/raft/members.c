/* members.c: members in order, and what each event does to them. */
#include "members.h"

#include <assert.h>
#include <stdlib.h>

static int compare(const char *name, vd_str_t other)
{
    size_t size = strlen(name), least = size < other.size ? size : other.size;
    int order = least ? memcmp(name, other.data, least) : 0;
    return order ? order : (size > other.size) - (size < other.size);
}

static uint32_t place(const vd_raft_members_t *self, vd_str_t name, bool *found)
{
    uint32_t low = 0, high = self->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare(self->list[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low < self->count && compare(self->list[low].name, name) == 0;
    return low;
}

const vd_raft_member_t *vd_raft_member(const vd_raft_members_t *self, vd_str_t name)
{
    assert(self);
    bool found;
    uint32_t at = place(self, name, &found);
    return found ? &self->list[at] : NULL;
}

uint32_t vd_raft_reachable(const vd_raft_members_t *self)
{
    assert(self);
    uint32_t count = 0;
    for (uint32_t at = 0; at < self->count; at++)
        count += !self->list[at].unreachable;
    return count;
}

uint32_t vd_raft_majority(const vd_raft_members_t *self)
{
    assert(self);
    return self->count / 2 + 1;
}

/* The member, made if need be; NULL for a name that cannot be and without memory. */
static vd_raft_member_t *put(vd_raft_members_t *self, vd_str_t name)
{
    bool found;
    uint32_t at = place(self, name, &found);
    if (found)
        return &self->list[at];
    if (name.size == 0 || name.size > VD_NAME_BYTES_MAX || self->count == VD_SOURCES_MAX)
        return NULL;
    if (self->count == self->room) {
        uint32_t room = self->room ? 2 * self->room : 8;
        vd_raft_member_t *list = realloc(self->list, room * sizeof *list);
        if (!list)
            return NULL;
        self->list = list;
        self->room = room;
    }
    memmove(&self->list[at + 1], &self->list[at], (self->count - at) * sizeof *self->list);
    self->list[at] = (vd_raft_member_t){0};
    vd_str_copy(self->list[at].name, sizeof self->list[at].name, name);
    self->count++;
    return &self->list[at];
}

/* ---- events ---- */

static void take_text(char *out, size_t size, const vd_value_t *data, const char *key)
{
    vd_str_copy(out, size, vd_value_get_str(data, key));
}

static void joined(vd_raft_members_t *self, const vd_value_t *data, vd_str_t ts)
{
    vd_raft_member_t *member = put(self, vd_value_get_str(data, "member"));
    if (!member)
        return;
    member->unreachable = false;
    member->heard_at[0] = 0;
    take_text(member->id, sizeof member->id, data, "id");
    vd_str_copy(member->since, sizeof member->since, ts);
}

static void left(vd_raft_members_t *self, const vd_value_t *data, vd_str_t ts)
{
    bool found;
    uint32_t at = place(self, vd_value_get_str(data, "member"), &found);
    (void)ts;
    if (!found)
        return;
    self->count--;
    memmove(&self->list[at], &self->list[at + 1], (self->count - at) * sizeof *self->list);
}

static void unreachable(vd_raft_members_t *self, const vd_value_t *data, vd_str_t ts)
{
    bool found;
    uint32_t at = place(self, vd_value_get_str(data, "member"), &found);
    if (!found)
        return;
    self->list[at].unreachable = true;
    take_text(self->list[at].heard_at, sizeof self->list[at].heard_at, data, "heard_at");
    vd_str_copy(self->list[at].since, sizeof self->list[at].since, ts);
}

static void recovered(vd_raft_members_t *self, const vd_value_t *data, vd_str_t ts)
{
    bool found;
    uint32_t at = place(self, vd_value_get_str(data, "member"), &found);
    if (!found)
        return;
    self->list[at].unreachable = false;
    self->list[at].heard_at[0] = 0;
    take_text(self->list[at].id, sizeof self->list[at].id, data, "id");
    vd_str_copy(self->list[at].since, sizeof self->list[at].since, ts);
}

static void term_changed(vd_raft_members_t *self, const vd_value_t *data, vd_str_t ts)
{
    (void)ts;
    self->term = vd_value_get_u64(data, "term", self->term);
}

static void elected(vd_raft_members_t *self, const vd_value_t *data, vd_str_t ts)
{
    take_text(self->leader, sizeof self->leader, data, "leader");
    self->leader_term = vd_value_get_u64(data, "term", 0);
    vd_str_copy(self->leader_since, sizeof self->leader_since, ts);
}

static void lost(vd_raft_members_t *self, const vd_value_t *data, vd_str_t ts)
{
    take_text(self->previous, sizeof self->previous, data, "leader");
    self->leader[0] = 0;
    self->leader_term = 0;
    vd_str_copy(self->leader_since, sizeof self->leader_since, ts);
}

static void split(vd_raft_members_t *self, const vd_value_t *data, vd_str_t ts)
{
    (void)data;
    self->split = true;
    vd_str_copy(self->split_since, sizeof self->split_since, ts);
}

static void split_ended(vd_raft_members_t *self, const vd_value_t *data, vd_str_t ts)
{
    (void)data, (void)ts;
    self->split = false;
    self->split_since[0] = 0;
}

void vd_raft_members_apply(vd_raft_members_t *self, const vd_event_t *event)
{
    static const struct {
        const char *type;
        void (*apply)(vd_raft_members_t *self, const vd_value_t *data, vd_str_t ts);
    } effects[] = {
        {"member_joined", joined},           {"member_left", left},
        {"member_unreachable", unreachable}, {"member_recovered", recovered},
        {"term_advanced", term_changed},     {"term_reset", term_changed},
        {"leader_elected", elected},         {"leader_lost", lost},
        {"split_brain_suspected", split},    {"split_brain_ended", split_ended},
    };
    assert(self && event);
    vd_value_t data;
    if (!vd_value_of(event->data, &data) || data.kind != VD_KIND_MAP)
        return;
    for (size_t at = 0; at < sizeof effects / sizeof effects[0]; at++)
        if (vd_str_is(event->type, effects[at].type))
            effects[at].apply(self, &data, event->ts);
}

/* ---- whole states ---- */

bool vd_raft_members_copy(const vd_raft_members_t *self, vd_raft_members_t *copy)
{
    assert(self && copy);
    *copy = *self;
    copy->room = self->count;
    copy->list = self->count ? malloc(self->count * sizeof *self->list) : NULL;
    if (self->count && !copy->list) {
        *copy = (vd_raft_members_t){0};
        return false;
    }
    if (self->count)
        memcpy(copy->list, self->list, self->count * sizeof *self->list);
    return true;
}

void vd_raft_members_save(const vd_raft_members_t *self, vd_buffer_t *out)
{
    assert(self && out);
    vd_write_map(out, 8);
    vd_write_pair_u64(out, "term", self->term);
    vd_write_pair_text(out, "leader", self->leader);
    vd_write_pair_u64(out, "leader_term", self->leader_term);
    vd_write_pair_text(out, "leader_since", self->leader_since);
    vd_write_pair_text(out, "previous", self->previous);
    vd_write_pair_bool(out, "split", self->split);
    vd_write_pair_text(out, "split_since", self->split_since);
    vd_write_text(out, "members");
    vd_write_array(out, self->count);
    for (uint32_t at = 0; at < self->count; at++) {
        const vd_raft_member_t *member = &self->list[at];
        vd_write_map(out, 5);
        vd_write_pair_text(out, "name", member->name);
        vd_write_pair_text(out, "id", member->id);
        vd_write_pair_bool(out, "unreachable", member->unreachable);
        vd_write_pair_text(out, "since", member->since);
        vd_write_pair_text(out, "heard_at", member->heard_at);
    }
}

static bool is_true(const vd_value_t *map, const char *key)
{
    vd_value_t value;
    return vd_value_get(map, key, &value) && value.kind == VD_KIND_BOOL && value.boolean;
}

vd_status_t vd_raft_members_load(vd_raft_members_t *self, vd_bytes_t value)
{
    assert(self && self->count == 0);
    vd_value_t map, list, row;
    if (!vd_value_of(value, &map) || map.kind != VD_KIND_MAP ||
        !vd_value_get(&map, "members", &list) || list.kind != VD_KIND_ARRAY)
        return VD_MALFORMED;
    self->term = vd_value_get_u64(&map, "term", 0);
    self->leader_term = vd_value_get_u64(&map, "leader_term", 0);
    self->split = is_true(&map, "split");
    take_text(self->leader, sizeof self->leader, &map, "leader");
    take_text(self->leader_since, sizeof self->leader_since, &map, "leader_since");
    take_text(self->previous, sizeof self->previous, &map, "previous");
    take_text(self->split_since, sizeof self->split_since, &map, "split_since");
    while (vd_value_next(&list.bytes, &row)) {
        vd_str_t name = row.kind == VD_KIND_MAP ? vd_value_get_str(&row, "name") : vd_str("");
        if (name.size == 0 || name.size > VD_NAME_BYTES_MAX)
            return VD_MALFORMED;
        vd_raft_member_t *member = put(self, name);
        if (!member)
            return VD_NO_MEMORY;
        member->unreachable = is_true(&row, "unreachable");
        take_text(member->id, sizeof member->id, &row, "id");
        take_text(member->since, sizeof member->since, &row, "since");
        take_text(member->heard_at, sizeof member->heard_at, &row, "heard_at");
    }
    return VD_OK;
}

void vd_raft_members_free(vd_raft_members_t *self)
{
    assert(self);
    free(self->list);
    *self = (vd_raft_members_t){0};
}

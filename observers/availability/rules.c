/* rules.c: what the events and snapshots of other observers say of components. */
#include "availability.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* Writes the component's name. False when the data does not tell it. */
typedef bool name_fn(const vd_value_t *data, char *name, size_t name_size);

static bool name_service(const vd_value_t *data, char *name, size_t name_size)
{
    vd_str_t source = vd_value_get_str(data, "source");
    vd_str_t protocol = vd_value_get_str(data, "protocol");
    vd_str_t address = vd_value_get_str(data, "address");
    uint64_t port = vd_value_get_u64(data, "port", UINT64_MAX);
    bool six = address.size > 0 && memchr(address.data, ':', address.size);
    if (source.size == 0 || protocol.size == 0 || address.size == 0 || port > UINT16_MAX)
        return false;
    int size = snprintf(name, name_size, "service/%.*s/%.*s/%s%.*s%s:%u", (int)source.size,
                        (const char *)source.data, (int)protocol.size, (const char *)protocol.data,
                        six ? "[" : "", (int)address.size, (const char *)address.data,
                        six ? "]" : "", (unsigned)port);
    return size > 0 && (size_t)size < name_size;
}

static bool name_member_by(const vd_value_t *data, const char *key, char *name, size_t name_size)
{
    vd_str_t member = vd_value_get_str(data, key);
    int size = snprintf(name, name_size, "member/%.*s", (int)member.size,
                        member.size > 0 ? (const char *)member.data : "");
    return member.size > 0 && size > 0 && (size_t)size < name_size;
}

static bool name_member(const vd_value_t *data, char *name, size_t name_size)
{
    return name_member_by(data, "member", name, name_size);
}

static bool name_leader(const vd_value_t *data, char *name, size_t name_size)
{
    (void)data;
    snprintf(name, name_size, "leader");
    return true;
}

static const struct rule {
    const char *type;
    vd_says_t says;
    name_fn *name;
} rules[] = {
    {"service_appeared", VD_SAYS_UP, name_service},
    {"service_gone", VD_SAYS_DOWN, name_service},
    {"member_joined", VD_SAYS_UP, name_member},
    {"member_recovered", VD_SAYS_UP, name_member},
    {"member_unreachable", VD_SAYS_DOWN, name_member},
    {"member_left", VD_SAYS_LEFT, name_member},
    {"leader_elected", VD_SAYS_UP, name_leader},
    {"leader_lost", VD_SAYS_DOWN, name_leader},
};

vd_says_t vd_availability_rule(const vd_sample_record_t *event, char *name, size_t name_size)
{
    assert(event && name && name_size > 0);
    vd_value_t data;
    if (!vd_value_of(event->content, &data) || data.kind != VD_KIND_MAP)
        return VD_SAYS_NOTHING;
    for (size_t at = 0; at < sizeof rules / sizeof rules[0]; at++)
        if (vd_str_is(event->target, rules[at].type))
            return rules[at].name(&data, name, name_size) ? rules[at].says : VD_SAYS_NOTHING;
    return VD_SAYS_NOTHING;
}

/* ---- snapshots ---- */

typedef struct look {
    const vd_components_t *known;
    bool *mentioned; /* one for each that is known */
    vd_says_fn *tell;
    void *arg;
} look_t;

static void mention(look_t *look, const char *name)
{
    const vd_component_t *component = vd_components_find(look->known, vd_str(name));
    if (component)
        look->mentioned[component - look->known->list] = true;
}

/* What is known under `prefix` and was not mentioned. */
static void tell_others(look_t *look, const char *prefix, vd_says_t says)
{
    for (uint32_t at = 0; at < look->known->count; at++) {
        const char *name = look->known->list[at].name;
        if (!look->mentioned[at] && strncmp(name, prefix, strlen(prefix)) == 0)
            look->tell(look->arg, name, says);
    }
}

static void tell_services(look_t *look, vd_bytes_t rest)
{
    char name[VD_COMPONENT_NAME_SIZE];
    vd_value_t service;
    while (vd_value_next(&rest, &service))
        if (service.kind == VD_KIND_MAP && name_service(&service, name, sizeof name)) {
            mention(look, name);
            look->tell(look->arg, name, VD_SAYS_UP);
        }
    tell_others(look, "service/", VD_SAYS_DOWN);
}

/* The next member of the list, and whether it is up. */
static bool next_member(vd_bytes_t *rest, char *name, size_t name_size, vd_says_t *says)
{
    vd_value_t member, reachable;
    while (vd_value_next(rest, &member))
        if (member.kind == VD_KIND_MAP && vd_value_get(&member, "reachable", &reachable) &&
            name_member_by(&member, "name", name, name_size)) {
            bool up = reachable.kind == VD_KIND_BOOL && reachable.boolean;
            *says = up ? VD_SAYS_UP : VD_SAYS_DOWN;
            return true;
        }
    return false;
}

/* Those that have left make room for those that have come. */
static void tell_members(look_t *look, const vd_value_t *snapshot, vd_bytes_t list)
{
    char name[VD_COMPONENT_NAME_SIZE];
    vd_value_t leader;
    vd_says_t says;
    vd_bytes_t rest = list;
    while (next_member(&rest, name, sizeof name, &says))
        mention(look, name);
    tell_others(look, "member/", VD_SAYS_LEFT);
    while (next_member(&list, name, sizeof name, &says))
        look->tell(look->arg, name, says);
    bool led = vd_value_get(snapshot, "leader", &leader) && leader.kind == VD_KIND_STR;
    /* A cluster that never had a leader has lost none. */
    if (led || vd_components_find(look->known, vd_str("leader")))
        look->tell(look->arg, "leader", led ? VD_SAYS_UP : VD_SAYS_DOWN);
}

bool vd_availability_snapshot(const vd_components_t *known, const vd_sample_record_t *snapshot,
                              vd_says_fn *tell, void *arg)
{
    assert(known && snapshot && tell);
    vd_value_t map, list;
    look_t look = {.known = known, .tell = tell, .arg = arg};
    if (!vd_value_of(snapshot->content, &map) || map.kind != VD_KIND_MAP)
        return false;
    bool services = vd_value_get(&map, "services", &list) && list.kind == VD_KIND_ARRAY;
    if (!services && (!vd_value_get(&map, "members", &list) || list.kind != VD_KIND_ARRAY))
        return false;
    look.mentioned = calloc(known->count + 1, sizeof *look.mentioned);
    if (!look.mentioned)
        return false;
    if (services)
        tell_services(&look, list.bytes);
    else
        tell_members(&look, &map, list.bytes);
    free(look.mentioned);
    return true;
}

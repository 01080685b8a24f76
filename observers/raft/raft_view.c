/* raft_view.c: the snapshot and the queries: what is agreed from the state, figures from the
 * samples. */
#include "looks.h"

#include <assert.h>

enum { MEMBER_FIELDS = 15 };

static void write_text_or_nil(vd_buffer_t *out, const char *key, const char *text)
{
    vd_write_text(out, key);
    if (text[0])
        vd_write_text(out, text);
    else
        vd_write_nil(out);
}

static void write_count_or_nil(vd_buffer_t *out, const char *key, bool said, uint64_t value)
{
    vd_write_text(out, key);
    if (said)
        vd_write_u64(out, value);
    else
        vd_write_nil(out);
}

/* How much older the last word of the member is than the newest sample of all. */
static void write_age(vd_buffer_t *out, const vd_raft_looks_t *looks, const vd_raft_look_t *look,
                      const vd_raft_member_t *member)
{
    int64_t heard_ms = 0;
    if (look->heard_by)
        heard_ms = look->heard_by->at_ms;
    else if (!member || !vd_ts_parse(vd_str(member->heard_at), &heard_ms))
        heard_ms = 0;
    int64_t age_ms = looks->newest_ms > heard_ms ? looks->newest_ms - heard_ms : 0;
    write_count_or_nil(out, "age_ms", heard_ms > 0, (uint64_t)age_ms);
}

/* The name of the member with this id; the id itself when none has it. */
static const char *name_of(const vd_raft_members_t *members, const char *id)
{
    for (uint32_t at = 0; at < members->count && id[0]; at++)
        if (strcmp(members->list[at].id, id) == 0)
            return members->list[at].name;
    return id;
}

/* The newest entry that any member has. */
static uint64_t highest_index(const vd_raft_looks_t *looks)
{
    uint64_t highest = 0;
    for (uint32_t at = 0; at < looks->count; at++) {
        const vd_raft_look_t *look = &looks->list[at];
        if (look->heard && look->voice.index.said && look->voice.index.value > highest)
            highest = look->voice.index.value;
    }
    return highest;
}

/* What a member says of itself, or, where nothing was read of it, what is agreed. */
static vd_raft_role_t role_of(const vd_raft_members_t *members, const vd_raft_look_t *look)
{
    if (look->heard)
        return look->voice.role;
    bool leads = !look->newest && vd_bytes_equal(look->name, vd_str(members->leader));
    return leads ? VD_RAFT_LEADER : VD_RAFT_UNKNOWN;
}

static void write_member(vd_buffer_t *out, const vd_raft_members_t *members,
                         const vd_raft_looks_t *looks, const vd_raft_look_t *look)
{
    const vd_raft_member_t *member = vd_raft_member(members, look->name);
    const vd_raft_voice_t *voice = &look->voice;
    bool indexed = look->heard && voice->index.said;
    vd_write_map(out, MEMBER_FIELDS);
    vd_write_pair_str(out, "name", look->name);
    vd_write_pair_text(out, "role", vd_raft_role_name(role_of(members, look)));
    vd_write_pair_bool(out, "reachable", member && !member->unreachable);
    write_count_or_nil(out, "term", look->heard, voice->term);
    write_count_or_nil(out, "index", indexed, voice->index.value);
    write_count_or_nil(out, "applied", look->heard && voice->applied.said, voice->applied.value);
    write_count_or_nil(out, "lag", indexed, highest_index(looks) - voice->index.value);
    write_age(out, looks, look, member);
    write_text_or_nil(out, "names_leader", look->heard ? name_of(members, voice->leader) : "");
    write_text_or_nil(out, "id", look->heard ? voice->id : member ? member->id : "");
    write_count_or_nil(out, "voters", look->heard && voice->voters.said, voice->voters.count);
    write_count_or_nil(out, "values", look->heard && voice->values.said, voice->values.count);
    write_text_or_nil(out, "reader", look->reader ? look->reader->name : "");
    write_text_or_nil(out, "since", member ? member->since : "");
    write_text_or_nil(out, "error", look->error);
}

/* ---- predicates ---- */

typedef enum vd_answer { NOBODY_SAYS, NO, YES } vd_answer_t;

static void write_answer(vd_buffer_t *out, const char *key, vd_answer_t answer)
{
    vd_write_text(out, key);
    if (answer == NOBODY_SAYS)
        vd_write_nil(out);
    else
        vd_write_bool(out, answer == YES);
}

static bool same_sum(const vd_raft_sum_t *a, const vd_raft_sum_t *b)
{
    return a->said == b->said && a->count == b->count && a->hash == b->hash;
}

static vd_answer_t voters_match(const vd_raft_looks_t *looks)
{
    const vd_raft_sum_t *first = NULL;
    for (uint32_t at = 0; at < looks->count; at++) {
        const vd_raft_look_t *look = &looks->list[at];
        if (!look->heard || !look->voice.voters.said)
            continue;
        if (first && !same_sum(first, &look->voice.voters))
            return NO;
        first = &look->voice.voters;
    }
    return first ? YES : NOBODY_SAYS;
}

static vd_answer_t values_match(const vd_raft_looks_t *looks)
{
    const vd_raft_voice_t *first = NULL;
    for (uint32_t at = 0; at < looks->count; at++) {
        const vd_raft_look_t *look = &looks->list[at];
        if (!look->heard || !look->voice.applied.said)
            continue;
        if (first && (first->applied.value != look->voice.applied.value ||
                      !same_sum(&first->values, &look->voice.values)))
            return NO;
        first = &look->voice;
    }
    return first ? YES : NOBODY_SAYS;
}

/* ---- whole ---- */

/* A member of which nothing is read: a view of the past has no samples. */
static bool is_silent(const vd_raft_looks_t *looks, const vd_raft_member_t *member)
{
    return vd_raft_looks_find(looks, vd_str(member->name)) == NULL;
}

/* The members that are read, and behind them those that are only known. */
static void write_list(vd_buffer_t *out, const vd_raft_members_t *members,
                       const vd_raft_looks_t *looks)
{
    uint32_t silent = 0;
    for (uint32_t at = 0; at < members->count; at++)
        silent += is_silent(looks, &members->list[at]);
    vd_write_array(out, looks->count + silent);
    for (uint32_t at = 0; at < looks->count; at++)
        write_member(out, members, looks, &looks->list[at]);
    for (uint32_t at = 0; at < members->count; at++) {
        vd_raft_look_t look = {.name = vd_str(members->list[at].name)};
        if (is_silent(looks, &members->list[at]))
            write_member(out, members, looks, &look);
    }
}

void vd_raft_view(const void *state, const vd_samples_t *samples, vd_buffer_t *out)
{
    const vd_raft_t *raft = state;
    assert(raft && samples && out);
    const vd_raft_members_t *members = &raft->members;
    vd_raft_looks_t looks;
    if (!vd_raft_looks_open(&looks, raft, samples)) {
        vd_write_map(out, 0);
        return;
    }
    uint32_t reachable = vd_raft_reachable(members);
    vd_write_map(out, 13);
    write_text_or_nil(out, "leader", members->leader);
    write_text_or_nil(out, "agreed_leader", members->leader);
    vd_write_pair_u64(out, "term", members->term);
    write_text_or_nil(out, "leader_since", members->leader_since);
    write_text_or_nil(out, "previous_leader", members->previous);
    vd_write_pair_u64(out, "member_count", members->count);
    vd_write_pair_u64(out, "reachable_count", reachable);
    vd_write_pair_bool(out, "quorum", members->count > 0 && reachable >= vd_raft_majority(members));
    vd_write_pair_bool(out, "split_brain", members->split);
    write_text_or_nil(out, "split_brain_since", members->split_since);
    write_answer(out, "all_voters_match", voters_match(&looks));
    write_answer(out, "all_values_match", values_match(&looks));
    vd_write_text(out, "members");
    write_list(out, members, &looks);
    vd_raft_looks_close(&looks);
}

static vd_status_t find_name(vd_bytes_t args, vd_str_t *name)
{
    vd_value_t list, first;
    if (!vd_value_of(args, &list) || list.kind != VD_KIND_ARRAY || list.count != 1 ||
        !vd_value_next(&list.bytes, &first) || first.kind != VD_KIND_STR)
        return VD_USAGE;
    *name = vd_value_str(&first);
    return VD_OK;
}

vd_status_t vd_raft_query(const void *state, const vd_samples_t *samples, vd_str_t name,
                          vd_bytes_t args, vd_buffer_t *out)
{
    const vd_raft_t *raft = state;
    assert(raft && samples && out);
    vd_raft_looks_t looks;
    vd_str_t wanted = vd_str(raft->members.leader);
    vd_status_t status = VD_OK;
    bool one = vd_str_is(name, "member"), all = vd_str_is(name, "members");
    if (!one && !all && !vd_str_is(name, "leader"))
        return VD_NOT_FOUND;
    if (one && (status = find_name(args, &wanted)) != VD_OK)
        return status;
    if (!vd_raft_looks_open(&looks, raft, samples))
        return VD_NO_MEMORY;
    const vd_raft_look_t *look = all ? NULL : vd_raft_looks_find(&looks, wanted);
    if (all)
        write_list(out, &raft->members, &looks);
    else if (look)
        write_member(out, &raft->members, &looks, look);
    else if (one)
        status = VD_NOT_FOUND;
    else
        vd_write_nil(out);
    vd_raft_looks_close(&looks);
    return status;
}

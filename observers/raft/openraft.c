/* openraft.c: the reader of GET /state as services built on openraft tell it: {"node_id","role",
 * "current_leader","current_term","last_log_index","last_applied_index","voters","kv"}; null and an
 * absent key say that there is none. */
#include "voice.h"
#include "json/json.h"

#include "core/hash.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static vd_raft_role_t role_of(const json_t *value)
{
    static const struct {
        const char *name;
        vd_raft_role_t role;
    } roles[] = {{"Leader", VD_RAFT_LEADER},
                 {"Follower", VD_RAFT_FOLLOWER},
                 {"Learner", VD_RAFT_LEARNER},
                 {"Candidate", VD_RAFT_CANDIDATE}};
    const char *name = json_is_string(value) ? json_string_value(value) : "";
    for (size_t at = 0; at < sizeof roles / sizeof roles[0]; at++)
        if (strcmp(name, roles[at].name) == 0)
            return roles[at].role;
    return VD_RAFT_UNKNOWN;
}

static vd_raft_sum_t sum_voters(const json_t *list)
{
    char id[VD_RAFT_ID_SIZE];
    vd_raft_sum_t sum = {.said = json_is_array(list)};
    for (size_t at = 0; at < json_array_size(list); at++) {
        if (!vd_json_text(json_array_get(list, at), id, sizeof id))
            return (vd_raft_sum_t){0};
        sum.hash += vd_hash(1, vd_str(id)); /* in any order */
        sum.count++;
    }
    return sum;
}

static vd_raft_sum_t sum_values(const json_t *map)
{
    vd_raft_sum_t sum = {0};
    char *text = json_is_object(map) ? json_dumps(map, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (!text)
        return sum;
    sum = (vd_raft_sum_t){true, (uint32_t)json_object_size(map), vd_hash(2, vd_str(text))};
    free(text);
    return sum;
}

static bool read_state(vd_bytes_t content, vd_raft_voice_t *voice, char *error, size_t error_size)
{
    assert(voice && error);
    json_t *root = vd_json_object(content, error, error_size);
    if (!root)
        return false;
    voice->role = role_of(json_object_get(root, "role"));
    bool good = vd_json_text(json_object_get(root, "node_id"), voice->id, sizeof voice->id) &&
                voice->id[0] && vd_json_u64(root, "current_term", &voice->term) &&
                voice->role != VD_RAFT_UNKNOWN;
    if (good) {
        if (!vd_json_text(json_object_get(root, "current_leader"), voice->leader,
                          sizeof voice->leader))
            voice->leader[0] = 0;
        voice->index.said = vd_json_u64(root, "last_log_index", &voice->index.value);
        voice->applied.said = vd_json_u64(root, "last_applied_index", &voice->applied.value);
        voice->voters = sum_voters(json_object_get(root, "voters"));
        voice->values = sum_values(json_object_get(root, "kv"));
    } else {
        snprintf(error, error_size,
                 "not the state of a member: no node_id, no current_term or an unknown role");
    }
    json_decref(root);
    return good;
}

const vd_raft_reader_t vd_raft_openraft_reader = {
    .name = "openraft",
    .state = {"get", "/state", NULL},
    .read_state = read_state,
};

/* etcd.c: the reader of etcd's HTTP gateway: POST /v3/maintenance/status and
 * /v3/cluster/member/list.
 *
 * Every uint64 is a decimal string there. Without a leader the key "leader" is absent. The role is not
 * told: a member leads when it names itself.
 */
#include "voice.h"
#include "json/json.h"

#include "core/hash.h"

#include <assert.h>
#include <stdio.h>

static bool read_state(vd_bytes_t content, vd_raft_voice_t *voice, char *error, size_t error_size)
{
    assert(voice && error);
    json_t *root = vd_json_object(content, error, error_size);
    if (!root)
        return false;
    const json_t *header = json_object_get(root, "header");
    bool good = vd_json_text(json_object_get(header, "member_id"), voice->id, sizeof voice->id) &&
                voice->id[0] &&
                (vd_json_u64(root, "raftTerm", &voice->term) ||
                 (json_is_object(header) && vd_json_u64(header, "raft_term", &voice->term)));
    if (good) {
        if (!vd_json_text(json_object_get(root, "leader"), voice->leader, sizeof voice->leader) ||
            strcmp(voice->leader, "0") == 0)
            voice->leader[0] = 0;
        voice->role = json_is_true(json_object_get(root, "isLearner")) ? VD_RAFT_LEARNER
                      : strcmp(voice->leader, voice->id) == 0          ? VD_RAFT_LEADER
                                                                       : VD_RAFT_FOLLOWER;
        voice->index.said = vd_json_u64(root, "raftIndex", &voice->index.value);
        voice->applied.said = vd_json_u64(root, "raftAppliedIndex", &voice->applied.value);
    } else {
        snprintf(error, error_size,
                 "not the status of an etcd member: no member_id or no raftTerm");
    }
    json_decref(root);
    return good;
}

static bool read_membership(vd_bytes_t content, vd_raft_voice_t *voice, char *error,
                            size_t error_size)
{
    assert(voice && error);
    char id[VD_RAFT_ID_SIZE];
    json_t *root = vd_json_object(content, error, error_size);
    const json_t *members = root ? json_object_get(root, "members") : NULL;
    voice->voters = (vd_raft_sum_t){.said = json_is_array(members)};
    for (size_t at = 0; at < json_array_size(members); at++) {
        const json_t *member = json_array_get(members, at);
        if (json_is_true(json_object_get(member, "isLearner")))
            continue;
        if (!vd_json_text(json_object_get(member, "ID"), id, sizeof id))
            voice->voters.said = false;
        else
            voice->voters.hash += vd_hash(1, vd_str(id)); /* in any order */
        voice->voters.count++;
    }
    if (root && !voice->voters.said)
        snprintf(error, error_size, "not the member list of an etcd member");
    json_decref(root);
    return voice->voters.said;
}

const vd_raft_reader_t vd_raft_etcd_reader = {
    .name = "etcd",
    .state = {"post", "/v3/maintenance/status", "{}"},
    .membership = {"post", "/v3/cluster/member/list", "{}"},
    .read_state = read_state,
    .read_membership = read_membership,
};

/* members.h: the members of an etcd cluster, as its gateway lists them.
 *
 * 1. The text is the answer to POST /v3/cluster/member/list,
 *        {"header": {..}, "members": [{"ID": "123", "name": "m1", "peerURLs": [..],
 *         "clientURLs": ["http://127.0.0.1:2379"], "isLearner": true}]}
 *    (etcd 3.4, api/v3 rpc.proto: Member); 64-bit numbers are decimal texts.
 * 2. A member is named by its name, or by its ID until it has started for the first time. Its
 *    address is its first client URL over HTTP, empty while it has none. Labels: member_id, and
 *    learner = "true".
 * 3. An answer without members is an error: a cluster has at least the one that answers.
 */
#ifndef VD_PROVIDER_MEMBERS_H
#define VD_PROVIDER_MEMBERS_H

#include "target.h"

/* Appends the members as an array of source records. VD_OK, or VD_MALFORMED, VD_TOO_DEEP or
 * VD_TOO_LARGE with text in `error`. */
vd_status_t vd_members_parse(vd_str_t text, const vd_target_form_t *form, vd_buffer_t *out,
                             char *error, size_t error_size);

#endif

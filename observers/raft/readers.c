/* readers.c: the readers, one row each. */
#include "voice.h"

#include <assert.h>

static const vd_raft_reader_t *const readers[] = {&vd_raft_etcd_reader, &vd_raft_openraft_reader};

const vd_raft_reader_t *vd_raft_reader_of(const vd_source_record_t *source)
{
    assert(source);
    vd_value_t labels, value;
    if (!vd_value_of(source->labels, &labels) || !vd_value_get(&labels, "reader", &value))
        return readers[0];
    for (size_t at = 0; at < sizeof readers / sizeof readers[0]; at++)
        if (vd_str_is(vd_value_str(&value), readers[at]->name))
            return readers[at];
    return NULL;
}

const char *vd_raft_role_name(vd_raft_role_t role)
{
    static const char *const names[] = {"unknown", "follower", "learner", "candidate", "leader"};
    assert((int)role >= 0 && (size_t)role < sizeof names / sizeof names[0]);
    return names[role];
}

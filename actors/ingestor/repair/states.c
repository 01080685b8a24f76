/* states.c: states of observers from a damaged store to a new one. */
#include "repair/states.h"

/* As large as a record of a commit, or with the largest state in it. */
#define VALUE_BYTES_CAP (64u * 1024 * 1024)

typedef struct states {
    vd_source_t *source;
    vd_writing_t *writing;
    FILE *out;
    uint64_t same;
    vd_buffer_t record;
} states_t;

static bool get(states_t *self, const vd_key_t *key)
{
    vd_buffer_clear(&self->record);
    return vd_source_get(self->source, key, &self->record) == VD_OK;
}

static bool was_pruned(states_t *self, const vd_store_snapshot_t *snapshot)
{
    vd_key_t key;
    vd_key_name(&key, VD_KEY_TOMBSTONES, vd_str(snapshot->session));
    return get(self, &key);
}

/* Is all that led to the state there? */
static bool is_true(states_t *self, const vd_store_snapshot_t *snapshot)
{
    vd_key_t key;
    vd_commit_head_t head;
    if (snapshot->index > self->same || (snapshot->offset > 0 && snapshot->index == self->same))
        return false;
    vd_key_number(&key, VD_KEY_COMMITS, snapshot->index + (snapshot->offset > 0 ? 1 : 0));
    return get(self, &key) &&
           vd_record_commit_read(vd_buffer_view(&self->record), &head) == VD_OK &&
           head.chain == snapshot->chain;
}

static vd_status_t copy_one(void *arg, vd_str_t name, vd_bytes_t value)
{
    states_t *self = arg;
    vd_store_snapshot_t snapshot;
    vd_key_t key;
    vd_bytes_t state;
    uint32_t crc;
    if (vd_record_snapshot_read(value, name, &snapshot, &crc) != VD_OK ||
        was_pruned(self, &snapshot))
        return VD_OK;
    bool kept = is_true(self, &snapshot);
    vd_key_snapshot(&key, VD_KEY_STATES, vd_str(snapshot.session), vd_str(snapshot.observer),
                    snapshot.index);
    if (!kept || !get(self, &key) ||
        vd_record_state_read(vd_buffer_view(&self->record), &snapshot, crc, &state) != VD_OK) {
        fprintf(self->out, "lost   state of observer %s in session %s at commit %llu: %s\n",
                snapshot.observer, snapshot.session, (unsigned long long)snapshot.index,
                kept ? "it is damaged" : "what led to it is not as it was");
        return VD_OK;
    }
    vd_writing_put_bytes(self->writing, &key, vd_buffer_view(&self->record));
    vd_key_snapshot(&key, VD_KEY_SNAPSHOTS, vd_str(snapshot.session), vd_str(snapshot.observer),
                    snapshot.index);
    vd_writing_put_bytes(self->writing, &key, value);
    return VD_OK;
}

vd_status_t vd_states_copy(vd_source_t *source, vd_writing_t *writing, uint64_t same, FILE *out)
{
    states_t self = {.source = source, .writing = writing, .out = out, .same = same};
    vd_buffer_init(&self.record, VALUE_BYTES_CAP);
    vd_status_t status = vd_source_walk(source, VD_KEY_SNAPSHOTS, copy_one, &self);
    vd_buffer_free(&self.record);
    return status;
}

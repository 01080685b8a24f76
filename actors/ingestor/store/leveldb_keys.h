/* leveldb_keys.h: keys and records of the backend "leveldb": what stands in the database, byte by
 * byte.
 *
 * 1. Keys are those of store.h law 5. Numbers in keys have 20 digits, so that keys sort as numbers
 *    do.
 * 2. A record is one MessagePack array that begins with its format. Fields are only added at the
 *    end; a reader skips what it does not know. A format above VD_STORE_FORMAT is VD_UNSUPPORTED. A
 *    record has the lowest format whose readers understand it: 2 is for tombstones and for commits
 *    with absent runs, which older builds would take for damage.
 * 3. Reading is safe on any bytes: VD_CORRUPT when they are not such a record. Views point into
 *    them.
 */
#ifndef VD_STORE_LEVELDB_KEYS_H
#define VD_STORE_LEVELDB_KEYS_H

#include "store/store.h"
#include "wire/buffer.h"

#define VD_KEY_DIGITS 20u
/* The longest key: prefix, two names and a number with blanks between them. */
#define VD_KEY_SIZE_MAX (24 + 2 * VD_NAME_BYTES_MAX + 2 + VD_KEY_DIGITS)

typedef struct vd_key {
    size_t size;
    char bytes[VD_KEY_SIZE_MAX + 1];
} vd_key_t;

#define VD_KEY_STORE        "obs_store"
#define VD_KEY_COMMITS      "obs_commits/"
#define VD_KEY_EVENTS       "obs_events/"
#define VD_KEY_SESSIONS     "obs_sessions/"
#define VD_KEY_SESSION_META "obs_session_meta/"
#define VD_KEY_PRODUCERS    "obs_producers/"
#define VD_KEY_RECORDS      "obs_records/"
#define VD_KEY_TOMBSTONES   "obs_tombstones/"
#define VD_KEY_FREEING      "obs_freeing/"
#define VD_KEY_POSITIONS    "obs_positions/"
#define VD_KEY_SNAPSHOTS    "obs_snapshots/"
#define VD_KEY_STATES       "obs_states/"

/* prefix + name; prefix + 20 digits; obs_events/<session>:<20 digits>. */
void vd_key_name(vd_key_t *key, const char *prefix, vd_str_t name);
void vd_key_number(vd_key_t *key, const char *prefix, uint64_t number);
void vd_key_event(vd_key_t *key, vd_str_t session, uint64_t seq);
/* obs_records/<session> <record>: a blank stands in no name. */
void vd_key_record(vd_key_t *key, vd_str_t session, vd_str_t record);
/* prefix + <session> <observer> <20 digits>. */
void vd_key_snapshot(vd_key_t *key, const char *prefix, vd_str_t session, vd_str_t observer,
                     uint64_t index);
/* What all of them in a session begin with, or, where one is named, all of an observer. */
void vd_key_snapshots(vd_key_t *key, const char *prefix, vd_str_t session, vd_str_t observer);
/* Reads what stands behind the prefix of such a key. */
bool vd_key_snapshot_of(vd_str_t name, vd_store_snapshot_t *snapshot);
/* Is this the key of a run of `session`? Then *seq is its first sequence. Names may contain ':' and
 * digits, so that keys of other sessions may begin alike: the length tells. */
bool vd_key_is_event(vd_bytes_t key, vd_str_t session, uint64_t *seq);
/* Reads the number of a key made by vd_key_number. */
bool vd_key_number_of(vd_bytes_t key, const char *prefix, uint64_t *number);
bool vd_key_begins(vd_bytes_t key, const char *prefix);

typedef struct vd_store_head {
    char id[VD_STORE_ID_SIZE];
    uint64_t epoch_counter;
    int64_t created_ms;
    uint64_t anchor; /* the last commit that was removed from the beginning; 0: none */
    uint32_t anchor_chain;
} vd_store_head_t;

typedef struct vd_commit_item {
    vd_str_t session;
    uint64_t first_seq;
    uint32_t count;
    vd_status_t absent; /* as in vd_commit_run_t */
    uint32_t digest;
} vd_commit_item_t;

typedef struct vd_commit_head {
    int64_t time_ms;
    uint64_t epoch;
    uint32_t chain;
    uint32_t count;
    vd_bytes_t items; /* read with vd_record_commit_item */
} vd_commit_head_t;

typedef struct vd_run_record {
    uint64_t index;
    uint64_t at;
    uint32_t count;
    vd_bytes_t run;
} vd_run_record_t;

/* What is left of a session that was pruned. */
typedef struct vd_tombstone {
    uint64_t last_seq, last_index;
    uint64_t next_seq; /* runs below are dealt with; above last_seq: all are */
} vd_tombstone_t;

void vd_record_store_write(vd_buffer_t *out, const vd_store_head_t *head);
vd_status_t vd_record_store_read(vd_bytes_t bytes, vd_store_head_t *head);
void vd_record_commit_write(vd_buffer_t *out, const vd_commit_t *commit);
vd_status_t vd_record_commit_read(vd_bytes_t bytes, vd_commit_head_t *head);
/* The next item of `items`; false at the end or when it is damaged. */
bool vd_record_commit_item(vd_bytes_t *items, vd_commit_item_t *item);
void vd_record_run_write(vd_buffer_t *out, uint64_t index, const vd_commit_run_t *run);
vd_status_t vd_record_run_read(vd_bytes_t bytes, vd_run_record_t *record);
void vd_record_session_write(vd_buffer_t *out, const vd_store_session_t *session);
/* `name` is from the key. */
vd_status_t vd_record_session_read(vd_bytes_t bytes, vd_str_t name, vd_store_session_t *session);
void vd_record_session_index_write(vd_buffer_t *out, const vd_store_session_t *session);
void vd_record_tombstone_write(vd_buffer_t *out, const vd_tombstone_t *tombstone);
vd_status_t vd_record_tombstone_read(vd_bytes_t bytes, vd_tombstone_t *tombstone);
/* The sequence that stands under an id of a frame. */
void vd_record_seq_write(vd_buffer_t *out, uint64_t seq);
vd_status_t vd_record_seq_read(vd_bytes_t bytes, uint64_t *seq);
void vd_record_producer_write(vd_buffer_t *out, const vd_store_producer_t *producer);
vd_status_t vd_record_producer_read(vd_bytes_t bytes, vd_str_t name, vd_store_producer_t *producer);
void vd_record_position_write(vd_buffer_t *out, const vd_store_position_t *position);
vd_status_t vd_record_position_read(vd_bytes_t bytes, vd_str_t name, vd_store_position_t *position);
/* The head of a state, with a checksum over key, head and state; and its body. */
void vd_record_snapshot_write(vd_buffer_t *out, const vd_store_snapshot_t *snapshot,
                              vd_bytes_t state);
vd_status_t vd_record_snapshot_read(vd_bytes_t bytes, vd_str_t name, vd_store_snapshot_t *snapshot,
                                    uint32_t *crc);
void vd_record_state_write(vd_buffer_t *out, vd_bytes_t state);
/* VD_CORRUPT also when it is not the state of this head. */
vd_status_t vd_record_state_read(vd_bytes_t bytes, const vd_store_snapshot_t *snapshot,
                                 uint32_t crc, vd_bytes_t *state);

#endif

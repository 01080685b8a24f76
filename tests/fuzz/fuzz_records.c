/* fuzz_records.c: records of the store, as a damaged or foreign disk may give them. */
#include "fuzz.h"
#include "store/leveldb_keys.h"
#include "wire/value.h"

static void commit(vd_bytes_t bytes)
{
    vd_commit_head_t head;
    vd_commit_item_t item;
    if (vd_record_commit_read(bytes, &head) != VD_OK)
        return;
    while (vd_record_commit_item(&head.items, &item))
        FUZZ_HOLDS(item.session.size <= VD_NAME_BYTES_MAX);
}

static void run(vd_bytes_t bytes)
{
    vd_run_record_t record;
    uint64_t bad = 0;
    if (vd_record_run_read(bytes, &record) == VD_OK)
        vd_run_check(record.run, record.count, &bad);
}

static void keys(vd_bytes_t key)
{
    uint64_t number = 0;
    vd_store_snapshot_t snapshot;
    memset(&snapshot, 0, sizeof snapshot);
    vd_key_is_event(key, vd_str("s"), &number);
    vd_key_number_of(key, VD_KEY_COMMITS, &number);
    vd_key_snapshot_of(key, &snapshot);
}

void fuzz_one(vd_bytes_t input)
{
    static vd_store_session_t session;
    static vd_store_producer_t producer;
    vd_store_head_t head;
    vd_tombstone_t tombstone;
    vd_store_position_t position;
    vd_store_snapshot_t snapshot;
    vd_bytes_t state;
    uint64_t seq = 0;
    uint32_t crc = 0;
    memset(&snapshot, 0, sizeof snapshot);
    keys(input);
    commit(input);
    run(input);
    vd_record_store_read(input, &head);
    vd_record_session_read(input, vd_str("s"), &session);
    vd_record_producer_read(input, vd_str("p"), &producer);
    vd_record_tombstone_read(input, &tombstone);
    vd_record_seq_read(input, &seq);
    vd_record_position_read(input, vd_str("n"), &position);
    if (vd_record_snapshot_read(input, vd_str("s o 00000000000000000001"), &snapshot, &crc) ==
        VD_OK)
        vd_record_state_read(input, &snapshot, crc, &state);
}

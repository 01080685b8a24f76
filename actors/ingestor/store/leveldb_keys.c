/* leveldb_keys.c: writing and reading keys and records. */
#include "store/leveldb_keys.h"

#include "wire/value.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

/* ---- keys ---- */

static void key_add(vd_key_t *key, const void *bytes, size_t size)
{
    assert(key->size + size <= VD_KEY_SIZE_MAX);
    memcpy(key->bytes + key->size, bytes, size);
    key->size += size;
    key->bytes[key->size] = 0;
}

static void key_add_number(vd_key_t *key, uint64_t number)
{
    char digits[VD_KEY_DIGITS + 1];
    snprintf(digits, sizeof digits, "%020" PRIu64, number);
    key_add(key, digits, VD_KEY_DIGITS);
}

void vd_key_name(vd_key_t *key, const char *prefix, vd_str_t name)
{
    assert(name.size <= VD_NAME_BYTES_MAX);
    key->size = 0;
    key_add(key, prefix, strlen(prefix));
    key_add(key, name.data, name.size);
}

void vd_key_number(vd_key_t *key, const char *prefix, uint64_t number)
{
    key->size = 0;
    key_add(key, prefix, strlen(prefix));
    key_add_number(key, number);
}

void vd_key_event(vd_key_t *key, vd_str_t session, uint64_t seq)
{
    vd_key_name(key, VD_KEY_EVENTS, session);
    key_add(key, ":", 1);
    key_add_number(key, seq);
}

void vd_key_record(vd_key_t *key, vd_str_t session, vd_str_t record)
{
    assert(record.size <= VD_NAME_BYTES_MAX);
    vd_key_name(key, VD_KEY_RECORDS, session);
    key_add(key, " ", 1);
    key_add(key, record.data, record.size);
}

void vd_key_snapshots(vd_key_t *key, const char *prefix, vd_str_t session, vd_str_t observer)
{
    assert(observer.size <= VD_NAME_BYTES_MAX);
    vd_key_name(key, prefix, session);
    key_add(key, " ", 1);
    if (observer.size == 0)
        return;
    key_add(key, observer.data, observer.size);
    key_add(key, " ", 1);
}

void vd_key_snapshot(vd_key_t *key, const char *prefix, vd_str_t session, vd_str_t observer,
                     uint64_t index)
{
    assert(observer.size > 0);
    vd_key_snapshots(key, prefix, session, observer);
    key_add_number(key, index);
}

bool vd_key_begins(vd_bytes_t key, const char *prefix)
{
    size_t size = strlen(prefix);
    return key.size >= size && memcmp(key.data, prefix, size) == 0;
}

static bool digits_of(vd_bytes_t digits, uint64_t *number)
{
    if (digits.size != VD_KEY_DIGITS)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
        unsigned digit = digits.data[i] - (unsigned)'0';
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *number = value;
    return true;
}

bool vd_key_number_of(vd_bytes_t key, const char *prefix, uint64_t *number)
{
    size_t size = strlen(prefix);
    return vd_key_begins(key, prefix) &&
           digits_of(vd_bytes(key.data + size, key.size - size), number);
}

bool vd_key_is_event(vd_bytes_t key, vd_str_t session, uint64_t *seq)
{
    size_t prefix = strlen(VD_KEY_EVENTS);
    if (key.size != prefix + session.size + 1 + VD_KEY_DIGITS || !vd_key_begins(key, VD_KEY_EVENTS))
        return false;
    const uint8_t *name = key.data + prefix;
    return memcmp(name, session.data, session.size) == 0 && name[session.size] == ':' &&
           digits_of(vd_bytes(name + session.size + 1, VD_KEY_DIGITS), seq);
}

/* Takes what stands before the next blank. */
static bool name_before_blank(vd_str_t *rest, char name[VD_NAME_BYTES_MAX + 1])
{
    const uint8_t *blank = rest->size > 0 ? memchr(rest->data, ' ', rest->size) : NULL;
    if (blank == NULL || blank == rest->data)
        return false;
    size_t size = (size_t)(blank - rest->data);
    bool fits = vd_str_copy(name, VD_NAME_BYTES_MAX + 1, vd_bytes(rest->data, size));
    *rest = vd_bytes(blank + 1, rest->size - size - 1);
    return fits;
}

bool vd_key_snapshot_of(vd_str_t name, vd_store_snapshot_t *snapshot)
{
    return name_before_blank(&name, snapshot->session) &&
           name_before_blank(&name, snapshot->observer) && digits_of(name, &snapshot->index);
}

/* ---- records ---- */

/* Opens a record: its array, with at least `count` fields behind the format. */
static vd_status_t record_open(vd_bytes_t bytes, uint32_t count, vd_bytes_t *fields)
{
    vd_value_t record, format;
    if (vd_scan_exact(bytes, VD_DEPTH_MAX) != VD_OK || !vd_value_of(bytes, &record) ||
        record.kind != VD_KIND_ARRAY)
        return VD_CORRUPT;
    *fields = record.bytes;
    if (!vd_value_next(fields, &format) || format.kind != VD_KIND_U64 || format.u64 == 0)
        return VD_CORRUPT;
    if (format.u64 > VD_STORE_FORMAT)
        return VD_UNSUPPORTED;
    return record.count >= count + 1 ? VD_OK : VD_CORRUPT;
}

static bool take_u64(vd_bytes_t *fields, uint64_t *number)
{
    vd_value_t value;
    if (!vd_value_next(fields, &value) || value.kind != VD_KIND_U64)
        return false;
    *number = value.u64;
    return true;
}

static bool take_u32(vd_bytes_t *fields, uint32_t *number)
{
    uint64_t wide;
    if (!take_u64(fields, &wide) || wide > UINT32_MAX)
        return false;
    *number = (uint32_t)wide;
    return true;
}

static bool take_i64(vd_bytes_t *fields, int64_t *number)
{
    vd_value_t value;
    if (!vd_value_next(fields, &value) ||
        (value.kind != VD_KIND_I64 && (value.kind != VD_KIND_U64 || value.u64 > INT64_MAX)))
        return false;
    *number = vd_value_i64(&value, 0);
    return true;
}

static bool take_str(vd_bytes_t *fields, vd_str_t *text)
{
    vd_value_t value;
    if (!vd_value_next(fields, &value) || value.kind != VD_KIND_STR)
        return false;
    *text = value.bytes;
    return true;
}

static bool take_name(vd_bytes_t *fields, char name[VD_NAME_BYTES_MAX + 1])
{
    vd_str_t text;
    return take_str(fields, &text) && vd_str_copy(name, VD_NAME_BYTES_MAX + 1, text);
}

static bool take_kind(vd_bytes_t *fields, vd_kind_t kind, vd_value_t *value)
{
    return vd_value_next(fields, value) && value->kind == kind;
}

static void record_begin(vd_buffer_t *out, uint32_t format, uint32_t count)
{
    assert(format >= 1 && format <= VD_STORE_FORMAT);
    vd_write_array(out, count + 1);
    vd_write_u64(out, format);
}

void vd_record_store_write(vd_buffer_t *out, const vd_store_head_t *head)
{
    record_begin(out, 1, 5);
    vd_write_text(out, head->id);
    vd_write_u64(out, head->epoch_counter);
    vd_write_i64(out, head->created_ms);
    vd_write_u64(out, head->anchor);
    vd_write_u64(out, head->anchor_chain);
}

vd_status_t vd_record_store_read(vd_bytes_t bytes, vd_store_head_t *head)
{
    vd_bytes_t fields;
    vd_str_t id;
    vd_status_t status = record_open(bytes, 3, &fields);
    if (status != VD_OK)
        return status;
    bool good = take_str(&fields, &id) && id.size == VD_STORE_ID_SIZE - 1 &&
                vd_str_copy(head->id, sizeof head->id, id) &&
                take_u64(&fields, &head->epoch_counter) && take_i64(&fields, &head->created_ms);
    head->anchor = head->anchor_chain = 0;
    if (good && fields.size > 0)
        good = take_u64(&fields, &head->anchor) && take_u32(&fields, &head->anchor_chain);
    return good ? VD_OK : VD_CORRUPT;
}

void vd_record_commit_write(vd_buffer_t *out, const vd_commit_t *commit)
{
    uint32_t format = 1;
    for (uint32_t i = 0; i < commit->run_count; i++)
        if (commit->runs[i].absent != VD_OK)
            format = 2;
    record_begin(out, format, 4);
    vd_write_i64(out, commit->time_ms);
    vd_write_u64(out, commit->epoch);
    vd_write_u64(out, commit->chain);
    vd_write_array(out, commit->run_count);
    for (uint32_t i = 0; i < commit->run_count; i++) {
        const vd_commit_run_t *run = &commit->runs[i];
        vd_write_array(out, run->absent == VD_OK ? 3 : 5);
        vd_write_str(out, run->session);
        vd_write_u64(out, run->first_seq);
        vd_write_u64(out, run->count);
        if (run->absent == VD_OK)
            continue;
        vd_write_u64(out, run->digest);
        vd_write_u64(out, run->absent);
    }
}

vd_status_t vd_record_commit_read(vd_bytes_t bytes, vd_commit_head_t *head)
{
    vd_bytes_t fields;
    vd_value_t items;
    vd_status_t status = record_open(bytes, 4, &fields);
    if (status != VD_OK)
        return status;
    if (!take_i64(&fields, &head->time_ms) || !take_u64(&fields, &head->epoch) ||
        !take_u32(&fields, &head->chain) || !take_kind(&fields, VD_KIND_ARRAY, &items))
        return VD_CORRUPT;
    head->count = items.count;
    head->items = items.bytes;
    return VD_OK;
}

bool vd_record_commit_item(vd_bytes_t *items, vd_commit_item_t *item)
{
    vd_value_t array;
    uint32_t absent = VD_OK;
    if (!take_kind(items, VD_KIND_ARRAY, &array) || array.count < 3)
        return false;
    vd_bytes_t fields = array.bytes;
    bool good = take_str(&fields, &item->session) && item->session.size > 0 &&
                item->session.size <= VD_NAME_BYTES_MAX && take_u64(&fields, &item->first_seq) &&
                take_u32(&fields, &item->count) && item->first_seq > 0 && item->count > 0;
    item->digest = 0;
    if (good && array.count >= 5)
        good = take_u32(&fields, &item->digest) && take_u32(&fields, &absent) &&
               (absent == VD_PRUNED || absent == VD_CORRUPT);
    item->absent = (vd_status_t)absent;
    return good;
}

void vd_record_run_write(vd_buffer_t *out, uint64_t index, const vd_commit_run_t *run)
{
    record_begin(out, 1, 4);
    vd_write_u64(out, index);
    vd_write_u64(out, run->at);
    vd_write_u64(out, run->count);
    vd_write_bin(out, run->run);
}

vd_status_t vd_record_run_read(vd_bytes_t bytes, vd_run_record_t *record)
{
    vd_bytes_t fields;
    vd_value_t run;
    vd_status_t status = record_open(bytes, 4, &fields);
    if (status != VD_OK)
        return status;
    if (!take_u64(&fields, &record->index) || !take_u64(&fields, &record->at) ||
        !take_u32(&fields, &record->count) || !take_kind(&fields, VD_KIND_BIN, &run))
        return VD_CORRUPT;
    record->run = run.bytes;
    return VD_OK;
}

void vd_record_session_index_write(vd_buffer_t *out, const vd_store_session_t *session)
{
    record_begin(out, 1, 1);
    vd_write_i64(out, session->started_ms);
}

void vd_record_session_write(vd_buffer_t *out, const vd_store_session_t *session)
{
    assert(session->labels_size <= sizeof session->labels);
    record_begin(out, 1, 14);
    vd_write_text(out, session->name);
    vd_write_text(out, session->owner);
    vd_write_u64(out, session->owner_epoch);
    vd_write_u64(out, session->state);
    vd_write_i64(out, session->started_ms);
    vd_write_i64(out, session->ended_ms);
    vd_write_i64(out, session->last_ms);
    vd_write_u64(out, session->last_seq);
    vd_write_u64(out, session->last_index);
    vd_write_bin(out, vd_bytes(session->labels, session->labels_size));
    vd_write_u64(out, session->status_seq);
    vd_write_u64(out, session->bytes);
    vd_write_text(out, session->error);
    vd_write_u64(out, session->snapshot_seq);
}

/* What was added to the record since format 1 began. */
static bool take_added(vd_bytes_t *fields, vd_store_session_t *session)
{
    vd_str_t error;
    return fields->size == 0 ||
           (take_u64(fields, &session->status_seq) && take_u64(fields, &session->bytes) &&
            take_str(fields, &error) && vd_str_copy(session->error, sizeof session->error, error) &&
            (fields->size == 0 || take_u64(fields, &session->snapshot_seq)));
}

vd_status_t vd_record_session_read(vd_bytes_t bytes, vd_str_t name, vd_store_session_t *session)
{
    vd_bytes_t fields;
    vd_value_t labels;
    uint32_t state = 0;
    memset(session, 0, sizeof *session);
    vd_status_t status = record_open(bytes, 10, &fields);
    if (status != VD_OK)
        return status;
    bool good = vd_str_copy(session->session, sizeof session->session, name) &&
                take_name(&fields, session->name) && take_name(&fields, session->owner) &&
                take_u64(&fields, &session->owner_epoch) && take_u32(&fields, &state) &&
                take_i64(&fields, &session->started_ms) && take_i64(&fields, &session->ended_ms) &&
                take_i64(&fields, &session->last_ms) && take_u64(&fields, &session->last_seq) &&
                take_u64(&fields, &session->last_index) &&
                take_kind(&fields, VD_KIND_BIN, &labels) &&
                labels.bytes.size <= sizeof session->labels && take_added(&fields, session);
    if (!good || state < VD_SESSION_ACTIVE || state > VD_SESSION_INTERRUPTED)
        return VD_CORRUPT;
    session->state = (vd_session_state_t)state;
    session->labels_size = (uint32_t)labels.bytes.size;
    if (labels.bytes.size > 0)
        memcpy(session->labels, labels.bytes.data, labels.bytes.size);
    return VD_OK;
}

void vd_record_tombstone_write(vd_buffer_t *out, const vd_tombstone_t *tombstone)
{
    record_begin(out, 2, 3);
    vd_write_u64(out, tombstone->last_seq);
    vd_write_u64(out, tombstone->last_index);
    vd_write_u64(out, tombstone->next_seq);
}

vd_status_t vd_record_tombstone_read(vd_bytes_t bytes, vd_tombstone_t *tombstone)
{
    vd_bytes_t fields;
    vd_status_t status = record_open(bytes, 3, &fields);
    if (status != VD_OK)
        return status;
    bool good = take_u64(&fields, &tombstone->last_seq) &&
                take_u64(&fields, &tombstone->last_index) &&
                take_u64(&fields, &tombstone->next_seq);
    return good ? VD_OK : VD_CORRUPT;
}

void vd_record_seq_write(vd_buffer_t *out, uint64_t seq)
{
    record_begin(out, 1, 1);
    vd_write_u64(out, seq);
}

vd_status_t vd_record_seq_read(vd_bytes_t bytes, uint64_t *seq)
{
    vd_bytes_t fields;
    vd_status_t status = record_open(bytes, 1, &fields);
    if (status != VD_OK)
        return status;
    return take_u64(&fields, seq) && *seq > 0 ? VD_OK : VD_CORRUPT;
}

void vd_record_producer_write(vd_buffer_t *out, const vd_store_producer_t *producer)
{
    assert(producer->reject_count <= VD_REJECTS_PER_PRODUCER_MAX);
    assert(producer->past_count <= VD_LIVES_REMEMBERED);
    record_begin(out, 1, 8);
    vd_write_u64(out, producer->epoch);
    vd_write_u64(out, producer->life);
    vd_write_u64(out, producer->mark);
    vd_write_i64(out, producer->used_ms);
    vd_write_text(out, producer->session);
    vd_write_u64(out, producer->seq);
    vd_write_array(out, producer->reject_count);
    for (uint32_t i = 0; i < producer->reject_count; i++) {
        vd_write_array(out, 4);
        vd_write_u64(out, producer->rejects[i].first);
        vd_write_u64(out, producer->rejects[i].count);
        vd_write_u64(out, producer->rejects[i].status);
        vd_write_u64(out, producer->rejects[i].seq);
    }
    vd_write_array(out, producer->past_count);
    for (uint32_t i = 0; i < producer->past_count; i++)
        vd_write_u64(out, producer->past[i]);
}

static bool take_rejects(vd_bytes_t *fields, vd_store_producer_t *producer)
{
    vd_value_t rejects, reject;
    uint32_t status;
    if (!take_kind(fields, VD_KIND_ARRAY, &rejects) || rejects.count > VD_REJECTS_PER_PRODUCER_MAX)
        return false;
    for (uint32_t i = 0; i < rejects.count; i++) {
        vd_store_reject_t *to = &producer->rejects[i];
        if (!take_kind(&rejects.bytes, VD_KIND_ARRAY, &reject) ||
            !take_u64(&reject.bytes, &to->first) || !take_u32(&reject.bytes, &to->count) ||
            !take_u32(&reject.bytes, &status) ||
            (reject.count > 3 && !take_u64(&reject.bytes, &to->seq)))
            return false;
        to->status = (vd_status_t)status;
    }
    producer->reject_count = rejects.count;
    return true;
}

static bool take_past(vd_bytes_t *fields, vd_store_producer_t *producer)
{
    vd_value_t past;
    if (!take_kind(fields, VD_KIND_ARRAY, &past) || past.count > VD_LIVES_REMEMBERED)
        return false;
    for (uint32_t i = 0; i < past.count; i++)
        if (!take_u64(&past.bytes, &producer->past[i]))
            return false;
    producer->past_count = past.count;
    return true;
}

vd_status_t vd_record_producer_read(vd_bytes_t bytes, vd_str_t name, vd_store_producer_t *producer)
{
    vd_bytes_t fields;
    memset(producer, 0, sizeof *producer);
    vd_status_t status = record_open(bytes, 8, &fields);
    if (status != VD_OK)
        return status;
    bool good = vd_str_copy(producer->name, sizeof producer->name, name) &&
                take_u64(&fields, &producer->epoch) && take_u64(&fields, &producer->life) &&
                take_u64(&fields, &producer->mark) && take_i64(&fields, &producer->used_ms) &&
                take_name(&fields, producer->session) && take_u64(&fields, &producer->seq) &&
                take_rejects(&fields, producer) && take_past(&fields, producer);
    return good ? VD_OK : VD_CORRUPT;
}

void vd_record_position_write(vd_buffer_t *out, const vd_store_position_t *position)
{
    record_begin(out, 1, 5);
    vd_write_u64(out, position->index);
    vd_write_u64(out, position->offset);
    vd_write_u64(out, position->chain);
    vd_write_text(out, position->session);
    vd_write_i64(out, position->saved_ms);
}

vd_status_t vd_record_position_read(vd_bytes_t bytes, vd_str_t name, vd_store_position_t *position)
{
    vd_bytes_t fields;
    memset(position, 0, sizeof *position);
    vd_status_t status = record_open(bytes, 5, &fields);
    if (status != VD_OK)
        return status;
    bool good = vd_str_copy(position->name, sizeof position->name, name) &&
                take_u64(&fields, &position->index) && take_u64(&fields, &position->offset) &&
                take_u32(&fields, &position->chain) && take_name(&fields, position->session) &&
                take_i64(&fields, &position->saved_ms);
    return good ? VD_OK : VD_CORRUPT;
}

/* Also what the checksum is made of, with 0 in its place. */
static void snapshot_head_write(vd_buffer_t *out, const vd_store_snapshot_t *snapshot, uint32_t crc)
{
    record_begin(out, 1, 9);
    vd_write_u64(out, snapshot->version);
    vd_write_u64(out, snapshot->offset);
    vd_write_u64(out, snapshot->chain);
    vd_write_u64(out, snapshot->seq);
    vd_write_u64(out, snapshot->cycle);
    vd_write_i64(out, snapshot->at_ms);
    vd_write_i64(out, snapshot->saved_ms);
    vd_write_u64(out, snapshot->size);
    vd_write_u64(out, crc);
}

static uint32_t snapshot_crc(const vd_store_snapshot_t *snapshot, vd_bytes_t state)
{
    vd_key_t key;
    vd_buffer_t head;
    vd_buffer_init(&head, 256);
    vd_key_snapshot(&key, "", vd_str(snapshot->session), vd_str(snapshot->observer),
                    snapshot->index);
    snapshot_head_write(&head, snapshot, 0);
    uint32_t crc = vd_crc32c(0, vd_bytes(key.bytes, key.size));
    crc = vd_crc32c(vd_crc32c(crc, vd_buffer_view(&head)), state);
    vd_buffer_free(&head);
    return crc;
}

void vd_record_snapshot_write(vd_buffer_t *out, const vd_store_snapshot_t *snapshot,
                              vd_bytes_t state)
{
    assert(state.size == snapshot->size);
    snapshot_head_write(out, snapshot, snapshot_crc(snapshot, state));
}

vd_status_t vd_record_snapshot_read(vd_bytes_t bytes, vd_str_t name, vd_store_snapshot_t *snapshot,
                                    uint32_t *crc)
{
    vd_bytes_t fields;
    memset(snapshot, 0, sizeof *snapshot);
    vd_status_t status = record_open(bytes, 9, &fields);
    if (status != VD_OK)
        return status;
    bool good = vd_key_snapshot_of(name, snapshot) && take_u64(&fields, &snapshot->version) &&
                take_u64(&fields, &snapshot->offset) && take_u32(&fields, &snapshot->chain) &&
                take_u64(&fields, &snapshot->seq) && take_u64(&fields, &snapshot->cycle) &&
                take_i64(&fields, &snapshot->at_ms) && take_i64(&fields, &snapshot->saved_ms) &&
                take_u32(&fields, &snapshot->size) && take_u32(&fields, crc);
    return good ? VD_OK : VD_CORRUPT;
}

void vd_record_state_write(vd_buffer_t *out, vd_bytes_t state)
{
    record_begin(out, 1, 1);
    vd_write_bin(out, state);
}

vd_status_t vd_record_state_read(vd_bytes_t bytes, const vd_store_snapshot_t *snapshot,
                                 uint32_t crc, vd_bytes_t *state)
{
    vd_bytes_t fields;
    vd_value_t value;
    vd_status_t status = record_open(bytes, 1, &fields);
    if (status != VD_OK)
        return status;
    if (!take_kind(&fields, VD_KIND_BIN, &value) || value.bytes.size != snapshot->size ||
        snapshot_crc(snapshot, value.bytes) != crc)
        return VD_CORRUPT;
    *state = value.bytes;
    return VD_OK;
}

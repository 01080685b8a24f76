/* commit.c: the wire value of a commit, and its chain. */
#include "wire/commit.h"

#include <assert.h>

static uint32_t chain_number(uint32_t crc, uint64_t number, unsigned width)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < width; i++)
        bytes[i] = (uint8_t)(number >> 8 * (width - 1 - i));
    return vd_crc32c(crc, vd_bytes(bytes, width));
}

uint32_t vd_commit_chain(uint32_t previous, const vd_commit_t *commit)
{
    uint32_t crc = chain_number(0, previous, 4);
    crc = chain_number(crc, commit->index, 8);
    crc = chain_number(crc, (uint64_t)commit->time_ms, 8);
    crc = chain_number(crc, commit->epoch, 8);
    for (uint32_t i = 0; i < commit->run_count; i++) {
        const vd_commit_run_t *run = &commit->runs[i];
        crc = vd_crc32c(crc, run->session);
        crc = chain_number(crc, 0, 1);
        crc = chain_number(crc, run->first_seq, 8);
        crc = chain_number(crc, run->count, 4);
        crc = chain_number(crc, run->absent == VD_OK ? vd_run_digest(0, run->run) : run->digest, 4);
    }
    return crc;
}

bool vd_commit_follows(uint32_t previous, const vd_commit_t *commit)
{
    assert(commit != NULL && commit->index > 0);
    for (uint32_t i = 0; i < commit->run_count; i++)
        if (commit->runs[i].absent == VD_CORRUPT && commit->runs[i].digest == 0)
            return true;
    return vd_commit_chain(previous, commit) == commit->chain;
}

static void write_absent(vd_buffer_t *out, const vd_commit_run_t *run)
{
    assert(run->absent == VD_PRUNED || run->absent == VD_CORRUPT);
    vd_write_array(out, 7);
    vd_write_u64(out, run->at);
    vd_write_str(out, run->session);
    vd_write_u64(out, run->first_seq);
    vd_write_nil(out);
    vd_write_u64(out, run->count);
    vd_write_u64(out, run->digest);
    vd_write_text(out, vd_status_name(run->absent));
}

void vd_commit_write(vd_buffer_t *out, const vd_commit_t *commit)
{
    assert(commit->run_count == 0 || commit->runs != NULL);
    vd_write_array(out, 5);
    vd_write_u64(out, commit->index);
    vd_write_i64(out, commit->time_ms);
    vd_write_u64(out, commit->epoch);
    vd_write_u64(out, commit->chain);
    vd_write_array(out, commit->run_count);
    for (uint32_t i = 0; i < commit->run_count; i++) {
        const vd_commit_run_t *run = &commit->runs[i];
        if (run->absent != VD_OK) {
            write_absent(out, run);
            continue;
        }
        vd_write_array(out, 4);
        vd_write_u64(out, run->at);
        vd_write_str(out, run->session);
        vd_write_u64(out, run->first_seq);
        vd_write_bin(out, run->run);
    }
}

static bool take(vd_bytes_t *rest, vd_kind_t kind, vd_value_t *value)
{
    return vd_value_next(rest, value) && value->kind == kind;
}

/* Reads what follows the nil of an absent run. */
static bool read_absent(vd_bytes_t rest, vd_commit_run_t *run)
{
    vd_value_t count, digest, status;
    if (!take(&rest, VD_KIND_U64, &count) || !take(&rest, VD_KIND_U64, &digest) ||
        !take(&rest, VD_KIND_STR, &status) || count.u64 > UINT32_MAX || digest.u64 > UINT32_MAX)
        return false;
    run->count = (uint32_t)count.u64;
    run->digest = (uint32_t)digest.u64;
    run->absent = vd_status_of_name(status.bytes);
    /* Without a session: nothing is known of the commit. */
    if (run->session.size == 0)
        return run->absent == VD_CORRUPT && run->count == 0;
    return run->count > 0 && (run->absent == VD_PRUNED || run->absent == VD_CORRUPT);
}

static bool read_run(const vd_value_t *item, vd_commit_run_t *run)
{
    vd_value_t at, session, first, bytes;
    vd_bytes_t rest = item->bytes;
    if (item->kind != VD_KIND_ARRAY || item->count < 4 || !take(&rest, VD_KIND_U64, &at) ||
        !take(&rest, VD_KIND_STR, &session) || !take(&rest, VD_KIND_U64, &first) ||
        !vd_value_next(&rest, &bytes))
        return false;
    if (session.bytes.size > VD_NAME_BYTES_MAX)
        return false;
    *run = (vd_commit_run_t){.session = session.bytes, .at = at.u64, .first_seq = first.u64};
    if (bytes.kind == VD_KIND_NIL)
        return read_absent(rest, run);
    if (bytes.kind != VD_KIND_BIN)
        return false;
    run->run = bytes.bytes;
    vd_bytes_t entries = run->run;
    vd_entry_t entry;
    vd_status_t status;
    while ((status = vd_run_next(&entries, &entry)) == VD_OK)
        run->count++;
    return status == VD_NOT_FOUND && run->count > 0;
}

vd_status_t vd_commit_next(vd_bytes_t *payload, vd_commit_t *commit, vd_commit_run_t *runs,
                           uint32_t room)
{
    assert(payload != NULL && commit != NULL && (runs != NULL || room == 0));
    if (payload->size == 0)
        return VD_NOT_FOUND;
    vd_value_t array, index, time_ms, epoch, chain, list;
    vd_bytes_t after = *payload;
    if (!take(&after, VD_KIND_ARRAY, &array) || array.count < 5)
        return VD_MALFORMED;
    vd_bytes_t rest = array.bytes;
    if (!take(&rest, VD_KIND_U64, &index) || !take(&rest, VD_KIND_U64, &time_ms) ||
        !take(&rest, VD_KIND_U64, &epoch) || !take(&rest, VD_KIND_U64, &chain) ||
        !take(&rest, VD_KIND_ARRAY, &list) || chain.u64 > UINT32_MAX || index.u64 == 0 ||
        time_ms.u64 > INT64_MAX)
        return VD_MALFORMED;
    if (list.count > room)
        return VD_TOO_LARGE;
    *commit = (vd_commit_t){.index = index.u64,
                            .time_ms = vd_value_i64(&time_ms, 0),
                            .epoch = epoch.u64,
                            .chain = (uint32_t)chain.u64,
                            .run_count = list.count,
                            .runs = runs};
    vd_bytes_t items = list.bytes;
    for (uint32_t i = 0; i < list.count; i++) {
        vd_value_t item;
        if (!vd_value_next(&items, &item) || !read_run(&item, &runs[i]))
            return VD_MALFORMED;
    }
    *payload = after;
    return VD_OK;
}

/* leveldb_log.c: reading the pieces of a log and putting whole records into another one. */
#include "store/leveldb_log.h"

#include "wire/run.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* The store keeps its log near its write buffer: this is far more. */
#define LOG_BYTES_MAX ((size_t)1 << 30)

enum { BLOCK = 32768, HEADER = 7, FULL = 1, FIRST, MIDDLE, LAST };

static uint32_t masked(uint32_t crc)
{
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

static uint32_t crc_of(uint8_t type, vd_bytes_t bytes)
{
    return masked(vd_crc32c(vd_crc32c(0, vd_bytes(&type, 1)), bytes));
}

/* ---- writing ---- */

static void put_piece(vd_buffer_t *out, uint8_t type, vd_bytes_t bytes)
{
    uint32_t crc = crc_of(type, bytes);
    uint8_t header[HEADER] = {(uint8_t)crc,
                              (uint8_t)(crc >> 8),
                              (uint8_t)(crc >> 16),
                              (uint8_t)(crc >> 24),
                              (uint8_t)bytes.size,
                              (uint8_t)(bytes.size >> 8),
                              type};
    vd_buffer_add(out, header, sizeof header);
    vd_buffer_add(out, bytes.data, bytes.size);
}

static void put_record(vd_buffer_t *out, vd_bytes_t record)
{
    static const uint8_t zeros[HEADER] = {0};
    bool first = true;
    do {
        size_t left = BLOCK - out->size % BLOCK;
        if (left < HEADER) {
            vd_buffer_add(out, zeros, left);
            left = BLOCK;
        }
        size_t size = record.size < left - HEADER ? record.size : left - HEADER;
        bool last = size == record.size;
        uint8_t type = first && last ? FULL : first ? FIRST : last ? LAST : MIDDLE;
        put_piece(out, type, vd_bytes(record.data, size));
        if (last)
            return;
        record = vd_bytes(record.data + size, record.size - size);
        first = false;
    } while (!out->full);
}

/* ---- reading ---- */

/* The piece at the front of what is left of a block. False: there is none, or it is damaged. */
static bool piece_at(vd_bytes_t block, uint8_t *type, vd_bytes_t *bytes)
{
    const uint8_t *at = block.data;
    if (block.size < HEADER)
        return false;
    size_t length = (size_t)at[4] | (size_t)at[5] << 8;
    *type = at[6];
    if (*type < FULL || *type > LAST || HEADER + length > block.size)
        return false;
    *bytes = vd_bytes(at + HEADER, length);
    uint32_t crc =
        (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    return crc_of(*type, *bytes) == crc;
}

/* Takes a good piece: a record is whole with its last one. */
static void take_piece(uint8_t type, vd_bytes_t bytes, bool *within, vd_buffer_t *record,
                       vd_buffer_t *out)
{
    if (type == FULL || type == FIRST)
        vd_buffer_clear(record);
    if (type == FULL || type == FIRST || *within)
        vd_buffer_add(record, bytes.data, bytes.size);
    if (type == FULL || (type == LAST && *within))
        put_record(out, vd_buffer_view(record));
    *within = type == FIRST || (type == MIDDLE && *within);
}

static void clean(vd_bytes_t log, vd_buffer_t *out)
{
    vd_buffer_t record;
    bool within = false;
    vd_buffer_init(&record, log.size + 1);
    for (size_t start = 0; start < log.size; start += BLOCK) {
        size_t end = log.size - start < BLOCK ? log.size : start + BLOCK;
        for (size_t at = start; at < end;) {
            uint8_t type = 0;
            vd_bytes_t bytes = {0};
            bool good = piece_at(vd_bytes(log.data + at, end - at), &type, &bytes);
            if (good)
                take_piece(type, bytes, &within, &record, out);
            /* What is too short for a piece ends every block. */
            within = within && (good || end - at < HEADER);
            at += good ? HEADER + bytes.size : 1;
        }
    }
    vd_buffer_free(&record);
}

/* ---- files ---- */

static bool read_all(int file, vd_buffer_t *out)
{
    for (;;) {
        uint8_t *room = vd_buffer_reserve(out, BLOCK);
        ssize_t got = room != NULL ? read(file, room, BLOCK) : -1;
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0;
        out->size += (size_t)got;
    }
}

unsigned char *vd_leveldb_log_load(const char *path, size_t *size)
{
    vd_buffer_t whole, good;
    assert(path != NULL && size != NULL);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return NULL;
    vd_buffer_init(&whole, LOG_BYTES_MAX);
    vd_buffer_init(&good, 2 * LOG_BYTES_MAX);
    bool read_well = read_all(file, &whole);
    int number = errno;
    close(file);
    if (read_well)
        clean(vd_buffer_view(&whole), &good);
    vd_buffer_free(&whole);
    errno = read_well ? ENOMEM : number;
    /* Never NULL for an empty log. */
    if (!read_well || good.full || vd_buffer_reserve(&good, 1) == NULL)
        vd_buffer_free(&good);
    *size = good.size;
    return good.data;
}

bool vd_leveldb_log_clean(const char *path)
{
    size_t size = 0;
    unsigned char *bytes = vd_leveldb_log_load(path, &size);
    int file = bytes != NULL ? open(path, O_WRONLY | O_TRUNC | O_CLOEXEC) : -1;
    bool good = file >= 0;
    for (size_t done = 0; good && done < size;) {
        ssize_t put = write(file, bytes + done, size - done);
        good = put > 0;
        done += put > 0 ? (size_t)put : 0;
    }
    if (file >= 0)
        close(file);
    free(bytes);
    return good;
}

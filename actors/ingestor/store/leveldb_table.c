/* leveldb_table.c: checking the end and the index of a table. */
#include "store/leveldb_table.h"

#include "wire/run.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOOTER_BYTES  48u
#define TRAILER_BYTES 5u
#define MAGIC         UINT64_C(0xdb4775248b80fb57)
/* An index holds one key and one handle for each block: far more than any table needs. */
#define INDEX_BYTES_MAX (16u * 1024 * 1024)

static uint64_t little(const uint8_t *bytes, unsigned count)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < count; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

static bool take_varint(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static bool read_all(int file, uint8_t *bytes, size_t size, uint64_t offset)
{
    return pread(file, bytes, size, (off_t)offset) == (ssize_t)size;
}

/* `size` without the trailer. */
static bool block_good(const uint8_t *block, size_t size)
{
    /* A stored CRC is turned by 15 bits and moved by a constant. */
    uint32_t masked = (uint32_t)little(block + size + 1, 4) - 0xa282ead8u;
    return vd_crc32c(0, vd_bytes(block, size + 1)) == (masked >> 17 | masked << 15);
}

bool vd_leveldb_piece_good(const uint8_t *bytes, size_t size)
{
    if (size == FOOTER_BYTES && little(bytes + FOOTER_BYTES - 8, 8) == MAGIC)
        return true;
    return size >= TRAILER_BYTES && block_good(bytes, size - TRAILER_BYTES);
}

static bool index_good(int file, uint64_t offset, uint64_t size, uint64_t end)
{
    if (size > INDEX_BYTES_MAX || offset > end || size + TRAILER_BYTES > end - offset)
        return false;
    uint8_t *block = malloc((size_t)size + TRAILER_BYTES);
    bool good = block != NULL && read_all(file, block, (size_t)size + TRAILER_BYTES, offset);
    good = good && block_good(block, (size_t)size);
    free(block);
    return good;
}

bool vd_leveldb_table_index_good(const char *path)
{
    struct stat info;
    uint8_t footer[FOOTER_BYTES];
    uint64_t ignored, offset, size;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    bool good = file >= 0 && fstat(file, &info) == 0 && info.st_size >= (off_t)FOOTER_BYTES;
    uint64_t end = good ? (uint64_t)info.st_size - FOOTER_BYTES : 0;
    if (good && read_all(file, footer, sizeof footer, end) && little(footer + 40, 8) == MAGIC) {
        const uint8_t *at = footer, *stop = footer + 40;
        good = take_varint(&at, stop, &ignored) && take_varint(&at, stop, &ignored) &&
               take_varint(&at, stop, &offset) && take_varint(&at, stop, &size) &&
               index_good(file, offset, size, end);
    } else {
        good = false;
    }
    if (file >= 0)
        close(file);
    return good;
}

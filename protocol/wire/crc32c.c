/* crc32c.c: CRC32C (Castagnoli polynomial, RFC 3720 appendix B.4), by instruction where there is
 * one. */
#include "wire/run.h"

#include <assert.h>

static uint32_t crc_by_table(uint32_t crc, const uint8_t *at, size_t size)
{
    /* The remainders of the 16 half bytes, reflected polynomial 0x82f63b78. */
    static const uint32_t half[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    for (size_t i = 0; i < size; i++) {
        crc ^= at[i];
        crc = crc >> 4 ^ half[crc & 15];
        crc = crc >> 4 ^ half[crc & 15];
    }
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_by_instruction(uint32_t crc,
                                                                     const uint8_t *at, size_t size)
{
    uint64_t wide = crc;
    while (size >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        wide = __builtin_ia32_crc32di(wide, word);
        at += 8;
        size -= 8;
    }
    crc = (uint32_t)wide;
    while (size > 0) {
        crc = __builtin_ia32_crc32qi(crc, *at++);
        size--;
    }
    return crc;
}
#endif

uint32_t vd_crc32c(uint32_t crc, vd_bytes_t bytes)
{
    assert(bytes.data != NULL || bytes.size == 0);
    crc = ~crc;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return ~crc_by_instruction(crc, bytes.data, bytes.size);
#endif
    return ~crc_by_table(crc, bytes.data, bytes.size);
}

/* value_write.c: writes MessagePack into a buffer: lengths, texts and unsigned numbers, which every message is made
 * of, right here; the rest with msgpack-c's packer. */
#include "wire/value.h"

#include <assert.h>
#include <msgpack/pack.h>

static int write_bytes(void *data, const char *bytes, size_t size)
{
    return vd_buffer_add(data, bytes, size) ? 0 : -1;
}

static msgpack_packer packer_of(vd_buffer_t *out)
{
    assert(out != NULL);
    msgpack_packer packer;
    msgpack_packer_init(&packer, out, write_bytes);
    return packer;
}

void vd_write_nil(vd_buffer_t *out)
{
    msgpack_packer packer = packer_of(out);
    msgpack_pack_nil(&packer);
}

void vd_write_bool(vd_buffer_t *out, bool value)
{
    msgpack_packer packer = packer_of(out);
    if (value)
        msgpack_pack_true(&packer);
    else
        msgpack_pack_false(&packer);
}

/* Appends a lead byte and `width` bytes of a number behind it, most significant first. */
static void write_head(vd_buffer_t *out, uint8_t lead, uint64_t number, unsigned width)
{
    uint8_t *at = vd_buffer_reserve(out, 1 + width);
    if (at == NULL)
        return;
    at[0] = lead;
    for (unsigned i = 0; i < width; i++)
        at[1 + i] = (uint8_t)(number >> 8 * (width - 1 - i));
    out->size += 1 + width;
}

void vd_write_u64(vd_buffer_t *out, uint64_t value)
{
    assert(out != NULL);
    if (value <= 0x7f)
        write_head(out, (uint8_t)value, 0, 0);
    else if (value <= UINT8_MAX)
        write_head(out, 0xcc, value, 1);
    else if (value <= UINT16_MAX)
        write_head(out, 0xcd, value, 2);
    else if (value <= UINT32_MAX)
        write_head(out, 0xce, value, 4);
    else
        write_head(out, 0xcf, value, 8);
}

void vd_write_i64(vd_buffer_t *out, int64_t value)
{
    msgpack_packer packer = packer_of(out);
    msgpack_pack_int64(&packer, value);
}

void vd_write_f64(vd_buffer_t *out, double value)
{
    msgpack_packer packer = packer_of(out);
    msgpack_pack_double(&packer, value);
}

void vd_write_str(vd_buffer_t *out, vd_str_t text)
{
    enum { SHORT_TEXT = 0xa0, SHORT_TEXT_MAX = 31 };
    assert(out != NULL && text.size <= UINT32_MAX);
    if (text.size <= SHORT_TEXT_MAX) {
        uint8_t *at = vd_buffer_reserve(out, 1 + text.size);
        if (at == NULL)
            return;
        at[0] = (uint8_t)(SHORT_TEXT | text.size);
        if (text.size > 0)
            memcpy(at + 1, text.data, text.size);
        out->size += 1 + text.size;
        return;
    }
    if (text.size <= UINT8_MAX)
        write_head(out, 0xd9, text.size, 1);
    else if (text.size <= UINT16_MAX)
        write_head(out, 0xda, text.size, 2);
    else
        write_head(out, 0xdb, text.size, 4);
    vd_buffer_add(out, text.data, text.size);
}

void vd_write_text(vd_buffer_t *out, const char *text)
{
    vd_write_str(out, vd_str(text));
}

void vd_write_bin(vd_buffer_t *out, vd_bytes_t bytes)
{
    assert(out != NULL && bytes.size <= UINT32_MAX);
    if (bytes.size <= UINT8_MAX)
        write_head(out, 0xc4, bytes.size, 1);
    else if (bytes.size <= UINT16_MAX)
        write_head(out, 0xc5, bytes.size, 2);
    else
        write_head(out, 0xc6, bytes.size, 4);
    vd_buffer_add(out, bytes.data, bytes.size);
}

/* Arrays and maps count in the same three sizes. */
static void write_count(vd_buffer_t *out, uint8_t small, uint8_t lead, uint32_t count)
{
    assert(out != NULL);
    if (count < 16)
        write_head(out, (uint8_t)(small | count), 0, 0);
    else if (count <= UINT16_MAX)
        write_head(out, lead, count, 2);
    else
        write_head(out, (uint8_t)(lead + 1), count, 4);
}

void vd_write_array(vd_buffer_t *out, uint32_t count)
{
    write_count(out, 0x90, 0xdc, count);
}

void vd_write_map(vd_buffer_t *out, uint32_t pairs)
{
    write_count(out, 0x80, 0xde, pairs);
}

void vd_write_raw(vd_buffer_t *out, vd_bytes_t bytes)
{
    vd_buffer_add(out, bytes.data, bytes.size);
}

void vd_write_pair_str(vd_buffer_t *out, const char *key, vd_str_t value)
{
    vd_write_text(out, key);
    vd_write_str(out, value);
}

void vd_write_pair_text(vd_buffer_t *out, const char *key, const char *value)
{
    vd_write_text(out, key);
    vd_write_text(out, value);
}

void vd_write_pair_u64(vd_buffer_t *out, const char *key, uint64_t value)
{
    vd_write_text(out, key);
    vd_write_u64(out, value);
}

void vd_write_pair_i64(vd_buffer_t *out, const char *key, int64_t value)
{
    vd_write_text(out, key);
    vd_write_i64(out, value);
}

void vd_write_pair_f64(vd_buffer_t *out, const char *key, double value)
{
    vd_write_text(out, key);
    vd_write_f64(out, value);
}

void vd_write_pair_bool(vd_buffer_t *out, const char *key, bool value)
{
    vd_write_text(out, key);
    vd_write_bool(out, value);
}

/* value_write.c: writes MessagePack with msgpack-c's packer into a buffer. */
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

void vd_write_u64(vd_buffer_t *out, uint64_t value)
{
    msgpack_packer packer = packer_of(out);
    msgpack_pack_uint64(&packer, value);
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
    msgpack_packer packer = packer_of(out);
    msgpack_pack_str(&packer, text.size);
    vd_buffer_add(out, text.data, text.size);
}

void vd_write_text(vd_buffer_t *out, const char *text)
{
    vd_write_str(out, vd_str(text));
}

void vd_write_bin(vd_buffer_t *out, vd_bytes_t bytes)
{
    msgpack_packer packer = packer_of(out);
    msgpack_pack_bin(&packer, bytes.size);
    vd_buffer_add(out, bytes.data, bytes.size);
}

void vd_write_array(vd_buffer_t *out, uint32_t count)
{
    msgpack_packer packer = packer_of(out);
    msgpack_pack_array(&packer, count);
}

void vd_write_map(vd_buffer_t *out, uint32_t pairs)
{
    msgpack_packer packer = packer_of(out);
    msgpack_pack_map(&packer, pairs);
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

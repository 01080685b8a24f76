/* events.c: the events that benchmarks write: 256 bytes on the wire, each with its number. */
#include "benchmarks/events.h"

#include "benchmarks/measure.h"

#include <string.h>

/* What an event has beside its data: map, "ts" with 24 characters, "type" with its text, "data". */
enum { ENVELOPE_BYTES = 1 + 3 + 25 + 5 + 1 + sizeof VD_BENCH_TYPE - 1 + 5 };
enum {
    DATA_BYTES = VD_BENCH_EVENT_BYTES - ENVELOPE_BYTES,
    NUMBER_AT = 4, /* behind the map, "n" and the lead byte of a u64 */
    TEXT_AT = NUMBER_AT + 8 + 5 + 2,
    TEXT_BYTES = DATA_BYTES - TEXT_AT,
    TEXTS = 8192,
    TEXTS_BYTES = TEXTS * TEXT_BYTES,
};

static void put_number(uint8_t *at, uint64_t number)
{
    for (int i = 7; i >= 0; i--, number >>= 8)
        at[i] = (uint8_t)number;
}

/* Digits that do not repeat within what is compressed at once: repeated ones would make the disk look fast. */
static uint8_t texts[TEXTS_BYTES];

static void make_texts(void)
{
    if (texts[0] != 0)
        return;
    uint64_t seed = 88172645463325252u;
    for (size_t i = 0; i < TEXTS_BYTES; i++) {
        if (i % 16 == 0) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
        }
        texts[i] = (uint8_t) "0123456789abcdef"[seed >> 4 * (i % 16) & 15];
    }
}

void vd_bench_data_init(vd_bench_data_t *self)
{
    uint8_t *at = self->bytes;
    make_texts();
    memset(self->bytes, 0, sizeof self->bytes);
    self->size = DATA_BYTES;
    memcpy(at, "\x82\xa1n\xcf", NUMBER_AT);
    memcpy(at + NUMBER_AT + 8, "\xa4text\xd9", 6);
    at[TEXT_AT - 1] = TEXT_BYTES;
    vd_bench_data_next(self, 0);
}

void vd_bench_data_next(vd_bench_data_t *self, uint64_t number)
{
    put_number(self->bytes + NUMBER_AT, number);
    memcpy(self->bytes + TEXT_AT, texts + number % TEXTS * TEXT_BYTES, TEXT_BYTES);
}

void vd_bench_event(const vd_bench_data_t *data, uint8_t out[VD_BENCH_EVENT_BYTES])
{
    static const char envelope[ENVELOPE_BYTES + 1] = "\x83\xa2ts\xb8"
                                                     "2026-01-01T00:00:00.000Z"
                                                     "\xa4type\xab" VD_BENCH_TYPE "\xa4"
                                                     "data";
    memcpy(out, envelope, ENVELOPE_BYTES);
    memcpy(out + ENVELOPE_BYTES, data->bytes, DATA_BYTES);
}

uint64_t vd_bench_data_number(const uint8_t *data, size_t size)
{
    uint64_t number = 0;
    if (size != DATA_BYTES)
        vd_bench_fail("an event of %zu bytes of data came back instead of %d", size, DATA_BYTES);
    for (int i = 0; i < 8; i++)
        number = number << 8 | data[NUMBER_AT + i];
    return number;
}

/* events.h: the events that benchmarks write: 256 bytes on the wire, each with its number. */
#ifndef VD_BENCH_EVENTS_H
#define VD_BENCH_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#define VD_BENCH_TYPE        "bench_event"
#define VD_BENCH_EVENT_BYTES 256

/* The data of one event, one MessagePack map. */
typedef struct vd_bench_data {
    size_t size;
    uint8_t bytes[VD_BENCH_EVENT_BYTES];
} vd_bench_data_t;

void vd_bench_data_init(vd_bench_data_t *self);
/* Makes it the data of event `number`. */
void vd_bench_data_next(vd_bench_data_t *self, uint64_t number);
/* The whole event as it stands on the wire. */
void vd_bench_event(const vd_bench_data_t *data, uint8_t out[VD_BENCH_EVENT_BYTES]);
/* The number in such data; other data end the program. */
uint64_t vd_bench_data_number(const uint8_t *data, size_t size);

#endif

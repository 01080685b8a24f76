/* stream_events.h: events whose type, data and cause tell their sequence. */
#ifndef STREAM_EVENTS_H
#define STREAM_EVENTS_H

#include "wire/run.h"

#define STREAM_EVENTS_MS INT64_C(1763820131000) /* 2025-11-22T14:02:11Z */

/* One of them in wire bytes. Lives until the next call. */
vd_bytes_t stream_event(uint64_t seq);

#endif

/* run.h: events and runs of events in wire bytes.
 *
 * 1. An event on the wire is a MessagePack map with at least `ts` (string, exactly 24 characters,
 *    YYYY-MM-DDTHH:MM:SS.mmmZ), `type` (string of 1 to NAME_BYTES_MAX characters a-z 0-9 _ . -) and
 *    `data` (any value); `aux`, if it is there, is bin: bytes of the producer's own, which nobody on
 *    the way looks into. Any further string key is carried. Session and sequence are not inside:
 *    the run has them.
 * 2. A run is entries one after the other. An entry is ce + CRC32C of the event's bytes (5 bytes,
 *    MessagePack uint32) and the event's bytes as MessagePack bin. So any MessagePack stream reader
 *    takes it apart.
 * 3. The bytes that a producer packed are the bytes that are stored and that every subscriber gets.
 */
#ifndef VD_RUN_H
#define VD_RUN_H

#include "wire/buffer.h"
#include "wire/status.h"
#include "wire/value.h"

/* CRC32C (Castagnoli) of `bytes`, continued from `crc` (0 to begin). Uses SSE4.2 where the
 * processor has it. */
uint32_t vd_crc32c(uint32_t crc, vd_bytes_t bytes);

typedef struct vd_entry {
    uint32_t crc;
    vd_bytes_t event; /* wire bytes of the event */
    vd_bytes_t raw;   /* the whole entry */
} vd_entry_t;

/* Takes the entry at the front of `run`. VD_OK; VD_NOT_FOUND at the end; VD_MALFORMED. Does not
 * check the CRC. */
vd_status_t vd_run_next(vd_bytes_t *run, vd_entry_t *entry);
/* Appends an entry with the event's bytes and their CRC. */
bool vd_run_add(vd_buffer_t *run, vd_bytes_t event);
/* Checks a run from outside: `count` entries exactly, each scanned, each with its CRC, each a valid
 * event. VD_OK, VD_MALFORMED, VD_TOO_DEEP, VD_TOO_LARGE, VD_BAD_CRC or VD_BAD_EVENT; `bad` tells
 * which entry (from 0). */
vd_status_t vd_run_check(vd_bytes_t run, uint64_t count, uint64_t *bad);
/* CRC32C over the entries' CRCs (4 bytes each, big endian), continued from `crc`: what the commit
 * chain covers. */
uint32_t vd_run_digest(uint32_t crc, vd_bytes_t run);

typedef struct vd_event {
    vd_str_t ts;
    vd_str_t session;
    uint64_t seq;
    vd_str_t type;
    vd_bytes_t data;  /* one MessagePack value */
    vd_bytes_t cause; /* one MessagePack map, or empty */
    vd_bytes_t aux;   /* bytes of the producer's own, or empty */
    vd_bytes_t raw;   /* the whole event in wire bytes, unknown fields included */
} vd_event_t;

/* Reads an event from its wire bytes; session and seq stay untouched. VD_OK or VD_BAD_EVENT. */
vd_status_t vd_event_read(vd_bytes_t bytes, vd_event_t *event);
/* Room for a time stamp and its zero byte. */
#define VD_TS_SIZE 25
/* The type of an event that was checked before; found at once where it stands right behind `ts`, as
 * in the events of our own libraries. */
vd_str_t vd_event_peek_type(vd_bytes_t event);
/* Appends the wire bytes of an event; `cause` may be empty. */
void vd_event_write(vd_buffer_t *out, int64_t wall_ms, vd_str_t type, vd_bytes_t data,
                    vd_bytes_t cause);
/* The same with a time stamp that is written out already, for who writes many in the same
 * millisecond, and with bytes of the producer's own, which may be empty. */
void vd_event_write_stamped(vd_buffer_t *out, const char ts[VD_TS_SIZE], vd_str_t type,
                            vd_bytes_t data, vd_bytes_t cause, vd_bytes_t aux);
/* Is this a valid event type, or name? 1 to NAME_BYTES_MAX characters of a-z A-Z 0-9 _ . - and, in
 * a name, : # / @. */
bool vd_type_valid(vd_str_t type);
bool vd_name_valid(vd_str_t name);
/* Does `text` match the glob (only * and ? are special)? */
bool vd_glob_match(vd_str_t glob, vd_str_t text);

/* Writes YYYY-MM-DDTHH:MM:SS.mmmZ. */
void vd_ts_format(int64_t wall_ms, char out[VD_TS_SIZE]);
/* Reads a time stamp. False if it is not exactly of this form or not a date. */
bool vd_ts_parse(vd_str_t text, int64_t *wall_ms);

/* The length of the UTF-8 sequence at the front, 0 if it is none (overlong forms and surrogates
 * included). */
size_t vd_utf8_size(vd_bytes_t rest);
/* Copies what fits of a text that quotes others into `out` (`size` bytes, zero-ended), in whole
 * characters, and returns the copy. Each byte that belongs to no character becomes '?', a zero byte
 * too: no message with one in a text is taken. */
vd_str_t vd_text_copy(char *out, size_t size, vd_str_t text);
/* Appends an event as one line of JSON: ts, session, seq, type, data, then the other fields as they
 * are. */
void vd_event_json(vd_buffer_t *out, const vd_event_t *event);
/* Appends a value as JSON. bin becomes base64 text; ext {"ext":type,"base64":..}; NaN and
 * infinities null; map keys that are no strings are written as their JSON text in quotes, lists and
 * maps that are keys within such a key as base64 of their MessagePack; bytes that are no UTF-8 become
 * U+FFFD. At most about 12 bytes come of one. */
void vd_value_json(vd_buffer_t *out, vd_bytes_t value);
/* Parses JSON text into MessagePack. VD_OK or VD_MALFORMED with line and column in `error`
 * (VD_TEXT_BYTES_MAX). */
vd_status_t vd_json_parse(vd_str_t json, vd_buffer_t *out, char *error, size_t error_size);

#endif

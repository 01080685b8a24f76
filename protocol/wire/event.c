/* event.c: the bytes of one event, names, globs and time stamps. */
#include "wire/limits.h"
#include "wire/run.h"
#include "wire/value_head.h"

#include <assert.h>
#include <stdio.h>

/* A time stamp taken apart. */
typedef struct parts_of_ts {
    int year, month, day, hour, minute, second, ms;
} parts_of_ts_t;

static bool read_ts(vd_str_t text, parts_of_ts_t *parts);

/* Events of our own libraries are a map of three, "ts", "type" and "data", in this order. */
static const char USUAL_TS[] = "\x83\xa2ts\xb8", USUAL_TYPE[] = "\xa4type",
                  USUAL_DATA[] = "\xa4"
                                 "data";
enum {
    USUAL_TS_AT = sizeof USUAL_TS - 1,
    USUAL_TYPE_AT = USUAL_TS_AT + VD_TS_SIZE - 1 + sizeof USUAL_TYPE - 1,
    SHORT_TEXT = 0xa0,
    SHORT_TEXT_MAX = 31,
};

/* Takes the type of an event in the usual order; false when it is not in it, or has a long type. `data`: what comes
 * behind the key "data". */
static bool peek_usual(vd_bytes_t bytes, vd_str_t *type, vd_bytes_t *data)
{
    enum { DATA_KEY = sizeof USUAL_DATA - 1 };
    if (bytes.size <= USUAL_TYPE_AT || memcmp(bytes.data, USUAL_TS, USUAL_TS_AT) != 0 ||
        memcmp(bytes.data + USUAL_TS_AT + VD_TS_SIZE - 1, USUAL_TYPE, sizeof USUAL_TYPE - 1) != 0)
        return false;
    size_t size = bytes.data[USUAL_TYPE_AT] ^ SHORT_TEXT, behind = USUAL_TYPE_AT + 1 + size;
    if (size > SHORT_TEXT_MAX || bytes.size <= behind + DATA_KEY ||
        memcmp(bytes.data + behind, USUAL_DATA, DATA_KEY) != 0)
        return false;
    *type = vd_bytes(bytes.data + USUAL_TYPE_AT + 1, size);
    *data = vd_bytes(bytes.data + behind + DATA_KEY, bytes.size - behind - DATA_KEY);
    return true;
}

/* Reads an event in the usual order, all of it checked. False: look again, in any order. */
static bool read_usual(vd_bytes_t bytes, vd_event_t *event)
{
    vd_str_t type;
    vd_bytes_t data;
    parts_of_ts_t parts;
    if (!peek_usual(bytes, &type, &data) || !vd_type_valid(type) ||
        vd_scan_exact(data, VD_DEPTH_MAX) != VD_OK)
        return false;
    event->ts = vd_bytes(bytes.data + USUAL_TS_AT, VD_TS_SIZE - 1);
    event->type = type;
    event->data = data;
    return read_ts(event->ts, &parts);
}

/* Each of the keys that are known may stand there once: readers would not agree which one counts. */
static bool read_member(vd_event_t *event, const vd_value_t *key, const vd_value_t *value)
{
    if (key->kind != VD_KIND_STR)
        return false;
    if (vd_str_is(key->bytes, "ts")) {
        parts_of_ts_t parts;
        bool first = event->ts.size == 0;
        event->ts = vd_value_str(value);
        return first && read_ts(event->ts, &parts);
    }
    if (vd_str_is(key->bytes, "type")) {
        bool first = event->type.size == 0;
        event->type = vd_value_str(value);
        return first && vd_type_valid(event->type);
    }
    if (vd_str_is(key->bytes, "aux") && value->kind == VD_KIND_BIN) {
        bool first = event->aux.data == NULL;
        event->aux = value->bytes;
        return first;
    }
    bool data = vd_str_is(key->bytes, "data");
    if (!data && !vd_str_is(key->bytes, "cause"))
        return true;
    vd_bytes_t *place = data ? &event->data : &event->cause;
    bool first = place->size == 0;
    *place = value->raw;
    return first;
}

/* The walk over the members scans every value, so that unscanned bytes are safe here. */
static vd_status_t read_members(vd_bytes_t bytes, vd_event_t *event)
{
    vd_head_t head;
    if (vd_head_read(bytes, &head) != VD_OK || head.kind != VD_KIND_MAP)
        return VD_BAD_EVENT;
    vd_bytes_t rest = vd_bytes(bytes.data + head.size, bytes.size - head.size);
    for (uint32_t i = 0; i < head.count; i++) {
        vd_value_t key, value;
        if (!vd_value_next(&rest, &key) || !vd_value_next(&rest, &value))
            return VD_BAD_EVENT;
        if (!read_member(event, &key, &value))
            return VD_BAD_EVENT;
    }
    bool whole = event->ts.size > 0 && event->type.size > 0 && event->data.size > 0;
    return whole && rest.size == 0 ? VD_OK : VD_BAD_EVENT;
}

vd_status_t vd_event_read(vd_bytes_t bytes, vd_event_t *event)
{
    assert(event != NULL);
    event->ts = event->type = event->data = event->cause = event->aux = vd_bytes(NULL, 0);
    event->raw = bytes;
    if (read_usual(bytes, event))
        return VD_OK;
    event->ts = event->type = event->data = event->cause = event->aux = vd_bytes(NULL, 0);
    return read_members(bytes, event);
}

vd_str_t vd_event_peek_type(vd_bytes_t bytes)
{
    vd_str_t type;
    vd_bytes_t data;
    vd_event_t event;
    if (peek_usual(bytes, &type, &data))
        return type;
    return vd_event_read(bytes, &event) == VD_OK ? event.type : vd_bytes(NULL, 0);
}

void vd_event_write(vd_buffer_t *out, int64_t wall_ms, vd_str_t type, vd_bytes_t data,
                    vd_bytes_t cause)
{
    char ts[VD_TS_SIZE];
    vd_ts_format(wall_ms, ts);
    vd_event_write_stamped(out, ts, type, data, cause, vd_bytes(NULL, 0));
}

void vd_event_write_stamped(vd_buffer_t *out, const char ts[VD_TS_SIZE], vd_str_t type,
                            vd_bytes_t data, vd_bytes_t cause, vd_bytes_t aux)
{
    assert(data.size > 0 && type.size > 0);
    vd_write_map(out, 3 + (cause.size > 0) + (aux.size > 0));
    vd_write_pair_str(out, "ts", vd_bytes(ts, VD_TS_SIZE - 1));
    vd_write_pair_str(out, "type", type);
    vd_write_text(out, "data");
    vd_write_raw(out, data);
    if (cause.size > 0) {
        vd_write_text(out, "cause");
        vd_write_raw(out, cause);
    }
    if (aux.size > 0) {
        vd_write_text(out, "aux");
        vd_write_bin(out, aux);
    }
}

/* The ASCII characters of types, and of names, as bits: 0 to 63, 64 to 127. */
static const uint64_t type_characters[2] = {0x03ff600000000000, 0x07fffffe87fffffe};
static const uint64_t name_characters[2] = {0x07ffe00800000000, 0x07fffffe87ffffff};

static bool has_only(vd_str_t text, const uint64_t characters[2])
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] > 127 || !(characters[text.data[i] >> 6] >> (text.data[i] & 63) & 1))
            return false;
    return true;
}

bool vd_type_valid(vd_str_t type)
{
    return type.size > 0 && type.size <= VD_NAME_BYTES_MAX && has_only(type, type_characters);
}

bool vd_name_valid(vd_str_t name)
{
    return name.size > 0 && name.size <= VD_NAME_BYTES_MAX && has_only(name, name_characters) &&
           name.data[0] != '.';
}

bool vd_glob_match(vd_str_t glob, vd_str_t text)
{
    size_t g = 0, t = 0, star = SIZE_MAX, resume = 0;
    while (t < text.size) {
        if (g < glob.size && glob.data[g] == '*') {
            star = g++;
            resume = t;
        } else if (g < glob.size && (glob.data[g] == '?' || glob.data[g] == text.data[t])) {
            g++;
            t++;
        } else if (star != SIZE_MAX) {
            /* Let the last star swallow one more character. */
            g = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (g < glob.size && glob.data[g] == '*')
        g++;
    return g == glob.size;
}

/* Days since 1970-01-01 of a civil date, and back: proleptic Gregorian, years begin in March. */
static int64_t days_of_date(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = year / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of_days(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
    days += 719468;
    int64_t era = days / 146097;
    int64_t of_era = days - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * of_year + 2) / 153;
    *day = of_year - (153 * shifted + 2) / 5 + 1;
    *month = shifted < 10 ? shifted + 3 : shifted - 9;
    *year = year_of_era + era * 400 + (*month <= 2);
}

static char *put_digits(char *at, int64_t number, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        at[i] = (char)('0' + number % 10);
        number /= 10;
    }
    return at + width;
}

void vd_ts_format(int64_t wall_ms, char out[VD_TS_SIZE])
{
    static const int64_t last_ms = 253402300799999; /* 9999-12-31T23:59:59.999Z */
    wall_ms = wall_ms < 0 ? 0 : wall_ms > last_ms ? last_ms : wall_ms;
    int64_t year, month, day;
    int64_t seconds = wall_ms / 1000;
    date_of_days(seconds / 86400, &year, &month, &day);
    char *at = put_digits(out, year, 4);
    *at++ = '-';
    at = put_digits(at, month, 2);
    *at++ = '-';
    at = put_digits(at, day, 2);
    *at++ = 'T';
    at = put_digits(at, seconds / 3600 % 24, 2);
    *at++ = ':';
    at = put_digits(at, seconds / 60 % 60, 2);
    *at++ = ':';
    at = put_digits(at, seconds % 60, 2);
    *at++ = '.';
    at = put_digits(at, wall_ms % 1000, 3);
    *at++ = 'Z';
    *at = 0;
    assert(at - out == VD_TS_SIZE - 1);
}

/* The number that two digits are; below 0: they are none. */
static inline int two_digits(const uint8_t *at)
{
    unsigned tens = at[0] - (unsigned)'0', ones = at[1] - (unsigned)'0';
    return tens > 9 || ones > 9 ? -1000 : (int)(tens * 10 + ones);
}

static bool read_ts(vd_str_t text, parts_of_ts_t *parts)
{
    const uint8_t *at = text.data;
    if (text.size != VD_TS_SIZE - 1 || at[4] != '-' || at[7] != '-' || at[10] != 'T' ||
        at[13] != ':' || at[16] != ':' || at[19] != '.' || at[22] < '0' || at[22] > '9' ||
        at[23] != 'Z')
        return false;
    int century = two_digits(at), of_century = two_digits(at + 2), hundredths = two_digits(at + 20);
    *parts = (parts_of_ts_t){.year = century * 100 + of_century,
                             .month = two_digits(at + 5),
                             .day = two_digits(at + 8),
                             .hour = two_digits(at + 11),
                             .minute = two_digits(at + 14),
                             .second = two_digits(at + 17),
                             .ms = hundredths * 10 + at[22] - '0'};
    if (of_century < 0 || parts->year < 1970 || parts->month < 1 || parts->month > 12 ||
        parts->day < 1 || parts->hour < 0 || parts->hour > 23 || parts->minute < 0 ||
        parts->minute > 59 || parts->second < 0 || parts->second > 59 || hundredths < 0)
        return false;
    static const uint8_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (parts->year % 4 == 0 && parts->year % 100 != 0) || parts->year % 400 == 0;
    return parts->day <= month_days[parts->month - 1] + (leap && parts->month == 2);
}

bool vd_ts_parse(vd_str_t text, int64_t *wall_ms)
{
    parts_of_ts_t parts;
    if (!read_ts(text, &parts))
        return false;
    int64_t minutes = (days_of_date(parts.year, parts.month, parts.day) * 24 + parts.hour) * 60;
    *wall_ms = (minutes + parts.minute) * 60000 + parts.second * 1000 + parts.ms;
    return true;
}

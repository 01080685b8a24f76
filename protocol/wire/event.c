/* event.c: the bytes of one event, names, globs and time stamps. */
#include "wire/limits.h"
#include "wire/run.h"
#include "wire/value_head.h"

#include <assert.h>
#include <stdio.h>

/* Each of the keys that are known may stand there once: readers would not agree which one counts. */
static bool read_member(vd_event_t *event, const vd_value_t *key, const vd_value_t *value)
{
    if (key->kind != VD_KIND_STR)
        return false;
    if (vd_str_is(key->bytes, "ts")) {
        int64_t wall_ms;
        bool first = event->ts.size == 0;
        event->ts = vd_value_str(value);
        return first && vd_ts_parse(event->ts, &wall_ms);
    }
    if (vd_str_is(key->bytes, "type")) {
        bool first = event->type.size == 0;
        event->type = vd_value_str(value);
        return first && vd_type_valid(event->type);
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
vd_status_t vd_event_read(vd_bytes_t bytes, vd_event_t *event)
{
    assert(event != NULL);
    event->ts = event->type = event->data = event->cause = vd_bytes(NULL, 0);
    event->raw = bytes;
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

vd_str_t vd_event_peek_type(vd_bytes_t bytes)
{
    /* A short map, "ts" with its 24 characters, "type". */
    static const char ts_key[] = "\xa2ts\xb8", type_key[] = "\xa4type";
    enum { TS_AT = 1, TYPE_AT = TS_AT + sizeof ts_key - 1 + VD_TS_SIZE - 1 };
    vd_event_t event;
    size_t at = TYPE_AT + sizeof type_key - 1;
    if (bytes.size > at && memcmp(bytes.data + TS_AT, ts_key, sizeof ts_key - 1) == 0 &&
        memcmp(bytes.data + TYPE_AT, type_key, sizeof type_key - 1) == 0) {
        vd_bytes_t rest = vd_bytes(bytes.data + at, bytes.size - at);
        vd_value_t type;
        if (vd_value_next(&rest, &type) && type.kind == VD_KIND_STR)
            return type.bytes;
    }
    return vd_event_read(bytes, &event) == VD_OK ? event.type : vd_bytes(NULL, 0);
}

void vd_event_write(vd_buffer_t *out, int64_t wall_ms, vd_str_t type, vd_bytes_t data,
                    vd_bytes_t cause)
{
    char ts[VD_TS_SIZE];
    vd_ts_format(wall_ms, ts);
    vd_event_write_stamped(out, ts, type, data, cause);
}

void vd_event_write_stamped(vd_buffer_t *out, const char ts[VD_TS_SIZE], vd_str_t type,
                            vd_bytes_t data, vd_bytes_t cause)
{
    assert(data.size > 0 && type.size > 0);
    vd_write_map(out, cause.size > 0 ? 4 : 3);
    vd_write_pair_str(out, "ts", vd_bytes(ts, VD_TS_SIZE - 1));
    vd_write_pair_str(out, "type", type);
    vd_write_text(out, "data");
    vd_write_raw(out, data);
    if (cause.size > 0) {
        vd_write_text(out, "cause");
        vd_write_raw(out, cause);
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

static bool take_digits(const uint8_t *at, int width, int64_t *number)
{
    *number = 0;
    for (int i = 0; i < width; i++) {
        if (at[i] < '0' || at[i] > '9')
            return false;
        *number = *number * 10 + (at[i] - '0');
    }
    return true;
}

bool vd_ts_parse(vd_str_t text, int64_t *wall_ms)
{
    const uint8_t *at = text.data;
    if (text.size != VD_TS_SIZE - 1 || at[4] != '-' || at[7] != '-' || at[10] != 'T' ||
        at[13] != ':' || at[16] != ':' || at[19] != '.' || at[23] != 'Z')
        return false;
    int64_t year, month, day, hour, minute, second, ms;
    if (!take_digits(at, 4, &year) || !take_digits(at + 5, 2, &month) ||
        !take_digits(at + 8, 2, &day) || !take_digits(at + 11, 2, &hour) ||
        !take_digits(at + 14, 2, &minute) || !take_digits(at + 17, 2, &second) ||
        !take_digits(at + 20, 3, &ms))
        return false;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 ||
        second > 59)
        return false;
    static const uint8_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > month_days[month - 1] + (leap && month == 2))
        return false;
    *wall_ms =
        ((days_of_date(year, month, day) * 24 + hour) * 60 + minute) * 60000 + second * 1000 + ms;
    return true;
}

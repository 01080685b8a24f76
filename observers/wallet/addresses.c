/* addresses.c: sources of addresses: their reads, and what these tell. */
#include "addresses.h"

#include "chainkit/reader_json.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- sources and reads ---- */

/* May it stand in the path of a request as it is? */
static bool is_plain(vd_str_t text)
{
    for (size_t at = 0; at < text.size; at++) {
        uint8_t byte = text.data[at];
        if (!(byte >= 'a' && byte <= 'z') && !(byte >= 'A' && byte <= 'Z') &&
            !(byte >= '0' && byte <= '9') && byte != '-' && byte != '_' && byte != '.')
            return false;
    }
    return text.size > 0 && text.size <= VD_NAME_BYTES_MAX;
}

vd_address_source_t vd_address_source_of(const char *app, const vd_source_record_t *source)
{
    assert(app && source);
    vd_value_t labels;
    vd_address_source_t self = {.name = source->name};
    if (!vd_value_of(source->labels, &labels) || !vd_str_is(vd_value_get_str(&labels, "app"), app))
        return self;
    self.wallet = vd_value_get_str(&labels, "wallet");
    if (!is_plain(self.wallet))
        return self;
    if (vd_str_is(source->adapter, "file")) {
        vd_str_t file = vd_value_get_str(&labels, "file");
        if (vd_str_copy(self.target, sizeof self.target,
                        file.size > 0 ? file : vd_str("addresses.txt")))
            self.form = VD_ADDRESSES_FILE;
    } else if (vd_str_is(source->adapter, "http")) {
        const vd_reader_t *reader = vd_reader_named(vd_value_get_str(&labels, "reader"));
        snprintf(self.target, sizeof self.target, "/wallet/%.*s", (int)self.wallet.size,
                 (const char *)self.wallet.data);
        if (reader == &vd_hsd_reader || reader == &vd_bcoin_reader)
            self.form = VD_ADDRESSES_SERVER;
    }
    return self;
}

void vd_address_page(const vd_address_source_t *self, vd_str_t after, char *target, size_t size)
{
    assert(self && self->form == VD_ADDRESSES_SERVER && target);
    snprintf(target, size, "%s/tx/history?reverse=true&limit=%d%s%.*s", self->target,
             after.size > 0 ? VD_WALLET_PAGE : VD_WALLET_NEWEST, after.size > 0 ? "&after=" : "",
             (int)after.size, (const char *)after.data);
}

static void accounts_target(const vd_address_source_t *self, char *target, size_t size)
{
    snprintf(target, size, "%s/account", self->target);
}

static void add_read(vd_reads_t *reads, const char *op, const char *target, int64_t interval_ms,
                     int64_t deadline_ms)
{
    vd_reads_add_spec(reads, &(vd_read_spec_t){.op = op,
                                               .target = target,
                                               .interval_ms = interval_ms,
                                               .deadline_ms = deadline_ms});
}

void vd_address_reads(const vd_address_source_t *self, const vd_samples_t *samples,
                      int64_t interval_ms, int64_t deadline_ms, vd_reads_t *reads)
{
    assert(self && samples && reads);
    char target[256], list[256], error[VD_TEXT_BYTES_MAX];
    vd_answer_t answer = {0};
    size_t at;
    const json_t *account;
    if (self->form == VD_ADDRESSES_FILE)
        add_read(reads, "read", self->target, interval_ms, deadline_ms);
    if (self->form != VD_ADDRESSES_SERVER)
        return;
    vd_address_page(self, vd_str(""), target, sizeof target);
    add_read(reads, "get", target, interval_ms, deadline_ms);
    accounts_target(self, list, sizeof list);
    add_read(reads, "get", list, interval_ms, deadline_ms);
    const vd_sample_record_t *sample = vd_samples_find(samples, self->name, "get", list);
    if (!sample || !vd_str_is(sample->status, "ok") ||
        !vd_answer_open(&answer, sample->content, true, error, sizeof error))
        return;
    json_array_foreach((const json_t *)answer.json, at, account)
    {
        vd_str_t name = vd_bytes(json_string_value(account), json_string_length(account));
        if (at < VD_WALLET_ACCOUNTS_MAX && is_plain(name)) {
            snprintf(target, sizeof target, "%.120s/%.64s", list, json_string_value(account));
            add_read(reads, "get", target, interval_ms, deadline_ms);
        }
    }
    vd_answer_free(&answer);
}

/* ---- what they tell ---- */

/* Room for `count` addresses and `txs` ids. */
static bool make_room(vd_addresses_t *out, size_t count, size_t txs, char *error, size_t error_size)
{
    out->list = calloc(count + 1, sizeof *out->list);
    out->txs = calloc(txs + 1, sizeof *out->txs);
    if (out->list && out->txs && count <= VD_ADDRESSES_PER_READ_MAX)
        return true;
    snprintf(error, error_size, "%zu addresses are too many", count);
    return false;
}

static bool add_line(vd_addresses_t *out, vd_bytes_t content, size_t from, size_t end,
                     uint32_t number, char *error, size_t error_size)
{
    while (from < end && (content.data[from] == ' ' || content.data[from] == '\t'))
        from++;
    size_t to = from;
    while (to < end && content.data[to] > ' ' && content.data[to] < 0x7f && content.data[to] != '#')
        to++;
    size_t rest = to;
    while (rest < end &&
           (content.data[rest] == ' ' || content.data[rest] == '\t' || content.data[rest] == '\r'))
        rest++;
    if ((rest < end && content.data[rest] != '#') || to - from > VD_ADDRESS_SIZE_MAX) {
        snprintf(error, error_size, "line %u is not one address of at most %d characters", number,
                 VD_ADDRESS_SIZE_MAX);
        return false;
    }
    if (to > from)
        out->list[out->count++] = vd_bytes(content.data + from, to - from);
    return true;
}

static bool read_file(vd_bytes_t content, vd_addresses_t *out, char *error, size_t error_size)
{
    size_t lines = 1, from = 0;
    uint32_t number = 0;
    bool good = true;
    for (size_t at = 0; at < content.size; at++)
        lines += content.data[at] == '\n';
    if (!make_room(out, lines, 0, error, error_size))
        return false;
    for (size_t at = 0; at <= content.size && good; at++)
        if (at == content.size || content.data[at] == '\n') {
            good = add_line(out, content, from, at, ++number, error, error_size);
            from = at + 1;
        }
    return good;
}

static bool add_address(vd_addresses_t *out, const vd_place_t *place, const json_t *object,
                        const char *key)
{
    const json_t *value = json_object_get(object, key);
    vd_str_t text = vd_bytes(json_string_value(value), json_string_length(value));
    if (!value || json_is_null(value))
        return true;
    if (text.size == 0 || text.size > VD_ADDRESS_SIZE_MAX)
        return vd_place_fail(place, key, "is not an address");
    out->list[out->count++] = text;
    return true;
}

/* The addresses that an account hands out next. */
static bool read_account(vd_bytes_t content, vd_addresses_t *out, char *error, size_t error_size)
{
    vd_place_t place = {.error = error, .error_size = error_size};
    const json_t *root = vd_answer_open(&out->answer, content, false, error, error_size);
    return root && make_room(out, 3, 0, error, error_size) &&
           add_address(out, &place, root, "receiveAddress") &&
           add_address(out, &place, root, "changeAddress") &&
           add_address(out, &place, root, "nestedAddress");
}

/* The own addresses among the ends of a transaction. */
static bool add_ends(vd_addresses_t *out, const vd_place_t *place, const json_t *ends)
{
    size_t at;
    const json_t *end;
    json_array_foreach(ends, at, end)
    {
        if (json_is_object(json_object_get(end, "path")) &&
            !add_address(out, place, end, "address"))
            return false;
    }
    return true;
}

static bool read_page(vd_bytes_t content, vd_addresses_t *out, char *error, size_t error_size)
{
    vd_place_t place = {.error = error, .error_size = error_size};
    const json_t *tx, *list = vd_answer_open(&out->answer, content, true, error, error_size);
    size_t at, ends = 0;
    out->is_page = true;
    json_array_foreach(list, at, tx) ends += json_array_size(json_object_get(tx, "inputs")) +
                                             json_array_size(json_object_get(tx, "outputs"));
    if (!list || !make_room(out, ends, json_array_size(list), error, error_size))
        return false;
    json_array_foreach(list, at, tx)
    {
        vd_place_t below = vd_place_at(&place, "", (int64_t)at);
        if (!vd_place_id(&below, tx, "hash", &out->txs[at]) ||
            !add_ends(out, &below, json_object_get(tx, "inputs")) ||
            !add_ends(out, &below, json_object_get(tx, "outputs")))
            return false;
        out->tx_count++;
    }
    return true;
}

/* What stands behind the wallet's own path in a target. */
static vd_str_t tail_of(const vd_address_source_t *source, vd_str_t target)
{
    size_t size = strlen(source->target);
    return target.size > size ? vd_bytes(target.data + size, target.size - size) : vd_str("");
}

static bool begins(vd_str_t text, const char *with)
{
    return text.size >= strlen(with) && memcmp(text.data, with, strlen(with)) == 0;
}

bool vd_addresses_read(const vd_address_source_t *source, const vd_sample_record_t *sample,
                       vd_addresses_t *out, char *error, size_t error_size)
{
    assert(source && source->form != VD_ADDRESSES_NONE && sample && out && !out->list);
    vd_str_t tail = tail_of(source, sample->target);
    bool good = true;
    if (source->form == VD_ADDRESSES_FILE)
        good = read_file(sample->content, out, error, error_size);
    else if (begins(tail, "/tx/history"))
        good = read_page(sample->content, out, error, error_size);
    else if (begins(tail, "/account/"))
        good = read_account(sample->content, out, error, error_size);
    if (!good)
        vd_addresses_free(out);
    return good;
}

void vd_addresses_free(vd_addresses_t *self)
{
    assert(self);
    free(self->list);
    free(self->txs);
    vd_answer_free(&self->answer);
    *self = (vd_addresses_t){0};
}

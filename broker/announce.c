/* announce.c: providers and the sets of sources that they announce. */
#include "membership_parts.h"

#include "core/hash.h"
#include "wire/auth.h"
#include "wire/run.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static vd_provider_row_t *find(vd_membership_t *self, vd_str_t name)
{
    for (uint32_t i = 0; i < VD_PROVIDERS_MAX; i++)
        if (self->providers[i].used && vd_str_is(name, self->providers[i].name))
            return &self->providers[i];
    return NULL;
}

/* A row for a provider that is new: a free one, or one whose provider has ended and holds
 * nothing. */
static vd_provider_row_t *take_row(vd_membership_t *self, vd_str_t name)
{
    vd_provider_row_t *row = NULL;
    for (uint32_t i = 0; i < VD_PROVIDERS_MAX && row == NULL; i++)
        if (!self->providers[i].used)
            row = &self->providers[i];
    for (uint32_t i = 0; i < VD_PROVIDERS_MAX && row == NULL; i++)
        if (self->providers[i].sources == 0 && self->providers[i].inc == 0)
            row = &self->providers[i];
    if (row == NULL)
        return NULL;
    *row = (vd_provider_row_t){.used = true, .dirty = true};
    bool copied = vd_str_copy(row->name, sizeof row->name, name);
    assert(copied);
    return row;
}

static void set_error(vd_provider_row_t *row, vd_str_t text)
{
    if (vd_str_is(text, row->error))
        return;
    char before[VD_PROVIDER_ERROR_BYTES];
    memcpy(before, row->error, sizeof before);
    vd_str_copy(row->error, sizeof row->error, text);
    row->dirty = row->dirty || strcmp(before, row->error) != 0;
}

static void void_set(vd_provider_row_t *row, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Ends the open set without effect on what is not in it. */
static void void_set(vd_provider_row_t *row, const char *format, ...)
{
    char text[VD_PROVIDER_ERROR_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    row->open = false;
    set_error(row, vd_str(text));
}

void vd_announce_provider_ended(vd_membership_t *self, const char *name, const char *how)
{
    vd_provider_row_t *row = find(self, vd_str(name));
    if (row == NULL)
        return;
    void_set(row, "the provider has ended (%s); its last good set is kept", how);
    row->inc = 0;
    row->dirty = true;
}

static bool row_valid(const vd_source_record_t *record)
{
    return vd_name_valid(record->name) && vd_name_valid(record->adapter) &&
           (record->auth.size == 0 || vd_auth_parse(record->auth, NULL) == VD_OK) &&
           (record->labels.size == 0 || vd_scan_exact(record->labels, VD_DEPTH_MAX) == VD_OK) &&
           (record->spec.size == 0 || vd_scan_exact(record->spec, VD_DEPTH_MAX) == VD_OK);
}

/* The incarnation of a source: the same for the same reason, so that a new broker does not turn
 * every source into another one; fresh when a name may have come back. A provider that knows better
 * gives its own. */
static uint64_t incarnation(vd_membership_t *self, const vd_source_record_t *record)
{
    uint64_t seed = record->inc;
    if (seed == 0 && (self->complete || self->removals > 0))
        seed = vd_random_next(&self->seed);
    uint64_t inc = vd_hash(vd_hash(vd_hash(seed, record->name), record->adapter), record->address);
    return inc != 0 ? inc : 1;
}

static vd_status_t add_source(vd_membership_t *self, vd_provider_row_t *row,
                              const vd_source_record_t *record)
{
    uint32_t at = 0;
    uint16_t provider = (uint16_t)(row - self->providers);
    vd_status_t status =
        vd_source_table_add(&self->sources, record, provider, incarnation(self, record), &at);
    if (status != VD_OK)
        return status;
    vd_source_t *source = &self->sources.slots[at];
    source->mark = row->mark;
    vd_mark_source_dirty(self, source);
    row->sources++;
    row->dirty = true;
    self->layout_due = true;
    return VD_OK;
}

/* A source that is known already: the same, changed, or at another place. */
static vd_status_t refresh_source(vd_membership_t *self, const vd_provider_row_t *row,
                                  vd_source_t *source, const vd_source_record_t *record)
{
    source->mark = row->mark;
    bool same_place = vd_source_same_place(source, record);
    uint64_t inc = source->inc;
    self->removals += !same_place; /* what was at the old place has left */
    if (!same_place || record->inc != 0)
        inc = incarnation(self, record);
    if (inc == source->inc && vd_source_same(source, record))
        return VD_OK;
    uint32_t at = (uint32_t)(source - self->sources.slots);
    vd_status_t status = vd_source_table_update(&self->sources, at, record);
    if (status != VD_OK)
        return status;
    source->inc = inc;
    vd_mark_source_dirty(self, source);
    return VD_OK;
}

static vd_status_t apply_row(vd_membership_t *self, vd_provider_row_t *row,
                             const vd_source_record_t *record)
{
    uint32_t at = vd_source_table_find(&self->sources, record->name);
    if (at == VD_SOURCE_NONE)
        return add_source(self, row, record);
    vd_source_t *source = &self->sources.slots[at];
    if (source->provider == (uint16_t)(row - self->providers))
        return refresh_source(self, row, source, record);
    if (row->conflict[0] == 0)
        snprintf(row->conflict, sizeof row->conflict, "source %s is held by provider %s; rename it",
                 source->name, self->providers[source->provider].name);
    return VD_OK;
}

/* What the complete set did not name has left. */
static void sweep(vd_membership_t *self, vd_provider_row_t *row)
{
    uint16_t provider = (uint16_t)(row - self->providers);
    for (uint32_t i = 0; i < self->sources.high; i++) {
        vd_source_t *source = &self->sources.slots[i];
        if (source->use != VD_SOURCE_LIVE || source->provider != provider ||
            source->mark == row->mark)
            continue;
        vd_source_table_remove(&self->sources, i);
        vd_mark_source_dirty(self, source);
        assert(row->sources > 0);
        row->sources--;
        row->dirty = true;
        self->removals++;
        self->layout_due = true;
    }
}

/* Checks every row before the first is applied. */
static vd_status_t check_rows(vd_bytes_t rows, uint32_t *bad)
{
    vd_source_record_t record;
    vd_status_t status;
    *bad = 0;
    while ((status = vd_rows_next(&rows, VD_RECORD_source, &record)) == VD_OK) {
        if (!row_valid(&record))
            return VD_MALFORMED;
        (*bad)++;
    }
    return status == VD_NOT_FOUND ? VD_OK : status;
}

/* Is this the part that comes next? Part 0 begins a set whenever it comes. */
static bool in_order(vd_membership_t *self, vd_provider_row_t *row, const vd_announce_body_t *body)
{
    if (body->part != 0)
        return row->open && row->inc == body->inc && row->set == body->set &&
               row->part == body->part;
    row->dirty = row->dirty || row->inc != body->inc;
    row->open = true;
    row->inc = body->inc;
    row->set = body->set;
    row->mark = ++self->mark;
    row->conflict[0] = 0;
    return true;
}

static void finish(vd_membership_t *self, vd_now_t now, vd_provider_row_t *row,
                   const vd_announce_body_t *body)
{
    assert(row->open);
    row->open = false;
    sweep(self, row);
    int64_t age_ms = body->age_ms > INT32_MAX ? INT32_MAX : (int64_t)body->age_ms;
    row->good_us = now.mono_us - age_ms * 1000;
    set_error(row, body->error.size > 0 ? body->error : vd_str(row->conflict));
}

/* Applies the rows of one part. The status is VD_OK, or why the set is void. */
static vd_status_t apply(vd_membership_t *self, vd_now_t now, vd_provider_row_t *row,
                         const vd_announce_body_t *body)
{
    if (!in_order(self, row, body)) {
        void_set(row, "part %" PRIu64 " of a set came out of order", body->part);
        return VD_OUT_OF_ORDER;
    }
    if (body->error.size > 0 && body->part == 0 && body->last &&
        vd_rows_count(body->sources) == 0) {
        row->open = false;
        set_error(row, body->error);
        return VD_OK;
    }
    uint32_t bad = 0;
    vd_status_t status = check_rows(body->sources, &bad);
    if (status != VD_OK) {
        void_set(row, "row %u of part %" PRIu64 " is not a source (%s)", bad, body->part,
                 vd_status_name(status));
        return status;
    }
    vd_bytes_t rows = body->sources;
    vd_source_record_t record;
    while (vd_rows_next(&rows, VD_RECORD_source, &record) == VD_OK) {
        record.provider = vd_str(row->name); /* whatever the row says */
        status = apply_row(self, row, &record);
        if (status == VD_OK)
            continue;
        void_set(row, "no room for source %.*s: %u sources are known", (int)record.name.size,
                 (const char *)record.name.data, self->sources.live);
        return status;
    }
    row->part = body->part + 1;
    if (body->last)
        finish(self, now, row, body);
    return VD_OK;
}

void vd_announce(vd_membership_t *self, vd_now_t now, const vd_input_t *input,
                 vd_effects_t *effects)
{
    const vd_announce_body_t *body = &input->message->announce;
    assert(input->message->id == VD_MESSAGE_ANNOUNCE);
    if (!vd_name_valid(body->provider) || body->inc == 0) {
        vd_effects_reply_error(effects, input, VD_MALFORMED,
                               "provider is not a name, or its incarnation is 0");
        return;
    }
    vd_provider_row_t *row = find(self, body->provider);
    if (row == NULL)
        row = take_row(self, body->provider);
    if (row == NULL) {
        vd_effects_reply_error(effects, input, VD_OVERLOADED,
                               "%d providers are known and none has ended", VD_PROVIDERS_MAX);
        return;
    }
    vd_status_t status = apply(self, now, row, body);
    if (status != VD_OK) {
        vd_effects_reply_error(effects, input, status, "set %" PRIu64 " of provider %s is void: %s",
                               body->set, row->name, row->error);
        return;
    }
    vd_message_t answer = {.id = VD_MESSAGE_DONE};
    vd_effects_reply(effects, input, &answer);
}

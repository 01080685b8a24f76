/* samples.c: sources, slots and samples, kept in order. */
#include "samples.h"

#include <assert.h>
#include <stdlib.h>

vd_samples_t *vd_samples_new(void)
{
    vd_samples_t *self = calloc(1, sizeof *self);
    if (self)
        self->index = calloc(1, sizeof *self->index);
    if (self && !self->index) {
        free(self);
        return NULL;
    }
    return self;
}

static void kept_free(vd_kept_t *kept)
{
    if (kept)
        free(kept->bytes);
    free(kept);
}

static void slot_forget(vd_slot_t *slot)
{
    for (uint32_t at = 0; at < slot->count; at++)
        kept_free(slot->kept[at]);
    slot->count = 0;
}

static void slot_free(vd_samples_t *self, vd_slot_t *slot)
{
    self->index->valid = false;
    if (self->dropped)
        self->dropped(self->dropped_arg, slot);
    for (uint32_t at = 0; at < self->answer_count; at++)
        if (self->answers[at] == slot) {
            self->answers[at] = self->answers[--self->answer_count];
            break;
        }
    slot_forget(slot);
    free(slot->wish.target);
    free(slot->wish.args);
    free(slot);
}

static void observed_free(vd_samples_t *self, vd_observed_t *source)
{
    if (self->index->last == source)
        self->index->last = NULL;
    while (source->slot_count > 0)
        slot_free(self, source->slots[--source->slot_count]);
    free(source->slots);
    free(source->bytes);
    free(source);
}

void vd_samples_destroy(vd_samples_t **self_p)
{
    assert(self_p);
    vd_samples_t *self = *self_p;
    if (!self)
        return;
    while (self->source_count > 0)
        observed_free(self, self->sources[--self->source_count]);
    free(self->sources);
    free(self->index->sources);
    free(self->index->slots);
    free(self->index);
    free(self);
    *self_p = NULL;
}

static int compare(vd_str_t a, vd_str_t b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size ? memcmp(a.data, b.data, size) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

/* The place of `name`: where it is, or where it would have to go. */
static uint32_t place(const vd_samples_t *self, vd_str_t name, bool *found)
{
    uint32_t low = 0, high = self->source_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare(self->sources[middle]->record.name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low < self->source_count && compare(self->sources[low]->record.name, name) == 0;
    return low;
}

vd_observed_t *vd_samples_source(const vd_samples_t *self, vd_str_t name)
{
    assert(self);
    vd_samples_index_t *index = self->index;
    bool found;
    if (index->last && vd_bytes_equal(index->last->record.name, name))
        return index->last;
    uint32_t at = place(self, name, &found);
    if (!found)
        return NULL;
    index->last = self->sources[at];
    return index->last;
}

/* Gives `source` a copy of `record` of its own. */
static bool take_record(vd_observed_t *source, const vd_source_record_t *record)
{
    vd_buffer_t buffer;
    vd_buffer_init(&buffer, VD_BODY_BYTES_MAX);
    vd_source_record_t copy;
    if (vd_record_encode(VD_RECORD_source, record, &buffer) != VD_OK || buffer.full ||
        vd_record_decode(vd_buffer_view(&buffer), VD_RECORD_source, &copy) != VD_OK) {
        vd_buffer_free(&buffer);
        return false;
    }
    free(source->bytes);
    source->bytes = buffer.data; /* the views in `copy` point there */
    source->record = copy;
    return true;
}

static vd_observed_t *add_source(vd_samples_t *self, const vd_source_record_t *record, uint32_t at)
{
    if (self->source_count == VD_SOURCES_MAX)
        return NULL;
    if (self->source_count == self->source_room) {
        uint32_t room = self->source_room ? 2 * self->source_room : 16;
        vd_observed_t **sources = realloc(self->sources, room * sizeof(vd_observed_t *));
        if (!sources)
            return NULL;
        self->sources = sources;
        self->source_room = room;
    }
    vd_observed_t *source = calloc(1, sizeof *source);
    if (!source || !take_record(source, record)) {
        free(source);
        return NULL;
    }
    memmove(&self->sources[at + 1], &self->sources[at],
            (self->source_count - at) * sizeof(vd_observed_t *));
    self->sources[at] = source;
    self->source_count++;
    self->index->valid = false;
    return source;
}

vd_observed_t *vd_samples_set_source(vd_samples_t *self, const vd_source_record_t *record)
{
    assert(self && record);
    bool found;
    uint32_t at = place(self, record->name, &found);
    if (!found)
        return add_source(self, record, at);
    vd_observed_t *source = self->sources[at];
    bool same = source->record.inc == record->inc &&
                vd_bytes_equal(source->record.adapter, record->adapter) &&
                vd_bytes_equal(source->record.address, record->address) &&
                vd_bytes_equal(source->record.auth, record->auth);
    if (!take_record(source, record))
        return NULL;
    source->declared = false;
    if (!same)
        while (source->slot_count > 0)
            slot_free(self, source->slots[--source->slot_count]);
    return source;
}

void vd_samples_drop_source(vd_samples_t *self, vd_str_t name)
{
    assert(self);
    bool found;
    uint32_t at = place(self, name, &found);
    if (!found)
        return;
    observed_free(self, self->sources[at]);
    self->index->valid = false;
    self->source_count--;
    memmove(&self->sources[at], &self->sources[at + 1],
            (self->source_count - at) * sizeof(vd_observed_t *));
}

/* The sizes come first: most targets differ in them. */
static bool is_of(const vd_slot_t *slot, vd_str_t op, vd_str_t target)
{
    return vd_bytes_equal(vd_bytes(slot->wish.target, slot->target_size), target) &&
           vd_str_is(op, slot->wish.op);
}

static vd_slot_t *find_slot(const vd_observed_t *source, vd_str_t op, vd_str_t target,
                            bool standing)
{
    for (uint32_t at = 0; at < source->slot_count; at++) {
        vd_slot_t *slot = source->slots[at];
        if (slot->standing == standing && is_of(slot, op, target))
            return slot;
    }
    return NULL;
}

/* Makes a slot at the end of the source's. */
static vd_slot_t *add_slot(vd_observed_t *source, vd_str_t op, vd_str_t target, vd_bytes_t args)
{
    if (source->slot_count == source->slot_room) {
        uint32_t room = source->slot_room ? 2 * source->slot_room : 8;
        vd_slot_t **slots = realloc(source->slots, room * sizeof(vd_slot_t *));
        if (!slots)
            return NULL;
        source->slots = slots;
        source->slot_room = room;
    }
    vd_slot_t *slot = calloc(1, sizeof *slot);
    if (!slot)
        return NULL;
    slot->source = source;
    slot->wish.target = calloc(1, target.size + 1);
    slot->wish.args = args.size ? malloc(args.size) : NULL;
    if (!slot->wish.target || (args.size && !slot->wish.args) ||
        !vd_str_copy(slot->wish.op, sizeof slot->wish.op, op)) {
        free(slot->wish.target);
        free(slot->wish.args);
        free(slot);
        return NULL;
    }
    if (target.size)
        memcpy(slot->wish.target, target.data, target.size);
    if (args.size)
        memcpy(slot->wish.args, args.data, args.size);
    slot->target_size = target.size;
    slot->wish.args_size = args.size;
    source->slots[source->slot_count++] = slot;
    return slot;
}

static void remove_slot(vd_samples_t *self, vd_observed_t *source, uint32_t at)
{
    vd_slot_t *slot = source->slots[at];
    source->slot_count--;
    memmove(&source->slots[at], &source->slots[at + 1],
            (source->slot_count - at) * sizeof(vd_slot_t *));
    slot_free(self, slot);
}

static const vd_read_wish_t *find_wish(const vd_reads_t *reads, const vd_slot_t *slot)
{
    for (uint32_t at = 0; at < reads->count; at++)
        if (strcmp(reads->list[at].op, slot->wish.op) == 0 &&
            strcmp(reads->list[at].target, slot->wish.target) == 0)
            return &reads->list[at];
    return NULL;
}

static bool same_wish(const vd_read_wish_t *a, const vd_read_wish_t *b)
{
    return a->interval_ms == b->interval_ms && a->deadline_ms == b->deadline_ms &&
           a->keep == b->keep && a->optional == b->optional &&
           vd_bytes_equal(vd_bytes(a->args, a->args_size), vd_bytes(b->args, b->args_size));
}

/* Do the standing slots follow each other as `reads` do? */
static bool is_declared(const vd_observed_t *source, const vd_reads_t *reads)
{
    uint32_t next = 0;
    for (uint32_t at = 0; at < source->slot_count; at++) {
        const vd_slot_t *slot = source->slots[at];
        if (!slot->standing)
            continue;
        if (next == reads->count)
            return false;
        const vd_read_wish_t *wish = &reads->list[next++];
        if (!is_of(slot, vd_str(wish->op), vd_str(wish->target)) || !same_wish(wish, &slot->wish))
            return false;
    }
    return next == reads->count;
}

bool vd_samples_declare(vd_samples_t *self, vd_observed_t *source, const vd_reads_t *reads)
{
    assert(self && source && reads);
    bool changed = false;
    source->declared = true;
    if (is_declared(source, reads))
        return false;
    self->index->valid = false;
    for (uint32_t at = source->slot_count; at-- > 0;) {
        vd_slot_t *slot = source->slots[at];
        if (!slot->standing)
            continue;
        const vd_read_wish_t *wish = find_wish(reads, slot);
        if (wish && same_wish(wish, &slot->wish))
            continue;
        remove_slot(self, source, at);
        changed = true;
    }
    for (uint32_t at = 0; at < reads->count; at++) {
        const vd_read_wish_t *wish = &reads->list[at];
        if (find_slot(source, vd_str(wish->op), vd_str(wish->target), true))
            continue;
        vd_slot_t *slot = add_slot(source, vd_str(wish->op), vd_str(wish->target),
                                   vd_bytes(wish->args, wish->args_size));
        if (!slot)
            return changed;
        slot->standing = true;
        slot->wish.interval_ms = wish->interval_ms;
        slot->wish.deadline_ms = wish->deadline_ms;
        slot->wish.keep = wish->keep;
        slot->wish.optional = wish->optional;
        changed = true;
    }
    return changed;
}

vd_slot_t *vd_samples_answer(vd_samples_t *self, vd_observed_t *source,
                             const vd_read_record_t *read)
{
    assert(self && source && read);
    vd_slot_t *slot = find_slot(source, read->op, read->target, false);
    if (slot || self->answer_count == VD_ANSWERS_MAX)
        return slot;
    slot = add_slot(source, read->op, read->target, read->args);
    if (!slot)
        return NULL;
    slot->wish.keep = 1;
    self->answers[self->answer_count++] = slot;
    return slot;
}

/* Puts `bytes`, which become the slot's, in front. */
static bool put(vd_samples_t *self, vd_slot_t *slot, uint8_t *bytes, size_t size)
{
    assert(slot->wish.keep >= 1 && slot->wish.keep <= VD_KEEP_MAX);
    assert(slot->count <= slot->wish.keep);
    vd_kept_t *kept = calloc(1, sizeof *kept);
    if (!kept)
        return false;
    if (vd_record_decode(vd_bytes(bytes, size), VD_RECORD_sample, &kept->record) != VD_OK ||
        !vd_str_is(kept->record.op, slot->wish.op) ||
        !vd_str_is(kept->record.target, slot->wish.target) ||
        !vd_bytes_equal(kept->record.source, slot->source->record.name)) {
        free(kept);
        return false;
    }
    kept->bytes = bytes;
    kept->slot = slot;
    kept->serial = ++self->serial;
    if (slot->count == slot->wish.keep)
        kept_free(slot->kept[--slot->count]);
    if (slot->count == 0)
        self->index->valid = false;
    memmove(&slot->kept[1], &slot->kept[0], slot->count * sizeof(vd_kept_t *));
    slot->kept[0] = kept;
    slot->count++;
    slot->turns = 0;
    slot->source->touched = kept->serial;
    return true;
}

bool vd_samples_put(vd_samples_t *self, vd_slot_t *slot, vd_bytes_t record)
{
    assert(self && slot);
    uint8_t *bytes = malloc(record.size ? record.size : 1);
    if (!bytes)
        return false;
    if (record.size)
        memcpy(bytes, record.data, record.size);
    if (put(self, slot, bytes, record.size))
        return true;
    free(bytes);
    return false;
}

void vd_samples_put_failure(vd_samples_t *self, vd_slot_t *slot, int64_t wall_ms,
                            vd_status_t status, const char *text)
{
    assert(self && slot && text && status != VD_OK);
    vd_sample_record_t sample = {.source = slot->source->record.name,
                                 .source_inc = slot->source->record.inc,
                                 .op = vd_str(slot->wish.op),
                                 .target = vd_str(slot->wish.target),
                                 .at_ms = wall_ms,
                                 .status = vd_str(vd_status_name(status)),
                                 .error = vd_str(text)};
    vd_buffer_t buffer;
    vd_buffer_init(&buffer, VD_BODY_BYTES_MAX);
    if (vd_record_encode(VD_RECORD_sample, &sample, &buffer) != VD_OK || buffer.full ||
        !put(self, slot, buffer.data, buffer.size))
        vd_buffer_free(&buffer);
}

void vd_samples_turned(vd_samples_t *self, uint64_t serial)
{
    assert(self && serial <= self->serial && serial >= self->seen);
    self->seen = serial;
    for (uint32_t at = self->answer_count; at-- > 0;) {
        vd_slot_t *slot = self->answers[at];
        if (slot->count == 0 || slot->kept[0]->serial > serial || slot->correlation != 0)
            continue;
        if (++slot->turns < VD_ANSWER_TURNS)
            continue;
        vd_observed_t *source = slot->source;
        uint32_t place_of = 0;
        while (source->slots[place_of] != slot)
            place_of++;
        remove_slot(self, source, place_of);
    }
}

bool vd_samples_have_new(const vd_samples_t *self)
{
    assert(self);
    return self->serial > self->seen;
}

/* ---- what the observer sees ---- */

static bool is_read(const vd_observed_t *source)
{
    for (uint32_t at = 0; at < source->slot_count; at++)
        if (source->slots[at]->standing)
            return true;
    return false;
}

/* Grows a list of pointers. Without memory the list stays as long as it is. */
static bool index_room(const void ***list, uint32_t *room, uint32_t count)
{
    if (count < *room)
        return true;
    uint32_t more = *room ? 2 * *room : 64;
    const void **grown = realloc(*list, more * sizeof(void *));
    if (!grown)
        return false;
    *list = grown;
    *room = more;
    return true;
}

static const vd_samples_index_t *index_of(const vd_samples_t *self)
{
    vd_samples_index_t *index = self->index;
    if (index->valid)
        return index;
    index->source_count = index->slot_count = 0;
    for (uint32_t at = 0; at < self->source_count; at++) {
        const vd_observed_t *source = self->sources[at];
        if (is_read(source) &&
            index_room((const void ***)&index->sources, &index->source_room, index->source_count))
            index->sources[index->source_count++] = source;
        for (uint32_t slot = 0; slot < source->slot_count; slot++)
            if (source->slots[slot]->count > 0 &&
                index_room((const void ***)&index->slots, &index->slot_room, index->slot_count))
                index->slots[index->slot_count++] = source->slots[slot];
    }
    index->valid = true;
    return index;
}

size_t vd_samples_count(const vd_samples_t *self)
{
    assert(self);
    return index_of(self)->slot_count;
}

const vd_sample_record_t *vd_samples_at(const vd_samples_t *self, size_t at)
{
    assert(self);
    const vd_samples_index_t *index = index_of(self);
    return at < index->slot_count ? &index->slots[at]->kept[0]->record : NULL;
}

const vd_sample_record_t *vd_samples_find(const vd_samples_t *self, vd_str_t source, const char *op,
                                          const char *target)
{
    assert(self && op && target);
    const vd_observed_t *observed = vd_samples_source(self, source);
    if (!observed)
        return NULL;
    const vd_kept_t *newest = NULL;
    vd_str_t of_op = vd_str(op), of_target = vd_str(target);
    for (uint32_t at = 0; at < observed->slot_count; at++) {
        const vd_slot_t *slot = observed->slots[at];
        if (slot->count > 0 && (!newest || slot->kept[0]->serial > newest->serial) &&
            is_of(slot, of_op, of_target))
            newest = slot->kept[0];
    }
    return newest ? &newest->record : NULL;
}

const vd_sample_record_t *vd_samples_before(const vd_samples_t *self,
                                            const vd_sample_record_t *sample)
{
    assert(self && sample);
    if (sample == self->input)
        return NULL;
    const vd_kept_t *kept = (const vd_kept_t *)sample;
    const vd_slot_t *slot = kept->slot;
    for (uint32_t at = 0; at + 1 < slot->count; at++)
        if (slot->kept[at] == kept)
            return &slot->kept[at + 1]->record;
    return NULL;
}

bool vd_samples_is_new(const vd_samples_t *self, const vd_sample_record_t *sample)
{
    assert(self && sample);
    return sample == self->input || ((const vd_kept_t *)sample)->serial > self->seen;
}

const vd_sample_record_t *vd_samples_input(const vd_samples_t *self)
{
    assert(self);
    return self->input;
}

bool vd_samples_is_complete(const vd_samples_t *self)
{
    assert(self);
    return self->complete;
}

size_t vd_samples_source_count(const vd_samples_t *self)
{
    assert(self);
    return index_of(self)->source_count;
}

const vd_observed_t *vd_samples_observed_at(const vd_samples_t *self, size_t at)
{
    assert(self);
    const vd_samples_index_t *index = index_of(self);
    return at < index->source_count ? index->sources[at] : NULL;
}

const vd_source_record_t *vd_samples_source_at(const vd_samples_t *self, size_t at)
{
    const vd_observed_t *source = vd_samples_observed_at(self, at);
    return source ? &source->record : NULL;
}

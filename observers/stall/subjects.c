/* subjects.c: the table of subjects, and what events say of them. */
#include "subjects.h"

#include <assert.h>

enum { SAVED_FIELDS = 8, SHOWN_FIELDS = 7 };

bool vd_subject_is_node(const vd_subject_t *self)
{
    assert(self);
    return strncmp(self->name, VD_SUBJECT_NODE, strlen(VD_SUBJECT_NODE)) == 0;
}

static uint32_t place(const vd_subjects_t *self, vd_str_t name, bool *found)
{
    uint32_t at = 0;
    for (; at < self->count; at++) {
        vd_str_t other = vd_str(self->list[at].name);
        size_t least = other.size < name.size ? other.size : name.size;
        int order = least ? memcmp(other.data, name.data, least) : 0;
        if (order > 0 || (order == 0 && other.size >= name.size))
            break;
    }
    *found = at < self->count && vd_str_is(name, self->list[at].name);
    return at;
}

const vd_subject_t *vd_subjects_find(const vd_subjects_t *self, vd_str_t name)
{
    bool found;
    assert(self);
    uint32_t at = place(self, name, &found);
    return found ? &self->list[at] : NULL;
}

/* The subject, made if need be; NULL for a name that cannot be, or one too many. */
static vd_subject_t *put(vd_subjects_t *self, vd_str_t name)
{
    bool found;
    uint32_t at = place(self, name, &found);
    if (found)
        return &self->list[at];
    if (name.size == 0 || name.size >= VD_SUBJECT_NAME_SIZE || self->count == VD_SUBJECTS_MAX)
        return NULL;
    memmove(&self->list[at + 1], &self->list[at], (self->count - at) * sizeof *self->list);
    self->list[at] = (vd_subject_t){0};
    vd_str_copy(self->list[at].name, sizeof self->list[at].name, name);
    self->count++;
    return &self->list[at];
}

uint64_t vd_subjects_best(const vd_subjects_t *self)
{
    assert(self);
    uint64_t best = 0;
    for (uint32_t at = 0; at < self->count; at++)
        if (vd_subject_is_node(&self->list[at]) && self->list[at].height > best)
            best = self->list[at].height;
    return best;
}

/* Of each node: a gap runs exactly while another one is above it. */
static void run_gaps(vd_subjects_t *self, int64_t at_ms)
{
    uint64_t best = vd_subjects_best(self);
    for (uint32_t at = 0; at < self->count; at++) {
        vd_subject_t *node = &self->list[at];
        if (!vd_subject_is_node(node))
            continue;
        if (node->height >= best)
            node->since_ms = 0;
        else if (node->since_ms == 0)
            node->since_ms = at_ms;
    }
}

static void note_gap(vd_subject_t *self, uint64_t gap_ms, int64_t at_ms)
{
    if (gap_ms <= self->worst_ms)
        return;
    self->worst_ms = gap_ms;
    self->worst_since_ms = at_ms - (int64_t)gap_ms;
}

static bool read_time(const vd_value_t *data, const char *key, int64_t *at_ms)
{
    return vd_ts_parse(vd_value_get_str(data, key), at_ms) && *at_ms > 0;
}

static void moved(vd_subjects_t *self, const vd_value_t *data)
{
    int64_t at_ms;
    if (!read_time(data, "at", &at_ms))
        return;
    vd_subject_t *subject = put(self, vd_value_get_str(data, "what"));
    if (!subject)
        return;
    uint64_t gap_ms = vd_value_get_u64(data, "gap_ms", 0);
    note_gap(subject, gap_ms <= (uint64_t)at_ms ? gap_ms : 0, at_ms);
    subject->height = vd_value_get_u64(data, "height", 0);
    subject->moved_ms = at_ms;
    subject->since_ms = vd_subject_is_node(subject) ? 0 : at_ms;
    subject->stalled = false;
    run_gaps(self, at_ms);
}

static void stalled(vd_subjects_t *self, const vd_value_t *data)
{
    bool found;
    int64_t since_ms;
    uint32_t at = place(self, vd_value_get_str(data, "what"), &found);
    if (!found || !read_time(data, "since", &since_ms))
        return;
    uint64_t limit_ms = vd_value_get_u64(data, "limit_ms", 0);
    self->list[at].stalled = true;
    self->list[at].stalls++;
    if (limit_ms <= INT32_MAX)
        note_gap(&self->list[at], limit_ms, since_ms + (int64_t)limit_ms);
}

static void dropped(vd_subjects_t *self, const vd_value_t *data)
{
    bool found;
    int64_t at_ms;
    uint32_t at = place(self, vd_value_get_str(data, "what"), &found);
    if (!found)
        return;
    self->count--;
    memmove(&self->list[at], &self->list[at + 1], (self->count - at) * sizeof *self->list);
    if (read_time(data, "at", &at_ms))
        run_gaps(self, at_ms);
}

void vd_subjects_apply(vd_subjects_t *self, const vd_event_t *event)
{
    assert(self && event);
    vd_value_t data;
    if (!vd_value_of(event->data, &data) || data.kind != VD_KIND_MAP)
        return;
    if (vd_str_is(event->type, "moved") || vd_str_is(event->type, "moving_again"))
        moved(self, &data);
    else if (vd_str_is(event->type, "stalled"))
        stalled(self, &data);
    else if (vd_str_is(event->type, "stall_dropped"))
        dropped(self, &data);
}

/* ---- storage ---- */

static void write_time(vd_buffer_t *out, const char *key, int64_t at_ms)
{
    char text[VD_TS_SIZE];
    vd_write_text(out, key);
    if (at_ms > 0) {
        vd_ts_format(at_ms, text);
        vd_write_text(out, text);
    } else {
        vd_write_nil(out);
    }
}

void vd_subject_write(vd_buffer_t *out, const vd_subject_t *subject)
{
    assert(out && subject);
    vd_write_map(out, SHOWN_FIELDS);
    vd_write_pair_text(out, "what", subject->name);
    vd_write_pair_u64(out, "height", subject->height);
    write_time(out, "moved", subject->moved_ms);
    vd_write_pair_bool(out, "stalled", subject->stalled);
    vd_write_pair_u64(out, "stalls", subject->stalls);
    vd_write_pair_u64(out, "worst_ms", subject->worst_ms);
    write_time(out, "worst_since", subject->worst_since_ms);
}

void vd_subjects_save(const vd_subjects_t *self, vd_buffer_t *out)
{
    assert(self && out);
    vd_write_array(out, self->count);
    for (uint32_t at = 0; at < self->count; at++) {
        const vd_subject_t *subject = &self->list[at];
        vd_write_array(out, SAVED_FIELDS);
        vd_write_text(out, subject->name);
        vd_write_u64(out, subject->height);
        vd_write_i64(out, subject->moved_ms);
        vd_write_i64(out, subject->since_ms);
        vd_write_bool(out, subject->stalled);
        vd_write_u64(out, subject->stalls);
        vd_write_u64(out, subject->worst_ms);
        vd_write_i64(out, subject->worst_since_ms);
    }
}

static bool load_one(vd_subjects_t *self, vd_bytes_t rest)
{
    vd_value_t values[SAVED_FIELDS];
    bool found;
    for (int at = 0; at < SAVED_FIELDS; at++)
        if (!vd_value_next(&rest, &values[at]))
            return false;
    vd_str_t name = vd_value_str(&values[0]);
    place(self, name, &found);
    vd_subject_t *subject = found ? NULL : put(self, name);
    if (!subject || values[4].kind != VD_KIND_BOOL)
        return false;
    subject->height = vd_value_u64(&values[1], 0);
    subject->moved_ms = vd_value_i64(&values[2], 0);
    subject->since_ms = vd_value_i64(&values[3], 0);
    subject->stalled = values[4].boolean;
    subject->stalls = vd_value_u64(&values[5], 0);
    subject->worst_ms = vd_value_u64(&values[6], 0);
    subject->worst_since_ms = vd_value_i64(&values[7], 0);
    return true;
}

vd_status_t vd_subjects_load(vd_subjects_t *self, const vd_value_t *array)
{
    assert(self && self->count == 0 && array);
    vd_value_t row;
    vd_bytes_t rest = array->bytes;
    if (array->kind != VD_KIND_ARRAY)
        return VD_MALFORMED;
    while (vd_value_next(&rest, &row))
        if (row.kind != VD_KIND_ARRAY || !load_one(self, row.bytes))
            return VD_MALFORMED;
    return VD_OK;
}

/* stall.c: the observer stall: its configuration, its life, its snapshot. */
#include "stall.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static const vd_config_row_t rows[] = {
    {"interval", VD_CONFIG_DURATION, "\"500ms\"", 10, 86400000, "between looks at the clock", NULL},
    {"reads", VD_CONFIG_STR, "\"chain\"", 0, 0,
     "the observer, of kind chain, whose events say what moves", NULL},
    {"tip_after", VD_CONFIG_DURATION, "\"60s\"", 100, 86400000,
     "the tip is stalled when no node has had a greater height for so long", NULL},
    {"node_after", VD_CONFIG_DURATION, "\"60s\"", 100, 86400000,
     "a node is stalled when its head has not moved for so long while another is above it", NULL},
    {"final_after", VD_CONFIG_DURATION, "\"10m\"", 100, 86400000,
     "finality is stalled when it has not advanced for so long", NULL},
    {0}};

static vd_status_t init(void **state, const vd_config_t *config, char *error, size_t error_size)
{
    assert(state && config && error);
    vd_stall_t *self = calloc(1, sizeof *self);
    *state = self;
    if (!self) {
        snprintf(error, error_size, "no memory");
        return VD_NO_MEMORY;
    }
    self->tip_after_ms = vd_config_duration_ms(config, VD_STALL_TABLE, "tip_after");
    self->node_after_ms = vd_config_duration_ms(config, VD_STALL_TABLE, "node_after");
    self->final_after_ms = vd_config_duration_ms(config, VD_STALL_TABLE, "final_after");
    return VD_OK;
}

static void destroy(void **state)
{
    assert(state);
    free(*state);
    *state = NULL;
}

/* It reads no sources. */
static void declare_reads(const void *state, const vd_samples_t *samples,
                          const vd_source_record_t *source, vd_reads_t *reads)
{
    assert(state && samples && source && reads);
    (void)state, (void)samples, (void)source, (void)reads;
}

static void apply(void *state, const vd_event_t *event)
{
    vd_stall_t *self = state;
    assert(self && event);
    vd_subjects_apply(&self->subjects, event);
}

static uint32_t count_stalled(const vd_subjects_t *subjects)
{
    uint32_t count = 0;
    for (uint32_t at = 0; at < subjects->count; at++)
        count += subjects->list[at].stalled;
    return count;
}

static const vd_subject_t *find_worst(const vd_subjects_t *subjects)
{
    const vd_subject_t *worst = NULL;
    for (uint32_t at = 0; at < subjects->count; at++)
        if (!worst || subjects->list[at].worst_ms > worst->worst_ms)
            worst = &subjects->list[at];
    return worst;
}

static void write_or_nil(vd_buffer_t *out, const char *key, const vd_subject_t *subject)
{
    vd_write_text(out, key);
    if (subject)
        vd_subject_write(out, subject);
    else
        vd_write_nil(out);
}

static void view(const void *state, const vd_samples_t *samples, vd_buffer_t *out)
{
    const vd_stall_t *self = state;
    assert(self && out);
    (void)samples;
    const vd_subjects_t *subjects = &self->subjects;
    uint32_t nodes = 0;
    for (uint32_t at = 0; at < subjects->count; at++)
        nodes += vd_subject_is_node(&subjects->list[at]);
    vd_write_map(out, 5);
    vd_write_pair_u64(out, "stalled", count_stalled(subjects));
    write_or_nil(out, "worst", find_worst(subjects));
    write_or_nil(out, VD_SUBJECT_TIP, vd_subjects_find(subjects, vd_str(VD_SUBJECT_TIP)));
    write_or_nil(out, VD_SUBJECT_FINAL, vd_subjects_find(subjects, vd_str(VD_SUBJECT_FINAL)));
    vd_write_text(out, "nodes");
    vd_write_array(out, nodes);
    for (uint32_t at = 0; at < subjects->count; at++)
        if (vd_subject_is_node(&subjects->list[at]))
            vd_subject_write(out, &subjects->list[at]);
}

static const vd_query_row_t queries[] = {
    {"subject", "NAME", "tip, final or node/NODE: when it last moved, and its worst gap"},
    {"stalled", "", "what is stalled now"},
    {0},
};

static vd_status_t query(const void *state, const vd_samples_t *samples, vd_str_t name,
                         vd_bytes_t args, vd_buffer_t *out)
{
    const vd_stall_t *self = state;
    assert(self && out);
    (void)samples;
    const vd_subjects_t *subjects = &self->subjects;
    vd_value_t list, wanted;
    if (vd_str_is(name, "subject")) {
        if (!vd_value_of(args, &list) || list.kind != VD_KIND_ARRAY || list.count != 1 ||
            !vd_value_next(&list.bytes, &wanted) || wanted.kind != VD_KIND_STR)
            return VD_USAGE;
        const vd_subject_t *subject = vd_subjects_find(subjects, vd_value_str(&wanted));
        if (subject)
            vd_subject_write(out, subject);
        return subject ? VD_OK : VD_NOT_FOUND;
    }
    if (!vd_str_is(name, "stalled"))
        return VD_NOT_FOUND;
    vd_write_array(out, count_stalled(subjects));
    for (uint32_t at = 0; at < subjects->count; at++)
        if (subjects->list[at].stalled)
            vd_subject_write(out, &subjects->list[at]);
    return VD_OK;
}

static void save(const void *state, vd_buffer_t *out)
{
    const vd_stall_t *self = state;
    assert(self && out);
    vd_subjects_save(&self->subjects, out);
}

static vd_status_t load(void *state, vd_bytes_t value)
{
    vd_stall_t *self = state;
    vd_value_t array;
    assert(self);
    if (!vd_value_of(value, &array))
        return VD_MALFORMED;
    return vd_subjects_load(&self->subjects, &array);
}

const vd_observer_t vd_stall_observer = {
    .name = "stall",
    .summary =
        "Whether the tip of a chain, its nodes and what is final go on, and the longest that "
        "they did not.",
    .kinds = "moved stalled moving_again stall_dropped",
    .on_demand = true,
    .collects = true,
    .version = 1,
    .config = rows,
    .layout = vd_stall_layout,
    .init = init,
    .destroy = destroy,
    .reads = declare_reads,
    .turn = vd_stall_turn,
    .apply = apply,
    .view = view,
    .queries = queries,
    .query = query,
    .save = save,
    .load = load,
};

/* raft.c: the observer raft: its configuration, its reads and its life. */
#include "raft.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES_MAX = VD_KEEP_MAX - 1, MEMBERSHIP_EVERY = 5 };

static const vd_config_row_t rows[] = {
    {"interval", VD_CONFIG_DURATION, "\"100ms\"", 10, 86400000, "between reads of each member",
     NULL},
    {"deadline", VD_CONFIG_DURATION, "\"500ms\"", 10, 60000, "for one read of a member", NULL},
    {"selector", VD_CONFIG_STR, "\"app=raft\"", 0, 0,
     "labels of the sources of adapter http that are members: \"key=value, ...\"; \"\": all of "
     "them",
     NULL},
    {"unreachable_after", VD_CONFIG_INT, "3", 1, SAMPLES_MAX,
     "a member is unreachable after so many failed reads in a row", NULL},
    {"recovered_after", VD_CONFIG_INT, "2", 1, SAMPLES_MAX,
     "and has recovered after so many good ones", NULL},
    {"split_after", VD_CONFIG_INT, "5", 2, SAMPLES_MAX,
     "two leaders of different terms are suspected after so many reads of both", NULL},
    {0}};

static vd_str_t trimmed(vd_str_t text)
{
    while (text.size > 0 && text.data[0] == ' ')
        text = vd_bytes(text.data + 1, text.size - 1);
    while (text.size > 0 && text.data[text.size - 1] == ' ')
        text.size--;
    return text;
}

/* Reads "key=value". */
static bool read_label(vd_str_t text, vd_raft_label_t *label)
{
    const uint8_t *equals = text.size ? memchr(text.data, '=', text.size) : NULL;
    if (!equals || equals == text.data)
        return false;
    size_t size = (size_t)(equals - text.data);
    return vd_str_copy(label->key, sizeof label->key, trimmed(vd_bytes(text.data, size))) &&
           vd_str_copy(label->value, sizeof label->value,
                       trimmed(vd_bytes(equals + 1, text.size - size - 1)));
}

static bool read_selector(vd_raft_t *self, const char *selector, char *error, size_t error_size)
{
    vd_str_t rest = trimmed(vd_str(selector));
    while (rest.size > 0) {
        const uint8_t *comma = memchr(rest.data, ',', rest.size);
        size_t size = comma ? (size_t)(comma - rest.data) : rest.size;
        if (self->label_count == VD_RAFT_LABELS_MAX ||
            !read_label(trimmed(vd_bytes(rest.data, size)), &self->labels[self->label_count])) {
            snprintf(error, error_size,
                     "selector \"%.200s\" is not a list of at most %d labels key=value", selector,
                     VD_RAFT_LABELS_MAX);
            return false;
        }
        self->label_count++;
        rest = comma ? trimmed(vd_bytes(comma + 1, rest.size - size - 1)) : vd_str("");
    }
    return true;
}

static vd_status_t init(void **state, const vd_config_t *config, char *error, size_t error_size)
{
    assert(state && config && error);
    vd_raft_t *self = calloc(1, sizeof *self);
    *state = self;
    if (!self) {
        snprintf(error, error_size, "no memory");
        return VD_NO_MEMORY;
    }
    self->interval_ms = vd_config_duration_ms(config, VD_RAFT_TABLE, "interval");
    self->deadline_ms = vd_config_duration_ms(config, VD_RAFT_TABLE, "deadline");
    self->unreachable_after = (uint32_t)vd_config_int(config, VD_RAFT_TABLE, "unreachable_after");
    self->recovered_after = (uint32_t)vd_config_int(config, VD_RAFT_TABLE, "recovered_after");
    self->split_after = (uint32_t)vd_config_int(config, VD_RAFT_TABLE, "split_after");
    const char *selector = vd_config_str(config, VD_RAFT_TABLE, "selector");
    if (read_selector(self, selector, error, error_size))
        return VD_OK;
    free(self);
    *state = NULL;
    return VD_CONFIG;
}

static void destroy(void **state)
{
    assert(state);
    vd_raft_t *self = *state;
    if (self)
        vd_raft_members_free(&self->members);
    free(self);
    *state = NULL;
}

static bool is_member(const vd_raft_t *self, const vd_source_record_t *source)
{
    vd_value_t labels, value;
    if (!vd_str_is(source->adapter, "http"))
        return false;
    bool labelled = vd_value_of(source->labels, &labels);
    for (uint32_t at = 0; at < self->label_count; at++)
        if (!labelled || !vd_value_get(&labels, self->labels[at].key, &value) ||
            !vd_str_is(vd_value_str(&value), self->labels[at].value))
            return false;
    return true;
}

static void add_read(const vd_raft_t *self, const vd_raft_read_t *read, uint32_t keep,
                     int64_t interval_ms, bool optional, vd_reads_t *reads)
{
    vd_buffer_t args;
    vd_buffer_init(&args, 256);
    if (read->body) {
        vd_write_map(&args, 1);
        vd_write_pair_text(&args, "body", read->body);
    }
    vd_reads_add_spec(reads, &(vd_read_spec_t){.op = read->op,
                                               .target = read->target,
                                               .args = vd_buffer_view(&args),
                                               .interval_ms = interval_ms,
                                               .deadline_ms = self->deadline_ms,
                                               .keep = keep,
                                               .optional = optional});
    vd_buffer_free(&args);
}

static void declare_reads(const void *state, const vd_samples_t *samples,
                          const vd_source_record_t *source, vd_reads_t *reads)
{
    const vd_raft_t *self = state;
    assert(self && source && reads);
    (void)samples;
    const vd_raft_reader_t *reader = is_member(self, source) ? vd_raft_reader_of(source) : NULL;
    if (!reader)
        return;
    uint32_t keep = self->unreachable_after;
    keep = self->recovered_after > keep ? self->recovered_after : keep;
    keep = self->split_after > keep ? self->split_after : keep;
    /* One more than is judged, so that the last good one before a silence can be told. */
    add_read(self, &reader->state, keep + 1, self->interval_ms, false, reads);
    if (reader->membership.op)
        add_read(self, &reader->membership, 1, self->interval_ms * MEMBERSHIP_EVERY, true, reads);
}

static void apply(void *state, const vd_event_t *event)
{
    vd_raft_t *self = state;
    assert(self && event);
    vd_raft_members_apply(&self->members, event);
}

static void save(const void *state, vd_buffer_t *out)
{
    const vd_raft_t *self = state;
    assert(self && out);
    vd_raft_members_save(&self->members, out);
}

static vd_status_t load(void *state, vd_bytes_t value)
{
    vd_raft_t *self = state;
    assert(self);
    return vd_raft_members_load(&self->members, value);
}

static const vd_query_row_t queries[] = {
    {"leader", "", "the agreed leader, or null"},
    {"member", "NAME", "one member"},
    {"members", "", "all members"},
    {0},
};

const vd_observer_t vd_raft_observer = {
    .name = "raft",
    .version = 1,
    .summary = "The members of a Raft cluster, who leads them, and whether they agree.",
    .kinds =
        "member_joined member_left member_unreachable member_recovered term_advanced term_reset "
        "leader_lost leader_elected split_brain_suspected split_brain_ended",
    .on_demand = true,
    .layout = vd_raft_layout,
    .config = rows,
    .init = init,
    .destroy = destroy,
    .reads = declare_reads,
    .turn = vd_raft_turn,
    .apply = apply,
    .view = vd_raft_view,
    .queries = queries,
    .query = vd_raft_query,
    .save = save,
    .load = load,
};

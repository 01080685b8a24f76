/* stall_turn.c: from the events of a chain, and from the clock, to what moves and what does not.
 *
 * A turn works on a copy of the subjects, to which each event is applied as it is told.
 */
#include "stall.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct work {
    const vd_stall_t *self;
    vd_turn_t *turn;
    const vd_sample_record_t *input; /* NULL: the clock alone */
    vd_subjects_t subjects;
    int64_t at_ms; /* the time of the input, or now */
    bool full;
} work_t;

static void tell(work_t *work, const char *type, const vd_buffer_t *data)
{
    if (work->full || !vd_turn_event(work->turn, type, vd_buffer_view(data), work->input)) {
        work->full = true;
        return;
    }
    vd_event_t event = {.type = vd_str(type), .data = vd_buffer_view(data)};
    vd_subjects_apply(&work->subjects, &event);
}

static void write_time(vd_buffer_t *data, const char *key, int64_t at_ms)
{
    char text[VD_TS_SIZE];
    vd_ts_format(at_ms, text);
    vd_write_pair_text(data, key, text);
}

static int64_t limit_of(const work_t *work, const vd_subject_t *subject)
{
    if (vd_subject_is_node(subject))
        return work->self->node_after_ms;
    return strcmp(subject->name, VD_SUBJECT_TIP) == 0 ? work->self->tip_after_ms
                                                      : work->self->final_after_ms;
}

/* Whose gap has lasted as long as its limit. */
static void judge(work_t *work)
{
    for (uint32_t at = 0; at < work->subjects.count && !work->full; at++) {
        const vd_subject_t *subject = &work->subjects.list[at];
        int64_t limit_ms = limit_of(work, subject);
        if (subject->stalled || subject->since_ms == 0 ||
            work->at_ms - subject->since_ms < limit_ms)
            continue;
        vd_buffer_t *data = vd_turn_scratch(work->turn);
        vd_write_map(data, 4);
        vd_write_pair_text(data, "what", subject->name);
        vd_write_pair_u64(data, "height", subject->height);
        write_time(data, "since", subject->since_ms);
        vd_write_pair_u64(data, "limit_ms", (uint64_t)limit_ms);
        tell(work, "stalled", data);
    }
}

/* The subject is at this height now. `counted`: its gap is known. An input that comes again says nothing
 * new. */
static void tell_moved(work_t *work, const char *name, uint64_t height, bool counted)
{
    const vd_subject_t *subject = vd_subjects_find(&work->subjects, vd_str(name));
    if (subject && subject->height == height && subject->moved_ms == work->at_ms)
        return;
    bool again = subject && subject->stalled;
    int64_t since_ms = subject ? subject->since_ms : 0;
    int64_t gap_ms = since_ms > 0 && work->at_ms > since_ms && counted ? work->at_ms - since_ms : 0;
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, again ? 5 : 4);
    vd_write_pair_text(data, "what", name);
    vd_write_pair_u64(data, "height", height);
    write_time(data, "at", work->at_ms);
    if (again)
        write_time(data, "since", since_ms);
    vd_write_pair_u64(data, "gap_ms", (uint64_t)gap_ms);
    tell(work, again ? "moving_again" : "moved", data);
}

static bool name_node(char name[VD_SUBJECT_NAME_SIZE], vd_str_t node)
{
    if (node.size == 0 || node.size > VD_NAME_BYTES_MAX)
        return false;
    snprintf(name, VD_SUBJECT_NAME_SIZE, "%s%.*s", VD_SUBJECT_NODE, (int)node.size,
             (const char *)node.data);
    return true;
}

static void judge_tip(work_t *work, bool counted)
{
    const vd_subject_t *tip = vd_subjects_find(&work->subjects, vd_str(VD_SUBJECT_TIP));
    uint64_t best = vd_subjects_best(&work->subjects);
    if (!tip || best > tip->height)
        tell_moved(work, VD_SUBJECT_TIP, best, counted);
}

static void drop(work_t *work, const char *name)
{
    char what[VD_SUBJECT_NAME_SIZE]; /* it goes while it is told */
    snprintf(what, sizeof what, "%s", name);
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 2);
    vd_write_pair_text(data, "what", what);
    write_time(data, "at", work->at_ms);
    tell(work, "stall_dropped", data);
}

/* ---- an event ---- */

static void take_event(work_t *work)
{
    vd_value_t data;
    char name[VD_SUBJECT_NAME_SIZE];
    if (!vd_value_of(work->input->content, &data) || data.kind != VD_KIND_MAP)
        return;
    uint64_t height = vd_value_get_u64(&data, "height", 0);
    bool node = name_node(name, vd_value_get_str(&data, "node"));
    if (vd_str_is(work->input->target, "head_changed") && node) {
        tell_moved(work, name, height, true);
        judge_tip(work, true);
    } else if (vd_str_is(work->input->target, "finality_advanced")) {
        tell_moved(work, VD_SUBJECT_FINAL, height, true);
    } else if (vd_str_is(work->input->target, "node_removed") && node &&
               vd_subjects_find(&work->subjects, vd_str(name))) {
        drop(work, name);
    }
}

/* ---- a snapshot ---- */

static bool is_listed(vd_bytes_t nodes, const char *name)
{
    vd_value_t row;
    char listed[VD_SUBJECT_NAME_SIZE];
    while (vd_value_next(&nodes, &row))
        if (name_node(listed, vd_value_get_str(&row, "name")) && strcmp(listed, name) == 0)
            return true;
    return false;
}

static void take_nodes(work_t *work, vd_bytes_t nodes)
{
    vd_value_t row;
    vd_bytes_t rest = nodes;
    char name[VD_SUBJECT_NAME_SIZE];
    for (uint32_t at = work->subjects.count; at-- > 0 && !work->full;)
        if (vd_subject_is_node(&work->subjects.list[at]) &&
            !is_listed(nodes, work->subjects.list[at].name))
            drop(work, work->subjects.list[at].name);
    while (vd_value_next(&rest, &row) && !work->full) {
        uint64_t height = vd_value_get_u64(&row, "height", 0);
        if (!name_node(name, vd_value_get_str(&row, "name")) ||
            vd_value_get_str(&row, "head").size == 0)
            continue;
        const vd_subject_t *known = vd_subjects_find(&work->subjects, vd_str(name));
        if (!known || known->height != height)
            tell_moved(work, name, height, false);
    }
    if (vd_subjects_best(&work->subjects) > 0)
        judge_tip(work, false);
}

static bool take_snapshot(work_t *work)
{
    vd_value_t map, nodes;
    if (!vd_value_of(work->input->content, &map) || !vd_value_get(&map, "nodes", &nodes) ||
        nodes.kind != VD_KIND_ARRAY)
        return false;
    take_nodes(work, nodes.bytes);
    const vd_subject_t *final = vd_subjects_find(&work->subjects, vd_str(VD_SUBJECT_FINAL));
    uint64_t height = vd_value_get_u64(&map, "final_height", 0);
    if (vd_value_get_str(&map, "final").size > 0 && (!final || final->height != height))
        tell_moved(work, VD_SUBJECT_FINAL, height, false);
    return true;
}

vd_status_t vd_stall_turn(const void *state, const vd_samples_t *samples, vd_turn_t *turn)
{
    const vd_stall_t *self = state;
    assert(self && samples && turn);
    work_t *work = calloc(1, sizeof *work);
    if (!work)
        return vd_turn_fail(turn, VD_NO_MEMORY, "no memory for a turn");
    work->self = self;
    work->turn = turn;
    work->input = vd_samples_input(samples);
    work->subjects = self->subjects;
    work->at_ms = work->input ? work->input->at_ms : vd_turn_now_ms(turn);
    bool snapshot = work->input && vd_str_is(work->input->op, VD_INPUT_OP_SNAPSHOT), good = true;
    if (!snapshot)
        judge(work); /* what did not move until now; where events are missing, nobody knows */
    if (snapshot)
        good = take_snapshot(work);
    else if (work->input)
        take_event(work);
    vd_str_t origin = work->input ? work->input->source : vd_str("");
    free(work);
    if (good)
        return VD_OK;
    return vd_turn_fail(turn, VD_MALFORMED,
                        "the snapshot of observer %.*s tells no nodes: %s.reads has to be an "
                        "observer of kind chain",
                        (int)origin.size, (const char *)origin.data, VD_STALL_TABLE);
}

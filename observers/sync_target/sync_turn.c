/* sync_turn.c: from the heads of the nodes to what has changed about the target and who is there. */
#include "sync_target.h"

#include <assert.h>
#include <stdlib.h>

typedef struct work {
    const vd_sync_target_t *self;
    const vd_samples_t *samples;
    vd_turn_t *turn;
    const vd_sync_looks_t *looks;
    vd_sync_target_t next; /* as it will be known: the target alone changes in it */
    uint32_t there, judged, listed;
    vd_str_t missing[VD_SYNC_LISTED_MAX];
    uint64_t lowest; /* UINT64_MAX: no local node is reachable */
} work_t;

static void write_target(const work_t *work, vd_buffer_t *data)
{
    vd_write_pair_text(data, "id", work->next.known.id);
    vd_write_pair_u64(data, "height", work->next.known.height);
}

static bool judge_target(work_t *work)
{
    const vd_sync_looks_t *looks = work->looks;
    vd_sync_known_t *known = &work->next.known;
    if (!looks->complete || !looks->target || strcmp(looks->target->id, known->id) == 0)
        return true;
    char previous[VD_SYNC_ID_SIZE];
    memcpy(previous, known->id, sizeof previous);
    memcpy(known->id, looks->target->id, sizeof known->id);
    known->height = looks->target->height;
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 5);
    write_target(work, data);
    vd_write_pair_u64(data, "agreeing", looks->agreeing);
    vd_write_pair_u64(data, "reachable", looks->reachable);
    vd_write_text(data, "previous");
    if (previous[0])
        vd_write_text(data, previous);
    else
        vd_write_nil(data);
    return vd_turn_event(work->turn, "target_changed", vd_buffer_view(data), looks->target->sample);
}

static bool tell_place(work_t *work, const vd_sync_look_t *look, vd_sync_place_t place)
{
    bool there = place == VD_SYNC_THERE;
    uint64_t target = work->next.known.height;
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, there ? 3 : 5);
    vd_write_pair_str(data, "node", look->name);
    vd_write_text(data, "id");
    if (look->sample)
        vd_write_text(data, look->id);
    else
        vd_write_nil(data);
    vd_write_pair_u64(data, "height", look->height);
    if (!there) {
        bool below = look->sample && look->height < target;
        vd_write_pair_u64(data, "behind", below ? target - look->height : 0);
        vd_write_pair_text(data, "reason", vd_sync_place_name(place));
    }
    return vd_turn_event(work->turn, there ? "local_reached" : "local_lost", vd_buffer_view(data),
                         look->sample);
}

/* Judges one local node, and counts it. */
static bool judge_node(work_t *work, const vd_sync_look_t *look)
{
    const vd_sync_node_t *node = vd_sync_node(&work->self->known, look->name);
    vd_sync_place_t place = vd_sync_place(&work->next, work->samples, look);
    bool there = place == VD_SYNC_UNKNOWN ? node && node->there : place == VD_SYNC_THERE;
    if (look->sample && look->height < work->lowest)
        work->lowest = look->height;
    work->there += there;
    work->judged += place != VD_SYNC_UNKNOWN || node;
    if (!there && work->listed < VD_SYNC_LISTED_MAX)
        work->missing[work->listed++] = look->name;
    bool same = node && node->there == there &&
                (there || strcmp(node->reason, vd_sync_place_name(place)) == 0);
    return place == VD_SYNC_UNKNOWN || same || tell_place(work, look, place);
}

static bool tell_removed(work_t *work)
{
    const vd_sync_known_t *known = &work->self->known;
    for (uint32_t at = 0; at < known->count && vd_samples_is_complete(work->samples); at++) {
        bool stays = false;
        for (uint32_t look = 0; look < work->looks->count; look++)
            stays |= work->looks->list[look].local &&
                     vd_str_is(work->looks->list[look].name, known->nodes[at].name);
        if (stays)
            continue;
        vd_buffer_t *data = vd_turn_scratch(work->turn);
        vd_write_map(data, 1);
        vd_write_pair_text(data, "node", known->nodes[at].name);
        if (!vd_turn_event(work->turn, "local_removed", vd_buffer_view(data), NULL))
            return false;
    }
    return true;
}

/* Are all of them there? */
static bool judge_all(work_t *work)
{
    uint32_t locals = work->looks->locals;
    bool reached = locals > 0 && work->there == locals;
    if (reached == work->self->known.reached || (!reached && work->judged < locals))
        return true;
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 3);
    write_target(work, data);
    if (reached) {
        vd_write_pair_u64(data, "nodes", locals);
    } else {
        vd_write_text(data, "missing");
        vd_write_array(data, work->listed);
        for (uint32_t at = 0; at < work->listed; at++)
            vd_write_str(data, work->missing[at]);
    }
    return vd_turn_event(work->turn, reached ? "sync_reached" : "sync_lost", vd_buffer_view(data),
                         NULL);
}

static void tell_progress(work_t *work)
{
    const vd_sync_known_t *known = &work->self->known;
    uint32_t locals = work->looks->locals;
    int64_t now_ms = vd_turn_now_ms(work->turn);
    bool due = known->told_ms == 0 || now_ms - known->told_ms >= work->self->progress_ms ||
               now_ms < known->told_ms;
    if (locals == 0 || work->there == locals || work->judged < locals || !due)
        return;
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 5);
    write_target(work, data);
    vd_write_pair_u64(data, "there", work->there);
    vd_write_pair_u64(data, "nodes", locals);
    vd_write_text(data, "lowest");
    if (work->lowest == UINT64_MAX)
        vd_write_nil(data);
    else
        vd_write_u64(data, work->lowest);
    vd_turn_event(work->turn, "sync_progress", vd_buffer_view(data), NULL);
}

static void judge(work_t *work)
{
    if (!tell_removed(work) || !judge_target(work) || !work->next.known.id[0])
        return;
    for (uint32_t at = 0; at < work->looks->count; at++)
        if (work->looks->list[at].local && !judge_node(work, &work->looks->list[at]))
            return;
    if (judge_all(work))
        tell_progress(work);
}

vd_status_t vd_sync_turn(const void *state, const vd_samples_t *samples, vd_turn_t *turn)
{
    const vd_sync_target_t *self = state;
    assert(self && samples && turn);
    work_t *work = calloc(1, sizeof *work);
    vd_sync_looks_t *looks = work ? vd_sync_looks(self, samples) : NULL;
    if (!looks) {
        free(work);
        return vd_turn_fail(turn, VD_NO_MEMORY, "no memory for a turn");
    }
    work->self = self;
    work->next = *self;
    work->samples = samples;
    work->turn = turn;
    work->looks = looks;
    work->lowest = UINT64_MAX;
    judge(work);
    free(looks);
    free(work);
    return VD_OK;
}

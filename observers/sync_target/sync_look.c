/* sync_look.c: from samples to heads, the majority, and where a node stands to the target. */
#include "sync_target.h"

#include "chainkit/pursuit.h"

#include <assert.h>
#include <stdlib.h>

const char *vd_sync_place_name(vd_sync_place_t place)
{
    static const char *const names[] = {"unknown", "there", "behind", "other_branch",
                                        "unreachable"};
    assert(place < sizeof names / sizeof names[0]);
    return names[place];
}

const vd_reader_t *vd_sync_reader(const vd_sync_target_t *self, const vd_source_record_t *source,
                                  bool *local)
{
    vd_value_t labels;
    assert(self && source && local);
    const vd_reader_t *reader = vd_pursuit_reader(self->app, source);
    if (!reader || !vd_value_of(source->labels, &labels))
        return NULL;
    vd_str_t group = vd_value_get_str(&labels, "group");
    *local = vd_str_is(group, "local");
    return *local || vd_str_is(group, "public") ? reader : NULL;
}

bool vd_sync_ask(const vd_sync_known_t *known, const vd_reader_t *reader, vd_ask_t *ask)
{
    assert(known && reader && ask);
    *ask = (vd_ask_t){{0}, {0}, {0}};
    if (!known->id[0])
        return false;
    reader->ask_header(vd_str(""), known->height, ask);
    if (!ask->op[0])
        reader->ask_header(vd_str(known->id), known->height, ask);
    return ask->op[0] != 0;
}

/* ---- heads ---- */

static bool read_head(vd_sync_look_t *look, const vd_sample_record_t *sample)
{
    char error[VD_TEXT_BYTES_MAX];
    vd_answer_t answer = {0};
    if (!vd_str_is(sample->status, "ok") ||
        !look->reader->read_head(sample->content, vd_str(""), &answer, error, sizeof error))
        return false;
    vd_str_copy(look->id, sizeof look->id, answer.head.tip);
    look->height = answer.head.height;
    look->sample = sample;
    vd_answer_free(&answer);
    return true;
}

static void listen(vd_sync_look_t *look, const vd_sync_target_t *self, const vd_samples_t *samples)
{
    uint32_t seen = 0;
    const vd_sample_record_t *sample =
        vd_samples_find(samples, look->name, look->reader->head.op, look->reader->head.target);
    for (; sample && seen < self->unreachable_after; sample = vd_samples_before(samples, sample)) {
        if (read_head(look, sample))
            return;
        seen++;
    }
    look->silent = seen >= self->unreachable_after;
}

static void find_majority(vd_sync_looks_t *self)
{
    for (uint32_t at = 0; at < self->count; at++) {
        const vd_sync_look_t *look = &self->list[at];
        uint32_t agreeing = 0;
        if (look->local || !look->sample)
            continue;
        for (uint32_t other = 0; other < self->count; other++)
            agreeing += !self->list[other].local && self->list[other].sample &&
                        self->list[other].height == look->height &&
                        strcmp(self->list[other].id, look->id) == 0;
        if (agreeing > self->agreeing) {
            self->agreeing = agreeing;
            self->target = 2 * agreeing > self->reachable ? look : NULL;
        }
    }
}

vd_sync_looks_t *vd_sync_looks(const vd_sync_target_t *self, const vd_samples_t *samples)
{
    assert(self && samples);
    vd_sync_looks_t *looks = calloc(1, sizeof *looks);
    if (!looks)
        return NULL;
    looks->complete = vd_samples_is_complete(samples);
    for (size_t at = 0; at < vd_samples_source_count(samples) && looks->count < VD_SYNC_NODES_MAX;
         at++) {
        const vd_source_record_t *source = vd_samples_source_at(samples, at);
        vd_sync_look_t *look = &looks->list[looks->count];
        *look = (vd_sync_look_t){.name = source->name};
        look->reader = vd_sync_reader(self, source, &look->local);
        if (!look->reader)
            continue;
        looks->count++;
        listen(look, self, samples);
        looks->locals += look->local;
        looks->publics += !look->local;
        looks->reachable += !look->local && look->sample;
        looks->complete &= look->local || look->sample || look->silent;
    }
    find_majority(looks);
    return looks;
}

/* ---- places ---- */

/* What the node answers to whether it has the target on its branch. */
static vd_sync_place_t ask_branch(const vd_sync_known_t *known, const vd_samples_t *samples,
                                  const vd_sync_look_t *look)
{
    vd_ask_t ask;
    char error[VD_TEXT_BYTES_MAX];
    vd_answer_t answer = {0};
    if (!vd_sync_ask(known, look->reader, &ask))
        return VD_SYNC_UNKNOWN;
    const vd_sample_record_t *sample = vd_samples_find(samples, look->name, ask.op, ask.target);
    if (!sample || sample->at_ms < look->sample->at_ms)
        return VD_SYNC_UNKNOWN; /* what it answered when it was elsewhere says nothing */
    bool by_id = ask.target[0] && strstr(ask.target, known->id);
    if (vd_str_is(sample->status, "not_found"))
        return VD_SYNC_OTHER_BRANCH;
    if (!vd_str_is(sample->status, "ok") ||
        !look->reader->read_block(sample->content, vd_str(by_id ? known->id : ""), &answer, error,
                                  sizeof error))
        return VD_SYNC_UNKNOWN;
    bool same = vd_str_is(answer.block.id, known->id);
    vd_answer_free(&answer);
    return same ? VD_SYNC_THERE : VD_SYNC_OTHER_BRANCH;
}

vd_sync_place_t vd_sync_place(const vd_sync_target_t *self, const vd_samples_t *samples,
                              const vd_sync_look_t *look)
{
    assert(self && samples && look && look->local);
    const vd_sync_known_t *known = &self->known;
    const vd_sync_node_t *node = vd_sync_node(known, look->name);
    if (look->silent)
        return VD_SYNC_UNREACHABLE;
    if (!look->sample || !known->id[0])
        return VD_SYNC_UNKNOWN;
    if (strcmp(look->id, known->id) == 0)
        return VD_SYNC_THERE;
    if (look->height >= known->height)
        return ask_branch(known, samples, look);
    bool tolerated = node && node->there && known->height - look->height < self->lost_after;
    return tolerated ? VD_SYNC_THERE : VD_SYNC_BEHIND;
}

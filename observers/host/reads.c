/* reads.c: the list that an observer's `reads` fills. */
#include "samples.h"

#include <assert.h>
#include <stdlib.h>

void vd_reads_open(vd_reads_t *self)
{
    assert(self);
    *self = (vd_reads_t){0};
}

void vd_reads_close(vd_reads_t *self)
{
    assert(self);
    for (uint32_t at = 0; at < self->count; at++) {
        free(self->list[at].target);
        free(self->list[at].args);
    }
    free(self->list);
    *self = (vd_reads_t){0};
}

static bool has_room(vd_reads_t *self)
{
    if (self->count < self->room)
        return true;
    uint32_t room = self->room ? 2 * self->room : 16;
    if (room > VD_READS_PER_SOURCE_MAX)
        room = VD_READS_PER_SOURCE_MAX;
    if (room == self->room)
        return false;
    vd_read_wish_t *list = realloc(self->list, room * sizeof *list);
    if (!list)
        return false;
    self->list = list;
    self->room = room;
    return true;
}

static bool is_listed(const vd_reads_t *self, const vd_read_spec_t *spec)
{
    for (uint32_t at = 0; at < self->count; at++)
        if (strcmp(self->list[at].op, spec->op) == 0 &&
            strcmp(self->list[at].target, spec->target) == 0)
            return true;
    return false;
}

void vd_reads_add_spec(vd_reads_t *self, const vd_read_spec_t *spec)
{
    assert(self && spec && spec->op && spec->target);
    assert(strlen(spec->op) <= VD_NAME_BYTES_MAX && spec->keep <= VD_KEEP_MAX);
    assert(spec->args.size == 0 || spec->args.data);
    if (is_listed(self, spec))
        return;
    if (strlen(spec->target) > VD_TEXT_BYTES_MAX || spec->args.size > VD_SPEC_BYTES_MAX ||
        !has_room(self)) {
        self->full = true;
        return;
    }
    vd_read_wish_t *wish = &self->list[self->count];
    *wish = (vd_read_wish_t){.interval_ms = spec->interval_ms,
                             .deadline_ms = spec->deadline_ms,
                             .keep = spec->keep ? spec->keep : 1,
                             .optional = spec->optional,
                             .args_size = spec->args.size};
    strcpy(wish->op, spec->op);
    wish->target = strdup(spec->target);
    if (spec->args.size > 0)
        wish->args = malloc(spec->args.size);
    if (!wish->target || (spec->args.size > 0 && !wish->args)) {
        free(wish->target);
        free(wish->args);
        self->full = true;
        return;
    }
    if (spec->args.size > 0)
        memcpy(wish->args, spec->args.data, spec->args.size);
    self->count++;
}

void vd_reads_add(vd_reads_t *self, const char *op, const char *target, int64_t interval_ms)
{
    vd_reads_add_spec(self,
                      &(vd_read_spec_t){.op = op, .target = target, .interval_ms = interval_ms});
}

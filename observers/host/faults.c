/* faults.c: the last error of each stage. */
#include "faults.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *vd_stage_name(vd_stage_t stage)
{
    static const char *const names[VD_STAGE_COUNT] = {"membership", "read", "turn", "commit",
                                                      "state"};
    assert((int)stage >= 0 && stage < VD_STAGE_COUNT);
    return names[stage];
}

bool vd_faults_set(vd_faults_t *self, vd_stage_t stage, int64_t wall_ms, const char *format, ...)
{
    assert(self && (int)stage >= 0 && stage < VD_STAGE_COUNT && format);
    vd_fault_t *fault = &self->stages[stage];
    char text[sizeof fault->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fault->count++;
    if (fault->text[0] && fault->recovered_ms == 0 && strcmp(fault->text, text) == 0)
        return false;
    strcpy(fault->text, text);
    fault->at_ms = wall_ms;
    fault->recovered_ms = 0;
    self->changes++;
    return true;
}

bool vd_faults_clear(vd_faults_t *self, vd_stage_t stage, int64_t wall_ms)
{
    assert(self && (int)stage >= 0 && stage < VD_STAGE_COUNT);
    vd_fault_t *fault = &self->stages[stage];
    if (!fault->text[0] || fault->recovered_ms != 0)
        return false;
    fault->recovered_ms = wall_ms > 0 ? wall_ms : 1;
    self->changes++;
    return true;
}

bool vd_faults_holds(const vd_faults_t *self, vd_stage_t stage)
{
    assert(self && (int)stage >= 0 && stage < VD_STAGE_COUNT);
    return self->stages[stage].text[0] != 0 && self->stages[stage].recovered_ms == 0;
}

int vd_faults_newest(const vd_faults_t *self)
{
    assert(self);
    int newest = -1;
    for (int at = 0; at < VD_STAGE_COUNT; at++) {
        const vd_fault_t *fault = &self->stages[at];
        if (!fault->text[0])
            continue;
        const vd_fault_t *best = newest >= 0 ? &self->stages[newest] : NULL;
        bool holds = fault->recovered_ms == 0;
        bool best_holds = best && best->recovered_ms == 0;
        if (!best || (holds && !best_holds) || (holds == best_holds && fault->at_ms > best->at_ms))
            newest = at;
    }
    return newest;
}

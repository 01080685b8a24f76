/* report.c: phases and figures, as values and as text. */
#include "chaos/report.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const phase_names[CHAOS_PHASES] = {"injected", "proved", "undone", "recovered",
                                                      "failed"};
static const char *const event_names[CHAOS_PHASES] = {
    "fault_injected", "fault_proved", "fault_undone", "fault_recovered", "fault_failed"};

const char *chaos_phase_name(chaos_phase_t phase)
{
    assert((unsigned)phase < CHAOS_PHASES);
    return phase_names[phase];
}

const char *chaos_phase_event(chaos_phase_t phase)
{
    assert((unsigned)phase < CHAOS_PHASES);
    return event_names[phase];
}

/* ---- figures ---- */

void chaos_report_free(chaos_report_t *self)
{
    for (size_t i = 0; i < self->target_count; i++) {
        free(self->targets[i].detected.list);
        free(self->targets[i].recovered.list);
    }
    self->target_count = 0;
}

static void keep_time(chaos_times_t *self, double ms)
{
    if (ms < 0)
        return;
    if (self->count == self->room) {
        size_t room = self->room == 0 ? 64 : 2 * self->room;
        double *list = realloc(self->list, room * sizeof *list);
        if (list == NULL)
            return;
        self->list = list;
        self->room = room;
    }
    self->list[self->count++] = ms;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double chaos_times_at(chaos_times_t *self, unsigned percent)
{
    assert(percent <= 100);
    if (self->count == 0)
        return CHAOS_NO_TIME;
    qsort(self->list, self->count, sizeof *self->list, by_size);
    size_t rank = (self->count * percent + 99) / 100;
    return self->list[rank > 0 ? rank - 1 : 0];
}

chaos_target_t *chaos_report_target(chaos_report_t *self, const char *name)
{
    for (size_t i = 0; i < self->target_count; i++)
        if (strcmp(self->targets[i].name, name) == 0)
            return &self->targets[i];
    if (self->target_count == CHAOS_TARGETS_MAX)
        return NULL;
    chaos_target_t *target = &self->targets[self->target_count++];
    *target = (chaos_target_t){0};
    vd_str_copy(target->name, sizeof target->name, vd_str(name));
    return target;
}

void chaos_report_take(chaos_report_t *self, const chaos_note_t *note)
{
    self->phases[note->step->kind][note->phase]++;
    chaos_target_t *target = chaos_report_target(self, note->step->target);
    if (target == NULL)
        return;
    target->faults += note->phase == CHAOS_INJECTED;
    if (note->phase != CHAOS_RECOVERED)
        return;
    keep_time(&target->detected, note->detected_ms);
    keep_time(&target->recovered, note->recovered_ms);
}

bool chaos_report_good(const chaos_report_t *self)
{
    for (int i = 0; i < CHAOS_KINDS; i++) {
        const uint64_t *row = self->phases[i];
        if (row[CHAOS_FAILED] > 0 || row[CHAOS_PROVED] != row[CHAOS_INJECTED] ||
            row[CHAOS_UNDONE] != row[CHAOS_INJECTED] || row[CHAOS_RECOVERED] != row[CHAOS_INJECTED])
            return false;
    }
    return self->bad_lines == 0;
}

/* ---- as values ---- */

/* A time with the decimals that it deserves: whole microseconds. */
static void write_ms(vd_buffer_t *out, const char *name, double ms)
{
    vd_write_pair_f64(out, name, (double)(int64_t)(ms * 1000 + 0.5) / 1000);
}

static void write_fields(const chaos_note_t *note, vd_buffer_t *out)
{
    vd_write_pair_u64(out, "number", note->number);
    vd_write_pair_text(out, "fault", chaos_row(note->step->kind)->name);
    vd_write_pair_text(out, "target", note->step->target);
    if (note->pid > 0)
        vd_write_pair_u64(out, "pid", note->pid);
    if (note->step->for_ms > 0)
        vd_write_pair_u64(out, "for_ms", (uint64_t)note->step->for_ms);
    if (note->detected_ms >= 0)
        write_ms(out, "detected_ms", note->detected_ms);
    if (note->recovered_ms >= 0)
        write_ms(out, "recovered_ms", note->recovered_ms);
    vd_write_pair_text(out, "text", note->text);
}

static uint32_t field_count(const chaos_note_t *note)
{
    return 4u + (note->pid > 0) + (note->step->for_ms > 0) + (note->detected_ms >= 0) +
           (note->recovered_ms >= 0);
}

void chaos_note_write(const chaos_note_t *note, vd_buffer_t *out)
{
    vd_write_map(out, 3u + field_count(note));
    vd_write_pair_text(out, "phase", chaos_phase_name(note->phase));
    vd_write_pair_u64(out, "line", note->line);
    vd_write_pair_i64(out, "at_ms", note->at_ms);
    write_fields(note, out);
}

void chaos_note_event(const chaos_note_t *note, vd_buffer_t *out)
{
    vd_write_map(out, field_count(note));
    write_fields(note, out);
}

static void write_times(vd_buffer_t *out, const char *name, chaos_times_t *times)
{
    vd_write_text(out, name);
    vd_write_map(out, times->count > 0 ? 4 : 1);
    vd_write_pair_u64(out, "count", times->count);
    if (times->count == 0)
        return;
    write_ms(out, "p50", chaos_times_at(times, 50));
    write_ms(out, "p99", chaos_times_at(times, 99));
    write_ms(out, "max", chaos_times_at(times, 100));
}

void chaos_report_write(chaos_report_t *self, vd_buffer_t *out)
{
    uint32_t kinds = 0;
    for (int i = 0; i < CHAOS_KINDS; i++)
        kinds += self->phases[i][CHAOS_INJECTED] + self->phases[i][CHAOS_FAILED] > 0;
    vd_write_map(out, 4u + self->seeded);
    vd_write_pair_text(out, "phase", "summary");
    vd_write_pair_bool(out, "ok", chaos_report_good(self));
    if (self->seeded)
        vd_write_pair_u64(out, "seed", self->seed);
    vd_write_text(out, "faults");
    vd_write_map(out, kinds);
    for (int i = 0; i < CHAOS_KINDS; i++) {
        if (self->phases[i][CHAOS_INJECTED] + self->phases[i][CHAOS_FAILED] == 0)
            continue;
        vd_write_text(out, chaos_row((chaos_kind_t)i)->name);
        vd_write_map(out, CHAOS_PHASES);
        for (int phase = 0; phase < CHAOS_PHASES; phase++)
            vd_write_pair_u64(out, phase_names[phase], self->phases[i][phase]);
    }
    vd_write_text(out, "actors");
    vd_write_map(out, (uint32_t)self->target_count);
    for (size_t i = 0; i < self->target_count; i++) {
        chaos_target_t *target = &self->targets[i];
        vd_write_text(out, target->name);
        vd_write_map(out, 5);
        vd_write_pair_u64(out, "faults", target->faults);
        vd_write_pair_u64(out, "deaths", target->deaths);
        vd_write_pair_u64(out, "started_by_hand", target->started_by_hand);
        write_times(out, "detected_ms", &target->detected);
        write_times(out, "recovered_ms", &target->recovered);
    }
}

/* ---- as text ---- */

void chaos_note_text(const chaos_note_t *note, char *out, size_t size)
{
    char what[CHAOS_LINE_BYTES], times[80] = "", pid[32] = "";
    chaos_step_format(note->step, what, sizeof what);
    if (note->pid > 0)
        snprintf(pid, sizeof pid, " (pid %" PRIu64 ")", note->pid);
    if (note->phase == CHAOS_RECOVERED && note->detected_ms >= 0)
        snprintf(times, sizeof times, ": seen after %.1f ms, over after %.1f ms", note->detected_ms,
                 note->recovered_ms);
    else if (note->phase == CHAOS_RECOVERED && note->recovered_ms >= 0)
        snprintf(times, sizeof times, " after %.1f ms", note->recovered_ms);
    snprintf(out, size, "%4" PRIu64 " %-9s  %s%s%s%s%s", note->number,
             chaos_phase_name(note->phase), what, pid, times, note->text[0] != 0 ? ": " : "",
             note->text);
}

__attribute__((format(printf, 2, 3))) static void add(vd_buffer_t *out, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    vd_buffer_add(out, text, strlen(text));
}

static void add_times(vd_buffer_t *out, chaos_times_t *times)
{
    if (times->count == 0) {
        add(out, "  %8s %8s %8s", "-", "-", "-");
        return;
    }
    add(out, "  %8.1f %8.1f %8.1f", chaos_times_at(times, 50), chaos_times_at(times, 99),
        chaos_times_at(times, 100));
}

void chaos_report_text(chaos_report_t *self, vd_buffer_t *out)
{
    add(out, "%-20s %9s %9s %9s %9s %9s\n", "FAULT", "INJECTED", "PROVED", "UNDONE", "RECOVERED",
        "FAILED");
    for (int i = 0; i < CHAOS_KINDS; i++) {
        const uint64_t *row = self->phases[i];
        if (row[CHAOS_INJECTED] + row[CHAOS_FAILED] > 0)
            add(out, "%-20s %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 "\n",
                chaos_row((chaos_kind_t)i)->name, row[CHAOS_INJECTED], row[CHAOS_PROVED],
                row[CHAOS_UNDONE], row[CHAOS_RECOVERED], row[CHAOS_FAILED]);
    }
    add(out, "\n%-16s %6s %6s  %-26s  %s\n", "TARGET", "FAULTS", "DEATHS",
        "SEEN ms: p50   p99      max", "OVER ms: p50   p99      max");
    for (size_t i = 0; i < self->target_count; i++) {
        chaos_target_t *target = &self->targets[i];
        add(out, "%-16s %6" PRIu64 " %6" PRIu64, target->name, target->faults, target->deaths);
        add_times(out, &target->detected);
        add_times(out, &target->recovered);
        if (target->started_by_hand > 0)
            add(out, "  started again %" PRIu64, target->started_by_hand);
        add(out, "\n");
    }
}

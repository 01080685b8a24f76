/* machine_turn.c: compares the figures of each machine with what its marks say. */
#include "machine.h"

#include <assert.h>
#include <stdio.h>

typedef struct vd_look {
    const vd_machine_t *self;
    const vd_samples_t *samples;
    vd_turn_t *turn;
    vd_str_t source;
    bool counted; /* processors are known */
    vd_processors_t processors;
} vd_look_t;

static const vd_sample_record_t *sample_of(const vd_look_t *look, const char *op,
                                           const char *target)
{
    return vd_machine_sample(look->samples, look->source, op, target);
}

static bool has(const vd_look_t *look, vd_mark_kind_t kind, const char *name)
{
    return vd_marks_has(&look->self->marks, look->source, kind, name);
}

/* Begins an event's data: a map with the source and `pairs` more. */
static vd_buffer_t *begin(const vd_look_t *look, uint32_t pairs)
{
    vd_buffer_t *data = vd_turn_scratch(look->turn);
    vd_write_map(data, 1 + pairs);
    vd_write_pair_str(data, "source", look->source);
    return data;
}

/* A figure of a sample. False when the sample does not have it. */
typedef bool vd_figure_fn(const vd_look_t *look, const vd_sample_record_t *sample, double *figure);

typedef enum vd_change { VD_STAYS, VD_RAISE, VD_NORMAL } vd_change_t;

/* Raised and ended only by `hold` samples in a row that agree; a failed one among them decides
 * nothing. */
static vd_change_t decide(const vd_look_t *look, const vd_sample_record_t *sample,
                          vd_figure_fn *figure_of, const vd_edges_t *edges, bool raised)
{
    bool rising = edges->raise > edges->normal;
    double edge = raised ? edges->normal : edges->raise;
    for (uint32_t at = 0; at < look->self->hold; at++) {
        double figure;
        if (!sample || !vd_str_is(sample->status, "ok") || !figure_of(look, sample, &figure))
            return VD_STAYS;
        bool above = rising != raised;
        if (above ? figure < edge : figure > edge)
            return VD_STAYS;
        sample = vd_samples_before(look->samples, sample);
    }
    return raised ? VD_NORMAL : VD_RAISE;
}

/* ---- load ---- */

static void count_processors(vd_look_t *look)
{
    const vd_sample_record_t *sample = sample_of(look, "read", "/proc/stat");
    look->counted = sample && vd_processors_parse(sample->content, &look->processors);
}

static bool load_of(const vd_look_t *look, const vd_sample_record_t *sample, double *figure)
{
    vd_load_t load;
    if (!look->counted || !vd_load_parse(sample->content, &load))
        return false;
    *figure = 100.0 * load.one / look->processors.count;
    return true;
}

static bool tell_load(const vd_look_t *look)
{
    const vd_sample_record_t *sample = sample_of(look, "read", "/proc/loadavg");
    vd_change_t change =
        decide(look, sample, load_of, &look->self->load, has(look, VD_MARK_LOAD, ""));
    vd_load_t load;
    double percent;
    if (change == VD_STAYS || !vd_load_parse(sample->content, &load) ||
        !load_of(look, sample, &percent))
        return true;
    vd_buffer_t *data = begin(look, 6);
    vd_write_pair_f64(data, "load_1m", load.one);
    vd_write_pair_f64(data, "load_5m", load.five);
    vd_write_pair_f64(data, "load_15m", load.fifteen);
    vd_write_pair_u64(data, "processors", look->processors.count);
    vd_write_pair_f64(data, "load_percent", percent);
    vd_write_pair_f64(data, "edge_percent",
                      change == VD_RAISE ? look->self->load.raise : look->self->load.normal);
    return vd_turn_event(look->turn, change == VD_RAISE ? "load_high" : "load_normal",
                         vd_buffer_view(data), sample);
}

/* ---- memory ---- */

static bool memory_of(const vd_look_t *look, const vd_sample_record_t *sample, double *figure)
{
    vd_memory_t memory;
    (void)look;
    if (!vd_memory_parse(sample->content, &memory))
        return false;
    *figure = 100.0 * (double)memory.available_bytes / (double)memory.total_bytes;
    return true;
}

static bool tell_memory(const vd_look_t *look)
{
    const vd_sample_record_t *sample = sample_of(look, "read", "/proc/meminfo");
    vd_change_t change =
        decide(look, sample, memory_of, &look->self->memory, has(look, VD_MARK_MEMORY, ""));
    vd_memory_t memory;
    double percent;
    if (change == VD_STAYS || !vd_memory_parse(sample->content, &memory) ||
        !memory_of(look, sample, &percent))
        return true;
    vd_buffer_t *data = begin(look, 4);
    vd_write_pair_u64(data, "total_bytes", memory.total_bytes);
    vd_write_pair_u64(data, "available_bytes", memory.available_bytes);
    vd_write_pair_f64(data, "available_percent", percent);
    vd_write_pair_f64(data, "edge_percent",
                      change == VD_RAISE ? look->self->memory.raise : look->self->memory.normal);
    return vd_turn_event(look->turn, change == VD_RAISE ? "memory_low" : "memory_normal",
                         vd_buffer_view(data), sample);
}

/* ---- pressure ---- */

static bool pressure_of(const vd_look_t *look, const vd_sample_record_t *sample, double *figure)
{
    (void)look;
    return vd_pressure_parse(sample->content, figure);
}

static bool tell_pressure(const vd_look_t *look)
{
    static const char *const resources[] = {"cpu", "memory", "io"};
    for (size_t at = 0; at < sizeof resources / sizeof resources[0]; at++) {
        char target[32];
        double percent;
        snprintf(target, sizeof target, "/proc/pressure/%s", resources[at]);
        const vd_sample_record_t *sample = sample_of(look, "read", target);
        vd_change_t change = decide(look, sample, pressure_of, &look->self->pressure,
                                    has(look, VD_MARK_PRESSURE, resources[at]));
        if (change == VD_STAYS || !pressure_of(look, sample, &percent))
            continue;
        vd_buffer_t *data = begin(look, 3);
        vd_write_pair_text(data, "resource", resources[at]);
        vd_write_pair_f64(data, "waiting_percent_10s", percent);
        vd_write_pair_f64(data, "edge_percent",
                          change == VD_RAISE ? look->self->pressure.raise
                                             : look->self->pressure.normal);
        if (!vd_turn_event(look->turn, change == VD_RAISE ? "pressure_high" : "pressure_normal",
                           vd_buffer_view(data), sample))
            return false;
    }
    return true;
}

/* ---- disks ---- */

static bool disk_of(const vd_look_t *look, const vd_sample_record_t *sample, double *figure)
{
    vd_space_t space;
    (void)look;
    if (!vd_space_parse(sample->meta, &space))
        return false;
    *figure = space.used_percent;
    return true;
}

static bool tell_disk(const vd_look_t *look, const vd_mount_t *mount)
{
    const vd_sample_record_t *sample = sample_of(look, "space", mount->path);
    vd_change_t change =
        decide(look, sample, disk_of, &look->self->disk, has(look, VD_MARK_DISK, mount->path));
    vd_space_t space;
    if (change == VD_STAYS || !vd_space_parse(sample->meta, &space))
        return true;
    vd_buffer_t *data = begin(look, 7);
    vd_write_pair_text(data, "mount", mount->path);
    vd_write_pair_text(data, "device", mount->device);
    vd_write_pair_text(data, "type", mount->type);
    vd_write_pair_u64(data, "total_bytes", space.total_bytes);
    vd_write_pair_u64(data, "available_bytes", space.available_bytes);
    vd_write_pair_f64(data, "used_percent", space.used_percent);
    vd_write_pair_f64(data, "edge_percent",
                      change == VD_RAISE ? look->self->disk.raise : look->self->disk.normal);
    return vd_turn_event(look->turn, change == VD_RAISE ? "disk_filling" : "disk_normal",
                         vd_buffer_view(data), sample);
}

static bool is_mounted(vd_bytes_t text, const char *path)
{
    vd_disk_walk_t walk = {text, text, 0};
    vd_mount_t mount;
    while (vd_disk_next(&walk, &mount))
        if (strcmp(mount.path, path) == 0)
            return true;
    return false;
}

/* Ends the alarms of disks that are no longer mounted. */
static bool tell_unmounted(const vd_look_t *look, const vd_sample_record_t *mounts)
{
    const vd_marks_t *marks = &look->self->marks;
    for (uint32_t at = vd_marks_from(marks, look->source, VD_MARK_DISK); at < marks->count; at++) {
        const vd_mark_t *mark = &marks->list[at];
        if (!vd_str_is(look->source, mark->source) || mark->kind != VD_MARK_DISK)
            break;
        if (is_mounted(mounts->content, mark->name))
            continue;
        vd_buffer_t *data = begin(look, 2);
        vd_write_pair_text(data, "mount", mark->name);
        vd_write_pair_bool(data, "unmounted", true);
        if (!vd_turn_event(look->turn, "disk_normal", vd_buffer_view(data), mounts))
            return false;
    }
    return true;
}

static bool tell_disks(const vd_look_t *look)
{
    const vd_sample_record_t *mounts = sample_of(look, "read", "/proc/mounts");
    vd_mount_t mount;
    if (!mounts)
        return true;
    vd_disk_walk_t walk = {mounts->content, mounts->content, 0};
    while (vd_disk_next(&walk, &mount))
        if (!tell_disk(look, &mount))
            return false;
    return tell_unmounted(look, mounts);
}

/* ---- network ---- */

static bool tell_interface(const vd_look_t *look, const char *type, const char *interface,
                           vd_str_t state, const vd_sample_record_t *sample)
{
    while (state.size > 0 && state.data[state.size - 1] == '\n')
        state.size--;
    vd_buffer_t *data = begin(look, state.size > 0 ? 2 : 1);
    vd_write_pair_text(data, "interface", interface);
    if (state.size > 0)
        vd_write_pair_str(data, "state", state);
    return vd_turn_event(look->turn, type, vd_buffer_view(data), sample);
}

static bool tell_up_or_down(const vd_look_t *look, const char *interface)
{
    char target[96];
    vd_machine_operstate(interface, target, sizeof target);
    const vd_sample_record_t *sample = sample_of(look, "read", target);
    if (!sample || sample->content.size == 0 || sample->content.size > 32)
        return true;
    bool down = vd_operstate_is_down(sample->content);
    if (down == has(look, VD_MARK_LINK, interface))
        return true;
    return tell_interface(look, down ? "interface_down" : "interface_up", interface,
                          sample->content, sample);
}

/* Is the interface in this /proc/net/dev? */
static bool is_there(const vd_look_t *look, vd_bytes_t text, const char *name)
{
    vd_interface_t interface;
    for (uint32_t count = 0; count < VD_INTERFACES_MAX && vd_interface_next(&text, &interface);) {
        if (vd_machine_ignores(look->self, interface.name))
            continue;
        if (strcmp(interface.name, name) == 0)
            return true;
        count++;
    }
    return false;
}

static bool tell_removed(const vd_look_t *look, const vd_sample_record_t *table)
{
    const vd_marks_t *marks = &look->self->marks;
    uint32_t at = vd_marks_from(marks, look->source, VD_MARK_INTERFACE);
    for (; at < marks->count; at++) {
        const vd_mark_t *mark = &marks->list[at];
        if (!vd_str_is(look->source, mark->source) || mark->kind != VD_MARK_INTERFACE)
            break;
        if (!is_there(look, table->content, mark->name) &&
            !tell_interface(look, "interface_removed", mark->name, vd_str(""), table))
            return false;
    }
    return true;
}

static bool tell_network(const vd_look_t *look, const vd_sample_record_t *table)
{
    vd_bytes_t text = table->content;
    vd_interface_t interface;
    bool described = has(look, VD_MARK_DESCRIBED, "");
    if (described && !tell_removed(look, table))
        return false;
    for (uint32_t count = 0; count < VD_INTERFACES_MAX && vd_interface_next(&text, &interface);) {
        if (vd_machine_ignores(look->self, interface.name))
            continue;
        count++;
        if (described && !has(look, VD_MARK_INTERFACE, interface.name) &&
            !tell_interface(look, "interface_added", interface.name, vd_str(""), table))
            return false;
        if (!tell_up_or_down(look, interface.name))
            return false;
    }
    return true;
}

/* ---- the machine as it was found ---- */

static uint32_t count_interfaces(const vd_look_t *look, vd_bytes_t text)
{
    uint32_t count = 0;
    vd_interface_t interface;
    while (count < VD_INTERFACES_MAX && vd_interface_next(&text, &interface))
        count += !vd_machine_ignores(look->self, interface.name);
    return count;
}

static bool describe(const vd_look_t *look, const vd_sample_record_t *table)
{
    const vd_sample_record_t *meminfo = sample_of(look, "read", "/proc/meminfo");
    vd_memory_t memory;
    vd_interface_t interface;
    vd_bytes_t text = table->content;
    if (!meminfo || !vd_memory_parse(meminfo->content, &memory) || !look->counted)
        return true;
    uint32_t rest = count_interfaces(look, text);
    vd_buffer_t *data = begin(look, 3);
    vd_write_pair_u64(data, "processors", look->processors.count);
    vd_write_pair_u64(data, "memory_bytes", memory.total_bytes);
    vd_write_text(data, "interfaces");
    vd_write_array(data, rest);
    while (rest > 0 && vd_interface_next(&text, &interface)) {
        if (vd_machine_ignores(look->self, interface.name))
            continue;
        vd_write_text(data, interface.name);
        rest--;
    }
    return vd_turn_event(look->turn, "host_described", vd_buffer_view(data), table);
}

static bool look_at(const vd_look_t *look)
{
    const vd_sample_record_t *table = sample_of(look, "read", "/proc/net/dev");
    if (table && !has(look, VD_MARK_DESCRIBED, "") && !describe(look, table))
        return false;
    return tell_load(look) && tell_memory(look) && tell_pressure(look) && tell_disks(look) &&
           (!table || tell_network(look, table));
}

vd_status_t vd_machine_turn(const void *state, const vd_samples_t *samples, vd_turn_t *turn)
{
    assert(state && samples && turn);
    for (size_t at = 0; at < vd_samples_source_count(samples); at++) {
        vd_look_t look = {.self = state,
                          .samples = samples,
                          .turn = turn,
                          .source = vd_samples_source_at(samples, at)->name};
        count_processors(&look);
        if (!look_at(&look))
            break; /* full: the next turn finds the rest */
    }
    return VD_OK;
}

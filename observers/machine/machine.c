/* machine.c: configuration and reads of the observer host. */
#include "machine.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static const char table[] = "observers.host";

static const vd_config_row_t rows[] = {
    {"sources", VD_CONFIG_STR, "\"*\"", 0, 0,
     "names of the sources that are machines, as a pattern with * and ?", NULL},
    {"hold", VD_CONFIG_INT, "3", 1, VD_KEEP_MAX,
     "samples in a row that must agree before an alarm is raised or ended", NULL},
    {"load_high_percent", VD_CONFIG_FLOAT, "200", 1, 100000,
     "load_high: running tasks in a minute, 100 is one for each processor", NULL},
    {"load_normal_percent", VD_CONFIG_FLOAT, "100", 0, 100000, "load_normal: back to this", NULL},
    {"memory_low_percent", VD_CONFIG_FLOAT, "10", 0, 100, "memory_low: available memory", NULL},
    {"memory_normal_percent", VD_CONFIG_FLOAT, "15", 0, 100, "memory_normal: back to this", NULL},
    {"pressure_high_percent", VD_CONFIG_FLOAT, "60", 0, 100,
     "pressure_high: share of ten seconds in which a task waited for processor, memory or disk",
     NULL},
    {"pressure_normal_percent", VD_CONFIG_FLOAT, "30", 0, 100, "pressure_normal: back to this",
     NULL},
    {"disk_filling_percent", VD_CONFIG_FLOAT, "90", 0, 100, "disk_filling: used space", NULL},
    {"disk_normal_percent", VD_CONFIG_FLOAT, "85", 0, 100, "disk_normal: back to this", NULL},
    {"disk_interval", VD_CONFIG_DURATION, "\"5s\"", 10, 86400000, "between looks at a disk", NULL},
    {"interfaces_ignored", VD_CONFIG_LIST, "[\"veth*\"]", 0, 0,
     "patterns of network interfaces that are left out", NULL},
    {0}};

static bool read_edges(const vd_config_t *config, const char *raise, const char *normal,
                       bool rising, vd_edges_t *edges, char *error, size_t error_size)
{
    edges->raise = vd_config_float(config, table, raise);
    edges->normal = vd_config_float(config, table, normal);
    if (rising ? edges->normal < edges->raise : edges->normal > edges->raise)
        return true;
    snprintf(error, error_size,
             "%s: %s (%g) must be %s %s (%g), so that the two do not take turns on one figure",
             table, normal, edges->normal, rising ? "below" : "above", raise, edges->raise);
    return false;
}

static bool read_ignored(vd_machine_t *self, const vd_config_t *config, char *error,
                         size_t error_size)
{
    size_t count = vd_config_list_count(config, table, "interfaces_ignored");
    if (count > VD_IGNORED_MAX) {
        snprintf(error, error_size, "%s: interfaces_ignored has more than %d patterns", table,
                 VD_IGNORED_MAX);
        return false;
    }
    for (size_t at = 0; at < count; at++) {
        const char *glob = vd_config_list_at(config, table, "interfaces_ignored", at);
        if (!vd_str_copy(self->ignored[at], sizeof self->ignored[at], vd_str(glob))) {
            snprintf(error, error_size, "%s: the pattern %s in interfaces_ignored is too long",
                     table, glob);
            return false;
        }
    }
    self->ignored_count = (uint32_t)count;
    return true;
}

static bool configure(vd_machine_t *self, const vd_config_t *config, char *error, size_t size)
{
    vd_str_copy(self->glob, sizeof self->glob, vd_str(vd_config_str(config, table, "sources")));
    self->hold = (uint32_t)vd_config_int(config, table, "hold");
    self->disk_interval_ms = vd_config_duration_ms(config, table, "disk_interval");
    return read_edges(config, "load_high_percent", "load_normal_percent", true, &self->load, error,
                      size) &&
           read_edges(config, "memory_low_percent", "memory_normal_percent", false, &self->memory,
                      error, size) &&
           read_edges(config, "pressure_high_percent", "pressure_normal_percent", true,
                      &self->pressure, error, size) &&
           read_edges(config, "disk_filling_percent", "disk_normal_percent", true, &self->disk,
                      error, size) &&
           read_ignored(self, config, error, size);
}

static void destroy(void **state)
{
    assert(state);
    vd_machine_t *self = *state;
    if (self)
        vd_marks_free(&self->marks);
    free(self);
    *state = NULL;
}

static vd_status_t init(void **state, const vd_config_t *config, char *error, size_t error_size)
{
    assert(state && config && error);
    vd_machine_t *self = calloc(1, sizeof *self);
    *state = self;
    if (!self) {
        snprintf(error, error_size, "no memory");
        return VD_NO_MEMORY;
    }
    if (configure(self, config, error, error_size))
        return VD_OK;
    destroy(state);
    return VD_CONFIG;
}

bool vd_machine_ignores(const vd_machine_t *self, const char *interface)
{
    assert(self && interface);
    for (uint32_t at = 0; at < self->ignored_count; at++)
        if (vd_glob_match(vd_str(self->ignored[at]), vd_str(interface)))
            return true;
    return false;
}

bool vd_disk_next(vd_disk_walk_t *walk, vd_mount_t *mount)
{
    assert(walk && mount);
    while (walk->count < VD_DISKS_MAX && vd_mount_next(&walk->rest, mount)) {
        vd_bytes_t before = walk->all;
        vd_mount_t other;
        bool first = true;
        /* A device that is mounted twice is told where it was mounted first. */
        while (first && vd_mount_next(&before, &other) && before.size > walk->rest.size)
            first =
                strcmp(other.device, mount->device) != 0 && strcmp(other.path, mount->path) != 0;
        if (!first)
            continue;
        walk->count++;
        return true;
    }
    return false;
}

const vd_sample_record_t *vd_machine_sample(const vd_samples_t *samples, vd_str_t source,
                                            const char *op, const char *target)
{
    const vd_sample_record_t *sample = vd_samples_find(samples, source, op, target);
    return sample && vd_str_is(sample->status, "ok") ? sample : NULL;
}

void vd_machine_operstate(const char *interface, char *target, size_t size)
{
    snprintf(target, size, "/sys/class/net/%s/operstate", interface);
}

static void read_interfaces(const vd_machine_t *self, const vd_samples_t *samples, vd_str_t source,
                            vd_reads_t *reads)
{
    const vd_sample_record_t *sample = vd_machine_sample(samples, source, "read", "/proc/net/dev");
    vd_bytes_t text = sample ? sample->content : vd_bytes(NULL, 0);
    vd_interface_t interface;
    char target[96];
    for (uint32_t count = 0; count < VD_INTERFACES_MAX && vd_interface_next(&text, &interface);) {
        if (vd_machine_ignores(self, interface.name))
            continue;
        vd_machine_operstate(interface.name, target, sizeof target);
        vd_reads_add_spec(reads,
                          &(vd_read_spec_t){.op = "read", .target = target, .optional = true});
        count++;
    }
}

static void read_disks(const vd_machine_t *self, const vd_samples_t *samples, vd_str_t source,
                       vd_reads_t *reads)
{
    const vd_sample_record_t *sample = vd_machine_sample(samples, source, "read", "/proc/mounts");
    vd_bytes_t text = sample ? sample->content : vd_bytes(NULL, 0);
    vd_disk_walk_t walk = {text, text, 0};
    vd_mount_t mount;
    while (vd_disk_next(&walk, &mount))
        vd_reads_add_spec(reads, &(vd_read_spec_t){.op = "space",
                                                   .target = mount.path,
                                                   .interval_ms = self->disk_interval_ms,
                                                   .keep = self->hold});
}

static void declare_reads(const void *state, const vd_samples_t *samples,
                          const vd_source_record_t *source, vd_reads_t *reads)
{
    const vd_machine_t *self = state;
    static const char *const pressures[] = {"/proc/pressure/cpu", "/proc/pressure/memory",
                                            "/proc/pressure/io"};
    assert(self && samples && source && reads);
    if (!vd_str_is(source->adapter, "file") || !vd_glob_match(vd_str(self->glob), source->name))
        return;
    uint32_t hold = self->hold;
    vd_reads_add_spec(reads,
                      &(vd_read_spec_t){.op = "read", .target = "/proc/loadavg", .keep = hold});
    vd_reads_add_spec(reads,
                      &(vd_read_spec_t){.op = "read", .target = "/proc/meminfo", .keep = hold});
    vd_reads_add_spec(reads, &(vd_read_spec_t){.op = "read", .target = "/proc/stat", .keep = 2});
    vd_reads_add_spec(reads, &(vd_read_spec_t){.op = "read", .target = "/proc/net/dev", .keep = 2});
    vd_reads_add_spec(reads, &(vd_read_spec_t){.op = "read",
                                               .target = "/proc/mounts",
                                               .interval_ms = self->disk_interval_ms});
    /* Not every kernel tells its pressure. */
    for (size_t at = 0; at < sizeof pressures / sizeof pressures[0]; at++)
        vd_reads_add_spec(
            reads, &(vd_read_spec_t){
                       .op = "read", .target = pressures[at], .keep = hold, .optional = true});
    read_interfaces(self, samples, source->name, reads);
    read_disks(self, samples, source->name, reads);
}

static void apply(void *state, const vd_event_t *event)
{
    vd_machine_t *self = state;
    assert(self && event);
    vd_marks_apply(&self->marks, event);
}

static void save(const void *state, vd_buffer_t *out)
{
    const vd_machine_t *self = state;
    assert(self && out);
    vd_marks_save(&self->marks, out);
}

static vd_status_t load(void *state, vd_bytes_t value)
{
    vd_machine_t *self = state;
    assert(self);
    return vd_marks_load(&self->marks, value);
}

const vd_observer_t vd_machine_observer = {
    .name = "host",
    .version = 1,
    .summary = "Load, memory, pressure, disks and network of a machine.",
    .kinds = "host_described load_high load_normal memory_low memory_normal pressure_high "
             "pressure_normal disk_filling disk_normal interface_added interface_removed "
             "interface_down interface_up",
    .config = rows,
    .layout = vd_machine_layout,
    .init = init,
    .destroy = destroy,
    .reads = declare_reads,
    .turn = vd_machine_turn,
    .apply = apply,
    .view = vd_machine_view,
    .save = save,
    .load = load,
};

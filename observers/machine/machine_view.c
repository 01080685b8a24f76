/* machine_view.c: the snapshot of the observer host: the newest figures, and the alarms that
 * hold. */
#include "machine.h"

#include <assert.h>
#include <stdio.h>

typedef struct vd_scene {
    const vd_machine_t *self;
    const vd_samples_t *samples;
    vd_str_t source;
    vd_buffer_t *out;
} vd_scene_t;

static const vd_sample_record_t *sample_of(const vd_scene_t *scene, const char *op,
                                           const char *target)
{
    return vd_machine_sample(scene->samples, scene->source, op, target);
}

static void write_load(const vd_scene_t *scene)
{
    const vd_sample_record_t *sample = sample_of(scene, "read", "/proc/loadavg");
    vd_load_t load;
    vd_write_text(scene->out, "load");
    if (!sample || !vd_load_parse(sample->content, &load)) {
        vd_write_nil(scene->out);
        return;
    }
    vd_write_map(scene->out, 3);
    vd_write_pair_f64(scene->out, "load_1m", load.one);
    vd_write_pair_f64(scene->out, "load_5m", load.five);
    vd_write_pair_f64(scene->out, "load_15m", load.fifteen);
}

/* How busy the processors were between the last two samples. */
static void write_processors(const vd_scene_t *scene)
{
    const vd_sample_record_t *sample = sample_of(scene, "read", "/proc/stat");
    const vd_sample_record_t *before = sample ? vd_samples_before(scene->samples, sample) : NULL;
    vd_processors_t now, then;
    vd_write_text(scene->out, "processors");
    if (!sample || !vd_processors_parse(sample->content, &now)) {
        vd_write_nil(scene->out);
        return;
    }
    bool known = before && vd_processors_parse(before->content, &then) &&
                 now.all_ticks > then.all_ticks && now.idle_ticks >= then.idle_ticks;
    vd_write_map(scene->out, 2);
    vd_write_pair_u64(scene->out, "count", now.count);
    vd_write_text(scene->out, "busy_percent");
    if (known)
        vd_write_f64(scene->out, 100.0 - 100.0 * (double)(now.idle_ticks - then.idle_ticks) /
                                             (double)(now.all_ticks - then.all_ticks));
    else
        vd_write_nil(scene->out);
}

static void write_memory(const vd_scene_t *scene)
{
    const vd_sample_record_t *sample = sample_of(scene, "read", "/proc/meminfo");
    vd_memory_t memory;
    vd_write_text(scene->out, "memory");
    if (!sample || !vd_memory_parse(sample->content, &memory)) {
        vd_write_nil(scene->out);
        return;
    }
    vd_write_map(scene->out, 5);
    vd_write_pair_u64(scene->out, "total_bytes", memory.total_bytes);
    vd_write_pair_u64(scene->out, "available_bytes", memory.available_bytes);
    vd_write_pair_f64(scene->out, "available_percent",
                      100.0 * (double)memory.available_bytes / (double)memory.total_bytes);
    vd_write_pair_u64(scene->out, "swap_total_bytes", memory.swap_total_bytes);
    vd_write_pair_u64(scene->out, "swap_free_bytes", memory.swap_free_bytes);
}

static void write_pressure(const vd_scene_t *scene)
{
    static const char *const resources[] = {"cpu", "memory", "io"};
    vd_write_text(scene->out, "pressure");
    vd_write_map(scene->out, 3);
    for (int at = 0; at < 3; at++) {
        char target[32];
        double percent;
        snprintf(target, sizeof target, "/proc/pressure/%s", resources[at]);
        const vd_sample_record_t *sample = sample_of(scene, "read", target);
        vd_write_text(scene->out, resources[at]);
        if (sample && vd_pressure_parse(sample->content, &percent))
            vd_write_f64(scene->out, percent);
        else
            vd_write_nil(scene->out);
    }
}

static void write_disk(const vd_scene_t *scene, const vd_mount_t *mount)
{
    const vd_sample_record_t *sample = sample_of(scene, "space", mount->path);
    vd_space_t space;
    bool known = sample && vd_space_parse(sample->meta, &space);
    vd_write_map(scene->out, known ? 7 : 3);
    vd_write_pair_text(scene->out, "mount", mount->path);
    vd_write_pair_text(scene->out, "device", mount->device);
    vd_write_pair_text(scene->out, "type", mount->type);
    if (!known)
        return;
    vd_write_pair_u64(scene->out, "total_bytes", space.total_bytes);
    vd_write_pair_u64(scene->out, "available_bytes", space.available_bytes);
    vd_write_pair_f64(scene->out, "used_percent", space.used_percent);
    vd_write_pair_bool(scene->out, "filling",
                       vd_marks_has(&scene->self->marks, scene->source, VD_MARK_DISK, mount->path));
}

static void write_disks(const vd_scene_t *scene)
{
    const vd_sample_record_t *mounts = sample_of(scene, "read", "/proc/mounts");
    vd_bytes_t text = mounts ? mounts->content : vd_bytes(NULL, 0);
    vd_disk_walk_t counted = {text, text, 0}, walk = counted;
    vd_mount_t mount;
    while (vd_disk_next(&counted, &mount))
        continue;
    vd_write_text(scene->out, "disks");
    vd_write_array(scene->out, counted.count);
    while (vd_disk_next(&walk, &mount))
        write_disk(scene, &mount);
}

static bool find_interface(vd_bytes_t text, const char *name, vd_interface_t *interface)
{
    while (vd_interface_next(&text, interface))
        if (strcmp(interface->name, name) == 0)
            return true;
    return false;
}

static void write_rate(vd_buffer_t *out, const char *key, uint64_t now, uint64_t then,
                       int64_t elapsed_ms)
{
    vd_write_text(out, key);
    if (elapsed_ms > 0 && now >= then)
        vd_write_f64(out, 1000.0 * (double)(now - then) / (double)elapsed_ms);
    else
        vd_write_nil(out);
}

static void write_interface(const vd_scene_t *scene, const vd_interface_t *interface,
                            const vd_sample_record_t *sample)
{
    const vd_sample_record_t *before = vd_samples_before(scene->samples, sample);
    vd_interface_t then = {0};
    bool known = before && find_interface(before->content, interface->name, &then);
    int64_t elapsed_ms = known ? sample->at_ms - before->at_ms : 0;
    vd_write_map(scene->out, 6);
    vd_write_pair_text(scene->out, "interface", interface->name);
    vd_write_pair_bool(
        scene->out, "down",
        vd_marks_has(&scene->self->marks, scene->source, VD_MARK_LINK, interface->name));
    vd_write_pair_u64(scene->out, "received_bytes", interface->received_bytes);
    vd_write_pair_u64(scene->out, "sent_bytes", interface->sent_bytes);
    write_rate(scene->out, "received_bytes_per_s", interface->received_bytes, then.received_bytes,
               elapsed_ms);
    write_rate(scene->out, "sent_bytes_per_s", interface->sent_bytes, then.sent_bytes, elapsed_ms);
}

/* Counts the observed interfaces, or writes them. */
static uint32_t walk_interfaces(const vd_scene_t *scene, const vd_sample_record_t *sample,
                                bool write)
{
    vd_bytes_t text = sample ? sample->content : vd_bytes(NULL, 0);
    vd_interface_t interface;
    uint32_t count = 0;
    while (count < VD_INTERFACES_MAX && vd_interface_next(&text, &interface)) {
        if (vd_machine_ignores(scene->self, interface.name))
            continue;
        count++;
        if (write)
            write_interface(scene, &interface, sample);
    }
    return count;
}

static void write_interfaces(const vd_scene_t *scene)
{
    const vd_sample_record_t *sample = sample_of(scene, "read", "/proc/net/dev");
    vd_write_text(scene->out, "interfaces");
    vd_write_array(scene->out, walk_interfaces(scene, sample, false));
    walk_interfaces(scene, sample, true);
}

static void write_alarms(const vd_scene_t *scene)
{
    const vd_marks_t *marks = &scene->self->marks;
    uint32_t first = vd_marks_from(marks, scene->source, VD_MARK_LOAD), end = first;
    while (end < marks->count && vd_str_is(scene->source, marks->list[end].source))
        end++;
    vd_write_text(scene->out, "alarms");
    vd_write_array(scene->out, end - first);
    for (uint32_t at = first; at < end; at++) {
        const vd_mark_t *mark = &marks->list[at];
        vd_write_map(scene->out, 3);
        vd_write_pair_text(scene->out, "alarm", vd_mark_kind_name(mark->kind));
        vd_write_pair_text(scene->out, "name", mark->name);
        vd_write_pair_text(scene->out, "since", mark->since);
    }
}

void vd_machine_view(const void *state, const vd_samples_t *samples, vd_buffer_t *out)
{
    assert(state && samples && out);
    size_t count = vd_samples_source_count(samples);
    vd_write_map(out, 1);
    vd_write_text(out, "hosts");
    vd_write_array(out, (uint32_t)count);
    for (size_t at = 0; at < count; at++) {
        vd_scene_t scene = {state, samples, vd_samples_source_at(samples, at)->name, out};
        vd_write_map(out, 8);
        vd_write_pair_str(out, "source", scene.source);
        write_load(&scene);
        write_processors(&scene);
        write_memory(&scene);
        write_pressure(&scene);
        write_disks(&scene);
        write_interfaces(&scene);
        write_alarms(&scene);
    }
}

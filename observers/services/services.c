/* services.c: the observer of listening TCP services: what listens, since when, and whose it is.
 *
 * Events: service_appeared and service_gone {source, protocol, address, port, inode, pid, process};
 * with initial on those that were there when the source was first seen; services_listed {source,
 * count} when all of these are told.
 */
#include "services.h"

#include "table.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static const char table_path[] = "observers.services";
static const char links_target[] = "/proc/[0-9]*/fd/*";
static const char *const tables[2] = {"/proc/net/tcp", "/proc/net/tcp6"};
/* {"match": "* 0A *"}: of the tables the sockets that listen, however many connections there are. */
static const char listening[] = "\x81\xa5match\xa6* 0A *";
static const vd_protocol_t protocols[2] = {VD_TCP, VD_TCP6};

static const vd_config_row_t rows[] = {
    {"sources", VD_CONFIG_STR, "\"*\"", 0, 0,
     "names of the sources that are machines, as a pattern with * and ?", NULL},
    {0}};

static vd_status_t init(void **state, const vd_config_t *config, char *error, size_t error_size)
{
    assert(state && config && error);
    vd_services_t *self = calloc(1, sizeof *self);
    if (!self) {
        snprintf(error, error_size, "no memory");
        return VD_NO_MEMORY;
    }
    const char *glob = vd_config_str(config, table_path, "sources");
    vd_str_copy(self->glob, sizeof self->glob, vd_str(glob));
    *state = self;
    return VD_OK;
}

static void destroy(void **state)
{
    assert(state);
    vd_services_t *self = *state;
    if (self)
        vd_services_free(self);
    free(self);
    *state = NULL;
}

static void declare_reads(const void *state, const vd_samples_t *samples,
                          const vd_source_record_t *source, vd_reads_t *reads)
{
    const vd_services_t *self = state;
    assert(self && source && reads);
    (void)samples;
    if (!vd_str_is(source->adapter, "file") || !vd_glob_match(vd_str(self->glob), source->name))
        return;
    for (int at = 0; at < 2; at++)
        vd_reads_add_spec(reads, &(vd_read_spec_t){
                                     .op = "read",
                                     .target = tables[at],
                                     .args = vd_bytes(listening, sizeof listening - 1),
                                     .optional = at == 1, /* not there without IPv6 */
                                 });
}

/* ---- turn ---- */

/* What a turn knows about one source. */
typedef struct vd_look {
    const vd_services_t *known;
    const vd_samples_t *samples;
    vd_turn_t *turn;
    vd_str_t source;
    const vd_sample_record_t *tables[2]; /* NULL: nothing can be said about the protocol */
    const vd_sample_record_t *links;
    bool owners_read;
    vd_owners_t owners;
    vd_listeners_t listeners;
    uint32_t pending; /* services that wait for their name */
    bool full;        /* an event did not fit */
} vd_look_t;

static bool is_good(const vd_sample_record_t *sample)
{
    return sample && vd_str_is(sample->status, "ok");
}

static const vd_sample_record_t *table_of(const vd_look_t *look, vd_protocol_t protocol)
{
    return look->tables[protocol == VD_TCP ? 0 : 1];
}

/* Is this very socket among those that listen? */
static bool listens(const vd_look_t *look, const vd_listener_t *at)
{
    uint32_t low = 0, high = look->listeners.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const vd_listener_t *other = &look->listeners.list[middle];
        int order = vd_listener_compare(other, at);
        if (order < 0 || (order == 0 && other->inode < at->inode))
            low = middle + 1;
        else
            high = middle;
    }
    return low < look->listeners.count && look->listeners.list[low].inode == at->inode &&
           vd_listener_compare(&look->listeners.list[low], at) == 0;
}

static void tell_gone(vd_look_t *look)
{
    const vd_services_t *known = look->known;
    for (uint32_t at = 0; at < known->count && !look->full; at++) {
        const vd_service_t *service = &known->services[at];
        const vd_sample_record_t *table = table_of(look, service->at.protocol);
        if (!vd_str_is(look->source, service->source) || !table || listens(look, &service->at))
            continue;
        vd_buffer_t *data = vd_turn_scratch(look->turn);
        vd_service_write(data, service, 0);
        look->full = !vd_turn_event(look->turn, "service_gone", vd_buffer_view(data), table);
    }
}

static const vd_owners_t *owners_of(vd_look_t *look)
{
    if (!look->owners_read && is_good(look->links))
        vd_owners_read(&look->owners, look->links->content);
    look->owners_read = true;
    return &look->owners;
}

/* Links that were read after the table decide: who is not in them cannot be named. */
static bool are_links_newer(const vd_look_t *look, const vd_sample_record_t *table)
{
    return look->links && look->links->at_ms > table->at_ms;
}

static void ask_links(vd_look_t *look)
{
    uint8_t bytes[32];
    vd_buffer_t args = {.data = bytes, .room = sizeof bytes, .cap = sizeof bytes};
    vd_write_map(&args, 1);
    vd_write_pair_text(&args, "prefix", "socket:[");
    assert(!args.full);
    vd_turn_read_args(look->turn, look->source, "links", links_target, vd_buffer_view(&args));
}

/* Finds out whose it is. False: what it takes has been asked for, wait. */
static bool name_service(vd_look_t *look, const vd_sample_record_t *table, vd_service_t *service)
{
    char target[64];
    service->pid = vd_owners_find(owners_of(look), service->at.inode);
    if (service->pid == 0) {
        if (are_links_newer(look, table))
            return true;
        ask_links(look);
        return false;
    }
    snprintf(target, sizeof target, "/proc/%llu/comm", (unsigned long long)service->pid);
    const vd_sample_record_t *comm = vd_samples_find(look->samples, look->source, "read", target);
    if (!comm) {
        vd_turn_read(look->turn, look->source, "read", target);
        return false;
    }
    if (is_good(comm)) {
        vd_str_t name = comm->content;
        while (name.size > 0 && name.data[name.size - 1] == '\n')
            name.size--;
        if (!memchr(name.data ? name.data : (const uint8_t *)"", 0, name.size))
            vd_str_copy(service->process, sizeof service->process, name);
    }
    return true;
}

/* Is the service at this place told, in the instance that listens now? */
static bool is_known(const vd_look_t *look, const vd_listener_t *listener)
{
    bool found;
    uint32_t place = vd_services_place(look->known, look->source, listener, &found);
    return found && listens(look, &look->known->services[place].at);
}

static void tell_appeared(vd_look_t *look)
{
    bool initial = !vd_services_is_listed(look->known, look->source);
    const vd_listener_t *last = NULL;
    for (uint32_t at = 0; at < look->listeners.count && !look->full; at++) {
        const vd_listener_t *listener = &look->listeners.list[at];
        /* Sockets that share a port are one service, by its oldest socket. */
        if (last && vd_listener_compare(last, listener) == 0)
            continue;
        last = listener;
        if (is_known(look, listener))
            continue;
        const vd_sample_record_t *table = table_of(look, listener->protocol);
        vd_service_t service = {.at = *listener};
        if (!vd_str_copy(service.source, sizeof service.source, look->source))
            continue;
        if (!name_service(look, table, &service)) {
            look->pending++;
            continue;
        }
        vd_buffer_t *data = vd_turn_scratch(look->turn);
        vd_service_write(data, &service, initial);
        if (initial)
            vd_write_pair_bool(data, "initial", true);
        look->full = !vd_turn_event(look->turn, "service_appeared", vd_buffer_view(data), table);
    }
}

static void tell_listed(vd_look_t *look)
{
    uint32_t count = 0;
    if (look->full || look->pending > 0 || vd_services_is_listed(look->known, look->source))
        return;
    for (uint32_t at = 0; at < look->listeners.count; at++)
        count += at == 0 ||
                 vd_listener_compare(&look->listeners.list[at - 1], &look->listeners.list[at]) != 0;
    vd_buffer_t *data = vd_turn_scratch(look->turn);
    vd_write_map(data, 2);
    vd_write_pair_str(data, "source", look->source);
    vd_write_pair_u64(data, "count", count);
    vd_turn_event(look->turn, "services_listed", vd_buffer_view(data), look->tables[0]);
}

static vd_status_t look_at(vd_look_t *look)
{
    bool seen[2];
    for (int at = 0; at < 2; at++) {
        const vd_sample_record_t *sample =
            vd_samples_find(look->samples, look->source, "read", tables[at]);
        seen[at] = sample != NULL;
        look->tables[at] = is_good(sample) ? sample : NULL;
        if (look->tables[at] && !vd_listeners_add(&look->listeners, protocols[at], sample->content))
            return vd_turn_fail(look->turn, VD_TOO_LARGE,
                                "source %.*s has more than %d listening sockets",
                                (int)look->source.size, look->source.data, VD_LISTENERS_MAX);
    }
    vd_listeners_sort(&look->listeners);
    look->links = vd_samples_find(look->samples, look->source, "links", links_target);
    tell_gone(look);
    tell_appeared(look);
    if (seen[0] && seen[1] && look->tables[0])
        tell_listed(look);
    return VD_OK;
}

static vd_status_t turn(const void *state, const vd_samples_t *samples, vd_turn_t *turn_out)
{
    vd_status_t status = VD_OK;
    assert(state && samples && turn_out);
    for (size_t at = 0; at < vd_samples_source_count(samples) && status == VD_OK; at++) {
        vd_look_t look = {.known = state,
                          .samples = samples,
                          .turn = turn_out,
                          .source = vd_samples_source_at(samples, at)->name};
        status = look_at(&look);
        vd_listeners_free(&look.listeners);
        vd_owners_free(&look.owners);
        if (look.full)
            break;
    }
    return status;
}

/* ---- state ---- */

static void apply(void *state, const vd_event_t *event)
{
    vd_services_t *self = state;
    vd_value_t data;
    vd_service_t service;
    assert(self && event);
    if (!vd_value_of(event->data, &data) || data.kind != VD_KIND_MAP)
        return;
    if (vd_str_is(event->type, "services_listed")) {
        vd_services_list(self, vd_value_get_str(&data, "source"));
    } else if (vd_str_is(event->type, "service_appeared")) {
        if (!vd_service_read(&data, &service))
            return;
        vd_str_copy(service.since, sizeof service.since, event->ts);
        vd_services_put(self, &service);
    } else if (vd_str_is(event->type, "service_gone")) {
        if (vd_service_read(&data, &service))
            vd_services_remove(self, vd_str(service.source), &service.at);
    }
}

static void write_services(const vd_services_t *self, vd_buffer_t *out)
{
    vd_write_text(out, "services");
    vd_write_array(out, self->count);
    for (uint32_t at = 0; at < self->count; at++) {
        vd_service_write(out, &self->services[at], 1);
        vd_write_pair_text(out, "since", self->services[at].since);
    }
}

static void view(const void *state, const vd_samples_t *samples, vd_buffer_t *out)
{
    const vd_services_t *self = state;
    assert(self && out);
    (void)samples;
    vd_write_map(out, 2);
    vd_write_pair_u64(out, "count", self->count);
    write_services(self, out);
}

static const vd_query_row_t queries[] = {
    {"port", "PORT", "the services that listen on this port"},
    {0},
};

static vd_status_t query(const void *state, const vd_samples_t *samples, vd_str_t name,
                         vd_bytes_t args, vd_buffer_t *out)
{
    const vd_services_t *self = state;
    vd_value_t list, port;
    uint32_t count = 0;
    assert(self && out);
    (void)samples;
    if (!vd_str_is(name, "port"))
        return VD_NOT_FOUND;
    if (!vd_value_of(args, &list) || list.kind != VD_KIND_ARRAY ||
        !vd_value_next(&list.bytes, &port) || vd_value_u64(&port, UINT64_MAX) > UINT16_MAX)
        return VD_USAGE;
    uint64_t wanted = vd_value_u64(&port, 0);
    for (uint32_t at = 0; at < self->count; at++)
        count += self->services[at].at.port == wanted;
    vd_write_array(out, count);
    for (uint32_t at = 0; at < self->count; at++)
        if (self->services[at].at.port == wanted) {
            vd_service_write(out, &self->services[at], 1);
            vd_write_pair_text(out, "since", self->services[at].since);
        }
    return VD_OK;
}

static void save(const void *state, vd_buffer_t *out)
{
    const vd_services_t *self = state;
    assert(self && out);
    vd_write_map(out, 2);
    vd_write_text(out, "listed");
    vd_write_array(out, self->listed_count);
    for (uint32_t at = 0; at < self->listed_count; at++)
        vd_write_text(out, self->listed[at]);
    write_services(self, out);
}

static vd_status_t load(void *state, vd_bytes_t value)
{
    vd_services_t *self = state;
    vd_value_t map, list, element;
    vd_service_t service;
    assert(self && self->count == 0 && self->listed_count == 0);
    if (!vd_value_of(value, &map) || map.kind != VD_KIND_MAP)
        return VD_MALFORMED;
    if (vd_value_get(&map, "listed", &list) && list.kind == VD_KIND_ARRAY)
        while (vd_value_next(&list.bytes, &element))
            if (!vd_services_list(self, vd_value_str(&element)))
                return VD_NO_MEMORY;
    if (vd_value_get(&map, "services", &list) && list.kind == VD_KIND_ARRAY)
        while (vd_value_next(&list.bytes, &element)) {
            if (!vd_service_read(&element, &service))
                return VD_MALFORMED;
            if (!vd_services_put(self, &service))
                return VD_NO_MEMORY;
        }
    return VD_OK;
}

const vd_observer_t vd_services_observer = {
    .name = "services",
    .version = 1,
    .summary = "Every listening TCP service of a machine, as it comes and goes.",
    .kinds = "service_appeared service_gone services_listed",
    .config = rows,
    .layout = vd_services_layout,
    .init = init,
    .destroy = destroy,
    .reads = declare_reads,
    .turn = turn,
    .apply = apply,
    .view = view,
    .queries = queries,
    .query = query,
    .save = save,
    .load = load,
};

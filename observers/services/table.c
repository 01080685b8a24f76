/* table.c: the services that are known, in order. */
#include "table.h"

#include <assert.h>
#include <stdlib.h>

static int compare_names(const char *a, vd_str_t b)
{
    size_t size = strlen(a), least = size < b.size ? size : b.size;
    int order = least ? memcmp(a, b.data, least) : 0;
    return order ? order : (size > b.size) - (size < b.size);
}

uint32_t vd_services_place(const vd_services_t *self, vd_str_t source, const vd_listener_t *at,
                           bool *found)
{
    assert(self && at && found);
    uint32_t low = 0, high = self->count;
    *found = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare_names(self->services[middle].source, source);
        if (order == 0)
            order = vd_listener_compare(&self->services[middle].at, at);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool vd_services_put(vd_services_t *self, const vd_service_t *service)
{
    assert(self && service && self->count <= self->room);
    bool found;
    uint32_t at = vd_services_place(self, vd_str(service->source), &service->at, &found);
    if (found) {
        self->services[at] = *service;
        return true;
    }
    if (self->count == self->room) {
        uint32_t room = self->room ? 2 * self->room : 32;
        vd_service_t *services = realloc(self->services, room * sizeof *services);
        if (!services)
            return false;
        self->services = services;
        self->room = room;
    }
    memmove(&self->services[at + 1], &self->services[at],
            (self->count - at) * sizeof *self->services);
    self->services[at] = *service;
    self->count++;
    return true;
}

void vd_services_remove(vd_services_t *self, vd_str_t source, const vd_listener_t *at)
{
    assert(self && at);
    bool found;
    uint32_t place = vd_services_place(self, source, at, &found);
    if (!found)
        return;
    self->count--;
    memmove(&self->services[place], &self->services[place + 1],
            (self->count - place) * sizeof *self->services);
}

bool vd_services_is_listed(const vd_services_t *self, vd_str_t source)
{
    assert(self);
    for (uint32_t at = 0; at < self->listed_count; at++)
        if (vd_str_is(source, self->listed[at]))
            return true;
    return false;
}

bool vd_services_list(vd_services_t *self, vd_str_t source)
{
    assert(self && self->listed_count <= self->listed_room);
    uint32_t at = 0;
    if (source.size > VD_NAME_BYTES_MAX || vd_services_is_listed(self, source))
        return true;
    if (self->listed_count == self->listed_room) {
        uint32_t room = self->listed_room ? 2 * self->listed_room : 4;
        void *listed = realloc(self->listed, room * sizeof *self->listed);
        if (!listed)
            return false;
        self->listed = listed;
        self->listed_room = room;
    }
    while (at < self->listed_count && compare_names(self->listed[at], source) < 0)
        at++;
    memmove(&self->listed[at + 1], &self->listed[at],
            (self->listed_count - at) * sizeof *self->listed);
    vd_str_copy(self->listed[at], sizeof self->listed[at], source);
    self->listed_count++;
    return true;
}

void vd_services_free(vd_services_t *self)
{
    assert(self);
    free(self->services);
    free(self->listed);
    *self = (vd_services_t){0};
}

void vd_service_write(vd_buffer_t *out, const vd_service_t *service, uint32_t pairs)
{
    assert(out && service);
    bool named = service->process[0] != 0;
    vd_write_map(out, 5 + (service->pid != 0) + named + pairs);
    vd_write_pair_text(out, "source", service->source);
    vd_write_pair_text(out, "protocol", vd_protocol_name(service->at.protocol));
    vd_write_pair_text(out, "address", service->at.address);
    vd_write_pair_u64(out, "port", service->at.port);
    vd_write_pair_u64(out, "inode", service->at.inode);
    if (service->pid != 0)
        vd_write_pair_u64(out, "pid", service->pid);
    if (named)
        vd_write_pair_text(out, "process", service->process);
}

bool vd_service_read(const vd_value_t *map, vd_service_t *service)
{
    assert(map && service);
    *service = (vd_service_t){0};
    vd_str_t protocol = vd_value_get_str(map, "protocol");
    uint64_t port = vd_value_get_u64(map, "port", UINT64_MAX);
    if (map->kind != VD_KIND_MAP || port > UINT16_MAX ||
        (!vd_str_is(protocol, "tcp") && !vd_str_is(protocol, "tcp6")))
        return false;
    service->at.protocol = vd_str_is(protocol, "tcp") ? VD_TCP : VD_TCP6;
    service->at.port = (uint16_t)port;
    service->at.inode = vd_value_get_u64(map, "inode", 0);
    service->pid = vd_value_get_u64(map, "pid", 0);
    vd_str_copy(service->since, sizeof service->since, vd_value_get_str(map, "since"));
    vd_str_copy(service->process, sizeof service->process, vd_value_get_str(map, "process"));
    return vd_str_copy(service->at.address, sizeof service->at.address,
                       vd_value_get_str(map, "address")) &&
           vd_str_copy(service->source, sizeof service->source, vd_value_get_str(map, "source"));
}

/* table.h: the state of the observer services: which services there are, by the committed events.
 *
 * 1. A service is what listens on (source, protocol, address, port); the inode of its socket tells
 *    one instance from the next.
 * 2. Services stand in the order of source, protocol, address, port: equal states save to equal
 *    bytes.
 */
#ifndef VD_SERVICE_TABLE_H
#define VD_SERVICE_TABLE_H

#include "kit/listeners.h"
#include "wire/limits.h"
#include "wire/run.h"

#define VD_PROCESS_SIZE 65

typedef struct vd_service {
    char source[VD_NAME_BYTES_MAX + 1];
    vd_listener_t at;
    uint64_t pid;                  /* 0: not known */
    char process[VD_PROCESS_SIZE]; /* empty: not known */
    char since[VD_TS_SIZE];        /* time stamp of its event */
} vd_service_t;

typedef struct vd_services {
    uint32_t count, room;
    vd_service_t *services;
    uint32_t listed_count, listed_room;
    char (*listed)[VD_NAME_BYTES_MAX + 1]; /* sources whose services were all told once, by name */
    char glob[VD_TEXT_BYTES_MAX + 1];      /* of the configuration: which sources are read */
} vd_services_t;

/* The place of (source, at), or where it would go. */
uint32_t vd_services_place(const vd_services_t *self, vd_str_t source, const vd_listener_t *at,
                           bool *found);
/* Adds or replaces. False without memory. */
bool vd_services_put(vd_services_t *self, const vd_service_t *service);
void vd_services_remove(vd_services_t *self, vd_str_t source, const vd_listener_t *at);
bool vd_services_is_listed(const vd_services_t *self, vd_str_t source);
bool vd_services_list(vd_services_t *self, vd_str_t source);
void vd_services_free(vd_services_t *self);

/* A service as a map, for events, snapshot and save; `pairs` more will be written by the caller. */
void vd_service_write(vd_buffer_t *out, const vd_service_t *service, uint32_t pairs);
/* Reads such a map. False when it is none. */
bool vd_service_read(const vd_value_t *map, vd_service_t *service);

#endif

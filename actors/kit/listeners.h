/* listeners.h: what the kernel's tables of TCP sockets and open files say about listening sockets.
 *
 * 1. A table has the format of /proc/net/tcp and /proc/net/tcp6: a heading and one line for each
 *    socket; state 0A listens. Addresses are hexadecimal words in the byte order of the machine.
 * 2. What is not understood is skipped: a line cut at the end of a table is no socket.
 */
#ifndef VD_LISTENERS_H
#define VD_LISTENERS_H

#include "wire/value.h"

#define VD_ADDRESS_SIZE  46 /* the longest address in text and its zero byte */
#define VD_LISTENERS_MAX 16384

typedef enum vd_protocol { VD_TCP = 4, VD_TCP6 = 6 } vd_protocol_t;

typedef struct vd_listener {
    vd_protocol_t protocol;
    char address[VD_ADDRESS_SIZE];
    uint16_t port;
    uint64_t inode;
} vd_listener_t;

typedef struct vd_listeners {
    uint32_t count;
    uint32_t room;
    vd_listener_t *list; /* by protocol, address, port, inode */
} vd_listeners_t;

/* "tcp" or "tcp6". */
const char *vd_protocol_name(vd_protocol_t protocol);
/* By protocol, address and port. */
int vd_listener_compare(const vd_listener_t *a, const vd_listener_t *b);

/* Adds the listening sockets of a table. False without memory or above LISTENERS_MAX. */
bool vd_listeners_add(vd_listeners_t *self, vd_protocol_t protocol, vd_bytes_t table);
/* Sorts; to be called after the last table. */
void vd_listeners_sort(vd_listeners_t *self);
void vd_listeners_free(vd_listeners_t *self);

/* Which process has which socket. */
typedef struct vd_owner {
    uint64_t inode;
    uint64_t pid;
} vd_owner_t;

typedef struct vd_owners {
    uint32_t count;
    vd_owner_t *list; /* by inode, pid */
} vd_owners_t;

/* Reads an array of [path, link target]: .../<pid>/fd/<n> and socket:[<inode>]. False without
 * memory. */
bool vd_owners_read(vd_owners_t *self, vd_bytes_t links);
/* The lowest process id that has the socket open; 0: none known. */
uint64_t vd_owners_find(const vd_owners_t *self, uint64_t inode);
void vd_owners_free(vd_owners_t *self);

#endif

/* listeners.c: parses the tables of sockets and of open files. */
#include "kit/listeners.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { STATE_LISTEN = 0x0A };

const char *vd_protocol_name(vd_protocol_t protocol)
{
    assert(protocol == VD_TCP || protocol == VD_TCP6);
    return protocol == VD_TCP ? "tcp" : "tcp6";
}

int vd_listener_compare(const vd_listener_t *a, const vd_listener_t *b)
{
    assert(a && b);
    if (a->protocol != b->protocol)
        return a->protocol < b->protocol ? -1 : 1;
    int order = strcmp(a->address, b->address);
    if (order != 0)
        return order;
    return (a->port > b->port) - (a->port < b->port);
}

static int compare_all(const void *a_p, const void *b_p)
{
    const vd_listener_t *a = a_p, *b = b_p;
    int order = vd_listener_compare(a, b);
    return order ? order : (a->inode > b->inode) - (a->inode < b->inode);
}

/* Takes the next field, ended by blanks, from the front of `line`. */
static vd_str_t next_field(vd_bytes_t *line)
{
    size_t at = 0, begin;
    while (at < line->size && line->data[at] == ' ')
        at++;
    begin = at;
    while (at < line->size && line->data[at] != ' ')
        at++;
    vd_str_t field = vd_bytes(line->data + begin, at - begin);
    *line = vd_bytes(line->data + at, line->size - at);
    return field;
}

static bool parse_hex(const uint8_t *text, size_t size, uint32_t *value)
{
    uint32_t sum = 0;
    if (size == 0 || size > 8)
        return false;
    for (size_t at = 0; at < size; at++) {
        uint8_t c = text[at];
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if (c >= 'A' && c <= 'F')
            digit = c - 'A' + 10u;
        else if (c >= 'a' && c <= 'f')
            digit = c - 'a' + 10u;
        else
            return false;
        sum = sum << 4 | digit;
    }
    *value = sum;
    return true;
}

static bool parse_number(const uint8_t *text, size_t size, uint64_t *value)
{
    uint64_t sum = 0;
    if (size == 0 || size > 19)
        return false;
    for (size_t at = 0; at < size; at++) {
        if (text[at] < '0' || text[at] > '9')
            return false;
        sum = sum * 10 + (uint64_t)(text[at] - '0');
    }
    *value = sum;
    return true;
}

static size_t write_ipv4(const uint8_t bytes[4], char *out)
{
    return (size_t)sprintf(out, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]);
}

/* The first of the longest runs of at least two groups of zero; 8: there is none. */
static int longest_zeros(const uint16_t groups[8], int *length)
{
    int best = 8;
    *length = 1;
    for (int at = 0; at < 8; at++) {
        int end = at;
        while (end < 8 && groups[end] == 0)
            end++;
        if (end - at > *length) {
            best = at;
            *length = end - at;
        }
    }
    return best;
}

/* The text form of RFC 5952. */
static void write_ipv6(const uint8_t bytes[16], char *out)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    uint16_t groups[8];
    int length;
    if (memcmp(bytes, mapped, sizeof mapped) == 0) {
        size_t size = (size_t)sprintf(out, "::ffff:");
        write_ipv4(bytes + 12, out + size);
        return;
    }
    for (int at = 0; at < 8; at++)
        groups[at] = (uint16_t)(bytes[2 * at] << 8 | bytes[2 * at + 1]);
    int zeros = longest_zeros(groups, &length);
    for (int at = 0; at < 8; at++) {
        if (at == zeros) {
            out += sprintf(out, "::");
            at += length - 1;
        } else {
            out += sprintf(out, "%s%x", at == 0 || at == zeros + length ? "" : ":", groups[at]);
        }
    }
}

/* Reads ADDRESS:PORT. */
static bool parse_address(vd_str_t field, vd_listener_t *listener)
{
    size_t words = listener->protocol == VD_TCP ? 1 : 4;
    uint32_t address[4], port;
    if (field.size != words * 8 + 5 || field.data[words * 8] != ':')
        return false;
    for (size_t at = 0; at < words; at++)
        if (!parse_hex(field.data + at * 8, 8, &address[at]))
            return false;
    if (!parse_hex(field.data + words * 8 + 1, 4, &port))
        return false;
    listener->port = (uint16_t)port;
    uint8_t bytes[16];
    memcpy(bytes, address, words * 4);
    if (listener->protocol == VD_TCP)
        write_ipv4(bytes, listener->address);
    else
        write_ipv6(bytes, listener->address);
    return true;
}

/* Fields of a line: number, local, remote, state, queues, timer, retransmits, user, timeout,
 * inode. */
static bool parse_line(vd_bytes_t line, vd_listener_t *listener)
{
    uint32_t state;
    next_field(&line);
    vd_str_t local = next_field(&line);
    next_field(&line);
    vd_str_t state_field = next_field(&line);
    if (!parse_hex(state_field.data, state_field.size, &state) || state != STATE_LISTEN)
        return false;
    for (int skip = 0; skip < 5; skip++)
        next_field(&line);
    vd_str_t inode = next_field(&line);
    return parse_number(inode.data, inode.size, &listener->inode) && parse_address(local, listener);
}

static bool add(vd_listeners_t *self, const vd_listener_t *listener)
{
    if (self->count == self->room) {
        uint32_t room = self->room ? 2 * self->room : 64;
        if (room > VD_LISTENERS_MAX)
            return false;
        vd_listener_t *list = realloc(self->list, room * sizeof *list);
        if (!list)
            return false;
        self->list = list;
        self->room = room;
    }
    self->list[self->count++] = *listener;
    return true;
}

bool vd_listeners_add(vd_listeners_t *self, vd_protocol_t protocol, vd_bytes_t table)
{
    assert(self && (protocol == VD_TCP || protocol == VD_TCP6));
    bool heading = true;
    while (table.size > 0) {
        const uint8_t *end = memchr(table.data, '\n', table.size);
        if (!end)
            break; /* cut: what it is cannot be told */
        vd_bytes_t line = vd_bytes(table.data, (size_t)(end - table.data));
        table = vd_bytes(end + 1, table.size - line.size - 1);
        vd_listener_t listener = {.protocol = protocol};
        if (!heading && parse_line(line, &listener) && !add(self, &listener))
            return false;
        heading = false;
    }
    return true;
}

void vd_listeners_sort(vd_listeners_t *self)
{
    assert(self);
    if (self->count > 1)
        qsort(self->list, self->count, sizeof *self->list, compare_all);
}

void vd_listeners_free(vd_listeners_t *self)
{
    assert(self);
    free(self->list);
    *self = (vd_listeners_t){0};
}

/* ---- owners ---- */

static int compare_owners(const void *a_p, const void *b_p)
{
    const vd_owner_t *a = a_p, *b = b_p;
    if (a->inode != b->inode)
        return a->inode < b->inode ? -1 : 1;
    return (a->pid > b->pid) - (a->pid < b->pid);
}

/* The process id in .../<pid>/fd/<n>; 0: it is no such path. */
static uint64_t pid_of_path(vd_str_t path)
{
    size_t end = path.size;
    uint64_t pid = 0;
    while (end > 0 && path.data[end - 1] != '/')
        end--;
    if (end < 5 || memcmp(path.data + end - 4, "/fd/", 4) != 0)
        return 0;
    end -= 4;
    size_t begin = end;
    while (begin > 0 && path.data[begin - 1] != '/')
        begin--;
    return parse_number(path.data + begin, end - begin, &pid) ? pid : 0;
}

static bool inode_of_target(vd_str_t target, uint64_t *inode)
{
    static const char prefix[] = "socket:[";
    size_t skip = sizeof prefix - 1;
    return target.size > skip + 1 && memcmp(target.data, prefix, skip) == 0 &&
           target.data[target.size - 1] == ']' &&
           parse_number(target.data + skip, target.size - skip - 1, inode);
}

bool vd_owners_read(vd_owners_t *self, vd_bytes_t links)
{
    assert(self);
    vd_value_t list, pair, path, target;
    *self = (vd_owners_t){0};
    if (vd_scan_exact(links, 8) != VD_OK || !vd_value_of(links, &list) ||
        list.kind != VD_KIND_ARRAY || list.count == 0)
        return true;
    self->list = calloc(list.count, sizeof *self->list);
    if (!self->list)
        return false;
    while (vd_value_next(&list.bytes, &pair)) {
        vd_owner_t owner;
        if (pair.kind != VD_KIND_ARRAY || !vd_value_next(&pair.bytes, &path) ||
            !vd_value_next(&pair.bytes, &target))
            continue;
        owner.pid = pid_of_path(vd_value_str(&path));
        if (owner.pid != 0 && inode_of_target(vd_value_str(&target), &owner.inode))
            self->list[self->count++] = owner;
    }
    if (self->count > 1)
        qsort(self->list, self->count, sizeof *self->list, compare_owners);
    return true;
}

uint64_t vd_owners_find(const vd_owners_t *self, uint64_t inode)
{
    assert(self);
    uint32_t low = 0, high = self->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (self->list[middle].inode < inode)
            low = middle + 1;
        else
            high = middle;
    }
    return low < self->count && self->list[low].inode == inode ? self->list[low].pid : 0;
}

void vd_owners_free(vd_owners_t *self)
{
    assert(self);
    free(self->list);
    *self = (vd_owners_t){0};
}

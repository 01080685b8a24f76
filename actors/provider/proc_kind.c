/* proc_kind.c: every TCP service that listens on this machine, in the provider's network namespace. */
#include "kit/listeners.h"
#include "lookup.h"
#include "source_set.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TABLE_BYTES_MAX = 64 << 20, STEP = 65536, COMM_BYTES = 64, RANGES_MAX = 64 };

static const vd_config_row_t rows[] = {
    VD_KIND_ROWS("proc"),
    {.key = "ports",
     .type = VD_CONFIG_LIST,
     .fallback = "[]",
     .help = "those that count: \"PORT\" or \"FIRST-LAST\"; []: all"},
    VD_LOOKUP_ROWS("\"2s\"", "\"10s\"", "\"http://{target}\"", "address of services"),
    {.key = NULL},
};

typedef struct vd_proc {
    vd_lookup_t lookup;
    size_t count;
    struct {
        unsigned first, last;
    } ranges[RANGES_MAX];
} vd_proc_t;

static vd_status_t read_table(const char *path, vd_buffer_t *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return vd_status_of_errno(errno);
    vd_status_t status = VD_OK;
    for (;;) {
        uint8_t *to = vd_buffer_reserve(text, STEP);
        ssize_t size = to != NULL ? read(fd, to, STEP) : -1;
        if (to != NULL && size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            status = to != NULL ? vd_status_of_errno(errno) : VD_TOO_LARGE;
        if (size <= 0)
            break;
        text->size += (size_t)size;
    }
    close(fd);
    return status;
}

/* Adds a table of the kernel. A machine without IPv6 has none for it. */
static vd_status_t take_table(vd_listeners_t *listeners, vd_protocol_t protocol,
                              const vd_lookup_work_t *work)
{
    vd_buffer_t text;
    char path[32];
    snprintf(path, sizeof path, "/proc/self/net/%s", vd_protocol_name(protocol));
    vd_buffer_init(&text, TABLE_BYTES_MAX);
    vd_status_t status = read_table(path, &text);
    bool absent = status != VD_OK && protocol == VD_TCP6 && access(path, F_OK) != 0;
    if (absent)
        status = VD_OK;
    else if (status != VD_OK)
        snprintf(work->error, work->error_size, "%s: %s", path, vd_status_text(status));
    else if (!vd_listeners_add(listeners, protocol, vd_buffer_view(&text))) {
        snprintf(work->error, work->error_size, "%s: more than %d services", path,
                 VD_LISTENERS_MAX);
        status = VD_TOO_LARGE;
    }
    vd_buffer_free(&text);
    return status;
}

/* ---- whose sockets they are ---- */

/* Adds the sockets that a process has open, as [path, link target]. */
static uint32_t add_process(const char *pid, vd_buffer_t *links)
{
    char path[NAME_MAX + 32], target[64];
    uint32_t count = 0;
    snprintf(path, sizeof path, "/proc/%s/fd", pid);
    DIR *directory = opendir(path);
    if (directory == NULL)
        return 0; /* it has ended, or is somebody else's */
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        ssize_t size = readlinkat(dirfd(directory), entry->d_name, target, sizeof target);
        if (size < 9 || memcmp(target, "socket:[", 8) != 0)
            continue;
        char name[sizeof path + NAME_MAX + 2];
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        vd_write_array(links, 2);
        vd_write_text(links, name);
        vd_write_str(links, vd_bytes(target, (size_t)size));
        count++;
    }
    closedir(directory);
    return count;
}

/* Whose sockets they are, as far as it can be seen; when it cannot, they are nobody's. */
static void find_owners(vd_owners_t *owners, const vd_lookup_work_t *work)
{
    vd_buffer_t links, array;
    uint32_t count = 0;
    *owners = (vd_owners_t){0};
    DIR *directory = opendir("/proc");
    if (directory == NULL)
        return;
    vd_buffer_init(&links, TABLE_BYTES_MAX);
    vd_buffer_init(&array, TABLE_BYTES_MAX + 8);
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL && vd_lookup_left_ms(work) > 0)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            count += add_process(entry->d_name, &links);
    closedir(directory);
    vd_write_array(&array, count);
    vd_write_raw(&array, vd_buffer_view(&links));
    if (!links.full && !array.full)
        vd_owners_read(owners, vd_buffer_view(&array));
    vd_buffer_free(&links);
    vd_buffer_free(&array);
}

/* The name of the process's program, in plain characters; empty: it has ended. */
static void read_comm(uint64_t pid, char out[COMM_BYTES])
{
    char path[48];
    snprintf(path, sizeof path, "/proc/%llu/comm", (unsigned long long)pid);
    out[0] = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t size = read(fd, out, COMM_BYTES - 1);
    close(fd);
    if (size > 0 && out[size - 1] == '\n')
        size--;
    out[size > 0 ? size : 0] = 0;
    for (char *at = out; *at != 0; at++)
        if (*at < 0x20 || *at > 0x7e)
            *at = '?';
}

/* ---- the set ---- */

static bool is_wanted(const vd_proc_t *self, unsigned port)
{
    for (size_t i = 0; i < self->count; i++)
        if (port >= self->ranges[i].first && port <= self->ranges[i].last)
            return true;
    return self->count == 0;
}

/* Where it can be reached from here: a service of every address at that of the machine itself. */
static const char *reachable(const char *address)
{
    if (strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::ffff:0.0.0.0") == 0)
        return "127.0.0.1";
    if (strcmp(address, "::") == 0)
        return "::1";
    return strncmp(address, "::ffff:", 7) == 0 ? address + 7 : address;
}

static vd_status_t add(vd_source_set_t *set, const vd_listener_t *listener,
                       const vd_owners_t *owners, const vd_lookup_work_t *work)
{
    char name[VD_ADDRESS_SIZE + 8], target[VD_ADDRESS_SIZE + 10], comm[COMM_BYTES] = "";
    const char *host = reachable(listener->address);
    bool brackets = strchr(host, ':') != NULL;
    snprintf(name, sizeof name, "%s:%u", listener->address, listener->port);
    snprintf(target, sizeof target, "%s%s%s:%u", brackets ? "[" : "", host, brackets ? "]" : "",
             listener->port);
    uint64_t pid = vd_owners_find(owners, listener->inode);
    if (pid != 0)
        read_comm(pid, comm);
    vd_buffer_t labels;
    vd_buffer_init(&labels, 256);
    vd_write_map(&labels, comm[0] != 0 ? 1 : 0);
    if (comm[0] != 0)
        vd_write_pair_text(&labels, "process", comm);
    vd_status_t status = vd_source_set_add(set, vd_str(name), vd_str(target), vd_str(target),
                                           vd_buffer_view(&labels), work->error, work->error_size);
    vd_buffer_free(&labels);
    return status;
}

static vd_status_t add_all(const vd_proc_t *self, const vd_listeners_t *listeners,
                           const vd_lookup_work_t *work)
{
    vd_owners_t owners;
    vd_source_set_t set;
    vd_status_t status = VD_OK;
    find_owners(&owners, work);
    vd_source_set_init(&set, &self->lookup.form);
    for (uint32_t i = 0; i < listeners->count && status == VD_OK; i++) {
        const vd_listener_t *listener = &listeners->list[i];
        /* Several processes may share one address and port. */
        bool again = i > 0 && vd_listener_compare(listener, listener - 1) == 0;
        if (!again && is_wanted(self, listener->port))
            status = add(&set, listener, &owners, work);
    }
    if (status == VD_OK)
        status = vd_source_set_write(&set, work->out, work->error, work->error_size);
    vd_source_set_free(&set);
    vd_owners_free(&owners);
    return status;
}

static vd_status_t run(const void *arg, const vd_lookup_work_t *work)
{
    const vd_proc_t *self = arg;
    vd_listeners_t listeners = {0};
    vd_status_t status = take_table(&listeners, VD_TCP, work);
    if (status == VD_OK)
        status = take_table(&listeners, VD_TCP6, work);
    if (status == VD_OK) {
        vd_listeners_sort(&listeners);
        status = add_all(self, &listeners, work);
    }
    vd_listeners_free(&listeners);
    return status;
}

/* ---- the kind ---- */

static void close_proc(void **self_pointer)
{
    assert(self_pointer != NULL);
    vd_proc_t *self = *self_pointer;
    if (self != NULL && vd_lookup_close(&self->lookup))
        free(self);
    *self_pointer = NULL;
}

static bool read_range(const char *text, unsigned *first, unsigned *last)
{
    int end = 0, more = 0;
    if (text[0] < '0' || text[0] > '9' || sscanf(text, "%5u%n", first, &end) != 1)
        return false;
    *last = *first;
    if (text[end] == '-' && text[end + 1] >= '0' && text[end + 1] <= '9' &&
        sscanf(text + end + 1, "%5u%n", last, &more) == 1)
        end += 1 + more;
    return text[end] == 0 && *first <= *last && *last <= 65535;
}

static bool read_ports(vd_proc_t *self, const vd_provider_host_t *host, char *error,
                       size_t error_size)
{
    const vd_config_t *config = vd_actor_config(host->actor);
    self->count = vd_config_list_count(config, host->table, "ports");
    for (size_t at = 0; at < self->count; at++) {
        const char *text = vd_config_list_at(config, host->table, "ports", at);
        if (at < RANGES_MAX && read_range(text, &self->ranges[at].first, &self->ranges[at].last))
            continue;
        snprintf(error, error_size,
                 "%s.ports: \"%.40s\" must be written \"PORT\" or \"FIRST-LAST\", at most %d in "
                 "all",
                 host->table, text, RANGES_MAX);
        return false;
    }
    return true;
}

static void *open_proc(const vd_provider_host_t *host, char *error, size_t error_size)
{
    void *self = calloc(1, sizeof(vd_proc_t));
    if (self == NULL) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    vd_proc_t *made = self;
    if (!vd_lookup_open(&made->lookup, host, run, error, error_size) ||
        !read_ports(made, host, error, error_size))
        close_proc(&self);
    return self;
}

const vd_provider_kind_t vd_proc_kind = {
    .name = "proc",
    .summary = "Every TCP service that listens on this machine.",
    .rows = rows,
    .open = open_proc,
    .refresh_ms = vd_lookup_refresh_ms,
    .list = vd_lookup_list,
    .close = close_proc,
};

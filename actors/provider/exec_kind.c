/* exec_kind.c: sources that a command prints. */
#include "kit/exec_child.h"
#include "lookup.h"
#include "source_list.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SAID_BYTES_MAX = 400, BLOCK_BYTES = 16384, ERROR_BLOCKS_MAX = 8, REAP_MS = 1000 };

static const vd_config_row_t rows[] = {
    VD_KIND_ROWS("exec"),
    {.key = "command",
     .type = VD_CONFIG_LIST,
     .fallback = "[]",
     .help = "program and arguments; prints [{\"targets\": [..], \"labels\"}] or [{\"name\", "
             "\"address\", \"adapter\", \"auth\", \"labels\", \"spec\"}] and ends with 0"},
    VD_LOOKUP_ROWS("\"60s\"", "\"10s\"", "\"\"",
                   "address of targets; \"\": http://{target}, or https:// with the label "
                   "__scheme__"),
    {.key = NULL},
};

typedef struct vd_exec {
    vd_lookup_t lookup;
    size_t count;
    const char *words[VD_EXEC_ARGUMENTS_MAX];
} vd_exec_t;

/* What a command says while it runs. */
typedef struct vd_exec_run {
    vd_exec_child_t child;
    vd_buffer_t text;
    char said[SAID_BYTES_MAX + 1]; /* the last of its errors */
    size_t said_size;
    bool out_open, errors_open;
} vd_exec_run_t;

static void take_said(vd_exec_run_t *self, const char *block, size_t size)
{
    if (size > SAID_BYTES_MAX) {
        block += size - SAID_BYTES_MAX;
        size = SAID_BYTES_MAX;
    }
    size_t kept = self->said_size;
    if (kept + size > SAID_BYTES_MAX)
        kept = SAID_BYTES_MAX - size;
    memmove(self->said, self->said + self->said_size - kept, kept);
    memcpy(self->said + kept, block, size);
    self->said_size = kept + size;
    self->said[self->said_size] = 0;
}

/* Reads what there is; of errors, which may come without an end, no more than a pipe holds. False
 * when it prints too much. */
static bool drain(vd_exec_run_t *self, int fd, bool *is_open)
{
    char block[BLOCK_BYTES];
    bool errors = fd == self->child.errors;
    for (int blocks = 0; *is_open && !(errors && blocks == ERROR_BLOCKS_MAX); blocks++) {
        ssize_t size = read(fd, block, sizeof block);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return true;
        *is_open = size > 0;
        if (size <= 0)
            return true;
        if (errors)
            take_said(self, block, (size_t)size);
        else if (!vd_buffer_add(&self->text, block, (size_t)size))
            return false;
    }
    return true;
}

/* Until the command has ended. */
static vd_status_t follow(vd_exec_run_t *self, const vd_lookup_work_t *work)
{
    for (;;) {
        struct pollfd items[] = {
            {.fd = self->out_open ? self->child.out : -1, .events = POLLIN},
            {.fd = self->errors_open ? self->child.errors : -1, .events = POLLIN},
            {.fd = self->child.pidfd, .events = POLLIN},
            {.fd = work->cancel, .events = POLLIN}};
        int left_ms = vd_lookup_left_ms(work);
        if (left_ms == 0)
            return VD_TIMED_OUT;
        if (poll(items, 4, left_ms) < 0 && errno != EINTR)
            return VD_FAILED;
        if (items[3].revents != 0)
            return VD_CANCELLED;
        if (!drain(self, self->child.out, &self->out_open) ||
            !drain(self, self->child.errors, &self->errors_open))
            return VD_TOO_LARGE;
        if (items[2].revents != 0)
            return VD_OK;
    }
}

/* What the command said last, for an error; empty: nothing. */
static const char *last_line(vd_exec_run_t *self)
{
    while (self->said_size > 0 && strchr(" \t\r\n", self->said[self->said_size - 1]) != NULL)
        self->said[--self->said_size] = 0;
    const char *line = strrchr(self->said, '\n');
    return line != NULL ? line + 1 : self->said;
}

static vd_status_t judge(vd_exec_run_t *self, vd_status_t status, const vd_exec_end_t *end,
                         const vd_lookup_work_t *work, const char *name)
{
    char how[128] = "";
    if (status == VD_TIMED_OUT)
        snprintf(how, sizeof how, "it took too long and was killed");
    else if (status == VD_TOO_LARGE)
        snprintf(how, sizeof how, "it prints more than %d bytes", VD_SOURCE_LIST_BYTES_MAX);
    else if (status != VD_OK)
        snprintf(how, sizeof how, "%s", vd_status_text(status));
    else if (end->signal != 0)
        snprintf(how, sizeof how, "it was killed by signal %d", end->signal);
    else if (end->exit != 0)
        snprintf(how, sizeof how, "it ended with %d", end->exit);
    else
        return VD_OK;
    const char *line = last_line(self);
    snprintf(work->error, work->error_size, "%.200s: %s%s%s", name, how, line[0] != 0 ? ": " : "",
             line);
    return status != VD_OK ? status : VD_FAILED;
}

static vd_status_t parse(const vd_exec_t *self, vd_str_t text, const vd_lookup_work_t *work)
{
    char problem[VD_TEXT_BYTES_MAX] = "";
    vd_status_t status =
        vd_source_list_parse_as(text, &self->lookup.form, work->out, problem, sizeof problem);
    if (status != VD_OK)
        snprintf(work->error, work->error_size, "%.200s prints: %.700s", self->words[0], problem);
    return status;
}

static vd_status_t run(const void *arg, const vd_lookup_work_t *work)
{
    const vd_exec_t *self = arg;
    vd_exec_run_t made = {.out_open = true, .errors_open = true};
    vd_exec_end_t end = {.exit = -1};
    if (!vd_exec_start("exec \"$@\"", self->words, self->count, &made.child)) {
        snprintf(work->error, work->error_size, "%.200s: no process for it: %s", self->words[0],
                 strerror(errno));
        return VD_FAILED;
    }
    vd_buffer_init(&made.text, VD_SOURCE_LIST_BYTES_MAX);
    vd_status_t status = follow(&made, work);
    if (status != VD_OK)
        vd_exec_kill(&made.child);
    if (!vd_exec_reap(&made.child, REAP_MS, &end) && status == VD_OK)
        status = VD_TIMED_OUT;
    status = judge(&made, status, &end, work, self->words[0]);
    if (status == VD_OK)
        status = parse(self, vd_buffer_view(&made.text), work);
    vd_buffer_free(&made.text);
    return status;
}

static void close_exec(void **self_pointer)
{
    assert(self_pointer != NULL);
    vd_exec_t *self = *self_pointer;
    if (self != NULL && vd_lookup_close(&self->lookup))
        free(self);
    *self_pointer = NULL;
}

static bool read_command(vd_exec_t *self, const vd_provider_host_t *host, char *error,
                         size_t error_size)
{
    const vd_config_t *config = vd_actor_config(host->actor);
    size_t count = vd_config_list_count(config, host->table, "command");
    if (count == 0 || count > VD_EXEC_ARGUMENTS_MAX) {
        snprintf(error, error_size,
                 "[%s] needs the key \"command\": a program and its arguments, at most %d words",
                 host->table, VD_EXEC_ARGUMENTS_MAX);
        return false;
    }
    self->count = count;
    for (size_t at = 0; at < count; at++)
        self->words[at] = vd_config_list_at(config, host->table, "command", at);
    return true;
}

static void *open_exec(const vd_provider_host_t *host, char *error, size_t error_size)
{
    void *self = calloc(1, sizeof(vd_exec_t));
    if (self == NULL) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    vd_exec_t *made = self;
    if (!vd_lookup_open(&made->lookup, host, run, error, error_size) ||
        !read_command(made, host, error, error_size))
        close_exec(&self);
    return self;
}

const vd_provider_kind_t vd_exec_kind = {
    .name = "exec",
    .summary = "Sources that a command prints.",
    .rows = rows,
    .open = open_exec,
    .refresh_ms = vd_lookup_refresh_ms,
    .list = vd_lookup_list,
    .close = close_exec,
};

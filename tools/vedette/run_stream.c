/* run_stream.c: a pipe from the command: passing on, recording, reading. */
#include "run_stream.h"

#include <assert.h>
#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    WRITE_BYTES = 4096, /* what a pipe takes without blocking after POLLOUT */
    ROUNDS_MAX = 16,    /* before other streams have their turn */
};

bool run_stream_init(run_stream_t *self, const char *name, int in, int out, size_t line_max)
{
    *self = (run_stream_t){.name = name, .in = in, .out = out};
    return run_lines_init(&self->lines, line_max);
}

static void close_in(run_stream_t *self)
{
    if (self->in >= 0)
        close(self->in);
    self->in = -1;
}

void run_stream_free(run_stream_t *self)
{
    close_in(self);
    run_lines_free(&self->lines);
}

static bool is_taken(const run_stream_t *self)
{
    return self->passed == self->size && self->recorded == self->size && !self->held;
}

int run_stream_poll(const run_stream_t *self, struct pollfd *entries)
{
    int count = 0;
    if (self->in >= 0 && is_taken(self))
        entries[count++] = (struct pollfd){.fd = self->in, .events = POLLIN};
    if (self->passed < self->size)
        entries[count++] = (struct pollfd){.fd = self->out, .events = POLLOUT};
    return count;
}

/* Passes on what the other side takes at once. */
static bool pass(run_stream_t *self, run_record_t *record)
{
    bool moved = false;
    while (self->passed < self->size) {
        struct pollfd entry = {.fd = self->out, .events = POLLOUT};
        if (self->out < 0 || self->out_shut) {
            self->passed = self->size;
            break;
        }
        if (poll(&entry, 1, 0) <= 0)
            break;
        size_t rest = self->size - self->passed;
        ssize_t written =
            write(self->out, self->block + self->passed, rest < WRITE_BYTES ? rest : WRITE_BYTES);
        if (written > 0) {
            self->passed += (size_t)written;
            moved = true;
        } else if (written < 0 && errno != EINTR && errno != EAGAIN) {
            if (errno != EPIPE)
                cli_fail(record->cli, VD_IO, "cannot pass on %s: %s", self->name, strerror(errno));
            self->out_shut = true;
        } else {
            break;
        }
    }
    return moved;
}

static void write_line(run_stream_t *self, run_record_t *record)
{
    if (self->out < 0)
        run_record_typed(record, &self->line);
    else
        run_record_output(record, self->name, &self->line);
}

/* Records what the frame takes. */
static bool record_lines(run_stream_t *self, run_record_t *record)
{
    bool moved = false;
    for (;;) {
        if (!self->held) {
            vd_bytes_t rest = vd_bytes(self->block + self->recorded, self->size - self->recorded);
            size_t before = rest.size;
            self->held = run_lines_take(&self->lines, &rest, &self->line);
            self->recorded += before - rest.size;
            moved = moved || before > rest.size;
        }
        if (!self->held && self->in < 0 && !self->ended && self->recorded == self->size) {
            self->ended = true;
            self->held = run_lines_end(&self->lines, &self->line);
        }
        if (!self->held)
            return moved;
        if (run_record_full(record) && !run_record_push(record, 0) && run_record_full(record))
            return moved;
        write_line(self, record);
        self->held = false;
        moved = true;
    }
}

/* Reads a block. Returns whether something came, the end included. */
static bool read_block(run_stream_t *self)
{
    assert(self->in >= 0 && is_taken(self));
    if (self->out_shut) {
        close_in(self);
        return true;
    }
    ssize_t size = read(self->in, self->block, sizeof self->block);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    self->size = self->passed = self->recorded = 0;
    if (size <= 0) {
        close_in(self);
        return true;
    }
    self->size = (size_t)size;
    self->read += (uint64_t)size;
    return true;
}

bool run_stream_go(run_stream_t *self, run_record_t *record)
{
    bool moved = false;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        bool any = pass(self, record);
        any = record_lines(self, record) || any;
        if (self->in >= 0 && is_taken(self))
            any = read_block(self) || any;
        if (!any)
            break;
        moved = true;
    }
    return moved;
}

bool run_stream_done(const run_stream_t *self)
{
    return self->in < 0 && is_taken(self) && self->ended;
}

void run_stream_note_death(run_stream_t *self)
{
    int waiting = 0;
    if (self->in >= 0 && ioctl(self->in, FIONREAD, &waiting) == 0 && waiting > 0)
        self->owed = self->read + (uint64_t)waiting;
}

bool run_stream_give_up(run_stream_t *self)
{
    struct pollfd entry = {.fd = self->in, .events = POLLIN};
    if (self->in < 0 || !is_taken(self) || self->read < self->owed)
        return false;
    if (poll(&entry, 1, 0) > 0 && (entry.revents & (POLLIN | POLLHUP)) == POLLHUP)
        return false; /* its end is there, and is read next */
    close_in(self);
    return true;
}

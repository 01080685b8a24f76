/* actor_under_test.c: an actor in a process of its own. */
#include "unit/actor_under_test.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void vd_aut_init(vd_aut_t *self)
{
    *self = (vd_aut_t){.notify_fd = -1, .stderr_fd = -1};
    strcpy(self->dir, "/tmp/vd-kit-XXXXXX");
    char *made = mkdtemp(self->dir);
    assert(made != NULL);
}

void vd_aut_start(vd_aut_t *self, const char *const *arguments)
{
    int notify[2], output[2];
    int rc = pipe(notify) | pipe(output);
    assert(rc == 0);
    self->log_size = 0;
    self->pid = fork();
    assert(self->pid >= 0);
    if (self->pid == 0) {
        const char *argv[32] = {"actor", "actor", "--dir", self->dir};
        for (int at = 0; arguments != NULL && arguments[at] != NULL; at++)
            argv[4 + at] = arguments[at];
        char number[16];
        snprintf(number, sizeof number, "%d", notify[1]);
        setenv("VEDETTE_NOTIFY_FD", number, 1);
        dup2(output[1], STDERR_FILENO);
        close(notify[0]);
        close(output[0]);
        execv("/proc/self/exe", (char *const *)argv);
        _exit(127);
    }
    close(notify[1]);
    close(output[1]);
    self->notify_fd = notify[0];
    self->stderr_fd = output[0];
    fcntl(self->notify_fd, F_SETFD, FD_CLOEXEC);
    fcntl(self->stderr_fd, F_SETFD, FD_CLOEXEC);
    fcntl(self->stderr_fd, F_SETFL, O_NONBLOCK);
}

static void read_log(vd_aut_t *self)
{
    ssize_t size = 1;
    while (self->stderr_fd >= 0 && size > 0 && self->log_size + 1 < sizeof self->log) {
        size = read(self->stderr_fd, self->log + self->log_size,
                    sizeof self->log - 1 - self->log_size);
        if (size > 0)
            self->log_size += (size_t)size;
    }
    self->log[self->log_size] = 0;
}

bool vd_aut_await(vd_aut_t *self, const char *word)
{
    char line[64];
    size_t size = 0;
    int64_t end = now_ms() + VD_AUT_DEADLINE_MS;
    while (now_ms() < end && size < sizeof line) {
        struct pollfd item = {.fd = self->notify_fd, .events = POLLIN};
        if (poll(&item, 1, 100) <= 0)
            continue;
        if (read(self->notify_fd, &line[size], 1) != 1)
            return false;
        if (line[size] != '\n') {
            size++;
            continue;
        }
        line[size] = 0;
        if (strcmp(line, word) == 0)
            return true;
        size = 0;
    }
    return false;
}

int vd_aut_wait(vd_aut_t *self)
{
    int status = 0;
    int64_t end = now_ms() + VD_AUT_DEADLINE_MS;
    while (waitpid(self->pid, &status, WNOHANG) == 0) {
        if (now_ms() > end) {
            kill(self->pid, SIGKILL);
            waitpid(self->pid, &status, 0);
            break;
        }
        poll(NULL, 0, 5);
    }
    self->pid = 0;
    read_log(self);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool vd_aut_log_has(vd_aut_t *self, const char *text)
{
    int64_t end = now_ms() + VD_AUT_DEADLINE_MS;
    for (;;) {
        read_log(self);
        if (strstr(self->log, text) != NULL)
            return true;
        if (self->pid == 0 || now_ms() > end)
            return false;
        poll(NULL, 0, 5);
    }
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

void vd_aut_free(vd_aut_t *self)
{
    if (self->pid > 0) {
        kill(self->pid, SIGKILL);
        waitpid(self->pid, NULL, 0);
    }
    if (self->notify_fd >= 0)
        close(self->notify_fd);
    if (self->stderr_fd >= 0)
        close(self->stderr_fd);
    nftw(self->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void *vd_aut_dealer(vd_aut_t *self, void *context, const char *name, const char *port)
{
    void *socket = zmq_socket(context, ZMQ_DEALER);
    assert(socket != NULL);
    int linger = 0;
    int timeout = VD_AUT_DEADLINE_MS;
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    char endpoint[256];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/run/%s.%s", self->dir, name, port);
    int rc = zmq_connect(socket, endpoint);
    assert(rc == 0);
    return socket;
}

void vd_aut_send_raw(void *socket, const vd_bytes_t *frames, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        int rc =
            zmq_send(socket, frames[at].data, frames[at].size, at + 1 < count ? ZMQ_SNDMORE : 0);
        assert(rc >= 0);
    }
}

void vd_aut_send(void *socket, const vd_message_t *message)
{
    vd_buffer_t out;
    vd_buffer_init(&out, VD_FRAME_BYTES_MAX);
    size_t header_size = 0;
    vd_status_t status = vd_message_encode(message, &out, &header_size);
    assert(status == VD_OK);
    vd_bytes_t frames[] = {vd_bytes(out.data, header_size),
                           vd_bytes(out.data + header_size, out.size - header_size),
                           message->payload};
    vd_aut_send_raw(socket, frames, message->payload.size > 0 ? 3 : 2);
    vd_buffer_free(&out);
}

bool vd_aut_receive(void *socket, vd_message_t *message)
{
    static zmq_msg_t parts[3];
    static int count;
    while (count > 0)
        zmq_msg_close(&parts[--count]);
    vd_bytes_t frames[3] = {{0}};
    for (bool more = true; more;) {
        assert(count < 3);
        zmq_msg_init(&parts[count]);
        if (zmq_msg_recv(&parts[count], socket, 0) < 0)
            return false;
        frames[count] = vd_bytes(zmq_msg_data(&parts[count]), zmq_msg_size(&parts[count]));
        more = zmq_msg_more(&parts[count++]);
    }
    return vd_message_decode(frames[0], frames[1], frames[2], message) == VD_OK;
}

/* respond.c: a server of HTTP that answers every GET at once with the same few figures, for any number of clients.
 *
 * Listens on a port of all loopback addresses, so that 127.1.0.1, 127.1.0.2 and so on are servers of their own. Prints
 * its port, and for each line on stdin the requests so far for /m and for other paths. Ends with stdin. */
#include "benchmarks/measure.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, HEAD_BYTES = 2048, FIGURES = 20, FILES = 65536 };

typedef struct vd_client {
    size_t size;
    char head[HEAD_BYTES];
} vd_client_t;

static vd_client_t *clients[FILES];
static char answer[4096];
static size_t answer_size;
static unsigned long asked, asked_other;

static void make_answer(void)
{
    char body[2048];
    size_t size = 0;
    for (int i = 0; i < FIGURES; i++)
        size += (size_t)snprintf(body + size, sizeof body - size,
                                 "figure_of_a_source_%d{kind=\"some\"} %d.5\n", i, i);
    answer_size = (size_t)snprintf(answer, sizeof answer,
                                   "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"
                                   "Content-Length: %zu\r\n\r\n%s",
                                   size, body);
}

static int listen_anywhere(unsigned *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    /* Below the ports that connections are given. */
    for (*port = 20000; *port < 32000; (*port)++) {
        address.sin_port = htons((uint16_t)*port);
        address.sin_addr.s_addr = htonl(INADDR_ANY);
        if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 4096) == 0)
            return fd;
    }
    vd_bench_fail("respond: no free port: %s", strerror(errno));
}

static void watch(int poll_fd, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        vd_bench_fail("respond: epoll_ctl: %s", strerror(errno));
}

static void accept_all(int poll_fd, int listener)
{
    int fd, yes = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= FILES)
            vd_bench_fail("respond: too many clients");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        clients[fd] = calloc(1, sizeof *clients[fd]);
        if (clients[fd] == NULL)
            vd_bench_fail("respond: out of memory");
        watch(poll_fd, fd);
    }
}

static void serve(int fd)
{
    vd_client_t *client = clients[fd];
    ssize_t size = read(fd, client->head + client->size, sizeof client->head - client->size);
    if (size <= 0 || client->size + (size_t)size == sizeof client->head) {
        free(client);
        clients[fd] = NULL;
        close(fd);
        return;
    }
    client->size += (size_t)size;
    if (client->size < 4 || memcmp(client->head + client->size - 4, "\r\n\r\n", 4) != 0)
        return;
    if (memcmp(client->head, "GET /m ", 7) == 0)
        asked++;
    else
        asked_other++;
    client->size = 0;
    if (write(fd, answer, answer_size) != (ssize_t)answer_size)
        vd_bench_fail("respond: write: %s", strerror(errno));
}

int vd_bench_respond(int argc, char **argv)
{
    (void)argv;
    if (argc != 0)
        vd_bench_fail("respond: takes no arguments");
    struct rlimit files = {FILES, FILES};
    if (setrlimit(RLIMIT_NOFILE, &files) != 0 && getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    unsigned port = 0;
    int listener = listen_anywhere(&port), poll_fd = epoll_create1(EPOLL_CLOEXEC);
    make_answer();
    watch(poll_fd, listener);
    watch(poll_fd, STDIN_FILENO);
    printf("{\"port\": %u}\n", port);
    fflush(stdout);
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(poll_fd, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            char line[64];
            if (fd == listener) {
                accept_all(poll_fd, listener);
            } else if (fd != STDIN_FILENO) {
                serve(fd);
            } else {
                if (read(fd, line, sizeof line) <= 0)
                    return 0;
                printf("{\"m\": %lu, \"other\": %lu}\n", asked, asked_other);
                fflush(stdout);
            }
        }
    }
}

/* respond.c: sources behind HTTP, as many as loopback has addresses, that notice when they are not read in time.
 *
 * Listens on a port of all loopback addresses, so that 127.1.0.1, 127.1.0.2 and so on are sources of their own, and
 * answers every GET at once with the same few figures. Those for /m and those for other paths are two readers. Each
 * source is to be asked once a second by each reader that has begun; a reader has missed as often as it did not come.
 * Prints its port; for each line on stdin the requests so far, the missed ones, and the sources that were asked since
 * the last line "new", all for /m first; "new" begins anew with all sources. Ends with stdin. */
#include "benchmarks/measure.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, HEAD_BYTES = 2048, FIGURES = 20, FILES = 65536, SOURCES = 65536 };
enum { INTERVAL_US = 1000000 };

typedef struct vd_client {
    uint16_t source;
    size_t size;
    char head[HEAD_BYTES];
} vd_client_t;

/* Who reads, told apart by the path. */
typedef struct vd_reader {
    unsigned long asked, missed;
    double last_us[SOURCES]; /* when each source was asked last; 0: not since the beginning */
} vd_reader_t;

static vd_client_t *clients[FILES];
static vd_reader_t readers[2];
static char answer[4096];
static size_t answer_size;

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

/* The source that a client has reached: the lower half of the address. */
static uint16_t source_of(int fd)
{
    struct sockaddr_in address = {0};
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        vd_bench_fail("respond: getsockname: %s", strerror(errno));
    return (uint16_t)ntohl(address.sin_addr.s_addr);
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
        clients[fd]->source = source_of(fd);
        watch(poll_fd, fd);
    }
}

/* Requests that were due between two, without these: 0 when they are up to one and a half intervals
 * apart. */
static unsigned long missed_between(double before_us, double after_us)
{
    double intervals = (after_us - before_us) / INTERVAL_US;
    return before_us > 0 && intervals > 1.5 ? (unsigned long)(intervals + 0.5) - 1 : 0;
}

static void note(vd_reader_t *reader, uint16_t source)
{
    double now_us = vd_bench_now_us();
    reader->asked++;
    reader->missed += missed_between(reader->last_us[source], now_us);
    reader->last_us[source] = now_us;
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
    note(&readers[memcmp(client->head, "GET /m ", 7) == 0 ? 0 : 1], client->source);
    client->size = 0;
    if (write(fd, answer, answer_size) != (ssize_t)answer_size)
        vd_bench_fail("respond: write: %s", strerror(errno));
}

/* Requests, missed ones with those that are overdue now, and sources. */
static void print_reader(const char *name, const vd_reader_t *reader)
{
    double now_us = vd_bench_now_us();
    unsigned long missed = reader->missed, sources = 0;
    for (int i = 0; i < SOURCES; i++) {
        missed += missed_between(reader->last_us[i], now_us);
        sources += reader->last_us[i] > 0;
    }
    printf("\"%s\": {\"asked\": %lu, \"missed\": %lu, \"sources\": %lu}", name, reader->asked,
           missed, sources);
}

/* False at the end of stdin. */
static bool command(void)
{
    char line[64];
    ssize_t size = read(STDIN_FILENO, line, sizeof line);
    if (size <= 0)
        return false;
    if (size >= 3 && memcmp(line, "new", 3) == 0)
        memset(readers, 0, sizeof readers);
    printf("{");
    print_reader("m", &readers[0]);
    printf(", ");
    print_reader("other", &readers[1]);
    printf("}\n");
    fflush(stdout);
    return true;
}

static void allow_many_files(void)
{
    struct rlimit files = {FILES, FILES};
    if (setrlimit(RLIMIT_NOFILE, &files) != 0 && getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

int vd_bench_respond(int argc, char **argv)
{
    (void)argv;
    if (argc != 0)
        vd_bench_fail("respond: takes no arguments");
    allow_many_files();
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
            if (fd == listener)
                accept_all(poll_fd, listener);
            else if (fd != STDIN_FILENO)
                serve(fd);
            else if (!command())
                return 0;
        }
    }
}

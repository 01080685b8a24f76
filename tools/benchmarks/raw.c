/* raw.c: the limits of the machine: a ZeroMQ round trip between two processes, and a synced
 * append. */
#include "benchmarks/measure.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

static void echo(const char *endpoint)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    void *context = zmq_ctx_new();
    void *router = zmq_socket(context, ZMQ_ROUTER);
    if (zmq_bind(router, endpoint) != 0)
        vd_bench_fail("%s: %s", endpoint, zmq_strerror(errno));
    for (;;) {
        char identity[256], content[256];
        int named = zmq_recv(router, identity, sizeof identity, 0);
        int size = zmq_recv(router, content, sizeof content, 0);
        if (named < 0 || size < 0)
            _exit(1);
        zmq_send(router, identity, (size_t)named, ZMQ_SNDMORE);
        zmq_send(router, content, (size_t)size, 0);
    }
}

int vd_bench_roundtrip(int argc, char **argv)
{
    if (argc != 2)
        vd_bench_fail("roundtrip wants DIR COUNT");
    size_t count = vd_bench_count(argv[1]);
    double *figures = calloc(count, sizeof *figures);
    char endpoint[512], content[256] = {0}, back[256];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/bench.%d", argv[0], (int)getpid());
    pid_t child = fork();
    if (child == 0)
        echo(endpoint);
    void *context = zmq_ctx_new();
    void *dealer = zmq_socket(context, ZMQ_DEALER);
    int timeout_ms = 5000, linger_ms = 0;
    zmq_setsockopt(dealer, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms);
    zmq_setsockopt(dealer, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    zmq_connect(dealer, endpoint);
    for (size_t i = 0; i < count + 100; i++) {
        double begun = vd_bench_now_us();
        zmq_send(dealer, content, sizeof content, 0);
        if (zmq_recv(dealer, back, sizeof back, 0) != sizeof content)
            vd_bench_fail("%s: no echo", endpoint);
        if (i >= 100) /* the first ones find the way */
            figures[i - 100] = vd_bench_now_us() - begun;
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    zmq_close(dealer);
    zmq_ctx_term(context);
    unlink(endpoint + strlen("ipc://"));
    vd_bench_print("roundtrip", figures, count);
    free(figures);
    return 0;
}

int vd_bench_sync(int argc, char **argv)
{
    if (argc != 2)
        vd_bench_fail("sync wants DIR COUNT");
    size_t count = vd_bench_count(argv[1]);
    double *figures = calloc(count, sizeof *figures);
    char path[512], block[256] = {1};
    snprintf(path, sizeof path, "%s/bench.%d.sync", argv[0], (int)getpid());
    int file = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0)
        vd_bench_fail("%s: %s", path, strerror(errno));
    unlink(path);
    for (size_t i = 0; i < count; i++) {
        double begun = vd_bench_now_us();
        if (write(file, block, sizeof block) != sizeof block || fdatasync(file) != 0)
            vd_bench_fail("%s: %s", path, strerror(errno));
        figures[i] = vd_bench_now_us() - begun;
    }
    close(file);
    vd_bench_print("sync", figures, count);
    free(figures);
    return 0;
}

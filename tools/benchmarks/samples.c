/* samples.c: asks pollers for standing reads as an observer does, and takes every sample.
 *
 * For each poller three arguments: its ports requests and samples, and a file with the frames of the STANDs that it is
 * sent each second: header and body of one after those of the other, each behind its size as four bytes, the lowest
 * first. Prints, for each line on stdin, the samples so far and the answers. Ends with stdin. */
#include "benchmarks/measure.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

enum { POLLERS_MAX = 8, HWM = 100000 };

typedef struct vd_asked {
    void *requests;
    unsigned char *frames;
    size_t size;
} vd_asked_t;

static vd_asked_t pollers[POLLERS_MAX];
static int poller_count;
static unsigned long taken, answers;

static void *open_socket(void *context, int type, const char *endpoint)
{
    void *socket = zmq_socket(context, type);
    int hwm = HWM, linger = 0;
    if (socket == NULL)
        vd_bench_fail("samples: a socket: %s", zmq_strerror(zmq_errno()));
    zmq_setsockopt(socket, ZMQ_RCVHWM, &hwm, sizeof hwm);
    zmq_setsockopt(socket, ZMQ_SNDHWM, &hwm, sizeof hwm);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    if (endpoint != NULL && zmq_connect(socket, endpoint) != 0)
        vd_bench_fail("samples: %s: %s", endpoint, zmq_strerror(zmq_errno()));
    return socket;
}

static void read_frames(vd_asked_t *poller, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        vd_bench_fail("samples: %s cannot be read", path);
    poller->size = (size_t)ftell(file);
    poller->frames = malloc(poller->size);
    rewind(file);
    if (poller->frames == NULL || fread(poller->frames, 1, poller->size, file) != poller->size)
        vd_bench_fail("samples: %s cannot be read", path);
    fclose(file);
}

static void stand(const vd_asked_t *poller)
{
    size_t at = 0;
    for (bool header = true; at + 4 <= poller->size; header = !header) {
        const unsigned char *bytes = poller->frames + at;
        size_t size =
            bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
        if (zmq_send(poller->requests, bytes + 4, size, ZMQ_DONTWAIT | (header ? ZMQ_SNDMORE : 0)) <
            0)
            vd_bench_fail("samples: a STAND cannot be sent: %s", zmq_strerror(zmq_errno()));
        at += 4 + size;
    }
}

/* Takes whole messages as long as there are any. Returns how many. */
static unsigned long take_all(void *socket)
{
    unsigned long count = 0;
    zmq_msg_t part;
    zmq_msg_init(&part);
    while (zmq_msg_recv(&part, socket, ZMQ_DONTWAIT) >= 0)
        count += !zmq_msg_more(&part);
    zmq_msg_close(&part);
    return count;
}

static void run(void *samples)
{
    double due_us = 0;
    for (;;) {
        zmq_pollitem_t items[2 + POLLERS_MAX] = {{.socket = samples, .events = ZMQ_POLLIN},
                                                 {.fd = STDIN_FILENO, .events = ZMQ_POLLIN}};
        for (int i = 0; i < poller_count; i++)
            items[2 + i] = (zmq_pollitem_t){.socket = pollers[i].requests, .events = ZMQ_POLLIN};
        zmq_poll(items, 2 + poller_count, 100);
        taken += take_all(samples);
        for (int i = 0; i < poller_count; i++)
            answers += take_all(pollers[i].requests);
        for (int i = 0; i < poller_count && vd_bench_now_us() >= due_us; i++)
            stand(&pollers[i]);
        if (vd_bench_now_us() >= due_us)
            due_us = vd_bench_now_us() + 1e6;
        char line[64];
        if (items[1].revents == 0) /* the end is an error to zmq_poll */
            continue;
        if (read(STDIN_FILENO, line, sizeof line) <= 0)
            return;
        printf("{\"samples\": %lu, \"answers\": %lu}\n", taken, answers);
        fflush(stdout);
    }
}

int vd_bench_samples(int argc, char **argv)
{
    if (argc == 0 || argc % 3 != 0 || argc / 3 > POLLERS_MAX)
        vd_bench_fail("samples: REQUESTS SAMPLES FRAMES of up to %d pollers", POLLERS_MAX);
    void *context = zmq_ctx_new(), *samples = open_socket(context, ZMQ_SUB, NULL);
    zmq_setsockopt(samples, ZMQ_SUBSCRIBE, "sample/", 7);
    for (poller_count = 0; poller_count < argc / 3; poller_count++) {
        char **of = argv + 3 * poller_count;
        read_frames(&pollers[poller_count], of[2]);
        if (zmq_connect(samples, of[1]) != 0)
            vd_bench_fail("samples: %s: %s", of[1], zmq_strerror(zmq_errno()));
        pollers[poller_count].requests = open_socket(context, ZMQ_DEALER, of[0]);
    }
    run(samples);
    zmq_close(samples);
    for (int i = 0; i < poller_count; i++) {
        zmq_close(pollers[i].requests);
        free(pollers[i].frames);
    }
    zmq_ctx_term(context);
    return 0;
}

/* faults_frames.c: messages that are none, and messages made to harm. */
#include "chaos/faults.h"
#include "chaos/peer.h"

#include "wire/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { BATCH = 64, PONG_MS = 100, RANDOM_BYTES = 80, DEEP_BYTES = 4096, LARGE_BYTES = 1 << 20 };

static uint8_t large[LARGE_BYTES + 5] = {0xc6, 0, 0x10, 0, 0};
static const uint8_t bomb[] = {0xdd, 8, 0, 0, 0};
static const uint8_t header[] = {0x93, 1, 48, 0}, newer[] = {0x93, 99, 48, 0};
static const uint8_t unknown[] = {0x93, 1, 0xcd, 0x0f, 0xa0, 0}, empty_map[] = {0x80};

/* Bytes that begin no MessagePack value. */
static size_t make_garbage(uint64_t number, vd_bytes_t *frames)
{
    static uint8_t bytes[3][RANDOM_BYTES];
    uint64_t state = number * 0x9e3779b97f4a7c15u + 1;
    size_t count = 1 + number % 3;
    for (size_t i = 0; i < count; i++) {
        for (size_t at = 0; at < RANDOM_BYTES; at++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes[i][at] = (uint8_t)state;
        }
        bytes[i][0] = 0xc1;
        frames[i] = vd_bytes(bytes[i], 1 + (size_t)(state >> 32) % (RANDOM_BYTES - 1));
    }
    return count;
}

static size_t make_hostile(uint64_t number, vd_bytes_t *frames)
{
    static uint8_t deep[DEEP_BYTES];
    memset(deep, 0x91, sizeof deep);
    memcpy(deep, "\x81\xa1x", 3);
    deep[sizeof deep - 1] = 0xc0;
    frames[0] = vd_bytes(header, sizeof header);
    frames[1] = vd_bytes(empty_map, sizeof empty_map);
    switch (number % 10) {
    case 0: /* a size that nobody sent the bytes for */
        frames[0] = vd_bytes(bomb, sizeof bomb);
        return 1;
    case 1:
        frames[1] = vd_bytes(bomb, sizeof bomb);
        return 2;
    case 2:
        frames[1] = vd_bytes(deep, sizeof deep);
        return 2;
    case 3:
        frames[1] = vd_bytes(large, sizeof large);
        return 2;
    case 4:
        frames[0] = vd_bytes(newer, sizeof newer);
        return 2;
    case 5:
        frames[0] = vd_bytes(unknown, sizeof unknown);
        return 2;
    case 6:
        for (size_t i = 0; i < 100; i++)
            frames[i] = vd_bytes("x", 1);
        return 100;
    case 7: /* a header alone */
        return 1;
    case 8:
        frames[0] = vd_bytes("", 0);
        return 1;
    default:
        frames[0] = vd_bytes("GET / HTTP/1.1\r\n\r\n", 18);
        return 1;
    }
}

/* The ports that are meant. False with the reason in `seen`. */
static bool open_peer(chaos_ground_t *ground, chaos_fault_t *fault)
{
    char endpoints[CHAOS_PORTS_MAX][256], have[128] = "";
    const char *port;
    size_t count = 0, used = 0;
    for (size_t at = 0; chaos_world_port(&ground->world, fault->step.target, &at, &port);) {
        used +=
            (size_t)snprintf(have + used, sizeof have - used, "%s%s", used > 0 ? ", " : "", port);
        if ((fault->step.port[0] == 0 || strcmp(fault->step.port, port) == 0) &&
            count < CHAOS_PORTS_MAX)
            vd_paths_endpoint(&ground->world.paths, fault->step.target, port, endpoints[count++]);
    }
    if (count > 0 && (fault->peer = chaos_peer_open(endpoints, count)) != NULL)
        return true;
    if (have[0] == 0)
        chaos_fault_see(fault, "%s has no port that takes requests", fault->step.target);
    else if (count == 0)
        chaos_fault_see(fault, "%s has no port %s; it has: %s", fault->step.target,
                        fault->step.port, have);
    else
        chaos_fault_see(fault, "no sockets: too many open files?");
    return false;
}

/* Writes the frames of a message; how many. */
typedef size_t make_t(uint64_t number, vd_bytes_t *frames);

static chaos_answer_t inject(chaos_ground_t *ground, chaos_fault_t *fault, make_t *make)
{
    vd_bytes_t frames[CHAOS_FRAMES_MAX];
    if (fault->peer == NULL) {
        if (!chaos_fault_aim(ground, fault) || !open_peer(ground, fault))
            return CHAOS_NO;
        if (!chaos_world_metric(&ground->world, fault->step.target, "garbage", 1000,
                                &fault->counted)) {
            chaos_fault_see(fault, "%s does not tell its metrics", fault->step.target);
            chaos_peer_close(&fault->peer);
            return CHAOS_NO;
        }
        fault->injected_ms = chaos_now_ms();
    }
    size_t ports = chaos_peer_ports(fault->peer);
    uint64_t wanted = fault->step.number * ports;
    for (int i = 0; i < BATCH && fault->sent < wanted; i++) {
        size_t count = make(fault->sent / ports, frames);
        if (!chaos_peer_send(fault->peer, (size_t)(fault->sent % ports), frames, count))
            break;
        fault->sent++;
    }
    for (size_t port = 0; port < ports; port++)
        (void)chaos_peer_drain(fault->peer, port);
    if (chaos_fault_is_gone(fault, &fault->process)) {
        chaos_fault_see(fault, "process %d has ended after %" PRIu64 " messages",
                        (int)fault->process.pid, fault->sent);
        return CHAOS_NO;
    }
    if (fault->sent == wanted) {
        fault->seen[0] = 0; /* what the look at the process has left there */
        return CHAOS_YES;
    }
    chaos_fault_see(fault, "%" PRIu64 " of %" PRIu64 " messages were taken", fault->sent, wanted);
    return CHAOS_NOT_YET;
}

static chaos_answer_t inject_garbage(chaos_ground_t *ground, chaos_fault_t *fault)
{
    return inject(ground, fault, make_garbage);
}

static chaos_answer_t inject_hostile(chaos_ground_t *ground, chaos_fault_t *fault)
{
    return inject(ground, fault, make_hostile);
}

static chaos_answer_t prove(chaos_ground_t *ground, chaos_fault_t *fault)
{
    uint64_t now = 0;
    bool told = chaos_world_metric(&ground->world, fault->step.target, "garbage", PONG_MS, &now);
    for (size_t port = 0; port < chaos_peer_ports(fault->peer); port++)
        (void)chaos_peer_drain(fault->peer, port);
    /* Only behind the metric: what was told may be another process's. */
    if (chaos_fault_is_gone(fault, &fault->process)) {
        chaos_fault_see(fault, "process %d has ended of it", (int)fault->process.pid);
        return CHAOS_NO;
    }
    if (!told) {
        chaos_fault_see(fault, "%s does not tell its metrics", fault->step.target);
        return CHAOS_NOT_YET;
    }
    uint64_t more = now >= fault->counted ? now - fault->counted : 0;
    chaos_fault_see(fault, "%" PRIu64 " of %" PRIu64 " were counted", more, fault->sent);
    return more >= fault->sent ? CHAOS_YES : CHAOS_NOT_YET;
}

static chaos_answer_t undo(chaos_ground_t *ground, chaos_fault_t *fault)
{
    (void)ground;
    chaos_peer_close(&fault->peer);
    return CHAOS_YES;
}

#define FRAMES(name, begin)                                                                        \
    const chaos_method_t name = {                                                                  \
        .inject = begin,                                                                           \
        .prove = prove,                                                                            \
        .undo = undo,                                                                              \
        .recover = chaos_fault_answers,                                                            \
        .proof = "each is counted as garbage, by the same process",                                \
        .undone = "the connections are closed",                                                    \
        .recovery = "it is ready and answers",                                                     \
    }

FRAMES(chaos_garbage, inject_garbage);
FRAMES(chaos_hostile, inject_hostile);

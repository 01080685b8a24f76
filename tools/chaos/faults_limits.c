/* faults_limits.c: an actor that may open no more files, or take no more memory. */
#include "chaos/faults.h"
#include "chaos/peer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    SPARE_CONNECTIONS = 8, /* more than it may take */
    LARGE_BYTES = 1 << 20,
    LARGE_MAX = 64,          /* requests that are out */
    CONNECTION_BYTES = 4096, /* that one takes at least */
    CONNECTIONS_MAX = 500,   /* fewer than files that may be open */
    CONNECTIONS_AT_ONCE = 16,
    PATIENCE_MS = 1500, /* for an answer */
    OWN_FILES = 64,     /* that this command needs itself, and more */
};

static bool connect_peer(chaos_ground_t *ground, chaos_fault_t *fault)
{
    char endpoints[1][256];
    const char *port;
    size_t at = 0;
    chaos_peer_close(&fault->peer); /* of the time before, when it could not be made yet */
    if (!chaos_world_port(&ground->world, fault->step.target, &at, &port)) {
        chaos_fault_see(fault, "%s has no port that takes requests: it would not feel a limit",
                        fault->step.target);
        return false;
    }
    vd_paths_endpoint(&ground->world.paths, fault->step.target, port, endpoints[0]);
    fault->peer = chaos_peer_open(endpoints, 1);
    if (fault->peer == NULL)
        chaos_fault_see(fault, "no socket: too many open files?");
    return fault->peer != NULL;
}

/* Lowers the soft limit, and reads it back. */
static bool limit_to(chaos_ground_t *ground, chaos_fault_t *fault, int resource, uint64_t value)
{
    struct rlimit limit, back;
    __rlimit_resource_t which = (__rlimit_resource_t)resource;
    if (prlimit(fault->process.pid, which, NULL, &limit) != 0) {
        chaos_fault_see(fault, "the limits of process %d cannot be read: %s%s",
                        (int)fault->process.pid, strerror(errno),
                        errno == EPERM ? "; run this as the user who runs the runtime" : "");
        return false;
    }
    uint64_t record = chaos_undo_limit(&ground->undo, &fault->process, resource, &fault->before);
    if (!chaos_fault_recorded(ground, fault, record))
        return false;
    fault->limit = value;
    limit.rlim_cur = value;
    fault->injected_ms = chaos_now_ms();
    if (prlimit(fault->process.pid, which, &limit, NULL) != 0 ||
        prlimit(fault->process.pid, which, NULL, &back) != 0 || back.rlim_cur != value) {
        chaos_fault_see(fault, "the limit of process %d cannot be set to %" PRIu64 ": %s",
                        (int)fault->process.pid, value, strerror(errno));
        return false;
    }
    return true;
}

/* The limit is as before, or the process has taken it with it. */
static chaos_answer_t undo_limit(chaos_ground_t *ground, chaos_fault_t *fault, int resource)
{
    struct rlimit back;
    chaos_peer_close(&fault->peer);
    int error = chaos_undo_now(&ground->undo, fault->record);
    if (chaos_process_state(&fault->process) == 0) {
        fault->deaths = 1;
        fault->ending = "the process is gone, and its limit with it";
        return CHAOS_YES;
    }
    if (error == 0 &&
        prlimit(fault->process.pid, (__rlimit_resource_t)resource, NULL, &back) == 0 &&
        back.rlim_cur == fault->before)
        return CHAOS_YES;
    chaos_fault_see(fault, "the limit of process %d is not as before%s%s", (int)fault->process.pid,
                    error != 0 ? ": " : "", error != 0 ? strerror(error) : "");
    return CHAOS_NOT_YET;
}

/* It has ended of its limit, which libraries do that cannot go on without. */
static bool has_ended(chaos_fault_t *fault)
{
    if (chaos_process_state(&fault->process) != 0)
        return false;
    fault->proof = "the limit is read back, and the process has ended of it";
    return true;
}

/* ---- descriptors ---- */

/* Can as many connections be made as it takes to feel the limit, which is lower than what it has? */
static bool can_be_felt(chaos_fault_t *fault, size_t open, uint64_t value)
{
    struct rlimit its, own;
    const char *target = fault->step.target;
    if (open == 0 || prlimit(fault->process.pid, RLIMIT_NOFILE, NULL, &its) != 0 ||
        getrlimit(RLIMIT_NOFILE, &own) != 0) {
        chaos_fault_see(fault, "how many files process %d has open cannot be read: %s",
                        (int)fault->process.pid, strerror(errno));
        return false;
    }
    uint64_t needed = value - open + SPARE_CONNECTIONS;
    if (value >= its.rlim_cur)
        chaos_fault_see(fault, "%s may open %" PRIu64 " files anyway; use less", target,
                        (uint64_t)its.rlim_cur);
    else if (needed > CHAOS_MUTE_MAX)
        chaos_fault_see(fault,
                        "%s has %zu files open; a limit of %" PRIu64 " is too far away "
                        "to be felt: at most %zu",
                        target, open, value, open + CHAOS_MUTE_MAX - SPARE_CONNECTIONS);
    else if (needed + OWN_FILES > own.rlim_cur)
        chaos_fault_see(fault,
                        "that takes %" PRIu64 " connections, and this command may open %" PRIu64
                        " files; use less, or raise that: ulimit -n",
                        needed, (uint64_t)own.rlim_cur);
    else
        return true;
    return false;
}

static chaos_answer_t files_inject(chaos_ground_t *ground, chaos_fault_t *fault)
{
    if (!chaos_fault_aim(ground, fault) || !connect_peer(ground, fault))
        return CHAOS_NO;
    size_t open = chaos_process_descriptors(&fault->process);
    uint64_t value = fault->step.number > open ? fault->step.number : open;
    if (!can_be_felt(fault, open, value))
        return CHAOS_NO;
    return limit_to(ground, fault, RLIMIT_NOFILE, value) ? CHAOS_YES : CHAOS_NO;
}

/* As many connections are made as it may take, and more: it has no descriptor for these. */
static chaos_answer_t files_prove(chaos_ground_t *ground, chaos_fault_t *fault)
{
    (void)ground;
    size_t open = chaos_process_descriptors(&fault->process);
    if (has_ended(fault))
        return CHAOS_YES;
    bool full = open >= fault->limit;
    size_t wanted = full ? SPARE_CONNECTIONS : (size_t)(fault->limit - open) + SPARE_CONNECTIONS;
    for (size_t i = 0; i < wanted && chaos_peer_mute(fault->peer) < CHAOS_MUTE_MAX && i < 64; i++)
        (void)chaos_peer_connect(fault->peer);
    chaos_fault_see(fault, "it has %zu of %" PRIu64 " files open, and %zu connections were made",
                    open, fault->limit, chaos_peer_mute(fault->peer));
    return full && chaos_peer_mute(fault->peer) >= SPARE_CONNECTIONS ? CHAOS_YES : CHAOS_NOT_YET;
}

static chaos_answer_t files_undo(chaos_ground_t *ground, chaos_fault_t *fault)
{
    return undo_limit(ground, fault, RLIMIT_NOFILE);
}

const chaos_method_t chaos_descriptors = {
    .inject = files_inject,
    .prove = files_prove,
    .undo = files_undo,
    .recover = chaos_fault_answers,
    .proof = "the limit is read back, all it may open is open, and connections wait",
    .undone = "the limit is as before",
    .recovery = "it is ready and answers",
    .held = true,
};

/* ---- memory ---- */

/* Private memory that it may write to, as the limit counts it; what a library has only reserved is none of it. */
static uint64_t memory_of(const chaos_process_t *process)
{
    char text[4096];
    ssize_t size = chaos_process_read(process, "status", text, sizeof text - 1);
    text[size > 0 ? size : 0] = 0;
    const char *at = strstr(text, "\nVmData:");
    return at != NULL ? strtoull(at + strlen("\nVmData:"), NULL, 10) * 1024 : 0;
}

static chaos_answer_t memory_inject(chaos_ground_t *ground, chaos_fault_t *fault)
{
    if (!chaos_fault_aim(ground, fault) || !connect_peer(ground, fault))
        return CHAOS_NO;
    uint64_t has = memory_of(&fault->process);
    if (has == 0) {
        chaos_fault_see(fault, "how much memory process %d has cannot be read",
                        (int)fault->process.pid);
        return CHAOS_NO;
    }
    return limit_to(ground, fault, RLIMIT_DATA, has + fault->step.number) ? CHAOS_YES : CHAOS_NO;
}

/* Connections take what it has free, and large requests need more than it may take: it ends, or some are never
 * answered. */
static chaos_answer_t memory_prove(chaos_ground_t *ground, chaos_fault_t *fault)
{
    static uint8_t body[LARGE_BYTES] = {0xc6, 0, 0x0f, 0xff, 0xfb};
    static const uint8_t header[] = {0x93, 1, 48, 7};
    (void)ground;
    if (fault->answer_ms == 0)
        fault->answer_ms = chaos_now_ms();
    if (has_ended(fault))
        return CHAOS_YES;
    uint64_t wanted = fault->step.number / CONNECTION_BYTES + CONNECTIONS_AT_ONCE;
    for (int i = 0; i < CONNECTIONS_AT_ONCE && chaos_peer_mute(fault->peer) < wanted &&
                    chaos_peer_mute(fault->peer) < CONNECTIONS_MAX;
         i++)
        (void)chaos_peer_connect(fault->peer);
    size_t more = chaos_peer_drain(fault->peer, 0);
    fault->answered += more;
    while (fault->asked - fault->answered < LARGE_MAX &&
           chaos_peer_send(
               fault->peer, 0,
               (const vd_bytes_t[]){vd_bytes(header, sizeof header), vd_bytes(body, sizeof body)},
               2))
        fault->asked++;
    if (more > 0)
        fault->answer_ms = chaos_now_ms();
    chaos_fault_see(fault,
                    "process %d has %" PRIu64 " of %" PRIu64 " bytes, %" PRIu64 " of %" PRIu64
                    " large requests are answered",
                    (int)fault->process.pid, memory_of(&fault->process), fault->limit,
                    fault->answered, fault->asked);
    return fault->asked > fault->answered && chaos_now_ms() - fault->answer_ms > PATIENCE_MS
               ? CHAOS_YES
               : CHAOS_NOT_YET;
}

static chaos_answer_t memory_undo(chaos_ground_t *ground, chaos_fault_t *fault)
{
    return undo_limit(ground, fault, RLIMIT_DATA);
}

const chaos_method_t chaos_memory = {
    .inject = memory_inject,
    .prove = memory_prove,
    .undo = memory_undo,
    .recover = chaos_fault_answers,
    .proof = "the limit is read back, and requests that need more are not answered, or end it",
    .undone = "the limit is as before",
    .recovery = "it is ready and answers",
    .held = true,
};

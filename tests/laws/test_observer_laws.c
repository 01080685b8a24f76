/* test_observer_laws.c: the laws of the observer contract, on random worlds, for every observer.
 *
 * 1. A turn is pure: the same state and samples give the same bytes.
 * 2. A turn is quiet once its events are applied: the same samples give no event again.
 * 3. load(save(s)) + apply(later) is s, wherever the cut is; so it is when the state that was loaded
 *    is saved and loaded again further on, and when the cut is between the events of a turn, as a
 *    kept state and the tail behind it may have it. What is saved is the same bytes each time.
 * 4. A fresh state with every event applied is s, and its turn on the same samples is quiet: a
 *    restart neither repeats nor omits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "availability/availability.h"
#include "core/core.h"
#include "laws/observer_laws.h"
#include "machine/machine.h"
#include "raft/raft.h"
#include "services/services.h"
#include "stall/stall.h"

#include <stdio.h>
#include <stdlib.h>

enum { WORLDS = 150, STEPS = 60, PORTS = 12, INTERFACES = 5, DISKS = 4, MEMBERS = 5 };

typedef struct world {
    uint64_t seed;
    /* services */
    uint64_t inodes[PORTS]; /* 0: does not listen */
    uint64_t next_inode;
    /* machine */
    bool interfaces[INTERFACES];
    bool disks[DISKS];
    /* raft */
    bool members[MEMBERS];
    bool failing[MEMBERS];
    uint32_t terms[MEMBERS];
    uint32_t lives[MEMBERS]; /* a new one has a new id */
    uint32_t leader;         /* who says so of itself; MEMBERS: nobody */
} world_t;

static uint32_t below(world_t *world, uint32_t limit)
{
    return (uint32_t)(vd_random_next(&world->seed) % limit);
}

static void add_text(vd_buffer_t *out, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert_true(size >= 0 && (size_t)size < sizeof text);
    assert_true(vd_buffer_add(out, text, (size_t)size));
}

/* ---- a world of services ---- */

static void show_table(vd_bench_t *bench, world_t *world, bool six)
{
    vd_buffer_t text;
    vd_buffer_init(&text, 1 << 20);
    add_text(&text, "  sl  local_address rem_address   st\n");
    for (uint32_t at = 0; at < PORTS; at++) {
        if (world->inodes[at] == 0 || (at % 3 == 2) != six)
            continue;
        add_text(&text,
                 " %3u: %s:%04X %s:0000 0A 00000000:00000000 00:00000000 00000000 0 0 %llu 1\n", at,
                 six ? "00000000000000000000000001000000" : "0100007F", 8000 + at / 2,
                 six ? "00000000000000000000000000000000" : "00000000",
                 (unsigned long long)world->inodes[at]);
    }
    vd_bench_put_bytes(bench, "read", six ? "/proc/net/tcp6" : "/proc/net/tcp", vd_bytes(NULL, 0),
                       vd_buffer_view(&text));
    vd_buffer_free(&text);
}

static void move_services(vd_bench_t *bench, world_t *world)
{
    for (uint32_t moves = below(world, 4); moves > 0; moves--) {
        uint32_t at = below(world, PORTS);
        world->inodes[at] = world->inodes[at] && below(world, 2) ? 0 : ++world->next_inode;
    }
    for (int six = 0; six <= 1; six++) {
        uint32_t fate = below(world, 8);
        if (fate == 0)
            vd_bench_put(bench, "read", six ? "/proc/net/tcp6" : "/proc/net/tcp", NULL);
        else if (fate > 1)
            show_table(bench, world, six);
    }
}

static void answer_services(vd_bench_t *bench, world_t *world, const vd_read_record_t *read)
{
    vd_buffer_t out;
    uint32_t count = 0;
    vd_buffer_init(&out, 1 << 20);
    if (below(world, 10) == 0) {
        vd_bench_answer(bench, read, "timed_out", vd_bytes(NULL, 0));
        return;
    }
    if (!vd_str_is(read->op, "links")) {
        vd_bench_answer(bench, read, "ok", vd_str("server\n"));
        return;
    }
    for (uint32_t at = 0; at < PORTS; at++)
        count += world->inodes[at] % 4 != 0;
    vd_write_array(&out, count);
    for (uint32_t at = 0; at < PORTS; at++) {
        char path[64], target[64];
        if (world->inodes[at] % 4 == 0)
            continue; /* of another user */
        snprintf(path, sizeof path, "/proc/%llu/fd/3", (unsigned long long)world->inodes[at] + 7);
        snprintf(target, sizeof target, "socket:[%llu]", (unsigned long long)world->inodes[at]);
        vd_write_array(&out, 2);
        vd_write_text(&out, path);
        vd_write_text(&out, target);
    }
    vd_bench_answer(bench, read, "ok", vd_buffer_view(&out));
    vd_buffer_free(&out);
}

/* ---- a world of a machine ---- */

static void show_network(vd_bench_t *bench, world_t *world)
{
    vd_buffer_t text;
    vd_buffer_init(&text, 1 << 16);
    add_text(&text, "Inter-|   Receive\n face |bytes\n");
    for (uint32_t at = 0; at < INTERFACES; at++) {
        char target[64];
        if (below(world, 6) == 0)
            world->interfaces[at] = !world->interfaces[at];
        if (world->interfaces[at])
            add_text(&text, "%s%u: %u 1 0 0 0 0 0 0 %u 1 0 0 0 0 0 0\n", at == 4 ? "veth" : "eth",
                     at, below(world, 100000), below(world, 100000));
        snprintf(target, sizeof target, "/sys/class/net/eth%u/operstate", at);
        if (below(world, 3) == 0)
            vd_bench_put(bench, "read", target, below(world, 2) ? "up\n" : "down\n");
    }
    vd_bench_put_bytes(bench, "read", "/proc/net/dev", vd_bytes(NULL, 0), vd_buffer_view(&text));
    vd_buffer_free(&text);
}

static void show_disks(vd_bench_t *bench, world_t *world)
{
    vd_buffer_t text, meta;
    vd_buffer_init(&text, 1 << 16);
    vd_buffer_init(&meta, 1 << 16);
    add_text(&text, "proc /proc proc rw 0 0\n");
    for (uint32_t at = 0; at < DISKS; at++) {
        char path[32];
        if (below(world, 10) == 0)
            world->disks[at] = !world->disks[at];
        snprintf(path, sizeof path, "/disk%u", at);
        if (world->disks[at])
            add_text(&text, "/dev/sd%u %s ext4 rw 0 0\n", at, path);
        vd_buffer_clear(&meta);
        vd_write_map(&meta, 3);
        vd_write_pair_u64(&meta, "total", 100);
        vd_write_pair_u64(&meta, "free", below(world, 3) * 8 + 2);
        vd_write_pair_u64(&meta, "avail", 2);
        vd_bench_put_bytes(bench, "space", path, vd_buffer_view(&meta), vd_bytes(NULL, 0));
    }
    vd_bench_put_bytes(bench, "read", "/proc/mounts", vd_bytes(NULL, 0), vd_buffer_view(&text));
    vd_buffer_free(&text);
    vd_buffer_free(&meta);
}

static void move_machine(vd_bench_t *bench, world_t *world)
{
    char text[256];
    snprintf(text, sizeof text, "%u.50 1.00 0.50 1/100 1234\n", below(world, 2) * 6);
    vd_bench_put(bench, "read", "/proc/loadavg", below(world, 12) ? text : NULL);
    snprintf(text, sizeof text, "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: %u kB\n",
             below(world, 2) ? 50 : 500);
    vd_bench_put(bench, "read", "/proc/meminfo", below(world, 12) ? text : "nonsense\n");
    vd_bench_put(bench, "read", "/proc/stat", "cpu  1 2 3 4 5 6 7 8\ncpu0 1 2 3 4\ncpu1 1 2 3 4\n");
    snprintf(text, sizeof text, "some avg10=%u.00 avg60=0.00 avg300=0.00 total=1\n",
             below(world, 2) * 80);
    vd_bench_put(bench, "read", "/proc/pressure/io", text);
    show_network(bench, world);
    show_disks(bench, world);
}

static void answer_machine(vd_bench_t *bench, world_t *world, const vd_read_record_t *read)
{
    (void)bench, (void)world, (void)read;
    fail_msg("this observer asks for no one-off reads");
}

/* ---- the laws ---- */

/* ---- a world of a cluster ---- */

static void show_member(vd_bench_t *bench, const char *name, bool openraft, vd_bytes_t body)
{
    vd_buffer_t labels;
    vd_buffer_init(&labels, 256);
    vd_write_map(&labels, 2);
    vd_write_pair_text(&labels, "app", "raft");
    vd_write_pair_text(&labels, "reader", openraft ? "openraft" : "etcd");
    vd_source_record_t source = {.name = vd_str(name),
                                 .adapter = vd_str("http"),
                                 .address = vd_str("http://127.0.0.1:1"),
                                 .inc = 1,
                                 .labels = vd_buffer_view(&labels)};
    vd_bench_source(bench, &source);
    vd_bench_put_of(bench, name, openraft ? "get" : "post",
                    openraft ? "/state" : "/v3/maintenance/status", body.size ? "ok" : "timed_out",
                    body);
    vd_buffer_free(&labels);
}

static void move_member(vd_bench_t *bench, world_t *world, uint32_t at)
{
    char name[8], id[16];
    bool openraft = at % 2 == 1, leads = world->leader == at || below(world, 12) == 0;
    vd_buffer_t body;
    snprintf(name, sizeof name, "m%u", at);
    snprintf(id, sizeof id, "%u", 100 * world->lives[at] + at);
    if (!world->members[at]) {
        vd_bench_drop(bench, name);
        return;
    }
    vd_buffer_init(&body, 4096);
    if (world->failing[at])
        (void)0; /* nothing is heard */
    else if (below(world, 15) == 0)
        add_text(&body, "{\"header\":[[");
    else if (openraft)
        add_text(&body, "{\"node_id\":%s,\"role\":\"%s\",\"current_term\":%u,\"voters\":[1,%u]}",
                 id, leads ? "Leader" : "Follower", world->terms[at], below(world, 3));
    else
        add_text(&body,
                 "{\"header\":{\"member_id\":\"%s\"},\"raftTerm\":\"%u\",\"raftIndex\":\"%u\","
                 "\"leader\":\"%s\"}",
                 id, world->terms[at], below(world, 100), leads ? id : "7");
    show_member(bench, name, openraft, vd_buffer_view(&body));
    vd_buffer_free(&body);
}

static void move_cluster(vd_bench_t *bench, world_t *world)
{
    if (below(world, 6) == 0)
        world->leader = below(world, MEMBERS + 1);
    if (below(world, 40) == 0)
        memset(world->terms, 0, sizeof world->terms); /* made anew */
    for (uint32_t at = 0; at < MEMBERS; at++) {
        if (below(world, 8) == 0)
            world->terms[at] += below(world, 3);
        if (below(world, 10) == 0)
            world->failing[at] = !world->failing[at];
        if (below(world, 12) == 0)
            world->members[at] = !world->members[at];
        if (below(world, 40) == 0)
            world->lives[at]++;
        if (below(world, 4) > 0)
            move_member(bench, world, at);
    }
}

/* ---- a world of what other observers say ---- */

static void write_service(vd_buffer_t *out, uint32_t port)
{
    vd_write_map(out, 4);
    vd_write_pair_text(out, "source", "local");
    vd_write_pair_text(out, "protocol", port % 3 ? "tcp" : "tcp6");
    vd_write_pair_text(out, "address", port % 3 ? "127.0.0.1" : "::1");
    vd_write_pair_u64(out, "port", port);
}

static void write_member(vd_buffer_t *out, world_t *world, const char *key, uint32_t at)
{
    char name[8];
    snprintf(name, sizeof name, "m%u", at);
    vd_write_map(out, 2);
    vd_write_pair_text(out, key, name);
    vd_write_pair_bool(out, "reachable", below(world, 2));
}

static void write_snapshot(vd_buffer_t *out, world_t *world)
{
    bool services = below(world, 2), led = below(world, 2);
    uint32_t first = below(world, 3), count = services ? PORTS - 3 : MEMBERS - 3;
    vd_write_map(out, services ? 1 : 2);
    vd_write_text(out, services ? "services" : "members");
    vd_write_array(out, count);
    for (uint32_t at = 0; at < count; at++)
        if (services)
            write_service(out, 8000 + first + at);
        else
            write_member(out, world, "name", first + at);
    if (services)
        return;
    vd_write_text(out, "leader");
    if (led)
        vd_write_text(out, "m1");
    else
        vd_write_nil(out);
}

static void move_others(vd_bench_t *bench, world_t *world)
{
    static const char *const types[] = {
        "service_appeared", "service_gone",  "member_joined",  "member_unreachable",
        "member_recovered", "member_left",   "leader_elected", "leader_lost",
        "services_listed",  "term_advanced", "service_gone",   "service_appeared"};
    vd_buffer_t content;
    const char *type = types[below(world, sizeof types / sizeof types[0])];
    vd_buffer_init(&content, 1 << 16);
    bench->wall_ms += below(world, 400);
    uint32_t kind = below(world, 12);
    if (kind == 0)
        write_snapshot(&content, world), type = NULL;
    else if (kind > 2 && strncmp(type, "service", 7) == 0)
        write_service(&content, 8000 + below(world, PORTS));
    else if (kind > 2)
        write_member(&content, world, "member", below(world, MEMBERS));
    else if (kind == 2)
        vd_write_text(&content, "nonsense");
    vd_bench_input(bench, type, vd_buffer_view(&content));
    vd_buffer_free(&content);
}

static void write_chain(vd_buffer_t *out, world_t *world)
{
    uint32_t count = below(world, MEMBERS);
    vd_write_map(out, 3);
    vd_write_pair_text(out, "final", below(world, 3) ? "x" : "");
    vd_write_pair_u64(out, "final_height", below(world, 9));
    vd_write_text(out, "nodes");
    vd_write_array(out, count);
    for (uint32_t at = 0; at < count; at++) {
        char name[16];
        snprintf(name, sizeof name, "n%u", at);
        vd_write_map(out, 3);
        vd_write_pair_text(out, "name", name);
        vd_write_pair_text(out, "head", below(world, 6) ? "x" : "");
        vd_write_pair_u64(out, "height", below(world, 20));
    }
}

/* Time passes between them, sometimes more than a limit. */
static void move_chain(vd_bench_t *bench, world_t *world)
{
    static const char *const types[] = {"head_changed",      "head_changed", "head_changed",
                                        "finality_advanced", "node_removed", "reorg"};
    vd_buffer_t content;
    const char *type = types[below(world, sizeof types / sizeof types[0])];
    vd_buffer_init(&content, 1 << 16);
    bench->wall_ms += below(world, 400);
    uint32_t kind = below(world, 12);
    char node[16];
    snprintf(node, sizeof node, "n%u", below(world, MEMBERS));
    if (kind == 0) {
        write_chain(&content, world);
        type = NULL;
    } else if (kind > 2) {
        vd_write_map(&content, 2);
        vd_write_pair_text(&content, "node", node);
        vd_write_pair_u64(&content, "height", below(world, 20));
    } else if (kind == 2) {
        vd_write_text(&content, "nonsense");
    }
    vd_bench_input(bench, type, vd_buffer_view(&content));
    vd_buffer_free(&content);
}

static void answer_nothing(vd_bench_t *bench, world_t *world, const vd_read_record_t *read)
{
    (void)bench, (void)world, (void)read;
    fail(); /* the observer asks for no one-off reads */
}

typedef struct subject {
    const vd_observer_t *observer;
    const char *toml;
    void (*move)(vd_bench_t *, world_t *);
    void (*answer)(vd_bench_t *, world_t *, const vd_read_record_t *);
} subject_t;

static void answer_reads(const subject_t *subject, vd_bench_t *bench, world_t *world)
{
    vd_bytes_t rest = vd_buffer_view(&bench->turn.reads);
    vd_read_record_t read;
    while (vd_bench_next_read(&rest, &read))
        subject->answer(bench, world, &read);
}

static uint64_t run_world(const subject_t *subject, uint64_t seed)
{
    vd_bench_t bench;
    world_t world = {.seed = seed};
    const vd_observer_t *observer = subject->observer;
    vd_buffer_t saved;
    uint64_t events = 0;
    vd_bench_open(&bench, observer, subject->toml);
    vd_buffer_init(&saved, 1 << 22);
    void *second = vd_bench_fresh(&bench); /* loaded from a save somewhere on the way */
    size_t second_at = 0;
    for (uint32_t step = 0; step < STEPS; step++) {
        if (below(&world, 4) > 0)
            subject->move(&bench, &world);
        vd_law_pure(&bench);
        vd_law_declared(&bench);
        events += bench.turn.count;
        if (below(&world, 8) == 0)
            continue; /* never committed: it is found again */
        answer_reads(subject, &bench, &world);
        /* The answers are for the next turn: this one's events stand. */
        vd_bench_commit(&bench);
        if (below(&world, 10) == 0) {
            vd_buffer_clear(&saved);
            observer->save(bench.state, &saved);
            observer->destroy(&second);
            second = vd_bench_fresh(&bench);
            assert_int_equal(observer->load(second, vd_buffer_view(&saved)), VD_OK);
            second_at = bench.log.size;
        }
        vd_law_view(&bench);
    }
    /* Whatever waits for an answer gets it, then all is quiet. */
    for (int turns = 0; turns < 2 * VD_ANSWER_TURNS; turns++) {
        assert_int_equal(vd_bench_turn(&bench), VD_OK);
        answer_reads(subject, &bench, &world);
        vd_bench_commit(&bench);
    }
    assert_int_equal(vd_bench_turn(&bench), VD_OK);
    assert_int_equal(bench.turn.count, 0);
    assert_int_equal(bench.turn.read_count, 0);
    vd_bytes_t log = vd_buffer_view(&bench.log);
    vd_bench_apply(observer, second, vd_bytes(log.data + second_at, log.size - second_at));
    vd_law_equal(&bench, second);
    vd_bench_assert_kept(&bench, &world.seed);
    vd_law_restart(&bench);
    observer->destroy(&second);
    vd_buffer_free(&saved);
    vd_bench_close(&bench);
    return events;
}

/* Quiet after each commit, with no new sample between. */
static void run_quiet(const subject_t *subject, uint64_t seed)
{
    vd_bench_t bench;
    world_t world = {.seed = seed};
    vd_bench_open(&bench, subject->observer, subject->toml);
    for (uint32_t step = 0; step < STEPS; step++) {
        subject->move(&bench, &world);
        assert_int_equal(vd_bench_turn(&bench), VD_OK);
        vd_bench_apply(subject->observer, bench.state, vd_buffer_view(&bench.turn.run));
        assert_int_equal(vd_bench_turn(&bench), VD_OK);
        assert_int_equal(bench.turn.count, 0);
        answer_reads(subject, &bench, &world);
        vd_bench_declare(&bench);
    }
    vd_bench_close(&bench);
}

static void test_laws(void **state)
{
    const subject_t *subject = *state;
    uint64_t events = 0;
    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        print_message("%s seed %llu\n", subject->observer->name, (unsigned long long)seed);
        events += run_world(subject, seed);
        run_quiet(subject, seed);
    }
    assert_true(events > WORLDS * 5); /* the worlds move */
}

static void test_hostile_saves(void **state)
{
    const subject_t *subject = *state;
    vd_law_hostile_saves(subject->observer, subject->toml);
}

static void test_queries(void **state)
{
    const subject_t *subject = *state;
    vd_law_queries(subject->observer, subject->toml);
}

int main(void)
{
    static subject_t services = {&vd_services_observer, "", move_services, answer_services};
    static subject_t machine = {&vd_machine_observer, "[observers.host]\nhold = 2\n", move_machine,
                                answer_machine};
    static subject_t raft = {&vd_raft_observer, "", move_cluster, answer_nothing};
    static subject_t availability = {&vd_availability_observer,
                                     "[observers.availability]\nforget_after = \"2s\"\n"
                                     "components_max = 15\n",
                                     move_others, answer_nothing};
    static subject_t stall = {&vd_stall_observer,
                              "[observers.stall]\ntip_after = \"500ms\"\nnode_after = \"300ms\"\n"
                              "final_after = \"1s\"\n",
                              move_chain, answer_nothing};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_laws, &stall),
        cmocka_unit_test_prestate(test_queries, &stall),
        cmocka_unit_test_prestate(test_hostile_saves, &stall),
        cmocka_unit_test_prestate(test_laws, &services),
        cmocka_unit_test_prestate(test_laws, &machine),
        cmocka_unit_test_prestate(test_laws, &raft),
        cmocka_unit_test_prestate(test_laws, &availability),
        cmocka_unit_test_prestate(test_queries, &availability),
        cmocka_unit_test_prestate(test_queries, &raft),
        cmocka_unit_test_prestate(test_queries, &services),
        cmocka_unit_test_prestate(test_queries, &machine),
        cmocka_unit_test_prestate(test_hostile_saves, &availability),
        cmocka_unit_test_prestate(test_hostile_saves, &raft),
        cmocka_unit_test_prestate(test_hostile_saves, &services),
        cmocka_unit_test_prestate(test_hostile_saves, &machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

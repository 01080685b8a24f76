/* test_membership.c: leases, sets and layouts of the broker's core, case by case and over random
 * histories. */
#include "membership_world.h"

static const char *state_of(world_t *world, const char *name)
{
    const shadow_actor_t *actor = find_actor(&world->shadow, name);
    return actor == NULL ? "gone" : actor->state;
}

static const char *poller_of(world_t *world, const char *source)
{
    const shadow_source_t *found = find_source(&world->shadow, source);
    return found == NULL ? "gone" : found->poller;
}

/* ---- actors ---- */

static void lease_lapses_to_suspect_then_gone(void **state)
{
    world_t *world = *state;
    assert_int_equal(register_actor(world, "host", "observer", 7, 70), VD_OK);
    assert_string_equal(state_of(world, "host"), "ready");
    pass(world, 4900000);
    assert_string_equal(state_of(world, "host"), "ready");
    pass(world, 200000);
    assert_string_equal(state_of(world, "host"), "suspect");
    pass(world, 20 * (int64_t)SECOND);
    assert_int_equal(register_actor(world, "host", "observer", 7, 70), VD_OK);
    assert_string_equal(state_of(world, "host"), "ready");
    pass(world, MINUTE);
    assert_string_equal(state_of(world, "host"), "gone");
    assert_string_equal(world->reason, "silent");
    check_shadow(world);
}

/* A broker that stood still for a minute finds every lease lapsed. It must not take its own sleep
 * for their death. */
static void own_pause_removes_nobody(void **state)
{
    world_t *world = *state;
    register_actor(world, "host", "observer", 7, 70);
    world->now_us += 2 * MINUTE;
    settle(world);
    assert_string_equal(state_of(world, "host"), "suspect");
    register_actor(world, "host", "observer", 7, 70);
    assert_string_equal(state_of(world, "host"), "ready");
}

static void broker_knows_itself(void **state)
{
    world_t *world = *state;
    pass(world, 10 * MINUTE);
    assert_string_equal(state_of(world, "broker"), "ready");
    assert_int_equal(register_actor(world, "broker", "observer", 7, 70), VD_EXISTS);
    died(world, "broker", 10);
    assert_string_equal(state_of(world, "broker"), "ready");
}

static void death_is_told_at_once(void **state)
{
    world_t *world = *state;
    register_actor(world, "host", "observer", 7, 70);
    died(world, "host", 71); /* another process of this name, whose first word is late */
    assert_string_equal(state_of(world, "host"), "ready");
    assert_int_equal(register_actor(world, "host", "observer", 9, 71), VD_CANCELLED);
    assert_string_equal(state_of(world, "host"), "ready");
    died(world, "host", 70);
    assert_string_equal(state_of(world, "host"), "gone");
    assert_string_equal(world->reason, "died");
    /* What it sent before its end comes late and raises nobody. */
    assert_int_equal(register_actor(world, "host", "observer", 7, 70), VD_CANCELLED);
    assert_string_equal(state_of(world, "host"), "gone");
    assert_int_equal(register_actor(world, "host", "observer", 8, 72), VD_OK);
    check_shadow(world);
}

static void death_before_the_first_word(void **state)
{
    world_t *world = *state;
    died(world, "host", 70);
    assert_int_equal(register_actor(world, "host", "observer", 7, 70), VD_CANCELLED);
    pass(world, MINUTE); /* the system may give the number out again */
    assert_int_equal(register_actor(world, "host", "observer", 9, 70), VD_OK);
}

static void new_incarnation_replaces(void **state)
{
    world_t *world = *state;
    register_actor(world, "host", "observer", 7, 70);
    register_actor(world, "host", "observer", 8, 71);
    assert_int_equal(find_actor(&world->shadow, "host")->inc, 8);
    assert_int_equal(vd_membership_actors(world->membership), 2);
    died(world, "host", 70);
    leave(world, "host", 7);
    assert_string_equal(state_of(world, "host"), "ready");
    leave(world, "host", 8);
    assert_string_equal(state_of(world, "host"), "gone");
    assert_string_equal(world->reason, "left");
}

static void renewing_tells_nothing(void **state)
{
    world_t *world = *state;
    register_actor(world, "host", "observer", 7, 70);
    uint64_t n = world->n;
    shadow_actor_t actor = *find_actor(&world->shadow, "host");
    keep_alive(world, &actor, 1, MINUTE);
    assert_int_equal(world->n, n);
}

static void full_of_actors(void **state)
{
    world_t *world = *state;
    char name[16];
    for (int i = 1; i < VD_ACTORS_MAX; i++) {
        snprintf(name, sizeof name, "a%d", i);
        assert_int_equal(register_actor(world, name, "observer", 7, 70), VD_OK);
    }
    assert_int_equal(register_actor(world, "more", "observer", 7, 70), VD_OVERLOADED);
    check_shadow(world);
    leave(world, "a1", 7);
    assert_int_equal(register_actor(world, "more", "observer", 7, 70), VD_OK);
    check_shadow(world);
}

/* ---- sources ---- */

static void sets_are_compared(void **state)
{
    world_t *world = *state;
    vd_source_record_t sources[] = {source_of("a", "/1"), source_of("b", "/2")};
    assert_int_equal(announce(world, "static", 1, sources, 2), VD_OK);
    settle(world);
    uint64_t a = find_source(&world->shadow, "a")->inc, b = find_source(&world->shadow, "b")->inc;
    uint64_t n = world->n;
    assert_int_equal(announce(world, "static", 2, sources, 2), VD_OK);
    assert_int_equal(world->n, n); /* the same set again is no news */
    sources[1].address = vd_str("/3");
    assert_int_equal(announce(world, "static", 3, sources, 2), VD_OK);
    assert_int_equal(find_source(&world->shadow, "a")->inc, a);
    assert_int_not_equal(find_source(&world->shadow, "b")->inc, b);
    assert_int_equal(announce(world, "static", 4, sources, 1), VD_OK);
    assert_null(find_source(&world->shadow, "b"));
    b = find_source(&world->shadow, "a")->inc;
    assert_int_equal(announce(world, "static", 5, NULL, 0), VD_OK);
    assert_int_equal(announce(world, "static", 6, sources, 1), VD_OK);
    assert_int_not_equal(find_source(&world->shadow, "a")->inc, b); /* it came back */
    check_shadow(world);
}

static void who_reads_is_told_as_written(void **state)
{
    world_t *world = *state;
    vd_source_record_t source = source_of("a", "/1");
    assert_int_equal(announce(world, "static", 1, &source, 1), VD_OK);
    settle(world);
    uint64_t inc = find_source(&world->shadow, "a")->inc;
    source.auth = vd_str("basic ann:env(PASSWORD)");
    assert_int_equal(announce(world, "static", 2, &source, 1), VD_OK);
    assert_string_equal(find_source(&world->shadow, "a")->auth, "basic ann:env(PASSWORD)");
    assert_int_equal(find_source(&world->shadow, "a")->inc, inc);
    /* What may hold a secret goes no further. */
    source.auth = vd_str("bearer secret");
    assert_int_equal(announce(world, "static", 3, &source, 1), VD_MALFORMED);
    assert_string_equal(find_source(&world->shadow, "a")->auth, "basic ann:env(PASSWORD)");
    check_shadow(world);
}

static void parts_make_a_set(void **state)
{
    world_t *world = *state;
    vd_source_record_t a = source_of("a", "/1"), b = source_of("b", "/2");
    assert_int_equal(announce_part(world, "static", 1, 0, false, &a, 1, ""), VD_OK);
    assert_int_equal(announce_part(world, "static", 1, 1, true, &b, 1, ""), VD_OK);
    settle(world);
    assert_non_null(find_source(&world->shadow, "a"));
    assert_non_null(find_source(&world->shadow, "b"));
    /* The first part was for another broker: the rest is not the whole. */
    assert_int_equal(announce_part(world, "static", 2, 1, true, &b, 1, ""), VD_OUT_OF_ORDER);
    settle(world);
    assert_non_null(find_source(&world->shadow, "a"));
    assert_int_equal(announce_part(world, "static", 3, 0, false, &b, 1, ""), VD_OK);
    assert_int_equal(announce_part(world, "static", 4, 1, true, NULL, 0, ""), VD_OUT_OF_ORDER);
    assert_non_null(find_source(&world->shadow, "a"));
    check_shadow(world);
}

/* Within the first lease too a name that comes back is another source. */
static void back_is_another(void **state)
{
    world_t *world = *state;
    vd_source_record_t a = source_of("a", "/1");
    announce(world, "static", 1, &a, 1);
    uint64_t inc = find_source(&world->shadow, "a")->inc;
    announce(world, "static", 2, NULL, 0);
    assert_null(find_source(&world->shadow, "a"));
    announce(world, "static", 3, &a, 1);
    assert_int_not_equal(find_source(&world->shadow, "a")->inc, inc);
}

/* A part is missing in the middle. */
static void lost_part_voids_the_set(void **state)
{
    world_t *world = *state;
    vd_source_record_t sources[] = {source_of("a", "/1"), source_of("b", "/2")};
    announce(world, "static", 1, sources, 2);
    assert_int_equal(announce_part(world, "static", 2, 0, false, sources, 1, ""), VD_OK);
    assert_int_equal(announce_part(world, "static", 2, 2, true, NULL, 0, ""), VD_OUT_OF_ORDER);
    assert_int_equal(vd_membership_sources(world->membership), 2);
    assert_int_equal(announce_part(world, "static", 2, 1, true, NULL, 0, ""), VD_OUT_OF_ORDER);
    assert_int_equal(vd_membership_sources(world->membership), 2);
}

static void bad_row_voids_the_set(void **state)
{
    world_t *world = *state;
    vd_source_record_t good = source_of("a", "/1");
    vd_source_record_t bad[] = {source_of("b", "/1"), source_of("not a name", "/1")};
    announce(world, "static", 1, &good, 1);
    assert_int_equal(announce(world, "static", 2, bad, 2), VD_MALFORMED);
    settle(world);
    assert_non_null(find_source(&world->shadow, "a"));
    assert_null(find_source(&world->shadow, "b"));
    assert_true(find_provider(&world->shadow, "static")->error[0] != 0);
    announce(world, "static", 3, &good, 1);
    assert_string_equal(find_provider(&world->shadow, "static")->error, "");
}

static void last_good_set_is_kept(void **state)
{
    world_t *world = *state;
    vd_source_record_t good = source_of("a", "/1");
    register_actor(world, "dns", "provider", 1, 50);
    announce(world, "dns", 1, &good, 1);
    assert_int_equal(announce_part(world, "dns", 2, 0, true, NULL, 0, "no answer"), VD_OK);
    assert_non_null(find_source(&world->shadow, "a"));
    assert_string_equal(find_provider(&world->shadow, "dns")->error, "no answer");
    pass(world, 3 * SECOND);
    died(world, "dns", 50);
    assert_non_null(find_source(&world->shadow, "a"));
    assert_non_null(strstr(find_provider(&world->shadow, "dns")->error, "died"));
    fetch(world);
    assert_in_range(find_provider(&world->whole, "dns")->age_ms, 3000, 3100);
    check_shadow(world);
}

static void first_holder_keeps_a_name(void **state)
{
    world_t *world = *state;
    vd_source_record_t one = source_of("a", "/1"), two = source_of("a", "/2");
    announce(world, "first", 1, &one, 1);
    assert_int_equal(announce(world, "second", 1, &two, 1), VD_OK);
    assert_string_equal(find_source(&world->shadow, "a")->provider, "first");
    assert_non_null(strstr(find_provider(&world->shadow, "second")->error, "a is held by"));
    announce(world, "first", 2, NULL, 0);
    announce(world, "second", 2, &two, 1);
    assert_string_equal(find_source(&world->shadow, "a")->provider, "second");
    assert_string_equal(find_provider(&world->shadow, "second")->error, "");
    check_shadow(world);
}

/* Two brokers one after the other hear of the same source for the first time: it is the same
 * source. */
static void new_broker_same_incarnations(void **state)
{
    world_t *world = *state, *next = new_world();
    vd_source_record_t a = source_of("a", "/1");
    announce(world, "static", 1, &a, 1);
    announce(next, "static", 9, &a, 1);
    assert_int_equal(find_source(&world->shadow, "a")->inc, find_source(&next->shadow, "a")->inc);
    pass(world, MINUTE);
    vd_source_record_t b[] = {a, source_of("b", "/1")};
    announce(world, "static", 2, b, 2);
    announce(next, "static", 10, b, 2);
    assert_int_not_equal(find_source(&world->shadow, "b")->inc,
                         find_source(&next->shadow, "b")->inc);
    void *again = next;
    tear_down(&again);
}

static void full_of_sources(void **state)
{
    world_t *world = *state;
    static char spec_bytes[4096];
    vd_buffer_t spec;
    vd_buffer_init(&spec, 8192);
    vd_write_bin(&spec, vd_bytes(spec_bytes, sizeof spec_bytes));
    uint32_t taken = 0;
    vd_status_t status = VD_OK;
    char name[16];
    for (uint32_t i = 0; i < 800 && status == VD_OK; i++) {
        snprintf(name, sizeof name, "s%u", i);
        vd_source_record_t source = source_of(name, "/");
        source.spec = vd_buffer_view(&spec);
        status = announce_part(world, "static", 1, i, false, &source, 1, "");
        taken += status == VD_OK;
    }
    assert_int_equal(status, VD_OVERLOADED);
    assert_in_range(taken, 420, 450);
    settle(world);
    assert_int_equal(vd_membership_sources(world->membership), taken);
    assert_non_null(strstr(find_provider(&world->shadow, "static")->error, "no room"));
    check_shadow(world);
    vd_buffer_free(&spec);
}

/* ---- who reads what ---- */

static void sources_get_ready_pollers(void **state)
{
    world_t *world = *state;
    vd_source_record_t sources[] = {source_of("a", "/"), source_of("b", "/"), source_of("c", "/"),
                                    source_of("d", "/")};
    announce(world, "static", 1, sources, 4);
    register_actor(world, "poller-1", "poller", 1, 1);
    assert_string_equal(poller_of(world, "a"), ""); /* not before the others had time to register */
    register_actor(world, "poller-2", "poller", 2, 2);
    pass(world, 1300000);
    int first = 0;
    for (int i = 0; i < 4; i++) {
        const char *poller = poller_of(world, (char[]){(char)('a' + i), 0});
        assert_true(strcmp(poller, "poller-1") == 0 || strcmp(poller, "poller-2") == 0);
        first += strcmp(poller, "poller-1") == 0;
    }
    assert_int_equal(first, 2);
    died(world, "poller-1", 1);
    for (int i = 0; i < 4; i++)
        assert_string_equal(poller_of(world, (char[]){(char)('a' + i), 0}), "poller-2");
    died(world, "poller-2", 2);
    assert_string_equal(poller_of(world, "a"), "");
    check_shadow(world);
}

/* Before the first broker nobody read anything: there is nothing to wait for, and the load is
 * levelled as pollers come. */
static void first_broker_places_at_once(void **state)
{
    world_t *world = *state;
    vd_source_record_t sources[] = {source_of("a", "/"), source_of("b", "/")};
    announce(world, "static", 1, sources, 2);
    register_actor(world, "poller-1", "poller", 1, 1);
    settle(world);
    assert_string_equal(poller_of(world, "a"), "poller-1");
    assert_string_equal(poller_of(world, "b"), "poller-1");
    register_actor(world, "poller-2", "poller", 2, 2);
    settle(world);
    assert_string_not_equal(poller_of(world, "a"), poller_of(world, "b"));
    assert_false(vd_membership_complete(world->membership));
    check_shadow(world);
}

/* Within the first lease nothing moves to a poller that comes late; after it the load is
 * levelled. */
static void start_is_patient(void **state)
{
    world_t *world = *state;
    vd_source_record_t sources[] = {source_of("a", "/"), source_of("b", "/")};
    assert_false(fetch(world));
    register_actor(world, "poller-1", "poller", 1, 1);
    announce(world, "static", 1, sources, 2);
    pass(world, 2 * SECOND);
    register_actor(world, "poller-1", "poller", 1, 1);
    register_actor(world, "poller-2", "poller", 2, 2);
    assert_string_equal(poller_of(world, "a"), "poller-1");
    assert_string_equal(poller_of(world, "b"), "poller-1");
    pass(world, 2900000);
    assert_false(fetch(world));
    pass(world, 200000);
    assert_true(fetch(world));
    assert_true(vd_membership_complete(world->membership));
    assert_string_not_equal(poller_of(world, "a"), poller_of(world, "b"));
    check_shadow(world);
}

static void suspect_keeps_its_sources(void **state)
{
    world_t *world = *state;
    vd_source_record_t sources[] = {source_of("a", "/"), source_of("b", "/")};
    shadow_actor_t pollers[2] = {{.name = "poller-1", .kind = "poller", .inc = 1, .pid = 1},
                                 {.name = "poller-2", .kind = "poller", .inc = 2, .pid = 2}};
    announce(world, "static", 1, sources, 2);
    keep_alive(world, pollers, 2, 6 * SECOND);
    const char *poller = poller_of(world, "a");
    int silent = strcmp(poller, "poller-1") == 0 ? 0 : 1;
    keep_alive(world, &pollers[1 - silent], 1, 20 * (int64_t)SECOND);
    assert_string_equal(state_of(world, pollers[silent].name), "suspect");
    assert_string_equal(poller_of(world, "a"), pollers[silent].name);
    keep_alive(world, &pollers[1 - silent], 1, 20 * (int64_t)SECOND);
    assert_string_equal(state_of(world, pollers[silent].name), "gone");
    assert_string_equal(poller_of(world, "a"), pollers[1 - silent].name);
    check_shadow(world);
}

/* ---- histories ---- */

#define NAMES 12

/* What must hold at any moment, said as simply as possible. */
static void check_laws(world_t *world)
{
    check_shadow(world);
    uint32_t ready = 0, sources = 0, loads[SHADOW] = {0};
    for (int i = 0; i < SHADOW; i++) {
        const shadow_actor_t *actor = &world->shadow.actors[i];
        ready +=
            actor->used && strcmp(actor->kind, "poller") == 0 && strcmp(actor->state, "ready") == 0;
        sources += world->shadow.sources[i].used;
    }
    assert_int_equal(sources, vd_membership_sources(world->membership));
    for (int i = 0; i < SHADOW; i++) {
        const shadow_source_t *source = &world->shadow.sources[i];
        if (!source->used)
            continue;
        if (source->poller[0] == 0) {
            assert_int_equal(ready, 0);
            continue;
        }
        shadow_actor_t *poller = find_actor(&world->shadow, source->poller);
        assert_non_null(poller);
        assert_string_equal(poller->kind, "poller");
        loads[poller - world->shadow.actors]++;
    }
    uint32_t pollers = 0;
    for (int i = 0; i < SHADOW; i++)
        pollers +=
            world->shadow.actors[i].used && strcmp(world->shadow.actors[i].kind, "poller") == 0;
    for (int i = 0; ready == pollers && ready > 0 && i < SHADOW; i++)
        assert_true(loads[i] <= (sources + ready - 1) / ready);
}

static void announce_random(world_t *world, uint64_t *seed, uint64_t set, uint32_t expected[2])
{
    vd_source_record_t sources[NAMES];
    char names[NAMES][8];
    uint32_t count = 0, provider = (uint32_t)(vd_random_next(seed) % 2);
    uint64_t bits = vd_random_next(seed);
    for (int i = 0; i < NAMES; i++) {
        snprintf(names[i], sizeof names[i], "%c%d", provider == 0 ? 'x' : 'y', i);
        if (bits >> i & 1)
            sources[count++] = source_of(names[i], bits >> (20 + i) & 1 ? "/1" : "/2");
    }
    assert_int_equal(announce(world, provider == 0 ? "p" : "q", set, sources, count), VD_OK);
    expected[provider] = count;
}

static void random_history(uint64_t seed)
{
    world_t *world = new_world();
    uint32_t expected[2] = {0, 0};
    char name[16];
    pass(world, 6 * SECOND);
    for (uint64_t i = 1; i < 300; i++) {
        uint64_t which = vd_random_next(&seed) % 6;
        snprintf(name, sizeof name, "poller-%d", (int)which);
        shadow_actor_t *actor = find_actor(&world->shadow, name);
        switch (vd_random_next(&seed) % 6) {
        case 0:
        case 1:
            if (actor == NULL)
                assert_int_equal(register_actor(world, name, "poller", i, 1000 + i), VD_OK);
            else
                assert_int_equal(register_actor(world, name, "poller", actor->inc, actor->pid),
                                 VD_OK);
            break;
        case 2:
            if (actor != NULL)
                died(world, name, actor->pid);
            break;
        case 3:
            announce_random(world, &seed, i, expected);
            break;
        case 4:
            pass(world, (int64_t)(vd_random_next(&seed) % (3 * SECOND)));
            break;
        default:
            if (actor != NULL)
                leave(world, name, actor->inc);
            break;
        }
        check_laws(world);
        assert_int_equal(vd_membership_sources(world->membership), expected[0] + expected[1]);
    }
    void *again = world;
    tear_down(&again);
}

static void random_histories(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 15; seed++)
        random_history(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(lease_lapses_to_suspect_then_gone),
        IN_WORLD(own_pause_removes_nobody),
        IN_WORLD(broker_knows_itself),
        IN_WORLD(death_is_told_at_once),
        IN_WORLD(death_before_the_first_word),
        IN_WORLD(new_incarnation_replaces),
        IN_WORLD(renewing_tells_nothing),
        IN_WORLD(full_of_actors),
        IN_WORLD(sets_are_compared),
        IN_WORLD(who_reads_is_told_as_written),
        IN_WORLD(parts_make_a_set),
        IN_WORLD(back_is_another),
        IN_WORLD(lost_part_voids_the_set),
        IN_WORLD(bad_row_voids_the_set),
        IN_WORLD(last_good_set_is_kept),
        IN_WORLD(first_holder_keeps_a_name),
        IN_WORLD(new_broker_same_incarnations),
        IN_WORLD(full_of_sources),
        IN_WORLD(sources_get_ready_pollers),
        cmocka_unit_test_setup_teardown(first_broker_places_at_once, set_up_first, tear_down),
        IN_WORLD(start_is_patient),
        IN_WORLD(suspect_keeps_its_sources),
        cmocka_unit_test(random_histories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

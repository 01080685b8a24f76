/* test_raft.c: the observer raft on what etcd and openraft say: members, terms, leaders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "laws/observer_fixture.h"
#include "raft/raft.h"

#include <stdio.h>
#include <stdlib.h>

#define STATUS "/v3/maintenance/status"
#define LIST   "/v3/cluster/member/list"

/* As etcd 3.4.23 answers: every uint64 is a decimal string, some are above INT64_MAX. */
static const char leader_body[] =
    "{\"header\":{\"cluster_id\":\"15390672247965175898\",\"member_id\":\"16567651843397726608\","
    "\"revision\":\"1\",\"raft_term\":\"2\"},\"version\":\"3.4.23\",\"dbSize\":\"32768\","
    "\"leader\":\"16567651843397726608\",\"raftIndex\":\"8\",\"raftTerm\":\"2\","
    "\"raftAppliedIndex\":\"7\",\"dbSizeInUse\":\"32768\"}";
static const char leaderless_body[] =
    "{\"header\":{\"cluster_id\":\"15390672247965175898\",\"member_id\":\"1426897665330453123\","
    "\"revision\":\"1\",\"raft_term\":\"2\"},\"version\":\"3.4.23\",\"dbSize\":\"32768\","
    "\"raftIndex\":\"8\",\"raftTerm\":\"2\",\"raftAppliedIndex\":\"8\","
    "\"errors\":[\"etcdserver: no leader\"],\"dbSizeInUse\":\"24576\"}";
static const char list_body[] =
    "{\"header\":{\"cluster_id\":\"15390672247965175898\",\"member_id\":\"1426897665330453123\","
    "\"raft_term\":\"2\"},\"members\":[{\"ID\":\"1426897665330453123\",\"name\":\"m1\"},"
    "{\"ID\":\"4223603001927608999\",\"name\":\"m3\"},{\"ID\":\"7\",\"isLearner\":true},"
    "{\"ID\":\"16567651843397726608\",\"name\":\"m2\"}]}";

static int setup(void **state)
{
    vd_bench_t *bench = calloc(1, sizeof *bench);
    vd_bench_open(bench, &vd_raft_observer, "");
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    vd_bench_t *bench = *state;
    vd_bench_close(bench);
    free(bench);
    return 0;
}

static void add_source(vd_bench_t *bench, const char *name, const char *app, const char *reader)
{
    vd_buffer_t labels;
    vd_buffer_init(&labels, 256);
    vd_write_map(&labels, reader ? 2 : 1);
    vd_write_pair_text(&labels, "app", app);
    if (reader)
        vd_write_pair_text(&labels, "reader", reader);
    vd_source_record_t source = {.name = vd_str(name),
                                 .adapter = vd_str("http"),
                                 .address = vd_str("http://127.0.0.1:2379"),
                                 .inc = 1,
                                 .labels = vd_buffer_view(&labels)};
    vd_bench_source(bench, &source);
    vd_buffer_free(&labels);
}

/* What member `name`, whose id is its name, says; leader "": it names nobody. */
static void say(vd_bench_t *bench, const char *name, unsigned term, const char *leader)
{
    char body[256];
    if (!vd_samples_source(bench->samples, vd_str(name)))
        add_source(bench, name, "raft", NULL);
    snprintf(body, sizeof body,
             "{\"header\":{\"member_id\":\"%s\"},\"raftTerm\":\"%u\",\"raftIndex\":\"9\","
             "\"raftAppliedIndex\":\"9\"%s%s%s}",
             name, term, leader[0] ? ",\"leader\":\"" : "", leader, leader[0] ? "\"" : "");
    vd_bench_put_of(bench, name, "post", STATUS, "ok", vd_str(body));
}

static void fail_read(vd_bench_t *bench, const char *name, const char *status)
{
    vd_bench_put_of(bench, name, "post", STATUS, status, vd_bytes(NULL, 0));
}

/* Runs a turn, commits it and expects its events: types and data, a line each. */
static void expect(vd_bench_t *bench, const char *lines)
{
    vd_buffer_t text;
    vd_buffer_init(&text, 1 << 16);
    assert_int_equal(vd_bench_turn(bench), VD_OK);
    assert_string_equal(vd_bench_text(bench, &text), lines);
    vd_bench_commit(bench);
    vd_buffer_free(&text);
}

/* Runs and commits a turn whatever it tells. */
static void pass(vd_bench_t *bench)
{
    assert_int_equal(vd_bench_turn(bench), VD_OK);
    vd_bench_commit(bench);
}

static void expect_view(const vd_bench_t *bench, const char *part)
{
    vd_buffer_t view, text;
    vd_buffer_init(&view, 1 << 20);
    vd_buffer_init(&text, 1 << 20);
    bench->observer->view(bench->state, bench->samples, &view);
    vd_value_json(&text, vd_buffer_view(&view));
    vd_buffer_add(&text, "", 1);
    if (!strstr((const char *)text.data, part))
        fail_msg("%s is not in %s", part, (const char *)text.data);
    vd_buffer_free(&view);
    vd_buffer_free(&text);
}

/* Three members in term 2 that m1 leads. */
static void trio(vd_bench_t *bench)
{
    say(bench, "m1", 2, "m1");
    say(bench, "m2", 2, "m1");
    say(bench, "m3", 2, "m1");
    expect(bench, "member_joined {\"member\":\"m1\",\"id\":\"m1\",\"reader\":\"etcd\"}\n"
                  "member_joined {\"member\":\"m2\",\"id\":\"m2\",\"reader\":\"etcd\"}\n"
                  "member_joined {\"member\":\"m3\",\"id\":\"m3\",\"reader\":\"etcd\"}\n"
                  "term_advanced {\"term\":2,\"previous\":0}\n"
                  "leader_elected {\"leader\":\"m1\",\"term\":2,\"previous\":null}\n");
    expect(bench, "");
}

/* ---- readers ---- */

static void reads_etcd(void **state)
{
    vd_bench_t *bench = *state;
    add_source(bench, "m1", "raft", NULL);
    add_source(bench, "m2", "raft", "etcd");
    vd_bench_put_of(bench, "m2", "post", STATUS, "ok", vd_str(leader_body));
    vd_bench_put_of(bench, "m1", "post", STATUS, "ok", vd_str(leaderless_body));
    vd_bench_put_of(bench, "m1", "post", LIST, "ok", vd_str(list_body));
    expect(bench,
           "member_joined {\"member\":\"m1\",\"id\":\"1426897665330453123\",\"reader\":\"etcd\"}\n"
           "member_joined {\"member\":\"m2\",\"id\":\"16567651843397726608\",\"reader\":\"etcd\"}\n"
           "term_advanced {\"term\":2,\"previous\":0}\n"
           "leader_elected {\"leader\":\"m2\",\"term\":2,\"previous\":null}\n");
    expect_view(bench, "{\"name\":\"m1\",\"role\":\"follower\",\"reachable\":true,\"term\":2,"
                       "\"index\":8,\"applied\":8,\"lag\":0,\"age_ms\":0,\"names_leader\":null,"
                       "\"id\":\"1426897665330453123\",\"voters\":3,");
    expect_view(bench, "\"name\":\"m2\",\"role\":\"leader\"");
    expect_view(bench, "\"all_voters_match\":true,\"all_values_match\":false");
}

static void reads_openraft(void **state)
{
    vd_bench_t *bench = *state;
    add_source(bench, "n0", "raft", "openraft");
    add_source(bench, "n1", "raft", "openraft");
    vd_bench_put_of(
        bench, "n0", "get", "/state", "ok",
        vd_str("{\"node_id\":0,\"public_addr\":\"http://127.0.0.1:1\",\"role\":\"Leader\","
               "\"current_leader\":0,\"current_term\":18446744073709551615,\"last_log_index\":12,"
               "\"last_applied_index\":10,\"voters\":[0,16567651843397726608],"
               "\"kv\":{\"a\":\"9\",\"b\":1}}"));
    vd_bench_put_of(
        bench, "n1", "get", "/state", "ok",
        vd_str("{\"node_id\":16567651843397726608,\"role\":\"Follower\",\"current_leader\":null,"
               "\"current_term\":18446744073709551615,\"last_log_index\":null,"
               "\"last_applied_index\":10,\"voters\":[16567651843397726608,0],"
               "\"kv\":{\"b\":1,\"a\":\"9\"}}"));
    expect(bench,
           "member_joined {\"member\":\"n0\",\"id\":\"0\",\"reader\":\"openraft\"}\n"
           "member_joined "
           "{\"member\":\"n1\",\"id\":\"16567651843397726608\",\"reader\":\"openraft\"}\n"
           "term_advanced {\"term\":18446744073709551615,\"previous\":0}\n"
           "leader_elected {\"leader\":\"n0\",\"term\":18446744073709551615,\"previous\":null}\n");
    expect_view(bench, "\"all_voters_match\":true,\"all_values_match\":true");
    expect_view(bench, "\"index\":null,\"applied\":10,\"lag\":null,");
}

/* A member that talks nonsense is told with its error; the others are not touched. */
static void keeps_nonsense_apart(void **state)
{
    static const char *const bodies[] = {"not json",
                                         "{}",
                                         "[]",
                                         "{\"header\":[],\"raftTerm\":\"2\"}",
                                         "{\"header\":{\"member_id\":7},\"raftTerm\":\"-2\"}",
                                         "{\"header\":{\"member_id\":\"\"},\"raftTerm\":\"2\"}"};
    vd_bench_t *bench = *state;
    trio(bench);
    for (size_t at = 0; at < sizeof bodies / sizeof bodies[0]; at++) {
        vd_bench_put_of(bench, "m3", "post", STATUS, "ok", vd_str(bodies[at]));
        assert_int_equal(vd_bench_turn(bench), VD_OK);
        assert_int_equal(bench->turn.count, at == 2);
        vd_bench_commit(bench);
    }
    expect_view(bench, "\"agreed_leader\":\"m1\"");
    expect_view(bench, "\"name\":\"m3\",\"role\":\"unknown\",\"reachable\":false,\"term\":null");
    expect_view(bench, "\"error\":\"not the status of an etcd member");
    expect_view(bench, "\"reachable_count\":2");
}

/* ---- leaders ---- */

static void hands_over_in_one_turn(void **state)
{
    vd_bench_t *bench = *state;
    trio(bench);
    fail_read(bench, "m1", "unreachable");
    say(bench, "m3", 3, "m3");
    expect(bench, "term_advanced {\"term\":3,\"previous\":2}\n"
                  "leader_lost {\"leader\":\"m1\",\"term\":2,\"reason\":\"new_term\"}\n"
                  "leader_elected {\"leader\":\"m3\",\"term\":3,\"previous\":\"m1\"}\n");
    /* It comes back from a stop with its old claim. */
    say(bench, "m1", 2, "m1");
    expect(bench, "");
    say(bench, "m1", 3, "m3");
    expect(bench, "");
    expect_view(bench, "\"agreed_leader\":\"m3\",\"term\":3");
}

static void does_not_believe_survivors(void **state)
{
    vd_bench_t *bench = *state;
    trio(bench);
    for (int reads = 0; reads < 2; reads++) {
        fail_read(bench, "m1", "timed_out");
        say(bench, "m2", 2, "m1");
        say(bench, "m3", 2, "m1");
        expect(bench, "");
    }
    fail_read(bench, "m1", "timed_out");
    assert_int_equal(vd_bench_turn(bench), VD_OK);
    assert_int_equal(bench->turn.count, 2);
    assert_true(vd_str_is(vd_bench_event(bench, 0).type, "member_unreachable"));
    assert_true(vd_str_is(vd_bench_event(bench, 1).type, "leader_lost"));
    vd_bench_commit(bench);
    say(bench, "m2", 2, "m1");
    expect(bench, "");
    expect_view(bench, "\"leader\":null,\"agreed_leader\":null");
    expect_view(bench, "\"names_leader\":\"m1\"");
    say(bench, "m1", 2, "m1");
    expect(bench, "");
    say(bench, "m1", 2, "m1");
    expect(bench, "member_recovered {\"member\":\"m1\",\"id\":\"m1\"}\n"
                  "leader_elected {\"leader\":\"m1\",\"term\":2,\"previous\":\"m1\"}\n");
}

static void loses_who_steps_down(void **state)
{
    vd_bench_t *bench = *state;
    trio(bench);
    say(bench, "m1", 2, "");
    expect(bench, "leader_lost {\"leader\":\"m1\",\"term\":2,\"reason\":\"stepped_down\"}\n");
    expect_view(bench, "\"agreed_leader\":null");
}

static void follows_the_majority_into_a_term(void **state)
{
    vd_bench_t *bench = *state;
    trio(bench);
    say(bench, "m2", 7, ""); /* alone it has run ahead: the others go on */
    expect(bench, "");
    say(bench, "m3", 3, "");
    expect(bench, "term_advanced {\"term\":3,\"previous\":2}\n"
                  "leader_lost {\"leader\":\"m1\",\"term\":2,\"reason\":\"new_term\"}\n");
    say(bench, "m1", 2, "m1"); /* it does not know yet */
    expect(bench, "");
}

static void loses_the_leader_without_a_majority(void **state)
{
    vd_bench_t *bench = *state;
    trio(bench);
    for (int reads = 0; reads < 3; reads++) {
        fail_read(bench, "m2", "unreachable");
        fail_read(bench, "m3", "unreachable");
        say(bench, "m1", 2, "m1");
        pass(bench);
    }
    assert_int_equal(bench->turn.count, 3);
    vd_event_t event = vd_bench_event(bench, 2);
    assert_true(vd_str_is(event.type, "leader_lost"));
    expect_view(bench, "\"agreed_leader\":null");
    expect_view(bench, "\"quorum\":false");
    say(bench, "m2", 2, "m1");
    expect(bench, "");
    say(bench, "m2", 2, "m1");
    expect(bench, "member_recovered {\"member\":\"m2\",\"id\":\"m2\"}\n"
                  "leader_elected {\"leader\":\"m1\",\"term\":2,\"previous\":\"m1\"}\n");
}

static void believes_a_cluster_made_anew(void **state)
{
    vd_bench_t *bench = *state;
    say(bench, "m1", 40, "m1");
    say(bench, "m2", 40, "m1");
    say(bench, "m3", 40, "m1");
    pass(bench);
    for (int reads = 0; reads < 5; reads++) {
        say(bench, "m2", 2, "m2");
        say(bench, "m3", 2, "m2");
        pass(bench);
        assert_int_equal(bench->turn.count, 0); /* m1 still knows term 40 */
    }
    say(bench, "m1", 2, "m2");
    expect(bench, "term_reset {\"term\":2,\"previous\":40}\n"
                  "leader_lost {\"leader\":\"m1\",\"term\":40,\"reason\":\"new_term\"}\n"
                  "leader_elected {\"leader\":\"m2\",\"term\":2,\"previous\":\"m1\"}\n");
}

/* ---- two leaders ---- */

static void suspects_two_of_one_term(void **state)
{
    vd_bench_t *bench = *state;
    trio(bench);
    say(bench, "m2", 2, "m2");
    expect(bench, "split_brain_suspected {\"reason\":\"same_term\",\"claims\":["
                  "{\"member\":\"m1\",\"term\":2},{\"member\":\"m2\",\"term\":2}]}\n"
                  "leader_lost {\"leader\":\"m1\",\"term\":2,\"reason\":\"split\"}\n");
    expect_view(bench, "\"split_brain\":true");
    say(bench, "m2", 2, "m1");
    expect(bench, "split_brain_ended {\"claims\":[{\"member\":\"m1\",\"term\":2}]}\n"
                  "leader_elected {\"leader\":\"m1\",\"term\":2,\"previous\":\"m1\"}\n");
}

static void suspects_two_that_stay(void **state)
{
    vd_bench_t *bench = *state;
    trio(bench);
    say(bench, "m3", 3, "m3");
    say(bench, "m2", 3, "m3");
    pass(bench);
    for (int reads = 0; reads < 4; reads++) {
        expect(bench, "");
        say(bench, "m1", 2, "m1");
        say(bench, "m3", 3, "m3");
    }
    expect(bench, "split_brain_suspected {\"reason\":\"sustained\",\"claims\":["
                  "{\"member\":\"m1\",\"term\":2},{\"member\":\"m3\",\"term\":3}]}\n");
    expect_view(bench, "\"agreed_leader\":\"m3\"");
    say(bench, "m1", 3, "m3");
    expect(bench, "split_brain_ended {\"claims\":[{\"member\":\"m3\",\"term\":3}]}\n");
}

/* Old claims of a member that nobody has read since are no second leader. */
static void does_not_suspect_stale_claims(void **state)
{
    vd_bench_t *bench = *state;
    trio(bench);
    for (int reads = 0; reads < 6; reads++)
        say(bench, "m1", 2, "m1");
    expect(bench, "");
    for (int reads = 0; reads < 12; reads++) {
        say(bench, "m2", 3, "m3");
        say(bench, "m3", 3, "m3");
        pass(bench);
        assert_int_equal(bench->turn.count, reads == 0 ? 3 : 0);
    }
    expect_view(bench, "\"split_brain\":false");
}

static void takes_two_sources_of_a_member_for_one(void **state)
{
    vd_bench_t *bench = *state;
    trio(bench);
    add_source(bench, "same", "raft", "openraft");
    vd_bench_put_of(bench, "same", "get", "/state", "ok",
                    vd_str("{\"node_id\":\"m1\",\"role\":\"Leader\",\"current_leader\":\"m1\","
                           "\"current_term\":2}"));
    expect(bench, "member_joined {\"member\":\"same\",\"id\":\"m1\",\"reader\":\"openraft\"}\n");
}

/* ---- members ---- */

static void follows_the_sources(void **state)
{
    vd_bench_t *bench = *state;
    trio(bench);
    say(bench, "m4", 2, "m1");
    expect(bench, "member_joined {\"member\":\"m4\",\"id\":\"m4\",\"reader\":\"etcd\"}\n");
    vd_bench_drop(bench, "m4");
    bench->samples->complete = false; /* not every source is known yet: it may be there */
    expect(bench, "");
    bench->samples->complete = true;
    expect(bench, "member_left {\"member\":\"m4\",\"id\":\"m4\",\"reason\":\"removed\"}\n");
    vd_bench_drop(bench, "m1");
    expect(bench, "member_left {\"member\":\"m1\",\"id\":\"m1\",\"reason\":\"removed\"}\n"
                  "leader_lost {\"leader\":\"m1\",\"term\":2,\"reason\":\"removed\"}\n");
}

static void tells_a_replaced_member(void **state)
{
    vd_bench_t *bench = *state;
    trio(bench);
    vd_bench_put_of(bench, "m3", "post", STATUS, "ok",
                    vd_str("{\"header\":{\"member_id\":\"77\"},\"raftTerm\":\"2\"}"));
    expect(bench, "member_left {\"member\":\"m3\",\"id\":\"m3\",\"reason\":\"replaced\"}\n"
                  "member_joined {\"member\":\"m3\",\"id\":\"77\",\"reader\":\"etcd\"}\n");
}

static void tells_who_never_answered(void **state)
{
    vd_bench_t *bench = *state;
    trio(bench);
    add_source(bench, "m4", "raft", NULL);
    expect(bench, "");
    for (int reads = 0; reads < 2; reads++) {
        fail_read(bench, "m4", "unreachable");
        expect(bench, "");
    }
    fail_read(bench, "m4", "unreachable");
    expect(bench, "member_joined {\"member\":\"m4\",\"id\":null,\"reader\":\"etcd\"}\n"
                  "member_unreachable {\"member\":\"m4\",\"samples\":3,\"error\":\"unreachable\","
                  "\"heard_at\":null}\n");
    say(bench, "m4", 2, "m1");
    expect(bench, "");
    say(bench, "m4", 2, "m1");
    expect(bench, "member_recovered {\"member\":\"m4\",\"id\":\"m4\"}\n");
}

static void ages_the_silent(void **state)
{
    vd_bench_t *bench = *state;
    trio(bench);
    for (int reads = 0; reads < 40; reads++) {
        fail_read(bench, "m3", "timed_out");
        say(bench, "m2", 2, "m1");
        pass(bench);
    }
    /* 7 ms between samples, and 80 of them since. */
    expect_view(bench, "\"name\":\"m3\",\"role\":\"unknown\",\"reachable\":false,\"term\":null,"
                       "\"index\":null,\"applied\":null,\"lag\":null,\"age_ms\":560,");
}

static void reads_only_what_is_selected(void **state)
{
    vd_bench_t *bench = *state;
    add_source(bench, "other", "web", NULL);
    add_source(bench, "strange", "raft", "paxos");
    assert_int_equal(vd_samples_source_count(bench->samples), 0);
    add_source(bench, "m1", "raft", "openraft");
    assert_int_equal(vd_samples_source_count(bench->samples), 1);
}

static void refuses_bad_selectors(void **state)
{
    (void)state;
    static const char *const bad[] = {"app", "=raft", "app=raft,,a=b",
                                      "a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1"};
    for (size_t at = 0; at < sizeof bad / sizeof bad[0]; at++) {
        char toml[256], error[1024] = "";
        vd_config_t *config = NULL;
        vd_buffer_t errors;
        void *observer = NULL;
        vd_buffer_init(&errors, 4096);
        vd_config_table_t table = {.path = VD_RAFT_TABLE, .rows = vd_raft_observer.config};
        snprintf(toml, sizeof toml, "[%s]\nselector = \"%s\"\n", VD_RAFT_TABLE, bad[at]);
        assert_int_equal(vd_config_parse("test", vd_str(toml), &table, 1, &config, &errors), VD_OK);
        vd_status_t status = vd_raft_observer.init(&observer, config, error, sizeof error);
        assert_int_equal(status, VD_CONFIG);
        assert_non_null(strstr(error, bad[at]));
        vd_config_destroy(&config);
        vd_buffer_free(&errors);
    }
}

static vd_status_t ask(const vd_bench_t *bench, const char *query, const char *argument,
                       const char *wanted)
{
    vd_buffer_t args, out, text;
    vd_buffer_init(&args, 256);
    vd_buffer_init(&out, 1 << 16);
    vd_buffer_init(&text, 1 << 16);
    vd_write_array(&args, argument != NULL);
    if (argument)
        vd_write_text(&args, argument);
    vd_status_t status = bench->observer->query(bench->state, bench->samples, vd_str(query),
                                                vd_buffer_view(&args), &out);
    if (status == VD_OK) {
        vd_value_json(&text, vd_buffer_view(&out));
        vd_buffer_add(&text, "", 1);
        assert_non_null(strstr((const char *)text.data, wanted));
    }
    vd_buffer_free(&args);
    vd_buffer_free(&out);
    vd_buffer_free(&text);
    return status;
}

static void answers_queries(void **state)
{
    vd_bench_t *bench = *state;
    assert_int_equal(ask(bench, "leader", NULL, "null"), VD_OK);
    trio(bench);
    assert_int_equal(ask(bench, "leader", NULL, "{\"name\":\"m1\",\"role\":\"leader\""), VD_OK);
    assert_int_equal(ask(bench, "member", "m2", "{\"name\":\"m2\",\"role\":\"follower\""), VD_OK);
    assert_int_equal(ask(bench, "members", NULL, "\"name\":\"m3\""), VD_OK);
    assert_int_equal(ask(bench, "member", "m9", ""), VD_NOT_FOUND);
    assert_int_equal(ask(bench, "member", NULL, ""), VD_USAGE);
    assert_int_equal(ask(bench, "follower", NULL, ""), VD_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_etcd),
        TEST(reads_openraft),
        TEST(keeps_nonsense_apart),
        TEST(hands_over_in_one_turn),
        TEST(does_not_believe_survivors),
        TEST(loses_who_steps_down),
        TEST(follows_the_majority_into_a_term),
        TEST(loses_the_leader_without_a_majority),
        TEST(believes_a_cluster_made_anew),
        TEST(suspects_two_of_one_term),
        TEST(suspects_two_that_stay),
        TEST(does_not_suspect_stale_claims),
        TEST(takes_two_sources_of_a_member_for_one),
        TEST(follows_the_sources),
        TEST(tells_a_replaced_member),
        TEST(tells_who_never_answered),
        TEST(ages_the_silent),
        TEST(reads_only_what_is_selected),
        cmocka_unit_test(refuses_bad_selectors),
        TEST(answers_queries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_chaos_script.c: lines of a script, the schedule that a seed means, and what is reported. */
#include "chaos/plan.h"
#include "chaos/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void parse(const char *text, chaos_line_t *line)
{
    char error[CHAOS_ERROR_BYTES];
    if (chaos_line_parse(text, line, error) != VD_OK)
        fail_msg("%s: %s", text, error);
}

static void refused(const char *text, const char *because)
{
    char error[CHAOS_ERROR_BYTES];
    chaos_line_t line;
    assert_int_equal(chaos_line_parse(text, &line, error), VD_USAGE);
    if (strstr(error, because) == NULL)
        fail_msg("%s: expected '%s' in: %s", text, because, error);
}

static void a_line_is_read(void **state)
{
    (void)state;
    chaos_line_t line;
    parse("  after 1.5s  stop host 250ms + kill supervisor\t# both at once\n", &line);
    assert_int_equal(line.after_ms, 1500);
    assert_int_equal(line.count, 2);
    assert_int_equal(line.steps[0].kind, CHAOS_STOP);
    assert_string_equal(line.steps[0].target, "host");
    assert_int_equal(line.steps[0].for_ms, 250);
    assert_int_equal(line.steps[1].kind, CHAOS_KILL);
    assert_string_equal(line.steps[1].target, "supervisor");
    parse("crash_loop poller-1 7", &line);
    assert_int_equal(line.steps[0].number, 7);
}

static void what_says_nothing_is_no_line(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "   ", "# kill host", "\n", " \t # "};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        chaos_line_t line;
        parse(texts[i], &line);
        assert_int_equal(line.count, 0);
    }
}

static void arguments_have_defaults(void **state)
{
    (void)state;
    chaos_line_t line;
    parse("stop host", &line);
    assert_int_equal(line.steps[0].for_ms, 1000);
    parse("crash_loop host", &line);
    assert_int_equal(line.steps[0].number, 3);
}

static void each_example_is_a_line_of_its_fault(void **state)
{
    (void)state;
    chaos_line_t line;
    char error[CHAOS_ERROR_BYTES];
    for (int i = 0; i < CHAOS_KINDS; i++) {
        const chaos_row_t *row = chaos_row((chaos_kind_t)i);
        assert_int_equal(chaos_line_parse(row->example, &line, error), VD_OK);
        assert_true(line.count == 1 && line.steps[0].kind == (chaos_kind_t)i);
        assert_true(row->help[0] != 0 && row->more[0] != 0);
    }
}

static void a_mistake_is_told_with_the_remedy(void **state)
{
    (void)state;
    char many[CHAOS_LINE_BYTES + 8];
    refused("kil host", "did you mean kill?");
    refused("xyzzyx host", "vedette chaos list");
    refused("kill", "usage: kill ACTOR");
    refused("kill ho%st", "vedette ps");
    refused("kill host 3", "3 is too much");
    refused("stop host soon", "a duration such as");
    refused("stop host 0", "a duration such as");
    refused("garbage host 0", "a number above 0");
    refused("garbage host -1", "a number above 0");
    refused("garbage host 99999999999", "a number above 0");
    refused("crash_loop host 0", "a number from 1 to 50");
    refused("crash_loop host 51", "a number from 1 to 50");
    refused("disk_slow ingestor 10001", "a number from 1 to 10000");
    refused("clock host 1h", "at least 20s, in whole seconds");
    refused("clock host +2s", "at least 20s, in whole seconds");
    refused("clock host -19s", "at least 20s, in whole seconds");
    refused("clock host +20500ms", "at least 20s, in whole seconds");
    refused("after kill host", "after 2s kill host");
    refused("after 2s", "after 2s kill host");
    refused("kill host +", "before and behind each +");
    refused("+ kill host", "before and behind each +");
    refused("kill a + kill b + kill c + kill d + kill e + kill f + kill g + kill h + kill i",
            "at most 8 faults");
    memset(many, 'x', sizeof many - 1);
    many[sizeof many - 1] = 0;
    refused(many, "at most 4095 bytes");
    for (size_t i = 0; i + 1 < sizeof many; i += 2)
        memcpy(many + i, "k ", 2);
    many[200] = 0;
    refused(many, "at most 64 words");
}

static void what_the_supervisor_cannot_have_is_refused(void **state)
{
    (void)state;
    static const char *const have[] = {"kill", "stop", "clock", "garbage", "hostile"};
    for (int i = 0; i < CHAOS_KINDS; i++) {
        const char *name = chaos_row((chaos_kind_t)i)->name;
        bool has = false;
        char text[64];
        chaos_line_t line;
        for (size_t j = 0; j < sizeof have / sizeof *have; j++)
            has = has || strcmp(have[j], name) == 0;
        snprintf(text, sizeof text, "%s supervisor", name);
        if (has)
            parse(text, &line);
        else
            refused(text, "not the supervisor, which has kill, stop, clock, garbage, hostile");
    }
    chaos_line_t line;
    parse("hostile supervisor.control 10", &line);
    assert_string_equal(line.steps[0].port, "control");
}

static void faults_that_would_undo_each_other_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "stop host 1s + stop host 3s",
        "memory broker 64K 1s + kill host + memory broker 64K 2s",
        "descriptors broker + descriptors broker",
        "disk_full ingestor 1s + disk_slow ingestor 200 5s",
        "disk_error ingestor + disk_full ingestor",
        "clock all + clock host",
        "clock host + clock all",
        "clock host +1h + clock host -1h",
        "missing_executable host + missing_executable host",
    };
    static const char *const good[] = {
        "stop host 1s + stop static 3s",
        "memory broker 64K + descriptors broker",
        "kill host + kill host",
        "clock host + clock static",
        "disk_full ingestor + stop ingestor",
        "garbage host + hostile host",
        "stop host + crash_loop host 3",
    };
    chaos_line_t line;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused(bad[i], "in one line: each would undo the other");
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        parse(good[i], &line);
}

/* Of every fault with its defaults, and of whatever a plan brings. */
static void a_line_that_was_written_reads_the_same(void **state)
{
    (void)state;
    chaos_line_t line, again;
    char text[CHAOS_LINE_BYTES], twice[CHAOS_LINE_BYTES];
    for (int i = 0; i < CHAOS_KINDS; i++) {
        snprintf(text, sizeof text, "after 1250ms %s ingestor + kill host",
                 chaos_row((chaos_kind_t)i)->name);
        parse(text, &line);
        chaos_line_format(&line, text);
        parse(text, &again);
        chaos_line_format(&again, twice);
        assert_string_equal(text, twice);
    }
}

/* ---- plans ---- */

static const char *const actors[] = {"broker", "host", "ingestor", "poller-1", "supervisor"};

static chaos_plan_setup_t setup_of(uint64_t seed)
{
    chaos_plan_setup_t setup = {
        .seed = seed, .actors = actors, .actor_count = 5, .every_ms = 1000, .count = 200};
    setup.mute[3] = true;
    for (int i = 0; i < CHAOS_KINDS; i++)
        setup.kinds[i] = true;
    return setup;
}

static void a_seed_means_one_script(void **state)
{
    (void)state;
    static chaos_plan_t first, second, other;
    chaos_plan_setup_t setup = setup_of(7);
    chaos_plan_init(&first, &setup);
    chaos_plan_init(&second, &setup);
    setup.seed = 8;
    chaos_plan_init(&other, &setup);
    chaos_line_t line;
    size_t lines = 0, different = 0;
    while (chaos_plan_next(&first, &line)) {
        char text[CHAOS_LINE_BYTES], again[CHAOS_LINE_BYTES];
        chaos_line_format(&line, text);
        assert_true(chaos_plan_next(&second, &line));
        chaos_line_format(&line, again);
        assert_string_equal(text, again);
        parse(text, &line);
        chaos_line_format(&line, again);
        assert_string_equal(text, again);
        if (chaos_plan_next(&other, &line))
            chaos_line_format(&line, again);
        different += strcmp(text, again) != 0;
        lines++;
    }
    assert_int_equal(lines, 200);
    assert_true(different > 150);
}

static void a_plan_kills_no_actor_faster_than_it_may(void **state)
{
    (void)state;
    static chaos_plan_t plan;
    for (uint64_t seed = 0; seed < 50; seed++) {
        int64_t times[5][512], at_ms = 0;
        size_t counts[5] = {0};
        chaos_plan_setup_t setup = setup_of(seed);
        chaos_line_t line;
        chaos_plan_init(&plan, &setup);
        while (chaos_plan_next(&plan, &line)) {
            const chaos_step_t *step = &line.steps[0];
            at_ms += line.after_ms;
            size_t actor = 0;
            while (strcmp(actors[actor], step->target) != 0)
                actor++;
            uint64_t deaths = chaos_plan_deaths(step);
            for (uint64_t i = 0; i < deaths; i++)
                times[actor][counts[actor]++] = at_ms;
            assert_true(chaos_plan_fits(step->kind, step->target, setup.mute[actor]));
        }
        for (size_t actor = 0; actor < 5; actor++)
            for (size_t i = CHAOS_PLAN_DEATHS; i < counts[actor]; i++)
                assert_true(times[actor][i] - times[actor][i - CHAOS_PLAN_DEATHS] >=
                            CHAOS_PLAN_WINDOW_MS);
    }
}

static void a_plan_ends_at_its_limits(void **state)
{
    (void)state;
    static chaos_plan_t plan;
    chaos_plan_setup_t setup = setup_of(1);
    chaos_line_t line;
    uint64_t kills = 0;
    setup.count = 0;
    setup.kills = 31;
    setup.every_ms = 0;
    chaos_plan_init(&plan, &setup);
    while (chaos_plan_next(&plan, &line)) {
        assert_int_equal(line.after_ms, 0);
        kills += chaos_plan_deaths(&line.steps[0]);
    }
    assert_int_equal(kills, 31);
    setup = setup_of(1);
    setup.count = 0;
    setup.for_ms = 30000;
    int64_t at_ms = 0;
    chaos_plan_init(&plan, &setup);
    while (chaos_plan_next(&plan, &line))
        at_ms += line.after_ms;
    assert_in_range(at_ms, 20000, 30000);
}

/* A gap after the other is let pass until deaths are forgotten, however short the gaps are. */
static void a_plan_waits_until_it_may_go_on(void **state)
{
    (void)state;
    static chaos_plan_t plan;
    static const char *const one[] = {"ingestor"};
    for (int64_t every_ms = 20; every_ms <= 2000000; every_ms *= 10) {
        chaos_plan_setup_t setup = {
            .seed = 3, .actors = one, .actor_count = 1, .every_ms = every_ms, .kills = 20};
        chaos_line_t line;
        setup.kinds[CHAOS_KILL] = true;
        chaos_plan_init(&plan, &setup);
        size_t lines = 0;
        while (chaos_plan_next(&plan, &line))
            lines++;
        assert_int_equal(lines, 20);
        assert_true(chaos_plan_whole(&plan));
    }
}

static void a_plan_that_ends_short_says_so(void **state)
{
    (void)state;
    static chaos_plan_t plan;
    chaos_plan_setup_t setup = setup_of(1);
    chaos_line_t line;
    setup.count = 0;
    setup.kills = 1;
    memset(setup.kinds, 0, sizeof setup.kinds);
    setup.kinds[CHAOS_CRASH_LOOP] = true; /* of two at least */
    chaos_plan_init(&plan, &setup);
    assert_false(chaos_plan_next(&plan, &line));
    assert_false(chaos_plan_whole(&plan));
    assert_true(chaos_plan_kills(CHAOS_CRASH_LOOP) && !chaos_plan_kills(CHAOS_STOP));
}

/* ---- reports ---- */

static void note(chaos_report_t *report, chaos_phase_t phase, const char *target, double recovered)
{
    chaos_step_t step = {.kind = CHAOS_KILL};
    vd_str_copy(step.target, sizeof step.target, vd_str(target));
    chaos_note_t one = {.phase = phase,
                        .number = 1,
                        .line = 1,
                        .step = &step,
                        .detected_ms = recovered < 0 ? CHAOS_NO_TIME : recovered / 2,
                        .recovered_ms = recovered};
    chaos_report_take(report, &one);
}

static void times_are_of_the_nearest_rank(void **state)
{
    (void)state;
    static chaos_report_t report;
    for (int i = 100; i >= 1; i--)
        note(&report, CHAOS_RECOVERED, "host", i);
    note(&report, CHAOS_RECOVERED, "host", CHAOS_NO_TIME);
    chaos_target_t *host = chaos_report_target(&report, "host");
    assert_int_equal(host->recovered.count, 100);
    assert_true(chaos_times_at(&host->recovered, 50) == 50);
    assert_true(chaos_times_at(&host->recovered, 99) == 99);
    assert_true(chaos_times_at(&host->recovered, 100) == 100);
    assert_true(chaos_times_at(&host->detected, 50) == 25);
    assert_true(chaos_times_at(&chaos_report_target(&report, "none")->detected, 50) < 0);
    chaos_report_free(&report);
}

static void a_run_is_good_when_every_fault_went_all_the_way(void **state)
{
    (void)state;
    for (int missing = CHAOS_PROVED; missing <= CHAOS_FAILED; missing++) {
        static chaos_report_t report;
        memset(&report, 0, sizeof report);
        for (int phase = CHAOS_INJECTED; phase <= CHAOS_RECOVERED; phase++)
            if (phase != missing)
                note(&report, (chaos_phase_t)phase, "host", CHAOS_NO_TIME);
        assert_int_equal(chaos_report_good(&report), missing == CHAOS_FAILED);
        note(&report, CHAOS_FAILED, "host", CHAOS_NO_TIME);
        assert_false(chaos_report_good(&report));
        chaos_report_free(&report);
    }
}

static void what_is_written_is_whole(void **state)
{
    (void)state;
    static chaos_report_t report;
    vd_buffer_t out;
    vd_value_t map, value;
    note(&report, CHAOS_INJECTED, "host", CHAOS_NO_TIME);
    note(&report, CHAOS_RECOVERED, "host", 12.5);
    vd_buffer_init(&out, 1 << 16);
    chaos_report_write(&report, &out);
    assert_true(vd_value_of(vd_buffer_view(&out), &map));
    assert_true(vd_value_get(&map, "actors", &value) && value.count == 1);
    vd_buffer_clear(&out);
    chaos_report_text(&report, &out);
    vd_buffer_add(&out, "", 1);
    assert_non_null(strstr((const char *)out.data, "12.5"));
    for (const char *line = (const char *)out.data; *line != 0; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 100);
    chaos_step_t step = {.kind = CHAOS_STOP, .target = "host", .for_ms = 500};
    for (int phase = 0; phase < CHAOS_PHASES; phase++) {
        chaos_note_t one = {.phase = (chaos_phase_t)phase,
                            .step = &step,
                            .pid = phase % 2 == 0 ? 0 : 7,
                            .detected_ms = phase == 0 ? CHAOS_NO_TIME : 1,
                            .recovered_ms = phase < 2 ? CHAOS_NO_TIME : 2};
        vd_buffer_clear(&out);
        chaos_note_write(&one, &out);
        assert_true(vd_value_of(vd_buffer_view(&out), &map));
        assert_true(vd_str_is(vd_value_get_str(&map, "fault"), "stop"));
        vd_buffer_clear(&out);
        chaos_note_event(&one, &out);
        assert_true(vd_value_of(vd_buffer_view(&out), &map));
    }
    vd_buffer_free(&out);
    chaos_report_free(&report);
}

static void a_time_has_three_decimals(void **state)
{
    (void)state;
    chaos_step_t step = {.kind = CHAOS_KILL, .target = "host"};
    chaos_note_t one = {.phase = CHAOS_RECOVERED,
                        .step = &step,
                        .detected_ms = 0.00049,
                        .recovered_ms = 6.921736999163032};
    vd_buffer_t out;
    vd_value_t map;
    vd_buffer_init(&out, 4096);
    chaos_note_write(&one, &out);
    assert_true(vd_value_of(vd_buffer_view(&out), &map));
    assert_true(vd_value_get_f64(&map, "recovered_ms", -1) == 6.922);
    assert_true(vd_value_get_f64(&map, "detected_ms", -1) == 0);
    vd_buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_read),
        cmocka_unit_test(what_says_nothing_is_no_line),
        cmocka_unit_test(arguments_have_defaults),
        cmocka_unit_test(each_example_is_a_line_of_its_fault),
        cmocka_unit_test(a_mistake_is_told_with_the_remedy),
        cmocka_unit_test(what_the_supervisor_cannot_have_is_refused),
        cmocka_unit_test(faults_that_would_undo_each_other_are_refused),
        cmocka_unit_test(a_line_that_was_written_reads_the_same),
        cmocka_unit_test(a_seed_means_one_script),
        cmocka_unit_test(a_plan_kills_no_actor_faster_than_it_may),
        cmocka_unit_test(a_plan_ends_at_its_limits),
        cmocka_unit_test(a_plan_waits_until_it_may_go_on),
        cmocka_unit_test(a_plan_that_ends_short_says_so),
        cmocka_unit_test(times_are_of_the_nearest_rank),
        cmocka_unit_test(a_run_is_good_when_every_fault_went_all_the_way),
        cmocka_unit_test(what_is_written_is_whole),
        cmocka_unit_test(a_time_has_three_decimals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

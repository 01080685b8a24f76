/* test_observers.c: the observers host and services on recorded files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "kit/listeners.h"
#include "laws/observer_fixture.h"
#include "machine/machine.h"
#include "services/services.h"

#include <stdio.h>

static const char tcp_heading[] =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n";
static const char tcp_ssh[] =
    "   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
    "20151 1 0000000000000000 100 0 0 10 0\n";
static const char tcp_python[] =
    "   1: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 "
    "48822 1 0000000000000000 100 0 0 10 0\n";
static const char tcp_connection[] =
    "   2: 0100007F:1F40 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 "
    "48999 1 0000000000000000 20 4 30 10 -1\n";
static const char tcp6_web[] =
    "   0: 0000000000000000FFFF00000100007F:0050 00000000000000000000000000000000:0000 0A "
    "00000000:00000000 00:00000000 00000000    33        0 30001 1 0000000000000000 100 0 0 10 0\n"
    "   1: B80D01200000000000000000DA160000:01BB 00000000000000000000000000000000:0000 0A "
    "00000000:00000000 00:00000000 00000000    33        0 30002 1 0000000000000000 100 0 0 10 0\n";

/* ---- listeners ---- */

static void test_tables_are_parsed(void **state)
{
    char text[2048];
    vd_listeners_t listeners = {0};
    (void)state;
    snprintf(text, sizeof text, "%s%s%s%s", tcp_heading, tcp_ssh, tcp_python, tcp_connection);
    assert_true(vd_listeners_add(&listeners, VD_TCP, vd_str(text)));
    snprintf(text, sizeof text, "%s%s", tcp_heading, tcp6_web);
    assert_true(vd_listeners_add(&listeners, VD_TCP6, vd_str(text)));
    vd_listeners_sort(&listeners);
    assert_int_equal(listeners.count, 4);
    assert_string_equal(listeners.list[0].address, "0.0.0.0");
    assert_int_equal(listeners.list[0].port, 22);
    assert_int_equal(listeners.list[0].inode, 20151);
    assert_string_equal(listeners.list[1].address, "127.0.0.1");
    assert_int_equal(listeners.list[1].port, 8000);
    assert_string_equal(listeners.list[2].address, "2001:db8::16da");
    assert_int_equal(listeners.list[2].port, 443);
    assert_string_equal(listeners.list[3].address, "::ffff:127.0.0.1");
    vd_listeners_free(&listeners);
}

static void test_addresses_are_written_as_people_do(void **state)
{
    static const struct {
        const char *words, *text;
    } rows[] = {
        {"00000000000000000000000000000000", "::"},
        {"00000000000000000000000001000000", "::1"},
        {"000080FE00000000FFD2A802C4E1A1FE", "fe80::2a8:d2ff:fea1:e1c4"},
        {"B80D0120010000000000000001000000", "2001:db8:0:1::1"},
        {"B80D0120000001000100010001000100", "2001:db8:1:0:1:1:1:1"},
        {"B80D0120000000000000000000000100", "2001:db8::1:0"},
    };
    (void)state;
    for (size_t at = 0; at < sizeof rows / sizeof rows[0]; at++) {
        char text[1024];
        vd_listeners_t listeners = {0};
        snprintf(text, sizeof text, "%s 0: %s:0050 %032d:0000 0A 0:0 0:0 0 0 0 9 1\n", tcp_heading,
                 rows[at].words, 0);
        assert_true(vd_listeners_add(&listeners, VD_TCP6, vd_str(text)));
        assert_int_equal(listeners.count, 1);
        assert_string_equal(listeners.list[0].address, rows[at].text);
        vd_listeners_free(&listeners);
    }
}

static void test_cut_tables_and_garbage_are_harmless(void **state)
{
    char text[2048];
    (void)state;
    int size = snprintf(text, sizeof text, "%s%s%s", tcp_heading, tcp_ssh, tcp6_web);
    for (int cut = 0; cut <= size; cut++) {
        vd_listeners_t listeners = {0};
        assert_true(vd_listeners_add(&listeners, VD_TCP, vd_bytes(text, (size_t)cut)));
        /* The address of IPv6 has no place in this table. */
        assert_true(listeners.count <= 1);
        vd_listeners_free(&listeners);
    }
}

/* ---- services ---- */

static void show_tables(vd_bench_t *bench, const char *tcp, const char *tcp6)
{
    char text[4096];
    snprintf(text, sizeof text, "%s%s", tcp_heading, tcp);
    vd_bench_put(bench, "read", "/proc/net/tcp", text);
    snprintf(text, sizeof text, "%s%s", tcp_heading, tcp6);
    vd_bench_put(bench, "read", "/proc/net/tcp6", text);
}

static void answer_links(vd_bench_t *bench, const vd_read_record_t *read, const char *path,
                         const char *target)
{
    vd_buffer_t out;
    vd_buffer_init(&out, 4096);
    vd_write_array(&out, path ? 1 : 0);
    if (path) {
        vd_write_array(&out, 2);
        vd_write_text(&out, path);
        vd_write_text(&out, target);
    }
    vd_bench_answer(bench, read, "ok", vd_buffer_view(&out));
    vd_buffer_free(&out);
}

static vd_read_record_t only_read(const vd_bench_t *bench)
{
    vd_bytes_t rest = vd_buffer_view(&bench->turn.reads);
    vd_read_record_t read;
    assert_int_equal(bench->turn.read_count, 1);
    assert_true(vd_bench_next_read(&rest, &read));
    return read;
}

static void run(vd_bench_t *bench)
{
    assert_int_equal(vd_bench_turn(bench), VD_OK);
}

/* An empty machine, listed. */
static void open_services(vd_bench_t *bench)
{
    vd_bench_open(bench, &vd_services_observer, "");
    show_tables(bench, "", "");
    run(bench);
    assert_int_equal(bench->turn.count, 1);
    vd_event_t event = vd_bench_event(bench, 0);
    assert_true(vd_str_is(event.type, "services_listed"));
    vd_bench_commit(bench);
}

static void test_a_server_is_named(void **state)
{
    vd_bench_t bench;
    vd_buffer_t text;
    (void)state;
    vd_buffer_init(&text, 1 << 16);
    open_services(&bench);
    show_tables(&bench, tcp_python, "");
    run(&bench);
    assert_int_equal(bench.turn.count, 0);
    vd_read_record_t read = only_read(&bench);
    assert_true(vd_str_is(read.op, "links"));
    answer_links(&bench, &read, "/proc/4711/fd/3", "socket:[48822]");
    run(&bench);
    assert_int_equal(bench.turn.count, 0);
    read = only_read(&bench);
    assert_true(vd_str_is(read.target, "/proc/4711/comm"));
    vd_bench_answer(&bench, &read, "ok", vd_str("python3\n"));
    run(&bench);
    assert_string_equal(vd_bench_text(&bench, &text),
                        "service_appeared {\"source\":\"local\",\"protocol\":\"tcp\",\"address\":"
                        "\"127.0.0.1\",\"port\":8000,\"inode\":48822,\"pid\":4711,\"process\":"
                        "\"python3\"}\n");
    vd_event_t event = vd_bench_event(&bench, 0);
    vd_value_t cause;
    assert_true(vd_value_of(event.cause, &cause));
    assert_true(vd_str_is(vd_value_get_str(&cause, "observer"), "services"));
    assert_true(vd_str_is(vd_value_get_str(&cause, "source"), "local"));
    assert_int_equal(vd_value_get_u64(&cause, "turn", 0), bench.number);
    vd_bench_commit(&bench);

    show_tables(&bench, "", "");
    run(&bench);
    assert_string_equal(vd_bench_text(&bench, &text),
                        "service_gone {\"source\":\"local\",\"protocol\":\"tcp\",\"address\":"
                        "\"127.0.0.1\",\"port\":8000,\"inode\":48822,\"pid\":4711,\"process\":"
                        "\"python3\"}\n");
    vd_buffer_free(&text);
    vd_bench_close(&bench);
}

static void test_a_server_of_someone_else_is_told_without_name(void **state)
{
    vd_bench_t bench;
    (void)state;
    open_services(&bench);
    show_tables(&bench, tcp_python, "");
    run(&bench);
    vd_read_record_t read = only_read(&bench);
    answer_links(&bench, &read, NULL, NULL);
    run(&bench);
    assert_int_equal(bench.turn.read_count, 0);
    assert_int_equal(bench.turn.count, 1);
    vd_event_t event = vd_bench_event(&bench, 0);
    vd_value_t data, value;
    assert_true(vd_value_of(event.data, &data));
    assert_false(vd_value_get(&data, "pid", &value));
    assert_false(vd_value_get(&data, "initial", &value));
    vd_bench_close(&bench);
}

static void test_a_poller_that_cannot_name_holds_nothing_up(void **state)
{
    vd_bench_t bench;
    (void)state;
    open_services(&bench);
    show_tables(&bench, tcp_python, "");
    run(&bench);
    vd_read_record_t read = only_read(&bench);
    vd_bench_answer(&bench, &read, "timed_out", vd_bytes(NULL, 0));
    run(&bench);
    assert_int_equal(bench.turn.count, 1);
    vd_bench_close(&bench);
}

static void test_a_restart_is_gone_and_appeared(void **state)
{
    vd_bench_t bench;
    vd_value_t data;
    (void)state;
    open_services(&bench);
    show_tables(&bench, tcp_python, "");
    run(&bench);
    vd_read_record_t read = only_read(&bench);
    answer_links(&bench, &read, NULL, NULL);
    run(&bench);
    vd_bench_commit(&bench);
    show_tables(
        &bench,
        "   1: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000  "
        "      0 50000 1 0000000000000000 100 0 0 10 0\n",
        "");
    run(&bench);
    assert_int_equal(bench.turn.count, 1);
    assert_true(vd_str_is(vd_bench_event(&bench, 0).type, "service_gone"));
    read = only_read(&bench);
    vd_bench_commit(&bench);
    answer_links(&bench, &read, NULL, NULL);
    run(&bench);
    assert_int_equal(bench.turn.count, 1);
    vd_event_t event = vd_bench_event(&bench, 0);
    assert_true(vd_str_is(event.type, "service_appeared"));
    assert_true(vd_value_of(event.data, &data));
    assert_int_equal(vd_value_get_u64(&data, "inode", 0), 50000);
    vd_bench_close(&bench);
}

static void test_a_failed_read_is_no_change(void **state)
{
    vd_bench_t bench;
    (void)state;
    open_services(&bench);
    show_tables(&bench, tcp_python, "");
    run(&bench);
    vd_read_record_t read = only_read(&bench);
    answer_links(&bench, &read, NULL, NULL);
    run(&bench);
    vd_bench_commit(&bench);
    vd_bench_put(&bench, "read", "/proc/net/tcp", NULL);
    vd_bench_put(&bench, "read", "/proc/net/tcp6", NULL);
    run(&bench);
    assert_int_equal(bench.turn.count, 0);
    vd_bench_close(&bench);
}

/* More services than one turn takes are told in several, each once. */
static void test_a_storm_is_told_in_bounded_turns(void **state)
{
    enum { SERVICES = 1200 };
    vd_bench_t bench;
    vd_buffer_t text;
    uint32_t told = 0, turns = 0;
    (void)state;
    vd_buffer_init(&text, 1 << 20);
    open_services(&bench);
    vd_buffer_add(&text, tcp_heading, strlen(tcp_heading));
    for (int at = 0; at < SERVICES; at++) {
        char line[160];
        int size =
            snprintf(line, sizeof line, "%d: 0100007F:%04X 00000000:0000 0A 0:0 0:0 0 0 0 %d 1\n",
                     at, 10000 + at, 70000 + at);
        vd_buffer_add(&text, line, (size_t)size);
    }
    vd_bench_put_bytes(&bench, "read", "/proc/net/tcp", vd_bytes(NULL, 0), vd_buffer_view(&text));
    run(&bench);
    vd_read_record_t read = only_read(&bench);
    answer_links(&bench, &read, NULL, NULL);
    do {
        run(&bench);
        assert_true(bench.turn.count <= VD_TURN_EVENTS_MAX);
        assert_true(bench.turn.run.size <= VD_TURN_BYTES_MAX);
        told += bench.turn.count;
        turns++;
        vd_bench_commit(&bench);
    } while (bench.turn.full);
    assert_int_equal(told, SERVICES);
    assert_true(turns >= 3);
    vd_buffer_free(&text);
    vd_bench_close(&bench);
}

/* ---- host ---- */

static const char meminfo[] =
    "MemTotal:       16000000 kB\nMemFree:         1000000 kB\n"
    "MemAvailable:    %u kB\nSwapTotal:       2000 kB\nSwapFree: 500 kB\n";
static const char stat_text[] = "cpu  10 0 10 80 0 0 0 0 0 0\ncpu0 5 0 5 40 0 0 0 0 0 0\n"
                                "cpu1 5 0 5 40 0 0 0 0 0 0\nintr 12345\n";
static const char net_dev[] =
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n"
    "    lo:  500 5 0 0 0 0 0 0 500 5 0 0 0 0 0 0\n"
    "  eth0: 9000 9 0 0 0 0 0 0 700 7 0 0 0 0 0 0\n"
    "veth12:    1 1 0 0 0 0 0 0   1 1 0 0 0 0 0 0\n";

static void show_memory(vd_bench_t *bench, unsigned available_kb)
{
    char text[256];
    snprintf(text, sizeof text, meminfo, available_kb);
    vd_bench_put(bench, "read", "/proc/meminfo", text);
}

static void open_machine(vd_bench_t *bench, const char *toml)
{
    vd_bench_open(bench, &vd_machine_observer, toml);
    vd_bench_put(bench, "read", "/proc/stat", stat_text);
    vd_bench_put(bench, "read", "/proc/net/dev", net_dev);
    show_memory(bench, 8000000);
    run(bench);
    vd_bench_commit(bench);
}

static void test_a_machine_is_described_once(void **state)
{
    vd_bench_t bench;
    vd_buffer_t text;
    (void)state;
    vd_buffer_init(&text, 4096);
    vd_bench_open(&bench, &vd_machine_observer, "");
    vd_bench_put(&bench, "read", "/proc/stat", stat_text);
    vd_bench_put(&bench, "read", "/proc/net/dev", net_dev);
    show_memory(&bench, 8000000);
    vd_bench_put(&bench, "read", "/proc/loadavg", "0.50 0.40 0.30 1/200 999\n");
    run(&bench);
    /* What is normal is no event. */
    assert_string_equal(vd_bench_text(&bench, &text),
                        "host_described {\"source\":\"local\",\"processors\":2,\"memory_bytes\":"
                        "16384000000,\"interfaces\":[\"lo\",\"eth0\"]}\n");
    vd_bench_commit(&bench);
    run(&bench);
    assert_int_equal(bench.turn.count, 0);
    vd_buffer_free(&text);
    vd_bench_close(&bench);
}

static void test_memory_has_two_edges_and_a_hold(void **state)
{
    vd_bench_t bench;
    (void)state;
    open_machine(&bench, "");
    /* 16,000,000 kB: low at 1,600,000, normal at 2,400,000, three in a row. */
    static const struct {
        unsigned available_kb;
        const char *event;
    } steps[] = {
        {1500000, NULL},
        {1500000, NULL},
        {1700000, NULL}, /* interrupted */
        {1500000, NULL},
        {1600000, NULL},
        {1400000, "memory_low"},
        {1300000, NULL},
        {2300000, NULL}, /* between the edges */
        {2300000, NULL},
        {2300000, NULL},
        {2400000, NULL},
        {2500000, NULL},
        {2500000, "memory_normal"},
        {2500000, NULL},
    };
    for (size_t at = 0; at < sizeof steps / sizeof steps[0]; at++) {
        show_memory(&bench, steps[at].available_kb);
        run(&bench);
        assert_int_equal(bench.turn.count, steps[at].event != NULL);
        if (steps[at].event)
            assert_true(vd_str_is(vd_bench_event(&bench, 0).type, steps[at].event));
        vd_bench_commit(&bench);
    }
    vd_bench_close(&bench);
}

static void test_load_counts_by_processor(void **state)
{
    vd_bench_t bench;
    vd_buffer_t text;
    (void)state;
    vd_buffer_init(&text, 4096);
    open_machine(&bench, "[observers.host]\nhold = 1\n");
    vd_bench_put(&bench, "read", "/proc/loadavg", "3.90 0.40 0.30 1/200 999\n");
    run(&bench);
    assert_int_equal(bench.turn.count, 0);
    vd_bench_put(&bench, "read", "/proc/loadavg", "4.50 1.25 0.75 1/200 999\n");
    run(&bench);
    assert_string_equal(vd_bench_text(&bench, &text),
                        "load_high {\"source\":\"local\",\"load_1m\":4.5,\"load_5m\":1.25,"
                        "\"load_15m\":0.75,\"processors\":2,\"load_percent\":225.0,"
                        "\"edge_percent\":200.0}\n");
    vd_buffer_free(&text);
    vd_bench_close(&bench);
}

static void show_space(vd_bench_t *bench, const char *path, uint64_t free_bytes)
{
    vd_buffer_t meta;
    vd_buffer_init(&meta, 256);
    vd_write_map(&meta, 3);
    vd_write_pair_u64(&meta, "total", 1000);
    vd_write_pair_u64(&meta, "free", free_bytes);
    vd_write_pair_u64(&meta, "avail", free_bytes);
    vd_bench_put_bytes(bench, "space", path, vd_buffer_view(&meta), vd_bytes(NULL, 0));
    vd_buffer_free(&meta);
}

static void test_a_disk_fills_and_goes(void **state)
{
    vd_bench_t bench;
    (void)state;
    open_machine(&bench, "[observers.host]\nhold = 1\n");
    vd_bench_put(&bench, "read", "/proc/mounts",
                 "proc /proc proc rw 0 0\n/dev/sda1 / ext4 rw 0 0\n/dev/sda1 /again ext4 rw 0 0\n"
                 "/dev/sdb1 /my\\040disk xfs rw 0 0\n/dev/loop1 /snap/x squashfs ro 0 0\n");
    run(&bench);
    vd_bench_commit(&bench);
    /* Only the disks found are read now. */
    show_space(&bench, "/", 500);
    show_space(&bench, "/again", 1);
    show_space(&bench, "/my disk", 50);
    show_space(&bench, "/snap/x", 0);
    run(&bench);
    assert_int_equal(bench.turn.count, 1);
    vd_event_t event = vd_bench_event(&bench, 0);
    vd_value_t data, unmounted;
    assert_true(vd_str_is(event.type, "disk_filling"));
    assert_true(vd_value_of(event.data, &data));
    assert_true(vd_str_is(vd_value_get_str(&data, "mount"), "/my disk"));
    assert_true(vd_value_get_f64(&data, "used_percent", 0) == 95.0);
    vd_bench_commit(&bench);
    vd_bench_put(&bench, "read", "/proc/mounts", "/dev/sda1 / ext4 rw 0 0\n");
    run(&bench);
    assert_int_equal(bench.turn.count, 1);
    event = vd_bench_event(&bench, 0);
    assert_true(vd_str_is(event.type, "disk_normal"));
    assert_true(vd_value_of(event.data, &data));
    assert_true(vd_value_get(&data, "unmounted", &unmounted));
    vd_bench_close(&bench);
}

static void test_interfaces_come_go_and_fall(void **state)
{
    vd_bench_t bench;
    vd_buffer_t text;
    (void)state;
    vd_buffer_init(&text, 4096);
    open_machine(&bench, "");
    vd_bench_put(&bench, "read", "/sys/class/net/eth0/operstate", "down\n");
    vd_bench_put(&bench, "read", "/sys/class/net/lo/operstate", "unknown\n");
    run(&bench);
    assert_string_equal(
        vd_bench_text(&bench, &text),
        "interface_down {\"source\":\"local\",\"interface\":\"eth0\",\"state\":\"down\"}\n");
    vd_bench_commit(&bench);
    vd_bench_put(&bench, "read", "/sys/class/net/eth0/operstate", "up\n");
    vd_bench_put(&bench, "read", "/proc/net/dev",
                 "h\nh\n lo: 1 1 0 0 0 0 0 0 1 1\n eth0: 1 1 0 0 0 0 0 0 1 1\n"
                 " wlan0: 1 1 0 0 0 0 0 0 1 1\n");
    run(&bench);
    assert_string_equal(
        vd_bench_text(&bench, &text),
        "interface_up {\"source\":\"local\",\"interface\":\"eth0\",\"state\":\"up\"}\n"
        "interface_added {\"source\":\"local\",\"interface\":\"wlan0\"}\n");
    vd_bench_commit(&bench);
    vd_bench_put(&bench, "read", "/proc/net/dev", "h\nh\n lo: 1 1 0 0 0 0 0 0 1 1\n");
    run(&bench);
    assert_string_equal(vd_bench_text(&bench, &text),
                        "interface_removed {\"source\":\"local\",\"interface\":\"eth0\"}\n"
                        "interface_removed {\"source\":\"local\",\"interface\":\"wlan0\"}\n");
    vd_buffer_free(&text);
    vd_bench_close(&bench);
}

static void test_edges_that_cross_are_refused(void **state)
{
    vd_config_t *config = NULL;
    vd_config_table_t table = {
        .path = "observers.host", .help = "", .rows = vd_machine_observer.config};
    vd_buffer_t errors;
    char error[VD_TEXT_BYTES_MAX + 1] = "";
    void *made = NULL;
    (void)state;
    vd_buffer_init(&errors, 4096);
    assert_int_equal(vd_config_parse("test",
                                     vd_str("[observers.host]\nload_normal_percent = 250\n"),
                                     &table, 1, &config, &errors),
                     VD_OK);
    assert_int_equal(vd_machine_observer.init(&made, config, error, sizeof error), VD_CONFIG);
    assert_null(made);
    assert_non_null(strstr(error, "load_normal_percent"));
    vd_config_destroy(&config);
    vd_buffer_free(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_are_parsed),
        cmocka_unit_test(test_addresses_are_written_as_people_do),
        cmocka_unit_test(test_cut_tables_and_garbage_are_harmless),
        cmocka_unit_test(test_a_server_is_named),
        cmocka_unit_test(test_a_server_of_someone_else_is_told_without_name),
        cmocka_unit_test(test_a_poller_that_cannot_name_holds_nothing_up),
        cmocka_unit_test(test_a_restart_is_gone_and_appeared),
        cmocka_unit_test(test_a_failed_read_is_no_change),
        cmocka_unit_test(test_a_storm_is_told_in_bounded_turns),
        cmocka_unit_test(test_a_machine_is_described_once),
        cmocka_unit_test(test_memory_has_two_edges_and_a_hold),
        cmocka_unit_test(test_load_counts_by_processor),
        cmocka_unit_test(test_a_disk_fills_and_goes),
        cmocka_unit_test(test_interfaces_come_go_and_fall),
        cmocka_unit_test(test_edges_that_cross_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

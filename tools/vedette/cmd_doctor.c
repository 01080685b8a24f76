/* cmd_doctor.c: what would hurt a runtime here: one line for each check, with the remedy. */
#include "doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <time.h>
#include <zmq.h>

enum {
    FILES_WANTED = 4096,
    FILES_NEEDED = 256,
    EARLIEST_YEAR = 2024,
};

void doctor_add(doctor_t *doctor, const char *check, const char *state, const char *remedy,
                const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    doctor->count++;
    doctor->bad += strcmp(state, "bad") == 0;
    vd_write_map(&doctor->rows, 4);
    vd_write_pair_text(&doctor->rows, "check", check);
    vd_write_pair_text(&doctor->rows, "state", state);
    vd_write_pair_text(&doctor->rows, "text", text);
    vd_write_pair_text(&doctor->rows, "remedy", remedy);
}

static void check_limits(doctor_t *doctor)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    unsigned long long soft = files.rlim_cur, hard = files.rlim_max;
    const char *state = hard < FILES_NEEDED ? "bad" : hard < FILES_WANTED ? "warn" : "ok";
    const char *remedy =
        hard < FILES_WANTED ? "raise it: ulimit -n 4096, or LimitNOFILE= of the service" : "";
    doctor_add(doctor, "open files", state, remedy, "limit %llu, may be raised to %llu", soft,
               hard);
    struct rlimit size;
    if (getrlimit(RLIMIT_FSIZE, &size) == 0 && size.rlim_cur != RLIM_INFINITY)
        doctor_add(doctor, "file size", "bad", "lift it: ulimit -f unlimited",
                   "files are limited to %llu bytes: the store would fail there",
                   (unsigned long long)size.rlim_cur);
}

static void check_clock(doctor_t *doctor)
{
    time_t now = time(NULL);
    struct tm date;
    gmtime_r(&now, &date);
    if (date.tm_year + 1900 < EARLIEST_YEAR) {
        doctor_add(doctor, "clock", "bad", "set the clock", "the year is %d", date.tm_year + 1900);
        return;
    }
    struct timex clock = {0};
    int state = adjtimex(&clock);
    if (state == TIME_ERROR || (clock.status & STA_UNSYNC) != 0)
        doctor_add(
            doctor, "clock", "warn", "run a time service, such as systemd-timesyncd or chrony",
            "not kept in step by a time service: time stamps of several machines may differ");
    else
        doctor_add(doctor, "clock", "ok", "", "in step, error at most %ld ms",
                   clock.maxerror / 1000);
}

static void check_versions(doctor_t *doctor, cli_t *cli)
{
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    bool old = major < 4 || (major == 4 && minor < 3);
    doctor_add(doctor, "versions", old ? "bad" : "ok", old ? "install libzmq 4.3 or newer" : "",
               "vedette %s, library %s, libzmq %d.%d.%d", VD_VERSION, vd_client_version(), major,
               minor, patch);
    vd_reply_t reply;
    vd_value_t map;
    vd_status_t status = cli_status(cli, 2000, &reply, &map);
    if (status == VD_UNREACHABLE) {
        doctor_add(doctor, "runtime", "ok", "", "%s", vd_client_error(cli->client));
        return;
    }
    if (status == VD_USAGE) /* there is no directory to look in, which is a row of its own */
        return;
    if (status != VD_OK) {
        doctor_add(doctor, "runtime", "bad", "see: vedette logs supervisor",
                   "the supervisor does not answer: %s", vd_client_error(cli->client));
        return;
    }
    doctor->is_up = true;
    doctor->supervisor = vd_value_get_u64(&map, "pid", 0);
    vd_str_t state = vd_value_get_str(&map, "state"), text = vd_value_get_str(&map, "text");
    vd_str_t version = vd_value_get_str(&map, "version");
    bool well = vd_str_is(state, "ready") || vd_str_is(state, "starting");
    doctor_add(doctor, "runtime",
               well                         ? "ok"
               : vd_str_is(state, "failed") ? "bad"
                                            : "warn",
               well ? "" : "see: vedette ps", "%.*s%s%.*s", (int)state.size,
               (const char *)state.data, text.size > 0 ? ": " : "", (int)text.size,
               (const char *)text.data);
    if (!vd_str_is(version, VD_VERSION))
        doctor_add(doctor, "versions", "warn", "restart it: vedette down, vedette up",
                   "the runtime is %.*s, this command is %s", (int)version.size,
                   (const char *)version.data, VD_VERSION);
}

/* What the store can do, as its ingestor says, and what an auditor has found. */
static void check_trouble(doctor_t *doctor, cli_t *cli)
{
    char trouble[VD_TEXT_BYTES_MAX + 1];
    if (!doctor->is_up)
        return;
    cli_store_trouble(cli, trouble, sizeof trouble);
    if (trouble[0] != 0)
        doctor_add(doctor, "store", "bad", "see: vedette store stats, vedette store verify", "%s",
                   trouble);
    cli_audit_trouble(cli, trouble, sizeof trouble);
    if (trouble[0] != 0)
        doctor_add(doctor, "audit", "bad", "see: vedette audit", "%s", trouble);
}

/* One line for each check, and its remedy below. */
static int print(cli_t *cli, vd_bytes_t rows)
{
    if (cli->output != CLI_TABLE)
        return cli_print_rows(cli, rows, NULL, 0);
    vd_value_t array, row;
    vd_value_of(rows, &array);
    vd_bytes_t rest = array.bytes;
    while (vd_value_next(&rest, &row)) {
        static const char *const keys[] = {"state", "check", "text", "remedy"};
        char texts[4][1024];
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            cli_clean(vd_value_get_str(&row, keys[i]), texts[i], sizeof texts[i]);
        printf("%-4s  %-12s  %s\n", texts[0], texts[1], texts[2]);
        if (texts[3][0] != 0)
            printf("%20s-> %s\n", "", texts[3]);
    }
    return 0;
}

int cmd_doctor(cli_t *cli)
{
    doctor_t doctor = {0};
    vd_paths_t paths;
    char error[VD_TEXT_BYTES_MAX];
    vd_buffer_init(&doctor.rows, VD_FRAME_BYTES_MAX);
    check_versions(&doctor, cli);
    check_trouble(&doctor, cli);
    vd_status_t status = vd_paths_resolve(cli->dir, &paths, error, sizeof error);
    if (status != VD_OK) {
        doctor_add(&doctor, "directory", "bad", "see: vedette --help", "%s", error);
    } else {
        doctor_check_run_dir(&doctor, &paths);
        doctor_check_processes(&doctor, &paths);
        doctor_check_store(&doctor, &paths);
    }
    check_limits(&doctor);
    check_clock(&doctor);
    vd_buffer_t rows;
    vd_buffer_init(&rows, VD_FRAME_BYTES_MAX);
    vd_write_array(&rows, doctor.count);
    vd_write_raw(&rows, vd_buffer_view(&doctor.rows));
    int code = print(cli, vd_buffer_view(&rows));
    vd_buffer_free(&doctor.rows);
    vd_buffer_free(&rows);
    return code != 0 ? code : doctor.bad > 0 ? 1 : 0;
}

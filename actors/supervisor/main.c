/* main.c: the process of the supervisor: directories, lock, session id, sockets around its core. */
#include "kit/actor.h"
#include "kit/log.h"
#include "process.h"
#include "runtime_lock.h"
#include "settings.h"
#include "supervisor.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

/* How long the actors of a supervisor that was killed may take to die. */
#define LAST_RUNTIME_MS 3000

static const vd_port_t PORTS[] = {
    {VD_SUPERVISOR_CONTROL, VD_PORT_ROUTER, "control"},
    {VD_SUPERVISOR_LIFECYCLE, VD_PORT_PUB, "lifecycle"},
    {VD_SUPERVISOR_BROKER, VD_PORT_DEALER, "broker"},
    {VD_SUPERVISOR_MEMBERSHIP, VD_PORT_SUB, "membership"},
    {VD_SUPERVISOR_INGESTOR, VD_PORT_DEALER, "ingestor"},
    {VD_SUPERVISOR_READ, VD_PORT_DEALER, "read"},
};

/* The directory of the executables: VEDETTE_BIN, else the supervisor's own. */
static bool find_bin(char out[PATH_MAX])
{
    const char *given = getenv("VEDETTE_BIN");
    if (given && given[0] != '\0') {
        if (realpath(given, out))
            return true;
        vd_log(VD_ERROR, "VEDETTE_BIN=%s: %s", given, strerror(errno));
        return false;
    }
    ssize_t size = readlink("/proc/self/exe", out, PATH_MAX - 1);
    if (size <= 0) {
        vd_log(VD_ERROR,
               "cannot tell where the executables are: /proc/self/exe: %s; name their directory "
               "in VEDETTE_BIN",
               strerror(errno));
        return false;
    }
    out[size] = '\0';
    char *slash = strrchr(out, '/');
    assert(slash);
    *(slash == out ? slash + 1 : slash) = '\0';
    return true;
}

static bool make_session_id(vd_now_t now, vd_supervisor_setup_t *setup)
{
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return false;
    vd_session_id_next(&setup->session_ids, now.wall_ms, random, setup->session);
    return true;
}

/* The command line, for people who wonder later where a session came from. */
static void join_command(int argc, char **argv, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < argc && used < size; i++) {
        int more = snprintf(out + used, size - used, "%s%s", i ? " " : "", argv[i]);
        used += more > 0 ? (size_t)more : 0;
    }
}

static vd_status_t make_setup(vd_actor_t *actor, int argc, char **argv,
                              vd_supervisor_setup_t *setup)
{
    char error[VD_TEXT_BYTES_MAX];
    const vd_paths_t *paths = vd_actor_paths(actor);
    vd_status_t status = vd_settings_read(vd_actor_config(actor), vd_actor_config_file(actor),
                                          setup, error, sizeof error);
    if (status != VD_OK) {
        vd_log(VD_ERROR, "%s: %s", vd_actor_config_file(actor), error);
        return status;
    }
    if (!make_session_id(vd_actor_now(actor), setup)) {
        vd_log(VD_ERROR, "no random numbers: %s", strerror(errno));
        return VD_IO;
    }
    if (gethostname(setup->host, sizeof setup->host) != 0)
        (void)snprintf(setup->host, sizeof setup->host, "localhost");
    setup->host[sizeof setup->host - 1] = '\0';
    if (setup->session_name[0] == '\0')
        (void)snprintf(setup->session_name, sizeof setup->session_name, "%s", setup->host);
    join_command(argc, argv, setup->command, sizeof setup->command);
    (void)snprintf(setup->data, sizeof setup->data, "%s", paths->store);
    vd_paths_endpoint(paths, "broker", "control", setup->broker_control);
    vd_paths_endpoint(paths, "broker", "membership", setup->broker_membership);
    vd_paths_endpoint(paths, "ingestor", "emit", setup->ingestor_emit);
    vd_paths_endpoint(paths, "ingestor", "read", setup->ingestor_read);
    setup->inc = vd_actor_inc(actor);
    setup->pid = (uint64_t)getpid();
    return VD_OK;
}

static int run(vd_actor_t *actor, const vd_supervisor_setup_t *setup, const char *bin, int lock_fd)
{
    const vd_processes_spec_t spec = {
        .actor = actor,
        .bin = bin,
        .dir = vd_actor_paths(actor)->dir,
        .config = vd_actor_config_file(actor),
        .logs = vd_actor_paths(actor)->logs,
        .log_bytes_max = vd_settings_log_bytes_max(vd_actor_config(actor)),
        .lock_fd = lock_fd,
    };
    vd_supervisor_t *core = vd_supervisor_new(setup);
    vd_processes_t *processes = vd_processes_new(&spec);
    int exit_code = vd_status_exit_code(VD_NO_MEMORY);
    if (core && processes) {
        const vd_core_spec_t core_spec = {
            .name = "supervisor",
            .step = vd_supervisor_step,
            .state = core,
            .ports = PORTS,
            .port_count = sizeof PORTS / sizeof PORTS[0],
            .perform = vd_processes_perform,
            .perform_arg = processes,
        };
        int handle = vd_actor_add_core(actor, &core_spec);
        if (handle >= 0)
            vd_processes_report_to(processes, handle);
        vd_actor_hold_ready(actor);
        exit_code = vd_actor_run(actor);
    }
    vd_processes_destroy(&processes);
    vd_supervisor_destroy(&core);
    return exit_code;
}

int main(int argc, char **argv)
{
    static const vd_actor_spec_t spec = {
        .kind = "supervisor",
        .default_name = "supervisor",
        .registers = true,
        .config = vd_settings_tables,
        .config_count = VD_SETTINGS_TABLES,
        .supervises = true,
    };
    static vd_supervisor_setup_t setup;
    /* An ignored SIGCHLD, inherited, would have the system swallow the deaths of children. */
    (void)signal(SIGCHLD, SIG_DFL);
    int exit_code = 0;
    vd_actor_t *actor = vd_actor_new(argc, argv, &spec, &exit_code);
    if (!actor)
        return exit_code;
    char bin[PATH_MAX];
    char error[PATH_MAX + VD_TEXT_BYTES_MAX];
    int lock_fd = -1;
    vd_status_t status = find_bin(bin) ? VD_OK : VD_NOT_FOUND;
    if (status == VD_OK)
        status = make_setup(actor, argc, argv, &setup);
    if (status == VD_OK) {
        const char *run_dir = vd_actor_paths(actor)->run;
        status = vd_runtime_lock_take(run_dir, LAST_RUNTIME_MS, &lock_fd, error, sizeof error);
        if (status != VD_OK)
            vd_log(VD_ERROR, "%s", error);
    }
    exit_code = status == VD_OK ? run(actor, &setup, bin, lock_fd) : vd_status_exit_code(status);
    vd_actor_destroy(&actor);
    if (lock_fd >= 0)
        (void)close(lock_fd);
    return exit_code;
}

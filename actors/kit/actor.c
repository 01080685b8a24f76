/* actor.c: the life of an actor: start, loop, readiness, stop. */
#include "kit/actor.h"

#include "kit/actor_config.h"
#include "kit/lease.h"
#include "kit/life.h"
#include "kit/lock.h"
#include "kit/log.h"
#include "kit/options.h"
#include "kit/shell.h"
#include "wire/run.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    STOP_MS = 5000,
    ORPHAN_STOP_MS = 1000, /* without a supervisor nobody waits for a good end */
    ALIVE_MS = 1000,
    SOCKETS_MAX = 4096,
    ENDPOINTS_MAX = 16,
};

struct vd_actor {
    const vd_actor_spec_t *spec;
    char name[VD_NAME_BYTES_MAX + 1];
    char session[VD_NAME_BYTES_MAX + 1];
    const char *config_file; /* in argv */
    uint64_t inc;
    vd_paths_t paths;
    vd_config_t *config;
    vd_life_t life;
    int lock_fd;
    zloop_t *loop;
    vd_shell_t *shell;
    vd_lease_t lease;
    vd_buffer_t lease_rows;
    char broker[VD_ENDPOINT_BYTES_MAX + 1];
    int lease_handle; /* -1: not registered */
    vd_progress_fn *watch;
    void *watch_arg;
    char *endpoints[ENDPOINTS_MAX];
    bool bound; /* the configured further endpoints are bound */
    bool running, hold_ready, ready, stopping, late;
    vd_status_t fatal; /* of what went wrong outside the cores */
};

/* ---- start ---- */

static vd_status_t open_log(vd_actor_t *self, const vd_options_t *options)
{
    const char *text = options->log_level != NULL
                           ? options->log_level
                           : vd_config_str(self->config, "runtime", "log_level");
    vd_level_t level;
    if (!vd_level_parse(text, &level)) {
        fprintf(stderr, "%s \"%s\" is not a level: use debug, info, warn or error\n",
                options->log_level != NULL ? "--log-level" : "runtime.log_level", text);
        return options->log_level != NULL ? VD_USAGE : VD_CONFIG;
    }
    vd_log_open(self->name, level, options->log_json);
    return VD_OK;
}

static vd_status_t take_names(vd_actor_t *self, const vd_options_t *options)
{
    const char *name = options->name != NULL ? options->name : self->spec->default_name;
    if (!vd_type_valid(vd_str(name)) || name[0] == '.') {
        fprintf(stderr, "--name \"%.100s\" is not a name: use 1 to %d of a-z 0-9 _ . -\n", name,
                VD_NAME_BYTES_MAX);
        return VD_USAGE;
    }
    if (options->session[0] != 0 && !vd_name_valid(vd_str(options->session))) {
        fprintf(stderr, "--session \"%.100s\" is not a session id\n", options->session);
        return VD_USAGE;
    }
    vd_str_copy(self->name, sizeof self->name, vd_str(name));
    vd_str_copy(self->session, sizeof self->session, vd_str(options->session));
    self->config_file = options->config != NULL ? options->config : "";
    return VD_OK;
}

static vd_status_t take_place(vd_actor_t *self, const vd_options_t *options)
{
    char error[1024] = "";
    vd_status_t status = vd_paths_resolve(options->dir, &self->paths, error, sizeof error);
    if (status == VD_OK)
        status = vd_life_begin(&self->life, error, sizeof error);
    if (status == VD_OK)
        status = vd_paths_create(&self->paths, error, sizeof error);
    if (status == VD_OK) {
        char path[sizeof self->paths.run + VD_NAME_BYTES_MAX + 8];
        char who[VD_NAME_BYTES_MAX + 16];
        snprintf(path, sizeof path, "%s/%s.lock", self->paths.run, self->name);
        snprintf(who, sizeof who, "actor %s", self->name);
        status = vd_lock_take(path, who, &self->lock_fd, error, sizeof error);
    }
    if (status != VD_OK)
        vd_log(VD_ERROR, "%s", error);
    return status;
}

static int on_settle(void *arg);
static int on_tick(zloop_t *loop, int timer, void *arg);
static int on_signal(zloop_t *loop, zmq_pollitem_t *item, void *arg);
static int on_orphan(zloop_t *loop, zmq_pollitem_t *item, void *arg);

static vd_status_t make_loop(vd_actor_t *self)
{
    /* Signals are read from a descriptor: CZMQ must not take them, nor stop the loop for them. */
    setenv("ZSYS_SIGHANDLER", "false", 1);
    zsys_handler_set(NULL);
    zsys_set_io_threads(1);
    zsys_set_max_sockets(SOCKETS_MAX);
    self->loop = zloop_new();
    if (self->loop == NULL)
        return VD_NO_MEMORY;
    zloop_set_nonstop(self->loop, true);
    vd_shell_spec_t spec = {.actor = self,
                            .name = self->name,
                            .inc = self->inc,
                            .paths = &self->paths,
                            .loop = self->loop,
                            .settle = on_settle,
                            .settle_arg = self};
    self->shell = vd_shell_new(&spec);
    if (self->shell == NULL)
        return VD_NO_MEMORY;
    zmq_pollitem_t signals = {.fd = self->life.signal_fd, .events = ZMQ_POLLIN};
    zmq_pollitem_t notify = {.fd = self->life.notify_fd, .events = ZMQ_POLLERR};
    if (zloop_poller(self->loop, &signals, on_signal, self) != 0 ||
        zloop_timer(self->loop, ALIVE_MS, 0, on_tick, self) < 0)
        return VD_NO_MEMORY;
    if (self->life.notify_fd >= 0 && !self->spec->supervises) {
        if (zloop_poller(self->loop, &notify, on_orphan, self) != 0)
            return VD_NO_MEMORY;
        zloop_poller_set_tolerant(self->loop, &notify);
    }
    return VD_OK;
}

/* What comes before the first descriptor. *done: the command line asked for no more. */
static vd_status_t prepare(vd_actor_t *self, int argc, char **argv, vd_options_t *options,
                           bool *done)
{
    vd_status_t status = vd_options_parse(argc, argv, options);
    if (status != VD_OK)
        return status;
    *done = true;
    if (options->help)
        vd_options_help(argv[0], self->spec->kind, self->spec->default_name, self->spec->help);
    else if (options->version)
        printf("vedette %s\n", VD_VERSION);
    else if (options->print_config)
        vd_actor_config_print(self->spec);
    else
        *done = false;
    if (*done)
        return VD_OK;
    status = take_names(self, options);
    if (status == VD_OK)
        status = vd_actor_config_load(self->spec, options->config, &self->config);
    if (status == VD_OK)
        status = open_log(self, options);
    *done = options->check_config;
    return status;
}

vd_actor_t *vd_actor_new(int argc, char **argv, const vd_actor_spec_t *spec, int *exit_code)
{
    assert(spec->kind != NULL && spec->default_name != NULL && exit_code != NULL);
    vd_actor_t *self = calloc(1, sizeof *self);
    *exit_code = vd_status_exit_code(VD_NO_MEMORY);
    if (self == NULL)
        return NULL;
    *self = (vd_actor_t){.spec = spec, .lock_fd = -1, .lease_handle = -1};
    self->life = (vd_life_t){.signal_fd = -1, .notify_fd = -1, .lock_fd = -1};
    vd_buffer_init(&self->lease_rows, VD_BODY_BYTES_MAX);
    vd_options_t options;
    bool done = false;
    vd_status_t status = prepare(self, argc, argv, &options, &done);
    while (status == VD_OK && !done && self->inc == 0)
        if (getrandom(&self->inc, sizeof self->inc, 0) != sizeof self->inc)
            status = VD_IO;
    if (status == VD_OK && !done)
        status = take_place(self, &options);
    if (status == VD_OK && !done)
        status = make_loop(self);
    *exit_code = vd_status_exit_code(status);
    if (status != VD_OK || done)
        vd_actor_destroy(&self);
    return self;
}

void vd_actor_destroy(vd_actor_t **self_p)
{
    assert(self_p != NULL);
    vd_actor_t *self = *self_p;
    if (self == NULL)
        return;
    bool sockets = self->loop != NULL;
    vd_shell_destroy(&self->shell);
    zloop_destroy(&self->loop);
    /* Sockets are closed in another thread: the lock is given back when all are. */
    if (sockets)
        zsys_shutdown();
    vd_log_flush(true);
    vd_lock_release(&self->lock_fd);
    vd_life_end(&self->life);
    vd_config_destroy(&self->config);
    vd_buffer_free(&self->lease_rows);
    for (size_t at = 0; at < ENDPOINTS_MAX; at++)
        free(self->endpoints[at]);
    free(self);
    *self_p = NULL;
}

/* ---- what an actor is ---- */

const char *vd_actor_name(const vd_actor_t *self)
{
    return self->name;
}

uint64_t vd_actor_inc(const vd_actor_t *self)
{
    return self->inc;
}

bool vd_actor_first(const vd_actor_t *self)
{
    return self->life.first;
}

const vd_paths_t *vd_actor_paths(const vd_actor_t *self)
{
    return &self->paths;
}

const char *vd_actor_session(const vd_actor_t *self)
{
    return self->session;
}

const char *vd_actor_config_file(const vd_actor_t *self)
{
    return self->config_file;
}

const vd_config_t *vd_actor_config(const vd_actor_t *self)
{
    return self->config;
}

zloop_t *vd_actor_loop(vd_actor_t *self)
{
    return self->loop;
}

vd_now_t vd_actor_now(const vd_actor_t *self)
{
    (void)self;
    return vd_shell_now();
}

const char *vd_actor_endpoint(const vd_actor_t *self, const char *name)
{
    char endpoint[VD_ENDPOINT_BYTES_MAX + 1];
    vd_paths_endpoint(&self->paths, self->name, name, endpoint);
    vd_actor_t *cache = (vd_actor_t *)self; /* the strings that were given out are kept */
    for (size_t at = 0; at < ENDPOINTS_MAX; at++) {
        if (cache->endpoints[at] == NULL)
            cache->endpoints[at] = strdup(endpoint);
        if (cache->endpoints[at] != NULL && strcmp(cache->endpoints[at], endpoint) == 0)
            return cache->endpoints[at];
    }
    assert(!"more ports than an actor may have");
    return NULL;
}

/* ---- cores ---- */

int vd_actor_add_core(vd_actor_t *self, const vd_core_spec_t *spec)
{
    vd_status_t status = VD_OK;
    int handle = vd_shell_add(self->shell, spec, &status);
    if (handle < 0)
        self->fatal = status;
    else if (self->running) {
        vd_input_t start = {.kind = VD_INPUT_START};
        vd_shell_input(self->shell, handle, &start);
    }
    return handle;
}

void vd_actor_set_trouble(vd_actor_t *self, const char *text)
{
    vd_shell_set_trouble(self->shell, text);
}

void vd_actor_input(vd_actor_t *self, int handle, const vd_input_t *input)
{
    vd_shell_input(self->shell, handle, input);
}

bool vd_actor_has_subscribers(const vd_actor_t *self, int handle, const char *name)
{
    return vd_shell_has_subscribers(self->shell, handle, name);
}

void vd_actor_complete(vd_actor_t *self, int handle, uint32_t operation, uint64_t token,
                       vd_status_t status, const void *result)
{
    vd_input_t input = {
        .kind = VD_INPUT_DONE, .id = operation, .token = token, .status = status, .result = result};
    vd_shell_input(self->shell, handle, &input);
}

/* ---- readiness ---- */

void vd_actor_hold_ready(vd_actor_t *self)
{
    assert(!self->ready);
    self->hold_ready = true;
}

static void begin_lease(vd_actor_t *self)
{
    vd_shell_endpoints(self->shell, &self->lease_rows);
    vd_paths_endpoint(&self->paths, "broker", "control", self->broker);
    self->lease = (vd_lease_t){.name = self->name,
                               .kind = self->spec->kind,
                               .inc = self->inc,
                               .pid = (uint64_t)getpid(),
                               .endpoints = vd_buffer_view(&self->lease_rows),
                               .broker = self->broker};
    static const vd_port_t ports[] = {{VD_LEASE_PORT, VD_PORT_DEALER, "lease"}};
    vd_core_spec_t spec = {.name = "lease",
                           .step = vd_lease_step,
                           .state = &self->lease,
                           .ports = ports,
                           .port_count = 1};
    self->lease_handle = vd_actor_add_core(self, &spec);
}

void vd_actor_ready(vd_actor_t *self)
{
    if (self->ready || self->stopping)
        return;
    if (!self->running) {
        self->hold_ready = false; /* told when the loop begins */
        return;
    }
    self->ready = true;
    if (self->spec->registers && self->lease_handle < 0)
        begin_lease(self);
    vd_life_tell(&self->life, "ready");
    vd_log(VD_INFO, "ready, pid %ld", (long)getpid());
}

/* ---- the end ---- */

static bool all_exited(const vd_actor_t *self, bool with_lease)
{
    for (int at = 0; at < vd_shell_core_count(self->shell); at++)
        if ((with_lease || at != self->lease_handle) &&
            !vd_shell_core_exited(self->shell, at, NULL))
            return false;
    return true;
}

static int on_late(zloop_t *loop, int timer, void *arg)
{
    (void)loop;
    (void)timer;
    vd_actor_t *self = arg;
    for (int at = 0; at < vd_shell_core_count(self->shell); at++)
        if (!vd_shell_core_exited(self->shell, at, NULL))
            vd_log(VD_ERROR, "%s did not end in time; ending without it",
                   vd_shell_core_name(self->shell, at));
    self->late = true;
    return -1;
}

/* Asks every core but the lease to end; the lease goes last, so that who has left is gone. */
static void ask_to_stop(vd_actor_t *self)
{
    vd_input_t stop = {.kind = VD_INPUT_STOP};
    for (int at = 0; at < vd_shell_core_count(self->shell); at++)
        if (at != self->lease_handle)
            vd_shell_input(self->shell, at, &stop);
    vd_shell_wake(self->shell);
}

static void begin_stop(vd_actor_t *self, size_t limit_ms)
{
    if (self->stopping)
        return;
    self->stopping = true;
    if (!self->spec->supervises)
        zloop_timer(self->loop, limit_ms, 1, on_late, self);
    ask_to_stop(self);
}

static int on_settle(void *arg)
{
    vd_actor_t *self = arg;
    begin_stop(self, STOP_MS); /* one core's end is the end of all */
    if (!all_exited(self, false))
        return 0;
    vd_input_t stop = {.kind = VD_INPUT_STOP};
    if (self->lease_handle >= 0)
        vd_shell_input(self->shell, self->lease_handle, &stop);
    return all_exited(self, true) ? -1 : 0;
}

static int on_signal(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    (void)loop;
    (void)item;
    vd_actor_t *self = arg;
    int number;
    while ((number = vd_life_signal(&self->life)) != 0) {
        if (self->stopping && self->spec->supervises) {
            ask_to_stop(self);
            continue;
        }
        if (self->stopping) {
            vd_log(VD_WARN, "a second signal (%s): ending at once", strsignal(number));
            self->late = true;
            return -1;
        }
        vd_log(VD_INFO, "stopping: %s", strsignal(number));
        begin_stop(self, STOP_MS);
    }
    return 0;
}

static int end_orphan(vd_actor_t *self)
{
    if (self->stopping)
        return 0;
    vd_log(VD_WARN, "stopping: the supervisor is gone");
    begin_stop(self, ORPHAN_STOP_MS);
    return 0;
}

static int on_orphan(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    vd_actor_t *self = arg;
    zmq_pollitem_t notify = *item;
    zloop_poller_end(loop, &notify); /* the condition stays: once is enough */
    return end_orphan(self);
}

/* Have the other threads done something too? */
static bool progresses(vd_actor_t *self)
{
    bool all = vd_shell_joined_progresses(self->shell);
    if (self->watch != NULL)
        all = self->watch(self->watch_arg) && all;
    return all;
}

static int on_tick(zloop_t *loop, int timer, void *arg)
{
    (void)loop;
    (void)timer;
    vd_actor_t *self = arg;
    vd_log_flush(false);
    if (!progresses(self))
        return 0;
    if (vd_life_tell(&self->life, "alive"))
        return 0;
    if (!self->spec->supervises)
        return end_orphan(self);
    vd_life_tell_nobody(&self->life);
    return 0;
}

static int exit_code_of(const vd_actor_t *self)
{
    int worst = vd_status_exit_code(self->fatal);
    if (self->late && worst == 0)
        worst = vd_status_exit_code(VD_FAILED);
    for (int at = 0; at < vd_shell_core_count(self->shell); at++) {
        vd_status_t status = VD_OK;
        vd_shell_core_exited(self->shell, at, &status);
        int code = vd_status_exit_code(status);
        worst = code > worst ? code : worst;
    }
    return worst;
}

void vd_actor_watch(vd_actor_t *self, vd_progress_fn *watch, void *arg)
{
    assert(watch != NULL && self->watch == NULL);
    self->watch = watch;
    self->watch_arg = arg;
}

vd_status_t vd_actor_add_shell(vd_actor_t *self, struct vd_shell *shell)
{
    assert(shell != NULL && !self->running && !self->bound);
    if (!vd_shell_join(self->shell, shell))
        self->fatal = VD_NO_MEMORY;
    self->bound = true;
    if (self->fatal == VD_OK)
        self->fatal = vd_actor_config_bind(self->config, self->name, self->shell);
    return self->fatal;
}

int vd_actor_run(vd_actor_t *self)
{
    assert(self->shell != NULL && !self->running);
    if (self->fatal == VD_OK && !self->bound)
        self->fatal = vd_actor_config_bind(self->config, self->name, self->shell);
    if (self->fatal != VD_OK)
        return vd_status_exit_code(self->fatal);
    self->running = true;
    vd_input_t start = {.kind = VD_INPUT_START};
    int count = vd_shell_core_count(self->shell);
    for (int at = 0; at < count; at++)
        vd_shell_input(self->shell, at, &start);
    if (self->spec->registers && self->spec->supervises)
        begin_lease(self);
    if (!self->hold_ready)
        vd_actor_ready(self);
    zloop_start(self->loop);
    char counts[512];
    vd_metrics_t metrics;
    vd_shell_metrics(self->shell, &metrics);
    vd_metrics_print(&metrics, counts, sizeof counts);
    int code = exit_code_of(self);
    vd_log(VD_INFO, "ended, exit code %d: %s", code, counts);
    return code;
}

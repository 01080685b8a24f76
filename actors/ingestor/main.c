/* main.c: the ingestor: the loop with the sequencer, the writing thread and the reading thread on
 * one store, as far as that can be opened. */
#include "arguments.h"
#include "checkpoint.h"
#include "committer.h"
#include "gate.h"
#include "kit/actor.h"
#include "kit/failpoint.h"
#include "kit/log.h"
#include "kit/streams.h"
#include "mode.h"
#include "notices.h"
#include "publication.h"
#include "reader.h"
#include "repair/repair.h"
#include "restore.h"
#include "settings.h"
#include "trouble.h"

#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { WAIT_MS = 500 }; /* between openings of a store that has no room, and the like */

typedef struct ingestor {
    vd_actor_t *actor;
    const vd_arguments_t *arguments;
    const char *dir; /* of the store */
    vd_mode_t mode;
    vd_gate_t gate;
    vd_publication_t publication;
    vd_trouble_t trouble;
    vd_written_t written;
    bool troubled;
    vd_notices_t *notices;
    vd_reader_t *reader;
    vd_committer_t *committer;
    vd_checkpoint_t *checkpoint;
    int gate_handle;
    int publication_handle;
} ingestor_t;

/* ---- the store ---- */

static vd_status_t open_store(ingestor_t *self)
{
    vd_store_options_t options = vd_ingestor_store_options(vd_actor_config(self->actor));
    bool read_only = self->arguments->read_only;
    vd_status_t status = vd_mode_open(self->dir, &options, read_only, &self->mode);
    if (status == VD_OK && self->mode.store != NULL && strcmp(self->mode.name, "writing") == 0) {
        vd_prune_limits_t limits = vd_ingestor_prune_limits(vd_actor_config(self->actor));
        status = vd_restore(self->mode.store, &limits, &self->gate.sequencer);
        if (status == VD_OK)
            vd_sequencer_set_runtime(self->gate.sequencer, vd_str(vd_actor_session(self->actor)));
        if (status == VD_CORRUPT) {
            char why[VD_TEXT_BYTES_MAX];
            snprintf(why, sizeof why,
                     "store %s: what it knows of producers and sessions is damaged; make a new "
                     "store of what is left: vedette store repair --copy DIR",
                     self->dir);
            vd_mode_quarantine(self->dir, why, &self->mode);
            status = VD_OK;
        } else if (status != VD_OK) {
            snprintf(self->mode.text, sizeof self->mode.text,
                     "store %s: its producers and sessions cannot be read: %s", self->dir,
                     vd_status_text(status));
            vd_store_close(&self->mode.store); /* or it could not be opened again */
        }
    }
    return status;
}

/* Tells whoever asks what the store cannot do; empty: all is well. */
static void tell_trouble(ingestor_t *self, const char *text)
{
    if (text[0] == 0 && !self->troubled)
        return;
    self->troubled = text[0] != 0;
    vd_actor_set_trouble(self->actor, text);
    vd_trouble_tell(&self->trouble, text);
}

/* Tells the log, and whoever asks, what the store is good for. */
static void tell_mode(ingestor_t *self)
{
    const vd_mode_t *mode = &self->mode;
    vd_store_tail_t tail;
    if (mode->text[0] != 0)
        vd_log(mode->store != NULL && self->arguments->read_only ? VD_INFO : VD_ERROR, "%s",
               mode->text);
    /* To be read alone is what was asked for, and no trouble. */
    if (strcmp(mode->name, "reading") != 0)
        tell_trouble(self, mode->text);
    self->gate.open = mode->store != NULL;
    memcpy(self->gate.text, mode->text, sizeof self->gate.text);
    if (mode->store == NULL)
        return;
    vd_store_tail(mode->store, &tail);
    vd_publication_init(&self->publication, tail.id);
    vd_log(VD_INFO, "store %s in %s, %s: commits %" PRIu64 " to %" PRIu64, tail.id, self->dir,
           mode->name, tail.first_index, tail.index);
}

/* ---- operations of the sequencer ---- */

static void show(ingestor_t *self, const vd_store_batch_t *batch)
{
    vd_failpoint_sent("ingestor.after_ack");
    if (vd_actor_has_subscribers(self->actor, self->publication_handle, "events"))
        do
            vd_actor_complete(self->actor, self->publication_handle, VD_PUBLICATION_SHOW, 0, VD_OK,
                              batch);
        while (vd_publication_pending(&self->publication));
    vd_reader_show(self->reader, self->publication.store, &batch->commit);
}

static void begin_checkpoint(ingestor_t *self, const char *dir)
{
    if (!vd_checkpoint_start(self->checkpoint, self->mode.store, dir))
        vd_actor_complete(self->actor, self->gate_handle, VD_GATE_CHECKPOINT, 0, VD_NO_MEMORY,
                          "the system refuses a thread");
}

static int on_checkpoint(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    ingestor_t *self = arg;
    vd_status_t status;
    const char *text;
    (void)loop;
    (void)item;
    if (vd_checkpoint_take(self->checkpoint, &status, &text))
        vd_actor_complete(self->actor, self->gate_handle, VD_GATE_CHECKPOINT, 0, status, text);
    return 0;
}

static void perform(void *arg, vd_actor_t *actor, const vd_effect_t *effect)
{
    ingestor_t *self = arg;
    (void)actor;
    const vd_prune_job_t *prune = effect->object;
    vd_job_t job = {.kind = VD_JOB_REOPEN, .token = effect->token};
    switch (effect->id) {
    case VD_SEQ_APPEND:
        job.kind = VD_JOB_APPEND;
        job.batch = effect->object;
        break;
    case VD_SEQ_REOPEN:
        break;
    case VD_SEQ_PRUNE:
        job.kind = VD_JOB_PRUNE;
        job.names = (const char *const *)prune->names;
        job.name_count = prune->count;
        break;
    case VD_SEQ_FREE:
        job.kind = VD_JOB_FREE;
        break;
    case VD_SEQ_VISIBLE:
        show(self, effect->object);
        return;
    case VD_GATE_CHECKPOINT:
        begin_checkpoint(self, effect->object);
        return;
    default:
        assert(!"sequencer and gate have six operations");
    }
    vd_committer_submit(self->committer, &job);
}

/* Hands an outcome to the sequencer. */
static void complete(ingestor_t *self, const vd_job_outcome_t *outcome)
{
    static const uint32_t operations[] = {[VD_JOB_APPEND] = VD_SEQ_APPEND,
                                          [VD_JOB_REOPEN] = VD_SEQ_REOPEN,
                                          [VD_JOB_PRUNE] = VD_SEQ_PRUNE,
                                          [VD_JOB_FREE] = VD_SEQ_FREE};
    const void *result = outcome->text;
    if (outcome->status == VD_OK && outcome->job.kind == VD_JOB_REOPEN)
        result = &outcome->tail;
    else if (outcome->status == VD_OK)
        result = &outcome->more;
    vd_actor_complete(self->actor, self->gate_handle, operations[outcome->job.kind],
                      outcome->job.token, outcome->status, result);
    if (outcome->status == VD_OK &&
        (outcome->job.kind == VD_JOB_PRUNE || outcome->job.kind == VD_JOB_REOPEN)) {
        vd_store_tail_t tail;
        vd_store_tail(self->mode.store, &tail);
        vd_reader_tell_changed(self->reader, &tail);
    }
    if (!vd_sequencer_in_trouble(self->gate.sequencer))
        tell_trouble(self, "");
    else if (outcome->status != VD_OK)
        tell_trouble(self, outcome->text);
}

static int on_outcome(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    ingestor_t *self = arg;
    vd_job_outcome_t outcome;
    (void)loop;
    (void)item;
    vd_committer_hush(self->committer);
    while (vd_committer_take(self->committer, &outcome))
        complete(self, &outcome);
    return 0;
}

/* What subscribers went through, for the sequencer to tell. */
static int on_notices(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    ingestor_t *self = arg;
    vd_seq_notice_t notice;
    (void)loop;
    (void)item;
    vd_notices_hush(self->notices);
    while (vd_notices_take(self->notices, &notice))
        vd_actor_complete(self->actor, self->gate_handle, VD_SEQ_NOTICE, 0, VD_OK, &notice);
    return 0;
}

/* ---- the process ---- */

static void tell_metrics(const void *state, vd_metric_list_t *list)
{
    const vd_gate_t *gate = state;
    vd_metric(list, "store_trouble",
              gate->sequencer == NULL || vd_sequencer_in_trouble(gate->sequencer));
    if (gate->sequencer == NULL) {
        vd_metric(list, "not_now", gate->not_now);
        return;
    }
    const vd_sequencer_stats_t *stats = vd_sequencer_stats(gate->sequencer);
    vd_metric(list, "emit_frames", stats->frames);
    vd_metric(list, "events", stats->events);
    vd_metric(list, "commits", stats->commits);
    vd_metric(list, "events_rejected", stats->rejected);
    vd_metric(list, "frames_refused", stats->refused);
    vd_metric(list, "not_now", gate->not_now + stats->not_now);
    vd_metric(list, "append_failures", stats->failures);
    vd_metric(list, "sessions_pruned", stats->pruned);
    vd_metric(list, "subscriber_events", stats->told);
    vd_metric(list, "subscriber_events_left_out", stats->left_out);
    vd_metric(list, "head", vd_sequencer_head(gate->sequencer));
}

static bool add_cores(ingestor_t *self)
{
    static const vd_port_t ports[] = {{VD_SEQ_PORT_EMIT, VD_PORT_ROUTER, "emit"},
                                      {VD_SEQ_PORT_CONTROL, VD_PORT_ROUTER, "control"}};
    static const vd_port_t events[] = {{VD_PUBLICATION_PORT, VD_PORT_PUB, "events"}};
    vd_core_spec_t gate = {.name = "sequencer",
                           .step = vd_gate_step,
                           .state = &self->gate,
                           .ports = ports,
                           .port_count = 2,
                           .perform = perform,
                           .perform_arg = self,
                           .metrics = tell_metrics};
    vd_core_spec_t publication = {.name = "publication",
                                  .step = vd_publication_step,
                                  .state = &self->publication,
                                  .ports = events,
                                  .port_count = 1};
    self->gate_handle = vd_actor_add_core(self->actor, &gate);
    if (self->gate_handle >= 0)
        self->publication_handle = vd_actor_add_core(self->actor, &publication);
    return self->gate_handle >= 0 && self->publication_handle >= 0;
}

static bool progresses(void *arg)
{
    ingestor_t *self = arg;
    return self->committer == NULL || vd_committer_progresses(self->committer);
}

static bool watch(ingestor_t *self, int file, zloop_fn *handler)
{
    zmq_pollitem_t item = {.fd = file, .events = ZMQ_POLLIN};
    return zloop_poller(vd_actor_loop(self->actor), &item, handler, self) == 0;
}

/* Begins to write, where there is a sequencer. */
static vd_status_t start_committer(ingestor_t *self)
{
    if (self->gate.sequencer == NULL)
        return VD_OK;
    self->committer =
        vd_committer_new(self->mode.store, vd_reader_handover(self->reader), &self->written);
    if (self->committer == NULL)
        return VD_NO_MEMORY;
    return watch(self, vd_committer_fd(self->committer), on_outcome) ? VD_OK : VD_NO_MEMORY;
}

/* Tries again what may have got better. */
static int on_wait(zloop_t *loop, int timer, void *arg)
{
    ingestor_t *self = arg;
    char before[sizeof self->mode.text];
    memcpy(before, self->mode.text, sizeof before);
    vd_status_t status = open_store(self);
    if (status != VD_OK || self->mode.store == NULL) {
        if (strcmp(before, self->mode.text) != 0)
            tell_mode(self);
        return 0;
    }
    zloop_timer_end(loop, timer);
    tell_mode(self);
    vd_input_t start = {.kind = VD_INPUT_START};
    if (!vd_reader_open(self->reader, self->mode.store) || start_committer(self) != VD_OK) {
        vd_log(VD_ERROR, "the system refuses memory or a thread; ending");
        raise(SIGTERM);
    } else if (self->gate.sequencer != NULL) {
        vd_actor_input(self->actor, self->gate_handle, &start);
    }
    return 0;
}

static vd_reader_t *make_reader(ingestor_t *self, vd_status_t *status)
{
    const vd_config_t *config = vd_actor_config(self->actor);
    vd_reader_spec_t spec = {.actor = self->actor,
                             .dir = self->dir,
                             .mode = &self->mode,
                             .view = {.trouble = &self->trouble, .written = &self->written},
                             .notices = self->notices,
                             .recent_bytes = vd_ingestor_recent_bytes(config)};
    vd_streams_knobs(config, &spec.knobs);
    return vd_reader_new(&spec, status);
}

static vd_status_t start_threads(ingestor_t *self)
{
    vd_status_t status = VD_NO_MEMORY;
    self->notices = vd_notices_new();
    if (self->notices == NULL || !watch(self, vd_notices_fd(self->notices), on_notices))
        return VD_NO_MEMORY;
    self->reader = make_reader(self, &status);
    if (self->reader == NULL)
        return status;
    if (self->troubled) /* the reader's port tells it, too */
        vd_actor_set_trouble(self->actor, self->mode.text);
    status = start_committer(self);
    if (status != VD_OK || !vd_reader_start(self->reader)) {
        vd_log(VD_ERROR, "the system refuses a thread or a descriptor; raise ulimit -u and -n");
        return VD_NO_MEMORY;
    }
    self->checkpoint = vd_checkpoint_new();
    if (self->checkpoint == NULL)
        return VD_NO_MEMORY;
    if (!watch(self, vd_checkpoint_fd(self->checkpoint), on_checkpoint))
        return VD_NO_MEMORY;
    vd_actor_watch(self->actor, progresses, self);
    if (self->mode.waits && zloop_timer(vd_actor_loop(self->actor), WAIT_MS, 0, on_wait, self) < 0)
        return VD_NO_MEMORY;
    return VD_OK;
}

static int run(ingestor_t *self)
{
    self->dir = self->arguments->store != NULL ? self->arguments->store
                                               : vd_actor_paths(self->actor)->store;
    vd_status_t status = open_store(self);
    if (status != VD_OK)
        vd_log(VD_ERROR, "%s", self->mode.text);
    else
        tell_mode(self);
    if (status == VD_OK && !add_cores(self))
        return vd_actor_run(self->actor); /* its code is that of the endpoint that was refused */
    if (status == VD_OK)
        status = start_threads(self);
    if (status != VD_OK)
        return vd_status_exit_code(status);
    return vd_actor_run(self->actor);
}

static int repair(const vd_arguments_t *arguments)
{
    char error[VD_TEXT_BYTES_MAX];
    vd_status_t status = vd_repair(arguments->repair, arguments->into, stdout, error, sizeof error);
    if (status != VD_OK)
        fprintf(stderr, "vedette: %s\n", error);
    return vd_status_exit_code(status);
}

int main(int argc, char **argv)
{
    static const vd_actor_spec_t spec = {.kind = "ingestor",
                                         .default_name = "ingestor",
                                         .registers = true,
                                         .config = vd_ingestor_tables,
                                         .config_count = VD_INGESTOR_TABLES,
                                         .check = vd_streams_check,
                                         .help = VD_ARGUMENTS_HELP};
    vd_arguments_t arguments;
    ingestor_t self = {.arguments = &arguments,
                       .trouble = VD_TROUBLE_NONE,
                       .written = VD_WRITTEN_NONE,
                       .gate_handle = -1,
                       .publication_handle = -1};
    int exit_code = 0;
    if (!vd_arguments_take(&argc, argv, &arguments))
        return vd_status_exit_code(VD_USAGE);
    if (arguments.repair != NULL)
        return repair(&arguments);
    /* A limit on file sizes is a store without room, not a death. */
    signal(SIGXFSZ, SIG_IGN);
    self.actor = vd_actor_new(argc, argv, &spec, &exit_code);
    if (self.actor == NULL)
        return exit_code;
    exit_code = run(&self);
    vd_committer_destroy(&self.committer); /* it tells the reader */
    vd_reader_destroy(&self.reader);
    vd_notices_destroy(&self.notices);
    vd_checkpoint_destroy(&self.checkpoint);
    vd_store_close(&self.mode.store);
    vd_actor_destroy(&self.actor);
    vd_sequencer_destroy(&self.gate.sequencer);
    return exit_code;
}

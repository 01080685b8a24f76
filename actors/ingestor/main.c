/* main.c: the ingestor: the loop with the sequencer, the writing thread and the reading thread on
 * one store. */
#include "committer.h"
#include "kit/actor.h"
#include "kit/failpoint.h"
#include "kit/log.h"
#include "publication.h"
#include "reader.h"
#include "sequencer.h"
#include "store/store.h"

#include <assert.h>
#include <inttypes.h>
#include <signal.h>

typedef struct ingestor {
    vd_actor_t *actor;
    vd_store_t *store;
    vd_sequencer_t *sequencer;
    vd_publication_t publication;
    vd_reader_t *reader;
    vd_committer_t *committer;
    int sequencer_handle;
    int publication_handle;
    bool restored; /* false: memory ran out while what the store holds was taken over */
} ingestor_t;

/* ---- the store ---- */

static bool restore_producer(void *arg, const vd_store_producer_t *producer)
{
    ingestor_t *self = arg;
    vd_failpoint("ingestor.open");
    self->restored = vd_sequencer_restore_producer(self->sequencer, producer);
    return self->restored;
}

static bool restore_session(void *arg, const vd_store_session_t *session)
{
    ingestor_t *self = arg;
    vd_failpoint("ingestor.open");
    self->restored = vd_sequencer_restore_session(self->sequencer, session);
    return self->restored;
}

static vd_status_t restore(ingestor_t *self)
{
    vd_store_tail_t tail;
    vd_store_tail(self->store, &tail);
    self->sequencer = vd_sequencer_new(&tail);
    self->restored = self->sequencer != NULL;
    vd_status_t status = self->restored ? VD_OK : VD_NO_MEMORY;
    if (status == VD_OK)
        status = vd_store_producers(self->store, restore_producer, self);
    if (status == VD_OK && self->restored)
        status = vd_store_sessions(self->store, restore_session, self);
    if (status == VD_OK && !self->restored)
        status = VD_NO_MEMORY;
    if (status != VD_OK) {
        vd_log(VD_ERROR, "store %s: its producers and sessions cannot be read: %s",
               vd_actor_paths(self->actor)->store, vd_status_text(status));
        return status;
    }
    vd_publication_init(&self->publication, tail.id);
    vd_log(VD_INFO, "store %s in %s: commits %" PRIu64 " to %" PRIu64, tail.id,
           vd_actor_paths(self->actor)->store, tail.first_index, tail.index);
    return VD_OK;
}

static vd_status_t open_store(ingestor_t *self)
{
    char error[VD_TEXT_BYTES_MAX] = "";
    vd_status_t status = vd_store_open("leveldb", vd_actor_paths(self->actor)->store, NULL,
                                       &self->store, error, sizeof error);
    if (status != VD_OK) {
        vd_log(VD_ERROR, "%s", error);
        return status;
    }
    return restore(self);
}

/* ---- operations of the sequencer ---- */

static void show(ingestor_t *self, const vd_store_batch_t *batch)
{
    vd_failpoint_sent("ingestor.after_ack");
    do
        vd_actor_complete(self->actor, self->publication_handle, VD_PUBLICATION_SHOW, 0, VD_OK,
                          batch);
    while (vd_publication_pending(&self->publication));
}

static void perform(void *arg, vd_actor_t *actor, const vd_effect_t *effect)
{
    ingestor_t *self = arg;
    (void)actor;
    vd_job_t job = {.kind = VD_JOB_REOPEN, .token = effect->token};
    switch (effect->id) {
    case VD_SEQ_APPEND:
        job.kind = VD_JOB_APPEND;
        job.batch = effect->object;
        vd_committer_submit(self->committer, &job);
        break;
    case VD_SEQ_REOPEN:
        vd_committer_submit(self->committer, &job);
        break;
    case VD_SEQ_VISIBLE:
        show(self, effect->object);
        break;
    default:
        assert(!"the sequencer has three operations");
    }
}

static int on_outcome(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    ingestor_t *self = arg;
    vd_job_outcome_t outcome;
    (void)loop;
    (void)item;
    while (vd_committer_take(self->committer, &outcome)) {
        vd_actor_set_trouble(self->actor, outcome.status == VD_OK ? "" : outcome.text);
        bool append = outcome.job.kind == VD_JOB_APPEND;
        const void *result = outcome.text;
        if (outcome.status == VD_OK)
            result = append ? NULL : (const void *)&outcome.tail;
        vd_actor_complete(self->actor, self->sequencer_handle,
                          append ? VD_SEQ_APPEND : VD_SEQ_REOPEN, outcome.job.token, outcome.status,
                          result);
    }
    return 0;
}

/* ---- the process ---- */

static void tell_metrics(const void *state, vd_metric_list_t *list)
{
    const vd_sequencer_stats_t *stats = vd_sequencer_stats(state);
    vd_metric(list, "emit_frames", stats->frames);
    vd_metric(list, "events", stats->events);
    vd_metric(list, "commits", stats->commits);
    vd_metric(list, "events_rejected", stats->rejected);
    vd_metric(list, "frames_refused", stats->refused);
    vd_metric(list, "not_now", stats->not_now);
    vd_metric(list, "append_failures", stats->failures);
    vd_metric(list, "head", vd_sequencer_head(state));
    vd_metric(list, "store_trouble", vd_sequencer_in_trouble(state));
}

static bool add_cores(ingestor_t *self)
{
    static const vd_port_t emit[] = {{VD_SEQ_PORT_EMIT, VD_PORT_ROUTER, "emit"}};
    static const vd_port_t events[] = {{VD_PUBLICATION_PORT, VD_PORT_PUB, "events"}};
    vd_core_spec_t sequencer = {.name = "sequencer",
                                .step = vd_sequencer_step,
                                .state = self->sequencer,
                                .ports = emit,
                                .port_count = 1,
                                .perform = perform,
                                .perform_arg = self,
                                .metrics = tell_metrics};
    vd_core_spec_t publication = {.name = "publication",
                                  .step = vd_publication_step,
                                  .state = &self->publication,
                                  .ports = events,
                                  .port_count = 1};
    self->sequencer_handle = vd_actor_add_core(self->actor, &sequencer);
    if (self->sequencer_handle >= 0)
        self->publication_handle = vd_actor_add_core(self->actor, &publication);
    return self->sequencer_handle >= 0 && self->publication_handle >= 0;
}

static bool progresses(void *arg)
{
    return vd_committer_progresses(arg);
}

static vd_status_t start_threads(ingestor_t *self)
{
    vd_status_t status = VD_OK;
    self->reader = vd_reader_new(self->actor, self->store, &status);
    if (self->reader == NULL)
        return status;
    self->committer = vd_committer_new(self->store, vd_reader_grown_fd(self->reader));
    if (self->committer == NULL || !vd_reader_start(self->reader)) {
        vd_log(VD_ERROR, "the system refuses a thread or a descriptor; raise ulimit -u and -n");
        return VD_NO_MEMORY;
    }
    vd_actor_watch(self->actor, progresses, self->committer);
    zmq_pollitem_t outcomes = {.fd = vd_committer_fd(self->committer), .events = ZMQ_POLLIN};
    if (zloop_poller(vd_actor_loop(self->actor), &outcomes, on_outcome, self) != 0)
        return VD_NO_MEMORY;
    return VD_OK;
}

static int run(ingestor_t *self)
{
    vd_status_t status = open_store(self);
    if (status == VD_OK && !add_cores(self))
        return vd_actor_run(self->actor); /* its code is that of the endpoint that was refused */
    if (status == VD_OK)
        status = start_threads(self);
    if (status != VD_OK)
        return vd_status_exit_code(status);
    return vd_actor_run(self->actor);
}

int main(int argc, char **argv)
{
    static const vd_actor_spec_t spec = {
        .kind = "ingestor", .default_name = "ingestor", .registers = true};
    ingestor_t self = {.sequencer_handle = -1, .publication_handle = -1};
    int exit_code = 0;
    /* A limit on file sizes is a store without room, not a death. */
    signal(SIGXFSZ, SIG_IGN);
    self.actor = vd_actor_new(argc, argv, &spec, &exit_code);
    if (self.actor == NULL)
        return exit_code;
    exit_code = run(&self);
    vd_reader_destroy(&self.reader);
    vd_committer_destroy(&self.committer);
    vd_store_close(&self.store);
    vd_actor_destroy(&self.actor);
    vd_sequencer_destroy(&self.sequencer);
    return exit_code;
}

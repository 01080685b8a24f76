/* whole.c: what there is in the world, and how a run goes. */
#include "whole.h"

#include "account.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

enum { CALM_US = 42000000, LAST_WORDS_US = 1000000, REST_LOOKS = 100, REPEAT = 50 };

void vd_whole_fail(vd_whole_t *self, const char *format, ...)
{
    char text[480];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (vd_oracle_failure(self->oracle) == NULL)
        vd_world_note(self->world, "FAILED: %s", text);
    vd_oracle_fail(self->oracle, "%s", text);
}

int64_t vd_whole_now_us(const vd_whole_t *self)
{
    return vd_world_now(self->world).mono_us;
}

vd_process_t *vd_whole_process(vd_whole_t *self, const char *name)
{
    vd_model_child_t *child = vd_runtime_child(self, name);
    if (child != NULL)
        return child->process;
    return strcmp(name, "supervisor") == 0 ? self->supervisor : NULL;
}

void vd_whole_go_back(vd_whole_t *self, uint64_t commits)
{
    vd_model_ingestor_t *ingestor = &self->ingestor;
    vd_store_t *store = NULL;
    vd_store_tail_t tail;
    vd_oracle_sums_t sums = vd_oracle_sums(self->oracle);
    /* Once in a run; and what was pruned or damaged is not there to be told again. */
    if (self->ledger_before != NULL || sums.pruned > 0 || sums.damaged > 0 ||
        vd_memory_image_open(ingestor->image, &store) != VD_OK)
        return;
    vd_store_tail(store, &tail);
    vd_store_close(&store);
    if (tail.index <= commits)
        return;
    vd_world_note(self->world, "%-12s goes back from commit %" PRIu64 " to %" PRIu64, "store",
                  tail.index, tail.index - commits);
    vd_memory_cut(ingestor->image, tail.index - commits);
    vd_oracle_went_back(self->oracle);
    self->ledger_before = self->ledger;
    self->kept = vd_ledger_find(self->ledger, tail.index - commits + 1, 0);
    self->ledger = vd_ledger_new();
    vd_host_part_forget(self);
    vd_past_part_forget(self);
    vd_collector_part_forget(self);
}

/* Observers and chains of sessions lose nothing by it: what they lose is not what is checked here. */
static bool may_be_damaged(const vd_commit_run_t *run)
{
    vd_bytes_t rest = run->run;
    vd_entry_t entry;
    vd_event_t event;
    if (run->absent != VD_OK || run->first_seq == 1)
        return false;
    while (vd_run_next(&rest, &entry) == VD_OK)
        if (vd_event_read(entry.event, &event) != VD_OK || event.cause.size > 0)
            return false;
    return true;
}

static void damage(vd_whole_t *self, const vd_commit_t *commit, uint32_t at)
{
    const vd_commit_run_t *run = &commit->runs[at];
    vd_world_note(self->world, "%-12s cannot read %u events of %.*s in commit %" PRIu64, "store",
                  run->count, (int)run->session.size, (const char *)run->session.data,
                  commit->index);
    vd_oracle_damaged(self->oracle, run->session, run->count);
    uint64_t first = vd_ledger_find(self->ledger, commit->index, run->at);
    vd_ledger_damage(self->ledger, first, run->count);
    if (first < self->kept) /* there, too, for who still stands in it */
        vd_ledger_damage(self->ledger_before, first, run->count);
    vd_memory_damage(self->ingestor.image, commit->index, at);
}

void vd_whole_damage(vd_whole_t *self, uint32_t die)
{
    vd_store_cursor_t *cursor = NULL;
    char error[256];
    vd_commit_t commit;
    vd_store_t *store = self->ingestor.store;
    if (store == NULL)
        return;
    vd_oracle_read(self->oracle, store);
    uint64_t head = vd_oracle_index(self->oracle), index = head - die % 40;
    if (die % 40 >= head || vd_store_cursor_new(store, &cursor) != VD_OK)
        return;
    if (vd_store_cursor_seek(cursor, index, NULL) == VD_OK &&
        vd_store_cursor_next(cursor, &commit, error, sizeof error) == VD_OK &&
        commit.run_count > 0 && may_be_damaged(&commit.runs[die % commit.run_count]))
        damage(self, &commit, die % commit.run_count);
    vd_store_cursor_destroy(&cursor);
}

/* ---- what is heard of everything ---- */

static bool seen(void *arg, const vd_seen_t *event)
{
    vd_whole_t *self = arg;
    vd_value_t data, by;
    vd_ledger_add(self->ledger, event, vd_whole_now_us(self));
    if (vd_collector_part_seen(self, event) || vd_host_part_seen(self, event))
        return true;
    if (!vd_value_of(event->event->data, &data))
        return false;
    if (vd_value_get(&data, "id", &by))
        return false; /* of the producers, which the oracle knows */
    vd_str_t type = event->event->type;
    if (vd_str_is(type, "session_started"))
        vd_host_part_session(self, event->session, vd_value_get_str(&data, "continues"));
    return vd_str_is(type, "session_started") || vd_str_is(type, "session_ended") ||
           vd_str_is(type, "actor_started") || vd_str_is(type, "actor_ready") ||
           vd_str_is(type, "actor_exited") || vd_str_is(type, "actor_failed") ||
           vd_str_is(type, "actor_runs") || vd_str_is(type, "subscriber_mode") ||
           vd_str_is(type, "subscriber_dropped") || vd_str_is(type, "invariant_violated") ||
           vd_str_is(type, "audit_canary");
}

static void heard(void *arg, vd_node_t *node, bool arrives, uint16_t port, const vd_peer_t *peer,
                  const char *topic, const vd_message_t *message)
{
    vd_rules_heard(arg, node, arrives, port, topic, message);
    vd_stream_part_heard(arg, node, arrives, message);
    vd_past_part_heard(arg, node, arrives, topic, message);
    vd_history_watch_heard(arg, node, arrives, peer, message);
}

static void stepped(void *arg, vd_node_t *node)
{
    vd_whole_t *self = arg;
    vd_host_part_stepped(self, node);
    vd_collector_part_stepped(self, node);
    vd_stream_part_stepped(self, node);
    vd_relay_part_stepped(self, node);
    vd_auditor_part_stepped(self, node);
    vd_rules_stepped(self, node);
    if (vd_oracle_failure(self->oracle) != NULL)
        vd_world_end(self->world);
}

/* ---- setting up ---- */

static void add_producers(vd_whole_t *self)
{
    vd_world_t *world = self->world;
    if (self->options.without_actors & WITHOUT_PRODUCERS)
        return;
    for (uint32_t i = 0; i < WHOLE_PRODUCERS; i++) {
        vd_model_producer_t *producer = &self->producers[i];
        bool rival = i + 1 == WHOLE_PRODUCERS;
        *producer = (vd_model_producer_t){.ingestor = &self->ingestor,
                                          .oracle = self->oracle,
                                          .offers = true,
                                          .restarts = !rival};
        producer->events_max = 1 + (uint32_t)vd_world_random(world, 6);
        producer->pause_us_max = 50000 + (int64_t)vd_world_random(world, 900000);
        snprintf(producer->name, sizeof producer->name, "node%u", i);
        snprintf(producer->producer, sizeof producer->producer, "node%u", rival ? 0 : i);
        vd_model_producer_add(producer, world);
        if (!rival)
            vd_node_boot(world, producer->node);
    }
}

static void set_weather(vd_whole_t *self)
{
    vd_world_t *world = self->world;
    vd_weather_t *weather = &self->weather;
    *weather = (vd_weather_t){.lose = (uint32_t)vd_world_random(world, 120),
                              .repeat = (uint32_t)vd_world_random(world, 100),
                              .slow = (uint32_t)vd_world_random(world, 40),
                              .delay_min_us = 20,
                              .tear = (uint32_t)vd_world_random(world, 2)};
    weather->delay_max_us = 20 + (uint32_t)vd_world_random(world, 30000);
    weather->ordered = vd_world_chance(world, 600) || self->options.clear;
    if (vd_world_chance(world, 400) || self->options.clear)
        weather->slow = weather->repeat = weather->lose = 0;
    if (vd_world_chance(world, 500) || self->options.clear)
        weather->tear = 0;
    if (self->options.repeats && weather->repeat == 0)
        weather->repeat = REPEAT;
    vd_world_weather(world, weather);
}

static void set_up(vd_whole_t *self, const vd_whole_options_t *options)
{
    self->options = *options;
    vd_world_t *world = self->world = vd_world_new(options->seed, options->trace);
    self->oracle = vd_oracle_new();
    self->ledger = vd_ledger_new();
    vd_oracle_listen(self->oracle, seen, self);
    vd_world_listen(world, heard, self);
    vd_world_watch(world, stepped, self);
    vd_world_account(world, vd_account);
    set_weather(self);
    vd_faults_plan(self);
    self->interval_ms = 200 + (int64_t)vd_world_random(world, 1000);
    self->state_events = vd_world_chance(world, 900) ? 1 + vd_world_random(world, 30) : 0;
    self->state_ms = 100 + (int64_t)vd_world_random(world, 10000);
    self->states_keep = 1 + (uint32_t)vd_world_random(world, 8);
    self->ingestor = (vd_model_ingestor_t){
        .append_us_max = 100 + (int64_t)vd_world_random(world, 20000),
        .prune_keep = vd_world_chance(world, 200) ? 3 + vd_world_random(world, 6) : 0};
    vd_broker_part_add(self);
    vd_ingestor_part_add(self);
    vd_poller_part_add(self);
    vd_host_part_add(self);
    vd_past_part_add(self);
    vd_collector_part_add(self);
    vd_runtime_add(self);
    vd_rules_add(self);
    vd_history_watch_add(self);
    vd_sources_begin(self);
    vd_runtime_boot(self);
    add_producers(self);
    vd_reader_part_add(self);
    vd_follower_part_add(self);
    vd_relay_part_add(self);
    vd_stream_part_add(self);
    vd_auditor_part_add(self);
    vd_faults_begin(self);
}

/* ---- the end ---- */

static void finish_producers(vd_whole_t *self)
{
    for (int i = 0; i < WHOLE_PRODUCERS; i++) {
        vd_model_producer_t *producer = &self->producers[i];
        if (producer->node == NULL || !vd_node_is_up(producer->node))
            continue;
        if (vd_emit_pending(producer->emit) > 0)
            vd_whole_fail(self, "[comes to rest] %s still waits for %" PRIu64 " events",
                          producer->name, vd_emit_pending(producer->emit));
        if (!producer->opened)
            vd_whole_fail(self, "[comes to rest] %s could not open", producer->name);
    }
}

/* Is the store in the middle of giving up what was pruned? */
static bool is_freeing(vd_whole_t *self)
{
    vd_store_info_t info = {.pruning = 0};
    if (self->ingestor.store != NULL)
        vd_store_info(self->ingestor.store, &info);
    return info.pruning > 0;
}

static bool is_at_rest(vd_whole_t *self)
{
    return vd_host_part_rests(self) && vd_collector_part_rests(self) &&
           vd_stream_part_rests(self) && !is_freeing(self);
}

static void finish(vd_whole_t *self)
{
    vd_rules_finish(self);
    vd_poller_part_finish(self);
    vd_host_part_finish(self);
    vd_past_part_finish(self);
    vd_collector_part_finish(self);
    vd_reader_part_finish(self);
    vd_follower_part_finish(self);
    vd_stream_part_finish(self);
    vd_auditor_part_finish(self);
    finish_producers(self);
    if (self->ingestor.store == NULL)
        vd_whole_fail(self, "[comes to rest] the ingestor is down at the end");
    else
        vd_oracle_finish(self->oracle, self->ingestor.store);
}

static void tear_down(vd_whole_t *self)
{
    self->again = false;
    vd_world_watch(self->world, NULL, NULL);
    vd_world_account(self->world, NULL);
    vd_account(NULL);
    vd_world_destroy(&self->world);
    vd_ingestor_part_free(self);
    vd_model_ingestor_free(&self->ingestor);
    vd_host_part_free(self);
    vd_past_part_free(self);
    vd_collector_part_free(self);
    vd_reader_part_free(self);
    vd_follower_part_free(self);
    vd_stream_part_free(self);
    vd_relay_part_free(self);
    vd_auditor_part_free(self);
    vd_rules_free(self);
    vd_history_watch_free(self);
    for (uint32_t i = 0; i < self->child_count; i++)
        vd_process_destroy(&self->children[i].process);
    vd_process_destroy(&self->supervisor);
    vd_ledger_destroy(&self->ledger);
    if (self->ledger_before != NULL)
        vd_ledger_destroy(&self->ledger_before);
    vd_oracle_destroy(&self->oracle);
    free(self);
}

void vd_whole_run(const vd_whole_options_t *options, vd_whole_result_t *result)
{
    vd_whole_t *self = calloc(1, sizeof *self);
    assert(self != NULL);
    *result = (vd_whole_result_t){.sum = 0};
    set_up(self, options);
    vd_world_run(self->world, self->chaos_until_us);
    if (vd_oracle_failure(self->oracle) == NULL) {
        vd_faults_calm(self);
        vd_world_run(self->world, self->chaos_until_us + CALM_US / 4);
        for (int i = 0; i < WHOLE_PRODUCERS; i++)
            self->producers[i].offers = false;
        vd_world_run(self->world, self->chaos_until_us + CALM_US - LAST_WORDS_US);
        if (self->ingestor.store != NULL)
            vd_oracle_read(self->oracle, self->ingestor.store);
        self->settled = vd_ledger_count(self->ledger);
        vd_world_run(self->world, self->chaos_until_us + CALM_US);
        for (int i = 0; i < REST_LOOKS && !is_at_rest(self); i++)
            vd_world_run(self->world, vd_whole_now_us(self) + 100000);
    }
    if (vd_oracle_failure(self->oracle) == NULL)
        finish(self);
    const char *failure = vd_oracle_failure(self->oracle);
    vd_oracle_sums_t sums = vd_oracle_sums(self->oracle);
    snprintf(result->failure, sizeof result->failure, "%s", failure != NULL ? failure : "");
    result->sum = vd_world_sum(self->world);
    result->steps = vd_world_steps(self->world);
    result->events = sums.events;
    result->commits = sums.commits;
    result->simulated_us = vd_whole_now_us(self);
    result->faults = self->fault_count;
    tear_down(self);
}

void vd_whole_print_plan(const vd_whole_options_t *options, FILE *out)
{
    vd_whole_t *self = calloc(1, sizeof *self);
    assert(self != NULL);
    self->options = *options;
    vd_faults_plan(self);
    fprintf(out, "%" PRIu32 " faults until %.3f s\n", self->fault_count,
            (double)self->chaos_until_us / 1000000);
    for (uint32_t i = 0; i < self->fault_count; i++)
        fprintf(out, "%3" PRIu32 " %10.3f  %s\n", i, (double)self->faults[i].at_us / 1000,
                vd_fault_name(self->faults[i].kind));
    free(self);
}

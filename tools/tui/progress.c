/* progress.c: see progress.h; plans, generations, scans and watches, and which event goes where. */
#include "tui/progress_impl.h"

#include <assert.h>
#include <stdlib.h>

/* ---- rounds ---- */

static void begin_round(tui_progress_t *self)
{
    uint64_t number = self->round.number + 1;
    progress_nodes_clear(self);
    progress_requests_let_go(self);
    self->level_count = 0;
    self->error[0] = 0;
    self->round = (tui_progress_round_t){.number = number};
}

static void on_plan(tui_progress_t *self, const progress_event_t *event)
{
    tui_progress_round_t *round = &self->round;
    if (round->planned && !round->begun)
        begin_round(self);
    round->planned = 1;
    round->plan_nodes = progress_count(event->data, "nodes");
    round->plan_levels = progress_count(event->data, "levels");
    round->plan_skipped = progress_count(event->data, "skipped");
}

static void on_generation_started(tui_progress_t *self, const progress_event_t *event)
{
    if (self->round.begun)
        begin_round(self);
    self->round.begun = 1;
    self->round.started_ms = (uint64_t)event->at_ms;
    self->round.generation_nodes = progress_count(event->data, "nodes");
    self->round.generation_levels = progress_count(event->data, "levels");
}

static void end_generation(tui_progress_t *self, const progress_event_t *event)
{
    tui_progress_round_t *round = &self->round;
    uint64_t now = (uint64_t)event->at_ms;
    round->begun = round->ended = 1;
    round->duration_ms = progress_count(event->data, "duration_ms");
    if (round->duration_ms == 0 && round->started_ms > 0 && now > round->started_ms)
        round->duration_ms = now - round->started_ms;
    self->all.generations++;
}

static void on_generation_completed(tui_progress_t *self, const progress_event_t *event)
{
    end_generation(self, event);
    self->round.told_generated = progress_count(event->data, "generated");
    self->round.told_skipped = progress_count(event->data, "skipped");
    self->round.told_failed = progress_count(event->data, "failed");
}

static void on_generation_failed(tui_progress_t *self, const progress_event_t *event)
{
    end_generation(self, event);
    self->round.failed = 1;
    self->all.generations_failed++;
    progress_text(self->error, sizeof self->error, vd_value_get_str(event->data, "error"));
    for (size_t i = 0; i < self->level_count; i++)
        if (self->levels[i].state == TUI_PROGRESS_RUNNING)
            self->levels[i].state = TUI_PROGRESS_FAILED;
}

/* ---- levels ---- */

static tui_progress_level_t *level_of(tui_progress_t *self, const progress_event_t *event)
{
    vd_value_t number;
    if (!vd_value_get(event->data, "level", &number) || number.kind != VD_KIND_U64)
        return NULL;
    return progress_level(self, progress_count(event->data, "level"));
}

static void on_level_started(tui_progress_t *self, const progress_event_t *event)
{
    self->round.levels_begun++;
    tui_progress_level_t *level = level_of(self, event);
    if (level == NULL)
        return;
    level->state = TUI_PROGRESS_RUNNING;
    level->nodes = progress_count(event->data, "nodes");
    level->started_ms = (uint64_t)event->at_ms;
    level->duration_ms = 0;
}

static void on_level_completed(tui_progress_t *self, const progress_event_t *event)
{
    uint64_t failed = progress_count(event->data, "failed"), now = (uint64_t)event->at_ms;
    self->round.levels_done++;
    tui_progress_level_t *level = level_of(self, event);
    if (level != NULL) {
        if (failed == 0)
            failed = level->count[TUI_PROGRESS_FAILED];
        level->state = failed > 0 ? TUI_PROGRESS_FAILED : TUI_PROGRESS_COMPLETE;
        level->generated = progress_count(event->data, "generated");
        level->failed = failed;
        level->duration_ms = progress_count(event->data, "duration_ms");
        if (level->duration_ms == 0 && level->started_ms > 0 && now > level->started_ms)
            level->duration_ms = now - level->started_ms;
    }
    self->round.levels_failed += failed > 0;
}

/* ---- scans and watches ---- */

static void on_scan_started(tui_progress_t *self, const progress_event_t *event)
{
    tui_progress_all_t *all = &self->all;
    all->scans++;
    all->scan_runs = 1;
    all->scanned = all->scan_total = all->scan_changed = all->scan_ms = 0;
    all->scan_started_ms = (uint64_t)event->at_ms;
    progress_text(self->scan_path, sizeof self->scan_path, vd_value_get_str(event->data, "path"));
}

static void on_scan_progress(tui_progress_t *self, const progress_event_t *event)
{
    self->all.scanned = progress_count(event->data, "scanned");
    self->all.scan_total = progress_count(event->data, "total");
}

static void on_scan_completed(tui_progress_t *self, const progress_event_t *event)
{
    self->all.scan_runs = 0;
    self->all.scanned = progress_count(event->data, "scanned");
    self->all.scan_changed = progress_count(event->data, "changed");
    self->all.scan_ms = progress_count(event->data, "duration_ms");
}

static void on_watch_started(tui_progress_t *self, const progress_event_t *event)
{
    self->all.watches++;
    progress_text(self->watch_path, sizeof self->watch_path, vd_value_get_str(event->data, "path"));
}

static void on_file_changed(tui_progress_t *self, const progress_event_t *event)
{
    vd_str_t change = vd_value_get_str(event->data, "change");
    self->all.created += vd_str_is(change, "created");
    self->all.modified += vd_str_is(change, "modified");
    self->all.removed += vd_str_is(change, "removed");
    self->all.renamed += vd_str_is(change, "renamed");
    progress_text(self->changed_path, sizeof self->changed_path,
                  vd_value_get_str(event->data, "path"));
}

static void on_batch(tui_progress_t *self, const progress_event_t *event)
{
    self->all.batches++;
    progress_add(&self->all.batch_changes, progress_count(event->data, "changes"));
    progress_add(&self->all.batch_failed, progress_count(event->data, "failed"));
    self->all.batch_ms = progress_count(event->data, "duration_ms");
}

/* ---- the table of types ---- */

static const struct {
    const char *type;
    void (*apply)(tui_progress_t *self, const progress_event_t *event);
    bool of_round; /* it begins a round when the one before has ended */
} types[] = {
    {"plan_constructed", on_plan, true},
    {"descendant_check_started", progress_check_started, true},
    {"descendant_check_passed", progress_check_passed, true},
    {"descendant_check_failed", progress_check_failed, true},
    {"node_skipped", progress_node_skipped, true},
    {"generation_started", on_generation_started, true},
    {"generation_completed", on_generation_completed, true},
    {"generation_failed", on_generation_failed, true},
    {"level_started", on_level_started, true},
    {"level_completed", on_level_completed, true},
    {"node_generation_started", progress_node_started, true},
    {"node_generation_completed", progress_node_completed, true},
    {"node_generation_failed", progress_node_failed, true},
    {"request_enqueued", progress_enqueued, false},
    {"request_deduplicated", progress_deduplicated, false},
    {"request_processing", progress_processing, false},
    {"queue_stats", progress_queue_stats, false},
    {"provider_request_sent", progress_sent, false},
    {"provider_response_received", progress_answered, false},
    {"provider_request_failed", progress_request_failed, false},
    {"provider_request_retrying", progress_retrying, false},
    {"scan_started", on_scan_started, false},
    {"scan_progress", on_scan_progress, false},
    {"scan_completed", on_scan_completed, false},
    {"watch_started", on_watch_started, false},
    {"file_changed", on_file_changed, false},
    {"batch_processed", on_batch, false},
};

bool tui_progress_apply(tui_progress_t *self, const vd_event_t *event)
{
    assert(self != NULL && event != NULL);
    enum { TYPES = sizeof types / sizeof *types };
    size_t at = 0;
    while (at < TYPES && !vd_str_is(event->type, types[at].type))
        at++;
    vd_value_t data;
    if (at == TYPES || !vd_value_of(event->data, &data) || data.kind != VD_KIND_MAP)
        return false;
    progress_event_t applied = {.data = &data};
    if (!vd_ts_parse(event->ts, &applied.at_ms) || applied.at_ms < 0)
        applied.at_ms = 0;
    if (self->all.events++ == 0)
        self->all.first_ms = (uint64_t)applied.at_ms;
    self->all.last_ms = (uint64_t)applied.at_ms;
    if (types[at].of_round && (self->round.number == 0 || self->round.ended))
        begin_round(self);
    types[at].apply(self, &applied);
    return true;
}

/* ---- life and looks ---- */

tui_progress_t *tui_progress_new(void)
{
    tui_progress_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    progress_index_clear(&self->node_index);
    progress_index_clear(&self->request_index);
    return self;
}

void tui_progress_destroy(tui_progress_t **self)
{
    if (*self == NULL)
        return;
    progress_nodes_clear(*self);
    for (size_t i = 0; i < (*self)->provider_count; i++)
        free((*self)->providers[i].error);
    free((*self)->stray.error);
    free((*self)->nodes);
    free(*self);
    *self = NULL;
}

const tui_progress_round_t *tui_progress_round(const tui_progress_t *self)
{
    return &self->round;
}

const tui_progress_all_t *tui_progress_all(const tui_progress_t *self)
{
    return &self->all;
}

size_t tui_progress_node_count(const tui_progress_t *self)
{
    return self->node_count;
}

const tui_progress_node_t *tui_progress_node(const tui_progress_t *self, size_t at)
{
    assert(at < self->node_count);
    return &self->nodes[at];
}

const tui_progress_node_t *tui_progress_find(const tui_progress_t *self, vd_str_t name)
{
    uint64_t key = progress_key(name);
    for (size_t i = 0; i < self->node_count; i++)
        if (self->nodes[i].key == key)
            return &self->nodes[i];
    return NULL;
}

size_t tui_progress_level_count(const tui_progress_t *self)
{
    return self->level_count;
}

const tui_progress_level_t *tui_progress_level(const tui_progress_t *self, size_t at)
{
    assert(at < self->level_count);
    return &self->levels[at];
}

size_t tui_progress_provider_count(const tui_progress_t *self)
{
    return self->provider_count;
}

const tui_progress_provider_t *tui_progress_provider(const tui_progress_t *self, size_t at)
{
    assert(at < self->provider_count);
    return &self->providers[at];
}

size_t tui_progress_open_requests(const tui_progress_t *self)
{
    return self->request_count;
}

const char *tui_progress_error(const tui_progress_t *self)
{
    return self->error;
}

const char *tui_progress_scan_path(const tui_progress_t *self)
{
    return self->scan_path;
}

const char *tui_progress_watch_path(const tui_progress_t *self)
{
    return self->watch_path;
}

const char *tui_progress_changed_path(const tui_progress_t *self)
{
    return self->changed_path;
}

/* Nodes that are not to be generated: told one by one, or by the plan alone. */
static uint64_t skipped(const tui_progress_round_t *round)
{
    uint64_t told = round->node[TUI_PROGRESS_SKIPPED];
    return told > round->plan_skipped ? told : round->plan_skipped;
}

uint64_t tui_progress_total(const tui_progress_t *self)
{
    const tui_progress_round_t *round = &self->round;
    uint64_t total = round->plan_nodes + round->plan_skipped, known = 0;
    if (total < round->generation_nodes)
        total = round->generation_nodes;
    for (size_t i = 0; i < TUI_PROGRESS_STATES; i++)
        known += i == TUI_PROGRESS_SKIPPED ? skipped(round) : round->node[i];
    return total > known ? total : known;
}

uint64_t tui_progress_done(const tui_progress_t *self)
{
    const tui_progress_round_t *round = &self->round;
    return round->node[TUI_PROGRESS_COMPLETE] + round->node[TUI_PROGRESS_FAILED] + skipped(round);
}

uint64_t tui_progress_waiting(const tui_progress_t *self)
{
    return tui_progress_total(self) - tui_progress_done(self) -
           self->round.node[TUI_PROGRESS_RUNNING];
}

const char *tui_progress_state_name(tui_progress_state_t state)
{
    static const char *const names[TUI_PROGRESS_STATES] = {"waiting", "running", "complete",
                                                           "failed", "skipped"};
    assert(state < TUI_PROGRESS_STATES);
    return names[state];
}

const char *tui_progress_round_name(const tui_progress_t *self)
{
    const tui_progress_round_t *round = &self->round;
    if (round->failed)
        return "failed";
    if (round->ended)
        return round->told_failed + round->node[TUI_PROGRESS_FAILED] > 0 ? "failed" : "complete";
    if (round->begun || round->node[TUI_PROGRESS_RUNNING] > 0)
        return "running";
    return round->planned ? "planned" : self->all.events > 0 ? "waiting" : "idle";
}

int64_t tui_progress_runs_ms(const tui_progress_t *self)
{
    const tui_progress_round_t *round = &self->round;
    if (round->begun && !round->ended)
        return (int64_t)round->started_ms;
    for (size_t i = tui_progress_level_count(self); i > 0; i--) {
        const tui_progress_level_t *level = tui_progress_level(self, i - 1);
        if (level->state == TUI_PROGRESS_RUNNING)
            return (int64_t)level->started_ms;
    }
    for (size_t i = 0; round->node[TUI_PROGRESS_RUNNING] > 0 && i < tui_progress_node_count(self);
         i++) {
        const tui_progress_node_t *node = tui_progress_node(self, i);
        if (node->state == TUI_PROGRESS_RUNNING)
            return node->started_ms;
    }
    return 0;
}

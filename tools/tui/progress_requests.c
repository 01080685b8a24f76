/* progress_requests.c: requests in the queue and at providers, and what they do to their nodes. */
#include "tui/progress_impl.h"

#include <assert.h>

/* ---- requests that are open ---- */

static progress_request_t *by_key(tui_progress_t *self, uint64_t key)
{
    int32_t at = self->request_index.heads[key % PROGRESS_HEADS];
    while (at != PROGRESS_NONE && self->requests[at].key != key)
        at = self->request_index.next[at];
    return at != PROGRESS_NONE ? &self->requests[at] : NULL;
}

static progress_request_t *of_event(tui_progress_t *self, const progress_event_t *event)
{
    vd_str_t name = vd_value_get_str(event->data, "request");
    return name.size > 0 ? by_key(self, progress_key(name)) : NULL;
}

static tui_progress_node_t *node_of(tui_progress_t *self, const progress_request_t *request)
{
    return request->node != 0 ? progress_node_by_key(self, request->node) : NULL;
}

/* The last one takes the place of one that goes. */
static void take_out(tui_progress_t *self, progress_request_t *request)
{
    size_t slot = (size_t)(request - self->requests), last = self->request_count - 1;
    tui_progress_node_t *node = node_of(self, request);
    if (node != NULL)
        progress_less(&node->open);
    progress_index_remove(&self->request_index, request->key, slot);
    if (slot != last) {
        progress_index_remove(&self->request_index, self->requests[last].key, last);
        *request = self->requests[last];
        progress_index_add(&self->request_index, request->key, slot);
    }
    self->request_count--;
}

/* One that failed, and that nobody has sent again, makes room for a new one. */
static bool make_room(tui_progress_t *self)
{
    for (size_t i = 0; i < self->request_count; i++)
        if (self->requests[i].state == REQUEST_FAILED && self->requests[i].joiners == 0) {
            take_out(self, &self->requests[i]);
            return true;
        }
    return false;
}

void progress_requests_let_go(tui_progress_t *self)
{
    for (size_t i = 0; i < self->request_count; i++)
        self->requests[i].node = 0;
}

bool progress_request_add(tui_progress_t *self, const progress_request_t *request)
{
    if (self->request_count == TUI_PROGRESS_REQUESTS_MAX && !make_room(self))
        return false;
    self->requests[self->request_count] = *request;
    progress_index_add(&self->request_index, request->key, self->request_count++);
    return true;
}

/* ---- what they do to nodes ---- */

static void step(tui_progress_node_t *node, tui_progress_deed_t deed, const progress_event_t *event,
                 uint64_t ms, uint8_t provider)
{
    progress_node_step(node, deed, event, ms, provider);
    if (deed == TUI_PROGRESS_ANSWERED)
        node->answered++;
    if (deed == TUI_PROGRESS_REQUEST_FAILED || deed == TUI_PROGRESS_RETRYING) {
        vd_str_t error = vd_value_get_str(event->data, "error");
        if (error.size > 0 && node->state != TUI_PROGRESS_FAILED)
            progress_set_text(&node->error, error);
    }
    node->failures += deed == TUI_PROGRESS_REQUEST_FAILED;
}

/* Moves a node of whose generation nothing is told (law 4). */
static void follow_request(tui_progress_t *self, tui_progress_node_t *node,
                           tui_progress_deed_t deed, const progress_event_t *event)
{
    if (node->told)
        return;
    if (deed == TUI_PROGRESS_SENT || deed == TUI_PROGRESS_RETRYING) {
        if (node->started_ms == 0)
            node->started_ms = event->at_ms;
        progress_node_move(self, node, TUI_PROGRESS_RUNNING);
    } else if (deed == TUI_PROGRESS_REQUEST_FAILED) {
        progress_node_move(self, node, TUI_PROGRESS_FAILED);
    } else if (deed == TUI_PROGRESS_ANSWERED && node->open == 0) {
        progress_node_move(self, node, TUI_PROGRESS_COMPLETE);
        progress_set_text(&node->error, vd_bytes(NULL, 0));
        node->ended_ms = event->at_ms;
        if (node->started_ms > 0 && event->at_ms > node->started_ms)
            node->duration_ms = (uint64_t)(event->at_ms - node->started_ms);
    }
}

/* Something happens to a request: its node, and those that joined it, hear of it. */
static void happens(tui_progress_t *self, progress_request_t *request, tui_progress_deed_t deed,
                    const progress_event_t *event, uint64_t ms, uint8_t provider)
{
    uint64_t key = request->key;
    bool joined = request->joiners > 0, answered = deed == TUI_PROGRESS_ANSWERED;
    for (size_t i = self->request_count; i-- > 0;) {
        progress_request_t *at = joined ? &self->requests[i] : request;
        if (at->key == key || (at->joined == key && joined)) {
            tui_progress_node_t *node = node_of(self, at);
            if (answered)
                take_out(self, at);
            if (node != NULL) {
                step(node, deed, event, ms, provider);
                follow_request(self, node, deed, event);
            }
        }
        if (!joined)
            return;
    }
}

static uint8_t provider_of(tui_progress_t *self, const progress_event_t *event)
{
    vd_str_t name = vd_value_get_str(event->data, "provider");
    uint64_t key = progress_key(name);
    for (size_t i = 0; i < self->provider_count; i++)
        if (self->providers[i].key == key)
            return (uint8_t)(i + 1);
    if (name.size == 0 || self->provider_count == TUI_PROGRESS_PROVIDERS_MAX)
        return 0;
    tui_progress_provider_t *provider = &self->providers[self->provider_count++];
    *provider = (tui_progress_provider_t){.key = key};
    progress_name(provider->name, name);
    return (uint8_t)self->provider_count;
}

/* ---- events of the queue ---- */

void progress_enqueued(tui_progress_t *self, const progress_event_t *event)
{
    vd_str_t name = vd_value_get_str(event->data, "request");
    vd_value_t pending;
    self->all.enqueued++;
    if (vd_value_get(event->data, "pending", &pending) && pending.kind == VD_KIND_U64)
        self->all.pending = progress_count(event->data, "pending");
    else
        self->all.pending++;
    tui_progress_node_t *node =
        progress_node(self, vd_value_get_str(event->data, "node"), TUI_PROGRESS_WAITING, 0);
    if (name.size == 0 || by_key(self, progress_key(name)) != NULL)
        return;
    progress_request_t request = {.key = progress_key(name)};
    if (node != NULL && node != &self->stray)
        request.node = node->key;
    bool kept = progress_request_add(self, &request);
    if (request.node == 0)
        return;
    node->requests++;
    node->open += kept;
    progress_node_step(node, TUI_PROGRESS_ENQUEUED, event, 0, 0);
    /* An untold node that was complete has something to wait for again. */
    if (!node->told && node->state != TUI_PROGRESS_RUNNING)
        progress_node_move(self, node, TUI_PROGRESS_WAITING);
}

void progress_deduplicated(tui_progress_t *self, const progress_event_t *event)
{
    vd_str_t joined = vd_value_get_str(event->data, "joined");
    progress_request_t *request = of_event(self, event);
    self->all.deduplicated++;
    if (request == NULL)
        return;
    tui_progress_node_t *node = node_of(self, request);
    if (node != NULL)
        progress_node_step(node, TUI_PROGRESS_JOINED, event, 0, 0);
    progress_less(&self->all.pending);
    progress_request_t *other = joined.size > 0 ? by_key(self, progress_key(joined)) : NULL;
    if (other == NULL || other == request || request->joined != 0 || other->joined != 0) {
        take_out(self, request);
        return;
    }
    request->joined = other->key;
    request->state = REQUEST_JOINED;
    other->joiners++;
}

void progress_processing(tui_progress_t *self, const progress_event_t *event)
{
    uint64_t waited = progress_count(event->data, "waited_ms");
    self->all.turns++;
    progress_add(&self->all.waited_ms, waited);
    progress_less(&self->all.pending);
    self->all.processing++;
    progress_request_t *request = of_event(self, event);
    if (request == NULL)
        return;
    request->state = REQUEST_TURN;
    happens(self, request, TUI_PROGRESS_TURN, event, waited, 0);
}

void progress_queue_stats(tui_progress_t *self, const progress_event_t *event)
{
    self->all.queue_told++;
    self->all.pending = progress_count(event->data, "pending");
    self->all.processing = progress_count(event->data, "processing");
    self->all.queue_completed = progress_count(event->data, "completed");
    self->all.queue_failed = progress_count(event->data, "failed");
}

/* ---- events of providers ---- */

/* A request that was sent is not on the way any more. */
static void is_back(tui_progress_t *self, progress_request_t *request)
{
    if (request == NULL || request->state == REQUEST_SENT)
        progress_less(&self->all.on_the_way);
    else if (request->state == REQUEST_RETRYING)
        progress_less(&self->all.retrying);
}

void progress_sent(tui_progress_t *self, const progress_event_t *event)
{
    uint8_t number = provider_of(self, event);
    progress_request_t *request = of_event(self, event);
    self->all.sent++;
    if (number > 0)
        self->providers[number - 1].sent++;
    if (request != NULL ? request->state == REQUEST_RETRYING
                        : progress_count(event->data, "attempt") > 1)
        progress_less(&self->all.retrying);
    self->all.on_the_way += request == NULL || request->state != REQUEST_SENT;
    if (request == NULL)
        return;
    request->state = REQUEST_SENT;
    happens(self, request, TUI_PROGRESS_SENT, event, 0, number);
}

void progress_answered(tui_progress_t *self, const progress_event_t *event)
{
    uint8_t number = provider_of(self, event);
    uint64_t ms = progress_count(event->data, "duration_ms");
    tui_progress_all_t *all = &self->all;
    all->answered++;
    all->latency_last_ms = ms;
    all->latency_most_ms = ms > all->latency_most_ms ? ms : all->latency_most_ms;
    progress_add(&all->latency_sum_ms, ms);
    if (number > 0) {
        tui_progress_provider_t *provider = &self->providers[number - 1];
        provider->answered++;
        provider->last_ms = ms;
        provider->most_ms = ms > provider->most_ms ? ms : provider->most_ms;
        progress_add(&provider->sum_ms, ms);
    }
    progress_request_t *request = of_event(self, event);
    is_back(self, request);
    progress_less(&all->processing);
    if (request != NULL)
        happens(self, request, TUI_PROGRESS_ANSWERED, event, ms, number);
}

void progress_request_failed(tui_progress_t *self, const progress_event_t *event)
{
    uint8_t number = provider_of(self, event);
    self->all.request_failures++;
    if (number > 0) {
        self->providers[number - 1].failed++;
        progress_set_text(&self->providers[number - 1].error,
                          vd_value_get_str(event->data, "error"));
    }
    progress_request_t *request = of_event(self, event);
    is_back(self, request);
    progress_less(&self->all.processing); /* until it is told that it is sent again */
    if (request == NULL)
        return;
    request->state = REQUEST_FAILED;
    happens(self, request, TUI_PROGRESS_REQUEST_FAILED, event,
            progress_count(event->data, "duration_ms"), number);
}

void progress_retrying(tui_progress_t *self, const progress_event_t *event)
{
    uint8_t number = provider_of(self, event);
    progress_request_t *request = of_event(self, event);
    self->all.retried++;
    if (number > 0)
        self->providers[number - 1].retried++;
    bool anew = request == NULL || request->state != REQUEST_RETRYING;
    self->all.retrying += anew;
    self->all.processing += anew;
    if (request == NULL)
        return;
    if (request->state == REQUEST_SENT)
        progress_less(&self->all.on_the_way);
    request->state = REQUEST_RETRYING;
    happens(self, request, TUI_PROGRESS_RETRYING, event, progress_count(event->data, "delay_ms"),
            number);
}

/* past_part.c: what each observer knew after each of its events, and what is told of it later: states
 * that hosts have kept, and answers to PAST. */
#include "whole.h"

#include "observers/host/host_state.h"
#include "tally.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum { ASKED = 32, ANSWER_US = 10000000, CALMED_US = 15000000 };

/* After an event of an observer. */
typedef struct moment {
    uint32_t root; /* of its chain of sessions */
    char session[VD_NAME_BYTES_MAX + 1];
    uint64_t seq, index, place;
    int64_t at_ms;
    vd_buffer_t state; /* as it is saved */
} moment_t;

/* A question, and the moment that is to be told. */
typedef struct asked {
    uint64_t correlation; /* 0: there is none */
    uint32_t host;
    uint64_t life; /* of the host */
    uint64_t moment;
    int64_t asked_us;
} asked_t;

typedef struct timeline {
    moment_t *moments; /* in the order of the store */
    uint64_t count, room;
} timeline_t;

struct vd_past_part {
    timeline_t lines[WHOLE_HOSTS];
    asked_t asked[ASKED];
    uint64_t correlation; /* of the newest question */
    uint64_t told;        /* answers with a moment */
};

/* ---- what was known when ---- */

void vd_past_part_note(vd_whole_t *self, uint32_t host, const vd_seen_t *seen)
{
    timeline_t *line = &self->past->lines[host];
    if (line->count == line->room) {
        line->room = line->room * 2 + 64;
        line->moments = realloc(line->moments, line->room * sizeof *line->moments);
        assert(line->moments != NULL);
    }
    moment_t *moment = &line->moments[line->count++];
    *moment = (moment_t){.root = self->hosts[host].root,
                         .seq = seen->seq,
                         .index = seen->index,
                         .place = seen->place,
                         .at_ms = seen->time_ms};
    vd_str_copy(moment->session, sizeof moment->session, seen->session);
    vd_buffer_init(&moment->state, 65536);
    vd_tally_observer.save(self->hosts[host].shadow, &moment->state);
    assert(!moment->state.full);
}

static void forget(timeline_t *line)
{
    for (uint64_t i = 0; i < line->count; i++)
        vd_buffer_free(&line->moments[i].state);
    line->count = 0;
}

void vd_past_part_forget(vd_whole_t *self)
{
    for (int i = 0; i < WHOLE_HOSTS; i++)
        forget(&self->past->lines[i]);
    memset(self->past->asked, 0, sizeof self->past->asked);
}

/* The last moment of a chain before a place of the store; NULL: nothing was known. */
static const moment_t *last_before(const timeline_t *line, uint32_t root, uint64_t index,
                                   uint64_t offset)
{
    for (uint64_t i = line->count; i > 0; i--) {
        const moment_t *moment = &line->moments[i - 1];
        if (moment->root == root &&
            (moment->index <= index || (moment->index == index + 1 && moment->place < offset)))
            return moment;
    }
    return NULL;
}

/* ---- states that are kept ---- */

static void check_kept(vd_whole_t *self, uint32_t host, const vd_message_t *message)
{
    const vd_save_snapshot_body_t *kept = &message->save_snapshot;
    uint32_t root = vd_host_part_root(self, kept->session);
    void *nothing = NULL;
    vd_buffer_t empty;
    if (self->ingestor.store != NULL)
        vd_oracle_read(self->oracle, self->ingestor.store);
    if (vd_host_part_may_have_lost(self, root))
        return; /* what it has now is told with the next state that it writes */
    const moment_t *moment = last_before(&self->past->lines[host], root, kept->index, kept->offset);
    vd_buffer_init(&empty, 256);
    vd_tally_observer.init(&nothing, NULL, NULL, 0);
    vd_tally_observer.save(nothing, &empty);
    vd_tally_observer.destroy(&nothing);
    if (!vd_bytes_equal(message->payload, vd_buffer_view(moment ? &moment->state : &empty)))
        vd_whole_fail(self,
                      "[kept state] the state that %s keeps at commit %" PRIu64
                      " is not what the events up to there lead to",
                      self->hosts[host].name, kept->index);
    vd_buffer_free(&empty);
    bool named = moment != NULL && vd_str_is(kept->session, moment->session);
    if (kept->seq > 0 && (!named || moment->seq != kept->seq))
        vd_whole_fail(self, "[kept state] the state that %s keeps says event %" PRIu64 " of %.*s",
                      self->hosts[host].name, kept->seq, (int)kept->session.size,
                      (const char *)kept->session.data);
}

/* ---- answers ---- */

static bool same_view(const moment_t *moment, vd_bytes_t view)
{
    void *state = NULL;
    vd_buffer_t wanted;
    vd_buffer_init(&wanted, 65536);
    vd_tally_observer.init(&state, NULL, NULL, 0);
    vd_status_t status = vd_tally_observer.load(state, vd_buffer_view(&moment->state));
    assert(status == VD_OK);
    (void)status;
    vd_tally_observer.view(state, NULL, &wanted);
    bool same = vd_bytes_equal(vd_buffer_view(&wanted), view);
    vd_tally_observer.destroy(&state);
    vd_buffer_free(&wanted);
    return same;
}

static void check_answer(vd_whole_t *self, uint32_t host, const vd_message_t *message)
{
    asked_t *asked = &self->past->asked[message->correlation % ASKED];
    const char *name = self->hosts[host].name;
    vd_value_t map, view;
    if (message->correlation == 0 || asked->correlation != message->correlation)
        return;
    asked->correlation = 0;
    const moment_t *moment = &self->past->lines[host].moments[asked->moment];
    if (message->id != VD_MESSAGE_VALUE || vd_host_part_may_have_lost(self, moment->root))
        return;
    self->past->told++;
    if (!vd_value_of(message->payload, &map) || !vd_value_get(&map, "state", &view))
        vd_whole_fail(self, "[past] %s tells a past without a state", name);
    else if (!same_view(moment, view.raw))
        vd_whole_fail(self,
                      "[past] %s tells another state after %s:%" PRIu64
                      " than the events up to there lead to",
                      name, moment->session, moment->seq);
    else if (vd_value_get_u64(&map, "seq", 0) != moment->seq ||
             !vd_str_is(vd_value_get_str(&map, "session"), moment->session))
        vd_whole_fail(self, "[past] %s tells event %" PRIu64 " as the last one before %s:%" PRIu64,
                      name, vd_value_get_u64(&map, "seq", 0), moment->session, moment->seq);
}

void vd_past_part_heard(vd_whole_t *self, const vd_node_t *node, bool arrives, const char *topic,
                        const vd_message_t *message)
{
    for (uint32_t i = 0; i < WHOLE_HOSTS && !arrives; i++) {
        if (self->hosts[i].whole == NULL || self->hosts[i].node != node)
            continue;
        if (message->id == VD_MESSAGE_SAVE_SNAPSHOT)
            check_kept(self, i, message);
        else if (strcmp(topic, VD_MODEL_HISTORIAN) == 0)
            check_answer(self, i, message);
    }
}

/* ---- questions ---- */

/* By its event, or by its time, if that tells it from the next one. */
static bool ask_for(vd_whole_t *self, uint32_t host, uint64_t at, vd_message_t *message)
{
    const timeline_t *line = &self->past->lines[host];
    const moment_t *moment = &line->moments[at];
    uint64_t next = at + 1;
    while (next < line->count && line->moments[next].root != moment->root)
        next++;
    if (vd_world_chance(self->world, 500)) {
        message->past.session = vd_str(moment->session);
        message->past.seq = moment->seq;
        return true;
    }
    message->past.at_ms = moment->at_ms;
    if (vd_world_chance(self->world, 300))
        message->past.session = vd_str(moment->session);
    return next < line->count && line->moments[next].at_ms > moment->at_ms &&
           vd_host_part_session_root(self, host) == moment->root;
}

static void ask(vd_world_t *world, void *arg, uint64_t number)
{
    vd_whole_t *self = arg;
    vd_past_part_t *part = self->past;
    uint32_t host = (uint32_t)vd_world_random(world, WHOLE_HOSTS);
    const timeline_t *line = &part->lines[host];
    vd_message_t message = {.id = VD_MESSAGE_PAST};
    char endpoint[64];
    (void)number;
    vd_world_later(world, 200000 + (int64_t)vd_world_random(world, 2000000), NULL, ask, self, 0);
    if (self->hosts[host].whole == NULL || line->count == 0)
        return;
    /* The newest more often than what is long ago. */
    uint64_t back = vd_world_random(world, vd_world_chance(world, 500) ? 8 : line->count);
    uint64_t at = line->count - 1 - (back < line->count ? back : line->count - 1);
    if (!ask_for(self, host, at, &message))
        return;
    message.correlation = ++part->correlation;
    part->asked[message.correlation % ASKED] =
        (asked_t){.correlation = message.correlation,
                  .host = host,
                  .life = vd_process_life(self->hosts[host].process),
                  .moment = at,
                  .asked_us = vd_whole_now_us(self)};
    snprintf(endpoint, sizeof endpoint, "%s.requests", self->hosts[host].name);
    vd_world_inject(world, VD_MODEL_HISTORIAN, endpoint, &message);
}

/* ---- all of it ---- */

void vd_past_part_add(vd_whole_t *self)
{
    self->past = calloc(1, sizeof *self->past);
    assert(self->past != NULL);
    for (int i = 0; i < WHOLE_HOSTS; i++)
        if (self->hosts[i].whole != NULL)
            vd_node_tap(self->hosts[i].node);
    if (!(self->options.without_actors & WITHOUT_STRANGERS))
        vd_world_later(self->world, 1000000, NULL, ask, self, 0);
}

void vd_past_part_free(vd_whole_t *self)
{
    for (int i = 0; i < WHOLE_HOSTS; i++) {
        forget(&self->past->lines[i]);
        free(self->past->lines[i].moments);
    }
    free(self->past);
    self->past = NULL;
}

void vd_past_part_finish(vd_whole_t *self)
{
    int64_t now_us = vd_whole_now_us(self);
    for (uint32_t i = 0; i < ASKED; i++) {
        const asked_t *asked = &self->past->asked[i];
        if (asked->correlation != 0 && asked->asked_us > self->calm_us + CALMED_US &&
            now_us - asked->asked_us > ANSWER_US &&
            asked->life == vd_process_life(self->hosts[asked->host].process))
            vd_whole_fail(self, "[past] %s was asked %.3f s ago and says nothing",
                          self->hosts[asked->host].name,
                          (double)(now_us - asked->asked_us) / 1000000);
    }
}

/* prune.c: which sessions are pruned, and when their space is freed. */
#include "sequencer_state.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    POLICY_QUICK_MAX = 4096, /* sessions: with more, the policy looks once a minute */
    POLICY_SLOW_US = 60000000,
    FREE_WAIT_US_MAX = 1000000,
    REST = 4, /* beside appends, freeing rests so many times as long as it works */
};

void vd_sequencer_set_policy(vd_sequencer_t *self, const vd_prune_limits_t *limits)
{
    assert(self != NULL && limits != NULL);
    self->prune.policy = *limits;
}

void vd_sequencer_restore_continues(vd_sequencer_t *self, vd_str_t session, vd_str_t continues)
{
    vd_session_t *found = vd_names_get(&self->sessions, session);
    assert(found != NULL && found->open != NULL);
    vd_str_copy(found->open->continues, sizeof found->open->continues, continues);
}

/* ---- choosing ---- */

static int older_first(const void *a, const void *b)
{
    const vd_session_t *left = *(const vd_session_t *const *)a;
    const vd_session_t *right = *(const vd_session_t *const *)b;
    int order = (left->ended_ms > right->ended_ms) - (left->ended_ms < right->ended_ms);
    return order != 0 ? order : strcmp(left->id, right->id);
}

/* What an open session goes on from stays. */
static void note_predecessors(vd_sequencer_t *self)
{
    self->look++;
    for (vd_session_t *session = self->open; session != NULL; session = session->next_open) {
        const char *name = session->open->continues;
        vd_session_t *before = name[0] != 0 ? vd_names_get(&self->sessions, vd_str(name)) : NULL;
        if (before != NULL)
            before->kept_look = self->look;
    }
}

/* Lists every session that has ended, oldest first. False without memory. */
static bool list_ended(vd_sequencer_t *self)
{
    vd_prune_t *prune = &self->prune;
    uint32_t room = self->sessions.count > 0 ? self->sessions.count : 1;
    vd_session_t *session;
    uint32_t at = 0;
    prune->list = malloc(room * sizeof(vd_session_t *));
    if (prune->list == NULL)
        return false;
    while ((session = vd_names_next(&self->sessions, &at)) != NULL)
        if (session->open == NULL)
            prune->list[prune->count++] = session;
    qsort(prune->list, prune->count, sizeof(vd_session_t *), older_first);
    return true;
}

static void forget_list(vd_prune_t *prune)
{
    free(prune->list);
    free(prune->job.names);
    prune->list = NULL;
    prune->count = 0;
    prune->job = (vd_prune_job_t){0};
    prune->events = prune->bytes = 0;
}

/* Leaves in the list what every limit allows to remove. */
static void apply_limits(vd_sequencer_t *self, vd_now_t now, const vd_prune_limits_t *limits)
{
    vd_prune_t *prune = &self->prune;
    uint32_t ended = prune->count;
    prune->count = 0;
    note_predecessors(self);
    uint64_t spare = ended > limits->keep ? ended - limits->keep : 0;
    for (uint32_t i = 0; i < spare && prune->count < VD_PRUNE_SESSIONS_MAX; i++) {
        vd_session_t *session = prune->list[i];
        bool old = limits->older_than_ms == 0 ||
                   (now.wall_ms > session->ended_ms &&
                    (uint64_t)(now.wall_ms - session->ended_ms) >= limits->older_than_ms);
        if (!old || session->kept_look == self->look)
            continue;
        prune->list[prune->count++] = session;
        prune->events += session->events;
        prune->bytes += session->bytes;
    }
}

/* Chooses by limits. VD_OK, also when there is nothing, or VD_NO_MEMORY. */
static vd_status_t choose(vd_sequencer_t *self, vd_now_t now, const vd_prune_limits_t *limits)
{
    assert(self->prune.list == NULL && (limits->older_than_ms > 0 || limits->keep > 0));
    if (!list_ended(self)) {
        forget_list(&self->prune);
        return VD_NO_MEMORY;
    }
    apply_limits(self, now, limits);
    return VD_OK;
}

/* Puts the names of the list where the store finds them. */
static bool make_job(vd_prune_t *prune)
{
    assert(prune->count > 0 && prune->job.names == NULL);
    prune->job.names = malloc(prune->count * sizeof(const char *));
    if (prune->job.names == NULL)
        return false;
    for (uint32_t i = 0; i < prune->count; i++)
        prune->job.names[i] = prune->list[i]->id;
    prune->job.count = prune->count;
    return true;
}

/* ---- on request ---- */

static void reply(vd_sequencer_t *self, vd_effects_t *effects)
{
    vd_prune_t *prune = &self->prune;
    vd_buffer_t ids;
    vd_buffer_init(&ids, (VD_NAME_BYTES_MAX + 4) * VD_PRUNE_SESSIONS_MAX);
    vd_write_array(&ids, prune->count);
    for (uint32_t i = 0; i < prune->count; i++)
        vd_write_str(&ids, vd_str(prune->list[i]->id));
    vd_message_t message = {.id = VD_MESSAGE_PRUNED, .correlation = prune->correlation};
    message.pruned.sessions = prune->count;
    message.pruned.events = prune->events;
    message.pruned.bytes = prune->bytes;
    message.payload = vd_buffer_view(&ids);
    if (!ids.full)
        vd_effects_send(effects, VD_SEQ_PORT_CONTROL, &prune->peer, &message);
    vd_buffer_free(&ids);
}

static void reply_error(vd_sequencer_t *self, vd_status_t status, const char *text,
                        vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_ERROR, .correlation = self->prune.correlation};
    message.error.status = vd_str(vd_status_name(status));
    message.error.text = vd_str(text);
    vd_effects_send(effects, VD_SEQ_PORT_CONTROL, &self->prune.peer, &message);
}

/* Takes the one session that is named. False when it may not be pruned: that is answered. */
static bool choose_named(vd_sequencer_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    vd_prune_t *prune = &self->prune;
    char id[VD_NAME_BYTES_MAX + 1];
    vd_str_copy(id, sizeof id, input->message->prune.session);
    vd_session_t *session = vd_names_get(&self->sessions, vd_str(id));
    if (session == NULL) {
        if (self->lookup.session(self->lookup.arg, id) == VD_PRUNED) {
            reply(self, effects); /* it was: there is nothing to do */
            return false;
        }
        vd_effects_reply_error(effects, input, VD_NOT_FOUND,
                               "there is no session %s; see: vedette session ls", id);
        return false;
    }
    note_predecessors(self);
    if (session->open != NULL || session->kept_look == self->look) {
        vd_effects_reply_error(effects, input, VD_DENIED,
                               session->open != NULL
                                   ? "session %s has not ended: only what is completed or failed "
                                     "is pruned"
                                   : "session %s goes on in one that has not ended: end that first",
                               id);
        return false;
    }
    prune->list = malloc(sizeof(vd_session_t *));
    if (prune->list == NULL) {
        vd_effects_reply_error(effects, input, VD_NO_MEMORY, "no memory for pruning");
        return false;
    }
    prune->list[prune->count++] = session;
    prune->events = session->events;
    prune->bytes = session->bytes;
    return true;
}

/* Is it what is being done for this peer already? Then only the answer goes elsewhere. */
static bool is_repeated(const vd_prune_t *prune, const vd_input_t *input)
{
    const vd_prune_body_t *body = &input->message->prune;
    return prune->asked && vd_peer_equal(&prune->peer, &input->peer) &&
           vd_str_is(body->session, prune->session) &&
           body->older_than_ms == prune->limits.older_than_ms && body->keep == prune->limits.keep;
}

void vd_seq_take_prune(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                       vd_effects_t *effects)
{
    const vd_prune_body_t *body = &input->message->prune;
    vd_prune_t *prune = &self->prune;
    if (body->session.size == 0 && body->older_than_ms == 0 && body->keep == 0) {
        vd_effects_reply_error(effects, input, VD_USAGE,
                               "PRUNE needs a session, older_than_ms or keep");
        return;
    }
    if (self->trouble || prune->list != NULL) {
        if (is_repeated(prune, input) && prune->list != NULL)
            prune->correlation = input->message->correlation;
        else
            vd_effects_reply_error(effects, input, self->trouble ? VD_STORE_TROUBLE : VD_BUSY,
                                   self->trouble ? "the store cannot write now: try again later"
                                                 : "sessions are being pruned: try again later");
        return;
    }
    prune->asked = true;
    prune->peer = input->peer;
    prune->correlation = input->message->correlation;
    prune->limits = (vd_prune_limits_t){body->older_than_ms, body->keep};
    vd_str_copy(prune->session, sizeof prune->session, body->session);
    if (body->session.size > 0) {
        if (!choose_named(self, input, effects))
            return;
    } else if (choose(self, now, &prune->limits) != VD_OK) {
        vd_effects_reply_error(effects, input, VD_NO_MEMORY, "no memory for pruning");
        return;
    }
    if (body->dry || prune->count == 0)
        reply(self, effects);
    else if (!make_job(prune))
        vd_effects_reply_error(effects, input, VD_NO_MEMORY, "no memory for pruning");
    if (prune->job.count == 0)
        forget_list(prune);
}

/* ---- by itself ---- */

void vd_seq_prune_by_policy(vd_sequencer_t *self, vd_now_t now)
{
    vd_prune_t *prune = &self->prune;
    if ((prune->policy.older_than_ms == 0 && prune->policy.keep == 0) || prune->list != NULL ||
        self->trouble || now.mono_us < prune->look_us)
        return;
    if (self->sessions.count > POLICY_QUICK_MAX)
        prune->look_us = now.mono_us + POLICY_SLOW_US;
    prune->asked = false;
    if (choose(self, now, &prune->policy) != VD_OK)
        return;
    if (prune->count == 0 || !make_job(prune))
        forget_list(prune);
}

/* ---- the store's part ---- */

void vd_seq_launch_prune(vd_sequencer_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_prune_t *prune = &self->prune;
    if (prune->out || self->trouble || self->stopping)
        return;
    if (prune->job.count > 0) {
        vd_effects_do(effects, VD_SEQ_PRUNE, 0, &prune->job);
    } else if (prune->more && now.mono_us >= prune->free_us) {
        vd_effects_do(effects, VD_SEQ_FREE, 0, NULL);
    } else {
        return;
    }
    prune->out = true;
    prune->begun_us = now.mono_us;
}

/* They are gone from view, on disk. */
static void take_off(vd_sequencer_t *self, vd_effects_t *effects)
{
    vd_prune_t *prune = &self->prune;
    vd_effects_log(
        effects, VD_INFO, "pruned %" PRIu32 " sessions with %" PRIu64 " events, from %s to %s",
        prune->count, prune->events, prune->list[0]->id, prune->list[prune->count - 1]->id);
    for (uint32_t i = 0; i < prune->count; i++) {
        assert(prune->list[i]->open == NULL);
        vd_names_remove(&self->sessions, prune->list[i]);
        vd_session_destroy(prune->list[i]);
    }
    self->stats.pruned += prune->count;
    prune->more = true;
    prune->free_us = INT64_MIN;
}

static void fail(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    bool marking = input->id == VD_SEQ_PRUNE;
    const char *why = input->result != NULL ? input->result : vd_status_text(input->status);
    if (marking && self->prune.asked)
        reply_error(self, input->status, why, effects);
    else if (marking)
        vd_effects_log(effects, VD_WARN, "sessions cannot be pruned: %s", why);
    if (marking)
        self->prune.look_us = now.mono_us + POLICY_SLOW_US;
    /* Nothing was done, and the store is as good as before. */
    if (marking && (input->status == VD_NOT_FOUND || input->status == VD_BUSY ||
                    input->status == VD_CORRUPT || input->status == VD_NO_MEMORY))
        return;
    /* An append that is out will fail, too, and tell. */
    if (!self->trouble && !self->out)
        vd_seq_begin_trouble(self, now, input, "could not prune", effects);
}

void vd_seq_take_pruned(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                        vd_effects_t *effects)
{
    vd_prune_t *prune = &self->prune;
    assert(prune->out);
    prune->out = false;
    bool marking = input->id == VD_SEQ_PRUNE;
    if (input->status != VD_OK) {
        fail(self, now, input, effects);
    } else if (marking) {
        if (prune->asked)
            reply(self, effects);
        take_off(self, effects);
    } else {
        const bool *more = input->result;
        int64_t took_us = now.mono_us - prune->begun_us;
        int64_t rest_us = self->out ? REST * took_us : 0;
        prune->more = *more;
        prune->free_us = now.mono_us + (rest_us < FREE_WAIT_US_MAX ? rest_us : FREE_WAIT_US_MAX);
        if (prune->more)
            vd_effects_timer(effects, VD_SEQ_TIMER_PRUNE, prune->free_us);
    }
    if (marking)
        forget_list(prune);
}

void vd_seq_forget_prune(vd_sequencer_t *self)
{
    forget_list(&self->prune);
}

/* chain.c: asks the ingestor for the rows of sessions: which one goes on from another. */
#include "host_state.h"

#include <assert.h>

enum {
    AGAIN_US = 500000,
    UNANSWERED_MAX = 10, /* questions before it is told as an error */
    UNKNOWN_MAX = 3,     /* answers that do not know our session */
    LIST_ROWS = 32,      /* of a page of sessions, newest first */
};

/* Correlations of a replay count from 1; those of rows stand apart. */
static const uint64_t correlation_bit = UINT64_C(1) << 63;

static void send(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_chain_t *chain = &self->chain;
    vd_peer_t ingestor = vd_peer_named("ingestor");
    vd_message_t message = {.id = VD_MESSAGE_SESSIONS};
    message.correlation = correlation_bit | ++chain->correlation;
    if (chain->by_list) {
        message.sessions.rows_max = LIST_ROWS;
        message.sessions.before = vd_str(chain->before);
    } else {
        message.sessions.session = vd_str(chain->asked);
    }
    vd_effects_send(effects, VD_HOST_PORT_READ, &ingestor, &message);
    if (chain->asking != VD_ASK_WATCH) /* that one is asked again in any case */
        vd_effects_timer(effects, VD_HOST_TIMER_CHAIN, now.mono_us + AGAIN_US);
}

void vd_chain_ask(vd_host_t *self, vd_now_t now, vd_asking_t asking, const char *session,
                  vd_effects_t *effects)
{
    vd_chain_t *chain = &self->chain;
    assert(asking != VD_ASK_NOTHING && session[0] != 0 && strlen(session) <= VD_NAME_BYTES_MAX);
    bool same = chain->asking == asking && strcmp(chain->asked, session) == 0;
    if (!same)
        chain->unanswered = chain->unknown = 0;
    chain->asking = asking;
    chain->by_list = chain->listed = false;
    memmove(chain->asked, session, strlen(session) + 1);
    send(self, now, effects);
}

void vd_chain_later(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    self->chain.asking = VD_ASK_MOVE;
    self->chain.by_list = false;
    strcpy(self->chain.asked, self->session);
    vd_effects_timer(effects, VD_HOST_TIMER_CHAIN, now.mono_us + AGAIN_US);
}

void vd_chain_rest(vd_host_t *self, vd_effects_t *effects)
{
    self->chain = (vd_chain_t){.correlation = self->chain.correlation};
    vd_effects_timer_clear(effects, VD_HOST_TIMER_CHAIN);
}

void vd_chain_again(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_chain_t *chain = &self->chain;
    if (chain->asking == VD_ASK_NOTHING)
        return;
    if (++chain->unanswered >= UNANSWERED_MAX)
        vd_faults_set(&self->faults, VD_STAGE_COMMIT, now.wall_ms,
                      "the ingestor at %s does not say what became of session %s; events wait, "
                      "nothing is lost",
                      self->endpoints[3], chain->asked);
    send(self, now, effects);
}

/* ---- rows ---- */

static bool is_closed(const vd_session_record_t *row)
{
    return vd_str_is(row->state, "completed") || vd_str_is(row->state, "failed");
}

/* Asks on with the session that a row names. */
static void ask_next(vd_host_t *self, vd_now_t now, vd_str_t next, vd_effects_t *effects)
{
    char session[VD_NAME_BYTES_MAX + 1];
    vd_str_copy(session, sizeof session, next);
    vd_chain_ask(self, now, self->chain.asking, session, effects);
}

/* Our session has ended; who continues it, if anybody does, is the next question. */
static void take_closed(vd_host_t *self, vd_now_t now, const vd_session_record_t *row,
                        vd_effects_t *effects)
{
    self->chain.asking = VD_ASK_MOVE;
    if (row->continued_by.size > 0) {
        ask_next(self, now, row->continued_by, effects);
        return;
    }
    vd_faults_set(&self->faults, VD_STAGE_COMMIT, now.wall_ms,
                  "session %s has ended, and none goes on from it yet; events wait",
                  self->chain.asked);
    self->chain.by_list = true;
    self->chain.before[0] = 0;
    vd_effects_timer(effects, VD_HOST_TIMER_CHAIN, now.mono_us + AGAIN_US);
}

/* Looks among the sessions for one that goes on from the session asked for: its own end does not
 * always name it. Whether it has ended itself, meanwhile, is the next question. */
static void take_list(vd_host_t *self, vd_now_t now, const vd_message_t *message,
                      vd_effects_t *effects)
{
    vd_chain_t *chain = &self->chain;
    vd_bytes_t rows = message->payload;
    char last[VD_NAME_BYTES_MAX + 1] = "";
    vd_session_record_t row;
    vd_status_t status;
    chain->by_list = false;
    while ((status = vd_rows_next(&rows, VD_RECORD_session, &row)) != VD_NOT_FOUND) {
        if (status != VD_OK)
            continue;
        if (vd_str_is(row.continues, chain->asked)) {
            ask_next(self, now, row.session, effects);
            return;
        }
        vd_str_copy(last, sizeof last, row.session);
    }
    /* Ids sort by time: who goes on from a session stands before it. */
    chain->by_list = message->session_rows.more && strcmp(last, chain->asked) > 0;
    memcpy(chain->before, last, sizeof last);
    chain->listed = !chain->by_list;
    if (chain->by_list || chain->asking == VD_ASK_FORWARD)
        send(self, now, effects);
}

/* Nobody knows our session any more: what goes on is a life that begins with the one of the
 * moment. */
static void leave(vd_host_t *self, vd_effects_t *effects)
{
    self->ended = true;
    vd_effects_exit(effects, VD_UNKNOWN_SESSION,
                    "observer %s: session %s is not in the store any more", self->name,
                    self->chain.asked);
}

static void take_unknown(vd_host_t *self, vd_effects_t *effects)
{
    if (++self->chain.unknown >= UNKNOWN_MAX && strcmp(self->chain.asked, self->session) == 0)
        leave(self, effects);
}

/* The session asked for was pruned: no row of it ever comes. */
static void take_pruned(vd_host_t *self, vd_effects_t *effects)
{
    assert(self->chain.asking != VD_ASK_NOTHING);
    leave(self, effects);
}

static void take_watched(vd_host_t *self, vd_now_t now, const vd_session_record_t *row,
                         vd_effects_t *effects)
{
    if (self->watched == self->offered && !self->outstanding) {
        self->seq = row->last_seq; /* and nothing of ours has come since it was asked for */
        self->seq_unknown = false;
    }
    if (self->outstanding) {
        vd_chain_rest(self, effects); /* its outcome tells as well */
    } else if (is_closed(row)) {
        self->moving = true;
        take_closed(self, now, row, effects);
    } else {
        vd_chain_rest(self, effects);
    }
}

static void take_row(vd_host_t *self, vd_now_t now, const vd_session_record_t *row,
                     vd_effects_t *effects)
{
    switch (self->chain.asking) {
    case VD_ASK_WATCH:
        take_watched(self, now, row, effects);
        break;
    case VD_ASK_MOVE:
        if (is_closed(row))
            take_closed(self, now, row, effects);
        else
            vd_host_move_to(self, now, effects);
        break;
    case VD_ASK_FORWARD:
        if (is_closed(row) && row->continued_by.size > 0) {
            ask_next(self, now, row->continued_by, effects);
        } else if (is_closed(row) && !self->chain.listed) {
            self->chain.by_list = true; /* its end does not say who goes on from it */
            self->chain.before[0] = 0;
            send(self, now, effects);
        } else {
            vd_host_restore_found(self, now, row, effects);
        }
        break;
    case VD_ASK_NOTHING:
        assert(!"a row that nobody has asked for");
    }
}

bool vd_chain_is_asking(const vd_host_t *self, const vd_message_t *message)
{
    return self->chain.asking != VD_ASK_NOTHING &&
           message->correlation == (correlation_bit | self->chain.correlation);
}

void vd_chain_answered(vd_host_t *self, vd_now_t now, const vd_message_t *message,
                       vd_effects_t *effects)
{
    vd_chain_t *chain = &self->chain;
    vd_bytes_t rows = message->payload;
    vd_session_record_t row;
    if (!vd_chain_is_asking(self, message))
        return;
    chain->correlation++; /* the same answer once more says nothing */
    if (message->id == VD_MESSAGE_ERROR && vd_status_of_name(message->error.status) == VD_PRUNED)
        take_pruned(self, effects);
    if (message->id != VD_MESSAGE_SESSION_ROWS || vd_scan_exact(rows, VD_DEPTH_MAX) != VD_OK)
        return; /* what goes wrong otherwise is asked again */
    chain->unanswered = 0;
    if (chain->by_list)
        take_list(self, now, message, effects);
    else if (vd_rows_next(&rows, VD_RECORD_session, &row) == VD_OK &&
             vd_str_is(row.session, chain->asked))
        take_row(self, now, &row, effects);
    else if (chain->asking != VD_ASK_FORWARD)
        take_unknown(self, effects);
    else
        vd_faults_set(&self->faults, VD_STAGE_COMMIT, now.wall_ms,
                      "session %s is not in the store; waiting for it", chain->asked);
}

/* history.c: commits, runs and events against what came before them. */
#include "history.h"

#include "core/hash.h"
#include "sessions.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* A session that was written to so shortly ago cannot have been pruned and begun anew. */
#define PRUNED_MS 10000u

typedef struct known_chain {
    uint64_t index; /* 0: none */
    uint32_t chain;
} known_chain_t;

struct vd_history {
    vd_book_t *book;
    vd_history_fn *seen;
    void *arg;
    char watched[VD_NAME_BYTES_MAX + 1];
    bool watched_absent; /* some of its events were pruned or lost */
    vd_position_t position;
    bool all;  /* whatever was committed was read */
    bool open; /* commit `index` is not at its end */
    bool read; /* a commit was read: time and epoch are known */
    uint64_t index;
    int64_t time_ms;
    uint64_t epoch;
    vd_chain_t chain;
    uint64_t commits, events;
    vd_audited_sessions_t *sessions;
    vd_commit_run_t runs[VD_COMMIT_PIECES_MAX];
    known_chain_t chains[VD_HISTORY_CHAINS];
};

vd_history_t *vd_history_new(vd_book_t *book, vd_history_fn *seen, void *arg)
{
    assert(book != NULL && seen != NULL);
    vd_history_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->book = book;
    self->seen = seen;
    self->arg = arg;
    self->sessions = vd_audited_sessions_new(VD_HISTORY_SESSIONS_MAX);
    if (self->sessions == NULL)
        vd_history_destroy(&self);
    return self;
}

void vd_history_destroy(vd_history_t **self)
{
    if (*self != NULL)
        vd_audited_sessions_destroy(&(*self)->sessions);
    free(*self);
    *self = NULL;
}

void vd_history_begin(vd_history_t *self, const vd_position_t *position, bool known, bool all)
{
    bool used = self->index > 0;
    self->position = *position;
    self->all = all;
    self->open = position->offset > 0;
    self->read = false;
    self->index = position->index + self->open;
    /* Of one that is open only its end is going to be seen. */
    known = known && !self->open;
    vd_chain_begin(&self->chain, position->index, known ? position->chain : 0, known, self->open);
    vd_audited_sessions_clear(self->sessions);
    if (used)
        memset(self->chains, 0, sizeof self->chains);
    if (known && position->index > 0)
        self->chains[position->index % VD_HISTORY_CHAINS] =
            (known_chain_t){position->index, position->chain};
}

void vd_history_watch(vd_history_t *self, const char *session)
{
    vd_str_copy(self->watched, sizeof self->watched, vd_str(session));
    self->watched_absent = false;
}

bool vd_history_watched_whole(const vd_history_t *self)
{
    return !self->watched_absent;
}

bool vd_history_has_begun(const vd_history_t *self, const char *session)
{
    const vd_audited_session_t *known = vd_audited_sessions_find(self->sessions, vd_str(session));
    return known != NULL && known->begun;
}

/* ---- violations ---- */

static uint64_t place_of(vd_str_t session, uint64_t number)
{
    return vd_hash(number, session);
}

__attribute__((format(printf, 4, 5))) static void say(vd_history_t *self, vd_violation_t *violation,
                                                      uint64_t place, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(violation->evidence, sizeof violation->evidence, format, args);
    va_end(args);
    vd_book_violate(self->book, violation, place);
}

/* ---- commits ---- */

static void end_commit(vd_history_t *self)
{
    if (self->chain.whole)
        return;
    bool blind = self->chain.blind, lost = self->chain.lost;
    vd_status_t status = vd_chain_end(&self->chain);
    if (!lost)
        self->chains[self->index % VD_HISTORY_CHAINS] =
            (known_chain_t){self->index, self->chain.told};
    self->commits++;
    if (blind) {
        vd_book_unknown(self->book, VD_INVARIANT_commit_chain);
    } else if (status == VD_OK) {
        vd_book_check(self->book, VD_INVARIANT_commit_chain);
    } else {
        vd_violation_t violation =
            vd_violation_of(VD_INVARIANT_commit_chain, vd_str(""), 0, self->index);
        snprintf(violation.text, sizeof violation.text,
                 "commit %" PRIu64 " does not have the chain that it gives", self->index);
        say(self, &violation, self->index, "it says chain %" PRIu32 ", its content gives %" PRIu32,
            self->chain.told, self->chain.crc);
    }
}

static void check_index(vd_history_t *self, const vd_commit_t *commit)
{
    if (commit->index == self->index + 1) {
        vd_book_check(self->book, VD_INVARIANT_commit_index);
        return;
    }
    vd_violation_t violation =
        vd_violation_of(VD_INVARIANT_commit_index, vd_str(""), 0, commit->index);
    snprintf(violation.text, sizeof violation.text, "commit %" PRIu64 " follows on commit %" PRIu64,
             commit->index, self->index);
    say(self, &violation, commit->index,
        "behind commit %" PRIu64 " with chain %" PRIu32 " came commit %" PRIu64
        " with chain %" PRIu32,
        self->index, self->chain.told, commit->index, commit->chain);
    vd_chain_begin(&self->chain, commit->index - 1, 0, false, true);
    vd_audited_sessions_loosen(self->sessions);
    self->all = false;
}

static void check_time(vd_history_t *self, const vd_commit_t *commit)
{
    if (self->read && commit->time_ms < self->time_ms) {
        vd_violation_t violation =
            vd_violation_of(VD_INVARIANT_commit_time, vd_str(""), 0, commit->index);
        snprintf(violation.text, sizeof violation.text,
                 "commit %" PRIu64 " is older than the one before", commit->index);
        say(self, &violation, commit->index, "time %" PRId64 " ms follows on %" PRId64 " ms",
            commit->time_ms, self->time_ms);
    } else if (self->read) {
        vd_book_check(self->book, VD_INVARIANT_commit_time);
    }
    if (self->read && commit->epoch < self->epoch) {
        vd_violation_t violation =
            vd_violation_of(VD_INVARIANT_commit_epoch, vd_str(""), 0, commit->index);
        snprintf(violation.text, sizeof violation.text,
                 "commit %" PRIu64 " was written by an older writer than the one before",
                 commit->index);
        say(self, &violation, commit->index, "epoch %" PRIu64 " follows on %" PRIu64, commit->epoch,
            self->epoch);
    } else if (self->read) {
        vd_book_check(self->book, VD_INVARIANT_commit_epoch);
    }
    self->read = true;
    self->time_ms = commit->time_ms;
    self->epoch = commit->epoch;
}

/* ---- sessions ---- */

static void tell_damage(vd_history_t *self, const vd_commit_t *commit, const vd_commit_run_t *run)
{
    vd_violation_t violation =
        vd_violation_of(VD_INVARIANT_store_whole, run->session, run->first_seq, commit->index);
    if (run->session.size == 0)
        snprintf(violation.text, sizeof violation.text, "nothing can be read of commit %" PRIu64,
                 commit->index);
    else
        snprintf(violation.text, sizeof violation.text,
                 "%" PRIu32 " events of %.*s from %" PRIu64 " on are damaged or lost", run->count,
                 (int)run->session.size, (const char *)run->session.data, run->first_seq);
    say(self, &violation, place_of(run->session, commit->index),
        "the ingestor tells commit %" PRIu64 " with status corrupt", commit->index);
}

/* A run whose bytes are gone. */
static void take_absent(vd_history_t *self, const vd_commit_t *commit, const vd_commit_run_t *run)
{
    if (run->absent == VD_CORRUPT)
        tell_damage(self, commit, run);
    if (run->session.size == 0 || vd_str_is(run->session, self->watched))
        self->watched_absent = true;
    if (run->session.size == 0) {
        vd_audited_sessions_loosen(self->sessions);
        self->all = false;
        return;
    }
    vd_audited_session_t *session = vd_audited_sessions_find(self->sessions, run->session);
    if (session == NULL)
        session = vd_audited_sessions_add(self->sessions, run->session);
    vd_audited_sessions_touch(self->sessions, session);
    session->last_seq = run->first_seq + run->count - 1;
    session->loose = true;
    vd_book_unknown(self->book, VD_INVARIANT_session_sequence);
}

static void tell_sequence(vd_history_t *self, const vd_commit_t *commit, const vd_commit_run_t *run,
                          uint64_t last)
{
    vd_violation_t violation =
        vd_violation_of(VD_INVARIANT_session_sequence, run->session, run->first_seq, commit->index);
    snprintf(violation.text, sizeof violation.text,
             "session %.*s goes on at %" PRIu64 " behind %" PRIu64, (int)run->session.size,
             (const char *)run->session.data, run->first_seq, last);
    say(self, &violation, place_of(run->session, run->first_seq),
        "commit %" PRIu64 " has %" PRIu32 " events from sequence %" PRIu64
        " on, expected was %" PRIu64,
        commit->index, run->count, run->first_seq, last + 1);
}

/* A session of this id may have been pruned, and begun anew. */
static bool may_be_another(const vd_history_t *self, const vd_audited_session_t *session)
{
    return session->ended_index > 0 ||
           (self->time_ms > session->last_ms &&
            (uint64_t)self->time_ms - (uint64_t)session->last_ms >= PRUNED_MS);
}

/* The session of a run, and whether its first sequence is the one that is due. */
static vd_audited_session_t *place_run(vd_history_t *self, const vd_commit_t *commit,
                                       const vd_commit_run_t *run)
{
    vd_audited_session_t *session = vd_audited_sessions_find(self->sessions, run->session);
    bool anew = session != NULL && run->first_seq == 1 && session->last_seq > 0;
    if (session == NULL) {
        bool all = self->all && vd_audited_sessions_forgotten(self->sessions) == 0;
        session = vd_audited_sessions_add(self->sessions, run->session);
        if (run->first_seq == 1)
            vd_book_check(self->book, VD_INVARIANT_session_sequence);
        else if (all)
            tell_sequence(self, commit, run, 0);
        else
            vd_book_unknown(self->book, VD_INVARIANT_session_sequence);
    } else if (anew && may_be_another(self, session)) {
        session->ended_index = 0;
        session->continues[0] = 0;
        vd_book_unknown(self->book, VD_INVARIANT_session_sequence);
    } else if (session->loose && run->first_seq > session->last_seq) {
        vd_book_unknown(self->book, VD_INVARIANT_session_sequence);
    } else if (run->first_seq == session->last_seq + 1) {
        vd_book_check(self->book, VD_INVARIANT_session_sequence);
    } else {
        tell_sequence(self, commit, run, session->last_seq);
    }
    session->loose = false;
    session->last_ms = commit->time_ms;
    vd_audited_sessions_touch(self->sessions, session);
    return session;
}

/* ---- events ---- */

static vd_str_t data_text(const vd_entry_t *entry, const char *key)
{
    vd_event_t event;
    vd_value_t data;
    if (vd_event_read(entry->event, &event) != VD_OK || !vd_value_of(event.data, &data))
        return vd_str("");
    return vd_value_get_str(&data, key);
}

/* Whoever ends a session may write what it likes; of the runtime's own it is known that who writes it
 * has begun the next one before. */
static void check_links(vd_history_t *self, const vd_audited_session_t *session, uint64_t seq,
                        vd_str_t next_id)
{
    const vd_audited_session_t *next = vd_audited_sessions_find(self->sessions, next_id);
    if (next == NULL || !next->begun) {
        vd_book_unknown(self->book, VD_INVARIANT_session_links);
        return;
    }
    if (strcmp(next->continues, session->id) == 0) {
        vd_book_check(self->book, VD_INVARIANT_session_links);
        return;
    }
    if (strcmp(session->id, self->watched) != 0) {
        vd_book_unknown(self->book, VD_INVARIANT_session_links);
        return;
    }
    vd_violation_t violation =
        vd_violation_of(VD_INVARIANT_session_links, vd_str(session->id), seq, self->index);
    snprintf(violation.text, sizeof violation.text,
             "session %s is continued by %s, which does not continue it", session->id, next->id);
    say(self, &violation, place_of(vd_str(session->id), 0), "%s says that it continues \"%s\"",
        next->id, next->continues);
}

static void tell_misplaced(vd_history_t *self, vd_invariant_t invariant, vd_str_t session,
                           uint64_t seq, vd_str_t type, const char *why)
{
    vd_violation_t violation = vd_violation_of(invariant, session, seq, self->index);
    snprintf(violation.text, sizeof violation.text, "event %.*s:%" PRIu64 " %s", (int)session.size,
             (const char *)session.data, seq, why);
    say(self, &violation, place_of(session, invariant == VD_INVARIANT_session_ends ? 0 : seq),
        "commit %" PRIu64 " has it with type %.*s", self->index, (int)type.size,
        (const char *)type.data);
}

static void check_type(vd_history_t *self, vd_audited_session_t *session, uint64_t seq,
                       const vd_entry_t *entry)
{
    vd_str_t type = vd_event_peek_type(entry->event), id = vd_str(session->id);
    bool starts = vd_str_is(type, "session_started");
    if (starts != (seq == 1))
        tell_misplaced(self, VD_INVARIANT_session_begins, id, seq, type,
                       starts ? "begins the session once more" : "is the first and begins nothing");
    else if (starts)
        vd_book_check(self->book, VD_INVARIANT_session_begins);
    if (session->ended_index > 0)
        tell_misplaced(self, VD_INVARIANT_session_ends, id, seq, type,
                       "stands behind the end of its session");
    bool ends = vd_str_is(type, "session_ended");
    if (starts) {
        session->begun = true;
        vd_str_copy(session->continues, sizeof session->continues, data_text(entry, "continues"));
    } else if (ends) {
        vd_str_t next = data_text(entry, "continued_by");
        session->ended_index = self->index;
        vd_book_check(self->book, VD_INVARIANT_session_ends);
        if (next.size > 0)
            check_links(self, session, seq, next);
    }
    if (starts || ends || strcmp(session->id, self->watched) == 0)
        self->seen(self->arg, id, seq, self->index, type, entry);
}

static void tell_checksum(vd_history_t *self, vd_str_t session, uint64_t seq, uint32_t told,
                          uint32_t given)
{
    vd_violation_t violation =
        vd_violation_of(VD_INVARIANT_event_checksum, session, seq, self->index);
    snprintf(violation.text, sizeof violation.text,
             "event %.*s:%" PRIu64 " is not what was written", (int)session.size,
             (const char *)session.data, seq);
    say(self, &violation, place_of(session, seq),
        "its checksum is %08" PRIx32 ", its bytes give %08" PRIx32, told, given);
}

static void take_run(vd_history_t *self, const vd_commit_t *commit, const vd_commit_run_t *run)
{
    vd_entry_t entry;
    vd_bytes_t rest = run->run;
    if (run->absent != VD_OK) {
        take_absent(self, commit, run);
        return;
    }
    vd_audited_session_t *session = place_run(self, commit, run);
    uint64_t seq = run->first_seq;
    vd_book_check(self->book, VD_INVARIANT_store_whole);
    for (; vd_run_next(&rest, &entry) == VD_OK; seq++) {
        uint32_t crc = vd_crc32c(0, entry.event);
        if (crc == entry.crc)
            vd_book_check(self->book, VD_INVARIANT_event_checksum);
        else
            tell_checksum(self, run->session, seq, entry.crc, crc);
        check_type(self, session, seq, &entry);
        self->events++;
    }
    session->last_seq = seq - 1;
}

static bool is_lost(const vd_commit_t *commit)
{
    return commit->run_count == 1 && commit->runs[0].absent == VD_CORRUPT &&
           commit->runs[0].session.size == 0;
}

static void take_commit(vd_history_t *self, const vd_commit_t *commit)
{
    bool goes_on = self->open && commit->index == self->index;
    if (!goes_on) {
        end_commit(self);
        check_index(self, commit);
        self->index = commit->index;
        if (!is_lost(commit))
            check_time(self, commit);
    }
    self->open = true;
    if (vd_chain_take(&self->chain, commit) != VD_OK) { /* pieces of one commit disagree */
        vd_violation_t violation =
            vd_violation_of(VD_INVARIANT_commit_chain, vd_str(""), 0, commit->index);
        snprintf(violation.text, sizeof violation.text,
                 "pieces of commit %" PRIu64 " do not have the same chain", commit->index);
        say(self, &violation, commit->index, "one says %" PRIu32 ", another %" PRIu32,
            self->chain.told, commit->chain);
        vd_chain_begin(&self->chain, commit->index, commit->chain, false, true);
    }
    for (uint32_t i = 0; i < commit->run_count; i++)
        take_run(self, commit, &commit->runs[i]);
}

/* ---- frames ---- */

static bool names_sessions(const vd_commit_t *commit)
{
    for (uint32_t i = 0; i < commit->run_count; i++)
        if (!vd_name_valid(commit->runs[i].session) && !is_lost(commit))
            return false;
    return true;
}

static bool is_readable(vd_history_t *self, vd_bytes_t payload)
{
    vd_commit_t commit;
    vd_status_t status;
    while ((status = vd_commit_next(&payload, &commit, self->runs, VD_COMMIT_PIECES_MAX)) == VD_OK)
        if (!names_sessions(&commit))
            return false;
    return status == VD_NOT_FOUND;
}

/* The frame says where it leads to: does what it brought? */
static void end_frame(vd_history_t *self, const vd_commits_body_t *body)
{
    uint64_t touched = body->index + (body->offset > 0);
    if (body->offset == 0) {
        end_commit(self);
        self->open = false;
    }
    if (touched != self->index) {
        vd_violation_t violation =
            vd_violation_of(VD_INVARIANT_commit_index, vd_str(""), 0, touched);
        snprintf(violation.text, sizeof violation.text,
                 "a frame up to commit %" PRIu64 " ends with commit %" PRIu64, touched,
                 self->index);
        say(self, &violation, touched, "it leads from commit %" PRIu64 ", offset %" PRIu64,
            body->after, body->after_offset);
        self->index = touched;
        self->all = false;
        vd_chain_begin(&self->chain, body->index, body->offset == 0 ? (uint32_t)body->chain : 0,
                       body->offset == 0, body->offset > 0);
        vd_audited_sessions_loosen(self->sessions);
    }
    self->position.index = body->index;
    self->position.offset = body->offset;
    self->position.chain = (uint32_t)body->chain;
}

bool vd_history_take(vd_history_t *self, const vd_commits_body_t *body, vd_bytes_t payload)
{
    vd_commit_t commit;
    if (!vd_str_is(body->store, self->position.store) || body->after != self->position.index ||
        body->after_offset != self->position.offset || body->index < body->after ||
        (body->index == 0 && body->offset == 0 && body->chain != 0) || !is_readable(self, payload))
        return false;
    while (vd_commit_next(&payload, &commit, self->runs, VD_COMMIT_PIECES_MAX) == VD_OK)
        take_commit(self, &commit);
    end_frame(self, body);
    return true;
}

/* ---- what is known ---- */

const vd_position_t *vd_history_position(const vd_history_t *self)
{
    return &self->position;
}

bool vd_history_chain(const vd_history_t *self, uint64_t index, uint32_t *chain)
{
    const known_chain_t *known = &self->chains[index % VD_HISTORY_CHAINS];
    *chain = known->chain;
    return index > 0 && known->index == index && known->chain != 0;
}

uint64_t vd_history_commits(const vd_history_t *self)
{
    return self->commits;
}

uint64_t vd_history_events(const vd_history_t *self)
{
    return self->events;
}

uint32_t vd_history_sessions(const vd_history_t *self)
{
    return vd_audited_sessions_count(self->sessions);
}

uint64_t vd_history_forgotten(const vd_history_t *self)
{
    return vd_audited_sessions_forgotten(self->sessions);
}

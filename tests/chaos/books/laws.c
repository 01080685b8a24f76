/* laws.c: the laws of the store. */
#include "laws.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BROKEN(self, ...) problem((self)->problems, "store", "law", (self)->broken++, __VA_ARGS__)

void laws_begin(laws_t *self)
{
    vd_chain_begin(&self->chain, 0, 0, true, false);
}

static void check_commit(laws_t *self, const vd_commit_t *piece)
{
    if (piece->index != self->index) {
        if (piece->index != self->index + 1)
            BROKEN(self, "commit %" PRIu64 " comes behind commit %" PRIu64, piece->index,
                   self->index);
        if (piece->time_ms < self->time_ms)
            BROKEN(self, "commit %" PRIu64 " is older than the one before", piece->index);
        self->commits++;
    }
    self->index = piece->index;
    self->time_ms = piece->time_ms;
    if (vd_chain_take(&self->chain, piece) != VD_OK) {
        BROKEN(self, "the chain breaks at commit %" PRIu64, piece->index);
        vd_chain_begin(&self->chain, piece->index, piece->chain, true, false);
    }
}

static bool is_own(const laws_t *self, const char *session)
{
    for (uint32_t i = 0; i < self->own_count; i++)
        if (strcmp(self->own[i], session) == 0)
            return true;
    return false;
}

static void check_bounds(laws_t *self, const char *session, uint64_t seq)
{
    for (uint32_t i = 0; i < self->bound_count; i++)
        if (self->bounds[i].seq == seq && strcmp(self->bounds[i].session, session) == 0) {
            self->bounds[i].met = true;
            self->upto = self->store.head->count;
        }
}

static void check_event(laws_t *self, const char *session, uint64_t seq, const vd_entry_t *entry)
{
    uint16_t number = book_session(&self->store, session);
    uint64_t last = self->store.head->sessions[number].last;
    vd_event_t event = {.session = vd_str(session), .seq = seq};
    if (seq != last + 1)
        BROKEN(self, "%s:%" PRIu64 " is stored behind %s:%" PRIu64, session, seq, session, last);
    if (self->ended[number])
        BROKEN(self, "%s:%" PRIu64 " is stored behind the end of its session", session, seq);
    if (vd_crc32c(0, entry->event) != entry->crc || vd_event_read(entry->event, &event) != VD_OK) {
        BROKEN(self, "%s:%" PRIu64 " is damaged", session, seq);
        return;
    }
    event.session = vd_str(session);
    event.seq = seq;
    if ((seq == 1) != vd_str_is(event.type, "session_started"))
        BROKEN(self, "%s:%" PRIu64 " is %.*s", session, seq, (int)event.type.size,
               (const char *)event.type.data);
    self->ended[number] = vd_str_is(event.type, "session_ended");
    ledgers_take(self->ledgers, &event, is_own(self, session));
}

void laws_take(void *arg, const vd_commit_t *piece)
{
    laws_t *self = arg;
    check_commit(self, piece);
    for (uint32_t i = 0; i < piece->run_count; i++) {
        const vd_commit_run_t *run = &piece->runs[i];
        char session[VD_NAME_BYTES_MAX + 1] = "";
        vd_str_copy(session, sizeof session, run->session);
        if (run->absent != VD_OK) {
            BROKEN(self, "%s:%" PRIu64 " in commit %" PRIu64 " is absent: %s", session,
                   run->first_seq, piece->index, vd_status_text(run->absent));
            continue;
        }
        vd_bytes_t rest = run->run;
        vd_entry_t entry;
        for (uint64_t seq = run->first_seq; vd_run_next(&rest, &entry) == VD_OK; seq++) {
            check_event(self, session, seq, &entry);
            book_show(&self->store, session, seq, entry.crc);
            check_bounds(self, session, seq);
        }
    }
}

bool laws_ended(void *arg, const char *session)
{
    laws_t *self = arg;
    return self->ended[book_session(&self->store, session)] != 0;
}

void laws_end(laws_t *self)
{
    if (vd_chain_end(&self->chain) != VD_OK)
        BROKEN(self, "the chain breaks at the last commit, %" PRIu64, self->index);
    if (self->commits == 0)
        BROKEN(self, "there is not one commit");
    for (uint32_t i = 0; i < self->bound_count; i++)
        if (!self->bounds[i].met)
            BROKEN(self, "%s:%" PRIu64 " was acknowledged and is not stored",
                   self->bounds[i].session, self->bounds[i].seq);
    if (self->bound_count == 0)
        self->upto = self->store.head->count;
    printf("{\"row\":\"store\",\"commits\":%" PRIu64 ",\"events\":%" PRIu64 ",\"sessions\":%" PRIu32
           ",\"upto\":%" PRIu64 ",\"broken\":%" PRIu64 "}\n",
           self->commits, self->store.head->count, self->store.head->session_count, self->upto,
           self->broken);
}

/* store_source.c: reading a store for a commit stream. */
#include "store_source.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* With so many commits written since it was placed, a cursor is placed anew: what it stands on keeps memory and tables
 * that the store itself has gone on from, for as long as its reader is slow or does not come back. */
enum { PLACES = 16, WRITTEN_MAX = 16 };

/* A cursor and what it read last. */
typedef struct place {
    vd_store_cursor_t *cursor;
    char session[VD_NAME_BYTES_MAX + 1];
    bool placed;
    uint64_t next; /* where the cursor stands */
    uint64_t end;  /* the newest commit when it was placed */
    bool held;     /* `commit` is what it read last, asked for from commit `from` on */
    uint64_t from;
    vd_commit_t commit;
    uint64_t used; /* number of its last use */
} place_t;

struct vd_store_source {
    vd_store_t *store;
    uint64_t uses;
    uint32_t turn; /* whose cursor is looked at next */
    place_t places[PLACES];
};

vd_store_source_t *vd_store_source_new(vd_store_t *store)
{
    assert(store != NULL);
    vd_store_source_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->store = store;
    for (uint32_t i = 0; i < PLACES; i++)
        if (vd_store_cursor_new(store, &self->places[i].cursor) != VD_OK) {
            vd_store_source_destroy(&self);
            return NULL;
        }
    return self;
}

void vd_store_source_destroy(vd_store_source_t **self)
{
    assert(self != NULL);
    for (uint32_t i = 0; *self != NULL && i < PLACES; i++)
        vd_store_cursor_destroy(&(*self)->places[i].cursor);
    free(*self);
    *self = NULL;
}

/* Has one place after the other let go of what is old. */
static void renew_in_turn(vd_store_source_t *self, uint64_t head)
{
    place_t *place = &self->places[self->turn++ % PLACES];
    if (!place->placed || head < place->end + WRITTEN_MAX)
        return;
    const char *filter = place->session[0] != 0 ? place->session : NULL;
    place->placed = vd_store_cursor_seek(place->cursor, place->next, filter) == VD_OK;
    place->end = head;
}

static void source_tail(void *arg, vd_stream_tail_t *tail)
{
    vd_store_source_t *self = arg;
    vd_store_tail_t found;
    vd_store_tail(self->store, &found);
    *tail =
        (vd_stream_tail_t){.first = found.first_index, .head = found.index, .chain = found.chain};
    memcpy(tail->store, found.id, sizeof tail->store);
    renew_in_turn(self, found.index);
}

static vd_status_t source_chain(void *arg, uint64_t index, uint32_t *chain)
{
    vd_store_source_t *self = arg;
    return vd_store_chain(self->store, index, chain);
}

static vd_status_t source_session(void *arg, const char *session, uint64_t *last_seq)
{
    vd_store_source_t *self = arg;
    vd_store_session_t found;
    vd_status_t status = vd_store_session(self->store, session, &found);
    *last_seq = status == VD_OK ? found.last_seq : 0;
    return status;
}

static vd_status_t source_find(void *arg, const char *session, uint64_t seq, uint64_t *index,
                               uint64_t *at)
{
    vd_store_source_t *self = arg;
    return vd_store_find(self->store, session, seq, index, at);
}

/* A place that holds or is about to read what is asked for; else the one that was not used for
 * longest. */
static place_t *choose(vd_store_source_t *self, uint64_t index, const char *session)
{
    place_t *oldest = &self->places[0], *going = NULL;
    for (uint32_t i = 0; i < PLACES; i++) {
        place_t *place = &self->places[i];
        if (place->used < oldest->used)
            oldest = place;
        if (!place->placed || strcmp(place->session, session) != 0)
            continue;
        if (place->held && index >= place->from && index <= place->commit.index)
            return place;
        if (place->next == index)
            going = place;
    }
    return going != NULL ? going : oldest;
}

static vd_status_t source_read(void *arg, uint64_t index, const char *session, vd_commit_t *commit,
                               char *error, size_t error_size)
{
    vd_store_source_t *self = arg;
    assert(index > 0 && strlen(session) <= VD_NAME_BYTES_MAX);
    const char *filter = session[0] != 0 ? session : NULL;
    vd_store_tail_t tail;
    vd_store_tail(self->store, &tail);
    renew_in_turn(self, tail.index);
    place_t *place = choose(self, index, session);
    bool same = place->placed && strcmp(place->session, session) == 0;
    place->used = ++self->uses;
    if (same && place->held && index >= place->from && index <= place->commit.index) {
        *commit = place->commit;
        return VD_OK;
    }
    vd_status_t status = VD_NOT_FOUND;
    place->held = false;
    if (same && place->next == index)
        status = vd_store_cursor_next(place->cursor, commit, error, error_size);
    /* At its end a cursor sees more once it is placed again. */
    if (status == VD_NOT_FOUND) {
        place->end = tail.index;
        memcpy(place->session, session, strlen(session) + 1);
        status = vd_store_cursor_seek(place->cursor, index, filter);
        place->placed = status == VD_OK;
        if (status == VD_OK)
            status = vd_store_cursor_next(place->cursor, commit, error, error_size);
    }
    place->next = status == VD_OK ? commit->index + 1 : index;
    /* After a trouble the cursor is placed anew, so that the trouble is met again. */
    place->placed = place->placed && (status == VD_OK || status == VD_NOT_FOUND);
    if (status == VD_OK) {
        place->held = true;
        place->from = index;
        place->commit = *commit;
    }
    return status;
}

const vd_stream_source_t vd_store_source_calls = {
    .tail = source_tail,
    .chain = source_chain,
    .session = source_session,
    .find = source_find,
    .read = source_read,
};

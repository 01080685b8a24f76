/* resolve.c: checking positions. */
#include "stream/resolve.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

typedef struct resolve {
    const vd_stream_source_t *source;
    void *arg;
    const vd_stream_tail_t *tail;
    char *text;
    size_t text_size;
} resolve_t;

__attribute__((format(printf, 3, 4))) static vd_status_t
say(const resolve_t *self, vd_status_t status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(self->text, self->text_size, format, args);
    va_end(args);
    return status;
}

/* The place behind commit `index`, which is held or right before what is held. */
static vd_status_t behind(const resolve_t *self, uint64_t index, vd_place_t *place)
{
    uint32_t chain = 0;
    vd_status_t status = VD_OK;
    if (index == self->tail->head)
        chain = self->tail->chain;
    else if (index > 0)
        status = self->source->chain(self->arg, index, &chain);
    /* The chain of a commit that cannot be read is 0. Right before what is held nothing is missing
     * behind it, even where its chain is no longer known. */
    if (status == VD_CORRUPT || (status == VD_PRUNED && index + 1 == self->tail->first))
        status = VD_OK;
    if (status != VD_OK)
        return say(self, status, "commit %llu: %s", (unsigned long long)index,
                   vd_status_text(status));
    *place = (vd_place_t){.index = index, .chain = chain};
    return VD_OK;
}

/* Is a position that touches commit `touched` below what is held? Right before it is not, if its
 * chain is still known. */
static bool is_pruned(const resolve_t *self, const vd_request_t *request, uint64_t touched)
{
    uint32_t chain;
    if (touched == 0 || touched >= self->tail->first)
        return touched > 0 && self->tail->first == 0;
    return request->offset > 0 || touched + 1 < self->tail->first ||
           self->source->chain(self->arg, touched, &chain) == VD_PRUNED;
}

/* Is it the position right behind the newest commit, told to who was told that nothing can be read of
 * it? Its chain is 0 then, although the tail still knows it. */
static bool is_unread_head(const resolve_t *self, const vd_request_t *request, uint64_t touched)
{
    uint32_t chain;
    return request->chain == 0 && request->offset == 0 && touched > 0 &&
           touched == self->tail->head &&
           self->source->chain(self->arg, touched, &chain) == VD_CORRUPT;
}

static vd_status_t at_position(const resolve_t *self, const vd_request_t *request,
                               vd_place_t *place)
{
    const vd_stream_tail_t *tail = self->tail;
    if (!vd_str_is(request->store, tail->store))
        return say(self, VD_WENT_BACK, "the position is of store %.*s, this is store %s",
                   (int)request->store.size, (const char *)request->store.data, tail->store);
    if (request->index > tail->head || (request->offset > 0 && request->index == tail->head))
        return say(self, VD_WENT_BACK, "the position is at commit %llu, the store ends at %llu",
                   (unsigned long long)request->index, (unsigned long long)tail->head);
    uint64_t touched = request->index + (request->offset > 0 ? 1 : 0);
    if (is_pruned(self, request, touched))
        return say(self, VD_PRUNED,
                   "the position is at commit %llu, commits before %llu are pruned",
                   (unsigned long long)request->index, (unsigned long long)tail->first);
    vd_status_t status = behind(self, touched, place);
    if (status != VD_OK)
        return status;
    if (is_unread_head(self, request, touched))
        place->chain = 0;
    if (place->chain != request->chain)
        return say(self, VD_WENT_BACK,
                   "commit %llu has chain %u, the position says %llu: the store went back in time",
                   (unsigned long long)touched, place->chain, (unsigned long long)request->chain);
    place->index = request->index;
    place->offset = request->offset;
    return VD_OK;
}

static vd_status_t at_sequence(const resolve_t *self, const char *session, uint64_t seq,
                               uint64_t last_seq, vd_place_t *place)
{
    uint64_t index = 0, at = 0;
    if (seq == last_seq + 1)
        return behind(self, self->tail->head, place);
    if (seq > last_seq)
        return say(self, VD_WENT_BACK, "session %s ends at sequence %llu, %llu was asked for",
                   session, (unsigned long long)last_seq, (unsigned long long)seq);
    vd_status_t status = self->source->find(self->arg, session, seq, &index, &at);
    if (status != VD_OK)
        return say(self, status, "event %s:%llu: %s", session, (unsigned long long)seq,
                   vd_status_text(status));
    assert(index > 0);
    /* A place inside a commit has that commit's chain, one before it the chain of its
     * predecessor. */
    if (at == 0)
        return behind(self, index - 1, place);
    status = behind(self, index, place);
    place->index = index - 1;
    place->offset = at;
    return status;
}

static vd_status_t check_names(const resolve_t *self, const vd_request_t *request)
{
    if (request->session.size > 0 && !vd_name_valid(request->session))
        return say(self, VD_MALFORMED, "session \"%.*s\" is not a valid name",
                   (int)request->session.size, (const char *)request->session.data);
    if (request->seq > 0 && request->session.size == 0)
        return say(self, VD_MALFORMED, "a sequence was given without its session");
    return VD_OK;
}

vd_status_t vd_resolve(const vd_stream_source_t *source, void *arg, vd_stream_tail_t *tail,
                       const vd_request_t *request, vd_place_t *place, char *text, size_t text_size)
{
    assert(text_size > 0);
    char session[VD_NAME_BYTES_MAX + 1];
    uint64_t last_seq = 0;
    resolve_t self = {source, arg, tail, text, text_size};
    text[0] = 0;
    source->tail(arg, tail);
    vd_status_t status = check_names(&self, request);
    if (status != VD_OK)
        return status;
    vd_str_copy(session, sizeof session, request->session);
    vd_status_t known = session[0] != 0 ? source->session(arg, session, &last_seq) : VD_OK;
    if (known == VD_PRUNED)
        return say(&self, VD_PRUNED, "session %s was pruned", session);
    if (request->store.size > 0)
        return at_position(&self, request, place);
    if (known == VD_NOT_FOUND)
        return say(&self, VD_UNKNOWN_SESSION,
                   "session %s does not exist in store %s; list the sessions to see which do",
                   session, tail->store);
    if (request->head)
        return behind(&self, tail->head, place);
    if (request->seq > 0)
        return at_sequence(&self, session, request->seq, last_seq, place);
    return behind(&self, tail->first > 1 ? tail->first - 1 : 0, place);
}

/* windows.c: the cache of windows. */
#include "windows.h"

#include "joiner.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define MS        INT64_C(1000)
#define UNREAD_US (2000 * MS) /* a window that nobody reads is kept for so long */
#define WISH_US   (3000 * MS) /* a wish that is not repeated is forgotten after */
#define REFUSE_US (1000 * MS) /* for so long a refusal is known */
#define HOT_US    (1000 * MS) /* what was read since is being read */
#define AGAIN_US  (100 * MS)
#define IDLE_US   (30000 * MS) /* a window that was not read for so long goes, room or not */
/* Commits of one answer that are taken; what is beyond is asked for again. */
#define SPOTS_MAX 4096u

typedef enum window_state { WANTED = 1, OUT, HELD, REFUSED } window_state_t;

/* Where a commit stands in the payload. */
typedef struct spot {
    uint64_t index;
    size_t at;
    uint32_t chain;
} spot_t;

typedef struct window {
    uint64_t token;
    window_state_t state;
    char session[VD_NAME_BYTES_MAX + 1];
    vd_place_t after; /* it begins behind this */
    vd_place_t upto;  /* HELD: and reaches up to this */
    vd_place_t asked; /* behind what is there of a commit in pieces; else `after` */
    int64_t used_us;  /* WANTED: wished; HELD: read, or come; REFUSED: come */
    int64_t due_us;   /* WANTED: not to be asked before */
    bool read;
    uint8_t *bytes; /* payload of the whole commits */
    size_t size;
    spot_t *spots;
    uint32_t spot_count;
    vd_joiner_t *joiner;
    vd_status_t status; /* REFUSED */
    char text[VD_TEXT_BYTES_MAX];
} window_t;

/* What an answer holds. */
typedef struct answer {
    vd_place_t end; /* behind it */
    spot_t spots[SPOTS_MAX];
    uint32_t whole;      /* commits that are whole */
    size_t whole_size;   /* bytes of them */
    vd_place_t whole_to; /* behind them */
    bool cut;            /* a piece of a commit follows */
    vd_commit_t piece;
} answer_t;

struct vd_windows {
    size_t bytes_max;
    size_t bytes;   /* held */
    uint32_t out;   /* asked for */
    uint32_t count; /* in order of their wishes */
    uint64_t token;
    vd_commit_run_t *runs; /* of the commit that was read last */
    answer_t answer;       /* that is being taken */
    window_t *windows[VD_WINDOWS_MAX];
};

vd_windows_t *vd_windows_new(size_t bytes_max)
{
    vd_windows_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->bytes_max = bytes_max < VD_WINDOWS_BYTES_MIN ? VD_WINDOWS_BYTES_MIN : bytes_max;
    self->runs = calloc(VD_JOINER_RUNS_MAX, sizeof *self->runs);
    if (self->runs == NULL)
        vd_windows_destroy(&self);
    return self;
}

static void remove_at(vd_windows_t *self, uint32_t at)
{
    assert(at < self->count);
    window_t *window = self->windows[at];
    if (window->state == OUT)
        self->out--;
    self->bytes -= window->size;
    vd_joiner_destroy(&window->joiner);
    free(window->bytes);
    free(window->spots);
    free(window);
    self->count--;
    memmove(&self->windows[at], &self->windows[at + 1],
            (self->count - at) * sizeof self->windows[0]);
}

void vd_windows_clear(vd_windows_t *self)
{
    while (self->count > 0)
        remove_at(self, self->count - 1);
    assert(self->bytes == 0 && self->out == 0);
}

void vd_windows_destroy(vd_windows_t **self)
{
    assert(self != NULL);
    if (*self == NULL)
        return;
    vd_windows_clear(*self);
    free((*self)->runs);
    free(*self);
    *self = NULL;
}

size_t vd_windows_bytes(const vd_windows_t *self)
{
    return self->bytes;
}

bool vd_windows_idle(const vd_windows_t *self)
{
    return self->count == 0;
}

static int compare(const vd_place_t *a, const vd_place_t *b)
{
    if (a->index != b->index)
        return a->index < b->index ? -1 : 1;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* ---- reading ---- */

/* Does the window answer for `place`, now or when it has come? */
static bool covers(const window_t *window, const vd_place_t *place, const char *session)
{
    if (window->state == HELD) {
        if (compare(&window->after, place) > 0 || compare(place, &window->upto) >= 0)
            return false;
    } else if (compare(&window->after, place) != 0 || window->after.chain != place->chain) {
        return false;
    }
    return strcmp(window->session, session) == 0;
}

static window_t *find(const vd_windows_t *self, const vd_place_t *place, const char *session)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (covers(self->windows[i], place, session))
            return self->windows[i];
    return NULL;
}

static window_t *wish(vd_windows_t *self, int64_t now_us, const vd_place_t *place,
                      const char *session)
{
    if (self->count == VD_WINDOWS_MAX)
        return NULL;
    window_t *window = calloc(1, sizeof *window);
    if (window == NULL)
        return NULL;
    window->token = ++self->token;
    window->state = WANTED;
    window->after = window->asked = *place;
    window->used_us = now_us;
    vd_str_copy(window->session, sizeof window->session, vd_str(session));
    self->windows[self->count++] = window;
    return window;
}

/* Whoever reads a window will read the next one, too: asks for it ahead, when memory is not
 * scarce. */
static void look_ahead(vd_windows_t *self, int64_t now_us, const window_t *window, uint64_t near)
{
    size_t hot = (size_t)self->out * VD_ITEMS_BYTES_MAX;
    for (uint32_t i = 0; i < self->count; i++)
        if (self->windows[i]->state == HELD && now_us - self->windows[i]->used_us < HOT_US)
            hot += self->windows[i]->size;
    vd_place_t upto = window->upto;
    if (upto.index + 1 < near && self->count < VD_WINDOWS_MAX / 2 && hot < self->bytes_max / 2 &&
        self->out < VD_WINDOWS_OUT_MAX / 2 && find(self, &upto, window->session) == NULL)
        wish(self, now_us, &upto, window->session);
}

/* The first commit from `index` on in the window; NULL if there is none. */
static const spot_t *spot_from(const window_t *window, uint64_t index)
{
    uint32_t low = 0, high = window->spot_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (window->spots[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low < window->spot_count ? &window->spots[low] : NULL;
}

static bool is_lost(const vd_commit_t *commit)
{
    return commit->run_count == 1 && commit->runs[0].absent == VD_CORRUPT &&
           commit->runs[0].count == 0;
}

/* Is `place` of another history than the window? The store upstream went back then, and one of them is
 * older than that. A chain of 0 is not known. */
static bool is_torn(const window_t *window, const vd_place_t *place)
{
    uint64_t touched = place->index + (place->offset > 0);
    const spot_t *spot = spot_from(window, touched);
    uint32_t chain = spot != NULL && spot->index == touched ? spot->chain : 0;
    if (compare(&window->after, place) == 0)
        chain = window->after.chain;
    return chain != 0 && place->chain != 0 && chain != place->chain;
}

static vd_status_t read_held(vd_windows_t *self, const window_t *window, const vd_place_t *place,
                             vd_commit_t *commit, vd_place_t *until, char *error, size_t error_size)
{
    const spot_t *spot = spot_from(window, place->index + 1);
    /* It begins behind the last event of a commit: nothing came of that, and it is not missing. */
    if (window->session[0] == 0 && place->offset > 0 && compare(&window->after, place) == 0 &&
        (spot == NULL || spot->index > place->index + 1)) {
        *commit = (vd_commit_t){.index = place->index + 1, .chain = place->chain};
        return VD_OK;
    }
    if (spot == NULL) {
        *until = window->upto;
        return VD_NOT_FOUND;
    }
    vd_bytes_t rest = vd_bytes(window->bytes + spot->at, window->size - spot->at);
    vd_status_t status = vd_commit_next(&rest, commit, self->runs, VD_JOINER_RUNS_MAX);
    assert(status == VD_OK);
    if (!is_lost(commit))
        return status;
    snprintf(error, error_size, "nothing can be read of commit %llu",
             (unsigned long long)commit->index);
    return VD_CORRUPT;
}

vd_status_t vd_windows_read(vd_windows_t *self, int64_t now_us, const vd_place_t *place,
                            const char *session, uint64_t near, vd_commit_t *commit,
                            vd_place_t *until, char *error, size_t error_size)
{
    window_t *window = find(self, place, session);
    commit->index = 0;
    if (window == NULL) {
        wish(self, now_us, place, session);
        return VD_BUSY;
    }
    if (window->state == REFUSED) {
        snprintf(error, error_size, "%s", window->text);
        return window->status;
    }
    bool first = window->state == HELD && !window->read;
    window->used_us = now_us;
    if (window->state != HELD)
        return VD_BUSY;
    if (is_torn(window, place))
        return VD_WENT_BACK;
    window->read = true;
    if (first)
        look_ahead(self, now_us, window, near);
    return read_held(self, window, place, commit, until, error, error_size);
}

/* ---- room ---- */

static bool may_go(const window_t *window, int64_t now_us)
{
    switch (window->state) {
    case HELD:
        return window->read || now_us - window->used_us > UNREAD_US;
    case WANTED:
        return now_us - window->used_us > WISH_US && window->joiner == NULL;
    case REFUSED:
        return now_us - window->used_us > REFUSE_US;
    case OUT:
        break;
    }
    return false;
}

/* Removes what nobody wants any more; a window stays for a while, somebody may come to read it. */
static void sweep(vd_windows_t *self, int64_t now_us)
{
    for (uint32_t i = self->count; i-- > 0;) {
        const window_t *window = self->windows[i];
        bool idle = now_us - window->used_us > IDLE_US;
        if (may_go(window, now_us) && (window->state != HELD || idle))
            remove_at(self, i);
    }
}

/* Makes room for one more window. */
static bool make_room(vd_windows_t *self, int64_t now_us)
{
    for (;;) {
        uint32_t oldest = self->count;
        if (self->bytes + (size_t)(self->out + 1) * VD_ITEMS_BYTES_MAX <= self->bytes_max)
            return true;
        for (uint32_t i = 0; i < self->count; i++)
            if (self->windows[i]->state == HELD && may_go(self->windows[i], now_us) &&
                (oldest == self->count ||
                 self->windows[i]->used_us < self->windows[oldest]->used_us))
                oldest = i;
        if (oldest == self->count)
            /* Nothing is out and all that is held was only just wished for: one goes beyond. */
            return self->out == 0 && self->bytes <= self->bytes_max;
        remove_at(self, oldest);
    }
}

bool vd_windows_ask(vd_windows_t *self, int64_t now_us, vd_window_ask_t *ask)
{
    sweep(self, now_us);
    if (self->out == VD_WINDOWS_OUT_MAX)
        return false;
    bool any = false;
    for (uint32_t i = 0; i < self->count && !any; i++)
        any = self->windows[i]->state == WANTED && self->windows[i]->due_us <= now_us;
    if (!any || !make_room(self, now_us))
        return false;
    for (uint32_t i = 0; i < self->count; i++) {
        window_t *window = self->windows[i];
        if (window->state != WANTED || window->due_us > now_us)
            continue;
        window->state = OUT;
        window->used_us = now_us;
        self->out++;
        *ask = (vd_window_ask_t){window->token, window->session, window->asked};
        return true;
    }
    return false;
}

/* ---- what comes ---- */

static window_t *find_out(const vd_windows_t *self, uint64_t token)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (self->windows[i]->token == token && self->windows[i]->state == OUT)
            return self->windows[i];
    return NULL;
}

bool vd_windows_waits(const vd_windows_t *self, uint64_t token)
{
    return find_out(self, token) != NULL;
}

static void no_longer_out(vd_windows_t *self, window_t *window, window_state_t state)
{
    assert(window->state == OUT && self->out > 0);
    self->out--;
    window->state = state;
}

void vd_windows_again(vd_windows_t *self, uint64_t token, int64_t at_us)
{
    window_t *window = find_out(self, token);
    if (window == NULL)
        return;
    no_longer_out(self, window, WANTED);
    window->due_us = at_us;
}

void vd_windows_refuse(vd_windows_t *self, int64_t now_us, uint64_t token, vd_status_t status,
                       vd_str_t text)
{
    window_t *window = find_out(self, token);
    if (window == NULL)
        return;
    no_longer_out(self, window, REFUSED);
    window->used_us = now_us;
    window->status = status;
    vd_str_copy(window->text, sizeof window->text, text);
}

/* Holds `size` bytes of whole commits up to `upto`. */
static bool hold(vd_windows_t *self, window_t *window, vd_bytes_t payload, const spot_t *spots,
                 uint32_t count, const vd_place_t *upto)
{
    window->bytes = malloc(payload.size > 0 ? payload.size : 1);
    window->spots = malloc((count > 0 ? count : 1) * sizeof *spots);
    if (window->bytes == NULL || window->spots == NULL) {
        free(window->bytes);
        free(window->spots);
        window->bytes = NULL;
        window->spots = NULL;
        return false;
    }
    if (payload.size > 0)
        memcpy(window->bytes, payload.data, payload.size);
    if (count > 0)
        memcpy(window->spots, spots, count * sizeof *spots);
    window->size = payload.size;
    window->spot_count = count;
    window->upto = *upto;
    window->read = false;
    self->bytes += payload.size;
    vd_joiner_destroy(&window->joiner);
    return true;
}

/* Takes the payload apart. `piece` and its runs live until runs are read again. */
static vd_status_t look_through(vd_windows_t *self, vd_bytes_t payload)
{
    answer_t *answer = &self->answer;
    vd_bytes_t rest = payload;
    vd_commit_t commit;
    for (;;) {
        size_t at = payload.size - rest.size;
        vd_status_t status = vd_commit_next(&rest, &commit, self->runs, VD_JOINER_RUNS_MAX);
        if (status == VD_NOT_FOUND)
            break;
        if (status != VD_OK || commit.index == 0)
            return VD_MALFORMED;
        if (answer->whole == SPOTS_MAX)
            return VD_OK;
        if (answer->whole > 0 && commit.index <= answer->spots[answer->whole - 1].index)
            return VD_MALFORMED;
        if (commit.index > answer->end.index) {
            answer->cut = true;
            answer->piece = commit;
            return rest.size == 0 ? VD_OK : VD_MALFORMED;
        }
        answer->spots[answer->whole++] = (spot_t){commit.index, at, commit.chain};
        answer->whole_size = payload.size - rest.size;
        answer->whole_to = (vd_place_t){.index = commit.index, .chain = commit.chain};
    }
    answer->whole_to = answer->end;
    return VD_OK;
}

/* The first commit is too large for one frame: its pieces are collected. */
static vd_status_t collect(window_t *window, const vd_commit_t *piece)
{
    if (window->joiner == NULL)
        window->joiner = vd_joiner_new();
    return window->joiner == NULL ? VD_NO_MEMORY : vd_joiner_add(window->joiner, piece);
}

static bool hold_joined(vd_windows_t *self, window_t *window)
{
    const vd_commit_t *commit = vd_joiner_commit(window->joiner);
    const spot_t spot = {.index = commit->index, .chain = commit->chain};
    const vd_place_t upto = {.index = commit->index, .chain = commit->chain};
    vd_buffer_t bytes;
    vd_buffer_init(&bytes, 2 * VD_JOINER_BYTES_MAX);
    vd_commit_write(&bytes, commit);
    bool held = !bytes.full && hold(self, window, vd_buffer_view(&bytes), &spot, 1, &upto);
    vd_buffer_free(&bytes);
    return held;
}

/* The rest of a commit in pieces, or some more of it. */
static vd_status_t take_rest(vd_windows_t *self, window_t *window, vd_bytes_t payload)
{
    const answer_t *answer = &self->answer;
    vd_commit_t commit;
    uint64_t index = 0;
    bool open = vd_joiner_open(window->joiner, &index);
    assert(open);
    (void)open;
    vd_status_t status = vd_commit_next(&payload, &commit, self->runs, VD_JOINER_RUNS_MAX);
    if (status == VD_OK)
        status = collect(window, &commit);
    /* It may end with what was there: its last events can be of a session that is not asked for. */
    if (status == VD_NOT_FOUND && answer->end.index < index)
        return VD_MALFORMED;
    if (status != VD_OK && status != VD_NOT_FOUND)
        return status;
    if (answer->end.index < index)
        return VD_BUSY;
    return hold_joined(self, window) ? VD_OK : VD_NO_MEMORY;
}

static vd_status_t take(vd_windows_t *self, window_t *window, vd_bytes_t payload)
{
    const answer_t *answer = &self->answer;
    if (window->joiner != NULL)
        return take_rest(self, window, payload);
    if (answer->cut && answer->whole == 0) {
        vd_status_t status = collect(window, &answer->piece);
        return status == VD_OK ? VD_BUSY : status;
    }
    if (compare(&answer->whole_to, &window->after) <= 0)
        return VD_MALFORMED;
    bool held = hold(self, window, vd_bytes(payload.data, answer->whole_size), answer->spots,
                     answer->whole, &answer->whole_to);
    return held ? VD_OK : VD_NO_MEMORY;
}

vd_status_t vd_windows_take(vd_windows_t *self, int64_t now_us, uint64_t token,
                            const vd_commits_body_t *commits, vd_bytes_t payload)
{
    answer_t *answer = &self->answer;
    window_t *window = find_out(self, token);
    if (window == NULL)
        return VD_NOT_FOUND;
    answer->whole = 0;
    answer->whole_size = 0;
    answer->cut = false;
    answer->end = (vd_place_t){commits->index, commits->offset, (uint32_t)commits->chain};
    vd_status_t status = VD_MALFORMED;
    if (commits->after == window->asked.index && commits->after_offset == window->asked.offset)
        status = look_through(self, payload);
    if (status == VD_OK)
        status = take(self, window, payload);
    switch (status) {
    case VD_OK:
        no_longer_out(self, window, HELD);
        break;
    case VD_BUSY:
        no_longer_out(self, window, WANTED);
        window->asked = answer->end;
        window->due_us = 0;
        break;
    default:
        /* From its beginning. */
        vd_joiner_destroy(&window->joiner);
        window->asked = window->after;
        vd_windows_again(self, token, now_us + AGAIN_US);
        return VD_MALFORMED;
    }
    window->used_us = now_us;
    return status;
}

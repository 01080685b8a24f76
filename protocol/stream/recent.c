/* recent.c: the newest commits in memory. */
#include "stream/recent.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* What a commit, its head and a run take at most beside their events, on the wire. */
#define COMMIT_OVERHEAD 48u
#define RUN_OVERHEAD    (VD_NAME_BYTES_MAX + 64u)
/* So many bytes of memory for each place: smaller commits fill the places before the bytes. */
#define BYTES_PER_PLACE 512u
#define PLACES_MIN      64u

typedef struct entry {
    vd_recent_commit_t held; /* first: what is handed out is the entry */
    atomic_uint holders;
    size_t cost;
    vd_commit_run_t runs[];
} entry_t;

struct vd_recent {
    pthread_mutex_t lock; /* of everything below */
    size_t bytes_max;
    size_t bytes;
    char store[VD_STORE_ID_SIZE];
    uint64_t base; /* the commit before the lowest that is held */
    uint32_t base_chain;
    bool base_known; /* its chain is */
    uint64_t count;
    uint64_t room;
    uint64_t at; /* place of the lowest */
    entry_t *places[];
};

vd_recent_t *vd_recent_new(size_t bytes_max)
{
    assert(bytes_max > 0);
    size_t room = bytes_max / BYTES_PER_PLACE;
    if (room < PLACES_MIN)
        room = PLACES_MIN;
    vd_recent_t *self = calloc(1, sizeof *self + room * sizeof(entry_t *));
    if (self == NULL)
        return NULL;
    if (pthread_mutex_init(&self->lock, NULL) != 0) {
        free(self);
        return NULL;
    }
    self->bytes_max = bytes_max;
    self->room = room;
    self->base_known = true;
    return self;
}

static void release(entry_t *entry)
{
    if (atomic_fetch_sub_explicit(&entry->holders, 1, memory_order_acq_rel) != 1)
        return;
    vd_shared_release(&entry->held.bytes);
    free(entry);
}

void vd_recent_release(const vd_recent_commit_t **commit)
{
    assert(commit != NULL);
    if (*commit != NULL)
        release((entry_t *)(uintptr_t)*commit);
    *commit = NULL;
}

/* The lowest is held no more. */
static void push_out(vd_recent_t *self)
{
    assert(self->count > 0);
    entry_t *entry = self->places[self->at];
    self->places[self->at] = NULL;
    self->at = (self->at + 1) % self->room;
    self->count--;
    self->bytes -= entry->cost;
    self->base = entry->held.commit.index;
    self->base_chain = entry->held.commit.chain;
    self->base_known = true;
    release(entry);
}

static void forget(vd_recent_t *self)
{
    while (self->count > 0)
        push_out(self);
    assert(self->bytes == 0);
}

void vd_recent_destroy(vd_recent_t **self)
{
    assert(self != NULL);
    if (*self == NULL)
        return;
    forget(*self);
    pthread_mutex_destroy(&(*self)->lock);
    free(*self);
    *self = NULL;
}

/* ---- writing ---- */

static size_t wire_bytes_max(const vd_commit_t *commit)
{
    size_t size = COMMIT_OVERHEAD;
    for (uint32_t i = 0; i < commit->run_count; i++)
        size += RUN_OVERHEAD + commit->runs[i].run.size;
    return size;
}

/* Lets the runs of the entry point into its own bytes, and counts what is in them. */
static bool point_inside(entry_t *entry, const vd_commit_t *commit)
{
    vd_bytes_t payload = vd_shared_view(entry->held.bytes);
    vd_value_t array, list, value;
    bool good = vd_value_next(&payload, &array);
    vd_bytes_t rest = array.bytes;
    for (unsigned i = 0; good && i < 5; i++)
        good = vd_value_next(&rest, &list);
    vd_bytes_t items = list.bytes;
    for (uint32_t i = 0; good && i < commit->run_count; i++) {
        vd_value_t item;
        vd_commit_run_t *run = &entry->runs[i];
        vd_entry_t each;
        *run = commit->runs[i];
        good = vd_value_next(&items, &item);
        rest = item.bytes;
        good = good && vd_value_next(&rest, &value) && vd_value_next(&rest, &value);
        run->session = value.bytes;
        good = good && vd_value_next(&rest, &value) && vd_value_next(&rest, &value);
        if (run->absent != VD_OK)
            continue;
        run->run = value.bytes;
        entry->held.events += run->count;
        for (vd_bytes_t events = run->run; vd_run_next(&events, &each) == VD_OK;)
            entry->held.event_bytes += each.event.size;
    }
    return good;
}

/* A copy of the commit; NULL without memory. */
static entry_t *copy(const vd_commit_t *commit)
{
    size_t room = wire_bytes_max(commit);
    size_t runs_size = commit->run_count * sizeof(vd_commit_run_t);
    entry_t *entry = calloc(1, sizeof *entry + runs_size);
    vd_shared_t *bytes = entry != NULL ? vd_shared_new(room) : NULL;
    if (bytes == NULL) {
        free(entry);
        return NULL;
    }
    /* Room for all of it is there: the buffer never grows. */
    vd_buffer_t out = {.data = bytes->data, .room = room, .cap = room};
    vd_commit_write(&out, commit);
    assert(!out.full && out.data == bytes->data);
    bytes->size = out.size;
    atomic_init(&entry->holders, 1);
    entry->held.bytes = bytes;
    entry->held.commit = *commit;
    entry->held.commit.runs = entry->runs;
    entry->cost = sizeof *entry + runs_size + sizeof *bytes + room;
    bool good = point_inside(entry, commit);
    assert(good);
    (void)good;
    return entry;
}

static void begin_behind(vd_recent_t *self, uint64_t index, uint32_t chain, bool known)
{
    forget(self);
    self->base = index;
    self->base_chain = chain;
    self->base_known = known;
}

void vd_recent_begin(vd_recent_t *self, const char *store, uint64_t index, uint32_t chain)
{
    assert(self != NULL && store != NULL);
    pthread_mutex_lock(&self->lock);
    begin_behind(self, index, chain, true);
    vd_str_copy(self->store, sizeof self->store, vd_str(store));
    pthread_mutex_unlock(&self->lock);
}

/* Chain of the head; 0: not known. */
static uint32_t chain_before(const vd_recent_t *self)
{
    if (self->count > 0)
        return self->places[(self->at + self->count - 1) % self->room]->held.commit.chain;
    return self->base_known ? self->base_chain : 0;
}

bool vd_recent_add(vd_recent_t *self, const vd_commit_t *commit)
{
    assert(self != NULL && commit != NULL && commit->index > 0);
    entry_t *entry = copy(commit);
    bool held = entry != NULL && entry->cost <= self->bytes_max;
    pthread_mutex_lock(&self->lock);
    if (commit->index != self->base + self->count + 1)
        begin_behind(self, commit->index - 1, 0, false);
    while (held && self->count > 0 &&
           (self->count == self->room || self->bytes + entry->cost > self->bytes_max))
        push_out(self);
    if (held) {
        entry->held.before = chain_before(self);
        self->places[(self->at + self->count) % self->room] = entry;
        self->count++;
        self->bytes += entry->cost;
    } else {
        begin_behind(self, commit->index, commit->chain, true);
    }
    assert(self->bytes <= self->bytes_max && self->count <= self->room);
    pthread_mutex_unlock(&self->lock);
    if (!held && entry != NULL)
        release(entry);
    return held;
}

/* ---- reading ---- */

static const entry_t *find(const vd_recent_t *self, uint64_t index)
{
    if (index <= self->base || index - self->base > self->count)
        return NULL;
    const entry_t *entry = self->places[(self->at + index - self->base - 1) % self->room];
    assert(entry->held.commit.index == index);
    return entry;
}

void vd_recent_tail(vd_recent_t *self, vd_stream_tail_t *tail)
{
    pthread_mutex_lock(&self->lock);
    uint64_t head = self->base + self->count;
    const entry_t *newest = find(self, head);
    *tail =
        (vd_stream_tail_t){.first = self->count > 0 ? self->base + 1 : 0,
                           .head = head,
                           .chain = newest != NULL ? newest->held.commit.chain : self->base_chain};
    memcpy(tail->store, self->store, sizeof tail->store);
    pthread_mutex_unlock(&self->lock);
}

vd_status_t vd_recent_chain(vd_recent_t *self, uint64_t index, uint32_t *chain)
{
    vd_status_t status = VD_OK;
    pthread_mutex_lock(&self->lock);
    const entry_t *entry = find(self, index);
    if (entry != NULL)
        *chain = entry->held.commit.chain;
    else if (index == self->base && self->base_known)
        *chain = self->base_chain;
    else
        status = index > self->base ? VD_NOT_FOUND : VD_PRUNED;
    pthread_mutex_unlock(&self->lock);
    return status;
}

const vd_recent_commit_t *vd_recent_take(vd_recent_t *self, uint64_t index)
{
    pthread_mutex_lock(&self->lock);
    entry_t *entry = (entry_t *)(uintptr_t)find(self, index);
    if (entry != NULL)
        atomic_fetch_add_explicit(&entry->holders, 1, memory_order_relaxed);
    pthread_mutex_unlock(&self->lock);
    return entry != NULL ? &entry->held : NULL;
}

size_t vd_recent_bytes(vd_recent_t *self)
{
    pthread_mutex_lock(&self->lock);
    size_t bytes = self->bytes;
    pthread_mutex_unlock(&self->lock);
    return bytes;
}

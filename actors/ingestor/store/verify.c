/* verify.c: checking a store part by part. */
#include "store/verify.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* One part. */
#define COMMITS_MAX 1024u
#define BYTES_MAX   (8u * 1024 * 1024)

__attribute__((format(printf, 3, 4))) static vd_store_damage_t *
add(vd_store_verified_t *part, uint64_t index, const char *format, ...)
{
    va_list args;
    assert(part->damage_count < VD_DAMAGE_MAX);
    vd_store_damage_t *damage = &part->damage[part->damage_count++];
    *damage = (vd_store_damage_t){.index = index};
    va_start(args, format);
    vsnprintf(damage->text, sizeof damage->text, format, args);
    va_end(args);
    return damage;
}

static uint32_t damaged_runs(const vd_commit_t *commit)
{
    uint32_t count = 0;
    for (uint32_t r = 0; r < commit->run_count; r++)
        count += commit->runs[r].absent == VD_CORRUPT;
    return count;
}

/* Adds a run that is damaged. When there is no more room, the last row stands for the rest of the
 * commit. */
static void add_run(vd_store_verified_t *part, const vd_commit_t *commit,
                    const vd_commit_run_t *run, const char *text)
{
    if (part->damage_count == VD_DAMAGE_MAX) {
        vd_store_damage_t *last = &part->damage[VD_DAMAGE_MAX - 1];
        last->session[0] = 0;
        last->first = 0;
        last->count += run->count;
        snprintf(last->text, sizeof last->text, "these events of several sessions are damaged");
        return;
    }
    vd_store_damage_t *damage =
        add(part, commit->index, "%s", text[0] != 0 ? text : "known to be damaged or lost before");
    vd_str_copy(damage->session, sizeof damage->session, run->session);
    damage->first = run->first_seq;
    damage->count = run->count;
}

static void take_commit(vd_store_verified_t *part, const vd_commit_t *commit, const char *text)
{
    for (uint32_t r = 0; r < commit->run_count; r++) {
        const vd_commit_run_t *run = &commit->runs[r];
        if (run->absent == VD_CORRUPT) {
            add_run(part, commit, run, text);
        } else if (run->absent == VD_PRUNED) {
            part->pruned += run->count;
        } else {
            part->events += run->count;
            part->bytes += run->run.size;
        }
    }
    /* A commit without events whose chain does not follow. */
    if (text[0] != 0 && commit->run_count == 0)
        add(part, commit->index, "%s", text);
}

static bool pass_producer(void *arg, const vd_store_producer_t *producer)
{
    (void)arg, (void)producer;
    return true;
}

static bool pass_session(void *arg, const vd_store_session_t *session)
{
    (void)arg, (void)session;
    return true;
}

/* What belongs to no commit is looked at with the last part. */
static void check_records(vd_store_t *store, vd_store_verified_t *part)
{
    if (part->damage_count < VD_DAMAGE_MAX &&
        vd_store_sessions(store, pass_session, NULL) == VD_CORRUPT)
        add(part, 0, "the record of a session is damaged: sessions may be missing from lists");
    if (part->damage_count < VD_DAMAGE_MAX &&
        vd_store_producers(store, pass_producer, NULL) == VD_CORRUPT)
        add(part, 0, "the record of a producer is damaged: its last numbers are not known");
}

/* Is the commit behind which this part begins still the one that was checked? */
static vd_status_t check_begin(vd_store_t *store, uint32_t chain, vd_store_verified_t *part,
                               char *error, size_t error_size)
{
    uint32_t found = 0;
    if (part->index > part->head) {
        snprintf(error, error_size,
                 "the store ends at commit %" PRIu64 ", it was checked up to %" PRIu64, part->head,
                 part->index);
        return VD_WENT_BACK;
    }
    vd_status_t status = vd_store_chain(store, part->index, &found);
    if (status == VD_OK && chain != 0 && found != chain)
        add(part, part->index,
            "its chain is %08" PRIx32 ", it was %08" PRIx32 " when it was checked", found, chain);
    part->chain = found;
    return VD_OK;
}

vd_status_t vd_store_verify(vd_store_t *store, vd_store_cursor_t *cursor, uint64_t after,
                            uint32_t chain, vd_store_verified_t *part, char *error,
                            size_t error_size)
{
    assert(store != NULL && cursor != NULL && part != NULL);
    vd_store_tail_t tail;
    vd_commit_t commit;
    uint64_t bytes = 0;
    vd_store_tail(store, &tail);
    *part = (vd_store_verified_t){.index = after, .head = tail.index};
    vd_status_t status = check_begin(store, chain, part, error, error_size);
    if (status == VD_OK)
        status = vd_store_cursor_seek(cursor, after + 1, NULL);
    while (status == VD_OK && part->commits < COMMITS_MAX && bytes < BYTES_MAX) {
        status = vd_store_cursor_next(cursor, &commit, error, error_size);
        if (status != VD_OK && status != VD_CORRUPT)
            break;
        uint32_t rows = status == VD_OK ? damaged_runs(&commit) : 1;
        if (part->damage_count > 0 && part->damage_count + rows > VD_DAMAGE_MAX) {
            status = VD_OK; /* the next part begins with it */
            break;
        }
        if (status == VD_OK)
            take_commit(part, &commit, error);
        else
            add(part, commit.index, "%s", error);
        part->index = commit.index;
        part->chain = status == VD_OK ? commit.chain : 0;
        part->commits++;
        for (uint32_t r = 0; r < commit.run_count; r++)
            bytes += commit.runs[r].run.size;
        status = VD_OK;
    }
    part->more = status == VD_OK && part->index < part->head;
    if (status != VD_OK && status != VD_NOT_FOUND)
        return status;
    if (!part->more)
        check_records(store, part);
    return VD_OK;
}

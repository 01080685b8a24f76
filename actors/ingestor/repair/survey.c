/* survey.c: finding what is lost, and what of it shows elsewhere. */
#include "repair/survey.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* More commits in a row without a record than this are no damage but nonsense in a key. */
#define LOST_IN_A_ROW_MAX 10000000u

/* ---- lost commits ---- */

static vd_lost_commit_t *add_lost(vd_survey_t *self, uint64_t index)
{
    if (self->lost_count == self->lost_room) {
        size_t room = self->lost_room * 2 + 16;
        vd_lost_commit_t *lost = realloc(self->lost, room * sizeof *lost);
        if (lost == NULL) {
            self->no_memory = true;
            return NULL;
        }
        self->lost = lost;
        self->lost_room = room;
    }
    assert(self->lost_count == 0 || self->lost[self->lost_count - 1].index < index);
    vd_lost_commit_t *added = &self->lost[self->lost_count++];
    *added = (vd_lost_commit_t){.index = index};
    return added;
}

vd_lost_commit_t *vd_survey_lost(const vd_survey_t *self, uint64_t index)
{
    size_t low = 0, high = self->lost_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->lost[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low < self->lost_count && self->lost[low].index == index ? &self->lost[low] : NULL;
}

static void add_run(vd_survey_t *self, vd_lost_commit_t *commit, vd_str_t session,
                    const vd_found_run_t *run)
{
    if (commit->count == commit->room) {
        uint32_t room = commit->room * 2 + 4;
        vd_found_run_t *runs = realloc(commit->runs, room * sizeof *runs);
        if (runs == NULL) {
            self->no_memory = true;
            return;
        }
        commit->runs = runs;
        commit->room = room;
    }
    uint32_t at = commit->count++;
    while (at > 0 && commit->runs[at - 1].at > run->at) {
        commit->runs[at] = commit->runs[at - 1];
        at--;
    }
    commit->runs[at] = *run;
    vd_str_copy(commit->runs[at].session, sizeof commit->runs[at].session, session);
}

static bool has_session(const vd_lost_commit_t *commit, const char *session)
{
    for (uint32_t i = 0; i < commit->count; i++)
        if (strcmp(commit->runs[i].session, session) == 0)
            return true;
    return false;
}

/* ---- the records of commits ---- */

static vd_status_t miss_up_to(vd_survey_t *self, uint64_t index)
{
    if (index - self->scanned > LOST_IN_A_ROW_MAX)
        return VD_CORRUPT;
    while (self->scanned + 1 < index)
        if (add_lost(self, ++self->scanned) == NULL)
            return VD_NO_MEMORY;
    return VD_OK;
}

static bool digits_of(vd_str_t name, uint64_t *number)
{
    vd_key_t key = {.size = name.size};
    if (name.size != VD_KEY_DIGITS)
        return false;
    memcpy(key.bytes, name.data, name.size);
    return vd_key_number_of(vd_bytes(key.bytes, key.size), "", number);
}

static vd_status_t each_commit(void *arg, vd_str_t name, vd_bytes_t value)
{
    vd_survey_t *self = arg;
    vd_commit_head_t head;
    uint64_t index = 0;
    if (!digits_of(name, &index) || index <= self->scanned)
        return VD_OK;
    if (self->first == 0) {
        self->first = self->head.anchor > 0 ? self->head.anchor + 1 : index;
        /* Who knows nothing of an anchor has all commits from the first on. */
        if (self->head.id[0] != 0 && self->head.anchor == 0)
            self->first = 1;
        self->scanned = self->first - 1;
    }
    if (index < self->first)
        return VD_OK;
    vd_status_t status = miss_up_to(self, index);
    if (status != VD_OK)
        return status;
    self->scanned = self->last = index;
    status = vd_record_commit_read(value, &head);
    if (status == VD_CORRUPT)
        return add_lost(self, index) != NULL ? VD_OK : VD_NO_MEMORY;
    return status;
}

/* ---- runs of lost commits ---- */

/* Splits <session>:<20 digits>. */
static bool split(vd_str_t name, vd_str_t *session, uint64_t *seq)
{
    if (name.size < VD_KEY_DIGITS + 2 || name.size > VD_NAME_BYTES_MAX + 1 + VD_KEY_DIGITS)
        return false;
    size_t size = name.size - VD_KEY_DIGITS - 1;
    *session = vd_bytes(name.data, size);
    return name.data[size] == ':' &&
           digits_of(vd_bytes(name.data + size + 1, VD_KEY_DIGITS), seq) && *seq > 0;
}

static vd_status_t each_run(void *arg, vd_str_t name, vd_bytes_t value)
{
    vd_survey_t *self = arg;
    vd_run_record_t record;
    vd_str_t session;
    uint64_t seq = 0;
    if (!split(name, &session, &seq) || vd_record_run_read(value, &record) != VD_OK ||
        record.count == 0 || record.index < self->first)
        return VD_OK;
    if (record.index > self->last) {
        /* Behind the last record of a commit: these have lost theirs. */
        if (record.index - self->last > LOST_IN_A_ROW_MAX)
            return VD_OK;
        self->scanned = self->last;
        while (self->last < record.index)
            if (add_lost(self, ++self->last) == NULL)
                return VD_NO_MEMORY;
    }
    vd_lost_commit_t *commit = vd_survey_lost(self, record.index);
    vd_found_run_t run = {.at = record.at, .first_seq = seq, .count = record.count};
    if (commit != NULL)
        add_run(self, commit, session, &run);
    return self->no_memory ? VD_NO_MEMORY : VD_OK;
}

/* ---- sequences that are missing ---- */

vd_tally_t *vd_survey_tally(vd_survey_t *self, vd_str_t session)
{
    vd_tally_t *tally = vd_names_get(&self->tallies, session);
    if (tally != NULL)
        return tally;
    tally = calloc(1, sizeof *tally);
    if (tally == NULL || !vd_str_copy(tally->session, sizeof tally->session, session) ||
        !vd_names_put(&self->tallies, tally)) {
        free(tally);
        self->no_memory = true;
        return NULL;
    }
    return tally;
}

/* The commit that sequences of this session, between the last one seen and commit `before`, can have
 * been in: the newest one there whose record is lost. NULL: there is none. */
static vd_lost_commit_t *home_of(vd_survey_t *self, const vd_tally_t *tally, uint64_t before)
{
    for (size_t i = self->lost_count; i > 0; i--) {
        vd_lost_commit_t *commit = &self->lost[i - 1];
        if (commit->index <= tally->index)
            return NULL;
        if (commit->index < before && !has_session(commit, tally->session))
            return commit;
    }
    return NULL;
}

static void miss(vd_survey_t *self, const vd_tally_t *tally, uint64_t end, uint64_t before)
{
    uint64_t first = tally->next > 0 ? tally->next : 1;
    vd_lost_commit_t *home = home_of(self, tally, before);
    vd_found_run_t run = {.at = UINT64_MAX, .first_seq = first, .count = end - first, .lost = true};
    if (home != NULL)
        add_run(self, home, vd_str(tally->session), &run);
}

static void count_run(vd_survey_t *self, vd_str_t session, uint64_t first, uint64_t count,
                      uint64_t index)
{
    vd_tally_t *tally = vd_survey_tally(self, session);
    if (tally == NULL)
        return;
    uint64_t next = tally->next > 0 ? tally->next : 1;
    if (first > next && !tally->pruned)
        miss(self, tally, first, index);
    if (first + count > next)
        tally->next = first + count;
    tally->index = index;
}

static void count_lost(vd_survey_t *self, const vd_lost_commit_t *commit)
{
    for (uint32_t i = 0; i < commit->count; i++)
        if (!commit->runs[i].lost)
            count_run(self, vd_str(commit->runs[i].session), commit->runs[i].first_seq,
                      commit->runs[i].count, commit->index);
}

static vd_status_t count_commit(void *arg, vd_str_t name, vd_bytes_t value)
{
    vd_survey_t *self = arg;
    vd_commit_head_t head;
    vd_commit_item_t item;
    uint64_t index = 0;
    if (!digits_of(name, &index) || index < self->first)
        return VD_OK;
    for (; self->scanned < index; self->scanned++) {
        const vd_lost_commit_t *lost = vd_survey_lost(self, self->scanned);
        if (lost != NULL)
            count_lost(self, lost);
    }
    if (vd_record_commit_read(value, &head) != VD_OK)
        return VD_OK;
    for (vd_bytes_t items = head.items; vd_record_commit_item(&items, &item);)
        count_run(self, item.session, item.first_seq, item.count, index);
    return self->no_memory ? VD_NO_MEMORY : VD_OK;
}

static vd_status_t each_tombstone(void *arg, vd_str_t name, vd_bytes_t value)
{
    vd_survey_t *self = arg;
    (void)value;
    if (name.size == 0 || name.size > VD_NAME_BYTES_MAX)
        return VD_OK;
    vd_tally_t *tally = vd_survey_tally(self, name);
    if (tally != NULL)
        tally->pruned = true;
    return tally != NULL ? VD_OK : VD_NO_MEMORY;
}

/* What a session's own record says of its end. */
static vd_status_t each_session(void *arg, vd_str_t name, vd_bytes_t value)
{
    vd_survey_t *self = arg;
    vd_store_session_t session;
    vd_status_t status = vd_record_session_read(value, name, &session);
    if (status != VD_OK)
        return status == VD_CORRUPT ? VD_OK : status;
    vd_tally_t *tally = vd_survey_tally(self, name);
    if (tally == NULL)
        return VD_NO_MEMORY;
    uint64_t next = tally->next > 0 ? tally->next : 1;
    if (session.last_seq >= next && !tally->pruned) {
        miss(self, tally, session.last_seq + 1, UINT64_MAX);
        tally->next = session.last_seq + 1;
    }
    return VD_OK;
}

/* ---- all of it ---- */

static void read_head(vd_survey_t *self)
{
    vd_key_t key;
    vd_buffer_t value;
    vd_buffer_init(&value, 4096);
    vd_key_name(&key, VD_KEY_STORE, vd_str(""));
    if (vd_source_get(self->source, &key, &value) != VD_OK ||
        vd_record_store_read(vd_buffer_view(&value), &self->head) != VD_OK)
        self->head = (vd_store_head_t){0};
    vd_buffer_free(&value);
}

vd_status_t vd_survey_make(vd_survey_t *self, vd_source_t *source, char *error, size_t error_size)
{
    *self = (vd_survey_t){.source = source};
    read_head(self);
    vd_status_t status = vd_source_walk(source, VD_KEY_TOMBSTONES, each_tombstone, self);
    if (status == VD_OK)
        status = vd_source_walk(source, VD_KEY_COMMITS, each_commit, self);
    if (status == VD_OK && self->first == 0)
        self->first = self->head.anchor + 1;
    if (status == VD_OK && self->last == 0)
        self->last = self->first - 1;
    if (status == VD_OK)
        status = vd_source_walk(source, VD_KEY_EVENTS, each_run, self);
    self->scanned = self->first;
    if (status == VD_OK)
        status = vd_source_walk(source, VD_KEY_COMMITS, count_commit, self);
    for (; status == VD_OK && self->scanned <= self->last; self->scanned++) {
        const vd_lost_commit_t *lost = vd_survey_lost(self, self->scanned);
        if (lost != NULL)
            count_lost(self, lost);
    }
    if (status == VD_OK)
        status = vd_source_walk(source, VD_KEY_SESSION_META, each_session, self);
    if (status == VD_OK && self->no_memory)
        status = VD_NO_MEMORY;
    if (status == VD_UNSUPPORTED)
        snprintf(error, error_size, "it was written by a newer version; use that version");
    else if (status != VD_OK)
        snprintf(error, error_size, "its commits make no sense: %s", vd_status_text(status));
    return status;
}

void vd_survey_free(vd_survey_t *self)
{
    uint32_t at = 0;
    void *tally;
    while ((tally = vd_names_next(&self->tallies, &at)) != NULL)
        free(tally);
    vd_names_free(&self->tallies);
    for (size_t i = 0; i < self->lost_count; i++)
        free(self->lost[i].runs);
    free(self->lost);
    *self = (vd_survey_t){0};
}

/* repair.c: from the survey of a damaged store to a new one. */
#include "repair/repair.h"

#include "repair/positions.h"
#include "repair/states.h"
#include "repair/survey.h"
#include "repair/writing.h"

#include "store/leveldb_copy.h"
#include "store/leveldb_dir.h"
#include "wire/commit.h"
#include "wire/value.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define VALUE_BYTES_CAP (64u * 1024 * 1024)
/* More than the lost end of a store can have given away. */
#define LOST_EPOCHS 1000000u
/* As the store itself takes them. */
#define PATH_BYTES_MAX 511

/* A session in the new store. */
typedef struct written {
    char session[VD_NAME_BYTES_MAX + 1];
    vd_store_session_t record; /* put together from what was written */
    uint64_t next;
} written_t;

typedef struct repair {
    FILE *out;
    vd_source_t source;
    vd_survey_t survey;
    vd_writing_t writing;
    vd_positions_t positions;
    vd_names_t sessions; /* of written_t */
    uint64_t index;      /* of the commit at hand */
    uint64_t same;       /* up to this commit the chain is what it was */
    vd_commit_run_t *runs;
    vd_buffer_t *values; /* one for each run: its record */
    uint32_t run_count, run_room;
    uint64_t at; /* place of the next run */
    int64_t time_ms;
    uint64_t epoch;
    uint32_t chain,
        source_chain; /* of the commit before, in the new store and in the damaged one */
    bool chained;     /* source_chain is known */
    bool whole;       /* every run of the commit at hand is there or has its digest */
    uint64_t commits, events, lost_events, lost_commits, producers, session_count;
    bool no_memory;
} repair_t;

/* ---- the runs of one commit ---- */

static vd_commit_run_t *add_run(repair_t *self, vd_str_t session, uint64_t first, uint64_t count)
{
    if (self->run_count == self->run_room) {
        uint32_t room = self->run_room * 2 + 16;
        vd_commit_run_t *runs = realloc(self->runs, room * sizeof *runs);
        if (runs != NULL)
            self->runs = runs;
        vd_buffer_t *values = realloc(self->values, room * sizeof *values);
        if (values != NULL)
            self->values = values;
        if (runs == NULL || values == NULL) {
            self->no_memory = true;
            return NULL;
        }
        for (uint32_t i = self->run_room; i < room; i++)
            vd_buffer_init(&self->values[i], VALUE_BYTES_CAP);
        self->run_room = room;
    }
    vd_buffer_clear(&self->values[self->run_count]);
    vd_commit_run_t *run = &self->runs[self->run_count++];
    *run = (vd_commit_run_t){
        .session = session, .at = self->at, .first_seq = first, .count = (uint32_t)count};
    self->at += count;
    return run;
}

static void tell_lost(repair_t *self, const vd_commit_run_t *run, const char *why)
{
    fprintf(self->out,
            "lost   commit %" PRIu64 ": session %.*s, events %" PRIu64 " to %" PRIu64 ": %s\n",
            self->index, (int)run->session.size, (const char *)run->session.data, run->first_seq,
            run->first_seq + run->count - 1, why);
    self->lost_events += run->count;
}

/* Why the run's bytes are not what the commit says; NULL: they are. */
static const char *fault_of(const vd_commit_run_t *run, const vd_run_record_t *record,
                            uint64_t index, uint64_t at)
{
    uint64_t bad;
    if (record->index != index || record->count != run->count || record->at != at)
        return "they stand in another commit";
    return vd_run_check(record->run, run->count, &bad) == VD_OK ? NULL
                                                                : "a checksum does not match";
}

/* Reads the bytes of a run that was added. `at` is its place in the damaged store. */
static void read_run(repair_t *self, vd_commit_run_t *run, uint64_t at)
{
    vd_buffer_t *value = &self->values[run - self->runs];
    vd_run_record_t record;
    vd_key_t key;
    vd_key_event(&key, run->session, run->first_seq);
    vd_status_t status = vd_source_get(&self->source, &key, value);
    const char *fault = status == VD_OK          ? NULL
                        : status == VD_NOT_FOUND ? "they are gone"
                                                 : "they cannot be read";
    if (fault == NULL && vd_record_run_read(vd_buffer_view(value), &record) != VD_OK)
        fault = "their record is damaged";
    if (fault == NULL)
        fault = fault_of(run, &record, self->index, at);
    if (fault == NULL) {
        run->run = record.run;
        self->events += run->count;
        return;
    }
    run->absent = VD_CORRUPT;
    self->whole = false;
    tell_lost(self, run, fault);
}

static void take_item(repair_t *self, const vd_commit_item_t *item, uint64_t at)
{
    vd_commit_run_t *run = add_run(self, item->session, item->first_seq, item->count);
    if (run == NULL)
        return;
    if (item->absent == VD_OK) {
        read_run(self, run, at);
        return;
    }
    run->absent = item->absent;
    run->digest = item->digest;
    if (item->absent == VD_CORRUPT)
        tell_lost(self, run, "it was lost before");
}

/* ---- sessions ---- */

static written_t *session_of(repair_t *self, vd_str_t name)
{
    written_t *found = vd_names_get(&self->sessions, name);
    if (found != NULL)
        return found;
    found = calloc(1, sizeof *found);
    if (found == NULL || !vd_str_copy(found->session, sizeof found->session, name) ||
        !vd_names_put(&self->sessions, found)) {
        free(found);
        self->no_memory = true;
        return NULL;
    }
    vd_str_copy(found->record.session, sizeof found->record.session, name);
    found->record.state = VD_SESSION_INTERRUPTED;
    found->record.labels[0] = 0x80; /* an empty map */
    found->record.labels_size = 1;
    return found;
}

/* What session_started says of the session. */
static void take_start(vd_store_session_t *record, const vd_event_t *event)
{
    vd_value_t data, labels;
    if (!vd_value_of(event->data, &data) || data.kind != VD_KIND_MAP)
        return;
    vd_str_copy(record->name, sizeof record->name, vd_value_get_str(&data, "name"));
    if (vd_value_get(&data, "labels", &labels) && labels.kind == VD_KIND_MAP &&
        labels.raw.size <= sizeof record->labels) {
        memcpy(record->labels, labels.raw.data, labels.raw.size);
        record->labels_size = (uint32_t)labels.raw.size;
    }
}

static void take_end(vd_store_session_t *record, const vd_event_t *event, int64_t time_ms)
{
    vd_value_t data;
    bool failed = vd_value_of(event->data, &data) && data.kind == VD_KIND_MAP &&
                  vd_str_is(vd_value_get_str(&data, "status"), "failed");
    record->state = failed ? VD_SESSION_FAILED : VD_SESSION_COMPLETED;
    record->ended_ms = time_ms;
}

/* Learns from a run what its session's record needs, should that be lost. */
static void learn(repair_t *self, const vd_commit_run_t *run)
{
    written_t *known = session_of(self, run->session);
    if (known == NULL)
        return;
    vd_store_session_t *record = &known->record;
    if (record->started_ms == 0)
        record->started_ms = self->time_ms;
    record->last_ms = self->time_ms;
    record->last_seq = run->first_seq + run->count - 1;
    record->last_index = self->index;
    vd_bytes_t rest = run->run;
    vd_entry_t entry;
    vd_event_t event;
    for (uint64_t seq = run->first_seq; vd_run_next(&rest, &entry) == VD_OK; seq++) {
        record->bytes += entry.event.size;
        if (seq != 1 && rest.size > 0)
            continue;
        if (vd_event_read(entry.event, &event) != VD_OK)
            continue;
        if (seq == 1)
            take_start(record, &event);
        if (vd_str_is(event.type, "session_ended"))
            take_end(record, &event, self->time_ms);
    }
}

/* ---- one commit ---- */

static void write_commit(repair_t *self)
{
    vd_key_t key;
    vd_commit_t commit = {.index = self->index,
                          .time_ms = self->time_ms,
                          .epoch = self->epoch,
                          .run_count = self->run_count,
                          .runs = self->runs};
    for (uint32_t i = 0; i < self->run_count; i++) {
        const vd_commit_run_t *run = &self->runs[i];
        learn(self, run);
        if (run->absent != VD_OK)
            continue;
        vd_key_event(&key, run->session, run->first_seq);
        vd_record_run_write(&self->writing.value, self->index, run);
        vd_writing_put(&self->writing, &key);
    }
    commit.chain = self->chain = vd_commit_chain(self->chain, &commit);
    vd_key_number(&key, VD_KEY_COMMITS, self->index);
    vd_record_commit_write(&self->writing.value, &commit);
    vd_writing_put(&self->writing, &key);
    self->commits++;
}

static void begin_commit(repair_t *self, uint64_t index)
{
    self->index = index;
    self->run_count = 0;
    self->at = 0;
    self->whole = true;
}

/* Checks the commit at hand against the chain of the damaged store. */
static void check_chain(repair_t *self, const vd_commit_head_t *head)
{
    vd_commit_t commit = {.index = self->index,
                          .time_ms = head->time_ms,
                          .epoch = head->epoch,
                          .chain = head->chain,
                          .run_count = self->run_count,
                          .runs = self->runs};
    if (self->chained && self->whole && !vd_commit_follows(self->source_chain, &commit))
        fprintf(self->out,
                "doubt  commit %" PRIu64 ": its chain does not follow from the commit before\n",
                self->index);
    self->chained = true;
    self->source_chain = head->chain;
}

static void copy_commit(repair_t *self, uint64_t index, vd_bytes_t record)
{
    vd_commit_head_t head;
    vd_commit_item_t item;
    uint64_t at = 0;
    uint32_t taken = 0;
    vd_status_t status = vd_record_commit_read(record, &head);
    assert(status == VD_OK);
    begin_commit(self, index);
    for (vd_bytes_t items = head.items; vd_record_commit_item(&items, &item); taken++) {
        take_item(self, &item, at);
        at += item.count;
    }
    if (taken != head.count)
        fprintf(self->out, "lost   commit %" PRIu64 ": %" PRIu32 " of its %" PRIu32 " runs\n",
                index, head.count - taken, head.count);
    check_chain(self, &head);
    self->time_ms = head.time_ms;
    self->epoch = head.epoch;
    write_commit(self);
    if (self->same + 1 == index && head.chain == self->chain)
        self->same = index;
    vd_positions_meet(&self->positions, index, head.chain, self->chain);
}

static void rebuild_commit(repair_t *self, const vd_lost_commit_t *lost)
{
    uint32_t found_count = 0;
    begin_commit(self, lost->index);
    for (uint32_t i = 0; i < lost->count; i++)
        found_count += !lost->runs[i].lost;
    fprintf(self->out, "lost   commit %" PRIu64 ": its record; %" PRIu32 " of its runs are found\n",
            lost->index, found_count);
    self->lost_commits++;
    self->chained = false;
    vd_positions_meet_lost(&self->positions, lost->index);
    for (uint32_t i = 0; i < lost->count; i++) {
        const vd_found_run_t *found = &lost->runs[i];
        vd_commit_run_t *run =
            add_run(self, vd_str(found->session), found->first_seq, found->count);
        if (run == NULL)
            return;
        if (!found->lost) {
            read_run(self, run, found->at);
            continue;
        }
        run->absent = VD_CORRUPT;
        tell_lost(self, run, "they were in it, or in a lost commit before it");
    }
    write_commit(self);
}

static vd_status_t write_commits(repair_t *self)
{
    vd_buffer_t record;
    vd_status_t status = VD_OK;
    vd_buffer_init(&record, VALUE_BYTES_CAP);
    for (uint64_t i = self->survey.first; i <= self->survey.last && status == VD_OK; i++) {
        vd_key_t key;
        const vd_lost_commit_t *lost = vd_survey_lost(&self->survey, i);
        vd_key_number(&key, VD_KEY_COMMITS, i);
        vd_buffer_clear(&record);
        if (lost == NULL)
            status = vd_source_get(&self->source, &key, &record);
        if (status == VD_OK && lost == NULL)
            copy_commit(self, i, vd_buffer_view(&record));
        else if (status == VD_OK)
            rebuild_commit(self, lost);
        if (self->no_memory)
            status = VD_NO_MEMORY;
        else if (self->writing.error[0] != 0)
            status = VD_IO;
    }
    vd_buffer_free(&record);
    return status;
}

/* ---- everything else ---- */

static void put_session(repair_t *self, const vd_store_session_t *session)
{
    vd_key_t key;
    vd_key_name(&key, VD_KEY_SESSION_META, vd_str(session->session));
    vd_record_session_write(&self->writing.value, session);
    vd_writing_put(&self->writing, &key);
    vd_key_name(&key, VD_KEY_SESSIONS, vd_str(session->session));
    vd_record_session_index_write(&self->writing.value, session);
    vd_writing_put(&self->writing, &key);
    self->session_count++;
}

static vd_status_t each_session(void *arg, vd_str_t name, vd_bytes_t value)
{
    repair_t *self = arg;
    vd_store_session_t session;
    if (name.size == 0 || name.size > VD_NAME_BYTES_MAX ||
        vd_record_session_read(value, name, &session) != VD_OK)
        return VD_OK;
    written_t *known = vd_names_get(&self->sessions, name);
    if (known != NULL) {
        vd_names_remove(&self->sessions, known);
        if (known->record.last_index > session.last_index)
            session.last_index = known->record.last_index;
        if (known->record.last_seq > session.last_seq)
            session.last_seq = known->record.last_seq;
        free(known);
    }
    put_session(self, &session);
    return VD_OK;
}

static vd_status_t each_producer(void *arg, vd_str_t name, vd_bytes_t value)
{
    repair_t *self = arg;
    vd_store_producer_t producer;
    vd_key_t key;
    if (name.size == 0 || name.size > VD_NAME_BYTES_MAX ||
        vd_record_producer_read(value, name, &producer) != VD_OK)
        return VD_OK;
    if (producer.epoch > self->survey.head.epoch_counter)
        self->survey.head.epoch_counter = producer.epoch;
    vd_key_name(&key, VD_KEY_PRODUCERS, name);
    vd_writing_put_bytes(&self->writing, &key, value);
    self->producers++;
    return VD_OK;
}

static vd_status_t each_record(void *arg, vd_str_t name, vd_bytes_t value)
{
    repair_t *self = arg;
    vd_key_t key;
    uint64_t seq;
    if (vd_record_seq_read(value, &seq) != VD_OK || name.size > sizeof key.bytes - 32)
        return VD_OK;
    key.size = (size_t)snprintf(key.bytes, sizeof key.bytes, VD_KEY_RECORDS "%.*s", (int)name.size,
                                (const char *)name.data);
    vd_writing_put_bytes(&self->writing, &key, value);
    return VD_OK;
}

static vd_status_t each_tombstone(void *arg, vd_str_t name, vd_bytes_t value)
{
    repair_t *self = arg;
    vd_key_t key;
    vd_tombstone_t tombstone;
    if (name.size == 0 || name.size > VD_NAME_BYTES_MAX ||
        vd_record_tombstone_read(value, &tombstone) != VD_OK)
        return VD_OK;
    written_t *known = vd_names_get(&self->sessions, name);
    if (known != NULL) {
        vd_names_remove(&self->sessions, known);
        free(known);
    }
    vd_key_name(&key, VD_KEY_TOMBSTONES, name);
    vd_writing_put_bytes(&self->writing, &key, value);
    return VD_OK;
}

/* Sessions whose own record is lost, from what their events say. */
static void put_lost_sessions(repair_t *self)
{
    uint32_t at = 0;
    written_t *left;
    while ((left = vd_names_next(&self->sessions, &at)) != NULL) {
        fprintf(self->out, "lost   session %s: its record; put together from its events\n",
                left->session);
        put_session(self, &left->record);
    }
}

static bool put_head(repair_t *self)
{
    vd_key_t key;
    uint64_t id = 0;
    struct timespec now;
    vd_store_head_t head = self->survey.head;
    if (getrandom(&id, sizeof id, 0) != (ssize_t)sizeof id)
        return false;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(head.id, sizeof head.id, "%016" PRIx64, id);
    head.created_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    /* Above every epoch that was ever given, also by the lost end of the damaged store. */
    head.epoch_counter =
        (head.epoch_counter > self->epoch ? head.epoch_counter : self->epoch) + LOST_EPOCHS;
    vd_key_name(&key, VD_KEY_STORE, vd_str(""));
    vd_record_store_write(&self->writing.value, &head);
    vd_writing_put(&self->writing, &key);
    self->survey.head = head;
    return true;
}

static vd_status_t write_all(repair_t *self)
{
    self->chain = self->survey.head.anchor > 0 ? self->survey.head.anchor_chain : 0;
    self->same = self->survey.head.anchor;
    vd_status_t status =
        vd_positions_load(&self->positions, &self->source, self->same, self->chain);
    if (status == VD_OK)
        status = write_commits(self);
    if (status == VD_OK)
        status = vd_source_walk(&self->source, VD_KEY_TOMBSTONES, each_tombstone, self);
    if (status == VD_OK)
        status = vd_source_walk(&self->source, VD_KEY_SESSION_META, each_session, self);
    if (status == VD_OK)
        status = vd_source_walk(&self->source, VD_KEY_PRODUCERS, each_producer, self);
    if (status == VD_OK)
        status = vd_source_walk(&self->source, VD_KEY_RECORDS, each_record, self);
    if (status == VD_OK)
        status = vd_states_copy(&self->source, &self->writing, self->same, self->out);
    if (status == VD_OK) {
        put_lost_sessions(self);
        vd_positions_put(&self->positions, &self->writing, self->out);
    }
    if (status == VD_OK && !put_head(self))
        status = VD_IO;
    if (status == VD_OK && !vd_writing_end(&self->writing))
        status = VD_IO;
    return status;
}

/* ---- the whole ---- */

static void free_all(repair_t *self)
{
    uint32_t at = 0;
    void *left;
    while ((left = vd_names_next(&self->sessions, &at)) != NULL)
        free(left);
    vd_names_free(&self->sessions);
    for (uint32_t i = 0; i < self->run_room; i++)
        vd_buffer_free(&self->values[i]);
    free(self->values);
    free(self->runs);
    vd_positions_free(&self->positions);
    vd_writing_free(&self->writing);
    vd_survey_free(&self->survey);
    vd_source_close(&self->source);
}

static vd_status_t make_place(const char *into, char *error, size_t error_size)
{
    if (mkdir(into, 0700) == 0 || (errno == EEXIST && rmdir(into) == 0 && mkdir(into, 0700) == 0))
        return VD_OK;
    vd_status_t status = vd_status_of_errno(errno);
    snprintf(error, error_size, "%s cannot be made: %s; name a directory that is not there yet",
             into, strerror(errno));
    return status == VD_NOT_FOUND ? VD_IO : status;
}

vd_status_t vd_repair(const char *from, const char *into, FILE *out, char *error, size_t error_size)
{
    repair_t self = {.out = out};
    char copy[600], why[512] = "";
    error[0] = 0;
    bool fits = (size_t)snprintf(copy, sizeof copy, "%s.repair", into) < sizeof copy;
    if (!fits || strlen(from) > PATH_BYTES_MAX || strlen(into) > PATH_BYTES_MAX) {
        snprintf(error, error_size, "%.200s...: the path is over %d bytes",
                 strlen(from) > PATH_BYTES_MAX ? from : into, PATH_BYTES_MAX);
        return VD_USAGE;
    }
    if (vd_leveldb_dir_holds(from, into)) {
        snprintf(error, error_size, "%s is in the store itself; name a directory beside it", into);
        return VD_USAGE;
    }
    vd_status_t status = make_place(into, error, error_size);
    if (status != VD_OK)
        return status;
    status = vd_source_open(&self.source, from, copy, error, error_size);
    if (status == VD_OK) {
        status = vd_survey_make(&self.survey, &self.source, why, sizeof why);
        if (status == VD_OK && vd_writing_begin(&self.writing, into))
            status = write_all(&self);
        else if (status == VD_OK)
            status = VD_IO;
        if (status != VD_OK)
            snprintf(error, error_size, "store %s cannot be copied to %s: %s", from, into,
                     why[0] != 0                  ? why
                     : self.writing.error[0] != 0 ? self.writing.error
                                                  : vd_status_text(status));
    }
    if (status == VD_OK)
        fprintf(out,
                "kept   %" PRIu64 " events in %" PRIu64 " commits, %" PRIu64 " sessions, %" PRIu64
                " producers\nlost   %" PRIu64 " events, the records of %" PRIu64
                " commits\nstore  %s in %s\nuse it: mv %s %s.damaged && mv %s %s\n",
                self.events, self.commits, self.session_count, self.producers, self.lost_events,
                self.lost_commits, self.survey.head.id, into, from, from, into, from);
    free_all(&self);
    if (status != VD_OK)
        vd_leveldb_copy_remove(into);
    return status;
}

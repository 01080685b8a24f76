/* audited_store.h: a store in memory that commits what a test says, right or wrong, and answers FETCH
 * as an ingestor does. */
#ifndef VD_TEST_AUDITED_STORE_H
#define VD_TEST_AUDITED_STORE_H

#include "wire/commit.h"
#include "wire/message.h"

enum { AUDITED_COMMITS = 512, AUDITED_RUNS = 8, AUDITED_SESSIONS = 64 };

typedef struct audited_commit {
    vd_commit_t commit;
    vd_commit_run_t runs[AUDITED_RUNS];
    char sessions[AUDITED_RUNS][VD_NAME_BYTES_MAX + 1];
    vd_buffer_t bytes[AUDITED_RUNS];
} audited_commit_t;

typedef struct audited_store {
    char id[VD_STORE_ID_SIZE];
    uint64_t count; /* commits that are sealed */
    audited_commit_t commits[AUDITED_COMMITS];
    struct {
        char id[VD_NAME_BYTES_MAX + 1];
        uint64_t last_seq;
    } sessions[AUDITED_SESSIONS];
    vd_buffer_t scratch;
} audited_store_t;

audited_store_t *audited_store_new(const char *id);
void audited_store_free(audited_store_t *self);
/* The commit that is being made: what was added since the last one was sealed. */
audited_commit_t *audited_open(audited_store_t *self);
/* The last sequence of a session, to be changed if a test likes. */
uint64_t *audited_last(audited_store_t *self, const char *session);
/* Adds an event to the commit; `key`, unless NULL, has the text `value` in its data. */
void audited_add(audited_store_t *self, const char *session, const char *type, const char *key,
                 const char *value);
/* Puts its chain in and makes it the newest. */
audited_commit_t *audited_seal(audited_store_t *self, int64_t time_ms, uint64_t epoch);
/* Forgets every commit behind the first `count`. */
void audited_cut(audited_store_t *self, uint64_t count);
/* Gives every commit from `index` on the chain that its content has. */
void audited_rechain(audited_store_t *self, uint64_t index);
uint32_t audited_chain(const audited_store_t *self, uint64_t index);
/* What follows on (after, offset): at most `items` events. The payload is appended. */
void audited_fetch(audited_store_t *self, uint64_t after, uint64_t offset, uint64_t items,
                   vd_commits_body_t *body, vd_buffer_t *payload);

#endif

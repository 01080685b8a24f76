/* survey.h: what the commits of a damaged store are, before anything is written: which of them have
 * lost their records, what of these can be found again, and which sequences are missing.
 *
 * 1. Only what is damaged is kept in memory, and one tally for each session.
 */
#ifndef VD_REPAIR_SURVEY_H
#define VD_REPAIR_SURVEY_H

#include "repair/source.h"

#include "names.h"

/* A run of a commit whose record is lost. */
typedef struct vd_found_run {
    char session[VD_NAME_BYTES_MAX + 1];
    uint64_t at;
    uint64_t first_seq;
    uint64_t count;
    bool lost; /* nothing of it was found: only its numbers are missing */
} vd_found_run_t;

/* A commit whose record is lost. */
typedef struct vd_lost_commit {
    uint64_t index;
    vd_found_run_t *runs;
    uint32_t count, room;
} vd_lost_commit_t;

/* A session, as the commits show it. */
typedef struct vd_tally {
    char session[VD_NAME_BYTES_MAX + 1];
    uint64_t next; /* sequence that comes next; 0: none has come */
    uint64_t index;
    bool pruned; /* there is a tombstone */
} vd_tally_t;

typedef struct vd_survey {
    vd_source_t *source;
    vd_store_head_t head; /* id empty: it cannot be read */
    uint64_t first, last; /* commits; 0: none */
    uint64_t scanned;     /* the commit that was met last */
    vd_lost_commit_t *lost;
    size_t lost_count, lost_room;
    vd_names_t tallies;
    bool no_memory;
} vd_survey_t;

/* Looks through the source. VD_OK, or VD_NO_MEMORY, VD_UNSUPPORTED, VD_CORRUPT with text. */
vd_status_t vd_survey_make(vd_survey_t *self, vd_source_t *source, char *error, size_t error_size);
void vd_survey_free(vd_survey_t *self);
/* The lost commit of this index, NULL: its record is there. */
vd_lost_commit_t *vd_survey_lost(const vd_survey_t *self, uint64_t index);
/* The tally of a session, made when there is none; NULL without memory. */
vd_tally_t *vd_survey_tally(vd_survey_t *self, vd_str_t session);

#endif

/* reads.c: each source is read by one poller. */
#include "auditor_parts.h"

#include "core/hash.h"

#include <inttypes.h>
#include <stdio.h>

/* A poller that has not told of a read for so long does not read any more. */
#define GONE_US (12000 * MS)
/* So long two may read one source, beyond four of its intervals at either: what is laid out anew ends
 * at the old poller with its lease, of three. */
#define SETTLE_US  (60000 * MS)
#define ROUNDS_MIN 6u
/* No longer one is believed. */
#define INTERVAL_MS_MAX (7u * 24 * 3600 * 1000)

static vd_audited_read_t *find(vd_auditor_t *self, vd_str_t source)
{
    vd_audited_read_t *oldest = &self->reads[0];
    for (uint32_t i = 0; i < self->read_count; i++) {
        if (vd_str_is(source, self->reads[i].source))
            return &self->reads[i];
        if (self->reads[i].seen_us < oldest->seen_us)
            oldest = &self->reads[i];
    }
    if (!vd_name_valid(source))
        return NULL;
    if (self->read_count < VD_AUDITOR_READS_MAX)
        oldest = &self->reads[self->read_count++];
    else if (self->now.mono_us - oldest->seen_us < GONE_US)
        oldest = NULL;
    if (oldest != NULL) {
        *oldest = (vd_audited_read_t){.seen_us = self->now.mono_us};
        vd_str_copy(oldest->source, sizeof oldest->source, source);
    }
    return oldest;
}

static void tell(vd_auditor_t *self, const vd_audited_read_t *read, const vd_audited_reader_t *one,
                 const vd_audited_reader_t *other, int64_t since_us)
{
    vd_violation_t violation = vd_violation_of(VD_INVARIANT_one_poller, vd_str(""), 0, 0);
    snprintf(violation.text, sizeof violation.text, "source %s is read by %s and by %s",
             read->source, one->poller, other->poller);
    snprintf(violation.evidence, sizeof violation.evidence,
             "both have told a standing read of it, again and again, for %" PRId64 " s",
             (self->now.mono_us - since_us) / (1000 * MS));
    vd_book_violate(&self->book, &violation, vd_hash(0, vd_str(read->source)));
}

static bool is_there(const vd_auditor_t *self, const vd_audited_reader_t *reader)
{
    return reader->poller[0] != 0 && self->now.mono_us - reader->seen_us <= GONE_US;
}

static vd_audited_reader_t *reader_of(const vd_auditor_t *self, vd_audited_read_t *read,
                                      const char *poller)
{
    vd_audited_reader_t *free_one = NULL;
    for (uint32_t i = 0; i < VD_READERS_MAX; i++) {
        vd_audited_reader_t *reader = &read->readers[i];
        if (strcmp(reader->poller, poller) == 0) {
            if (is_there(self, reader))
                return reader;
            free_one = reader; /* it has come back: no two places are of one poller */
            break;
        }
        if (free_one == NULL && !is_there(self, reader))
            free_one = reader;
    }
    if (free_one != NULL) {
        *free_one = (vd_audited_reader_t){.since_us = self->now.mono_us};
        vd_str_copy(free_one->poller, sizeof free_one->poller, vd_str(poller));
    }
    return free_one;
}

/* A row of a poller's answer; it may have several of one source. */
static void take(vd_auditor_t *self, vd_audited_read_t *read, const char *poller,
                 int64_t interval_us)
{
    int64_t now_us = self->now.mono_us;
    vd_audited_reader_t *reader = reader_of(self, read, poller);
    read->seen_us = now_us;
    if (reader == NULL)
        return;
    if (reader->seen_us != now_us || interval_us > reader->interval_us)
        reader->interval_us = interval_us;
    reader->rounds += reader->seen_us != now_us;
    reader->seen_us = now_us;
}

/* Has it been read by two for longer than it takes to lay it out anew? */
static void judge(vd_auditor_t *self, const vd_audited_read_t *read, const char *poller)
{
    const vd_audited_reader_t *one = NULL;
    uint32_t others = 0;
    for (uint32_t i = 0; i < VD_READERS_MAX; i++)
        if (strcmp(read->readers[i].poller, poller) == 0)
            one = &read->readers[i];
    for (uint32_t i = 0; one != NULL && i < VD_READERS_MAX; i++) {
        const vd_audited_reader_t *other = &read->readers[i];
        if (other == one || !is_there(self, other))
            continue;
        others++;
        int64_t since_us = one->since_us > other->since_us ? one->since_us : other->since_us;
        int64_t interval_us =
            one->interval_us > other->interval_us ? one->interval_us : other->interval_us;
        if (one->rounds >= ROUNDS_MIN && other->rounds >= ROUNDS_MIN &&
            self->now.mono_us - since_us > SETTLE_US + 4 * interval_us)
            tell(self, read, one, other, since_us);
    }
    if (one != NULL && others == 0)
        vd_book_check(&self->book, VD_INVARIANT_one_poller);
}

void vd_audited_reads_take(vd_auditor_t *self, const char *poller, vd_bytes_t rows)
{
    vd_value_t list, row;
    vd_audited_read_t *read = NULL;
    vd_str_t last = vd_str("");
    if (!vd_value_of(rows, &list))
        return;
    while (vd_value_next(&list.bytes, &row)) {
        vd_str_t source = vd_value_get_str(&row, "source");
        if (source.size == 0)
            continue;
        if (!vd_bytes_equal(source, last)) {
            if (read != NULL)
                judge(self, read, poller);
            read = find(self, source);
            last = source;
            if (read == NULL) {
                vd_book_unknown(&self->book, VD_INVARIANT_one_poller);
                self->left_out++;
            }
        }
        uint64_t interval_ms = vd_value_get_u64(&row, "interval_ms", 0);
        if (read != NULL)
            take(self, read, poller,
                 (int64_t)(interval_ms < INTERVAL_MS_MAX ? interval_ms : INTERVAL_MS_MAX) * MS);
    }
    if (read != NULL)
        judge(self, read, poller);
}

void vd_audited_reads_settle(vd_auditor_t *self)
{
    for (uint32_t i = 0; i < self->read_count; i++)
        memset(self->reads[i].readers, 0, sizeof self->reads[i].readers);
}

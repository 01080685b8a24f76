/* reads.c: each source is read by one poller. */
#include "auditor_parts.h"

#include "core/hash.h"

#include <inttypes.h>
#include <stdio.h>

/* A poller that has not told of a read for so long does not read any more. */
#define GONE_US (12000 * MS)
/* So long two may read one source, beyond four of its intervals: what is laid out anew ends at the
 * old poller with its lease, of three. */
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

static void tell(vd_auditor_t *self, const vd_audited_read_t *read)
{
    vd_violation_t violation = vd_violation_of(VD_INVARIANT_one_poller, vd_str(""), 0, 0);
    snprintf(violation.text, sizeof violation.text, "source %s is read by %s and by %s",
             read->source, read->poller, read->second);
    snprintf(violation.evidence, sizeof violation.evidence,
             "both have told a standing read of it, again and again, for %" PRId64 " s",
             (self->now.mono_us - read->since_us) / (1000 * MS));
    vd_book_violate(&self->book, &violation, vd_hash(0, vd_str(read->source)));
}

static void take(vd_auditor_t *self, vd_audited_read_t *read, const char *poller,
                 int64_t interval_us)
{
    int64_t now_us = self->now.mono_us;
    if (read->since_us != 0 && now_us - read->second_us > GONE_US)
        read->since_us = 0; /* that it was read by two has ended */
    if (read->poller[0] == 0 || strcmp(read->poller, poller) == 0 ||
        now_us - read->seen_us > GONE_US) {
        if (strcmp(read->poller, poller) != 0)
            read->since_us = 0;
        vd_str_copy(read->poller, sizeof read->poller, vd_str(poller));
        read->seen_us = now_us;
        if (read->since_us == 0)
            vd_book_check(&self->book, VD_INVARIANT_one_poller);
        return;
    }
    if (read->since_us == 0 || strcmp(read->second, poller) != 0) {
        vd_str_copy(read->second, sizeof read->second, vd_str(poller));
        read->since_us = now_us;
        read->rounds = 0;
    }
    read->second_us = now_us;
    read->rounds++;
    if (read->rounds >= ROUNDS_MIN && now_us - read->since_us > SETTLE_US + 4 * interval_us)
        tell(self, read);
}

void vd_audited_reads_take(vd_auditor_t *self, const char *poller, vd_bytes_t rows)
{
    vd_value_t list, row;
    char last[VD_NAME_BYTES_MAX + 1] = "";
    if (!vd_value_of(rows, &list))
        return;
    while (vd_value_next(&list.bytes, &row)) {
        vd_str_t source = vd_value_get_str(&row, "source");
        if (source.size == 0 || vd_str_is(source, last)) /* several reads of one source */
            continue;
        vd_str_copy(last, sizeof last, source);
        vd_audited_read_t *read = find(self, source);
        if (read == NULL) {
            vd_book_unknown(&self->book, VD_INVARIANT_one_poller);
            self->left_out++;
            continue;
        }
        uint64_t interval_ms = vd_value_get_u64(&row, "interval_ms", 0);
        take(self, read, poller,
             (int64_t)(interval_ms < INTERVAL_MS_MAX ? interval_ms : INTERVAL_MS_MAX) * MS);
    }
}

void vd_audited_reads_settle(vd_auditor_t *self)
{
    for (uint32_t i = 0; i < self->read_count; i++)
        self->reads[i].since_us = 0;
}

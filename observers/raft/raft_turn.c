/* raft_turn.c: from what is known and what is heard to the events between them.
 *
 * A turn works on a copy of the state: each event that it writes is applied to the copy at once, so
 * that what follows is judged on what will then be known, and the whole turn is one step that ends in
 * a state in which the same samples tell nothing more.
 */
#include "looks.h"

#include <assert.h>
#include <stdlib.h>

typedef struct judge {
    const vd_raft_t *raft;
    const vd_samples_t *samples;
    vd_turn_t *turn;
    vd_raft_members_t next; /* the state behind the events so far */
    vd_raft_looks_t looks;
    bool full;
} judge_t;

static void tell(judge_t *judge, const char *type, const vd_buffer_t *data,
                 const vd_sample_record_t *cause)
{
    char ts[VD_TS_SIZE];
    if (judge->full || !vd_turn_event(judge->turn, type, vd_buffer_view(data), cause)) {
        judge->full = true;
        return;
    }
    vd_ts_format(vd_turn_now_ms(judge->turn), ts);
    vd_event_t event = {.ts = vd_str(ts), .type = vd_str(type), .data = vd_buffer_view(data)};
    vd_raft_members_apply(&judge->next, &event);
}

static void write_text_or_nil(vd_buffer_t *out, const char *key, const char *text)
{
    vd_write_text(out, key);
    if (text[0])
        vd_write_text(out, text);
    else
        vd_write_nil(out);
}

/* ---- members ---- */

static void tell_left(judge_t *judge, const vd_raft_member_t *member, const char *reason,
                      const vd_sample_record_t *cause)
{
    vd_raft_member_t gone = *member; /* it goes while it is told */
    vd_buffer_t *data = vd_turn_scratch(judge->turn);
    vd_write_map(data, 3);
    vd_write_pair_text(data, "member", gone.name);
    write_text_or_nil(data, "id", gone.id);
    vd_write_pair_text(data, "reason", reason);
    tell(judge, "member_left", data, cause);
}

/* Those without a source, once every source is known. */
static void tell_removed(judge_t *judge)
{
    if (!vd_samples_is_complete(judge->samples))
        return;
    for (uint32_t at = judge->next.count; at-- > 0 && !judge->full;)
        if (!vd_raft_looks_find(&judge->looks, vd_str(judge->next.list[at].name)))
            tell_left(judge, &judge->next.list[at], "removed", NULL);
}

static void tell_joined(judge_t *judge, const vd_raft_look_t *look)
{
    vd_buffer_t *data = vd_turn_scratch(judge->turn);
    vd_write_map(data, 3);
    vd_write_pair_str(data, "member", look->name);
    write_text_or_nil(data, "id", look->heard ? look->voice.id : "");
    vd_write_pair_text(data, "reader", look->reader->name);
    tell(judge, "member_joined", data, look->newest);
}

static void tell_unreachable(judge_t *judge, const vd_raft_look_t *look)
{
    char ts[VD_TS_SIZE] = "";
    const vd_sample_record_t *sample = look->newest;
    for (uint32_t failed = 0; sample && failed < judge->raft->unreachable_after; failed++)
        sample = vd_samples_before(judge->samples, sample);
    if (sample && vd_str_is(sample->status, "ok"))
        vd_ts_format(sample->at_ms, ts);
    vd_buffer_t *data = vd_turn_scratch(judge->turn);
    vd_write_map(data, 4);
    vd_write_pair_str(data, "member", look->name);
    vd_write_pair_u64(data, "samples", judge->raft->unreachable_after);
    vd_write_pair_text(data, "error", look->error);
    write_text_or_nil(data, "heard_at", ts);
    tell(judge, "member_unreachable", data, look->newest);
}

static void tell_recovered(judge_t *judge, const vd_raft_look_t *look)
{
    vd_buffer_t *data = vd_turn_scratch(judge->turn);
    vd_write_map(data, 2);
    vd_write_pair_str(data, "member", look->name);
    vd_write_pair_text(data, "id", look->voice.id);
    tell(judge, "member_recovered", data, look->newest);
}

static void judge_member(judge_t *judge, const vd_raft_look_t *look)
{
    const vd_raft_member_t *member = vd_raft_member(&judge->next, look->name);
    if (member && look->heard && member->id[0] && strcmp(member->id, look->voice.id) != 0) {
        tell_left(judge, member, "replaced", look->heard_by);
        member = NULL;
    }
    if (!member && (look->heard || look->silent))
        tell_joined(judge, look);
    member = vd_raft_member(&judge->next, look->name);
    if (!member || judge->full)
        return;
    if (look->silent && !member->unreachable)
        tell_unreachable(judge, look);
    else if (member->unreachable && look->good_in_row >= judge->raft->recovered_after)
        tell_recovered(judge, look);
}

/* ---- terms ---- */

static int compare_terms(const void *a_p, const void *b_p)
{
    uint64_t a = *(const uint64_t *)a_p, b = *(const uint64_t *)b_p;
    return (a < b) - (a > b); /* the highest first */
}

/* The highest term that a majority of the members knows; 0: so many are not heard. */
static uint64_t majority_term(const judge_t *judge)
{
    uint32_t count = 0, majority = vd_raft_majority(&judge->next);
    assert(majority > 0);
    uint64_t *terms = calloc(judge->looks.count ? judge->looks.count : 1, sizeof *terms);
    for (uint32_t at = 0; terms && at < judge->looks.count; at++)
        if (judge->looks.list[at].heard)
            terms[count++] = judge->looks.list[at].voice.term;
    if (count > 1)
        qsort(terms, count, sizeof *terms, compare_terms);
    uint64_t term = count >= majority ? terms[majority - 1] : 0;
    free(terms);
    return term;
}

/* The claim of the highest term; NULL: nobody claims. Of equal ones the first by name. */
static const vd_raft_look_t *highest_claim(const judge_t *judge)
{
    const vd_raft_look_t *best = NULL;
    for (uint32_t at = 0; at < judge->looks.count; at++) {
        const vd_raft_look_t *look = &judge->looks.list[at];
        if (vd_raft_claims(look) && (!best || look->voice.term > best->voice.term))
            best = look;
    }
    return best;
}

static void tell_term(judge_t *judge, const char *type, uint64_t term,
                      const vd_sample_record_t *cause)
{
    vd_buffer_t *data = vd_turn_scratch(judge->turn);
    vd_write_map(data, 2);
    vd_write_pair_u64(data, "term", term);
    vd_write_pair_u64(data, "previous", judge->next.term);
    tell(judge, type, data, cause);
}

/* Was the cluster made anew? It leads steadily in a lower term, and nobody knows of the old one. */
static bool is_new_cluster(const judge_t *judge, const vd_raft_look_t *claim)
{
    int64_t since_ms;
    uint32_t knowing = 0;
    for (uint32_t at = 0; at < judge->looks.count; at++) {
        const vd_raft_look_t *look = &judge->looks.list[at];
        if (look->heard && look->voice.term > claim->voice.term)
            return false;
        knowing += look->heard;
    }
    return knowing >= vd_raft_majority(&judge->next) &&
           vd_raft_claims_in_row(judge->samples, claim, judge->raft->split_after, 0, &since_ms) >=
               judge->raft->split_after;
}

static void judge_term(judge_t *judge)
{
    const vd_raft_look_t *claim = highest_claim(judge);
    uint64_t term = majority_term(judge);
    const vd_sample_record_t *cause = NULL;
    if (claim && claim->voice.term >= term) {
        term = claim->voice.term;
        cause = claim->heard_by;
    }
    if (term > judge->next.term)
        tell_term(judge, "term_advanced", term, cause);
    else if (claim && claim->voice.term < judge->next.term && is_new_cluster(judge, claim))
        tell_term(judge, "term_reset", claim->voice.term, cause);
}

/* ---- two leaders ---- */

/* Have both claimed side by side for so many samples that it is no hand-over? */
static bool is_sustained(const judge_t *judge, const vd_raft_look_t *a, const vd_raft_look_t *b)
{
    uint32_t wanted = judge->raft->split_after;
    int64_t a_ms, b_ms, ignored_ms;
    if (vd_raft_claims_in_row(judge->samples, a, wanted, 0, &a_ms) < wanted ||
        vd_raft_claims_in_row(judge->samples, b, wanted, 0, &b_ms) < wanted)
        return false;
    int64_t from_ms = a_ms > b_ms ? a_ms : b_ms;
    return vd_raft_claims_in_row(judge->samples, a, wanted, from_ms, &ignored_ms) + 1 >= wanted &&
           vd_raft_claims_in_row(judge->samples, b, wanted, from_ms, &ignored_ms) + 1 >= wanted;
}

static const char *split_reason(const judge_t *judge, bool *rivals)
{
    const char *reason = NULL;
    *rivals = false;
    for (uint32_t at = 0; at < judge->looks.count; at++)
        for (uint32_t other = at + 1; other < judge->looks.count; other++) {
            const vd_raft_look_t *a = &judge->looks.list[at], *b = &judge->looks.list[other];
            if (!vd_raft_rivals(a, b))
                continue;
            *rivals = true;
            if (a->voice.term == b->voice.term)
                return "same_term";
            if (is_sustained(judge, a, b))
                reason = "sustained";
        }
    return reason;
}

static void tell_split(judge_t *judge, const char *type, const char *reason)
{
    uint32_t count = 0;
    const vd_sample_record_t *cause = NULL;
    vd_buffer_t *data = vd_turn_scratch(judge->turn);
    for (uint32_t at = 0; at < judge->looks.count; at++)
        count += vd_raft_claims(&judge->looks.list[at]);
    vd_write_map(data, reason ? 2 : 1);
    if (reason)
        vd_write_pair_text(data, "reason", reason);
    vd_write_text(data, "claims");
    vd_write_array(data, count);
    for (uint32_t at = 0; at < judge->looks.count; at++) {
        const vd_raft_look_t *look = &judge->looks.list[at];
        if (!vd_raft_claims(look))
            continue;
        vd_write_map(data, 2);
        vd_write_pair_str(data, "member", look->name);
        vd_write_pair_u64(data, "term", look->voice.term);
        cause = look->heard_by;
    }
    tell(judge, type, data, cause);
}

static void judge_split(judge_t *judge)
{
    bool rivals;
    const char *reason = split_reason(judge, &rivals);
    if (!judge->next.split && reason)
        tell_split(judge, "split_brain_suspected", reason);
    else if (judge->next.split && !rivals)
        tell_split(judge, "split_brain_ended", NULL);
}

/* ---- the leader ---- */

static bool has_rival_in_term(const judge_t *judge, const vd_raft_look_t *leader)
{
    for (uint32_t at = 0; at < judge->looks.count; at++)
        if (vd_raft_rivals(leader, &judge->looks.list[at]) &&
            judge->looks.list[at].voice.term == leader->voice.term)
            return true;
    return false;
}

static bool has_quorum(const judge_t *judge)
{
    return vd_raft_reachable(&judge->next) >= vd_raft_majority(&judge->next);
}

/* Why the leader leads no more; NULL: nothing speaks against it. */
static const char *lost_reason(const judge_t *judge)
{
    const vd_raft_members_t *next = &judge->next;
    const vd_raft_member_t *member = vd_raft_member(next, vd_str(next->leader));
    const vd_raft_look_t *look = vd_raft_looks_find(&judge->looks, vd_str(next->leader));
    if (!member)
        return "removed";
    if (next->term != next->leader_term)
        return "new_term";
    if (look && look->heard && (!vd_raft_claims(look) || look->voice.term != next->leader_term))
        return "stepped_down";
    if (member->unreachable)
        return "unreachable";
    if (!has_quorum(judge))
        return "quorum";
    return look && look->heard && has_rival_in_term(judge, look) ? "split" : NULL;
}

static const vd_raft_look_t *candidate(const judge_t *judge)
{
    const vd_raft_look_t *claim = highest_claim(judge);
    if (!claim || claim->voice.term != judge->next.term || has_rival_in_term(judge, claim) ||
        !has_quorum(judge))
        return NULL;
    const vd_raft_member_t *member = vd_raft_member(&judge->next, claim->name);
    return member && !member->unreachable ? claim : NULL;
}

static void judge_leader(judge_t *judge)
{
    const vd_raft_members_t *next = &judge->next;
    const char *reason = next->leader[0] ? lost_reason(judge) : NULL;
    if (reason) {
        const vd_raft_look_t *look = vd_raft_looks_find(&judge->looks, vd_str(next->leader));
        vd_buffer_t *data = vd_turn_scratch(judge->turn);
        vd_write_map(data, 3);
        vd_write_pair_text(data, "leader", next->leader);
        vd_write_pair_u64(data, "term", next->leader_term);
        vd_write_pair_text(data, "reason", reason);
        tell(judge, "leader_lost", data, look ? look->newest : NULL);
    }
    const vd_raft_look_t *claim = next->leader[0] ? NULL : candidate(judge);
    if (!claim || judge->full)
        return;
    vd_buffer_t *data = vd_turn_scratch(judge->turn);
    vd_write_map(data, 3);
    vd_write_pair_str(data, "leader", claim->name);
    vd_write_pair_u64(data, "term", claim->voice.term);
    write_text_or_nil(data, "previous", next->previous);
    tell(judge, "leader_elected", data, claim->heard_by);
}

vd_status_t vd_raft_turn(const void *state, const vd_samples_t *samples, vd_turn_t *turn)
{
    const vd_raft_t *raft = state;
    assert(raft && samples && turn);
    judge_t judge = {.raft = raft, .samples = samples, .turn = turn};
    if (!vd_raft_looks_open(&judge.looks, raft, samples))
        return vd_turn_fail(turn, VD_NO_MEMORY, "no memory for the members");
    if (!vd_raft_members_copy(&raft->members, &judge.next)) {
        vd_raft_looks_close(&judge.looks);
        return vd_turn_fail(turn, VD_NO_MEMORY, "no memory for the members");
    }
    tell_removed(&judge);
    for (uint32_t at = 0; at < judge.looks.count && !judge.full; at++)
        judge_member(&judge, &judge.looks.list[at]);
    if (!judge.full)
        judge_term(&judge);
    if (!judge.full)
        judge_split(&judge);
    if (!judge.full)
        judge_leader(&judge);
    vd_raft_looks_close(&judge.looks);
    vd_raft_members_free(&judge.next);
    return VD_OK;
}

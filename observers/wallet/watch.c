/* watch.c: from what sources of addresses tell to the addresses that are watched. */
#include "work.h"

#include <assert.h>

enum { BATCH = 256 };

/* Addresses of one event. */
typedef struct batch {
    uint32_t count;
    vd_str_t list[BATCH];
} batch_t;

static bool tell_batch(vd_wallet_work_t *work, const vd_address_source_t *source,
                       const batch_t *batch, const vd_sample_record_t *cause)
{
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 3);
    vd_write_pair_str(data, "wallet", source->wallet);
    vd_write_pair_str(data, "source", source->name);
    vd_write_text(data, "addresses");
    vd_write_array(data, batch->count);
    for (uint32_t at = 0; at < batch->count; at++)
        vd_write_str(data, batch->list[at]);
    work->watched = true;
    return vd_wallet_tell(work, "addresses_watched", data, cause);
}

static bool is_in(const batch_t *batch, vd_str_t address)
{
    for (uint32_t at = 0; at < batch->count; at++)
        if (vd_bytes_equal(batch->list[at], address))
            return true;
    return false;
}

/* Is there room for them in the ledger? Addresses beyond it are not watched; the view says so. */
static bool has_room(const vd_wallet_work_t *work, const vd_address_source_t *source)
{
    const vd_ledger_t *ledger = work->state->ledger;
    return vd_ledger_address_count(ledger) + BATCH <= VD_WALLET_ADDRESSES_MAX &&
           (vd_ledger_wallet(ledger, source->wallet) != VD_WALLET_NONE ||
            vd_ledger_wallet_count(ledger) < VD_LEDGER_WALLETS_MAX);
}

/* Tells those that nobody has yet. False when not all of them fit. */
static bool tell_new(vd_wallet_work_t *work, const vd_address_source_t *source,
                     const vd_addresses_t *found, const vd_sample_record_t *cause)
{
    batch_t batch = {.count = 0};
    bool is_new = vd_ledger_wallet(work->state->ledger, source->wallet) == VD_WALLET_NONE;
    if (!has_room(work, source))
        return true;
    for (uint32_t at = 0; at < found->count && !work->full; at++) {
        if (vd_ledger_owner(work->state->ledger, found->list[at]) != VD_WALLET_NONE ||
            is_in(&batch, found->list[at]))
            continue;
        batch.list[batch.count++] = found->list[at];
        if (batch.count == BATCH) {
            tell_batch(work, source, &batch, cause);
            batch.count = 0;
            is_new = false;
        }
    }
    if (!work->full && (batch.count > 0 || (is_new && !work->watched)))
        tell_batch(work, source, &batch, cause);
    return !work->full;
}

/* ---- the list of a wallet server ---- */

static void tell_history(vd_wallet_work_t *work, const vd_address_source_t *source, vd_str_t first,
                         vd_str_t after, bool done, const vd_sample_record_t *cause)
{
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 4);
    vd_write_pair_str(data, "source", source->name);
    vd_write_pair_str(data, "first", first);
    vd_write_pair_str(data, "after", after);
    vd_write_pair_bool(data, "done", done);
    vd_wallet_tell(work, "history_read", data, cause);
}

static bool has_tx(const vd_addresses_t *page, const char *id)
{
    for (uint32_t at = 0; at < page->tx_count && id[0]; at++)
        if (vd_str_is(page->txs[at], id))
            return true;
    return false;
}

/* Is there nothing behind this page that was not read before? A page that is not full is the last one, and
 * so is one that ends where the one before did: that server knows no pages. */
static bool is_last(const vd_addresses_t *page, bool newest, const vd_wallet_history_t *known)
{
    uint32_t full = newest ? VD_WALLET_NEWEST : VD_WALLET_PAGE;
    return page->tx_count != full ||
           (known &&
            (has_tx(page, known->mark) || vd_str_is(page->txs[page->tx_count - 1], known->after)));
}

/* Goes on with the list after a page, the newest one or the one behind what was read. */
static void go_back(vd_wallet_work_t *work, const vd_address_source_t *source,
                    const vd_addresses_t *page, bool newest, const vd_sample_record_t *cause)
{
    const vd_wallet_history_t *known = vd_wallet_history(work->state, source->name);
    bool walking = known && known->after[0], last = is_last(page, newest, known);
    if (newest == walking || (newest && known && known->done && last))
        return;
    vd_str_t first = page->tx_count > 0 ? page->txs[0] : vd_str("");
    if (walking)
        first = vd_str(known->first);
    vd_str_t after = last ? vd_str("") : page->txs[page->tx_count - 1];
    tell_history(work, source, first, after, last, cause);
}

/* Reads one sample of a source. */
static void take_sample(vd_wallet_work_t *work, const vd_address_source_t *source,
                        const vd_sample_record_t *sample, const char *newest, const char *page)
{
    char error[VD_TEXT_BYTES_MAX];
    vd_addresses_t found = {0};
    bool is_page = page[0] && vd_str_is(sample->target, page);
    bool is_newest = vd_str_is(sample->target, newest);
    if (!vd_addresses_read(source, sample, &found, error, sizeof error))
        return;
    if (tell_new(work, source, &found, sample) && (is_page || is_newest))
        go_back(work, source, &found, is_newest, sample);
    vd_addresses_free(&found);
}

/* The transaction behind which the list is read is no longer in it: from the newest on again. */
static void start_over(vd_wallet_work_t *work, const vd_address_source_t *source,
                       const vd_sample_record_t *sample)
{
    const vd_wallet_history_t *known = vd_wallet_history(work->state, source->name);
    if (known && known->after[0] && vd_str_is(sample->status, "failed"))
        tell_history(work, source, vd_str(""), vd_str(""), false, sample);
}

static void take_server(vd_wallet_work_t *work, const vd_address_source_t *source)
{
    char newest[256], page[256] = "";
    const vd_wallet_history_t *known = vd_wallet_history(work->state, source->name);
    vd_address_page(source, vd_str(""), newest, sizeof newest);
    if (known && known->after[0])
        vd_address_page(source, vd_str(known->after), page, sizeof page);
    for (size_t at = 0; at < vd_samples_count(work->samples) && !work->full; at++) {
        const vd_sample_record_t *sample = vd_samples_at(work->samples, at);
        if (!vd_bytes_equal(sample->source, source->name))
            continue;
        bool is_page = page[0] && vd_str_is(sample->target, page);
        if (!vd_str_is(sample->status, "ok")) {
            if (is_page && vd_samples_is_new(work->samples, sample))
                start_over(work, source, sample);
        } else if (is_page || vd_samples_is_new(work->samples, sample)) {
            take_sample(work, source, sample, newest, page);
        }
    }
    known = vd_wallet_history(work->state, source->name);
    const vd_sample_record_t *list = vd_samples_find(work->samples, source->name, "get", newest);
    bool answers = list && vd_str_is(list->status, "ok");
    if (page[0] && answers && !vd_samples_find(work->samples, source->name, "get", page))
        vd_turn_read(work->turn, source->name, "get", page);
    work->unread |= !list || (answers && (!known || !known->done));
}

static void take_file(vd_wallet_work_t *work, const vd_address_source_t *source)
{
    const vd_sample_record_t *sample =
        vd_samples_find(work->samples, source->name, "read", source->target);
    work->unread |= !sample;
    if (sample && vd_str_is(sample->status, "ok") && vd_samples_is_new(work->samples, sample))
        take_sample(work, source, sample, "", "");
}

/* ---- sources that have left ---- */

static void tell_left(vd_wallet_work_t *work)
{
    const vd_watched_wallets_t *state = work->state;
    for (uint32_t at = 0; at < state->history_count && !work->full; at++) {
        const char *name = state->histories[at].source;
        bool is_there = false;
        for (size_t other = 0; other < vd_samples_source_count(work->samples); other++)
            is_there |= vd_str_is(vd_samples_source_at(work->samples, other)->name, name);
        if (is_there)
            continue;
        vd_buffer_t *data = vd_turn_scratch(work->turn);
        vd_write_map(data, 1);
        vd_write_pair_text(data, "source", name);
        vd_wallet_tell(work, "source_removed", data, NULL);
    }
}

void vd_wallet_watch(vd_wallet_work_t *work)
{
    assert(work && work->samples);
    if (vd_samples_is_complete(work->samples))
        tell_left(work);
    for (size_t at = 0; at < vd_samples_source_count(work->samples) && !work->full; at++) {
        vd_address_source_t source =
            vd_address_source_of(work->state->app, vd_samples_source_at(work->samples, at));
        if (source.form == VD_ADDRESSES_SERVER)
            take_server(work, &source);
        else if (source.form == VD_ADDRESSES_FILE)
            take_file(work, &source);
    }
    work->unread |= work->full;
}

/* addresses.h: where the addresses of wallets come from, and what is read there.
 *
 * 1. A file has one address in each line; what follows # is a comment. It is taken as a whole or, with a
 *    line that is no address, not at all.
 * 2. A wallet server (hsd, bcoin) tells the addresses that each account of the wallet hands out next, and
 *    the wallet's transactions, the newest first, in which its own addresses are marked. The newest are a
 *    standing read; pages behind them are asked for once.
 */
#ifndef VD_ADDRESSES_H
#define VD_ADDRESSES_H

#include "chainkit/reader.h"
#include "observer.h"

#define VD_ADDRESSES_PER_READ_MAX 65536
#define VD_WALLET_ACCOUNTS_MAX    16
#define VD_WALLET_NEWEST          50  /* transactions that are read again and again */
#define VD_WALLET_PAGE            100 /* of a page behind them; the most that a server gives */

typedef enum vd_address_form {
    VD_ADDRESSES_NONE, /* no source of addresses */
    VD_ADDRESSES_FILE,
    VD_ADDRESSES_SERVER,
} vd_address_form_t;

/* A source of addresses, by its labels. */
typedef struct vd_address_source {
    vd_address_form_t form;
    vd_str_t name;
    vd_str_t wallet;
    char target[VD_ASK_TARGET_BYTES_MAX + 1]; /* of a server: its wallet; of a file: the file */
} vd_address_source_t;

/* What a source is to the chain `app`. */
vd_address_source_t vd_address_source_of(const char *app, const vd_source_record_t *source);
/* Its standing reads; those of a server grow with the accounts that it tells. */
void vd_address_reads(const vd_address_source_t *self, const vd_samples_t *samples,
                      int64_t interval_ms, int64_t deadline_ms, vd_reads_t *reads);
/* The target of the page of transactions behind `after`; empty: of the newest. */
void vd_address_page(const vd_address_source_t *self, vd_str_t after, char *target, size_t size);

/* What one sample told. Texts live in it. Begins as {0}. */
typedef struct vd_addresses {
    uint32_t count;
    vd_str_t *list;
    bool is_page;
    uint32_t tx_count;
    vd_str_t *txs;      /* of a page: their ids, the newest first */
    vd_answer_t answer; /* what they stand in */
} vd_addresses_t;
/* Reads a good sample of the source. False with the reason in `error`. */
bool vd_addresses_read(const vd_address_source_t *source, const vd_sample_record_t *sample,
                       vd_addresses_t *out, char *error, size_t error_size);
void vd_addresses_free(vd_addresses_t *self);

#endif

/* reader.h: the forms in which nodes of different chains tell where they stand and what they hold.
 *
 * 1. A reader is a file that knows one form, and a row in readers.c. It says what to ask, and turns the
 *    bytes of one answer into the form of content.h: wholly, or not at all, with an error that names
 *    the place in the answer and what is wrong there.
 * 2. Everything is bounded before it is allocated. Ids are lower-case hexadecimal texts of 64 digits;
 *    numbers are exact.
 * 3. What is asked for by its id must answer with that id, where it tells one. `asked` has to live as long as
 *    the answer. A function that is NULL reads what the node cannot be asked.
 */
#ifndef VD_READER_H
#define VD_READER_H

#include "chainkit/content.h"

#define VD_CHAIN_ID_DIGITS      64
#define VD_ANSWER_BYTES_MAX     VD_SAMPLE_BYTES_MAX
#define VD_ANSWER_DEPTH_MAX     24
#define VD_ANSWER_VALUES_MAX    131072
#define VD_ASK_TARGET_BYTES_MAX 127
#define VD_ASK_BODY_BYTES_MAX   127

/* A read of adapter http. */
typedef struct vd_ask {
    char op[8]; /* "get", "post"; empty: the node cannot be asked that */
    char target[VD_ASK_TARGET_BYTES_MAX + 1];
    char body[VD_ASK_BODY_BYTES_MAX + 1]; /* of a post */
} vd_ask_t;

/* What one answer said, and what that stands in. Begins as {0}. */
typedef struct vd_answer {
    vd_chain_head_t head;
    vd_chain_block_t block;
    vd_chain_tx_t tx;
    const vd_node_tip_t *tips;
    uint32_t tip_count;
    const vd_str_t *pool; /* ids of transactions that wait */
    uint32_t pool_count;
    void *json;
    void *rows[3]; /* transactions, tips or ids; inputs; outputs */
} vd_answer_t;
void vd_answer_free(vd_answer_t *self);

/* Fills the answer from the content of a good sample. False with the reason in `error`; the answer is
 * then empty. `asked` is the id that was asked for; empty: none. */
typedef bool (*vd_read_answer_fn)(vd_bytes_t content, vd_str_t asked, vd_answer_t *answer,
                                  char *error, size_t error_size);

typedef struct vd_reader {
    const char *name; /* the value of a source's label "reader" */
    vd_ask_t head, tips, pool;
    /* By id, else (id empty) by height on the node's best chain. */
    void (*ask_block)(vd_str_t id, uint64_t height, vd_ask_t *ask);
    void (*ask_header)(vd_str_t id, uint64_t height, vd_ask_t *ask);
    void (*ask_tx)(vd_str_t id, vd_ask_t *ask);
    vd_read_answer_fn read_head, read_tips, read_pool;
    vd_read_answer_fn read_block; /* or a header */
    vd_read_answer_fn read_tx;
} vd_reader_t;

extern const vd_reader_t vd_hsd_reader;
extern const vd_reader_t vd_bcoin_reader;
extern const vd_reader_t vd_logos_reader;
/* The reader of this name; of no name the first one; NULL: there is none of this name. */
const vd_reader_t *vd_reader_named(vd_str_t name);
/* Is it an id: lower-case hexadecimal of 64 digits? */
bool vd_is_chain_id(vd_str_t id);

#endif

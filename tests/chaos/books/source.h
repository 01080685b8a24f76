/* source.h: every commit of a store, in order: from a running ingestor, or from the files of one that has ended.
 *
 * 1. Commits may come in pieces, as wire/chain.h takes them.
 * 2. What cannot be read ends the process with a message and exit code 2: it says nothing about the books.
 */
#ifndef VD_BOOKS_SOURCE_H
#define VD_BOOKS_SOURCE_H

#include "wire/commit.h"

typedef void source_fn(void *arg, const vd_commit_t *piece);

/* Asks the ingestor of the runtime in `dir` with FETCH, up to what is its head when that is reached. */
void source_online(const char *dir, source_fn *take, void *arg);
/* Opens the store in `dir`, not a byte of which changes. */
void source_offline(const char *dir, source_fn *take, void *arg);

#endif

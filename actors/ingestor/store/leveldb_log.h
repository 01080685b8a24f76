/* leveldb_log.h: what is good in a damaged log of LevelDB.
 *
 * 1. A log is blocks of 32 KiB of pieces: masked CRC32C of what follows the length (4 bytes), length
 *    (2), type (1: a record, 2 to 4: the first, a middle, the last piece of one), bytes. Numbers
 *    begin with their lowest byte. No piece goes over a block's end.
 * 2. LevelDB gives up the rest of a block behind a damaged piece. Here the piece alone is given up,
 *    and the record that it belongs to; whatever begins behind has to match its own checksum.
 */
#ifndef VD_STORE_LEVELDB_LOG_H
#define VD_STORE_LEVELDB_LOG_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Reads the log at `path` and makes a log of its whole records, for free(). NULL with errno. */
unsigned char *vd_leveldb_log_load(const char *path, size_t *size);
/* Replaces the log at `path` by one of its whole records. False with errno. */
bool vd_leveldb_log_clean(const char *path);

#ifdef __cplusplus
}
#endif

#endif

/* leveldb_table.h: the outline of a table of LevelDB: what can be checked of it without LevelDB.
 *
 * 1. A table ends with 48 bytes: two block handles (offset and size as varints: of the metaindex
 *    and of the index), filled up with zeros, and a magic number. Behind a block stand one byte of
 *    type and its masked CRC32C.
 */
#ifndef VD_STORE_LEVELDB_TABLE_H
#define VD_STORE_LEVELDB_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Is the table's end what it should be, and does its index match its checksum? */
bool vd_leveldb_table_index_good(const char *path);
/* Is a piece of a table, as LevelDB reads them, what was written: a block with its trailer, which
 * matches its checksum, or the table's end? */
bool vd_leveldb_piece_good(const uint8_t *bytes, size_t size);

#ifdef __cplusplus
}
#endif

#endif

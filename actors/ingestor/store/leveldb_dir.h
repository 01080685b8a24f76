/* leveldb_dir.h: the directory of a store: made, probed, and asked why it cannot be used.
 *
 * 1. LevelDB tells errors as texts only, and would begin a new database over one whose CURRENT is
 *    missing. So the directory is looked at before, and what is wrong is said in our words, with
 *    the remedy.
 */
#ifndef VD_STORE_LEVELDB_DIR_H
#define VD_STORE_LEVELDB_DIR_H

#include "wire/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Creates the directory, mode 0700, and checks that a store may be opened or created in it. */
vd_status_t vd_leveldb_dir_prepare(const char *dir, char *error, size_t error_size);
/* Is there a store to be read? Changes nothing. VD_OK, VD_NOT_FOUND, VD_BUSY or VD_CORRUPT. */
vd_status_t vd_leveldb_dir_look(const char *dir, char *error, size_t error_size);
/* Can `bytes` be written there, and does a sync return well? VD_OK, VD_NO_SPACE, VD_DENIED or VD_IO. */
vd_status_t vd_leveldb_dir_probe(const char *dir, uint64_t bytes, char *error, size_t error_size);
/* Bytes free for this user. */
uint64_t vd_leveldb_dir_room(const char *dir);
/* Files in the directory, and the bytes that they hold. */
void vd_leveldb_dir_size(const char *dir, uint64_t *files, uint64_t *bytes);
/* Would `path`, which need not be there yet, lie below the directory? A copy must not. */
bool vd_leveldb_dir_holds(const char *dir, const char *path);
/* After a failed opening: VD_BUSY or VD_DENIED with text when the directory shows why; else
 * VD_OK. */
vd_status_t vd_leveldb_dir_blame(const char *dir, char *error, size_t error_size);

#endif

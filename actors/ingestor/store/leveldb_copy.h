/* leveldb_copy.h: the files of a database in a second directory.
 *
 * 1. A table is never changed once it is written: it is linked where both directories are on one
 *    file system, else copied. Every other file is copied, CURRENT as the last one.
 * 2. Nothing is synced by copying: that is a second step, which may take longer.
 */
#ifndef VD_STORE_LEVELDB_COPY_H
#define VD_STORE_LEVELDB_COPY_H

#include "wire/status.h"

#include <stddef.h>

/* Puts the files of `from` into the directory `into`. VD_OK; VD_NOT_FOUND: a file went away
 * meanwhile; VD_NO_SPACE, VD_IO, VD_DENIED; with text in `error`. */
vd_status_t vd_leveldb_copy_files(const char *from, const char *into, char *error,
                                  size_t error_size);
/* Syncs the files of a directory, and the directory. VD_OK, or as above. */
vd_status_t vd_leveldb_copy_sync(const char *dir, char *error, size_t error_size);
/* Removes a directory and the files in it, and the directories in it with their files. */
void vd_leveldb_copy_remove(const char *dir);

#endif

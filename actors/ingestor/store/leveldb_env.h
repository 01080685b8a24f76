/* leveldb_env.h: the files of a database as LevelDB sees them: read without mapping, and, for those
 * who only read, written to memory alone.
 *
 * 1. Tables are read with pread. LevelDB maps them, and a mapped table that is cut short, or a disk
 *    that cannot be read, is SIGBUS and the end of the process; here it is an error of that read. So
 *    is a block that does not match its checksum, whether or not LevelDB would look.
 * 2. In an overlay nothing in the directory ever changes, neither a byte nor a name: what LevelDB
 *    writes, renames and removes (the table that is made of the log, its MANIFEST) happens in
 *    memory. It takes the lock where a file for it is there and may be opened. Compactions wait
 *    until vd_leveldb_env_release and then find the database closing.
 * 3. In an overlay the index of a table is checked before LevelDB believes it: without paranoid
 *    checks it would not, and would reserve whatever a damaged one asks for.
 * 4. Around an opening of the directory itself, what it writes can be taken back: files go only when
 *    it is kept, and when it is not, what it has made goes and CURRENT is what it was. LevelDB's own
 *    log for people (LOG) is not written.
 * 5. Work in the background is counted, not in an overlay, so that whoever caused some can wait for
 *    its end. It has a low priority, and rewriting tables waits for a burst of writing to be over
 *    (leveldb_background.hpp).
 * 6. With `lenient` an overlay pretends that every table is there: LevelDB refuses a database of
 *    which one is missing as a whole; so only what was in that one cannot be read. And of a damaged
 *    log every record that is good is read, not only those up to the damage (leveldb_log.h).
 */
#ifndef VD_STORE_LEVELDB_ENV_H
#define VD_STORE_LEVELDB_ENV_H

#include <leveldb/c.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vd_leveldb_env vd_leveldb_env_t;

typedef enum vd_leveldb_layer {
    VD_LEVELDB_DIRECT = 0, /* the directory itself */
    VD_LEVELDB_OVERLAY,
    VD_LEVELDB_OVERLAY_LENIENT,
} vd_leveldb_layer_t;

/* NULL without memory, or when this LevelDB is not the one that was built against. */
vd_leveldb_env_t *vd_leveldb_env_new(vd_leveldb_layer_t layer);
/* For leveldb_options_set_env; lives as long as `self`. */
leveldb_env_t *vd_leveldb_env_handle(vd_leveldb_env_t *self);
/* Before a database on it is opened. */
void vd_leveldb_env_begin_opening(vd_leveldb_env_t *self);
/* `well`: the opening is kept. Else, with the database closed, it is taken back. */
void vd_leveldb_env_end_opening(vd_leveldb_env_t *self, bool well);
/* Before the database on it is closed: compactions that wait go on. Until the next opening none
 * waits. */
void vd_leveldb_env_release(vd_leveldb_env_t *self);
/* Whether somebody waits for compactions, so that they begin at once. */
void vd_leveldb_env_hurry(vd_leveldb_env_t *self, bool whether);
/* What has been begun in the background so far. */
uint64_t vd_leveldb_env_works(vd_leveldb_env_t *self);
/* Waits until nothing is done in the background. False when that takes longer. */
bool vd_leveldb_env_wait(vd_leveldb_env_t *self, unsigned ms);
/* After every database on it has been closed. */
void vd_leveldb_env_destroy(vd_leveldb_env_t **self);

#ifdef __cplusplus
}
#endif

#endif

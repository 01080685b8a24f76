/* fault.h: a disk that fails: the system calls that write, of a process that was started with
 * libvd_fault.so preloaded.
 *
 * 1. Only files under VD_FAULT_DIR are touched; without that variable the library does nothing.
 *      VD_FAULT_DIR      directory (no symbolic link in it), also while it does not exist yet
 *      VD_FAULT_PROGRAM  short name of the program that is meant; others of the same environment work as ever
 *      VD_FAULT_CONTROL  a file that does not exist at the start: each time one is moved to this place, its lines are
 *                        obeyed; it is gone when they hold, or with a cut, when that has begun
 *      VD_FAULT_RULES    lines that are obeyed at the start, separated by ;
 *      VD_FAULT_TRACE    a file that gets one line for each call that syncs:
 *                        CALL CLASS BEGIN_NS END_NS RESULT NAME   (monotonic clock; END after the disk has answered;
 *                        RESULT 0, or the errno below 0), one for each write that fails by a rule, and one for each
 *                        file that a cut shortens: CALL is cut, RESULT the bytes that are gone
 *      VD_FAULT_CUT      no: the power cannot be cut, and what the disk holds is not kept in mind; then any number of
 *                        files may come and go
 * 2. A file's class comes from its name: log (*.log), table (*.ldb, *.sst), manifest (MANIFEST-*),
 *    current (CURRENT, *.dbtmp), dir (a directory), other. In a line, any means all of them.
 * 3. Lines:
 *      fail write|sync CLASS N[+] ERRNO   the N-th such call from now on fails (N+: and all after it); ERRNO is ENOSPC,
 *                                         EIO or EDQUOT. Half of the bytes of a write that fails are written.
 *      slow CLASS MS                      each sync of the class takes so much longer, 60000 at most, or until it heals
 *      swallow CLASS                      each sync of the class is answered as if it had been done, and covers
 *                                         nothing: a disk that lies
 *      heal                               no more failures, slowness and lies
 *      trace on|off                       (on) whether the trace is written
 *      cut [PERCENT]                      the power fails: every file goes back to what its last fdatasync or fsync
 *                                         covered, PERCENT (0) of what was written since stays, and SIGKILL
 *    A line that is not understood ends the process with a message.
 * 4. Files are written by appending, as a log-structured store does: what a sync covers is a
 *    length. A write in front of that ends the process with a message, for then a cut could not be
 *    told. Names, creation and removal of files survive a cut, in order, as on a file system with a
 *    journal. What a file held at the start of the process counts as synced.
 * 5. A sync counts from its return on, and covers what was written before it began. When the disk
 *    refuses one (fail sync), the data that it was for are gone: no later sync of that file covers
 *    them or anything behind them.
 * 6. No write happens, and no sync returns, once a cut has begun. sync_file_range is traced and
 *    covers nothing.
 */
#ifndef VD_CHAOS_FAULT_H
#define VD_CHAOS_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum fault_class {
    FAULT_LOG = 1,
    FAULT_TABLE,
    FAULT_MANIFEST,
    FAULT_CURRENT,
    FAULT_DIR,
    FAULT_OTHER,
    FAULT_ANY,
} fault_class_t;

typedef enum fault_call { FAULT_WRITE = 1, FAULT_SYNC } fault_call_t;

/* The class of a file by its last name. */
fault_class_t fault_class_of(const char *name, bool is_dir);
const char *fault_class_name(fault_class_t class);

/* ---- rules (rules.c) ---- */

/* Obeys lines separated by newline or ; and returns whether they ask for a cut, keeping
 * *percent. */
bool fault_rules_obey(const char *lines, unsigned *percent);
/* The errno with which this call has to fail; 0: it has not to. Counts it. */
int fault_rules_take(fault_call_t call, fault_class_t class);
/* How much longer a sync of the class takes. */
unsigned fault_rules_slow_ms(fault_class_t class);
/* Is a sync of the class answered without being done? */
bool fault_rules_swallow(fault_class_t class);

/* Is the trace written? */
bool fault_rules_trace(void);

/* Ends the process: the test has asked for what cannot be. */
void fault_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif

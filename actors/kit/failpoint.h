/* failpoint.h: named places at which a process kills itself, so that tests can have it die there.
 *
 * 1. The environment's VEDETTE_FAILPOINT is NAME or NAME:N, N from 1: at the Nth passing of the
 *    place NAME the process writes a line to stderr and sends itself SIGKILL. It is read once, before
 *    main; one that is neither ends the process with a message.
 * 2. Only what is compiled with VD_FAILPOINTS has them: executables of tests' own. Elsewhere nothing
 *    of a place is left, not even its name.
 * 3. A place may be passed by several threads.
 */
#ifndef VD_FAILPOINT_H
#define VD_FAILPOINT_H

#ifdef VD_FAILPOINTS
void vd_failpoint(const char *name);
/* The same behind a message that was handed to a socket: waits until it has surely gone out. */
void vd_failpoint_sent(const char *name);
#else
#define vd_failpoint(name)      ((void)0)
#define vd_failpoint_sent(name) ((void)0)
#endif

#endif

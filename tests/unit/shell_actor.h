/* shell_actor.h: an actor with a port of each kind that does what it is asked.
 *
 * GET of the feed: echo (the payload comes back), inner, later (a timer), do (an operation), publish (through its own SUB),
 * relay (through its own DEALER), flood (too many effects), exit. Its configuration: test.stubborn, which ignores STOP.
 */
#ifndef VD_SHELL_ACTOR_H
#define VD_SHELL_ACTOR_H

/* Runs it to its end; returns its exit code. */
int shell_actor_run(int argc, char **argv);

#endif

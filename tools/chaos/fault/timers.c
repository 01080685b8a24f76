/* timers.c: what libfaketime must not touch, for it cannot know which clock a timer has: a timerfd of the monotonic clock
 * does not move when the time of day jumps. Preloaded before it, so that these are found first.
 */
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

int timerfd_settime(int fd, int flags, const struct itimerspec *new_value, struct itimerspec *old)
{
    return (int)syscall(SYS_timerfd_settime, fd, flags, new_value, old);
}

int timerfd_gettime(int fd, struct itimerspec *value)
{
    return (int)syscall(SYS_timerfd_gettime, fd, value);
}

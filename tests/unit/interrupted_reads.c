/* interrupted_reads.c: preloaded before libvd_fault.so: every other read of what inotify tells is interrupted, as one may be
 * when its process is continued after a stop. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

ssize_t read(int file, void *bytes, size_t size)
{
    static atomic_uint reads;
    char link[64], what[64] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    if (readlink(link, what, sizeof what - 1) > 0 && strcmp(what, "anon_inode:inotify") == 0 &&
        atomic_fetch_add(&reads, 1) % 2 == 0) {
        errno = EINTR;
        return -1;
    }
    return syscall(SYS_read, file, bytes, size);
}

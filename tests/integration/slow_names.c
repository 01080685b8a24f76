/* slow_names.c: preloaded into a poller: names under slow.invalid take half a minute to resolve,
 * and no name under invalid does, without asking the resolver of this machine. */
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

typedef int getaddrinfo_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **list)
{
    getaddrinfo_fn *real;
    void *found = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&real, &found, sizeof real);
    if (name != NULL && strstr(name, "slow.invalid") != NULL)
        sleep(30);
    if (name != NULL && strstr(name, ".invalid") != NULL)
        return EAI_NONAME;
    return real(name, service, hints, list);
}

/* problems.h: what does not balance, one line of JSON for each place, the first of each kind and book only. */
#ifndef VD_PROBLEMS_H
#define VD_PROBLEMS_H

#include <stdint.h>

enum { PROBLEMS_SHOWN = 5 };

typedef struct problems {
    uint64_t count;
} problems_t;

/* One more problem of a kind ("lost", "doubled", ...) with what is called `who`; `kind_count` is how many there were of
 * this kind with it before. Says it on stdout when they are few. */
__attribute__((format(printf, 5, 6))) void problem(problems_t *self, const char *who,
                                                   const char *kind, uint64_t kind_count,
                                                   const char *format, ...);

#endif

/* trouble.h: what the store cannot do at the moment: told by the writing thread's side, read by the
 * reading thread.
 *
 * 1. Both ends may be used at any time, each from any thread.
 */
#ifndef VD_TROUBLE_H
#define VD_TROUBLE_H

#include "wire/limits.h"

#include <pthread.h>
#include <stdbool.h>

typedef struct vd_trouble {
    pthread_mutex_t lock;
    char text[VD_TEXT_BYTES_MAX];
} vd_trouble_t;

#define VD_TROUBLE_NONE                                                                            \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }

/* Empty: all is well. */
void vd_trouble_tell(vd_trouble_t *self, const char *text);
/* Copies the text; false when all is well. */
bool vd_trouble_read(vd_trouble_t *self, char out[VD_TEXT_BYTES_MAX]);

#endif

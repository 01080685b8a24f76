/* trouble.c: one text between two threads. */
#include "trouble.h"

#include <assert.h>
#include <stdio.h>

void vd_trouble_tell(vd_trouble_t *self, const char *text)
{
    assert(self != NULL && text != NULL);
    pthread_mutex_lock(&self->lock);
    snprintf(self->text, sizeof self->text, "%s", text);
    pthread_mutex_unlock(&self->lock);
}

bool vd_trouble_read(vd_trouble_t *self, char out[VD_TEXT_BYTES_MAX])
{
    assert(self != NULL && out != NULL);
    pthread_mutex_lock(&self->lock);
    snprintf(out, VD_TEXT_BYTES_MAX, "%s", self->text);
    pthread_mutex_unlock(&self->lock);
    return out[0] != 0;
}

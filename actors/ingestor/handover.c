/* handover.c: two bounded queues under one lock. */
#include "handover.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct given {
    uint64_t token;
    vd_kept_write_t write;
} given_t;

struct vd_handover {
    pthread_mutex_t lock;
    vd_handover_fn *back;
    void *back_arg;
    vd_handover_fn *wake; /* NULL: nobody writes */
    void *wake_arg;
    vd_status_t status;
    char text[VD_TEXT_BYTES_MAX];
    uint32_t given_at, given_count;
    given_t given[VD_KEPT_WRITES];
    uint32_t outcome_at, outcome_count;
    vd_handover_outcome_t outcomes[VD_KEPT_WRITES];
};

vd_handover_t *vd_handover_new(vd_handover_fn *back, void *back_arg, vd_status_t status,
                               const char *text)
{
    assert(back != NULL && status != VD_OK && text != NULL);
    vd_handover_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    pthread_mutex_init(&self->lock, NULL);
    self->back = back;
    self->back_arg = back_arg;
    self->status = status;
    snprintf(self->text, sizeof self->text, "%s", text);
    return self;
}

void vd_handover_destroy(vd_handover_t **self)
{
    assert(self != NULL);
    if (*self == NULL)
        return;
    assert((*self)->wake == NULL);
    pthread_mutex_destroy(&(*self)->lock);
    free(*self);
    *self = NULL;
}

/* Under the lock. */
static void add_outcome(vd_handover_t *self, uint64_t token, vd_status_t status, const char *text)
{
    assert(self->outcome_count < VD_KEPT_WRITES);
    vd_handover_outcome_t *outcome =
        &self->outcomes[(self->outcome_at + self->outcome_count++) % VD_KEPT_WRITES];
    outcome->token = token;
    outcome->status = status;
    snprintf(outcome->text, sizeof outcome->text, "%s", text);
}

void vd_handover_give(vd_handover_t *self, uint64_t token, const vd_kept_write_t *write)
{
    assert(self != NULL && write != NULL);
    pthread_mutex_lock(&self->lock);
    bool open = self->wake != NULL;
    if (open) {
        assert(self->given_count < VD_KEPT_WRITES);
        self->given[(self->given_at + self->given_count++) % VD_KEPT_WRITES] =
            (given_t){token, *write};
        self->wake(self->wake_arg);
    } else {
        add_outcome(self, token, self->status, self->text);
    }
    pthread_mutex_unlock(&self->lock);
    if (!open)
        self->back(self->back_arg);
}

bool vd_handover_take_outcome(vd_handover_t *self, vd_handover_outcome_t *outcome)
{
    pthread_mutex_lock(&self->lock);
    bool any = self->outcome_count > 0;
    if (any) {
        *outcome = self->outcomes[self->outcome_at];
        self->outcome_at = (self->outcome_at + 1) % VD_KEPT_WRITES;
        self->outcome_count--;
    }
    pthread_mutex_unlock(&self->lock);
    return any;
}

void vd_handover_open(vd_handover_t *self, vd_handover_fn *wake, void *wake_arg)
{
    assert(wake != NULL);
    pthread_mutex_lock(&self->lock);
    self->wake = wake;
    self->wake_arg = wake_arg;
    pthread_mutex_unlock(&self->lock);
}

void vd_handover_close(vd_handover_t *self, vd_status_t status, const char *text)
{
    assert(status != VD_OK && text != NULL);
    pthread_mutex_lock(&self->lock);
    self->wake = NULL;
    self->status = status;
    snprintf(self->text, sizeof self->text, "%s", text);
    bool any = self->given_count > 0;
    for (; self->given_count > 0; self->given_count--) {
        add_outcome(self, self->given[self->given_at].token, status, text);
        self->given_at = (self->given_at + 1) % VD_KEPT_WRITES;
    }
    pthread_mutex_unlock(&self->lock);
    if (any)
        self->back(self->back_arg);
}

bool vd_handover_take(vd_handover_t *self, uint64_t *token, vd_kept_write_t *write)
{
    pthread_mutex_lock(&self->lock);
    bool any = self->given_count > 0;
    if (any) {
        *token = self->given[self->given_at].token;
        *write = self->given[self->given_at].write;
        self->given_at = (self->given_at + 1) % VD_KEPT_WRITES;
        self->given_count--;
    }
    pthread_mutex_unlock(&self->lock);
    return any;
}

void vd_handover_answer(vd_handover_t *self, uint64_t token, vd_status_t status, const char *text)
{
    pthread_mutex_lock(&self->lock);
    add_outcome(self, token, status, status == VD_OK ? "" : text);
    pthread_mutex_unlock(&self->lock);
    self->back(self->back_arg);
}

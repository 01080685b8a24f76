#include "chaos/record.h"

#include "wire/message.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { DATA_BYTES = 16384 };

static void on_receipt(void *arg, const vd_receipt_t *receipt)
{
    chaos_record_t *self = arg;
    if (receipt->status == VD_OK || receipt->status == VD_EXISTS || self->refused)
        return;
    self->refused = true;
    snprintf(self->refusal, sizeof self->refusal, "%s", receipt->text);
}

static vd_status_t emit(chaos_record_t *self, const char *type, vd_buffer_t *data)
{
    assert(!data->full);
    vd_status_t status =
        vd_producer_emit(self->producer, self->session, type, (vd_blob_t){data->data, data->size});
    self->lost += status != VD_OK;
    return status;
}

static vd_status_t begin(chaos_record_t *self, const char *command, const char *seed)
{
    vd_buffer_t data;
    vd_buffer_init(&data, DATA_BYTES);
    vd_write_map(&data, seed[0] != 0 ? 4 : 3);
    vd_write_pair_text(&data, "name", "chaos");
    vd_write_pair_text(&data, "command", command);
    vd_write_pair_bool(&data, "owner", true);
    if (seed[0] != 0) {
        vd_write_text(&data, "labels");
        vd_write_map(&data, 1);
        vd_write_pair_text(&data, "seed", seed);
    }
    vd_status_t status = emit(self, "session_started", &data);
    vd_buffer_free(&data);
    return status;
}

/* Can be written into the session? Otherwise why not is in `refusal`. */
static vd_status_t check_session(chaos_record_t *self, int timeout_ms)
{
    vd_blob_t row;
    vd_session_record_t record;
    vd_status_t status = vd_client_session(self->client, self->session, timeout_ms, &row);
    if (status == VD_UNKNOWN_SESSION)
        snprintf(self->refusal, sizeof self->refusal,
                 "there is no such session; see: vedette session ls");
    if (status != VD_OK ||
        vd_record_decode(vd_bytes(row.data, row.size), VD_RECORD_session, &record) != VD_OK ||
        vd_str_is(record.state, "active"))
        return status;
    snprintf(self->refusal, sizeof self->refusal, "it has ended; see: vedette session ls");
    return VD_SESSION_CLOSED;
}

vd_status_t chaos_record_open(chaos_record_t *self, vd_client_t *client, const char *session,
                              const char *command, const char *seed, int timeout_ms)
{
    char name[VD_NAME_BYTES_MAX + 1];
    uint32_t salt = (uint32_t)getpid();
    *self = (chaos_record_t){.client = client, .own = session == NULL};
    snprintf(self->session, sizeof self->session, "%s",
             session != NULL ? session : vd_client_new_session_id(client));
    if (getrandom(&salt, sizeof salt, 0) != (ssize_t)sizeof salt)
        salt ^= (uint32_t)(uintptr_t)self;
    snprintf(name, sizeof name, "chaos-%d-%08" PRIx32, (int)getpid(), salt);
    vd_status_t status = self->own ? VD_OK : check_session(self, timeout_ms);
    if (status == VD_OK)
        status = vd_producer_open(&self->producer, client, name, on_receipt, self, timeout_ms);
    if (status == VD_OK && self->own)
        status = begin(self, command, seed);
    return status == VD_OK && self->own ? vd_producer_flush(self->producer, timeout_ms) : status;
}

void chaos_record_note(chaos_record_t *self, const chaos_note_t *note)
{
    vd_buffer_t data;
    if (self->producer == NULL)
        return;
    vd_buffer_init(&data, DATA_BYTES);
    chaos_note_event(note, &data);
    (void)emit(self, chaos_phase_event(note->phase), &data);
    vd_buffer_free(&data);
}

void chaos_record_go(chaos_record_t *self)
{
    if (self->producer != NULL)
        (void)vd_producer_wait(self->producer, 0);
}

bool chaos_record_close(chaos_record_t *self, bool good, const char *text, int timeout_ms)
{
    if (self->producer == NULL)
        return true;
    vd_buffer_t data;
    vd_buffer_init(&data, DATA_BYTES);
    vd_write_map(&data, 2);
    vd_write_pair_text(&data, "status", good ? "completed" : "failed");
    vd_write_pair_text(&data, good ? "text" : "error", text);
    if (self->own)
        (void)emit(self, "session_ended", &data);
    vd_buffer_free(&data);
    vd_status_t status = vd_producer_flush(self->producer, timeout_ms);
    vd_producer_destroy(&self->producer);
    return status == VD_OK && !self->refused && self->lost == 0;
}

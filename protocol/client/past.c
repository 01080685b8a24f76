/* past.c: what an observer knew at a moment of the past, and what is different between two. */
#include "client/client_impl.h"
#include "diff/diff.h"

#include <assert.h>

/* Once, since the observer reads the store for it: a second asking would wait behind the first. */
static vd_status_t ask(vd_client_t *self, const char *observer, const vd_message_t *message,
                       int timeout_ms, vd_reply_t *reply)
{
    vd_buffer_t encoded;
    size_t header_size = 0;
    vd_buffer_init(&encoded, VD_HEADER_BYTES_MAX + VD_BODY_BYTES_MAX);
    vd_status_t status = vd_message_encode(message, &encoded, &header_size);
    if (status != VD_OK) {
        vd_client_fail(self, status,
                       "cannot ask observer %s for the past: the session's name is %s", observer,
                       vd_status_text(status));
    } else {
        vd_request_t request = {.actor = observer,
                                .port = "requests",
                                .id = message->id,
                                .body = encoded.data + header_size,
                                .body_size = encoded.size - header_size,
                                .once = 1};
        status = vd_client_request(self, &request, timeout_ms, reply);
    }
    vd_buffer_free(&encoded);
    return status;
}

vd_status_t vd_client_past(vd_client_t *self, const char *observer, const vd_past_options_t *moment,
                           int timeout_ms, vd_blob_t *value)
{
    assert(self != NULL && observer != NULL && value != NULL);
    vd_message_t message = {.id = VD_MESSAGE_PAST};
    vd_reply_t reply = {0};
    *value = (vd_blob_t){0};
    if (moment != NULL) {
        message.past.session = vd_str(moment->session);
        message.past.seq = moment->seq;
        message.past.at_ms = moment->at_ms;
    }
    vd_status_t status = ask(self, observer, &message, timeout_ms, &reply);
    if (status != VD_OK)
        return status;
    vd_bytes_t payload = vd_bytes(reply.payload.data, reply.payload.size);
    if (reply.id != VD_MESSAGE_VALUE || vd_scan_exact(payload, VD_DEPTH_MAX) != VD_OK)
        return vd_client_fail(self, VD_MALFORMED, "%s answered with something else than was asked",
                              observer);
    *value = reply.payload;
    return VD_OK;
}

vd_status_t vd_client_diff(vd_client_t *self, vd_blob_t before, vd_blob_t after, vd_blob_t *rows)
{
    assert(self != NULL && rows != NULL);
    *rows = (vd_blob_t){0};
    vd_buffer_clear(&self->rows);
    vd_status_t status =
        vd_diff(vd_bytes(before.data, before.size), vd_bytes(after.data, after.size), &self->rows);
    if (status != VD_OK)
        return vd_client_fail(self, status,
                              "the difference of the snapshots is over %d bytes, or "
                              "takes too long to find",
                              VD_FRAME_BYTES_MAX);
    *rows = (vd_blob_t){self->rows.data, self->rows.size};
    return VD_OK;
}

/* link_why.c: see link_why.h. */
#include "tui/link_why.h"

#include "wire/message.h"

#include <assert.h>

enum { SESSIONS_MAX = 128, ASK_MS = 5000 };

/* The session that is meant when none is named: the newest active one, else the newest. */
static vd_status_t newest(vd_client_t *client, char session[VD_NAME_BYTES_MAX + 1])
{
    vd_session_record_t record;
    vd_blob_t row;
    vd_status_t status = vd_client_session(client, NULL, ASK_MS, &row);
    vd_bytes_t bytes = vd_bytes(row.data, row.size);
    if (status == VD_OK) {
        status = vd_record_decode(bytes, VD_RECORD_session, &record);
    } else if (status == VD_UNKNOWN_SESSION) {
        status = vd_client_sessions(client, NULL, 1, ASK_MS, &row);
        bytes = vd_bytes(row.data, row.size);
        if (status == VD_OK)
            status = vd_rows_next(&bytes, VD_RECORD_session, &record);
        if (status == VD_NOT_FOUND)
            status = VD_UNKNOWN_SESSION;
    }
    if (status == VD_OK)
        vd_str_copy(session, VD_NAME_BYTES_MAX + 1, record.session);
    return status;
}

/* Reads the events that the story wants. How it ended; where the session has no more is VD_OK. */
static vd_status_t read_events(vd_client_t *client, tui_why_t *why)
{
    const tui_why_want_t *want = tui_why_want(why);
    vd_follow_options_t options = {.session = want->session,
                                   .from = VD_FROM_SEQ,
                                   .seq = want->seq,
                                   .until_head = 1,
                                   .only = VD_ONLY_COMMITS};
    uint64_t last = want->seq + want->count - 1;
    vd_follow_t *follow = NULL;
    vd_status_t status = vd_follow_new(&follow, client, &options, ASK_MS);
    while (status == VD_OK) {
        vd_follow_event_t told;
        vd_event_t event;
        status = vd_follow_next(follow, ASK_MS, &told);
        if (status == VD_PRUNED || status == VD_CORRUPT) {
            tui_why_hole(why, status, told.seq, told.missing);
            status = told.missing > 0 && told.seq + told.missing > last ? VD_NOT_FOUND : VD_OK;
        } else if (status == VD_OK && told.seq > last) {
            status = VD_NOT_FOUND;
        } else if (status == VD_OK &&
                   vd_event_read(vd_bytes(told.raw.data, told.raw.size), &event) == VD_OK) {
            event.session = vd_str(want->session);
            event.seq = told.seq;
            tui_why_event(why, &event);
            status = told.seq == last ? VD_NOT_FOUND : VD_OK;
        }
    }
    vd_follow_destroy(&follow);
    /* Behind the last event of a session there is none, either. */
    bool over = status == VD_NOT_FOUND || status == VD_SESSION_CLOSED || status == VD_WENT_BACK;
    return over ? VD_OK : status;
}

/* Gets what the story wants, and tells it. */
static void answer(vd_client_t *client, tui_why_t *why)
{
    const tui_why_want_t *want = tui_why_want(why);
    vd_blob_t value = {NULL, 0};
    vd_status_t status = VD_UNSUPPORTED;
    switch (want->kind) {
    case TUI_WHY_EVENTS:
        status = read_events(client, why);
        break;
    case TUI_WHY_SESSION:
        status = vd_client_session(client, want->session, ASK_MS, &value);
        break;
    case TUI_WHY_SESSIONS:
        status = vd_client_sessions(client, NULL, SESSIONS_MAX, ASK_MS, &value);
        break;
    case TUI_WHY_MEMBERSHIP:
        status = vd_client_get(client, "broker", "control", "membership", ASK_MS, &value);
        break;
    case TUI_WHY_READINGS:
        status = vd_client_get(client, want->actor, "requests", "readings", ASK_MS, &value);
        break;
    case TUI_WHY_NOTHING:
        assert(!"a story that wants nothing is told");
    }
    tui_why_answer(why, status, status == VD_OK ? "" : vd_client_error(client),
                   status == VD_OK ? vd_bytes(value.data, value.size) : vd_bytes(NULL, 0));
}

vd_status_t tui_link_why(vd_client_t *client, const char *session, uint64_t seq, bool live,
                         vd_buffer_t *out, char *error)
{
    char named[VD_NAME_BYTES_MAX + 1];
    const char *text = "";
    vd_status_t status = session != NULL ? VD_OK : newest(client, named);
    if (status != VD_OK) {
        vd_str_copy(error, VD_TEXT_BYTES_MAX + 1, vd_str(vd_client_error(client)));
        return status;
    }
    tui_why_t *why = tui_why_new(session != NULL ? session : named, seq, live);
    if (why == NULL) {
        vd_str_copy(error, VD_TEXT_BYTES_MAX + 1, vd_str("no memory"));
        return VD_NO_MEMORY;
    }
    while (tui_why_want(why)->kind != TUI_WHY_NOTHING)
        answer(client, why);
    status = tui_why_status(why, &text);
    if (status == VD_OK) {
        tui_why_value(why, out);
        status = out->full ? VD_TOO_LARGE : VD_OK;
        text = out->full ? "the story is too large to be shown" : "";
    }
    vd_str_copy(error, VD_TEXT_BYTES_MAX + 1, vd_str(text));
    tui_why_destroy(&why);
    return status;
}

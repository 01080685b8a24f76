/* app_session.c: which session is followed: what is opened, what comes of it, what the store says of it. */
#include "tui/app_impl.h"
#include "wire/message.h"

enum { LOOKS = 30 }; /* for the session of another runtime: one at each word of its supervisor */

/* The one that the head is in: a session goes on in another. */
static const char *head_session(const tui_app_t *self)
{
    const char *id = tui_state_session(tui_timeline_head(self->timeline))->id;
    return id[0] != 0 ? id : self->session;
}

/* Can it be looked at without being opened? */
static bool go_to(tui_app_t *self, const char *session, uint64_t seq)
{
    if (tui_app_is_lost(self))
        return false;
    if (strcmp(session, head_session(self)) == 0)
        tui_timeline_live(self->timeline); /* from a moment of the one before it, too */
    else if (seq == 0 || strcmp(session, tui_app_session(self)) != 0)
        return false;
    if (seq > 0)
        tui_timeline_seek(self->timeline, seq);
    return true;
}

void tui_app_open(tui_app_t *self, const char *session, uint64_t seq)
{
    tui_ask_t ask = {.kind = TUI_ASK_OPEN};
    if (session[0] != 0 && go_to(self, session, seq))
        return;
    for (int i = 0; i < TUI_ASKS_MAX; i++) /* the newest wish is the one that counts */
        if (self->outs[i].kind == TUI_ASK_OPEN)
            self->outs[i].number = 0;
    vd_str_copy(ask.name, sizeof ask.name, vd_str(session));
    memcpy(self->open_name, ask.name, sizeof self->open_name);
    self->open_seq = seq;
    self->open_number = tui_app_ask_for(self, &ask, -1);
    if (self->open_number == 0)
        tui_app_say(self, TUI_WARN, "too much is asked at once; try again");
}

bool tui_app_opens(const tui_app_t *self)
{
    return self->open_number != 0;
}

void tui_app_opened(tui_app_t *self, const tui_input_t *input)
{
    vd_str_t name = vd_str(input->text);
    bool wished =
        self->open_number != 0 && (self->open_name[0] == 0 || vd_str_is(name, self->open_name));
    bool known = vd_str_is(name, head_session(self));
    self->closed[0] = 0;
    vd_str_copy(self->session, sizeof self->session, name);
    if (!known) { /* else it is followed from its first event again */
        tui_timeline_open(self->timeline, name);
        self->wish = 0;
    }
    self->there_seq = 0;
    tui_app_take_record(self, input->value);
    if (wished) {
        self->newest = self->open_name[0] == 0;
        self->moved = self->moved && !vd_str_is(name, self->runtime_session);
        self->open_number = 0;
        tui_app_seek(self, self->open_seq);
    }
    tui_app_begin(self, false);
}

void tui_app_not_opened(tui_app_t *self, const tui_input_t *answer)
{
    if (answer->status == VD_OK)
        return;
    if (answer->number == self->open_number)
        self->open_number = 0;
    if (self->open_name[0] == 0 && self->looks > 0)
        return; /* it is looked for again */
    tui_app_say(self, TUI_BAD, "%s",
                answer->text != NULL ? answer->text : vd_status_text(answer->status));
}

void tui_app_closed(tui_app_t *self, const tui_input_t *input)
{
    vd_str_copy(self->closed, sizeof self->closed, vd_str(input->text));
    if (input->status == VD_SESSION_CLOSED)
        tui_timeline_ended(self->timeline);
}

void tui_app_follow_newest(tui_app_t *self)
{
    if (!self->moved || !self->newest || self->moment.mode != TUI_TIMELINE_LIVE)
        return;
    self->moved = false;
    tui_app_open(self, "", 0);
}

/* A runtime that has just come up tells of its session before that is stored: the newest that is found
 * then is the one before it, or none. */
static void look_for_it_again(tui_app_t *self, vd_str_t session)
{
    const char *head = head_session(self);
    bool stays = strcmp(head, self->left) == 0 && !vd_str_is(session, head);
    if (self->looks == 0 || !self->newest || !stays || tui_app_opens(self))
        return;
    self->looks--;
    self->moved = true;
}

void tui_app_take_runtime(tui_app_t *self, vd_bytes_t status)
{
    vd_value_t map;
    vd_str_t session = vd_value_of(status, &map) ? vd_value_get_str(&map, "session") : vd_str("");
    if (session.size == 0)
        return;
    if (vd_str_is(session, self->runtime_session)) {
        look_for_it_again(self, session);
        return;
    }
    bool other = self->runtime_session[0] != 0;
    self->moved = self->moved || other;
    self->looks = other ? LOOKS : 0;
    vd_str_copy(self->left, sizeof self->left, vd_str(head_session(self)));
    vd_str_copy(self->runtime_session, sizeof self->runtime_session, session);
}

/* ---- what the store says of it ---- */

void tui_app_take_record(tui_app_t *self, vd_bytes_t bytes)
{
    vd_session_record_t record;
    if (vd_record_decode(bytes, VD_RECORD_session, &record) != VD_OK)
        return;
    vd_str_copy(self->stored, sizeof self->stored, record.session);
    self->stored_over = vd_str_is(record.state, "completed") || vd_str_is(record.state, "failed");
    self->stored_interrupted = vd_str_is(record.state, "interrupted");
    self->stored_seq = record.last_seq;
}

bool tui_app_is_over(const tui_app_t *self)
{
    const tui_moment_t *moment = &self->moment;
    return moment->ended || (self->stored_over && strcmp(self->stored, moment->session) == 0);
}

bool tui_app_is_interrupted(const tui_app_t *self)
{
    const tui_moment_t *moment = &self->moment;
    if (moment->mode == TUI_TIMELINE_FROZEN)
        return self->frozen.interrupted;
    /* An event behind what the store told of is a sign of life. */
    return moment->mode == TUI_TIMELINE_LIVE && self->stored_interrupted && !moment->ended &&
           moment->seq <= self->stored_seq && strcmp(self->stored, moment->session) == 0;
}

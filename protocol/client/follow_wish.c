/* follow_wish.c: from the options of a follow to a subscription. */
#include "client/follow_wish.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define VD_PARALLEL_MAX 1024

/* `session` gets the name behind the position, if there is one. */
static bool parse_position(const char *text, vd_position_t *position, char *session)
{
    int end = -1;
    int fields =
        sscanf(text, "%16[0-9a-f]:%20" SCNu64 ":%20" SCNu64 ":%8" SCNx32 "%n", position->store,
               &position->index, &position->offset, &position->chain, &end);
    if (fields != 4 || end < 0 || strlen(position->store) != 16)
        return false;
    session[0] = 0;
    if (text[end] != ':')
        return text[end] == 0;
    return vd_name_valid(vd_str(text + end + 1)) &&
           vd_str_copy(session, VD_NAME_BYTES_MAX + 1, vd_str(text + end + 1));
}

/* Fills in the session where it takes asking: the newest active one, or where its tail begins. */
static vd_status_t resolve(vd_client_t *client, vd_subscription_t *wanted,
                           const vd_follow_options_t *options, int timeout_ms)
{
    vd_session_record_t session;
    vd_status_t status = vd_client_session_record(client, options->session, timeout_ms, &session);
    if (status != VD_OK)
        return status;
    vd_str_copy(wanted->session, sizeof wanted->session, session.session);
    if (options->from == VD_FROM_TAIL) {
        uint64_t tail = options->seq < session.last_seq ? options->seq : session.last_seq;
        wanted->seq = session.last_seq - tail + 1;
    }
    return VD_OK;
}

static vd_status_t check(vd_client_t *client, const vd_follow_options_t *options, bool all)
{
    if (options->session != NULL && !all && !vd_name_valid(vd_str(options->session)))
        return vd_client_fail(client, VD_USAGE, "'%s' is not a session id", options->session);
    if (options->from > VD_FROM_TAIL)
        return vd_client_fail(client, VD_USAGE, "a follow cannot begin at %d", (int)options->from);
    if (all && (options->from == VD_FROM_SEQ || options->from == VD_FROM_TAIL))
        return vd_client_fail(client, VD_USAGE,
                              "a sequence belongs to one session: name it, or begin elsewhere");
    if (options->from == VD_FROM_SEQ && options->seq == 0)
        return vd_client_fail(client, VD_USAGE, "sequences begin at 1");
    size_t type_size = options->type != NULL ? strlen(options->type) : 0;
    if (type_size > VD_NAME_BYTES_MAX)
        return vd_client_fail(client, VD_USAGE, "the type '%.20s...' is over %d bytes",
                              options->type, VD_NAME_BYTES_MAX);
    for (size_t i = 0; i < type_size; i++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-*?",
                   options->type[i]) == NULL)
            return vd_client_fail(
                client, VD_USAGE,
                "the type '%s' has '%c', which no event type has; * and ? are special",
                options->type, options->type[i]);
    return VD_OK;
}

static uint64_t knob(int64_t value, uint64_t otherwise)
{
    return value > 0 ? (uint64_t)value : value < 0 ? 0 : otherwise;
}

/* Which streams, by which knobs, under which names? */
static vd_status_t wish_streams(vd_client_t *client, const vd_follow_options_t *options,
                                vd_subscription_t *wanted)
{
    const vd_follow_knobs_t *from = &options->knobs;
    const vd_mode_knobs_t *usual = &vd_mode_knobs_default;
    char error[VD_TEXT_BYTES_MAX];
    wanted->knobs = (vd_mode_knobs_t){
        .start_commit_sync_lag = knob(from->start_commit_sync_lag, usual->start_commit_sync_lag),
        .resume_live_lag = knob(from->resume_live_lag, usual->resume_live_lag),
        .stop_commit_sync_lag = knob(from->stop_commit_sync_lag, usual->stop_commit_sync_lag),
        .pause_live_queue = knob(from->pause_live_queue, usual->pause_live_queue),
        .resume_live_queue = knob(from->resume_live_queue, usual->resume_live_queue),
        .dwell_ms = knob(from->dwell_ms, usual->dwell_ms),
    };
    if (vd_modes_check(&wanted->knobs, error, sizeof error) != VD_OK)
        return vd_client_fail(client, VD_USAGE, "%s", error);
    if (options->only > VD_ONLY_COMMITS)
        return vd_client_fail(client, VD_USAGE, "a follow cannot take only %d", (int)options->only);
    if (options->parallel > VD_PARALLEL_MAX)
        return vd_client_fail(client, VD_USAGE, "%u items in parallel: at most %d may be out",
                              options->parallel, VD_PARALLEL_MAX);
    const char *names[] = {options->name, options->durable, options->via};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i] != NULL && !vd_name_valid(vd_str(names[i])))
            return vd_client_fail(client, VD_USAGE, "'%s' is not a name", names[i]);
    /* Up to a head that is known the commit stream is the shortest way. */
    wanted->streams = options->only == VD_ONLY_LIVE ? VD_STREAMS_LIVE
                      : options->only == VD_ONLY_COMMITS || options->until_head != 0
                          ? VD_STREAMS_COMMIT
                          : VD_STREAMS_BOTH;
    const char *name = options->name != NULL ? options->name : options->durable;
    vd_str_copy(wanted->name, sizeof wanted->name, vd_str(name != NULL ? name : "client"));
    return VD_OK;
}

vd_status_t vd_follow_wish(vd_client_t *client, const vd_follow_options_t *options, int timeout_ms,
                           vd_follow_wish_t *wish)
{
    assert(client != NULL && options != NULL && wish != NULL);
    *wish = (vd_follow_wish_t){.rolls = options->session == NULL,
                               .until_head = options->until_head != 0};
    vd_subscription_t *wanted = &wish->wanted;
    bool all = options->session != NULL && strcmp(options->session, "*") == 0;
    vd_status_t status = check(client, options, all);
    if (status == VD_OK)
        status = wish_streams(client, options, wanted);
    if (status != VD_OK)
        return status;
    wanted->head = options->from == VD_FROM_NOW;
    wanted->seq = options->from == VD_FROM_SEQ ? options->seq : 0;
    vd_str_copy(wanted->type, sizeof wanted->type, vd_str(options->type));
    char in[VD_NAME_BYTES_MAX + 1] = "";
    if (options->from == VD_FROM_POSITION &&
        (options->position == NULL || !parse_position(options->position, &wanted->position, in)))
        return vd_client_fail(client, VD_USAGE, "'%s' is not a position",
                              options->position != NULL ? options->position : "");
    if (wish->rolls && in[0] != 0) {
        strcpy(wanted->session, in);
        return VD_OK;
    }
    if (!all && (options->session == NULL || options->from == VD_FROM_TAIL))
        return resolve(client, wanted, options, timeout_ms);
    if (!all)
        vd_str_copy(wanted->session, sizeof wanted->session, vd_str(options->session));
    return VD_OK;
}

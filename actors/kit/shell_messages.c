/* shell_messages.c: from frames to inputs: decoding, PING, garbage. */
#include "kit/frames.h"
#include "kit/shell_parts.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { SHELL_BURST = 256 };

static void answer(vd_shell_t *self, vd_link_t *link, const vd_peer_t *peer,
                   const vd_message_t *message)
{
    if (link->closed)
        return;
    vd_buffer_t out;
    vd_buffer_init(&out, VD_HEADER_BYTES_MAX + VD_BODY_BYTES_MAX);
    size_t header_size = 0;
    bool sent = false;
    if (vd_message_encode(message, &out, &header_size) == VD_OK)
        sent = vd_shell_send_counted(link, peer, vd_bytes(out.data, header_size),
                                     vd_bytes(out.data + header_size, out.size - header_size),
                                     message->payload, NULL);
    if (sent)
        vd_count(&self->metrics.frames_out);
    else
        vd_count(&self->metrics.drops);
    vd_buffer_free(&out);
    vd_shell_used(self, link);
}

static void answer_pong(vd_shell_t *self, vd_link_t *link, const vd_peer_t *peer,
                        uint64_t correlation)
{
    char trouble[VD_TEXT_BYTES_MAX + 1];
    vd_shell_trouble(self, trouble);
    vd_message_t pong = {.id = VD_MESSAGE_PONG, .correlation = correlation};
    pong.pong.name = vd_str(self->spec.name);
    pong.pong.inc = self->spec.inc;
    pong.pong.pid = (uint64_t)getpid();
    pong.pong.version = vd_str(VD_VERSION);
    vd_metrics_t metrics;
    vd_shell_metrics(self, &metrics);
    pong.pong.garbage = metrics.garbage;
    pong.pong.trouble = vd_str(trouble);
    answer(self, link, peer, &pong);
}

/* Answers GET of the feed "metrics": everything that this thread may look at. */
static void answer_metrics(vd_shell_t *self, vd_link_t *link, const vd_peer_t *peer,
                           uint64_t correlation)
{
    vd_buffer_t pairs, map;
    vd_metrics_t metrics;
    vd_buffer_init(&pairs, VD_BODY_BYTES_MAX);
    vd_buffer_init(&map, VD_BODY_BYTES_MAX);
    vd_metric_list_t list = {.pairs = &pairs};
    vd_metric(&list, "uptime_ms", (uint64_t)(vd_shell_now().mono_us - self->begun_us) / 1000);
    vd_metrics_list_process(&list);
    vd_shell_metrics(self, &metrics);
    vd_metrics_list(&metrics, &list);
    for (int at = 0; at < self->core_count; at++)
        if (self->cores[at]->spec.metrics != NULL)
            self->cores[at]->spec.metrics(self->cores[at]->spec.state, &list);
    vd_write_map(&map, list.count);
    vd_write_raw(&map, vd_buffer_view(&pairs));
    if (pairs.full || map.full) {
        vd_count(&self->metrics.drops); /* without memory */
    } else {
        vd_message_t snapshot = {
            .id = VD_MESSAGE_SNAPSHOT, .correlation = correlation, .payload = vd_buffer_view(&map)};
        snapshot.snapshot.feed = vd_str(VD_METRICS_FEED);
        snapshot.snapshot.inc = self->spec.inc;
        snapshot.snapshot.complete = true;
        answer(self, link, peer, &snapshot);
    }
    vd_buffer_free(&pairs);
    vd_buffer_free(&map);
}

/* Counts a message that was not understood and, on a ROUTER, says so. Answers are never
 * answered. */
static void refuse(vd_shell_t *self, vd_link_t *link, const vd_peer_t *peer, vd_status_t status,
                   const vd_message_t *message)
{
    vd_count(&self->metrics.garbage);
    if (link->port.kind != VD_PORT_ROUTER)
        return;
    char text[256];
    if (status == VD_UNSUPPORTED)
        snprintf(text, sizeof text,
                 "%s.%s speaks protocol version %d and does not know this message (id %u)",
                 self->spec.name, link->port.name, VD_PROTOCOL_VERSION, (unsigned)message->id);
    else
        snprintf(text, sizeof text,
                 "%s.%s did not understand the message (%s): send header, body and, where the "
                 "catalogue has one, payload",
                 self->spec.name, link->port.name, vd_status_text(status));
    vd_message_t error = {.id = VD_MESSAGE_ERROR, .correlation = message->correlation};
    error.error.status = vd_str(vd_status_name(status));
    error.error.text = vd_str(text);
    answer(self, link, peer, &error);
}

static void take_message(vd_shell_t *self, vd_shell_core_t *core, vd_link_t *link, vd_now_t now,
                         vd_frames_t *frames)
{
    vd_count(&self->metrics.frames_in);
    bool router = link->port.kind == VD_PORT_ROUTER;
    bool named = router || link->port.kind == VD_PORT_SUB;
    vd_bytes_t first = named ? vd_frames_part(frames, 0) : vd_bytes(NULL, 0);
    uint32_t at = named ? 1 : 0;
    vd_input_t input = {.kind = VD_INPUT_MESSAGE, .port = link->port.port, .peer = link->peer};
    vd_message_t message = {.id = 0};
    if (router && first.size > VD_PEER_BYTES_MAX) {
        vd_count(&self->metrics.garbage); /* an identity over the limit cannot be answered */
        return;
    }
    if (router)
        input.peer = vd_peer_of(first.data, first.size);
    vd_status_t status = VD_MALFORMED;
    if (frames->count >= at + 2 && frames->count <= at + 3 && !frames->excess)
        status = vd_message_decode(vd_frames_part(frames, at), vd_frames_part(frames, at + 1),
                                   vd_frames_part(frames, at + 2), &message);
    if (status != VD_OK) {
        refuse(self, link, &input.peer, status, &message);
        return;
    }
    if (router && message.id == VD_MESSAGE_PING) {
        answer_pong(self, link, &input.peer, message.correlation);
        return;
    }
    if (router && message.id == VD_MESSAGE_GET && vd_str_is(message.get.feed, VD_METRICS_FEED)) {
        answer_metrics(self, link, &input.peer, message.correlation);
        return;
    }
    if (router)
        input.unsent = vd_unsent_bytes(link->unsent, &input.peer);
    input.message = &message;
    vd_shell_step(self, core->handle, now, &input);
}

/* Counts the topics that somebody is subscribed to. Each comes once: when the first begins, and when
 * the last has ended or is gone. Whatever else peers send is of no meaning. */
static void take_subscriptions(vd_link_t *link)
{
    uint8_t message[1 + VD_FEED_BYTES_MAX];
    int size = 0;
    vd_shell_core_t *core = link->owner;
    vd_shell_used(core->shell, link);
    for (int count = 0; count < SHELL_BURST; count++) {
        size = zmq_recv(link->handle, message, sizeof message, ZMQ_DONTWAIT);
        if (size < 0) {
            link->used = errno != EAGAIN;
            return;
        }
        if (size > 0 && message[0] == 1)
            link->topics++;
        else if (size > 0 && message[0] == 0 && link->topics > 0)
            link->topics--;
    }
}

static void take_burst(vd_link_t *link)
{
    if (link->port.kind == VD_PORT_PUB) {
        take_subscriptions(link);
        return;
    }
    vd_shell_core_t *core = link->owner;
    vd_shell_t *self = core->shell;
    vd_frames_t frames;
    vd_now_t now = vd_shell_now();
    vd_shell_used(self, link);
    for (int count = 0; count < SHELL_BURST && !link->closed; count++) {
        if (!vd_frames_receive(link->handle, &frames)) {
            link->used = errno != EAGAIN; /* a signal ends the looking, too */
            break;
        }
        if (count > 0 && count % 16 == 0)
            now = vd_shell_now();
        take_message(self, core, link, now, &frames);
        vd_frames_close(&frames);
    }
}

int vd_shell_on_readable(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    (void)loop;
    (void)item;
    vd_link_t *link = arg;
    vd_shell_core_t *core = link->owner;
    take_burst(link);
    vd_links_reap(&core->links);
    vd_shell_look(core->shell);
    return 0;
}

/* ---- what the descriptors do not tell ---- */

void vd_shell_used(vd_shell_t *self, vd_link_t *link)
{
    link->used = self->used = true;
}

static bool may_hold(const vd_link_t *link)
{
    return link->used && !link->closed;
}

void vd_shell_look(vd_shell_t *self)
{
    if (!self->used || self->stepping || self->performing)
        return;
    bool found = false;
    for (int at = 0; at < self->core_count; at++)
        for (vd_link_t *link = self->cores[at]->links.first; link != NULL; link = link->next)
            found |= may_hold(link) && vd_link_has_message(link);
    self->used = found;
    if (found)
        vd_shell_hurry(self);
}

void vd_shell_take_found(vd_shell_t *self)
{
    assert(!self->stepping && !self->performing);
    for (int at = 0; self->used && at < self->core_count; at++) {
        vd_links_t *links = &self->cores[at]->links;
        for (vd_link_t *link = links->first; link != NULL; link = link->next)
            if (may_hold(link))
                take_burst(link);
        vd_links_reap(links);
    }
    vd_shell_look(self);
}

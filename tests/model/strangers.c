/* strangers.c: requests of people and tools, and nonsense, at every port that answers. */
#include "whole.h"

#include <assert.h>

static void ask(vd_whole_t *self, const char *endpoint, vd_message_t message)
{
    message.correlation = 99;
    vd_world_inject(self->world, VD_MODEL_STRANGER, endpoint, &message);
}

static void ask_store(vd_whole_t *self, uint32_t what)
{
    vd_message_t message = {.id = VD_MESSAGE_SESSIONS};
    switch (what % 8) {
    case 0:
        message.sessions.session = vd_str(vd_runtime_session(self));
        break;
    case 1:
        message.sessions.rows_max = 3;
        message.sessions.state = vd_str("active");
        break;
    case 2:
        message.id = VD_MESSAGE_STORE;
        break;
    case 3:
        message.id = VD_MESSAGE_VERIFY;
        break;
    case 4:
        message.id = VD_MESSAGE_FETCH;
        message.fetch.session = vd_str(vd_runtime_session(self));
        message.fetch.seq = 1;
        break;
    case 5:
        message.id = VD_MESSAGE_CREDIT;
        message.credit.items = 1;
        message.credit.bytes = 1;
        break;
    case 6:
        message.id = VD_MESSAGE_STOP;
        break;
    default:
        message.id = VD_MESSAGE_GET;
        message.get.feed = vd_str("nothing");
        break;
    }
    ask(self, "ingestor.read", message);
}

static void ask_observer(vd_whole_t *self, uint32_t what)
{
    vd_buffer_t args;
    vd_message_t message = {.id = VD_MESSAGE_QUERY};
    vd_buffer_init(&args, 256);
    vd_write_array(&args, 1);
    vd_write_text(&args, self->sources[what % WHOLE_SOURCES].name);
    message.query.name = vd_str(what % 3 == 0 ? "changes" : what % 3 == 1 ? "queries" : "weather");
    message.query.args = vd_buffer_view(&args);
    if (what % 5 == 0) {
        message = (vd_message_t){.id = VD_MESSAGE_READ};
        message.read_items.feed = vd_str("state");
        message.read_items.inc = 1;
    }
    ask(self, "alpha.requests", message);
    vd_buffer_free(&args);
}

static void ask_poller(vd_whole_t *self, uint32_t what)
{
    vd_message_t message = {.id = VD_MESSAGE_GET};
    message.get.feed = vd_str(what % 2 == 0 ? "readings" : "sample/s0/0000000000000000");
    if (what % 5 == 0) {
        message = (vd_message_t){.id = VD_MESSAGE_READ};
        message.read_items.feed = vd_str("sample/s1/0000000000000000");
        message.read_items.inc = 1;
        message.read_items.after = 3;
    }
    ask(self, "poller-1.requests", message);
}

static void ask_sequencer(vd_whole_t *self, uint32_t what)
{
    vd_message_t message = {.id = VD_MESSAGE_PING};
    if (what % 3 == 0) {
        message.id = VD_MESSAGE_PRUNE;
        message.prune.keep = 1 + what % 4;
        ask(self, "ingestor.control", message);
        return;
    }
    if (what % 3 == 1) {
        message.id = VD_MESSAGE_EMIT;
        message.emit.producer = vd_str("nobody");
        message.emit.epoch = 1 + what % 5;
        message.emit.first = 1;
        message.emit.count = 1;
        message.emit.session = vd_str("nowhere");
        message.payload = vd_str("garbage");
    }
    ask(self, VD_MODEL_EMIT, message);
}

static void ask_others(vd_whole_t *self, uint32_t what)
{
    vd_message_t message = {.id = VD_MESSAGE_STATUS};
    switch (what % 6) {
    case 0:
        ask(self, "supervisor.control", message);
        break;
    case 1:
        message.id = VD_MESSAGE_GET;
        message.get.feed = vd_str("lifecycle");
        ask(self, "supervisor.control", message);
        break;
    case 2:
        message.id = VD_MESSAGE_PING;
        ask(self, VD_MODEL_BROKER_CONTROL, message);
        break;
    case 3: /* word of a death that is none */
        message.id = VD_MESSAGE_DIED;
        message.died.name = vd_str("poller-1");
        message.died.pid = 1;
        ask(self, VD_MODEL_BROKER_CONTROL, message);
        break;
    case 4: /* a late word of an incarnation that is over */
        message.id = VD_MESSAGE_LEAVE;
        message.leave.name = vd_str("alpha");
        message.leave.inc = 12345;
        ask(self, VD_MODEL_BROKER_CONTROL, message);
        break;
    default:
        message.id = VD_MESSAGE_ANNOUNCE;
        message.announce.provider = vd_str("stranger");
        message.announce.inc = 5;
        message.announce.set = 1 + what % 3;
        message.announce.part = what % 2;
        message.announce.last = true;
        message.announce.sources = vd_bytes("\x90", 1);
        ask(self, VD_MODEL_BROKER_CONTROL, message);
        break;
    }
}

void vd_strangers_ask(vd_whole_t *self, uint32_t what, uint32_t whom)
{
    switch (whom % 5) {
    case 0:
        ask_store(self, what);
        break;
    case 1:
        ask_observer(self, what);
        break;
    case 2:
        ask_poller(self, what);
        break;
    case 3:
        ask_sequencer(self, what);
        break;
    default:
        ask_others(self, what);
        break;
    }
}

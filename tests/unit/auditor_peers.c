/* auditor_peers.c: the broker, supervisor, pollers and observer of an auditor. */
#include "auditor_world.h"

#include <inttypes.h>

/* ---- broker and supervisor ---- */

static void write_rows(vd_buffer_t *out, const char *name, const char *port)
{
    const vd_endpoint_record_t rows[] = {{.port = vd_str(port), .endpoint = vd_str(name)},
                                         {.port = vd_str("requests"), .endpoint = vd_str(name)},
                                         {.port = vd_str(port), .endpoint = vd_str("again")}};
    vd_write_array(out, 3);
    for (size_t i = 0; i < 3; i++)
        vd_record_encode(VD_RECORD_endpoint, &rows[i], out);
}

static void write_actor(vd_buffer_t *out, const char *name, const char *kind, uint64_t inc,
                        const char *port)
{
    vd_buffer_t rows;
    vd_buffer_init(&rows, 1024);
    write_rows(&rows, name, port);
    vd_actor_record_t actor = {.name = vd_str(name),
                               .kind = vd_str(kind),
                               .inc = inc,
                               .pid = 5,
                               .state = vd_str("ready"),
                               .endpoints = vd_buffer_view(&rows)};
    assert_int_equal(vd_record_encode(VD_RECORD_actor, &actor, out), VD_OK);
    vd_buffer_free(&rows);
}

static void snapshot(auditor_world_t *self, const vd_peer_t *peer, const vd_message_t *question,
                     const char *feed, const vd_buffer_t *value)
{
    vd_message_t message = {.id = VD_MESSAGE_SNAPSHOT, .payload = vd_buffer_view(value)};
    message.snapshot = (vd_snapshot_body_t){
        .feed = vd_str(feed), .inc = self->inc_of_feeds, .n = self->told, .complete = true};
    auditor_world_answer(self, peer, question, &message);
}

static void write_membership(const auditor_world_t *self, vd_buffer_t *out)
{
    vd_write_map(out, 1);
    vd_write_text(out, "actors");
    vd_write_array(out, 5 + self->lies.others + 2 * self->lies.long_names);
    for (uint32_t i = 0; i < self->lies.others; i++) {
        char name[32];
        snprintf(name, sizeof name, "other-%" PRIu32, i);
        write_actor(out, name, "provider", 7, "requests");
    }
    write_actor(out, "relay-1", self->lies.relay_polls ? "poller" : "relay", 1, "read");
    write_actor(out, "poller-1", "poller", self->poller_inc, "requests");
    write_actor(out, "poller-2", "poller", 3, "requests");
    write_actor(out, "poller-3", "poller", 6, "requests");
    write_actor(out, "host", "observer", 4, "requests");
    for (int i = 0; i < 2 && self->lies.long_names; i++) {
        char name[VD_NAME_BYTES_MAX + 1];
        snprintf(name, sizeof name, "%0*d", VD_NAME_BYTES_MAX, i);
        write_actor(out, name, "poller", 5, "requests");
    }
}

static void write_children(const auditor_world_t *self, vd_buffer_t *out)
{
    vd_child_record_t child = {.name = vd_str("poller-1"),
                               .kind = vd_str("poller"),
                               .state = vd_str("ready"),
                               .pid = 77,
                               .restarts = 2 + self->lies.restarts};
    vd_child_record_t late = {.name = vd_str("late"),
                              .kind = vd_str("poller"),
                              .state = vd_str("ready"),
                              .pid = 88,
                              .restarts = 3,
                              .started_ms = self->lies.late_started_ms};
    vd_write_array(out, 1 + self->lies.late);
    assert_int_equal(vd_record_encode(VD_RECORD_child, &child, out), VD_OK);
    if (self->lies.late)
        assert_int_equal(vd_record_encode(VD_RECORD_child, &late, out), VD_OK);
}

void auditor_world_ask_feed(auditor_world_t *self, const vd_peer_t *peer,
                            const vd_message_t *question, bool broker)
{
    vd_buffer_t out;
    vd_buffer_init(&out, 1 << 16);
    if (broker)
        write_membership(self, &out);
    else
        write_children(self, &out);
    if (question->id == VD_MESSAGE_GET) {
        snapshot(self, peer, question, broker ? "membership" : "lifecycle", &out);
    } else if (question->id == VD_MESSAGE_READ) {
        vd_message_t message = {.id = VD_MESSAGE_RESET, .payload = vd_buffer_view(&out)};
        message.reset = (vd_reset_body_t){.feed = question->read_items.feed,
                                          .inc = self->inc_of_feeds,
                                          .n = self->told,
                                          .complete = true,
                                          .status = vd_str("pruned")};
        auditor_world_answer(self, peer, question, &message);
    } else if (question->id == VD_MESSAGE_STATUS) {
        vd_message_t message = {.id = VD_MESSAGE_STATUS_IS};
        message.status_is = (vd_status_is_body_t){.state = vd_str("ready"),
                                                  .session = vd_str(self->lies.session),
                                                  .pid = 1,
                                                  .version = vd_str("1"),
                                                  .data = vd_str("d")};
        auditor_world_answer(self, peer, question, &message);
    }
    vd_buffer_free(&out);
}

/* ---- those in the membership ---- */

void auditor_world_ask_poller(auditor_world_t *self, const vd_peer_t *peer,
                              const vd_message_t *question, uint32_t number)
{
    vd_buffer_t rows;
    uint32_t readers = self->lies.readers != 0 ? self->lies.readers : 1;
    bool reads = (readers >> (number - 1) & 1) != 0;
    uint32_t more = number == 1 ? self->lies.sources : 0;
    vd_buffer_init(&rows, 1 << 17);
    vd_write_array(&rows, reads + more);
    for (uint32_t i = 0; i < more; i++) {
        char source[32];
        snprintf(source, sizeof source, "more-%" PRIu32, i);
        vd_write_map(&rows, 1);
        vd_write_pair_text(&rows, "source", source);
    }
    if (reads) {
        vd_write_map(&rows, 2);
        vd_write_pair_text(&rows, "source", "s1");
        bool other = number == 2 && self->lies.interval_2_ms > 0;
        vd_write_pair_u64(&rows, "interval_ms",
                          other ? self->lies.interval_2_ms : self->lies.interval_ms);
    }
    snapshot(self, peer, question, "readings", &rows);
    vd_buffer_free(&rows);
}

void auditor_world_ask_observer(auditor_world_t *self, const vd_peer_t *peer,
                                const vd_message_t *question)
{
    vd_buffer_t items;
    vd_message_t message = {.id = VD_MESSAGE_ITEMS};
    uint64_t index = self->lies.observer_back ? 20 - self->observer_n % 20 : self->store->count;
    self->observer_n++;
    if (self->lies.observer_anew && question->read_items.inc != 10) {
        vd_message_t reset = {.id = VD_MESSAGE_RESET, .payload = vd_str("\x80")};
        reset.reset = (vd_reset_body_t){.feed = vd_str("state"),
                                        .inc = 10,
                                        .n = self->observer_n,
                                        .complete = true,
                                        .status = vd_str("pruned")};
        auditor_world_answer(self, peer, question, &reset);
        return;
    }
    if (self->lies.observer_anew)
        index = 3;
    vd_buffer_init(&items, 4096);
    vd_write_array(&items, 1);
    vd_write_map(&items, 1);
    vd_write_text(&items, "position");
    vd_write_map(&items, 2);
    vd_write_pair_text(&items, "store", self->store->id);
    vd_write_pair_u64(&items, "index", index + self->lies.observer_ahead);
    message.items = (vd_items_body_t){.feed = vd_str("state"),
                                      .inc = self->lies.observer_anew ? 10 : 9,
                                      .first = self->observer_n,
                                      .count = 1,
                                      .head = self->observer_n};
    message.payload = vd_buffer_view(&items);
    auditor_world_answer(self, peer, question, &message);
    vd_buffer_free(&items);
}

void auditor_world_swap_incarnations(auditor_world_t *self)
{
    vd_peer_t broker = vd_peer_named("broker");
    vd_message_t message = {.id = VD_MESSAGE_ITEM};
    vd_buffer_t item;
    vd_buffer_init(&item, 4096);
    self->poller_inc = self->poller_inc == 2 ? 22 : 2;
    vd_write_map(&item, 2);
    vd_write_pair_text(&item, "op", "actor");
    vd_write_text(&item, "actor");
    write_actor(&item, "poller-1", "poller", self->poller_inc, "requests");
    message.item = (vd_item_body_t){
        .feed = vd_str("membership"), .inc = self->inc_of_feeds, .n = ++self->told};
    message.payload = vd_buffer_view(&item);
    auditor_world_give(self, VD_AUDITOR_MEMBERSHIP, &broker, &message);
    vd_buffer_free(&item);
}

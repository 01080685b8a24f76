/* tell.c: events, and what a node said that cannot be. */
#include "work.h"

void vd_work_tell(vd_work_t *work, const char *type, const vd_buffer_t *data,
                  const vd_sample_record_t *cause)
{
    if (work->full || !vd_turn_event(work->turn, type, vd_buffer_view(data), cause)) {
        work->full = true;
        return;
    }
    vd_event_t event = {.type = vd_str(type), .data = vd_buffer_view(data)};
    vd_chain_nodes_apply(&work->nodes, &event);
}

static void refuse(vd_work_t *work, vd_str_t node, vd_str_t block, const char *reason,
                   int64_t until_ms, const vd_sample_record_t *cause)
{
    const vd_chain_node_t *known = vd_chain_node(&work->nodes, node);
    if (!vd_samples_is_new(work->samples, cause) ||
        (known && vd_chain_was_refused(known, block, reason) && until_ms == 0))
        return;
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, until_ms ? 4 : 3);
    vd_write_pair_str(data, "node", node);
    vd_write_text(data, "block");
    if (block.size > 0)
        vd_write_str(data, block);
    else
        vd_write_nil(data);
    vd_write_pair_text(data, "reason", reason);
    if (until_ms)
        vd_write_pair_i64(data, "until_ms", until_ms);
    vd_work_tell(work, "node_refused", data, cause);
}

void vd_work_refuse(vd_work_t *work, vd_str_t node, vd_str_t block, const char *reason,
                    const vd_sample_record_t *cause)
{
    refuse(work, node, block, reason, 0, cause);
}

void vd_work_refuse_chain(vd_work_t *work, vd_heard_t *heard, vd_str_t block,
                          const vd_sample_record_t *cause)
{
    if (heard->foreign)
        return;
    heard->foreign = true;
    refuse(work, heard->name, block, "other_chain",
           vd_turn_now_ms(work->turn) + VD_CHAIN_FOREIGN_MS, cause);
}

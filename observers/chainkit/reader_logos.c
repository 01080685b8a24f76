/* reader_logos.c: the reader of Logos nodes, of the old and the new shape of GET /cryptarchia/info.
 *
 * Old: {lib, lib_slot, tip, slot, height, mode}. New: the same within "cryptarchia_info", with `state` in
 * the place of `mode`, and "phase" beside it. A block is asked for by posting its header's id; it tells its
 * parent in header.parent_block, and neither its id nor its height. By height nothing can be asked.
 */
#include "chainkit/reader_json.h"

#include <stdio.h>
#include <strings.h>

static bool fill_head(const vd_place_t *place, const json_t *root, vd_chain_head_t *head)
{
    vd_place_t at = *place;
    const json_t *info = root, *wrapped = json_object_get(root, "cryptarchia_info");
    if (wrapped) {
        info = vd_place_object(place, root, "cryptarchia_info");
        at = vd_place_at(place, "cryptarchia_info", -1);
    }
    if (!info || !vd_place_id(&at, info, "tip", &head->tip) ||
        !vd_place_id(&at, info, "lib", &head->final) ||
        !vd_place_u64(&at, info, "height", VD_HEIGHT_MAX, &head->height))
        return false;
    const json_t *mode = json_object_get(info, wrapped ? "state" : "mode");
    head->syncing = json_is_string(mode) && strcasecmp(json_string_value(mode), "online") != 0;
    return true;
}

static bool read_head(vd_bytes_t content, vd_str_t asked, vd_answer_t *answer, char *error,
                      size_t error_size)
{
    (void)asked;
    vd_place_t place = {.error = error, .error_size = error_size};
    const json_t *root = vd_answer_open(answer, content, false, error, error_size);
    if (root && fill_head(&place, root, &answer->head))
        return true;
    vd_answer_free(answer);
    return false;
}

static void ask_block(vd_str_t id, uint64_t height, vd_ask_t *out)
{
    (void)height;
    *out = (vd_ask_t){{0}, {0}, {0}};
    if (id.size == 0)
        return;
    snprintf(out->op, sizeof out->op, "post");
    /* The query says nothing to the node; it tells the answer to this read from those to others. */
    snprintf(out->target, sizeof out->target, "/storage/block?%.*s", (int)id.size,
             (const char *)id.data);
    snprintf(out->body, sizeof out->body, "\"%.*s\"", (int)id.size, (const char *)id.data);
}

static void ask_tx(vd_str_t id, vd_ask_t *out)
{
    (void)id;
    *out = (vd_ask_t){{0}, {0}, {0}};
}

static bool fill_block(const vd_place_t *place, const json_t *root, vd_str_t asked,
                       vd_chain_block_t *block)
{
    const json_t *header = vd_place_object(place, root, "header");
    vd_place_t at = vd_place_at(place, "header", -1);
    if (!header || !vd_place_id(&at, header, "parent_block", &block->parent))
        return false;
    block->id = asked;
    block->height = VD_HEIGHT_UNKNOWN;
    return vd_is_chain_id(asked) || vd_place_fail(place, "", "a block without an id was asked for");
}

static bool read_block(vd_bytes_t content, vd_str_t asked, vd_answer_t *answer, char *error,
                       size_t error_size)
{
    vd_place_t place = {.error = error, .error_size = error_size};
    const json_t *root = vd_answer_open(answer, content, false, error, error_size);
    if (root && fill_block(&place, root, asked, &answer->block))
        return true;
    vd_answer_free(answer);
    return false;
}

const vd_reader_t vd_logos_reader = {
    .name = "logos",
    .head = {"get", "/cryptarchia/info", ""},
    .ask_block = ask_block,
    .ask_header = ask_block,
    .ask_tx = ask_tx,
    .read_head = read_head,
    .read_block = read_block,
};

/* members.c: from etcd's answer to sources. */
#include "members.h"

#include "source_list.h"
#include "source_set.h"
#include "wire/run.h"

#include <assert.h>
#include <stdio.h>

enum { GROWTH_MAX = 3 }; /* of MessagePack over its JSON text */

static bool is_number(vd_str_t text)
{
    for (size_t at = 0; at < text.size; at++)
        if (text.data[at] < '0' || text.data[at] > '9')
            return false;
    return text.size > 0 && text.size <= 20;
}

/* The first client URL over HTTP; false when the field is of another kind. */
static bool find_url(const vd_value_t *member, vd_str_t *url)
{
    vd_value_t list, value;
    *url = vd_str("");
    if (!vd_value_get(member, "clientURLs", &list) || list.kind == VD_KIND_NIL)
        return true;
    if (list.kind != VD_KIND_ARRAY)
        return false;
    vd_bytes_t rest = list.bytes;
    while (vd_value_next(&rest, &value)) {
        if (value.kind != VD_KIND_STR)
            return false;
        bool http = value.bytes.size > 7 && (memcmp(value.bytes.data, "http://", 7) == 0 ||
                                             memcmp(value.bytes.data, "https:/", 7) == 0);
        if (http && url->size == 0)
            *url = value.bytes;
    }
    return true;
}

/* HOST:PORT of a URL. */
static vd_str_t target_of(vd_str_t url)
{
    for (size_t at = 0; at + 3 <= url.size; at++)
        if (memcmp(url.data + at, "://", 3) == 0) {
            vd_str_t rest = vd_bytes(url.data + at + 3, url.size - at - 3);
            const uint8_t *end = rest.size > 0 ? memchr(rest.data, '/', rest.size) : NULL;
            return end != NULL ? vd_bytes(rest.data, (size_t)(end - rest.data)) : rest;
        }
    return url;
}

static vd_status_t take(vd_source_set_t *set, const vd_value_t *member, char *error,
                        size_t error_size)
{
    vd_value_t value;
    vd_str_t name = vd_value_get_str(member, "name"), id = vd_value_get_str(member, "ID"), url;
    if (vd_value_get(member, "name", &value) && value.kind != VD_KIND_STR) {
        snprintf(error, error_size, "a member's name is no text");
        return VD_MALFORMED;
    }
    if (!is_number(id)) {
        snprintf(error, error_size, "a member's ID is no decimal text");
        return VD_MALFORMED;
    }
    if (!find_url(member, &url)) {
        snprintf(error, error_size, "clientURLs must be a list of texts");
        return VD_MALFORMED;
    }
    bool learner =
        vd_value_get(member, "isLearner", &value) && value.kind == VD_KIND_BOOL && value.boolean;
    vd_buffer_t labels;
    vd_buffer_init(&labels, 256);
    vd_write_map(&labels, learner ? 2 : 1);
    vd_write_pair_str(&labels, "member_id", id);
    if (learner)
        vd_write_pair_text(&labels, "learner", "true");
    assert(!labels.full);
    vd_status_t status = vd_source_set_add(set, name.size > 0 ? name : id, target_of(url), url,
                                           vd_buffer_view(&labels), error, error_size);
    vd_buffer_free(&labels);
    return status;
}

static vd_status_t take_all(vd_source_set_t *set, vd_bytes_t answer, char *error, size_t error_size)
{
    vd_value_t map, members, member;
    if (!vd_value_of(answer, &map) || map.kind != VD_KIND_MAP ||
        !vd_value_get(&map, "members", &members) || members.kind != VD_KIND_ARRAY ||
        members.count == 0) {
        snprintf(error, error_size, "no list of members of a cluster");
        return VD_MALFORMED;
    }
    vd_bytes_t rest = members.bytes;
    vd_status_t status = VD_OK;
    while (status == VD_OK && vd_value_next(&rest, &member)) {
        if (member.kind == VD_KIND_MAP)
            status = take(set, &member, error, error_size);
        else
            status = VD_MALFORMED;
        if (member.kind != VD_KIND_MAP)
            snprintf(error, error_size, "a member is no object");
    }
    return status;
}

vd_status_t vd_members_parse(vd_str_t text, const vd_target_form_t *form, vd_buffer_t *out,
                             char *error, size_t error_size)
{
    vd_buffer_t answer;
    vd_source_set_t set;
    vd_status_t status = vd_source_list_bounds(text, error, error_size);
    if (status != VD_OK)
        return status;
    vd_buffer_init(&answer, (size_t)GROWTH_MAX * VD_SOURCE_LIST_BYTES_MAX);
    vd_source_set_init(&set, form);
    status = vd_json_parse(text, &answer, error, error_size);
    if (status == VD_OK)
        status = take_all(&set, vd_buffer_view(&answer), error, error_size);
    if (status == VD_OK)
        status = vd_source_set_write(&set, out, error, error_size);
    vd_source_set_free(&set);
    vd_buffer_free(&answer);
    return status;
}

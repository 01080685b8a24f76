/* fuzz_sources.c: what providers read: lists of sources, members of clusters, answers of name servers. */
#include "dns_answer.h"
#include "fuzz.h"
#include "members.h"
#include "source_list.h"
#include "wire/value.h"

static bool found(void *arg, vd_str_t target)
{
    uint32_t *count = arg;
    FUZZ_HOLDS(target.size > 0);
    return ++*count < 100;
}

/* What was read is an array of sources, and reads back from the text that it is printed as. */
static void print_and_back(vd_bytes_t sources)
{
    char error[VD_TEXT_BYTES_MAX + 1];
    vd_value_t array;
    vd_buffer_t text, again;
    vd_buffer_init(&text, 16 << 20);
    vd_buffer_init(&again, 16 << 20);
    FUZZ_HOLDS(vd_scan_exact(sources, VD_DEPTH_MAX) == VD_OK);
    FUZZ_HOLDS(vd_value_of(sources, &array) && array.kind == VD_KIND_ARRAY);
    vd_source_list_print(sources, &text);
    vd_status_t status =
        vd_source_list_parse(vd_buffer_view(&text), "http", &again, error, sizeof error);
    FUZZ_HOLDS(status != VD_OK || vd_bytes_equal(sources, vd_buffer_view(&again)));
    vd_buffer_free(&text);
    vd_buffer_free(&again);
}

void fuzz_one(vd_bytes_t input)
{
    static const vd_dns_type_t types[] = {VD_DNS_A, VD_DNS_AAAA, VD_DNS_SRV};
    char error[VD_TEXT_BYTES_MAX + 1] = "";
    uint32_t count = 0;
    uint8_t how = fuzz_byte(&input);
    vd_buffer_t out;
    vd_buffer_init(&out, 16 << 20);
    vd_target_form_t form = {.adapter = vd_str("http")};
    vd_status_t status = VD_NOT_FOUND;
    switch (how % 4) {
    case 0:
        status = vd_source_list_parse(input, "http", &out, error, sizeof error);
        break;
    case 1:
        form.address = vd_str("https://{host}:{port}/x");
        status = vd_source_list_parse_as(input, &form, &out, error, sizeof error);
        break;
    case 2:
        status = vd_members_parse(input, &form, &out, error, sizeof error);
        break;
    default:
        vd_dns_read(input, types[how / 4 % 3], how, found, &count);
        break;
    }
    if (status == VD_OK)
        print_and_back(vd_buffer_view(&out));
    else if (how % 4 < 3)
        FUZZ_HOLDS(error[0] != 0);
    vd_buffer_free(&out);
}

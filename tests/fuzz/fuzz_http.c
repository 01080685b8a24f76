/* fuzz_http.c: what servers answer over HTTP, and what reads over HTTP are made of. */
#include "fuzz.h"
#include "http_message.h"
#include "http_plain.h"
#include "http_url.h"
#include "wire/auth.h"
#include "wire/value.h"

static void answer(vd_bytes_t bytes)
{
    vd_bytes_t head, content;
    bool keep = false;
    if (vd_http_plain_parse(bytes, 1 << 20, &head, &content, &keep) != VD_OK)
        return;
    FUZZ_HOLDS(content.size <= bytes.size && head.size <= bytes.size);
    vd_buffer_t meta;
    vd_buffer_init(&meta, 1 << 20);
    vd_http_write_meta(200, 0, head, &meta);
    FUZZ_HOLDS(!meta.full && vd_scan_exact(vd_buffer_view(&meta), VD_DEPTH_MAX) == VD_OK);
    vd_buffer_free(&meta);
}

static void arguments(vd_bytes_t bytes)
{
    vd_http_args_t args;
    char header[1024];
    if (vd_scan_exact(bytes, VD_DEPTH_MAX) != VD_OK || vd_http_args(bytes, &args) != NULL)
        return;
    while (vd_http_next_header(&args.headers, header, sizeof header))
        FUZZ_HOLDS(strpbrk(header, "\r\n") == NULL);
    vd_http_is_ok(&args, 404);
}

static void place(vd_bytes_t input)
{
    vd_http_place_t from, to;
    vd_bytes_t address = fuzz_part(&input);
    char url[VD_HTTP_URL_BYTES_MAX + 1];
    vd_auth_parse(address, NULL);
    if (vd_http_place(address, &from) != NULL || vd_http_join(address, input, url) != NULL)
        return;
    FUZZ_HOLDS(vd_http_place(vd_str(url), &to) == NULL);
    FUZZ_HOLDS(vd_http_same_origin(&from, &to));
}

void fuzz_one(vd_bytes_t input)
{
    switch (fuzz_byte(&input) % 3) {
    case 0:
        answer(input);
        break;
    case 1:
        arguments(input);
        break;
    default:
        place(input);
        break;
    }
}

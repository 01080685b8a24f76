/* cmd_version.c: the version of the software and of its protocol. */
#include "cli.h"

int cmd_version(cli_t *cli)
{
    vd_buffer_t out;
    vd_buffer_init(&out, 1024);
    vd_write_map(&out, 3);
    vd_write_pair_text(&out, "vedette", VD_VERSION);
    vd_write_pair_text(&out, "library", vd_client_version());
    vd_write_pair_u64(&out, "protocol", VD_PROTOCOL_VERSION);
    int code = cli_print_value(cli, vd_buffer_view(&out));
    vd_buffer_free(&out);
    return code;
}

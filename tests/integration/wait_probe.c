/* wait_probe.c DIR OBSERVER EXPRESSION TIMEOUT_MS...: vd_wait on one client, once for each timeout,
 * as lines "STATUS JSON" and, on failure, "error TEXT". */
#include <stdio.h>
#include <stdlib.h>
#include <vedette.h>

int main(int argc, char **argv)
{
    vd_client_t *client = vd_client_new(argc > 4 ? argv[1] : NULL);
    if (argc <= 4 || client == NULL)
        return 2;
    for (int i = 4; i < argc; i++) {
        vd_blob_t snapshot;
        vd_status_t status = vd_wait(client, argv[2], argv[3], atoi(argv[i]), &snapshot);
        printf("%s %s\n", vd_client_status_name(status),
               snapshot.size > 0 ? vd_client_json(client, snapshot) : "null");
        if (status != VD_OK)
            printf("error %s\n", vd_client_error(client));
    }
    vd_client_destroy(&client);
    return 0;
}

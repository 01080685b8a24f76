/* import_probe.c DIR FILE TIMEOUT_MS: vd_import of a file's lines, in calls of at most TIMEOUT_MS
 * each; prints "STATUS stored known calls". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vedette.h>

int main(int argc, char **argv)
{
    static char line[65536];
    FILE *file = argc == 4 ? fopen(argv[2], "r") : NULL;
    vd_client_t *client = file != NULL ? vd_client_new(argv[1]) : NULL;
    vd_import_t *import = client != NULL ? vd_import_new(client) : NULL;
    vd_import_count_t count;
    vd_status_t status = VD_OK;
    int calls = 0;
    if (import == NULL)
        return 2;
    while (status == VD_OK && fgets(line, sizeof line, file) != NULL)
        do
            status = vd_import_line(import, line, strlen(line), atoi(argv[3]));
        while (status == VD_TIMED_OUT);
    while (status == VD_OK || status == VD_TIMED_OUT) {
        calls++;
        status = vd_import_finish(import, atoi(argv[3]));
        if (status == VD_OK)
            break;
    }
    vd_import_counts(import, &count);
    printf("%s %llu %llu %d\n", vd_client_status_name(status), (unsigned long long)count.stored,
           (unsigned long long)count.known, calls);
    vd_import_destroy(&import);
    vd_client_destroy(&client);
    fclose(file);
    return 0;
}

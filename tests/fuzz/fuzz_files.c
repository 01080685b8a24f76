/* fuzz_files.c: files as they are found: logs and tables of a damaged store, files that are read as sources, lists of
 * sources. */
#include "file_ops.h"
#include "fuzz.h"
#include "list_file.h"
#include "store/leveldb_log.h"
#include "store/leveldb_table.h"
#include "wire/value.h"

#include <sys/mman.h>
#include <unistd.h>

/* A file in memory that is made once, with these bytes. */
static const char *file_of(vd_bytes_t bytes)
{
    static char path[64];
    static int file = -1;
    if (file < 0) {
        file = memfd_create("fuzz", MFD_CLOEXEC);
        FUZZ_HOLDS(file >= 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    FUZZ_HOLDS(ftruncate(file, 0) == 0);
    FUZZ_HOLDS(pwrite(file, bytes.data, bytes.size, 0) == (ssize_t)bytes.size);
    return path;
}

/* The log of the whole records is a log of the same whole records. */
static void log_of(vd_bytes_t bytes)
{
    size_t size = 0, again_size = 0;
    unsigned char *whole = vd_leveldb_log_load(file_of(bytes), &size);
    if (whole == NULL)
        return;
    unsigned char *again = vd_leveldb_log_load(file_of(vd_bytes(whole, size)), &again_size);
    FUZZ_HOLDS(again != NULL && again_size == size && memcmp(whole, again, size) == 0);
    free(whole);
    free(again);
}

static void table(vd_bytes_t bytes)
{
    vd_leveldb_table_index_good(file_of(bytes));
    vd_leveldb_piece_good(bytes.data, bytes.size);
}

/* The lines that match, and the first, are lines of the file, in order. */
static void match(vd_bytes_t input)
{
    char *glob = fuzz_text(fuzz_part(&input));
    vd_file_job_t job = {.op = "read",
                         .path = file_of(input),
                         .prefix = "",
                         .match = glob,
                         .bytes_max = VD_SAMPLE_BYTES_MAX};
    vd_buffer_init(&job.meta, 4096);
    vd_buffer_init(&job.content, VD_SAMPLE_BYTES_MAX);
    vd_file_run(&job);
    vd_bytes_t content = vd_buffer_view(&job.content);
    if (job.status == VD_OK) {
        FUZZ_HOLDS(glob[0] != 0 || vd_bytes_equal(content, input));
        FUZZ_HOLDS(content.size <= input.size);
        size_t at = 0;
        for (size_t i = 0; i < input.size && at < content.size; i++)
            at += input.data[i] == content.data[at];
        FUZZ_HOLDS(at == content.size);
    } else {
        FUZZ_HOLDS(job.error[0] != 0);
    }
    vd_buffer_free(&job.meta);
    vd_buffer_free(&job.content);
    free(glob);
}

static void list(vd_bytes_t bytes)
{
    char error[VD_TEXT_BYTES_MAX + 1] = "";
    vd_buffer_t out;
    vd_buffer_init(&out, VD_SOURCE_LIST_BYTES_MAX);
    if (vd_list_file_read(file_of(bytes), "http", &out, error, sizeof error) == VD_OK)
        FUZZ_HOLDS(vd_scan_exact(vd_buffer_view(&out), VD_DEPTH_MAX) == VD_OK);
    else
        FUZZ_HOLDS(error[0] != 0);
    vd_buffer_free(&out);
}

void fuzz_one(vd_bytes_t input)
{
    static void (*const kinds[])(vd_bytes_t bytes) = {log_of, table, match, list};
    kinds[fuzz_byte(&input) % 4](input);
}

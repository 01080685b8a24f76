/* mode.c: opening a store for what it is good for. */
#include "mode.h"

#include <assert.h>
#include <stdio.h>

/* Of one of the texts that are put together. */
#define PART_MAX 480

static bool may_get_better(vd_status_t status)
{
    return status == VD_NO_SPACE || status == VD_IO || status == VD_DENIED;
}

static void closed(vd_mode_t *mode, const char *why, bool waits)
{
    mode->name = "closed";
    mode->waits = waits;
    snprintf(mode->text, sizeof mode->text, "%.*s", PART_MAX, why);
}

void vd_mode_quarantine(const char *dir, const char *why, vd_mode_t *mode)
{
    static const vd_store_options_t options = {.mode = VD_STORE_QUARANTINE};
    char first[PART_MAX + 1], error[VD_TEXT_BYTES_MAX] = "";
    snprintf(first, sizeof first, "%s", why);
    vd_store_close(&mode->store);
    vd_status_t status = vd_store_open("leveldb", dir, &options, &mode->store, error, sizeof error);
    if (status != VD_OK) {
        closed(mode, status == VD_CORRUPT ? first : error, false);
        return;
    }
    mode->name = "quarantine";
    mode->waits = false;
    snprintf(mode->text, sizeof mode->text,
             "damaged, in quarantine: nothing is written, what is readable is served. %s", first);
}

vd_status_t vd_mode_open(const char *dir, const vd_store_options_t *options, bool read_only,
                         vd_mode_t *mode)
{
    assert(dir != NULL && options != NULL && mode != NULL);
    char error[VD_TEXT_BYTES_MAX] = "";
    vd_store_options_t wanted = *options;
    wanted.mode = read_only ? VD_STORE_READ : VD_STORE_WRITE;
    *mode = (vd_mode_t){.name = read_only ? "reading" : "writing"};
    vd_status_t status = vd_store_open("leveldb", dir, &wanted, &mode->store, error, sizeof error);
    if (status == VD_OK && read_only)
        snprintf(mode->text, sizeof mode->text, "opened for reading alone: nothing is written");
    else if (status == VD_CORRUPT)
        vd_mode_quarantine(dir, error, mode);
    else if (may_get_better(status) && !read_only)
        closed(mode, error, true);
    else if (status != VD_OK)
        snprintf(mode->text, sizeof mode->text, "%.*s", PART_MAX, error);
    return status == VD_CORRUPT || mode->waits ? VD_OK : status;
}

/* link_impl.h: the inside of link.h, for its files. */
#ifndef TUI_LINK_IMPL_H
#define TUI_LINK_IMPL_H

#include "client/vedette.h"
#include "tui/link.h"
#include "wire/message.h"

#include <pthread.h>

enum {
    TUI_LINK_ASKS = 64,
    TUI_LINK_BATCH_BYTES = 64 << 10,
    TUI_LINK_LOOK_MS = 100, /* how soon a thread that waits for the runtime looks up */
    TUI_LINK_ASK_MS = 5000,
};

/* Asks that wait for their thread. */
typedef struct tui_ask_list {
    tui_ask_t asks[TUI_LINK_ASKS];
    size_t first, count;
    uint64_t running, cancelled; /* numbers */
} tui_ask_list_t;

struct tui_link {
    char dir[4096];
    bool offline;
    tui_queue_t *queue;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t threads[5];
    size_t thread_count;
    bool stopping;
    tui_ask_list_t reads, others;
    bool opening;                         /* another session is wished for */
    tui_ask_t opened;                     /* the newest such wish */
    char followed[VD_NAME_BYTES_MAX + 1]; /* the session; "": none yet */
};

bool tui_link_stopping(tui_link_t *self);
/* Waits for so long, or until the link ends. False: it ends. */
bool tui_link_sleep(tui_link_t *self, int ms);
/* Answers an ask. */
void tui_link_answer(tui_link_t *self, uint64_t number, vd_status_t status, const char *text,
                     vd_bytes_t value);
/* One request from a message structure. */
vd_status_t tui_link_request(vd_client_t *client, const char *actor, const char *port,
                             const vd_message_t *message, bool once, int timeout_ms,
                             vd_reply_t *reply);
/* The threads. */
void *tui_link_follow(void *link);
void *tui_link_read(void *link);
void *tui_link_others(void *link);
void *tui_link_feeds(void *link);

#endif

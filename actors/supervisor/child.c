#include "child.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* Seen later than this, a deadline was overslept by the supervisor itself. */
#define OVERSLEPT_US   1000000
#define FRESH_GRACE_US 5000000

/* States and actions in three letters, so that the table fits on one screen. */
/* clang-format off */
enum {
    DWN = VD_CHILD_STOPPED,
    STA = VD_CHILD_STARTING,
    RDY = VD_CHILD_READY,
    PAU = VD_CHILD_PAUSED,
    END = VD_CHILD_STOPPING,
    BCK = VD_CHILD_BACKOFF,
    FLD = VD_CHILD_FAILED,
    GON = VD_CHILD_GONE,
    NO_ = VD_CHILD_NOTHING,
    REF = VD_CHILD_REFUSE,
    SPN = VD_CHILD_SPAWN,
    NRD = VD_CHILD_NOTE_READY,
    TRM = VD_CHILD_TERMINATE,
    KIL = VD_CHILD_SIGKILL,
    ASK = VD_CHILD_ASKED_KILL,
    FRZ = VD_CHILD_FREEZE,
    THW = VD_CHILD_THAW,
    RTY = VD_CHILD_RETRY_LATER,
    GIV = VD_CHILD_GIVE_UP,
    RST = VD_CHILD_REST,
};

const vd_child_row_t VD_CHILD_TABLE[VD_CHILD_EVENTS][VD_CHILD_STATES] = {
/*              stopped   starting  ready     paused    stopping  backoff   failed    gone    */
/* START    */ {{SPN,STA},{NO_,STA},{NO_,RDY},{NO_,PAU},{NO_,END},{SPN,STA},{SPN,STA},{REF,GON}},
/* STOP     */ {{NO_,DWN},{TRM,END},{TRM,END},{TRM,END},{NO_,END},{RST,DWN},{RST,DWN},{NO_,GON}},
/* IS_READY */ {{NO_,DWN},{NRD,RDY},{NO_,RDY},{NO_,PAU},{NO_,END},{NO_,BCK},{NO_,FLD},{NO_,GON}},
/* DIED     */ {{NO_,DWN},{RTY,BCK},{RTY,BCK},{RTY,BCK},{RST,DWN},{NO_,BCK},{NO_,FLD},{NO_,GON}},
/* BROKEN   */ {{NO_,DWN},{GIV,FLD},{GIV,FLD},{GIV,FLD},{RST,DWN},{NO_,BCK},{NO_,FLD},{NO_,GON}},
/* DUE      */ {{NO_,DWN},{KIL,STA},{KIL,RDY},{NO_,PAU},{KIL,END},{SPN,STA},{NO_,FLD},{NO_,GON}},
/* PAUSE    */ {{REF,DWN},{REF,STA},{FRZ,PAU},{NO_,PAU},{REF,END},{REF,BCK},{REF,FLD},{REF,GON}},
/* RESUME   */ {{REF,DWN},{REF,STA},{NO_,RDY},{THW,RDY},{REF,END},{REF,BCK},{REF,FLD},{REF,GON}},
/* KILL     */ {{REF,DWN},{ASK,STA},{ASK,RDY},{ASK,PAU},{ASK,END},{REF,BCK},{REF,FLD},{REF,GON}},
/* RESTART  */ {{SPN,STA},{TRM,END},{TRM,END},{TRM,END},{NO_,END},{SPN,STA},{SPN,STA},{REF,GON}},
/* FORGET   */ {{NO_,GON},{NO_,STA},{NO_,RDY},{NO_,PAU},{NO_,END},{NO_,BCK},{NO_,FLD},{NO_,GON}},
};
/* clang-format on */

vd_child_policy_t vd_child_policy_default(void)
{
    return (vd_child_policy_t){
        .backoff_min_us = 100000,
        .backoff_max_us = 10000000,
        .backoff_reset_us = 30000000,
        .intensity_window_us = 60000000,
        .start_timeout_us = 10000000,
        .stop_timeout_us = 5000000,
        .silence_us = 60000000,
        .early_us = 5000000,
        .intensity_restarts = 10,
    };
}

void vd_child_init(vd_child_t *self, vd_now_t now, const char *name, const char *kind,
                   const char *program, uint8_t rank)
{
    assert(self && name && kind && program);
    assert(name[0] != '\0' && strlen(name) <= VD_NAME_BYTES_MAX);
    memset(self, 0, sizeof *self);
    (void)snprintf(self->name, sizeof self->name, "%s", name);
    (void)snprintf(self->kind, sizeof self->kind, "%s", kind);
    (void)snprintf(self->program, sizeof self->program, "%s", program);
    self->rank = rank;
    self->wanted = VD_WANT_UP;
    self->held = true;
    self->since_ms = now.wall_ms;
    self->deadline_us = VD_CHILD_NO_DEADLINE;
}

/* The wait before the next start; the first one is immediate. */
static int64_t backoff_us(const vd_child_t *self, const vd_child_policy_t *policy)
{
    if (self->level == 0)
        return 0;
    int64_t delay_us = policy->backoff_min_us;
    for (uint32_t i = 1; i < self->level && delay_us < policy->backoff_max_us; i++)
        delay_us *= 2;
    return delay_us < policy->backoff_max_us ? delay_us : policy->backoff_max_us;
}

static void retry_later(vd_child_t *self, const vd_child_policy_t *policy, vd_now_t now)
{
    int64_t delay_us = 0;
    bool lived = self->ready_us != 0;
    if (lived && now.mono_us - self->ready_us >= policy->backoff_reset_us)
        self->level = 0;
    if (!self->asked) {
        delay_us = backoff_us(self, policy);
        if (!lived || now.mono_us - self->ready_us < policy->early_us)
            self->level = self->level < 62 ? self->level + 1 : self->level;
    }
    assert(delay_us >= 0 && delay_us <= policy->backoff_max_us);
    self->deadline_us = now.mono_us + delay_us;
    self->retry_ms = now.wall_ms + delay_us / 1000;
}

/* A start by hand forgives what was before; one by the backoff does not. */
static void begin_life(vd_child_t *self, const vd_child_policy_t *policy, vd_now_t now,
                       vd_child_event_t event)
{
    if (self->state == VD_CHILD_BACKOFF)
        self->restarts++;
    if (self->state == VD_CHILD_FAILED ||
        (self->state == VD_CHILD_BACKOFF && event != VD_CHILD_DUE)) {
        self->level = 0;
        self->death_count = 0;
    }
    if (self->state == VD_CHILD_STOPPED)
        self->reason[0] = '\0';
    self->started_ms = now.wall_ms;
    self->ready_us = 0;
    self->pid = 0;
    self->asked = false;
    self->note[0] = '\0';
    self->deadline_us = now.mono_us + policy->start_timeout_us;
}

static void end_life(vd_child_t *self)
{
    self->pid = 0;
    self->life = 0;
    self->tried = true;
    self->deadline_us = VD_CHILD_NO_DEADLINE;
}

/* Why the deadline of this state kills. */
static void note_kill(vd_child_t *self, const vd_child_policy_t *policy)
{
    long long start_s = policy->start_timeout_us / 1000000;
    long long stop_s = policy->stop_timeout_us / 1000000;
    long long silence_s = policy->silence_us / 1000000;
    if (self->state == VD_CHILD_STARTING)
        (void)snprintf(self->note, sizeof self->note, "not ready after %lld s", start_s);
    else if (self->state == VD_CHILD_STOPPING)
        (void)snprintf(self->note, sizeof self->note, "not ended %lld s after SIGTERM", stop_s);
    else
        (void)snprintf(self->note, sizeof self->note, "no sign of life for %lld s", silence_s);
}

static void enter(vd_child_t *self, const vd_child_policy_t *policy, vd_now_t now,
                  vd_child_event_t event, vd_child_action_t action)
{
    switch (action) {
    case VD_CHILD_SPAWN:
        begin_life(self, policy, now, event);
        break;
    case VD_CHILD_NOTE_READY:
        self->ready_us = now.mono_us;
        self->tried = true;
        self->deadline_us = now.mono_us + policy->silence_us;
        break;
    case VD_CHILD_THAW:
        self->deadline_us = now.mono_us + policy->silence_us;
        break;
    case VD_CHILD_TERMINATE:
        self->asked = true;
        self->deadline_us = now.mono_us + policy->stop_timeout_us;
        break;
    case VD_CHILD_ASKED_KILL:
        self->asked = true;
        (void)snprintf(self->note, sizeof self->note, "as asked");
        self->deadline_us = VD_CHILD_NO_DEADLINE;
        break;
    case VD_CHILD_SIGKILL:
        note_kill(self, policy);
        self->deadline_us = VD_CHILD_NO_DEADLINE;
        break;
    case VD_CHILD_FREEZE:
        self->deadline_us = VD_CHILD_NO_DEADLINE;
        break;
    case VD_CHILD_RETRY_LATER:
        end_life(self);
        retry_later(self, policy, now);
        break;
    case VD_CHILD_GIVE_UP:
    case VD_CHILD_REST:
        end_life(self);
        break;
    case VD_CHILD_NOTHING:
    case VD_CHILD_REFUSE:
        break;
    }
}

vd_child_action_t vd_child_step(vd_child_t *self, const vd_child_policy_t *policy, vd_now_t now,
                                vd_child_event_t event)
{
    assert(self && policy && self->name[0] != '\0');
    assert((unsigned)self->state < VD_CHILD_STATES && (unsigned)event < VD_CHILD_EVENTS);
    const vd_child_row_t *row = &VD_CHILD_TABLE[event][self->state];
    vd_child_action_t action = (vd_child_action_t)row->action;
    enter(self, policy, now, event, action);
    if (self->state != (vd_child_state_t)row->next) {
        self->state = (vd_child_state_t)row->next;
        self->since_ms = now.wall_ms;
        if (self->state != VD_CHILD_BACKOFF)
            self->retry_ms = 0;
    }
    return action;
}

void vd_death_words(vd_death_how_t how, int number, char *out, size_t size)
{
    assert(out && size > 0);
    const char *name = sigabbrev_np(number);
    switch (how) {
    case VD_DEATH_EXITED:
        (void)snprintf(out, size, "exit code %d", number);
        return;
    case VD_DEATH_KILLED:
    case VD_DEATH_DUMPED:
        if (name)
            (void)snprintf(out, size, "killed by SIG%s%s", name,
                           how == VD_DEATH_DUMPED ? ", core dumped" : "");
        else
            (void)snprintf(out, size, "killed by signal %d%s", number,
                           how == VD_DEATH_DUMPED ? ", core dumped" : "");
        return;
    case VD_DEATH_NOT_EXECUTED:
        (void)snprintf(out, size, "cannot be executed: %s", strerror(number));
        return;
    case VD_DEATH_NOT_STARTED:
        (void)snprintf(out, size, "cannot be started: %s", strerror(number));
        return;
    }
    (void)snprintf(out, size, "dead");
}

/* Remembers an early death. Returns how many there were in the window, this one included. */
static uint32_t count_death(vd_child_t *self, const vd_child_policy_t *policy, vd_now_t now,
                            const vd_death_t *death)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < self->death_count; i++)
        if (now.mono_us - self->deaths[i].at_us < policy->intensity_window_us)
            self->deaths[kept++] = self->deaths[i];
    if (kept == VD_CHILD_DEATHS_MAX) {
        memmove(self->deaths, self->deaths + 1, (kept - 1) * sizeof self->deaths[0]);
        kept--;
    }
    self->deaths[kept++] = (vd_child_death_t){now.mono_us, death->how, death->number};
    self->death_count = kept;
    return kept;
}

/* Writes the remembered deaths by kind: "9 x exit code 3, 2 x killed by SIGKILL". */
static void tally(const vd_child_t *self, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < self->death_count && used < size; i++) {
        const vd_child_death_t *one = &self->deaths[i];
        uint32_t before = 0;
        uint32_t times = 0;
        for (uint32_t j = 0; j < self->death_count; j++) {
            bool same = self->deaths[j].how == one->how && self->deaths[j].number == one->number;
            before += same && j < i;
            times += same;
        }
        if (before > 0)
            continue;
        char words[96];
        vd_death_words(one->how, one->number, words, sizeof words);
        int more = snprintf(out + used, size - used, "%s%u x %s", used ? ", " : "", times, words);
        used += more > 0 ? (size_t)more : 0;
    }
}

static void tell_death(vd_child_t *self, const vd_death_t *death)
{
    char words[96];
    vd_death_words(death->how, death->number, words, sizeof words);
    if (death->how == VD_DEATH_NOT_EXECUTED)
        (void)snprintf(self->reason, sizeof self->reason,
                       "%s %s; install it there or name its directory in VEDETTE_BIN",
                       death->detail, words);
    else
        (void)snprintf(self->reason, sizeof self->reason, "%s%s%s%s%s", self->note,
                       self->note[0] ? ", " : "", words, death->detail[0] ? ": " : "",
                       death->detail);
}

vd_child_event_t vd_child_death(vd_child_t *self, const vd_child_policy_t *policy, vd_now_t now,
                                const vd_death_t *death)
{
    assert(self && policy && death);
    assert(policy->intensity_restarts >= 1 && policy->intensity_restarts <= VD_CHILD_DEATHS_MAX);
    tell_death(self, death);
    if (death->how == VD_DEATH_NOT_EXECUTED)
        return VD_CHILD_BROKEN;
    /* Exit code 2 is bad usage or configuration: the next start would read the same. */
    if (self->ready_us == 0 && death->how == VD_DEATH_EXITED && death->number == 2)
        return VD_CHILD_BROKEN;
    if (self->asked || (self->ready_us != 0 && now.mono_us - self->ready_us >= policy->early_us))
        return VD_CHILD_DIED;
    uint32_t deaths = count_death(self, policy, now, death);
    if (deaths <= policy->intensity_restarts)
        return VD_CHILD_DIED;
    char last[VD_CHILD_REASON_BYTES / 2];
    char words[VD_CHILD_REASON_BYTES / 2 - 96];
    (void)snprintf(last, sizeof last, "%.*s", (int)sizeof last - 1, self->reason);
    tally(self, words, sizeof words);
    (void)snprintf(self->reason, sizeof self->reason, "%u deaths in %lld s (%s); the last: %s",
                   deaths, (long long)(policy->intensity_window_us / 1000000), words, last);
    return VD_CHILD_BROKEN;
}

void vd_child_alive(vd_child_t *self, const vd_child_policy_t *policy, vd_now_t now)
{
    assert(self && policy);
    if (self->state == VD_CHILD_READY && self->note[0] == '\0')
        self->deadline_us = now.mono_us + policy->silence_us;
}

vd_child_event_t vd_child_next(vd_child_t *self, vd_now_t now)
{
    assert(self && self->name[0] != '\0');
    if (self->state == VD_CHILD_STOPPED && self->wanted == VD_WANT_GONE)
        return VD_CHILD_FORGET;
    if (self->state == VD_CHILD_STOPPED && self->wanted == VD_WANT_UP && !self->held)
        return VD_CHILD_START;
    if (self->deadline_us > now.mono_us)
        return VD_CHILD_NO_EVENT;
    bool watched = self->state == VD_CHILD_STARTING || self->state == VD_CHILD_READY;
    if (watched && now.mono_us - self->deadline_us > OVERSLEPT_US) {
        self->deadline_us = now.mono_us + FRESH_GRACE_US;
        return VD_CHILD_NO_EVENT;
    }
    return VD_CHILD_DUE;
}

bool vd_child_is_settled(const vd_child_t *self, const vd_child_policy_t *policy, vd_now_t now)
{
    assert(self && policy);
    return self->level == 0 || (self->state == VD_CHILD_READY &&
                                now.mono_us - self->ready_us >= policy->backoff_reset_us);
}

bool vd_child_is_up(const vd_child_t *self)
{
    return self->wanted == VD_WANT_UP && self->state == VD_CHILD_READY;
}

bool vd_child_is_down(const vd_child_t *self)
{
    bool no_process = self->state == VD_CHILD_STOPPED || self->state == VD_CHILD_FAILED ||
                      self->state == VD_CHILD_GONE;
    return no_process && (self->wanted != VD_WANT_UP || self->state == VD_CHILD_FAILED);
}

const char *vd_child_state_name(vd_child_state_t state)
{
    static const char *const names[VD_CHILD_STATES] = {
        "stopped", "starting", "ready", "paused", "stopping", "backoff", "failed", "gone",
    };
    assert((unsigned)state < VD_CHILD_STATES);
    return names[state];
}

void vd_child_describe(const vd_child_t *self, vd_child_record_t *record)
{
    assert(self && record);
    *record = (vd_child_record_t){
        .name = vd_str(self->name),
        .kind = vd_str(self->kind),
        .state = vd_str(vd_child_state_name(self->state)),
        .wanted = vd_str(self->wanted == VD_WANT_UP ? "up" : "down"),
        .pid = self->pid,
        .restarts = self->restarts,
        .since_ms = self->since_ms,
        .started_ms = self->started_ms,
        .retry_ms = self->retry_ms,
        .reason = vd_str(self->reason),
    };
}

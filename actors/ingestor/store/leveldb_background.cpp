/* leveldb_background.cpp: the thread behind LevelDB. */
#include "store/leveldb_background.hpp"

#include <cassert>
#include <linux/ioprio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace vd
{

namespace
{

/* Half of the way to where the writer has to wait for the disk anyway. LevelDB begins to rewrite
 * with 4 tables and slows writing down with 8. */
constexpr std::chrono::milliseconds HOLD(300);
constexpr unsigned TABLES_HELD = 2;
constexpr int NICE = 5;

/* Where the system does not allow it all works as well, only less evenly. */
void step_back()
{
    long thread = syscall(SYS_gettid);
    setpriority(PRIO_PROCESS, (id_t)thread, NICE);
    syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, thread,
            IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, IOPRIO_NR_LEVELS - 1));
}

} // namespace

Background::~Background()
{
    {
        Guard guard(mutex_);
        assert(works_.empty());
        stop_ = true;
        wanted_.notify_all();
    }
    if (thread_.joinable())
        thread_.join();
}

void Background::schedule(void (*function)(void *), void *arg)
{
    Guard guard(mutex_);
    begun_++;
    works_.push_back({function, arg});
    if (!thread_.joinable())
        thread_ = std::thread(&Background::run, this);
    wanted_.notify_all();
}

void Background::table_is_due()
{
    Guard guard(mutex_);
    table_due_ = true;
    wanted_.notify_all();
}

void Background::hurry(bool whether)
{
    Guard guard(mutex_);
    hurried_ = whether;
    wanted_.notify_all();
}

uint64_t Background::begun()
{
    Guard guard(mutex_);
    return begun_;
}

bool Background::wait(unsigned ms)
{
    Guard guard(mutex_);
    waiting_++;
    wanted_.notify_all();
    bool done = changed_.wait_for(guard, std::chrono::milliseconds(ms),
                                  [this] { return begun_ == ended_; });
    waiting_--;
    return done;
}

bool Background::may_begin() const
{
    return table_due_ || hurried_ || waiting_ > 0 || tables_ >= TABLES_HELD;
}

/* Lets rewriting wait; returns before its time when a table is due. */
void Background::hold(Guard &guard)
{
    if (!holding_) {
        holding_ = true;
        tables_ = 0;
        until_ = Clock::now() + HOLD;
    }
    wanted_.wait_until(guard, until_, [this] { return may_begin(); });
}

void Background::run()
{
    step_back();
    Guard guard(mutex_);
    for (;;) {
        wanted_.wait(guard, [this] { return stop_ || !works_.empty(); });
        if (works_.empty())
            return;
        if (!table_due_ && !rewriting_)
            hold(guard);
        if (table_due_) {
            tables_++;
        } else {
            rewriting_ = true;
            holding_ = false;
        }
        table_due_ = false;
        Work work = works_.front();
        works_.pop_front();
        guard.unlock();
        work.function(work.arg);
        guard.lock();
        ended_++;
        if (works_.empty())
            rewriting_ = holding_ = false;
        changed_.notify_all();
    }
}

} // namespace vd

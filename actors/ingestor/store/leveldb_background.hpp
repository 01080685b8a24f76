/* leveldb_background.hpp: the thread that does what LevelDB wants to have done in the background.
 *
 * 1. It has a low priority, for the processor and for the disk: whoever writes goes first.
 * 2. A table that is to be made of a full write buffer is made at once, for soon writing waits for
 *    it. Rewriting tables waits for a short time, and until few more tables were made, for a
 *    burst of writing to be over. Once begun it goes on until there is nothing to rewrite.
 * 3. Work is counted, so that whoever caused some can wait for its end. Nobody who waits is kept
 *    waiting by law 2.
 */
#ifndef VD_STORE_LEVELDB_BACKGROUND_HPP
#define VD_STORE_LEVELDB_BACKGROUND_HPP

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>

namespace vd
{

class Background
{
  public:
    Background() = default;
    Background(const Background &) = delete;
    Background &operator=(const Background &) = delete;
    /* Every database that has scheduled work is closed: there is none left. */
    ~Background();
    void schedule(void (*function)(void *), void *arg);
    /* Work that is there, or the next that is scheduled, makes a table of a write buffer. */
    void table_is_due();
    /* Whether from now on rewriting begins at once: somebody waits for it. */
    void hurry(bool whether);
    /* Works that were scheduled so far. */
    uint64_t begun();
    /* True when nothing is left to be done, at once or within the time. */
    bool wait(unsigned ms);

  private:
    struct Work {
        void (*function)(void *);
        void *arg;
    };
    using Clock = std::chrono::steady_clock;
    using Guard = std::unique_lock<std::mutex>;
    void run();
    void hold(Guard &guard);
    bool may_begin() const;

    std::mutex mutex_;
    std::condition_variable wanted_, changed_;
    std::deque<Work> works_;
    std::thread thread_; /* begins with the first work */
    uint64_t begun_ = 0, ended_ = 0;
    bool table_due_ = false, hurried_ = false, stop_ = false;
    unsigned waiting_ = 0;    /* calls of wait */
    bool rewriting_ = false;  /* it has begun and is not all done */
    bool holding_ = false;    /* it has not begun, */
    Clock::time_point until_; /* and does then, */
    unsigned tables_ = 0;     /* or when so many were made meanwhile */
};

} // namespace vd

#endif

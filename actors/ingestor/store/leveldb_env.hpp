/* leveldb_env.hpp: the environments behind leveldb_env.h. */
#ifndef VD_STORE_LEVELDB_ENV_HPP
#define VD_STORE_LEVELDB_ENV_HPP

#include "store/leveldb_background.hpp"

#include <leveldb/env.h>

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace vd
{

leveldb::Status error_of(const std::string &name, int number);
bool ends_with(const std::string &name, const std::string &end);

/* The directory itself; an opening of it can be taken back. */
class Direct : public leveldb::EnvWrapper
{
  public:
    Direct();
    leveldb::Status NewRandomAccessFile(const std::string &name,
                                        leveldb::RandomAccessFile **result) override;
    leveldb::Status NewWritableFile(const std::string &name,
                                    leveldb::WritableFile **result) override;
    leveldb::Status NewLogger(const std::string &name, leveldb::Logger **result) override;
    leveldb::Status RenameFile(const std::string &from, const std::string &to) override;
    leveldb::Status RemoveFile(const std::string &name) override;
    void Schedule(void (*work)(void *), void *arg) override;
    void begin_opening();
    void end_opening(bool well);
    virtual void release();
    void hurry(bool whether);
    uint64_t works();
    /* True when nothing is done in the background, at once or within the time. */
    bool wait(unsigned ms);

  protected:
    std::mutex mutex_;

  private:
    void keep_current(const std::string &name);
    bool put_current_back();

    Background background_;
    bool opening_ = false;
    std::vector<std::string> made_;      /* by the opening: removed when it is taken back */
    std::vector<std::string> doomed_;    /* by the opening: removed when it is kept */
    std::string current_, current_name_; /* what CURRENT was before */
};

/* The directory with memory above it: nothing below ever changes. */
class Overlay : public Direct
{
  public:
    explicit Overlay(bool lenient);
    leveldb::Status NewSequentialFile(const std::string &name,
                                      leveldb::SequentialFile **result) override;
    leveldb::Status NewRandomAccessFile(const std::string &name,
                                        leveldb::RandomAccessFile **result) override;
    leveldb::Status NewWritableFile(const std::string &name,
                                    leveldb::WritableFile **result) override;
    leveldb::Status NewAppendableFile(const std::string &name,
                                      leveldb::WritableFile **result) override;
    bool FileExists(const std::string &name) override;
    leveldb::Status GetChildren(const std::string &dir, std::vector<std::string> *result) override;
    leveldb::Status RemoveFile(const std::string &name) override;
    leveldb::Status RenameFile(const std::string &from, const std::string &to) override;
    leveldb::Status GetFileSize(const std::string &name, uint64_t *size) override;
    leveldb::Status CreateDir(const std::string &name) override;
    leveldb::Status RemoveDir(const std::string &name) override;
    leveldb::Status LockFile(const std::string &name, leveldb::FileLock **lock) override;
    leveldb::Status UnlockFile(leveldb::FileLock *lock) override;
    void Schedule(void (*work)(void *), void *arg) override;
    void release() override;

  private:
    bool is_removed(const std::string &name);
    void hide(const std::string &name);

    const bool lenient_;
    const std::unique_ptr<leveldb::Env> memory_;
    std::set<std::string> removed_;
    std::vector<std::pair<void (*)(void *), void *>> held_; /* work that waits for release */
    bool released_ = false;
};

} // namespace vd

#endif

/* leveldb_overlay.cpp: a directory that is only read, with memory above it for what LevelDB
 * writes. */
#include "store/leveldb_env.hpp"

#include "store/leveldb_log.h"
#include "store/leveldb_table.h"

#include <leveldb/helpers/memenv.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

using leveldb::Env;
using leveldb::Slice;
using leveldb::Status;

namespace vd
{

namespace
{

/* What is good of a log. */
class CleanLog : public leveldb::SequentialFile
{
  public:
    CleanLog(unsigned char *bytes, size_t size) : bytes_(bytes), size_(size)
    {
    }
    ~CleanLog() override
    {
        std::free(bytes_);
    }
    Status Read(size_t size, Slice *result, char *scratch) override
    {
        size = size < size_ - at_ ? size : size_ - at_;
        std::memcpy(scratch, bytes_ + at_, size);
        at_ += size;
        *result = Slice(scratch, size);
        return Status::OK();
    }
    Status Skip(uint64_t size) override
    {
        at_ = size < size_ - at_ ? at_ + size : size_;
        return Status::OK();
    }

  private:
    unsigned char *const bytes_;
    const size_t size_;
    size_t at_ = 0;
};

class Lock : public leveldb::FileLock
{
  public:
    explicit Lock(int file) : file_(file)
    {
    }
    ~Lock() override
    {
        if (file_ >= 0)
            close(file_);
    }

  private:
    const int file_;
};

/* The number of a table, or of another numbered file, by its name; 0: it has none. */
uint64_t number_of(const std::string &name)
{
    unsigned long long number = 0;
    size_t at = name.compare(0, 9, "MANIFEST-") == 0 ? 9 : 0;
    return std::sscanf(name.c_str() + at, "%20llu", &number) == 1 ? number : 0;
}

/* Adds the name of every table that could ever have been there and is not. */
void pretend(std::set<std::string> *names)
{
    std::set<uint64_t> there;
    for (const std::string &name : *names)
        there.insert(number_of(name));
    uint64_t highest = there.empty() ? 0 : *there.rbegin();
    for (uint64_t number = 1; number < highest; number++) {
        char name[32];
        std::snprintf(name, sizeof name, "%06llu.ldb", (unsigned long long)number);
        if (there.count(number) == 0)
            names->insert(name);
    }
}

} // namespace

Overlay::Overlay(bool lenient) : lenient_(lenient), memory_(leveldb::NewMemEnv(Env::Default()))
{
}

Status Overlay::NewSequentialFile(const std::string &name, leveldb::SequentialFile **result)
{
    *result = nullptr;
    if (memory_->FileExists(name))
        return memory_->NewSequentialFile(name, result);
    if (is_removed(name))
        return error_of(name, ENOENT);
    if (!lenient_ || !ends_with(name, ".log"))
        return target()->NewSequentialFile(name, result);
    size_t size = 0;
    unsigned char *bytes = vd_leveldb_log_load(name.c_str(), &size);
    if (bytes == nullptr)
        return error_of(name, errno);
    *result = new CleanLog(bytes, size);
    return Status::OK();
}

Status Overlay::NewRandomAccessFile(const std::string &name, leveldb::RandomAccessFile **result)
{
    *result = nullptr;
    if (memory_->FileExists(name))
        return memory_->NewRandomAccessFile(name, result);
    if (is_removed(name))
        return error_of(name, ENOENT);
    Status status = Direct::NewRandomAccessFile(name, result);
    if (status.ok() && !vd_leveldb_table_index_good(name.c_str())) {
        delete *result;
        *result = nullptr;
        return Status::Corruption(name, "its index is damaged");
    }
    return status;
}

Status Overlay::NewWritableFile(const std::string &name, leveldb::WritableFile **result)
{
    return memory_->NewWritableFile(name, result);
}

Status Overlay::NewAppendableFile(const std::string &name, leveldb::WritableFile **result)
{
    *result = nullptr;
    return Status::NotSupported(name, "is only read");
}

bool Overlay::FileExists(const std::string &name)
{
    return memory_->FileExists(name) || (!is_removed(name) && target()->FileExists(name));
}

Status Overlay::GetChildren(const std::string &dir, std::vector<std::string> *result)
{
    std::vector<std::string> below;
    Status status = target()->GetChildren(dir, &below);
    if (!status.ok())
        return status;
    memory_->GetChildren(dir, result);
    std::set<std::string> names(result->begin(), result->end());
    for (const std::string &name : below)
        if (!is_removed(dir + "/" + name))
            names.insert(name);
    if (lenient_)
        pretend(&names);
    result->assign(names.begin(), names.end());
    return Status::OK();
}

Status Overlay::RemoveFile(const std::string &name)
{
    if (memory_->FileExists(name))
        memory_->RemoveFile(name);
    hide(name);
    return Status::OK();
}

Status Overlay::RenameFile(const std::string &from, const std::string &to)
{
    if (memory_->FileExists(from))
        return memory_->RenameFile(from, to);
    hide(from); /* its old log for people: nobody looks for it */
    return Status::OK();
}

Status Overlay::GetFileSize(const std::string &name, uint64_t *size)
{
    if (memory_->FileExists(name))
        return memory_->GetFileSize(name, size);
    return target()->GetFileSize(name, size);
}

Status Overlay::CreateDir(const std::string &)
{
    return Status::OK();
}

Status Overlay::RemoveDir(const std::string &)
{
    return Status::OK();
}

Status Overlay::LockFile(const std::string &name, leveldb::FileLock **lock)
{
    *lock = nullptr;
    int file = open(name.c_str(), O_RDWR | O_CLOEXEC);
    struct flock range = {};
    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    if (file >= 0 && fcntl(file, F_SETLK, &range) != 0 && (errno == EAGAIN || errno == EACCES)) {
        close(file);
        return Status::IOError(name, "is held by another process");
    }
    *lock = new Lock(file);
    return Status::OK();
}

Status Overlay::UnlockFile(leveldb::FileLock *lock)
{
    delete lock;
    return Status::OK();
}

void Overlay::Schedule(void (*work)(void *), void *arg)
{
    {
        std::lock_guard<std::mutex> guard(mutex_);
        if (!released_) {
            held_.emplace_back(work, arg);
            return;
        }
    }
    target()->Schedule(work, arg);
}

void Overlay::release()
{
    std::vector<std::pair<void (*)(void *), void *>> held;
    {
        std::lock_guard<std::mutex> guard(mutex_);
        released_ = true;
        held.swap(held_);
    }
    for (const auto &one : held)
        target()->Schedule(one.first, one.second);
}

bool Overlay::is_removed(const std::string &name)
{
    std::lock_guard<std::mutex> guard(mutex_);
    return removed_.count(name) > 0;
}

void Overlay::hide(const std::string &name)
{
    if (!target()->FileExists(name))
        return;
    std::lock_guard<std::mutex> guard(mutex_);
    removed_.insert(name);
}

} // namespace vd

/* leveldb_env.cpp: an environment of LevelDB over its own one. */
#include "store/leveldb_env.h"

#include "store/leveldb_log.h"
#include "store/leveldb_table.h"

#include <leveldb/env.h>
#include <leveldb/helpers/memenv.h>

#include <cassert>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <mutex>
#include <new>
#include <set>
#include <string>
#include <unistd.h>
#include <vector>

/* As the C interface of LevelDB has it; vd_leveldb_env_new compares. */
struct leveldb_env_t {
    leveldb::Env *rep;
    bool is_default;
};

namespace
{

using leveldb::Env;
using leveldb::Slice;
using leveldb::Status;

Status error_of(const std::string &name, int number)
{
    if (number == ENOENT)
        return Status::NotFound(name, std::strerror(number));
    return Status::IOError(name, std::strerror(number));
}

bool ends_with(const std::string &name, const std::string &end)
{
    return name.size() >= end.size() &&
           name.compare(name.size() - end.size(), end.size(), end) == 0;
}

/* A table, read piece by piece. */
class Table : public leveldb::RandomAccessFile
{
  public:
    Table(std::string name, int file) : name_(std::move(name)), file_(file)
    {
    }
    ~Table() override
    {
        close(file_);
    }
    Status Read(uint64_t offset, size_t size, Slice *result, char *scratch) const override
    {
        size_t done = 0;
        while (done < size) {
            ssize_t got = pread(file_, scratch + done, size - done, (off_t)(offset + done));
            if (got < 0 && errno == EINTR)
                continue;
            if (got < 0)
                return error_of(name_, errno);
            if (got == 0)
                return Status::Corruption(name_, "is cut short");
            done += (size_t)got;
        }
        *result = Slice(scratch, done);
        return Status::OK();
    }

  private:
    const std::string name_;
    const int file_;
};

class SilentLogger : public leveldb::Logger
{
  public:
    void Logv(const char *, std::va_list) override
    {
    }
};

/* The directory itself. */
class Direct : public leveldb::EnvWrapper
{
  public:
    Direct() : EnvWrapper(Env::Default())
    {
    }
    Status NewRandomAccessFile(const std::string &name, leveldb::RandomAccessFile **result) override
    {
        *result = nullptr;
        int file = open(name.c_str(), O_RDONLY | O_CLOEXEC);
        if (file < 0)
            return error_of(name, errno);
        *result = new Table(name, file);
        return Status::OK();
    }
    Status NewWritableFile(const std::string &name, leveldb::WritableFile **result) override
    {
        bool begins = !target()->FileExists(name);
        Status status = target()->NewWritableFile(name, result);
        std::lock_guard<std::mutex> guard(mutex_);
        if (status.ok() && begins && opening_)
            made_.push_back(name);
        return status;
    }
    /* Its log for people is kept by nobody, so that opening a store in vain leaves no trace. */
    Status NewLogger(const std::string &, leveldb::Logger **result) override
    {
        *result = new SilentLogger;
        return Status::OK();
    }
    Status RenameFile(const std::string &from, const std::string &to) override
    {
        if (ends_with(to, "/LOG.old"))
            return Status::OK();
        if (ends_with(to, "/CURRENT"))
            keep_current(to);
        return target()->RenameFile(from, to);
    }
    Status RemoveFile(const std::string &name) override
    {
        std::lock_guard<std::mutex> guard(mutex_);
        if (!opening_)
            return target()->RemoveFile(name);
        doomed_.push_back(name);
        return Status::OK();
    }
    void begin_opening()
    {
        std::lock_guard<std::mutex> guard(mutex_);
        opening_ = true;
    }
    void end_opening(bool well)
    {
        std::lock_guard<std::mutex> guard(mutex_);
        if (!well && !current_.empty())
            put_current_back();
        for (const std::string &name : well ? doomed_ : made_)
            target()->RemoveFile(name);
        made_.clear();
        doomed_.clear();
        current_.clear();
        opening_ = false;
    }
    virtual void release()
    {
    }

  protected:
    std::mutex mutex_;

  private:
    /* What CURRENT was before the opening. */
    void keep_current(const std::string &name)
    {
        std::lock_guard<std::mutex> guard(mutex_);
        if (!opening_ || !current_.empty() || !target()->FileExists(name))
            return;
        leveldb::ReadFileToString(target(), name, &current_);
        current_name_ = name;
    }
    void put_current_back()
    {
        std::string part = current_name_ + ".back";
        int file = open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        bool good = file >= 0 &&
                    write(file, current_.data(), current_.size()) == (ssize_t)current_.size() &&
                    fdatasync(file) == 0;
        if (file >= 0)
            close(file);
        /* Where it fails, the new CURRENT holds just as well: then its files have to stay. */
        if (!good || !target()->RenameFile(part, current_name_).ok())
            made_.clear();
    }

    bool opening_ = false;
    std::vector<std::string> made_;   /* by the opening: removed when it went wrong */
    std::vector<std::string> doomed_; /* by the opening: removed when it went well */
    std::string current_, current_name_;
};

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

class Overlay : public Direct
{
  public:
    explicit Overlay(bool lenient) : lenient_(lenient), memory_(leveldb::NewMemEnv(Env::Default()))
    {
    }

    Status NewSequentialFile(const std::string &name, leveldb::SequentialFile **result) override
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

    Status NewRandomAccessFile(const std::string &name, leveldb::RandomAccessFile **result) override
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

    Status NewWritableFile(const std::string &name, leveldb::WritableFile **result) override
    {
        return memory_->NewWritableFile(name, result);
    }

    Status NewAppendableFile(const std::string &name, leveldb::WritableFile **result) override
    {
        *result = nullptr;
        return Status::NotSupported(name, "is only read");
    }

    bool FileExists(const std::string &name) override
    {
        return memory_->FileExists(name) || (!is_removed(name) && target()->FileExists(name));
    }

    Status GetChildren(const std::string &dir, std::vector<std::string> *result) override
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

    Status RemoveFile(const std::string &name) override
    {
        if (memory_->FileExists(name))
            memory_->RemoveFile(name);
        hide(name);
        return Status::OK();
    }

    Status RenameFile(const std::string &from, const std::string &to) override
    {
        if (memory_->FileExists(from))
            return memory_->RenameFile(from, to);
        hide(from); /* its old log for people: nobody looks for it */
        return Status::OK();
    }

    Status GetFileSize(const std::string &name, uint64_t *size) override
    {
        if (memory_->FileExists(name))
            return memory_->GetFileSize(name, size);
        return target()->GetFileSize(name, size);
    }

    Status CreateDir(const std::string &) override
    {
        return Status::OK();
    }

    Status RemoveDir(const std::string &) override
    {
        return Status::OK();
    }

    Status LockFile(const std::string &name, leveldb::FileLock **lock) override
    {
        *lock = nullptr;
        int file = open(name.c_str(), O_RDWR | O_CLOEXEC);
        struct flock range = {};
        range.l_type = F_WRLCK;
        range.l_whence = SEEK_SET;
        if (file >= 0 && fcntl(file, F_SETLK, &range) != 0 &&
            (errno == EAGAIN || errno == EACCES)) {
            close(file);
            return Status::IOError(name, "is held by another process");
        }
        *lock = new Lock(file);
        return Status::OK();
    }

    Status UnlockFile(leveldb::FileLock *lock) override
    {
        delete lock;
        return Status::OK();
    }

    void Schedule(void (*work)(void *), void *arg) override
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

    void release() override
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

  private:
    bool is_removed(const std::string &name)
    {
        std::lock_guard<std::mutex> guard(mutex_);
        return removed_.count(name) > 0;
    }

    void hide(const std::string &name)
    {
        if (!target()->FileExists(name))
            return;
        std::lock_guard<std::mutex> guard(mutex_);
        removed_.insert(name);
    }

    /* Adds the name of every table that could ever have been there and is not. */
    static void pretend(std::set<std::string> *names)
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

    const bool lenient_;
    const std::unique_ptr<Env> memory_;
    std::set<std::string> removed_;
    std::vector<std::pair<void (*)(void *), void *>> held_;
    bool released_ = false;
};

} // namespace

struct vd_leveldb_env {
    leveldb_env_t handle;
    Direct *env;
};

static bool known_interface()
{
    leveldb_env_t *given = leveldb_create_default_env();
    bool known = given != nullptr && given->rep == Env::Default() && given->is_default;
    leveldb_env_destroy(given);
    return known;
}

vd_leveldb_env_t *vd_leveldb_env_new(vd_leveldb_layer_t layer)
{
    if (!known_interface())
        return nullptr;
    auto *self = new (std::nothrow) vd_leveldb_env;
    if (self == nullptr)
        return nullptr;
    self->env = layer == VD_LEVELDB_DIRECT ? new (std::nothrow) Direct
                                           : new (std::nothrow)
                                                 Overlay(layer == VD_LEVELDB_OVERLAY_LENIENT);
    self->handle.rep = self->env;
    self->handle.is_default = true; /* nobody else destroys it */
    if (self->env == nullptr) {
        delete self;
        return nullptr;
    }
    return self;
}

leveldb_env_t *vd_leveldb_env_handle(vd_leveldb_env_t *self)
{
    return &self->handle;
}

void vd_leveldb_env_begin_opening(vd_leveldb_env_t *self)
{
    self->env->begin_opening();
}

void vd_leveldb_env_end_opening(vd_leveldb_env_t *self, bool well)
{
    self->env->end_opening(well);
}

void vd_leveldb_env_release(vd_leveldb_env_t *self)
{
    self->env->release();
}

void vd_leveldb_env_destroy(vd_leveldb_env_t **self)
{
    assert(self != nullptr);
    if (*self != nullptr) {
        delete (*self)->env;
        delete *self;
    }
    *self = nullptr;
}

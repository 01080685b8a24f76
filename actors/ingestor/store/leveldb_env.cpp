/* leveldb_env.cpp: an environment of LevelDB over its own one: the directory itself. */
#include "store/leveldb_env.h"

#include "store/leveldb_env.hpp"
#include "store/leveldb_even_file.hpp"
#include "store/leveldb_table.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <unistd.h>

/* As the C interface of LevelDB has it; vd_leveldb_env_new compares. */
struct leveldb_env_t {
    leveldb::Env *rep;
    bool is_default;
};

using leveldb::Env;
using leveldb::Slice;
using leveldb::Status;

namespace vd
{

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

namespace
{

/* A table, read piece by piece; each piece is checked here, by instruction: LevelDB takes several times as long for
 * it. */
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
        if (!vd_leveldb_piece_good(reinterpret_cast<const uint8_t *>(scratch), done))
            return Status::Corruption(name_.substr(name_.rfind('/') + 1),
                                      "block checksum mismatch");
        *result = Slice(scratch, done);
        return Status::OK();
    }

  private:
    const std::string name_;
    const int file_;
};

/* Its log for people is kept by nobody. */
class SilentLogger : public leveldb::Logger
{
  public:
    void Logv(const char *, std::va_list) override
    {
    }
};

} // namespace

Direct::Direct() : EnvWrapper(Env::Default())
{
}

Status Direct::NewRandomAccessFile(const std::string &name, leveldb::RandomAccessFile **result)
{
    *result = nullptr;
    int file = open(name.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return error_of(name, errno);
    *result = new Table(name, file);
    return Status::OK();
}

Status Direct::NewWritableFile(const std::string &name, leveldb::WritableFile **result)
{
    std::lock_guard<std::mutex> guard(mutex_);
    bool begins = !target()->FileExists(name);
    if (ends_with(name, ".log"))
        background_.table_is_due();
    Status status = ends_with(name, ".ldb") ? EvenFile::make(name, result)
                                            : target()->NewWritableFile(name, result);
    /* What was left over of a failed life has a number that LevelDB gives once more: it stays. */
    doomed_.erase(std::remove(doomed_.begin(), doomed_.end(), name), doomed_.end());
    if (status.ok() && begins && opening_)
        made_.push_back(name);
    return status;
}

Status Direct::NewLogger(const std::string &, leveldb::Logger **result)
{
    *result = new SilentLogger;
    return Status::OK();
}

Status Direct::RenameFile(const std::string &from, const std::string &to)
{
    if (ends_with(to, "/LOG.old"))
        return Status::OK();
    if (ends_with(to, "/CURRENT"))
        keep_current(to);
    return target()->RenameFile(from, to);
}

Status Direct::RemoveFile(const std::string &name)
{
    std::lock_guard<std::mutex> guard(mutex_);
    if (!opening_)
        return target()->RemoveFile(name);
    doomed_.push_back(name);
    return Status::OK();
}

void Direct::begin_opening()
{
    std::lock_guard<std::mutex> guard(mutex_);
    opening_ = true;
    background_.hurry(false);
}

void Direct::end_opening(bool well)
{
    std::lock_guard<std::mutex> guard(mutex_);
    /* Where CURRENT cannot be put back the new one holds just as well, with its files. */
    bool back = !well && (current_.empty() || put_current_back());
    if (well || back)
        for (const std::string &name : well ? doomed_ : made_)
            target()->RemoveFile(name);
    made_.clear();
    doomed_.clear();
    current_.clear();
    opening_ = false;
}

void Direct::Schedule(void (*function)(void *), void *arg)
{
    background_.schedule(function, arg);
}

void Direct::release()
{
    background_.hurry(true);
}

uint64_t Direct::works()
{
    return background_.begun();
}

void Direct::hurry(bool whether)
{
    background_.hurry(whether);
}

bool Direct::wait(unsigned ms)
{
    return background_.wait(ms);
}

void Direct::keep_current(const std::string &name)
{
    std::lock_guard<std::mutex> guard(mutex_);
    if (!opening_ || !current_.empty() || !target()->FileExists(name))
        return;
    leveldb::ReadFileToString(target(), name, &current_);
    current_name_ = name;
}

bool Direct::put_current_back()
{
    std::string part = current_name_ + ".back";
    int file = open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = file >= 0 &&
                write(file, current_.data(), current_.size()) == (ssize_t)current_.size() &&
                fdatasync(file) == 0;
    if (file >= 0)
        close(file);
    return good && target()->RenameFile(part, current_name_).ok();
}

} // namespace vd

struct vd_leveldb_env {
    leveldb_env_t handle;
    vd::Direct *env;
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
    self->env = layer == VD_LEVELDB_DIRECT ? new (std::nothrow) vd::Direct
                                           : new (std::nothrow)
                                                 vd::Overlay(layer == VD_LEVELDB_OVERLAY_LENIENT);
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

void vd_leveldb_env_hurry(vd_leveldb_env_t *self, bool whether)
{
    self->env->hurry(whether);
}

uint64_t vd_leveldb_env_works(vd_leveldb_env_t *self)
{
    return self->env->works();
}

bool vd_leveldb_env_wait(vd_leveldb_env_t *self, unsigned ms)
{
    return self->env->wait(ms);
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

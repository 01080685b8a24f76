/* leveldb_even_file.cpp: a file that goes to the disk while it is written. */
#include "store/leveldb_even_file.hpp"

#include "store/leveldb_env.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

using leveldb::Slice;
using leveldb::Status;

namespace vd
{

static constexpr int64_t PIECE_BYTES = 1024 * 1024;

EvenFile::EvenFile(std::string name, int file)
    : name_(std::move(name)), file_(file), buffer_(new char[BUFFER_BYTES])
{
}

Status EvenFile::make(const std::string &name, leveldb::WritableFile **result)
{
    *result = nullptr;
    int file = open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0)
        return error_of(name, errno);
    *result = new EvenFile(name, file);
    return Status::OK();
}

EvenFile::~EvenFile()
{
    if (file_ >= 0)
        Close();
}

Status EvenFile::write_out(const char *data, size_t size)
{
    while (size > 0) {
        ssize_t done = write(file_, data, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return error_of(name_, errno);
        data += done;
        size -= (size_t)done;
        written_ += done;
    }
    if (written_ - told_ >= PIECE_BYTES) {
        /* A system that does not know this writes when it syncs. */
        sync_file_range(file_, told_, written_ - told_, SYNC_FILE_RANGE_WRITE);
        told_ = written_;
    }
    return Status::OK();
}

Status EvenFile::Append(const Slice &data)
{
    if (data.size() > BUFFER_BYTES - buffered_) {
        Status status = Flush();
        if (!status.ok() || data.size() >= BUFFER_BYTES)
            return status.ok() ? write_out(data.data(), data.size()) : status;
    }
    std::memcpy(buffer_.get() + buffered_, data.data(), data.size());
    buffered_ += data.size();
    return Status::OK();
}

Status EvenFile::Flush()
{
    size_t size = buffered_;
    buffered_ = 0;
    return write_out(buffer_.get(), size);
}

Status EvenFile::Sync()
{
    Status status = Flush();
    if (status.ok() && fdatasync(file_) != 0)
        status = error_of(name_, errno);
    return status;
}

Status EvenFile::Close()
{
    Status status = Flush();
    if (close(file_) != 0 && status.ok())
        status = error_of(name_, errno);
    file_ = -1;
    return status;
}

} // namespace vd

/* leveldb_even_file.hpp: a new file that goes to the disk evenly while it is written.
 *
 * 1. The system is told to write after each piece, so that a sync of the whole finds little left to
 *    do. One that finds all of it holds up every other sync of the disk meanwhile: those of the log,
 *    for which acknowledgements wait.
 * 2. Only a sync makes durable; what was told before promises nothing.
 */
#ifndef VD_STORE_LEVELDB_EVEN_FILE_HPP
#define VD_STORE_LEVELDB_EVEN_FILE_HPP

#include <leveldb/env.h>

#include <memory>
#include <string>

namespace vd
{

class EvenFile : public leveldb::WritableFile
{
  public:
    /* Makes the file, or empties the one that is there. */
    static leveldb::Status make(const std::string &name, leveldb::WritableFile **result);
    ~EvenFile() override;
    leveldb::Status Append(const leveldb::Slice &data) override;
    leveldb::Status Close() override;
    leveldb::Status Flush() override;
    leveldb::Status Sync() override;

  private:
    static constexpr size_t BUFFER_BYTES = 64 * 1024;

    EvenFile(std::string name, int file);
    leveldb::Status write_out(const char *data, size_t size);

    const std::string name_;
    int file_; /* -1: closed */
    const std::unique_ptr<char[]> buffer_;
    size_t buffered_ = 0;
    int64_t written_ = 0; /* bytes in the file, */
    int64_t told_ = 0;    /* and of these the system was told to write */
};

} // namespace vd

#endif

// Records what a process writes to the files of one folder, and when it has synced them.
//
// Preloaded into a coordinator. Every record is appended to RECORDER_LOG by one write, in the
// order in which the calls took effect:
//   char op; u32 path bytes; path; u64 offset; u64 data bytes; data     (native byte order)
// op: W data written at offset; T truncated to offset; S synced; U unlinked.

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <climits>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>

namespace {

std::recursive_mutex recording;  // the order in the log is the order of the calls

template <typename Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

using Write = ssize_t (*)(int, const void*, size_t);

std::string path_of(int file) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t length = readlink(link, path, sizeof path);
  return length < 0 ? std::string() : std::string(path, static_cast<size_t>(length));
}

bool watched(const std::string& path) {
  static const char* folder = getenv("RECORDER_FOLDER");
  return folder && path.compare(0, strlen(folder), folder) == 0;
}

void append(char op, const std::string& path, uint64_t offset, const void* data, uint64_t size) {
  static const Write write_ = real<Write>("write");
  static const int log = open(getenv("RECORDER_LOG"), O_WRONLY | O_CREAT | O_APPEND, 0600);
  const uint32_t length = static_cast<uint32_t>(path.size());
  std::string record(1, op);
  record.append(reinterpret_cast<const char*>(&length), sizeof length).append(path);
  record.append(reinterpret_cast<const char*>(&offset), sizeof offset);
  record.append(reinterpret_cast<const char*>(&size), sizeof size);
  if (size) record.append(static_cast<const char*>(data), size);
  if (write_(log, record.data(), record.size()) != static_cast<ssize_t>(record.size())) abort();
}

ssize_t written(int file, off_t offset, const void* data, ssize_t done) {
  if (done > 0) {
    const std::string path = path_of(file);
    if (watched(path)) {
      append('W', path, static_cast<uint64_t>(offset), data, static_cast<uint64_t>(done));
    }
  }
  return done;
}

int synced(int file, int result) {
  const std::string path = path_of(file);
  if (result == 0 && watched(path)) append('S', path, 0, nullptr, 0);
  return result;
}

int truncated(int file, off_t size, int result) {
  const std::string path = path_of(file);
  if (result == 0 && watched(path)) append('T', path, static_cast<uint64_t>(size), nullptr, 0);
  return result;
}

}  // namespace

extern "C" {

ssize_t pwrite64(int file, const void* data, size_t size, off_t offset) {
  static const auto real_ = real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite64");
  const std::lock_guard<std::recursive_mutex> lock(recording);
  return written(file, offset, data, real_(file, data, size, offset));
}

ssize_t pwrite(int file, const void* data, size_t size, off_t offset) {
  return pwrite64(file, data, size, offset);
}

ssize_t write(int file, const void* data, size_t size) {
  static const Write real_ = real<Write>("write");
  if (!watched(path_of(file))) return real_(file, data, size);
  const std::lock_guard<std::recursive_mutex> lock(recording);
  const off_t offset = lseek(file, 0, SEEK_CUR);
  return written(file, offset, data, real_(file, data, size));
}

int fsync(int file) {
  static const auto real_ = real<int (*)(int)>("fsync");
  const std::lock_guard<std::recursive_mutex> lock(recording);
  return synced(file, real_(file));
}

int fdatasync(int file) {
  static const auto real_ = real<int (*)(int)>("fdatasync");
  const std::lock_guard<std::recursive_mutex> lock(recording);
  return synced(file, real_(file));
}

int ftruncate64(int file, off_t size) {
  static const auto real_ = real<int (*)(int, off_t)>("ftruncate64");
  const std::lock_guard<std::recursive_mutex> lock(recording);
  return truncated(file, size, real_(file, size));
}

int ftruncate(int file, off_t size) { return ftruncate64(file, size); }

int unlink(const char* path) {
  static const auto real_ = real<int (*)(const char*)>("unlink");
  const std::lock_guard<std::recursive_mutex> lock(recording);
  const int result = real_(path);
  if (result == 0 && watched(path)) append('U', path, 0, nullptr, 0);
  return result;
}

}  // extern "C"

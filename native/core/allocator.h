// Host memory with a cache: training steps ask for the same sizes again and again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

namespace rst {

struct MemoryStats {
  int64_t in_use = 0;  // bytes handed out
  int64_t cached = 0;  // bytes kept for reuse
  int64_t peak = 0;    // largest in_use since the start
  int64_t limit = 0;   // bytes that in_use may reach; 0 = no limit but the machine's
};

// Thread-safe. Blocks are 64-byte aligned; those of 1 MiB and more are aligned to and backed by huge pages
// where the system grants them, because a convolution walks one page a channel.
class CachingAllocator {
 public:
  explicit CachingAllocator(int64_t limit = 0);
  ~CachingAllocator();
  CachingAllocator(const CachingAllocator&) = delete;
  CachingAllocator& operator=(const CachingAllocator&) = delete;

  // Throws Error(kOutOfMemory) that names the size asked for and the size free.
  void* allocate(int64_t bytes);
  void release(void* block, int64_t bytes) noexcept;
  void release_cached() noexcept;
  MemoryStats stats() const;

 private:
  static int64_t size_class(int64_t bytes);
  void release_cached_locked() noexcept;

  mutable std::mutex mutex_;
  std::map<int64_t, std::vector<void*>> free_;
  MemoryStats stats_;
};

// Owns one block of an allocator; movable.
class Buffer {
 public:
  Buffer() = default;
  Buffer(CachingAllocator& allocator, int64_t bytes)
      : allocator_(&allocator), bytes_(bytes), data_(allocator.allocate(bytes)) {}
  Buffer(Buffer&& other) noexcept { *this = static_cast<Buffer&&>(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    if (this != &other) {
      reset();
      allocator_ = other.allocator_, bytes_ = other.bytes_, data_ = other.data_;
      other.data_ = nullptr;
      other.bytes_ = 0;
    }
    return *this;
  }
  ~Buffer() { reset(); }

  void reset() noexcept {
    if (data_) allocator_->release(data_, bytes_);
    data_ = nullptr;
    bytes_ = 0;
  }
  int64_t bytes() const { return bytes_; }
  template <class T = void>
  T* as() const {
    return static_cast<T*>(data_);
  }
  explicit operator bool() const { return data_ != nullptr; }

 private:
  CachingAllocator* allocator_ = nullptr;
  int64_t bytes_ = 0;
  void* data_ = nullptr;
};

}  // namespace rst

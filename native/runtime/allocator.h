// Memory with a cache: training steps ask for the same sizes again and again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

#include "native/runtime/memory_source.h"

namespace rst {

struct MemoryStats {
  int64_t in_use = 0;  // bytes handed out
  int64_t cached = 0;  // bytes kept for reuse
  int64_t peak = 0;    // largest in_use since the start, or since reset_peak
  int64_t limit = 0;   // bytes that in_use may reach; 0 = no limit but the machine's
};

// Thread-safe.
//
// What is released is kept for the next who asks, up to kCacheFloor, or to twice the most bytes that were in
// use since the cache was last released, less what is in use: blocks of a step that repeats have several
// sizes, and with less room some are fetched from the source anew in each. What lay unused longest goes
// first.
class CachingAllocator {
 public:
  static constexpr int64_t kCacheFloor = int64_t{64} << 20;

  // The source outlives it.
  explicit CachingAllocator(int64_t limit = 0, MemorySource& source = host_memory());
  ~CachingAllocator();
  CachingAllocator(const CachingAllocator&) = delete;
  CachingAllocator& operator=(const CachingAllocator&) = delete;

  struct Block {
    void* data = nullptr;
    uint64_t content = 0;
    int64_t size = 0;  // bytes, at least what was asked for
  };

  // Throws Error(kOutOfMemory) that names the size asked for and the size free. `content` names what the
  // caller would like to find in it, as given to a former `release`; a block that has it is preferred, and
  // the result says what it has.
  Block allocate(int64_t bytes, uint64_t content = 0);
  void release(Block block) noexcept;
  // Gives the cache back to the source.
  void release_cached() noexcept;
  // peak = in_use.
  void reset_peak() noexcept;
  MemoryStats stats() const;

  // Called with each block before it is handed out; may fill it and forget its content, or throw in its
  // place. Tests see and fail allocations by it.
  using Watcher = std::function<void(Block&)>;
  void watch(Watcher watcher);

 private:
  struct Cached {
    Block block;
    uint64_t released;  // counts releases
  };

  static int64_t size_class(int64_t bytes);
  // Takes a cached block of the class, or for a MiB and more of one up to a quarter larger; without
  // data where there is none.
  Block take_cached(int64_t size, uint64_t content);
  void put_cached(const Block& block) noexcept;
  // Gives blocks back to the source, the longest unused first, until at most `bytes` are cached.
  void shrink_cache(int64_t bytes) noexcept;
  Block from_source(int64_t size) noexcept { return {source_.allocate(size), 0, size}; }

  MemorySource& source_;
  mutable std::mutex mutex_;
  std::map<int64_t, std::vector<Cached>> free_;  // by size; each list in the order of release
  uint64_t releases_ = 0;
  int64_t high_water_ = 0;  // largest in_use since release_cached
  MemoryStats stats_;
  Watcher watcher_;
};

// Owns one block of an allocator; movable.
class Buffer {
 public:
  Buffer() = default;
  Buffer(CachingAllocator& allocator, int64_t bytes, uint64_t content = 0)
      : allocator_(&allocator), bytes_(bytes), block_(allocator.allocate(bytes, content)) {
    if (block_.content != content) block_.content = 0;
  }
  Buffer(Buffer&& other) noexcept { *this = static_cast<Buffer&&>(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    if (this != &other) {
      reset();
      allocator_ = other.allocator_, bytes_ = other.bytes_, block_ = other.block_;
      other.block_ = {};
      other.bytes_ = 0;
    }
    return *this;
  }
  ~Buffer() { reset(); }

  void reset() noexcept {
    if (block_.data) allocator_->release(block_);
    block_ = {};
    bytes_ = 0;
  }
  int64_t bytes() const { return bytes_; }
  // What a former owner left there: what was asked for, or 0 (nothing known).
  uint64_t content() const { return block_.content; }
  // Says what whoever gets the block next will find.
  void set_content(uint64_t content) { block_.content = content; }
  template <class T = void>
  T* as() const {
    return static_cast<T*>(block_.data);
  }
  explicit operator bool() const { return block_.data != nullptr; }

 private:
  CachingAllocator* allocator_ = nullptr;
  int64_t bytes_ = 0;
  CachingAllocator::Block block_;
};

}  // namespace rst

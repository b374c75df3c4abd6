#include "native/runtime/allocator.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <string>
#include <utility>

#include "native/core/error.h"

namespace rst {
namespace {

// Smaller blocks stay in their class.
constexpr int64_t kWorthSharing = int64_t{1} << 20;

}  // namespace

CachingAllocator::CachingAllocator(int64_t limit, MemorySource& source) : source_(source) {
  stats_.limit = limit;
}
CachingAllocator::~CachingAllocator() {
  release_cached();
}

// Sixteen classes an octave: at most a sixteenth of a block is wasted, and equal tensors share a class.
int64_t CachingAllocator::size_class(int64_t bytes) {
  if (bytes <= 512) return 512;
  const int64_t step = std::bit_floor(static_cast<uint64_t>(bytes)) / 16;
  return (bytes + step - 1) / step * step;
}

CachingAllocator::Block CachingAllocator::allocate(int64_t bytes, uint64_t content) {
  const int64_t size = size_class(bytes);
  std::lock_guard lock(mutex_);
  Block block;
  if (stats_.limit == 0 || stats_.in_use + size <= stats_.limit) {
    block = take_cached(size, content);
    if (!block.data) {
      if (stats_.limit) shrink_cache(stats_.limit - stats_.in_use - size);
      block = from_source(size);
    }
    if (!block.data) {
      shrink_cache(0);
      block = from_source(size);
    }
  }
  if (!block.data) {
    const std::string free_text =
        stats_.limit ? std::to_string(std::max<int64_t>(0, stats_.limit - stats_.in_use)) +
                           " bytes are free of the limit of " + std::to_string(stats_.limit)
                     : source_.name() + (" has no such block left beside " + std::to_string(stats_.in_use)) +
                           " bytes in use";
    throw Error(ErrorCode::kOutOfMemory, "Asked for " + std::to_string(bytes) + " bytes but " + free_text +
                                             "; use a smaller batch size or width.");
  }
  if (watcher_) {
    try {
      watcher_(block);
    } catch (...) {
      put_cached(block);
      throw;
    }
  }
  stats_.in_use += block.size;
  stats_.peak = std::max(stats_.peak, stats_.in_use);
  high_water_ = std::max(high_water_, stats_.in_use);
  return block;
}

CachingAllocator::Block CachingAllocator::take_cached(int64_t size, uint64_t content) {
  const int64_t largest = size >= kWorthSharing ? size + size / 4 : size;
  for (auto at = free_.lower_bound(size); at != free_.end() && at->first <= largest; ++at) {
    auto& [class_size, list] = *at;
    if (list.empty() || (stats_.limit && stats_.in_use + class_size > stats_.limit)) continue;
    auto it = std::find_if(list.rbegin(), list.rend(),
                           [&](const Cached& cached) { return cached.block.content == content; });
    if (it == list.rend()) it = list.rbegin();
    const Block block = it->block;
    list.erase(std::next(it).base());
    stats_.cached -= class_size;
    return block;
  }
  return {};
}

void CachingAllocator::put_cached(const Block& block) noexcept {
  try {
    free_[block.size].push_back({block, releases_++});
    stats_.cached += block.size;
  } catch (...) {  // no memory to note it with
    source_.free(block.data, block.size);
  }
}

void CachingAllocator::shrink_cache(int64_t bytes) noexcept {
  while (stats_.cached > std::max<int64_t>(0, bytes)) {
    std::vector<Cached>* oldest = nullptr;
    for (auto& [size, list] : free_) {
      if (!list.empty() && (!oldest || list.front().released < oldest->front().released)) oldest = &list;
    }
    const Block block = oldest->front().block;
    oldest->erase(oldest->begin());
    stats_.cached -= block.size;
    source_.free(block.data, block.size);
  }
}

void CachingAllocator::release(Block block) noexcept {
  std::lock_guard lock(mutex_);
  stats_.in_use -= block.size;
  put_cached(block);
  shrink_cache(std::max(kCacheFloor, 2 * high_water_ - stats_.in_use));
}

void CachingAllocator::release_cached() noexcept {
  std::lock_guard lock(mutex_);
  shrink_cache(0);
  high_water_ = stats_.in_use;
}

void CachingAllocator::reset_peak() noexcept {
  std::lock_guard lock(mutex_);
  stats_.peak = stats_.in_use;
}

MemoryStats CachingAllocator::stats() const {
  std::lock_guard lock(mutex_);
  return stats_;
}

void CachingAllocator::watch(Watcher watcher) {
  std::lock_guard lock(mutex_);
  watcher_ = std::move(watcher);
}

}  // namespace rst

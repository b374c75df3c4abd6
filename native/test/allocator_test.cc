#include "native/runtime/allocator.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "native/core/error.h"
#include "native/test/suites.h"

namespace rst {
namespace {

constexpr int64_t kMebi = 1 << 20;

TEST_SUITE_BEGIN(test::kNoDevice);

TEST_CASE("a released block is handed out again for the same size") {
  CachingAllocator allocator;
  const auto first = allocator.allocate(5000);
  allocator.release(first);
  CHECK(allocator.stats().in_use == 0);
  CHECK(allocator.stats().cached >= 5000);
  const auto second = allocator.allocate(5000);
  CHECK(second.data == first.data);
  CHECK(allocator.stats().cached == 0);
  allocator.release(second);
  allocator.release_cached();
  CHECK(allocator.stats().cached == 0);
}

TEST_CASE("a cached block up to a quarter larger serves too, with its whole size in use") {
  CachingAllocator allocator;
  const auto large = allocator.allocate(5 * kMebi);
  const int64_t size = allocator.stats().in_use;
  allocator.release(large);
  const auto other = allocator.allocate(3 * kMebi);
  CHECK(other.data != large.data);
  const auto reused = allocator.allocate(4 * kMebi);
  CHECK(reused.data == large.data);
  allocator.release(other);
  CHECK(allocator.stats().in_use == size);
  allocator.release(reused);
  CHECK(allocator.stats().in_use == 0);
  const auto again = allocator.allocate(5 * kMebi);
  CHECK(again.data == large.data);
  allocator.release(again);
}

TEST_CASE("blocks are aligned, distinct and writable to their end") {
  CachingAllocator allocator;
  for (int64_t bytes : {int64_t{0}, int64_t{1}, int64_t{513}, 3 * kMebi + 1}) {
    const auto a = allocator.allocate(bytes);
    const auto b = allocator.allocate(bytes);
    CHECK(a.data != b.data);
    const uintptr_t alignment = bytes >= kMebi ? 2 * kMebi : 64;
    CHECK(reinterpret_cast<uintptr_t>(a.data) % alignment == 0);
    std::memset(a.data, 1, static_cast<size_t>(bytes));
    std::memset(b.data, 2, static_cast<size_t>(bytes));
    allocator.release(a);
    allocator.release(b);
  }
}

TEST_CASE("a block whose content was named is preferred by who asks for it, and forgotten by who does not") {
  CachingAllocator allocator;
  const void* named = nullptr;
  {
    Buffer a(allocator, kMebi), b(allocator, kMebi, 7);
    CHECK(b.content() == 0);
    b.set_content(7);
    named = b.as<void>();
  }
  {
    const Buffer a(allocator, kMebi, 7);
    CHECK(a.as<void>() == named);
    CHECK(a.content() == 7);
    const Buffer b(allocator, kMebi, 7);
    CHECK(b.content() == 0);
  }
  { const Buffer a(allocator, kMebi), b(allocator, kMebi); }
  const Buffer c(allocator, kMebi, 7), d(allocator, kMebi, 7);
  CHECK(c.content() == 0);
  CHECK(d.content() == 0);
}

TEST_CASE("peak is the largest sum in use") {
  CachingAllocator allocator;
  {
    const Buffer a(allocator, kMebi), b(allocator, kMebi);
    CHECK(allocator.stats().in_use == 2 * kMebi);
  }
  const Buffer c(allocator, kMebi);
  CHECK(allocator.stats().in_use == kMebi);
  CHECK(allocator.stats().peak == 2 * kMebi);
}

TEST_CASE("the limit is kept, and its error names what was asked and what is free") {
  CachingAllocator allocator(4 * kMebi);
  const Buffer kept(allocator, 3 * kMebi);
  try {
    const Buffer refused(allocator, 2 * kMebi);
    FAIL("expected an out-of-memory error");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kOutOfMemory);
    const std::string message = error.what();
    CHECK(message.find(std::to_string(2 * kMebi)) != std::string::npos);
    CHECK(message.find(std::to_string(kMebi) + " bytes are free") != std::string::npos);
  }
  const Buffer fits(allocator, kMebi);  // a refusal leaves the allocator usable
  CHECK(allocator.stats().in_use == 4 * kMebi);
}

TEST_CASE("cached blocks give way to another size under the limit") {
  CachingAllocator allocator(4 * kMebi);
  { const Buffer cached(allocator, 3 * kMebi); }
  const Buffer other(allocator, 2 * kMebi);
  CHECK(allocator.stats().in_use + allocator.stats().cached <= 4 * kMebi);
}

TEST_CASE("cache and use stay within twice the most that was in use, and the longest unused goes first") {
  CachingAllocator allocator;
  for (int64_t size = 1; size <= 40; ++size) {
    const Buffer one(allocator, size * kMebi);
  }
  CHECK(allocator.stats().peak == 40 * kMebi);
  CHECK(allocator.stats().cached <= 2 * 40 * kMebi);
  CHECK(allocator.stats().cached >= 40 * kMebi);
  const Buffer last(allocator, 40 * kMebi);  // the last released is still there
  CHECK(allocator.stats().cached <= 40 * kMebi);

  SUBCASE("a step that repeats finds every block again, however large it is") {
    allocator.release_cached();
    const auto step = [&] {
      std::vector<Buffer> live;
      for (int64_t size = 10; size < 30; ++size) live.emplace_back(allocator, size * kMebi);
    };
    step();
    const int64_t cached = allocator.stats().cached;
    CHECK(cached >= 390 * kMebi);
    step();
    CHECK(allocator.stats().cached == cached);
  }
}

TEST_CASE("releasing the cache empties it, and resetting the peak starts from what is in use") {
  CachingAllocator allocator;
  const Buffer kept(allocator, kMebi);
  { const Buffer a(allocator, 100 * kMebi), b(allocator, 3); }
  CHECK(allocator.stats().cached > 100 * kMebi);
  allocator.release_cached();
  CHECK(allocator.stats().cached == 0);
  CHECK(allocator.stats().peak > 101 * kMebi);
  allocator.reset_peak();
  CHECK(allocator.stats().peak == kMebi);
  CHECK(allocator.stats().in_use == kMebi);
  { const Buffer a(allocator, 80 * kMebi), b(allocator, 20 * kMebi); }
  CHECK(allocator.stats().peak == 101 * kMebi);
  for (int64_t size = 40; size < 80; size += 10) {
    const Buffer c(allocator, size * kMebi), d(allocator, (100 - size) * kMebi);
  }
  // The bound follows what was in use since the release.
  CHECK(allocator.stats().cached + allocator.stats().in_use <= 2 * allocator.stats().peak);
}

TEST_CASE("a watcher sees each block, and what it throws leaves the allocator as it was") {
  CachingAllocator allocator;
  int seen = 0;
  allocator.watch([&](CachingAllocator::Block& block) {
    if (++seen == 2) throw Error(ErrorCode::kOutOfMemory, "no");
    std::memset(block.data, 7, static_cast<size_t>(block.size));
  });
  const Buffer first(allocator, 100);
  CHECK(*first.as<char>() == 7);
  CHECK_THROWS_AS(Buffer(allocator, 100), Error);
  CHECK(allocator.stats().in_use == 512);
  allocator.watch(nullptr);
  const Buffer third(allocator, 100);
  CHECK(seen == 2);
}

// Counts what is out, and has no more than `room` bytes.
class CountedMemory final : public MemorySource {
 public:
  explicit CountedMemory(int64_t room) : room_(room) {}

  void* allocate(int64_t bytes) noexcept override {
    if (out_ + bytes > room_) return nullptr;
    out_ += bytes;
    return std::malloc(static_cast<size_t>(bytes));
  }
  void free(void* block, int64_t bytes) noexcept override {
    out_ -= bytes;
    std::free(block);
  }
  const char* name() const noexcept override { return "the card"; }
  int64_t out() const { return out_; }

 private:
  int64_t room_, out_ = 0;
};

TEST_CASE("blocks come from the source that was given and go back to it") {
  CountedMemory source(8 * kMebi);
  {
    CachingAllocator allocator(0, source);
    { const Buffer a(allocator, 3 * kMebi), b(allocator, 2 * kMebi); }
    CHECK(source.out() == 5 * kMebi);
    CHECK(allocator.stats().cached == 5 * kMebi);
    const Buffer large(allocator, 7 * kMebi);  // only without the cache
    CHECK(source.out() == 7 * kMebi);
    CHECK_THROWS_WITH_AS(
        Buffer(allocator, 2 * kMebi),
        "Asked for 2097152 bytes but the card has no such block left beside 7340032 bytes in "
        "use; use a smaller batch size or width.",
        Error);
    CHECK(source.out() == 7 * kMebi);
  }
  CHECK(source.out() == 0);
}

TEST_CASE("a moved-from buffer owns nothing") {
  CachingAllocator allocator;
  Buffer a(allocator, 100);
  Buffer b = std::move(a);
  CHECK_FALSE(static_cast<bool>(a));
  CHECK(static_cast<bool>(b));
  b.reset();
  CHECK(allocator.stats().in_use == 0);
}

}  // namespace
}  // namespace rst

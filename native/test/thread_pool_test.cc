#include "native/runtime/thread_pool.h"
#include "native/test/suites.h"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <system_error>

namespace rst {
namespace {

TEST_SUITE_BEGIN(test::kNoDevice);

TEST_CASE("parallel_for calls every index once") {
  for (int threads : {1, 2, 4}) {
    ThreadPool pool(threads);
    CHECK(pool.threads() == threads);
    for (int64_t count : {0, 1, 2, 1000}) {
      std::vector<std::atomic<int>> calls(static_cast<size_t>(count));
      pool.parallel_for(count, [&](int64_t i) { ++calls[static_cast<size_t>(i)]; });
      for (const auto& c : calls) CHECK(c == 1);
    }
  }
}

TEST_CASE("parallel_ranges covers the whole in runs of the grain") {
  ThreadPool pool(2);
  std::vector<std::atomic<int>> calls(1003);
  std::atomic<int64_t> longest{0};
  pool.parallel_ranges(1003, 10, [&](int64_t begin, int64_t end) {
    if (end - begin > longest) longest = end - begin;
    for (int64_t i = begin; i < end; ++i) ++calls[static_cast<size_t>(i)];
  });
  for (const auto& c : calls) CHECK(c == 1);
  CHECK(longest == 10);
}

TEST_CASE("an exception reaches the caller, and the pool works on") {
  for (int threads : {1, 3}) {
    ThreadPool pool(threads);
    for (int repeat = 0; repeat < 20; ++repeat) {
      CHECK_THROWS_WITH_AS(pool.parallel_for(100,
                                             [](int64_t i) {
                                               if (i == 37) throw std::runtime_error("thirty-seven");
                                             }),
                           "thirty-seven", std::runtime_error);
      std::atomic<int64_t> sum{0};
      pool.parallel_for(100, [&](int64_t i) { sum += i; });
      CHECK(sum == 4950);
    }
  }
}

TEST_CASE("where the k-th thread cannot be started, those before it are joined and a device error says so") {
  for (int k = 2; k <= 8; ++k) {
    CAPTURE(k);
    std::atomic<int> running{0};
    int started = 1;
    const auto start = [&](std::function<void()> body) {
      if (++started == k) {
        throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
      }
      ++running;
      return std::thread([&running, body = std::move(body)] {
        body();
        --running;
      });
    };
    try {
      ThreadPool pool(8, start);
      FAIL("no error");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::kDevice);
      CHECK(std::string(error.what()).find("Could not start thread " + std::to_string(k) + " of 8") == 0);
    }
    CHECK(running == 0);
  }
}

TEST_CASE("many short loops in a row") {
  ThreadPool pool(4);
  int64_t total = 0;
  for (int loop = 0; loop < 5000; ++loop) {
    std::atomic<int64_t> sum{0};
    pool.parallel_for(8, [&](int64_t i) { sum += i; });
    total += sum;
  }
  CHECK(total == 5000 * 28);
}

}  // namespace
}  // namespace rst

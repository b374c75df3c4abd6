#include "native/core/stream.h"

#include <doctest/doctest.h>

#include <chrono>
#include <future>
#include <memory>
#include <vector>

namespace rst {
namespace {

TEST_CASE("tasks run in order and synchronize waits for all") {
  std::vector<int> order;
  Stream stream;
  for (int i = 0; i < 1000; ++i) stream.enqueue([&, i] { order.push_back(i); });
  stream.synchronize();
  CHECK(stream.pending() == 0);
  REQUIRE(order.size() == 1000);
  for (int i = 0; i < 1000; ++i) CHECK(order[static_cast<size_t>(i)] == i);
}

TEST_CASE("enqueue blocks while the queue is full") {
  std::promise<void> gate, started;
  Stream stream(2);
  stream.enqueue([&] {
    started.set_value();
    gate.get_future().wait();
  });
  started.get_future().wait();
  stream.enqueue([] {});
  stream.enqueue([] {});
  CHECK(stream.pending() == 3);
  auto blocked = std::async(std::launch::async, [&] { stream.enqueue([] {}); });
  CHECK(blocked.wait_for(std::chrono::milliseconds(30)) == std::future_status::timeout);
  gate.set_value();
  CHECK(blocked.wait_for(std::chrono::seconds(10)) == std::future_status::ready);
  stream.synchronize();
}

TEST_CASE("destruction runs what is still queued") {
  int runs = 0;
  {
    Stream stream;
    for (int i = 0; i < 50; ++i) stream.enqueue([&] { ++runs; });
  }
  CHECK(runs == 50);
}

TEST_CASE("what a task captures is freed before the next task runs") {
  auto token = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = token;
  bool freed = false;
  Stream stream;
  stream.enqueue([token = std::move(token)] {});
  stream.enqueue([&] { freed = watch.expired(); });
  stream.synchronize();
  CHECK(freed);
}

}  // namespace
}  // namespace rst

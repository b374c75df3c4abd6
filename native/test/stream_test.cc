#include "native/runtime/stream.h"
#include "native/test/suites.h"

#include <doctest/doctest.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace rst {
namespace {

TEST_SUITE_BEGIN(test::kNoDevice);

TEST_CASE("tasks run in order and synchronize waits for all") {
  std::vector<int> order;
  Stream stream;
  for (int i = 0; i < 1000; ++i) stream.enqueue([&, i] { order.push_back(i); });
  stream.synchronize();
  CHECK(stream.pending() == 0);
  REQUIRE(order.size() == 1000);
  for (int i = 0; i < 1000; ++i) CHECK(order[static_cast<size_t>(i)] == i);
}

TEST_CASE("enqueue waits for a place in a full queue, but no longer than its patience") {
  for (const bool patient : {true, false}) {
    CAPTURE(patient);
    std::promise<void> gate, started;
    Stream stream(2, patient ? std::chrono::seconds(30) : std::chrono::milliseconds(5));
    stream.enqueue([&] {
      started.set_value();
      gate.get_future().wait();
    });
    started.get_future().wait();
    stream.enqueue([] {});
    stream.enqueue([] {});
    CHECK(stream.pending() == 3);
    auto late = std::async(std::launch::async, [&] { stream.enqueue([] {}); });
    if (patient) {
      CHECK(late.wait_for(std::chrono::milliseconds(30)) == std::future_status::timeout);
      gate.set_value();
    }
    CHECK(late.wait_for(std::chrono::seconds(10)) == std::future_status::ready);
    if (!patient) {
      CHECK(stream.pending() == 4);
      gate.set_value();
    }
    stream.synchronize();
  }
}

TEST_CASE("a worker that cannot be started is a device error") {
  const auto refuse = [](std::function<void()>) -> std::thread {
    throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
  };
  try {
    Stream stream(2, std::chrono::milliseconds(1), refuse);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kDevice);
    CHECK(std::string(error.what()).find("Could not start the worker of a device") == 0);
  }
}

TEST_CASE("stopping lets the running task finish and drops the rest") {
  std::promise<void> started, gate;
  int runs = 0;
  {
    Stream stream;
    stream.enqueue([&] {
      started.set_value();
      gate.get_future().wait();
      ++runs;
    });
    for (int i = 0; i < 50; ++i) stream.enqueue([&] { ++runs; });
    started.get_future().wait();
    std::thread release([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      gate.set_value();
    });
    stream.stop();
    release.join();
    stream.enqueue([&] { ++runs; });
  }
  CHECK(runs == 1);
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

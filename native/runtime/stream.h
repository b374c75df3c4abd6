// A device's queue: one worker runs what is enqueued, in order.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "native/runtime/start_thread.h"

namespace rst {

class Stream {
 public:
  // With `capacity` tasks waiting or more, enqueue waits for a place, but not longer than `patience`: a
  // caller that is too fast is slowed down and never stands still. Throws Error(kDevice) where no thread can
  // be made.
  explicit Stream(size_t capacity = 131072, std::chrono::microseconds patience = std::chrono::milliseconds(1),
                  const StartThread& start = start_thread);
  ~Stream() { stop(); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // The task must not throw: an op records its failure in its outputs.
  void enqueue(std::function<void()> task);
  // One after the other, with nothing between them, waiting at most once.
  void enqueue_all(std::vector<std::function<void()>> tasks);
  // Tasks not yet finished, the running one included.
  size_t pending() const;
  void synchronize();
  // Lets the running task finish, drops what is still queued, and joins the worker; later tasks are dropped
  // too.
  void stop();

 private:
  void work();

  const size_t capacity_;
  const std::chrono::microseconds patience_;
  mutable std::mutex mutex_;
  std::condition_variable wake_, progress_;
  std::deque<std::function<void()>> queue_;
  bool running_ = false;
  bool stopping_ = false;
  std::thread worker_;
};

}  // namespace rst

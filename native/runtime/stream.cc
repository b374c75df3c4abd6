#include "native/runtime/stream.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace rst {

Stream::Stream(size_t capacity, std::chrono::microseconds patience, const StartThread& start)
    : capacity_(capacity), patience_(patience) {
  try {
    worker_ = start([this] { work(); });
  } catch (const std::exception& reason) {
    throw_no_thread("the worker of a device", reason);
  }
}

void Stream::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  progress_.notify_all();
  if (worker_.joinable()) worker_.join();
  queue_.clear();
}

void Stream::enqueue(std::function<void()> task) {
  std::unique_lock lock(mutex_);
  progress_.wait_for(lock, patience_, [&] { return stopping_ || queue_.size() < capacity_; });
  if (stopping_) return;
  queue_.push_back(std::move(task));
  wake_.notify_one();
}

void Stream::enqueue_all(std::vector<std::function<void()>> tasks) {
  std::unique_lock lock(mutex_);
  progress_.wait_for(lock, patience_, [&] { return stopping_ || queue_.size() < capacity_; });
  if (stopping_) return;
  std::move(tasks.begin(), tasks.end(), std::back_inserter(queue_));
  wake_.notify_one();
}

size_t Stream::pending() const {
  std::lock_guard lock(mutex_);
  return queue_.size() + (running_ ? 1 : 0);
}

void Stream::synchronize() {
  std::unique_lock lock(mutex_);
  progress_.wait(lock, [&] { return stopping_ || (queue_.empty() && !running_); });
}

void Stream::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    {
      std::function<void()> task = std::move(queue_.front());
      queue_.pop_front();
      running_ = true;
      lock.unlock();
      task();
      // The task's captured tensors are freed here, before the next task runs.
    }
    lock.lock();
    running_ = false;
    progress_.notify_all();
  }
}

}  // namespace rst

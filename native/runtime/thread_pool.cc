#include "native/runtime/thread_pool.h"

#include <algorithm>
#include <string>

namespace rst {
namespace {

// How often an idle worker looks for new work before it sleeps: the ops of one layer follow each other
// within microseconds, and waking a thread costs more than that.
constexpr int kSpins = 2000;

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

}  // namespace

ThreadPool::ThreadPool(int threads, const StartThread& start) {
  int which = 2;
  try {
    workers_.reserve(static_cast<size_t>(std::max(threads - 1, 0)));
    for (; which <= threads; ++which) workers_.push_back(start([this] { work(); }));
  } catch (const std::exception& reason) {
    stop();
    throw_no_thread("thread " + std::to_string(which) + " of " + std::to_string(threads), reason);
  }
}

void ThreadPool::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadPool::run_tasks() {
  for (int64_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_;) {
    try {
      (*task_)(i);
    } catch (...) {
      std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      next_.store(count_, std::memory_order_relaxed);
    }
  }
}

void ThreadPool::work() {
  uint64_t seen = 0;
  for (;;) {
    for (int spin = 0; spin < kSpins && generation_.load(std::memory_order_acquire) == seen; ++spin) relax();
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || generation_.load(std::memory_order_relaxed) != seen; });
      if (stopping_) return;
      seen = generation_.load(std::memory_order_relaxed);
      if (!open_) continue;
      running_.fetch_add(1, std::memory_order_relaxed);
    }
    run_tasks();
    if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      std::lock_guard lock(mutex_);
      done_.notify_one();
    }
  }
}

void ThreadPool::parallel_for(int64_t count, const std::function<void(int64_t)>& task) {
  if (workers_.empty() || count <= 1) {
    for (int64_t i = 0; i < count; ++i) task(i);
    return;
  }
  {
    std::lock_guard lock(mutex_);
    task_ = &task;
    count_ = count;
    next_.store(0, std::memory_order_relaxed);
    failure_ = nullptr;
    open_ = true;
    generation_.fetch_add(1, std::memory_order_release);
  }
  wake_.notify_all();
  run_tasks();
  {
    std::lock_guard lock(mutex_);
    open_ = false;
  }
  for (int spin = 0; spin < kSpins && running_.load(std::memory_order_acquire) > 0; ++spin) relax();
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&] { return running_.load(std::memory_order_acquire) == 0; });
  if (failure_) std::rethrow_exception(failure_);
}

void ThreadPool::parallel_ranges(int64_t total, int64_t grain,
                                 const std::function<void(int64_t, int64_t)>& task) {
  const int64_t count = (total + grain - 1) / grain;
  parallel_for(count, [&](int64_t i) { task(i * grain, std::min(total, (i + 1) * grain)); });
}

}  // namespace rst

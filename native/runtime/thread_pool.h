// A fixed set of threads that share the iterations of one loop at a time.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "native/runtime/start_thread.h"

namespace rst {

class ThreadPool {
 public:
  // `threads` counts the calling thread: with 1, every loop runs inline. Throws Error(kDevice) where the
  // system has no thread left, after it has joined those that had started.
  explicit ThreadPool(int threads, const StartThread& start = start_thread);
  ~ThreadPool() { stop(); }
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls task(i) once for each i in [0, count), in any order and on any thread, and returns when all have
  // run: a thread that wakes up too late is not waited for. The first exception is rethrown here. Only one
  // thread may call it, and not from inside a task.
  void parallel_for(int64_t count, const std::function<void(int64_t)>& task);

  // Splits [0, total) into runs of at most `grain` consecutive items and calls task(begin, end) for each.
  void parallel_ranges(int64_t total, int64_t grain, const std::function<void(int64_t, int64_t)>& task);

 private:
  void stop();
  void work();
  void run_tasks();

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::atomic<uint64_t> generation_{0};
  std::atomic<int> running_{0};  // workers in the current loop
  bool open_ = false;            // whether more of them may enter it
  bool stopping_ = false;

  const std::function<void(int64_t)>* task_ = nullptr;
  int64_t count_ = 0;
  std::atomic<int64_t> next_{0};
  std::exception_ptr failure_;
};

}  // namespace rst

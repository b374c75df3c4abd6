// A second backend, made for the tests: plain scalar code that is right by being simple, and everything else
// that a device may do to who uses it. It is a library of its own, opened by name. It computes on a thread of
// its own after the call has returned, as a GPU does, so that what fails there is known late. Its activations
// lie channels last, with a spare channel. It lacks many ops on purpose.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <vector>

#include "native/runtime/backend.h"
#include "native/runtime/plug.h"
#include "native/runtime/stream.h"
#include "native/test/host_tensor.h"
#include "native/test/plain/controls.h"

namespace rst::test {

// What a plain twin computes from.
struct PlainCall {
  std::vector<HostTensor> inputs;  // undefined where the caller left one out
  std::vector<Shape> outputs;
};
// The outputs, then the new values of the inputs that the op changes.
using PlainTwin = std::function<std::vector<HostTensor>(const PlainCall&)>;

class PlainBackend final : public Backend, public PlainControls {
 public:
  PlainBackend(const BackendOptions& options, const PlainFaults& faults);
  ~PlainBackend() override;

  const KernelTable& kernels() const override;
  std::shared_ptr<Storage> new_storage() override;
  MemoryStats memory() const override { return allocator_->stats(); }
  void release_cached() override { allocator_->release_cached(); }
  void reset_peak() override { allocator_->reset_peak(); }
  std::string description() const override { return "Plain, scalar code for tests"; }
  std::vector<Fact> facts() const override;
  ConvKernels conv_kernels(const Shape& x, const Shape& w, const ConvParams& p,
                           double density) const override;
  void upload(const Tensor& y, const void* bytes, std::shared_ptr<const void> keep_alive) override;
  void download(const Tensor& x, void* bytes, Done done) override;
  void finish(Done done) override;

  void hold() override;
  void release() override;
  void fail_kernel(int64_t kernels_from_now) override;
  void lose_at_kernel(int64_t kernels_from_now) override;

  // For kernels: computes later, in the order of the calls. `changed` are the inputs that the op changes.
  void compute(const KernelCall& call, PlainTwin twin, std::initializer_list<size_t> changed = {});

 private:
  void check_not_lost() const;
  Failure lost() const;
  // Of the thread that computes: what this kernel fails with.
  Failure injected_failure();
  // Calls `done` from a thread of its own, after the delay and not while held.
  void complete(std::function<void()> done);

  std::shared_ptr<CachingAllocator> allocator_;
  const std::chrono::milliseconds delay_;

  mutable std::mutex mutex_;
  std::condition_variable opened_;
  bool held_ = false, closing_ = false;
  int64_t until_failure_ = 0, until_loss_ = 0;  // kernels, the failing one included; 0: none fails
  Failure lost_;                                // stays once it is there

  Stream completions_;
  Stream computing_;  // destroyed first: it enqueues completions
};

}  // namespace rst::test

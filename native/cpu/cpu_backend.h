// The CPU backend: every op on batch-blocked activations. Here is its memory; its kernels stand in one file a
// family (kernels.h).
#pragma once

#include <atomic>
#include <chrono>
#include <vector>

#include "native/cpu/layout.h"
#include "native/runtime/backend.h"
#include "native/runtime/thread_pool.h"

namespace rst::cpu {

struct CpuOptions {
  int threads = 1;
  int64_t memory_limit = 0;  // bytes; 0 = the machine's
  bool sparse = true;        // false: every convolution by the dense kernels
};

class CpuBackend final : public Backend {
 public:
  explicit CpuBackend(const CpuOptions& options);

  const KernelTable& kernels() const override;
  std::shared_ptr<Storage> new_storage() override;
  MemoryStats memory() const override;
  void release_cached() override;
  void reset_peak() override;
  std::string description() const override;
  // simdTarget (the instruction set that kernels use), threads, sparseBelowWinograd and sparseBelowDirect
  // (ConvCostModel), weightCompileSeconds (spent so far on bringing weights into the forms that kernels
  // read).
  std::vector<Fact> facts() const override;
  ConvKernels conv_kernels(const Shape& x, const Shape& w, const ConvParams& p,
                           double density) const override;
  void upload(const Tensor& y, const void* bytes, std::shared_ptr<const void> keep_alive) override;
  void download(const Tensor& x, void* bytes, Done done) override;
  void finish(Done done) override;

  // --- what kernels work with ---

  // Of all tensors and scratch.
  CachingAllocator& allocator() { return allocator_; }
  ThreadPool& pool() { return pool_; }
  bool sparse() const { return sparse_; }
  void add_weight_compile_time(std::chrono::nanoseconds spent) {
    weight_compile_nanoseconds_ += spent.count();
  }

  // Fresh memory for an output. `blocked_output` clears the border; the rest is uninitialised.
  BlockedView blocked_output(const Tensor& t);
  template <class T = float>
  T* plain_output(const Tensor& t) {
    return static_cast<T*>(allocate_plain(t));
  }
  void* allocate_plain(const Tensor& t);
  PlanarView planar_output(const Tensor& t);
  // An input in the layout a kernel wants. A tensor that lies in another one is converted once, in place.
  BlockedView blocked_input(const Tensor& t);
  PlanarView planar_input(const Tensor& t);
  template <class T = const float>
  T* plain_input(const Tensor& t) {
    return static_cast<T*>(plain_data(t));
  }
  void* plain_data(const Tensor& t);
  // The memory of a plain input, which others may share.
  std::shared_ptr<const Buffer> plain_buffer(const Tensor& t);
  // A plain input that the op changes in place; it may begin to once it has them all and has said so
  // (CpuStorage::begin_change).
  float* writable_input(const Tensor& t);
  // A convolution's weight.
  WeightData weight_input(const Tensor& w);
  // Row-major elements, from whatever layout.
  void copy_to_plain(const Tensor& t, void* to);
  // The bits of a u8 tensor that says which activations are positive; null where it is undefined.
  uint8_t* positive_output(const Tensor& t);
  uint8_t* positive_input(const Tensor& t);
  // Calls body(x, y) with the views of input and output in the layout that x goes over.
  template <class Body>
  void with_views(const Tensor& x, const Tensor& y, const Body& body) {
    if (goes_planar(x)) {
      const PlanarView in = planar_input(x);
      body(in, planar_output(y));
    } else {
      const BlockedView in = blocked_input(x);
      body(in, blocked_output(y));
    }
  }
  // A view of x with a border of at least `halo` pixels: x itself, or a copy kept alive in `storage`.
  BlockedView with_halo(const BlockedView& x, int64_t halo, Buffer& storage);
  Buffer bordered_buffer(const BlockedShape& shape);
  Buffer bordered_buffer(const PlanarShape& shape);
  Buffer scratch(int64_t bytes) { return Buffer(allocator_, bytes); }

 private:
  void convert(const BlockedView& from, const PlanarView& to);
  void convert(const PlanarView& from, const BlockedView& to);
  void convert(const PlanarView& from, const PlanarView& to);
  // Fills `to` from memory of a tensor of that shape in another layout.
  void convert(CpuStorage::Layout layout, const Buffer& from, const Shape& shape, const PlanarView& to);

  CachingAllocator allocator_;
  ThreadPool pool_;
  const bool sparse_;
  std::atomic<int64_t> weight_compile_nanoseconds_{0};
};

}  // namespace rst::cpu

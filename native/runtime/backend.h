// What a device computes on: storages, a table of kernels, and ways in and out of its memory.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "native/core/tensor.h"
#include "native/ops/conv.h"
#include "native/runtime/allocator.h"
#include "native/runtime/kernel_table.h"

namespace rst {

// Something that a backend tells about itself: a number or a word.
struct Fact {
  std::string name;
  std::variant<double, std::string> value;
};

// What computes y and dx of a convolution, in words: "sparse", "winograd", …
struct ConvKernels {
  std::string forward, input_grad;
};

class Backend {
 public:
  // Called once, on any thread, with what went wrong or nothing.
  using Done = std::function<void(Failure)>;

  // Once it is over, no `done` is called any more.
  virtual ~Backend() = default;

  // Any thread may call these.
  virtual const KernelTable& kernels() const = 0;
  virtual std::shared_ptr<Storage> new_storage() = 0;
  virtual MemoryStats memory() const = 0;
  // Gives memory that is kept for reuse back to the system.
  virtual void release_cached() = 0;
  // From now on memory().peak is the largest in_use since this call.
  virtual void reset_peak() = 0;
  // One line for people: "CPU, AVX2, 4 threads".
  virtual std::string description() const = 0;
  // Names are in lower camel case.
  virtual std::vector<Fact> facts() const = 0;
  // For a convolution (conv2d) by a weight with this share of non-zero elements.
  virtual ConvKernels conv_kernels(const Shape& x, const Shape& w, const ConvParams& p,
                                   double density) const = 0;

  // Called on the device's worker. One that throws does not call done. Row-major bytes in; they stay as long
  // as `keep_alive` is held.
  virtual void upload(const Tensor& y, const void* bytes, std::shared_ptr<const void> keep_alive) = 0;
  // Row-major bytes out. `done` may be called later: once they are there.
  virtual void download(const Tensor& x, void* bytes, Done done) = 0;
  // `done` is called once all work given so far is complete.
  virtual void finish(Done done) = 0;
};

}  // namespace rst

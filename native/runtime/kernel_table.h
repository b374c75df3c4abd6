// What a backend can do: op name → kernel.
#pragma once

#include <span>
#include <string_view>
#include <unordered_map>

#include "native/core/tensor.h"

namespace rst {

class Backend;

// A checked call whose inputs are filled. The outputs are fresh storages of their final shape; one that was
// not asked for is undefined, as is an optional input that the caller left out.
struct KernelCall {
  std::span<const Tensor> inputs, outputs;
  const void* params = nullptr;

  // The parameters, of the type that the op's row makes.
  template <class Params>
  const Params& as() const {
    return *static_cast<const Params*>(params);
  }
};

// Kernels run on the one worker of their device, in the order of the calls. One may only change an input that
// the op's row names as mutated; it allocates, converts and checks before it does, and sets Storage::changed
// when it begins to: a kernel that throws earlier leaves its inputs as they were. A mutated or unshared input
// is never the same storage as another input, and no call has empty outputs only, unless it changes an input.
using Kernel = void (*)(Backend&, const KernelCall&);

class KernelTable {
 public:
  void add(std::string_view op, Kernel kernel) { kernels_[op] = kernel; }
  // Null where there is none.
  Kernel find(std::string_view op) const {
    const auto it = kernels_.find(op);
    return it == kernels_.end() ? nullptr : it->second;
  }

 private:
  std::unordered_map<std::string_view, Kernel> kernels_;  // names outlive the table
};

}  // namespace rst

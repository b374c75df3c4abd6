// THE op contract. A backend implements every family on tensors whose storage it made. All calls come from
// the one worker of its device's stream, after shapes have been checked: outputs are fresh storages of their
// final shape, and an op may only change an input where its family's header says so.
//
// No call has empty outputs only, unless it changes an input. A mutated or unshared input (op_table.h) is
// never the same storage as another input. An op allocates, converts and checks before it changes an input,
// and sets Storage::changed when it begins to: one that throws earlier leaves its inputs as they were.
#pragma once

#include <memory>
#include <string>

#include "native/ops/attack.h"
#include "native/ops/conv.h"
#include "native/ops/data.h"
#include "native/ops/elementwise.h"
#include "native/ops/loss.h"
#include "native/ops/mask.h"
#include "native/ops/norm.h"
#include "native/ops/optim.h"
#include "native/ops/pool.h"
#include "native/ops/random.h"
#include "native/ops/reduce.h"
#include "native/runtime/allocator.h"

namespace rst {

class Backend : public ConvOps,
                public NormOps,
                public PoolOps,
                public LossOps,
                public ElementwiseOps,
                public ReduceOps,
                public AttackOps,
                public MaskOps,
                public RandomOps,
                public OptimOps,
                public DataOps {
 public:
  // Any thread may call these.
  virtual std::shared_ptr<Storage> new_storage() = 0;
  virtual MemoryStats memory() const = 0;
  // Gives memory that is kept for reuse back to the system.
  virtual void release_cached() = 0;
  // From now on memory().peak is the largest in_use since this call.
  virtual void reset_peak() = 0;
  virtual std::string description() const = 0;
  // The instruction set that kernels use.
  virtual std::string simd_target() const = 0;
  virtual ConvCostModel conv_cost_model() const = 0;
  // What computes y and dx of a convolution (conv2d) by a weight with this share of non-zero elements.
  virtual ConvKernels conv_kernels(const Shape& x, const Shape& w, const ConvParams& p,
                                   double density) const = 0;
  // Seconds spent so far on bringing weights into the forms that kernels read.
  virtual double weight_compile_seconds() const = 0;

  // Row-major bytes in and out; called on the stream worker.
  virtual void upload(const Tensor& y, const void* bytes) = 0;
  virtual void download(const Tensor& x, void* bytes) = 0;
};

}  // namespace rst

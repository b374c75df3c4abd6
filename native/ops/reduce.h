// Sums and norms.
#pragma once

#include "native/core/tensor.h"

namespace rst {

enum class Norm { kLinf, kL2 };

class ReduceOps {
 public:
  virtual ~ReduceOps() = default;
  // Sum over everything: [] (a scalar).
  virtual void sum(const Tensor& x, const Tensor& y) = 0;
  // Sum over all but the channel axis: [N, C, …] → [C].
  virtual void channel_sum(const Tensor& x, const Tensor& y) = 0;
  // Sum and norm of each sample: [N, …] → [N].
  virtual void sample_sum(const Tensor& x, const Tensor& y) = 0;
  virtual void sample_norm(const Tensor& x, const Tensor& y, Norm norm) = 0;
  // Row n of x times s[n].
  virtual void sample_scale(const Tensor& x, const Tensor& s, const Tensor& y) = 0;
  // x [] → y of any shape, every element x times factor.
  virtual void broadcast(const Tensor& x, const Tensor& y, float factor) = 0;
};

}  // namespace rst

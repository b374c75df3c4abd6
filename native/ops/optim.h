// The optimiser's update.
#pragma once

#include "native/core/tensor.h"

namespace rst {

class OptimOps {
 public:
  virtual ~OptimOps() = default;
  // PyTorch's SGD, in place: g = gradient + weight_decay·p; velocity = momentum·velocity + g; p −=
  // lr·velocity.
  virtual void sgd_step(const Tensor& parameter, const Tensor& gradient, const Tensor& velocity, float lr,
                        float momentum, float weight_decay) = 0;
};

}  // namespace rst

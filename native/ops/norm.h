// Parameters of batch normalisation over (N, H, W), fused with the residual add before and the ReLU after it.
#pragma once

#include "native/ops/op_table.h"

namespace rst {

struct BatchNormParams {
  float eps = 1e-5f;
  float momentum = 0.1f;  // running ← (1 − momentum)·running + momentum·batch
  bool relu = false;
};

// With the eps, momentum and relu that the attributes have; throws for an eps below 0.
BatchNormParams norm_params(const Attributes& attributes);
// The output of which results of that shape are positive, where the attribute `positive` asks for it.
std::optional<TensorDesc> positive_output(const Attributes& attributes, const Shape& shape);

}  // namespace rst

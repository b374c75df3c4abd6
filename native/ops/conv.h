// Parameters of convolutions and their gradients. No bias: the networks of the paper have none.
#pragma once

#include "native/ops/norm.h"

namespace rst {

struct ConvParams {
  int64_t stride = 1;
  int64_t padding = 0;
};

struct ConvBatchNormParams {
  ConvParams conv;
  BatchNormParams norm;
};

// The shape of y; throws Error(kShape) where x and w do not fit (see conv2d).
Shape conv2d_shape(const Shape& x, const Shape& w, const ConvParams& p);

}  // namespace rst

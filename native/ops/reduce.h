// Parameters of sums and norms.
#pragma once

#include "native/ops/norm_word.h"

namespace rst {

struct SampleNormParams {
  Norm norm = Norm::kLinf;
};

struct BroadcastParams {
  float factor = 1;
};

}  // namespace rst

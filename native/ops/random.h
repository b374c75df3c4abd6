// Parameters of tensors drawn from counter-based streams.
#pragma once

#include "native/core/philox.h"

namespace rst {

enum class WeightInit { kSignedConstant, kNormal, kUniform };

struct RandomWeightParams {
  WeightInit init = WeightInit::kSignedConstant;
  float scale = 1;
  RandomStream stream;
};

struct UniformNoiseParams {
  float low = 0, high = 1;
  uint64_t seed = 0;
  uint32_t step = 0;
};

struct NormalNoiseParams {
  float mean = 0, std = 1;
  uint64_t seed = 0;
  uint32_t step = 0;
};

}  // namespace rst

// Parameters of the updates of projected-gradient attacks, in pixel space.
#pragma once

#include <cstdint>

#include "native/ops/norm_word.h"

namespace rst {

struct ThreatModel {
  Norm norm = Norm::kLinf;
  float eps = 0;
  float low = 0, high = 1;  // the box of valid pixels
};

struct AttackStepParams {
  ThreatModel threat;
  float step_size = 0;
};

struct RandomStartParams {
  ThreatModel threat;
  uint64_t seed = 0;
  uint32_t step = 0;
};

}  // namespace rst

// Parameters of arithmetic, element by element or channel by channel.
#pragma once

#include <vector>

namespace rst {

struct FillParams {
  float value = 0;
};

struct ScaleParams {
  float factor = 1;
};

struct ClipParams {
  float low = 0, high = 0;
};

// One number a channel; no means for the gradient.
struct NormalizeParams {
  std::vector<float> mean, std;
};

}  // namespace rst

// Parameters of the op that turns stored 8-bit images into a training batch.
#pragma once

#include <cstdint>

namespace rst {

struct AugmentParams {
  int64_t crop_padding = 0;  // pixels of zero padding around the image before a random crop of its size
  bool flip = false;         // mirror left-right with probability ½
  uint64_t seed = 0;
  uint32_t epoch = 0;
};

}  // namespace rst

// What happens to a convolution's sums as they are stored: batch norm in eval mode, residual add and ReLU.
#pragma once

#include <cstdint>

namespace rst::cpu {

struct ConvFinish {
  const float* scale = nullptr;  // one a channel; null: the sums are stored as they are
  const float* shift = nullptr;
  const float* residual = nullptr;  // laid out as the output; null: none
  bool relu = false;

  // Seen from output channel `channel` on, `offset` floats into the output.
  ConvFinish at(int64_t channel, int64_t offset) const {
    if (!scale) return {};
    return {scale + channel, shift + channel, residual ? residual + offset : nullptr, relu};
  }
};

}  // namespace rst::cpu

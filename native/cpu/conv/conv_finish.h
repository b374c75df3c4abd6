// What happens to a convolution's sums as they are stored.
#pragma once

#include <cstdint>

namespace rst::cpu {

// Pointers to activations are laid out as the output. Null ones are left out.
struct ConvFinish {
  enum class Kind {
    kNone,
    kForward,   // batch norm in eval mode: y = relu?(sum·scale + shift + addend), positive = y > 0
    kBackward,  // of the batch norm before: g = (sum + addend)·[positive], y = g·scale
  };

  Kind kind = Kind::kNone;
  bool stream = false;           // write past the caches
  const float* scale = nullptr;  // one a channel
  const float* shift = nullptr;
  const float* addend = nullptr;
  bool relu = false;
  uint8_t* positive = nullptr;  // bits: written forward, read backward
  float* gradient = nullptr;    // where g goes

  // Seen from output channel `channel` on, `offset` floats into the output.
  ConvFinish at(int64_t channel, int64_t offset) const {
    const auto moved = [](auto* p, int64_t by) { return p ? p + by : p; };
    return {kind,
            stream,
            moved(scale, channel),
            moved(shift, channel),
            moved(addend, offset),
            relu,
            moved(positive, offset / 8),
            moved(gradient, offset)};
  }
};

}  // namespace rst::cpu

// From stored 8-bit images to a training batch.
#pragma once

#include "native/core/philox.h"
#include "native/core/tensor.h"

namespace rst {

struct AugmentParams {
  int64_t crop_padding = 0;  // pixels of zero padding around the image before a random crop of its size
  bool flip = false;         // mirror left-right with probability ½
  uint64_t seed = 0;
  uint32_t epoch = 0;
};

class DataOps {
 public:
  virtual ~DataOps() = default;
  // images u8 [M, C, H, W], indices i32 [N], ids i32 [N] or undefined (then indices) → f32 [N, C, H, W] in
  // [0, 1] (value/255). The crop offsets and the flip of the image of id i come from stream {seed, kAugment,
  // epoch, i}: words 0 (y), 1 (x), 2 (flip, top bit).
  virtual void gather_images(const Tensor& images, const Tensor& indices, const Tensor& ids, const Tensor& y,
                             const AugmentParams& p) = 0;
};

}  // namespace rst

#include "native/ops/data.h"

#include <algorithm>

#include "native/ops/number_attributes.h"

namespace rst {
namespace {

AugmentParams augment_params(const OpCall& call) {
  const int64_t padding = call.attributes.integer("crop_padding");
  const int64_t side = std::min(call[0].shape[2], call[0].shape[3]);
  if (padding > side) {
    throw_argument("gather_images expects a 'crop_padding' of at most the image's smaller side, " +
                   std::to_string(side) + ", but received " + std::to_string(padding) + ".");
  }
  return {padding, call.attributes.flag("flip"), seed_attribute(call), counter_attribute(call, "epoch")};
}

}  // namespace

std::vector<OpRow> data_ops() {
  return {
      {"gather_images",
       {{"images", DType::kU8}, {"indices", DType::kI32}, {"ids", DType::kI32, true}},
       {"seed", "epoch", "crop_padding", "flip"},
       "images u8 [M, C, H, W], indices [N], ids [N] or none (then indices) → [N, C, H, W] in [0, 1] "
       "(value/255). The crop offsets and the flip of the image of id i come from stream {seed, kAugment, "
       "epoch, i}: words 0 (y), 1 (x), 2 (flip, top bit).",
       [](const OpCall& c) {
         expect_rank("gather_images", "images", c[0], 4, 4);
         expect_rank("gather_images", "indices", c[1], 1, 1);
         if (c[2].defined()) expect_shape("gather_images", "ids", c[2], c[1].shape);
         const Shape& images = c[0].shape;
         return parsed({{{Shape{c[1].elements(), images[1], images[2], images[3]}}}}, augment_params(c));
       }},
  };
}

}  // namespace rst

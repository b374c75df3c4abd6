#include "native/ops/data.h"

#include <algorithm>

#include "native/ops/number_attributes.h"
#include "native/ops/op_table.h"

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

std::vector<OpSpec> data_ops() {
  return {
      {"gather_images",
       {{"images", DType::kU8}, {"indices", DType::kI32}, {"ids", DType::kI32, true}},
       {"seed", "epoch", "crop_padding", "flip"},
       [](const OpCall& c) -> std::vector<std::optional<TensorDesc>> {
         expect_rank("gather_images", "images", c[0], 4, 4);
         expect_rank("gather_images", "indices", c[1], 1, 1);
         if (c[2].defined()) expect_shape("gather_images", "ids", c[2], c[1].shape);
         augment_params(c);
         const Shape& images = c[0].shape;
         return {{{Shape{c[1].elements(), images[1], images[2], images[3]}}}};
       },
       [](Backend& b, const OpCall& c, auto out) {
         b.gather_images(c[0], c[1], c[2], out[0], augment_params(c));
       }},
  };
}

}  // namespace rst

#include "native/ops/mask.h"

#include <algorithm>

#include "native/ops/op_table.h"

namespace rst {
namespace {

void expect_prefix(const char* op, const char* input, const Tensor& t, const Shape& weight) {
  const auto dims = t.shape.dims(), whole = weight.dims();
  if (!dims.empty() && dims.size() <= whole.size() && std::equal(dims.begin(), dims.end(), whole.begin())) {
    return;
  }
  throw_shape(std::string(op) + " expects for '" + input + "' the first dimensions of 'weight' " +
              weight.to_string() + " but received " + t.shape.to_string() + ".");
}

int64_t packed_bytes(const Shape& mask) {
  return (mask.elements() + 7) / 8;
}

}  // namespace

// A mask's shape is a prefix of the weight's: [K, C, R, S] masks elements, [K, C, R] rows, [K, C] kernels and
// [K] output channels; one entry covers the whole group under it.
std::vector<OpRow> mask_ops() {
  return {
      {"topk_mask",
       {{"scores"}},
       {"keep"},
       "u8, 1 for the `keep` entries of largest |score|; ties go to the lower index; a NaN ranks above all.",
       [](const OpCall& c) {
         expect_rank("topk_mask", "scores", c[0], 1, 4);
         const int64_t keep = c.attributes.integer("keep", 1);
         if (keep > c[0].elements()) {
           throw_argument("topk_mask expects 'keep' from 1 to the " + std::to_string(c[0].elements()) +
                          " scores but received " + std::to_string(keep) + ".");
         }
         return parsed({{{c[0].shape, DType::kU8}}}, TopkParams{keep});
       }},
      {"masked_weight",
       {{"weight"}, {"mask", DType::kU8}},
       {},
       "weight where the mask is 1, else 0.",
       [](const OpCall& c) {
         expect_prefix("masked_weight", "mask", c[1], c[0].shape);
         return ParsedCall{{{{c[0].shape}}}, nullptr};
       }},
      {"score_grad",
       {{"d_weight"}, {"weight"}, {"scores"}},
       {},
       "Straight-through gradient (paper Eq. 1, ranking by |score|): the sum over each group of "
       "d_weight ⊙ weight, times sign(score).",
       [](const OpCall& c) {
         expect_shape("score_grad", "d_weight", c[0], c[1].shape);
         expect_prefix("score_grad", "scores", c[2], c[1].shape);
         return ParsedCall{{{{c[2].shape}}}, nullptr};
       }},
      {"pack_bits",
       {{"mask", DType::kU8}},
       {},
       "u8 0/1 [any] → u8 [⌈n/8⌉], least significant bit first, padding bits 0.",
       [](const OpCall& c) {
         return ParsedCall{{{{Shape{packed_bytes(c[0].shape)}, DType::kU8}}}, nullptr};
       }},
      {"unpack_bits",
       {{"bits", DType::kU8}},
       {"shape"},
       "pack_bits undone; `shape` is the mask's.",
       [](const OpCall& c) {
         const Shape mask = c.attributes.shape("shape");
         expect_shape("unpack_bits", "bits", c[0], {packed_bytes(mask)});
         return ParsedCall{{{{mask, DType::kU8}}}, nullptr};
       }},
  };
}

}  // namespace rst

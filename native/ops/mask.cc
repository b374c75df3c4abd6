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

std::vector<OpSpec> mask_ops() {
  return {
      {"topk_mask",
       {{"scores"}},
       {"keep"},
       [](const OpCall& c) -> std::vector<std::optional<TensorDesc>> {
         expect_rank("topk_mask", "scores", c[0], 1, 4);
         const int64_t keep = c.attributes.integer("keep", 1);
         if (keep > c[0].elements()) {
           throw_argument("topk_mask expects 'keep' from 1 to the " + std::to_string(c[0].elements()) +
                          " scores but received " + std::to_string(keep) + ".");
         }
         return {{{c[0].shape, DType::kU8}}};
       },
       [](Backend& b, const OpCall& c, auto out) {
         b.topk_mask(c[0], out[0], c.attributes.integer("keep", 1));
       }},
      {"masked_weight",
       {{"weight"}, {"mask", DType::kU8}},
       {},
       [](const OpCall& c) -> std::vector<std::optional<TensorDesc>> {
         expect_prefix("masked_weight", "mask", c[1], c[0].shape);
         return {{{c[0].shape}}};
       },
       [](Backend& b, const OpCall& c, auto out) { b.masked_weight(c[0], c[1], out[0]); }},
      {"score_grad",
       {{"d_weight"}, {"weight"}, {"scores"}},
       {},
       [](const OpCall& c) -> std::vector<std::optional<TensorDesc>> {
         expect_shape("score_grad", "d_weight", c[0], c[1].shape);
         expect_prefix("score_grad", "scores", c[2], c[1].shape);
         return {{{c[2].shape}}};
       },
       [](Backend& b, const OpCall& c, auto out) { b.score_grad(c[0], c[1], c[2], out[0]); }},
      {"pack_bits",
       {{"mask", DType::kU8}},
       {},
       [](const OpCall& c) -> std::vector<std::optional<TensorDesc>> {
         return {{{Shape{packed_bytes(c[0].shape)}, DType::kU8}}};
       },
       [](Backend& b, const OpCall& c, auto out) { b.pack_bits(c[0], out[0]); }},
      // `shape` is the mask's.
      {"unpack_bits",
       {{"bits", DType::kU8}},
       {"shape"},
       [](const OpCall& c) -> std::vector<std::optional<TensorDesc>> {
         const Shape mask = c.attributes.shape("shape");
         expect_shape("unpack_bits", "bits", c[0], {packed_bytes(mask)});
         return {{{mask, DType::kU8}}};
       },
       [](Backend& b, const OpCall& c, auto out) { b.unpack_bits(c[0], out[0]); }},
  };
}

}  // namespace rst

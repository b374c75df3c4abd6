#include "native/ops/reduce.h"

#include "native/ops/op_table.h"

namespace rst {
namespace {

Shape samples_of(const char* op, const Tensor& x) {
  expect_rank(op, "x", x, 2, 4);
  return {x.shape[0]};
}

}  // namespace

std::vector<OpRow> reduce_ops() {
  return {
      {"sum",
       {{"x"}},
       {},
       "Sum over everything: [] (a scalar).",
       [](const OpCall&) {
         return ParsedCall{{{{Shape()}}}, nullptr};
       }},
      {"channel_sum",
       {{"x"}},
       {},
       "Sum over all but the channel axis: [N, C, …] → [C].",
       [](const OpCall& c) {
         expect_rank("channel_sum", "x", c[0], 2, 4);
         return ParsedCall{{{{{c[0].shape[1]}}}}, nullptr};
       }},
      {"sample_sum",
       {{"x"}},
       {},
       "Sum of each sample: [N, …] → [N].",
       [](const OpCall& c) {
         return ParsedCall{{{{samples_of("sample_sum", c[0])}}}, nullptr};
       }},
      {"sample_norm",
       {{"x"}},
       {{"norm", kNormWords}},
       "Largest absolute value (linf) or Euclidean norm (l2) of each sample: [N, …] → [N]. A NaN stays.",
       [](const OpCall& c) {
         return parsed({{{samples_of("sample_norm", c[0])}}}, SampleNormParams{norm_attribute(c.attributes)});
       }},
      {"broadcast",
       {{"x"}},
       {"shape", "factor"},
       "x [] → y of any shape, every element x·factor.",
       [](const OpCall& c) {
         expect_shape("broadcast", "x", c[0], {});
         return parsed({{{c.attributes.shape("shape")}}},
                       BroadcastParams{static_cast<float>(c.attributes.number("factor"))});
       }},
  };
}

}  // namespace rst

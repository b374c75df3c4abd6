#include "native/ops/reduce.h"

#include "native/ops/op_table.h"

namespace rst {
namespace {

using Outputs = std::vector<std::optional<TensorDesc>>;

Shape samples_of(const char* op, const Tensor& x) {
  expect_rank(op, "x", x, 2, 4);
  return {x.shape[0]};
}

Norm norm_of(const OpCall& c) {
  const int64_t norm = c.attributes.integer("norm");
  if (norm > 1) {
    throw_argument("sample_norm expects the norm 0 (largest absolute value) or 1 (Euclidean) but received " +
                   std::to_string(norm) + ".");
  }
  return norm == 0 ? Norm::kLinf : Norm::kL2;
}

}  // namespace

std::vector<OpSpec> reduce_ops() {
  return {
      {"sum",
       {{"x"}},
       {},
       [](const OpCall&) -> Outputs { return {{{Shape()}}}; },
       [](Backend& b, const OpCall& c, auto out) { b.sum(c[0], out[0]); }},
      {"channel_sum",
       {{"x"}},
       {},
       [](const OpCall& c) -> Outputs {
         expect_rank("channel_sum", "x", c[0], 2, 4);
         return {{{{c[0].shape[1]}}}};
       },
       [](Backend& b, const OpCall& c, auto out) { b.channel_sum(c[0], out[0]); }},
      {"sample_sum",
       {{"x"}},
       {},
       [](const OpCall& c) -> Outputs { return {{{samples_of("sample_sum", c[0])}}}; },
       [](Backend& b, const OpCall& c, auto out) { b.sample_sum(c[0], out[0]); }},
      {"sample_norm",
       {{"x"}},
       {"norm"},
       [](const OpCall& c) -> Outputs {
         norm_of(c);
         return {{{samples_of("sample_norm", c[0])}}};
       },
       [](Backend& b, const OpCall& c, auto out) { b.sample_norm(c[0], out[0], norm_of(c)); }},
      {"sample_scale",
       {{"x"}, {"s"}},
       {},
       [](const OpCall& c) -> Outputs {
         expect_shape("sample_scale", "s", c[1], samples_of("sample_scale", c[0]));
         return {{{c[0].shape}}};
       },
       [](Backend& b, const OpCall& c, auto out) { b.sample_scale(c[0], c[1], out[0]); }},
      {"broadcast",
       {{"x"}},
       {"shape", "factor"},
       [](const OpCall& c) -> Outputs {
         expect_shape("broadcast", "x", c[0], {});
         c.attributes.number("factor");
         return {{{c.attributes.shape("shape")}}};
       },
       [](Backend& b, const OpCall& c, auto out) {
         b.broadcast(c[0], out[0], static_cast<float>(c.attributes.number("factor")));
       }},
  };
}

}  // namespace rst

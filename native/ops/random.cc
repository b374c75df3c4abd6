#include "native/ops/random.h"

#include "native/ops/number_attributes.h"
#include "native/ops/op_table.h"

namespace rst {
namespace {

WeightInit weight_init(const OpCall& call) {
  const int64_t init = call.attributes.integer("init");
  if (init > 2) {
    throw_argument("Expected 0 (signed constant), 1 (normal) or 2 (uniform) for 'init' but received " +
                   std::to_string(init) + ".");
  }
  return static_cast<WeightInit>(init);
}

RandomStream weight_stream(const OpCall& call) {
  const int64_t purpose = call.attributes.integer("purpose");
  if (purpose != 1 && purpose != 2) {
    throw_argument("Expected 1 (weight) or 2 (score) for 'purpose' but received " + std::to_string(purpose) +
                   ".");
  }
  return {seed_attribute(call), static_cast<Purpose>(purpose), 0, counter_attribute(call, "layer")};
}

// The output of a noise op: one row for each of sample_ids.
std::vector<std::optional<TensorDesc>> noise_output(const char* op, const OpCall& call) {
  expect_rank(op, "sample_ids", call[0], 1, 1);
  const Shape shape = call.attributes.shape("shape");
  if (shape.rank() < 1 || shape[0] != call[0].elements()) {
    throw_shape(std::string(op) + " expects a 'shape' whose first dimension is the " +
                std::to_string(call[0].elements()) + " of 'sample_ids' but received " + shape.to_string() +
                ".");
  }
  counter_attribute(call, "step");
  seed_attribute(call);
  return {{{shape}}};
}

}  // namespace

std::vector<OpSpec> random_ops() {
  return {
      {"random_weight",
       {},
       {"shape", "init", "scale", "seed", "purpose", "layer"},
       [](const OpCall& c) -> std::vector<std::optional<TensorDesc>> {
         weight_init(c);
         weight_stream(c);
         size_attribute(c, "scale");
         return {{{c.attributes.shape("shape")}}};
       },
       [](Backend& b, const OpCall& c, auto out) {
         b.random_weight(out[0], weight_init(c), size_attribute(c, "scale"), weight_stream(c));
       }},
      {"uniform_noise",
       {{"sample_ids", DType::kI32}},
       {"shape", "low", "high", "seed", "step"},
       [](const OpCall& c) {
         interval_attributes(c);
         return noise_output("uniform_noise", c);
       },
       [](Backend& b, const OpCall& c, auto out) {
         const Interval range = interval_attributes(c);
         b.uniform_noise(c[0], out[0], range.low, range.high, seed_attribute(c),
                         counter_attribute(c, "step"));
       }},
      {"normal_noise",
       {{"sample_ids", DType::kI32}},
       {"shape", "mean", "std", "seed", "step"},
       [](const OpCall& c) {
         finite_attribute(c, "mean");
         size_attribute(c, "std");
         return noise_output("normal_noise", c);
       },
       [](Backend& b, const OpCall& c, auto out) {
         b.normal_noise(c[0], out[0], finite_attribute(c, "mean"), size_attribute(c, "std"),
                        seed_attribute(c), counter_attribute(c, "step"));
       }},
  };
}

}  // namespace rst

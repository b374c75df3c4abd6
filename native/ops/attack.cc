#include "native/ops/attack.h"

#include "native/ops/number_attributes.h"
#include "native/ops/op_table.h"

namespace rst {
namespace {

ThreatModel threat_model(const OpCall& call) {
  const int64_t norm = call.attributes.integer("norm");
  if (norm > 1) {
    throw_argument("Expected 0 (L∞) or 1 (L2) for 'norm' but received " + std::to_string(norm) + ".");
  }
  const Interval box = interval_attributes(call);
  return {static_cast<Norm>(norm), size_attribute(call, "eps"), box.low, box.high};
}

}  // namespace

std::vector<OpSpec> attack_ops() {
  return {
      {"attack_step",
       {{"x"}, {"x0"}, {"gradient"}, {"active", DType::kF32, true}},
       {"norm", "eps", "step_size", "low", "high"},
       [](const OpCall& c) -> std::vector<std::optional<TensorDesc>> {
         expect_rank("attack_step", "x", c[0], 2, 4);
         expect_shape("attack_step", "x0", c[1], c[0].shape);
         expect_shape("attack_step", "gradient", c[2], c[0].shape);
         if (c[3].defined()) expect_shape("attack_step", "active", c[3], {c[0].shape[0]});
         threat_model(c);
         finite_attribute(c, "step_size");
         return {{{c[0].shape}}};
       },
       [](Backend& b, const OpCall& c, auto out) {
         b.attack_step(c[0], c[1], c[2], c[3], out[0], threat_model(c), finite_attribute(c, "step_size"));
       }},
      {"random_start",
       {{"x0"}, {"sample_ids", DType::kI32}},
       {"norm", "eps", "low", "high", "seed", "step"},
       [](const OpCall& c) -> std::vector<std::optional<TensorDesc>> {
         expect_rank("random_start", "x0", c[0], 2, 4);
         expect_shape("random_start", "sample_ids", c[1], {c[0].shape[0]});
         threat_model(c);
         seed_attribute(c);
         counter_attribute(c, "step");
         return {{{c[0].shape}}};
       },
       [](Backend& b, const OpCall& c, auto out) {
         b.random_start(c[0], c[1], out[0], threat_model(c), seed_attribute(c), counter_attribute(c, "step"));
       }},
  };
}

}  // namespace rst

#include "native/ops/random.h"

#include "native/ops/number_attributes.h"

namespace rst {
namespace {

constexpr const char* kInitWords[] = {"signed-constant", "normal", "uniform"};

constexpr const char* kPurposeWords[] = {"weight", "score"};
constexpr Purpose kPurposes[] = {Purpose::kWeight, Purpose::kScore};

RandomWeightParams weight_params(const OpCall& call) {
  const auto init = static_cast<WeightInit>(call.attributes.word("init", kInitWords));
  const Purpose purpose = kPurposes[call.attributes.word("purpose", kPurposeWords)];
  const RandomStream stream{seed_attribute(call), purpose, 0, counter_attribute(call, "layer")};
  return {init, size_attribute(call, "scale"), stream};
}

// The output of a noise op: one row for each of sample_ids.
Outputs noise_output(const char* op, const OpCall& call) {
  expect_rank(op, "sample_ids", call[0], 1, 1);
  const Shape shape = call.attributes.shape("shape");
  if (shape.rank() < 1 || shape[0] != call[0].elements()) {
    throw_shape(std::string(op) + " expects a 'shape' whose first dimension is the " +
                std::to_string(call[0].elements()) + " of 'sample_ids' but received " + shape.to_string() +
                ".");
  }
  return {{{shape}}};
}

}  // namespace

std::vector<OpRow> random_ops() {
  return {
      {"random_weight",
       {},
       {"shape", {"init", kInitWords}, "scale", "seed", {"purpose", kPurposeWords}, "layer"},
       "Element i of layer `layer`, from stream {seed, purpose, 0, layer}. signed-constant: −scale where the "
       "top bit of word i is set, else scale; uniform: in [−scale, scale) from word i; normal: scale·Φ⁻¹(u), "
       "u from block i (native/core/normal.h).",
       [](const OpCall& c) {
         const RandomWeightParams params = weight_params(c);
         return parsed({{{c.attributes.shape("shape")}}}, params);
       }},
      {"uniform_noise",
       {{"sample_ids", DType::kI32}},
       {"shape", "low", "high", "seed", "step"},
       "Row n from stream {seed, kNoise, step, sample_ids[n]}: uniform in [low, high), element j from word "
       "j. "
       "low = high gives that number.",
       [](const OpCall& c) {
         const Interval range = interval_attributes(c);
         const Outputs outputs = noise_output("uniform_noise", c);
         const uint32_t step = counter_attribute(c, "step");
         return parsed(outputs, UniformNoiseParams{range.low, range.high, seed_attribute(c), step});
       }},
      {"normal_noise",
       {{"sample_ids", DType::kI32}},
       {"shape", "mean", "std", "seed", "step"},
       "Row n from stream {seed, kNoise, step, sample_ids[n]}: mean + std·z, element j's z from block j "
       "(native/core/normal.h).",
       [](const OpCall& c) {
         const float mean = finite_attribute(c, "mean"), std = size_attribute(c, "std");
         const Outputs outputs = noise_output("normal_noise", c);
         const uint32_t step = counter_attribute(c, "step");
         return parsed(outputs, NormalNoiseParams{mean, std, seed_attribute(c), step});
       }},
  };
}

}  // namespace rst

#include "native/ops/attack.h"

#include "native/ops/number_attributes.h"

namespace rst {
namespace {

ThreatModel threat_model(const OpCall& call) {
  const Interval box = interval_attributes(call);
  return {norm_attribute(call.attributes), size_attribute(call, "eps"), box.low, box.high};
}

}  // namespace

std::vector<OpRow> attack_ops() {
  return {
      {"attack_step",
       {{"x"}, {"x0"}, {"gradient"}, {"active", DType::kF32, true}},
       {{"norm", kNormWords}, "eps", "step_size", "low", "high"},
       "One ascent step from x: linf moves by step_size·sign(gradient) (sign(0) = 0) and clips to x0 ± eps; "
       "l2 moves by step_size·gradient/(‖gradient‖₂ + 1e-12) and projects radially onto the eps-ball about "
       "x0. Then the box. Samples whose active[n] is 0 keep x. linf keeps |y − x0| ≤ eps also where the "
       "difference is computed in float. A NaN counts as sign 0; an l2 sample whose gradient's norm is not "
       "finite does not move.",
       [](const OpCall& c) {
         expect_rank("attack_step", "x", c[0], 2, 4);
         expect_shape("attack_step", "x0", c[1], c[0].shape);
         expect_shape("attack_step", "gradient", c[2], c[0].shape);
         if (c[3].defined()) expect_shape("attack_step", "active", c[3], {c[0].shape[0]});
         const ThreatModel threat = threat_model(c);
         return parsed({{{c[0].shape}}}, AttackStepParams{threat, finite_attribute(c, "step_size")});
       }},
      {"random_start",
       {{"x0"}, {"sample_ids", DType::kI32}},
       {{"norm", kNormWords}, "eps", "low", "high", "seed", "step"},
       "x0 plus noise, clipped to the box. linf: uniform in ±eps; l2: uniform in the ball (normal direction, "
       "radius eps·u^(1/d)). Sample n draws from stream {seed, kAttackStart, step, sample_ids[n]}: linf "
       "takes "
       "word j for element j, l2 a normal from block j and u from block d.",
       [](const OpCall& c) {
         expect_rank("random_start", "x0", c[0], 2, 4);
         expect_shape("random_start", "sample_ids", c[1], {c[0].shape[0]});
         const ThreatModel threat = threat_model(c);
         const uint64_t seed = seed_attribute(c);
         return parsed({{{c[0].shape}}}, RandomStartParams{threat, seed, counter_attribute(c, "step")});
       }},
  };
}

}  // namespace rst

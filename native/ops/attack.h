// The update of a projected-gradient attack, in pixel space.
#pragma once

#include "native/core/philox.h"
#include "native/core/tensor.h"
#include "native/ops/reduce.h"

namespace rst {

struct ThreatModel {
  Norm norm = Norm::kLinf;
  float eps = 0;
  float low = 0, high = 1;  // the box of valid pixels
};

class AttackOps {
 public:
  virtual ~AttackOps() = default;
  // One ascent step from x: L∞ moves by step_size·sign(gradient) (sign(0) = 0) and clips to x0 ± eps; L2
  // moves by step_size·gradient/(‖gradient‖₂ + 1e-12) and projects radially onto the eps-ball about x0. Then
  // the box. Samples whose active[n] is 0 keep x; active may be undefined. L∞ keeps |y − x0| ≤ eps also where
  // the difference is computed in float. A NaN counts as sign 0; an L2 sample whose gradient's norm is not
  // finite does not move.
  virtual void attack_step(const Tensor& x, const Tensor& x0, const Tensor& gradient, const Tensor& active,
                           const Tensor& y, const ThreatModel& threat, float step_size) = 0;
  // x0 plus noise, clipped to the box. L∞: uniform in ±eps; L2: uniform in the ball (normal direction,
  // radius eps·u^(1/d)). Sample n draws from stream {seed, kAttackStart, step, sample_ids[n]}: L∞ takes word
  // j for element j, L2 a normal from block j and u from block d.
  virtual void random_start(const Tensor& x0, const Tensor& sample_ids, const Tensor& y,
                            const ThreatModel& threat, uint64_t seed, uint32_t step) = 0;
};

}  // namespace rst

// The geometry that dense and sparse convolutions share: an input gradient is a convolution too.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "native/cpu/conv/conv_finish.h"
#include "native/cpu/layout.h"
#include "native/ops/conv.h"
#include "native/runtime/thread_pool.h"

namespace rst::cpu {

inline int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// The sizes of a weight tensor; rank 2 is a 1×1 kernel.
struct KernelShape {
  int64_t out, in, height, width;

  explicit KernelShape(const Shape& s)
      : out(s[0]), in(s[1]), height(s.rank() == 4 ? s[2] : 1), width(s.rank() == 4 ? s[3] : 1) {}
};

// Along one axis: which taps reach the output positions start, start + step, …, and from which input
// position.
struct AxisPlan {
  int64_t out_start, out_step, count;  // output positions of this phase
  int64_t in_step;                     // input positions between two of them
  std::vector<int64_t> taps;           // kernel indices
  std::vector<int64_t> in_offsets;     // input position of each tap for the first output position

  // Border the input needs so that no tap leaves its memory.
  int64_t halo(int64_t in_size) const;
};

struct ConvPlan {
  AxisPlan y, x;

  int64_t taps() const { return static_cast<int64_t>(y.taps.size() * x.taps.size()); }
  int64_t pixels() const { return y.count * x.count; }
  int64_t halo(const BlockedShape& in) const { return std::max(y.halo(in.h), x.halo(in.w)); }
};

ConvPlan forward_plan(const ImageShape& y, const KernelShape& kernel, const ConvParams& p);

// dx at phase, phase + stride, … along each axis is a convolution of dy with the taps r for which
// (position + padding − r) divides by the stride.
std::vector<ConvPlan> backward_plans(const BlockedShape& dx, const KernelShape& kernel, const ConvParams& p);

// A weight [K, C, R, S] as seen by one direction: forward its output channels are K, backward C.
class WeightView {
 public:
  WeightView(const WeightData& data, int64_t out, int64_t in, int64_t out_stride, int64_t in_stride,
             int64_t width, int64_t area);

  int64_t elements() const { return out * in * area_; }
  float at(int64_t o, int64_t i, int64_t r, int64_t s) const {
    if (data.mask && data.mask[o * mask_out_ + i * mask_in_ + r * mask_row_ + s * mask_column_] == 0)
      return 0;
    return data.values[o * out_stride_ + i * in_stride_ + r * width_ + s];
  }

  const WeightData data;
  const int64_t out, in;  // channels

 private:
  const int64_t area_, width_;            // R·S and S
  const int64_t out_stride_, in_stride_;  // elements
  // The mask's strides are the weight's in whole groups: 0 within one.
  const int64_t mask_out_, mask_in_, mask_row_, mask_column_;
};

WeightView forward_view(const WeightData& weight, const KernelShape& k);
WeightView backward_view(const WeightData& weight, const KernelShape& k);

// A weight in the form that a kernel likes, for one plan.
class CompiledConv {
 public:
  virtual ~CompiledConv() = default;
  // Writes every output position of the plan, finished.
  virtual void run(ThreadPool& pool, const BlockedView& in, const BlockedView& out,
                   const ConvFinish& finish) const = 0;
};

// Into how many groups of at least one unit the output channels are split, so that small batches give every
// thread work too.
inline int64_t channel_groups(int64_t tasks, int64_t units, int threads) {
  return std::clamp<int64_t>(ceil_div(4 * threads, std::max<int64_t>(1, tasks)), 1,
                             std::max<int64_t>(1, units));
}

}  // namespace rst::cpu

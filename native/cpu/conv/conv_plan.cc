#include "native/cpu/conv/conv_plan.h"

namespace rst::cpu {
namespace {

AxisPlan forward_axis(int64_t out_size, int64_t kernel, const ConvParams& p) {
  AxisPlan plan{0, 1, out_size, p.stride, {}, {}};
  for (int64_t r = 0; r < kernel; ++r) {
    plan.taps.push_back(r);
    plan.in_offsets.push_back(r - p.padding);
  }
  return plan;
}

AxisPlan backward_axis(int64_t phase, int64_t x_size, int64_t kernel, const ConvParams& p) {
  AxisPlan plan{phase, p.stride, ceil_div(x_size - phase, p.stride), 1, {}, {}};
  for (int64_t r = (phase + p.padding) % p.stride; r < kernel; r += p.stride) {
    plan.taps.push_back(r);
    plan.in_offsets.push_back((phase + p.padding - r) / p.stride);  // exact by the choice of r
  }
  return plan;
}

}  // namespace

int64_t AxisPlan::halo(int64_t in_size) const {
  int64_t need = 0;
  for (int64_t offset : in_offsets) {
    need = std::max({need, -offset, offset + (count - 1) * in_step - (in_size - 1)});
  }
  return need;
}

ConvPlan forward_plan(const ImageShape& y, const KernelShape& kernel, const ConvParams& p) {
  return {forward_axis(y.h, kernel.height, p), forward_axis(y.w, kernel.width, p)};
}

std::vector<ConvPlan> backward_plans(const BlockedShape& dx, const KernelShape& kernel, const ConvParams& p) {
  std::vector<ConvPlan> plans;
  for (int64_t y = 0; y < std::min(p.stride, dx.h); ++y) {
    for (int64_t x = 0; x < std::min(p.stride, dx.w); ++x) {
      plans.push_back({backward_axis(y, dx.h, kernel.height, p), backward_axis(x, dx.w, kernel.width, p)});
    }
  }
  return plans;
}

WeightView::WeightView(const WeightData& data, int64_t out, int64_t in, int64_t out_stride, int64_t in_stride,
                       int64_t width, int64_t area)
    : data(data),
      out(out),
      in(in),
      area_(area),
      width_(width),
      out_stride_(out_stride),
      in_stride_(in_stride),
      mask_out_(out_stride / std::max<int64_t>(1, data.group)),
      mask_in_(in_stride / std::max<int64_t>(1, data.group)),
      mask_row_(width / std::max<int64_t>(1, data.group)),
      mask_column_(1 / std::max<int64_t>(1, data.group)) {}

WeightView forward_view(const WeightData& weight, const KernelShape& k) {
  const int64_t area = k.height * k.width;
  return {weight, k.out, k.in, k.in * area, area, k.width, area};
}

WeightView backward_view(const WeightData& weight, const KernelShape& k) {
  const int64_t area = k.height * k.width;
  return {weight, k.in, k.out, area, k.in * area, k.width, area};
}

}  // namespace rst::cpu

#include <cmath>
#include <vector>

#include "native/cpu/cpu_backend.h"
#include "native/cpu/kernels.h"
#include "native/cpu/rows.h"
#include "native/ops/norm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "native/cpu/norm.cc"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "native/cpu/positive-inl.h"
#include "native/cpu/rows-inl.h"

#ifndef RST_CPU_NORM_ONCE_
#define RST_CPU_NORM_ONCE_
namespace rst::cpu {

// One channel's part of y = relu?((x − mean)·scale + beta + residual?), positive = y > 0.
struct NormForward {
  const float* x;
  const float* residual;  // may be null
  float* y;
  uint8_t* positive;  // bits; may be null
  bool relu, stream;
  float mean, scale, beta;
};

// One channel's part of dx = scale·(g − g_mean − (x − mean)·slope), d_residual = g, with
// g = dy·[positive] or dy.
struct NormBackward {
  const float* dy;
  const uint8_t* positive;  // null without ReLU
  const float* x;           // null with running statistics: dx = scale·g
  float* dx;
  float* d_residual;  // may be null
  bool stream;
  float mean, scale, g_mean, slope;
};

}  // namespace rst::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace rst::cpu::HWY_NAMESPACE {

// Adds Σ(x − shift) to the first sixteen totals, one a lane, and Σ(x − shift)² to the other sixteen.
void plane_moments(const Rows& rows, const float* HWY_RESTRICT x, float shift, double* HWY_RESTRICT totals) {
  const DoubleVec shifts = hn::Set(Doubles(), shift);
  sum_rows<2>(rows, totals, [&](int64_t i, DoubleVec* sums) HWY_ATTR {
    const DoubleVec d = hn::Sub(to_double(hn::LoadU(Floats(), x + i)), shifts);
    sums[0] = hn::Add(sums[0], d);
    sums[1] = hn::Add(sums[1], hn::Mul(d, d));
  });
}

using Activations = hn::CappedTag<float, kLanes>;
using ActivationVec = hn::Vec<Activations>;

// Calls visit(i) for each vector of all runs, whose length is a multiple of kLanes.
template <class Visit>
HWY_INLINE void for_each_vector(const Rows& rows, const Visit& visit) {
  for_each_row(rows, [&](int64_t start) HWY_ATTR {
    for (int64_t i = start; i < start + rows.length; i += static_cast<int64_t>(hn::Lanes(Activations())))
      visit(i);
  });
}

template <bool kStream>
HWY_INLINE void store(ActivationVec v, float* HWY_RESTRICT to) {
  kStream ? hn::Stream(v, Activations(), to) : hn::Store(v, Activations(), to);
}

template <bool kStream>
void forward_rows(const Rows& rows, const NormForward& f) {
  const Activations d;
  const auto mean = hn::Set(d, f.mean), scale = hn::Set(d, f.scale), beta = hn::Set(d, f.beta);
  for_each_vector(rows, [&](int64_t i) HWY_ATTR {
    ActivationVec v = hn::Add(hn::Mul(hn::Sub(hn::Load(d, f.x + i), mean), scale), beta);
    if (f.residual) v = hn::Add(v, hn::Load(d, f.residual + i));
    if (f.relu) v = hn::IfThenZeroElse(hn::Le(v, hn::Zero(d)), v);  // a NaN stays
    if (f.positive) StorePositive(d, hn::Gt(v, hn::Zero(d)), f.positive, i);
    store<kStream>(v, f.y + i);
  });
  if (kStream) hwy::FlushStream();
}

void forward_plane(const Rows& rows, const NormForward& f) {
  f.stream ? forward_rows<true>(rows, f) : forward_rows<false>(rows, f);
}

// Over runs of any length; leaves `positive` alone.
void planar_forward(const Rows& rows, const NormForward& f) {
  const float* HWY_RESTRICT x = f.x;
  const float* HWY_RESTRICT residual = f.residual;
  const float mean = f.mean, scale = f.scale, beta = f.beta;
  const bool relu = f.relu;
  map_rows(rows, f.y, [=](int64_t i) HWY_ATTR {
    float v = (x[i] - mean) * scale + beta;
    if (residual) v += residual[i];
    return relu && v <= 0 ? 0 : v;  // a NaN stays
  });
}

// Adds Σg to the first sixteen totals and Σg·(x − mean) to the other sixteen.
void backward_plane_sums(const Rows& rows, const NormBackward& n, double* HWY_RESTRICT totals) {
  const Floats f;
  const DoubleVec mean = hn::Set(Doubles(), n.mean);
  sum_rows<2>(rows, totals, [&](int64_t i, DoubleVec* sums) HWY_ATTR {
    FloatVec g = hn::LoadU(f, n.dy + i);
    if (n.positive) g = hn::IfThenElseZero(LoadPositive(f, n.positive, i), g);
    const DoubleVec wide = to_double(g);
    const DoubleVec x = hn::Sub(to_double(hn::LoadU(f, n.x + i)), mean);
    sums[0] = hn::Add(sums[0], wide);
    sums[1] = hn::Add(sums[1], hn::Mul(wide, x));
  });
}

template <bool kStream>
void backward_rows(const Rows& rows, const NormBackward& n) {
  const Activations d;
  const auto mean = hn::Set(d, n.mean), scale = hn::Set(d, n.scale), g_mean = hn::Set(d, n.g_mean),
             slope = hn::Set(d, n.slope);
  for_each_vector(rows, [&](int64_t i) HWY_ATTR {
    ActivationVec g = hn::Load(d, n.dy + i);
    if (n.positive) g = hn::IfThenElseZero(LoadPositive(d, n.positive, i), g);
    if (n.d_residual) store<kStream>(g, n.d_residual + i);
    if (n.x) g = hn::Sub(hn::Sub(g, g_mean), hn::Mul(hn::Sub(hn::Load(d, n.x + i), mean), slope));
    store<kStream>(hn::Mul(scale, g), n.dx + i);
  });
  if (kStream) hwy::FlushStream();
}

void backward_plane(const Rows& rows, const NormBackward& n) {
  n.stream ? backward_rows<true>(rows, n) : backward_rows<false>(rows, n);
}

}  // namespace rst::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rst::cpu {
namespace {

HWY_EXPORT(plane_moments);
HWY_EXPORT(forward_plane);
HWY_EXPORT(planar_forward);
HWY_EXPORT(backward_plane_sums);
HWY_EXPORT(backward_plane);

// A plain vector [C] that may be absent.
struct ChannelNumbers {
  const float* data;
  float otherwise;
  float operator[](int64_t c) const { return data ? data[c] : otherwise; }
};

// Calls plane(p) for the plane of channel c in each block or image.
template <class Geometry, class Plane>
void for_each_block(const Geometry& s, int64_t c, const Plane& plane) {
  for (int64_t p = c; p < s.planes(); p += s.c) plane(p);
}

// Calls task(c) for each channel. A channel is one task, so that its second pass finds it in the cache.
template <class Geometry, class Task>
void parallel_channels(ThreadPool& pool, const Geometry& s, const Task& task) {
  const int64_t floats = std::max<int64_t>(1, s.planes() / std::max<int64_t>(1, s.c) * s.plane());
  pool.parallel_ranges(s.c, std::max<int64_t>(1, kTaskFloats / floats), [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) task(c);
  });
}

struct TwoSums {
  double first = 0, second = 0;
};

// Adds what add(rows, totals) finds in the planes of channel c, over the lanes that hold images.
template <class Add>
TwoSums sum_channel(const BlockedShape& s, int64_t c, const Add& add) {
  TwoSums sums;
  for_each_block(s, c, [&](int64_t p) {
    double totals[2 * kLanes] = {};
    add(plane_rows(s, p, p + 1), totals);
    for (int lane = 0; lane < s.lanes(p / s.c); ++lane) {
      sums.first += totals[lane];
      sums.second += totals[kLanes + lane];
    }
  });
  return sums;
}

double images_pixels(const BlockedShape& s) {
  return static_cast<double>(s.n * s.h * s.w);
}

// Whether what is written should go past the caches.
template <class Geometry>
bool streams(const Geometry& s) {
  return s.size() * static_cast<int64_t>(sizeof(float)) > kStreamBytes;
}

void forward_channel(const PlanarView& y, int64_t c, const NormForward& f) {
  for_each_block(y.shape, c, [&](int64_t p) {
    HWY_DYNAMIC_DISPATCH(planar_forward)(plane_rows(y.shape, p, p + 1), f);
  });
}

void forward_channel(const BlockedView& y, int64_t c, const NormForward& f) {
  for_each_block(y.shape, c, [&](int64_t p) {
    HWY_DYNAMIC_DISPATCH(forward_plane)(plane_rows(y.shape, p, p + 1), f);
    clear_padded_lanes(y, p, p + 1);
  });
}

void backward_channel(const BlockedView& dx, int64_t c, const NormBackward& n) {
  for_each_block(dx.shape, c, [&](int64_t p) {
    HWY_DYNAMIC_DISPATCH(backward_plane)(plane_rows(dx.shape, p, p + 1), n);
    clear_padded_lanes(dx, p, p + 1);
    if (n.d_residual) clear_padded_lanes({dx.shape, n.d_residual}, p, p + 1);
  });
}

void batch_norm_train(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &x = call.inputs[0], &running_mean = call.inputs[1], &running_var = call.inputs[2],
               &residual = call.inputs[3], &gamma = call.inputs[4], &beta = call.inputs[5],
               &y = call.outputs[0], &mean = call.outputs[1], &inv_std = call.outputs[2],
               &positive = call.outputs[3];
  const auto& p = call.as<BatchNormParams>();
  const ChannelNumbers gammas{gamma.defined() ? cpu.plain_input(gamma) : nullptr, 1};
  const ChannelNumbers betas{beta.defined() ? cpu.plain_input(beta) : nullptr, 0};
  float* means = cpu.plain_output(mean);
  float* inv_stds = cpu.plain_output(inv_std);
  const BlockedView in = cpu.blocked_input(x);
  const float* added = residual.defined() ? cpu.blocked_input(residual).data : nullptr;
  const BlockedView out = cpu.blocked_output(y);
  uint8_t* bits = cpu.positive_output(positive);
  float* running_means = cpu.writable_input(running_mean);
  float* running_vars = cpu.writable_input(running_var);
  const BlockedShape& s = in.shape;
  // The new ones, apart until all is computed: whatever fails leaves the old ones as they were.
  std::vector<float> new_means(static_cast<size_t>(s.c)), new_vars(static_cast<size_t>(s.c));
  const double n = images_pixels(s);
  // One element has no unbiased variance; its biased one, zero, is the sensible stand-in.
  const double unbiased = n / std::max(1.0, n - 1);
  const double momentum = p.momentum;

  parallel_channels(cpu.pool(), s, [&](int64_t c) {
    // Sums of differences to any value of the channel keep their digits where the mean is large.
    const float shift = *in.at(0, c, 0, 0);
    const TwoSums sums = sum_channel(s, c, [&](const Rows& rows, double* totals) {
      HWY_DYNAMIC_DISPATCH(plane_moments)(rows, in.data, shift, totals);
    });
    const double difference = sums.first / n;
    const double rounded = sums.second / n - difference * difference;
    const double variance = rounded < 0 ? 0 : rounded;  // a NaN stays
    means[c] = static_cast<float>(shift + difference);
    inv_stds[c] = static_cast<float>(1 / std::sqrt(variance + p.eps));
    const auto i = static_cast<size_t>(c);
    new_means[i] = static_cast<float>((1 - momentum) * running_means[c] + momentum * (shift + difference));
    new_vars[i] = static_cast<float>((1 - momentum) * running_vars[c] + momentum * variance * unbiased);
    forward_channel(
        out, c,
        {in.data, added, out.data, bits, p.relu, streams(s), means[c], inv_stds[c] * gammas[c], betas[c]});
  });
  cpu_storage(running_mean).begin_change();
  cpu_storage(running_var).begin_change();
  std::copy(new_means.begin(), new_means.end(), running_means);
  std::copy(new_vars.begin(), new_vars.end(), running_vars);
}

void batch_norm_train_grad(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &dy = call.inputs[0], &x = call.inputs[1], &positive = call.inputs[2], &mean = call.inputs[3],
               &inv_std = call.inputs[4], &gamma = call.inputs[5], &dx = call.outputs[0],
               &d_residual = call.outputs[1], &d_gamma = call.outputs[2], &d_beta = call.outputs[3];
  const auto& p = call.as<BatchNormParams>();
  const ChannelNumbers gammas{gamma.defined() ? cpu.plain_input(gamma) : nullptr, 1};
  const float* means = cpu.plain_input(mean);
  const float* inv_stds = cpu.plain_input(inv_std);
  float* d_gammas = d_gamma.defined() ? cpu.plain_output(d_gamma) : nullptr;
  float* d_betas = d_beta.defined() ? cpu.plain_output(d_beta) : nullptr;
  const BlockedView out_grad = cpu.blocked_input(dy);
  const BlockedView in = cpu.blocked_input(x);
  const uint8_t* bits = p.relu ? cpu.positive_input(positive) : nullptr;
  const BlockedView in_grad = cpu.blocked_output(dx);
  float* residual_grad = d_residual.defined() ? cpu.blocked_output(d_residual).data : nullptr;
  const BlockedShape& s = in.shape;
  const double n = images_pixels(s);

  parallel_channels(cpu.pool(), s, [&](int64_t c) {
    NormBackward channel{
        out_grad.data, bits, in.data, in_grad.data, residual_grad, streams(s), means[c], 0, 0, 0};
    const TwoSums sums = sum_channel(s, c, [&](const Rows& rows, double* totals) {
      HWY_DYNAMIC_DISPATCH(backward_plane_sums)(rows, channel, totals);
    });
    const double inverse = inv_stds[c];
    if (d_gammas) d_gammas[c] = static_cast<float>(sums.second * inverse);
    if (d_betas) d_betas[c] = static_cast<float>(sums.first);
    channel.scale = inv_stds[c] * gammas[c];
    channel.g_mean = static_cast<float>(sums.first / n);
    channel.slope = static_cast<float>(sums.second / n * inverse * inverse);
    backward_channel(in_grad, c, channel);
  });
}

void batch_norm_eval(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &x = call.inputs[0], &running_mean = call.inputs[1], &running_var = call.inputs[2],
               &residual = call.inputs[3], &gamma = call.inputs[4], &beta = call.inputs[5],
               &y = call.outputs[0], &positive = call.outputs[1];
  const auto& p = call.as<BatchNormParams>();
  const ChannelNumbers gammas{gamma.defined() ? cpu.plain_input(gamma) : nullptr, 1};
  const ChannelNumbers betas{beta.defined() ? cpu.plain_input(beta) : nullptr, 0};
  const float* means = cpu.plain_input(running_mean);
  const float* variances = cpu.plain_input(running_var);
  uint8_t* bits = cpu.positive_output(positive);
  const auto run = [&](const auto& in, const float* added, const auto& out) {
    parallel_channels(cpu.pool(), in.shape, [&](int64_t c) {
      const auto scale = static_cast<float>(gammas[c] / std::sqrt(double{variances[c]} + p.eps));
      forward_channel(out, c,
                      {in.data, added, out.data, bits, p.relu, streams(in.shape), means[c], scale, betas[c]});
    });
  };
  if (goes_planar(x) && !bits) {
    const PlanarView in = cpu.planar_input(x);
    const float* added = residual.defined() ? cpu.planar_input(residual).data : nullptr;
    run(in, added, cpu.planar_output(y));
  } else {
    const BlockedView in = cpu.blocked_input(x);
    const float* added = residual.defined() ? cpu.blocked_input(residual).data : nullptr;
    run(in, added, cpu.blocked_output(y));
  }
}

void batch_norm_eval_grad(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &dy = call.inputs[0], &positive = call.inputs[1], &running_var = call.inputs[2],
               &gamma = call.inputs[3], &dx = call.outputs[0], &d_residual = call.outputs[1];
  const auto& p = call.as<BatchNormParams>();
  const ChannelNumbers gammas{gamma.defined() ? cpu.plain_input(gamma) : nullptr, 1};
  const float* variances = cpu.plain_input(running_var);
  const float* out_grad = cpu.blocked_input(dy).data;
  const uint8_t* bits = p.relu ? cpu.positive_input(positive) : nullptr;
  const BlockedView in_grad = cpu.blocked_output(dx);
  float* residual_grad = d_residual.defined() ? cpu.blocked_output(d_residual).data : nullptr;
  parallel_channels(cpu.pool(), in_grad.shape, [&](int64_t c) {
    const auto scale = static_cast<float>(gammas[c] / std::sqrt(double{variances[c]} + p.eps));
    backward_channel(
        in_grad, c,
        {out_grad, bits, nullptr, in_grad.data, residual_grad, streams(in_grad.shape), 0, scale, 0, 0});
  });
}

}  // namespace

void add_norm_kernels(KernelTable& table) {
  table.add("batch_norm_train", on_cpu<batch_norm_train>);
  table.add("batch_norm_train_grad", on_cpu<batch_norm_train_grad>);
  table.add("batch_norm_eval", on_cpu<batch_norm_eval>);
  table.add("batch_norm_eval_grad", on_cpu<batch_norm_eval_grad>);
}

}  // namespace rst::cpu
#endif  // HWY_ONCE

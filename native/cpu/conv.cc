// The convolutions of the op contract. Forward and input gradient compile the weight once, and keep that with
// it; the weight gradient is always dense.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "native/cpu/conv_kernels.h"
#include "native/cpu/conv_plan.h"
#include "native/cpu/cpu_backend.h"
#include "native/cpu/dense_conv.h"
#include "native/cpu/rows.h"
#include "native/cpu/sparse/planar_conv.h"
#include "native/cpu/sparse/sparse_conv.h"
#include "native/cpu/winograd_conv.h"

namespace rst::cpu {
namespace {

// The cost model: shares of non-zero weights below which the sparse kernels beat the dense ones
// (docs/performance.md). The same on all machines, because the choice decides the order of additions, and so
// the last bits of a result.
constexpr double kSparseBelowWinograd = 0.3, kSparseBelowDirect = 0.4;

// What a compiled weight is good for.
struct ConvGeometry {
  struct Side {
    int64_t h, w, halo;
    bool operator==(const Side&) const = default;
  };
  int64_t stride, padding;
  Side in, out;

  ConvGeometry() = default;
  ConvGeometry(const ConvParams& p, const ImageShape& x, const ImageShape& y)
      : stride(p.stride), padding(p.padding), in{x.h, x.w, x.halo}, out{y.h, y.w, y.halo} {}
  bool operator==(const ConvGeometry&) const = default;
};

// Whether the sparse kernels serve a weight of that density.
bool takes_sparse(const WeightView& weight, const ConvPlan& plan, double density) {
  return density < (winograd_fits(weight, plan) ? kSparseBelowWinograd : kSparseBelowDirect);
}

struct CompiledWeight final : PackedWeight {
  ConvGeometry geometry;
  std::vector<std::unique_ptr<CompiledConv>> phases;
};

// The cached compiled weight if it fits, else a new one in its place.
const CompiledWeight& compiled(std::shared_ptr<PackedWeight>& cache, CachingAllocator& allocator,
                               ThreadPool& pool, const WeightView& weight, const std::vector<ConvPlan>& plans,
                               const BlockedShape& in, const ConvGeometry& geometry) {
  const auto* known = static_cast<const CompiledWeight*>(cache.get());
  if (known && known->geometry == geometry) return *known;
  auto fresh = std::make_shared<CompiledWeight>();
  fresh->geometry = geometry;
  const double density = weight_density(pool, weight.data, weight.out * weight.in * weight.area);
  for (const ConvPlan& plan : plans) {
    if (takes_sparse(weight, plan, density)) {
      fresh->phases.push_back(compile_sparse(allocator, pool, weight, plan, in, density));
    } else if (winograd_fits(weight, plan)) {
      fresh->phases.push_back(compile_winograd(allocator, pool, weight, plan));
    } else {
      fresh->phases.push_back(compile_dense(allocator, pool, weight, plan));
    }
  }
  cache = fresh;
  return *fresh;
}

struct PlanarWeight final : PackedWeight {
  ConvGeometry geometry;
  std::unique_ptr<PlanarConv> conv;  // null where the dense kernels serve
};

// The same for planar memory.
const PlanarConv* compiled_planar(std::shared_ptr<PackedWeight>& cache, ThreadPool& pool,
                                  const WeightView& weight, const KernelShape& kernel, const PlanarShape& in,
                                  const PlanarShape& out, const ConvParams& p) {
  const ConvGeometry geometry(p, in, out);
  const auto* known = static_cast<const PlanarWeight*>(cache.get());
  if (known && known->geometry == geometry) return known->conv.get();
  auto fresh = std::make_shared<PlanarWeight>();
  fresh->geometry = geometry;
  const double density = weight_density(pool, weight.data, weight.out * weight.in * weight.area);
  const ConvPlan plan = forward_plan(out, kernel, p);
  if (takes_sparse(weight, plan, density))
    fresh->conv = std::make_unique<PlanarConv>(pool, weight, plan, p, in, out, density);
  cache = fresh;
  return fresh->conv.get();
}

double inverse_deviation(float variance, const BatchNormParams& norm) {
  return 1 / std::sqrt(static_cast<double>(variance) + norm.eps);
}

}  // namespace

void CpuBackend::conv2d(const Tensor& x, const Tensor& w, const Tensor& y, const ConvParams& p) {
  run_forward(x, w, {}, y, p, {});
}

void CpuBackend::conv2d_batch_norm(const Tensor& x, const Tensor& w, const Tensor& running_mean,
                                   const Tensor& running_var, const Tensor& residual, const Tensor& y,
                                   const Tensor& positive, const ConvParams& p, const BatchNormParams& norm) {
  const int64_t channels = w.shape[0];
  const float* mean = plain_input(running_mean);
  const float* variance = plain_input(running_var);
  const Buffer folded = scratch(2 * channels * static_cast<int64_t>(sizeof(float)));
  float* scale = folded.as<float>();
  float* shift = scale + channels;
  for (int64_t c = 0; c < channels; ++c) {
    const double factor = inverse_deviation(variance[c], norm);
    scale[c] = static_cast<float>(factor);
    shift[c] = static_cast<float>(-mean[c] * factor);
  }
  run_forward(x, w, residual, y, p,
              {.kind = ConvFinish::Kind::kForward,
               .scale = scale,
               .shift = shift,
               .relu = norm.relu,
               .positive = positive_output(positive)});
}

void CpuBackend::run_forward(const Tensor& x, const Tensor& w, const Tensor& residual, const Tensor& y,
                             const ConvParams& p, ConvFinish finish) {
  const KernelShape k(w.shape);
  const WeightView weight = forward_view(plain_input(w), k);
  if (x.shape[0] <= kPlanarImages && !finish.positive) {
    const PlanarConv* planar = compiled_planar(cpu_storage(w).packed_planar, pool_, weight, k,
                                               PlanarShape(x.shape), PlanarShape(y.shape), p);
    if (planar) {
      const PlanarView in = planar_input(x);
      if (residual.defined()) finish.addend = planar_input(residual).data;
      planar->run(allocator_, pool_, in, planar_output(y), finish);
      return;
    }
  }
  const BlockedView in = blocked_input(x);
  if (residual.defined()) finish.addend = blocked_input(residual).data;
  const BlockedView out = blocked_output(y);
  run_conv(in, out, {forward_plan(out.shape, k, p)}, cpu_storage(w).packed_forward, weight, p, finish);
}

void CpuBackend::conv2d_input_grad(const Tensor& dy, const Tensor& w, const Tensor& addend, const Tensor& dx,
                                   const ConvParams& p) {
  ConvFinish finish;
  if (addend.defined()) {
    finish.kind = ConvFinish::Kind::kBackward;
    finish.addend = blocked_input(addend).data;
  }
  input_grad(dy, w, dx, p, finish);
}

void CpuBackend::conv2d_input_grad_batch_norm(const Tensor& dy, const Tensor& w, const Tensor& addend,
                                              const Tensor& positive, const Tensor& running_var,
                                              const Tensor& d_maps, const Tensor& d_sum, const ConvParams& p,
                                              const BatchNormParams& norm) {
  const float* variance = plain_input(running_var);
  std::vector<float> scale;
  for (int64_t c = 0; c < running_var.shape[0]; ++c) {
    scale.push_back(static_cast<float>(inverse_deviation(variance[c], norm)));
  }
  const ConvFinish finish{.kind = ConvFinish::Kind::kBackward,
                          .scale = scale.data(),
                          .addend = addend.defined() ? blocked_input(addend).data : nullptr,
                          .positive = positive_input(positive),
                          .gradient = d_sum.defined() ? blocked_output(d_sum).data : nullptr};
  input_grad(dy, w, d_maps, p, finish);
}

void CpuBackend::input_grad(const Tensor& dy, const Tensor& w, const Tensor& dx, const ConvParams& p,
                            const ConvFinish& finish) {
  const KernelShape k(w.shape);
  const BlockedView in = blocked_input(dy);
  const BlockedView out = blocked_output(dx);
  run_conv(in, out, backward_plans(out.shape, k, p), cpu_storage(w).packed_backward,
           backward_view(plain_input(w), k), p, finish);
}

void CpuBackend::run_conv(const BlockedView& in, const BlockedView& out, const std::vector<ConvPlan>& plans,
                          std::shared_ptr<PackedWeight>& cache, const WeightView& weight, const ConvParams& p,
                          ConvFinish finish) {
  finish.stream = out.shape.size() * static_cast<int64_t>(sizeof(float)) > kStreamBytes;
  int64_t halo = 0;
  for (const ConvPlan& plan : plans) halo = std::max(halo, plan.halo(in.shape));
  Buffer bordered;
  const BlockedView source = with_halo(in, halo, bordered);
  const ConvGeometry geometry(p, source.shape, out.shape);
  for (const auto& phase : compiled(cache, allocator_, pool_, weight, plans, source.shape, geometry).phases) {
    phase->run(pool_, source, out, finish);
  }
}

void CpuBackend::conv2d_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& dw,
                                    const ConvParams& p) {
  const KernelShape k(dw.shape);
  const BlockedView in = blocked_input(x);
  BlockedView grad = blocked_input(dy);
  float* result = plain_output(dw);

  Buffer bordered;
  const ConvPlan plan = forward_plan(grad.shape, k, p);
  const BlockedView source = with_halo(in, plan.halo(in.shape), bordered);
  const BlockedShape& xs = source.shape;
  const BlockedShape& gs = grad.shape;

  // The last block's spare lanes must not count: a copy of that block has zeros there.
  Buffer last_copy;
  int64_t last_shift = 0;  // floats from the last block in `grad` to its copy
  const int spare_from = gs.lanes(gs.blocks() - 1);
  if (spare_from < kLanes) {
    last_copy = scratch(gs.block() * static_cast<int64_t>(sizeof(float)));
    const float* last = grad.data + (gs.blocks() - 1) * gs.block();
    pool_.parallel_for(gs.c, [&](int64_t c) {
      float* to = last_copy.as<float>() + c * gs.plane();
      const float* from = last + c * gs.plane();
      for (int64_t i = 0; i < gs.plane(); ++i) to[i] = i % kLanes < spare_from ? from[i] : 0.f;
    });
    last_shift = last_copy.as<float>() - last;
  }

  // Rows of all blocks, in groups of about this many pixels: enough to hide loading and storing the partial
  // sums.
  constexpr int64_t kGroupPixels = 128;
  std::vector<int64_t> dy_rows, x_rows;
  for (int64_t b = 0; b < gs.blocks(); ++b) {
    for (int64_t y = 0; y < gs.h; ++y) {
      dy_rows.push_back(gs.offset(b, 0, y, 0) + (b == gs.blocks() - 1 ? last_shift : 0));
      x_rows.push_back(xs.offset(b, 0, y * p.stride - p.padding, -p.padding));
    }
  }
  const auto row_count = static_cast<int64_t>(dy_rows.size());
  const int64_t group_rows = std::max<int64_t>(1, kGroupPixels / gs.w);

  const int64_t tile_out = weight_grad_tile_out(), tile_in = weight_grad_tile_in();
  const int64_t group_out = 4 * tile_out, group_in = 4 * tile_in;
  const int64_t groups_in = ceil_div(k.in, group_in);
  const int64_t taps = k.height * k.width;
  const int64_t tasks = ceil_div(k.out, group_out) * groups_in;
  const int64_t sums_size = group_out * group_in * taps * kLanes;

  pool_.parallel_for(tasks, [&](int64_t task) {
    const int64_t out0 = task / groups_in * group_out, in0 = task % groups_in * group_in;
    const int64_t out1 = std::min(k.out, out0 + group_out), in1 = std::min(k.in, in0 + group_in);
    const Buffer buffer(allocator_, sums_size * static_cast<int64_t>(sizeof(float)));
    float* sums = buffer.as<float>();
    std::memset(sums, 0, static_cast<size_t>(sums_size) * sizeof(float));

    // Visits the tiles of this task in the order in which their sums lie.
    const auto for_each_tile = [&](const auto& visit) {
      float* at = sums;
      for (int64_t o = out0; o < out1; o += tile_out) {
        for (int64_t i = in0; i < in1; i += tile_in) {
          for (int64_t t = 0; t < taps; ++t) {
            const int64_t outs = std::min(tile_out, out1 - o), ins = std::min(tile_in, in1 - i);
            visit(o, i, t, outs, ins, at);
            at += outs * ins * kLanes;
          }
        }
      }
    };
    for (int64_t row = 0; row < row_count; row += group_rows) {
      const auto begin = static_cast<size_t>(row);
      const auto count = static_cast<size_t>(std::min(group_rows, row_count - row));
      for_each_tile([&](int64_t o, int64_t i, int64_t t, int64_t outs, int64_t ins, float* at) {
        weight_grad_row({.dy = grad.data + o * gs.plane(),
                         .dy_plane = gs.plane(),
                         .x = source.data + i * xs.plane() + t / k.width * xs.row() + t % k.width * kLanes,
                         .x_plane = xs.plane(),
                         .x_step = p.stride * kLanes,
                         .pixels = gs.w,
                         .out_channels = static_cast<int>(outs),
                         .in_channels = static_cast<int>(ins),
                         .sums = at},
                        std::span(dy_rows).subspan(begin, count), std::span(x_rows).subspan(begin, count));
      });
    }
    for_each_tile([&](int64_t o, int64_t i, int64_t t, int64_t outs, int64_t ins, float* at) {
      for (int64_t a = 0; a < outs; ++a) {
        for (int64_t b = 0; b < ins; ++b, at += kLanes) {
          // A fixed tree, the same on every target.
          for (int half = kLanes / 2; half > 0; half /= 2) {
            for (int lane = 0; lane < half; ++lane) at[lane] += at[lane + half];
          }
          result[((o + a) * k.in + i + b) * taps + t] = at[0];
        }
      }
    });
  });
}

}  // namespace rst::cpu

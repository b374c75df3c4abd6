// The convolutions of the op contract. Forward and input gradient compile the weight once, and keep that with
// it; the weight gradient is always dense.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <vector>

#include "native/cpu/conv/conv_plan.h"
#include "native/cpu/conv/dense_conv.h"
#include "native/cpu/conv/sparse/planar_conv.h"
#include "native/cpu/conv/sparse/sparse_conv.h"
#include "native/cpu/conv/weight_grad.h"
#include "native/cpu/conv/winograd_conv.h"
#include "native/cpu/cpu_backend.h"
#include "native/cpu/rows.h"

namespace rst::cpu {
namespace {

// The cost model: shares of non-zero weights below which the sparse kernels beat the dense ones
// (docs/performance.md). The same on all machines, because the choice decides the order of additions, and so
// the last bits of a result.
constexpr double kSparseBelowWinograd = 0.34, kSparseBelowDirect = 0.55;

// `sparse_possible`: whether the sparse kernels take inputs of that size.
ConvKernel choose_kernel(const ConvCostModel& model, const WeightView& weight, const ConvPlan& plan,
                         double density, bool sparse_possible) {
  const bool winograd = winograd_fits(weight, plan);
  if (sparse_possible && density < (winograd ? model.sparse_below_winograd : model.sparse_below_direct)) {
    return ConvKernel::kSparse;
  }
  return winograd ? ConvKernel::kWinograd : ConvKernel::kDirect;
}

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

struct CompiledWeight final : PackedWeight {
  ConvGeometry geometry;
  std::vector<std::unique_ptr<CompiledConv>> phases;
};

// The cached compiled weight if it fits, else a new one in its place.
const CompiledWeight& compiled(std::shared_ptr<PackedWeight>& cache, CachingAllocator& allocator,
                               ThreadPool& pool, const WeightView& weight, const std::vector<ConvPlan>& plans,
                               const BlockedShape& in, const ConvGeometry& geometry,
                               const ConvCostModel& model) {
  const auto* known = static_cast<const CompiledWeight*>(cache.get());
  if (known && known->geometry == geometry) return *known;
  auto fresh = std::make_shared<CompiledWeight>();
  fresh->geometry = geometry;
  const double density = weight_density(pool, weight.data, weight.elements());
  for (const ConvPlan& plan : plans) {
    switch (choose_kernel(model, weight, plan, density, sparse_fits(weight, plan, in, density))) {
      case ConvKernel::kSparse:
        fresh->phases.push_back(compile_sparse(allocator, pool, weight, plan, in, density));
        break;
      case ConvKernel::kWinograd:
        fresh->phases.push_back(compile_winograd(allocator, pool, weight, plan));
        break;
      case ConvKernel::kDirect:
        fresh->phases.push_back(compile_dense(allocator, pool, weight, plan));
        break;
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
                                  const PlanarShape& out, const ConvParams& p, const ConvCostModel& model) {
  const ConvGeometry geometry(p, in, out);
  const auto* known = static_cast<const PlanarWeight*>(cache.get());
  if (known && known->geometry == geometry) return known->conv.get();
  auto fresh = std::make_shared<PlanarWeight>();
  fresh->geometry = geometry;
  const double density = weight_density(pool, weight.data, weight.elements());
  const ConvPlan plan = forward_plan(out, kernel, p);
  const bool possible = PlanarConv::fits(weight, plan, p, in, out);
  if (choose_kernel(model, weight, plan, density, possible) == ConvKernel::kSparse)
    fresh->conv = std::make_unique<PlanarConv>(pool, weight, plan, p, in, out, density);
  cache = fresh;
  return fresh->conv.get();
}

double inverse_deviation(float variance, const BatchNormParams& norm) {
  return 1 / std::sqrt(static_cast<double>(variance) + norm.eps);
}

}  // namespace

ConvCostModel CpuBackend::conv_cost_model() const {
  return sparse_ ? ConvCostModel{kSparseBelowWinograd, kSparseBelowDirect} : ConvCostModel{};
}

ConvKernels CpuBackend::conv_kernels(const Shape& x, const Shape& w, const ConvParams& p,
                                     double density) const {
  const KernelShape k(w);
  const BlockedShape y(conv2d_shape(x, w, p));
  const ConvCostModel model = conv_cost_model();
  const auto choice = [&](const WeightView& weight, const ConvPlan& plan, BlockedShape in) {
    in.halo = std::max(in.halo, plan.halo(in));
    return choose_kernel(model, weight, plan, density, sparse_fits(weight, plan, in, density));
  };
  ConvKernels kernels{choice(forward_view({}, k), forward_plan(y, k, p), BlockedShape(x)), {}};
  // All phases of an input gradient agree: Winograd is for stride 1, which has one.
  for (const ConvPlan& plan : backward_plans(BlockedShape(x), k, p)) {
    kernels.input_grad = choice(backward_view({}, k), plan, y);
  }
  return kernels;
}

double CpuBackend::weight_compile_seconds() const {
  return static_cast<double>(weight_compile_nanoseconds_) * 1e-9;
}

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
  const WeightView weight = forward_view(weight_input(w), k);
  if (x.shape[0] <= kPlanarImages && !finish.positive) {
    const auto started = std::chrono::steady_clock::now();
    const PlanarConv* planar =
        compiled_planar(cpu_storage(w).packed_planar, pool_, weight, k, PlanarShape(x.shape),
                        PlanarShape(y.shape), p, conv_cost_model());
    const std::chrono::nanoseconds spent = std::chrono::steady_clock::now() - started;
    weight_compile_nanoseconds_ += spent.count();
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
           backward_view(weight_input(w), k), p, finish);
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
  const auto started = std::chrono::steady_clock::now();
  const CompiledWeight& ready =
      compiled(cache, allocator_, pool_, weight, plans, source.shape, geometry, conv_cost_model());
  const std::chrono::nanoseconds spent = std::chrono::steady_clock::now() - started;
  weight_compile_nanoseconds_ += spent.count();
  for (const auto& phase : ready.phases) phase->run(pool_, source, out, finish);
}

void CpuBackend::conv2d_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& dw,
                                    const ConvParams& p) {
  const KernelShape k(dw.shape);
  const BlockedView in = blocked_input(x);
  const BlockedView grad = blocked_input(dy);
  Buffer bordered;
  const ConvPlan plan = forward_plan(grad.shape, k, p);
  WeightGradProblem problem{with_halo(in, plan.halo(in.shape), bordered), grad, 0, k, p, plain_output(dw)};

  const BlockedShape& gs = grad.shape;
  if (gs.n == 0) {
    std::fill_n(problem.dw, dw.elements(), 0.0f);
    return;
  }
  // The last block's spare lanes must not count: a copy of that block has zeros there.
  Buffer last_copy;
  const int spare_from = gs.lanes(gs.blocks() - 1);
  if (spare_from < kLanes) {
    last_copy = scratch(gs.block() * static_cast<int64_t>(sizeof(float)));
    const float* last = grad.data + (gs.blocks() - 1) * gs.block();
    pool_.parallel_for(gs.c, [&](int64_t c) {
      float* to = last_copy.as<float>() + c * gs.plane();
      const float* from = last + c * gs.plane();
      for (int64_t i = 0; i < gs.plane(); ++i) to[i] = i % kLanes < spare_from ? from[i] : 0.f;
    });
    problem.last_block = last_copy.as<float>() - last;
  }
  if (winograd_weight_grad_fits(problem)) {
    winograd_weight_grad(allocator_, pool_, problem);
  } else {
    direct_weight_grad(allocator_, pool_, problem);
  }
}

}  // namespace rst::cpu

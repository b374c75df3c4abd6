// The convolutions of the op contract. Forward and input gradient compile the weight once, and keep that with
// it; the weight gradient is always dense.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <vector>

#include "native/cpu/conv/conv_choice.h"
#include "native/cpu/conv/conv_plan.h"
#include "native/cpu/conv/dense_conv.h"
#include "native/cpu/conv/sparse/planar_conv.h"
#include "native/cpu/conv/sparse/sparse_conv.h"
#include "native/cpu/conv/weight_grad.h"
#include "native/cpu/conv/winograd_conv.h"
#include "native/cpu/cpu_backend.h"
#include "native/cpu/kernels.h"
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

const char* conv_kernel_name(ConvKernel kernel) {
  return kernel == ConvKernel::kSparse ? "sparse" : kernel == ConvKernel::kWinograd ? "winograd" : "direct";
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

// Forward pass or input gradient, by the weight as compiled in `cache`.
void run_conv(CpuBackend& cpu, const BlockedView& in, const BlockedView& out,
              const std::vector<ConvPlan>& plans, std::shared_ptr<PackedWeight>& cache,
              const WeightView& weight, const ConvParams& p, ConvFinish finish) {
  finish.stream = out.shape.size() * static_cast<int64_t>(sizeof(float)) > kStreamBytes;
  int64_t halo = 0;
  for (const ConvPlan& plan : plans) halo = std::max(halo, plan.halo(in.shape));
  Buffer bordered;
  const BlockedView source = cpu.with_halo(in, halo, bordered);
  const ConvGeometry geometry(p, source.shape, out.shape);
  const auto started = std::chrono::steady_clock::now();
  const CompiledWeight& ready = compiled(cache, cpu.allocator(), cpu.pool(), weight, plans, source.shape,
                                         geometry, conv_cost_model(cpu));
  const std::chrono::nanoseconds spent = std::chrono::steady_clock::now() - started;
  cpu.add_weight_compile_time(spent);
  for (const auto& phase : ready.phases) phase->run(cpu.pool(), source, out, finish);
}

// A forward convolution in the layout that suits batch and weight; the residual becomes the finish's addend.
void run_forward(CpuBackend& cpu, const Tensor& x, const Tensor& w, const Tensor& residual, const Tensor& y,
                 const ConvParams& p, ConvFinish finish) {
  const KernelShape k(w.shape);
  const WeightView weight = forward_view(cpu.weight_input(w), k);
  if (x.shape[0] <= kPlanarImages && !finish.positive) {
    const auto started = std::chrono::steady_clock::now();
    const PlanarConv* planar =
        compiled_planar(cpu_storage(w).packed_planar, cpu.pool(), weight, k, PlanarShape(x.shape),
                        PlanarShape(y.shape), p, conv_cost_model(cpu));
    const std::chrono::nanoseconds spent = std::chrono::steady_clock::now() - started;
    cpu.add_weight_compile_time(spent);
    if (planar) {
      const PlanarView in = cpu.planar_input(x);
      if (residual.defined()) finish.addend = cpu.planar_input(residual).data;
      planar->run(cpu.allocator(), cpu.pool(), in, cpu.planar_output(y), finish);
      return;
    }
  }
  const BlockedView in = cpu.blocked_input(x);
  if (residual.defined()) finish.addend = cpu.blocked_input(residual).data;
  const BlockedView out = cpu.blocked_output(y);
  run_conv(cpu, in, out, {forward_plan(out.shape, k, p)}, cpu_storage(w).packed_forward, weight, p, finish);
}

void input_grad(CpuBackend& cpu, const Tensor& dy, const Tensor& w, const Tensor& dx, const ConvParams& p,
                const ConvFinish& finish) {
  const KernelShape k(w.shape);
  const BlockedView in = cpu.blocked_input(dy);
  const BlockedView out = cpu.blocked_output(dx);
  run_conv(cpu, in, out, backward_plans(out.shape, k, p), cpu_storage(w).packed_backward,
           backward_view(cpu.weight_input(w), k), p, finish);
}

void conv2d(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &x = call.inputs[0], &w = call.inputs[1], &y = call.outputs[0];
  const auto& p = call.as<ConvParams>();
  run_forward(cpu, x, w, {}, y, p, {});
}

void conv2d_batch_norm(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &x = call.inputs[0], &w = call.inputs[1], &running_mean = call.inputs[2],
               &running_var = call.inputs[3], &residual = call.inputs[4], &y = call.outputs[0],
               &positive = call.outputs[1];
  const ConvParams& p = call.as<ConvBatchNormParams>().conv;
  const BatchNormParams& norm = call.as<ConvBatchNormParams>().norm;
  const int64_t channels = w.shape[0];
  const float* mean = cpu.plain_input(running_mean);
  const float* variance = cpu.plain_input(running_var);
  const Buffer folded = cpu.scratch(2 * channels * static_cast<int64_t>(sizeof(float)));
  float* scale = folded.as<float>();
  float* shift = scale + channels;
  for (int64_t c = 0; c < channels; ++c) {
    const double factor = inverse_deviation(variance[c], norm);
    scale[c] = static_cast<float>(factor);
    shift[c] = static_cast<float>(-mean[c] * factor);
  }
  run_forward(cpu, x, w, residual, y, p,
              {.kind = ConvFinish::Kind::kForward,
               .scale = scale,
               .shift = shift,
               .relu = norm.relu,
               .positive = cpu.positive_output(positive)});
}

void conv2d_input_grad(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &dy = call.inputs[0], &w = call.inputs[1], &addend = call.inputs[2], &dx = call.outputs[0];
  const auto& p = call.as<ConvParams>();
  ConvFinish finish;
  if (addend.defined()) {
    finish.kind = ConvFinish::Kind::kBackward;
    finish.addend = cpu.blocked_input(addend).data;
  }
  input_grad(cpu, dy, w, dx, p, finish);
}

void conv2d_input_grad_batch_norm(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &dy = call.inputs[0], &w = call.inputs[1], &addend = call.inputs[2],
               &positive = call.inputs[3], &running_var = call.inputs[4], &d_maps = call.outputs[0],
               &d_sum = call.outputs[1];
  const ConvParams& p = call.as<ConvBatchNormParams>().conv;
  const BatchNormParams& norm = call.as<ConvBatchNormParams>().norm;
  const float* variance = cpu.plain_input(running_var);
  std::vector<float> scale;
  for (int64_t c = 0; c < running_var.shape[0]; ++c) {
    scale.push_back(static_cast<float>(inverse_deviation(variance[c], norm)));
  }
  const ConvFinish finish{.kind = ConvFinish::Kind::kBackward,
                          .scale = scale.data(),
                          .addend = addend.defined() ? cpu.blocked_input(addend).data : nullptr,
                          .positive = cpu.positive_input(positive),
                          .gradient = d_sum.defined() ? cpu.blocked_output(d_sum).data : nullptr};
  input_grad(cpu, dy, w, d_maps, p, finish);
}

void conv2d_weight_grad(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &x = call.inputs[0], &dy = call.inputs[1], &dw = call.outputs[0];
  const auto& p = call.as<ConvParams>();
  const KernelShape k(dw.shape);
  const BlockedView in = cpu.blocked_input(x);
  const BlockedView grad = cpu.blocked_input(dy);
  Buffer bordered;
  const ConvPlan plan = forward_plan(grad.shape, k, p);
  WeightGradProblem problem{
      cpu.with_halo(in, plan.halo(in.shape), bordered), grad, 0, k, p, cpu.plain_output(dw)};

  const BlockedShape& gs = grad.shape;
  if (gs.n == 0) {
    std::fill_n(problem.dw, dw.elements(), 0.0f);
    return;
  }
  // The last block's spare lanes must not count: a copy of that block has zeros there.
  Buffer last_copy;
  const int spare_from = gs.lanes(gs.blocks() - 1);
  if (spare_from < kLanes) {
    last_copy = cpu.scratch(gs.block() * static_cast<int64_t>(sizeof(float)));
    const float* last = grad.data + (gs.blocks() - 1) * gs.block();
    cpu.pool().parallel_for(gs.c, [&](int64_t c) {
      float* to = last_copy.as<float>() + c * gs.plane();
      const float* from = last + c * gs.plane();
      for (int64_t i = 0; i < gs.plane(); ++i) to[i] = i % kLanes < spare_from ? from[i] : 0.f;
    });
    problem.last_block = last_copy.as<float>() - last;
  }
  if (winograd_weight_grad_fits(problem)) {
    winograd_weight_grad(cpu.allocator(), cpu.pool(), problem);
  } else {
    direct_weight_grad(cpu.allocator(), cpu.pool(), problem);
  }
}

}  // namespace

ConvCostModel conv_cost_model(const CpuBackend& cpu) {
  return cpu.sparse() ? ConvCostModel{kSparseBelowWinograd, kSparseBelowDirect} : ConvCostModel{};
}

ConvKernels conv_kernels(const CpuBackend& cpu, const Shape& x, const Shape& w, const ConvParams& p,
                         double density) {
  const KernelShape k(w);
  const BlockedShape y(conv2d_shape(x, w, p));
  const ConvCostModel model = conv_cost_model(cpu);
  const auto choice = [&](const WeightView& weight, const ConvPlan& plan, BlockedShape in) {
    in.halo = std::max(in.halo, plan.halo(in));
    return choose_kernel(model, weight, plan, density, sparse_fits(weight, plan, in, density));
  };
  const ConvKernel forward = choice(forward_view({}, k), forward_plan(y, k, p), BlockedShape(x));
  ConvKernel input_grad = forward;
  // All phases of an input gradient agree: Winograd is for stride 1, which has one.
  for (const ConvPlan& plan : backward_plans(BlockedShape(x), k, p)) {
    input_grad = choice(backward_view({}, k), plan, y);
  }
  return {conv_kernel_name(forward), conv_kernel_name(input_grad)};
}

void add_conv_kernels(KernelTable& table) {
  table.add("conv2d", on_cpu<conv2d>);
  table.add("conv2d_batch_norm", on_cpu<conv2d_batch_norm>);
  table.add("conv2d_input_grad", on_cpu<conv2d_input_grad>);
  table.add("conv2d_input_grad_batch_norm", on_cpu<conv2d_input_grad_batch_norm>);
  table.add("conv2d_weight_grad", on_cpu<conv2d_weight_grad>);
}

}  // namespace rst::cpu

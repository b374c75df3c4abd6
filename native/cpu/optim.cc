#include <algorithm>
#include <functional>

#include "native/cpu/cpu_backend.h"
#include "native/cpu/kernels.h"
#include "native/ops/optim.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "native/cpu/optim.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace rst::cpu::HWY_NAMESPACE {

void SgdStep(float* HWY_RESTRICT parameter, const float* HWY_RESTRICT gradient, float* HWY_RESTRICT velocity,
             int64_t begin, int64_t end, float lr, float momentum, float weight_decay) {
  for (int64_t i = begin; i < end; ++i) {
    velocity[i] = momentum * velocity[i] + (gradient[i] + weight_decay * parameter[i]);
    parameter[i] -= lr * velocity[i];
  }
}

}  // namespace rst::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rst::cpu {
namespace {

HWY_EXPORT(SgdStep);

void sgd_step(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &parameter = call.inputs[0], &gradient = call.inputs[1], &velocity = call.inputs[2];
  const auto& params = call.as<SgdParams>();
  const auto* g = cpu.plain_input(gradient);
  float* p = cpu.writable_input(parameter);
  float* v = cpu.writable_input(velocity);
  constexpr int64_t kGrain = 1 << 14;
  const int64_t count = parameter.elements();
  // Made before the change begins, because it may take memory.
  const std::function<void(int64_t)> step = [&](int64_t task) {
    HWY_DYNAMIC_DISPATCH(SgdStep)
    (p, g, v, task * kGrain, std::min(count, (task + 1) * kGrain), params.lr, params.momentum,
     params.weight_decay);
  };
  cpu_storage(parameter).begin_change();
  cpu_storage(velocity).begin_change();
  cpu.pool().parallel_for((count + kGrain - 1) / kGrain, step);
}

}  // namespace

void add_optim_kernels(KernelTable& table) {
  table.add("sgd_step", on_cpu<sgd_step>);
}

}  // namespace rst::cpu
#endif  // HWY_ONCE

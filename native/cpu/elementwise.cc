#include <cstring>

#include "native/core/normal.h"
#include "native/cpu/cpu_backend.h"
#include "native/cpu/kernels.h"
#include "native/cpu/rows.h"
#include "native/ops/elementwise.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "native/cpu/elementwise.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "native/cpu/rows-inl.h"

#ifndef RST_CPU_ELEMENTWISE_ONCE_
#define RST_CPU_ELEMENTWISE_ONCE_
namespace rst::cpu {

// How an element of the output follows from inputs a and b and numbers p and q.
enum class ElementMap {
  kAdd,
  kSub,
  kMul,
  kScale,
  kClip,
  kRelu,
  kReluGrad,
  kExp,
  kLog,
  kLogGrad,
  kAddNumber,
  kNormalize
};

}  // namespace rst::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace rst::cpu::HWY_NAMESPACE {

void elementwise_rows(ElementMap op, const Rows& rows, const float* HWY_RESTRICT a,
                      const float* HWY_RESTRICT b, float* HWY_RESTRICT y, float p, float q) {
  // Comparisons are written so that a NaN in `a` comes out as itself.
  switch (op) {
    case ElementMap::kAdd:
      return map_rows(rows, y, [=](int64_t i) HWY_ATTR { return a[i] + b[i]; });
    case ElementMap::kSub:
      return map_rows(rows, y, [=](int64_t i) HWY_ATTR { return a[i] - b[i]; });
    case ElementMap::kMul:
      return map_rows(rows, y, [=](int64_t i) HWY_ATTR { return a[i] * b[i]; });
    case ElementMap::kScale:
      return map_rows(rows, y, [=](int64_t i) HWY_ATTR { return a[i] * p; });
    case ElementMap::kClip:
      return map_rows(rows, y, [=](int64_t i) HWY_ATTR { return a[i] < p ? p : a[i] > q ? q : a[i]; });
    case ElementMap::kRelu:
      return map_rows(rows, y, [=](int64_t i) HWY_ATTR { return a[i] <= 0 ? 0 : a[i]; });
    case ElementMap::kReluGrad:
      return map_rows(rows, y, [=](int64_t i) HWY_ATTR { return b[i] > 0 ? a[i] : 0; });
    case ElementMap::kExp:
      return map_rows(rows, y, [=](int64_t i) HWY_ATTR { return static_cast<float>(portable_exp(a[i])); });
    case ElementMap::kLog:
      return map_rows(rows, y, [=](int64_t i) HWY_ATTR { return static_cast<float>(portable_log(a[i])); });
    case ElementMap::kLogGrad:
      return map_rows(rows, y, [=](int64_t i) HWY_ATTR { return a[i] / b[i]; });
    case ElementMap::kAddNumber:
      return map_rows(rows, y, [=](int64_t i) HWY_ATTR { return a[i] + p; });
    case ElementMap::kNormalize:
      return map_rows(rows, y, [=](int64_t i) HWY_ATTR { return (a[i] - p) / q; });
  }
}

}  // namespace rst::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rst::cpu {
namespace {

HWY_EXPORT(elementwise_rows);

void run_rows(ElementMap op, const Rows& rows, const float* a, const float* b, float* y, float p, float q) {
  HWY_DYNAMIC_DISPATCH(elementwise_rows)(op, rows, a, b, y, p, q);
}

// y = op(x) with a number p, and where given q, of each channel.
template <class View>
void map_channels(ThreadPool& pool, ElementMap op, const View& x, const View& y, const float* p,
                  const float* q) {
  const auto& s = x.shape;
  pool.parallel_ranges(s.planes(), planes_per_task(s), [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) {
      const int64_t c = plane % s.c;
      run_rows(op, plane_rows(s, plane, plane + 1), x.data, nullptr, y.data, p ? p[c] : 0, q ? q[c] : 1);
    }
  });
}

// y = op(a, b, p, q), over blocked or planar memory if an input lies so (blocked if they differ), else over
// plain memory; b may be undefined.
void map_elements(CpuBackend& cpu, ElementMap op, const Tensor& a, const Tensor& b, const Tensor& y,
                  float p = 0, float q = 0) {
  const auto either = [&](bool (*lies)(const Tensor&)) {
    return y.shape.rank() >= 2 && (lies(a) || (b.defined() && lies(b)));
  };
  const auto map_planes = [&](const auto& va, const float* vb, const auto& vy) {
    parallel_planes(cpu.pool(), vy.shape,
                    [&](const Rows& rows) { run_rows(op, rows, va.data, vb, vy.data, p, q); });
  };
  if (either(is_blocked)) {
    const BlockedView va = cpu.blocked_input(a);
    const float* vb = b.defined() ? cpu.blocked_input(b).data : nullptr;
    map_planes(va, vb, cpu.blocked_output(y));
  } else if (either(is_planar)) {
    const PlanarView va = cpu.planar_input(a);
    const float* vb = b.defined() ? cpu.planar_input(b).data : nullptr;
    map_planes(va, vb, cpu.planar_output(y));
  } else {
    const float* pa = cpu.plain_input(a);
    const float* pb = b.defined() ? cpu.plain_input(b) : nullptr;
    float* py = cpu.plain_output(y);
    cpu.pool().parallel_ranges(y.elements(), kTaskFloats, [&](int64_t begin, int64_t end) {
      run_rows(op, {begin, end - begin}, pa, pb, py, p, q);
    });
  }
}

template <ElementMap op>
void unary(CpuBackend& cpu, const KernelCall& call) {
  map_elements(cpu, op, call.inputs[0], {}, call.outputs[0]);
}
template <ElementMap op>
void binary(CpuBackend& cpu, const KernelCall& call) {
  map_elements(cpu, op, call.inputs[0], call.inputs[1], call.outputs[0]);
}

// For ops that may make an infinity of what lanes without an image hold.
template <CpuKernel kernel>
void with_clear_lanes(CpuBackend& cpu, const KernelCall& call) {
  kernel(cpu, call);
  const Tensor& y = call.outputs[0];
  if (!is_blocked(y)) return;
  const BlockedView view = cpu.blocked_input(y);
  clear_padded_lanes(view, 0, view.shape.planes());
}

void copy(CpuBackend&, const KernelCall& call) {
  cpu_storage(call.outputs[0]).share(cpu_storage(call.inputs[0]));
}
void assign(CpuBackend&, const KernelCall& call) {
  cpu_storage(call.inputs[0]).share(cpu_storage(call.inputs[1]));
}
void scale(CpuBackend& cpu, const KernelCall& call) {
  map_elements(cpu, ElementMap::kScale, call.inputs[0], {}, call.outputs[0], call.as<ScaleParams>().factor);
}
void clip(CpuBackend& cpu, const KernelCall& call) {
  const auto& p = call.as<ClipParams>();
  map_elements(cpu, ElementMap::kClip, call.inputs[0], {}, call.outputs[0], p.low, p.high);
}

void normalize(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &x = call.inputs[0], &y = call.outputs[0];
  const auto& p = call.as<NormalizeParams>();
  cpu.with_views(x, y, [&](const auto& in, const auto& out) {
    map_channels(cpu.pool(), ElementMap::kNormalize, in, out, p.mean.empty() ? nullptr : p.mean.data(),
                 p.std.data());
  });
}

void bias_add(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &x = call.inputs[0], &bias = call.inputs[1], &y = call.outputs[0];
  const float* numbers = cpu.plain_input(bias);
  cpu.with_views(x, y, [&](const auto& in, const auto& out) {
    map_channels(cpu.pool(), ElementMap::kAddNumber, in, out, numbers, nullptr);
  });
}

void fill(CpuBackend& cpu, const KernelCall& call) {
  const Tensor& y = call.outputs[0];
  const float value = call.as<FillParams>().value;
  float* out = cpu.plain_output(y);
  cpu.pool().parallel_ranges(y.elements(), kTaskFloats,
                             [&](int64_t begin, int64_t end) { std::fill(out + begin, out + end, value); });
}

void reshape(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &x = call.inputs[0], &y = call.outputs[0];
  const bool same_samples = y.shape.rank() >= 2 && x.shape.rank() >= 2 && x.shape[0] == y.shape[0];
  if (!same_samples || !(is_blocked(x) || is_planar(x))) {
    const float* in = cpu.plain_input(x);
    std::memcpy(cpu.plain_output(y), in, static_cast<size_t>(x.bytes()));
    return;
  }
  // The samples keep their lanes or images, so whole pixels move.
  cpu.with_views(x, y, [&](const auto& in, const auto& out) {
    const auto& s = in.shape;
    const auto& t = out.shape;
    cpu.pool().parallel_ranges(s.planes(), planes_per_task(s), [&](int64_t begin, int64_t end) {
      for (int64_t plane = begin; plane < end; ++plane) {
        const int64_t b = plane / s.c, c = plane % s.c;
        for (int64_t i = 0; i < s.h * s.w; ++i) {
          const int64_t j = c * s.h * s.w + i;  // among the pixels of a sample
          std::copy_n(in.at(b, c, i / s.w, i % s.w), s.pixel(),
                      out.at(b, j / (t.h * t.w), j / t.w % t.h, j % t.w));
        }
      }
    });
  });
}

}  // namespace

void add_elementwise_kernels(KernelTable& table) {
  table.add("fill", on_cpu<fill>);
  table.add("copy", on_cpu<copy>);
  table.add("assign", on_cpu<assign>);
  table.add("assign_mask", on_cpu<assign>);
  table.add("reshape", on_cpu<reshape>);
  table.add("add", on_cpu<binary<ElementMap::kAdd>>);
  table.add("sub", on_cpu<binary<ElementMap::kSub>>);
  table.add("mul", on_cpu<binary<ElementMap::kMul>>);
  table.add("scale", on_cpu<scale>);
  table.add("clip", on_cpu<clip>);
  table.add("exp", on_cpu<with_clear_lanes<unary<ElementMap::kExp>>>);
  table.add("log", on_cpu<with_clear_lanes<unary<ElementMap::kLog>>>);
  table.add("log_grad", on_cpu<with_clear_lanes<binary<ElementMap::kLogGrad>>>);
  table.add("relu", on_cpu<unary<ElementMap::kRelu>>);
  table.add("relu_grad", on_cpu<binary<ElementMap::kReluGrad>>);
  table.add("normalize", on_cpu<normalize>);
  table.add("normalize_grad", on_cpu<normalize>);
  table.add("bias_add", on_cpu<bias_add>);
}

}  // namespace rst::cpu
#endif  // HWY_ONCE

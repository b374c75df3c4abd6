#include <cmath>
#include <vector>

#include "native/cpu/cpu_backend.h"
#include "native/cpu/kernels.h"
#include "native/cpu/rows.h"
#include "native/ops/reduce.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "native/cpu/reduce.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "native/cpu/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rst::cpu::HWY_NAMESPACE {

// Each reduces to sixteen totals, one a lane, that start at zero.
void lane_sums(const Rows& rows, const float* x, double* totals) {
  sum_rows<1>(rows, totals, [=](int64_t i, DoubleVec* sums) HWY_ATTR {
    sums[0] = hn::Add(sums[0], to_double(hn::LoadU(Floats(), x + i)));
  });
}

void lane_squares(const Rows& rows, const float* x, double* totals) {
  sum_rows<1>(rows, totals, [=](int64_t i, DoubleVec* sums) HWY_ATTR {
    const DoubleVec v = to_double(hn::LoadU(Floats(), x + i));
    sums[0] = hn::Add(sums[0], hn::Mul(v, v));
  });
}

// The largest absolute value, compared by its bits: they order floats of one sign, and a NaN comes last.
void lane_maxima(const Rows& rows, const float* x, double* totals) {
  using Bits = hn::CappedTag<int32_t, kLanes>;
  constexpr int kBitsLanes = static_cast<int>(hn::MaxLanes(Bits()));
  constexpr int kBitsVecs = kLanes / kBitsLanes;
  const Bits d;
  const hn::RebindToFloat<Bits> f;
  hn::Vec<Bits> best[kBitsVecs];
  for (int v = 0; v < kBitsVecs; ++v) best[v] = hn::Zero(d);
  for_each_row(rows, [&](int64_t start) HWY_ATTR {
    for (int64_t i = start; i < start + rows.length; i += kLanes) {
      for (int v = 0; v < kBitsVecs; ++v) {
        const auto magnitude = hn::Abs(hn::LoadU(f, x + i + v * kBitsLanes));
        best[v] = hn::Max(best[v], hn::BitCast(d, magnitude));
      }
    }
  });
  float maxima[kLanes];
  for (int v = 0; v < kBitsVecs; ++v) hn::StoreU(hn::BitCast(f, best[v]), f, maxima + v * kBitsLanes);
  for (int lane = 0; lane < kLanes; ++lane) totals[lane] = maxima[lane];
}

}  // namespace rst::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rst::cpu {
namespace {

HWY_EXPORT(lane_sums);
HWY_EXPORT(lane_squares);
HWY_EXPORT(lane_maxima);

enum class LaneReduction { kSum, kSquares, kMaximum };

void reduce_lanes(LaneReduction reduction, const Rows& rows, const float* x, double* totals) {
  switch (reduction) {
    case LaneReduction::kSum:
      return HWY_DYNAMIC_DISPATCH(lane_sums)(rows, x, totals);
    case LaneReduction::kSquares:
      return HWY_DYNAMIC_DISPATCH(lane_squares)(rows, x, totals);
    case LaneReduction::kMaximum:
      return HWY_DYNAMIC_DISPATCH(lane_maxima)(rows, x, totals);
  }
}

// Totals of one run of planes, one a lane.
using LaneTotals = std::array<double, kLanes>;

double sum_images(const LaneTotals& totals, int lanes) {
  double sum = 0;
  for (int lane = 0; lane < lanes; ++lane) sum += totals[static_cast<size_t>(lane)];
  return sum;
}

// The sum of each plane over the images it holds, block by block.
std::vector<double> plane_sums(ThreadPool& pool, const BlockedView& x) {
  const BlockedShape& s = x.shape;
  std::vector<double> sums(static_cast<size_t>(s.blocks() * s.c));
  pool.parallel_ranges(s.blocks() * s.c, planes_per_task(s), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      LaneTotals totals{};
      reduce_lanes(LaneReduction::kSum, plane_rows(s, p, p + 1), x.data, totals.data());
      sums[static_cast<size_t>(p)] = sum_images(totals, s.lanes(p / s.c));
    }
  });
  return sums;
}

double plain_sum(ThreadPool& pool, const float* x, int64_t elements) {
  const int64_t chunks = (elements + kTaskFloats - 1) / kTaskFloats;
  std::vector<double> sums(static_cast<size_t>(chunks));
  pool.parallel_for(chunks, [&](int64_t chunk) {
    const int64_t begin = chunk * kTaskFloats, end = std::min(elements, begin + kTaskFloats);
    const int64_t whole = (end - begin) / kLanes * kLanes;
    LaneTotals totals{};
    reduce_lanes(LaneReduction::kSum, {begin, whole}, x, totals.data());
    double sum = sum_images(totals, kLanes);
    for (int64_t i = begin + whole; i < end; ++i) sum += x[i];
    sums[static_cast<size_t>(chunk)] = sum;
  });
  double total = 0;
  for (double sum : sums) total += sum;
  return total;
}

// Reduces each sample to one number: first runs of channels, then these in order.
void reduce_samples(ThreadPool& pool, LaneReduction reduction, const BlockedView& x, float* y) {
  const BlockedShape& s = x.shape;
  const int64_t grain = planes_per_task(s);
  const int64_t parts = (s.c + grain - 1) / grain;
  std::vector<LaneTotals> partial(static_cast<size_t>(s.blocks() * parts));
  pool.parallel_for(s.blocks() * parts, [&](int64_t i) {
    const int64_t b = i / parts, c = i % parts * grain;
    LaneTotals totals{};
    reduce_lanes(reduction, plane_rows(s, b * s.c + c, b * s.c + std::min(s.c, c + grain)), x.data,
                 totals.data());
    partial[static_cast<size_t>(i)] = totals;
  });
  for (int64_t n = 0; n < s.n; ++n) {
    double total = 0;
    for (int64_t part = 0; part < parts; ++part) {
      const double v = partial[static_cast<size_t>(n / kLanes * parts + part)][n % kLanes];
      if (reduction == LaneReduction::kMaximum) {
        total = v > total || std::isnan(v) ? v : total;
      } else {
        total += v;
      }
    }
    y[n] = static_cast<float>(reduction == LaneReduction::kSquares ? std::sqrt(total) : total);
  }
}

void sum(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &x = call.inputs[0], &y = call.outputs[0];
  double total = 0;
  if (is_blocked(x)) {
    for (double sum : plane_sums(cpu.pool(), cpu.blocked_input(x))) total += sum;
  } else {
    total = plain_sum(cpu.pool(), cpu.plain_input(x), x.elements());
  }
  *cpu.plain_output(y) = static_cast<float>(total);
}

void channel_sum(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &x = call.inputs[0], &y = call.outputs[0];
  const BlockedView in = cpu.blocked_input(x);
  const std::vector<double> sums = plane_sums(cpu.pool(), in);
  float* out = cpu.plain_output(y);
  for (int64_t c = 0; c < in.shape.c; ++c) {
    double total = 0;
    for (int64_t b = 0; b < in.shape.blocks(); ++b) total += sums[static_cast<size_t>(b * in.shape.c + c)];
    out[c] = static_cast<float>(total);
  }
}

void sample_sum(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &x = call.inputs[0], &y = call.outputs[0];
  reduce_samples(cpu.pool(), LaneReduction::kSum, cpu.blocked_input(x), cpu.plain_output(y));
}

void sample_norm(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &x = call.inputs[0], &y = call.outputs[0];
  const Norm norm = call.as<SampleNormParams>().norm;
  reduce_samples(cpu.pool(), norm == Norm::kLinf ? LaneReduction::kMaximum : LaneReduction::kSquares,
                 cpu.blocked_input(x), cpu.plain_output(y));
}

void broadcast(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &x = call.inputs[0], &y = call.outputs[0];
  const float factor = call.as<BroadcastParams>().factor;
  const float value = *cpu.plain_input(x) * factor;
  float* out = cpu.plain_output(y);
  cpu.pool().parallel_ranges(y.elements(), kTaskFloats,
                             [&](int64_t begin, int64_t end) { std::fill(out + begin, out + end, value); });
}

}  // namespace

void add_reduce_kernels(KernelTable& table) {
  table.add("sum", on_cpu<sum>);
  table.add("channel_sum", on_cpu<channel_sum>);
  table.add("sample_sum", on_cpu<sample_sum>);
  table.add("sample_norm", on_cpu<sample_norm>);
  table.add("broadcast", on_cpu<broadcast>);
}

}  // namespace rst::cpu
#endif  // HWY_ONCE

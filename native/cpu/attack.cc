#include <cmath>
#include <vector>

#include "native/core/normal.h"
#include "native/cpu/cpu_backend.h"
#include "native/cpu/kernels.h"
#include "native/cpu/sample_noise.h"
#include "native/ops/attack.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "native/cpu/attack.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "native/cpu/sample_noise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rst::cpu::HWY_NAMESPACE {

// y within eps of x0, also when the difference is computed in float: x0 ± eps may round outwards, and then
// the float next to it towards x0 is the bound.
HWY_INLINE float ClipToEps(float y, float x0, float eps) {
  float high = x0 + eps, low = x0 - eps;
  high = high - x0 > eps ? high - std::abs(high) * 0x1p-24f : high;
  low = x0 - low > eps ? low + std::abs(low) * 0x1p-24f : low;
  y = y < low ? low : y;
  return y > high ? high : y;
}

HWY_INLINE float ClipToBox(float y, const ThreatModel& threat) {
  y = y < threat.low ? threat.low : y;
  return y > threat.high ? threat.high : y;
}

// `count` floats: whole pixels of sixteen lanes. active[lane] is 1 for samples that move.
void LinfStepRow(const float* HWY_RESTRICT x, const float* HWY_RESTRICT x0,
                 const float* HWY_RESTRICT gradient, float* HWY_RESTRICT y, int64_t count,
                 const float* HWY_RESTRICT active, const ThreatModel& threat, float step_size) {
  const ThreatModel bounds = threat;
  for (int64_t i = 0; i < count; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) {
      // A NaN fails both comparisons and leaves the pixel where it is.
      const float up = gradient[i + l] > 0 ? step_size : 0.0f;
      const float down = gradient[i + l] < 0 ? step_size : 0.0f;
      const float moved = ClipToBox(ClipToEps(x[i + l] + (up - down), x0[i + l], bounds.eps), bounds);
      y[i + l] = active[l] != 0 ? moved : x[i + l];
    }
  }
}

// sums[lane] += Σ x².
void SquareSumRow(const float* HWY_RESTRICT x, int64_t count, double* HWY_RESTRICT sums) {
  for (int64_t i = 0; i < count; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) {
      const double value = x[i + l];
      sums[l] += value * value;
    }
  }
}

// y = x + factor·gradient; sums[lane] += Σ (y − x0)².
void L2MoveRow(const float* HWY_RESTRICT x, const float* HWY_RESTRICT x0, const float* HWY_RESTRICT gradient,
               float* HWY_RESTRICT y, int64_t count, const float* HWY_RESTRICT factor,
               double* HWY_RESTRICT sums) {
  for (int64_t i = 0; i < count; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) {
      // Samples that stay may have a gradient that is not finite.
      y[i + l] = factor[l] != 0 ? x[i + l] + factor[l] * gradient[i + l] : x[i + l];
      const double distance = y[i + l] - x0[i + l];
      sums[l] += distance * distance;
    }
  }
}

// y moved towards x0 by shrink < 1, then the box; samples that are not active keep y.
void L2ProjectRow(const float* HWY_RESTRICT x0, float* HWY_RESTRICT y, int64_t count,
                  const float* HWY_RESTRICT shrink, const float* HWY_RESTRICT active,
                  const ThreatModel& threat) {
  const ThreatModel bounds = threat;
  for (int64_t i = 0; i < count; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) {
      const float inside = x0[i + l] + shrink[l] * (y[i + l] - x0[i + l]);
      const float projected = ClipToBox(shrink[l] < 1 ? inside : y[i + l], bounds);
      y[i + l] = active[l] != 0 ? projected : y[i + l];
    }
  }
}

void LinfStart(const float* HWY_RESTRICT x0, float* HWY_RESTRICT y, const BlockedShape& s, int64_t b,
               int64_t begin, int64_t end, const RandomStream& stream, const SampleIds& ids,
               const ThreatModel& threat) {
  const ThreatModel bounds = threat;
  ForEachUniform(s, b, begin, end, stream, ids, [&](int64_t offset, const float* u) {
    for (int l = 0; l < kLanes; ++l) {
      const float start = x0[offset + l];
      const float noisy = start + bounds.eps * (2 * u[l] - 1);
      y[offset + l] = ClipToBox(ClipToEps(noisy, start, bounds.eps), bounds);
    }
  });
}

// y = normals; sums[lane] += Σ y².
void L2Direction(float* HWY_RESTRICT y, const BlockedShape& s, int64_t b, int64_t begin, int64_t end,
                 const RandomStream& stream, const SampleIds& ids, double* HWY_RESTRICT sums) {
  ForEachNormal(s, b, begin, end, stream, ids, [&](int64_t offset, const double* z) {
    for (int l = 0; l < kLanes; ++l) {
      y[offset + l] = static_cast<float>(z[l]);
      const double value = y[offset + l];
      sums[l] += value * value;
    }
  });
}

// y = x0 + radius·y, then the box.
void L2StartRow(const float* HWY_RESTRICT x0, float* HWY_RESTRICT y, int64_t count,
                const float* HWY_RESTRICT radius, const ThreatModel& threat) {
  const ThreatModel bounds = threat;
  for (int64_t i = 0; i < count; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) y[i + l] = ClipToBox(x0[i + l] + radius[l] * y[i + l], bounds);
  }
}

}  // namespace rst::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rst::cpu {
namespace {

HWY_EXPORT(LinfStepRow);
HWY_EXPORT(SquareSumRow);
HWY_EXPORT(L2MoveRow);
HWY_EXPORT(L2ProjectRow);
HWY_EXPORT(LinfStart);
HWY_EXPORT(L2Direction);
HWY_EXPORT(L2StartRow);

template <class T>
using PerLane = std::array<T, kLanes>;

// Calls task(plane, b, offset of the row) for every row of pixels; plane = b·C + channel.
template <class Task>
void parallel_rows(ThreadPool& pool, const BlockedShape& s, const Task& task) {
  pool.parallel_for(s.blocks() * s.c, [&](int64_t plane) {
    for (int64_t row = 0; row < s.h; ++row) {
      task(static_cast<size_t>(plane), static_cast<size_t>(plane / s.c),
           s.offset(plane / s.c, plane % s.c, row, 0));
    }
  });
}

// Adds up each block's partial sums in order, so that the result does not depend on the threads.
std::vector<PerLane<double>> combine(const std::vector<PerLane<double>>& partials, int64_t blocks) {
  std::vector<PerLane<double>> sums(static_cast<size_t>(blocks), PerLane<double>{});
  for (size_t i = 0; i < partials.size(); ++i) {
    PerLane<double>& sum = sums[i * sums.size() / partials.size()];
    for (size_t l = 0; l < kLanes; ++l) sum[l] += partials[i][l];
  }
  return sums;
}

// Applies value(sum) to every lane.
template <class Value>
std::vector<PerLane<float>> map_lanes(const std::vector<PerLane<double>>& sums, const Value& value) {
  std::vector<PerLane<float>> mapped(sums.size());
  for (size_t b = 0; b < sums.size(); ++b) {
    for (size_t l = 0; l < kLanes; ++l) mapped[b][l] = value(sums[b][l]);
  }
  return mapped;
}

// 1 for each sample that moves, 0 for the others and for lanes beyond the batch.
std::vector<PerLane<float>> active_lanes(const BlockedShape& s, const float* active) {
  std::vector<PerLane<float>> lanes(static_cast<size_t>(s.blocks()), PerLane<float>{});
  for (int64_t n = 0; n < s.n; ++n) {
    lanes[static_cast<size_t>(n / kLanes)][static_cast<size_t>(n % kLanes)] = !active || active[n] != 0;
  }
  return lanes;
}

// The factor of an L2 step. A gradient that is not finite has no direction: its sample does not move.
float l2_factor(double square_sum, float step_size) {
  const double norm = std::sqrt(square_sum);
  return std::isfinite(norm) ? static_cast<float>(step_size / (norm + 1e-12)) : 0.0f;
}

void attack_step(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &x = call.inputs[0], &x0 = call.inputs[1], &gradient = call.inputs[2],
               &active = call.inputs[3], &y = call.outputs[0];
  const ThreatModel& threat = call.as<AttackStepParams>().threat;
  const float step_size = call.as<AttackStepParams>().step_size;
  const BlockedView from = cpu.blocked_input(x), start = cpu.blocked_input(x0),
                    g = cpu.blocked_input(gradient);
  const BlockedView out = cpu.blocked_output(y);
  const BlockedShape& s = out.shape;
  const int64_t count = s.w * kLanes;
  const auto moves = active_lanes(s, active.defined() ? cpu.plain_input(active) : nullptr);

  if (threat.norm == Norm::kLinf) {
    parallel_rows(cpu.pool(), s, [&](size_t, size_t b, int64_t at) {
      HWY_DYNAMIC_DISPATCH(LinfStepRow)
      (from.data + at, start.data + at, g.data + at, out.data + at, count, moves[b].data(), threat,
       step_size);
    });
    return;
  }

  const auto planes = static_cast<size_t>(s.blocks() * s.c);
  std::vector<PerLane<double>> partials(planes, PerLane<double>{});
  parallel_rows(cpu.pool(), s, [&](size_t plane, size_t, int64_t at) {
    HWY_DYNAMIC_DISPATCH(SquareSumRow)(g.data + at, count, partials[plane].data());
  });
  auto factor = map_lanes(combine(partials, s.blocks()),
                          [&](double square_sum) { return l2_factor(square_sum, step_size); });
  for (size_t b = 0; b < factor.size(); ++b) {
    for (size_t l = 0; l < kLanes; ++l) factor[b][l] *= moves[b][l];
  }

  partials.assign(planes, PerLane<double>{});
  parallel_rows(cpu.pool(), s, [&](size_t plane, size_t b, int64_t at) {
    HWY_DYNAMIC_DISPATCH(L2MoveRow)
    (from.data + at, start.data + at, g.data + at, out.data + at, count, factor[b].data(),
     partials[plane].data());
  });
  const auto shrink = map_lanes(combine(partials, s.blocks()), [&](double square_sum) {
    const double distance = std::sqrt(square_sum);
    return distance > threat.eps ? static_cast<float>(threat.eps / distance) : 1.0f;
  });
  parallel_rows(cpu.pool(), s, [&](size_t, size_t b, int64_t at) {
    HWY_DYNAMIC_DISPATCH(L2ProjectRow)
    (start.data + at, out.data + at, count, shrink[b].data(), moves[b].data(), threat);
  });
}

void random_start(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &x0 = call.inputs[0], &sample_ids = call.inputs[1], &y = call.outputs[0];
  const auto& p = call.as<RandomStartParams>();
  const ThreatModel& threat = p.threat;
  const auto* ids = cpu.plain_input<const int32_t>(sample_ids);
  const BlockedView start = cpu.blocked_input(x0), out = cpu.blocked_output(y);
  const BlockedShape& s = out.shape;
  const RandomStream stream{p.seed, Purpose::kAttackStart, p.step};

  if (threat.norm == Norm::kLinf) {
    parallel_noise(cpu.pool(), s, [&](int64_t b, int64_t, int64_t begin, int64_t end) {
      HWY_DYNAMIC_DISPATCH(LinfStart)
      (start.data, out.data, s, b, begin, end, stream, block_sample_ids(s, b, ids), threat);
    });
    return;
  }

  std::vector<PerLane<double>> partials(static_cast<size_t>(s.blocks() * noise_chunks(s)), PerLane<double>{});
  parallel_noise(cpu.pool(), s, [&](int64_t b, int64_t chunk, int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(L2Direction)
    (out.data, s, b, begin, end, stream, block_sample_ids(s, b, ids),
     partials[static_cast<size_t>(b * noise_chunks(s) + chunk)].data());
  });
  const auto square_sums = combine(partials, s.blocks());
  std::vector<PerLane<float>> radius(square_sums.size());
  const int64_t dimensions = sample_elements(s);
  for (size_t b = 0; b < radius.size(); ++b) {
    const SampleIds block_ids = block_sample_ids(s, static_cast<int64_t>(b), ids);
    for (size_t l = 0; l < kLanes; ++l) {
      RandomStream sample = stream;
      sample.index = block_ids[l];
      // u^(1/d) makes the point uniform in the ball; u is drawn from the block after the direction's.
      const double u = uniform_open01(sample.block(static_cast<uint64_t>(dimensions)));
      const double length = portable_exp(portable_log(u) / static_cast<double>(dimensions));
      radius[b][l] = static_cast<float>(threat.eps * length / std::sqrt(square_sums[b][l]));
    }
  }
  parallel_rows(cpu.pool(), s, [&](size_t, size_t b, int64_t at) {
    HWY_DYNAMIC_DISPATCH(L2StartRow)
    (start.data + at, out.data + at, s.w * kLanes, radius[b].data(), threat);
  });
}

}  // namespace

void add_attack_kernels(KernelTable& table) {
  table.add("attack_step", on_cpu<attack_step>);
  table.add("random_start", on_cpu<random_start>);
}

}  // namespace rst::cpu
#endif  // HWY_ONCE

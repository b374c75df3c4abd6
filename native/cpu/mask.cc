#include <cstring>

#include "native/cpu/cpu_backend.h"
#include "native/cpu/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "native/cpu/mask.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace rst::cpu::HWY_NAMESPACE {

void MaskElements(const float* HWY_RESTRICT weight, const uint8_t* HWY_RESTRICT mask, float* HWY_RESTRICT y,
                  int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) y[i] = mask[i] ? weight[i] : 0.0f;
}

HWY_INLINE float Sign(float value) {
  return (value > 0 ? 1.0f : 0.0f) - (value < 0 ? 1.0f : 0.0f);
}

void ElementScoreGrad(const float* HWY_RESTRICT d_weight, const float* HWY_RESTRICT weight,
                      const float* HWY_RESTRICT scores, float* HWY_RESTRICT d_scores, int64_t begin,
                      int64_t end) {
  for (int64_t i = begin; i < end; ++i) d_scores[i] = d_weight[i] * weight[i] * Sign(scores[i]);
}

// Entries begin … end − 1, each the sum over a group of `group` weights.
void GroupScoreGrad(const float* HWY_RESTRICT d_weight, const float* HWY_RESTRICT weight,
                    const float* HWY_RESTRICT scores, float* HWY_RESTRICT d_scores, int64_t begin,
                    int64_t end, int64_t group) {
  // Sixteen partial sums in a fixed order: the same bits for every vector width.
  constexpr int kPartials = 16;
  for (int64_t i = begin; i < end; ++i) {
    const float* dw = d_weight + i * group;
    const float* w = weight + i * group;
    double partials[kPartials] = {};
    int64_t k = 0;
    for (; k + kPartials <= group; k += kPartials) {
      for (int p = 0; p < kPartials; ++p) partials[p] += static_cast<double>(dw[k + p]) * w[k + p];
    }
    for (; k < group; ++k) partials[k % kPartials] += static_cast<double>(dw[k]) * w[k];
    double sum = 0;
    for (double partial : partials) sum += partial;
    d_scores[i] = static_cast<float>(sum) * Sign(scores[i]);
  }
}

}  // namespace rst::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rst::cpu {
namespace {

HWY_EXPORT(MaskElements);
HWY_EXPORT(ElementScoreGrad);
HWY_EXPORT(GroupScoreGrad);

constexpr int64_t kGrain = 1 << 14;  // weights that one task handles

// Weights under one entry of a mask; 0 where there are none.
int64_t group_size(const Tensor& weight, const Tensor& mask) {
  return weight.elements() / std::max<int64_t>(1, mask.elements());
}

void masked_weight(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &weight = call.inputs[0], &mask = call.inputs[1], &y = call.outputs[0];
  const auto values = cpu.plain_buffer(weight);
  cpu_storage(y).replace(MaskedElements{values, cpu.plain_buffer(mask), group_size(weight, mask)});
}

void score_grad(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &d_weight = call.inputs[0], &weight = call.inputs[1], &scores = call.inputs[2],
               &d_scores = call.outputs[0];
  const float *dw = cpu.plain_input(d_weight), *w = cpu.plain_input(weight), *s = cpu.plain_input(scores);
  float* out = cpu.plain_output(d_scores);
  const int64_t group = group_size(weight, scores);
  cpu.pool().parallel_ranges(scores.elements(), kGrain / (group + 1) + 1, [&](int64_t begin, int64_t end) {
    if (group == 1) {
      HWY_DYNAMIC_DISPATCH(ElementScoreGrad)(dw, w, s, out, begin, end);
    } else {
      HWY_DYNAMIC_DISPATCH(GroupScoreGrad)(dw, w, s, out, begin, end, group);
    }
  });
}

void pack_bits(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &mask = call.inputs[0], &bits = call.outputs[0];
  const auto* in = cpu.plain_input<const uint8_t>(mask);
  auto* out = cpu.plain_output<uint8_t>(bits);
  const int64_t count = mask.elements();
  cpu.pool().parallel_ranges(bits.elements(), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t width = std::min<int64_t>(8, count - 8 * i);
      uint32_t byte = 0;
      for (int64_t k = 0; k < width; ++k) byte |= static_cast<uint32_t>(in[8 * i + k] != 0) << k;
      out[i] = static_cast<uint8_t>(byte);
    }
  });
}

void unpack_bits(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &bits = call.inputs[0], &mask = call.outputs[0];
  const auto* in = cpu.plain_input<const uint8_t>(bits);
  auto* out = cpu.plain_output<uint8_t>(mask);
  cpu.pool().parallel_ranges(mask.elements(), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = in[i / 8] >> (i % 8) & 1;
  });
}

}  // namespace

void write_masked(ThreadPool& pool, const WeightData& weight, int64_t count, float* to) {
  const int64_t group = weight.group;
  if (group == 1) {
    pool.parallel_ranges(count, kGrain, [&](int64_t begin, int64_t end) {
      HWY_DYNAMIC_DISPATCH(MaskElements)(weight.values, weight.mask, to, begin, end);
    });
    return;
  }
  const auto bytes = static_cast<size_t>(group) * sizeof(float);
  pool.parallel_ranges(count / group, kGrain / group + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float* part = to + i * weight.group;
      if (weight.mask[i]) {
        std::memcpy(part, weight.values + i * weight.group, bytes);
      } else {
        std::memset(part, 0, bytes);
      }
    }
  });
}

void add_mask_kernels(KernelTable& table) {
  table.add("masked_weight", on_cpu<masked_weight>);
  table.add("score_grad", on_cpu<score_grad>);
  table.add("pack_bits", on_cpu<pack_bits>);
  table.add("unpack_bits", on_cpu<unpack_bits>);
}

}  // namespace rst::cpu
#endif  // HWY_ONCE

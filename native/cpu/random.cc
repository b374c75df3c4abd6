#include "native/ops/random.h"
#include "native/core/normal.h"
#include "native/cpu/cpu_backend.h"
#include "native/cpu/kernels.h"
#include "native/cpu/sample_noise.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "native/cpu/random.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "native/cpu/philox-inl.h"
#include "native/cpu/sample_noise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rst::cpu::HWY_NAMESPACE {

// Elements begin … end − 1; begin is a multiple of kRunWords.
void SignedConstants(float* HWY_RESTRICT y, int64_t begin, int64_t end, float scale,
                     const RandomStream& stream) {
  HWY_ALIGN uint32_t words[kRunWords];
  HWY_ALIGN float values[kRunWords];
  const auto magnitude = std::bit_cast<uint32_t>(scale);
  for (int64_t i = begin; i < end; i += kRunWords) {
    PhiloxRun(stream, static_cast<uint64_t>(i / 4), words);
    for (int k = 0; k < kRunWords; ++k) {
      values[k] = std::bit_cast<float>(magnitude | (words[k] & 0x80000000u));
    }
    std::copy_n(values, std::min<int64_t>(kRunWords, end - i), y + i);
  }
}

void SymmetricUniforms(float* HWY_RESTRICT y, int64_t begin, int64_t end, float scale,
                       const RandomStream& stream) {
  HWY_ALIGN uint32_t words[kRunWords];
  HWY_ALIGN float values[kRunWords];
  for (int64_t i = begin; i < end; i += kRunWords) {
    PhiloxRun(stream, static_cast<uint64_t>(i / 4), words);
    // 2u − 1 is exact, so the product stays below scale.
    for (int k = 0; k < kRunWords; ++k) values[k] = scale * (2 * uniform01(words[k]) - 1);
    std::copy_n(values, std::min<int64_t>(kRunWords, end - i), y + i);
  }
}

void UniformNoise(float* HWY_RESTRICT y, const BlockedShape& s, int64_t b, int64_t begin, int64_t end,
                  const RandomStream& stream, const SampleIds& ids, float low, float high, float below_high) {
  ForEachUniform(s, b, begin, end, stream, ids, [&](int64_t offset, const float* u) {
    for (int i = 0; i < kLanes; ++i) y[offset + i] = std::min(low + (high - low) * u[i], below_high);
  });
}

void NormalNoise(float* HWY_RESTRICT y, const BlockedShape& s, int64_t b, int64_t begin, int64_t end,
                 const RandomStream& stream, const SampleIds& ids, float mean, float std) {
  ForEachNormal(s, b, begin, end, stream, ids, [&](int64_t offset, const double* z) {
    for (int i = 0; i < kLanes; ++i) y[offset + i] = static_cast<float>(mean + std * z[i]);
  });
}

}  // namespace rst::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rst::cpu {
namespace {

HWY_EXPORT(SignedConstants);
HWY_EXPORT(SymmetricUniforms);
HWY_EXPORT(UniformNoise);
HWY_EXPORT(NormalNoise);

constexpr int64_t kWeightGrain = 1 << 14;  // a multiple of the words of a SIMD run

// The largest float that uniform noise in [low, high) may take: low + (high − low)·u can round up to high.
float below(float high, float low) {
  return std::nextafter(high, low);
}

void random_weight(CpuBackend& cpu, const KernelCall& call) {
  const Tensor& y = call.outputs[0];
  const auto& params = call.as<RandomWeightParams>();
  const float scale = params.scale;
  const RandomStream& stream = params.stream;
  float* out = cpu.plain_output(y);
  cpu.pool().parallel_ranges(y.elements(), kWeightGrain, [&](int64_t begin, int64_t end) {
    switch (params.init) {
      case WeightInit::kSignedConstant:
        HWY_DYNAMIC_DISPATCH(SignedConstants)(out, begin, end, scale, stream);
        break;
      case WeightInit::kUniform:
        HWY_DYNAMIC_DISPATCH(SymmetricUniforms)(out, begin, end, scale, stream);
        break;
      case WeightInit::kNormal:
        for (int64_t i = begin; i < end; ++i) {
          out[i] = static_cast<float>(scale * normal_deviate(stream.block(static_cast<uint64_t>(i))));
        }
        break;
    }
  });
}

void uniform_noise(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &sample_ids = call.inputs[0], &y = call.outputs[0];
  const auto& p = call.as<UniformNoiseParams>();
  const float low = p.low, high = p.high;
  const int32_t* ids = cpu.plain_input<const int32_t>(sample_ids);
  RandomStream stream{p.seed, Purpose::kNoise, p.step};
  if (y.shape.rank() == 1) {
    float* out = cpu.plain_output(y);
    for (int64_t n = 0; n < y.elements(); ++n) {
      stream.index = static_cast<uint32_t>(ids[n]);
      out[n] = std::min(low + (high - low) * uniform01(stream.word(0)), below(high, low));
    }
    return;
  }
  const BlockedView out = cpu.blocked_output(y);
  parallel_noise(cpu.pool(), out.shape, [&](int64_t b, int64_t, int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(UniformNoise)
    (out.data, out.shape, b, begin, end, stream, block_sample_ids(out.shape, b, ids), low, high,
     below(high, low));
  });
}

void normal_noise(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &sample_ids = call.inputs[0], &y = call.outputs[0];
  const auto& p = call.as<NormalNoiseParams>();
  const float mean = p.mean, std = p.std;
  const int32_t* ids = cpu.plain_input<const int32_t>(sample_ids);
  RandomStream stream{p.seed, Purpose::kNoise, p.step};
  if (y.shape.rank() == 1) {
    float* out = cpu.plain_output(y);
    for (int64_t n = 0; n < y.elements(); ++n) {
      stream.index = static_cast<uint32_t>(ids[n]);
      out[n] = static_cast<float>(mean + std * normal_deviate(stream.block(0)));
    }
    return;
  }
  const BlockedView out = cpu.blocked_output(y);
  parallel_noise(cpu.pool(), out.shape, [&](int64_t b, int64_t, int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(NormalNoise)
    (out.data, out.shape, b, begin, end, stream, block_sample_ids(out.shape, b, ids), mean, std);
  });
}

}  // namespace

void add_random_kernels(KernelTable& table) {
  table.add("random_weight", on_cpu<random_weight>);
  table.add("uniform_noise", on_cpu<uniform_noise>);
  table.add("normal_noise", on_cpu<normal_noise>);
}

}  // namespace rst::cpu
#endif  // HWY_ONCE

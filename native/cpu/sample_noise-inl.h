// Per-sample random numbers over a blocked tensor, sixteen samples at a time. Compiled once per target.
#if defined(RST_CPU_SAMPLE_NOISE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef RST_CPU_SAMPLE_NOISE_INL_H_
#undef RST_CPU_SAMPLE_NOISE_INL_H_
#else
#define RST_CPU_SAMPLE_NOISE_INL_H_
#endif

#include "native/core/normal.h"
#include "native/cpu/philox-inl.h"
#include "native/cpu/sample_noise.h"

HWY_BEFORE_NAMESPACE();
namespace rst::cpu::HWY_NAMESPACE {

// Calls write(offset, u) for the elements begin … end − 1 (row-major within the sample; begin a multiple of
// 4) of block b's samples; u holds a uniform01 for each lane: element j takes word j.
template <class Write>
HWY_INLINE void ForEachUniform(const BlockedShape& s, int64_t b, int64_t begin, int64_t end,
                               const RandomStream& stream, const SampleIds& ids, const Write& write) {
  HWY_ALIGN uint32_t words[4][kLanes];
  HWY_ALIGN float uniforms[kLanes];
  for (int64_t j = begin; j < end; ++j) {
    if (j % 4 == 0) PhiloxLanes(stream, static_cast<uint64_t>(j / 4), ids.data(), words);
    for (int i = 0; i < kLanes; ++i) uniforms[i] = uniform01(words[j % 4][i]);
    write(sample_element_offset(s, b, j), uniforms);
  }
}

// The same with a standard normal for each lane: element j takes block j.
template <class Write>
HWY_INLINE void ForEachNormal(const BlockedShape& s, int64_t b, int64_t begin, int64_t end,
                              const RandomStream& stream, const SampleIds& ids, const Write& write) {
  HWY_ALIGN uint32_t words[4][kLanes];
  HWY_ALIGN double normals[kLanes];
  for (int64_t j = begin; j < end; ++j) {
    PhiloxLanes(stream, static_cast<uint64_t>(j), ids.data(), words);
    for (int i = 0; i < kLanes; ++i) {
      normals[i] = normal_deviate({words[0][i], words[1][i], words[2][i], words[3][i]});
    }
    write(sample_element_offset(s, b, j), normals);
  }
}

}  // namespace rst::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // RST_CPU_SAMPLE_NOISE_INL_H_

// Philox4x32-10 over SIMD lanes: the same words as native/core/philox.h. Compiled once per target.
#if defined(RST_CPU_PHILOX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef RST_CPU_PHILOX_INL_H_
#undef RST_CPU_PHILOX_INL_H_
#else
#define RST_CPU_PHILOX_INL_H_
#endif

#include <hwy/highway.h>

#include "native/core/philox.h"
#include "native/cpu/layout.h"

HWY_BEFORE_NAMESPACE();
namespace rst::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using D64 = hn::CappedTag<uint64_t, 8>;
using V64 = hn::Vec<D64>;

// a · factor from the lower halves of a's lanes.
HWY_INLINE V64 WidenMul(V64 a, uint32_t factor) {
#if HWY_TARGET == HWY_SCALAR
  return hn::Set(D64(), uint64_t{static_cast<uint32_t>(hn::GetLane(a))} * factor);
#else
  const hn::Repartition<uint32_t, D64> d32;
  return hn::MulEven(hn::BitCast(d32, a), hn::Set(d32, factor));
#endif
}

// In: the counter's words 0 to 3 in the lower halves. Out: the block's words; the upper halves are junk.
HWY_INLINE void PhiloxRounds(uint64_t seed, V64& c0, V64& c1, V64& c2, V64& c3) {
  const D64 d;
  auto key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const V64 product0 = WidenMul(c0, 0xD2511F53), product1 = WidenMul(c2, 0xCD9E8D57);
    c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(product1), c1), hn::Set(d, key0));
    c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(product0), c3), hn::Set(d, key1));
    c1 = product1;
    c3 = product0;
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
}

// The last word of the counter: see RandomStream::block.
HWY_INLINE V64 PurposeWord(const RandomStream& stream, uint64_t position) {
  return hn::Set(D64(), static_cast<uint32_t>(stream.purpose) | static_cast<uint32_t>(position >> 32) << 8);
}

constexpr int kRunBlocks = 16;
constexpr int kRunWords = 4 * kRunBlocks;

// Words 4·first, 4·first + 1, … of one stream; first is a multiple of kRunBlocks.
inline void PhiloxRun(const RandomStream& stream, uint64_t first, uint32_t* HWY_RESTRICT words) {
  const D64 d;
  HWY_ALIGN uint64_t pairs[2 * kRunBlocks];
  for (size_t i = 0; i < kRunBlocks; i += hn::Lanes(d)) {
    V64 c0 = hn::Iota(d, static_cast<uint32_t>(first) + i);
    V64 c1 = hn::Set(d, stream.index), c2 = hn::Set(d, stream.step), c3 = PurposeWord(stream, first);
    PhiloxRounds(stream.seed, c0, c1, c2, c3);
    const V64 low = hn::Set(d, 0xFFFFFFFF);
    hn::StoreInterleaved2(hn::Or(hn::And(c0, low), hn::ShiftLeft<32>(c1)),
                          hn::Or(hn::And(c2, low), hn::ShiftLeft<32>(c3)), d, pairs + 2 * i);
  }
  hwy::CopyBytes<sizeof(pairs)>(pairs, words);
}

// Block `position` of sixteen streams like `stream` that differ in their index: words 0 to 3, a row each.
inline void PhiloxLanes(const RandomStream& stream, uint64_t position, const uint32_t* HWY_RESTRICT indices,
                        uint32_t (*HWY_RESTRICT words)[kLanes]) {
  const D64 d;
  HWY_ALIGN uint64_t wide[4][kLanes];
  for (int i = 0; i < kLanes; ++i) wide[1][i] = indices[i];
  for (size_t i = 0; i < kLanes; i += hn::Lanes(d)) {
    V64 c0 = hn::Set(d, static_cast<uint32_t>(position)), c1 = hn::Load(d, wide[1] + i);
    V64 c2 = hn::Set(d, stream.step), c3 = PurposeWord(stream, position);
    PhiloxRounds(stream.seed, c0, c1, c2, c3);
    hn::Store(c0, d, wide[0] + i);
    hn::Store(c1, d, wide[1] + i);
    hn::Store(c2, d, wide[2] + i);
    hn::Store(c3, d, wide[3] + i);
  }
  for (int k = 0; k < 4; ++k) {
    for (int i = 0; i < kLanes; ++i) words[k][i] = static_cast<uint32_t>(wide[k][i]);
  }
}

}  // namespace rst::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // RST_CPU_PHILOX_INL_H_

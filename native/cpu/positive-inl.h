// The bits of activations that are positive, compiled once for each instruction set: element i of the blocked
// layout is bit i % 8 of byte i / 8.
#if defined(RST_CPU_POSITIVE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef RST_CPU_POSITIVE_INL_H_
#undef RST_CPU_POSITIVE_INL_H_
#else
#define RST_CPU_POSITIVE_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace rst::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Writes the bits of a vector of elements from `offset` on, a multiple of the vector's length.
template <class D, class M>
HWY_INLINE void StorePositive(D d, M mask, uint8_t* bits, int64_t offset) {
  constexpr int kLength = static_cast<int>(hn::MaxLanes(D()));
  uint8_t* byte = bits + offset / 8;
  if constexpr (kLength >= 8) {
    hn::StoreMaskBits(d, mask, byte);
  } else {
    uint8_t part[8];
    hn::StoreMaskBits(d, mask, part);
    const auto shift = static_cast<int>(offset % 8);
    const int others = ~(((1 << kLength) - 1) << shift);
    *byte = static_cast<uint8_t>((*byte & others) | (part[0] << shift));
  }
}

// Reads up to 8 bytes from where the vector's bits begin.
template <class D>
HWY_INLINE hn::Mask<D> LoadPositive(D d, const uint8_t* bits, int64_t offset) {
  if constexpr (hn::MaxLanes(D()) >= 8) {
    return hn::LoadMaskBits(d, bits + offset / 8);
  } else {
    const uint8_t part[8] = {static_cast<uint8_t>(bits[offset / 8] >> (offset % 8))};
    return hn::LoadMaskBits(d, part);
  }
}

}  // namespace rst::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

#include "native/cpu/conv/sparse/planar_kernels.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "native/cpu/conv/sparse/planar_kernels.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "native/cpu/conv/conv_finish-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rst::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Vectors of eight on AVX-512 too: an unaligned load of sixteen floats always touches two cache lines, one of
// eight every other time; and short runs waste less.
using D = hn::CappedTag<float, 8>;
using Vec = hn::Vec<D>;
constexpr int kVectorLanes = static_cast<int>(hn::MaxLanes(D()));

#if HWY_TARGET <= HWY_AVX3
constexpr int kVectors = 16;
#elif HWY_TARGET == HWY_AVX2 || HWY_ARCH_ARM_A64
constexpr int kVectors = 12;
#else
constexpr int kVectors = 8;
#endif

int64_t PlanarTilePixels() {
  return kVectors * kVectorLanes;
}

// The first `count` lanes and nothing else: what lies behind them may belong to another thread.
HWY_INLINE void StoreFirst(D d, Vec y, int64_t count, float* HWY_RESTRICT to) {
  if (count >= kVectorLanes) return hn::StoreU(y, d, to);
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  hn::BlendedStore(y, hn::FirstN(d, static_cast<size_t>(count)), d, to);
#else
  HWY_ALIGN float lanes[kVectorLanes];
  hn::Store(y, d, lanes);
  std::copy_n(lanes, count, to);
#endif
}

// Apart from the sums, so that these stay in registers; what it reads was just written.
HWY_NOINLINE void FinishPlanar(const PlanarTileArgs& a, int64_t channel, const float* HWY_RESTRICT sums) {
  const D d;
  const Vec scale = hn::Set(d, a.scale);
  for (int64_t row = 0; row < a.rows; ++row) {
    const int64_t offset = channel * a.out_plane + row * a.out_row;
    for (int64_t x = 0; x < a.columns; x += kVectorLanes) {
      const Vec sum = hn::Mul(hn::LoadU(d, sums + row * a.in_row + x), scale);
      StoreFirst(d, Finished(d, sum, a.finish, channel, offset + x), a.columns - x, a.out + offset + x);
    }
  }
}

// kChannels output channels from `first` on, side by side, so that the additions of one need not wait for
// each other.
template <int kCount, int kChannels>
HWY_INLINE void TileChannels(const PlanarTileArgs& a, int64_t first) {
  const D d;
  Vec sums[kChannels][kCount];
  for (int k = 0; k < kChannels; ++k) {
    for (int v = 0; v < kCount; ++v) sums[k][v] = hn::Zero(d);
  }
  const int64_t* starts = a.starts + first;
  const auto add = [&](int k, int64_t i) HWY_ATTR {
    const Vec w = hn::Set(d, a.values[i]);
    const float* HWY_RESTRICT x = a.in + a.offsets[i];
    for (int v = 0; v < kCount; ++v)
      sums[k][v] = hn::MulAdd(w, hn::LoadU(d, x + v * kVectorLanes), sums[k][v]);
  };
  int64_t common = starts[1] - starts[0];
  for (int k = 1; k < kChannels; ++k) common = std::min(common, starts[k + 1] - starts[k]);
  for (int64_t i = 0; i < common; ++i) {
    for (int k = 0; k < kChannels; ++k) add(k, starts[k] + i);
  }
  for (int k = 0; k < kChannels; ++k) {
    for (int64_t i = starts[k] + common; i < starts[k + 1]; ++i) add(k, i);
  }
  // Rows are read from any pixel on in whole vectors, beyond the last sum too.
  HWY_ALIGN float stored[(kCount + 1) * kVectorLanes];
  hn::Store(hn::Zero(d), d, stored + kCount * kVectorLanes);
  for (int k = 0; k < kChannels; ++k) {
    for (int v = 0; v < kCount; ++v) hn::Store(sums[k][v], d, stored + v * kVectorLanes);
    FinishPlanar(a, first + k, stored);
  }
}

template <int kCount>
void Tile(const PlanarTileArgs& a) {
  constexpr int kChannels = kCount <= 4 ? 4 : 1;
  int64_t o = 0;
  for (; o + kChannels <= a.channels; o += kChannels) TileChannels<kCount, kChannels>(a, o);
  for (; o < a.channels; ++o) TileChannels<kCount, 1>(a, o);
}

// Turns the number of vectors into a template argument.
template <int kCount>
void TileOf(const PlanarTileArgs& a, int64_t vectors) {
  if (vectors == kCount) return Tile<kCount>(a);
  if constexpr (kCount > 1) TileOf<kCount - 1>(a, vectors);
}

void PlanarTileEntry(const PlanarTileArgs& a) {
  const int64_t pixels = (a.rows - 1) * a.in_row + a.columns;
  TileOf<kVectors>(a, (pixels + kVectorLanes - 1) / kVectorLanes);
}

}  // namespace rst::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rst::cpu {

HWY_EXPORT(PlanarTilePixels);
HWY_EXPORT(PlanarTileEntry);

int64_t planar_tile_pixels() {
  return HWY_DYNAMIC_DISPATCH(PlanarTilePixels)();
}
void planar_tile(const PlanarTileArgs& args) {
  HWY_DYNAMIC_DISPATCH(PlanarTileEntry)(args);
}

}  // namespace rst::cpu
#endif

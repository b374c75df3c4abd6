#include "native/cpu/conv/sparse/sparse_kernels.h"

#include <algorithm>
#include <utility>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "native/cpu/conv/sparse/sparse_kernels.cc"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "native/cpu/conv/conv_finish-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rst::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;
using Vec = hn::Vec<D>;
constexpr int kVectorLanes = static_cast<int>(hn::MaxLanes(D()));
constexpr int kVectors = 16 / kVectorLanes;

#if HWY_TARGET <= HWY_AVX3
constexpr int kTilePixels = 16;
#elif HWY_TARGET == HWY_AVX2
constexpr int kTilePixels = 8;
#elif HWY_ARCH_ARM_A64
constexpr int kTilePixels = 4;
#else
constexpr int kTilePixels = 2;
#endif

int TilePixels() {
  return kTilePixels;
}

// Apart from the sums, so that these stay in registers.
HWY_NOINLINE void FinishTile(const SparseTileArgs& a, int64_t channel, const float* HWY_RESTRICT sums,
                             float* HWY_RESTRICT out) {
  const D d;
  // Copies, which no store to the output can change.
  const ConvFinish finish = a.finish.at(channel, channel * a.out_plane);
  const SparseTileShape shape = a.shape;
  const int64_t out_row = a.out_row, out_column = a.out_column;
  for (int r = 0; r < shape.rows; ++r) {
    for (int c = 0; c < shape.columns; ++c) {
      for (int lane = 0; lane < 16; lane += kVectorLanes, sums += kVectorLanes) {
        const int64_t at = r * out_row + c * out_column + lane;
        StoreFinished(d, Finished(d, hn::Load(d, sums), finish, 0, at), finish, out + at);
      }
    }
  }
}

// Asks for what FinishTile will read, which often lies in memory, while the sums are still being added up.
HWY_INLINE void PrefetchFinish(const SparseTileArgs& a, int64_t channel) {
  const int64_t plane = channel * a.out_plane;
  for (int r = 0; r < a.shape.rows; ++r) {
    const int64_t row = plane + r * a.out_row;
    if (a.finish.positive) hwy::Prefetch(a.finish.positive + row / 8);
    if (!a.finish.addend) continue;
    for (int c = 0; c < a.shape.columns; ++c) hwy::Prefetch(a.finish.addend + row + c * a.out_column);
  }
}

// Calls visit(0) … visit(kCount − 1), unrolled before the compiler decides what lies in registers.
template <int kCount, class Visit>
HWY_INLINE void Unrolled(const Visit& visit) {
  [&]<int... kIndex>(std::integer_sequence<int, kIndex...>) HWY_ATTR {
    (visit(kIndex), ...);
  }
  (std::make_integer_sequence<int, kCount>());
}

template <int kRows, int kColumns, bool kUnitColumn>
void Tile(const SparseTileArgs& a) {
  const D d;
  constexpr int kSums = kRows * kColumns * kVectors;
  const int64_t in_column = kUnitColumn ? 16 : a.in_column;
  const Vec scale = hn::Set(d, a.scale);
  // Where sum i lies among rows and columns that are so many floats apart.
  const auto at = [](int i, int64_t row, int64_t column) {
    const int pixel = i / kVectors;
    return pixel / kColumns * row + pixel % kColumns * column + i % kVectors * kVectorLanes;
  };
  float* HWY_RESTRICT kept = a.sums;
  float* HWY_RESTRICT out = a.out;
  for (int64_t o = 0; o < a.channels; ++o, kept += a.sums_channel, out += a.out_plane) {
    Vec sums[kSums];
    const auto for_each_pixel = [&](int64_t offset, const auto& add) HWY_ATTR {
      const float* HWY_RESTRICT window = a.in + offset;
      Unrolled<kSums>(
          [&](int i) HWY_ATTR { sums[i] = add(sums[i], hn::Load(d, window + at(i, a.in_row, in_column))); });
    };
    if (a.last) PrefetchFinish(a, std::min(o + 1, a.channels - 1));
    if (a.first) {
      Unrolled<kSums>([&](int i) HWY_ATTR { sums[i] = hn::Zero(d); });
    } else {
      Unrolled<kSums>([&](int i) HWY_ATTR { sums[i] = hn::Load(d, kept + i * kVectorLanes); });
    }
    const int64_t plus = a.starts[2 * o], minus = a.starts[2 * o + 1], end = a.starts[2 * o + 2];
    if (a.values) {
      for (int64_t i = plus; i < end; ++i) {
        const Vec w = hn::Set(d, a.values[i]);
        for_each_pixel(a.offsets[i], [&](Vec sum, Vec x) HWY_ATTR { return hn::MulAdd(w, x, sum); });
      }
    } else {
      for (int64_t i = plus; i < minus; ++i) {
        for_each_pixel(a.offsets[i], [&](Vec sum, Vec x) HWY_ATTR { return hn::Add(sum, x); });
      }
      for (int64_t i = minus; i < end; ++i) {
        for_each_pixel(a.offsets[i], [&](Vec sum, Vec x) HWY_ATTR { return hn::Sub(sum, x); });
      }
    }
    if (!a.last) {
      Unrolled<kSums>([&](int i) HWY_ATTR { hn::Store(sums[i], d, kept + i * kVectorLanes); });
    } else if (a.finish.kind != ConvFinish::Kind::kNone) {
      Unrolled<kSums>([&](int i)
                          HWY_ATTR { hn::Store(hn::Mul(sums[i], scale), d, kept + i * kVectorLanes); });
      FinishTile(a, o, kept, out);
    } else {
      Unrolled<kSums>([&](int i) HWY_ATTR {
        StoreFinished(d, hn::Mul(sums[i], scale), a.finish, out + at(i, a.out_row, a.out_column));
      });
    }
  }
  if (a.last && a.finish.stream) hwy::FlushStream();
}

template <int kRows, int kColumns>
void TileOf(const SparseTileArgs& a) {
  if (a.in_column == 16) return Tile<kRows, kColumns, true>(a);
  Tile<kRows, kColumns, false>(a);
}

// Turns the run-time shape into template arguments.
template <int kRows, int kColumns>
void Columns(const SparseTileArgs& a) {
  if (a.shape.columns == kColumns) return TileOf<kRows, kColumns>(a);
  if constexpr (kColumns > 1) Columns<kRows, kColumns - 1>(a);
}

void TileEntry(const SparseTileArgs& a) {
  if (a.shape.rows == 1) return Columns<1, kTilePixels>(a);
  if (a.shape.rows == 2) return Columns<2, kTilePixels / 2>(a);
  if constexpr (kTilePixels >= 4) Columns<4, kTilePixels / 4>(a);
}

}  // namespace rst::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rst::cpu {

HWY_EXPORT(TilePixels);
HWY_EXPORT(TileEntry);

int sparse_tile_pixels() {
  return HWY_DYNAMIC_DISPATCH(TilePixels)();
}
void sparse_tile(const SparseTileArgs& args) {
  HWY_DYNAMIC_DISPATCH(TileEntry)(args);
}

}  // namespace rst::cpu
#endif

#include "native/cpu/sparse/sparse_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "native/cpu/sparse/sparse_kernels.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace rst::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;
using Vec = hn::Vec<D>;
constexpr int kVectorLanes = static_cast<int>(hn::MaxLanes(D()));
constexpr int kVectors = 16 / kVectorLanes;

#if HWY_TARGET <= HWY_AVX3
constexpr int kTilePixels = 16;
#elif HWY_TARGET == HWY_AVX2 || HWY_ARCH_ARM_A64
constexpr int kTilePixels = 4;
#else
constexpr int kTilePixels = 2;
#endif

int TilePixels() {
  return kTilePixels;
}

template <int kRows, int kColumns, bool kUnitColumn>
HWY_INLINE void Tile(const SparseTileArgs& a) {
  const D d;
  const int64_t column = kUnitColumn ? 16 : a.in_column;
  Vec sums[kRows][kColumns][kVectors];
  const float* HWY_RESTRICT rows[kRows];
  for (int r = 0; r < kRows; ++r) {
    rows[r] = a.in + r * a.in_row;
    for (int c = 0; c < kColumns; ++c) {
      for (int v = 0; v < kVectors; ++v) {
        sums[r][c][v] = a.accumulate
                            ? hn::Load(d, a.out + r * a.out_row + c * a.out_column + v * kVectorLanes)
                            : hn::Zero(d);
      }
    }
  }
  const int32_t* HWY_RESTRICT at = a.run.plus;
  if (a.run.values) {
    const float* HWY_RESTRICT value = a.run.values;
    for (; at != a.run.end; ++at, ++value) {
      const Vec w = hn::Set(d, *value);
      for (int r = 0; r < kRows; ++r) {
        const float* HWY_RESTRICT p = rows[r] + *at;
        for (int c = 0; c < kColumns; ++c) {
          for (int v = 0; v < kVectors; ++v) {
            sums[r][c][v] = hn::MulAdd(w, hn::Load(d, p + c * column + v * kVectorLanes), sums[r][c][v]);
          }
        }
      }
    }
  } else {
    for (; at != a.run.minus; ++at) {
      for (int r = 0; r < kRows; ++r) {
        const float* HWY_RESTRICT p = rows[r] + *at;
        for (int c = 0; c < kColumns; ++c) {
          for (int v = 0; v < kVectors; ++v) {
            sums[r][c][v] = hn::Add(sums[r][c][v], hn::Load(d, p + c * column + v * kVectorLanes));
          }
        }
      }
    }
    for (; at != a.run.end; ++at) {
      for (int r = 0; r < kRows; ++r) {
        const float* HWY_RESTRICT p = rows[r] + *at;
        for (int c = 0; c < kColumns; ++c) {
          for (int v = 0; v < kVectors; ++v) {
            sums[r][c][v] = hn::Sub(sums[r][c][v], hn::Load(d, p + c * column + v * kVectorLanes));
          }
        }
      }
    }
  }
  const Vec scale = hn::Set(d, a.scale);
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) {
      for (int v = 0; v < kVectors; ++v) {
        hn::Store(hn::Mul(sums[r][c][v], scale), d,
                  a.out + r * a.out_row + c * a.out_column + v * kVectorLanes);
      }
    }
  }
}

template <int kRows, int kColumns>
void TileOf(const SparseTileArgs& a) {
  if (a.in_column == 16) return Tile<kRows, kColumns, true>(a);
  Tile<kRows, kColumns, false>(a);
}

// Turns the run-time shape into template arguments. One row takes any number of columns; several rows take
// widths that are powers of two.
template <int kColumns>
void OneRow(const SparseTileArgs& a) {
  if (a.shape.columns == kColumns) return TileOf<1, kColumns>(a);
  if constexpr (kColumns > 1) OneRow<kColumns - 1>(a);
}

void TileEntry(const SparseTileArgs& a) {
  if (a.shape.rows == 1) return OneRow<kTilePixels>(a);
#if HWY_TARGET <= HWY_AVX3
  if (a.shape.columns == 8) return TileOf<2, 8>(a);
  if (a.shape.columns == 4) return TileOf<4, 4>(a);
#endif
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

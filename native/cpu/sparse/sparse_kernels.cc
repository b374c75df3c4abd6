#include "native/cpu/sparse/sparse_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "native/cpu/sparse/sparse_kernels.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "native/cpu/conv_finish-inl.h"

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

// Apart from the sums, so that these stay in registers; what it reads was just written.
HWY_NOINLINE void FinishTile(const SparseTileArgs& a, int64_t channel, float* HWY_RESTRICT out) {
  const D d;
  for (int r = 0; r < a.shape.rows; ++r) {
    for (int c = 0; c < a.shape.columns; ++c) {
      for (int lane = 0; lane < 16; lane += kVectorLanes) {
        const int64_t at = r * a.out_row + c * a.out_column + lane;
        hn::Store(Finished(d, hn::Load(d, out + at), a.finish, channel, channel * a.out_plane + at), d,
                  out + at);
      }
    }
  }
}

template <int kRows, int kColumns, bool kUnitColumn>
void Tile(const SparseTileArgs& a) {
  const D d;
  const int64_t in_column = kUnitColumn ? 16 : a.in_column;
  const Vec scale = hn::Set(d, a.scale);
  float* HWY_RESTRICT out = a.out;
  for (int64_t o = 0; o < a.channels; ++o, out += a.out_plane) {
    Vec sums[kRows][kColumns][kVectors];
    for (int r = 0; r < kRows; ++r) {
      for (int c = 0; c < kColumns; ++c) {
        for (int v = 0; v < kVectors; ++v) {
          sums[r][c][v] = a.accumulate
                              ? hn::Load(d, out + r * a.out_row + c * a.out_column + v * kVectorLanes)
                              : hn::Zero(d);
        }
      }
    }
    const auto for_each_pixel = [&](int64_t offset, const auto& add) HWY_ATTR {
      for (int r = 0; r < kRows; ++r) {
        const float* HWY_RESTRICT row = a.in + r * a.in_row + offset;
        for (int c = 0; c < kColumns; ++c) {
          for (int v = 0; v < kVectors; ++v) {
            sums[r][c][v] = add(sums[r][c][v], hn::Load(d, row + c * in_column + v * kVectorLanes));
          }
        }
      }
    };
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
    for (int r = 0; r < kRows; ++r) {
      for (int c = 0; c < kColumns; ++c) {
        for (int v = 0; v < kVectors; ++v) {
          hn::Store(hn::Mul(sums[r][c][v], scale), d,
                    out + r * a.out_row + c * a.out_column + v * kVectorLanes);
        }
      }
    }
    if (a.finish.scale) FinishTile(a, o, out);
  }
}

template <int kRows, int kColumns>
void TileOf(const SparseTileArgs& a) {
  if (a.in_column == 16) return Tile<kRows, kColumns, true>(a);
  Tile<kRows, kColumns, false>(a);
}

// Turns the run-time shape into template arguments: a row of any length, or 4×4 where the registers hold it.
template <int kColumns>
void OneRow(const SparseTileArgs& a) {
  if (a.shape.columns == kColumns) return TileOf<1, kColumns>(a);
  if constexpr (kColumns > 1) OneRow<kColumns - 1>(a);
}

void TileEntry(const SparseTileArgs& a) {
  if (a.shape.rows == 1) return OneRow<kTilePixels>(a);
#if HWY_TARGET <= HWY_AVX3
  TileOf<4, 4>(a);
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

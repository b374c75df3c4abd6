#include "native/cpu/conv/conv_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "native/cpu/conv/conv_kernels.cc"
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
constexpr int kVectors = 16 / kVectorLanes;  // vectors that hold one pixel of sixteen images

// As many accumulators as the registers hold beside the operands.
#if HWY_TARGET <= HWY_AVX3
constexpr int kTileChannels = 8, kTilePixels = 3;
constexpr int kGradOut = 4, kGradIn = 6;
#elif HWY_TARGET == HWY_AVX2
constexpr int kTileChannels = 6, kTilePixels = 1;
constexpr int kGradOut = 3, kGradIn = 4;
#elif HWY_ARCH_ARM_A64
constexpr int kTileChannels = 6, kTilePixels = 1;
constexpr int kGradOut = 4, kGradIn = 6;
#else
constexpr int kTileChannels = 2, kTilePixels = 1;
constexpr int kGradOut = 2, kGradIn = 4;
#endif

int TileChannels() {
  return kTileChannels;
}
int GradOut() {
  return kGradOut;
}
int GradIn() {
  return kGradIn;
}

// Apart from the sums, so that these stay in registers; what it reads was just written.
HWY_NOINLINE void FinishTile(const ConvTileArgs& a) {
  const D d;
  for (int k = 0; k < a.channels; ++k) {
    for (int64_t pixel : a.out_pixels) {
      for (int lane = 0; lane < 16; lane += kVectorLanes) {
        const int64_t at = k * a.out_plane + pixel + lane;
        StoreFinished(d, Finished(d, hn::Load(d, a.out + at), a.finish, k, at), a.finish, a.out + at);
      }
    }
  }
}

template <int kChannels, int kPixels>
HWY_INLINE void ConvTile(const ConvTileArgs& a, const int64_t* HWY_RESTRICT in_pixels,
                         const int64_t* HWY_RESTRICT out_pixels) {
  const D d;
  Vec sums[kChannels][kPixels][kVectors];
  for (int k = 0; k < kChannels; ++k) {
    for (int p = 0; p < kPixels; ++p) {
      for (int v = 0; v < kVectors; ++v) {
        sums[k][p][v] = a.accumulate ? hn::Load(d, a.out + k * a.out_plane + out_pixels[p] + v * kVectorLanes)
                                     : hn::Zero(d);
      }
    }
  }
  const float* HWY_RESTRICT weight = a.weight;
  const int64_t* HWY_RESTRICT taps = a.taps.data();
  const int64_t tap_count = static_cast<int64_t>(a.taps.size());
  const float* windows[kPixels];
  for (int p = 0; p < kPixels; ++p) windows[p] = a.in + in_pixels[p];
  for (int64_t c = 0; c < a.in_channels; ++c) {
    for (int64_t t = 0; t < tap_count; ++t) {
      const int64_t tap = taps[t];
      Vec x[kPixels][kVectors];
      for (int p = 0; p < kPixels; ++p) {
        for (int v = 0; v < kVectors; ++v) x[p][v] = hn::Load(d, windows[p] + tap + v * kVectorLanes);
      }
      for (int k = 0; k < kChannels; ++k) {
        const Vec w = hn::Set(d, weight[k]);
        for (int p = 0; p < kPixels; ++p) {
          for (int v = 0; v < kVectors; ++v) sums[k][p][v] = hn::MulAdd(w, x[p][v], sums[k][p][v]);
        }
      }
      weight += kChannels;
    }
    for (int p = 0; p < kPixels; ++p) windows[p] += a.in_plane;
  }
  for (int k = 0; k < kChannels; ++k) {
    for (int p = 0; p < kPixels; ++p) {
      for (int v = 0; v < kVectors; ++v) {
        hn::Store(sums[k][p][v], d, a.out + k * a.out_plane + out_pixels[p] + v * kVectorLanes);
      }
    }
  }
}

template <int kChannels>
void ConvPixels(const ConvTileArgs& a) {
  size_t p = 0;
  for (; p + kTilePixels <= a.in_pixels.size(); p += kTilePixels) {
    ConvTile<kChannels, kTilePixels>(a, a.in_pixels.data() + p, a.out_pixels.data() + p);
  }
  for (; p < a.in_pixels.size(); ++p) {
    ConvTile<kChannels, 1>(a, a.in_pixels.data() + p, a.out_pixels.data() + p);
  }
}

// Turns the run-time width of a tile into the template argument.
template <int kChannels>
void ConvChannels(const ConvTileArgs& a) {
  if (a.channels == kChannels) return ConvPixels<kChannels>(a);
  if constexpr (kChannels > 1) ConvChannels<kChannels - 1>(a);
}

void ConvTileEntry(const ConvTileArgs& a) {
  ConvChannels<kTileChannels>(a);
  if (a.finish.kind == ConvFinish::Kind::kNone) return;
  FinishTile(a);
  if (a.finish.stream) hwy::FlushStream();
}

template <int kOut, int kIn>
HWY_INLINE void GradTile(const WeightGradArgs& a, std::span<const int64_t> dy_rows,
                         std::span<const int64_t> x_rows, int lane) {
  const D d;
  Vec sums[kOut][kIn];
  for (int k = 0; k < kOut; ++k) {
    for (int c = 0; c < kIn; ++c) sums[k][c] = hn::Load(d, a.sums + (k * kIn + c) * 16 + lane);
  }
  for (size_t r = 0; r < dy_rows.size(); ++r) {
    const float* HWY_RESTRICT dy = a.dy + dy_rows[r] + lane;
    const float* HWY_RESTRICT x = a.x + x_rows[r] + lane;
    for (int64_t i = 0; i < a.pixels; ++i) {
      Vec in[kIn];
      for (int c = 0; c < kIn; ++c) in[c] = hn::Load(d, x + c * a.x_plane);
      for (int k = 0; k < kOut; ++k) {
        const Vec g = hn::Load(d, dy + k * a.dy_plane);
        for (int c = 0; c < kIn; ++c) sums[k][c] = hn::MulAdd(g, in[c], sums[k][c]);
      }
      dy += 16;
      x += a.x_step;
    }
  }
  for (int k = 0; k < kOut; ++k) {
    for (int c = 0; c < kIn; ++c) hn::Store(sums[k][c], d, a.sums + (k * kIn + c) * 16 + lane);
  }
}

template <int kOut, int kIn>
void GradChannels(const WeightGradArgs& a, std::span<const int64_t> dy_rows,
                  std::span<const int64_t> x_rows) {
  if (a.out_channels == kOut && a.in_channels == kIn) {
    for (int lane = 0; lane < 16; lane += kVectorLanes) GradTile<kOut, kIn>(a, dy_rows, x_rows, lane);
    return;
  }
  if constexpr (kIn > 1) {
    if (a.in_channels < kIn) return GradChannels<kOut, kIn - 1>(a, dy_rows, x_rows);
  }
  if constexpr (kOut > 1) GradChannels<kOut - 1, kIn>(a, dy_rows, x_rows);
}

void GradEntry(const WeightGradArgs& a, std::span<const int64_t> dy_rows, std::span<const int64_t> x_rows) {
  GradChannels<kGradOut, kGradIn>(a, dy_rows, x_rows);
}

}  // namespace rst::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rst::cpu {

HWY_EXPORT(TileChannels);
HWY_EXPORT(GradOut);
HWY_EXPORT(GradIn);
HWY_EXPORT(ConvTileEntry);
HWY_EXPORT(GradEntry);

int conv_tile_channels() {
  return HWY_DYNAMIC_DISPATCH(TileChannels)();
}
int weight_grad_tile_out() {
  return HWY_DYNAMIC_DISPATCH(GradOut)();
}
int weight_grad_tile_in() {
  return HWY_DYNAMIC_DISPATCH(GradIn)();
}
void conv_tile(const ConvTileArgs& args) {
  HWY_DYNAMIC_DISPATCH(ConvTileEntry)(args);
}
void weight_grad_row(const WeightGradArgs& args, std::span<const int64_t> dy_rows,
                     std::span<const int64_t> x_rows) {
  HWY_DYNAMIC_DISPATCH(GradEntry)(args, dy_rows, x_rows);
}

}  // namespace rst::cpu
#endif

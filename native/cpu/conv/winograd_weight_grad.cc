#include <algorithm>
#include <array>

#include "native/cpu/conv/conv_kernels.h"
#include "native/cpu/conv/weight_grad.h"
#include "native/cpu/conv/winograd_kernels.h"

namespace rst::cpu {
namespace {

// With fewer channels the transforms cost more than the multiplications that they save (measured).
constexpr int64_t kLeastChannels = 96;
// Tiles that are multiplied together: enough to hide the sums over lanes, few enough for a panel of a few
// channels to stay in the first cache.
constexpr int64_t kGroupTiles = 48;
// Tiles of one point in a panel of this many output channels make one task.
constexpr int64_t kTaskChannels = 32;

// Aᵀ m A of the 4×4 products m.
void gradient_of_kernel(const std::array<float, kWinogradPoints>& m, float* dw) {
  const auto points = [](float a, float b, float c, float d) {
    return std::array<float, 3>{a + b + c, b - c, b + c - d};
  };
  std::array<std::array<float, 3>, 4> columns;  // Aᵀ m, by column of m
  for (size_t j = 0; j < 4; ++j) columns[j] = points(m[j], m[4 + j], m[8 + j], m[12 + j]);
  for (size_t r = 0; r < 3; ++r) {
    const auto row = points(columns[0][r], columns[1][r], columns[2][r], columns[3][r]);
    std::copy(row.begin(), row.end(), dw + 3 * r);
  }
}

}  // namespace

bool winograd_weight_grad_fits(const WeightGradProblem& problem) {
  const KernelShape& k = problem.kernel;
  const BlockedShape& gs = problem.dy.shape;
  return k.height == 3 && k.width == 3 && problem.params.stride == 1 && k.in >= kLeastChannels &&
         k.out >= kLeastChannels && gs.h >= 2 && gs.w >= 2;
}

void winograd_weight_grad(CachingAllocator& allocator, ThreadPool& pool, const WeightGradProblem& problem) {
  const KernelShape& k = problem.kernel;
  const BlockedShape& xs = problem.x.shape;
  const BlockedShape& gs = problem.dy.shape;
  const int64_t padding = problem.params.padding;
  const int64_t rows = ceil_div(gs.h, 2), columns = ceil_div(gs.w, 2);
  const int64_t tiles = gs.blocks() * rows * columns;
  const int64_t group = std::min(tiles, kGroupTiles);
  // One line more than the values take, so that the points of a tile do not share a set of the caches.
  const int64_t x_point = (k.in * group + 1) * kLanes, dy_point = (k.out * group + 1) * kLanes;
  const auto floats = [&](int64_t count) {
    return Buffer(allocator, count * static_cast<int64_t>(sizeof(float)));
  };
  const Buffer x_tiles = floats(kWinogradPoints * x_point);
  const Buffer dy_tiles = floats(kWinogradPoints * dy_point);
  const Buffer products = floats(kWinogradPoints * k.out * k.in);  // [point][out][in]
  const int64_t tile_out = weight_grad_tile_out(), tile_in = weight_grad_tile_in();
  const int64_t panels = ceil_div(k.out, kTaskChannels);
  const std::array<int64_t, 1> one_row = {0};

  for (int64_t first = 0; first < tiles; first += group) {
    const int64_t count = std::min(group, tiles - first);
    pool.parallel_for(count, [&](int64_t t) {
      const int64_t at = first + t;
      const int64_t b = at / (rows * columns), y = 2 * (at / columns % rows), x = 2 * (at % columns);
      WinogradInputArgs args{.rows = {},
                             .columns = {},
                             .in_plane = xs.plane(),
                             .channels = k.in,
                             .out = x_tiles.as<float>() + t * kLanes,
                             .out_channel = group * kLanes,
                             .point = x_point};
      // The last position of an odd size lies outside the border; it meets zeros only.
      for (int64_t i = 0; i < 4; ++i) {
        args.rows[i] = problem.x.at(b, 0, std::min(y - padding + i, xs.h - 1 + xs.halo), 0);
        args.columns[i] = std::min(x - padding + i, xs.w - 1 + xs.halo) * kLanes;
      }
      winograd_input(args);
      winograd_gradient({.in = problem.dy.data + problem.dy_offset(b, y, x),
                         .in_plane = gs.plane(),
                         .in_row = gs.row(),
                         .rows = static_cast<int>(std::min<int64_t>(2, gs.h - y)),
                         .columns = static_cast<int>(std::min<int64_t>(2, gs.w - x)),
                         .channels = k.out,
                         .out = dy_tiles.as<float>() + t * kLanes,
                         .out_channel = group * kLanes,
                         .point = dy_point});
    });
    pool.parallel_for(kWinogradPoints * panels, [&](int64_t task) {
      const int64_t point = task / panels, begin = task % panels * kTaskChannels;
      const int64_t end = std::min(k.out, begin + kTaskChannels);
      const Buffer buffer = floats(tile_out * tile_in * kLanes);
      float* sums = buffer.as<float>();
      for (int64_t o = begin; o < end; o += tile_out) {
        for (int64_t i = 0; i < k.in; i += tile_in) {
          const int64_t outs = std::min(tile_out, end - o), ins = std::min(tile_in, k.in - i);
          std::fill(sums, sums + outs * ins * kLanes, 0.0f);
          weight_grad_row({.dy = dy_tiles.as<float>() + point * dy_point + o * group * kLanes,
                           .dy_plane = group * kLanes,
                           .x = x_tiles.as<float>() + point * x_point + i * group * kLanes,
                           .x_plane = group * kLanes,
                           .x_step = kLanes,
                           .pixels = count,
                           .out_channels = static_cast<int>(outs),
                           .in_channels = static_cast<int>(ins),
                           .sums = sums},
                          one_row, one_row);
          float* lanes = sums;
          for (int64_t a = 0; a < outs; ++a) {
            float* to = products.as<float>() + (point * k.out + o + a) * k.in + i;
            for (int64_t c = 0; c < ins; ++c, lanes += kLanes) {
              to[c] = sum_of_lanes(lanes) + (first > 0 ? to[c] : 0);
            }
          }
        }
      }
    });
  }
  pool.parallel_for(k.out, [&](int64_t o) {
    for (int64_t i = 0; i < k.in; ++i) {
      std::array<float, kWinogradPoints> m;
      for (int64_t p = 0; p < kWinogradPoints; ++p) {
        m[static_cast<size_t>(p)] = products.as<float>()[(p * k.out + o) * k.in + i];
      }
      gradient_of_kernel(m, problem.dw + (o * k.in + i) * 9);
    }
  });
}

}  // namespace rst::cpu

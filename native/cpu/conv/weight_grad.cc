#include "native/cpu/conv/weight_grad.h"

#include <cstring>
#include <vector>

#include "native/cpu/conv/conv_kernels.h"

namespace rst::cpu {

void direct_weight_grad(CachingAllocator& allocator, ThreadPool& pool, const WeightGradProblem& problem) {
  const KernelShape& k = problem.kernel;
  const BlockedShape& xs = problem.x.shape;
  const BlockedShape& gs = problem.dy.shape;
  const ConvParams& p = problem.params;

  // Rows of all blocks, in groups of about this many pixels: enough to hide loading and storing the partial
  // sums.
  constexpr int64_t kGroupPixels = 128;
  std::vector<int64_t> dy_rows, x_rows;
  for (int64_t b = 0; b < gs.blocks(); ++b) {
    for (int64_t y = 0; y < gs.h; ++y) {
      dy_rows.push_back(problem.dy_offset(b, y, 0));
      x_rows.push_back(xs.offset(b, 0, y * p.stride - p.padding, -p.padding));
    }
  }
  const auto row_count = static_cast<int64_t>(dy_rows.size());
  const int64_t group_rows = std::max<int64_t>(1, kGroupPixels / gs.w);

  const int64_t tile_out = weight_grad_tile_out(), tile_in = weight_grad_tile_in();
  const int64_t group_out = 4 * tile_out, group_in = 4 * tile_in;
  const int64_t groups_in = ceil_div(k.in, group_in);
  const int64_t taps = k.height * k.width;
  const int64_t tasks = ceil_div(k.out, group_out) * groups_in;
  const int64_t sums_size = group_out * group_in * taps * kLanes;

  pool.parallel_for(tasks, [&](int64_t task) {
    const int64_t out0 = task / groups_in * group_out, in0 = task % groups_in * group_in;
    const int64_t out1 = std::min(k.out, out0 + group_out), in1 = std::min(k.in, in0 + group_in);
    const Buffer buffer(allocator, sums_size * static_cast<int64_t>(sizeof(float)));
    float* sums = buffer.as<float>();
    std::memset(sums, 0, static_cast<size_t>(sums_size) * sizeof(float));

    // Visits the tiles of this task in the order in which their sums lie.
    const auto for_each_tile = [&](const auto& visit) {
      float* at = sums;
      for (int64_t o = out0; o < out1; o += tile_out) {
        for (int64_t i = in0; i < in1; i += tile_in) {
          for (int64_t t = 0; t < taps; ++t) {
            const int64_t outs = std::min(tile_out, out1 - o), ins = std::min(tile_in, in1 - i);
            visit(o, i, t, outs, ins, at);
            at += outs * ins * kLanes;
          }
        }
      }
    };
    for (int64_t row = 0; row < row_count; row += group_rows) {
      const auto begin = static_cast<size_t>(row);
      const auto count = static_cast<size_t>(std::min(group_rows, row_count - row));
      for_each_tile([&](int64_t o, int64_t i, int64_t t, int64_t outs, int64_t ins, float* at) {
        weight_grad_row({.dy = problem.dy.data + o * gs.plane(),
                         .dy_plane = gs.plane(),
                         .x = problem.x.data + i * xs.plane() + t / k.width * xs.row() + t % k.width * kLanes,
                         .x_plane = xs.plane(),
                         .x_step = p.stride * kLanes,
                         .pixels = gs.w,
                         .out_channels = static_cast<int>(outs),
                         .in_channels = static_cast<int>(ins),
                         .sums = at},
                        std::span(dy_rows).subspan(begin, count), std::span(x_rows).subspan(begin, count));
      });
    }
    for_each_tile([&](int64_t o, int64_t i, int64_t t, int64_t outs, int64_t ins, float* at) {
      for (int64_t a = 0; a < outs; ++a) {
        for (int64_t b = 0; b < ins; ++b, at += kLanes) {
          problem.dw[((o + a) * k.in + i + b) * taps + t] = sum_of_lanes(at);
        }
      }
    });
  });
}

}  // namespace rst::cpu

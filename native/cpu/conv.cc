// Dense convolutions: packing, blocking for the caches, and the split into tasks around the inner loops.

#include <algorithm>
#include <cstring>
#include <vector>

#include "native/cpu/conv_kernels.h"
#include "native/cpu/cpu_backend.h"

namespace rst::cpu {
namespace {

constexpr int64_t kPanelBytes = 20 << 10;   // packed weights of one tile: stay in L1 over a strip of pixels
constexpr int64_t kStripBytes = 400 << 10;  // input window of one strip: stays in L2 over all output channels

int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// The geometry of a weight tensor; rank 2 is a 1×1 kernel.
struct KernelShape {
  int64_t out, in, height, width;

  explicit KernelShape(const Shape& s)
      : out(s[0]), in(s[1]), height(s.rank() == 4 ? s[2] : 1), width(s.rank() == 4 ? s[3] : 1) {}
};

// Along one axis: which taps reach the output positions start, start + step, …, and from which input
// position.
struct AxisPlan {
  int64_t out_start, out_step, count;  // output positions of this phase
  int64_t in_step;                     // input positions between two of them
  std::vector<int64_t> taps;           // kernel indices
  std::vector<int64_t> in_offsets;     // input position of each tap for the first output position

  // Border the input needs so that no tap leaves its memory.
  int64_t halo(int64_t in_size) const {
    int64_t need = 0;
    for (int64_t offset : in_offsets) {
      need = std::max({need, -offset, offset + (count - 1) * in_step - (in_size - 1)});
    }
    return need;
  }
};

AxisPlan forward_axis(int64_t out_size, int64_t kernel, const ConvParams& p) {
  AxisPlan plan{0, 1, out_size, p.stride, {}, {}};
  for (int64_t r = 0; r < kernel; ++r) {
    plan.taps.push_back(r);
    plan.in_offsets.push_back(r - p.padding);
  }
  return plan;
}

// Phase `phase` of the input gradient: dx at phase, phase + stride, … is a convolution of dy with the taps r
// for which (position + padding − r) divides by the stride.
AxisPlan backward_axis(int64_t phase, int64_t x_size, int64_t kernel, const ConvParams& p) {
  AxisPlan plan{phase, p.stride, ceil_div(x_size - phase, p.stride), 1, {}, {}};
  for (int64_t r = (phase + p.padding) % p.stride; r < kernel; r += p.stride) {
    plan.taps.push_back(r);
    plan.in_offsets.push_back((phase + p.padding - r) / p.stride);  // exact by the choice of r
  }
  return plan;
}

// Weights in the order that conv_tile reads: tiles of output channels, each [in][taps][tile].
struct PackedConvWeight final : PackedWeight {
  ConvParams params;
  std::vector<Buffer> phases;
};

struct PlanView {
  const AxisPlan& y;
  const AxisPlan& x;
  int64_t taps() const { return static_cast<int64_t>(y.taps.size() * x.taps.size()); }
};

// weight_at(o, i, r, q): the weight from input channel i to output channel o at kernel position (r, q).
template <class WeightAt>
Buffer pack(CachingAllocator& allocator, ThreadPool& pool, int64_t out, int64_t in, const PlanView& plan,
            const WeightAt& weight_at) {
  const int64_t tile = conv_tile_channels();
  Buffer packed(allocator,
                std::max<int64_t>(1, out * in * plan.taps()) * static_cast<int64_t>(sizeof(float)));
  pool.parallel_for(ceil_div(out, tile), [&](int64_t t) {
    const int64_t first = t * tile, width = std::min(tile, out - first);
    float* to = packed.as<float>() + first * in * plan.taps();
    for (int64_t i = 0; i < in; ++i) {
      for (int64_t r : plan.y.taps) {
        for (int64_t q : plan.x.taps) {
          for (int64_t o = 0; o < width; ++o) *to++ = weight_at(first + o, i, r, q);
        }
      }
    }
  });
  return packed;
}

// out = conv(in) over the output positions of the plan.
void convolve(ThreadPool& pool, const BlockedView& in, const BlockedView& out, const PlanView& plan,
              const float* packed) {
  const BlockedShape& is = in.shape;
  const BlockedShape& os = out.shape;
  const int64_t tile = conv_tile_channels();
  const int64_t taps = plan.taps();

  std::vector<int64_t> tap_offsets;
  for (int64_t y : plan.y.in_offsets) {
    for (int64_t x : plan.x.in_offsets) tap_offsets.push_back(y * is.row() + x * kLanes);
  }
  std::vector<int64_t> in_pixels, out_pixels;
  for (int64_t i = 0; i < plan.y.count; ++i) {
    for (int64_t j = 0; j < plan.x.count; ++j) {
      in_pixels.push_back(is.offset(0, 0, i * plan.y.in_step, j * plan.x.in_step));
      out_pixels.push_back(
          os.offset(0, 0, plan.y.out_start + i * plan.y.out_step, plan.x.out_start + j * plan.x.out_step));
    }
  }
  const auto pixel_count = static_cast<int64_t>(in_pixels.size());
  if (taps == 0 || is.c == 0) {
    pool.parallel_for(os.blocks() * os.c, [&](int64_t p) {
      for (int64_t offset : out_pixels)
        std::memset(out.data + p * os.plane() + offset, 0, kLanes * sizeof(float));
    });
    return;
  }

  const int64_t chunk = std::clamp<int64_t>(kPanelBytes / (tile * taps * 4), 1, is.c);
  const int64_t row_bytes = chunk * is.row() * plan.y.in_step * static_cast<int64_t>(sizeof(float));
  const int64_t strip_rows =
      std::max<int64_t>(1, kStripBytes / row_bytes - static_cast<int64_t>(plan.y.taps.size()) + 1);
  const int64_t strip = std::min(pixel_count, strip_rows * plan.x.count);
  const int64_t strips = ceil_div(pixel_count, strip);
  const int64_t tiles = ceil_div(os.c, tile);
  // Small batches are split over output channels as well, so that every thread has work.
  const int64_t groups =
      std::clamp<int64_t>(ceil_div(4 * pool.threads(), std::max<int64_t>(1, os.blocks() * strips)), 1, tiles);
  const int64_t group_tiles = ceil_div(tiles, groups);

  pool.parallel_for(os.blocks() * strips * groups, [&](int64_t task) {
    const int64_t group = task % groups, s = task / groups % strips, b = task / groups / strips;
    const int64_t first_pixel = s * strip;
    const auto pixels = static_cast<size_t>(std::min(strip, pixel_count - first_pixel));
    for (int64_t c = 0; c < is.c; c += chunk) {
      for (int64_t t = group * group_tiles; t < std::min(tiles, (group + 1) * group_tiles); ++t) {
        const int64_t first = t * tile;
        const int channels = static_cast<int>(std::min(tile, os.c - first));
        conv_tile({
            .in = in.data + b * is.block() + c * is.plane(),
            .in_plane = is.plane(),
            .in_channels = std::min(chunk, is.c - c),
            .taps = tap_offsets,
            .weight = packed + first * is.c * taps + c * taps * channels,
            .channels = channels,
            .out = out.data + b * os.block() + first * os.plane(),
            .out_plane = os.plane(),
            .in_pixels = std::span(in_pixels).subspan(static_cast<size_t>(first_pixel), pixels),
            .out_pixels = std::span(out_pixels).subspan(static_cast<size_t>(first_pixel), pixels),
            .accumulate = c > 0,
        });
      }
    }
  });
}

}  // namespace

void CpuBackend::conv2d(const Tensor& x, const Tensor& w, const Tensor& y, const ConvParams& p) {
  const KernelShape k(w.shape);
  const BlockedView in = blocked_input(x);
  const BlockedView out = blocked_output(y);
  const AxisPlan rows = forward_axis(out.shape.h, k.height, p),
                 columns = forward_axis(out.shape.w, k.width, p);

  auto& cache = cpu_storage(w).packed_forward;
  if (!cache) {
    const float* weight = plain_input(w);
    auto packed = std::make_shared<PackedConvWeight>();
    packed->phases.push_back(pack(allocator_, pool_, k.out, k.in, {rows, columns},
                                  [&](int64_t o, int64_t i, int64_t r, int64_t q) {
                                    return weight[((o * k.in + i) * k.height + r) * k.width + q];
                                  }));
    cache = std::move(packed);
  }
  Buffer bordered;
  const BlockedView source =
      with_halo(in, std::max(rows.halo(in.shape.h), columns.halo(in.shape.w)), bordered);
  convolve(pool_, source, out, {rows, columns},
           static_cast<const PackedConvWeight&>(*cache).phases[0].as<float>());
}

void CpuBackend::conv2d_input_grad(const Tensor& dy, const Tensor& w, const Tensor& dx, const ConvParams& p) {
  const KernelShape k(w.shape);
  const BlockedView in = blocked_input(dy);
  const BlockedView out = blocked_output(dx);

  std::vector<AxisPlan> rows, columns;
  int64_t halo = 0;
  for (int64_t phase = 0; phase < p.stride; ++phase) {
    if (phase < out.shape.h) rows.push_back(backward_axis(phase, out.shape.h, k.height, p));
    if (phase < out.shape.w) columns.push_back(backward_axis(phase, out.shape.w, k.width, p));
  }
  for (const auto& plan : rows) halo = std::max(halo, plan.halo(in.shape.h));
  for (const auto& plan : columns) halo = std::max(halo, plan.halo(in.shape.w));

  auto& cache = cpu_storage(w).packed_backward;
  const auto* known = static_cast<const PackedConvWeight*>(cache.get());
  if (!known || known->params.stride != p.stride || known->params.padding != p.padding ||
      known->phases.size() != rows.size() * columns.size()) {
    const float* weight = plain_input(w);
    auto packed = std::make_shared<PackedConvWeight>();
    packed->params = p;
    for (const auto& row : rows) {
      for (const auto& column : columns) {
        packed->phases.push_back(pack(allocator_, pool_, k.in, k.out, {row, column},
                                      [&](int64_t o, int64_t i, int64_t r, int64_t q) {
                                        return weight[((i * k.in + o) * k.height + r) * k.width + q];
                                      }));
      }
    }
    known = packed.get();
    cache = std::move(packed);
  }
  Buffer bordered;
  const BlockedView source = with_halo(in, halo, bordered);
  size_t phase = 0;
  for (const auto& row : rows) {
    for (const auto& column : columns) {
      convolve(pool_, source, out, {row, column}, known->phases[phase++].as<float>());
    }
  }
}

void CpuBackend::conv2d_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& dw,
                                    const ConvParams& p) {
  const KernelShape k(dw.shape);
  const BlockedView in = blocked_input(x);
  BlockedView grad = blocked_input(dy);
  float* result = plain_output(dw);

  Buffer bordered;
  const int64_t halo = std::max(forward_axis(grad.shape.h, k.height, p).halo(in.shape.h),
                                forward_axis(grad.shape.w, k.width, p).halo(in.shape.w));
  const BlockedView source = with_halo(in, halo, bordered);
  const BlockedShape& xs = source.shape;
  const BlockedShape& gs = grad.shape;

  // The last block's spare lanes must not count: a copy of that block has zeros there.
  Buffer last_copy;
  int64_t last_shift = 0;  // floats from the last block in `grad` to its copy
  const int spare_from = gs.lanes(gs.blocks() - 1);
  if (spare_from < kLanes) {
    last_copy = scratch(gs.block() * static_cast<int64_t>(sizeof(float)));
    const float* last = grad.data + (gs.blocks() - 1) * gs.block();
    pool_.parallel_for(gs.c, [&](int64_t c) {
      float* to = last_copy.as<float>() + c * gs.plane();
      const float* from = last + c * gs.plane();
      for (int64_t i = 0; i < gs.plane(); ++i) to[i] = i % kLanes < spare_from ? from[i] : 0.f;
    });
    last_shift = last_copy.as<float>() - last;
  }

  // Rows of all blocks, in groups of about this many pixels: enough to hide loading and storing the partial
  // sums.
  constexpr int64_t kGroupPixels = 128;
  std::vector<int64_t> dy_rows, x_rows;
  for (int64_t b = 0; b < gs.blocks(); ++b) {
    for (int64_t y = 0; y < gs.h; ++y) {
      dy_rows.push_back(gs.offset(b, 0, y, 0) + (b == gs.blocks() - 1 ? last_shift : 0));
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

  pool_.parallel_for(tasks, [&](int64_t task) {
    const int64_t out0 = task / groups_in * group_out, in0 = task % groups_in * group_in;
    const int64_t out1 = std::min(k.out, out0 + group_out), in1 = std::min(k.in, in0 + group_in);
    const Buffer buffer(allocator_, sums_size * static_cast<int64_t>(sizeof(float)));
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
        weight_grad_row({.dy = grad.data + o * gs.plane(),
                         .dy_plane = gs.plane(),
                         .x = source.data + i * xs.plane() + t / k.width * xs.row() + t % k.width * kLanes,
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
          // A fixed tree, the same on every target.
          for (int half = kLanes / 2; half > 0; half /= 2) {
            for (int lane = 0; lane < half; ++lane) at[lane] += at[lane + half];
          }
          result[((o + a) * k.in + i + b) * taps + t] = at[0];
        }
      }
    });
  });
}

}  // namespace rst::cpu

#include "native/cpu/conv/dense_conv.h"

#include <cstring>

#include "native/cpu/conv/conv_kernels.h"

namespace rst::cpu {
namespace {

constexpr int64_t kPanelBytes = 20 << 10;   // packed weights of one tile: stay in L1 over a strip of pixels
constexpr int64_t kStripBytes = 400 << 10;  // input window of one strip: stays in L2 over all output channels

class DenseConv final : public CompiledConv {
 public:
  DenseConv(CachingAllocator& allocator, ThreadPool& pool, const WeightView& weight, const ConvPlan& plan);
  void run(ThreadPool& pool, const BlockedView& in, const BlockedView& out,
           const ConvFinish& finish) const override;

 private:
  ConvPlan plan_;
  int64_t out_, in_;
  Buffer packed_;  // tiles of output channels, each [in][taps][tile]
};

DenseConv::DenseConv(CachingAllocator& allocator, ThreadPool& pool, const WeightView& weight,
                     const ConvPlan& plan)
    : plan_(plan),
      out_(weight.out),
      in_(weight.in),
      packed_(allocator, std::max<int64_t>(1, weight.out * weight.in * plan.taps()) *
                             static_cast<int64_t>(sizeof(float))) {
  const int64_t tile = conv_tile_channels();
  pool.parallel_for(ceil_div(out_, tile), [&](int64_t t) {
    const int64_t first = t * tile, width = std::min(tile, out_ - first);
    float* to = packed_.as<float>() + first * in_ * plan_.taps();
    for (int64_t i = 0; i < in_; ++i) {
      for (int64_t r : plan_.y.taps) {
        for (int64_t s : plan_.x.taps) {
          for (int64_t o = 0; o < width; ++o) *to++ = weight.at(first + o, i, r, s);
        }
      }
    }
  });
}

void DenseConv::run(ThreadPool& pool, const BlockedView& in, const BlockedView& out,
                    const ConvFinish& finish) const {
  const BlockedShape& is = in.shape;
  const BlockedShape& os = out.shape;
  const int64_t tile = conv_tile_channels();
  const int64_t taps = plan_.taps();

  std::vector<int64_t> tap_offsets;
  for (int64_t y : plan_.y.in_offsets) {
    for (int64_t x : plan_.x.in_offsets) tap_offsets.push_back(y * is.row() + x * kLanes);
  }
  std::vector<int64_t> in_pixels, out_pixels;
  for (int64_t i = 0; i < plan_.y.count; ++i) {
    for (int64_t j = 0; j < plan_.x.count; ++j) {
      in_pixels.push_back(is.offset(0, 0, i * plan_.y.in_step, j * plan_.x.in_step));
      out_pixels.push_back(os.offset(0, 0, plan_.y.out_start + i * plan_.y.out_step,
                                     plan_.x.out_start + j * plan_.x.out_step));
    }
  }
  const int64_t pixel_count = plan_.pixels();
  const int64_t chunk = std::clamp<int64_t>(kPanelBytes / (tile * std::max<int64_t>(1, taps) * 4), 1,
                                            std::max<int64_t>(1, is.c));
  const int64_t row_bytes = chunk * is.row() * plan_.y.in_step * static_cast<int64_t>(sizeof(float));
  const int64_t strip_rows =
      std::max<int64_t>(1, kStripBytes / row_bytes - static_cast<int64_t>(plan_.y.taps.size()) + 1);
  const int64_t strip = std::min(pixel_count, strip_rows * plan_.x.count);
  const int64_t strips = ceil_div(pixel_count, strip);
  const int64_t tiles = ceil_div(os.c, tile);
  const int64_t group_tiles = ceil_div(tiles, channel_groups(os.blocks() * strips, tiles, pool.threads()));
  const int64_t groups = ceil_div(tiles, group_tiles);

  pool.parallel_for(os.blocks() * strips * groups, [&](int64_t task) {
    const int64_t group = task % groups, s = task / groups % strips, b = task / groups / strips;
    const int64_t first_pixel = s * strip;
    const auto pixels = static_cast<size_t>(std::min(strip, pixel_count - first_pixel));
    // Once without input channels too: that writes zeros, finished.
    for (int64_t c = 0; c == 0 || c < is.c; c += chunk) {
      for (int64_t t = group * group_tiles; t < std::min(tiles, (group + 1) * group_tiles); ++t) {
        const int64_t first = t * tile;
        const int channels = static_cast<int>(std::min(tile, os.c - first));
        conv_tile({
            .in = in.data + b * is.block() + c * is.plane(),
            .in_plane = is.plane(),
            .in_channels = std::min(chunk, is.c - c),
            .taps = tap_offsets,
            .weight = packed_.as<float>() + first * is.c * taps + c * taps * channels,
            .channels = channels,
            .out = out.data + b * os.block() + first * os.plane(),
            .out_plane = os.plane(),
            .in_pixels = std::span(in_pixels).subspan(static_cast<size_t>(first_pixel), pixels),
            .out_pixels = std::span(out_pixels).subspan(static_cast<size_t>(first_pixel), pixels),
            .accumulate = c > 0,
            .finish =
                c + chunk >= is.c ? finish.at(first, b * os.block() + first * os.plane()) : ConvFinish{},
        });
      }
    }
  });
}

}  // namespace

std::unique_ptr<CompiledConv> compile_dense(CachingAllocator& allocator, ThreadPool& pool,
                                            const WeightView& weight, const ConvPlan& plan) {
  return std::make_unique<DenseConv>(allocator, pool, weight, plan);
}

}  // namespace rst::cpu

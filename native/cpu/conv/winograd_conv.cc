#include "native/cpu/conv/winograd_conv.h"

#include <array>

#include "native/cpu/conv/conv_kernels.h"
#include "native/cpu/conv/winograd_kernels.h"

namespace rst::cpu {
namespace {

constexpr int64_t kLeastChannels = 16;
// Tiles that are transformed together: their values stay in the outer caches between the three steps.
constexpr int64_t kGroupBytes = int64_t{3} << 19;
constexpr int64_t kLeastTiles = 12;

bool is_unit_3(const AxisPlan& axis) {
  return axis.taps.size() == 3 && axis.in_step == 1 && axis.out_step == 1 && axis.count >= 2;
}

class WinogradConv final : public CompiledConv {
 public:
  WinogradConv(CachingAllocator& allocator, ThreadPool& pool, const WeightView& weight, const ConvPlan& plan);
  void run(ThreadPool& pool, const BlockedView& in, const BlockedView& out,
           const ConvFinish& finish) const override;

 private:
  // Floats between the values of a transformed tile: one line more than the channels take, because a multiple
  // of the page size would put all sixteen into one set of the cache.
  static int64_t point_stride(int64_t channels, int64_t tiles) { return (channels * tiles + 1) * kLanes; }

  CachingAllocator& allocator_;
  ConvPlan plan_;
  int64_t out_, in_;
  Buffer packed_;  // [point][tiles of output channels][in][tile]
};

// G g Gᵀ of a 3×3 kernel g.
std::array<float, kWinogradPoints> transformed_weight(const std::array<std::array<float, 3>, 3>& g) {
  const auto points = [](float a, float b, float c) {
    return std::array<float, 4>{a, 0.5f * (a + b + c), 0.5f * (a - b + c), c};
  };
  std::array<std::array<float, 4>, 3> columns;  // of G g, by kernel column
  for (size_t s = 0; s < 3; ++s) columns[s] = points(g[0][s], g[1][s], g[2][s]);
  std::array<float, kWinogradPoints> result;
  for (size_t i = 0; i < 4; ++i) {
    const auto row = points(columns[0][i], columns[1][i], columns[2][i]);
    std::copy(row.begin(), row.end(), result.begin() + static_cast<std::ptrdiff_t>(4 * i));
  }
  return result;
}

// The axis's taps in the order of their input positions.
std::array<int64_t, 3> ordered_taps(const AxisPlan& axis) {
  const bool ascending = axis.in_offsets[0] < axis.in_offsets[2];
  return ascending ? std::array{axis.taps[0], axis.taps[1], axis.taps[2]}
                   : std::array{axis.taps[2], axis.taps[1], axis.taps[0]};
}

int64_t first_offset(const AxisPlan& axis) {
  return std::min(axis.in_offsets[0], axis.in_offsets[2]);
}

WinogradConv::WinogradConv(CachingAllocator& allocator, ThreadPool& pool, const WeightView& weight,
                           const ConvPlan& plan)
    : allocator_(allocator),
      plan_(plan),
      out_(weight.out),
      in_(weight.in),
      packed_(allocator, weight.out * weight.in * kWinogradPoints * static_cast<int64_t>(sizeof(float))) {
  const int64_t tile = conv_tile_channels();
  const auto rows = ordered_taps(plan.y), columns = ordered_taps(plan.x);
  pool.parallel_for(ceil_div(out_, tile), [&](int64_t t) {
    const int64_t first = t * tile, width = std::min(tile, out_ - first);
    for (int64_t i = 0; i < in_; ++i) {
      for (int64_t o = 0; o < width; ++o) {
        std::array<std::array<float, 3>, 3> kernel;
        for (size_t r = 0; r < 3; ++r) {
          for (size_t s = 0; s < 3; ++s) kernel[r][s] = weight.at(first + o, i, rows[r], columns[s]);
        }
        const auto values = transformed_weight(kernel);
        for (int64_t p = 0; p < kWinogradPoints; ++p) {
          packed_.as<float>()[p * out_ * in_ + first * in_ + i * width + o] = values[static_cast<size_t>(p)];
        }
      }
    }
  });
}

void WinogradConv::run(ThreadPool& pool, const BlockedView& in, const BlockedView& out,
                       const ConvFinish& finish) const {
  const BlockedShape& is = in.shape;
  const BlockedShape& os = out.shape;
  const int64_t rows = ceil_div(plan_.y.count, 2), columns = ceil_div(plan_.x.count, 2);
  const int64_t tiles = os.blocks() * rows * columns;
  const int64_t tile_bytes = kWinogradPoints * (in_ + out_) * kLanes * static_cast<int64_t>(sizeof(float));
  const int64_t wanted = std::max(kLeastTiles, kGroupBytes / tile_bytes);
  // As many groups as give each thread the same number.
  const int64_t groups = std::max<int64_t>(1, tiles / wanted / pool.threads()) * pool.threads();
  const int64_t group = ceil_div(tiles, groups);
  const int64_t channel_tile = conv_tile_channels();
  std::vector<int64_t> pixels;
  for (int64_t t = 0; t < group; ++t) pixels.push_back(t * kLanes);
  const std::array<int64_t, 1> no_offset = {0};
  const int64_t y0 = first_offset(plan_.y), x0 = first_offset(plan_.x);

  pool.parallel_for(ceil_div(tiles, group), [&](int64_t task) {
    const int64_t first = task * group;
    const int64_t count = std::min(group, tiles - first);
    const int64_t in_point = point_stride(in_, group), out_point = point_stride(out_, group);
    const Buffer transformed(allocator_, kWinogradPoints * in_point * static_cast<int64_t>(sizeof(float)));
    const Buffer products(allocator_, kWinogradPoints * out_point * static_cast<int64_t>(sizeof(float)));

    const auto for_each_tile = [&](const auto& visit) {
      for (int64_t t = 0; t < count; ++t) {
        const int64_t at = first + t;
        visit(t, at / (rows * columns), 2 * (at / columns % rows), 2 * (at % columns));
      }
    };
    for_each_tile([&](int64_t t, int64_t b, int64_t y, int64_t x) {
      WinogradInputArgs args{.rows = {},
                             .columns = {},
                             .in_plane = is.plane(),
                             .channels = in_,
                             .out = transformed.as<float>() + t * kLanes,
                             .out_channel = group * kLanes,
                             .point = in_point};
      // The last position of an odd size lies outside the border; what it is read as reaches no output that
      // is kept.
      for (int64_t i = 0; i < 4; ++i) {
        args.rows[i] = in.at(b, 0, std::min(y + y0 + i, is.h - 1 + is.halo), 0);
        args.columns[i] = std::min(x + x0 + i, is.w - 1 + is.halo) * kLanes;
      }
      winograd_input(args);
    });
    for (int64_t p = 0; p < kWinogradPoints; ++p) {
      for (int64_t o = 0; o < out_; o += channel_tile) {
        conv_tile({.in = transformed.as<float>() + p * in_point,
                   .in_plane = group * kLanes,
                   .in_channels = in_,
                   .taps = no_offset,
                   .weight = packed_.as<float>() + p * out_ * in_ + o * in_,
                   .channels = static_cast<int>(std::min(channel_tile, out_ - o)),
                   .out = products.as<float>() + p * out_point + o * group * kLanes,
                   .out_plane = group * kLanes,
                   .in_pixels = std::span(pixels).first(static_cast<size_t>(count)),
                   .out_pixels = std::span(pixels).first(static_cast<size_t>(count)),
                   .accumulate = false,
                   .finish = {}});
      }
    }
    for_each_tile([&](int64_t t, int64_t b, int64_t y, int64_t x) {
      winograd_output({.in = products.as<float>() + t * kLanes,
                       .in_channel = group * kLanes,
                       .point = out_point,
                       .channels = out_,
                       .out = out.at(b, 0, y, x),
                       .out_plane = os.plane(),
                       .out_row = os.row(),
                       .rows = static_cast<int>(std::min<int64_t>(2, plan_.y.count - y)),
                       .columns = static_cast<int>(std::min<int64_t>(2, plan_.x.count - x)),
                       .finish = finish.at(0, out.shape.offset(b, 0, y, x))});
    });
  });
}

}  // namespace

bool winograd_fits(const WeightView& weight, const ConvPlan& plan) {
  return is_unit_3(plan.y) && is_unit_3(plan.x) && weight.in >= kLeastChannels &&
         weight.out >= kLeastChannels;
}

std::unique_ptr<CompiledConv> compile_winograd(CachingAllocator& allocator, ThreadPool& pool,
                                               const WeightView& weight, const ConvPlan& plan) {
  return std::make_unique<WinogradConv>(allocator, pool, weight, plan);
}

}  // namespace rst::cpu

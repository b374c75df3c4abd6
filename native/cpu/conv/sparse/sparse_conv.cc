#include "native/cpu/conv/sparse/sparse_conv.h"

#include <algorithm>
#include <numeric>

#include "native/cpu/conv/sparse/kept_lists.h"
#include "native/cpu/conv/sparse/sparse_kernels.h"

namespace rst::cpu {
namespace {

// Output channels whose partial sums stay in the second cache.
constexpr int64_t kGroupChannels = 256;
// Rows of pixels that one task computes, so that it finds most of their windows in its caches.
constexpr int64_t kBandRows = 4;

// Floats from a pixel's window to each tap of the plan.
std::vector<int64_t> tap_floats(const ConvPlan& plan, const BlockedShape& in) {
  std::vector<int64_t> floats;
  for (int64_t y : plan.y.in_offsets) {
    for (int64_t x : plan.x.in_offsets) floats.push_back(y * in.row() + x * kLanes);
  }
  return floats;
}

class SparseConv final : public CompiledConv {
 public:
  SparseConv(CachingAllocator& allocator, ThreadPool& pool, const WeightView& weight, const ConvPlan& plan,
             const BlockedShape& in, double density);
  void run(ThreadPool& pool, const BlockedView& in, const BlockedView& out,
           const ConvFinish& finish) const override;

 private:
  SparseTileShape tile_shape() const;

  CachingAllocator& allocator_;
  ConvPlan plan_;
  KeptLists lists_;
};

SparseConv::SparseConv(CachingAllocator& allocator, ThreadPool& pool, const WeightView& weight,
                       const ConvPlan& plan, const BlockedShape& in, double density)
    : allocator_(allocator),
      plan_(plan),
      lists_(pool, weight, plan, density, in.plane(), tap_floats(plan, in)) {}

// Long rows make the tiles whose windows are cheapest to walk; short ones are taken several at a time.
SparseTileShape SparseConv::tile_shape() const {
  const int64_t most = sparse_tile_pixels();
  int64_t rows = 4;
  while (rows > 1 && (rows * plan_.x.count > most || rows > plan_.y.count)) rows /= 2;
  const int64_t runs = ceil_div(plan_.x.count, most / rows);
  return {static_cast<int>(rows), static_cast<int>(ceil_div(plan_.x.count, runs))};
}

void SparseConv::run(ThreadPool& pool, const BlockedView& in, const BlockedView& out,
                     const ConvFinish& finish) const {
  const BlockedShape& is = in.shape;
  const BlockedShape& os = out.shape;
  const SparseTileShape shape = tile_shape();
  const int64_t bands = ceil_div(plan_.y.count, kBandRows);
  const int64_t wanted = channel_groups(os.blocks() * bands, lists_.out, pool.threads());
  const int64_t group_channels = std::min(kGroupChannels, ceil_div(lists_.out, wanted));
  const int64_t groups = ceil_div(lists_.out, group_channels);

  // A task is one band of one block of images, for one group of output channels.
  pool.parallel_for(os.blocks() * bands * groups, [&](int64_t task) {
    const int64_t group = task % groups, band = task / groups % bands, image = task / groups / bands;
    const int64_t o = group * group_channels, channels = std::min(lists_.out - o, group_channels);
    const int64_t slots = lists_.blocks > 1 ? channels : 1;
    const Buffer sums(allocator_, slots * shape.floats() * static_cast<int64_t>(sizeof(float)));
    const auto tile = [&](int64_t y, int64_t x, SparseTileShape size) {
      const float* window = in.at(image, 0, y * plan_.y.in_step, x * plan_.x.in_step);
      float* first = out.at(image, o, plan_.y.out_start + y * plan_.y.out_step,
                            plan_.x.out_start + x * plan_.x.out_step);
      for (int64_t b = 0; b < lists_.blocks; ++b) {
        sparse_tile({
            .shape = size,
            .in = window + b * lists_.block_channels * is.plane(),
            .in_row = plan_.y.in_step * is.row(),
            .in_column = plan_.x.in_step * kLanes,
            .channels = channels,
            .starts = lists_.starts.data() + lists_.list_of(o, b),
            .offsets = lists_.offsets.data(),
            .values = lists_.ternary ? nullptr : lists_.values.data(),
            .sums = sums.as<float>(),
            .sums_channel = lists_.blocks > 1 ? size.floats() : 0,
            .first = b == 0,
            .last = b == lists_.blocks - 1,
            .out = first,
            .out_plane = os.plane(),
            .out_row = plan_.y.out_step * os.row(),
            .out_column = plan_.x.out_step * kLanes,
            .scale = lists_.constant,
            .finish = finish.at(o, first - out.data),
        });
      }
    };
    const int64_t end = std::min(plan_.y.count, (band + 1) * kBandRows);
    for (int64_t y = band * kBandRows; y < end;) {
      const int rows = y + shape.rows <= end ? shape.rows : 1;
      for (int64_t x = 0; x < plan_.x.count; x += shape.columns) {
        tile(y, x, {rows, static_cast<int>(std::min<int64_t>(shape.columns, plan_.x.count - x))});
      }
      y += rows;
    }
  });
}

}  // namespace

double weight_density(ThreadPool& pool, const WeightData& weight, int64_t count) {
  const int64_t group = std::max<int64_t>(1, weight.group), entries = count / group;
  const int64_t grain = std::max<int64_t>(1, (1 << 16) / group);
  std::vector<int64_t> kept(static_cast<size_t>(ceil_div(entries, grain)));
  pool.parallel_ranges(entries, grain, [&](int64_t begin, int64_t end) {
    int64_t found = 0;
    for (int64_t i = begin; i < end; ++i) {
      if (weight.mask && weight.mask[i] == 0) continue;
      const float* values = weight.values + i * group;
      for (int64_t k = 0; k < group; ++k) found += values[k] != 0;
    }
    kept[static_cast<size_t>(begin / grain)] = found;
  });
  return static_cast<double>(std::accumulate(kept.begin(), kept.end(), int64_t{0})) /
         static_cast<double>(std::max<int64_t>(1, count));
}

bool sparse_fits(const WeightView& weight, const ConvPlan& plan, const BlockedShape& in, double density) {
  const int64_t channels = std::min(weight.in, kept_block_channels(plan.taps(), density));
  return kept_offsets_fit(channels, in.plane(), tap_floats(plan, in));
}

std::unique_ptr<CompiledConv> compile_sparse(CachingAllocator& allocator, ThreadPool& pool,
                                             const WeightView& weight, const ConvPlan& plan,
                                             const BlockedShape& in, double density) {
  return std::make_unique<SparseConv>(allocator, pool, weight, plan, in, density);
}

}  // namespace rst::cpu

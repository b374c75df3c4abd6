#include "native/cpu/sparse/sparse_conv.h"

#include <algorithm>
#include <numeric>

#include "native/cpu/sparse/kept_lists.h"
#include "native/cpu/sparse/sparse_kernels.h"

namespace rst::cpu {
namespace {

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
  SparseConv(ThreadPool& pool, const WeightView& weight, const ConvPlan& plan, const BlockedShape& in,
             double density);
  void run(ThreadPool& pool, const BlockedView& in, const BlockedView& out,
           const ConvFinish& finish) const override;

 private:
  SparseTileShape tile_shape() const;

  ConvPlan plan_;
  double density_;
  KeptLists lists_;
};

SparseConv::SparseConv(ThreadPool& pool, const WeightView& weight, const ConvPlan& plan,
                       const BlockedShape& in, double density)
    : plan_(plan), density_(density), lists_(pool, weight, plan, density, in.plane(), tap_floats(plan, in)) {}

// Square tiles have the smallest window; sizes that they do not divide are cut into runs of a row, and so are
// large images of few weights, where what is loaded is seldom loaded again (measured at 32×32).
SparseTileShape SparseConv::tile_shape() const {
  const int64_t most = sparse_tile_pixels();
  const bool square = plan_.x.count % 4 == 0 && plan_.y.count % 4 == 0;
  const bool scattered = plan_.x.count >= 32 && density_ < 0.08;
  if (most == 16 && square && !scattered) return {4, 4};
  return {1, static_cast<int>(std::min(most, plan_.x.count))};
}

void SparseConv::run(ThreadPool& pool, const BlockedView& in, const BlockedView& out,
                     const ConvFinish& finish) const {
  const BlockedShape& is = in.shape;
  const BlockedShape& os = out.shape;
  const SparseTileShape shape = tile_shape();
  const int64_t bands = ceil_div(plan_.y.count, shape.rows);
  const int64_t group_channels =
      ceil_div(lists_.out, channel_groups(os.blocks() * bands, lists_.out, pool.threads()));
  const int64_t groups = ceil_div(lists_.out, group_channels);

  // A task is one band of tiles of one block of images, for one group of output channels.
  const auto tile = [&](int64_t image, int64_t group, int64_t y, int64_t x, SparseTileShape size) {
    const float* window = in.at(image, 0, y * plan_.y.in_step, x * plan_.x.in_step);
    float* first =
        out.at(image, 0, plan_.y.out_start + y * plan_.y.out_step, plan_.x.out_start + x * plan_.x.out_step);
    const int64_t o = group * group_channels;
    for (int64_t b = 0; b < lists_.blocks; ++b) {
      sparse_tile({
          .shape = size,
          .in = window + b * lists_.block_channels * is.plane(),
          .in_row = plan_.y.in_step * is.row(),
          .in_column = plan_.x.in_step * kLanes,
          .channels = std::min(lists_.out - o, group_channels),
          .starts = lists_.starts.data() + lists_.list_of(o, b),
          .offsets = lists_.offsets.data(),
          .values = lists_.ternary ? nullptr : lists_.values.data(),
          .out = first + o * os.plane(),
          .out_plane = os.plane(),
          .out_row = plan_.y.out_step * os.row(),
          .out_column = plan_.x.out_step * kLanes,
          .accumulate = b > 0,
          .scale = b == lists_.blocks - 1 ? lists_.constant : 1,
          .finish = b == lists_.blocks - 1 ? finish.at(o, first + o * os.plane() - out.data) : ConvFinish{},
      });
    }
  };
  pool.parallel_for(os.blocks() * bands * groups, [&](int64_t task) {
    const int64_t group = task % groups, band = task / groups % bands, image = task / groups / bands;
    const int64_t y0 = band * shape.rows, y1 = std::min(plan_.y.count, y0 + shape.rows);
    const bool whole = y1 - y0 == shape.rows;
    for (int64_t x = 0; x < plan_.x.count; x += shape.columns) {
      const int columns = static_cast<int>(std::min<int64_t>(shape.columns, plan_.x.count - x));
      if (whole) {
        tile(image, group, y0, x, {shape.rows, columns});
      } else {
        for (int64_t y = y0; y < y1; ++y) tile(image, group, y, x, {1, columns});
      }
    }
  });
}

}  // namespace

double weight_density(ThreadPool& pool, const float* weight, int64_t count) {
  constexpr int64_t kGrain = 1 << 16;
  std::vector<int64_t> kept(static_cast<size_t>(ceil_div(count, kGrain)));
  pool.parallel_ranges(count, kGrain, [&](int64_t begin, int64_t end) {
    kept[static_cast<size_t>(begin / kGrain)] =
        std::count_if(weight + begin, weight + end, [](float value) { return value != 0; });
  });
  return static_cast<double>(std::accumulate(kept.begin(), kept.end(), int64_t{0})) /
         static_cast<double>(std::max<int64_t>(1, count));
}

std::unique_ptr<CompiledConv> compile_sparse(ThreadPool& pool, const WeightView& weight, const ConvPlan& plan,
                                             const BlockedShape& in, double density) {
  return std::make_unique<SparseConv>(pool, weight, plan, in, density);
}

}  // namespace rst::cpu

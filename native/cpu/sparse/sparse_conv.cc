#include "native/cpu/sparse/sparse_conv.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "native/cpu/sparse/sparse_kernels.h"

namespace rst::cpu {
namespace {

// Input channels that are computed in one go: so many that about kListLength kept weights of each output
// channel hide loading and storing the partial sums, but few enough that their window stays in the inner
// caches.
constexpr double kListLength = 16;
constexpr int64_t kLeastBlock = 16, kLargestBlock = 64;

int64_t block_channels(int64_t taps, double density) {
  const double wanted = kListLength / std::max(1e-6, static_cast<double>(taps) * density);
  // 1×1 kernels have a small window for each channel, so they take more of them.
  const int64_t largest = taps == 1 ? 8 * kLargestBlock : kLargestBlock;
  return std::clamp(static_cast<int64_t>(std::min(wanted, 1e6)), kLeastBlock, largest);
}

class SparseConv final : public CompiledConv {
 public:
  SparseConv(ThreadPool& pool, const WeightView& weight, const ConvPlan& plan, const BlockedShape& in,
             double density);
  void run(ThreadPool& pool, const BlockedView& in, const BlockedView& out,
           const ConvFinish& finish) const override;

 private:
  // Calls visit(value, input channel in the block, tap row, tap column) for each non-zero weight from the
  // channels of `block` to output channel o; the last two count the plan's taps.
  template <class Visit>
  void for_each_kept(const WeightView& weight, int64_t o, int64_t block, const Visit& visit) const;
  // Fills starts_ and finds out whether one magnitude serves all kept weights; then the lists.
  void count(ThreadPool& pool, const WeightView& weight);
  void fill(ThreadPool& pool, const WeightView& weight, const BlockedShape& in);
  size_t list_of(int64_t o, int64_t block) const { return static_cast<size_t>(2 * (block * out_ + o)); }
  SparseTileShape tile_shape() const;

  ConvPlan plan_;
  int64_t out_, in_, block_channels_, blocks_;
  double density_;
  float constant_ = 1;           // c where all kept weights are ±c
  std::vector<int64_t> starts_;  // of the lists (for each block and output channel: plus, minus), and the end
  std::vector<int32_t> offsets_;  // floats from a pixel's window in the block's first channel
  std::vector<float> values_;     // one an offset; empty where all kept weights are ±c
  bool ternary_ = true;
};

template <class Visit>
void SparseConv::for_each_kept(const WeightView& weight, int64_t o, int64_t block, const Visit& visit) const {
  const int64_t first = block * block_channels_;
  const int64_t last = std::min(in_, first + block_channels_);
  for (int64_t i = first; i < last; ++i) {
    for (size_t r = 0; r < plan_.y.taps.size(); ++r) {
      for (size_t s = 0; s < plan_.x.taps.size(); ++s) {
        const float value = weight.at(o, i, plan_.y.taps[r], plan_.x.taps[s]);
        if (value != 0) visit(value, i - first, r, s);
      }
    }
  }
}

SparseConv::SparseConv(ThreadPool& pool, const WeightView& weight, const ConvPlan& plan,
                       const BlockedShape& in, double density)
    : plan_(plan),
      out_(weight.out),
      in_(weight.in),
      block_channels_(block_channels(plan.taps(), density)),
      blocks_(ceil_div(weight.in, block_channels_)),
      density_(density),
      starts_(static_cast<size_t>(2 * blocks_ * out_ + 1)) {
  count(pool, weight);
  fill(pool, weight, in);
}

void SparseConv::count(ThreadPool& pool, const WeightView& weight) {
  std::vector<float> magnitudes(static_cast<size_t>(out_));  // 0: nothing kept; NaN: more than one
  pool.parallel_for(out_, [&](int64_t o) {
    float magnitude = 0;
    for (int64_t b = 0; b < blocks_; ++b) {
      const size_t list = list_of(o, b);
      for_each_kept(weight, o, b, [&](float value, int64_t, size_t, size_t) {
        ++starts_[list + (value < 0)];
        if (magnitude == 0) magnitude = std::fabs(value);
        if (std::fabs(value) != magnitude) magnitude = NAN;
      });
    }
    magnitudes[static_cast<size_t>(o)] = magnitude;
  });
  std::exclusive_scan(starts_.begin(), starts_.end(), starts_.begin(), int64_t{0});
  float common = 0;
  for (float magnitude : magnitudes) {
    if (magnitude == 0) continue;
    if (common == 0) common = magnitude;
    if (magnitude != common) ternary_ = false;
  }
  if (ternary_ && common != 0) constant_ = common;
}

void SparseConv::fill(ThreadPool& pool, const WeightView& weight, const BlockedShape& in) {
  offsets_.resize(static_cast<size_t>(starts_.back()));
  if (!ternary_) values_.resize(offsets_.size());
  pool.parallel_for(out_, [&](int64_t o) {
    for (int64_t b = 0; b < blocks_; ++b) {
      const size_t list = list_of(o, b);
      int64_t next[2] = {starts_[list], starts_[list + 1]};
      for_each_kept(weight, o, b, [&](float value, int64_t channel, size_t r, size_t s) {
        const auto at = static_cast<size_t>(next[value < 0]++);
        offsets_[at] = static_cast<int32_t>(channel * in.plane() + plan_.y.in_offsets[r] * in.row() +
                                            plan_.x.in_offsets[s] * kLanes);
        if (!ternary_) values_[at] = value;
      });
    }
  });
}

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
  const int64_t group_channels = ceil_div(out_, channel_groups(os.blocks() * bands, out_, pool.threads()));
  const int64_t groups = ceil_div(out_, group_channels);

  // A task is one band of tiles of one block of images, for one group of output channels.
  const auto tile = [&](int64_t image, int64_t group, int64_t y, int64_t x, SparseTileShape size) {
    const float* window = in.at(image, 0, y * plan_.y.in_step, x * plan_.x.in_step);
    float* first =
        out.at(image, 0, plan_.y.out_start + y * plan_.y.out_step, plan_.x.out_start + x * plan_.x.out_step);
    const int64_t o = group * group_channels;
    for (int64_t b = 0; b < blocks_; ++b) {
      sparse_tile({
          .shape = size,
          .in = window + b * block_channels_ * is.plane(),
          .in_row = plan_.y.in_step * is.row(),
          .in_column = plan_.x.in_step * kLanes,
          .channels = std::min(out_ - o, group_channels),
          .starts = starts_.data() + list_of(o, b),
          .offsets = offsets_.data(),
          .values = ternary_ ? nullptr : values_.data(),
          .out = first + o * os.plane(),
          .out_plane = os.plane(),
          .out_row = plan_.y.out_step * os.row(),
          .out_column = plan_.x.out_step * kLanes,
          .accumulate = b > 0,
          .scale = b == blocks_ - 1 ? constant_ : 1,
          .finish = b == blocks_ - 1 ? finish.at(o, first + o * os.plane() - out.data) : ConvFinish{},
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

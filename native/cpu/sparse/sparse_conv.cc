#include "native/cpu/sparse/sparse_conv.h"

#include <cmath>
#include <numeric>

#include "native/cpu/sparse/sparse_kernels.h"

namespace rst::cpu {
namespace {

// Weights of one output channel that are computed in one go: few enough that their input window stays in L2,
// enough to hide loading and storing the partial sums.
constexpr int64_t kBlockWeights = 576;

class SparseConv final : public CompiledConv {
 public:
  SparseConv(ThreadPool& pool, const WeightView& weight, const ConvPlan& plan);

  // Share of weights that are not zero.
  double density() const;
  // Fills the lists, for inputs of this geometry.
  void compile(ThreadPool& pool, const WeightView& weight, const BlockedShape& in);
  void run(ThreadPool& pool, const BlockedView& in, const BlockedView& out) const override;

 private:
  // Calls visit(value, input channel in the block, tap row, tap column) for each non-zero weight from the
  // channels of `block` to output channel o; the last two count the plan's taps.
  template <class Visit>
  void for_each_kept(const WeightView& weight, int64_t o, int64_t block, const Visit& visit) const;
  size_t list_of(int64_t o, int64_t block) const { return static_cast<size_t>(2 * (block * out_ + o)); }
  SparseTileShape tile_shape() const;

  ConvPlan plan_;
  int64_t out_, in_, block_channels_, blocks_;
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

// Counts the kept weights of each list, and looks whether one magnitude serves them all.
SparseConv::SparseConv(ThreadPool& pool, const WeightView& weight, const ConvPlan& plan)
    : plan_(plan),
      out_(weight.out),
      in_(weight.in),
      block_channels_(std::max<int64_t>(1, kBlockWeights / std::max<int64_t>(1, plan.taps()))),
      blocks_(ceil_div(weight.in, block_channels_)),
      starts_(static_cast<size_t>(2 * blocks_ * out_ + 1)) {
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

double SparseConv::density() const {
  return static_cast<double>(starts_.back()) /
         static_cast<double>(std::max<int64_t>(1, out_ * in_ * plan_.taps()));
}

void SparseConv::compile(ThreadPool& pool, const WeightView& weight, const BlockedShape& in) {
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

// Rows of 16 and more pixels are cut into runs; images of width 8 and 4 take several rows a tile.
SparseTileShape SparseConv::tile_shape() const {
  const int64_t most = sparse_tile_pixels();
  if (most == 16 && (plan_.x.count == 8 || plan_.x.count == 4)) {
    return {static_cast<int>(most / plan_.x.count), static_cast<int>(plan_.x.count)};
  }
  return {1, static_cast<int>(std::min(most, plan_.x.count))};
}

void SparseConv::run(ThreadPool& pool, const BlockedView& in, const BlockedView& out) const {
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

std::unique_ptr<CompiledConv> compile_sparse(ThreadPool& pool, const WeightView& weight, const ConvPlan& plan,
                                             const BlockedShape& in, double below) {
  auto sparse = std::make_unique<SparseConv>(pool, weight, plan);
  if (sparse->density() >= below) return nullptr;
  sparse->compile(pool, weight, in);
  return sparse;
}

}  // namespace rst::cpu

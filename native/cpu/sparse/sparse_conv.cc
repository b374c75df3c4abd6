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
constexpr double kListLength = 10;
constexpr int64_t kLeastBlock = 16, kLargestBlock = 128;

// Output channels whose partial sums stay in the second cache.
constexpr int64_t kGroupChannels = 256;
// Rows of pixels that one task computes, so that it finds most of their windows in its caches.
constexpr int64_t kBandRows = 4;

int64_t block_channels(int64_t taps, double density) {
  const double wanted = kListLength / std::max(1e-6, static_cast<double>(taps) * density);
  // 1×1 kernels have a small window for each channel, so they take more of them.
  const int64_t largest = taps == 1 ? 4 * kLargestBlock : kLargestBlock;
  return std::clamp(static_cast<int64_t>(std::min(wanted, 1e6)), kLeastBlock, largest);
}

class SparseConv final : public CompiledConv {
 public:
  SparseConv(CachingAllocator& allocator, ThreadPool& pool, const WeightView& weight, const ConvPlan& plan,
             const BlockedShape& in, double density);
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

  CachingAllocator& allocator_;
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

SparseConv::SparseConv(CachingAllocator& allocator, ThreadPool& pool, const WeightView& weight,
                       const ConvPlan& plan, const BlockedShape& in, double density)
    : allocator_(allocator),
      plan_(plan),
      out_(weight.out),
      in_(weight.in),
      block_channels_(block_channels(plan.taps(), density)),
      blocks_(ceil_div(weight.in, block_channels_)),
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
  const int64_t wanted = channel_groups(os.blocks() * bands, out_, pool.threads());
  const int64_t group_channels = std::min(kGroupChannels, ceil_div(out_, wanted));
  const int64_t groups = ceil_div(out_, group_channels);

  // A task is one band of one block of images, for one group of output channels.
  pool.parallel_for(os.blocks() * bands * groups, [&](int64_t task) {
    const int64_t group = task % groups, band = task / groups % bands, image = task / groups / bands;
    const int64_t o = group * group_channels, channels = std::min(out_ - o, group_channels);
    const int64_t slots = blocks_ > 1 ? channels : 1;
    const Buffer sums(allocator_, slots * shape.floats() * static_cast<int64_t>(sizeof(float)));
    const auto tile = [&](int64_t y, int64_t x, SparseTileShape size) {
      const float* window = in.at(image, 0, y * plan_.y.in_step, x * plan_.x.in_step);
      float* first = out.at(image, o, plan_.y.out_start + y * plan_.y.out_step,
                            plan_.x.out_start + x * plan_.x.out_step);
      for (int64_t b = 0; b < blocks_; ++b) {
        sparse_tile({
            .shape = size,
            .in = window + b * block_channels_ * is.plane(),
            .in_row = plan_.y.in_step * is.row(),
            .in_column = plan_.x.in_step * kLanes,
            .channels = channels,
            .starts = starts_.data() + list_of(o, b),
            .offsets = offsets_.data(),
            .values = ternary_ ? nullptr : values_.data(),
            .sums = sums.as<float>(),
            .sums_channel = blocks_ > 1 ? size.floats() : 0,
            .first = b == 0,
            .last = b == blocks_ - 1,
            .out = first,
            .out_plane = os.plane(),
            .out_row = plan_.y.out_step * os.row(),
            .out_column = plan_.x.out_step * kLanes,
            .scale = constant_,
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

std::unique_ptr<CompiledConv> compile_sparse(CachingAllocator& allocator, ThreadPool& pool,
                                             const WeightView& weight, const ConvPlan& plan,
                                             const BlockedShape& in, double density) {
  return std::make_unique<SparseConv>(allocator, pool, weight, plan, in, density);
}

}  // namespace rst::cpu

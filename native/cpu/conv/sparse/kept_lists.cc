#include "native/cpu/conv/sparse/kept_lists.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace rst::cpu {
namespace {

// Input channels that are computed in one go: so many that about kListLength kept weights of each output
// channel hide loading and storing the partial sums, but few enough that their window stays in the inner
// caches.
constexpr double kListLength = 10;
constexpr int64_t kLeastBlock = 16, kLargestBlock = 128;

// Calls visit(value, input channel in the block, tap) for each non-zero weight from the channels of a block
// to output channel o; the tap counts those of the plan.
template <class Visit>
void for_each_kept(const WeightView& weight, const ConvPlan& plan, int64_t o, int64_t first, int64_t last,
                   const Visit& visit) {
  for (int64_t i = first; i < last; ++i) {
    size_t tap = 0;
    for (int64_t r : plan.y.taps) {
      for (int64_t s : plan.x.taps) {
        const float value = weight.at(o, i, r, s);
        if (value != 0) visit(value, i - first, tap);
        ++tap;
      }
    }
  }
}

}  // namespace

int64_t kept_block_channels(int64_t taps, double density) {
  const double wanted = kListLength / std::max(1e-6, static_cast<double>(taps) * density);
  // 1×1 kernels have a small window for each channel, so they take more of them.
  const int64_t largest = taps == 1 ? 4 * kLargestBlock : kLargestBlock;
  return std::clamp(static_cast<int64_t>(std::min(wanted, 1e6)), kLeastBlock, largest);
}

bool kept_offsets_fit(int64_t channels, int64_t channel_floats, const std::vector<int64_t>& tap_floats) {
  int64_t low = 0, high = 0;
  for (int64_t floats : tap_floats) {
    low = std::min(low, floats);
    high = std::max(high, floats);
  }
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  // Compared without products that could themselves overflow.
  return low >= -kMost && high <= kMost &&
         (channels <= 1 || channel_floats <= (kMost - high) / (channels - 1));
}

KeptLists::KeptLists(ThreadPool& pool, const WeightView& weight, const ConvPlan& plan, double density,
                     int64_t channel_floats, const std::vector<int64_t>& tap_floats)
    : out(weight.out),
      block_channels(kept_block_channels(plan.taps(), density)),
      // Without input channels there is one block of nothing, which writes zeros.
      blocks(std::max<int64_t>(1, ceil_div(weight.in, block_channels))),
      starts(static_cast<size_t>(2 * blocks * out + 1)) {
  const auto for_each = [&](int64_t o, int64_t block, const auto& visit) {
    const int64_t first = block * block_channels;
    for_each_kept(weight, plan, o, first, std::min(weight.in, first + block_channels), visit);
  };

  std::vector<float> magnitudes(static_cast<size_t>(out));  // 0: nothing kept; NaN: more than one
  pool.parallel_for(out, [&](int64_t o) {
    float magnitude = 0;
    for (int64_t b = 0; b < blocks; ++b) {
      const size_t list = list_of(o, b);
      for_each(o, b, [&](float value, int64_t, size_t) {
        ++starts[list + (value < 0)];
        if (magnitude == 0) magnitude = std::fabs(value);
        if (std::fabs(value) != magnitude) magnitude = NAN;
      });
    }
    magnitudes[static_cast<size_t>(o)] = magnitude;
  });
  std::exclusive_scan(starts.begin(), starts.end(), starts.begin(), int64_t{0});
  float common = 0;
  for (float magnitude : magnitudes) {
    if (magnitude == 0) continue;
    if (common == 0) common = magnitude;
    if (magnitude != common) ternary = false;
  }
  if (ternary && common != 0) constant = common;

  offsets.resize(static_cast<size_t>(starts.back()));
  if (!ternary) values.resize(offsets.size());
  pool.parallel_for(out, [&](int64_t o) {
    for (int64_t b = 0; b < blocks; ++b) {
      const size_t list = list_of(o, b);
      int64_t next[2] = {starts[list], starts[list + 1]};
      for_each(o, b, [&](float value, int64_t channel, size_t tap) {
        const auto at = static_cast<size_t>(next[value < 0]++);
        offsets[at] = static_cast<int32_t>(channel * channel_floats + tap_floats[tap]);
        if (!ternary) values[at] = value;
      });
    }
  });
}

}  // namespace rst::cpu

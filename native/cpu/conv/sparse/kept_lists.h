// The kept weights of a sparse convolution as lists, in the one order in which every layout adds them: a
// result's bits depend on it.
#pragma once

#include <cstdint>
#include <vector>

#include "native/cpu/conv/conv_plan.h"
#include "native/runtime/thread_pool.h"

namespace rst::cpu {

// Input channels of a block for a plan of so many taps.
int64_t kept_block_channels(int64_t taps, double density);

// Whether every offset from a window in the first of `channels` input channels, each channel_floats long, to
// the taps in these channels fits 32 bits.
bool kept_offsets_fit(int64_t channels, int64_t channel_floats, const std::vector<int64_t>& tap_floats);

// Input channels go block by block; in each, an output channel has a list of its positive weights and then
// one of its negative weights, both by input channel, tap row and tap column.
struct KeptLists {
  // A weight finds its input at channel_floats for each input channel before its own in the block, plus the
  // floats of its tap, given for the plan's taps row by row. Within a block these must fit 32 bits.
  KeptLists(ThreadPool& pool, const WeightView& weight, const ConvPlan& plan, double density,
            int64_t channel_floats, const std::vector<int64_t>& tap_floats);

  // Of the plus list; the minus list follows, and then the next output channel's.
  size_t list_of(int64_t o, int64_t block) const { return static_cast<size_t>(2 * (block * out + o)); }

  int64_t out;                     // output channels
  int64_t block_channels, blocks;  // input channels that are added in one go
  float constant = 1;              // c where all kept weights are ±c
  bool ternary = true;             // whether they are
  std::vector<int64_t> starts;     // of the lists, and the end
  std::vector<int32_t> offsets;    // floats from the block's first channel
  std::vector<float> values;       // one an offset; empty where all kept weights are ±c
};

}  // namespace rst::cpu

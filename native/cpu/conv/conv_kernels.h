// The inner loops of the dense convolutions on batch-blocked memory, dispatched at run time to the best SIMD
// target.
//
// A forward pass and an input gradient are the same sum over input channels and kernel taps:
//   out[k][pixel] = Σ_c Σ_t weight[k][c][t] · in[c][base(pixel) + tap[t]]
// on vectors of sixteen images. Every lane adds the same terms in the same order on every target, so all
// targets with fused multiply-add give the same bits.
#pragma once

#include <cstdint>
#include <span>

#include "native/cpu/conv/conv_finish.h"

namespace rst::cpu {

// Output channels computed together: the interleaving of packed weights.
int conv_tile_channels();

// One call: `channels` output channels × `pixels` output pixels, over a run of input channels.
struct ConvTileArgs {
  const float* in;                // plane of the first input channel
  int64_t in_plane;               // floats between input channels
  int64_t in_channels;            // length of the run
  std::span<const int64_t> taps;  // float offsets of the kernel taps
  const float* weight;            // [in_channels][taps][channels]
  int channels;                   // ≤ conv_tile_channels()
  float* out;                     // plane of the first output channel
  int64_t out_plane;
  std::span<const int64_t> in_pixels;   // float offset of each pixel's window in an input plane
  std::span<const int64_t> out_pixels;  // and of the pixel in an output plane
  bool accumulate;                      // add to what `out` holds
  ConvFinish finish;                    // seen from the first channel and `out`
};
void conv_tile(const ConvTileArgs& args);

// Tile of the weight gradient: rows of dy times rows of x, summed over pixels into sixteen partial sums a
// weight.
int weight_grad_tile_out();
int weight_grad_tile_in();

struct WeightGradArgs {
  const float* dy;  // row of the first output channel
  int64_t dy_plane;
  const float* x;  // row of the first input channel, at the tap
  int64_t x_plane;
  int64_t x_step;                 // floats between the pixels of a row of x: 16·stride
  int64_t pixels;                 // pixels of the row
  int out_channels, in_channels;  // ≤ the tile's
  float* sums;                    // [out_channels][in_channels][16], added to
};
void weight_grad_row(const WeightGradArgs& args, std::span<const int64_t> dy_rows,
                     std::span<const int64_t> x_rows);

}  // namespace rst::cpu

// The inner loop of the sparse convolutions on planar memory, dispatched at run time to the best SIMD target.
//
// A plane is one long run of pixels, its borders included. The sums over a part of it take one unaligned
// vector load and one multiply-add for each kept weight and vector; those that fall on a border are thrown
// away.
#pragma once

#include <cstdint>

#include "native/cpu/conv/conv_finish.h"

namespace rst::cpu {

// Pixels from a tile's first to its last: the accumulators of one output channel fill the registers.
int64_t planar_tile_pixels();

// A tile is several whole rows of an image, or a part of one row; computed for a run of output channels.
struct PlanarTileArgs {
  int64_t rows, columns;
  const float* in;  // window of the tile's first pixel in the first input channel
  int64_t in_row;   // floats between rows

  int64_t channels;        // output channels
  const int64_t* starts;   // of the channels' lists, and the end
  const int32_t* offsets;  // floats from a pixel's window
  const float* values;     // one an offset

  float* out;  // first pixel in the first output channel
  int64_t out_plane;
  int64_t out_row;
  float scale;        // applied to the sums when they are stored
  ConvFinish finish;  // then; seen from the first channel and `out`
};
void planar_tile(const PlanarTileArgs& args);

}  // namespace rst::cpu

// The inner loop of the sparse convolutions on batch-blocked memory, dispatched at run time to the best SIMD
// target.
//
// A kept weight is one vector load at a fixed offset and one addition over sixteen images, for each pixel of
// a tile. With weights ±c nothing is multiplied inside; the constant is applied once at the end.
#pragma once

#include <cstdint>

#include "native/cpu/conv/conv_finish.h"

namespace rst::cpu {

// Pixels of a tile: the accumulators of one output channel fill the registers.
int sparse_tile_pixels();

// A tile is `rows` × `columns` output pixels, at most sparse_tile_pixels() in all; 1, 2 or 4 rows.
struct SparseTileShape {
  int rows = 1, columns = 1;

  int64_t floats() const { return int64_t{rows} * columns * 16; }
};

// One tile, for a run of output channels, over the kept weights of a block of input channels.
struct SparseTileArgs {
  SparseTileShape shape;
  const float* in;    // window of the tile's first pixel in the block's first input channel
  int64_t in_row;     // floats between tile rows
  int64_t in_column;  // floats between tile columns: 16 times the stride

  int64_t channels;  // output channels
  const int64_t*
      starts;  // of list 2·o (plus) and 2·o + 1 (minus) of output channel o, in offsets; and the end
  const int32_t* offsets;  // floats from a pixel's window
  const float* values;     // one an offset, or null where the lists alone say ±1

  // Sums between the blocks, a tile without gaps for each output channel, so that they stay in the caches.
  float* sums;
  int64_t sums_channel;  // floats between two of them; 0 where there is one block, and so one slot will do
  bool first, last;      // block: sums start at zero; sums go to `out`

  float* out;  // first pixel in the first output channel
  int64_t out_plane;
  int64_t out_row;
  int64_t out_column;
  float scale;        // of the sums in `out`
  ConvFinish finish;  // then; seen from the first channel and `out`
};
void sparse_tile(const SparseTileArgs& args);

}  // namespace rst::cpu

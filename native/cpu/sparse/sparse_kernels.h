// The inner loop of the sparse convolutions on batch-blocked memory, dispatched at run time to the best SIMD
// target.
//
// A kept weight is one vector load at a fixed offset and one addition over sixteen images, for each pixel of
// a tile. With weights ±c nothing is multiplied inside; the constant is applied once at the end.
#pragma once

#include <cstdint>

namespace rst::cpu {

// Pixels of a tile: the accumulators of one output channel fill the registers.
int sparse_tile_pixels();

// A tile is `rows` × `columns` output pixels, at most sparse_tile_pixels() in all.
struct SparseTileShape {
  int rows = 1, columns = 1;
};

// Kept weights of one output channel over a run of input channels: float offsets from a pixel's window.
struct SparseRun {
  const int32_t* plus;
  const int32_t* minus;  // end of plus
  const int32_t* end;    // end of minus
  const float* values;   // one a kept weight (then all are in `plus`), or null for ±1
};

struct SparseTileArgs {
  SparseTileShape shape;
  const float* in;    // window of the tile's first pixel in the run's first input channel
  int64_t in_row;     // floats between tile rows
  int64_t in_column;  // floats between tile columns: 16 times the stride
  SparseRun run;
  float* out;  // first pixel
  int64_t out_row;
  int64_t out_column;
  bool accumulate;  // add to what `out` holds
  float scale;      // applied to the sum when it is stored
};
void sparse_tile(const SparseTileArgs& args);

}  // namespace rst::cpu

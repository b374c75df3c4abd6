// The transforms of Winograd's minimal filtering F(2×2, 3×3), and F(3×3, 2×2) for weight gradients, on
// batch-blocked memory (Lavin & Gray, "Fast
// Algorithms for Convolutional Neural Networks", CVPR 2016): a 2×2 tile of outputs takes 16 multiplications a
// channel instead of 36.
#pragma once

#include <cstdint>

#include "native/cpu/conv/conv_finish.h"

namespace rst::cpu {

// Values of a transformed tile.
constexpr int kWinogradPoints = 16;

// Bᵀ d B of a 4×4 tile d: pixel (i, j) is at rows[i] + columns[j]; value p of the result goes to out +
// p·stride.
struct WinogradInputArgs {
  const float* rows[4];
  int64_t columns[4];  // floats
  int64_t in_plane;    // floats between channels
  int64_t channels;
  float* out;
  int64_t out_channel;  // floats between channels
  int64_t point;        // floats between values
};
void winograd_input(const WinogradInputArgs& args);

// G y Gᵀ of a 2×2 tile y of an output gradient, for F(3×3, 2×2); pixels outside rows × columns count as zero.
struct WinogradGradientArgs {
  const float* in;  // first pixel in the first channel
  int64_t in_plane, in_row;
  int rows, columns;  // 1 or 2
  int64_t channels;
  float* out;
  int64_t out_channel;
  int64_t point;
};
void winograd_gradient(const WinogradGradientArgs& args);

// Aᵀ m A: the 2×2 outputs, of which rows × columns are stored.
struct WinogradOutputArgs {
  const float* in;
  int64_t in_channel;
  int64_t point;
  int64_t channels;
  float* out;  // first pixel in the first channel
  int64_t out_plane, out_row;
  int rows, columns;  // 1 or 2
  ConvFinish finish;  // seen from the first channel and `out`
};
void winograd_output(const WinogradOutputArgs& args);

}  // namespace rst::cpu

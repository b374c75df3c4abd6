// The dense weight gradient: every weight gets one, masked or not.
#pragma once

#include "native/cpu/conv/conv_plan.h"
#include "native/runtime/allocator.h"

namespace rst::cpu {

struct WeightGradProblem {
  BlockedView x;   // with a border that no tap leaves
  BlockedView dy;  // whose last block counts from `last_block` floats further on, where its spare lanes are 0
  int64_t last_block = 0;
  KernelShape kernel;
  ConvParams params;
  float* dw;

  // Floats from dy.data to a pixel of the first channel.
  int64_t dy_offset(int64_t block, int64_t y, int64_t x_) const {
    return dy.shape.offset(block, 0, y, x_) + (block == dy.shape.blocks() - 1 ? last_block : 0);
  }
};

// Sums sixteen partial sums in a fixed tree, the same on every target.
inline float sum_of_lanes(float* lanes) {
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  return lanes[0];
}

void direct_weight_grad(CachingAllocator& allocator, ThreadPool& pool, const WeightGradProblem& problem);

// 3×3 kernels of stride 1 by Winograd's F(3×3, 2×2): the tiles of the input gradient's transform against
// those of 2×2 output gradients take 16 multiplications instead of 36.
bool winograd_weight_grad_fits(const WeightGradProblem& problem);
void winograd_weight_grad(CachingAllocator& allocator, ThreadPool& pool, const WeightGradProblem& problem);

}  // namespace rst::cpu

// Sparse convolutions: the kept weights as lists of offsets, whatever the mask's pattern.
#pragma once

#include <memory>

#include "native/cpu/conv_plan.h"

namespace rst::cpu {

// Share of weights that are not zero.
double weight_density(ThreadPool& pool, const float* weight, int64_t count);

// The weight compiled for inputs of the geometry of `in`. Weights that are all ±c take additions only.
std::unique_ptr<CompiledConv> compile_sparse(CachingAllocator& allocator, ThreadPool& pool,
                                             const WeightView& weight, const ConvPlan& plan,
                                             const BlockedShape& in, double density);

}  // namespace rst::cpu

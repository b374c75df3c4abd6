// Sparse convolutions: the kept weights as lists of offsets, whatever the mask's pattern.
#pragma once

#include <memory>

#include "native/cpu/conv/conv_plan.h"

namespace rst::cpu {

// Share of `count` weights that are not zero.
double weight_density(ThreadPool& pool, const WeightData& weight, int64_t count);

// Whether the offsets of kept weights into inputs of the geometry of `in` fit their 32 bits.
bool sparse_fits(const WeightView& weight, const ConvPlan& plan, const BlockedShape& in, double density);

// The weight compiled for inputs of the geometry of `in`, which must fit. Weights that are all ±c take
// additions only.
std::unique_ptr<CompiledConv> compile_sparse(CachingAllocator& allocator, ThreadPool& pool,
                                             const WeightView& weight, const ConvPlan& plan,
                                             const BlockedShape& in, double density);

}  // namespace rst::cpu

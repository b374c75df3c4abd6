// Sparse convolutions: the kept weights as lists of offsets, whatever the mask's pattern.
#pragma once

#include <memory>

#include "native/cpu/conv_plan.h"

namespace rst::cpu {

// Share of non-zero weights below which sparse_conv beats the dense kernels (bench: docs/performance.md). One
// number for all machines: the choice decides the order of additions, and so the last bits of a result.
constexpr double kSparseBelow = 0.4;

// The weight compiled for inputs of the geometry of `in`; null where so many weights are non-zero that the
// dense kernels are faster. Weights that are all ±c take additions only.
std::unique_ptr<CompiledConv> compile_sparse(ThreadPool& pool, const WeightView& weight, const ConvPlan& plan,
                                             const BlockedShape& in);

}  // namespace rst::cpu

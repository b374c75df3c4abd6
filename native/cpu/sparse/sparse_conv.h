// Sparse convolutions: the kept weights as lists of offsets, whatever the mask's pattern.
#pragma once

#include <memory>

#include "native/cpu/conv_plan.h"

namespace rst::cpu {

// The weight compiled for inputs of the geometry of `in`; null where the share of non-zero weights is not
// below `below`. Weights that are all ±c take additions only.
std::unique_ptr<CompiledConv> compile_sparse(ThreadPool& pool, const WeightView& weight, const ConvPlan& plan,
                                             const BlockedShape& in, double below);

}  // namespace rst::cpu

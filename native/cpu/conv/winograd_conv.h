// Dense 3×3 convolutions of stride 1 by Winograd's F(2×2, 3×3).
#pragma once

#include <memory>

#include "native/cpu/conv/conv_plan.h"
#include "native/runtime/allocator.h"

namespace rst::cpu {

// Whether the plan is a 3×3 convolution of stride 1 with enough channels to gain by it.
bool winograd_fits(const WeightView& weight, const ConvPlan& plan);

// To be called for plans that fit.
std::unique_ptr<CompiledConv> compile_winograd(CachingAllocator& allocator, ThreadPool& pool,
                                               const WeightView& weight, const ConvPlan& plan);

}  // namespace rst::cpu

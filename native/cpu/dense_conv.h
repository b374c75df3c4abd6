// Dense convolutions: packing, blocking for the caches, and the split into tasks around conv_tile.
#pragma once

#include <memory>

#include "native/core/allocator.h"
#include "native/cpu/conv_plan.h"

namespace rst::cpu {

std::unique_ptr<CompiledConv> compile_dense(CachingAllocator& allocator, ThreadPool& pool,
                                            const WeightView& weight, const ConvPlan& plan);

}  // namespace rst::cpu

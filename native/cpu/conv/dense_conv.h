// Dense convolutions: packing, blocking for the caches, and the split into tasks around conv_tile.
#pragma once

#include <memory>

#include "native/cpu/conv/conv_plan.h"
#include "native/runtime/allocator.h"

namespace rst::cpu {

std::unique_ptr<CompiledConv> compile_dense(CachingAllocator& allocator, ThreadPool& pool,
                                            const WeightView& weight, const ConvPlan& plan);

}  // namespace rst::cpu

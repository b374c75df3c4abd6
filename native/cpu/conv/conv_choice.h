// Which kernels compute a convolution.
#pragma once

#include "native/core/shape.h"
#include "native/ops/conv.h"
#include "native/runtime/backend.h"

namespace rst::cpu {

class CpuBackend;

// Over the non-zero weights, by Winograd's F(2×2, 3×3), or over all weights.
enum class ConvKernel { kSparse, kWinograd, kDirect };

// The shares of non-zero weights below which a convolution is computed over these only.
struct ConvCostModel {
  double sparse_below_winograd = 0;  // where Winograd is the other choice
  double sparse_below_direct = 0;    // where it is not
};

// The same for all machines: the choice decides the order of additions.
ConvCostModel conv_cost_model(const CpuBackend& cpu);

// See Backend::conv_kernels: "sparse", "winograd" or "direct".
ConvKernels conv_kernels(const CpuBackend& cpu, const Shape& x, const Shape& w, const ConvParams& p,
                         double density);

}  // namespace rst::cpu

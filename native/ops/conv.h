// Convolutions and their gradients. No bias: the networks of the paper have none.
#pragma once

#include "native/core/tensor.h"
#include "native/ops/norm.h"

namespace rst {

struct ConvParams {
  int64_t stride = 1;
  int64_t padding = 0;
};

class ConvOps {
 public:
  virtual ~ConvOps() = default;
  // x [N, C, H, W], w [K, C, R, S] → y [N, K, OH, OW] with OH = (H + 2·padding − R) / stride + 1 (floor).
  // Rank 2 stands for 1×1 images: x [N, C], w [K, C] → y [N, K] is a linear layer.
  virtual void conv2d(const Tensor& x, const Tensor& w, const Tensor& y, const ConvParams& p) = 0;
  // Convolution and batch norm by running statistics in one: y = relu?((conv − mean) / √(var + eps) +
  // residual), with means and variances [K] and residual (the shape of y) optional; positive as in NormOps.
  // momentum is not read.
  virtual void conv2d_batch_norm(const Tensor& x, const Tensor& w, const Tensor& running_mean,
                                 const Tensor& running_var, const Tensor& residual, const Tensor& y,
                                 const Tensor& positive, const ConvParams& p,
                                 const BatchNormParams& norm) = 0;
  // The gradient to x, given dy, plus `addend` (the shape of x) where defined.
  virtual void conv2d_input_grad(const Tensor& dy, const Tensor& w, const Tensor& addend, const Tensor& dx,
                                 const ConvParams& p) = 0;
  // The same carried on through the batch norm in eval mode (without gamma) and the ReLU that x came from:
  // d_sum = (that gradient)·[positive], d_maps = d_sum / √(var + eps). Without `positive` (no ReLU) all of
  // it; d_sum may be undefined. Of the norm's parameters only eps is read.
  virtual void conv2d_input_grad_batch_norm(const Tensor& dy, const Tensor& w, const Tensor& addend,
                                            const Tensor& positive, const Tensor& running_var,
                                            const Tensor& d_maps, const Tensor& d_sum, const ConvParams& p,
                                            const BatchNormParams& norm) = 0;
  // The gradient to w, dense, given dy: every weight gets one, masked or not.
  virtual void conv2d_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& dw,
                                  const ConvParams& p) = 0;
};

}  // namespace rst

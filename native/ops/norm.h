// Batch normalisation over (N, H, W), fused with the residual add before and the ReLU after it.
#pragma once

#include "native/core/tensor.h"

namespace rst {

struct BatchNormParams {
  float eps = 1e-5f;
  float momentum = 0.1f;  // running ← (1 − momentum)·running + momentum·batch
  bool relu = false;
};

class NormOps {
 public:
  virtual ~NormOps() = default;
  // y = relu?((x − mean)·inv_std·gamma + beta + residual), with the batch's biased variance; running_mean and
  // running_var [C] (unbiased variance, as PyTorch) are updated in place. mean, inv_std: f32 [C] outputs.
  // residual (shape of x), gamma and beta [C] may be undefined. positive (u8, shape of x), where defined,
  // says which y are > 0: all that the gradient of the ReLU needs.
  virtual void batch_norm_train(const Tensor& x, const Tensor& running_mean, const Tensor& running_var,
                                const Tensor& residual, const Tensor& gamma, const Tensor& beta,
                                const Tensor& y, const Tensor& mean, const Tensor& inv_std,
                                const Tensor& positive, const BatchNormParams& p) = 0;
  // With g = dy·[positive] if relu else dy: dx, and where defined d_residual = g, d_gamma, d_beta.
  virtual void batch_norm_train_grad(const Tensor& dy, const Tensor& x, const Tensor& positive,
                                     const Tensor& mean, const Tensor& inv_std, const Tensor& gamma,
                                     const Tensor& dx, const Tensor& d_residual, const Tensor& d_gamma,
                                     const Tensor& d_beta, const BatchNormParams& p) = 0;
  // The same with the running statistics, which stay as they are.
  virtual void batch_norm_eval(const Tensor& x, const Tensor& running_mean, const Tensor& running_var,
                               const Tensor& residual, const Tensor& gamma, const Tensor& beta,
                               const Tensor& y, const Tensor& positive, const BatchNormParams& p) = 0;
  // dx = g·gamma·inv_std; d_residual = g.
  virtual void batch_norm_eval_grad(const Tensor& dy, const Tensor& positive, const Tensor& running_var,
                                    const Tensor& gamma, const Tensor& dx, const Tensor& d_residual,
                                    const BatchNormParams& p) = 0;
};

}  // namespace rst

// Spatial pooling.
#pragma once

#include "native/core/tensor.h"

namespace rst {

struct PoolParams {
  int64_t kernel = 2;
  int64_t stride = 2;
  int64_t padding = 0;
};

class PoolOps {
 public:
  virtual ~PoolOps() = default;
  // Padding never wins a maximum; ties go to the first pixel in row-major order.
  virtual void max_pool2d(const Tensor& x, const Tensor& y, const PoolParams& p) = 0;
  virtual void max_pool2d_grad(const Tensor& dy, const Tensor& x, const Tensor& dx, const PoolParams& p) = 0;
  // Padding counts as zeros in the mean (PyTorch's default).
  virtual void avg_pool2d(const Tensor& x, const Tensor& y, const PoolParams& p) = 0;
  virtual void avg_pool2d_grad(const Tensor& dy, const Tensor& dx, const PoolParams& p) = 0;
  // [N, C, H, W] → [N, C, 1, 1]
  virtual void global_avg_pool(const Tensor& x, const Tensor& y) = 0;
  virtual void global_avg_pool_grad(const Tensor& dy, const Tensor& dx) = 0;
};

}  // namespace rst

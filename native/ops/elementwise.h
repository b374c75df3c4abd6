// Arithmetic, element by element or channel by channel.
#pragma once

#include <span>

#include "native/core/tensor.h"

namespace rst {

class ElementwiseOps {
 public:
  virtual ~ElementwiseOps() = default;
  virtual void fill(const Tensor& y, float value) = 0;
  virtual void copy(const Tensor& x, const Tensor& y) = 0;
  // Same elements in row-major order under another shape.
  virtual void reshape(const Tensor& x, const Tensor& y) = 0;
  virtual void add(const Tensor& a, const Tensor& b, const Tensor& y) = 0;
  virtual void sub(const Tensor& a, const Tensor& b, const Tensor& y) = 0;
  virtual void mul(const Tensor& a, const Tensor& b, const Tensor& y) = 0;
  virtual void scale(const Tensor& x, const Tensor& y, float factor) = 0;
  // min(max(x, low), high); a NaN stays a NaN.
  virtual void clip(const Tensor& x, const Tensor& y, float low, float high) = 0;
  virtual void relu(const Tensor& x, const Tensor& y) = 0;
  virtual void relu_grad(const Tensor& dy, const Tensor& y, const Tensor& dx) = 0;
  // y = (x − mean[c]) / std[c]; its gradient divides by std[c]: mean empty.
  virtual void normalize(const Tensor& x, const Tensor& y, std::span<const float> mean,
                         std::span<const float> std) = 0;
  // y = x + bias[c]
  virtual void bias_add(const Tensor& x, const Tensor& bias, const Tensor& y) = 0;
};

}  // namespace rst

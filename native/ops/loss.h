// Losses and predictions on logits [N, classes].
#pragma once

#include "native/core/tensor.h"

namespace rst {

class LossOps {
 public:
  virtual ~LossOps() = default;
  // Per-sample cross-entropy of log-softmax: losses [N]. The target is (1 − smoothing)·onehot +
  // smoothing/classes.
  virtual void cross_entropy(const Tensor& logits, const Tensor& labels, const Tensor& losses,
                             float smoothing) = 0;
  // d_logits = d_losses[n]·(softmax − target).
  virtual void cross_entropy_grad(const Tensor& logits, const Tensor& labels, const Tensor& d_losses,
                                  const Tensor& d_logits, float smoothing) = 0;
  virtual void softmax(const Tensor& logits, const Tensor& probabilities) = 0;
  // Index of the largest logit, i32 [N]; ties go to the lowest index.
  virtual void argmax(const Tensor& logits, const Tensor& indices) = 0;
  // 1 where the argmax is the label, else 0: f32 [N].
  virtual void correct(const Tensor& logits, const Tensor& labels, const Tensor& result) = 0;
};

}  // namespace rst

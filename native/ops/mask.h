// Masks over weights: selection, application, the straight-through gradient, and their packed form.
//
// A mask's shape is a prefix of the weight's: [K, C, R, S] masks elements, [K, C, R] rows, [K, C] kernels
// and [K] output channels; one entry covers the whole group under it.
#pragma once

#include "native/core/tensor.h"

namespace rst {

class MaskOps {
 public:
  virtual ~MaskOps() = default;
  // u8, 1 for the `keep` entries of largest |score|; ties go to the lower index; a NaN ranks above all.
  virtual void topk_mask(const Tensor& scores, const Tensor& mask, int64_t keep) = 0;
  // w where the mask is 1, else 0.
  virtual void masked_weight(const Tensor& weight, const Tensor& mask, const Tensor& y) = 0;
  // Straight-through gradient (paper Eq. 1, ranking by |score|): the sum over each group of
  // d_weight ⊙ weight, times sign(score).
  virtual void score_grad(const Tensor& d_weight, const Tensor& weight, const Tensor& scores,
                          const Tensor& d_scores) = 0;
  // u8 0/1 [any] → u8 [⌈n/8⌉], least significant bit first, padding bits 0; and back.
  virtual void pack_bits(const Tensor& mask, const Tensor& bits) = 0;
  virtual void unpack_bits(const Tensor& bits, const Tensor& mask) = 0;
};

}  // namespace rst

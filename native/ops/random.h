// Tensors drawn from counter-based streams.
#pragma once

#include "native/core/philox.h"
#include "native/core/tensor.h"

namespace rst {

enum class WeightInit { kSignedConstant, kNormal, kUniform };

class RandomOps {
 public:
  virtual ~RandomOps() = default;
  // Element i of layer `stream.index`. kSignedConstant: −scale where the top bit of word i is set, else
  // scale; kUniform: in [−scale, scale) from word i; kNormal: scale·Φ⁻¹(u), u from block i
  // (native/core/normal.h).
  virtual void random_weight(const Tensor& y, WeightInit init, float scale, const RandomStream& stream) = 0;
  // Row n from stream {seed, kNoise, step, sample_ids[n]}: uniform in [low, high), element j from word j, or
  // normal, element j from block j. low = high gives that number.
  virtual void uniform_noise(const Tensor& sample_ids, const Tensor& y, float low, float high, uint64_t seed,
                             uint32_t step) = 0;
  virtual void normal_noise(const Tensor& sample_ids, const Tensor& y, float mean, float std, uint64_t seed,
                            uint32_t step) = 0;
};

}  // namespace rst

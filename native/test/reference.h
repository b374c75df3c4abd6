// Each op as plainly as it can be written, in double precision. Optional inputs may be undefined.
#pragma once

#include <functional>

#include "native/ops/conv.h"
#include "native/ops/norm.h"
#include "native/ops/pool.h"
#include "native/ops/reduce.h"
#include "native/test/host_tensor.h"

namespace rst::test::reference {

HostTensor conv2d(const HostTensor& x, const HostTensor& w, const ConvParams& p);
HostTensor conv2d_input_grad(const HostTensor& dy, const HostTensor& w, const Shape& x, const ConvParams& p);
HostTensor conv2d_weight_grad(const HostTensor& x, const HostTensor& dy, const Shape& w, const ConvParams& p);

struct ChannelStatistics {
  HostTensor mean, variance;  // [C], the biased variance
};
ChannelStatistics channel_statistics(const HostTensor& x);
// With the statistics given: the batch's for training, the running ones for evaluation.
HostTensor batch_norm(const HostTensor& x, const ChannelStatistics& statistics, const HostTensor& residual,
                      const HostTensor& gamma, const HostTensor& beta, double eps, bool relu);

// 1 where y > 0, else 0.
HostTensor positive(const HostTensor& y);

HostTensor max_pool2d(const HostTensor& x, const PoolParams& p);
HostTensor avg_pool2d(const HostTensor& x, const PoolParams& p);
HostTensor global_avg_pool(const HostTensor& x);

HostTensor softmax(const HostTensor& logits);
HostTensor cross_entropy(const HostTensor& logits, const HostTensor& labels, double smoothing);
HostTensor argmax(const HostTensor& logits);
// x[n, indices[n]], and its gradient to an x of that shape.
HostTensor gather(const HostTensor& x, const HostTensor& indices);
HostTensor gather_grad(const HostTensor& dy, const HostTensor& indices, const Shape& x);

// y = f(x) and y = f(a, b), element by element.
HostTensor map(const HostTensor& x, const std::function<double(double)>& f);
HostTensor map(const HostTensor& a, const HostTensor& b, const std::function<double(double, double)>& f);
// y = f(x, c) with the channel c, the second axis.
HostTensor map_channels(const HostTensor& x, const std::function<double(double, int64_t)>& f);

HostTensor sum(const HostTensor& x);
HostTensor channel_sum(const HostTensor& x);
HostTensor sample_sum(const HostTensor& x);
HostTensor sample_norm(const HostTensor& x, Norm norm);

// One entry of the mask or score covers a group of the weight.
HostTensor masked_weight(const HostTensor& weight, const HostTensor& mask);
HostTensor score_grad(const HostTensor& d_weight, const HostTensor& weight, const HostTensor& scores);

struct SgdState {
  HostTensor parameter, velocity;
};
SgdState sgd_step(const SgdState& state, const HostTensor& gradient, double lr, double momentum,
                  double weight_decay);

}  // namespace rst::test::reference

// Losses and predictions. The work is small beside a network's, so it is done in double precision, with
// functions whose bits are the same on every machine.
#include <cmath>

#include "native/core/normal.h"
#include "native/cpu/cpu_backend.h"
#include "native/cpu/kernels.h"
#include "native/ops/loss.h"

namespace rst::cpu {
namespace {

// The logits of one sample, sixteen floats apart.
template <class T>
struct SampleRow {
  T* first;
  T& operator[](int64_t k) const { return first[k * kLanes]; }
};

// Calls sample(n, row offset) for each sample of a blocked [N, classes].
template <class Sample>
void for_each_sample(ThreadPool& pool, const BlockedShape& s, const Sample& sample) {
  pool.parallel_for(s.blocks(), [&](int64_t b) {
    for (int lane = 0; lane < s.lanes(b); ++lane) sample(b * kLanes + lane, b * s.block() + lane);
  });
}

void expect_indices(const char* op, const int32_t* indices, const BlockedShape& x) {
  for (int64_t n = 0; n < x.n; ++n) {
    if (indices[n] >= 0 && indices[n] < x.c) continue;
    throw_argument(std::string(op) + " expects indices from 0 to " + std::to_string(x.c - 1) +
                   " but received " + std::to_string(indices[n]) + " for sample " + std::to_string(n) + ".");
  }
}

void expect_labels(const char* op, const int32_t* labels, const BlockedShape& logits) {
  for (int64_t n = 0; n < logits.n; ++n) {
    if (labels[n] >= 0 && labels[n] < logits.c) continue;
    throw_argument(std::string(op) + " expects labels from 0 to " + std::to_string(logits.c - 1) +
                   " but received " + std::to_string(labels[n]) + " for sample " + std::to_string(n) +
                   "; check that the labels belong to a model of " + std::to_string(logits.c) + " classes.");
  }
}

// Softmax of a row without overflow: e(k) / sum, with e(k) = exp(row[k] − largest).
struct SoftmaxTerms {
  double largest, sum;

  SoftmaxTerms(SampleRow<const float> row, int64_t classes) : largest(row[0]), sum(0) {
    for (int64_t k = 1; k < classes; ++k) largest = std::max<double>(largest, row[k]);
    // A NaN among the logits makes the sum NaN, whatever the maximum.
    for (int64_t k = 0; k < classes; ++k) sum += portable_exp(row[k] - largest);
  }
  double probability(float logit) const { return portable_exp(logit - largest) / sum; }
};

// Index of the largest logit, the first of equals. A NaN counts as larger than all numbers.
int64_t largest_index(SampleRow<const float> row, int64_t classes) {
  int64_t best = 0;
  for (int64_t k = 1; k < classes; ++k) {
    if (row[k] > row[best] || (std::isnan(row[k]) && !std::isnan(row[best]))) best = k;
  }
  return best;
}

// The lanes beyond the last sample hold zeros.
BlockedView cleared(const BlockedView& t) {
  std::fill(t.data, t.data + t.shape.size(), 0.0f);
  return t;
}

void cross_entropy(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &logits = call.inputs[0], &labels = call.inputs[1], &losses = call.outputs[0];
  const float smoothing = call.as<CrossEntropyParams>().smoothing;
  const BlockedView in = cpu.blocked_input(logits);
  const auto* label = cpu.plain_input<const int32_t>(labels);
  expect_labels("cross_entropy", label, in.shape);
  float* out = cpu.plain_output(losses);
  const int64_t classes = in.shape.c;
  for_each_sample(cpu.pool(), in.shape, [&](int64_t n, int64_t offset) {
    const SampleRow<const float> row{in.data + offset};
    const SoftmaxTerms terms(row, classes);
    double loss = portable_log(terms.sum) - (1.0 - smoothing) * (row[label[n]] - terms.largest);
    if (smoothing > 0) {
      double below = 0;
      for (int64_t k = 0; k < classes; ++k) below += row[k] - terms.largest;
      loss -= smoothing / static_cast<double>(classes) * below;
    }
    out[n] = static_cast<float>(loss);
  });
}

void cross_entropy_grad(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &logits = call.inputs[0], &labels = call.inputs[1], &d_losses = call.inputs[2],
               &d_logits = call.outputs[0];
  const float smoothing = call.as<CrossEntropyParams>().smoothing;
  const BlockedView in = cpu.blocked_input(logits);
  const auto* label = cpu.plain_input<const int32_t>(labels);
  expect_labels("cross_entropy_grad", label, in.shape);
  const float* d_loss = cpu.plain_input(d_losses);
  const BlockedView out = cleared(cpu.blocked_output(d_logits));
  const int64_t classes = in.shape.c;
  const double spread = smoothing / static_cast<double>(classes);
  for_each_sample(cpu.pool(), in.shape, [&](int64_t n, int64_t offset) {
    const SampleRow<const float> row{in.data + offset};
    const SampleRow<float> gradient{out.data + offset};
    const SoftmaxTerms terms(row, classes);
    for (int64_t k = 0; k < classes; ++k) {
      const double target = spread + (k == label[n] ? 1.0 - smoothing : 0.0);
      gradient[k] = static_cast<float>(d_loss[n] * (terms.probability(row[k]) - target));
    }
  });
}

void softmax(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &logits = call.inputs[0], &probabilities = call.outputs[0];
  const BlockedView in = cpu.blocked_input(logits);
  const BlockedView out = cleared(cpu.blocked_output(probabilities));
  for_each_sample(cpu.pool(), in.shape, [&](int64_t, int64_t offset) {
    const SampleRow<const float> row{in.data + offset};
    const SampleRow<float> result{out.data + offset};
    const SoftmaxTerms terms(row, in.shape.c);
    for (int64_t k = 0; k < in.shape.c; ++k) result[k] = static_cast<float>(terms.probability(row[k]));
  });
}

void gather(CpuBackend& cpu, const KernelCall& call) {
  const BlockedView in = cpu.blocked_input(call.inputs[0]);
  const auto* index = cpu.plain_input<const int32_t>(call.inputs[1]);
  expect_indices("gather", index, in.shape);
  float* out = cpu.plain_output(call.outputs[0]);
  for_each_sample(cpu.pool(), in.shape, [&](int64_t n, int64_t offset) {
    out[n] = SampleRow<const float>{in.data + offset}[index[n]];
  });
}

void gather_grad(CpuBackend& cpu, const KernelCall& call) {
  const float* dy = cpu.plain_input(call.inputs[0]);
  const auto* index = cpu.plain_input<const int32_t>(call.inputs[1]);
  expect_indices("gather_grad", index, BlockedShape(call.outputs[0].shape));
  const BlockedView out = cleared(cpu.blocked_output(call.outputs[0]));
  for_each_sample(cpu.pool(), out.shape,
                  [&](int64_t n, int64_t offset) { SampleRow<float>{out.data + offset}[index[n]] = dy[n]; });
}

void max(CpuBackend& cpu, const KernelCall& call) {
  const BlockedView in = cpu.blocked_input(call.inputs[0]);
  float* out = cpu.plain_output(call.outputs[0]);
  for_each_sample(cpu.pool(), in.shape, [&](int64_t n, int64_t offset) {
    const SampleRow<const float> row{in.data + offset};
    out[n] = row[largest_index(row, in.shape.c)];
  });
}

void argmax(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &logits = call.inputs[0], &indices = call.outputs[0];
  const BlockedView in = cpu.blocked_input(logits);
  auto* out = cpu.plain_output<int32_t>(indices);
  for_each_sample(cpu.pool(), in.shape, [&](int64_t n, int64_t offset) {
    out[n] = static_cast<int32_t>(largest_index({in.data + offset}, in.shape.c));
  });
}

void correct(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &logits = call.inputs[0], &labels = call.inputs[1], &result = call.outputs[0];
  const BlockedView in = cpu.blocked_input(logits);
  const auto* label = cpu.plain_input<const int32_t>(labels);
  expect_labels("correct", label, in.shape);
  float* out = cpu.plain_output(result);
  for_each_sample(cpu.pool(), in.shape, [&](int64_t n, int64_t offset) {
    out[n] = largest_index({in.data + offset}, in.shape.c) == label[n] ? 1.0f : 0.0f;
  });
}

}  // namespace

void add_loss_kernels(KernelTable& table) {
  table.add("cross_entropy", on_cpu<cross_entropy>);
  table.add("cross_entropy_grad", on_cpu<cross_entropy_grad>);
  table.add("softmax", on_cpu<softmax>);
  table.add("gather", on_cpu<gather>);
  table.add("gather_grad", on_cpu<gather_grad>);
  table.add("max", on_cpu<max>);
  table.add("argmax", on_cpu<argmax>);
  table.add("correct", on_cpu<correct>);
}

}  // namespace rst::cpu

#include "native/test/plain/plain_kernels.h"

#include <algorithm>
#include <cmath>

#include "native/ops/conv.h"
#include "native/ops/elementwise.h"
#include "native/ops/loss.h"
#include "native/ops/norm.h"
#include "native/ops/optim.h"
#include "native/ops/pool.h"
#include "native/ops/reduce.h"
#include "native/test/plain/plain_backend.h"
#include "native/test/reference.h"

namespace rst::test {
namespace {

using Results = std::vector<HostTensor>;

// A kernel that is a twin of the inputs, or of inputs and parameters; `changed` are the inputs that it
// changes.
template <auto twin, size_t... changed>
void plain(Backend& backend, const KernelCall& call) {
  static_cast<PlainBackend&>(backend).compute(call, twin, {changed...});
}
template <class Params, auto twin, size_t... changed>
void plain_with(Backend& backend, const KernelCall& call) {
  const auto bound = [p = call.as<Params>()](const PlainCall& c) { return twin(c, p); };
  static_cast<PlainBackend&>(backend).compute(call, bound, {changed...});
}

// --- convolutions ---

Results conv2d(const PlainCall& c, const ConvParams& p) {
  return {reference::conv2d(c.inputs[0], c.inputs[1], p)};
}

Results conv2d_input_grad(const PlainCall& c, const ConvParams& p) {
  HostTensor dx = reference::conv2d_input_grad(c.inputs[0], c.inputs[1], c.outputs[0], p);
  if (!c.inputs[2].defined()) return {dx};
  return {reference::map(dx, c.inputs[2], [](double a, double b) { return a + b; })};
}

Results conv2d_weight_grad(const PlainCall& c, const ConvParams& p) {
  return {reference::conv2d_weight_grad(c.inputs[0], c.inputs[1], c.outputs[0], p)};
}

// --- elementwise ---

Results fill(const PlainCall& c, const FillParams& p) {
  return {filled(c.outputs[0], p.value)};
}

Results same_elements(const PlainCall& c) {
  return {{c.outputs[0], c.inputs[0].values}};
}

Results assign(const PlainCall& c) {
  return {c.inputs[1]};
}

Results add(const PlainCall& c) {
  return {reference::map(c.inputs[0], c.inputs[1], [](double a, double b) { return a + b; })};
}

Results sub(const PlainCall& c) {
  return {reference::map(c.inputs[0], c.inputs[1], [](double a, double b) { return a - b; })};
}

Results mul(const PlainCall& c) {
  return {reference::map(c.inputs[0], c.inputs[1], [](double a, double b) { return a * b; })};
}

Results scale(const PlainCall& c, const ScaleParams& p) {
  return {reference::map(c.inputs[0], [&](double v) { return v * p.factor; })};
}

Results clip(const PlainCall& c, const ClipParams& p) {
  return {reference::map(c.inputs[0], [&](double v) { return std::clamp<double>(v, p.low, p.high); })};
}

Results relu(const PlainCall& c) {
  return {reference::map(c.inputs[0], [](double v) { return std::max(v, 0.0); })};
}

Results relu_grad(const PlainCall& c) {
  return {reference::map(c.inputs[0], c.inputs[1], [](double dy, double y) { return y > 0 ? dy : 0; })};
}

// Of x, and of the gradient, which knows no means.
Results normalize(const PlainCall& c, const NormalizeParams& p) {
  return {reference::map_channels(c.inputs[0], [&](double v, int64_t channel) {
    const auto i = static_cast<size_t>(channel);
    return (v - (p.mean.empty() ? 0 : p.mean[i])) / p.std[i];
  })};
}

Results bias_add(const PlainCall& c) {
  return {reference::map_channels(c.inputs[0], [&](double v, int64_t channel) {
    return v + c.inputs[1].values[static_cast<size_t>(channel)];
  })};
}

// --- batch norm, pooling, losses ---

Results batch_norm_eval(const PlainCall& c, const BatchNormParams& p) {
  const HostTensor y = reference::batch_norm(c.inputs[0], {c.inputs[1], c.inputs[2]}, c.inputs[3],
                                             c.inputs[4], c.inputs[5], p.eps, p.relu);
  return {y, reference::positive(y)};
}

Results max_pool2d(const PlainCall& c, const PoolParams& p) {
  return {reference::max_pool2d(c.inputs[0], p)};
}

Results avg_pool2d(const PlainCall& c, const PoolParams& p) {
  return {reference::avg_pool2d(c.inputs[0], p)};
}

Results global_avg_pool(const PlainCall& c) {
  return {reference::global_avg_pool(c.inputs[0])};
}

void check_labels(const PlainCall& c) {
  const int64_t classes = c.inputs[0].shape[1];
  for (double label : c.inputs[1].values) {
    if (label >= 0 && label < static_cast<double>(classes)) continue;
    throw_argument("Expected labels from 0 to " + std::to_string(classes - 1) + " but received " +
                   std::to_string(static_cast<int64_t>(label)) + ".");
  }
}

Results cross_entropy(const PlainCall& c, const CrossEntropyParams& p) {
  check_labels(c);
  return {reference::cross_entropy(c.inputs[0], c.inputs[1], p.smoothing)};
}

Results softmax(const PlainCall& c) {
  return {reference::softmax(c.inputs[0])};
}

Results argmax(const PlainCall& c) {
  return {reference::argmax(c.inputs[0])};
}

Results correct(const PlainCall& c) {
  check_labels(c);
  return {reference::map(reference::argmax(c.inputs[0]), c.inputs[1],
                         [](double a, double b) { return a == b ? 1.0 : 0.0; })};
}

// --- reductions, masks, the optimiser ---

Results sum(const PlainCall& c) {
  return {reference::sum(c.inputs[0])};
}

Results channel_sum(const PlainCall& c) {
  return {reference::channel_sum(c.inputs[0])};
}

Results sample_sum(const PlainCall& c) {
  return {reference::sample_sum(c.inputs[0])};
}

Results sample_norm(const PlainCall& c, const SampleNormParams& p) {
  return {reference::sample_norm(c.inputs[0], p.norm)};
}

Results broadcast(const PlainCall& c, const BroadcastParams& p) {
  return {filled(c.outputs[0], c.inputs[0].values[0] * p.factor)};
}

Results masked_weight(const PlainCall& c) {
  return {reference::masked_weight(c.inputs[0], c.inputs[1])};
}

Results score_grad(const PlainCall& c) {
  return {reference::score_grad(c.inputs[0], c.inputs[1], c.inputs[2])};
}

Results sgd_step(const PlainCall& c, const SgdParams& p) {
  const auto next =
      reference::sgd_step({c.inputs[0], c.inputs[2]}, c.inputs[1], p.lr, p.momentum, p.weight_decay);
  return {next.parameter, next.velocity};
}

}  // namespace

const KernelTable& plain_kernels() {
  static const KernelTable table = [] {
    KernelTable t;
    t.add("conv2d", plain_with<ConvParams, conv2d>);
    t.add("conv2d_input_grad", plain_with<ConvParams, conv2d_input_grad>);
    t.add("conv2d_weight_grad", plain_with<ConvParams, conv2d_weight_grad>);
    t.add("fill", plain_with<FillParams, fill>);
    t.add("copy", plain<same_elements>);
    t.add("assign", plain<assign, 0>);
    t.add("reshape", plain<same_elements>);
    t.add("add", plain<add>);
    t.add("sub", plain<sub>);
    t.add("mul", plain<mul>);
    t.add("scale", plain_with<ScaleParams, scale>);
    t.add("clip", plain_with<ClipParams, clip>);
    t.add("relu", plain<relu>);
    t.add("relu_grad", plain<relu_grad>);
    t.add("normalize", plain_with<NormalizeParams, normalize>);
    t.add("normalize_grad", plain_with<NormalizeParams, normalize>);
    t.add("bias_add", plain<bias_add>);
    t.add("batch_norm_eval", plain_with<BatchNormParams, batch_norm_eval>);
    t.add("max_pool2d", plain_with<PoolParams, max_pool2d>);
    t.add("avg_pool2d", plain_with<PoolParams, avg_pool2d>);
    t.add("global_avg_pool", plain<global_avg_pool>);
    t.add("cross_entropy", plain_with<CrossEntropyParams, cross_entropy>);
    t.add("softmax", plain<softmax>);
    t.add("argmax", plain<argmax>);
    t.add("correct", plain<correct>);
    t.add("sum", plain<sum>);
    t.add("channel_sum", plain<channel_sum>);
    t.add("sample_sum", plain<sample_sum>);
    t.add("sample_norm", plain_with<SampleNormParams, sample_norm>);
    t.add("broadcast", plain_with<BroadcastParams, broadcast>);
    t.add("masked_weight", plain<masked_weight>);
    t.add("score_grad", plain<score_grad>);
    t.add("sgd_step", plain_with<SgdParams, sgd_step, 0, 2>);
    return t;
  }();
  return table;
}

}  // namespace rst::test

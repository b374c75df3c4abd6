#include <doctest/doctest.h>

#include <cmath>

#include "native/cpu/conv/conv_choice.h"
#include "native/cpu/cpu_backend.h"
#include "native/test/harness.h"
#include "native/test/reference.h"
#include "native/test/suites.h"

namespace rst::test {
namespace {

struct ConvCase {
  Shape x, w;
  ConvParams p;
};

std::vector<ConvCase> conv_cases() {
  return {
      // Pointwise, with and without stride.
      {{1, 1, 1, 1}, {1, 1, 1, 1}, {1, 0}},
      {{17, 5, 4, 6}, {7, 5, 1, 1}, {1, 0}},
      {{16, 8, 7, 7}, {6, 8, 1, 1}, {2, 0}},
      // 3×3, the networks' kernel: batches around one and two SIMD blocks, odd channel counts, small images.
      {{1, 3, 8, 8}, {16, 3, 3, 3}, {1, 1}},
      {{3, 7, 5, 9}, {10, 7, 3, 3}, {1, 1}},
      {{16, 4, 6, 6}, {4, 4, 3, 3}, {1, 1}},
      {{17, 6, 4, 4}, {9, 6, 3, 3}, {2, 1}},
      {{33, 3, 7, 5}, {5, 3, 3, 3}, {2, 1}},
      {{2, 19, 4, 4}, {35, 19, 3, 3}, {1, 1}},
      {{3, 5, 1, 1}, {6, 5, 3, 3}, {1, 1}},
      {{3, 4, 2, 2}, {5, 4, 3, 3}, {2, 1}},
      {{3, 2, 9, 7}, {3, 2, 3, 3}, {3, 1}},
      {{3, 2, 9, 7}, {3, 2, 3, 3}, {1, 0}},
      // Wider kernels and borders, also non-square.
      {{3, 3, 9, 8}, {5, 3, 5, 5}, {1, 0}},
      {{17, 2, 6, 6}, {3, 2, 5, 5}, {2, 1}},
      {{3, 3, 11, 9}, {4, 3, 7, 7}, {2, 3}},
      {{1, 2, 4, 4}, {3, 2, 7, 7}, {1, 3}},
      {{3, 2, 6, 5}, {3, 2, 1, 3}, {1, 0}},
      {{3, 2, 5, 6}, {3, 2, 3, 1}, {3, 3}},
      // A 1×1 kernel on a border reads zeros only.
      {{3, 2, 3, 3}, {4, 2, 1, 1}, {2, 1}},
      // Linear layers.
      {{1, 1}, {1, 1}, {1, 0}},
      {{3, 21}, {10, 21}, {1, 0}},
      {{16, 64}, {10, 64}, {1, 0}},
      {{33, 13}, {7, 13}, {1, 0}},
  };
}

AttributeList conv_attributes(const ConvParams& p) {
  return {{"stride", {static_cast<double>(p.stride)}}, {"padding", {static_cast<double>(p.padding)}}};
}

AttributeList conv_attributes(const ConvParams& p, const Shape& shape) {
  AttributeList attributes = conv_attributes(p);
  attributes.push_back({"shape", dims_of(shape)});
  return attributes;
}

// Keeps about `ratio` of the groups that share the leading `rank` dimensions: 4 = element, 3 = row, 2 =
// kernel, 1 = output channel.
HostTensor masked(HostTensor w, double ratio, int rank = 4) {
  size_t group = 1;
  for (int i = rank; i < w.shape.rank(); ++i) group *= static_cast<size_t>(w.shape[i]);
  const HostTensor draw = random_tensor({static_cast<int64_t>(w.values.size() / group)}, 77, 0, 1);
  for (size_t i = 0; i < w.values.size(); ++i) w.values[i] *= draw.values[i / group] < ratio;
  return w;
}

// Weights ±c, the signed constant initialisation of the paper.
HostTensor signed_constant(const HostTensor& w) {
  return reference::map(w, [](double v) { return v < 0 ? -0.125 : 0.125; });
}

void check_forward_and_gradients(const ConvCase& c, const HostTensor& w) {
  CAPTURE(c.x.to_string());
  CAPTURE(c.w.to_string());
  CAPTURE(c.p.stride);
  CAPTURE(c.p.padding);
  const HostTensor x = random_tensor(c.x, 1);
  const HostTensor y = reference::conv2d(x, w, c.p);
  const HostTensor dy = random_tensor(y.shape, 3);
  check_op("conv2d", {x, w}, conv_attributes(c.p), {y}, 1e-5);
  const HostTensor dx = reference::conv2d_input_grad(dy, w, c.x, c.p);
  check_op("conv2d_input_grad", {dy, w, {}}, conv_attributes(c.p, c.x), {dx}, 1e-5);
  check_op("conv2d_weight_grad", {x, dy}, conv_attributes(c.p, c.w),
           {reference::conv2d_weight_grad(x, dy, c.w, c.p)}, 1e-5);
}

TEST_CASE("conv2d and its gradients agree with the reference" * suite(kGradients)) {
  for (const ConvCase& c : conv_cases()) check_forward_and_gradients(c, random_tensor(c.w, 2));
}

TEST_CASE("conv2d and its gradients agree with the reference for masked weights, constant and general") {
  for (const ConvCase& c : conv_cases()) {
    check_forward_and_gradients(c, masked(random_tensor(c.w, 2), 0.25));
    check_forward_and_gradients(c, masked(signed_constant(random_tensor(c.w, 2)), 0.25));
  }
}

TEST_CASE("sparse convolutions agree with the reference at every ratio and pattern") {
  // Two blocks of input channels (more than 64 at 3×3), tiles of several rows, odd widths.
  const std::vector<ConvCase> cases = {{{17, 70, 5, 8}, {9, 70, 3, 3}, {1, 1}},
                                       {{3, 5, 6, 4}, {70, 5, 3, 3}, {1, 1}},
                                       {{2, 3, 9, 19}, {4, 3, 7, 7}, {2, 3}},
                                       {{33, 6, 7, 6}, {5, 6, 1, 1}, {2, 0}}};
  for (const ConvCase& c : cases) {
    for (double ratio : {0.001, 0.05, 0.39, 0.7, 1.0}) {
      check_forward_and_gradients(c, masked(signed_constant(random_tensor(c.w, 2)), ratio));
    }
    for (int rank : {1, 2, 3}) {
      check_forward_and_gradients(c, masked(signed_constant(random_tensor(c.w, 2)), 0.3, rank));
      check_forward_and_gradients(c, masked(random_tensor(c.w, 2), 0.3, rank));
    }
  }
}

TEST_CASE("dense 3×3 convolutions of enough channels for Winograd agree with the reference") {
  const std::vector<ConvCase> cases = {{{17, 16, 6, 6}, {16, 16, 3, 3}, {1, 1}},
                                       {{3, 18, 7, 9}, {21, 18, 3, 3}, {1, 1}},
                                       {{33, 17, 4, 5}, {16, 17, 3, 3}, {1, 0}},
                                       {{2, 16, 2, 3}, {19, 16, 3, 3}, {1, 2}}};
  for (const ConvCase& c : cases) check_forward_and_gradients(c, random_tensor(c.w, 2));
}

TEST_CASE("weight gradients of enough channels for Winograd agree with the reference" * suite(kGradients)) {
  const std::vector<ConvCase> cases = {{{17, 97, 4, 6}, {96, 97, 3, 3}, {1, 1}},
                                       {{33, 96, 5, 7}, {101, 96, 3, 3}, {1, 1}},
                                       {{3, 96, 5, 4}, {96, 96, 3, 3}, {1, 0}},
                                       {{2, 100, 2, 3}, {96, 100, 3, 3}, {1, 2}}};
  for (const ConvCase& c : cases) {
    const HostTensor x = random_tensor(c.x, 1), w = random_tensor(c.w, 2);
    const HostTensor dy = random_tensor(reference::conv2d(x, w, c.p).shape, 3);
    check_op("conv2d_weight_grad", {x, dy}, conv_attributes(c.p, c.w),
             {reference::conv2d_weight_grad(x, dy, c.w, c.p)}, 1e-5);
  }
}

constexpr double kEps = 1e-5;

// Forward only: its gradients are those of batch norm and of the convolution.
void check_batch_norm(const ConvCase& c, const HostTensor& w) {
  const HostTensor x = random_tensor(c.x, 1);
  const HostTensor convolved = reference::conv2d(x, w, c.p);
  const Shape channels{convolved.shape[1]};
  const HostTensor mean = random_tensor(channels, 5), variance = random_tensor(channels, 6, 0.5, 2);
  for (const HostTensor& residual : {HostTensor{}, random_tensor(convolved.shape, 7)}) {
    for (bool relu : {false, true}) {
      AttributeList attributes = conv_attributes(c.p);
      attributes.push_back({"eps", {kEps}});
      attributes.push_back({"relu", {relu ? 1.0 : 0.0}});
      attributes.push_back({"positive", {1}});
      const HostTensor y = reference::batch_norm(convolved, {mean, variance}, residual, {}, {}, kEps, relu);
      check_op("conv2d_batch_norm", {x, w, mean, variance, residual}, attributes, {y, reference::positive(y)},
               1e-5);
    }
  }
}

// The input gradient plus an addend, alone and carried on through the ReLU and batch norm before.
void check_input_gradients(const ConvCase& c, const HostTensor& w) {
  const HostTensor dy = random_tensor(reference::conv2d(filled(c.x, 0), w, c.p).shape, 3);
  const HostTensor positive = random_integers(c.x, 4, 2), variance = random_tensor({c.x[1]}, 6, 0.5, 2);
  const HostTensor dx = reference::conv2d_input_grad(dy, w, c.x, c.p);
  const auto add = [](double a, double b) { return a + b; };
  for (const HostTensor& addend : {HostTensor{}, random_tensor(c.x, 7)}) {
    const HostTensor sum = addend.defined() ? reference::map(dx, addend, add) : dx;
    check_op("conv2d_input_grad", {dy, w, addend}, conv_attributes(c.p, c.x), {sum}, 1e-5);
    for (bool relu : {false, true}) {
      const HostTensor d_sum =
          relu ? reference::map(sum, positive, [](double g, double p) { return g * p; }) : sum;
      const HostTensor d_maps = reference::map_channels(d_sum, [&](double g, int64_t channel) {
        return g / std::sqrt(variance.values[static_cast<size_t>(channel)] + kEps);
      });
      for (bool wants_sum : {false, true}) {
        AttributeList attributes = conv_attributes(c.p, c.x);
        attributes.push_back({"eps", {kEps}});
        attributes.push_back({"sum", {wants_sum ? 1.0 : 0.0}});
        check_op("conv2d_input_grad_batch_norm", {dy, w, addend, relu ? positive : HostTensor{}, variance},
                 attributes, {d_maps, wants_sum ? d_sum : HostTensor{}}, 1e-5);
      }
    }
  }
}

TEST_CASE("input gradients take in an addend, and the ReLU and batch norm before" * suite(kGradients)) {
  const std::vector<ConvCase> cases = {{{17, 18, 8, 4}, {20, 18, 3, 3}, {1, 1}},
                                       {{3, 18, 7, 5}, {21, 18, 3, 3}, {1, 1}},
                                       {{2, 3, 9, 19}, {4, 3, 7, 7}, {2, 3}},
                                       {{17, 6, 8, 6}, {5, 6, 1, 1}, {2, 0}},
                                       {{18, 9}, {5, 9}, {}}};
  for (const ConvCase& c : cases) {
    check_input_gradients(c, random_tensor(c.w, 2));
    check_input_gradients(c, masked(signed_constant(random_tensor(c.w, 2)), 0.1));
  }
}

// Samples first … first + count − 1.
HostTensor slice_samples(const HostTensor& x, int64_t first, int64_t count) {
  const int64_t size = x.shape.elements() / x.shape[0];
  std::vector<int64_t> dims(x.shape.dims().begin(), x.shape.dims().end());
  dims[0] = count;
  const auto begin = x.values.begin() + first * size;
  return {Shape(dims), {begin, begin + count * size}};
}

TEST_CASE("results larger than the caches are right too") {
  const ConvCase c{{33, 40, 64, 64}, {40, 40, 3, 3}, {1, 1}};
  const HostTensor x = random_tensor(c.x, 1), mean = random_tensor({40}, 5);
  const HostTensor variance = random_tensor({40}, 6, 0.5, 2);
  const AttributeList attributes{
      {"stride", {1}}, {"padding", {1}}, {"eps", {kEps}}, {"relu", {1}}, {"positive", {1}}};
  for (const double ratio : {0.02, 0.5}) {
    const HostTensor w = masked(signed_constant(random_tensor(c.w, 2)), ratio);
    // One image computed with many others and alone, where the result is small.
    const auto many = run_op("conv2d_batch_norm", {x, w, mean, variance, x}, attributes);
    const HostTensor last = slice_samples(x, 32, 1);
    const auto one = run_op("conv2d_batch_norm", {last, w, mean, variance, last}, attributes);
    CHECK(slice_samples(many[0], 32, 1).values == one[0].values);
    CHECK(slice_samples(many[1], 32, 1).values == one[1].values);
  }
}

TEST_CASE("conv2d_batch_norm is conv2d and then batch norm, for sparse, Winograd and direct kernels") {
  const std::vector<ConvCase> cases = {{{17, 70, 8, 4}, {18, 70, 3, 3}, {1, 1}},
                                       {{3, 18, 7, 5}, {21, 18, 3, 3}, {1, 1}},
                                       {{2, 3, 9, 19}, {4, 3, 7, 7}, {2, 3}},
                                       {{18, 9}, {5, 9}, {}}};
  for (const ConvCase& c : cases) {
    check_batch_norm(c, random_tensor(c.w, 2));
    check_batch_norm(c, masked(random_tensor(c.w, 2), 0.1));
    check_batch_norm(c, masked(signed_constant(random_tensor(c.w, 2)), 0.1));
    check_batch_norm(c, filled(c.w, 0));
  }
}

TEST_CASE("a device without sparse kernels computes masked weights by the dense ones" * suite(kCpuOnly)) {
  Device dense(std::make_unique<cpu::CpuBackend>(cpu::CpuOptions{.threads = 2, .sparse = false}));
  const std::vector<ConvCase> cases = {{{17, 32, 8, 8}, {32, 32, 3, 3}, {1, 1}},
                                       {{17, 32, 8, 8}, {32, 32, 3, 3}, {2, 1}}};
  for (const ConvCase& c : cases) {
    const HostTensor w = masked(signed_constant(random_tensor(c.w, 2)), 0.2);
    const HostTensor x = random_tensor(c.x, 1);
    const HostTensor y = reference::conv2d(x, w, c.p);
    const HostTensor dy = random_tensor(y.shape, 3);
    const auto check = [&](const char* op, const std::vector<HostTensor>& inputs,
                           const AttributeList& attributes, const HostTensor& expected) {
      const HostTensor actual = run_op(dense, op, inputs, attributes)[0];
      check_close(op, actual, expected, 1e-5);
      // Other additions, and so other bits, than those of the sparse kernels.
      CHECK(actual.values != run_op(cpu_device(2), op, inputs, attributes)[0].values);
    };
    check("conv2d", {x, w}, conv_attributes(c.p), y);
    check("conv2d_input_grad", {dy, w, {}}, conv_attributes(c.p, c.x),
          reference::conv2d_input_grad(dy, w, c.x, c.p));
  }
}

TEST_CASE("the kernel follows from the share of non-zero weights and the geometry" * suite(kCpuOnly)) {
  const std::string kSparse = "sparse", kWinograd = "winograd", kDirect = "direct";
  const cpu::CpuBackend backend({}), dense({.sparse = false});
  const cpu::ConvCostModel model = cpu::conv_cost_model(backend);
  CHECK(model.sparse_below_winograd > 0);
  CHECK(model.sparse_below_direct > model.sparse_below_winograd);
  struct KernelCase {
    ConvCase conv;
    double sparse_below;
    std::string forward, input_grad;  // from that share on
  };
  const double winograd = model.sparse_below_winograd, direct = model.sparse_below_direct;
  const std::vector<KernelCase> cases = {
      {{{5, 32, 8, 8}, {32, 32, 3, 3}, {1, 1}}, winograd, kWinograd, kWinograd},
      {{{5, 32, 8, 8}, {32, 32, 3, 3}, {2, 1}}, direct, kDirect, kDirect},
      {{{5, 32, 8, 8}, {32, 32, 1, 1}, {1, 0}}, direct, kDirect, kDirect},
      {{{5, 3, 8, 8}, {32, 3, 3, 3}, {1, 1}}, direct, kDirect, kDirect},
      {{{5, 32, 1, 1}, {32, 32, 3, 3}, {1, 1}}, direct, kDirect, kDirect},
      {{{5, 32}, {32, 32}, {1, 0}}, direct, kDirect, kDirect},
  };
  for (const auto& [c, below, forward, input_grad] : cases) {
    CAPTURE(c.x.to_string());
    CAPTURE(c.w.to_string());
    const ConvKernels few = backend.conv_kernels(c.x, c.w, c.p, below - 1e-9);
    CHECK(few.forward == kSparse);
    CHECK(few.input_grad == kSparse);
    for (const ConvKernels& many :
         {backend.conv_kernels(c.x, c.w, c.p, below), dense.conv_kernels(c.x, c.w, c.p, 0)}) {
      CHECK(many.forward == forward);
      CHECK(many.input_grad == input_grad);
    }
  }
  // A border can leave the two directions with images of other sizes.
  const ConvKernels wide = backend.conv_kernels({5, 32, 1, 1}, {32, 32, 3, 3}, {1, 2}, 1);
  CHECK(wide.forward == kWinograd);
  CHECK(wide.input_grad == kDirect);
  CHECK_THROWS_AS(backend.conv_kernels({5, 3, 8, 8}, {32, 4, 3, 3}, {1, 1}, 1), Error);
}

TEST_CASE("compiling a weight is timed, once for each direction" * suite(kCpuOnly)) {
  Device device(std::make_unique<cpu::CpuBackend>(cpu::CpuOptions{}));
  const HostTensor x = random_tensor({2, 3, 4, 4}, 1), w = random_tensor({5, 3, 3, 3}, 2);
  CHECK(number_fact(device, "weightCompileSeconds") == 0);
  run_op(device, "conv2d", {x, w}, conv_attributes({1, 1}));
  const double forward = number_fact(device, "weightCompileSeconds");
  CHECK(forward > 0);
  run_op(device, "conv2d_input_grad", {random_tensor({2, 5, 4, 4}, 3), w, {}},
         conv_attributes({1, 1}, x.shape));
  CHECK(number_fact(device, "weightCompileSeconds") > forward);
}

TEST_CASE("a convolution with a mask of zeros gives zeros") {
  for (const ConvCase& c : conv_cases()) check_forward_and_gradients(c, filled(c.w, 0));
}

TEST_CASE("the reference gradients of conv2d agree with central differences" * suite(kGradients)) {
  for (const ConvCase& c : conv_cases()) {
    const HostTensor x = random_tensor(c.x, 1), w = random_tensor(c.w, 2);
    const Forward forward = [&](const auto& in) { return reference::conv2d(in[0], in[1], c.p); };
    const HostTensor dy = random_tensor(reference::conv2d(x, w, c.p).shape, 3);
    check_gradient("conv2d to x", forward, {x, w}, 0, dy, reference::conv2d_input_grad(dy, w, c.x, c.p),
                   1e-6);
    check_gradient("conv2d to w", forward, {x, w}, 1, dy, reference::conv2d_weight_grad(x, dy, c.w, c.p),
                   1e-6);
  }
}

TEST_CASE("a convolution that cannot be is refused") {
  const HostTensor x = random_tensor({2, 3, 4, 4}, 1);
  check_throws(ErrorCode::kShape, "conv2d", {x, random_tensor({5, 2, 3, 3}, 2)}, conv_attributes({1, 1}));
  check_throws(ErrorCode::kShape, "conv2d", {x, random_tensor({5, 3, 7, 7}, 2)}, conv_attributes({1, 1}));
  check_throws(ErrorCode::kShape, "conv2d", {x, random_tensor({5, 3}, 2)}, conv_attributes({1, 1}));
  check_throws(ErrorCode::kArgument, "conv2d", {x, random_tensor({5, 3, 3, 3}, 2)}, conv_attributes({0, 1}));
}

}  // namespace
}  // namespace rst::test

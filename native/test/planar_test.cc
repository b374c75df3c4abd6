// A few images give the same bits as the same images in a batch, though their activations lie otherwise.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <span>

#include "native/ops/conv.h"
#include "native/test/harness.h"

namespace rst::test {
namespace {

constexpr int64_t kBatch = 17;

HostTensor first_images(const HostTensor& t, int64_t n) {
  std::vector<int64_t> dims(t.shape.dims().begin(), t.shape.dims().end());
  const int64_t image = t.shape.elements() / dims[0];
  dims[0] = n;
  return {Shape(std::span<const int64_t>(dims)), {t.values.begin(), t.values.begin() + n * image}};
}

// `per_image` says which inputs have the batch as their first dimension.
void check_batch_sizes(std::string_view op, const std::vector<HostTensor>& inputs,
                       const std::vector<bool>& per_image, const AttributeList& attributes,
                       std::initializer_list<int64_t> sizes) {
  const HostTensor whole = run_op(op, inputs, attributes)[0];
  for (int64_t n : sizes) {
    std::vector<HostTensor> few = inputs;
    for (size_t i = 0; i < few.size(); ++i) {
      if (per_image[i] && few[i].defined()) few[i] = first_images(few[i], n);
    }
    for (const InputLayout layout : device_under_test().layouts_of(few)) {
      const HostTensor part = run_op(op, few, attributes, layout)[0];
      CHECK_MESSAGE(part.values == first_images(whole, n).values,
                    op << " gives other bits for " << n << " images of " << whole.shape.to_string());
    }
  }
}

struct ConvCase {
  Shape x, w;  // x of one image
  ConvParams p;
};

std::vector<ConvCase> conv_cases() {
  return {
      {{1, 70, 5, 8}, {9, 70, 3, 3}, {1, 1}},  {{1, 21, 8, 8}, {10, 21, 3, 3}, {2, 1}},
      {{1, 5, 33, 32}, {6, 5, 3, 3}, {1, 1}},  {{1, 3, 9, 19}, {4, 3, 7, 7}, {2, 3}},
      {{1, 3, 4, 150}, {5, 3, 3, 3}, {1, 1}},  {{1, 2, 300, 3}, {5, 2, 3, 3}, {2, 1}},
      {{1, 33, 7, 6}, {13, 33, 1, 1}, {2, 0}}, {{1, 6, 4, 4}, {7, 6, 1, 1}, {1, 0}},
      {{1, 5, 1, 1}, {6, 5, 3, 3}, {1, 1}},    {{1, 4, 2, 2}, {5, 4, 3, 3}, {2, 1}},
      {{1, 2, 9, 7}, {3, 2, 3, 3}, {3, 1}},    {{1, 2, 9, 7}, {3, 2, 3, 3}, {1, 0}},
      {{1, 2, 4, 4}, {3, 2, 7, 7}, {1, 3}},    {{1, 2, 5, 6}, {3, 2, 3, 1}, {3, 3}},
      {{1, 2, 3, 3}, {4, 2, 1, 1}, {2, 1}},    {{1, 130, 4, 4}, {40, 130, 3, 3}, {1, 1}},
      {{1, 200}, {11, 200}, {1, 0}},
  };
}

// Keeps about `ratio` of the groups that share the leading `rank` dimensions.
HostTensor masked_weight(const Shape& shape, bool constant, double ratio, int rank) {
  HostTensor w = random_tensor(shape, 2);
  size_t group = 1;
  for (int i = rank; i < shape.rank(); ++i) group *= static_cast<size_t>(shape[i]);
  const HostTensor draw = random_tensor({static_cast<int64_t>(w.values.size() / group)}, 3, 0, 1);
  for (size_t i = 0; i < w.values.size(); ++i) {
    if (constant) w.values[i] = w.values[i] < 0 ? -0.3f : 0.3f;
    if (draw.values[i / group] >= ratio) w.values[i] = 0;
  }
  return w;
}

HostTensor images(Shape shape, uint32_t seed) {
  std::vector<int64_t> dims(shape.dims().begin(), shape.dims().end());
  dims[0] = kBatch;
  return random_tensor(Shape(std::span<const int64_t>(dims)), seed);
}

TEST_CASE("convolutions of a few images give the bits of a batch") {
  for (const ConvCase& c : conv_cases()) {
    CAPTURE(c.x.to_string());
    CAPTURE(c.w.to_string());
    CAPTURE(c.p.stride);
    AttributeList attributes{{"stride", {static_cast<double>(c.p.stride)}},
                             {"padding", {static_cast<double>(c.p.padding)}}};
    const HostTensor x = images(c.x, 1);
    for (bool constant : {false, true}) {
      for (double ratio : {0.0, 0.001, 0.05, 0.29, 1.0}) {
        const HostTensor w = masked_weight(c.w, constant, ratio, 4);
        check_batch_sizes("conv2d", {x, w}, {true, false}, attributes, {1, 2, 8});
      }
      for (int rank : {1, 2, 3}) {
        const HostTensor w = masked_weight(c.w, constant, 0.25, std::min(rank, c.w.rank()));
        check_batch_sizes("conv2d", {x, w}, {true, false}, attributes, {3});
      }
    }
    const HostTensor w = masked_weight(c.w, true, 0.1, 4);
    check_batch_sizes("conv2d", {x, w}, {true, false}, attributes, {1, 2, 3, 4, 5, 6, 7, 8, 9});

    const HostTensor y = run_op("conv2d", {x, w}, attributes)[0];
    const Shape channels{c.w[0]};
    const HostTensor mean = random_tensor(channels, 5), variance = random_tensor(channels, 6, 0.5, 2);
    attributes.insert(attributes.end(), {{"eps", {1e-5}}, {"relu", {1}}, {"positive", {0}}});
    for (const HostTensor& residual : {HostTensor{}, random_tensor(y.shape, 7)}) {
      check_batch_sizes("conv2d_batch_norm", {x, w, mean, variance, residual},
                        {true, false, false, false, true}, attributes, {1, 3, 8});
    }
  }
}

TEST_CASE("ops between convolutions give the bits of a batch") {
  for (const Shape& shape : {Shape{1, 5, 7, 9}, Shape{1, 3, 1, 1}, Shape{1, 40, 4, 4}, Shape{1, 2, 33, 17}}) {
    CAPTURE(shape.to_string());
    const HostTensor x = images(shape, 1), z = images(shape, 2);
    const Shape channels{shape[1]};
    const HostTensor mean = random_tensor(channels, 3), positive = random_tensor(channels, 4, 0.5, 2);
    const auto check = [](std::string_view op, const std::vector<HostTensor>& inputs,
                          const std::vector<bool>& per_image, const AttributeList& attributes) {
      check_batch_sizes(op, inputs, per_image, attributes, {1, 3, 8});
    };
    check("normalize", {x}, {true}, {{"mean", mean.values}, {"std", positive.values}});
    check("bias_add", {x, mean}, {true, false}, {});
    for (const char* op : {"add", "sub", "mul"}) check(op, {x, z}, {true, true}, {});
    check("relu", {x}, {true}, {});
    check("clip", {x}, {true}, {{"low", {-0.5}}, {"high", {0.5}}});
    check("copy", {x}, {true}, {});
    for (const HostTensor& residual : {HostTensor{}, z}) {
      check("batch_norm_eval", {x, mean, positive, residual, positive, mean},
            {true, false, false, true, false, false}, {{"eps", {1e-5}}, {"relu", {1}}, {"positive", {0}}});
    }
    check("global_avg_pool", {x}, {true}, {});
    for (const auto& [kernel, stride, padding] : {std::array{1, 1, 0}, {2, 2, 0}, {3, 2, 1}, {3, 1, 1}}) {
      if (shape[2] + 2 * padding < kernel) continue;
      const AttributeList window{{"kernel", {static_cast<double>(kernel)}},
                                 {"stride", {static_cast<double>(stride)}},
                                 {"padding", {static_cast<double>(padding)}}};
      check("max_pool2d", {x}, {true}, window);
      check("avg_pool2d", {x}, {true}, window);
    }
  }
}

}  // namespace
}  // namespace rst::test

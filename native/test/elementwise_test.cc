#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "native/test/harness.h"
#include "native/test/reference.h"
#include "native/test/shapes.h"
#include "native/test/suites.h"

namespace rst::test {
namespace {

std::vector<Shape> channel_shapes() {
  std::vector<Shape> shapes;
  for (const Shape& s : all_shapes()) {
    if (s.rank() >= 2) shapes.push_back(s);
  }
  return shapes;
}

float as_float(double v) {
  return static_cast<float>(v);
}

TEST_CASE("elementwise ops agree with the reference to the bit") {
  for (const Shape& shape : all_shapes()) {
    const HostTensor a = random_tensor(shape, 1), b = random_tensor(shape, 2);
    const auto rounded = [&](auto f) {
      return reference::map(a, b, [=](double p, double q) { return double{as_float(f(p, q))}; });
    };
    check_op("add", {a, b}, {}, {rounded([](double p, double q) { return p + q; })}, 0);
    check_op("sub", {a, b}, {}, {rounded([](double p, double q) { return p - q; })}, 0);
    check_op("mul", {a, b}, {}, {rounded([](double p, double q) { return p * q; })}, 0);
    check_op("copy", {a}, {}, {a}, 0);
    check_op("scale", {a}, {{"factor", {-2.5}}}, {rounded([](double p, double) { return p * -2.5; })}, 0);
    check_op("clip", {a}, {{"low", {-0.25}}, {"high", {0.5}}},
             {rounded([](double p, double) { return std::clamp(p, -0.25, 0.5); })}, 0);
    check_op("relu", {a}, {}, {rounded([](double p, double) { return std::max(p, 0.0); })}, 0);
    check_op("relu_grad", {a, b}, {}, {rounded([](double p, double q) { return q > 0 ? p : 0; })}, 0);
    check_op("fill", {}, {{"shape", dims_of(shape)}, {"value", {0.5}}}, {filled(shape, 0.5)}, 0);
  }
}

TEST_CASE("inputs of different layouts meet") {
  const HostTensor a = random_tensor({17, 3, 4, 5}, 1), b = random_tensor({17, 3, 4, 5}, 2);
  const HostTensor expected = reference::map(a, b, [](double p, double q) { return p - q; });
  Device& device = test_device();
  for (const bool first : {true, false}) {
    // A pooling of one pixel is the identity and leaves an activation behind.
    const auto upload = [&](const HostTensor& t, bool activation) {
      const Tensor plain = place(device, t, DType::kF32, InputLayout::kUploaded);
      if (!activation) return plain;
      OpCall call{{plain}, {}};
      for (const auto& [name, value] : {std::pair{"kernel", 1.0}, {"stride", 1.0}, {"padding", 0.0}})
        call.attributes.set(name, {value});
      return device.run("avg_pool2d", call)[0];
    };
    const Tensor y = device.run("sub", {{upload(a, first), upload(b, !first)}, {}})[0];
    check_close("sub", read(device, y), expected, 1e-6);
  }
}

TEST_CASE("exp, log and log_grad agree with the reference") {
  for (const Shape& shape : all_shapes()) {
    const HostTensor x = random_tensor(shape, 1, -5, 5), above = random_tensor(shape, 2, 0.01, 9);
    const auto exp_of = [](double v) { return std::exp(v); };
    const auto log_of = [](double v) { return std::log(v); };
    check_op("exp", {x}, {}, {reference::map(x, exp_of)}, 1e-7);
    check_op("log", {above}, {}, {reference::map(above, log_of)}, 1e-7);
    check_op("log_grad", {x, above}, {},
             {reference::map(x, above, [](double dy, double v) { return dy / v; })}, 1e-7);
  }
}

TEST_CASE("exp and log at their ends: infinite, zero and NaN") {
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::nan("");
  const HostTensor x{{6}, {89, -104, infinity, -infinity, nan, 0}};
  check_op("exp", {x}, {}, {{{6}, {infinity, 0, infinity, 0, nan, 1}}}, 0);
  const HostTensor y{{5}, {0, -1, infinity, nan, 1}};
  check_op("log", {y}, {}, {{{5}, {-infinity, nan, infinity, nan, 0}}}, 0);
}

TEST_CASE("the gradients of exp and log agree with central differences" * suite(kGradients)) {
  const Shape shape{17, 3, 4, 5};
  const HostTensor x = random_tensor(shape, 1, 0.5, 2), dy = random_tensor(shape, 2);
  const auto exp_of = [](const auto& in) {
    return reference::map(in[0], [](double v) { return std::exp(v); });
  };
  const auto log_of = [](const auto& in) {
    return reference::map(in[0], [](double v) { return std::log(v); });
  };
  for (const InputLayout layout : device_under_test().layouts_of({x})) {
    check_gradient("log", log_of, {x}, 0, dy, run_op("log_grad", {dy, x}, {}, layout)[0]);
    const HostTensor y = run_op("exp", {x}, {}, layout)[0];
    check_gradient("exp", exp_of, {x}, 0, dy, run_op("mul", {dy, y}, {}, layout)[0]);
  }
}

TEST_CASE("a NaN stays a NaN") {
  const HostTensor x = filled({17, 3}, std::nan(""));
  check_op("relu", {x}, {}, {x}, 0);
  check_op("clip", {x}, {{"low", {0}}, {"high", {1}}}, {x}, 0);
}

TEST_CASE("normalize, its gradient and bias_add agree with the reference") {
  for (const Shape& shape : channel_shapes()) {
    const HostTensor x = random_tensor(shape, 1);
    const Shape channels{shape[1]};
    const HostTensor mean = random_tensor(channels, 2), std = random_tensor(channels, 3, 0.2, 2);
    const auto at = [](const HostTensor& t, int64_t c) { return t.values[static_cast<size_t>(c)]; };
    check_op(
        "normalize", {x}, {{"mean", mean.values}, {"std", std.values}},
        {reference::map_channels(x, [&](double v, int64_t c) { return (v - at(mean, c)) / at(std, c); })},
        1e-6);
    check_op("normalize_grad", {x}, {{"std", std.values}},
             {reference::map_channels(x, [&](double v, int64_t c) { return v / at(std, c); })}, 1e-6);
    check_op("bias_add", {x, mean}, {},
             {reference::map_channels(x, [&](double v, int64_t c) { return v + at(mean, c); })}, 1e-6);
  }
}

TEST_CASE("relu_grad and normalize_grad agree with central differences" * suite(kGradients)) {
  const Shape shape{17, 3, 4, 5};
  const HostTensor x = random_tensor(shape, 1), dy = random_tensor(shape, 2);
  const HostTensor mean = random_tensor({3}, 3), std = random_tensor({3}, 4, 0.2, 2);
  const Forward relu = [](const auto& in) {
    return reference::map(in[0], [](double v) { return std::max(v, 0.0); });
  };
  const Forward normalize = [&](const auto& in) {
    return reference::map_channels(in[0], [&](double v, int64_t c) {
      return (v - mean.values[static_cast<size_t>(c)]) / std.values[static_cast<size_t>(c)];
    });
  };
  for (const InputLayout layout : device_under_test().layouts_of({x})) {
    check_gradient("relu", relu, {x}, 0, dy, run_op("relu_grad", {dy, relu({x})}, {}, layout)[0]);
    check_gradient("normalize", normalize, {x}, 0, dy,
                   run_op("normalize_grad", {dy}, {{"std", std.values}}, layout)[0]);
  }
}

TEST_CASE("reshape keeps the row-major order") {
  const std::vector<std::pair<Shape, Shape>> pairs{
      {{17, 3, 4, 5}, {17, 60}}, {{17, 60}, {17, 3, 4, 5}},    {{3, 5, 1, 1}, {3, 5}}, {{3, 5}, {3, 5, 1, 1}},
      {{3, 2, 4, 3}, {6, 12}},   {{3, 2, 4, 3}, {3, 4, 2, 3}}, {{3, 4}, {12}},         {{1}, {}},
      {{4, 6}, {4, 3, 2}}};
  for (const auto& [from, to] : pairs) {
    const HostTensor x = random_tensor(from, 1);
    check_op("reshape", {x}, {{"shape", dims_of(to)}}, {{to, x.values}}, 0);
  }
}

TEST_CASE("empty tensors are fine") {
  const HostTensor empty = filled({0, 3, 2, 2}, 0);
  check_op("add", {empty, empty}, {}, {empty}, 0);
  check_op("reshape", {empty}, {{"shape", {0, 12}}}, {filled({0, 12}, 0)}, 0);
}

TEST_CASE("elementwise ops refuse wrong calls") {
  const HostTensor x = random_tensor({2, 3}, 1);
  check_throws(ErrorCode::kShape, "add", {x, random_tensor({3, 2}, 1)});
  check_throws(ErrorCode::kShape, "reshape", {x}, {{"shape", {7}}});
  check_throws(ErrorCode::kShape, "bias_add", {x, filled({2}, 0)});
  check_throws(ErrorCode::kArgument, "clip", {x}, {{"low", {1}}, {"high", {0}}});
  check_throws(ErrorCode::kArgument, "normalize", {x}, {{"mean", {0, 0}}, {"std", {1, 1, 1}}});
  check_throws(ErrorCode::kArgument, "normalize", {x}, {{"mean", {0, 0, 0}}, {"std", {1, 0, 1}}});
}

}  // namespace
}  // namespace rst::test

#include <doctest/doctest.h>

#include <cmath>

#include "native/test/harness.h"
#include "native/test/reference.h"
#include "native/test/shapes.h"
#include "native/test/suites.h"

namespace rst::test {
namespace {

struct PoolCase {
  Shape x;
  PoolParams p;
};

std::vector<PoolCase> pool_cases() {
  std::vector<PoolCase> cases;
  for (const Shape& x : image_shapes()) {
    for (const PoolParams& p : {PoolParams{1, 1, 0}, PoolParams{2, 2, 0}, PoolParams{2, 1, 1},
                                PoolParams{3, 2, 1}, PoolParams{3, 3, 0}, PoolParams{4, 4, 2}}) {
      const bool fits = std::min(x[2], x[3]) + 2 * p.padding >= p.kernel;
      if (fits) cases.push_back({x, p});
    }
  }
  return cases;
}

AttributeList pool_attributes(const PoolParams& p) {
  return {{"kernel", {static_cast<double>(p.kernel)}},
          {"stride", {static_cast<double>(p.stride)}},
          {"padding", {static_cast<double>(p.padding)}}};
}

AttributeList with_shape(AttributeList attributes, const Shape& shape) {
  attributes.push_back({"shape", dims_of(shape)});
  return attributes;
}

TEST_CASE("max_pool2d and its gradient agree with the reference" * suite(kGradients)) {
  for (const auto& [shape, params] : pool_cases()) {
    const PoolParams p = params;
    const HostTensor x = random_tensor(shape, 1);
    const HostTensor y = reference::max_pool2d(x, p);
    check_op("max_pool2d", {x}, pool_attributes(p), {y}, 0);
    const HostTensor dy = random_tensor(y.shape, 2);
    const Forward forward = [&](const auto& in) { return reference::max_pool2d(in[0], p); };
    check_gradient("max_pool2d", forward, {x}, 0, dy,
                   run_op("max_pool2d_grad", {dy, x}, pool_attributes(p))[0]);
  }
}

TEST_CASE("avg_pool2d and its gradient agree with the reference" * suite(kGradients)) {
  for (const auto& [shape, params] : pool_cases()) {
    const PoolParams p = params;
    const HostTensor x = random_tensor(shape, 1);
    const HostTensor y = reference::avg_pool2d(x, p);
    check_op("avg_pool2d", {x}, pool_attributes(p), {y}, 1e-6);
    const HostTensor dy = random_tensor(y.shape, 2);
    const Forward forward = [&](const auto& in) { return reference::avg_pool2d(in[0], p); };
    check_gradient("avg_pool2d", forward, {x}, 0, dy,
                   run_op("avg_pool2d_grad", {dy}, with_shape(pool_attributes(p), shape))[0]);
  }
}

TEST_CASE("global_avg_pool and its gradient agree with the reference" * suite(kGradients)) {
  for (const Shape& shape : image_shapes()) {
    const HostTensor x = random_tensor(shape, 1);
    const HostTensor y = reference::global_avg_pool(x);
    check_op("global_avg_pool", {x}, {}, {y}, 1e-6);
    const HostTensor dy = random_tensor(y.shape, 2);
    const Forward forward = [&](const auto& in) { return reference::global_avg_pool(in[0]); };
    check_gradient("global_avg_pool", forward, {x}, 0, dy,
                   run_op("global_avg_pool_grad", {dy}, with_shape({}, shape))[0]);
  }
}

TEST_CASE("padding never wins a maximum, a NaN always does, ties go to the first pixel") {
  const AttributeList padded = pool_attributes({3, 2, 1});
  check_op("max_pool2d", {filled({3, 2, 3, 3}, -5)}, padded, {filled({3, 2, 2, 2}, -5)}, 0);

  HostTensor x = filled({1, 1, 2, 2}, 1);
  const AttributeList pairs = pool_attributes({2, 2, 0});
  check_op("max_pool2d_grad", {filled({1, 1, 1, 1}, 3), x}, pairs, {{{1, 1, 2, 2}, {3, 0, 0, 0}}}, 0);
  x.values[2] = std::nan("");
  check_op("max_pool2d", {x}, pairs, {filled({1, 1, 1, 1}, std::nan(""))}, 0);
}

TEST_CASE("pooling refuses wrong calls") {
  const HostTensor x = random_tensor({2, 3, 4, 4}, 1);
  check_throws(ErrorCode::kShape, "max_pool2d", {x}, pool_attributes({5, 1, 0}));
  check_throws(ErrorCode::kArgument, "max_pool2d", {x}, pool_attributes({2, 1, 2}));
  check_throws(ErrorCode::kArgument, "avg_pool2d", {x}, pool_attributes({2, 0, 0}));
  check_throws(ErrorCode::kShape, "avg_pool2d", {random_tensor({2, 3}, 1)}, pool_attributes({1, 1, 0}));
  check_throws(ErrorCode::kShape, "avg_pool2d_grad", {x}, with_shape(pool_attributes({2, 2, 0}), x.shape));
  check_throws(ErrorCode::kShape, "global_avg_pool_grad", {x}, with_shape({}, x.shape));
}

}  // namespace
}  // namespace rst::test

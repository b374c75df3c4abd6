#include <doctest/doctest.h>

#include <cmath>

#include "native/test/harness.h"
#include "native/test/reference.h"
#include "native/test/shapes.h"

namespace rst::test {
namespace {

std::vector<Shape> batch_shapes() {
  std::vector<Shape> shapes;
  for (const Shape& s : all_shapes()) {
    if (s.rank() >= 2) shapes.push_back(s);
  }
  shapes.push_back({17, 40, 8, 8});  // more than one task a sample
  return shapes;
}

TEST_CASE("sum agrees with the reference") {
  for (const Shape& shape : all_shapes()) {
    const HostTensor x = random_tensor(shape, 1, -1, 2);
    check_op("sum", {x}, {}, {reference::sum(x)}, 1e-6);
  }
  const HostTensor chunks = random_tensor({40007}, 1, -1, 2);
  check_op("sum", {chunks}, {}, {reference::sum(chunks)}, 1e-6);
}

TEST_CASE("sums over channels and samples agree with the reference") {
  for (const Shape& shape : batch_shapes()) {
    const HostTensor x = random_tensor(shape, 1, -1, 2);
    check_op("channel_sum", {x}, {}, {reference::channel_sum(x)}, 1e-6);
    check_op("sample_sum", {x}, {}, {reference::sample_sum(x)}, 1e-6);
    check_op("sample_norm", {x}, {{"norm", "linf"}}, {reference::sample_norm(x, Norm::kLinf)}, 0);
    check_op("sample_norm", {x}, {{"norm", "l2"}}, {reference::sample_norm(x, Norm::kL2)}, 1e-6);
  }
}

TEST_CASE("broadcast fills every element with x times factor") {
  for (const Shape& shape : all_shapes()) {
    check_op("broadcast", {{Shape(), {3}}}, {{"shape", dims_of(shape)}, {"factor", {0.25}}},
             {filled(shape, 0.75)}, 0);
  }
}

TEST_CASE("the largest absolute value of a sample with a NaN is NaN") {
  HostTensor x = random_tensor({3, 2, 4, 4}, 1);
  x.values[5] = std::nan("");
  const auto norms = run_op("sample_norm", {x}, {{"norm", "linf"}})[0];
  CHECK(std::isnan(norms.values[0]));
  CHECK(std::isfinite(norms.values[1]));
}

TEST_CASE("reductions refuse wrong calls") {
  const HostTensor x = random_tensor({2, 3}, 1);
  check_throws(ErrorCode::kShape, "channel_sum", {filled({2}, 0)});
  check_throws(ErrorCode::kArgument, "sample_norm", {x}, {{"norm", "l3"}});
  check_throws(ErrorCode::kShape, "broadcast", {x}, {{"shape", {2}}, {"factor", {1}}});
}

}  // namespace
}  // namespace rst::test

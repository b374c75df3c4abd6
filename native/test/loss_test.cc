#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "native/test/harness.h"
#include "native/test/reference.h"
#include "native/test/shapes.h"
#include "native/test/suites.h"

namespace rst::test {
namespace {

AttributeList smoothing_of(double smoothing) {
  return {{"smoothing", {smoothing}}};
}

TEST_CASE("cross_entropy and its gradient agree with the reference" * suite(kGradients)) {
  for (const Shape& shape : row_shapes()) {
    for (const double smoothing : {0.0, 0.125}) {
      const HostTensor logits = random_tensor(shape, 1, -5, 5);
      const HostTensor labels = random_integers({shape[0]}, 2, shape[1]);
      const HostTensor losses = reference::cross_entropy(logits, labels, smoothing);
      check_op("cross_entropy", {logits, labels}, smoothing_of(smoothing), {losses}, 1e-6);
      const HostTensor d_losses = random_tensor(losses.shape, 3);
      const Forward forward = [&](const auto& in) {
        return reference::cross_entropy(in[0], labels, smoothing);
      };
      check_gradient("cross_entropy", forward, {logits}, 0, d_losses,
                     run_op("cross_entropy_grad", {logits, labels, d_losses}, smoothing_of(smoothing))[0]);
    }
  }
}

TEST_CASE("softmax, argmax and correct agree with the reference") {
  for (const Shape& shape : row_shapes()) {
    const HostTensor logits = random_tensor(shape, 1, -5, 5);
    const HostTensor labels = random_integers({shape[0]}, 2, shape[1]);
    const HostTensor largest = reference::argmax(logits);
    check_op("softmax", {logits}, {}, {reference::softmax(logits)}, 1e-6);
    check_op("argmax", {logits}, {}, {largest}, 0);
    const auto equal = [](double a, double b) { return a == b ? 1.0 : 0.0; };
    check_op("correct", {logits, labels}, {}, {reference::map(largest, labels, equal)}, 0);
  }
}

TEST_CASE("gather and max agree with the reference, and gather_grad with central differences" *
          suite(kGradients)) {
  for (const Shape& shape : row_shapes()) {
    const HostTensor x = random_tensor(shape, 1, -5, 5), dy = random_tensor({shape[0]}, 3);
    const HostTensor indices = random_integers({shape[0]}, 2, shape[1]);
    check_op("gather", {x, indices}, {}, {reference::gather(x, indices)}, 0);
    check_op("max", {x}, {}, {reference::gather(x, reference::argmax(x))}, 0);
    const AttributeList of_x{{"shape", dims_of(shape)}};
    check_op("gather_grad", {dy, indices}, of_x, {reference::gather_grad(dy, indices, shape)}, 0);
    const Forward forward = [&](const auto& in) { return reference::gather(in[0], indices); };
    check_gradient("gather", forward, {x}, 0, dy, run_op("gather_grad", {dy, indices}, of_x)[0]);
  }
}

TEST_CASE("a NaN is the largest of its row") {
  const HostTensor y = run_op("max", {{{2, 3}, {1, std::nan(""), 3, 1, 2, 3}}})[0];
  CHECK(std::isnan(y.values[0]));
  CHECK(y.values[1] == 3);
}

TEST_CASE("gather and max refuse wrong calls") {
  const HostTensor x = random_tensor({2, 3}, 1), dy = filled({2}, 1);
  for (const double wrong : {-1.0, 3.0}) {
    const HostTensor indices{{2}, {0, wrong}};
    check_throws(ErrorCode::kArgument, "gather", {x, indices});
    check_throws(ErrorCode::kArgument, "gather_grad", {dy, indices}, {{"shape", {2, 3}}});
  }
  const HostTensor indices = filled({2}, 0);
  check_throws(ErrorCode::kShape, "gather", {x, filled({3}, 0)});
  check_throws(ErrorCode::kShape, "gather", {random_tensor({2, 3, 1, 1}, 1), indices});
  check_throws(ErrorCode::kShape, "gather_grad", {dy, indices}, {{"shape", {3, 3}}});
  check_throws(ErrorCode::kShape, "max", {random_tensor({2}, 1)});
}

TEST_CASE("losses stay finite for large logits") {
  const HostTensor logits{{2, 3}, {1e4, -1e4, 0, -1e4, -1e4, 1e4}};
  const HostTensor labels{{2}, {0, 0}};
  check_op("cross_entropy", {logits, labels}, smoothing_of(0), {{{2}, {0, 2e4}}}, 1e-6);
  check_op("cross_entropy_grad", {logits, labels, filled({2}, 1)}, smoothing_of(0),
           {{{2, 3}, {0, 0, 0, -1, 0, 1}}}, 1e-6);
}

TEST_CASE("softmax and the loss take logits that lie as far apart as floats can, and infinite ones") {
  const double far = 3e38, infinity = std::numeric_limits<double>::infinity();
  const HostTensor logits{{4, 3}, {far, -far, far, 0, -infinity, -800, -infinity, 0, 0, 1, infinity, 1}};
  const HostTensor labels{{4}, {0, 0, 1, 0}};
  const auto p = run_op("softmax", {logits})[0].values;
  CHECK(std::vector<double>(p.begin(), p.begin() + 9) ==
        std::vector<double>{0.5, 0, 0.5, 1, 0, 0, 0, 0.5, 0.5});
  CHECK(std::isnan(p[10]));
  const auto losses = run_op("cross_entropy", {logits, labels}, smoothing_of(0))[0].values;
  CHECK(losses[0] == doctest::Approx(std::log(2.0)));
  CHECK(losses[1] == 0);
  CHECK(losses[2] == doctest::Approx(std::log(2.0)));
}

TEST_CASE("equal logits: argmax takes the first; NaN logits: the loss is NaN") {
  check_op("argmax", {filled({3, 4}, 2)}, {}, {filled({3}, 0)}, 0);
  const HostTensor labels{{2}, {0, 1}};
  for (const size_t place : {0, 1, 2}) {
    HostTensor logits = filled({2, 3}, 1);
    logits.values[place] = std::nan("");
    const auto losses = run_op("cross_entropy", {logits, labels}, smoothing_of(0))[0];
    CHECK(std::isnan(losses.values[0]));
    CHECK(losses.values[1] == doctest::Approx(std::log(3.0)));
  }
}

TEST_CASE("losses refuse wrong calls") {
  const HostTensor logits = random_tensor({2, 3}, 1);
  for (const double wrong : {-1.0, 3.0}) {
    const HostTensor labels{{2}, {0, wrong}};
    check_throws(ErrorCode::kArgument, "cross_entropy", {logits, labels}, smoothing_of(0));
    check_throws(ErrorCode::kArgument, "cross_entropy_grad", {logits, labels, filled({2}, 1)},
                 smoothing_of(0));
    check_throws(ErrorCode::kArgument, "correct", {logits, labels});
  }
  const HostTensor labels = filled({2}, 0);
  check_throws(ErrorCode::kArgument, "cross_entropy", {logits, labels}, smoothing_of(1.5));
  check_throws(ErrorCode::kShape, "cross_entropy", {logits, filled({3}, 0)}, smoothing_of(0));
  check_throws(ErrorCode::kShape, "softmax", {random_tensor({2, 3, 1, 1}, 1)});
}

}  // namespace
}  // namespace rst::test

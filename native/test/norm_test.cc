#include <doctest/doctest.h>

#include <cmath>

#include "native/test/harness.h"
#include "native/test/reference.h"
#include "native/test/shapes.h"
#include "native/test/suites.h"

namespace rst::test {
namespace {

constexpr double kEps = 1e-5;

struct NormCase {
  Shape shape;
  bool relu, residual, affine;
};

std::vector<NormCase> norm_cases() {
  std::vector<NormCase> cases;
  std::vector<Shape> shapes = image_shapes();
  shapes.insert(shapes.end(), {{3, 7}, {17, 3}, {17, 3, 5}});
  for (const Shape& s : shapes) {
    for (int bits = 0; bits < 8; ++bits)
      cases.push_back({s, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0});
  }
  return cases;
}

struct NormInputs {
  HostTensor x, residual, gamma, beta, running_mean, running_var;

  explicit NormInputs(const NormCase& c) : x(random_tensor(c.shape, 1, -2, 3)) {
    const Shape channels{c.shape[1]};
    if (c.residual) residual = random_tensor(c.shape, 2);
    if (c.affine) {
      gamma = random_tensor(channels, 3, 0.5, 2);
      beta = random_tensor(channels, 4);
    }
    running_mean = random_tensor(channels, 5);
    running_var = random_tensor(channels, 6, 0.5, 2);
  }
};

double flag(bool value) {
  return value ? 1 : 0;
}

HostTensor inv_std(const HostTensor& variance) {
  return reference::map(variance, [](double v) { return 1 / std::sqrt(v + kEps); });
}

// A gradient to compare is wanted where the batch has a variance at all.
bool degenerate(const Shape& s) {
  return s.elements() / s[1] < 2;
}

TEST_CASE("batch_norm_train agrees with the reference and moves the running statistics") {
  for (const NormCase& c : norm_cases()) {
    const NormInputs in(c);
    const auto batch = reference::channel_statistics(in.x);
    const double n = static_cast<double>(c.shape.elements() / c.shape[1]);
    const auto blend = [](double running, double value) { return 0.75 * running + 0.25 * value; };
    const HostTensor unbiased =
        reference::map(batch.variance, [&](double v) { return v * n / std::max(1.0, n - 1); });
    const HostTensor y = reference::batch_norm(in.x, batch, in.residual, in.gamma, in.beta, kEps, c.relu);
    check_op(
        "batch_norm_train", {in.x, in.running_mean, in.running_var, in.residual, in.gamma, in.beta},
        {{"eps", {kEps}}, {"momentum", {0.25}}, {"relu", {flag(c.relu)}}, {"positive", {1}}},
        {y, batch.mean, inv_std(batch.variance), reference::positive(y),
         reference::map(in.running_mean, batch.mean, blend), reference::map(in.running_var, unbiased, blend)},
        1e-5);
  }
}

TEST_CASE("batch_norm_train_grad agrees with central differences" * suite(kGradients)) {
  for (const NormCase& c : norm_cases()) {
    if (degenerate(c.shape)) continue;
    const NormInputs in(c);
    const HostTensor gamma = c.affine ? in.gamma : filled({c.shape[1]}, 1);
    const HostTensor beta = c.affine ? in.beta : filled({c.shape[1]}, 0);
    const Forward forward = [&](const std::vector<HostTensor>& v) {
      return reference::batch_norm(v[0], reference::channel_statistics(v[0]), v[1], v[2], v[3], kEps, c.relu);
    };
    const std::vector<HostTensor> inputs{in.x, in.residual, gamma, beta};
    const auto batch = reference::channel_statistics(in.x);
    const HostTensor dy = random_tensor(c.shape, 7);
    for (const InputLayout layout : device_under_test().layouts_of({dy})) {
      const auto gradients = run_op(
          "batch_norm_train_grad",
          {dy, in.x, c.relu ? reference::positive(forward(inputs)) : HostTensor{}, batch.mean,
           inv_std(batch.variance), in.gamma},
          {{"relu", {flag(c.relu)}}, {"residual", {flag(c.residual)}}, {"affine", {flag(c.affine)}}}, layout);
      REQUIRE(gradients.size() == 4);
      check_gradient("batch_norm_train to x", forward, inputs, 0, dy, gradients[0]);
      CHECK(gradients[1].defined() == c.residual);
      CHECK(gradients[2].defined() == c.affine);
      CHECK(gradients[3].defined() == c.affine);
      if (c.residual) check_gradient("batch_norm_train to residual", forward, inputs, 1, dy, gradients[1]);
      if (!c.affine) continue;
      check_gradient("batch_norm_train to gamma", forward, inputs, 2, dy, gradients[2]);
      check_gradient("batch_norm_train to beta", forward, inputs, 3, dy, gradients[3]);
    }
  }
}

TEST_CASE("batch_norm_eval agrees with the reference") {
  for (const NormCase& c : norm_cases()) {
    const NormInputs in(c);
    const HostTensor y = reference::batch_norm(in.x, {in.running_mean, in.running_var}, in.residual, in.gamma,
                                               in.beta, kEps, c.relu);
    check_op("batch_norm_eval", {in.x, in.running_mean, in.running_var, in.residual, in.gamma, in.beta},
             {{"eps", {kEps}}, {"relu", {flag(c.relu)}}, {"positive", {1}}}, {y, reference::positive(y)},
             1e-5);
  }
}

TEST_CASE("batch_norm_eval_grad agrees with central differences" * suite(kGradients)) {
  for (const NormCase& c : norm_cases()) {
    const NormInputs in(c);
    const Forward forward = [&](const std::vector<HostTensor>& v) {
      return reference::batch_norm(v[0], {in.running_mean, in.running_var}, v[1], in.gamma, in.beta, kEps,
                                   c.relu);
    };
    const std::vector<HostTensor> inputs{in.x, in.residual};
    const HostTensor dy = random_tensor(c.shape, 7);
    const auto gradients =
        run_op("batch_norm_eval_grad",
               {dy, c.relu ? reference::positive(forward(inputs)) : HostTensor{}, in.running_var, in.gamma},
               {{"eps", {kEps}}, {"relu", {flag(c.relu)}}, {"residual", {flag(c.residual)}}});
    REQUIRE(gradients.size() == 2);
    check_gradient("batch_norm_eval to x", forward, inputs, 0, dy, gradients[0]);
    CHECK(gradients[1].defined() == c.residual);
    if (c.residual) check_gradient("batch_norm_eval to residual", forward, inputs, 1, dy, gradients[1]);
  }
}

TEST_CASE("batch_norm_train keeps its digits where the mean is large") {
  HostTensor x = random_tensor({17, 2, 5, 5}, 1, 1000 - std::sqrt(3.0), 1000 + std::sqrt(3.0));
  x.values[0] = 0;  // an outlier in front must not spoil the sums either
  const auto batch = reference::channel_statistics(x);
  const HostTensor running = filled({2}, 0);
  const auto actual = run_op("batch_norm_train", {x, running, running, {}, {}, {}},
                             {{"eps", {kEps}}, {"momentum", {1}}, {"relu", {0}}, {"positive", {0}}});
  check_close("y", actual[0], reference::batch_norm(x, batch, {}, {}, {}, kEps, false), 1e-4);
  check_close("mean", actual[1], batch.mean, 1e-6);
  check_close("inv_std", actual[2], inv_std(batch.variance), 1e-6);
}

TEST_CASE("batch_norm_train passes a NaN and an infinity on") {
  for (const double bad : {std::nan(""), static_cast<double>(INFINITY)}) {
    HostTensor x = random_tensor({3, 2, 2, 2}, 1);
    x.values[0] = bad;
    const HostTensor running = filled({2}, 0);
    const auto actual = run_op("batch_norm_train", {x, running, running, {}, {}, {}},
                               {{"eps", {kEps}}, {"momentum", {0.1}}, {"relu", {1}}, {"positive", {0}}});
    CHECK(std::isnan(actual[0].values[0]));
    CHECK(std::isfinite(actual[0].values[4]));  // the other channel
  }
}

TEST_CASE("batch norm refuses wrong calls") {
  const HostTensor x = random_tensor({3, 2, 2, 2}, 1), two = filled({2}, 1), three = filled({3}, 1);
  const AttributeList eval{{"eps", {kEps}}, {"relu", {0}}, {"positive", {0}}};
  check_throws(ErrorCode::kShape, "batch_norm_eval", {x, three, two, {}, {}, {}}, eval);
  check_throws(ErrorCode::kShape, "batch_norm_eval", {x, two, two, two, {}, {}}, eval);
  check_throws(ErrorCode::kArgument, "batch_norm_eval", {x, two, two, {}, {}, {}},
               {{"eps", {-1}}, {"relu", {0}}, {"positive", {0}}});
  check_throws(ErrorCode::kArgument, "batch_norm_eval", {x, two, two, {}, {}, {}},
               {{"relu", {0}}, {"positive", {0}}});
  check_throws(ErrorCode::kArgument, "batch_norm_eval_grad", {x, {}, two, {}},
               {{"eps", {kEps}}, {"relu", {1}}, {"residual", {0}}});
  check_throws(ErrorCode::kShape, "batch_norm_train", {filled({0, 2}, 0), two, two, {}, {}, {}},
               {{"eps", {kEps}}, {"momentum", {0.1}}, {"relu", {0}}, {"positive", {0}}});
}

}  // namespace
}  // namespace rst::test

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "native/core/normal.h"
#include "native/core/philox.h"
#include "native/ops/norm_word.h"
#include "native/test/harness.h"
#include "native/test/shapes.h"

namespace rst::test {
namespace {

constexpr double kEps = 8.0 / 255;

AttributeList step_attributes(const char* norm, double eps, double step_size) {
  return {{"norm", norm}, {"eps", {eps}}, {"step_size", {step_size}}, {"low", {0}}, {"high", {1}}};
}
AttributeList start_attributes(const char* norm, double eps) {
  return {{"norm", norm}, {"eps", {eps}}, {"low", {0}}, {"high", {1}}, {"seed", {11}}, {"step", {2}}};
}

std::vector<Shape> batch_shapes() {
  std::vector<Shape> shapes = image_shapes();
  for (const Shape& s : row_shapes()) shapes.push_back(s);
  shapes.push_back({17, 3, 5});
  return shapes;
}

// Pixels within noise of x0, some of them on its edge.
HostTensor nearby(const HostTensor& x0, uint32_t seed, double noise) {
  HostTensor x = random_tensor(x0.shape, seed, -noise, noise);
  for (size_t i = 0; i < x.values.size(); ++i) {
    x.values[i] = static_cast<float>(std::clamp(x0.values[i] + x.values[i], 0.0, 1.0));
  }
  return x;
}

HostTensor sparse_gradient(const Shape& shape, uint32_t seed) {
  HostTensor gradient = random_tensor(shape, seed);
  for (double& g : gradient.values) g = std::abs(g) < 0.1 ? 0 : g;
  return gradient;
}

double clip(double v, double low, double high) {
  return std::min(std::max(v, low), high);
}

size_t sample_size(const Shape& shape) {
  return static_cast<size_t>(shape.elements() / shape[0]);
}

HostTensor linf_reference(const HostTensor& x, const HostTensor& x0, const HostTensor& g,
                          const HostTensor& active, double eps, double step) {
  HostTensor y = x;
  for (size_t i = 0; i < y.values.size(); ++i) {
    if (active.defined() && active.values[i / sample_size(x.shape)] == 0) continue;
    const double sign = (g.values[i] > 0) - (g.values[i] < 0);
    y.values[i] = clip(clip(x.values[i] + step * sign, x0.values[i] - eps, x0.values[i] + eps), 0, 1);
  }
  return y;
}

HostTensor l2_reference(const HostTensor& x, const HostTensor& x0, const HostTensor& g,
                        const HostTensor& active, double eps, double step) {
  HostTensor y = x;
  const size_t size = sample_size(x.shape);
  for (size_t n = 0; n < y.values.size() / size; ++n) {
    if (active.defined() && active.values[n] == 0) continue;
    double norm = 0, distance = 0;
    for (size_t i = n * size; i < (n + 1) * size; ++i) norm += g.values[i] * g.values[i];
    for (size_t i = n * size; i < (n + 1) * size; ++i) {
      y.values[i] += step * g.values[i] / (std::sqrt(norm) + 1e-12);
      distance += (y.values[i] - x0.values[i]) * (y.values[i] - x0.values[i]);
    }
    const double shrink = std::min(1.0, eps / std::sqrt(distance));
    for (size_t i = n * size; i < (n + 1) * size; ++i) {
      if (shrink < 1) y.values[i] = x0.values[i] + shrink * (y.values[i] - x0.values[i]);
      y.values[i] = clip(y.values[i], 0, 1);
    }
  }
  return y;
}

void check_linf_ball(const HostTensor& y, const HostTensor& x0, double eps) {
  float largest = 0;
  bool in_box = true;
  for (size_t i = 0; i < y.values.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<float>(y.values[i]) - static_cast<float>(x0.values[i])));
    in_box = in_box && y.values[i] >= 0 && y.values[i] <= 1;
  }
  CHECK(largest <= static_cast<float>(eps));
  CHECK(in_box);
}

TEST_CASE("attack_step matches the definition in both norms") {
  for (const Shape& shape : batch_shapes()) {
    CAPTURE(shape.to_string());
    const HostTensor x0 = random_tensor(shape, 1, 0, 1), x = nearby(x0, 2, kEps),
                     g = sparse_gradient(shape, 3);
    for (const HostTensor& active : {HostTensor{}, random_integers({shape[0]}, 4, 2)}) {
      check_op("attack_step", {x, x0, g, active}, step_attributes("linf", kEps, 2.0 / 255),
               {linf_reference(x, x0, g, active, kEps, 2.0 / 255)}, 2e-7);
      // Small radii project, large ones do not.
      for (double eps : {0.05, 5.0}) {
        check_op("attack_step", {x, x0, g, active}, step_attributes("l2", eps, 0.3),
                 {l2_reference(x, x0, g, active, eps, 0.3)}, 1e-6);
      }
    }
  }
}

TEST_CASE("an L∞ step never leaves the ball or the box, to the last bit") {
  const HostTensor x0 = random_tensor({33, 3, 16, 16}, 5, 0, 1), g = random_tensor(x0.shape, 6);
  for (double eps : {kEps, 2.0 / 255, 0.1, 0.3, 1e-4}) {
    check_linf_ball(run_op("attack_step", {x0, x0, g, {}}, step_attributes("linf", eps, 1))[0], x0, eps);
  }
}

TEST_CASE("a zero gradient and an inactive sample leave pixels as they are") {
  const HostTensor x0 = random_tensor({17, 2, 3, 3}, 7, 0, 1), x = nearby(x0, 8, 0.01);
  const HostTensor zero = filled(x0.shape, 0), g = random_tensor(x0.shape, 9);
  for (const char* norm : kNormWords) {
    CHECK(run_op("attack_step", {x, x0, zero, {}}, step_attributes(norm, 0.5, 0.1))[0].values == x.values);
    // Far outside the ball: an inactive sample is not even projected.
    CHECK(run_op("attack_step", {x, x0, g, filled({17}, 0)}, step_attributes(norm, 1e-6, 0.1))[0].values ==
          x.values);
  }
}

TEST_CASE("a gradient that is not finite leaves pixels finite and other samples alone") {
  const HostTensor x0 = random_tensor({3, 2, 3, 3}, 10, 0, 1);
  HostTensor g = random_tensor(x0.shape, 11), clean = g;
  g.values[20] = std::numeric_limits<double>::quiet_NaN();
  g.values[40] = std::numeric_limits<double>::infinity();
  for (const char* norm : kNormWords) {
    const auto y = run_op("attack_step", {x0, x0, g, {}}, step_attributes(norm, 0.5, 0.1))[0];
    const auto expected = run_op("attack_step", {x0, x0, clean, {}}, step_attributes(norm, 0.5, 0.1))[0];
    CHECK(y.values[20] == x0.values[20]);
    for (double v : y.values) CHECK(std::isfinite(v));
    CHECK(std::equal(y.values.begin(), y.values.begin() + 18, expected.values.begin()));
  }
}

TEST_CASE("random_start draws each sample from its own stream") {
  for (const Shape& shape : batch_shapes()) {
    CAPTURE(shape.to_string());
    const HostTensor x0 = random_tensor(shape, 12, 0.2, 0.8), ids = random_integers({shape[0]}, 13, 50000);
    HostTensor linf = x0, l2 = x0;
    const size_t size = sample_size(shape);
    for (size_t n = 0; n < ids.values.size(); ++n) {
      const RandomStream stream{11, Purpose::kAttackStart, 2, static_cast<uint32_t>(ids.values[n])};
      double square_sum = 0;
      for (size_t j = 0; j < size; ++j) square_sum += std::pow(normal_deviate(stream.block(j)), 2);
      const double u = uniform_open01(stream.block(size));
      const double radius = 0.1 * std::pow(u, 1 / static_cast<double>(size)) / std::sqrt(square_sum);
      for (size_t j = 0; j < size; ++j) {
        linf.values[n * size + j] += kEps * (2 * uniform01(stream.word(j)) - 1);
        l2.values[n * size + j] += radius * normal_deviate(stream.block(j));
      }
    }
    check_op("random_start", {x0, ids}, start_attributes("linf", kEps), {linf}, 2e-7);
    check_op("random_start", {x0, ids}, start_attributes("l2", 0.1), {l2}, 1e-6);
  }
}

TEST_CASE("a random start lies in the ball and the box") {
  const HostTensor x0 = random_tensor({40, 3, 8, 8}, 14, 0, 1), ids = random_integers({40}, 15, 50000);
  for (double eps : {kEps, 0.3}) {
    check_linf_ball(run_op("random_start", {x0, ids}, start_attributes("linf", eps))[0], x0, eps);
  }
}

TEST_CASE("an L2 start is uniform in the ball: E[(r/eps)^d] is a half, in every direction") {
  const int64_t count = 4000;
  const HostTensor x0 = filled({count, 2}, 0.5);
  HostTensor ids = filled({count}, 0);
  for (size_t n = 0; n < ids.values.size(); ++n) ids.values[n] = static_cast<double>(n);
  const auto y = run_op("random_start", {x0, ids}, start_attributes("l2", 0.25))[0].values;
  double volume = 0, horizontal = 0, vertical = 0;
  for (size_t n = 0; n < ids.values.size(); ++n) {
    const double a = (y[2 * n] - 0.5) / 0.25, b = (y[2 * n + 1] - 0.5) / 0.25;
    CHECK(a * a + b * b <= 1 + 1e-6);
    volume += (a * a + b * b) / count;
    horizontal += a / count;
    vertical += b / count;
  }
  CHECK(std::abs(volume - 0.5) < 0.02);
  CHECK(std::abs(horizontal) < 0.03);
  CHECK(std::abs(vertical) < 0.03);
}

TEST_CASE("a sample's start depends on neither its place in the batch nor the batch's size") {
  const HostTensor one = random_tensor({1, 3, 5, 5}, 16, 0, 1);
  for (const char* norm : kNormWords) {
    const auto alone = run_op("random_start", {one, {{1}, {42}}}, start_attributes(norm, 0.1))[0].values;
    for (const auto& [count, place] : {std::pair{3, 2}, {16, 0}, {20, 17}}) {
      HostTensor batch = random_tensor({count, 3, 5, 5}, 17, 0, 1), ids = filled({count}, 7);
      std::copy(one.values.begin(), one.values.end(), batch.values.begin() + place * one.shape.elements());
      ids.values[static_cast<size_t>(place)] = 42;
      const auto y = run_op("random_start", {batch, ids}, start_attributes(norm, 0.1))[0].values;
      CHECK(std::equal(alone.begin(), alone.end(), y.begin() + place * one.shape.elements()));
    }
  }
}

TEST_CASE("attack ops refuse wrong calls") {
  const HostTensor x = filled({3, 4}, 0.5), ids = filled({3}, 0);
  check_throws(ErrorCode::kArgument, "attack_step", {x, x, x, {}}, step_attributes("l3", 0.1, 0.1));
  check_throws(ErrorCode::kArgument, "attack_step", {x, x, x, {}}, step_attributes("linf", -0.1, 0.1));
  check_throws(ErrorCode::kShape, "attack_step", {x, filled({3, 5}, 0), x, {}},
               step_attributes("linf", 0.1, 0.1));
  check_throws(ErrorCode::kShape, "attack_step", {x, x, x, filled({4}, 1)},
               step_attributes("linf", 0.1, 0.1));
  check_throws(ErrorCode::kShape, "random_start", {x, filled({4}, 0)}, start_attributes("linf", 0.1));
  check_throws(ErrorCode::kShape, "random_start", {ids, ids}, start_attributes("linf", 0.1));
}

}  // namespace
}  // namespace rst::test

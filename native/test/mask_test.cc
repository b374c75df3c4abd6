#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "native/test/harness.h"
#include "native/test/reference.h"
#include "native/test/suites.h"

namespace rst::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The definition: sort by |score|, NaN first, and keep the order of equals.
HostTensor topk_reference(const HostTensor& scores, int64_t keep) {
  std::vector<size_t> order(scores.values.size());
  std::iota(order.begin(), order.end(), 0);
  const auto rank = [&](size_t i) {
    const double s = scores.values[i];
    return std::isnan(s) ? std::pair(1, 0.0) : std::pair(0, std::abs(s));
  };
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return rank(a) > rank(b); });
  HostTensor mask = filled(scores.shape, 0);
  for (int64_t k = 0; k < keep; ++k) mask.values[order[static_cast<size_t>(k)]] = 1;
  return mask;
}

void check_topk(const HostTensor& scores, std::vector<int64_t> keeps = {}) {
  const int64_t n = scores.shape.elements();
  if (keeps.empty()) keeps = {1, 2, n / 20, n / 3, n / 2, n - 1, n};
  for (int64_t keep : keeps) {
    if (keep < 1 || keep > n) continue;
    CAPTURE(keep);
    const auto mask = run_op("topk_mask", {scores}, {{"keep", {static_cast<double>(keep)}}})[0];
    CHECK(mask.values == topk_reference(scores, keep).values);
  }
}

TEST_CASE("topk_mask keeps the largest magnitudes") {
  for (const Shape& shape :
       {Shape{1}, Shape{7}, Shape{5, 3, 3, 3}, Shape{16, 9}, Shape{100000}, Shape{64, 32, 7, 7}}) {
    CAPTURE(shape.to_string());
    check_topk(random_tensor(shape, 1));
  }
}

TEST_CASE("topk_mask breaks ties towards the lower index") {
  for (int64_t n : {10, 1000, 150000}) {
    check_topk(filled({n}, 0));
    check_topk(filled({n}, -0.25));
    HostTensor few = random_integers({n}, 2, 7);
    for (double& v : few.values) v -= 3;
    check_topk(few);
    // Neighbours in the last bits of the pattern.
    HostTensor close = random_integers({n}, 3, 5);
    for (double& v : close.values) v = 1 + v * 0x1p-23;
    check_topk(close);
  }
}

TEST_CASE("topk_mask ranks zeros, denormals, infinities and NaN") {
  const std::vector<double> special = {0.0,    -0.0,  0x1p-149,  -0x1p-149,  0x1p-127, 0x1p-126,
                                       3.4e38, 1e-30, kInfinity, -kInfinity, kNan,     -kNan};
  HostTensor scores = random_integers({70000}, 4, static_cast<int64_t>(special.size()));
  for (double& v : scores.values) v = special[static_cast<size_t>(v)];
  check_topk(scores);
  std::vector<int64_t> keeps(special.size());
  std::iota(keeps.begin(), keeps.end(), 1);
  check_topk({{static_cast<int64_t>(special.size())}, special}, keeps);
}

TEST_CASE("topk_mask refuses a keep outside 1 to n") {
  for (double keep : {0.0, 4.0, -1.0, 1.5}) {
    check_throws(ErrorCode::kArgument, "topk_mask", {filled({3}, 1)}, {{"keep", {keep}}});
  }
  check_throws(ErrorCode::kArgument, "topk_mask", {filled({0}, 1)}, {{"keep", {1}}});
}

// Shapes of a weight and of the masks that may lie over it.
struct Group {
  Shape weight, mask;
};
const std::vector<Group> kGroups = {
    {{5, 3, 3, 3}, {5, 3, 3, 3}}, {{5, 3, 3, 3}, {5, 3, 3}}, {{5, 3, 3, 3}, {5, 3}}, {{5, 3, 3, 3}, {5}},
    {{64, 40, 3, 3}, {64}},       {{10, 7}, {10, 7}},        {{10, 7}, {10}},        {{20000}, {20000}},
};

TEST_CASE("masked_weight clears what the mask leaves out") {
  for (const auto& [weight_shape, mask_shape] : kGroups) {
    const HostTensor weight = random_tensor(weight_shape, 5), mask = random_integers(mask_shape, 6, 2);
    check_op("masked_weight", {weight, mask}, {}, {reference::masked_weight(weight, mask)}, 0);
  }
  check_throws(ErrorCode::kShape, "masked_weight", {filled({4, 2}, 1), filled({2}, 1)});
  check_throws(ErrorCode::kShape, "masked_weight", {filled({4}, 1), filled({4, 1}, 1)});
}

TEST_CASE("score_grad sums d_weight · weight over each group, times the score's sign") {
  for (const auto& [weight_shape, score_shape] : kGroups) {
    const HostTensor d_weight = random_tensor(weight_shape, 7), weight = random_tensor(weight_shape, 8);
    HostTensor scores = random_tensor(score_shape, 9);
    scores.values[0] = 0;
    check_op("score_grad", {d_weight, weight, scores}, {}, {reference::score_grad(d_weight, weight, scores)},
             1e-6);
  }
  check_throws(ErrorCode::kShape, "score_grad", {filled({4, 2}, 1), filled({4, 3}, 1), filled({4}, 1)});
}

TEST_CASE("score_grad is the derivative of a loss that is linear in the masked weight" * suite(kGradients)) {
  const HostTensor d_weight = random_tensor({4, 3, 2, 2}, 10), weight = random_tensor({4, 3, 2, 2}, 11);
  const HostTensor scores = random_tensor({4, 3}, 12);
  // The straight-through mask of an entry is |score|.
  const Forward forward = [&](const std::vector<HostTensor>& inputs) {
    HostTensor masked = weight;
    for (size_t i = 0; i < masked.values.size(); ++i) masked.values[i] *= std::abs(inputs[0].values[i / 4]);
    return masked;
  };
  check_gradient("d_scores", forward, {scores}, 0, d_weight,
                 run_op("score_grad", {d_weight, weight, scores})[0]);
}

TEST_CASE("pack_bits and unpack_bits are inverse, least significant bit first") {
  const HostTensor known{{10}, {1, 0, 0, 0, 0, 0, 0, 1, 0, 1}};
  CHECK(run_op("pack_bits", {known})[0].values == std::vector<double>{0x81, 0x02});
  for (const Shape& shape : {Shape{1}, Shape{8}, Shape{9}, Shape{5, 3, 3, 3}, Shape{200001}, Shape{0}}) {
    const HostTensor mask = random_integers(shape, 13, 2);
    const auto bits = run_op("pack_bits", {mask})[0];
    CHECK(bits.shape == Shape{(shape.elements() + 7) / 8});
    CHECK(run_op("unpack_bits", {bits}, {{"shape", dims_of(shape)}})[0].values == mask.values);
  }
  check_throws(ErrorCode::kShape, "unpack_bits", {filled({2}, 0)}, {{"shape", {8}}});
  check_throws(ErrorCode::kShape, "unpack_bits", {filled({2}, 0)}, {{"shape", {17}}});
}

}  // namespace
}  // namespace rst::test

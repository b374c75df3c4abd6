#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "native/core/normal.h"
#include "native/core/philox.h"
#include "native/test/harness.h"

namespace rst::test {
namespace {

constexpr double kSeed = 0x1p40 + 12345;  // uses both words of the key
constexpr uint64_t kSeedBits = (uint64_t{1} << 40) + 12345;

AttributeList weight_attributes(const Shape& shape, const char* init, double scale,
                                const char* purpose = "weight", double layer = 3) {
  return {{"shape", dims_of(shape)}, {"init", init},       {"scale", {scale}},
          {"seed", {kSeed}},         {"purpose", purpose}, {"layer", {layer}}};
}

struct Moments {
  double mean, variance, skewness, kurtosis;
};

Moments moments(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  double mean = 0, m2 = 0, m3 = 0, m4 = 0;
  for (double v : values) mean += v / n;
  for (double v : values) {
    const double d = v - mean;
    m2 += d * d / n, m3 += d * d * d / n, m4 += d * d * d * d / n;
  }
  return {mean, m2, m3 / std::pow(m2, 1.5), m4 / (m2 * m2)};
}

TEST_CASE("random_weight is the stream, element by element") {
  const RandomStream stream{kSeedBits, Purpose::kWeight, 0, 3};
  const float scale = 0.3f;
  for (const Shape& shape : {Shape{1}, Shape{63}, Shape{65}, Shape{7, 5, 3, 3}, Shape{20001}}) {
    const auto constant =
        run_op("random_weight", {}, weight_attributes(shape, "signed-constant", scale))[0].values;
    const auto normal = run_op("random_weight", {}, weight_attributes(shape, "normal", scale))[0].values;
    const auto uniform = run_op("random_weight", {}, weight_attributes(shape, "uniform", scale))[0].values;
    for (size_t i = 0; i < constant.size(); ++i) {
      const uint32_t word = stream.word(i);
      CHECK(constant[i] == (word >> 31 ? -scale : scale));
      CHECK(uniform[i] == scale * (2 * uniform01(word) - 1));
      CHECK(normal[i] == static_cast<float>(scale * normal_deviate(stream.block(i))));
    }
  }
}

TEST_CASE("random_weight depends on seed, purpose and layer") {
  const auto base = run_op("random_weight", {}, weight_attributes({64}, "uniform", 1))[0].values;
  CHECK(base != run_op("random_weight", {}, weight_attributes({64}, "uniform", 1, "score"))[0].values);
  CHECK(base != run_op("random_weight", {}, weight_attributes({64}, "uniform", 1, "weight", 4))[0].values);
  AttributeList other_seed = weight_attributes({64}, "uniform", 1);
  other_seed[3].second = AttributeValue{kSeed + 1};
  CHECK(base != run_op("random_weight", {}, other_seed)[0].values);
}

TEST_CASE("random_weight has the moments of its distribution") {
  const Shape shape{400000};
  const Moments constant =
      moments(run_op("random_weight", {}, weight_attributes(shape, "signed-constant", 2))[0].values);
  CHECK(std::abs(constant.mean) < 0.015);
  const Moments normal =
      moments(run_op("random_weight", {}, weight_attributes(shape, "normal", 2))[0].values);
  CHECK(std::abs(normal.mean) < 0.015);
  CHECK(std::abs(normal.variance / 4 - 1) < 0.01);
  CHECK(std::abs(normal.skewness) < 0.02);
  CHECK(std::abs(normal.kurtosis - 3) < 0.05);
  const auto uniform = run_op("random_weight", {}, weight_attributes(shape, "uniform", 2))[0].values;
  CHECK(std::abs(moments(uniform).mean) < 0.01);
  CHECK(std::abs(moments(uniform).variance / (4.0 / 3) - 1) < 0.01);
  CHECK(*std::min_element(uniform.begin(), uniform.end()) >= -2);
  CHECK(*std::max_element(uniform.begin(), uniform.end()) < 2);
}

TEST_CASE("random_weight refuses unknown choices") {
  check_throws(ErrorCode::kArgument, "random_weight", {}, weight_attributes({4}, "zero", 1));
  check_throws(ErrorCode::kArgument, "random_weight", {},
               weight_attributes({4}, "signed-constant", 1, "noise"));
  check_throws(ErrorCode::kArgument, "random_weight", {}, weight_attributes({4}, "signed-constant", -1));
  check_throws(ErrorCode::kArgument, "random_weight", {},
               weight_attributes({4}, "signed-constant", 1, "weight", 0x1p32));
}

HostTensor noise(const char* op, const std::vector<double>& ids, Shape shape, double a, double b) {
  const bool uniform = std::string(op) == "uniform_noise";
  return run_op(op, {{{static_cast<int64_t>(ids.size())}, ids}},
                {{"shape", dims_of(shape)},
                 {uniform ? "low" : "mean", {a}},
                 {uniform ? "high" : "std", {b}},
                 {"seed", {kSeed}},
                 {"step", {7}}})[0];
}

std::vector<double> consecutive_ids(int64_t count) {
  std::vector<double> ids;
  for (int64_t n = 0; n < count; ++n) ids.push_back(static_cast<double>(1000 - 3 * n));
  return ids;
}

TEST_CASE("noise is each sample's stream") {
  for (const Shape& shape : {Shape{1, 3, 7, 7}, Shape{17, 5, 3, 7}, Shape{3, 2, 40, 10}, Shape{33, 21},
                             Shape{5, 3, 6}, Shape{19}}) {
    CAPTURE(shape.to_string());
    const auto ids = consecutive_ids(shape[0]);
    const HostTensor uniform = noise("uniform_noise", ids, shape, -0.5, 2),
                     normal = noise("normal_noise", ids, shape, 1, 3);
    const auto size = static_cast<size_t>(shape.elements() / shape[0]);
    for (size_t i = 0; i < uniform.values.size(); ++i) {
      const RandomStream stream{kSeedBits, Purpose::kNoise, 7, static_cast<uint32_t>(ids[i / size])};
      CHECK(uniform.values[i] == -0.5f + 2.5f * uniform01(stream.word(i % size)));
      CHECK(normal.values[i] == static_cast<float>(1.0f + 3.0f * normal_deviate(stream.block(i % size))));
    }
  }
}

TEST_CASE("a sample's noise depends on neither its place in the batch nor the batch's size") {
  const Shape one{1, 3, 5, 5};
  for (const char* op : {"uniform_noise", "normal_noise"}) {
    const auto alone = noise(op, {42}, one, 0, 1).values;
    for (const auto& [count, place] : {std::pair{3, 2}, {16, 0}, {20, 17}}) {
      auto ids = consecutive_ids(count);
      ids[static_cast<size_t>(place)] = 42;
      const auto batch = noise(op, ids, {count, 3, 5, 5}, 0, 1).values;
      CHECK(std::equal(alone.begin(), alone.end(), batch.begin() + place * one.elements()));
    }
  }
}

TEST_CASE("noise has its range and moments") {
  const auto uniform = noise("uniform_noise", consecutive_ids(40), {40, 3, 32, 32}, 2, 5).values;
  CHECK(*std::min_element(uniform.begin(), uniform.end()) >= 2);
  CHECK(*std::max_element(uniform.begin(), uniform.end()) < 5);
  CHECK(std::abs(moments(uniform).mean - 3.5) < 0.02);
  CHECK(std::abs(moments(uniform).variance - 0.75) < 0.02);
  const Moments normal = moments(noise("normal_noise", consecutive_ids(40), {40, 3, 32, 32}, -1, 0.5).values);
  CHECK(std::abs(normal.mean + 1) < 0.01);
  CHECK(std::abs(normal.variance - 0.25) < 0.01);
  CHECK(std::abs(normal.kurtosis - 3) < 0.1);
  // A range of one float: [low, high) holds only low.
  const float low = 1.0f, high = std::nextafter(low, 2.0f);
  for (double v : noise("uniform_noise", consecutive_ids(3), {3, 50}, low, high).values) CHECK(v == low);
}

TEST_CASE("noise refuses wrong calls") {
  check_throws(ErrorCode::kShape, "uniform_noise", {filled({3}, 1)},
               {{"shape", {4, 2}}, {"low", {0}}, {"high", {1}}, {"seed", {1}}, {"step", {0}}});
  check_throws(ErrorCode::kArgument, "uniform_noise", {filled({4}, 1)},
               {{"shape", {4, 2}}, {"low", {2}}, {"high", {1}}, {"seed", {1}}, {"step", {0}}});
  check_throws(ErrorCode::kArgument, "normal_noise", {filled({4}, 1)},
               {{"shape", {4, 2}}, {"mean", {2}}, {"std", {-1}}, {"seed", {1}}, {"step", {0}}});
}

}  // namespace
}  // namespace rst::test

#include "native/runtime/trace.h"

#include <doctest/doctest.h>

#include <cstring>
#include <limits>
#include <vector>

#include "native/test/suites.h"

namespace rst {
namespace {

struct Values : Storage {
  explicit Values(std::vector<float> given) : values(std::move(given)) {}
  std::vector<float> values;
};

Tensor tensor_of(std::vector<float> values) {
  const auto count = static_cast<int64_t>(values.size());
  return {Shape({count}), DType::kF32, std::make_shared<Values>(std::move(values))};
}

void read_values(const Tensor& tensor, void* bytes) {
  const auto& values = static_cast<const Values&>(*tensor.storage).values;
  std::memcpy(bytes, values.data(), values.size() * sizeof(float));
}

TEST_SUITE_BEGIN(test::kNoDevice);

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

TEST_CASE("RST_TRACE and RST_DEBUG are read, and words that mean nothing are told") {
  std::vector<std::string> told;
  const auto complain = [&](const std::string& line) { told.push_back(line); };
  const DebugSwitches none = parse_switches(nullptr, nullptr, complain);
  CHECK_FALSE((none.trace || none.nan || none.sync));
  const DebugSwitches all = parse_switches("1", "nan,sync", complain);
  CHECK((all.trace && all.nan && all.sync));
  const DebugSwitches one = parse_switches("0", "1,sync", complain);
  CHECK((!one.trace && !one.nan && one.sync));
  CHECK(told.empty());
  const DebugSwitches odd = parse_switches("yes", "nans,nan", complain);
  CHECK((!odd.trace && odd.nan));
  REQUIRE(told.size() == 2);
  CHECK(told[0].find("yes") != std::string::npos);
  CHECK(told[1].find("nans") != std::string::npos);
}

TEST_CASE("an op is described by its name and shapes") {
  const Tensor x = tensor_of({1, 2}), y = tensor_of({3});
  CHECK(describe_op("mean", {{x, Tensor{}}}, {{y}}) == "mean [2] none -> [1]");
  CHECK(describe_op("assign", {{x, y}}, {}) == "assign [2] [1]");
}

TEST_CASE("the op that made a NaN is told, one that only passes it on is not") {
  const std::vector<Tensor> clean = {tensor_of({1, 2}), Tensor{}};
  const std::vector<Tensor> bad = {tensor_of({0, 1, kNaN})};
  CHECK_NOTHROW(check_for_nan("log", clean, clean, read_values));
  CHECK_NOTHROW(check_for_nan("log", bad, bad, read_values));
  try {
    check_for_nan("log", clean, bad, read_values);
    FAIL("a NaN was not found");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) ==
          "RST_DEBUG=nan: log [2] none -> [3] made a NaN, at element 2; what it read has none.");
  }
}

TEST_SUITE_END();

}  // namespace
}  // namespace rst

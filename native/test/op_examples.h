// Example calls of every op, written over sizes that a test may change.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "native/test/harness.h"

namespace rst::test {

using Sizes = std::map<char, int64_t>;

struct OpArguments {
  std::vector<HostTensor> inputs;
  AttributeList attributes;
};

struct OpExample {
  std::string op;
  // Every dimension that an input or a shape has, by its letter. N is the number of images.
  Sizes sizes;
  std::function<OpArguments(const Sizes&)> arguments;
  // What the plain twin gives; null where all outputs are empty once a size is 0, or need no twin.
  std::function<std::vector<HostTensor>(const OpArguments&)> expected;
};

// At least one example of each op of op_table().
const std::vector<OpExample>& op_examples();

// What a call gives: results, or the Error that it threw.
struct Outcome {
  std::vector<HostTensor> results;
  std::optional<Error> error;
};
Outcome outcome_of(const std::function<std::vector<HostTensor>()>& run);
// Checks that both threw or both gave the same bits.
void check_same(const std::string& what, const Outcome& a, const Outcome& b);

// "conv2d [3, 2, 4, 4] [5, 2, 3, 3]".
std::string text_of(const OpExample& example, const OpArguments& arguments);

}  // namespace rst::test

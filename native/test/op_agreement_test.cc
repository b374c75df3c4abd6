// Every op of the table on the device under test against the same op on the CPU, whether the device has a
// kernel for it or not.
#include <doctest/doctest.h>

#include "native/test/op_examples.h"
#include "native/test/suites.h"

namespace rst::test {
namespace {

Outcome outcome_on(Device& device, const OpExample& example, const OpArguments& arguments,
                   InputLayout layout) {
  return outcome_of(
      [&] { return run_op(device, example.op, arguments.inputs, arguments.attributes, layout); });
}

void check_agreement(const OpExample& example, const Sizes& sizes, InputLayout layout) {
  const OpArguments arguments = example.arguments(sizes);
  const std::string what = text_of(example, arguments);
  const Outcome expected = outcome_on(cpu_device(1), example, arguments, layout);
  const Outcome actual = outcome_on(test_device(), example, arguments, layout);
  CHECK_MESSAGE(actual.error.has_value() == expected.error.has_value(),
                what << ": "
                     << (actual.error     ? actual.error->what()
                         : expected.error ? expected.error->what()
                                          : ""));
  if (actual.error && expected.error) CHECK_MESSAGE(actual.error->code() == expected.error->code(), what);
  if (actual.error || expected.error) return;
  REQUIRE(actual.results.size() == expected.results.size());
  for (size_t i = 0; i < actual.results.size(); ++i)
    check_close(what + " output " + std::to_string(i), actual.results[i], expected.results[i], 1e-5);
}

TEST_CASE("every op of the table gives what it gives on the CPU" * suite(kNotCpu)) {
  for (const OpExample& example : op_examples()) {
    for (const int64_t images : {3, 12}) {
      Sizes sizes = example.sizes;
      if (sizes.count('N')) sizes['N'] = images;
      for (const InputLayout layout : {InputLayout::kUploaded, InputLayout::kForward, InputLayout::kGradient})
        check_agreement(example, sizes, layout);
    }
  }
}

TEST_CASE("any dimension of any op that is 0 gives what it gives on the CPU" * suite(kNotCpu)) {
  for (const OpExample& example : op_examples()) {
    for (const auto& [letter, size] : example.sizes) {
      Sizes sizes = example.sizes;
      sizes[letter] = 0;
      check_agreement(example, sizes, InputLayout::kUploaded);
    }
  }
}

}  // namespace
}  // namespace rst::test

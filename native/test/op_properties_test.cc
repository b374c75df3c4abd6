// What holds of every op of the table, whatever it computes: nothing of size 0 and no pair of inputs that are
// one tensor is a special case for who calls it.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "native/test/dirty_device.h"
#include "native/test/op_examples.h"
#include "native/test/suites.h"

namespace rst::test {
namespace {

constexpr uint8_t kNanBytes = 0xFF, kNumberBytes = 0x3F;
constexpr InputLayout kLayouts[] = {InputLayout::kUploaded, InputLayout::kGradient, InputLayout::kForward};

// Devices whose fresh memory differs, so that what an op does not write differs too.
struct Pair {
  DirtyDevice nan{kNanBytes}, number{kNumberBytes, {.threads = 2}};
  DirtyDevice dense_nan{kNanBytes, {.threads = 2, .sparse = false}},
      dense_number{kNumberBytes, {.sparse = false}};

  static Outcome check(DirtyDevice& a, DirtyDevice& b, const OpExample& example, const OpArguments& arguments,
                       InputLayout layout) {
    const auto run = [&](DirtyDevice& dirty) {
      return outcome_of(
          [&] { return run_op(dirty.device(), example.op, arguments.inputs, arguments.attributes, layout); });
    };
    const Outcome first = run(a);
    check_same(text_of(example, arguments), first, run(b));
    return first;
  }

  // With the sparse kernels and without them.
  std::vector<Outcome> check(const OpExample& example, const OpArguments& arguments, InputLayout layout) {
    return {check(nan, number, example, arguments, layout),
            check(dense_nan, dense_number, example, arguments, layout)};
  }
};

void check_expected(const OpExample& example, const OpArguments& arguments,
                    const std::vector<Outcome>& outcomes) {
  for (const Outcome& outcome : outcomes) {
    if (outcome.error || !example.expected) continue;
    const std::vector<HostTensor> expected = example.expected(arguments);
    if (expected.empty()) continue;
    REQUIRE(expected.size() == outcome.results.size());
    for (size_t i = 0; i < expected.size(); ++i)
      check_close(text_of(example, arguments), outcome.results[i], expected[i], 1e-5);
  }
}

TEST_CASE("every op of the table has an example") {
  std::set<std::string> shown;
  for (const OpExample& example : op_examples()) shown.insert(example.op);
  for (const OpRow& row : op_table()) CHECK_MESSAGE(shown.count(row.name) == 1, row.name);
}

TEST_CASE("every output of every op is written, and its examples agree with their plain twins" *
          suite(kCpuOnly)) {
  Pair dirty;
  for (const OpExample& example : op_examples()) {
    for (const int64_t images : {int64_t{3}, int64_t{12}}) {
      Sizes sizes = example.sizes;
      if (sizes.count('N')) sizes['N'] = images;
      const OpArguments arguments = example.arguments(sizes);
      for (const InputLayout layout : kLayouts) {
        const auto outcomes = dirty.check(example, arguments, layout);
        for (const Outcome& outcome : outcomes)
          CHECK_MESSAGE(!outcome.error, (outcome.error ? outcome.error->what() : ""));
        check_expected(example, arguments, outcomes);
      }
    }
  }
}

TEST_CASE("any dimension of any op may be 0: the value of nothing, or an error, never old memory" *
          suite(kCpuOnly)) {
  Pair dirty;
  for (const OpExample& example : op_examples()) {
    for (const auto& [letter, size] : example.sizes) {
      for (const int64_t images : {int64_t{3}, int64_t{12}}) {
        Sizes sizes = example.sizes;
        if (sizes.count('N')) sizes['N'] = images;
        sizes[letter] = 0;
        const OpArguments arguments = example.arguments(sizes);
        for (const InputLayout layout : kLayouts) {
          check_expected(example, arguments, dirty.check(example, arguments, layout));
        }
      }
    }
  }
}

TEST_CASE("a dimension of one input alone may be 0 without harm" * suite(kCpuOnly)) {
  Pair dirty;
  for (const OpExample& example : op_examples()) {
    const OpArguments whole = example.arguments(example.sizes);
    for (size_t i = 0; i < whole.inputs.size(); ++i) {
      for (int d = 0; d < whole.inputs[i].shape.rank(); ++d) {
        OpArguments arguments = whole;
        std::vector<int64_t> dims(whole.inputs[i].shape.dims().begin(), whole.inputs[i].shape.dims().end());
        dims[static_cast<size_t>(d)] = 0;
        arguments.inputs[i] = {Shape(dims), {}};
        dirty.check(example, arguments, InputLayout::kUploaded);
      }
    }
  }
}

// The inputs that input i may be one tensor with.
std::vector<size_t> partners(const OpRow& row, const OpArguments& arguments, size_t i) {
  std::vector<size_t> found;
  for (size_t j = i + 1; j < row.inputs.size(); ++j) {
    const HostTensor &a = arguments.inputs[i], &b = arguments.inputs[j];
    if (a.defined() && b.defined() && a.shape == b.shape && row.inputs[i].dtype == row.inputs[j].dtype)
      found.push_back(j);
  }
  return found;
}

TEST_CASE("two inputs that are one tensor give what two copies give, or an error where both change") {
  const auto owned = device_under_test().create();
  Device& device = *owned;
  int pairs = 0;
  for (const OpExample& example : op_examples()) {
    const OpRow& row = find_op(example.op);
    for (const int64_t images : {int64_t{3}, int64_t{12}}) {
      Sizes sizes = example.sizes;
      if (sizes.count('N') && sizes['N'] != images && sizes.count('K')) continue;  // would part x from w
      if (sizes.count('N')) sizes['N'] = images;
      const OpArguments drawn = example.arguments(sizes);
      for (size_t i = 0; i < drawn.inputs.size(); ++i) {
        for (size_t j : partners(row, drawn, i)) {
          OpArguments arguments = drawn;
          arguments.inputs[j] = arguments.inputs[i];
          for (const InputLayout layout : device_under_test().layouts_of(arguments.inputs)) {
            ++pairs;
            const std::string what = text_of(example, arguments) + " with '" + row.inputs[i].name + "' as '" +
                                     row.inputs[j].name + "'";
            const auto place = [&] {
              return place_call(device, example.op, arguments.inputs, arguments.attributes, layout);
            };
            const OpCall apart = place();
            OpCall one = place();
            one.inputs[j] = one.inputs[i];
            const Outcome actual = outcome_of([&] { return run_call(device, example.op, one); });
            if (row.inputs[i].mutated && row.inputs[j].mutated) {
              CHECK_MESSAGE(actual.error, what);
              continue;
            }
            check_same(what, actual, outcome_of([&] { return run_call(device, example.op, apart); }));
            if (row.inputs[i].mutated || row.inputs[j].mutated) continue;
            CHECK_MESSAGE(same_bits(read(device, one[i]), arguments.inputs[i]), what << " changed it");
          }
        }
      }
    }
  }
  CHECK(pairs > 200);
}

}  // namespace
}  // namespace rst::test

// Every attribute of every op at the edges of what a number can be: an error of its own kind, or an answer.
#include <doctest/doctest.h>

#include <limits>

#include "native/test/dirty_device.h"
#include "native/test/op_examples.h"
#include "native/test/suites.h"

namespace rst::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kEdges[] = {std::numeric_limits<double>::quiet_NaN(),
                             kInfinity,
                             -kInfinity,
                             0,
                             -0.5,
                             -1,
                             0.5,
                             1,
                             2.5,
                             7,
                             0x1p20,
                             0x1p31,
                             0x1p31 + 1,
                             0x1p32,
                             0x1p40,
                             0x1p53,
                             0x1p53 + 2,
                             -0x1p53,
                             0x1p63,
                             0x1p64,
                             1e300,
                             -1e300,
                             5e-324};

// Fresh memory of two kinds, little of it.
struct Devices {
  static constexpr int64_t kLimit = int64_t{8} << 20;
  DirtyDevice nan{0xFF, {.threads = 1, .memory_limit = kLimit}};
  DirtyDevice number{0x3F, {.threads = 1, .memory_limit = kLimit}};

  Outcome run(const OpExample& example, const OpArguments& arguments, const std::string& what) {
    const auto one = [&](DirtyDevice& dirty) {
      return outcome_of([&] {
        return run_op(dirty.device(), example.op, arguments.inputs, arguments.attributes,
                      InputLayout::kUploaded);
      });
    };
    const Outcome first = one(nan);
    check_same(what, first, one(number));
    if (first.error) CHECK_MESSAGE(first.error->code() != ErrorCode::kInternal, what);
    return first;
  }
};

TEST_SUITE_BEGIN(kCpuOnly);

TEST_CASE(
    "an attribute that is missing, or has no number or two where it takes one, is refused by its name") {
  Devices devices;
  for (const OpExample& example : op_examples()) {
    const OpArguments whole = example.arguments(example.sizes);
    const OpRow& row = find_op(example.op);
    CHECK_MESSAGE(whole.attributes.size() == row.attributes.size(), example.op);
    for (size_t i = 0; i < whole.attributes.size(); ++i) {
      const std::string& name = whole.attributes[i].first;
      const bool is_list = name == "shape" || name == "mean" || name == "std";
      OpArguments arguments = whole;
      arguments.attributes.erase(arguments.attributes.begin() + static_cast<std::ptrdiff_t>(i));
      const Outcome missing = devices.run(example, arguments, example.op + " without " + name);
      REQUIRE_MESSAGE(missing.error, example.op << " ran without '" << name << "'");
      CHECK_MESSAGE(std::string(missing.error->what()).find("'" + name + "'") != std::string::npos,
                    missing.error->what());
      if (is_list) continue;
      for (const std::vector<double>& values : {std::vector<double>{}, {1, 1}}) {
        arguments = whole;
        arguments.attributes[i].second = AttributeValue(values);
        CHECK_MESSAGE(devices.run(example, arguments, example.op + " " + name).error,
                      example.op << " took " << values.size() << " numbers for '" << name << "'");
      }
    }
  }
}

TEST_CASE(
    "a word as an attribute that takes numbers, and any but its words as one that takes a word, are "
    "refused") {
  Devices devices;
  for (const OpExample& example : op_examples()) {
    const OpArguments whole = example.arguments(example.sizes);
    for (size_t i = 0; i < whole.attributes.size(); ++i) {
      const std::string& name = whole.attributes[i].first;
      for (const AttributeValue& value : {AttributeValue("text"), AttributeValue("")}) {
        OpArguments arguments = whole;
        arguments.attributes[i].second = value;
        const Outcome outcome = devices.run(example, arguments, example.op + " " + name);
        // No numbers are an empty list, which a shape may be.
        if (value.word.empty() && name == "shape") continue;
        REQUIRE_MESSAGE(outcome.error, example.op << " took '" << value.word << "' for '" << name << "'");
        CHECK_MESSAGE(std::string(outcome.error->what()).find("'" + name + "'") != std::string::npos,
                      outcome.error->what());
      }
    }
  }
}

TEST_CASE("any number as any attribute of any op gives an answer or an error of its own kind") {
  Devices devices;
  for (const OpExample& example : op_examples()) {
    const OpArguments whole = example.arguments(example.sizes);
    for (size_t i = 0; i < whole.attributes.size(); ++i) {
      const auto& [name, value] = whole.attributes[i];
      for (size_t k = 0; k < value.numbers.size(); ++k) {
        for (const double edge : kEdges) {
          OpArguments arguments = whole;
          arguments.attributes[i].second.numbers[k] = edge;
          const std::string what =
              text_of(example, arguments) + " with " + name + " = " + std::to_string(edge);
          const Outcome outcome = devices.run(example, arguments, what);
          if (edge != edge) CHECK_MESSAGE(outcome.error, what);
        }
      }
    }
  }
}

TEST_CASE("the numbers that place a window may all be large at once") {
  Devices devices;
  for (const OpExample& example : op_examples()) {
    const OpArguments whole = example.arguments(example.sizes);
    for (const double stride : {1.0, 3.0, 0x1p30, 0x1p53}) {
      for (const double padding : {0.0, 5.0, 0x1p20, 0x1p30, 0x1p53}) {
        for (const double kernel : {1.0, 10.0, 0x1p21, 0x1p53}) {
          OpArguments arguments = whole;
          bool used = false, sized = false;
          for (auto& [name, value] : arguments.attributes) {
            const double* to = name == "stride"    ? &stride
                               : name == "padding" ? &padding
                               : name == "kernel"  ? &kernel
                                                   : nullptr;
            if (to) value = AttributeValue{*to};
            used |= name == "padding";
            sized |= name == "kernel";
          }
          if (used && (sized || kernel == 1)) devices.run(example, arguments, text_of(example, arguments));
        }
      }
    }
  }
}

}  // namespace
}  // namespace rst::test

#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <set>
#include <string>

#include "native/test/arguments.h"
#include "native/test/harness.h"
#include "native/test/perf.h"
#include "native/test/suites.h"

namespace rst::test {
namespace {

// The suites that a mode on a device leaves out, as doctest's filter.
std::string excluded_suites(const std::string& device) {
  std::string excluded = device == "cpu" ? kNotCpu : std::string(kCpuOnly) + "," + kNoDevice;
  if (device != "plain") excluded.append(",").append(kPlainOnly);
  return excluded;
}

// Names the gradient ops of the table that no test case ran.
bool all_gradients_ran() {
  const std::set<std::string, std::less<>>& ran = ops_run();
  bool all = true;
  for (const OpRow& row : op_table()) {
    if (!std::string_view(row.name).ends_with("_grad") || ran.count(row.name)) continue;
    std::fprintf(stderr, "No test case of the suite \"%s\" ran the op %s.\n", kGradients, row.name);
    all = false;
  }
  return all;
}

int run(const Arguments& arguments) {
  choose_device(arguments.device);
  std::printf("Device %s: %s\n", arguments.device.c_str(), test_device().backend().description().c_str());
  if (arguments.mode == Mode::kPerf) {
    print_timings(arguments.op);
    return 0;
  }
  doctest::Context context;
  std::vector<const char*> words{"rst_tests"};
  for (const std::string& word : arguments.doctest) words.push_back(word.c_str());
  context.applyCommandLine(static_cast<int>(words.size()), words.data());
  context.addFilter("test-suite-exclude", excluded_suites(arguments.device).c_str());
  if (arguments.mode == Mode::kGrad) context.addFilter("test-suite", kGradients);
  const int failed = context.run();
  if (context.shouldExit() || failed || arguments.mode != Mode::kGrad || !arguments.doctest.empty())
    return failed;
  return all_gradients_ran() ? 0 : 1;
}

}  // namespace
}  // namespace rst::test

// Exit code: 0 all passed, 1 a test failed, 2 wrong use or no such device.
int main(int count, char** words) {
  using namespace rst;
  try {
    const test::Arguments arguments = test::parse_arguments({words + 1, words + count});
    if (arguments.help) {
      std::fputs(test::help_text().c_str(), stdout);
      return 0;
    }
    return test::run(arguments);
  } catch (const Error& error) {
    std::fprintf(stderr, "rst_tests: %s\n", error.what());
    return 2;
  }
}

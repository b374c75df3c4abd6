#include "native/test/arguments.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "native/core/error.h"

namespace rst::test {
namespace {

constexpr std::array<std::pair<std::string_view, Mode>, 3> kModes{
    {{"test", Mode::kTest}, {"grad", Mode::kGrad}, {"perf", Mode::kPerf}}};

// What doctest understands by itself, and help_text lists.
constexpr std::string_view kDoctestOptions[] = {"-tc=", "--test-case=",   "-tce=", "--test-case-exclude=",
                                                "-sf=", "--source-file=", "-ltc",  "--list-test-cases",
                                                "-s",   "--success",      "-d",    "--duration",
                                                "-aa=", "--abort-after=", "-nc",   "--no-colors"};

bool is_doctest(std::string_view word) {
  return std::any_of(std::begin(kDoctestOptions), std::end(kDoctestOptions), [&](std::string_view option) {
    return option.back() == '=' ? word.starts_with(option)
                                : word == option || word == std::string(option) + "=true";
  });
}

}  // namespace

Arguments parse_arguments(const std::vector<std::string>& words) {
  Arguments arguments;
  bool mode_given = false;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    // "--name value" or "--name=value".
    const auto value_of = [&](std::string_view name) -> const char* {
      if (word == name) {
        if (++i == words.size()) throw_argument("Expected a name after " + std::string(name) + ".");
        return words[i].c_str();
      }
      const bool joined = word.starts_with(std::string(name) + "=");
      return joined ? word.c_str() + name.size() + 1 : nullptr;
    };
    if (word == "-h" || word == "--help") {
      arguments.help = true;
    } else if (const char* device = value_of("--device")) {
      arguments.device = device;
    } else if (const char* op = value_of("--op")) {
      arguments.op = op;
    } else if (is_doctest(word)) {
      arguments.doctest.push_back(word);
    } else {
      const auto mode =
          std::find_if(kModes.begin(), kModes.end(), [&](const auto& m) { return m.first == word; });
      if (mode == kModes.end()) {
        throw_argument("Expected test, grad, perf or an option but received '" + word +
                       "'; rst_tests --help lists them.");
      }
      if (std::exchange(mode_given, true)) {
        throw_argument("Expected one mode but received '" + word + "' too.");
      }
      arguments.mode = mode->second;
    }
  }
  if (arguments.mode == Mode::kPerf && !arguments.doctest.empty()) {
    throw_argument("Mode perf runs no test cases, so it does not take " + arguments.doctest[0] +
                   "; choose an op with --op NAME.");
  }
  if (arguments.mode != Mode::kPerf && !arguments.op.empty()) {
    throw_argument("--op belongs to mode perf; choose test cases with -tc=\"*WORD*\".");
  }
  return arguments;
}

std::string help_text() {
  return R"(Usage: rst_tests [test | grad | perf] [--device NAME] [options]

Runs the table of ops on one device.

  test   every test case that the device can run (default)
  grad   only gradients, against central differences in double precision; fails if a gradient op has no test
  perf   times each op over a small table of shapes and says where it ran

  --device NAME              cpu (default), or the name of a backend's library, such as plain, which is made for
                             these tests
  --op NAME                  perf: only this op
  -tc=, --test-case=F,…      only test cases whose name matches, as in -tc="*softmax*"
  -tce=, --test-case-exclude=F,…   all but those
  -sf=, --source-file=F,…    only test cases of matching files
  -ltc, --list-test-cases    names them
  -s, --success              shows what passed too
  -d, --duration             shows how long each test case took
  -aa=, --abort-after=N      stops after N failures
  -nc, --no-colors
  -h, --help
)";
}

}  // namespace rst::test

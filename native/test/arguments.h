// The command line of rst_tests.
#pragma once

#include <string>
#include <vector>

namespace rst::test {

enum class Mode { kTest, kGrad, kPerf };

struct Arguments {
  Mode mode = Mode::kTest;
  std::string device = "cpu";
  std::string op;  // mode perf: of this op alone; empty for all
  bool help = false;
  std::vector<std::string> doctest;  // handed on
};

// Throws Error(kArgument) with a sentence for whoever typed what it does not know.
Arguments parse_arguments(const std::vector<std::string>& words);

std::string help_text();

}  // namespace rst::test

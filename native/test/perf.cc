#include "native/test/perf.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <set>
#include <vector>

#include "native/test/op_examples.h"

namespace rst::test {
namespace {

constexpr int kCalls = 9;

// An inner layer of a small network: 32 images, 32 channels, 16×16 pixels, 3×3 kernels.
int64_t perf_size(char letter) {
  switch (letter) {
    case 'N':
    case 'C':
    case 'K':
      return 32;
    case 'M':
      return 256;
    case 'R':
    case 'S':
      return 3;
    default:
      return 16;
  }
}

// The first example of each op, which has images where the op takes some.
std::vector<const OpExample*> timed_examples(const std::string& op) {
  std::vector<const OpExample*> chosen;
  std::set<std::string> seen;
  for (const OpExample& example : op_examples()) {
    if ((op.empty() || example.op == op) && seen.insert(example.op).second) chosen.push_back(&example);
  }
  return chosen;
}

double call_microseconds(Device& device, const OpExample& example, const OpCall& call) {
  using Clock = std::chrono::steady_clock;
  finish(device);
  const auto start = Clock::now();
  const std::vector<Tensor> outputs = device.run(example.op, call);
  finish(device);
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

}  // namespace

void print_timings(const std::string& op) {
  if (!op.empty()) find_op(op);
  Device& device = *device_under_test().devices().back();
  std::printf("%-30s %12s   %s\n", "op", "µs", "inputs");
  for (const OpExample* example : timed_examples(op)) {
    Sizes sizes = example->sizes;
    for (auto& [letter, size] : sizes) size = perf_size(letter);
    const OpArguments arguments = example->arguments(sizes);
    const OpCall call =
        place_call(device, example->op, arguments.inputs, arguments.attributes, InputLayout::kForward);
    std::vector<double> times;
    for (int i = 0; i < kCalls; ++i) times.push_back(call_microseconds(device, *example, call));
    std::nth_element(times.begin(), times.begin() + kCalls / 2, times.end());
    std::string shapes;
    for (const HostTensor& input : arguments.inputs) {
      if (input.defined()) shapes.append(shapes.empty() ? "" : " ").append(input.shape.to_string());
    }
    const bool lacking = !device.backend().kernels().find(example->op);
    std::printf("%-30s %12.1f   %s%s\n", example->op.c_str(), times[kCalls / 2], shapes.c_str(),
                lacking ? " (on the CPU, down and up)" : "");
  }
}

}  // namespace rst::test

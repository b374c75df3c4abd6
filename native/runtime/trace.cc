#include "native/runtime/trace.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace rst {
namespace {

// Position of the first NaN, −1 where there is none.
int64_t first_nan(const Tensor& tensor, const ReadTensor& read_tensor) {
  if (!tensor.defined() || tensor.dtype != DType::kF32 || tensor.elements() == 0) return -1;
  std::vector<float> values(static_cast<size_t>(tensor.elements()));
  read_tensor(tensor, values.data());
  const auto found =
      std::find_if(values.begin(), values.end(), [](float value) { return std::isnan(value); });
  return found == values.end() ? -1 : found - values.begin();
}

void to_stderr(const std::string& line) {
  // One write a line: lines of several devices do not mix.
  std::fputs(("rst: " + line + "\n").c_str(), stderr);
}

}  // namespace

DebugSwitches parse_switches(const char* trace, const char* debug,
                             const std::function<void(const std::string&)>& complain) {
  DebugSwitches switches;
  const std::string_view wanted = trace == nullptr ? "" : trace;
  switches.trace = wanted == "1";
  if (!wanted.empty() && wanted != "1" && wanted != "0") {
    complain("RST_TRACE is 1 or 0, not " + std::string(wanted) + ".");
  }
  std::string_view rest = debug == nullptr ? "" : debug;
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view word = rest.substr(0, comma);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    if (word == "nan") {
      switches.nan = true;
    } else if (word == "sync") {
      switches.sync = true;
    } else if (!word.empty() && word != "1") {
      complain("RST_DEBUG knows 1 (stack traces), nan and sync, with commas between them, not " +
               std::string(word) + ".");
    }
  }
  return switches;
}

const DebugSwitches debug_switches =
    parse_switches(std::getenv("RST_TRACE"), std::getenv("RST_DEBUG"), to_stderr);

std::string describe_op(std::string_view op, std::span<const Tensor> inputs,
                        std::span<const Tensor> outputs) {
  std::string text(op);
  const auto add = [&](std::span<const Tensor> tensors) {
    for (const Tensor& tensor : tensors) {
      text += ' ';
      text += tensor.defined() ? tensor.shape.to_string() : "none";
    }
  };
  add(inputs);
  if (!outputs.empty()) text += " ->";
  add(outputs);
  return text;
}

void TraceSpan::print() const {
  const auto elapsed = std::chrono::steady_clock::now() - started_;
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(elapsed).count();
  to_stderr(describe_op(op_, inputs_, outputs_) + " " + std::to_string(us) + " us");
}

void check_for_nan(std::string_view op, std::span<const Tensor> read, std::span<const Tensor> written,
                   const ReadTensor& read_tensor) {
  for (const Tensor& tensor : written) {
    const int64_t position = first_nan(tensor, read_tensor);
    if (position < 0) continue;
    const bool came_in = std::any_of(read.begin(), read.end(),
                                     [&](const Tensor& input) { return first_nan(input, read_tensor) >= 0; });
    if (came_in) return;
    throw Error(ErrorCode::kInternal, "RST_DEBUG=nan: " + describe_op(op, read, written) +
                                          " made a NaN, at element " + std::to_string(position) +
                                          "; what it read has none.");
  }
}

}  // namespace rst

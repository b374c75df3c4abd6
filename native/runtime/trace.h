// What RST_TRACE and RST_DEBUG ask for (docs/debugging.md). Nothing here runs where they are not set.
#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "native/core/tensor.h"

namespace rst {

struct DebugSwitches {
  bool trace = false;  // a line on stderr for each op
  bool nan = false;    // the first op that makes a NaN fails
  bool sync = false;   // each call waits for its op, and throws what it failed with
};

// Values of the two environment variables, null where they are not set; `complain` is told of words that mean
// nothing.
DebugSwitches parse_switches(const char* trace, const char* debug,
                             const std::function<void(const std::string&)>& complain);

// Those of the process, read when the library is loaded.
extern const DebugSwitches debug_switches;

// "conv2d [8, 3, 32, 32] [64, 3, 3, 3] -> [8, 64, 32, 32]"
std::string describe_op(std::string_view op, std::span<const Tensor> inputs, std::span<const Tensor> outputs);

// Prints an op and its microseconds when it goes out of scope, if RST_TRACE=1. Of a backend that computes
// later they are those until it has taken the call.
class TraceSpan {
 public:
  TraceSpan(std::string_view op, std::span<const Tensor> inputs, std::span<const Tensor> outputs)
      : op_(op), inputs_(inputs), outputs_(outputs) {
    if (debug_switches.trace) started_ = std::chrono::steady_clock::now();
  }
  ~TraceSpan() {
    if (debug_switches.trace) print();
  }
  TraceSpan(const TraceSpan&) = delete;
  TraceSpan& operator=(const TraceSpan&) = delete;

 private:
  void print() const;

  const std::string_view op_;
  const std::span<const Tensor> inputs_, outputs_;
  std::chrono::steady_clock::time_point started_;
};

// The elements of a tensor, once they are computed.
using ReadTensor = std::function<void(const Tensor&, void* bytes)>;

// Throws Error(kInternal) where a tensor that the op wrote has a NaN and none that it only read has one: then
// the op made it.
void check_for_nan(std::string_view op, std::span<const Tensor> read, std::span<const Tensor> written,
                   const ReadTensor& read_tensor);

}  // namespace rst

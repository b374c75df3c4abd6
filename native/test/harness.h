// Runs ops through a device, as a binding would, and compares them with plain references in double precision.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "native/test/devices.h"
#include "native/test/host_tensor.h"

namespace rst::test {

using AttributeList = std::vector<std::pair<std::string, AttributeValue>>;

// The values on a device, in that layout where the dtype has layouts; and back. Reading throws the tensor's
// Error.
Tensor place(Device& device, const HostTensor& values, DType dtype, InputLayout layout);
HostTensor read(Device& device, const Tensor& tensor);

// Waits until all that was given to the device so far is complete; throws what it failed with.
void finish(Device& device);

// A call of the op whose inputs lie on the device, and what it gives (see run_op).
OpCall place_call(Device& device, std::string_view op, const std::vector<HostTensor>& inputs,
                  const AttributeList& attributes, InputLayout layout);
std::vector<HostTensor> run_call(Device& device, std::string_view op, const OpCall& call);

// Values are converted to the dtypes that the op's row names. Returns the outputs (an absent one is
// undefined), then the new values of the inputs that the op changes. Throws the op's Error.
std::vector<HostTensor> run_op(Device& device, std::string_view op, const std::vector<HostTensor>& inputs,
                               const AttributeList& attributes = {},
                               InputLayout layout = InputLayout::kUploaded);

// Runs on every device of the device under test and checks that all give the same bits.
std::vector<HostTensor> run_op(std::string_view op, const std::vector<HostTensor>& inputs,
                               const AttributeList& attributes = {},
                               InputLayout layout = InputLayout::kUploaded);

// The ops that ran so far, by any of these.
const std::set<std::string, std::less<>>& ops_run();

// Every element within tolerance · max(|expected|, root mean square of expected), where the tolerance is the
// CPU's: that of the device under test follows. NaN equals NaN.
void check_close(std::string_view what, const HostTensor& actual, const HostTensor& expected,
                 double tolerance);

// Runs in all input layouts on every device of the device under test, and compares what run_op returns with
// `expected`.
void check_op(std::string_view op, const std::vector<HostTensor>& inputs, const AttributeList& attributes,
              const std::vector<HostTensor>& expected, double tolerance);

// Checks that the op throws an Error of that code, at once or when its output is read.
void check_throws(ErrorCode code, std::string_view op, const std::vector<HostTensor>& inputs,
                  const AttributeList& attributes = {});

using Forward = std::function<HostTensor(const std::vector<HostTensor>& inputs)>;

// Checks that `gradient` is the derivative of Σ cotangent · forward(inputs) to inputs[which], by central
// differences of the double-precision forward. Large gradients are sampled at 40 elements.
void check_gradient(std::string_view what, const Forward& forward, std::vector<HostTensor> inputs,
                    size_t which, const HostTensor& cotangent, const HostTensor& gradient,
                    double tolerance = 1e-3);

}  // namespace rst::test

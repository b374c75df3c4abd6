// Runs ops through a device, as a binding would, and compares them with plain references in double precision.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "native/runtime/device.h"

namespace rst::test {

// A tensor on the host, row-major. The default stands for an absent optional input or output.
struct HostTensor {
  Shape shape;
  std::vector<double> values;

  bool defined() const { return static_cast<int64_t>(values.size()) == shape.elements(); }
};

HostTensor filled(const Shape& shape, double value);
// Uniform in [low, high), every value a float; the same for the same arguments.
HostTensor random_tensor(const Shape& shape, uint32_t seed, double low = -1, double high = 1);
// Whole numbers, uniform in 0 … count − 1.
HostTensor random_integers(const Shape& shape, uint32_t seed, int64_t count);

using AttributeList = std::vector<std::pair<std::string, AttributeValue>>;

// The attribute value of a shape.
std::vector<double> dims_of(const Shape& shape);

Device& cpu_device(int threads);

// What the device's backend tells about itself under that name.
double number_fact(Device& device, std::string_view name);
std::string word_fact(Device& device, std::string_view name);

// How inputs lie in memory when the op starts.
enum class InputLayout {
  kUploaded,
  kBlocked,  // as ops on the activations of a batch leave them, with numbers in the lanes of no image
  kPlanar,   // as ops on the activations of a few images leave them; of more: blocked
};
// The layouts that the inputs can lie in.
std::vector<InputLayout> layouts_of(const std::vector<HostTensor>& inputs);

// The values on a device, in that layout where the dtype has layouts; and back. Reading throws the tensor's
// Error.
Tensor place(Device& device, const HostTensor& values, DType dtype, InputLayout layout);
HostTensor read(Device& device, const Tensor& tensor);

bool same_bits(const HostTensor& a, const HostTensor& b);

// A call of the op whose inputs lie on the device, and what it gives (see run_op).
OpCall place_call(Device& device, std::string_view op, const std::vector<HostTensor>& inputs,
                  const AttributeList& attributes, InputLayout layout);
std::vector<HostTensor> run_call(Device& device, std::string_view op, const OpCall& call);

// Values are converted to the dtypes that the op's row names. Returns the outputs (an absent one is
// undefined), then the new values of the inputs that the op changes. Throws the op's Error.
std::vector<HostTensor> run_op(Device& device, std::string_view op, const std::vector<HostTensor>& inputs,
                               const AttributeList& attributes = {},
                               InputLayout layout = InputLayout::kUploaded);

// Runs with 1 and with 2 threads and checks that both give the same bits.
std::vector<HostTensor> run_op(std::string_view op, const std::vector<HostTensor>& inputs,
                               const AttributeList& attributes = {},
                               InputLayout layout = InputLayout::kUploaded);

// Every element within tolerance · max(|expected|, root mean square of expected). NaN equals NaN.
void check_close(std::string_view what, const HostTensor& actual, const HostTensor& expected,
                 double tolerance);

// Runs in all input layouts, each with 1 and 2 threads, and compares what run_op returns with `expected`.
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

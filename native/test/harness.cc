#include "native/test/harness.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <future>
#include <sstream>

namespace rst::test {
namespace {

constexpr int64_t kGradientSamples = 40;
// Balances truncation against rounding of central differences in double precision.
constexpr double kDifferenceStep = 1e-5;

template <class T>
std::shared_ptr<void> to_bytes(const std::vector<double>& values) {
  auto typed = std::make_shared<std::vector<T>>(values.begin(), values.end());
  return {typed, typed->data()};
}

Tensor upload(Device& device, const HostTensor& host, DType dtype) {
  const auto bytes = dtype == DType::kF32   ? to_bytes<float>(host.values)
                     : dtype == DType::kI32 ? to_bytes<int32_t>(host.values)
                                            : to_bytes<uint8_t>(host.values);
  return device.upload(host.shape, dtype, bytes.get(), bytes);
}

template <class T>
HostTensor download_as(Device& device, const Tensor& tensor) {
  // A spare element keeps data() valid for empty tensors.
  std::vector<T> elements(static_cast<size_t>(tensor.elements()) + 1);
  std::promise<Failure> done;
  device.download(tensor, elements.data(), [&](Failure failure) { done.set_value(failure); });
  if (const auto failure = done.get_future().get()) throw *failure;
  return {tensor.shape, {elements.begin(), elements.end() - 1}};
}

Tensor constant(Device& device, const Shape& shape, double value) {
  OpCall call;
  call.attributes.set("shape", dims_of(shape));
  call.attributes.set("value", {value});
  return device.run("fill", call)[0];
}

// The same values as ops on activations leave them: adds a sum of opposite numbers, which is zero in every
// image but not where a backend pads the batch with images that do not exist.
Tensor as_activation(Device& device, const Tensor& tensor, InputLayout layout) {
  if (tensor.dtype != DType::kF32 || tensor.shape.rank() < 2) return tensor;
  constexpr double kPadding = 1000;
  Tensor minus = constant(device, tensor.shape, -kPadding);
  const Tensor plus = constant(device, {tensor.shape[1]}, kPadding);
  if (layout == InputLayout::kGradient) {
    // Of the identity.
    OpCall call{{minus, {}, constant(device, {tensor.shape[1]}, 1), {}}, {}};
    for (const char* name : {"eps", "relu", "residual"}) call.attributes.set(name, {0});
    minus = device.run("batch_norm_eval_grad", call)[0];
  }
  const Tensor zeros = device.run("bias_add", {{minus, plus}, {}})[0];
  return device.run("add", {{tensor, zeros}, {}})[0];
}

double root_mean_square(const std::vector<double>& values) {
  double sum = 0;
  int64_t count = 0;
  for (double v : values) {
    if (!std::isfinite(v)) continue;
    sum += v * v;
    ++count;
  }
  return count ? std::sqrt(sum / static_cast<double>(count)) : 0;
}

std::string index_text(const Shape& shape, int64_t flat) {
  std::vector<int64_t> index(static_cast<size_t>(shape.rank()));
  for (int i = shape.rank() - 1; i >= 0; --i) {
    index[static_cast<size_t>(i)] = flat % shape[i];
    flat /= shape[i];
  }
  std::ostringstream text;
  text << '(';
  for (size_t i = 0; i < index.size(); ++i) text << (i ? ", " : "") << index[i];
  text << ')';
  return text.str();
}

bool close(double actual, double expected, double slack) {
  if (std::isnan(expected) || std::isinf(expected)) {
    return std::isnan(expected) ? std::isnan(actual) : actual == expected;
  }
  return std::abs(actual - expected) <= slack;
}

std::set<std::string, std::less<>>& ran() {
  static std::set<std::string, std::less<>> names;
  return names;
}

double dot(const HostTensor& a, const HostTensor& b) {
  double sum = 0;
  for (size_t i = 0; i < a.values.size(); ++i) sum += a.values[i] * b.values[i];
  return sum;
}

}  // namespace

Tensor place(Device& device, const HostTensor& values, DType dtype, InputLayout layout) {
  const Tensor tensor = upload(device, values, dtype);
  return layout == InputLayout::kUploaded ? tensor : as_activation(device, tensor, layout);
}

void finish(Device& device) {
  std::promise<Failure> done;
  device.finish([&](Failure failure) { done.set_value(failure); });
  if (const Failure failure = done.get_future().get()) throw Error(*failure);
}

HostTensor read(Device& device, const Tensor& tensor) {
  if (tensor.bytes() > int64_t{1} << 30) {  // what did not fit there would not fit here
    device.stream().synchronize();
    if (tensor.storage->failure) throw Error(*tensor.storage->failure);
  }
  return tensor.dtype == DType::kF32   ? download_as<float>(device, tensor)
         : tensor.dtype == DType::kI32 ? download_as<int32_t>(device, tensor)
                                       : download_as<uint8_t>(device, tensor);
}

OpCall place_call(Device& device, std::string_view op, const std::vector<HostTensor>& inputs,
                  const AttributeList& attributes, InputLayout layout) {
  const OpRow& row = find_op(op);
  if (inputs.size() != row.inputs.size()) {
    throw_argument(std::string(op) + " takes " + std::to_string(row.inputs.size()) + " inputs.");
  }
  OpCall call;
  for (const auto& [name, values] : attributes) call.attributes.set(name, values);
  for (size_t i = 0; i < inputs.size(); ++i) {
    call.inputs.push_back(inputs[i].defined() ? place(device, inputs[i], row.inputs[i].dtype, layout)
                                              : Tensor{});
  }
  return call;
}

std::vector<HostTensor> run_call(Device& device, std::string_view op, const OpCall& call) {
  const OpRow& row = find_op(op);
  ran().emplace(op);
  const std::vector<Tensor> outputs = device.run(op, call);
  std::vector<HostTensor> results;
  for (const Tensor& output : outputs) {
    results.push_back(output.defined() ? read(device, output) : HostTensor{});
  }
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    if (row.inputs[i].mutated && call[i].defined()) results.push_back(read(device, call[i]));
  }
  return results;
}

const std::set<std::string, std::less<>>& ops_run() {
  return ran();
}

std::vector<HostTensor> run_op(Device& device, std::string_view op, const std::vector<HostTensor>& inputs,
                               const AttributeList& attributes, InputLayout layout) {
  return run_call(device, op, place_call(device, op, inputs, attributes, layout));
}

std::vector<HostTensor> run_op(std::string_view op, const std::vector<HostTensor>& inputs,
                               const AttributeList& attributes, InputLayout layout) {
  const std::vector<Device*>& devices = device_under_test().devices();
  const auto results = run_op(*devices[0], op, inputs, attributes, layout);
  for (size_t d = 1; d < devices.size(); ++d) {
    const auto others = run_op(*devices[d], op, inputs, attributes, layout);
    for (size_t i = 0; i < results.size(); ++i) {
      CHECK_MESSAGE(same_bits(results[i], others[i]), op << " gives other bits in output " << i << " on "
                                                         << devices[d]->backend().description());
    }
  }
  return results;
}

void check_close(std::string_view what, const HostTensor& actual, const HostTensor& expected,
                 double tolerance) {
  CHECK_MESSAGE(actual.defined() == expected.defined(),
                what << (expected.defined() ? " left its output out" : " gave an output not asked for"));
  CHECK_MESSAGE(actual.shape == expected.shape,
                what << " has shape " << actual.shape.to_string() << ", not " << expected.shape.to_string());
  if (actual.values.empty() || actual.values.size() != expected.values.size()) return;
  const double scale = root_mean_square(expected.values);
  tolerance *= device_under_test().tolerance();
  int64_t wrong = 0, first = 0;
  for (int64_t i = static_cast<int64_t>(actual.values.size()) - 1; i >= 0; --i) {
    const double a = actual.values[static_cast<size_t>(i)], e = expected.values[static_cast<size_t>(i)];
    if (close(a, e, tolerance * std::max(std::abs(e), scale))) continue;
    ++wrong;
    first = i;
  }
  CHECK_MESSAGE(wrong == 0, what << ": " << wrong << " of " << actual.values.size() << " elements of "
                                 << expected.shape.to_string() << " differ, the first at "
                                 << index_text(expected.shape, first) << ": "
                                 << actual.values[static_cast<size_t>(first)] << " instead of "
                                 << expected.values[static_cast<size_t>(first)]);
}

void check_op(std::string_view op, const std::vector<HostTensor>& inputs, const AttributeList& attributes,
              const std::vector<HostTensor>& expected, double tolerance) {
  constexpr const char* kNames[] = {"", " (inputs as ops leave them)", " (inputs as gradients leave them)"};
  for (const InputLayout layout : device_under_test().layouts_of(inputs)) {
    const auto actual = run_op(op, inputs, attributes, layout);
    REQUIRE(actual.size() == expected.size());
    for (size_t i = 0; i < actual.size(); ++i) {
      const std::string what =
          std::string(op) + " output " + std::to_string(i) + kNames[static_cast<int>(layout)];
      check_close(what, actual[i], expected[i], tolerance);
    }
  }
}

void check_throws(ErrorCode code, std::string_view op, const std::vector<HostTensor>& inputs,
                  const AttributeList& attributes) {
  try {
    run_op(test_device(), op, inputs, attributes);
    FAIL_CHECK(op << " accepted a wrong call");
  } catch (const Error& error) {
    CHECK_MESSAGE(error.code() == code, op << ": " << error.what());
  }
}

void check_gradient(std::string_view what, const Forward& forward, std::vector<HostTensor> inputs,
                    size_t which, const HostTensor& cotangent, const HostTensor& gradient, double tolerance) {
  REQUIRE_MESSAGE(gradient.shape == inputs[which].shape, what << " has the shape of another input");
  const auto total = static_cast<int64_t>(gradient.values.size());
  const int64_t samples = std::min(total, kGradientSamples);
  const double scale = root_mean_square(gradient.values);
  tolerance *= device_under_test().tolerance();
  for (int64_t s = 0; s < samples; ++s) {
    // Spread over the whole tensor, its first and last element included.
    const int64_t i = samples > 1 ? s * (total - 1) / (samples - 1) : 0;
    double& element = inputs[which].values[static_cast<size_t>(i)];
    const double value = element;
    element = value + kDifferenceStep;
    const double above = dot(cotangent, forward(inputs));
    element = value - kDifferenceStep;
    const double below = dot(cotangent, forward(inputs));
    element = value;
    const double expected = (above - below) / (2 * kDifferenceStep);
    const double actual = gradient.values[static_cast<size_t>(i)];
    CHECK_MESSAGE(close(actual, expected, tolerance * std::max(std::abs(expected), scale)),
                  what << " of shape " << gradient.shape.to_string() << " at "
                       << index_text(gradient.shape, i) << ": " << actual << " but central differences give "
                       << expected);
  }
}

}  // namespace rst::test

#include "native/ops/op_table.h"

#include <cmath>

namespace rst {

std::span<const double> Attributes::list(const char* name) const {
  const auto it = values_.find(std::string_view(name));
  if (it == values_.end())
    throw_argument(std::string("Expected the attribute '") + name + "' but it is missing.");
  return it->second;
}

double Attributes::number(const char* name) const {
  const auto values = list(name);
  if (values.size() != 1 || std::isnan(values[0])) {
    throw_argument(std::string("Expected one number for '") + name + "' but received " +
                   (values.size() == 1 ? "NaN" : std::to_string(values.size()) + " values") + ".");
  }
  return values[0];
}

int64_t Attributes::integer(const char* name, int64_t low) const {
  const double value = number(name);
  if (value != std::floor(value) || value < static_cast<double>(low) || value > 0x1p53) {
    throw_argument(std::string("Expected a whole number of at least ") + std::to_string(low) + " for '" +
                   name + "' but received " + std::to_string(value) + ".");
  }
  return static_cast<int64_t>(value);
}

std::vector<float> Attributes::floats(const char* name) const {
  const auto values = list(name);
  return {values.begin(), values.end()};
}

Shape Attributes::shape(const char* name) const {
  std::vector<int64_t> dims;
  for (double d : list(name)) {
    if (!(d >= 0 && d <= 0x1p31) || d != std::floor(d)) {
      throw_shape(std::string("Expected whole numbers of at least 0 in '") + name + "' but received " +
                  std::to_string(d) + ".");
    }
    dims.push_back(static_cast<int64_t>(d));
  }
  return Shape(std::span<const int64_t>(dims));
}

const std::vector<OpSpec>& op_table() {
  static const std::vector<OpSpec> table = [] {
    std::vector<OpSpec> all;
    for (auto family : {attack_ops, conv_ops, data_ops, elementwise_ops, loss_ops, mask_ops, norm_ops,
                        optim_ops, pool_ops, random_ops, reduce_ops}) {
      for (OpSpec& spec : family()) all.push_back(std::move(spec));
    }
    return all;
  }();
  return table;
}

const OpSpec& find_op(std::string_view name) {
  static const std::map<std::string_view, const OpSpec*> index = [] {
    std::map<std::string_view, const OpSpec*> by_name;
    for (const OpSpec& spec : op_table()) by_name[spec.name] = &spec;
    return by_name;
  }();
  const auto it = index.find(name);
  if (it == index.end()) throw_argument("There is no op named '" + std::string(name) + "'.");
  return *it->second;
}

std::vector<std::optional<TensorDesc>> check_call(const OpSpec& spec, const OpCall& call) {
  const std::string op = spec.name;
  if (call.inputs.size() != spec.inputs.size()) {
    throw_argument(op + " expects " + std::to_string(spec.inputs.size()) + " inputs but received " +
                   std::to_string(call.inputs.size()) + ".");
  }
  for (size_t i = 0; i < spec.inputs.size(); ++i) {
    const InputSpec& input = spec.inputs[i];
    const Tensor& tensor = call.inputs[i];
    if (!tensor.defined()) {
      if (!input.optional)
        throw_argument(op + " expects a tensor for '" + input.name + "' but received none.");
    } else if (tensor.dtype != input.dtype) {
      throw_argument(op + " expects " + dtype_name(input.dtype) + " for '" + input.name + "' but received " +
                     dtype_name(tensor.dtype) + ".");
    }
  }
  for (size_t i = 0; i < spec.inputs.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (!spec.inputs[i].mutated || !spec.inputs[j].mutated || !call[i].defined()) continue;
      if (call[i].storage != call[j].storage) continue;
      throw_argument(op + " expects two tensors for '" + spec.inputs[j].name + "' and '" +
                     spec.inputs[i].name + "' but received one.");
    }
  }
  for (const char* name : spec.attributes) call.attributes.list(name);
  return spec.infer(call);
}

void expect_rank(const char* op, const char* input, const Tensor& t, int low, int high) {
  if (t.shape.rank() >= low && t.shape.rank() <= high) return;
  throw_shape(std::string(op) + " expects " +
              (low == high ? "rank " + std::to_string(low)
                           : "a rank from " + std::to_string(low) + " to " + std::to_string(high)) +
              " for '" + input + "' but received the shape " + t.shape.to_string() + ".");
}

void expect_shape(const char* op, const char* input, const Tensor& t, const Shape& expected) {
  if (t.shape == expected) return;
  throw_shape(std::string(op) + " expects the shape " + expected.to_string() + " for '" + input +
              "' but received " + t.shape.to_string() + ".");
}

}  // namespace rst

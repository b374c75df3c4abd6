#include "native/ops/op_table.h"

#include <map>
#include <string>

namespace rst {

const std::vector<OpRow>& op_table() {
  static const std::vector<OpRow> table = [] {
    std::vector<OpRow> all;
    for (auto family : {attack_ops, conv_ops, data_ops, elementwise_ops, loss_ops, mask_ops, norm_ops,
                        optim_ops, pool_ops, random_ops, reduce_ops}) {
      for (OpRow& row : family()) all.push_back(std::move(row));
    }
    return all;
  }();
  return table;
}

const OpRow& find_op(std::string_view name) {
  static const std::map<std::string_view, const OpRow*> index = [] {
    std::map<std::string_view, const OpRow*> by_name;
    for (const OpRow& row : op_table()) by_name[row.name] = &row;
    return by_name;
  }();
  const auto it = index.find(name);
  if (it == index.end()) throw_argument("There is no op named '" + std::string(name) + "'.");
  return *it->second;
}

ParsedCall parse_call(const OpRow& row, const OpCall& call) {
  const std::string op = row.name;
  if (call.inputs.size() != row.inputs.size()) {
    throw_argument(op + " expects " + std::to_string(row.inputs.size()) + " inputs but received " +
                   std::to_string(call.inputs.size()) + ".");
  }
  for (size_t i = 0; i < row.inputs.size(); ++i) {
    const InputSpec& input = row.inputs[i];
    const Tensor& tensor = call.inputs[i];
    if (!tensor.defined()) {
      if (!input.optional)
        throw_argument(op + " expects a tensor for '" + input.name + "' but received none.");
    } else if (tensor.dtype != input.dtype) {
      throw_argument(op + " expects " + dtype_name(input.dtype) + " for '" + input.name + "' but received " +
                     dtype_name(tensor.dtype) + ".");
    }
  }
  for (size_t i = 0; i < row.inputs.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (!row.inputs[i].mutated || !row.inputs[j].mutated || !call[i].defined()) continue;
      if (call[i].storage != call[j].storage) continue;
      throw_argument(op + " expects two tensors for '" + row.inputs[j].name + "' and '" + row.inputs[i].name +
                     "' but received one.");
    }
  }
  for (const AttributeSpec& attribute : row.attributes) {
    if (attribute.words.empty()) {
      call.attributes.list(attribute.name);
    } else {
      call.attributes.word(attribute.name, attribute.words);
    }
  }
  return row.parse(call);
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

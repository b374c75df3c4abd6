// The one table of ops: name, inputs, attributes, the contract in words, and how a call is checked. Backends
// register a kernel for a row (native/runtime/kernel_table.h); bindings and tests read the table, so that an
// op is added in one place. Each family's rows stand in the .cc file of its name, the parameters that its
// kernels get in the .h file.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "native/core/tensor.h"
#include "native/ops/attributes.h"

namespace rst {

struct TensorDesc {
  Shape shape;
  DType dtype = DType::kF32;
};

// What comes out of an op; an empty entry is an output not asked for.
using Outputs = std::vector<std::optional<TensorDesc>>;

struct OpCall {
  std::vector<Tensor> inputs;
  Attributes attributes;

  const Tensor& operator[](size_t i) const { return inputs[i]; }
};

// What a checked call comes to. The parameters are of the type that the op's family names; none where the op
// has no attributes that a kernel needs.
struct ParsedCall {
  Outputs outputs;
  std::shared_ptr<const void> params;
};

template <class Params>
ParsedCall parsed(Outputs outputs, Params params) {
  return {std::move(outputs), std::make_shared<const Params>(std::move(params))};
}

struct InputSpec {
  const char* name;
  DType dtype = DType::kF32;
  bool optional = false;  // the caller may pass nothing
  bool mutated = false;   // changed in place
  // Lies in memory in its own way: another input that is the same tensor comes as a copy, as it does beside a
  // mutated one.
  bool unshared = false;
};

struct AttributeSpec {
  AttributeSpec(const char* name, Words words = {}) : name(name), words(words) {}

  const char* name;
  Words words;  // what it may be, if it is a word
};

struct OpRow {
  const char* name;
  std::vector<InputSpec> inputs;
  std::vector<AttributeSpec> attributes;
  // Shapes, formula, and what a kernel must do alike on every backend.
  const char* contract;
  // Checks shapes and attributes; throws Error.
  std::function<ParsedCall(const OpCall&)> parse;
};

// All ops, sorted by family.
const std::vector<OpRow>& op_table();
// Throws Error(kArgument) for an unknown name.
const OpRow& find_op(std::string_view name);

// Checks count, presence and dtype of the inputs and that all attributes are there, then the op's own rule.
ParsedCall parse_call(const OpRow& row, const OpCall& call);

// Shape checks that rows share; each throws Error(kShape) that names the op and both shapes.
void expect_rank(const char* op, const char* input, const Tensor& t, int low, int high);
void expect_shape(const char* op, const char* input, const Tensor& t, const Shape& expected);

// The rows of each family.
std::vector<OpRow> attack_ops();
std::vector<OpRow> conv_ops();
std::vector<OpRow> data_ops();
std::vector<OpRow> elementwise_ops();
std::vector<OpRow> loss_ops();
std::vector<OpRow> mask_ops();
std::vector<OpRow> norm_ops();
std::vector<OpRow> optim_ops();
std::vector<OpRow> pool_ops();
std::vector<OpRow> random_ops();
std::vector<OpRow> reduce_ops();

}  // namespace rst

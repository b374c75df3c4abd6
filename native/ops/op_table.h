// The one table of ops: name, inputs, attributes, shape rule, call. Bindings and tests read it, so that an op
// is added in one place. Each family's rows stand in the .cc file of its name.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "native/ops/backend.h"

namespace rst {

// An op's numbers, by name. Seeds and sizes are exact up to 2^53.
class Attributes {
 public:
  void set(std::string name, std::vector<double> values) { values_[std::move(name)] = std::move(values); }

  bool has(const char* name) const { return values_.count(name) > 0; }
  // One number; throws Error(kArgument) when it is missing.
  double number(const char* name) const;
  // A whole number in [low, 2^53].
  int64_t integer(const char* name, int64_t low = 0) const;
  bool flag(const char* name) const { return number(name) != 0; }
  std::span<const double> list(const char* name) const;
  std::vector<float> floats(const char* name) const;
  Shape shape(const char* name) const;

 private:
  std::map<std::string, std::vector<double>, std::less<>> values_;
};

struct TensorDesc {
  Shape shape;
  DType dtype = DType::kF32;
};

struct OpCall {
  std::vector<Tensor> inputs;
  Attributes attributes;

  const Tensor& operator[](size_t i) const { return inputs[i]; }
};

struct InputSpec {
  const char* name;
  DType dtype = DType::kF32;
  bool optional = false;  // the caller may pass nothing
  bool mutated = false;   // changed in place
  // Lies in memory in its own way: another input that is the same tensor comes as a copy, as it does beside a
  // mutated one.
  bool unshared = false;
};

struct OpSpec {
  const char* name;
  std::vector<InputSpec> inputs;
  std::vector<const char*> attributes;
  // Checks shapes and attributes, and says what comes out; an empty entry is an output not asked for.
  std::function<std::vector<std::optional<TensorDesc>>(const OpCall&)> infer;
  std::function<void(Backend&, const OpCall&, std::span<const Tensor> outputs)> run;
};

// All ops, sorted by family.
const std::vector<OpSpec>& op_table();
// Throws Error(kArgument) for an unknown name.
const OpSpec& find_op(std::string_view name);

// Checks count, presence and dtype of the inputs and that all attributes are there, then the op's own rule.
std::vector<std::optional<TensorDesc>> check_call(const OpSpec& spec, const OpCall& call);

// Shape checks that rows share; each throws Error(kShape) that names the op and both shapes.
void expect_rank(const char* op, const char* input, const Tensor& t, int low, int high);
void expect_shape(const char* op, const char* input, const Tensor& t, const Shape& expected);

// With the eps, momentum and relu that the attributes have; throws for an eps below 0.
BatchNormParams norm_params(const Attributes& attributes);
// The output of which results of that shape are positive, where the attribute `positive` asks for it.
std::optional<TensorDesc> positive_output(const Attributes& attributes, const Shape& shape);

// The rows of each family.
std::vector<OpSpec> attack_ops();
std::vector<OpSpec> conv_ops();
std::vector<OpSpec> data_ops();
std::vector<OpSpec> elementwise_ops();
std::vector<OpSpec> loss_ops();
std::vector<OpSpec> mask_ops();
std::vector<OpSpec> norm_ops();
std::vector<OpSpec> optim_ops();
std::vector<OpSpec> pool_ops();
std::vector<OpSpec> random_ops();
std::vector<OpSpec> reduce_ops();

}  // namespace rst

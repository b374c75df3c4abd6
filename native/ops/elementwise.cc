#include "native/ops/elementwise.h"

#include <cmath>

#include "native/ops/op_table.h"

namespace rst {
namespace {

using Outputs = std::vector<std::optional<TensorDesc>>;

OpSpec unary(const char* op, void (ElementwiseOps::*call)(const Tensor&, const Tensor&)) {
  return {op,
          {{"x"}},
          {},
          [](const OpCall& c) -> Outputs { return {{{c[0].shape}}}; },
          [call](Backend& b, const OpCall& c, auto out) { (b.*call)(c[0], out[0]); }};
}

OpSpec binary(const char* op, const char* first, const char* second,
              void (ElementwiseOps::*call)(const Tensor&, const Tensor&, const Tensor&)) {
  return {op,
          {{first}, {second}},
          {},
          [op, second](const OpCall& c) -> Outputs {
            expect_shape(op, second, c[1], c[0].shape);
            return {{{c[0].shape}}};
          },
          [call](Backend& b, const OpCall& c, auto out) { (b.*call)(c[0], c[1], out[0]); }};
}

// One number a channel of x.
std::vector<float> channel_numbers(const char* op, const char* name, const OpCall& c) {
  std::vector<float> numbers = c.attributes.floats(name);
  expect_rank(op, "x", c[0], 2, 4);
  if (static_cast<int64_t>(numbers.size()) != c[0].shape[1]) {
    throw_argument(std::string(op) + " expects one number a channel in '" + name + "', so " +
                   std::to_string(c[0].shape[1]) + ", but received " + std::to_string(numbers.size()) + ".");
  }
  for (float number : numbers) {
    if (!std::isfinite(number))
      throw_argument(std::string(op) + " expects finite numbers in '" + name + "'.");
  }
  return numbers;
}

std::vector<float> channel_std(const char* op, const OpCall& c) {
  std::vector<float> std = channel_numbers(op, "std", c);
  for (float s : std) {
    if (!(s > 0)) throw_argument(std::string(op) + " expects every 'std' above 0.");
  }
  return std;
}

std::pair<float, float> bounds(const OpCall& c) {
  const auto low = static_cast<float>(c.attributes.number("low"));
  const auto high = static_cast<float>(c.attributes.number("high"));
  if (low > high) {
    throw_argument("clip expects 'low' of at most 'high' but received " + std::to_string(low) + " and " +
                   std::to_string(high) + ".");
  }
  return {low, high};
}

OpSpec normalize_row(const char* op, bool gradient) {
  const auto mean_of = [=](const OpCall& c) {
    return gradient ? std::vector<float>() : channel_numbers(op, "mean", c);
  };
  return {op,
          {{gradient ? "dy" : "x"}},
          gradient ? std::vector<const char*>{"std"} : std::vector<const char*>{"mean", "std"},
          [=](const OpCall& c) -> Outputs {
            mean_of(c);
            channel_std(op, c);
            return {{{c[0].shape}}};
          },
          [=](Backend& b, const OpCall& c, auto out) {
            b.normalize(c[0], out[0], mean_of(c), channel_std(op, c));
          }};
}

}  // namespace

std::vector<OpSpec> elementwise_ops() {
  return {
      {"fill",
       {},
       {"shape", "value"},
       [](const OpCall& c) -> Outputs {
         c.attributes.number("value");
         return {{{c.attributes.shape("shape")}}};
       },
       [](Backend& b, const OpCall& c, auto out) {
         b.fill(out[0], static_cast<float>(c.attributes.number("value")));
       }},
      unary("copy", &ElementwiseOps::copy),
      // Overwrites target.
      {"assign",
       {{"target", DType::kF32, false, true}, {"value"}},
       {},
       [](const OpCall& c) -> Outputs {
         expect_shape("assign", "value", c[1], c[0].shape);
         return {};
       },
       [](Backend& b, const OpCall& c, auto) { b.copy(c[1], c[0]); }},
      {"reshape",
       {{"x"}},
       {"shape"},
       [](const OpCall& c) -> Outputs {
         const Shape y = c.attributes.shape("shape");
         if (y.elements() != c[0].elements()) {
           throw_shape("reshape expects a shape of " + std::to_string(c[0].elements()) +
                       " elements to hold those of " + c[0].shape.to_string() + " but received " +
                       y.to_string() + ".");
         }
         return {{{y}}};
       },
       [](Backend& b, const OpCall& c, auto out) { b.reshape(c[0], out[0]); }},
      binary("add", "a", "b", &ElementwiseOps::add),
      binary("sub", "a", "b", &ElementwiseOps::sub),
      binary("mul", "a", "b", &ElementwiseOps::mul),
      {"scale",
       {{"x"}},
       {"factor"},
       [](const OpCall& c) -> Outputs {
         c.attributes.number("factor");
         return {{{c[0].shape}}};
       },
       [](Backend& b, const OpCall& c, auto out) {
         b.scale(c[0], out[0], static_cast<float>(c.attributes.number("factor")));
       }},
      {"clip",
       {{"x"}},
       {"low", "high"},
       [](const OpCall& c) -> Outputs {
         bounds(c);
         return {{{c[0].shape}}};
       },
       [](Backend& b, const OpCall& c, auto out) {
         const auto [low, high] = bounds(c);
         b.clip(c[0], out[0], low, high);
       }},
      unary("relu", &ElementwiseOps::relu),
      binary("relu_grad", "dy", "y", &ElementwiseOps::relu_grad),
      normalize_row("normalize", false),
      normalize_row("normalize_grad", true),
      {"bias_add",
       {{"x"}, {"bias"}},
       {},
       [](const OpCall& c) -> Outputs {
         expect_rank("bias_add", "x", c[0], 2, 4);
         expect_shape("bias_add", "bias", c[1], {c[0].shape[1]});
         return {{{c[0].shape}}};
       },
       [](Backend& b, const OpCall& c, auto out) { b.bias_add(c[0], c[1], out[0]); }},
  };
}

}  // namespace rst

#include "native/ops/elementwise.h"

#include <cmath>

#include "native/ops/op_table.h"

namespace rst {
namespace {

OpRow unary(const char* op, const char* contract) {
  return {op, {{"x"}}, {}, contract, [](const OpCall& c) { return ParsedCall{{{{c[0].shape}}}, nullptr}; }};
}

OpRow binary(const char* op, const char* first, const char* second, const char* contract) {
  return {op, {{first}, {second}}, {}, contract, [op, second](const OpCall& c) {
            expect_shape(op, second, c[1], c[0].shape);
            return ParsedCall{{{{c[0].shape}}}, nullptr};
          }};
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

ClipParams clip_params(const OpCall& c) {
  const auto low = static_cast<float>(c.attributes.number("low"));
  const auto high = static_cast<float>(c.attributes.number("high"));
  if (low > high) {
    throw_argument("clip expects 'low' of at most 'high' but received " + std::to_string(low) + " and " +
                   std::to_string(high) + ".");
  }
  return {low, high};
}

OpRow normalize_row(const char* op, bool gradient) {
  const auto mean_of = [=](const OpCall& c) {
    return gradient ? std::vector<float>() : channel_numbers(op, "mean", c);
  };
  return {op,
          {{gradient ? "dy" : "x"}},
          gradient ? std::vector<AttributeSpec>{"std"} : std::vector<AttributeSpec>{"mean", "std"},
          gradient ? "dx = dy / std[c]" : "y = (x − mean[c]) / std[c]",
          [=](const OpCall& c) {
            std::vector<float> mean = mean_of(c);
            return parsed({{{c[0].shape}}}, NormalizeParams{std::move(mean), channel_std(op, c)});
          }};
}

}  // namespace

std::vector<OpRow> elementwise_ops() {
  return {
      {"fill",
       {},
       {"shape", "value"},
       "`value` in every element.",
       [](const OpCall& c) {
         const auto value = static_cast<float>(c.attributes.number("value"));
         return parsed({{{c.attributes.shape("shape")}}}, FillParams{value});
       }},
      unary("copy", "The same elements, which change apart from x's."),
      {"assign",
       {{"target", DType::kF32, false, true}, {"value"}},
       {},
       "Overwrites target.",
       [](const OpCall& c) {
         expect_shape("assign", "value", c[1], c[0].shape);
         return ParsedCall{};
       }},
      {"assign_mask",
       {{"target", DType::kU8, false, true}, {"value", DType::kU8}},
       {},
       "Overwrites target.",
       [](const OpCall& c) {
         expect_shape("assign_mask", "value", c[1], c[0].shape);
         return ParsedCall{};
       }},
      {"reshape",
       {{"x"}},
       {"shape"},
       "The same elements in row-major order under another shape.",
       [](const OpCall& c) {
         const Shape y = c.attributes.shape("shape");
         if (y.elements() != c[0].elements()) {
           throw_shape("reshape expects a shape of " + std::to_string(c[0].elements()) +
                       " elements to hold those of " + c[0].shape.to_string() + " but received " +
                       y.to_string() + ".");
         }
         return ParsedCall{{{{y}}}, nullptr};
       }},
      binary("add", "a", "b", "a + b"),
      binary("sub", "a", "b", "a − b"),
      binary("mul", "a", "b", "a·b"),
      {"scale",
       {{"x"}},
       {"factor"},
       "x·factor",
       [](const OpCall& c) {
         return parsed({{{c[0].shape}}}, ScaleParams{static_cast<float>(c.attributes.number("factor"))});
       }},
      {"clip",
       {{"x"}},
       {"low", "high"},
       "min(max(x, low), high); a NaN stays a NaN.",
       [](const OpCall& c) { return parsed({{{c[0].shape}}}, clip_params(c)); }},
      unary("exp",
            "e^x: portable_exp (native/core/normal.h) rounded to float; infinity where that is too large."),
      unary("log",
            "ln x: portable_log (native/core/normal.h) rounded to float; −infinity of 0, NaN of what is "
            "below."),
      binary("log_grad", "dy", "x", "dy / x"),
      unary("relu", "max(x, 0); a NaN stays a NaN."),
      binary("relu_grad", "dy", "y", "dy where y > 0, else 0."),
      normalize_row("normalize", false),
      normalize_row("normalize_grad", true),
      {"bias_add",
       {{"x"}, {"bias"}},
       {},
       "x + bias[c]",
       [](const OpCall& c) {
         expect_rank("bias_add", "x", c[0], 2, 4);
         expect_shape("bias_add", "bias", c[1], {c[0].shape[1]});
         return ParsedCall{{{{c[0].shape}}}, nullptr};
       }},
  };
}

}  // namespace rst

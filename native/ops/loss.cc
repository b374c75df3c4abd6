#include "native/ops/loss.h"

#include "native/ops/op_table.h"

namespace rst {
namespace {

using Outputs = std::vector<std::optional<TensorDesc>>;

// Checks logits [N, classes] and gives the shape [N] of a number a sample.
Shape samples_of(const char* op, const Tensor& logits) {
  expect_rank(op, "logits", logits, 2, 2);
  if (logits.shape[1] < 1) {
    throw_shape(std::string(op) + " expects logits of at least one class but received the shape " +
                logits.shape.to_string() + ".");
  }
  return {logits.shape[0]};
}

float smoothing_of(const OpCall& c) {
  const double smoothing = c.attributes.number("smoothing");
  if (smoothing < 0 || smoothing > 1) {
    throw_argument("Expected a label smoothing from 0 to 1 but received " + std::to_string(smoothing) + ".");
  }
  return static_cast<float>(smoothing);
}

}  // namespace

std::vector<OpSpec> loss_ops() {
  return {
      {"cross_entropy",
       {{"logits"}, {"labels", DType::kI32}},
       {"smoothing"},
       [](const OpCall& c) -> Outputs {
         const Shape samples = samples_of("cross_entropy", c[0]);
         expect_shape("cross_entropy", "labels", c[1], samples);
         smoothing_of(c);
         return {{{samples}}};
       },
       [](Backend& b, const OpCall& c, auto out) { b.cross_entropy(c[0], c[1], out[0], smoothing_of(c)); }},
      {"cross_entropy_grad",
       {{"logits"}, {"labels", DType::kI32}, {"d_losses"}},
       {"smoothing"},
       [](const OpCall& c) -> Outputs {
         const Shape samples = samples_of("cross_entropy_grad", c[0]);
         expect_shape("cross_entropy_grad", "labels", c[1], samples);
         expect_shape("cross_entropy_grad", "d_losses", c[2], samples);
         smoothing_of(c);
         return {{{c[0].shape}}};
       },
       [](Backend& b, const OpCall& c, auto out) {
         b.cross_entropy_grad(c[0], c[1], c[2], out[0], smoothing_of(c));
       }},
      {"softmax",
       {{"logits"}},
       {},
       [](const OpCall& c) -> Outputs {
         samples_of("softmax", c[0]);
         return {{{c[0].shape}}};
       },
       [](Backend& b, const OpCall& c, auto out) { b.softmax(c[0], out[0]); }},
      {"argmax",
       {{"logits"}},
       {},
       [](const OpCall& c) -> Outputs {
         return {{{samples_of("argmax", c[0]), DType::kI32}}};
       },
       [](Backend& b, const OpCall& c, auto out) { b.argmax(c[0], out[0]); }},
      {"correct",
       {{"logits"}, {"labels", DType::kI32}},
       {},
       [](const OpCall& c) -> Outputs {
         const Shape samples = samples_of("correct", c[0]);
         expect_shape("correct", "labels", c[1], samples);
         return {{{samples}}};
       },
       [](Backend& b, const OpCall& c, auto out) { b.correct(c[0], c[1], out[0]); }},
  };
}

}  // namespace rst

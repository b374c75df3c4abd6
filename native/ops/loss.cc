#include "native/ops/loss.h"

#include "native/ops/op_table.h"

namespace rst {
namespace {

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

std::vector<OpRow> loss_ops() {
  return {
      {"cross_entropy",
       {{"logits"}, {"labels", DType::kI32}},
       {"smoothing"},
       "Per-sample cross-entropy of log-softmax: [N]. The target is (1 − smoothing)·onehot + "
       "smoothing/classes.",
       [](const OpCall& c) {
         const Shape samples = samples_of("cross_entropy", c[0]);
         expect_shape("cross_entropy", "labels", c[1], samples);
         return parsed({{{samples}}}, CrossEntropyParams{smoothing_of(c)});
       }},
      {"cross_entropy_grad",
       {{"logits"}, {"labels", DType::kI32}, {"d_losses"}},
       {"smoothing"},
       "d_losses[n]·(softmax − target).",
       [](const OpCall& c) {
         const Shape samples = samples_of("cross_entropy_grad", c[0]);
         expect_shape("cross_entropy_grad", "labels", c[1], samples);
         expect_shape("cross_entropy_grad", "d_losses", c[2], samples);
         return parsed({{{c[0].shape}}}, CrossEntropyParams{smoothing_of(c)});
       }},
      {"softmax",
       {{"logits"}},
       {},
       "Class probabilities [N, classes].",
       [](const OpCall& c) {
         samples_of("softmax", c[0]);
         return ParsedCall{{{{c[0].shape}}}, nullptr};
       }},
      {"argmax",
       {{"logits"}},
       {},
       "Index of the largest logit, i32 [N]; ties go to the lowest index, a NaN counts as larger than all.",
       [](const OpCall& c) {
         return ParsedCall{{{{samples_of("argmax", c[0]), DType::kI32}}}, nullptr};
       }},
      {"correct",
       {{"logits"}, {"labels", DType::kI32}},
       {},
       "1 where the argmax is the label, else 0: f32 [N].",
       [](const OpCall& c) {
         const Shape samples = samples_of("correct", c[0]);
         expect_shape("correct", "labels", c[1], samples);
         return ParsedCall{{{{samples}}}, nullptr};
       }},
  };
}

}  // namespace rst

#include "native/ops/loss.h"

#include "native/ops/op_table.h"

namespace rst {
namespace {

// Checks logits [N, classes] and gives the shape [N] of a number a sample.
Shape samples_of(const char* op, const Tensor& logits, const char* input = "logits") {
  expect_rank(op, input, logits, 2, 2);
  if (logits.shape[1] < 1) {
    throw_shape(std::string(op) + " expects " + input + " of at least one class but received the shape " +
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
      {"gather",
       {{"x"}, {"indices", DType::kI32}},
       {},
       "x [N, C], indices [N] → x[n, indices[n]]: [N]. An index outside 0 … C − 1 is an error of the kernel.",
       [](const OpCall& c) {
         const Shape samples = samples_of("gather", c[0], "x");
         expect_shape("gather", "indices", c[1], samples);
         return ParsedCall{{{{samples}}}, nullptr};
       }},
      {"gather_grad",
       {{"dy"}, {"indices", DType::kI32}},
       {"shape"},
       "dy[n] at [n, indices[n]], 0 elsewhere; `shape` is x's.",
       [](const OpCall& c) {
         const Tensor x{c.attributes.shape("shape"), DType::kF32, {}};
         const Shape samples = samples_of("gather_grad", x, "x");
         expect_shape("gather_grad", "dy", c[0], samples);
         expect_shape("gather_grad", "indices", c[1], samples);
         return ParsedCall{{{{x.shape}}}, nullptr};
       }},
      {"max",
       {{"x"}},
       {},
       "The largest number of each row: [N, C] → [N]; a NaN counts as larger than all.",
       [](const OpCall& c) {
         return ParsedCall{{{{samples_of("max", c[0], "x")}}}, nullptr};
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

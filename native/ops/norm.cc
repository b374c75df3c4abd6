#include "native/ops/norm.h"

#include <cmath>

namespace rst {

BatchNormParams norm_params(const Attributes& a) {
  BatchNormParams p;
  if (a.has("eps")) p.eps = static_cast<float>(a.number("eps"));
  if (a.has("momentum")) p.momentum = static_cast<float>(a.number("momentum"));
  if (a.has("relu")) p.relu = a.flag("relu");
  if (!(p.eps >= 0 && std::isfinite(p.eps))) {
    throw_argument("Batch norm expects a finite eps of at least 0 but received " + std::to_string(p.eps) +
                   ".");
  }
  if (!(p.momentum >= 0 && p.momentum <= 1)) {
    throw_argument("Batch norm expects a momentum from 0 to 1 but received " + std::to_string(p.momentum) +
                   ".");
  }
  return p;
}

std::optional<TensorDesc> positive_output(const Attributes& a, const Shape& shape) {
  return a.flag("positive") ? std::optional(TensorDesc{shape, DType::kU8}) : std::nullopt;
}

namespace {

// Checks the activations [N, C, …] and gives the shape of a vector over their channels.
Shape channel_shape(const char* op, const char* input, const Tensor& t) {
  expect_rank(op, input, t, 2, 4);
  return {t.shape[1]};
}

void expect_if_given(const char* op, const char* input, const Tensor& t, const Shape& expected) {
  if (t.defined()) expect_shape(op, input, t, expected);
}

// Inputs x, two running vectors, residual?, gamma?, beta?.
BatchNormParams check_forward(const char* op, const OpCall& c) {
  const Shape channels = channel_shape(op, "x", c[0]);
  expect_shape(op, "running_mean", c[1], channels);
  expect_shape(op, "running_var", c[2], channels);
  expect_if_given(op, "residual", c[3], c[0].shape);
  expect_if_given(op, "gamma", c[4], channels);
  expect_if_given(op, "beta", c[5], channels);
  return norm_params(c.attributes);
}

void check_positive(const char* op, const OpCall& c, const Tensor& positive) {
  if (c.attributes.flag("relu") && !positive.defined()) {
    throw_argument(std::string(op) + " with relu expects 'positive' of the forward pass but received none.");
  }
  expect_if_given(op, "positive", positive, c[0].shape);
}

std::optional<TensorDesc> when(bool wanted, const Shape& shape) {
  return wanted ? std::optional(TensorDesc{shape}) : std::nullopt;
}

OpRow train_row() {
  constexpr const char* kOp = "batch_norm_train";
  return {kOp,
          {{"x"},
           {"running_mean", DType::kF32, false, true},
           {"running_var", DType::kF32, false, true},
           {"residual", DType::kF32, true},
           {"gamma", DType::kF32, true},
           {"beta", DType::kF32, true}},
          {"eps", "momentum", "relu", "positive"},
          "y = relu?((x − mean)·inv_std·gamma + beta + residual), with the batch's biased variance; "
          "running_mean and running_var [C] (unbiased variance, as PyTorch) are updated in place. mean, "
          "inv_std: f32 [C] outputs. positive (u8, shape of x), if asked for, says which y are > 0: all that "
          "the gradient of the ReLU needs.",
          [](const OpCall& c) {
            const BatchNormParams p = check_forward(kOp, c);
            if (c[0].elements() == 0) {
              throw_shape(std::string(kOp) +
                          " expects at least one image to take statistics of but received " +
                          c[0].shape.to_string() + ".");
            }
            const TensorDesc channels{{c[0].shape[1]}};
            return parsed({{{c[0].shape}}, channels, channels, positive_output(c.attributes, c[0].shape)}, p);
          }};
}

OpRow train_grad_row() {
  constexpr const char* kOp = "batch_norm_train_grad";
  return {
      kOp,
      {{"dy"}, {"x"}, {"positive", DType::kU8, true}, {"mean"}, {"inv_std"}, {"gamma", DType::kF32, true}},
      {"relu", "residual", "affine"},
      "With g = dy·[positive] if relu else dy: dx, and where `residual` and `affine` ask for them d_residual "
      "= "
      "g, d_gamma and d_beta.",
      [](const OpCall& c) {
        const Shape channels = channel_shape(kOp, "dy", c[0]);
        expect_shape(kOp, "x", c[1], c[0].shape);
        check_positive(kOp, c, c[2]);
        expect_shape(kOp, "mean", c[3], channels);
        expect_shape(kOp, "inv_std", c[4], channels);
        expect_if_given(kOp, "gamma", c[5], channels);
        const bool affine = c.attributes.flag("affine");
        return parsed({{{c[0].shape}},
                       when(c.attributes.flag("residual"), c[0].shape),
                       when(affine, channels),
                       when(affine, channels)},
                      norm_params(c.attributes));
      }};
}

OpRow eval_row() {
  constexpr const char* kOp = "batch_norm_eval";
  return {kOp,
          {{"x"},
           {"running_mean"},
           {"running_var"},
           {"residual", DType::kF32, true},
           {"gamma", DType::kF32, true},
           {"beta", DType::kF32, true}},
          {"eps", "relu", "positive"},
          "batch_norm_train with the running statistics, which stay as they are.",
          [](const OpCall& c) {
            const BatchNormParams p = check_forward(kOp, c);
            return parsed({{{c[0].shape}}, positive_output(c.attributes, c[0].shape)}, p);
          }};
}

OpRow eval_grad_row() {
  constexpr const char* kOp = "batch_norm_eval_grad";
  return {kOp,
          {{"dy"}, {"positive", DType::kU8, true}, {"running_var"}, {"gamma", DType::kF32, true}},
          {"eps", "relu", "residual"},
          "dx = g·gamma·inv_std, and where `residual` asks for it d_residual = g, with g = dy·[positive] if "
          "relu else dy.",
          [](const OpCall& c) {
            const Shape channels = channel_shape(kOp, "dy", c[0]);
            check_positive(kOp, c, c[1]);
            expect_shape(kOp, "running_var", c[2], channels);
            expect_if_given(kOp, "gamma", c[3], channels);
            return parsed({{{c[0].shape}}, when(c.attributes.flag("residual"), c[0].shape)},
                          norm_params(c.attributes));
          }};
}

}  // namespace

std::vector<OpRow> norm_ops() {
  return {train_row(), train_grad_row(), eval_row(), eval_grad_row()};
}

}  // namespace rst

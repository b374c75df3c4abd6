#include "native/ops/conv.h"

#include <algorithm>

namespace rst {
namespace {

// Of a convolution of x. A stride beyond the padded image means what one of its size does.
ConvParams conv_params(const OpCall& call, const Shape& x) {
  const ConvParams p{call.attributes.integer("stride", 1), call.attributes.integer("padding")};
  if (x.rank() < 4) return p;
  return {std::min(p.stride, std::max<int64_t>(1, std::max(x[2], x[3]) + 2 * p.padding)), p.padding};
}

// [N, C, H, W] with w [K, C, R, S], or [N, C] with w [K, C].
void check_pair(const char* op, const char* input, const Shape& t, const Shape& w) {
  if ((t.rank() != 2 && t.rank() != 4) || w.rank() != t.rank()) {
    throw_shape(std::string(op) + " expects '" + input +
                "' and 'w' both of rank 4 or both of rank 2 but received " + t.to_string() + " and " +
                w.to_string() + ".");
  }
}

int64_t output_size(const char* op, int64_t padded, int64_t kernel, const ConvParams& p) {
  const int64_t span = padded - kernel;
  if (span < 0 || kernel < 1) {
    throw_shape(std::string(op) + " expects a kernel of 1 to " + std::to_string(padded) +
                " pixels (image plus padding) but received " + std::to_string(kernel) + ".");
  }
  return span / p.stride + 1;
}

Shape conv_output(const char* op, const Shape& x, const Shape& w, const ConvParams& p) {
  if (x[1] != w[1]) {
    throw_shape(std::string(op) + " expects as many channels in 'x' as in 'w' but received " + x.to_string() +
                " and " + w.to_string() + ".");
  }
  if (x.rank() == 2) {
    if (p.stride != 1 || p.padding != 0)
      throw_shape(std::string(op) + " of rank 2 takes stride 1 and padding 0.");
    return {x[0], w[0]};
  }
  const Shape padded{x[0], x[1], x[2] + 2 * p.padding, x[3] + 2 * p.padding};  // throws where it is too large
  return {x[0], w[0], output_size(op, padded[2], w[2], p), output_size(op, padded[3], w[3], p)};
}

// Of an input gradient: the attribute `shape`, against dy, w and an addend.
Shape input_shape(const char* op, const OpCall& c) {
  check_pair(op, "dy", c[0].shape, c[1].shape);
  const Shape x = c.attributes.shape("shape");
  if (x.rank() != c[1].shape.rank()) throw_shape(std::string(op) + " expects 'shape' of the rank of 'w'.");
  expect_shape(op, "dy", c[0], conv_output(op, x, c[1].shape, conv_params(c, x)));
  if (c[2].defined()) expect_shape(op, "addend", c[2], x);
  return x;
}

}  // namespace

Shape conv2d_shape(const Shape& x, const Shape& w, const ConvParams& p) {
  check_pair("conv2d", "x", x, w);
  return conv_output("conv2d", x, w, p);
}

std::vector<OpRow> conv_ops() {
  return {
      {"conv2d",
       {{"x"}, {.name = "w", .unshared = true}},
       {"stride", "padding"},
       "x [N, C, H, W], w [K, C, R, S] → y [N, K, OH, OW] with OH = (H + 2·padding − R) / stride + 1 "
       "(floor). "
       "Rank 2 stands for 1×1 images: x [N, C], w [K, C] → y [N, K] is a linear layer.",
       [](const OpCall& c) {
         const ConvParams p = conv_params(c, c[0].shape);
         return parsed({{{conv2d_shape(c[0].shape, c[1].shape, p)}}}, p);
       }},
      {"conv2d_batch_norm",
       {{"x"},
        {.name = "w", .unshared = true},
        {"running_mean"},
        {"running_var"},
        {"residual", DType::kF32, true}},
       {"stride", "padding", "eps", "relu", "positive"},
       "Convolution and batch norm by running statistics in one: y = relu?((conv − mean) / √(var + eps) + "
       "residual), with means and variances [K]; positive as in batch_norm_train.",
       [](const OpCall& c) {
         check_pair("conv2d_batch_norm", "x", c[0].shape, c[1].shape);
         const ConvParams p = conv_params(c, c[0].shape);
         const Shape y = conv_output("conv2d_batch_norm", c[0].shape, c[1].shape, p);
         expect_shape("conv2d_batch_norm", "running_mean", c[2], {y[1]});
         expect_shape("conv2d_batch_norm", "running_var", c[3], {y[1]});
         if (c[4].defined()) expect_shape("conv2d_batch_norm", "residual", c[4], y);
         const BatchNormParams norm = norm_params(c.attributes);
         return parsed({{{y}}, positive_output(c.attributes, y)}, ConvBatchNormParams{p, norm});
       }},
      {"conv2d_input_grad",
       {{"dy"}, {.name = "w", .unshared = true}, {"addend", DType::kF32, true}},
       {"stride", "padding", "shape"},
       "The gradient to x (of `shape`), given dy, plus addend (the shape of x) where there is one.",
       [](const OpCall& c) {
         const Shape x = input_shape("conv2d_input_grad", c);
         return parsed({{{x}}}, conv_params(c, x));
       }},
      {"conv2d_input_grad_batch_norm",
       {{"dy"},
        {.name = "w", .unshared = true},
        {"addend", DType::kF32, true},
        {"positive", DType::kU8, true},
        {"running_var"}},
       {"stride", "padding", "shape", "eps", "sum"},
       "conv2d_input_grad carried on through the batch norm in eval mode (without gamma) and the ReLU that x "
       "came from: d_sum = (that gradient)·[positive], d_maps = d_sum / √(var + eps). Without `positive` (no "
       "ReLU) all of it; `sum` asks for d_sum.",
       [](const OpCall& c) {
         constexpr const char* kOp = "conv2d_input_grad_batch_norm";
         const Shape x = input_shape(kOp, c);
         if (c[3].defined()) expect_shape(kOp, "positive", c[3], x);
         expect_shape(kOp, "running_var", c[4], {x[1]});
         const BatchNormParams norm = norm_params(c.attributes);
         return parsed({{{x}}, c.attributes.flag("sum") ? std::optional(TensorDesc{x}) : std::nullopt},
                       ConvBatchNormParams{conv_params(c, x), norm});
       }},
      {"conv2d_weight_grad",
       {{"x"}, {"dy"}},
       {"stride", "padding", "shape"},
       "The gradient to w (of `shape`), dense, given dy: every weight gets one, masked or not.",
       [](const OpCall& c) {
         const Shape w = c.attributes.shape("shape");
         if ((w.rank() != 2 && w.rank() != 4) || c[0].shape.rank() != w.rank()) {
           throw_shape("conv2d_weight_grad expects 'x' and 'shape' both of rank 4 or both of rank 2.");
         }
         const ConvParams p = conv_params(c, c[0].shape);
         expect_shape("conv2d_weight_grad", "dy", c[1], conv_output("conv2d_weight_grad", c[0].shape, w, p));
         return parsed({{{w}}}, p);
       }},
  };
}

}  // namespace rst

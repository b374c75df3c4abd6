#include "native/ops/pool.h"

#include <limits>

#include "native/ops/op_table.h"

namespace rst {
namespace {

PoolParams pool_params(const Attributes& a) {
  return {a.integer("kernel", 1), a.integer("stride", 1), a.integer("padding")};
}

void expect_images(const char* op, const Shape& s) {
  if (s.rank() == 4 && s[2] * s[3] > 0) return;
  throw_shape(std::string(op) + " expects images [N, C, H, W] of at least one pixel but received " +
              s.to_string() + ".");
}

Shape pool_output(const char* op, const Shape& x, const PoolParams& p) {
  expect_images(op, x);
  // Pixels are counted in 32 bits, with a border of one.
  if ((x[2] + 2) * (x[3] + 2) > std::numeric_limits<int32_t>::max()) {
    throw_shape(std::string(op) + " expects images of fewer than 2^31 pixels but received " + x.to_string() +
                ".");
  }
  // So every window holds a pixel of the image.
  if (2 * p.padding > p.kernel) {
    throw_argument(std::string(op) + " expects a padding of at most half the kernel " +
                   std::to_string(p.kernel) + " but received " + std::to_string(p.padding) + ".");
  }
  const auto size = [&](int64_t pixels) {
    const int64_t span = pixels + 2 * p.padding - p.kernel;
    if (span < 0) {
      throw_shape(std::string(op) + " expects a kernel of at most " + std::to_string(pixels + 2 * p.padding) +
                  " pixels (image plus padding) but received " + std::to_string(p.kernel) + ".");
    }
    return span / p.stride + 1;
  };
  return {x[0], x[1], size(x[2]), size(x[3])};
}

Shape one_pixel(const char* op, const Shape& x) {
  expect_images(op, x);
  return {x[0], x[1], 1, 1};
}

}  // namespace

std::vector<OpRow> pool_ops() {
  return {
      {"max_pool2d",
       {{"x"}},
       {"kernel", "stride", "padding"},
       "Padding never wins a maximum; ties go to the first pixel in row-major order.",
       [](const OpCall& c) {
         const PoolParams p = pool_params(c.attributes);
         return parsed({{{pool_output("max_pool2d", c[0].shape, p)}}}, p);
       }},
      {"max_pool2d_grad",
       {{"dy"}, {"x"}},
       {"kernel", "stride", "padding"},
       "Each dy goes to the pixel of x that won its window.",
       [](const OpCall& c) {
         const PoolParams p = pool_params(c.attributes);
         expect_shape("max_pool2d_grad", "dy", c[0], pool_output("max_pool2d_grad", c[1].shape, p));
         return parsed({{{c[1].shape}}}, p);
       }},
      {"avg_pool2d",
       {{"x"}},
       {"kernel", "stride", "padding"},
       "Padding counts as zeros in the mean (PyTorch's default).",
       [](const OpCall& c) {
         const PoolParams p = pool_params(c.attributes);
         return parsed({{{pool_output("avg_pool2d", c[0].shape, p)}}}, p);
       }},
      {"avg_pool2d_grad",
       {{"dy"}},
       {"kernel", "stride", "padding", "shape"},
       "Each pixel gets its windows' shares of dy; `shape` is x's.",
       [](const OpCall& c) {
         const Shape x = c.attributes.shape("shape");
         const PoolParams p = pool_params(c.attributes);
         expect_shape("avg_pool2d_grad", "dy", c[0], pool_output("avg_pool2d_grad", x, p));
         return parsed({{{x}}}, p);
       }},
      {"global_avg_pool",
       {{"x"}},
       {},
       "[N, C, H, W] → [N, C, 1, 1], the mean of each channel.",
       [](const OpCall& c) {
         return ParsedCall{{{{one_pixel("global_avg_pool", c[0].shape)}}}, nullptr};
       }},
      {"global_avg_pool_grad",
       {{"dy"}},
       {"shape"},
       "dy / (H·W) in each pixel; `shape` is x's.",
       [](const OpCall& c) {
         const Shape x = c.attributes.shape("shape");
         expect_shape("global_avg_pool_grad", "dy", c[0], one_pixel("global_avg_pool_grad", x));
         return ParsedCall{{{{x}}}, nullptr};
       }},
  };
}

}  // namespace rst

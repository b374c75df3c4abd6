// Convolutions of random geometry by random masks, mostly sparse ones, against the reference in double
// precision.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "native/core/philox.h"
#include "native/cpu/cpu_backend.h"
#include "native/test/harness.h"
#include "native/test/reference.h"

namespace rst::test {
namespace {

constexpr uint32_t kCases = 300;

// The draws of one case.
class Draw {
 public:
  explicit Draw(uint32_t seed) : stream_{seed, Purpose::kNoise} {}

  double share() { return uniform01(stream_.word(next_++)); }
  // Uniform in low … high.
  int64_t integer(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(share() * static_cast<double>(high - low + 1));
  }
  bool one_in(int64_t n) { return integer(1, n) == 1; }

 private:
  RandomStream stream_;
  uint64_t next_ = 0;
};

struct RandomConv {
  Shape x, w;
  ConvParams p;
  HostTensor weight;

  double density() const {
    const auto zeros = std::count(weight.values.begin(), weight.values.end(), 0.0);
    return 1 - static_cast<double>(zeros) / static_cast<double>(weight.values.size());
  }
};

// Keeps nothing of a third of the output channels, or of the input channels.
void drop_some_channels(Draw& draw, HostTensor& weight, bool outputs) {
  const Shape& s = weight.shape;
  const int64_t area = s[2] * s[3];
  for (int64_t channel = 0; channel < s[outputs ? 0 : 1]; ++channel) {
    if (!draw.one_in(3)) continue;
    for (int64_t i = 0; i < weight.shape.elements(); ++i) {
      const int64_t of = outputs ? i / (s[1] * area) : i / area % s[1];
      if (of == channel) weight.values[static_cast<size_t>(i)] = 0;
    }
  }
}

RandomConv random_conv(uint32_t seed) {
  Draw draw(seed);
  const int64_t kernel = 2 * draw.integer(0, 3) + 1;
  const ConvParams p{draw.integer(1, 2), draw.integer(0, 3)};
  const int64_t smallest = std::max<int64_t>(1, kernel - 2 * p.padding);
  const int64_t height = draw.integer(smallest, smallest + 7), width = draw.integer(smallest, smallest + 7);
  // Many channels on one side now and then: more than one block of them.
  const int64_t most = kernel > 3 ? 8 : 20;
  const int64_t in = draw.one_in(8) ? draw.integer(60, 80) : draw.integer(1, most);
  const int64_t out = draw.one_in(8) ? draw.integer(30, 50) : draw.integer(1, most);
  const int64_t images = in * out > 400 ? draw.integer(1, 3) : draw.integer(1, 33);

  RandomConv c{{images, in, height, width}, {out, in, kernel, kernel}, p, {}};
  c.weight = random_tensor(c.w, seed);
  const bool constant = draw.one_in(2);
  const double magnitude = draw.share() + 0.01;
  // Sparse ones above all; nothing kept in some, everything in others.
  const double density = draw.one_in(20) ? 0 : draw.one_in(20) ? 1 : 0.5 * draw.share() * draw.share();
  for (double& value : c.weight.values) {
    if (constant) value = static_cast<float>(std::copysign(magnitude, value));
    if (draw.share() >= density) value = 0;
  }
  if (draw.one_in(3)) drop_some_channels(draw, c.weight, true);
  if (draw.one_in(3)) drop_some_channels(draw, c.weight, false);
  return c;
}

TEST_CASE("convolutions of random geometry and masks agree with the reference") {
  const cpu::CpuBackend backend({});
  int sparse_forward = 0, sparse_input_grad = 0, empty = 0;
  for (uint32_t seed = 1; seed <= kCases; ++seed) {
    const RandomConv c = random_conv(seed);
    CAPTURE(seed);
    CAPTURE(c.x.to_string());
    CAPTURE(c.w.to_string());
    CAPTURE(c.p.stride);
    CAPTURE(c.p.padding);
    CAPTURE(c.density());
    const ConvKernels kernels = backend.conv_kernels(c.x, c.w, c.p, c.density());
    sparse_forward += kernels.forward == "sparse";
    sparse_input_grad += kernels.input_grad == "sparse";
    empty += c.density() == 0;

    const AttributeList attributes{{"stride", {static_cast<double>(c.p.stride)}},
                                   {"padding", {static_cast<double>(c.p.padding)}}};
    const HostTensor x = random_tensor(c.x, seed + kCases);
    const HostTensor y = reference::conv2d(x, c.weight, c.p);
    check_op("conv2d", {x, c.weight}, attributes, {y}, 1e-5);
    const HostTensor dy = random_tensor(y.shape, seed + 2 * kCases);
    AttributeList with_shape = attributes;
    with_shape.push_back({"shape", dims_of(c.x)});
    check_op("conv2d_input_grad", {dy, c.weight, {}}, with_shape,
             {reference::conv2d_input_grad(dy, c.weight, c.x, c.p)}, 1e-5);
  }
  // The draws reach what they are for.
  CHECK(sparse_forward > kCases * 3 / 4);
  CHECK(sparse_input_grad > kCases * 3 / 4);
  CHECK(empty > 5);
}

}  // namespace
}  // namespace rst::test

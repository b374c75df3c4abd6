#include "native/cpu/conv/sparse/kept_lists.h"

#include <doctest/doctest.h>

#include <limits>

#include "native/cpu/conv/sparse/planar_conv.h"
#include "native/cpu/conv/sparse/sparse_conv.h"
#include "native/test/suites.h"

namespace rst::cpu {
namespace {

constexpr int64_t kMost = std::numeric_limits<int32_t>::max();

TEST_SUITE_BEGIN(test::kCpuOnly);

TEST_CASE("offsets of kept weights fit up to the last 32-bit number and not beyond") {
  CHECK(kept_offsets_fit(1, kMost, {0}));
  CHECK(kept_offsets_fit(2, kMost, {0}));
  CHECK_FALSE(kept_offsets_fit(2, kMost + 1, {0}));
  CHECK(kept_offsets_fit(2, kMost - 5, {-7, 5}));
  CHECK_FALSE(kept_offsets_fit(2, kMost - 5, {-7, 6}));
  CHECK(kept_offsets_fit(1, 1, {-kMost, kMost}));
  CHECK_FALSE(kept_offsets_fit(1, 1, {-kMost - 1}));
  CHECK_FALSE(kept_offsets_fit(1, 1, {kMost + 1}));
  CHECK_FALSE(kept_offsets_fit(int64_t{1} << 40, int64_t{1} << 40, {0}));
  CHECK(kept_offsets_fit(0, int64_t{1} << 40, {}));
}

bool fits(int64_t side, int64_t channels, int64_t kernel, bool planar) {
  const Shape x{1, channels, side, side}, y{1, 8, side, side};
  const KernelShape k(Shape{8, channels, kernel, kernel});
  const ConvParams p{1, kernel / 2};
  const ConvPlan plan = forward_plan(BlockedShape(y), k, p);
  const WeightView weight = forward_view({}, k);
  return planar ? PlanarConv::fits(weight, plan, p, PlanarShape(x), PlanarShape(y))
                : sparse_fits(weight, plan, BlockedShape(x), 0.01);
}

TEST_CASE("sparse kernels are left where a block of input channels spans more than 32 bits") {
  // 512 channels of 1×1 kernels are one block: (side + 2)² · 16 floats each.
  CHECK(fits(500, 512, 1, false));
  CHECK_FALSE(fits(512, 512, 1, false));
  CHECK(fits(1000, 512, 3, false));
  CHECK_FALSE(fits(6000, 512, 3, false));
  // Planar lists span all channels of an image.
  CHECK(fits(2000, 512, 1, true));
  CHECK_FALSE(fits(2100, 512, 1, true));
  CHECK_FALSE(fits(2100, 512, 3, true));
}

}  // namespace
}  // namespace rst::cpu

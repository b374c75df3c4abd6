// Loops over Rows, compiled once for each instruction set.
#if defined(RST_CPU_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef RST_CPU_ROWS_INL_H_
#undef RST_CPU_ROWS_INL_H_
#else
#define RST_CPU_ROWS_INL_H_
#endif

#include <hwy/highway.h>

#include "native/cpu/rows.h"

HWY_BEFORE_NAMESPACE();
namespace rst::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Calls run(offset) for each run of r.length floats.
template <class Run>
HWY_INLINE void for_each_row(const Rows& r, const Run& run) {
  for (int64_t p = 0; p < r.planes; ++p) {
    for (int64_t y = 0; y < r.rows; ++y) run(r.offset + p * r.plane_stride + y * r.row_stride);
  }
}

// y[i] = f(i) over all runs.
template <class F>
HWY_INLINE void map_rows(const Rows& r, float* HWY_RESTRICT y, const F& f) {
  for_each_row(r, [&](int64_t start) HWY_ATTR {
    for (int64_t i = start; i < start + r.length; ++i) y[i] = f(i);
  });
}

// The vectors that sums are kept in. Each of the sixteen lanes has its own sum, so the result does not depend
// on how many of them one vector holds.
using Doubles = hn::CappedTag<double, 8>;
using Floats = hn::Rebind<float, Doubles>;
using DoubleVec = hn::Vec<Doubles>;
using FloatVec = hn::Vec<Floats>;
constexpr int kVecLanes = static_cast<int>(hn::MaxLanes(Doubles()));
constexpr int kVecs = kLanes / kVecLanes;

HWY_INLINE DoubleVec to_double(FloatVec v) {
  return hn::PromoteTo(Doubles(), v);
}

// Adds to totals[kSums][kLanes] over all runs, whose length is a multiple of kLanes: terms(i, sums) adds to
// each of its kSums vectors the term of the floats from i on.
template <int kSums, class Terms>
HWY_INLINE void sum_rows(const Rows& r, double* HWY_RESTRICT totals, const Terms& terms) {
  const Doubles d;
  DoubleVec sums[kVecs][kSums];
  for (int v = 0; v < kVecs; ++v) {
    for (int k = 0; k < kSums; ++k) sums[v][k] = hn::LoadU(d, totals + k * kLanes + v * kVecLanes);
  }
  for_each_row(r, [&](int64_t start) HWY_ATTR {
    for (int64_t i = start; i < start + r.length; i += kLanes) {
      for (int v = 0; v < kVecs; ++v) terms(i + v * kVecLanes, sums[v]);
    }
  });
  for (int v = 0; v < kVecs; ++v) {
    for (int k = 0; k < kSums; ++k) hn::StoreU(sums[v][k], d, totals + k * kLanes + v * kVecLanes);
  }
}

}  // namespace rst::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

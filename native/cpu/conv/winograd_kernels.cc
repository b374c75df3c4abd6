#include "native/cpu/conv/winograd_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "native/cpu/conv/winograd_kernels.cc"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "native/cpu/conv/conv_finish-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rst::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;
using Vec = hn::Vec<D>;
constexpr int kVectorLanes = static_cast<int>(hn::MaxLanes(D()));

// Bᵀ applied to four values.
HWY_INLINE void InputPoints(const Vec (&d)[4], Vec (&v)[4]) {
  v[0] = hn::Sub(d[0], d[2]);
  v[1] = hn::Add(d[1], d[2]);
  v[2] = hn::Sub(d[2], d[1]);
  v[3] = hn::Sub(d[1], d[3]);
}

// Aᵀ applied to four values.
HWY_INLINE void OutputPoints(const Vec (&m)[4], Vec (&y)[2]) {
  y[0] = hn::Add(hn::Add(m[0], m[1]), m[2]);
  y[1] = hn::Sub(hn::Sub(m[1], m[2]), m[3]);
}

void InputTransform(const WinogradInputArgs& a) {
  const D d;
  for (int64_t c = 0; c < a.channels; ++c) {
    const int64_t plane = c * a.in_plane;
    float* HWY_RESTRICT out = a.out + c * a.out_channel;
    for (int lane = 0; lane < 16; lane += kVectorLanes) {
      Vec half[4][4];  // [column][row point]
      for (int j = 0; j < 4; ++j) {
        Vec column[4];
        for (int i = 0; i < 4; ++i) column[i] = hn::Load(d, a.rows[i] + plane + a.columns[j] + lane);
        InputPoints(column, half[j]);
      }
      for (int i = 0; i < 4; ++i) {
        const Vec row[4] = {half[0][i], half[1][i], half[2][i], half[3][i]};
        Vec v[4];
        InputPoints(row, v);
        for (int j = 0; j < 4; ++j) hn::Store(v[j], d, out + (4 * i + j) * a.point + lane);
      }
    }
  }
}

// G applied to two values of an output gradient.
HWY_INLINE void GradientPoints(Vec a, Vec b, Vec (&u)[4]) {
  const Vec half = hn::Set(D(), 0.5f);
  u[0] = a;
  u[1] = hn::Mul(half, hn::Add(a, b));
  u[2] = hn::Mul(half, hn::Sub(a, b));
  u[3] = b;
}

void GradientTransform(const WinogradGradientArgs& a) {
  const D d;
  for (int64_t c = 0; c < a.channels; ++c) {
    const float* HWY_RESTRICT in = a.in + c * a.in_plane;
    float* HWY_RESTRICT out = a.out + c * a.out_channel;
    for (int lane = 0; lane < 16; lane += kVectorLanes) {
      const auto pixel = [&](int i, int j) HWY_ATTR {
        return i < a.rows && j < a.columns ? hn::Load(d, in + i * a.in_row + j * 16 + lane) : hn::Zero(d);
      };
      Vec left[4], right[4];  // by row point
      GradientPoints(pixel(0, 0), pixel(1, 0), left);
      GradientPoints(pixel(0, 1), pixel(1, 1), right);
      for (int i = 0; i < 4; ++i) {
        Vec u[4];
        GradientPoints(left[i], right[i], u);
        for (int j = 0; j < 4; ++j) hn::Store(u[j], d, out + (4 * i + j) * a.point + lane);
      }
    }
  }
}

void OutputTransform(const WinogradOutputArgs& a) {
  const D d;
  for (int64_t c = 0; c < a.channels; ++c) {
    const float* HWY_RESTRICT in = a.in + c * a.in_channel;
    for (int lane = 0; lane < 16; lane += kVectorLanes) {
      Vec half[4][2];  // [column][output row]
      for (int j = 0; j < 4; ++j) {
        Vec column[4];
        for (int i = 0; i < 4; ++i) column[i] = hn::Load(d, in + (4 * i + j) * a.point + lane);
        OutputPoints(column, half[j]);
      }
      for (int i = 0; i < a.rows; ++i) {
        const Vec row[4] = {half[0][i], half[1][i], half[2][i], half[3][i]};
        Vec y[2];
        OutputPoints(row, y);
        for (int j = 0; j < a.columns; ++j) {
          const int64_t at = c * a.out_plane + i * a.out_row + j * 16 + lane;
          StoreFinished(d, Finished(d, y[j], a.finish, c, at), a.finish, a.out + at);
        }
      }
    }
  }
  if (a.finish.stream) hwy::FlushStream();
}

}  // namespace rst::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rst::cpu {

HWY_EXPORT(InputTransform);
HWY_EXPORT(GradientTransform);
HWY_EXPORT(OutputTransform);

void winograd_input(const WinogradInputArgs& args) {
  HWY_DYNAMIC_DISPATCH(InputTransform)(args);
}
void winograd_gradient(const WinogradGradientArgs& args) {
  HWY_DYNAMIC_DISPATCH(GradientTransform)(args);
}
void winograd_output(const WinogradOutputArgs& args) {
  HWY_DYNAMIC_DISPATCH(OutputTransform)(args);
}

}  // namespace rst::cpu
#endif

// ConvFinish on vectors, compiled once for each instruction set.
#if defined(RST_CPU_CONV_FINISH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef RST_CPU_CONV_FINISH_INL_H_
#undef RST_CPU_CONV_FINISH_INL_H_
#else
#define RST_CPU_CONV_FINISH_INL_H_
#endif

#include <hwy/highway.h>

#include "native/cpu/conv/conv_finish.h"
#include "native/cpu/positive-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rst::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Stores a vector of the output at `to`.
template <class D, class V>
HWY_INLINE void StoreFinished(D d, V y, const ConvFinish& finish, float* to) {
  finish.stream ? hn::Stream(y, d, to) : hn::Store(y, d, to);
}

// The output from a vector of sums of `channel`, `offset` floats into the output, which need be aligned only
// where bits or a gradient are asked for. A NaN stays.
template <class D, class V>
HWY_INLINE V Finished(D d, V sum, const ConvFinish& finish, int64_t channel, int64_t offset) {
  if (finish.kind == ConvFinish::Kind::kNone) return sum;
  V y = sum;
  if (finish.kind == ConvFinish::Kind::kForward) {
    y = hn::Add(hn::Mul(y, hn::Set(d, finish.scale[channel])), hn::Set(d, finish.shift[channel]));
    if (finish.addend) y = hn::Add(y, hn::LoadU(d, finish.addend + offset));
    if (finish.relu) y = hn::IfThenZeroElse(hn::Le(y, hn::Zero(d)), y);
    if (finish.positive) StorePositive(d, hn::Gt(y, hn::Zero(d)), finish.positive, offset);
    return y;
  }
  if (finish.addend) y = hn::Add(y, hn::LoadU(d, finish.addend + offset));
  if (finish.positive) y = hn::IfThenElseZero(LoadPositive(d, finish.positive, offset), y);
  if (finish.gradient) StoreFinished(d, y, finish, finish.gradient + offset);
  return finish.scale ? hn::Mul(y, hn::Set(d, finish.scale[channel])) : y;
}

}  // namespace rst::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

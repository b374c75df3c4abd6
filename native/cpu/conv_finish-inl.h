// ConvFinish on vectors, compiled once for each instruction set.
#if defined(RST_CPU_CONV_FINISH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef RST_CPU_CONV_FINISH_INL_H_
#undef RST_CPU_CONV_FINISH_INL_H_
#else
#define RST_CPU_CONV_FINISH_INL_H_
#endif

#include <hwy/highway.h>

#include "native/cpu/conv_finish.h"

HWY_BEFORE_NAMESPACE();
namespace rst::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// relu?(sum·scale + shift + residual) for a vector of `channel`, `offset` floats into the output. A NaN
// stays.
template <class D, class V>
HWY_INLINE V Finished(D d, V sum, const ConvFinish& finish, int64_t channel, int64_t offset) {
  if (!finish.scale) return sum;
  V y = hn::Add(hn::Mul(sum, hn::Set(d, finish.scale[channel])), hn::Set(d, finish.shift[channel]));
  if (finish.residual) y = hn::Add(y, hn::LoadU(d, finish.residual + offset));
  if (finish.relu) y = hn::IfThenZeroElse(hn::Le(y, hn::Zero(d)), y);
  return y;
}

}  // namespace rst::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

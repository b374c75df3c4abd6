// The norms that ops know, and their words.
#pragma once

#include "native/ops/attributes.h"

namespace rst {

enum class Norm { kLinf, kL2 };

inline constexpr const char* kNormWords[] = {"linf", "l2"};

inline Norm norm_attribute(const Attributes& attributes) {
  return static_cast<Norm>(attributes.word("norm", kNormWords));
}

}  // namespace rst

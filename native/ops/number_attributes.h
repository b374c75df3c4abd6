// Checked attributes that the rows of several families share.
#pragma once

#include <cmath>

#include "native/ops/op_table.h"

namespace rst {

// A 32-bit word of a random stream's counter: a step, an epoch or a layer.
inline uint32_t counter_attribute(const OpCall& call, const char* name) {
  const int64_t value = call.attributes.integer(name);
  if (value > 0xFFFFFFFF) {
    throw_argument(std::string("Expected a whole number below 2^32 for '") + name + "' but received " +
                   std::to_string(value) + ".");
  }
  return static_cast<uint32_t>(value);
}

inline uint64_t seed_attribute(const OpCall& call) {
  return static_cast<uint64_t>(call.attributes.integer("seed"));
}

// A number that is finite as a float.
inline float finite_attribute(const OpCall& call, const char* name) {
  const double value = call.attributes.number(name);
  if (!std::isfinite(static_cast<float>(value))) {
    throw_argument(std::string("Expected a finite number for '") + name + "' but received " +
                   std::to_string(value) + ".");
  }
  return static_cast<float>(value);
}

// The same, and at least 0.
inline float size_attribute(const OpCall& call, const char* name) {
  const float value = finite_attribute(call, name);
  if (value < 0) {
    throw_argument(std::string("Expected a number of at least 0 for '") + name + "' but received " +
                   std::to_string(value) + ".");
  }
  return value;
}

struct Interval {
  float low, high;
};

// The attributes `low` ≤ `high`.
inline Interval interval_attributes(const OpCall& call) {
  const Interval range{finite_attribute(call, "low"), finite_attribute(call, "high")};
  if (range.low > range.high) {
    throw_argument("Expected 'low' to be at most 'high' but received " + std::to_string(range.low) + " and " +
                   std::to_string(range.high) + "; swap them.");
  }
  return range;
}

}  // namespace rst

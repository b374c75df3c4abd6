// Tensors on the host, row-major and in double precision: what tests compare, and plain twins compute.
#pragma once

#include <cstdint>
#include <vector>

#include "native/core/shape.h"

namespace rst::test {

// The default stands for an absent optional input or output.
struct HostTensor {
  Shape shape;
  std::vector<double> values;

  bool defined() const { return static_cast<int64_t>(values.size()) == shape.elements(); }
};

HostTensor filled(const Shape& shape, double value);
// Uniform in [low, high), every value a float; the same for the same arguments.
HostTensor random_tensor(const Shape& shape, uint32_t seed, double low = -1, double high = 1);
// Whole numbers, uniform in 0 … count − 1.
HostTensor random_integers(const Shape& shape, uint32_t seed, int64_t count);

bool same_bits(const HostTensor& a, const HostTensor& b);

// The attribute value of a shape.
std::vector<double> dims_of(const Shape& shape);

}  // namespace rst::test

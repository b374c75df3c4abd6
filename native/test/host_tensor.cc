#include "native/test/host_tensor.h"

#include <cmath>
#include <cstring>

#include "native/core/philox.h"

namespace rst::test {

HostTensor filled(const Shape& shape, double value) {
  return {shape, std::vector<double>(static_cast<size_t>(shape.elements()), value)};
}

HostTensor random_tensor(const Shape& shape, uint32_t seed, double low, double high) {
  HostTensor tensor = filled(shape, 0);
  const RandomStream stream{seed, Purpose::kNoise};
  for (size_t i = 0; i < tensor.values.size(); ++i) {
    tensor.values[i] = static_cast<float>(low + (high - low) * uniform01(stream.word(i)));
  }
  return tensor;
}

HostTensor random_integers(const Shape& shape, uint32_t seed, int64_t count) {
  HostTensor tensor = random_tensor(shape, seed, 0, 1);
  for (double& v : tensor.values) v = std::floor(v * static_cast<double>(count));
  return tensor;
}

bool same_bits(const HostTensor& a, const HostTensor& b) {
  return a.shape == b.shape && a.values.size() == b.values.size() &&
         (a.values.empty() ||
          std::memcmp(a.values.data(), b.values.data(), a.values.size() * sizeof(double)) == 0);
}

std::vector<double> dims_of(const Shape& shape) {
  return {shape.dims().begin(), shape.dims().end()};
}

}  // namespace rst::test

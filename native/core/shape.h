// Logical shapes and element types. A shape says nothing about how a backend lays its data out.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "native/core/error.h"

namespace rst {

enum class DType : uint8_t { kF32, kI32, kU8 };

inline int64_t dtype_bytes(DType dtype) {
  return dtype == DType::kU8 ? 1 : 4;
}

inline const char* dtype_name(DType dtype) {
  return dtype == DType::kF32 ? "f32" : dtype == DType::kI32 ? "i32" : "u8";
}

class Shape {
 public:
  static constexpr int kMaxRank = 4;

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : Shape(std::span<const int64_t>(dims.begin(), dims.size())) {}
  explicit Shape(std::span<const int64_t> dims) {
    if (dims.size() > kMaxRank) {
      throw_shape("Expected at most 4 dimensions but received " + std::to_string(dims.size()) +
                  "; merge some with reshape.");
    }
    int64_t extent = 1;  // product of the dimensions that are not 0
    for (int64_t d : dims) {
      // 2^40 elements is far above any memory and keeps every product below 2^63, those that leave out a
      // dimension of 0 too.
      if (d < 0 || d > (int64_t{1} << 31) || (d > 0 && extent > (int64_t{1} << 40) / d)) {
        throw_shape("Expected every dimension in 0…2^31 with fewer than 2^40 elements but received " +
                    std::to_string(d) + ".");
      }
      dims_[rank_++] = d;
      elements_ *= d;
      extent *= d > 0 ? d : 1;
    }
  }

  int rank() const { return rank_; }
  int64_t elements() const { return elements_; }
  int64_t operator[](int i) const { return dims_[i]; }
  bool operator==(const Shape& other) const { return rank_ == other.rank_ && dims_ == other.dims_; }
  std::span<const int64_t> dims() const { return {dims_.data(), static_cast<size_t>(rank_)}; }

  std::string to_string() const {
    std::string text = "[";
    for (int i = 0; i < rank_; ++i) text += (i ? ", " : "") + std::to_string(dims_[i]);
    return text + "]";
  }

 private:
  std::array<int64_t, kMaxRank> dims_{};
  int rank_ = 0;
  int64_t elements_ = 1;
};

}  // namespace rst

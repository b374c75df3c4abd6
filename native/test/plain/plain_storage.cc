#include "native/test/plain/plain_storage.h"

#include <cstring>
#include <vector>

namespace rst::test {
namespace {

// Where elements lie: [N, C, pixels] as [N][pixels][C + 1].
class Places {
 public:
  explicit Places(const Tensor& tensor)
      : channels_last_(tensor.dtype == DType::kF32 && tensor.shape.rank() >= 2),
        elements_(tensor.elements()) {
    if (!channels_last_) return;
    channels_ = tensor.shape[1];
    for (int d = 2; d < tensor.shape.rank(); ++d) pixels_ *= tensor.shape[d];
    count_ = tensor.shape[0] * pixels_ * (channels_ + 1);
  }

  // Of the memory.
  size_t count() const { return static_cast<size_t>(channels_last_ ? count_ : elements_); }
  size_t elements() const { return static_cast<size_t>(elements_); }
  size_t of(size_t element) const {
    if (!channels_last_) return element;
    const auto pixels = static_cast<size_t>(pixels_), channels = static_cast<size_t>(channels_);
    const size_t plane = element / pixels, n = plane / channels, c = plane % channels;
    return (n * pixels + element % pixels) * (channels + 1) + c;
  }

 private:
  bool channels_last_;
  int64_t elements_, channels_ = 0, pixels_ = 1, count_ = 0;
};

// Calls with a null pointer of the element type.
template <class Body>
void with_type(DType dtype, const Body& body) {
  switch (dtype) {
    case DType::kF32:
      return body(static_cast<float*>(nullptr));
    case DType::kI32:
      return body(static_cast<int32_t*>(nullptr));
    case DType::kU8:
      return body(static_cast<uint8_t*>(nullptr));
  }
}

}  // namespace

template <class T>
T* PlainStorage::allocate(const Tensor& tensor) {
  const auto bytes = static_cast<int64_t>(Places(tensor).count() * sizeof(T));
  if (memory_.bytes() != bytes || !memory_) {
    memory_ = Buffer(*allocator_, bytes);
    std::memset(memory_.as<void>(), 0xFF, static_cast<size_t>(bytes));
  }
  return memory_.as<T>();
}

void PlainStorage::write_bytes(const Tensor& tensor, const void* bytes) {
  with_type(tensor.dtype, [&]<class T>(T*) {
    const Places places(tensor);
    T* to = allocate<T>(tensor);
    for (size_t i = 0; i < places.elements(); ++i) to[places.of(i)] = static_cast<const T*>(bytes)[i];
  });
}

void PlainStorage::read_bytes(const Tensor& tensor, void* bytes) const {
  with_type(tensor.dtype, [&]<class T>(T*) {
    const Places places(tensor);
    const T* from = memory_.as<T>();
    for (size_t i = 0; i < places.elements(); ++i) static_cast<T*>(bytes)[i] = from[places.of(i)];
  });
}

void PlainStorage::write(const Tensor& tensor, const HostTensor& values) {
  with_type(tensor.dtype, [&]<class T>(T*) {
    const std::vector<T> rounded(values.values.begin(), values.values.end());
    write_bytes(tensor, rounded.data());
  });
}

HostTensor PlainStorage::read(const Tensor& tensor) const {
  HostTensor values = filled(tensor.shape, 0);
  with_type(tensor.dtype, [&]<class T>(T*) {
    std::vector<T> elements(values.values.size());
    read_bytes(tensor, elements.data());
    values.values.assign(elements.begin(), elements.end());
  });
  return values;
}

}  // namespace rst::test

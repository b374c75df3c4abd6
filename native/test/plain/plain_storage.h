// Memory of the plain backend: activations channels last with a spare channel of NaN, all else row-major.
#pragma once

#include <memory>

#include "native/core/tensor.h"
#include "native/runtime/allocator.h"
#include "native/test/host_tensor.h"

namespace rst::test {

class PlainStorage final : public Storage {
 public:
  explicit PlainStorage(std::shared_ptr<CachingAllocator> allocator) : allocator_(std::move(allocator)) {}

  // Of the thread that computes, as all below: why the elements are not there.
  Failure broken;

  // Row-major bytes of the tensor's elements, in and out.
  void write_bytes(const Tensor& tensor, const void* bytes);
  void read_bytes(const Tensor& tensor, void* bytes) const;
  // The same as numbers, rounded to the dtype.
  void write(const Tensor& tensor, const HostTensor& values);
  HostTensor read(const Tensor& tensor) const;

 private:
  template <class T>
  T* allocate(const Tensor& tensor);

  std::shared_ptr<CachingAllocator> allocator_;  // outlives the backend where a tensor does
  Buffer memory_;
};

inline PlainStorage& plain_storage(const Tensor& tensor) {
  return static_cast<PlainStorage&>(*tensor.storage);
}

}  // namespace rst::test

// A tensor is a logical shape plus a reference to memory that only its device's stream worker touches.
#pragma once

#include <memory>

#include "native/core/error.h"
#include "native/core/shape.h"

namespace rst {

// Why something has no value; null: nothing went wrong.
using Failure = std::shared_ptr<const Error>;

// Memory of one tensor, empty until the stream worker first writes it. Backends derive from it; how the
// elements lie inside is their secret. When the last reference goes, so does the memory.
class Storage {
 public:
  virtual ~Storage() = default;

  // Set when the op that should have filled the storage failed, or one that was changing it: whoever reads it
  // gets this error.
  Failure failure;
  // Set by a backend from where on an op changes the elements: only then does its failure spoil them.
  bool changed = false;
};

struct Tensor {
  Shape shape;
  DType dtype = DType::kF32;
  std::shared_ptr<Storage> storage;

  bool defined() const { return storage != nullptr; }
  int64_t elements() const { return shape.elements(); }
  int64_t bytes() const { return shape.elements() * dtype_bytes(dtype); }
};

}  // namespace rst

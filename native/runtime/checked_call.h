// A call on its way to a kernel.
#pragma once

#include <memory>
#include <vector>

#include "native/ops/op_table.h"

namespace rst {

// A call that was checked, with the storages that its outputs go to.
struct CheckedCall {
  const OpRow* row = nullptr;
  std::vector<Tensor> inputs, outputs;
  std::shared_ptr<const void> params;
};

}  // namespace rst

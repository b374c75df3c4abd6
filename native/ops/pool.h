// Parameters of spatial pooling.
#pragma once

#include <cstdint>

namespace rst {

struct PoolParams {
  int64_t kernel = 2;
  int64_t stride = 2;
  int64_t padding = 0;
};

}  // namespace rst

// Parameters of ops on masks over weights.
#pragma once

#include <cstdint>

namespace rst {

struct TopkParams {
  int64_t keep = 1;
};

}  // namespace rst

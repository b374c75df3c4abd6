// Parameters of the optimiser's update.
#pragma once

namespace rst {

struct SgdParams {
  float lr = 0, momentum = 0, weight_decay = 0;
};

}  // namespace rst

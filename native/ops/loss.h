// Parameters of losses on logits [N, classes].
#pragma once

namespace rst {

struct CrossEntropyParams {
  float smoothing = 0;
};

}  // namespace rst

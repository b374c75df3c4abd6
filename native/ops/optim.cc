#include "native/ops/optim.h"

#include "native/ops/number_attributes.h"

namespace rst {

std::vector<OpRow> optim_ops() {
  return {
      {"sgd_step",
       {{"parameter", DType::kF32, false, true}, {"gradient"}, {"velocity", DType::kF32, false, true}},
       {"lr", "momentum", "weight_decay"},
       "PyTorch's SGD, in place: g = gradient + weight_decay·p; velocity = momentum·velocity + g; p −= "
       "lr·velocity.",
       [](const OpCall& c) {
         expect_shape("sgd_step", "gradient", c[1], c[0].shape);
         expect_shape("sgd_step", "velocity", c[2], c[0].shape);
         return parsed({}, SgdParams{finite_attribute(c, "lr"), finite_attribute(c, "momentum"),
                                     finite_attribute(c, "weight_decay")});
       }},
  };
}

}  // namespace rst

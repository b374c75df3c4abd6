#include "native/ops/optim.h"

#include "native/ops/number_attributes.h"
#include "native/ops/op_table.h"

namespace rst {

std::vector<OpSpec> optim_ops() {
  return {
      {"sgd_step",
       {{"parameter", DType::kF32, false, true}, {"gradient"}, {"velocity", DType::kF32, false, true}},
       {"lr", "momentum", "weight_decay"},
       [](const OpCall& c) -> std::vector<std::optional<TensorDesc>> {
         expect_shape("sgd_step", "gradient", c[1], c[0].shape);
         expect_shape("sgd_step", "velocity", c[2], c[0].shape);
         for (const char* name : {"lr", "momentum", "weight_decay"}) finite_attribute(c, name);
         return {};
       },
       [](Backend& b, const OpCall& c, auto) {
         b.sgd_step(c[0], c[1], c[2], finite_attribute(c, "lr"), finite_attribute(c, "momentum"),
                    finite_attribute(c, "weight_decay"));
       }},
  };
}

}  // namespace rst

#include <doctest/doctest.h>

#include "native/cpu/layout.h"
#include "native/test/harness.h"
#include "native/test/reference.h"
#include "native/test/shapes.h"
#include "native/test/suites.h"

namespace rst::test {
namespace {

TEST_CASE("sgd_step is PyTorch's update") {
  const double lr = 0.1, momentum = 0.875, weight_decay = 0.0005;
  auto shapes = all_shapes();
  shapes.push_back({40000});
  for (const Shape& shape : shapes) {
    const HostTensor parameter = random_tensor(shape, 1), gradient = random_tensor(shape, 2),
                     velocity = random_tensor(shape, 3);
    const auto next = reference::sgd_step({parameter, velocity}, gradient, lr, momentum, weight_decay);
    check_op("sgd_step", {parameter, gradient, velocity},
             {{"lr", {lr}}, {"momentum", {momentum}}, {"weight_decay", {weight_decay}}},
             {next.parameter, next.velocity}, 1e-6);
  }
}

TEST_CASE("sgd_step drops the packed forms of the old weight" * suite(kCpuOnly)) {
  Device& device = cpu_device(2);
  const float values[2] = {1, 2};
  std::vector<Tensor> tensors;
  for (int i = 0; i < 3; ++i) tensors.push_back(device.upload({2}, DType::kF32, values, nullptr));
  device.stream().synchronize();
  auto& storage = cpu::cpu_storage(tensors[0]);
  storage.packed_forward = storage.packed_backward = storage.packed_planar =
      std::make_shared<cpu::PackedWeight>();
  OpCall call{tensors, {}};
  for (const char* name : {"lr", "momentum", "weight_decay"}) call.attributes.set(name, {0.5});
  CHECK(device.run("sgd_step", call).empty());
  device.stream().synchronize();
  CHECK(storage.packed_forward == nullptr);
  CHECK(storage.packed_backward == nullptr);
  CHECK(storage.packed_planar == nullptr);
}

TEST_CASE("sgd_step refuses wrong calls") {
  const AttributeList attributes = {{"lr", {0.1}}, {"momentum", {0}}, {"weight_decay", {0}}};
  check_throws(ErrorCode::kShape, "sgd_step", {filled({2}, 0), filled({3}, 0), filled({2}, 0)}, attributes);
  check_throws(ErrorCode::kShape, "sgd_step", {filled({2}, 0), filled({2}, 0), filled({3}, 0)}, attributes);
  check_throws(ErrorCode::kArgument, "sgd_step", {filled({2}, 0), filled({2}, 0), filled({2}, 0)},
               {{"lr", {1e300}}, {"momentum", {0}}, {"weight_decay", {0}}});
}

}  // namespace
}  // namespace rst::test

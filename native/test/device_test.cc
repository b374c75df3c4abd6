#include "native/runtime/device.h"

#include <doctest/doctest.h>

#include <future>
#include <string>

#include "native/test/devices.h"
#include "native/test/harness.h"

namespace rst {
namespace {

Failure read(Device& device, const Tensor& tensor, std::vector<float>& values) {
  values.resize(static_cast<size_t>(tensor.elements()));
  std::promise<Failure> done;
  device.download(tensor, values.data(), [&](Failure failure) { done.set_value(failure); });
  return done.get_future().get();
}

template <class T>
Tensor upload(Device& device, const Shape& shape, DType dtype, std::vector<T> values) {
  auto kept = std::make_shared<std::vector<T>>(std::move(values));
  return device.upload(shape, dtype, kept->data(), kept);
}

OpCall make_call(std::vector<Tensor> inputs,
                 const std::vector<std::pair<std::string, AttributeValue>>& attributes) {
  OpCall call{std::move(inputs), {}};
  for (const auto& [name, values] : attributes) call.attributes.set(name, values);
  return call;
}

OpCall weight_call(double count) {
  return make_call({}, {{"shape", {count}},
                        {"init", "signed-constant"},
                        {"scale", {1}},
                        {"seed", {1}},
                        {"purpose", "weight"},
                        {"layer", {0}}});
}

TEST_CASE("what is uploaded comes back") {
  const auto owned = test::device_under_test().create();
  Device& device = *owned;
  std::vector<float> values;
  CHECK_FALSE(read(device, upload<float>(device, {2, 3}, DType::kF32, {1, 2, 3, 4, 5, 6}), values));
  CHECK(values == std::vector<float>{1, 2, 3, 4, 5, 6});
}

TEST_CASE("a failure on the worker travels through every op that reads it") {
  const auto owned = test::device_under_test().create();
  Device& device = *owned;
  const Tensor images = upload<uint8_t>(device, {1, 1, 2, 2}, DType::kU8, {1, 2, 3, 4});
  const Tensor indices = upload<int32_t>(device, {1}, DType::kI32, {5});
  const Tensor x = device.run(
      "gather_images", make_call({images, indices, {}},
                                 {{"seed", {0}}, {"epoch", {0}}, {"crop_padding", {0}}, {"flip", {0}}}))[0];
  const Tensor y = device.run(
      "attack_step",
      make_call({x, x, x, {}},
                {{"norm", "linf"}, {"eps", {0.1}}, {"step_size", {0.1}}, {"low", {0}}, {"high", {1}}}))[0];
  std::vector<float> values;
  const auto first = read(device, x, values), second = read(device, y, values);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(first->code() == ErrorCode::kArgument);
  CHECK(second->code() == ErrorCode::kArgument);
  CHECK(std::string(first->what()) == second->what());

  SUBCASE(
      "an op that did not begin leaves what it would have changed, and a failure told once is not told "
      "again") {
    const Tensor parameter = upload<float>(device, {1, 1, 2, 2}, DType::kF32, {1, 2, 3, 4});
    const Tensor velocity = upload<float>(device, {1, 1, 2, 2}, DType::kF32, {0, 0, 0, 0});
    device.run("sgd_step",
               make_call({parameter, x, velocity}, {{"lr", {1}}, {"momentum", {0}}, {"weight_decay", {0}}}));
    CHECK_FALSE(read(device, parameter, values));
    CHECK(values == std::vector<float>{1, 2, 3, 4});
  }
}

TEST_CASE("an update that failed and has no output is told by the next read, once") {
  const auto owned = test::device_under_test().create();
  Device& device = *owned;
  const auto images = [&](std::vector<int32_t> index) {
    const Tensor store = upload<uint8_t>(device, {1, 1, 2, 2}, DType::kU8, {1, 2, 3, 4});
    return device.run("gather_images",
                      make_call({store, upload<int32_t>(device, {1}, DType::kI32, std::move(index)), {}},
                                {{"seed", {0}}, {"epoch", {0}}, {"crop_padding", {0}}, {"flip", {0}}}))[0];
  };
  const Tensor parameter = upload<float>(device, {1, 1, 2, 2}, DType::kF32, {1, 2, 3, 4});
  device.run("assign", make_call({parameter, images({5})}, {}));
  std::vector<float> values;
  const auto failure = read(device, images({0}), values);
  REQUIRE(failure);
  CHECK(failure->code() == ErrorCode::kArgument);
  CHECK(std::string(failure->what()).find("An update in place before this read failed") == 0);
  CHECK_FALSE(read(device, images({0}), values));
  CHECK_FALSE(read(device, parameter, values));
  CHECK(values == std::vector<float>{1, 2, 3, 4});
}

TEST_CASE("running out of memory is an error of the outputs, and the device works on") {
  const auto owned = test::device_under_test().create(1 << 20);
  Device& device = *owned;
  const Tensor large = device.run("random_weight", weight_call(1 << 20))[0];
  const Tensor small = device.run("random_weight", weight_call(16))[0];
  std::vector<float> values;
  const auto failure = read(device, large, values);
  REQUIRE(failure);
  CHECK(failure->code() == ErrorCode::kOutOfMemory);
  CHECK_FALSE(read(device, small, values));
}

TEST_CASE("memory is freed in stream order when the last handle goes") {
  const auto owned = test::device_under_test().create();
  Device& device = *owned;
  for (int i = 0; i < 20; ++i) device.run("random_weight", weight_call(1 << 18));
  test::finish(device);
  CHECK(device.backend().memory().in_use == 0);
  if (test::device_under_test().name() == "cpu") CHECK(device.backend().memory().peak == 1 << 20);
}

TEST_CASE("wrong calls are refused at once") {
  const auto owned = test::device_under_test().create();
  Device& device = *owned;
  const Tensor scores = upload<float>(device, {3}, DType::kF32, {1, 2, 3});
  CHECK_THROWS_WITH_AS(device.run("no_such_op", {}), "There is no op named 'no_such_op'.", Error);
  CHECK_THROWS_AS(device.run("topk_mask", make_call({}, {{"keep", {1}}})), Error);
  CHECK_THROWS_AS(device.run("topk_mask", make_call({scores}, {})), Error);
  CHECK_THROWS_AS(device.run("topk_mask", make_call({Tensor{}}, {{"keep", {1}}})), Error);
  CHECK_THROWS_AS(device.run("pack_bits", make_call({scores}, {})), Error);  // f32 instead of u8
}

}  // namespace
}  // namespace rst

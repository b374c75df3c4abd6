// Tensors that share memory inside a backend are still values: what changes in place changes alone.
#include <doctest/doctest.h>

#include "native/cpu/cpu_backend.h"
#include "native/test/harness.h"
#include "native/test/reference.h"
#include "native/test/suites.h"

namespace rst::test {
namespace {

const ConvParams kGeometry{1, 1};
const AttributeList kStep{{"lr", {0.5}}, {"momentum", {0}}, {"weight_decay", {0}}};

Tensor upload(Device& device, const HostTensor& values, DType dtype = DType::kF32) {
  return place(device, values, dtype, InputLayout::kUploaded);
}

std::vector<Tensor> run(Device& device, const char* op, std::vector<Tensor> inputs,
                        const AttributeList& attributes = {}) {
  OpCall call{std::move(inputs), {}};
  for (const auto& [name, values] : attributes) call.attributes.set(name, values);
  return device.run(op, std::move(call));
}

HostTensor convolved(Device& device, const HostTensor& x, const Tensor& w) {
  return read(device, run(device, "conv2d", {upload(device, x), w}, {{"stride", {1}}, {"padding", {1}}})[0]);
}

int64_t in_use(Device& device) {
  finish(device);
  return device.backend().memory().in_use;
}

// A few images and many, which take different layouts.
const int64_t kBatches[] = {3, 17};

TEST_CASE("a masked weight keeps the values of its call when weight and mask go or change") {
  Device& device = test_device();
  const HostTensor w = random_tensor({12, 4, 3, 3}, 2);
  for (const Shape& shape : {Shape{12, 4, 3, 3}, Shape{12, 4, 3}, Shape{12, 4}, Shape{12}}) {
    const HostTensor mask = random_integers(shape, 3, 2);
    for (const int64_t images : kBatches) {
      const HostTensor x = random_tensor({images, 4, 5, 5}, 1);
      Tensor weight = upload(device, w);
      const Tensor effective = run(device, "masked_weight", {weight, upload(device, mask, DType::kU8)})[0];
      const HostTensor before = convolved(device, x, effective);
      check_close("conv2d by a masked weight", before,
                  reference::conv2d(x, reference::masked_weight(w, mask), kGeometry), 1e-5);
      run(device, "sgd_step", {weight, upload(device, w), upload(device, filled(w.shape, 0))}, kStep);
      CHECK(same_bits(convolved(device, x, effective), before));
      CHECK(read(device, weight).values[5] == 0.5 * w.values[5]);
      run(device, "assign", {weight, upload(device, filled(w.shape, 7))});
      weight = {};
      CHECK(same_bits(convolved(device, x, effective), before));
      CHECK(same_bits(read(device, effective), reference::masked_weight(w, mask)));
      // Now that its elements were needed they may change too.
      run(device, "assign", {effective, upload(device, w)});
      CHECK(same_bits(convolved(device, x, effective), convolved(device, x, upload(device, w))));
    }
  }
}

TEST_CASE("a weight that is assigned the result of an op is compiled anew") {
  Device& device = test_device();
  for (const int64_t images : kBatches) {
    const HostTensor x = random_tensor({images, 4, 5, 5}, 1), w = random_tensor({12, 4, 3, 3}, 2);
    for (const InputLayout layout : device_under_test().layouts_of({filled({12, 4, 3, 3}, 0)})) {
      const Tensor weight = upload(device, w);
      convolved(device, x, weight);
      const HostTensor other = random_tensor({12, 4, 3, 3}, 5);
      run(device, "assign", {weight, place(device, other, DType::kF32, layout)});
      CHECK(same_bits(convolved(device, x, weight), convolved(device, x, upload(device, other))));
    }
  }
}

TEST_CASE("a copy and what it was copied from change apart") {
  Device& device = test_device();
  const HostTensor w = random_tensor({40, 50}, 2);
  const Tensor one = upload(device, w), other = run(device, "copy", {one})[0];
  run(device, "sgd_step", {one, upload(device, w), upload(device, filled(w.shape, 0))}, kStep);
  CHECK(same_bits(read(device, other), w));
  run(device, "sgd_step", {other, upload(device, w), upload(device, filled(w.shape, 0))}, kStep);
  CHECK(same_bits(read(device, other), read(device, one)));
}

TEST_CASE("masked weights cost their masks, not their weights, however often they convolve" *
          suite(kCpuOnly)) {
  Device device(std::make_unique<cpu::CpuBackend>(cpu::CpuOptions{}));
  const HostTensor w = random_tensor({64, 64, 3, 3}, 2);
  const Tensor weight = upload(device, w);
  const int64_t before = in_use(device);
  std::vector<Tensor> kept;
  for (uint32_t ticket = 0; ticket < 4; ++ticket) {
    HostTensor mask = random_integers(w.shape, ticket, 10);
    for (double& entry : mask.values) entry = entry == 0;
    kept.push_back(upload(device, mask, DType::kU8));
    kept.push_back(run(device, "masked_weight", {weight, kept.back()})[0]);
    for (const int64_t images : kBatches)
      convolved(device, random_tensor({images, 64, 4, 4}, 1), kept.back());
  }
  const int64_t masks = 4 * w.shape.elements();
  CHECK(in_use(device) - before <= masks * 17 / 16);
  kept.clear();
  CHECK(in_use(device) == before);
}

}  // namespace
}  // namespace rst::test

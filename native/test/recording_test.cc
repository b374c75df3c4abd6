// Recordings: the calls of one pass, run again on other tensors.
#include <doctest/doctest.h>

#include "native/test/op_examples.h"

namespace rst::test {
namespace {

std::vector<Tensor> defined(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> result;
  for (const Tensor& tensor : tensors) {
    if (tensor.defined()) result.push_back(tensor);
  }
  return result;
}

// Reads what run_call does, of a call whose defined outputs are those.
std::vector<HostTensor> results_of(Device& device, const OpRow& row, const std::vector<Tensor>& inputs,
                                   const std::vector<Tensor>& outputs) {
  std::vector<HostTensor> results;
  for (const Tensor& output : outputs) results.push_back(read(device, output));
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (row.inputs[i].mutated) results.push_back(read(device, inputs[i]));
  }
  return results;
}

TEST_CASE("every op of the table, recorded with some tensors and replayed with others, gives the same bits") {
  Device& device = test_device();
  for (const OpExample& example : op_examples()) {
    const OpArguments arguments = example.arguments(example.sizes);
    const OpRow& row = find_op(example.op);
    const auto place = [&] {
      return place_call(device, example.op, arguments.inputs, arguments.attributes, InputLayout::kUploaded);
    };
    std::vector<HostTensor> expected = run_call(device, example.op, place());
    std::erase_if(expected, [](const HostTensor& result) { return !result.defined(); });
    const OpCall recorded = place(), replayed = place();
    device.begin_recording(defined(recorded.inputs));
    const std::vector<Tensor> outputs = device.run(example.op, recorded);
    const auto recording = device.end_recording(defined(outputs));
    const std::vector<Tensor> again = device.replay(recording, defined(replayed.inputs));
    const std::string what = text_of(example, arguments);
    check_same(what, {expected, {}}, {results_of(device, row, recorded.inputs, defined(outputs)), {}});
    check_same(what, {expected, {}}, {results_of(device, row, replayed.inputs, again), {}});
  }
}

TEST_CASE("what a replay makes and no later call reads is given back before the next call") {
  const auto owned = device_under_test().create();
  Device& device = *owned;
  const Shape shape{16, 8, 32, 32};
  const Tensor x = place(device, random_tensor(shape, 1), DType::kF32, InputLayout::kUploaded);
  const auto chain = [&] {
    OpCall call{{x}, {}};
    for (int i = 0; i < 8; ++i) call.inputs = device.run("relu", call);
    return device.run("sum", std::move(call));
  };
  device.begin_recording({});
  const auto recording = device.end_recording(chain());
  finish(device);
  const int64_t before = device.backend().memory().in_use;
  device.backend().reset_peak();
  read(device, device.replay(recording, {})[0]);
  finish(device);
  CHECK(device.backend().memory().in_use == before);
  // Two of the chain's tensors live at a time; a quarter more for layouts with a border.
  CHECK(device.backend().memory().peak - before < 3 * shape.elements() * 4 * 5 / 4);
}

TEST_CASE("an attribute is set for the replays that follow, and checked as a call's is") {
  Device& device = test_device();
  const Tensor x = place(device, filled({3}, 2), DType::kF32, InputLayout::kUploaded);
  Attributes factor;
  factor.set("factor", {3});
  device.begin_recording({&x, 1});
  const auto recording = device.end_recording(device.run("scale", {{x}, factor}));
  const OpRow& row = find_op("scale");
  recording->set(row, "factor", {5});
  CHECK(same_bits(read(device, device.replay(recording, {&x, 1})[0]), filled({3}, 10)));
  CHECK_THROWS_AS(recording->set(row, "factor", {1, 2}), Error);
  CHECK(same_bits(read(device, device.replay(recording, {&x, 1})[0]), filled({3}, 10)));
  CHECK_THROWS_AS(recording->set(find_op("relu"), "factor", {1}), Error);
}

}  // namespace
}  // namespace rst::test

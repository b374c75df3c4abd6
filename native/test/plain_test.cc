// What a backend may do to a device, shown by the one made for the tests: results that come late, kernels
// that it lacks, failures that are known late, and a device that is lost.
#include <doctest/doctest.h>

#include <future>

#include "native/runtime/plugs.h"
#include "native/runtime/shared_library.h"
#include "native/test/harness.h"
#include "native/test/plain/controls.h"
#include "native/test/reference.h"
#include "native/test/suites.h"

namespace rst::test {
namespace {

// A device of the plain backend, and what tests ask of it.
struct PlainDevice {
  std::unique_ptr<Device> owned = device_under_test().create();
  Device& device = *owned;
  PlainControls& controls = controls_of(device.backend());

  static PlainControls& controls_of(Backend& backend) {
    static const SharedLibrary library(plug_path("plain"));
    return *library.find<GetPlainControls>("rst_plain_controls")(&backend);
  }

  Tensor upload(const HostTensor& values) {
    return place(device, values, DType::kF32, InputLayout::kUploaded);
  }
  Tensor run(const char* op, std::vector<Tensor> inputs, const AttributeList& attributes = {}) {
    OpCall call{std::move(inputs), {}};
    for (const auto& [name, values] : attributes) call.attributes.set(name, values);
    const std::vector<Tensor> outputs = device.run(op, std::move(call));
    return outputs.empty() ? Tensor{} : outputs[0];
  }
  // The message of the error that reading it throws, which is of that code; empty where there is none.
  std::string failure(const Tensor& tensor, ErrorCode code = ErrorCode::kDevice) {
    try {
      read(device, tensor);
    } catch (const Error& error) {
      CHECK(error.code() == code);
      return error.what();
    }
    return "";
  }
};

const char* const kFailed = "The kernel failed, as was asked.";
const char* const kLost = "The plain device is lost, as was asked; make a new one.";

bool comes(std::future<Failure>& done, std::chrono::milliseconds patience) {
  return done.wait_for(patience) == std::future_status::ready;
}

TEST_SUITE_BEGIN(kPlainOnly);

TEST_CASE("what lies channels last comes back row-major, of any rank and type") {
  PlainDevice plain;
  for (const Shape& shape :
       {Shape{2, 3, 4, 5}, Shape{2, 3, 4}, Shape{2, 3}, Shape{7}, Shape{}, Shape{0, 3, 2, 2}}) {
    const HostTensor values = random_integers(shape, 1, 100);
    for (const DType dtype : {DType::kF32, DType::kI32, DType::kU8}) {
      CHECK(
          same_bits(read(plain.device, place(plain.device, values, dtype, InputLayout::kUploaded)), values));
    }
  }
}

TEST_CASE("a download that completes later neither blocks the queue nor is told before its bytes are there") {
  PlainDevice plain;
  const HostTensor ones = filled({2, 3}, 1);
  const Tensor x = plain.upload(ones);
  plain.controls.hold();
  std::vector<float> values(6, 0);
  std::promise<Failure> read_done, finish_done;
  plain.device.download(x, values.data(), [&](Failure failure) { read_done.set_value(failure); });
  // The queue goes on to what was enqueued after it.
  const Tensor y = plain.run("relu", {x});
  plain.device.stream().synchronize();
  plain.device.finish([&](Failure failure) { finish_done.set_value(failure); });
  auto read_result = read_done.get_future(), finish_result = finish_done.get_future();
  CHECK_FALSE(comes(read_result, std::chrono::milliseconds(30)));
  CHECK_FALSE(comes(finish_result, std::chrono::milliseconds(1)));
  CHECK(values == std::vector<float>(6, 0));
  plain.controls.release();
  CHECK(read_result.get() == nullptr);
  CHECK(values == std::vector<float>(6, 1));
  CHECK(finish_result.get() == nullptr);
  CHECK(same_bits(read(plain.device, y), ones));
}

TEST_CASE("a device that goes while results are held back calls no one any more") {
  int called = 0;
  std::vector<float> values(6, 0);
  {
    PlainDevice plain;
    plain.controls.hold();
    plain.device.download(plain.upload(filled({2, 3}, 1)), values.data(), [&](Failure) { ++called; });
    plain.device.stream().synchronize();
  }
  CHECK(called == 0);
  CHECK(values == std::vector<float>(6, 0));
}

TEST_CASE("a kernel that fails after its call has returned fails what depends on it and nothing else") {
  PlainDevice plain;
  const HostTensor values = random_tensor({3, 4}, 1);
  const Tensor x = plain.upload(values),
               labels = place(plain.device, filled({3}, 1), DType::kI32, InputLayout::kUploaded);
  plain.controls.fail_kernel(2);
  const Tensor before = plain.run("relu", {x}), failed = plain.run("relu", {x}),
               after = plain.run("relu", {x});
  const Tensor dependent = plain.run("add", {failed, before}), next = plain.run("sum", {dependent});
  const Tensor on_cpu =
      plain.run("cross_entropy_grad", {failed, labels, plain.upload(filled({3}, 1))}, {{"smoothing", {0.0}}});
  for (const Tensor& tensor : {failed, dependent, next, on_cpu}) CHECK(plain.failure(tensor) == kFailed);
  for (const Tensor& tensor : {x, before, after}) CHECK(plain.failure(tensor).empty());
  CHECK(same_bits(read(plain.device, x), values));
}

TEST_CASE("an update in place that fails late spoils what it was changing") {
  PlainDevice plain;
  const Tensor target = plain.upload(filled({4}, 1)), value = plain.upload(filled({4}, 2));
  plain.controls.fail_kernel(1);
  plain.run("assign", {target, value});
  CHECK(plain.failure(target) == kFailed);
  CHECK(plain.failure(value).empty());
  CHECK(plain.failure(plain.run("relu", {target})) == kFailed);
}

TEST_CASE("a lost device stays lost: for what was there, for new work and for finish; another one works") {
  PlainDevice plain;
  const Tensor x = plain.upload(filled({2, 3}, 1));
  plain.controls.lose_at_kernel(1);
  CHECK(plain.failure(plain.run("relu", {x})) == kLost);
  CHECK(plain.failure(x) == kLost);
  CHECK(plain.failure(plain.run("relu", {x})) == kLost);
  CHECK(plain.failure(plain.upload(filled({2}, 1))) == kLost);
  // Through an op that the backend lacks, too.
  CHECK(plain.failure(plain.run("batch_norm_eval_grad", {x, {}, plain.upload(filled({3}, 1)), {}},
                                {{"eps", {0.0}}, {"relu", {0.0}}, {"residual", {0.0}}})) == kLost);
  std::promise<Failure> done;
  plain.device.finish([&](Failure failure) { done.set_value(failure); });
  const Failure finished = done.get_future().get();
  REQUIRE(finished);
  CHECK(std::string(finished->what()) == kLost);
  PlainDevice other;
  CHECK(other.failure(other.run("relu", {other.upload(filled({2, 3}, 1))})).empty());
}

TEST_CASE(
    "an op that the backend lacks gives what the CPU gives and is counted, also one that changes its input") {
  PlainDevice plain;
  REQUIRE((plain.device.backend().kernels().find("pack_bits") == nullptr));
  const Tensor mask =
      place(plain.device, {{10}, {1, 0, 0, 0, 0, 0, 0, 1, 0, 1}}, DType::kU8, InputLayout::kUploaded);
  plain.run("relu", {plain.upload(filled({3}, 1))});
  plain.run("pack_bits", {mask});
  CHECK(read(plain.device, plain.run("pack_bits", {mask})).values == std::vector<double>{0x81, 0x02});
  CHECK(plain.device.fallbacks().at("pack_bits") == 2);
  CHECK(plain.device.fallbacks().at("unpack_bits") == 0);
  CHECK(plain.device.fallbacks().count("relu") == 0);
  CHECK(cpu_device(1).fallbacks().empty());

  const Tensor running = plain.upload(filled({2}, 0));
  const HostTensor x = random_tensor({4, 2}, 1);
  plain.run("batch_norm_train", {plain.upload(x), running, plain.upload(filled({2}, 1)), {}, {}, {}},
            {{"eps", {0.0}}, {"momentum", {1}}, {"relu", {0.0}}, {"positive", {0.0}}});
  check_close("running mean", read(plain.device, running), reference::channel_statistics(x).mean, 1e-6);
}

TEST_CASE("memory that ends while a kernel runs is an error of its output, and the device works on") {
  const auto owned = device_under_test().create(1 << 16);
  Device& device = *owned;
  const auto filled_tensor = [&](double count) {
    OpCall call;
    call.attributes.set("shape", {count});
    call.attributes.set("value", {1});
    return device.run("fill", call)[0];
  };
  const Tensor large = filled_tensor(1 << 20), small = filled_tensor(16);
  CHECK_THROWS_AS(read(device, large), Error);
  CHECK(same_bits(read(device, small), filled({16}, 1)));
}

TEST_CASE("labels that are out of range are told late, as the argument error that they are") {
  PlainDevice plain;
  const Tensor logits = plain.upload(random_tensor({2, 3}, 1));
  const Tensor labels = place(plain.device, {{2}, {0, 3}}, DType::kI32, InputLayout::kUploaded);
  const Tensor losses = plain.run("cross_entropy", {logits, labels}, {{"smoothing", {0.0}}});
  CHECK(plain.failure(losses, ErrorCode::kArgument) == "Expected labels from 0 to 2 but received 3.");
  CHECK(plain.failure(logits).empty());
}

TEST_SUITE_END();

}  // namespace
}  // namespace rst::test

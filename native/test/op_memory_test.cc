// Every op at every allocation that fails: a typed error, the inputs as they were, and the call again
// succeeds.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <future>
#include <new>
#include <utility>

#include "native/cpu/cpu_backend.h"
#include "native/test/op_examples.h"
#include "native/test/suites.h"

namespace {

// Counts down at each allocation of the whole program; the one that reaches 0 fails.
std::atomic<int64_t> countdown{0};

void* counted(std::size_t bytes) {
  if (countdown.load(std::memory_order_relaxed) > 0 && --countdown == 0) throw std::bad_alloc();
  if (void* block = std::malloc(bytes ? bytes : 1)) return block;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t bytes) {
  return counted(bytes);
}
void* operator new[](std::size_t bytes) {
  return counted(bytes);
}
// The defaults of these belong to the sanitizer, whose blocks std::free may not free.
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return std::malloc(bytes);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return std::malloc(bytes);
}
void operator delete(void* block) noexcept {
  std::free(block);
}
void operator delete[](void* block) noexcept {
  std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
  std::free(block);
}
void operator delete[](void* block, std::size_t) noexcept {
  std::free(block);
}

namespace rst::test {
namespace {

// Fails the k-th allocation that the device's worker makes from now on, and tells whether it came to that.
class Failing {
 public:
  virtual ~Failing() = default;
  virtual void arm(int64_t k) = 0;
  virtual bool disarm() = 0;
};

// Of tensors and scratch.
class FailingBlocks final : public Failing {
 public:
  explicit FailingBlocks(CachingAllocator& allocator) {
    allocator.watch([this](CachingAllocator::Block&) {
      if (left_ > 0 && --left_ == 0)
        throw Error(ErrorCode::kOutOfMemory, "No memory is left; use a smaller batch size or width.");
    });
  }
  void arm(int64_t k) override { left_ = k; }
  bool disarm() override { return left_.exchange(-1) == 0; }

 private:
  std::atomic<int64_t> left_{-1};
};

// Of everything else.
class FailingHeap final : public Failing {
 public:
  void arm(int64_t k) override { countdown = k; }
  bool disarm() override { return countdown.exchange(0) == 0; }
};

void check_every_failure(Device& device, Failing& failing, const OpExample& example,
                         const OpArguments& arguments, InputLayout layout) {
  const OpRow& row = find_op(example.op);
  const auto place = [&] {
    return place_call(device, example.op, arguments.inputs, arguments.attributes, layout);
  };
  const std::vector<HostTensor> expected = run_call(device, example.op, place());
  for (int64_t k = 1;; ++k) {
    const std::string what = text_of(example, arguments) + " at allocation " + std::to_string(k);
    const OpCall call = place();
    std::vector<Tensor> outputs;
    bool failed = false;
    {
      // Both tasks wait behind this one, so that nothing that the test allocates meanwhile is counted.
      device.stream().synchronize();
      std::promise<void> go, done;
      device.stream().enqueue([&, wait = go.get_future().share()] { wait.wait(); });
      device.stream().enqueue([&failing, k] { failing.arm(k); });
      outputs = device.run(example.op, call);
      device.stream().enqueue([&] {
        failed = failing.disarm();
        done.set_value();
      });
      auto finished = done.get_future();
      go.set_value();
      finished.wait();
    }
    if (!failed) break;
    REQUIRE(k < 2000);
    for (const Tensor& output : outputs) {
      if (!output.defined()) continue;
      const Outcome outcome = outcome_of([&] { return std::vector<HostTensor>{read(device, output)}; });
      CHECK_MESSAGE((outcome.error && outcome.error->code() == ErrorCode::kOutOfMemory), what);
    }
    for (size_t i = 0; i < call.inputs.size(); ++i) {
      if (!call[i].defined()) continue;
      // An update without outputs is told by the first read.
      if (outputs.empty() && i == 0) {
        const Outcome told = outcome_of([&] { return std::vector<HostTensor>{read(device, call[i])}; });
        CHECK_MESSAGE((told.error && told.error->code() == ErrorCode::kOutOfMemory), what);
      }
      CHECK_MESSAGE(same_bits(read(device, call[i]), arguments.inputs[i]),
                    what << " changed '" << row.inputs[i].name << "'");
    }
    const std::vector<HostTensor> again = run_call(device, example.op, call);
    REQUIRE(again.size() == expected.size());
    for (size_t i = 0; i < again.size(); ++i)
      CHECK_MESSAGE(same_bits(again[i], expected[i]), what << " changed the next call's output " << i);
  }
}

OpArguments with_images(const OpExample& example, int64_t images) {
  Sizes sizes = example.sizes;
  if (sizes.count('N')) sizes['N'] = images;
  return example.arguments(sizes);
}

TEST_SUITE_BEGIN(kCpuOnly);

TEST_CASE("any block of memory that an op asks for may fail") {
  auto backend = std::make_unique<cpu::CpuBackend>(cpu::CpuOptions{});
  FailingBlocks failing(backend->allocator());
  Device device(std::move(backend));
  for (const OpExample& example : op_examples()) {
    for (const int64_t images : {3, 12}) {
      const OpArguments arguments = with_images(example, images);
      for (const InputLayout layout : device_under_test().layouts_of(arguments.inputs))
        check_every_failure(device, failing, example, arguments, layout);
    }
  }
}

TEST_CASE("any allocation of an op on the heap may fail") {
  Device device(std::make_unique<cpu::CpuBackend>(cpu::CpuOptions{}));
  FailingHeap failing;
  for (const OpExample& example : op_examples()) {
    for (const int64_t images : {3, 12})
      check_every_failure(device, failing, example, with_images(example, images), InputLayout::kUploaded);
  }
}

}  // namespace
}  // namespace rst::test

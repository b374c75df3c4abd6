#include "native/test/plain/plain_backend.h"

#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "native/test/plain/plain_kernels.h"
#include "native/test/plain/plain_storage.h"

namespace rst::test {
namespace {

Failure failure_of(const std::function<void()>& work) {
  try {
    work();
    return nullptr;
  } catch (const Error& error) {
    return std::make_shared<const Error>(error);
  } catch (const std::exception& error) {
    return std::make_shared<const Error>(ErrorCode::kInternal, error.what());
  }
}

// The first reason why one of them cannot be read.
Failure broken_input(const std::vector<Tensor>& inputs) {
  for (const Tensor& input : inputs) {
    if (input.defined() && plain_storage(input).broken) return plain_storage(input).broken;
  }
  return nullptr;
}

}  // namespace

PlainBackend::PlainBackend(const BackendOptions& options, const PlainFaults& faults)
    : allocator_(std::make_shared<CachingAllocator>(options.memory_limit)),
      delay_(faults.delay),
      until_failure_(faults.fail),
      until_loss_(faults.lose) {}

PlainBackend::~PlainBackend() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  opened_.notify_all();
  computing_.stop();
  completions_.stop();
}

const KernelTable& PlainBackend::kernels() const {
  return plain_kernels();
}

std::shared_ptr<Storage> PlainBackend::new_storage() {
  return std::make_shared<PlainStorage>(allocator_);
}

std::vector<Fact> PlainBackend::facts() const {
  return {{"layout", "channels last"}, {"delayMilliseconds", static_cast<double>(delay_.count())}};
}

ConvKernels PlainBackend::conv_kernels(const Shape& x, const Shape& w, const ConvParams& p, double) const {
  conv2d_shape(x, w, p);
  return {"plain", "plain"};
}

void PlainBackend::upload(const Tensor& y, const void* bytes, std::shared_ptr<const void> keep_alive) {
  check_not_lost();
  computing_.enqueue([y, bytes, keep_alive = std::move(keep_alive)] {
    plain_storage(y).broken = failure_of([&] { plain_storage(y).write_bytes(y, bytes); });
  });
}

void PlainBackend::download(const Tensor& x, void* bytes, Done done) {
  check_not_lost();
  computing_.enqueue([this, x, bytes, done = std::move(done)] {
    auto staged = std::make_shared<std::vector<char>>(static_cast<size_t>(x.bytes()));
    Failure failure = lost();
    if (!failure) failure = plain_storage(x).broken;
    if (!failure) failure = failure_of([&] { plain_storage(x).read_bytes(x, staged->data()); });
    complete([bytes, done, staged, failure] {
      if (!failure && !staged->empty()) std::memcpy(bytes, staged->data(), staged->size());
      done(failure);
    });
  });
}

void PlainBackend::finish(Done done) {
  computing_.enqueue([this, done = std::move(done)] { complete([this, done] { done(lost()); }); });
}

void PlainBackend::compute(const KernelCall& call, PlainTwin twin, std::initializer_list<size_t> changed) {
  check_not_lost();
  std::vector<Tensor> inputs(call.inputs.begin(), call.inputs.end());
  std::vector<Tensor> results(call.outputs.begin(), call.outputs.end());
  for (size_t i : changed) results.push_back(inputs[i]);
  computing_.enqueue(
      [this, inputs = std::move(inputs), results = std::move(results), twin = std::move(twin)] {
        Failure failure = injected_failure();
        if (!failure) failure = broken_input(inputs);
        std::vector<HostTensor> values;
        if (!failure) {
          failure = failure_of([&] {
            PlainCall plain;
            for (const Tensor& input : inputs) {
              plain.inputs.push_back(input.defined() ? plain_storage(input).read(input) : HostTensor{});
            }
            for (const Tensor& result : results) plain.outputs.push_back(result.shape);
            values = twin(plain);
          });
        }
        for (size_t i = 0; i < results.size(); ++i) {
          if (!results[i].defined()) continue;
          PlainStorage& storage = plain_storage(results[i]);
          storage.broken = failure ? failure : failure_of([&] { storage.write(results[i], values[i]); });
        }
      });
}

void PlainBackend::check_not_lost() const {
  if (const Failure failure = lost()) throw Error(*failure);
}

Failure PlainBackend::lost() const {
  std::lock_guard lock(mutex_);
  return lost_;
}

Failure PlainBackend::injected_failure() {
  std::lock_guard lock(mutex_);
  if (until_loss_ > 0 && --until_loss_ == 0) {
    lost_ = std::make_shared<const Error>(ErrorCode::kDevice,
                                          "The plain device is lost, as was asked; make a new one.");
  }
  if (lost_) return lost_;
  if (until_failure_ > 0 && --until_failure_ == 0) {
    return std::make_shared<const Error>(ErrorCode::kDevice, "The kernel failed, as was asked.");
  }
  return nullptr;
}

void PlainBackend::complete(std::function<void()> done) {
  const auto due = std::chrono::steady_clock::now() + delay_;
  completions_.enqueue([this, due, done = std::move(done)] {
    std::unique_lock lock(mutex_);
    opened_.wait_until(lock, due, [&] { return closing_; });
    opened_.wait(lock, [&] { return closing_ || !held_; });
    if (closing_) return;
    lock.unlock();
    done();
  });
}

void PlainBackend::hold() {
  std::lock_guard lock(mutex_);
  held_ = true;
}

void PlainBackend::release() {
  {
    std::lock_guard lock(mutex_);
    held_ = false;
  }
  opened_.notify_all();
}

void PlainBackend::fail_kernel(int64_t kernels_from_now) {
  std::lock_guard lock(mutex_);
  until_failure_ = kernels_from_now;
}

void PlainBackend::lose_at_kernel(int64_t kernels_from_now) {
  std::lock_guard lock(mutex_);
  until_loss_ = kernels_from_now;
}

}  // namespace rst::test

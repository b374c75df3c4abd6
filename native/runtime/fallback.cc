#include "native/runtime/fallback.h"

#include <future>
#include <utility>
#include <vector>

namespace rst {
namespace {

// The elements of a tensor on their way, row-major.
class Bytes {
 public:
  explicit Bytes(int64_t size) : bytes_(std::make_shared<std::vector<char>>(static_cast<size_t>(size))) {}

  void fetch(Backend& from, const Tensor& tensor) {
    // Shared, so that a backend that throws after it took `done` harms no one.
    auto done = std::make_shared<std::promise<Failure>>();
    arrived_ = done->get_future();
    from.download(tensor, bytes_->data(),
                  [done, kept = bytes_](Failure failure) { done->set_value(failure); });
  }
  void deliver(Backend& to, const Tensor& tensor) {
    if (const Failure failure = arrived_.get()) throw Error(*failure);
    to.upload(tensor, bytes_->data(), bytes_);
  }

 private:
  std::shared_ptr<std::vector<char>> bytes_;
  std::future<Failure> arrived_;
};

void move_elements(Backend& from, const Tensor& source, Backend& to, const Tensor& target) {
  Bytes bytes(source.bytes());
  bytes.fetch(from, source);
  bytes.deliver(to, target);
}

Tensor like(const Tensor& tensor, Backend& backend) {
  return tensor.defined() ? Tensor{tensor.shape, tensor.dtype, backend.new_storage()} : Tensor{};
}

}  // namespace

void Fallback::run(Backend& device, std::string_view op, const KernelCall& call,
                   const std::function<bool(size_t input)>& changed) {
  if (!other_ && make_) other_ = make_();
  const Kernel kernel = other_ ? other_->kernels().find(op) : nullptr;
  if (!kernel)
    throw Error(ErrorCode::kDevice, "No backend of this device has a kernel for " + std::string(op) + ".");

  std::vector<Tensor> inputs, outputs;
  std::vector<Bytes> down;
  for (const Tensor& input : call.inputs) {
    inputs.push_back(like(input, *other_));
    down.emplace_back(input.defined() ? input.bytes() : 0);
    if (input.defined()) down.back().fetch(device, input);
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].defined()) down[i].deliver(*other_, inputs[i]);
  }
  for (const Tensor& output : call.outputs) outputs.push_back(like(output, *other_));
  kernel(*other_, {inputs, outputs, call.params});
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].defined()) move_elements(*other_, outputs[i], device, call.outputs[i]);
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].defined() || !changed(i)) continue;
    call.inputs[i].storage->changed = true;
    move_elements(*other_, inputs[i], device, call.inputs[i]);
  }
  std::lock_guard lock(mutex_);
  ++counts_[std::string(op)];
}

std::map<std::string, int64_t> Fallback::counts() const {
  std::lock_guard lock(mutex_);
  return {counts_.begin(), counts_.end()};
}

}  // namespace rst

#include "native/runtime/device.h"

#include <algorithm>
#include <string>
#include <utility>

namespace rst {
namespace {

// Runs work and returns what it threw, as the core's own error type.
template <class Work>
std::shared_ptr<const Error> failure_of(Work&& work) {
  try {
    work();
    return nullptr;
  } catch (const Error& error) {
    return std::make_shared<const Error>(error);
  } catch (const std::bad_alloc&) {
    return std::make_shared<const Error>(ErrorCode::kOutOfMemory,
                                         "The system has no memory left; use a smaller batch size or width.");
  } catch (const std::exception& error) {
    return std::make_shared<const Error>(ErrorCode::kInternal, error.what());
  }
}

bool any_output(const std::vector<Tensor>& outputs) {
  return std::any_of(outputs.begin(), outputs.end(), [](const Tensor& output) { return output.defined(); });
}

// Whether the op has elements to write at all.
bool writes(const OpSpec& spec, const std::vector<Tensor>& outputs) {
  return std::any_of(spec.inputs.begin(), spec.inputs.end(),
                     [](const InputSpec& input) { return input.mutated; }) ||
         std::any_of(outputs.begin(), outputs.end(),
                     [](const Tensor& output) { return output.defined() && output.elements() > 0; });
}

// Gives an input that came as another one too a copy of its own where the op needs that.
void separate(Backend& backend, const OpSpec& spec, OpCall& call) {
  for (size_t alone = 0; alone < call.inputs.size(); ++alone) {
    if (!call[alone].defined() || !(spec.inputs[alone].mutated || spec.inputs[alone].unshared)) continue;
    for (size_t other = 0; other < call.inputs.size(); ++other) {
      if (other == alone || spec.inputs[other].mutated || call[other].storage != call[alone].storage)
        continue;
      const Tensor copy{call[other].shape, call[other].dtype, backend.new_storage()};
      backend.copy(call[other], copy);
      call.inputs[other] = copy;
    }
  }
}

}  // namespace

std::vector<Tensor> Device::run(std::string_view op, OpCall call) {
  const OpSpec& spec = find_op(op);
  std::vector<Tensor> outputs;
  for (const auto& desc : check_call(spec, call)) {
    outputs.push_back(desc ? Tensor{desc->shape, desc->dtype, backend_->new_storage()} : Tensor{});
  }
  stream_.enqueue([this, &spec, call = std::move(call), outputs]() mutable { execute(spec, call, outputs); });
  return outputs;
}

void Device::execute(const OpSpec& spec, OpCall& call, const std::vector<Tensor>& outputs) {
  Failure failure;
  for (const Tensor& input : call.inputs) {
    if (!input.defined()) continue;
    if (input.storage->failure && !failure) failure = input.storage->failure;
    input.storage->changed = false;
  }
  if (!failure) {
    failure = failure_of([&] {
      if (writes(spec, outputs)) {
        separate(*backend_, spec, call);
        return spec.run(*backend_, call, outputs);
      }
      for (const Tensor& output : outputs) {
        if (output.defined()) backend_->upload(output, nullptr);
      }
    });
  }
  if (!failure) return;
  for (const Tensor& output : outputs) {
    if (output.defined()) output.storage->failure = failure;
  }
  bool spoiled = false;
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    if (!spec.inputs[i].mutated || !call[i].defined() || !call[i].storage->changed) continue;
    call[i].storage->failure = failure;
    spoiled = true;
  }
  if (!spoiled && !any_output(outputs) && failure != told_ && !untold_) untold_ = failure;
}

Tensor Device::upload(const Shape& shape, DType dtype, const void* bytes, std::shared_ptr<void> keep_alive) {
  Tensor tensor{shape, dtype, backend_->new_storage()};
  stream_.enqueue([this, tensor, bytes, keep_alive = std::move(keep_alive)] {
    tensor.storage->failure = failure_of([&] { backend_->upload(tensor, bytes); });
  });
  return tensor;
}

void Device::download(const Tensor& tensor, void* bytes, std::function<void(std::optional<Error>)> done) {
  stream_.enqueue([this, tensor, bytes, done = std::move(done)] {
    const Failure failure = failure_to_tell(tensor, bytes);
    done(failure ? std::optional<Error>(*failure) : std::nullopt);
  });
}

Device::Failure Device::failure_to_tell(const Tensor& tensor, void* bytes) {
  Failure failure = tensor.storage->failure;
  if (failure) {
    told_ = failure;
    untold_ = nullptr;
  } else if (untold_) {
    told_ = std::exchange(untold_, nullptr);
    failure = std::make_shared<const Error>(
        told_->code(),
        std::string("An update in place before this read failed and left its tensors as they were: ") +
            told_->what());
  } else {
    failure = failure_of([&] { backend_->download(tensor, bytes); });
  }
  return failure;
}

}  // namespace rst

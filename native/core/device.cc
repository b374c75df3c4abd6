#include "native/core/device.h"

#include <utility>

namespace rst {
namespace {

// Runs work and returns what it threw, as the core's own error type.
template <class Work>
std::optional<Error> failure_of(Work&& work) {
  try {
    work();
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return Error(ErrorCode::kOutOfMemory,
                 "The system has no memory left; use a smaller batch size or width.");
  } catch (const std::exception& error) {
    return Error(ErrorCode::kInternal, error.what());
  }
}

}  // namespace

std::vector<Tensor> Device::run(std::string_view op, OpCall call) {
  const OpSpec& spec = find_op(op);
  std::vector<Tensor> outputs;
  for (const auto& desc : check_call(spec, call)) {
    outputs.push_back(desc ? Tensor{desc->shape, desc->dtype, backend_->new_storage()} : Tensor{});
  }
  stream_.enqueue([this, &spec, call = std::move(call), outputs]() mutable {
    std::optional<Error> failure;
    for (const Tensor& input : call.inputs) {
      if (input.defined() && input.storage->failure && !failure) failure = input.storage->failure;
    }
    if (!failure) failure = failure_of([&] { spec.run(*backend_, call, outputs); });
    if (!failure) return;
    for (const Tensor& output : outputs) {
      if (output.defined()) output.storage->failure = failure;
    }
    for (size_t i = 0; i < call.inputs.size(); ++i) {
      if (spec.inputs[i].mutated && call.inputs[i].defined()) call.inputs[i].storage->failure = failure;
    }
  });
  return outputs;
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
    std::optional<Error> failure = tensor.storage->failure;
    if (!failure) failure = failure_of([&] { backend_->download(tensor, bytes); });
    done(std::move(failure));
  });
}

}  // namespace rst

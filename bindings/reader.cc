#include "bindings/reader.h"

#include <optional>
#include <utility>

#include "bindings/errors.h"

namespace rst::bindings {

struct Reader::Pending {
  std::shared_ptr<Device> device;  // kept until the promise settles, even where JS has forgotten it
  Napi::Promise::Deferred deferred;
  Napi::Reference<Napi::ArrayBuffer> buffer;  // empty for synchronize
  std::optional<Error> failure;

  Pending(Napi::Env env, std::shared_ptr<Device> device)
      : device(std::move(device)), deferred(Napi::Promise::Deferred::New(env)) {}
};

Reader::Reader(Napi::Env env)
    : deliver_(Napi::ThreadSafeFunction::New(env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}),
                                             "rst-native reader", 0, 1)) {
  deliver_.Unref(env);
  // Hooks run last first: this one before the thread-safe function's own.
  env.AddCleanupHook(
      [](Reader* reader) {
        for (const auto& device : reader->devices_) {
          if (const auto live = device.lock()) live->stream().stop();
        }
      },
      this);
}

void Reader::watch(const std::shared_ptr<Device>& device) {
  std::erase_if(devices_, [](const std::weak_ptr<Device>& known) { return known.expired(); });
  devices_.push_back(device);
}

Napi::Value Reader::read(Napi::Env env, const std::shared_ptr<Device>& device, const Tensor& tensor) {
  auto pending = std::make_unique<Pending>(env, device);
  pending->buffer = Napi::Persistent(Napi::ArrayBuffer::New(env, static_cast<size_t>(tensor.bytes())));
  return enqueue(std::move(pending), device, tensor);
}

Napi::Value Reader::synchronize(Napi::Env env, const std::shared_ptr<Device>& device) {
  return enqueue(std::make_unique<Pending>(env, device), device, Tensor{});
}

Napi::Value Reader::enqueue(std::unique_ptr<Pending> pending, const std::shared_ptr<Device>& device,
                            const Tensor& tensor) {
  const Napi::Env env = pending->deferred.Env();
  if (waiting_++ == 0) deliver_.Ref(env);
  const Napi::Value promise = pending->deferred.Promise();
  void* bytes = pending->buffer.IsEmpty() ? nullptr : pending->buffer.Value().Data();
  auto deliver = [this, waiting = pending.release()](std::optional<Error> failure) {
    waiting->failure = std::move(failure);
    deliver_.NonBlockingCall(waiting, [this](Napi::Env env, Napi::Function, Pending* settled) {
      settle(env, std::unique_ptr<Pending>(settled));
    });
  };
  if (tensor.defined()) {
    device->download(tensor, bytes, std::move(deliver));
  } else {
    device->stream().enqueue([deliver = std::move(deliver)] { deliver(std::nullopt); });
  }
  return promise;
}

void Reader::settle(Napi::Env env, std::unique_ptr<Pending> pending) {
  if (--waiting_ == 0) deliver_.Unref(env);
  if (pending->failure) {
    pending->deferred.Reject(to_js(env, *pending->failure).Value());
  } else if (pending->buffer.IsEmpty()) {
    pending->deferred.Resolve(env.Undefined());
  } else {
    pending->deferred.Resolve(pending->buffer.Value());
  }
}

}  // namespace rst::bindings

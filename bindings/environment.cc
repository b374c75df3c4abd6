#include "bindings/environment.h"

#include <string>
#include <utility>

#include "bindings/errors.h"

namespace rst::bindings {

struct Environment::Pending {
  std::shared_ptr<OpenDevice> device;  // kept until the promise settles, even where JS has forgotten it
  Napi::Promise::Deferred deferred;
  std::list<Pending>::iterator self{};
  Napi::Reference<Napi::ArrayBuffer> buffer{};  // empty for synchronize
  // Written by the backend's thread before it delivers.
  Failure failure{};
  bool delivered = false;
};

namespace {

// Made by the language's own constructor: it throws where there is no memory, and N-API's would abort.
Napi::ArrayBuffer new_array_buffer(Napi::Env env, int64_t bytes) {
  try {
    const Napi::Value size = Napi::Number::New(env, static_cast<double>(bytes));
    return env.Global().Get("ArrayBuffer").As<Napi::Function>().New({size}).As<Napi::ArrayBuffer>();
  } catch (const Napi::Error& error) {
    throw Error(ErrorCode::kOutOfMemory,
                "Asked for " + std::to_string(bytes) +
                    " bytes of JavaScript memory to read a tensor but there are not so many free (" +
                    error.Message() + "); read it in parts.");
  }
}

}  // namespace

Environment::Environment(Napi::Env env) : delivery_(Delivery::New(env, "rst-native results", 0, 1, this)) {
  delivery_.Unref(env);
  // Hooks run last first: this one before the thread-safe function's own.
  struct Hook {
    Environment* environment;
    napi_env env;
  };
  env.AddCleanupHook(
      [](Hook* hook) {
        hook->environment->end(hook->env);
        delete hook;
      },
      new Hook{this, env});
}

Environment::~Environment() = default;

void Environment::end(Napi::Env env) {
  ended_ = true;
  for (const auto& known : devices_) {
    if (const auto device = known.lock()) device->close(env);
  }
  pending_.clear();
}

std::shared_ptr<OpenDevice> Environment::open(std::unique_ptr<Device> device) {
  std::erase_if(devices_, [](const std::weak_ptr<OpenDevice>& known) { return known.expired(); });
  auto opened = std::make_shared<OpenDevice>(std::move(device));
  devices_.push_back(opened);
  return opened;
}

void Environment::close(Napi::Env env, const std::shared_ptr<OpenDevice>& device) {
  device->close(env);
  // Its worker is joined: what was not delivered by now never will be.
  for (auto next = pending_.begin(); next != pending_.end();) {
    Pending& pending = *next++;
    if (pending.device != device || pending.delivered) continue;
    pending.failure = std::make_shared<const Error>(
        ErrorCode::kDevice,
        "The device was disposed before the result was there; await what you need first.");
    settle(env, pending);
  }
}

Environment::Pending& Environment::wait_for(Napi::Env env, const std::shared_ptr<OpenDevice>& device) {
  if (pending_.empty()) delivery_.Ref(env);
  pending_.push_back({device, Napi::Promise::Deferred::New(env)});
  Pending& pending = pending_.back();
  pending.self = std::prev(pending_.end());
  return pending;
}

Napi::Value Environment::read(Napi::Env env, const std::shared_ptr<OpenDevice>& device,
                              const Tensor& tensor) {
  const Napi::ArrayBuffer buffer = new_array_buffer(env, tensor.bytes());
  void* bytes = Napi::ArrayBuffer(buffer).Data();
  Pending& pending = wait_for(env, device);
  pending.buffer = Napi::Persistent(buffer);
  device->get().download(tensor, bytes, [this, &pending](Failure failure) {
    pending.failure = std::move(failure);
    pending.delivered = true;
    delivery_.NonBlockingCall(&pending);
  });
  return pending.deferred.Promise();
}

Napi::Value Environment::synchronize(Napi::Env env, const std::shared_ptr<OpenDevice>& device) {
  Pending& pending = wait_for(env, device);
  device->get().finish([this, &pending](Failure failure) {
    pending.failure = std::move(failure);
    pending.delivered = true;
    delivery_.NonBlockingCall(&pending);
  });
  return pending.deferred.Promise();
}

void Environment::deliver(Napi::Env env, Napi::Function, Environment* environment, Pending* pending) {
  // Without an environment, or after its end, the promise has nobody left to tell.
  if (env == nullptr || environment->ended_) return;
  environment->settle(env, *pending);
}

void Environment::settle(Napi::Env env, Pending& pending) {
  // Taken out first: settling may throw where the environment is being ended.
  std::list<Pending> settled;
  settled.splice(settled.begin(), pending_, pending.self);
  if (pending_.empty()) delivery_.Unref(env);
  if (pending.failure) {
    pending.deferred.Reject(to_js(env, *pending.failure).Value());
  } else if (pending.buffer.IsEmpty()) {
    pending.deferred.Resolve(env.Undefined());
  } else {
    pending.deferred.Resolve(pending.buffer.Value());
  }
}

}  // namespace rst::bindings

// What one JS environment (the main thread's or a worker's) owns: its devices and the promises that wait for
// them. Nothing of it outlives the environment.
#pragma once

#include <napi.h>

#include <list>
#include <memory>
#include <vector>

#include "bindings/device_handle.h"

namespace rst::bindings {

class Environment {
 public:
  explicit Environment(Napi::Env env);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  // Takes over a device; it is closed before the environment goes.
  std::shared_ptr<OpenDevice> open(std::unique_ptr<Device> device);
  // Closes the device and rejects what still waits for it.
  void close(Napi::Env env, const std::shared_ptr<OpenDevice>& device);

  // A promise of the tensor's elements, row-major, in a new ArrayBuffer. Keeps the event loop alive until
  // then. Throws Error(kOutOfMemory) where JS cannot hold so many bytes.
  Napi::Value read(Napi::Env env, const std::shared_ptr<OpenDevice>& device, const Tensor& tensor);
  // A promise that resolves once everything enqueued so far has run.
  Napi::Value synchronize(Napi::Env env, const std::shared_ptr<OpenDevice>& device);

 private:
  struct Pending;
  static void deliver(Napi::Env env, Napi::Function, Environment* environment, Pending* pending);
  using Delivery = Napi::TypedThreadSafeFunction<Environment, Pending, deliver>;

  Pending& wait_for(Napi::Env env, const std::shared_ptr<OpenDevice>& device);
  void settle(Napi::Env env, Pending& pending);
  void end(Napi::Env env);

  Delivery delivery_;
  bool ended_ = false;
  std::list<Pending> pending_;
  std::vector<std::weak_ptr<OpenDevice>> devices_;
};

}  // namespace rst::bindings

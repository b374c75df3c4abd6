// Brings results from the stream's worker back to the JS thread.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "native/core/device.h"

namespace rst::bindings {

class Reader {
 public:
  explicit Reader(Napi::Env env);
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // Devices whose workers may deliver here: they are stopped before the environment goes.
  void watch(const std::shared_ptr<Device>& device);

  // A promise of the tensor's elements, row-major, in a new ArrayBuffer. Keeps the event loop alive until
  // then.
  Napi::Value read(Napi::Env env, const std::shared_ptr<Device>& device, const Tensor& tensor);
  // A promise that resolves once everything enqueued so far has run.
  Napi::Value synchronize(Napi::Env env, const std::shared_ptr<Device>& device);

 private:
  struct Pending;
  Napi::Value enqueue(std::unique_ptr<Pending> pending, const std::shared_ptr<Device>& device,
                      const Tensor& tensor);
  void settle(Napi::Env env, std::unique_ptr<Pending> pending);

  Napi::ThreadSafeFunction deliver_;
  int waiting_ = 0;
  std::vector<std::weak_ptr<Device>> devices_;
};

}  // namespace rst::bindings

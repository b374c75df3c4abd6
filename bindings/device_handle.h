// A JS value that owns a device, and the device as long as JS has not disposed it.
#pragma once

#include <napi.h>

#include <memory>
#include <unordered_set>

#include "native/runtime/device.h"

namespace rst::bindings {

// One JS reference to a tensor; `tensor` is undefined once it was given up.
struct DeviceTensor;

// All calls come from the JS thread.
class OpenDevice {
 public:
  explicit OpenDevice(std::unique_ptr<Device> device) : device_(std::move(device)) {}
  ~OpenDevice();
  OpenDevice(const OpenDevice&) = delete;
  OpenDevice& operator=(const OpenDevice&) = delete;

  bool open() const { return device_ != nullptr; }
  // Throws Error(kDevice) once closed.
  Device& get() const;
  // Joins its threads and gives up what its tensors hold: what still waits in its queue is dropped.
  void close(Napi::Env env);

  // The references that close gives up.
  void add(DeviceTensor* reference) { live_.insert(reference); }
  void remove(DeviceTensor* reference) { live_.erase(reference); }
  void add(std::shared_ptr<Recording>* recording) { recordings_.insert(recording); }
  void remove(std::shared_ptr<Recording>* recording) { recordings_.erase(recording); }

 private:
  std::unique_ptr<Device> device_;
  std::unordered_set<DeviceTensor*> live_;
  std::unordered_set<std::shared_ptr<Recording>*> recordings_;
};

Napi::Value wrap_device(Napi::Env env, std::shared_ptr<OpenDevice> device);

// The device behind a handle, open or closed; throws Error(kArgument) for other values.
const std::shared_ptr<OpenDevice>& unwrap_device(const Napi::Value& value);

}  // namespace rst::bindings

// A JS value that owns one reference to a tensor.
#pragma once

#include <napi.h>

#include <memory>

#include "bindings/device_handle.h"
#include "native/runtime/device.h"

namespace rst::bindings {

// Members go last first: the memory before the device it belongs to.
struct DeviceTensor {
  std::shared_ptr<OpenDevice> device;
  Tensor tensor;
};

// Wraps a tensor and tells V8 its size, so that a forgotten handle still makes the collector run. The handle
// keeps the device alive: the collector finalises both in any order, and the tensor's memory goes back to the
// device.
Napi::Object wrap_tensor(Napi::Env env, std::shared_ptr<OpenDevice> device, Tensor tensor);

// The reference behind a handle, live or not; throws Error(kArgument) for other values.
DeviceTensor& unwrap_tensor(const Napi::Value& value);

// The tensor of a reference to `device`: throws Error(kShape) for one that was released or is of another
// device. `whose` begins the sentence, such as "add".
const Tensor& live_tensor(const DeviceTensor& reference, const OpenDevice& device, const std::string& whose);

// Gives up the memory now; doing so twice is allowed.
void release_tensor(Napi::Env env, DeviceTensor& reference);

// The same for a device that has forgotten the reference.
void drop_memory(Napi::Env env, DeviceTensor& reference);

}  // namespace rst::bindings
